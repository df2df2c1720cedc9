#include "net/http_answer.h"

#include <array>
#include <charconv>
#include <ctime>

#include "base/check.h"

namespace assay {
namespace {

// What the server alone decides.
constexpr std::array<std::string_view, 7> kOwnHeaders = {
    "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Date", "Upgrade", "TE"};

// Sent unless the handler sets a field of the same name.
struct FixedHeader {
  std::string_view name;
  std::string_view value;
};
constexpr std::array<FixedHeader, 4> kFixedHeaders = {{
    {"X-Content-Type-Options", "nosniff"},
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
}};
constexpr FixedHeader kTransportSecurity = {"Strict-Transport-Security",
                                            "max-age=31536000; includeSubDomains"};

bool is_own_header(std::string_view name) {
  for (const std::string_view own : kOwnHeaders) {
    if (iequals(name, own)) return true;
  }
  return false;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_fixed(std::string& out, const HttpHeaders& headers, const FixedHeader& field) {
  if (!headers.contains(field.name)) append_field(out, field.name, field.value);
}

// One text a second and thread.
std::string_view date_now() {
  thread_local int64_t second = -1;
  thread_local std::string text;
  const int64_t now = std::time(nullptr);
  if (now != second) {
    text = http_date(now);
    second = now;
  }
  return text;
}

bool has_no_body(int status) { return status == 204 || status == 304; }

void append_chunk(std::string& out, std::string_view bytes) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bytes.size(), 16);
  out.append(digits.data(), end.ptr).append("\r\n").append(bytes).append("\r\n");
}

}  // namespace

std::string http_date(int64_t unix_seconds) {
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::time_t time = unix_seconds;
  std::tm tm{};
  gmtime_r(&time, &tm);
  const auto two = [](int value) {
    return std::string{static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10)};
  };
  const auto day = static_cast<size_t>(tm.tm_wday);
  const auto month = static_cast<size_t>(tm.tm_mon);
  std::string text(kDays.substr(3 * day, 3));
  text += ", " + two(tm.tm_mday) + " ";
  text += kMonths.substr(3 * month, 3);
  text += " " + std::to_string(tm.tm_year + 1900) + " " + two(tm.tm_hour) + ":" + two(tm.tm_min) +
          ":" + two(tm.tm_sec) + " GMT";
  return text;
}

// Pre: mutex_ is held. body: null for a stream.
void HttpAnswer::append_head(int status, const HttpHeaders& headers, const std::string* body) {
  status_ = status;
  if (service_->stopping.load(std::memory_order_relaxed)) terms_.keep_alive = false;
  const bool is_chunked = body == nullptr && !terms_.http10 && !has_no_body(status);
  if (body == nullptr && terms_.http10) terms_.keep_alive = false;

  std::string& out = pending_;
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ");
  out.append(http_reason_phrase(status)).append("\r\n");
  append_field(out, "Date", date_now());
  for (const FixedHeader& field : kFixedHeaders) append_fixed(out, headers, field);
  if (request_->secure) append_fixed(out, headers, kTransportSecurity);
  append_field(out, "X-Request-Id", request_->request_id);
  for (const auto& [name, value] : headers) {
    // A field that could end the head early is left out, whoever made it up.
    if (is_own_header(name) || !is_header_name(name) || !is_header_value(value)) continue;
    if (iequals(name, "X-Request-Id")) continue;
    append_field(out, name, value);
  }
  if (is_chunked) append_field(out, "Transfer-Encoding", "chunked");
  if (body != nullptr && !has_no_body(status)) {
    append_field(out, "Content-Length", std::to_string(body->size()));
  }
  if (!terms_.keep_alive) append_field(out, "Connection", "close");
  if (terms_.keep_alive && terms_.http10) append_field(out, "Connection", "keep-alive");
  out.append("\r\n");
}

// Pre: mutex_ is held.
bool HttpAnswer::append_whole(const HttpResponse& response) {
  phase_ = Phase::kEnded;
  if (gone_) return false;
  append_head(response.status, response.headers, &response.body);
  if (!terms_.head_only && !has_no_body(response.status)) pending_.append(response.body);
  return true;
}

// Pre: mutex_ is held.
bool HttpAnswer::bodiless() const { return terms_.head_only || has_no_body(status_); }

// Callbacks are destroyed, and connections woken, outside the lock: both may come back here.
void HttpAnswer::wake() {
  if (const auto sink = sink_.lock()) sink->wake();
}

bool HttpAnswer::send_error(const HttpError& error) {
  return send(service_->error_response(*request_, error));
}

bool HttpAnswer::send(const HttpResponse& response) {
  std::function<void()> done;
  {
    const std::lock_guard lock(mutex_);
    if (overridden_) return false;
    ASSAY_CHECK(phase_ == Phase::kWaiting);
    std::swap(done, on_close_);
    if (!append_whole(response)) return false;
  }
  wake();
  return true;
}

bool HttpAnswer::begin(int status, const HttpHeaders& headers) {
  bool begun = false;
  {
    const std::lock_guard lock(mutex_);
    if (overridden_) return false;
    ASSAY_CHECK(phase_ == Phase::kWaiting);
    phase_ = Phase::kStreaming;
    cut_ = gone_ || half_closed_;
    begun = !cut_;
    if (begun) append_head(status, headers, nullptr);
    if (begun && bodiless()) phase_ = Phase::kEnded;
  }
  wake();
  return begun;
}

bool HttpAnswer::write(std::string_view bytes) {
  bool queued = false;
  {
    const std::lock_guard lock(mutex_);
    if (overridden_ || gone_ || cut_ || bodiless()) return false;
    ASSAY_CHECK(phase_ == Phase::kStreaming);
    if (bytes.empty()) return !half_closed_;
    const size_t waiting = pending_.size() + in_flight_;
    const size_t bytes_max = service_->options.limits.stream_queue_bytes_max;
    queued = !half_closed_ && bytes.size() <= bytes_max && waiting <= bytes_max - bytes.size();
    if (!queued) {
      cut_ = true;
      if (!half_closed_) service_->observer().rejected("slow_reader");
    } else if (terms_.http10) {
      pending_.append(bytes);
    } else {
      append_chunk(pending_, bytes);
    }
  }
  wake();
  return queued;
}

void HttpAnswer::end() {
  std::function<void()> done;
  {
    const std::lock_guard lock(mutex_);
    if (overridden_ || phase_ == Phase::kEnded) return;
    ASSAY_CHECK(phase_ == Phase::kStreaming);
    phase_ = Phase::kEnded;
    std::swap(done, on_close_);
    if (!terms_.http10 && !gone_ && !cut_) pending_.append("0\r\n\r\n");
  }
  wake();
}

void HttpAnswer::abandon() {
  std::function<void()> done;
  {
    const std::lock_guard lock(mutex_);
    std::swap(done, on_close_);
    if (phase_ == Phase::kEnded || overridden_) return;
    if (phase_ == Phase::kStreaming || half_closed_ || gone_) {
      cut_ = true;
      phase_ = Phase::kEnded;
    } else {
      append_whole(service_->error_response(
          *request_, {500, "no_answer", "the server dropped the request without an answer"}));
    }
  }
  wake();
}

void HttpAnswer::on_close(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_ && !half_closed_) {
      if (phase_ != Phase::kEnded) std::swap(on_close_, callback);
      return;  // what was replaced is destroyed by the caller, outside the lock
    }
    if (phase_ == Phase::kEnded) return;
  }
  if (callback) callback();
}

bool HttpAnswer::closed() const {
  const std::lock_guard lock(mutex_);
  return gone_ || half_closed_;
}

size_t HttpAnswer::queued_bytes() const {
  const std::lock_guard lock(mutex_);
  return pending_.size() + in_flight_;
}

HttpAnswer::Taken HttpAnswer::take() {
  const std::lock_guard lock(mutex_);
  Taken taken;
  taken.bytes.swap(pending_);
  in_flight_ += taken.bytes.size();
  taken.ended = phase_ == Phase::kEnded;
  taken.cut = cut_;
  return taken;
}

void HttpAnswer::sent(size_t bytes) {
  const std::lock_guard lock(mutex_);
  in_flight_ -= bytes;
}

bool HttpAnswer::answer_instead(const HttpResponse& response) {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::kWaiting) return false;
    overridden_ = true;
    terms_.keep_alive = false;
    std::swap(callback, on_close_);
    append_whole(response);
  }
  if (callback) callback();
  return true;
}

void HttpAnswer::client_gone(Gone how) {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    half_closed_ = true;
    if (how == Gone::kEntirely) gone_ = true;
    // Nothing can be added to a stream any more, so nothing is waited for.
    if (phase_ == Phase::kStreaming) cut_ = true;
    if (phase_ != Phase::kEnded) std::swap(callback, on_close_);
  }
  if (callback) callback();
}

bool HttpAnswer::begun() const {
  const std::lock_guard lock(mutex_);
  return phase_ != Phase::kWaiting;
}

int HttpAnswer::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

bool HttpAnswer::keep_alive() const {
  const std::lock_guard lock(mutex_);
  return terms_.keep_alive;
}

}  // namespace assay
