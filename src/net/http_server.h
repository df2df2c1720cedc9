// HttpServer: HTTP/1.1 and 1.0 with TLS, routes by exact path, streams, and limits on everything.
// Boost.Asio and Beast's parser lie behind it. Tested in http_server_test.cc (raw sockets, curl)
// and http_connection_test.cc. Source: RFC 9110, RFC 9112.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http_exchange.h"
#include "net/listen_address.h"

namespace assay {

struct TlsOptions {
  std::string certificate_file;  // PEM, the chain after it
  std::string key_file;          // PEM; refused when others than its owner can read it
  std::string client_ca_file;    // PEM; not empty: clients must show a certificate that it signed
  bool tls13_only = false;       // else 1.2 is accepted as well
};

struct HttpLimits {
  using Ms = std::chrono::milliseconds;
  size_t header_bytes_max = 16 << 10;
  size_t headers_max = 100;
  size_t body_bytes_max = size_t{8} << 20;
  size_t body_bytes_total_max = size_t{256} << 20;  // of all requests that are being received
  size_t stream_queue_bytes_max = size_t{1} << 20;  // of one exchange
  size_t connections_max = 1024;                    // more are answered 503 and closed
  size_t connections_per_address_max = 512;
  size_t requests_per_connection_max = 10'000;
  Ms header_timeout{10'000};  // TLS handshake and header, from the connection or the first byte on
  Ms body_timeout{10'000};    // and beyond it body_bytes_per_second_min must have come
  size_t body_bytes_per_second_min = 16 << 10;
  Ms answer_timeout{600'000};  // from the request to send() or begin(); then 503
  Ms write_timeout{30'000};    // for each 64 KiB that the client takes
  Ms idle_timeout{60'000};     // between requests
};

// One request that is over, for metrics and access logs.
struct HttpRequestRecord {
  const HttpRequest& request;
  std::string_view route;  // the path of the route: bounded; "none" where none matched
  int status;              // 0: the client went before there was an answer
  bool complete;           // the whole answer went out
  double seconds;          // from the complete header to the last byte of the answer
  uint64_t bytes_sent;
  uint64_t bytes_received;  // of the body
};

// Threads: called from all threads of the server; implementations are safe and quick.
class HttpObserver {
 public:
  virtual ~HttpObserver() = default;
  virtual void route_added(std::string_view /*method*/, std::string_view /*path*/) {}
  virtual void connection_opened() {}
  virtual void connection_closed() {}
  virtual void request_started(std::string_view /*route*/) {}
  virtual void request_finished(const HttpRequestRecord& /*record*/) {}
  // Something was refused by a limit or as malformed: HttpError::reason.
  virtual void rejected(std::string_view /*reason*/) {}
};

struct HttpServerOptions {
  std::string address = "127.0.0.1:0";
  size_t threads = 1;
  std::optional<TlsOptions> tls;
  HttpLimits limits;
  // Not empty: requests for other hosts are refused (421), which keeps web pages in a browser on
  // this machine from reaching a server that listens on its loopback.
  std::vector<std::string> hosts;
  // Sees a request when its header is complete, before any of its body is read: authentication and
  // rate limits. An answer refuses the request.
  std::function<std::optional<HttpResponse>(const HttpRequest&)> gate;
  // The body of errors that the server itself answers with; default problem_response(). The
  // request holds what was understood of it.
  std::function<HttpResponse(const HttpRequest&, const HttpError&)> shape_error;
  std::shared_ptr<HttpObserver> observer;
  std::function<void(std::string_view)> log;  // faults of the server: accept failed, ...
};

struct HttpRouteOptions {
  std::optional<size_t> body_bytes_max;  // instead of the server's
};

class HttpServer {
 public:
  // Does not listen yet. Errors: INVALID_ARGUMENT for the address or an option, and those of TLS:
  // NOT_FOUND, PERMISSION_DENIED, DATA_LOSS (what is in the files).
  static Result<std::unique_ptr<HttpServer>> create(HttpServerOptions options);
  // Stops at once.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // The path is compared exactly; one that ends in "/*" takes everything below. The server answers
  // 404, 405 with Allow, OPTIONS, and HEAD from GET. Pre: before start(); once for each path and
  // method (CHECK).
  void route(std::string method, std::string path, HttpHandler handler,
             HttpRouteOptions options = {});

  // Errors: UNAVAILABLE when the address cannot be bound.
  Status start();
  // The port in use, once started.
  uint16_t port() const;
  size_t connections() const;

  // Closes the listener and idle connections, lets exchanges finish, cuts what is left after
  // grace. Returns when all threads have ended. Pre: not called from a handler.
  void stop(std::chrono::milliseconds grace);

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace assay
