#include "model/unigram_tokenizer.h"

#include <algorithm>
#include <cmath>

#include "model/tensor_rules.h"
#include "model/unicode.h"

namespace assay {
namespace {

// What an unknown character scores below the worst piece.
constexpr double kUnknownPenalty = 10;

bool has_inner_space(std::string_view piece) {
  return piece.find(kMetaSpace, piece.starts_with(kMetaSpace) ? kMetaSpace.size() : 0) !=
         piece.npos;
}

}  // namespace

// The best way to write one word, found from left to right: at each place, the best sum of scores
// of a way that ends there and the piece it ends with. A piece has at most 2 kPieceBytesMax bytes,
// so only that many sums are needed at a time.
class UnigramTokenizer::Lattice {
 public:
  Lattice(const UnigramTokenizer& tokenizer, std::vector<TokenId>& ids)
      : tokenizer_(tokenizer), ids_(ids) {}

  void encode(std::string_view word) {
    // The last piece of the best way to each place: its id; or kUnknown less the bytes of an
    // unknown character; or kUnknown itself for a place that nothing has reached.
    last_.assign(word.size() + 1, kUnknown);
    scores_.resize(std::max(scores_.size(), std::min(kWindow, word.size() + 1)));
    score(0) = 0;
    for (size_t at = 0; at < word.size();) {
      const std::string_view rest = word.substr(at);
      const size_t character = std::max<size_t>(first_code_point(rest).bytes, 1);
      const double here = score(at);
      bool single = false;
      tokenizer_.pieces_.for_each_prefix(rest, [&](const PrefixIndex::Entry& piece) {
        const size_t bytes = piece.text.size();
        single = single || bytes == character;
        reach(at + bytes, here + tokenizer_.score_of(piece.id), piece.id);
      });
      if (!single) {
        reach(at + character, here + tokenizer_.unknown_score_,
              kUnknown - static_cast<TokenId>(character));
      }
      at += character;
    }
    collect(word);
  }

 private:
  static constexpr TokenId kUnknown = -1;
  static constexpr size_t kWindow = 4 * kPieceBytesMax;

  double& score(size_t at) { return scores_[at % kWindow]; }

  void reach(size_t at, double value, TokenId id) {
    // Of equal ways the first found stays, which is the one with the longest last piece.
    if (last_[at] != kUnknown && value <= score(at)) return;
    score(at) = value;
    last_[at] = id;
  }

  void collect(std::string_view word) {
    const size_t before = ids_.size();
    size_t unknown_end = 0;  // of a run of unknown characters, which is one token
    for (size_t at = word.size(); at > 0;) {
      const TokenId id = last_[at];
      if (id >= 0) {
        ids_.push_back(id);
        at -= tokenizer_.vocabulary_.tokens[static_cast<size_t>(id)].text.size();
        continue;
      }
      const auto bytes = static_cast<size_t>(kUnknown - id);
      if (tokenizer_.byte_fallback_) {
        for (size_t i = 0; i < bytes; ++i) {
          ids_.push_back(tokenizer_.byte_ids_[static_cast<uint8_t>(word[at - 1 - i])]);
        }
      } else if (unknown_end != at) {
        ids_.push_back(tokenizer_.vocabulary_.unknown);
      }
      at -= bytes;
      unknown_end = at;
    }
    std::reverse(ids_.begin() + static_cast<std::ptrdiff_t>(before), ids_.end());
  }

  const UnigramTokenizer& tokenizer_;
  std::vector<TokenId>& ids_;
  std::vector<double> scores_;  // a ring of up to kWindow
  std::vector<TokenId> last_;
};

Result<std::unique_ptr<Tokenizer>> UnigramTokenizer::create(UnigramVocabulary vocabulary,
                                                            const std::string& source) {
  const Options asked = {.space_prefix = vocabulary.space_prefix,
                         .space_scope = vocabulary.space_scope,
                         .collapse_spaces = vocabulary.collapse_spaces,
                         .split_words = vocabulary.split_words};
  auto tokenizer =
      std::make_unique<UnigramTokenizer>(Unchecked{}, static_cast<Vocabulary&&>(vocabulary));
  ASSAY_RETURN_IF_ERROR(tokenizer->check(source));
  ASSAY_RETURN_IF_ERROR(tokenizer->index_pieces(source));
  tokenizer->settle_options(asked);
  tokenizer->compute_digest();
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

Status UnigramTokenizer::index_pieces(const std::string& source) {
  byte_ids_.fill(-1);
  bytes_.reserve(size());
  std::vector<PrefixIndex::Entry> pieces;
  size_t byte_tokens = 0;
  double score_min = 0;
  for (size_t i = 0; i < size(); ++i) {
    VocabularyToken& token = vocabulary_.tokens[i];
    const auto id = static_cast<TokenId>(i);
    if (token.kind == TokenKind::kByte) {
      const int value = byte_token_value(token.text);
      if (value < 0) {
        return data_loss(token_in(source, i) + " is a byte token but is spelled " +
                         in_quotes(token.text) + ", not for example \"<0x0A>\"");
      }
      // Spelled alike they would be there twice.
      byte_ids_[static_cast<size_t>(value)] = id;
      ++byte_tokens;
      bytes_.emplace_back(1, static_cast<char>(static_cast<uint8_t>(value)));
      continue;
    }
    bytes_.push_back(unescaped_spaces(token.text));
    if (token.kind != TokenKind::kNormal) continue;
    if (!std::isfinite(token.score)) {
      return data_loss(token_in(source, i) + " " + in_quotes(token.text) +
                       ": its score is not a number");
    }
    score_min = pieces.empty() ? token.score : std::min(score_min, token.score);
    pieces.push_back({token.text, id});
  }
  if (byte_tokens != 0 && byte_tokens != 256) {
    return data_loss(source + ": " + std::to_string(byte_tokens) +
                     " byte tokens; expected 256 or none");
  }
  byte_fallback_ = byte_tokens == 256;
  if (!byte_fallback_ && vocabulary_.unknown < 0) {
    return data_loss(source + ": neither byte tokens nor an unknown token; not every text could " +
                     "be encoded");
  }
  unknown_score_ = score_min - kUnknownPenalty;
  cuts_words_ = std::none_of(pieces.begin(), pieces.end(), [](const PrefixIndex::Entry& piece) {
    return has_inner_space(piece.text);
  });
  pieces_ = PrefixIndex(std::move(pieces));
  return ok_status();
}

// Ways to say the same are made one, so that the digest is that of the function.
void UnigramTokenizer::settle_options(const Options& asked) {
  options_ = asked;
  options_.split_words = asked.split_words && !cuts_words_;
  // Without spaces at its start, a text never has its prefix already.
  if (options_.collapse_spaces && options_.space_prefix == SpacePrefix::kUnlessPresent) {
    options_.space_prefix = SpacePrefix::kAlways;
  }
  cuts_words_ = cuts_words_ || options_.split_words;
}

// docs/formats/tokenizer-digest.md
void UnigramTokenizer::compute_digest() {
  Bytes out = digest_preimage();
  for (const VocabularyToken& token : vocabulary_.tokens) {
    // + 0.0 makes zeros of both signs one.
    append_le(out, token.kind == TokenKind::kNormal ? token.score + 0.0 : 0.0);
  }
  append_le(out, static_cast<uint8_t>(options_.space_prefix));
  append_le(out, static_cast<uint8_t>(options_.space_scope));
  append_le(out, static_cast<uint8_t>(options_.collapse_spaces ? 1 : 0));
  append_le(out, static_cast<uint8_t>(options_.split_words ? 1 : 0));
  digest_ = sha256(out);
}

Result<std::string> UnigramTokenizer::prepare(std::string clean, bool at_start) const {
  if (options_.space_scope != SpaceScope::kText) return clean;
  return escaped_spaces(clean, at_start ? options_.space_prefix : SpacePrefix::kNone,
                        options_.collapse_spaces);
}

Status UnigramTokenizer::encode_part(std::string_view text, bool at_start,
                                     TextRegex::Effort& /*effort*/,
                                     std::vector<TokenId>& ids) const {
  std::string escaped;
  if (options_.space_scope == SpaceScope::kText) {
    escaped = text;
  } else {
    const bool prefixed = at_start || options_.space_scope == SpaceScope::kEveryPart;
    escaped = escaped_spaces(text, prefixed ? options_.space_prefix : SpacePrefix::kNone,
                             options_.collapse_spaces);
  }
  Lattice lattice(*this, ids);
  if (!cuts_words_) {
    lattice.encode(escaped);
    return ok_status();
  }
  const std::string_view all = escaped;
  for (size_t start = 0; start < all.size();) {
    const size_t end = std::min(all.find(kMetaSpace, start + 1), all.size());
    lattice.encode(all.substr(start, end - start));
    start = end;
  }
  return ok_status();
}

Result<std::string> UnigramTokenizer::decode(std::span<const TokenId> ids) const {
  std::string out;
  bool at_start = options_.space_prefix != SpacePrefix::kNone;
  for (const TokenId id : ids) {
    ASSAY_RETURN_IF_ERROR(check_id(id));
    const TokenKind token = token_kind(id);
    if (token == TokenKind::kControl) continue;
    if (token == TokenKind::kUnknown) {
      out += kUnknownSurface;
    } else {
      std::string_view piece = piece_bytes(id);
      // The space that encode put before the text is no part of it.
      if (at_start && token == TokenKind::kNormal && piece.starts_with(' ')) piece.remove_prefix(1);
      out += piece;
    }
    at_start = false;
  }
  return out;
}

}  // namespace assay
