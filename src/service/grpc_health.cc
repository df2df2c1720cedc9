#include "service/grpc_health.h"

#include <grpc/health/v1/health.grpc.pb.h>

#include <algorithm>
#include <mutex>
#include <set>

namespace assay {
namespace {

namespace v1 = grpc::health::v1;
using Response = v1::HealthCheckResponse;

constexpr size_t kServiceNameBytesMax = 256;

Response::ServingStatus serving_status(ServiceState state) {
  return state == ServiceState::kServing ? Response::SERVING : Response::NOT_SERVING;
}

class Watcher;

}  // namespace

// Shared with the callback of ServiceHealth, which cannot be taken back.
struct GrpcHealth::Watchers {
  std::mutex mutex;
  std::set<std::shared_ptr<Watcher>> open;
  bool is_closed = false;
};

namespace {

// One Watch: sends the status when it has changed, the newest where several have. Owned by the set
// of watchers until gRPC is done with it.
class Watcher final : public grpc::ServerWriteReactor<Response> {
 public:
  Watcher(bool is_known, std::function<void(Watcher*)> on_done)
      : is_known_(is_known), on_done_(std::move(on_done)) {}

  void tell(Response::ServingStatus status) {
    const std::lock_guard lock(mutex_);
    wanted_ = is_known_ ? status : Response::SERVICE_UNKNOWN;
    pump_locked();
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    pump_locked();
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    is_writing_ = false;
    ends_ = ends_ || !ok;
    pump_locked();
  }
  void OnCancel() override { end(); }
  void OnDone() override {
    // A copy: the call ends this object, and with it what the original has captured.
    const std::function<void(Watcher*)> on_done = on_done_;
    on_done(this);
  }

 private:
  void pump_locked() {
    if (is_writing_ || is_finished_) return;
    if (wanted_ != told_.status() || !has_told_) {
      if (wanted_ == Response::UNKNOWN) return;  // nothing to tell yet
      has_told_ = true;
      is_writing_ = true;
      told_.set_status(wanted_);
      StartWrite(&told_);
      return;
    }
    if (!ends_) return;
    is_finished_ = true;
    Finish({grpc::StatusCode::UNAVAILABLE, "the server is shutting down"});
  }

  const bool is_known_;
  const std::function<void(Watcher*)> on_done_;
  std::mutex mutex_;
  Response::ServingStatus wanted_ = Response::UNKNOWN;
  Response told_;
  bool has_told_ = false;
  bool is_writing_ = false;
  bool ends_ = false;
  bool is_finished_ = false;
};

}  // namespace

class GrpcHealth::Service final : public v1::Health::CallbackService {
 public:
  Service(ServiceHealth& health, std::vector<std::string> services, size_t watchers_max,
          OpenCalls& calls, std::shared_ptr<Watchers> watchers)
      : health_(health),
        services_(std::move(services)),
        watchers_max_(watchers_max),
        calls_(calls),
        watchers_(std::move(watchers)) {}

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* call,
                                  const v1::HealthCheckRequest* request,
                                  Response* response) override {
    grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
    if (is_known(request->service())) {
      response->set_status(serving_status(health_.state()));
      reactor->Finish(grpc::Status::OK);
    } else {
      reactor->Finish(
          {grpc::StatusCode::NOT_FOUND,
           "there is no service \"" + request->service().substr(0, kServiceNameBytesMax) + "\""});
    }
    return reactor;
  }

  grpc::ServerWriteReactor<Response>* Watch(grpc::CallbackServerContext*,
                                            const v1::HealthCheckRequest* request) override {
    calls_.enter();
    const auto on_done = [watchers = watchers_, &calls = calls_](Watcher* done) {
      std::shared_ptr<Watcher> own;
      {
        const std::lock_guard lock(watchers->mutex);
        const auto at = std::find_if(watchers->open.begin(), watchers->open.end(),
                                     [done](const auto& each) { return each.get() == done; });
        own = *at;
        watchers->open.erase(at);
      }
      own = nullptr;
      calls.leave();
    };
    const auto watcher = std::make_shared<Watcher>(is_known(request->service()), on_done);
    bool is_refused = false;
    {
      const std::lock_guard lock(watchers_->mutex);
      is_refused = watchers_->is_closed || watchers_->open.size() >= watchers_max_;
      watchers_->open.insert(watcher);
    }
    if (is_refused) {
      watcher->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many watch the health"});
    } else {
      watcher->tell(serving_status(health_.state()));
    }
    return watcher.get();
  }

 private:
  bool is_known(const std::string& service) const {
    return service.empty() ||
           std::find(services_.begin(), services_.end(), service) != services_.end();
  }

  ServiceHealth& health_;
  const std::vector<std::string> services_;
  const size_t watchers_max_;
  OpenCalls& calls_;
  const std::shared_ptr<Watchers> watchers_;
};

GrpcHealth::GrpcHealth(ServiceHealth& health, std::vector<std::string> services,
                       size_t watchers_max, OpenCalls& calls)
    : watchers_(std::make_shared<Watchers>()),
      service_(
          std::make_unique<Service>(health, std::move(services), watchers_max, calls, watchers_)) {
  health.on_change([weak = std::weak_ptr<Watchers>(watchers_)](ServiceState state) {
    const auto watchers = weak.lock();
    if (watchers == nullptr) return;
    const std::lock_guard lock(watchers->mutex);
    if (watchers->is_closed) return;
    for (const auto& watcher : watchers->open) watcher->tell(serving_status(state));
  });
}

GrpcHealth::~GrpcHealth() = default;

grpc::Service& GrpcHealth::service() { return *service_; }

void GrpcHealth::close() {
  const std::lock_guard lock(watchers_->mutex);
  watchers_->is_closed = true;
  for (const auto& watcher : watchers_->open) {
    watcher->tell(Response::NOT_SERVING);
    watcher->end();
  }
}

}  // namespace assay
