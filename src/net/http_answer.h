// HttpAnswer: the queue between whoever answers a request, on any thread, and the connection that
// sends the bytes. Internal to the server.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "net/http_service.h"

namespace assay {

// The connection, as the answer sees it.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  // There is something to take. Threads: safe.
  virtual void wake() = 0;
};

class HttpAnswer {
 public:
  struct Terms {
    bool http10 = false;
    bool keep_alive = false;
    bool head_only = false;  // HEAD: everything but the body
  };

  HttpAnswer(std::shared_ptr<const HttpService> service, std::shared_ptr<const HttpRequest> request,
             Terms terms, std::weak_ptr<AnswerSink> sink)
      : service_(std::move(service)),
        request_(std::move(request)),
        terms_(terms),
        sink_(std::move(sink)) {}

  // For the handler; see HttpExchange.
  bool send(const HttpResponse& response);
  bool send_error(const HttpError& error);
  bool begin(int status, const HttpHeaders& headers);
  bool write(std::string_view bytes);
  void end();
  // The last owner is gone.
  void abandon();
  void on_close(std::function<void()> callback);
  bool closed() const;
  size_t queued_bytes() const;

  // For the connection.
  struct Taken {
    std::string bytes;
    bool ended = false;  // nothing follows
    bool cut = false;    // close at once: the stream will not be completed
  };
  Taken take();
  void sent(size_t bytes);
  // The server answers in place of the handler, whose own answer is then dropped. False when there
  // is one already.
  bool answer_instead(const HttpResponse& response);
  enum class Gone : uint8_t {
    kHalfClosed,  // the client sends no more; it may still read an answer that is sent whole
    kEntirely,
  };
  void client_gone(Gone how);
  bool begun() const;
  int status() const;
  bool keep_alive() const;

  const HttpRequest& request() const { return *request_; }

 private:
  enum class Phase : uint8_t { kWaiting, kStreaming, kEnded };
  void append_head(int status, const HttpHeaders& headers, const std::string* body);
  bool append_whole(const HttpResponse& response);
  bool bodiless() const;
  void wake();

  const std::shared_ptr<const HttpService> service_;
  const std::shared_ptr<const HttpRequest> request_;
  Terms terms_;
  const std::weak_ptr<AnswerSink> sink_;

  mutable std::mutex mutex_;
  Phase phase_ = Phase::kWaiting;
  bool overridden_ = false;  // by answer_instead()
  bool half_closed_ = false;
  bool gone_ = false;
  bool cut_ = false;
  int status_ = 0;
  std::string pending_;
  size_t in_flight_ = 0;
  std::function<void()> on_close_;
};

// The current time as HTTP writes it: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(int64_t unix_seconds);

}  // namespace assay
