#include "model/byte_alphabet.h"

#include <array>

#include "model/unicode.h"

namespace assay {
namespace {

constexpr uint32_t kCharacters = 0x100 + 68;  // 68 bytes are not printable in Latin-1

struct Alphabet {
  Alphabet() {
    bytes.fill(-1);
    uint32_t next = 0x100;
    for (uint32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b != 0xAD);
      const uint32_t c = printable ? b : next++;
      append_utf8(characters[b], c);
      bytes[c] = static_cast<int16_t>(b);
    }
  }
  std::array<std::string, 256> characters;
  std::array<int16_t, kCharacters> bytes;
};

const Alphabet& alphabet() {
  static const Alphabet made;
  return made;
}

}  // namespace

std::string_view alphabet_character(uint8_t byte) { return alphabet().characters[byte]; }

std::string spelled_in_alphabet(std::string_view bytes) {
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) out += alphabet_character(static_cast<uint8_t>(c));
  return out;
}

std::optional<std::string> bytes_of_alphabet(std::string_view characters) {
  std::string out;
  out.reserve(characters.size());
  while (!characters.empty()) {
    const CodePoint c = first_code_point(characters);
    if (c.bytes == 0 || c.value >= kCharacters || alphabet().bytes[c.value] < 0) return {};
    out.push_back(static_cast<char>(static_cast<uint8_t>(alphabet().bytes[c.value])));
    characters.remove_prefix(c.bytes);
  }
  return out;
}

}  // namespace assay
