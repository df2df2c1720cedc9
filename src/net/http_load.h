// HttpLoad: requests to a server, as many as it takes (closed loop) or at a rate that does not care
// whether it keeps up (open loop: a late answer counts from when its request was due, so that a
// server that stalls cannot hide it). For benchmarks and soaks. Tested in http_load_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace assay {

struct HttpLoadOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string target = "/";
  std::vector<std::string> bodies;  // sent in turn; at least one
  size_t connections = 1;           // requests at a time, at most
  size_t requests = 0;              // in all; 0: until seconds are over
  double seconds = 0;               // no request begins later; 0: until all were sent
  double rate = 0;                  // requests a second, at random moments; 0: closed loop
  uint64_t seed = 1;                // of these moments
  double timeout_seconds = 60;      // of one request
};

struct HttpLoadResult {
  std::map<int, uint64_t> by_status;  // 0: no answer
  double seconds = 0;                 // from the first request to the last answer
  // Of requests with status 200, in seconds, ascending.
  std::vector<double> latencies;
  std::vector<double> first_bytes;  // until the first byte of the body
  uint64_t body_bytes = 0;

  uint64_t answered() const;  // with status 200
  // The smallest latency that so large a part of them does not exceed. Pre: not empty (CHECK).
  static double quantile(const std::vector<double>& ascending, double part);
};

// Each connection is a thread that waits for its answers. Errors: INVALID_ARGUMENT.
Result<HttpLoadResult> run_http_load(const HttpLoadOptions& options);

}  // namespace assay
