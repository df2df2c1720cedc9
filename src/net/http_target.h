// The target of a request: path and query, percent-decoded once. Tested in http_target_test.cc,
// fuzzed in http_target_fuzz.cc. Source: RFC 3986, RFC 9112 section 3.2.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace assay {

constexpr size_t kQueryParametersMax = 256;

enum class PlusMeaning : uint8_t { kPlus, kSpace };  // kSpace: in a query

// Errors: INVALID_ARGUMENT for % without two hexadecimal digits, and for what decodes to a control
// character or is no UTF-8.
Result<std::string> percent_decode(std::string_view text, PlusMeaning plus = PlusMeaning::kPlus);
// Everything but unreserved characters becomes %XX.
std::string percent_encode(std::string_view text);

struct HttpTarget {
  std::string path;  // starts with '/', or is "*"
  std::vector<std::pair<std::string, std::string>> query;
  std::string host;  // of an absolute form
};
// Origin form ("/a?b=c"), absolute form ("http://host/a") and "*". Dot segments are not resolved:
// routes are compared exactly. Errors: INVALID_ARGUMENT.
Result<HttpTarget> parse_target(std::string_view target);

// host or host:port of a Host field: a name, an IPv4 address or an IPv6 address in brackets.
bool is_host(std::string_view host);

}  // namespace assay
