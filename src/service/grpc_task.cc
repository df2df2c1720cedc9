#include "service/grpc_task.h"

#include <memory>

namespace assay {
namespace {

// Threads: gRPC's and that of the task. Owned by itself until gRPC is done with it.
class TaskCall final : public grpc::ServerUnaryReactor {
 public:
  TaskCall(const GrpcTaskPlace& place, grpc::CallbackServerContext* call,
           grpc::ByteBuffer* response, GrpcTask task)
      : place_(place), call_(call), response_(response), task_(std::move(task)) {}

  static grpc::ServerUnaryReactor* begin(std::shared_ptr<TaskCall> own,
                                         const grpc::ByteBuffer& request) {
    TaskCall* const self = own.get();
    self->place_.calls.enter();
    self->self_ = std::move(own);
    CallHead head;
    const Status status = read_call_head(*self->call_, head);
    self->call_->AddInitialMetadata(kRequestIdKey, head.request_id);
    if (!status.ok()) {
      self->Finish(grpc_status(status));
    } else if (!self->place_.threads.post([self, &request] { self->run(request); })) {
      self->call_->AddTrailingMetadata(kRetryAfterKey, "1000");
      self->Finish(grpc_status(resource_exhausted(
          "too many calls of this kind wait for others to end; come again later")));
    }
    return self;
  }

  void OnCancel() override { is_cancelled_ = true; }
  void OnDone() override {
    const std::shared_ptr<TaskCall> own = std::move(self_);
    place_.calls.leave();
  }

 private:
  // The call cannot be done before it is finished here.
  void run(const grpc::ByteBuffer& request) {
    const auto stop = [this] { return is_cancelled_ || place_.shuts_down; };
    Result<std::string> answer =
        stop() ? Status(Code::kCancelled, "the call was cancelled") : task_(request, stop);
    task_ = nullptr;
    if (answer.ok()) *response_ = byte_buffer(*answer);
    Finish(grpc_status(answer.status()));
  }

  const GrpcTaskPlace place_;
  grpc::CallbackServerContext* const call_;
  grpc::ByteBuffer* const response_;
  GrpcTask task_;
  std::atomic<bool> is_cancelled_{false};
  std::shared_ptr<TaskCall> self_;
};

}  // namespace

grpc::ServerUnaryReactor* begin_task(const GrpcTaskPlace& place, grpc::CallbackServerContext* call,
                                     const grpc::ByteBuffer& request, grpc::ByteBuffer* response,
                                     GrpcTask task) {
  return TaskCall::begin(std::make_shared<TaskCall>(place, call, response, std::move(task)),
                         request);
}

grpc::ServerUnaryReactor* answer_at_once(grpc::CallbackServerContext* call,
                                         const Result<std::string>& answer,
                                         grpc::ByteBuffer* response) {
  CallHead head;
  Status status = read_call_head(*call, head);
  if (status.ok()) status = answer.status();
  call->AddInitialMetadata(kRequestIdKey, head.request_id);
  if (status.ok()) *response = byte_buffer(*answer);
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  reactor->Finish(grpc_status(status));
  return reactor;
}

}  // namespace assay
