// What is decided when the header of a request is complete: may it go on, and where to. Internal to
// the server. Tested through it in http_server_test.cc and http_connection_test.cc.
#pragma once

#include <optional>

#include "net/http_service.h"

namespace assay {

// What the parser knows beside the fields themselves.
struct HttpHeadSource {
  unsigned version = 11;  // 10, 11
  uint64_t content_length = 0;
  bool has_body = false;
};

struct HttpHeadVerdict {
  std::optional<HttpError> error;  // with headers: Allow, Retry-After
  HttpHeaders headers;
  std::optional<HttpResponse> response;  // of the gate or to OPTIONS
  const HttpRoute* route = nullptr;
  const HttpHandler* handler = nullptr;
  size_t body_bytes_max = 0;
  bool expects_continue = false;
  // Framing, target and host are beyond doubt: a refusal need not end the connection.
  bool is_sound = false;
};

// Completes the request from its method, target and headers, and judges it.
HttpHeadVerdict check_http_head(const HttpService& service, const HttpHeadSource& head,
                                HttpRequest& request);

// The answer to what the parser refused.
enum class HttpParseFault : uint8_t { kMalformed, kHeaderTooLarge, kBodyTooLarge };
HttpError http_parse_error(HttpParseFault fault, std::string_view reason, size_t body_bytes_max);

}  // namespace assay
