#include "model/word_piece_tokenizer.h"

#include <algorithm>

#include "model/unicode.h"

namespace assay {

NormalizerSpec bert_normalizer() {
  return {{.kind = NormalizerKind::kBertClean},
          {.kind = NormalizerKind::kBertCjk},
          {.kind = NormalizerKind::kNfd},
          {.kind = NormalizerKind::kStripNonspacing},
          {.kind = NormalizerKind::kLowercase}};
}

Result<std::unique_ptr<Tokenizer>> WordPieceTokenizer::create(WordPieceVocabulary vocabulary,
                                                              const std::string& source) {
  const size_t word_characters_max = vocabulary.word_characters_max;
  auto tokenizer =
      std::make_unique<WordPieceTokenizer>(Unchecked{}, static_cast<Vocabulary&&>(vocabulary));
  tokenizer->word_characters_max_ = word_characters_max;
  ASSAY_RETURN_IF_ERROR(tokenizer->check(source));
  if (tokenizer->vocabulary_.unknown < 0) {
    return data_loss(source + ": there is no unknown token; not every text could be encoded");
  }
  tokenizer->index_tokens();
  tokenizer->compute_digest();
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

void WordPieceTokenizer::index_tokens() {
  std::vector<PrefixIndex::Entry> starts;
  std::vector<PrefixIndex::Entry> continuations;
  bytes_.reserve(size());
  for (size_t i = 0; i < size(); ++i) {
    const VocabularyToken& token = vocabulary_.tokens[i];
    const auto id = static_cast<TokenId>(i);
    std::string_view text = token.text;
    if (token.kind != TokenKind::kNormal) {
      bytes_.emplace_back(text);
      continue;
    }
    const bool goes_on = text.size() > kContinuation.size() && text.starts_with(kContinuation);
    if (goes_on) {
      text.remove_prefix(kContinuation.size());
      continuations.push_back({text, id});
      bytes_.emplace_back(text);
    } else {
      starts.push_back({text, id});
      bytes_.push_back(" " + token.text);
    }
  }
  starts_ = PrefixIndex(std::move(starts));
  continuations_ = PrefixIndex(std::move(continuations));
}

// docs/formats/tokenizer-digest.md
void WordPieceTokenizer::compute_digest() {
  Bytes out = digest_preimage();
  append_le(out, static_cast<uint32_t>(word_characters_max_));
  digest_ = sha256(out);
}

Status WordPieceTokenizer::encode_part(std::string_view text, bool /*at_start*/,
                                       TextRegex::Effort& /*effort*/,
                                       std::vector<TokenId>& ids) const {
  size_t start = 0;
  const auto end_word = [&](size_t end) {
    if (start < end) encode_word(text.substr(start, end - start), ids);
  };
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = first_code_point(text.substr(at));
    const size_t bytes = std::max<size_t>(c.bytes, 1);
    const bool space = c.bytes != 0 && is_white_space(c.value);
    const bool alone = c.bytes != 0 && is_punctuation(c.value);
    if (space || alone) {
      end_word(at);
      if (alone) encode_word(text.substr(at, bytes), ids);
      start = at + bytes;
    }
    at += bytes;
  }
  end_word(text.size());
  return ok_status();
}

void WordPieceTokenizer::encode_word(std::string_view word, std::vector<TokenId>& ids) const {
  const size_t before = ids.size();
  size_t characters = 0;
  for (std::string_view rest = word; !rest.empty();) {
    // A byte that is no UTF-8 is in no token.
    const size_t bytes = std::max<size_t>(first_code_point(rest).bytes, 1);
    rest.remove_prefix(bytes);
    ++characters;
  }
  std::string_view rest = characters > word_characters_max_ ? std::string_view() : word;
  while (!rest.empty()) {
    const PrefixIndex& index = rest.size() == word.size() ? starts_ : continuations_;
    const PrefixIndex::Entry* found = index.longest_prefix(rest);
    if (found == nullptr) break;
    ids.push_back(found->id);
    rest.remove_prefix(found->text.size());
  }
  if (rest.empty() && ids.size() > before) return;
  ids.resize(before);
  ids.push_back(vocabulary_.unknown);
}

Result<std::string> WordPieceTokenizer::decode(std::span<const TokenId> ids) const {
  std::string out;
  for (const TokenId id : ids) {
    ASSAY_RETURN_IF_ERROR(check_id(id));
    const TokenKind token = token_kind(id);
    if (token == TokenKind::kControl) continue;
    if (token != TokenKind::kNormal) out.push_back(' ');
    out += piece_bytes(id);
  }
  if (out.starts_with(' ')) out.erase(0, 1);
  return out;
}

}  // namespace assay
