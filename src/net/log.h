// Structured logs: one JSON object a line on standard error, written by a thread of its own so that
// a reader that stalls never stalls a server. Secrets are redacted, control characters escaped,
// repeated lines counted instead of written. Tested in log_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "net/secret.h"
#include "net/trace_context.h"

namespace assay {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };
// "debug", "info", "warn" (or "warning"), "error". Errors: INVALID_ARGUMENT names them.
Result<LogLevel> parse_log_level(std::string_view text);
std::string_view log_level_name(LogLevel level);

// A name and a value. Text under a secret name (redact.h) and any Secret is written as
// "[redacted]"; numbers are not, so that "max_tokens" stays readable.
struct LogField {
  using Value = std::variant<std::string, int64_t, uint64_t, double, bool>;
  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(std::string(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, int v) : key(k), value(int64_t{v}) {}
  LogField(std::string_view k, int64_t v) : key(k), value(v) {}
  LogField(std::string_view k, uint64_t v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  LogField(std::string_view k, const Secret& v);

  std::string key;
  Value value;
};

// What ties a line to a request.
struct LogContext {
  std::string_view request_id;
  TraceContext trace;
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  // Lines with the same level and message in 10 s; the next one after says how many were left out.
  size_t repeats_max = 20;
  size_t queue_lines = 8192;  // beyond it the oldest lines are dropped, and counted
  std::function<void(std::string_view)> sink;  // instead of standard error: one line, no line feed
  std::function<double()> seconds;             // instead of the monotonic clock
};

// Threads: safe.
class Logger {
 public:
  explicit Logger(LogOptions options);
  // Writes what is queued.
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  bool enabled(LogLevel level) const;
  void set_level(LogLevel level);
  // message: a fixed sentence, "request failed"; what varies goes into fields.
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {},
             const LogContext& context = {});
  void debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kDebug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kInfo, message, fields);
  }
  void warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kWarn, message, fields);
  }
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kError, message, fields);
  }
  // Waits until everything logged so far is written.
  void flush();
  // Lines lost to a full queue.
  uint64_t dropped() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace assay
