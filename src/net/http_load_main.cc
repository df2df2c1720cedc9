// http-load: puts a server under load and prints what came of it as one JSON object.
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/json.h"
#include "net/http_load.h"

namespace assay {
namespace {

constexpr const char* kUsage =
    "usage: http-load PORT TARGET BODIES [--connections N] [--requests N] [--seconds S]\n"
    "                 [--rate R] [--seed S] [--timeout S]\n"
    "  BODIES: a file with one body a line, sent in turn\n"
    "  --rate: requests a second at random moments (open loop); without it every connection sends\n"
    "          its next request when it has its answer\n";

template <typename T>
bool parse(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_option(std::string_view name, std::string_view value, HttpLoadOptions& options) {
  if (name == "--connections") return parse(value, options.connections);
  if (name == "--requests") return parse(value, options.requests);
  if (name == "--seconds") return parse(value, options.seconds);
  if (name == "--rate") return parse(value, options.rate);
  if (name == "--seed") return parse(value, options.seed);
  if (name == "--timeout") return parse(value, options.timeout_seconds);
  return false;
}

Json quantiles(const std::vector<double>& ascending) {
  Json out = Json::object();
  if (ascending.empty()) return out;
  const auto ms = [&](double part) { return 1000 * HttpLoadResult::quantile(ascending, part); };
  out = {{"p50", ms(0.5)}, {"p95", ms(0.95)}, {"p99", ms(0.99)}, {"max", ms(1)}};
  return out;
}

int run(int argc, char** argv) {
  HttpLoadOptions options;
  bool fits = argc >= 4 && argc % 2 == 0 && parse(argv[1], options.port);
  for (int i = 4; fits && i < argc; i += 2) fits = parse_option(argv[i], argv[i + 1], options);
  if (!fits) {
    std::fputs(kUsage, stderr);
    return 64;
  }
  options.target = argv[2];
  const auto text = read_text_file(argv[3], uint64_t{64} << 20);
  if (!text.ok()) {
    std::fprintf(stderr, "http-load: %s\n", text.status().message().c_str());
    return 66;
  }
  for (size_t at = 0; at < text->size();) {
    const size_t end = std::min(text->find('\n', at), text->size());
    if (end > at) options.bodies.push_back(text->substr(at, end - at));
    at = end + 1;
  }
  const auto result = run_http_load(options);
  if (!result.ok()) {
    std::fprintf(stderr, "http-load: %s\n", result.status().message().c_str());
    return 64;
  }
  Json statuses = Json::object();
  for (const auto& [status, count] : result->by_status) statuses[std::to_string(status)] = count;
  const Json out = {
      {"seconds", result->seconds},
      {"statuses", statuses},
      {"requests_per_second", static_cast<double>(result->answered()) / result->seconds},
      {"latency_ms", quantiles(result->latencies)},
      {"first_byte_ms", quantiles(result->first_bytes)},
      {"body_bytes", result->body_bytes}};
  std::printf("%s\n", out.dump(2).c_str());
  return result->by_status.contains(0) ? 1 : 0;
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) { return assay::run(argc, argv); }
