// How SentencePiece writes spaces and bytes in its pieces. Shared by its two engines. Tested in
// spm_tokenizer_test.cc and unigram_tokenizer_test.cc.
// Source: SentencePiece, src/normalizer.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

inline constexpr std::string_view kMetaSpace = "\xE2\x96\x81";  // U+2581, stands for a space
// What SentencePiece shows for an unknown token: U+2047 between spaces.
inline constexpr std::string_view kUnknownSurface = " \xE2\x81\x87 ";

// What is put before a text, so that a word is the same piece at its start and after a space.
// The values are part of the tokenizer digest.
enum class SpacePrefix : uint8_t { kNone = 0, kAlways = 1, kUnlessPresent = 2 };

// The text with U+2581 for spaces, and its prefix. collapse: spaces at the ends are dropped and
// runs of them become one. An empty text stays empty.
std::string escaped_spaces(std::string_view text, SpacePrefix prefix, bool collapse);
// A space for each U+2581.
std::string unescaped_spaces(std::string_view piece);
// The value of "<0x0A>", or -1 for any other spelling.
int byte_token_value(std::string_view piece);

}  // namespace assay
