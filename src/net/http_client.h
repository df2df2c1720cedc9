// One POST over plain HTTP, with a deadline: what the exporter of spans needs. Tested in
// http_client_test.cc.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http_message.h"

namespace assay {

struct HttpUrl {
  std::string host;  // without brackets
  std::string port;
  std::string target;
};
// "http://host[:port][/path]". Errors: INVALID_ARGUMENT; UNIMPLEMENTED for https.
Result<HttpUrl> parse_http_url(std::string_view url);

struct HttpPost {
  HttpUrl url;
  HttpHeaders headers;
  std::string body;
  std::chrono::milliseconds timeout{5000};  // for everything, from the look-up of the name on
};
// Waits for the answer, of at most 1 MiB. Errors: UNAVAILABLE, DEADLINE_EXCEEDED, DATA_LOSS.
Result<HttpResponse> http_post(const HttpPost& post);

}  // namespace assay
