#include "net/http_head.h"

#include <algorithm>

#include "net/http_target.h"

namespace assay {
namespace {

void take_identity(HttpRequest& request) {
  const std::string_view id = request.headers.get("X-Request-Id");
  request.request_id = is_request_id(id) ? std::string(id) : new_request_id();
  if (const auto trace = parse_traceparent(request.headers.get("traceparent"))) {
    request.trace = *trace;
  }
}

std::string_view without_port(std::string_view host) {
  const size_t colon = host.rfind(':');
  return colon == host.npos || host.ends_with(']') ? host : host.substr(0, colon);
}

std::optional<HttpError> check_framing(const HttpHeadSource& head, const HttpRequest& request) {
  if (head.version != 10 && head.version != 11) {
    return HttpError{505, "bad_version", "this server speaks HTTP/1.1 and HTTP/1.0"};
  }
  const std::string_view coding = request.headers.get("Transfer-Encoding");
  const size_t codings = request.headers.count("Transfer-Encoding");
  if (codings != 0 && (request.headers.contains("Content-Length") || head.version == 10)) {
    return HttpError{400, "bad_framing", "Transfer-Encoding beside Content-Length or in HTTP/1.0"};
  }
  if (codings > 1 || (codings == 1 && !iequals(coding, "chunked"))) {
    return HttpError{501, "bad_framing", "the only transfer coding is chunked"};
  }
  // Also a list of equal values: RFC 9112, 6.3 lets a server refuse it.
  const bool is_list = request.headers.get("Content-Length").find(',') != std::string_view::npos;
  if (request.headers.count("Content-Length") > 1 || is_list) {
    return HttpError{400, "bad_framing", "more than one Content-Length"};
  }
  return std::nullopt;
}

std::optional<HttpError> check_host(const HttpService& service, const HttpHeadSource& head,
                                    const HttpRequest& request, std::string_view target_host) {
  const size_t hosts = request.headers.count("Host");
  std::string_view host = request.headers.get("Host");
  if (hosts > 1 || (hosts == 0 && head.version == 11) || (hosts == 1 && !is_host(host))) {
    return HttpError{400, "bad_host", "exactly one Host is needed: a name or address"};
  }
  if (!target_host.empty()) host = target_host;
  const auto& known = service.options.hosts;
  const bool is_known =
      known.empty() || std::any_of(known.begin(), known.end(), [&](const std::string& name) {
        return iequals(name, host) || iequals(name, without_port(host));
      });
  if (!is_known) return HttpError{421, "unknown_host", "this server does not answer for that host"};
  return std::nullopt;
}

// Finds the handler, or what to say in its place.
void choose_route(const HttpService& service, HttpRequest& request, HttpHeadVerdict& verdict) {
  if (request.path == "*" && request.method == "OPTIONS") {
    verdict.response = HttpResponse{.status = 204, .headers = {{"Allow", "GET, HEAD, OPTIONS"}}};
    return;
  }
  verdict.route = service.routes.find(request.path, request.path_rest);
  if (verdict.route == nullptr) {
    verdict.error = HttpError{404, "no_such_path", "there is nothing at this path"};
    return;
  }
  const auto& handlers = verdict.route->handlers;
  auto handler = handlers.find(request.method);
  if (handler == handlers.end() && request.method == "HEAD") handler = handlers.find("GET");
  if (handler != handlers.end()) {
    verdict.handler = &handler->second;
  } else if (request.method == "OPTIONS") {
    verdict.response =
        HttpResponse{.status = 204, .headers = {{"Allow", verdict.route->allowed()}}};
  } else {
    verdict.error = HttpError{405, "method_not_allowed", "this path does not take that method"};
    verdict.headers.add("Allow", verdict.route->allowed());
  }
}

HttpError body_too_large(size_t bytes_max) {
  return {413, "body_too_large", "the body is larger than " + std::to_string(bytes_max) + " bytes"};
}

std::optional<HttpError> check_body(const HttpHeadSource& head, const HttpRequest& request,
                                    HttpHeadVerdict& verdict) {
  const std::string_view expect = request.headers.get("Expect");
  if (!expect.empty() && head.version == 11) {
    if (!iequals(expect, "100-continue")) {
      return HttpError{417, "bad_expect", "the only expectation that is known is 100-continue"};
    }
    verdict.expects_continue = true;
  }
  if (head.has_body && head.content_length > verdict.body_bytes_max) {
    return body_too_large(verdict.body_bytes_max);
  }
  return std::nullopt;
}

}  // namespace

HttpHeadVerdict check_http_head(const HttpService& service, const HttpHeadSource& head,
                                HttpRequest& request) {
  const HttpServerOptions& options = service.options;
  HttpHeadVerdict verdict;
  verdict.body_bytes_max = options.limits.body_bytes_max;
  take_identity(request);
  if (request.headers.size() > options.limits.headers_max) {
    verdict.error = HttpError{431, "too_many_headers", "the request has too many header fields"};
    return verdict;
  }
  verdict.error = check_framing(head, request);
  if (verdict.error) return verdict;
  Result<HttpTarget> target = parse_target(request.target);
  if (!target.ok() || (target->path == "*" && request.method != "OPTIONS")) {
    const std::string why = target.ok() ? "* is for OPTIONS" : target.status().message();
    verdict.error = HttpError{400, "bad_target", why};
    return verdict;
  }
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  verdict.error = check_host(service, head, request, target->host);
  if (verdict.error) return verdict;
  verdict.is_sound = true;

  choose_route(service, request, verdict);
  if (verdict.error) return verdict;
  if (!verdict.response && options.gate) verdict.response = options.gate(request);
  if (verdict.response) return verdict;
  if (verdict.route->options.body_bytes_max) {
    verdict.body_bytes_max = *verdict.route->options.body_bytes_max;
  }
  verdict.error = check_body(head, request, verdict);
  return verdict;
}

HttpError http_parse_error(HttpParseFault fault, std::string_view reason, size_t body_bytes_max) {
  switch (fault) {
    case HttpParseFault::kHeaderTooLarge:
      return {431, "header_too_large", "the header is larger than this server allows"};
    case HttpParseFault::kBodyTooLarge:
      return body_too_large(body_bytes_max);
    case HttpParseFault::kMalformed:
      break;
  }
  return {400, "malformed", "this is not HTTP/1.1: " + std::string(reason)};
}

}  // namespace assay
