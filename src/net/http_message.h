// HTTP messages as handlers see them: no sockets, no library types. Tested in http_message_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/trace_context.h"

namespace assay {

// Names and values in the order of the message. Names compare without regard to case.
class HttpHeaders {
 public:
  using Field = std::pair<std::string, std::string>;

  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  // Takes the place of every field of this name.
  void set(std::string_view name, std::string value);
  // The first of this name; empty when there is none.
  std::string_view get(std::string_view name) const;
  bool contains(std::string_view name) const;
  size_t count(std::string_view name) const;

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  size_t size() const { return fields_.size(); }

 private:
  std::vector<Field> fields_;
};

// Equal but for the case of ASCII letters.
bool iequals(std::string_view a, std::string_view b);
// Characters that a field may consist of: a token (RFC 9110, 5.6.2); no control character but the
// tab.
bool is_header_name(std::string_view name);
bool is_header_value(std::string_view value);

struct HttpRequest {
  std::string method;                     // "GET"
  std::string target;                     // as it came: "/v1/models?limit=3"
  std::string path;                       // decoded: "/v1/models"
  std::string path_rest;                  // what a route "/models/*" left open
  std::vector<HttpHeaders::Field> query;  // decoded, in order
  HttpHeaders headers;
  std::string body;
  std::string peer;        // address of the client: "127.0.0.1", "::1"
  std::string peer_name;   // common name of its certificate, where one was asked for and checked
  std::string request_id;  // its X-Request-Id where that is usable, else a new one
  TraceContext trace;      // its traceparent; all zero where there is none
  bool secure = false;     // came over TLS

  // The first parameter of the query with this name.
  std::optional<std::string_view> parameter(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;  // Content-Length, Date, Connection and the like are the server's
  std::string body;
};

// What went wrong before or instead of a handler; an API gives it its own shape (shape_error in
// http_server.h).
struct HttpError {
  int status = 500;
  std::string reason;  // one word for programs and metrics: "header_too_large"
  std::string detail;  // one sentence for people; no secret, nothing of the request's content
};
// RFC 9457 application/problem+json.
HttpResponse problem_response(const HttpError& error);

std::string_view http_reason_phrase(int status);

}  // namespace assay
