// What all connections of one server share: its options, routes and totals. Internal to the server.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/http_server.h"

namespace assay {

struct HttpRoute {
  std::string path;                                          // as registered: the label of metrics
  std::map<std::string, HttpHandler, std::less<>> handlers;  // by method
  HttpRouteOptions options;

  // For Allow: also what the server answers itself.
  std::string allowed() const;
};

class HttpRoutes {
 public:
  // Pre: the path starts with '/'; this pair is new (CHECK).
  void add(std::string method, std::string path, HttpHandler handler, HttpRouteOptions options);
  // The route of a decoded path, and what "/*" left open; null when there is none. The longest
  // prefix wins, an exact path before any.
  const HttpRoute* find(std::string_view path, std::string& rest) const;

 private:
  std::map<std::string, HttpRoute, std::less<>> exact_;
  std::map<std::string, HttpRoute, std::less<>> prefixes_;  // key: the path without '*'
};

// How many connections there are, in total and from one address. Threads: safe.
class ConnectionCensus {
 public:
  enum class Verdict : uint8_t { kAdmitted, kTooMany, kTooManyFromAddress };
  Verdict enter(const std::string& address, const HttpLimits& limits);
  void leave(const std::string& address);
  size_t count() const;
  // False when some are left at the deadline.
  bool wait_until_empty(std::chrono::steady_clock::time_point deadline) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable empty_;
  size_t count_ = 0;
  std::unordered_map<std::string, size_t> by_address_;
};

struct HttpService {
  HttpServerOptions options;
  HttpRoutes routes;
  ConnectionCensus census;
  std::atomic<bool> stopping{false};
  std::atomic<size_t> body_bytes{0};  // of requests that are being received or answered

  HttpObserver& observer() const { return *options.observer; }
  HttpResponse error_response(const HttpRequest& request, const HttpError& error) const;
};

}  // namespace assay
