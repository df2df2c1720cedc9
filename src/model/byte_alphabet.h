// The alphabet of byte-level BPE: GPT-2 spells each of the 256 bytes as a printable character, so
// that vocabularies are lists of words ("Ġthe" for " the"). Tested in bpe_tokenizer_test.cc.
// Source: GPT-2, src/encoder.py, bytes_to_unicode().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

// The character that spells the byte, in UTF-8.
std::string_view alphabet_character(uint8_t byte);
// The bytes as their characters, one after the other.
std::string spelled_in_alphabet(std::string_view bytes);
// The bytes that the characters spell; nothing when one of them spells none.
std::optional<std::string> bytes_of_alphabet(std::string_view characters);

}  // namespace assay
