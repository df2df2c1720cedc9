// The first byte says what the others are: a tokenizer.model, a tokenizer.json, or a text for a
// fixed tokenizer. A vocabulary is refused with an error that names the source, or gives a
// tokenizer that takes any bytes. What it encodes, it decodes to the same text. Seeds:
// testdata/fuzz/tokenizer_fuzz.
#include "base/check.h"
#include "model/spm_tokenizer.h"
#include "model/tokenizer_json.h"
#include "model/tokenizer_model.h"

namespace assay {
namespace {

// The texts that decode gives back as they were: U+2581 is read as a space.
bool is_lossless(const SpmVocabulary& vocabulary, std::string_view text) {
  bool bytes = false;
  bool space = false;
  for (const SpmPiece& piece : vocabulary.pieces) {
    bytes = bytes || piece.kind == TokenKind::kByte;
    space = space || (piece.kind == TokenKind::kNormal && piece.text == kMetaSpace);
  }
  const bool prefix = vocabulary.space_prefix != SpacePrefix::kUnlessPresent ||
                      (!text.empty() && text.front() != ' ');
  return bytes && space && prefix && !vocabulary.collapse_spaces &&
         text.find(kMetaSpace) == text.npos;
}

void exercise(const Tokenizer& tokenizer, const SpmVocabulary& vocabulary, std::string_view text) {
  const auto ids = tokenizer.encode(text);
  ASSAY_CHECK(ids.ok());
  for (const TokenId id : *ids) {
    ASSAY_CHECK(id >= 0 && static_cast<size_t>(id) < tokenizer.size());
    ASSAY_CHECK(tokenizer.token_kind(id) != TokenKind::kControl);
  }
  const auto decoded = tokenizer.decode(*ids);
  ASSAY_CHECK(decoded.ok());
  if (is_lossless(vocabulary, text)) ASSAY_CHECK(*decoded == text);
}

void try_vocabulary(const Result<SpmVocabulary>& vocabulary, std::string_view text) {
  if (!vocabulary.ok()) {
    ASSAY_CHECK(vocabulary.status().message().starts_with("fuzz"));
    return;
  }
  const auto tokenizer = SpmTokenizer::create(*vocabulary, "fuzz");
  if (!tokenizer.ok()) {
    ASSAY_CHECK(tokenizer.status().message().starts_with("fuzz"));
    return;
  }
  exercise(**tokenizer, *vocabulary, text.substr(0, 256));
  exercise(**tokenizer, *vocabulary, " Hello  w\xC3\xB6rld\n\xFF");
  for (size_t id = 0; id < (*tokenizer)->size(); ++id) {
    (void)(*tokenizer)->piece_bytes(static_cast<TokenId>(id));
  }
}

void try_any(Result<AnyVocabulary> vocabulary, std::string_view text) {
  if (!vocabulary.ok()) {
    ASSAY_CHECK(vocabulary.status().message().starts_with("fuzz"));
  } else if (const auto* spm = std::get_if<SpmVocabulary>(&*vocabulary)) {
    try_vocabulary(*spm, text);
  } else {
    const auto tokenizer = create_tokenizer(std::move(*vocabulary), "fuzz");
    if (tokenizer.ok()) (void)(*tokenizer)->encode(text.substr(0, 256));
  }
}

// Every kind of piece, with ties and pieces inside each other.
SpmVocabulary fixed_vocabulary() {
  SpmVocabulary out;
  out.pieces = {{"<unk>", 0, TokenKind::kUnknown},
                {"<s>", 0, TokenKind::kControl},
                {"</s>", 0, TokenKind::kControl}};
  static constexpr char kDigits[] = "0123456789ABCDEF";
  for (size_t b = 0; b < 256; ++b) {
    out.pieces.push_back(
        {std::string("<0x") + kDigits[b / 16] + kDigits[b % 16] + ">", 0, TokenKind::kByte});
  }
  for (const char* text : {"\xE2\x96\x81", "a", "b", "c", "\xC3\xA9", "<", "s", ">"}) {
    out.pieces.push_back({text, 0, TokenKind::kNormal});
  }
  float score = 0;
  for (const char* text : {"\xE2\x96\x81\xE2\x96\x81", "aa", "ab", "ba", "aab", "bb",
                           "\xE2\x96\x81"
                           "a",
                           "\xE2\x96\x81"
                           "ab",
                           "abab", "aaaa", "c\xC3\xA9", "<s", "s>", "b\xE2\x96\x81"}) {
    out.pieces.push_back({text, score, TokenKind::kNormal});
    score -= 0.5F * static_cast<float>(out.pieces.size() % 3);  // some are equal
  }
  out.pieces.push_back({"aba", 1, TokenKind::kUnused});
  out.pieces.push_back({"abaaba", -9, TokenKind::kNormal});
  out.pieces.push_back({"cab", 0, TokenKind::kUserDefined});
  out.pieces.push_back({"cabb", 0, TokenKind::kUserDefined});
  out.pieces.push_back({"\n\n", 0, TokenKind::kUserDefined});
  out.unknown = 0;
  out.bos = 1;
  out.eos = 2;
  return out;
}

struct FixedTokenizer {
  SpmVocabulary vocabulary = fixed_vocabulary();
  std::unique_ptr<Tokenizer> tokenizer = SpmTokenizer::create(vocabulary, "fuzz").value();
};

}  // namespace
}  // namespace assay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      assay::try_any(assay::parse_tokenizer_model(assay::as_bytes(rest), "fuzz"), rest);
      return 0;
    case 1:
      assay::try_any(assay::parse_tokenizer_json(rest, {}, "fuzz"), rest);
      return 0;
    default: {
      static const assay::FixedTokenizer kFixed;
      assay::exercise(*kFixed.tokenizer, kFixed.vocabulary, rest);
      return 0;
    }
  }
}
