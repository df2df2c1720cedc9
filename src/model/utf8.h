// Strict UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
// Tested in utf8_test.cc.
#pragma once

#include <cstddef>
#include <string_view>

namespace assay {

// Bytes of the character that text starts with, or 0 when text is empty or does not start with a
// valid character.
size_t utf8_prefix(std::string_view text);
bool is_utf8(std::string_view text);

}  // namespace assay
