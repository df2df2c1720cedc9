#include "net/http_load.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>

#include "base/check.h"
#include "base/detmath.h"
#include "base/prng.h"

namespace assay {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr size_t kConnectionsMax = 4096;

// Which request comes next, and when it is due.
class Schedule {
 public:
  explicit Schedule(const HttpLoadOptions& options)
      : options_(options), begin_(Clock::now()), prng_(options.seed) {}

  struct Slot {
    uint64_t number;
    Clock::time_point due;
  };
  std::optional<Slot> next() {
    const std::lock_guard lock(mutex_);
    if (options_.requests != 0 && number_ >= options_.requests) return std::nullopt;
    Clock::time_point due = Clock::now();
    if (options_.rate > 0) {
      // The times between random arrivals.
      due_seconds_ += -det_log(1 - prng_.uniform()) / options_.rate;
      due = begin_ + std::chrono::duration_cast<Clock::duration>(Seconds(due_seconds_));
    }
    if (options_.seconds > 0 && Seconds(due - begin_).count() > options_.seconds) {
      return std::nullopt;
    }
    return Slot{number_++, due};
  }
  Clock::time_point begin() const { return begin_; }

 private:
  const HttpLoadOptions& options_;
  const Clock::time_point begin_;
  std::mutex mutex_;
  Prng prng_;
  uint64_t number_ = 0;
  double due_seconds_ = 0;
};

// One connection, opened when it is needed and kept as long as the server keeps it.
class Connection {
 public:
  explicit Connection(const HttpLoadOptions& options) : options_(options) {}

  struct Answer {
    int status = 0;
    Clock::time_point first_byte;
    uint64_t body_bytes = 0;
  };
  Answer send(const std::string& body) {
    // A connection that was kept may have been closed in the meantime: once more on a new one.
    const bool was_kept = stream_.has_value();
    Answer answer = try_send(body);
    if (answer.status == 0 && was_kept) answer = try_send(body);
    return answer;
  }

 private:
  Answer try_send(const std::string& body) {
    Answer answer;
    beast::error_code error;
    if (!stream_) {
      stream_.emplace(context_);
      const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(options_.host, error),
                                             options_.port);
      stream_->socket().connect(endpoint, error);
      if (error) return close(answer);
      stream_->socket().set_option(asio::ip::tcp::no_delay(true), error);
      const auto timeout = static_cast<int>(options_.timeout_seconds * 1000);
      const timeval limit = {.tv_sec = timeout / 1000, .tv_usec = timeout % 1000 * 1000};
      setsockopt(stream_->socket().native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }
    http::request<http::string_body> request(http::verb::post, options_.target, 11);
    request.set(http::field::host, options_.host);
    request.set(http::field::content_type, "application/json");
    request.body() = body;
    request.prepare_payload();
    http::write(stream_->socket(), request, error);
    if (error) return close(answer);
    http::response_parser<http::string_body> parser;
    parser.body_limit(uint64_t{64} << 20);
    http::read_header(stream_->socket(), buffer_, parser, error);
    if (error) return close(answer);
    while (!parser.is_done() && parser.get().body().empty()) {
      http::read_some(stream_->socket(), buffer_, parser, error);
      if (error) return close(answer);
    }
    answer.first_byte = Clock::now();
    http::read(stream_->socket(), buffer_, parser, error);
    if (error) return close(answer);
    answer.status = static_cast<int>(parser.get().result_int());
    answer.body_bytes = parser.get().body().size();
    if (!parser.get().keep_alive()) close(answer);
    return answer;
  }
  Answer close(const Answer& answer) {
    stream_.reset();
    buffer_.clear();
    return answer;
  }

  const HttpLoadOptions& options_;
  asio::io_context context_;
  std::optional<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
};

}  // namespace

uint64_t HttpLoadResult::answered() const {
  const auto it = by_status.find(200);
  return it == by_status.end() ? 0 : it->second;
}

double HttpLoadResult::quantile(const std::vector<double>& ascending, double part) {
  ASSAY_CHECK(!ascending.empty());
  const double place = part * static_cast<double>(ascending.size());
  auto index = static_cast<size_t>(place);
  if (static_cast<double>(index) == place && index > 0) --index;
  return ascending[std::min(index, ascending.size() - 1)];
}

Result<HttpLoadResult> run_http_load(const HttpLoadOptions& options) {
  if (options.bodies.empty()) return invalid_argument("there is no body to send");
  if (options.connections < 1 || options.connections > kConnectionsMax) {
    return invalid_argument("connections is " + std::to_string(options.connections) +
                            "; expected 1 to " + std::to_string(kConnectionsMax));
  }
  if (options.requests == 0 && options.seconds <= 0) {
    return invalid_argument("say how many requests, or for how many seconds");
  }
  Schedule schedule(options);
  HttpLoadResult result;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < options.connections; ++i) {
    threads.emplace_back([&] {
      Connection connection(options);
      HttpLoadResult own;
      while (const auto slot = schedule.next()) {
        std::this_thread::sleep_until(slot->due);
        const auto answer = connection.send(options.bodies[slot->number % options.bodies.size()]);
        ++own.by_status[answer.status];
        own.body_bytes += answer.body_bytes;
        if (answer.status != 200) continue;
        own.latencies.push_back(Seconds(Clock::now() - slot->due).count());
        own.first_bytes.push_back(Seconds(answer.first_byte - slot->due).count());
      }
      const std::lock_guard lock(mutex);
      for (const auto& [status, count] : own.by_status) result.by_status[status] += count;
      result.latencies.insert(result.latencies.end(), own.latencies.begin(), own.latencies.end());
      result.first_bytes.insert(result.first_bytes.end(), own.first_bytes.begin(),
                                own.first_bytes.end());
      result.body_bytes += own.body_bytes;
    });
  }
  for (std::thread& thread : threads) thread.join();
  result.seconds = Seconds(Clock::now() - schedule.begin()).count();
  std::sort(result.latencies.begin(), result.latencies.end());
  std::sort(result.first_bytes.begin(), result.first_bytes.end());
  return result;
}

}  // namespace assay
