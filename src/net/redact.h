// Takes secrets out of what is about to be logged: the last line of defence, after not logging
// them. Tested in redact_test.cc, fuzzed in redact_fuzz.cc.
#pragma once

#include <string>
#include <string_view>

namespace assay {

inline constexpr std::string_view kRedacted = "[redacted]";

// Names whose text is a secret: authorization, api_key, X-Auth-Token, password, ...
bool is_secret_name(std::string_view name);

// Replaces what follows "Bearer " or "Basic ", what stands behind such a name and '=' or ':', the
// password of a URL, keys of the form sk-..., and private keys in PEM.
std::string redact_text(std::string_view text);

}  // namespace assay
