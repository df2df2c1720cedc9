// HttpConnection: one client, from its first byte to its last. Internal to the server; boost is
// named here, and included in the source only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "net/http_answer.h"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming)
namespace ssl {
class context;  // NOLINT(readability-identifier-naming)
}
}  // namespace boost::asio

namespace assay {

struct AcceptedSocket {
  int descriptor = -1;  // non-blocking; the connection closes it
  bool v6 = false;
  std::string peer;
};

// Threads: all calls but wake() on the thread that runs the context.
class HttpConnection : public AnswerSink {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // tls: null for plain HTTP. on_closed runs when the socket is closed, once.
  static std::shared_ptr<HttpConnection> create(std::shared_ptr<HttpService> service,
                                                boost::asio::io_context& context,
                                                boost::asio::ssl::context* tls,
                                                AcceptedSocket socket,
                                                std::function<void(HttpConnection*)> on_closed);

  virtual void start() = 0;
  // Enforces the deadlines that have passed.
  virtual void check_deadlines(Time now) = 0;
  // The server stops: closes where nothing is being answered or received.
  virtual void close_if_idle() = 0;
  virtual void close_now() = 0;
};

}  // namespace assay
