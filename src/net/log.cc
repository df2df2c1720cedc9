#include "net/log.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <map>
#include <mutex>

#include "base/clock.h"
#include "base/json.h"
#include "net/redact.h"

namespace assay {
namespace {

constexpr size_t kTextBytesMax = 8 << 10;  // of a message or a value
constexpr size_t kFieldsMax = 64;
constexpr size_t kRepeatKeysMax = 1024;
constexpr double kRepeatSeconds = 10;

// Seconds of Unix time with microseconds, as RFC 3339 writes them.
std::string timestamp() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
  const std::time_t seconds = us / 1'000'000;
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  std::array<char, 40> text{};
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &tm);
  std::string fraction = std::to_string(us % 1'000'000);
  fraction.insert(0, 6 - fraction.size(), '0');
  return std::string(text.data(), length) + fraction + "Z";
}

std::string bounded(std::string_view text) {
  if (text.size() <= kTextBytesMax) return redact_text(text);
  return redact_text(text.substr(0, kTextBytesMax)) + "...";
}

Json field_value(const LogField& field) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    return is_secret_name(field.key) ? std::string(kRedacted) : bounded(*text);
  }
  return std::visit([](const auto& value) -> Json { return value; }, field.value);
}

// Everything outside printable ASCII is escaped: no line can move a terminal's cursor.
std::string render(const Json& line) {
  return line.dump(-1, ' ', true, Json::error_handler_t::replace);
}

// Hands finished lines to a function.
class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    write_({message.payload.data(), message.payload.size()});
  }
  void flush_() override {}
  const std::function<void(std::string_view)> write_;
};

// Tells when the queue has been worked off: flush travels through it like a line.
class FlushMark final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  bool wait_for_passes(uint64_t passes_before, std::chrono::milliseconds timeout) {
    std::unique_lock lock(wait_mutex_);
    return changed_.wait_for(lock, timeout, [&] { return count_ > passes_before; });
  }
  uint64_t passes() {
    const std::lock_guard lock(wait_mutex_);
    return count_;
  }

 private:
  void sink_it_(const spdlog::details::log_msg&) override {}
  void flush_() override {
    const std::lock_guard lock(wait_mutex_);
    ++count_;
    changed_.notify_all();
  }
  std::mutex wait_mutex_;
  std::condition_variable changed_;
  uint64_t count_ = 0;
};

}  // namespace

Result<LogLevel> parse_log_level(std::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warn" || text == "warning") return LogLevel::kWarn;
  if (text == "error") return LogLevel::kError;
  return invalid_argument("log level \"" + std::string(text.substr(0, 40)) +
                          "\": use debug, info, warn or error");
}

std::string_view log_level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

LogField::LogField(std::string_view k, const Secret&) : key(k), value(std::string(kRedacted)) {}

struct Logger::Impl {
  explicit Impl(LogOptions o) : options(std::move(o)), level(options.level) {
    pool = std::make_shared<spdlog::details::thread_pool>(options.queue_lines, 1);
    mark = std::make_shared<FlushMark>();
    std::shared_ptr<spdlog::sinks::sink> sink;
    if (options.sink) {
      sink = std::make_shared<FunctionSink>(options.sink);
    } else {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
      sink->set_pattern("%v");
    }
    const std::initializer_list<spdlog::sink_ptr> sinks = {sink, mark};
    logger = std::make_shared<spdlog::async_logger>("assay", sinks, pool,
                                                    spdlog::async_overflow_policy::overrun_oldest);
    logger->set_level(spdlog::level::trace);
  }

  // How many lines of this key were left out before this one; nothing when this one is too.
  std::optional<uint64_t> admit(LogLevel of, std::string_view message);

  struct Repeats {
    double window_start = 0;
    size_t lines = 0;
    uint64_t left_out = 0;
  };

  const LogOptions options;
  std::atomic<LogLevel> level;
  std::mutex mutex;
  std::map<std::pair<LogLevel, std::string>, Repeats, std::less<>> repeats;
  std::shared_ptr<FlushMark> mark;
  std::shared_ptr<spdlog::async_logger> logger;
  // Last, so that it goes first: its thread writes what is queued, and ends before its sinks do.
  std::shared_ptr<spdlog::details::thread_pool> pool;
};

std::optional<uint64_t> Logger::Impl::admit(LogLevel of, std::string_view message) {
  const double now = options.seconds ? options.seconds() : monotonic_clock().seconds();
  const std::lock_guard lock(mutex);
  // Messages are fixed sentences; if somebody builds them, forgetting is better than growing.
  if (repeats.size() >= kRepeatKeysMax) repeats.clear();
  Repeats& of_key = repeats[{of, std::string(message.substr(0, 200))}];
  if (of_key.lines == 0 || now - of_key.window_start >= kRepeatSeconds) {
    of_key.window_start = now;
    of_key.lines = 0;
  }
  if (of_key.lines >= options.repeats_max) {
    ++of_key.left_out;
    return std::nullopt;
  }
  ++of_key.lines;
  return std::exchange(of_key.left_out, 0);
}

Logger::Logger(LogOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Logger::~Logger() = default;

bool Logger::enabled(LogLevel level) const {
  return level >= impl_->level.load(std::memory_order_relaxed);
}
void Logger::set_level(LogLevel level) { impl_->level = level; }

void Logger::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields,
                   const LogContext& context) {
  if (!enabled(level)) return;
  const std::optional<uint64_t> left_out = impl_->admit(level, message);
  if (!left_out) return;
  Json line = {
      {"time", timestamp()}, {"level", log_level_name(level)}, {"message", bounded(message)}};
  if (!context.request_id.empty()) line["request_id"] = bounded(context.request_id);
  if (context.trace.valid()) {
    line["trace_id"] = to_hex(context.trace.trace_id);
    line["span_id"] = to_hex(context.trace.span_id);
  }
  if (*left_out > 0) line["lines_left_out"] = *left_out;
  size_t count = 0;
  for (const LogField& field : fields) {
    if (++count > kFieldsMax) break;
    // The line's own members cannot be replaced.
    const std::string key = line.contains(field.key) ? "field_" + field.key : field.key;
    line[key] = field_value(field);
  }
  impl_->logger->log(spdlog::level::info, spdlog::string_view_t(render(line)));
}

void Logger::flush() {
  // A flush can be pushed out of a full queue, like a line: then it is sent again.
  const uint64_t before = impl_->mark->passes();
  do {
    impl_->logger->flush();
  } while (!impl_->mark->wait_for_passes(before, std::chrono::milliseconds(100)));
}

uint64_t Logger::dropped() const { return impl_->pool->overrun_counter(); }

}  // namespace assay
