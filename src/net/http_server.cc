// The listener and the threads. Each thread runs one context with the connections that were dealt
// to it; the first also accepts.
#include "net/http_server.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <thread>
#include <unordered_map>

#include "base/check.h"
#include "net/http_connection.h"
#include "net/tls.h"

namespace assay {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

constexpr std::chrono::milliseconds kTick{50};  // how late a deadline may be enforced
constexpr std::chrono::milliseconds kAcceptPause{50};
constexpr size_t kAcceptsAtOnce = 64;
constexpr size_t kThreadsMax = 64;

// One thread and its connections.
class Shard {
 public:
  Shard() : context_(1), guard_(context_.get_executor()), tick_(context_) {}

  asio::io_context& context() { return context_; }
  void start() {
    thread_ = std::thread([this] { context_.run(); });
  }

  // The functions below run on the shard's thread.
  void adopt(const std::shared_ptr<HttpService>& service, asio::ssl::context* tls,
             AcceptedSocket socket) {
    const auto connection =
        HttpConnection::create(service, context_, tls, std::move(socket),
                               [this](HttpConnection* closed) { connections_.erase(closed); });
    if (connections_.empty()) arm_tick();
    connections_.emplace(connection.get(), connection);
    connection->start();
  }
  template <typename Visit>
  void for_each(Visit visit) {
    std::vector<std::shared_ptr<HttpConnection>> all;  // a visit may close connections
    all.reserve(connections_.size());
    for (const auto& [key, connection] : connections_) all.push_back(connection);
    for (const auto& connection : all) visit(*connection);
  }

  // Pre: no connection is left or comes; called from outside.
  void join() {
    guard_.reset();
    asio::post(context_, [this] { tick_.cancel(); });
    thread_.join();
  }

 private:
  void arm_tick() {
    tick_.expires_after(kTick);
    tick_.async_wait([this](const Error& error) {
      if (error) return;
      const auto now = std::chrono::steady_clock::now();
      for_each([now](HttpConnection& connection) { connection.check_deadlines(now); });
      if (!connections_.empty()) arm_tick();
    });
  }

  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  asio::steady_timer tick_;
  std::unordered_map<HttpConnection*, std::shared_ptr<HttpConnection>> connections_;
  std::thread thread_;
};

HttpObserver& no_observer() {
  static HttpObserver observer;
  return observer;
}

// Says why before the socket is closed, as far as it fits into the socket's own buffer.
void turn_away(int descriptor, bool has_tls) {
  constexpr std::string_view kAnswer =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
      "Connection: close\r\n\r\n";
  if (!has_tls) {
    [[maybe_unused]] const ssize_t sent =
        ::send(descriptor, kAnswer.data(), kAnswer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(descriptor, SHUT_WR);
  }
  ::close(descriptor);
}

}  // namespace

struct HttpServer::Impl {
  std::shared_ptr<HttpService> service = std::make_shared<HttpService>();
  ListenAddress address;
  std::shared_ptr<asio::ssl::context> tls;
  std::vector<std::unique_ptr<Shard>> shards;
  std::optional<tcp::acceptor> acceptor;
  std::optional<asio::steady_timer> accept_pause;
  size_t next_shard = 0;
  uint16_t port = 0;
  bool is_started = false;
  std::mutex stop_mutex;

  Status listen();
  Status open_acceptor(const asio::ip::address& host);
  void wait_for_clients();
  void accept_clients();
  // False when there is nothing more to accept now.
  bool accept_one();
  void pause_accepting(int error);
  void adopt(AcceptedSocket socket);
  template <typename Visit>
  void post_to_all(Visit visit) {
    for (const auto& shard : shards) {
      asio::post(shard->context(), [shard = shard.get(), visit] { shard->for_each(visit); });
    }
  }
};

// ---- Listening ------------------------------------------------------------------------------

Status HttpServer::Impl::open_acceptor(const asio::ip::address& host) {
  const std::string where = service->options.address;
  const auto fail = [&](std::string_view verb, const Error& error) {
    acceptor.reset();
    return unavailable("cannot " + std::string(verb) + " " + where + ": " + error.message());
  };
  const tcp::endpoint endpoint(host, address.port);
  acceptor.emplace(shards[0]->context());
  Error error;
  if (acceptor->open(endpoint.protocol(), error)) return fail("open a socket for", error);
  error = acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (address.every_interface() && host.is_v6()) {
    error = acceptor->set_option(asio::ip::v6_only(false), error);
  }
  if (acceptor->bind(endpoint, error)) return fail("bind", error);
  if (acceptor->listen(tcp::acceptor::max_listen_connections, error))
    return fail("listen on", error);
  if (acceptor->native_non_blocking(true, error)) return fail("set up", error);
  port = acceptor->local_endpoint(error).port();
  return ok_status();
}

Status HttpServer::Impl::listen() {
  if (!address.every_interface()) return open_acceptor(asio::ip::make_address(address.host));
  // One socket for IPv6 and IPv4; machines without IPv6 have the other.
  if (open_acceptor(asio::ip::address_v6::any()).ok()) return ok_status();
  return open_acceptor(asio::ip::address_v4::any());
}

void HttpServer::Impl::wait_for_clients() {
  acceptor->async_wait(tcp::acceptor::wait_read, [this](const Error& error) {
    if (!error) accept_clients();
  });
}

void HttpServer::Impl::accept_clients() {
  if (!acceptor->is_open()) return;
  for (size_t i = 0; i < kAcceptsAtOnce; ++i) {
    if (!accept_one()) return;
  }
  wait_for_clients();
}

bool HttpServer::Impl::accept_one() {
  tcp::endpoint peer;
  auto length = static_cast<socklen_t>(peer.capacity());
  const int descriptor =
      ::accept4(acceptor->native_handle(), peer.data(), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor >= 0) {
    peer.resize(length);
    asio::ip::address from = peer.address();
    const bool is_v6 = from.is_v6();
    if (is_v6 && from.to_v6().is_v4_mapped()) {
      from = asio::ip::make_address_v4(asio::ip::v4_mapped, from.to_v6());
    }
    adopt({.descriptor = descriptor, .v6 = is_v6, .peer = from.to_string()});
    return true;
  }
  switch (errno) {
    case EAGAIN:
      wait_for_clients();
      return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      pause_accepting(errno);
      return false;
    default:
      return true;  // that client has gone already
  }
}

// Whoever comes waits in the backlog; trying again at once would only burn the processor.
void HttpServer::Impl::pause_accepting(int error) {
  service->observer().rejected("no_descriptors");
  if (service->options.log) {
    service->options.log("cannot accept: " +
                         Error(error, boost::system::system_category()).message());
  }
  accept_pause->expires_after(kAcceptPause);
  accept_pause->async_wait([this](const Error& cancelled) {
    if (!cancelled) accept_clients();
  });
}

void HttpServer::Impl::adopt(AcceptedSocket socket) {
  const auto verdict = service->census.enter(socket.peer, service->options.limits);
  if (verdict != ConnectionCensus::Verdict::kAdmitted) {
    service->observer().rejected(verdict == ConnectionCensus::Verdict::kTooMany
                                     ? "too_many_connections"
                                     : "too_many_connections_from_address");
    return turn_away(socket.descriptor, tls != nullptr);
  }
  Shard& shard = *shards[next_shard];
  next_shard = (next_shard + 1) % shards.size();
  asio::dispatch(shard.context(), [this, &shard, socket = std::move(socket)]() mutable {
    shard.adopt(service, tls.get(), std::move(socket));
  });
}

// ---- The server -----------------------------------------------------------------------------

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// NOLINTNEXTLINE(bugprone-exception-escape): only where there is no memory left to stop with
HttpServer::~HttpServer() { stop(std::chrono::milliseconds(0)); }

Result<std::unique_ptr<HttpServer>> HttpServer::create(HttpServerOptions options) {
  auto impl = std::make_unique<Impl>();
  ASSAY_ASSIGN_OR_RETURN(impl->address, parse_listen_address(options.address));
  if (options.threads == 0 || options.threads > kThreadsMax) {
    return invalid_argument("threads: between 1 and " + std::to_string(kThreadsMax));
  }
  if (options.tls) {
    ASSAY_ASSIGN_OR_RETURN(impl->tls, make_tls_context(*options.tls));
  }
  if (options.observer == nullptr) {
    options.observer = std::shared_ptr<HttpObserver>(std::shared_ptr<void>(), &no_observer());
  }
  for (size_t i = 0; i < options.threads; ++i) impl->shards.push_back(std::make_unique<Shard>());
  impl->service->options = std::move(options);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

void HttpServer::route(std::string method, std::string path, HttpHandler handler,
                       HttpRouteOptions options) {
  ASSAY_CHECK(!impl_->is_started);
  impl_->service->observer().route_added(method, path);
  impl_->service->routes.add(std::move(method), std::move(path), std::move(handler), options);
}

Status HttpServer::start() {
  ASSAY_CHECK(!impl_->is_started);
  ASSAY_RETURN_IF_ERROR(impl_->listen());
  impl_->is_started = true;
  impl_->accept_pause.emplace(impl_->shards[0]->context());
  impl_->wait_for_clients();
  for (const auto& shard : impl_->shards) shard->start();
  return ok_status();
}

uint16_t HttpServer::port() const { return impl_->port; }
size_t HttpServer::connections() const { return impl_->service->census.count(); }

void HttpServer::stop(std::chrono::milliseconds grace) {
  const std::lock_guard lock(impl_->stop_mutex);
  if (!impl_->is_started || impl_->service->stopping.exchange(true)) return;
  const auto deadline = std::chrono::steady_clock::now() + grace;
  std::promise<void> closed;
  asio::post(impl_->shards[0]->context(), [&] {
    Error ignored;
    ignored = impl_->acceptor->close(ignored);
    impl_->accept_pause->cancel();
    closed.set_value();
  });
  closed.get_future().wait();
  impl_->post_to_all([](HttpConnection& connection) { connection.close_if_idle(); });
  if (!impl_->service->census.wait_until_empty(deadline)) {
    impl_->post_to_all([](HttpConnection& connection) { connection.close_now(); });
    impl_->service->census.wait_until_empty(std::chrono::steady_clock::time_point::max());
  }
  for (const auto& shard : impl_->shards) shard->join();
}

}  // namespace assay
