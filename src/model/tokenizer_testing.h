// What the tests of tokenizers share: the fixtures of testdata/tokenizer (SOURCE.md), which public
// libraries made, and texts that are hard on an engine. Test only; heavy.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/prng.h"
#include "model/tokenizer_json.h"

namespace assay {

inline std::string fixture_path(const std::string& name) {
  return ASSAY_TESTDATA "/tokenizer/" + name;
}

inline Json fixture_json(const std::string& name) {
  return parse_json(read_text_file(fixture_path(name), 64 << 20).value(), name).value();
}

inline std::vector<std::string> fixture_texts() {
  return fixture_json("texts.json").get<std::vector<std::string>>();
}

// The file with some of its members, or of those of its model, replaced.
inline Json changed(Json file, const Json& change) {
  for (const auto& [key, value] : change.items()) {
    Json& owner = file["model"].contains(key) ? file["model"] : file;
    owner[key] = value;
  }
  return file;
}

inline Result<std::unique_ptr<Tokenizer>> tokenizer_of(const Json& file,
                                                       const TokenizerHints& hints = {}) {
  ASSAY_ASSIGN_OR_RETURN(AnyVocabulary vocabulary,
                         parse_tokenizer_json(file.dump(), hints, "t.json"));
  return create_tokenizer(std::move(vocabulary), "t.json");
}

// Bytes of no meaning, often enough from few values that words and merges come about.
inline std::string random_bytes(Prng& prng, size_t bytes_max) {
  static constexpr std::string_view kCommon = " the 'sing\n12\xC3\xA9\xE6\x88\x91\xCC\x81";
  std::string out(prng.below(bytes_max + 1), '\0');
  const uint64_t kind = prng.below(3);
  for (char& c : out) {
    const bool common = kind == 0 || (kind == 1 && prng.below(4) != 0);
    c = common ? kCommon[prng.below(kCommon.size())]
               : static_cast<char>(static_cast<uint8_t>(prng.below(256)));
  }
  return out;
}

// What texts are made of that a quadratic engine would not come back from.
struct LongText {
  const char* name;
  std::string unit;
};
inline std::vector<LongText> long_texts() {
  return {{"OneLetter", "a"},
          {"OneCapital", "A"},
          {"Spaces", " "},
          {"Digits", "7"},
          {"Lines", "\n"},
          {"CombiningMarks", "\xCC\x81"},
          {"MarksOutOfOrder", "\xCC\x81\xCC\xA3"},
          {"Ideographs", "\xE6\x88\x91"},
          {"Emoji", "\xF0\x9F\x9A\x80"},
          {"NoUtf8", "\xFF"},
          {"Punctuation", "'"}};
}
inline std::string repeated(const std::string& unit, size_t bytes) {
  std::string out;
  out.reserve(bytes);
  while (out.size() + unit.size() <= bytes) out += unit;
  return out;
}

}  // namespace assay
