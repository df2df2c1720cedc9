// The first byte says what the others are: one of the files that a tokenizer is read from, the
// metadata of a GGUF file, a pattern, a character map, or a text for a fixed tokenizer of each
// kind. A vocabulary is refused with an error that names the source, or gives a tokenizer that
// takes any bytes. What byte tokens encode, they decode to the same text. Seeds:
// testdata/fuzz/tokenizer_fuzz.
#include "base/check.h"
#include "model/byte_alphabet.h"
#include "model/char_map.h"
#include "model/tokenizer_json.h"
#include "model/tokenizer_model.h"
#include "model/unicode.h"

namespace assay {
namespace {

constexpr std::string_view kTexts[] = {" Hello  w\xC3\xB6rld\n\xFF", "\xEF\xBC\xA1 12345's <x>"};

// What a vocabulary must be for decode to give a text back as it was.
bool is_lossless(const SpmVocabulary& vocabulary, std::string_view text) {
  bool bytes = false;
  bool space = false;
  for (const SpmPiece& piece : vocabulary.pieces) {
    bytes = bytes || piece.kind == TokenKind::kByte;
    space = space || (piece.kind == TokenKind::kNormal && piece.text == kMetaSpace);
  }
  const bool prefix = vocabulary.space_prefix != SpacePrefix::kUnlessPresent ||
                      (!text.empty() && text.front() != ' ');
  // U+2581 is read as a space.
  return bytes && space && prefix && !vocabulary.collapse_spaces &&
         text.find(kMetaSpace) == text.npos;
}

bool is_lossless(const BpeVocabulary& vocabulary, std::string_view /*text*/) {
  size_t bytes = 0;
  for (const VocabularyToken& token : vocabulary.tokens) {
    if (token.kind == TokenKind::kControl || token.kind == TokenKind::kUserDefined) return false;
    const auto spelled = bytes_of_alphabet(token.text);
    bytes += spelled.has_value() && spelled->size() == 1 ? 1U : 0U;
  }
  for (const SplitStep& step : vocabulary.pre_tokenizer.steps) {
    if (step.behavior == SplitBehavior::kRemoved) return false;
  }
  return bytes == 256 && vocabulary.normalizer.empty() && !vocabulary.pre_tokenizer.prefix_space;
}

bool is_lossless(const Vocabulary& /*vocabulary*/, std::string_view /*text*/) { return false; }

void exercise(const Tokenizer& tokenizer, const AnyVocabulary& vocabulary, std::string_view text) {
  const auto ids = tokenizer.encode(text);
  if (!ids.ok()) {
    ASSAY_CHECK(ids.status().code() == Code::kResourceExhausted);
    return;
  }
  const bool spm = std::holds_alternative<SpmVocabulary>(vocabulary);
  for (const TokenId id : *ids) {
    ASSAY_CHECK(id >= 0 && static_cast<size_t>(id) < tokenizer.size());
    ASSAY_CHECK(!spm || tokenizer.token_kind(id) != TokenKind::kControl);
  }
  const auto decoded = tokenizer.decode(*ids);
  ASSAY_CHECK(decoded.ok());
  const bool lossless = std::visit([&](const auto& v) { return is_lossless(v, text); }, vocabulary);
  if (lossless) ASSAY_CHECK(*decoded == text);
}

void try_vocabulary(const Result<AnyVocabulary>& vocabulary, std::string_view text) {
  if (!vocabulary.ok()) {
    ASSAY_CHECK(vocabulary.status().message().starts_with("fuzz"));
    return;
  }
  const auto tokenizer = create_tokenizer(*vocabulary, "fuzz");
  if (!tokenizer.ok()) {
    ASSAY_CHECK(tokenizer.status().message().starts_with("fuzz"));
    return;
  }
  exercise(**tokenizer, *vocabulary, text.substr(0, 256));
  for (const std::string_view fixed : kTexts) exercise(**tokenizer, *vocabulary, fixed);
  for (size_t id = 0; id < (*tokenizer)->size(); ++id) {
    (void)(*tokenizer)->piece_bytes(static_cast<TokenId>(id));
  }
}

// Takes lines from a text: what a metadata field holds.
std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// A line for the kind, one for the pre-tokenizer, one for flags and ids, then "t<kind><text>" for
// tokens and "m<left> <right>" for merges; anything else is the character map.
void try_gguf(std::string_view text) {
  Checkpoint checkpoint;
  checkpoint.path = "fuzz";
  auto& meta = checkpoint.meta;
  meta["tokenizer.ggml.model"] = std::string(take_line(text));
  meta["tokenizer.ggml.pre"] = std::string(take_line(text));
  const std::string_view flags = take_line(text);
  static constexpr const char* kFlags[] = {"add_bos_token", "add_eos_token", "add_space_prefix",
                                           "remove_extra_whitespaces"};
  static constexpr const char* kIds[] = {"bos_token_id", "eos_token_id", "unknown_token_id",
                                         "cls_token_id", "seperator_token_id"};
  for (size_t i = 0; i < flags.size(); ++i) {
    const std::string prefix = "tokenizer.ggml.";
    if (i < std::size(kFlags)) {
      if (flags[i] != '-') meta[prefix + kFlags[i]] = flags[i] == '1';
    } else if (i < std::size(kFlags) + std::size(kIds)) {
      const auto id = static_cast<uint8_t>(flags[i]);
      if (flags[i] != '-') meta[prefix + kIds[i - std::size(kFlags)]] = uint64_t{id} - '0';
    }
  }
  std::vector<std::string> tokens;
  std::vector<std::string> merges;
  std::vector<int64_t> types;
  std::vector<double> scores;
  std::vector<int64_t> map;
  const std::string_view body = text;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.size() > 1 && line[0] == 't') {
      types.push_back(line[1] - '0');
      tokens.emplace_back(line.substr(2));
      scores.push_back(-static_cast<double>(line.size() % 7) - static_cast<double>(tokens.size()));
    } else if (line.starts_with('m')) {
      merges.emplace_back(line.substr(1));
    } else {
      for (const char c : line) map.push_back(c);
    }
  }
  meta["tokenizer.ggml.tokens"] = tokens;
  meta["tokenizer.ggml.merges"] = merges;
  meta["tokenizer.ggml.token_type"] = types;
  meta["tokenizer.ggml.scores"] = scores;
  if (!map.empty()) meta["tokenizer.ggml.precompiled_charsmap"] = map;
  const auto tokenizer = open_tokenizer(checkpoint);
  if (!tokenizer.ok()) {
    ASSAY_CHECK(tokenizer.status().message().starts_with("fuzz"));
    return;
  }
  for (const std::string_view fixed : {kTexts[0], kTexts[1], body.substr(0, 256)}) {
    const auto ids = (*tokenizer)->encode(fixed);
    if (ids.ok()) ASSAY_CHECK((*tokenizer)->decode(*ids).ok());
  }
}

void try_pattern(std::string_view rest) {
  const std::string_view pattern = take_line(rest);
  const auto regex = TextRegex::compile(pattern, "fuzz");
  if (!regex.ok()) {
    ASSAY_CHECK(regex.status().code() == Code::kUnimplemented);
    ASSAY_CHECK(regex.status().message().starts_with("fuzz"));
    return;
  }
  for_each_utf8_run(rest.substr(0, 4096), [&](std::string_view run, bool is_valid) {
    if (!is_valid) return;
    TextRegex::Effort effort(run.size());
    size_t last = 0;
    const Status status = regex->for_each_match(run, effort, [&](size_t start, size_t end) {
      ASSAY_CHECK(last <= start && start <= end && end <= run.size());
      last = end;
    });
    ASSAY_CHECK(status.ok() || status.code() == Code::kResourceExhausted);
  });
}

void try_char_map(std::string_view rest) {
  const auto map = CharMap::parse(as_bytes(rest), "fuzz");
  if (!map.ok()) {
    ASSAY_CHECK(map.status().message().starts_with("fuzz"));
    return;
  }
  for (std::string_view text = rest.substr(0, 512); !text.empty(); text.remove_prefix(1)) {
    const CharMap::Match match = map->longest_prefix(text);
    ASSAY_CHECK(match.bytes <= text.size() && match.replacement.size() <= rest.size());
  }
}

std::string byte_spelling(size_t b) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[b / 16] + kDigits[b % 16] + ">";
}

// Every kind of piece, with ties and pieces inside each other.
SpmVocabulary fixed_spm() {
  SpmVocabulary out;
  out.pieces = {{"<unk>", 0, TokenKind::kUnknown},
                {"<s>", 0, TokenKind::kControl},
                {"</s>", 0, TokenKind::kControl}};
  for (size_t b = 0; b < 256; ++b) out.pieces.push_back({byte_spelling(b), 0, TokenKind::kByte});
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

BpeVocabulary fixed_bpe(const PreTokenizerInfo& info) {
  BpeVocabulary out;
  for (int b = 0; b < 256; ++b) {
    out.tokens.push_back({.text = std::string(alphabet_character(static_cast<uint8_t>(b)))});
  }
  for (const char* merge : {"a b", "a a", "ab a", "aa b", "\xC4\xA0 a", "\xC4\xA0 \xC4\xA0",
                            "\xC3\x83 \xC2\xA9", "1 2", "' s"}) {
    out.merges.emplace_back(merge);
    std::string product = merge;
    out.tokens.push_back({.text = product.erase(product.find(' '), 1)});
  }
  out.pre_tokenizer.steps = info.steps;
  out.ignore_merges = info.ignore_merges;
  return out;
}

WordPieceVocabulary fixed_word_piece() {
  WordPieceVocabulary out;
  for (const char* text : {"[UNK]", "a", "##a", "##b", "ab", "##bb", "'", "\xE6\x88\x91"}) {
    out.tokens.push_back({.text = text});
  }
  out.tokens.push_back(
      {.text = "[MASK]", .kind = TokenKind::kControl, .find = {.strip_left = true}});
  out.unknown = 0;
  out.normalizer = bert_normalizer();
  return out;
}

UnigramVocabulary fixed_unigram() {
  UnigramVocabulary out;
  out.tokens.push_back({.text = "<unk>", .kind = TokenKind::kUnknown});
  for (size_t b = 0; b < 256; ++b) {
    out.tokens.push_back({.text = byte_spelling(b), .kind = TokenKind::kByte});
  }
  double score = -1;
  for (const char* text :
       {"\xE2\x96\x81", "a", "b", "ab", "aab", "\xE2\x96\x81\x61", "a\xE2\x96\x81"}) {
    out.tokens.push_back({.text = text, .score = score -= 0.75});
  }
  out.tokens.push_back({.text = "<x>",
                        .kind = TokenKind::kUserDefined,
                        .find = {.strip_right = true, .single_word = true, .in_normalized = true}});
  out.unknown = 0;
  out.normalizer = {{.kind = NormalizerKind::kNfkc}, {.kind = NormalizerKind::kStripRight}};
  out.space_prefix = SpacePrefix::kUnlessPresent;
  return out;
}

struct Fixed {
  Fixed() {
    vocabularies.emplace_back(fixed_spm());
    for (const char* name : pre_tokenizer_names()) {
      vocabularies.emplace_back(fixed_bpe(*find_pre_tokenizer(name)));
    }
    vocabularies.emplace_back(fixed_word_piece());
    vocabularies.emplace_back(fixed_unigram());
    for (const AnyVocabulary& vocabulary : vocabularies) {
      tokenizers.push_back(create_tokenizer(vocabulary, "fuzz").value());
    }
  }
  std::vector<AnyVocabulary> vocabularies;
  std::vector<std::unique_ptr<Tokenizer>> tokenizers;
};

void try_text(std::string_view text) {
  static const Fixed kFixed;
  for (size_t i = 0; i < kFixed.tokenizers.size(); ++i) {
    exercise(*kFixed.tokenizers[i], kFixed.vocabularies[i], text.substr(0, 4096));
  }
}

void try_vocab_and_merges(std::string_view rest) {
  const size_t cut = std::min(rest.find('\0'), rest.size());
  auto vocabulary = parse_vocab_and_merges(rest.substr(0, cut),
                                           rest.substr(std::min(cut + 1, rest.size())), {}, "fuzz");
  if (vocabulary.ok()) {
    try_vocabulary(AnyVocabulary(std::move(*vocabulary)), rest);
  } else {
    ASSAY_CHECK(vocabulary.status().message().starts_with("fuzz"));
  }
}

}  // namespace
}  // namespace assay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      assay::try_vocabulary(assay::parse_tokenizer_model(assay::as_bytes(rest), "fuzz"), rest);
      return 0;
    case 1:
      assay::try_vocabulary(assay::parse_tokenizer_json(rest, {}, "fuzz"), rest);
      return 0;
    case 2:
      assay::try_text(rest);
      return 0;
    case 3:
      assay::try_gguf(rest);
      return 0;
    case 4:
      assay::try_pattern(rest);
      return 0;
    case 5:
      assay::try_char_map(rest);
      return 0;
    default:
      assay::try_vocab_and_merges(rest);
      return 0;
  }
}
