// One thread runs all of a connection. A read is always outstanding, also while a handler computes:
// it brings pipelined requests, and the end of a client that has gone. Deadlines are plain fields
// that the server's clock tick compares with now.
#include "net/http_connection.h"

#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "net/http_head.h"
#include "net/tls.h"

namespace assay {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Error = boost::system::error_code;
using Clock = std::chrono::steady_clock;
using asio::ip::tcp;

constexpr size_t kReadBytes = 16 << 10;
constexpr size_t kWriteBytes = 64 << 10;
constexpr size_t kReadAheadMax = 64 << 10;  // of requests that wait their turn
constexpr size_t kLingerBytesMax = size_t{16} << 20;
constexpr std::chrono::milliseconds kLingerTimeout{2000};

// The handler's end of an exchange; its last owner decides whether there was an answer.
class Exchange final : public HttpExchange {
 public:
  Exchange(std::shared_ptr<const HttpRequest> request, std::shared_ptr<HttpAnswer> answer)
      : HttpExchange(std::move(request)), answer_(std::move(answer)) {}
  ~Exchange() override { answer_->abandon(); }

  bool send(HttpResponse response) override { return answer_->send(response); }
  bool send_error(const HttpError& error) override { return answer_->send_error(error); }
  bool begin(int status, HttpHeaders headers) override { return answer_->begin(status, headers); }
  bool write(std::string_view bytes) override { return answer_->write(bytes); }
  void end() override { answer_->end(); }
  size_t queued_bytes() const override { return answer_->queued_bytes(); }
  void on_close(std::function<void()> callback) override { answer_->on_close(std::move(callback)); }
  bool closed() const override { return answer_->closed(); }

 private:
  const std::shared_ptr<HttpAnswer> answer_;
};

class Connection final : public HttpConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<HttpService> service, asio::io_context& context,
             asio::ssl::context* tls, AcceptedSocket socket,
             std::function<void(HttpConnection*)> on_closed)
      : service_(std::move(service)),
        context_(context),
        socket_(context),
        peer_(std::move(socket.peer)),
        on_closed_(std::move(on_closed)) {
    Error error;
    const tcp protocol = socket.v6 ? tcp::v6() : tcp::v4();
    if (socket_.assign(protocol, socket.descriptor, error)) ::close(socket.descriptor);
    error = socket_.set_option(tcp::no_delay(true), error);
    if (tls != nullptr) secure_.emplace(socket_, *tls);
  }

  void start() override;
  void check_deadlines(Time now) override;
  void close_if_idle() override;
  void close_now() override;
  void wake() override;

 private:
  enum class Phase : uint8_t {
    kHandshake,
    kIdle,  // between requests
    kHeader,
    kBody,
    kAnswering,
    kShutdown,   // TLS says goodbye
    kLingering,  // what the client still sends is dropped, so that it can read the answer
    kClosed,
  };

  void begin_request();
  void parse();
  bool parse_some(Error& error, bool& needs_more);
  bool on_head();
  bool on_body_bytes();
  void on_request();
  void refuse(const HttpError& error, const HttpHeaders& headers = {});
  void answer_with(const HttpResponse& response);
  void open_answer(bool keep_alive);
  void run_handler();

  void start_read();
  void on_read(Error error, size_t bytes);
  void on_end_of_input(bool is_orderly);
  void pump();
  void start_write();
  void on_written(Error error, size_t bytes);
  void finish_answer();
  void report_answer(bool complete);
  void close_gently();
  void start_linger();
  void linger();
  void time_out();
  HttpError parse_error(const Error& error) const;
  HttpConnection::Time after(std::chrono::milliseconds duration) const {
    return Clock::now() + duration;
  }
  std::string_view route_label() const {
    return route_ != nullptr ? std::string_view(route_->path) : "none";
  }
  const HttpLimits& limits() const { return service_->options.limits; }

  const std::shared_ptr<HttpService> service_;
  asio::io_context& context_;
  tcp::socket socket_;
  std::optional<asio::ssl::stream<tcp::socket&>> secure_;
  const std::string peer_;
  std::string peer_name_;
  std::function<void(HttpConnection*)> on_closed_;

  Phase phase_ = Phase::kHandshake;
  Time read_deadline_ = Time::max();
  Time write_deadline_ = Time::max();
  Time request_start_{};
  size_t requests_ = 0;

  std::array<char, kReadBytes> block_;  // where the outstanding read puts its bytes
  std::string input_;                   // read, not yet parsed
  bool reading_ = false;
  bool ended_ = false;  // the client sends no more
  size_t lingered_ = 0;

  std::optional<http::request_parser<http::string_body>> parser_;
  std::shared_ptr<HttpRequest> request_;
  const HttpRoute* route_ = nullptr;
  const HttpHandler* handler_ = nullptr;
  bool is_sound_ = false;  // HttpHeadVerdict
  size_t body_bytes_ = 0;  // counted in service_->body_bytes
  size_t body_bytes_max_ = 0;

  std::shared_ptr<HttpAnswer> answer_;
  bool in_handler_ = false;
  std::string output_;
  size_t output_sent_ = 0;
  size_t interim_bytes_ = 0;  // of output_, not from the answer
  bool writing_ = false;
  bool answer_ended_ = false;
  uint64_t bytes_sent_ = 0;
};

// ---- Reading --------------------------------------------------------------------------------

void Connection::start() {
  service_->observer().connection_opened();
  read_deadline_ = after(limits().header_timeout);
  if (!secure_) return begin_request();
  phase_ = Phase::kHandshake;
  secure_->async_handshake(asio::ssl::stream_base::server,
                           [self = shared_from_this()](const Error& error) {
                             if (self->phase_ == Phase::kClosed) return;
                             if (error) {
                               self->service_->observer().rejected("tls_handshake");
                               return self->close_now();
                             }
                             self->peer_name_ = tls_peer_name(self->secure_->native_handle());
                             self->begin_request();
                           });
}

void Connection::begin_request() {
  parser_.emplace();
  parser_->eager(false);
  parser_->header_limit(static_cast<uint32_t>(limits().header_bytes_max));
  parser_->body_limit(boost::none);
  request_ = std::make_shared<HttpRequest>();
  request_->peer = peer_;
  request_->peer_name = peer_name_;
  request_->secure = secure_.has_value();
  route_ = nullptr;
  handler_ = nullptr;
  is_sound_ = false;
  phase_ = Phase::kIdle;
  // The first request has no idle time: whoever connects has something to say.
  read_deadline_ = after(requests_ == 0 ? limits().header_timeout : limits().idle_timeout);
  if (service_->stopping && input_.empty()) return close_gently();
  parse();
}

// One step of the parser over input_. False: an error, or a refusal that has been answered.
bool Connection::parse_some(Error& error, bool& needs_more) {
  const size_t used = parser_->put(asio::const_buffer(input_.data(), input_.size()), error);
  input_.erase(0, used);
  needs_more = error == http::error::need_more;
  if (needs_more) error = {};
  if (error) return false;
  if (phase_ == Phase::kHeader && parser_->is_header_done()) {
    phase_ = Phase::kBody;
    if (!on_head()) return false;
  }
  return phase_ != Phase::kBody || on_body_bytes();
}

HttpError Connection::parse_error(const Error& error) const {
  auto fault = HttpParseFault::kMalformed;
  if (error == http::error::header_limit) fault = HttpParseFault::kHeaderTooLarge;
  if (error == http::error::body_limit) fault = HttpParseFault::kBodyTooLarge;
  return http_parse_error(fault, error.message(), body_bytes_max_);
}

void Connection::parse() {
  while (true) {
    bool needs_more = true;
    if (phase_ == Phase::kIdle && input_.starts_with("\r\n")) input_.erase(0, 2);
    if (!input_.empty() && phase_ == Phase::kIdle) {
      phase_ = Phase::kHeader;
      read_deadline_ = requests_ == 0 ? read_deadline_ : after(limits().header_timeout);
    }
    if (!input_.empty()) {
      Error error;
      if (!parse_some(error, needs_more)) {
        if (error) refuse(parse_error(error));
        return;
      }
    }
    if (phase_ == Phase::kBody && parser_->is_done()) return on_request();
    if (needs_more || input_.empty()) break;
  }
  if (ended_) return close_now();
  // The parser wants a header, or the line before a chunk, in one piece.
  if (input_.size() > limits().header_bytes_max) {
    return refuse({431, "header_too_large", "the header is larger than this server allows"});
  }
  start_read();
}

// The header is complete. False: the request has been refused.
bool Connection::on_head() {
  request_start_ = Clock::now();
  const auto& message = parser_->get();
  HttpHeadSource head = {.version = message.version()};
  request_->method = std::string(message.method_string());
  request_->target = std::string(message.target());
  for (const auto& field : message) {
    request_->headers.add(std::string(field.name_string()), std::string(field.value()));
  }
  head.content_length = parser_->content_length() ? *parser_->content_length() : 0;
  head.has_body = !parser_->is_done();

  const HttpHeadVerdict verdict = check_http_head(*service_, head, *request_);
  route_ = verdict.route;
  handler_ = verdict.handler;
  is_sound_ = verdict.is_sound;
  body_bytes_max_ = verdict.body_bytes_max;
  if (verdict.error) {
    refuse(*verdict.error, verdict.headers);
    return false;
  }
  if (verdict.response) {
    answer_with(*verdict.response);
    return false;
  }
  parser_->body_limit(body_bytes_max_);
  read_deadline_ = request_start_ + limits().body_timeout;
  if (head.has_body && verdict.expects_continue && input_.empty()) {
    output_ = "HTTP/1.1 100 Continue\r\n\r\n";
    interim_bytes_ = output_.size();
    output_sent_ = 0;
    start_write();
  }
  return phase_ == Phase::kBody;
}

// Counts what has come of the body. False: the request has been refused.
bool Connection::on_body_bytes() {
  const size_t size = parser_->get().body().size();
  if (size == body_bytes_) return true;
  const size_t total = service_->body_bytes.fetch_add(size - body_bytes_) + size - body_bytes_;
  body_bytes_ = size;
  read_deadline_ = request_start_ + limits().body_timeout +
                   std::chrono::milliseconds(
                       size * 1000 / std::max<size_t>(1, limits().body_bytes_per_second_min));
  if (total <= limits().body_bytes_total_max) return true;
  refuse({503, "bodies_too_large", "the server is receiving too much at once"},
         {{"Retry-After", "1"}});
  return false;
}

void Connection::on_request() {
  request_->body = std::move(parser_->get().body());
  open_answer(parser_->keep_alive());
  read_deadline_ = after(limits().answer_timeout);
  if (ended_) answer_->client_gone(HttpAnswer::Gone::kHalfClosed);
  start_read();
  if (phase_ == Phase::kAnswering) run_handler();
}

void Connection::run_handler() {
  in_handler_ = true;
  try {
    (*handler_)(std::make_shared<Exchange>(request_, answer_));
  } catch (...) {
    service_->observer().rejected("handler_threw");
    answer_->answer_instead(service_->error_response(
        *request_, {500, "internal_error", "the request could not be handled"}));
  }
  in_handler_ = false;
  pump();
}

void Connection::open_answer(bool keep_alive) {
  phase_ = Phase::kAnswering;
  ++requests_;
  // What came before the client said that it sends no more is still answered.
  if (ended_ && input_.empty()) keep_alive = false;
  if (requests_ >= limits().requests_per_connection_max) keep_alive = false;
  service_->observer().request_started(route_label());
  answer_ended_ = false;
  bytes_sent_ = 0;
  const bool is_http10 = parser_->is_header_done() && parser_->get().version() < 11;
  answer_ = std::make_shared<HttpAnswer>(
      service_, request_,
      HttpAnswer::Terms{
          .http10 = is_http10, .keep_alive = keep_alive, .head_only = request_->method == "HEAD"},
      weak_from_this());
}

void Connection::refuse(const HttpError& error, const HttpHeaders& headers) {
  service_->observer().rejected(error.reason);
  if (request_->request_id.empty()) request_->request_id = new_request_id();
  HttpResponse response = service_->error_response(*request_, error);
  for (const auto& [name, value] : headers) response.headers.set(name, value);
  answer_with(response);
}

// An answer without a handler. The connection goes on when the request was whole and sound.
void Connection::answer_with(const HttpResponse& response) {
  if (!parser_->is_header_done()) request_start_ = Clock::now();
  const bool is_whole = is_sound_ && parser_->is_done();
  open_answer(is_whole && parser_->keep_alive());
  read_deadline_ = Time::max();
  answer_->send(response);
  if (is_whole) start_read();
  pump();
}

void Connection::start_read() {
  if (reading_ || ended_ || phase_ == Phase::kClosed || input_.size() >= kReadAheadMax) return;
  reading_ = true;
  auto handler = [self = shared_from_this()](const Error& error, size_t bytes) {
    self->on_read(error, bytes);
  };
  if (secure_) {
    secure_->async_read_some(asio::buffer(block_), std::move(handler));
  } else {
    socket_.async_read_some(asio::buffer(block_), std::move(handler));
  }
}

void Connection::on_read(Error error, size_t bytes) {
  reading_ = false;
  if (phase_ == Phase::kClosed || phase_ == Phase::kShutdown) return;
  if (phase_ == Phase::kLingering) {
    lingered_ += bytes;
    return error || lingered_ > kLingerBytesMax ? close_now() : linger();
  }
  if (error) return on_end_of_input(error == asio::error::eof);
  input_.append(block_.data(), bytes);
  if (phase_ == Phase::kAnswering) return start_read();
  parse();
}

void Connection::on_end_of_input(bool is_orderly) {
  if (!is_orderly) return close_now();
  ended_ = true;
  if (phase_ != Phase::kAnswering) return parse();
  answer_->client_gone(HttpAnswer::Gone::kHalfClosed);
  pump();
}

// ---- Writing --------------------------------------------------------------------------------

void Connection::wake() {
  asio::dispatch(context_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->pump();
  });
}

void Connection::pump() {
  if (writing_ || in_handler_ || phase_ != Phase::kAnswering || answer_ == nullptr) return;
  HttpAnswer::Taken taken = answer_->take();
  answer_ended_ = taken.ended;
  if (taken.cut) return close_now();
  if (taken.bytes.empty()) {
    if (answer_ended_) finish_answer();
    return;
  }
  output_ = std::move(taken.bytes);
  output_sent_ = 0;
  start_write();
}

void Connection::start_write() {
  writing_ = true;
  write_deadline_ = after(limits().write_timeout);
  const asio::const_buffer piece(output_.data() + output_sent_,
                                 std::min(kWriteBytes, output_.size() - output_sent_));
  auto handler = [self = shared_from_this()](const Error& error, size_t bytes) {
    self->on_written(error, bytes);
  };
  if (secure_) {
    secure_->async_write_some(piece, std::move(handler));
  } else {
    socket_.async_write_some(piece, std::move(handler));
  }
}

void Connection::on_written(Error error, size_t bytes) {
  writing_ = false;
  write_deadline_ = Time::max();
  if (phase_ == Phase::kClosed) return;
  if (error) return close_now();
  output_sent_ += bytes;
  if (interim_bytes_ == 0) {
    bytes_sent_ += bytes;
    answer_->sent(bytes);
  }
  if (output_sent_ < output_.size()) return start_write();
  interim_bytes_ = 0;
  output_.clear();
  pump();
}

void Connection::report_answer(bool complete) {
  const size_t received = std::exchange(body_bytes_, 0);
  service_->body_bytes -= received;
  if (answer_ == nullptr) return;
  const std::chrono::duration<double> duration = Clock::now() - request_start_;
  service_->observer().request_finished({.request = *request_,
                                         .route = route_label(),
                                         .status = answer_->status(),
                                         .complete = complete,
                                         .seconds = duration.count(),
                                         .bytes_sent = bytes_sent_,
                                         .bytes_received = received});
}

void Connection::finish_answer() {
  const bool goes_on = answer_->keep_alive() && !service_->stopping;
  report_answer(true);
  answer_.reset();
  if (!goes_on || (ended_ && input_.empty())) return close_gently();
  begin_request();
}

// ---- Closing --------------------------------------------------------------------------------

void Connection::close_gently() {
  if (ended_) return close_now();
  read_deadline_ = after(kLingerTimeout);
  if (!secure_) return start_linger();
  phase_ = Phase::kShutdown;
  secure_->async_shutdown([self = shared_from_this()](const Error&) {
    if (self->phase_ == Phase::kShutdown) self->start_linger();
  });
}

// Closing while bytes of the client lie unread would reset the connection, and what was sent last
// would be lost.
void Connection::start_linger() {
  phase_ = Phase::kLingering;
  Error ignored;
  ignored = socket_.shutdown(tcp::socket::shutdown_send, ignored);
  linger();
}

void Connection::linger() {
  if (reading_) return;
  reading_ = true;
  socket_.async_read_some(asio::buffer(block_),
                          [self = shared_from_this()](const Error& error, size_t bytes) {
                            self->on_read(error, bytes);
                          });
}

void Connection::close_now() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  if (answer_ != nullptr) answer_->client_gone(HttpAnswer::Gone::kEntirely);
  report_answer(false);
  answer_.reset();
  Error ignored;
  ignored = socket_.close(ignored);
  service_->census.leave(peer_);
  service_->observer().connection_closed();
  on_closed_(this);
}

void Connection::close_if_idle() {
  if (phase_ == Phase::kIdle || phase_ == Phase::kHandshake) close_now();
}

void Connection::check_deadlines(Time now) {
  if (writing_ && now > write_deadline_) {
    service_->observer().rejected("write_timeout");
    return close_now();
  }
  if (now > read_deadline_) time_out();
}

void Connection::time_out() {
  switch (phase_) {
    case Phase::kHeader:
      return refuse({408, "header_timeout", "the header did not arrive in time"});
    case Phase::kBody:
      return refuse({408, "body_timeout", "the body arrives too slowly"});
    case Phase::kAnswering:
      read_deadline_ = Time::max();
      if (answer_->answer_instead(service_->error_response(
              *request_, {503, "answer_timeout", "the answer took too long"}))) {
        service_->observer().rejected("answer_timeout");
        pump();
      }
      return;
    case Phase::kHandshake:
      service_->observer().rejected("handshake_timeout");
      return close_now();
    case Phase::kIdle:
    case Phase::kShutdown:
    case Phase::kLingering:
    case Phase::kClosed:
      return close_now();
  }
}

}  // namespace

std::shared_ptr<HttpConnection> HttpConnection::create(
    std::shared_ptr<HttpService> service, asio::io_context& context, asio::ssl::context* tls,
    AcceptedSocket socket, std::function<void(HttpConnection*)> on_closed) {
  return std::make_shared<Connection>(std::move(service), context, tls, std::move(socket),
                                      std::move(on_closed));
}

}  // namespace assay
