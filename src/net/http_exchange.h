// HttpExchange: one request and the way to answer it. A handler may answer before it returns, or
// keep the exchange and answer later from any thread. Tested in http_server_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "net/http_message.h"

namespace assay {

// Threads: safe. Exactly one answer: send(), or begin() write()... end(). An exchange that its last
// owner drops without an answer is answered with 500; a stream that is dropped before end() is cut,
// so that the client sees that it is incomplete.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  const HttpRequest& request() const { return *request_; }

  // The whole answer. False when the client has gone. Pre: nothing was sent or begun (CHECK).
  virtual bool send(HttpResponse response) = 0;
  // An answer in the server's shape for errors (shape_error).
  virtual bool send_error(const HttpError& error) = 0;

  // Status and headers of a stream: chunked, until the connection closes for HTTP/1.0.
  // Pre: nothing was sent or begun (CHECK).
  virtual bool begin(int status, HttpHeaders headers) = 0;
  // Queues bytes of a stream, none is allowed. False: stop, nothing more reaches this client. It
  // has gone, or reads so slowly that more than stream_queue_bytes_max wait for it, upon which the
  // connection is cut. Pre: begun and not ended (CHECK).
  virtual bool write(std::string_view bytes) = 0;
  virtual void end() = 0;
  // Bytes that wait to be sent, for producers that pace themselves.
  virtual size_t queued_bytes() const = 0;

  // Called once when the client goes before the answer is complete: the place to cancel
  // computation. At once when it has gone already; never after the answer is complete or the last
  // owner has dropped the exchange.
  // Runs on a thread of the server or on the caller's: short, and no waiting. One per exchange: the
  // last one counts.
  virtual void on_close(std::function<void()> callback) = 0;
  virtual bool closed() const = 0;

 protected:
  explicit HttpExchange(std::shared_ptr<const HttpRequest> request)
      : request_(std::move(request)) {}

 private:
  const std::shared_ptr<const HttpRequest> request_;
};

// Runs on a thread of the server, which serves other connections too: it must not block or compute
// for long. Hand the exchange to a worker instead.
using HttpHandler = std::function<void(const std::shared_ptr<HttpExchange>&)>;

}  // namespace assay
