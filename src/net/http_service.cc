#include "net/http_service.h"

#include "base/check.h"

namespace assay {

std::string HttpRoute::allowed() const {
  std::string list;
  for (const auto& [method, handler] : handlers) list += method + ", ";
  if (handlers.contains("GET") && !handlers.contains("HEAD")) list += "HEAD, ";
  return list + "OPTIONS";
}

void HttpRoutes::add(std::string method, std::string path, HttpHandler handler,
                     HttpRouteOptions options) {
  ASSAY_CHECK(path.starts_with('/') && handler != nullptr);
  const bool is_prefix = path.ends_with("/*");
  auto& table = is_prefix ? prefixes_ : exact_;
  HttpRoute& route = table[is_prefix ? path.substr(0, path.size() - 1) : path];
  route.path = std::move(path);
  route.options = options;
  ASSAY_CHECK(route.handlers.emplace(std::move(method), std::move(handler)).second);
}

const HttpRoute* HttpRoutes::find(std::string_view path, std::string& rest) const {
  if (const auto found = exact_.find(path); found != exact_.end()) return &found->second;
  if (prefixes_.empty()) return nullptr;
  for (size_t slash = path.rfind('/'); slash != path.npos; slash = path.rfind('/', slash - 1)) {
    const auto found = prefixes_.find(path.substr(0, slash + 1));
    if (found != prefixes_.end() && path.size() > slash + 1) {
      rest = std::string(path.substr(slash + 1));
      return &found->second;
    }
    if (slash == 0) break;
  }
  return nullptr;
}

ConnectionCensus::Verdict ConnectionCensus::enter(const std::string& address,
                                                  const HttpLimits& limits) {
  const std::lock_guard lock(mutex_);
  if (count_ >= limits.connections_max) return Verdict::kTooMany;
  size_t& here = by_address_[address];
  if (here >= limits.connections_per_address_max) return Verdict::kTooManyFromAddress;
  ++here;
  ++count_;
  return Verdict::kAdmitted;
}

void ConnectionCensus::leave(const std::string& address) {
  const std::lock_guard lock(mutex_);
  --count_;
  const auto here = by_address_.find(address);
  if (--here->second == 0) by_address_.erase(here);
  if (count_ == 0) empty_.notify_all();
}

bool ConnectionCensus::wait_until_empty(std::chrono::steady_clock::time_point deadline) const {
  std::unique_lock lock(mutex_);
  return empty_.wait_until(lock, deadline, [this] { return count_ == 0; });
}

size_t ConnectionCensus::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

HttpResponse HttpService::error_response(const HttpRequest& request, const HttpError& error) const {
  return options.shape_error ? options.shape_error(request, error) : problem_response(error);
}

}  // namespace assay
