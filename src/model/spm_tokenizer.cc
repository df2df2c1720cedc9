#include "model/spm_tokenizer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>

#include "model/tensor_rules.h"
#include "model/utf8.h"

namespace assay {
namespace {

constexpr std::string_view kDigestDomain = "assay.tokenizer.v1";

// Pieces that text can turn into; the others (control, byte, unknown) are never spelled by text.
bool comes_from_text(TokenKind kind) {
  return kind == TokenKind::kNormal || kind == TokenKind::kUserDefined ||
         kind == TokenKind::kUnused;
}

std::string quoted_piece(const std::string& source, size_t id) {
  return source + ": token " + std::to_string(id);
}

}  // namespace

// The merge loop over one text: a list of adjacent symbols, and the possible merges in order of
// (rank, position).
class SpmTokenizer::Merger {
 public:
  Merger(const SpmTokenizer& tokenizer, std::string_view text) : tokenizer_(tokenizer) {
    split(text);
  }

  std::vector<TokenId> run() {
    for (size_t i = 1; i < symbols_.size(); ++i) consider(index(i) - 1, index(i));
    while (!candidates_.empty()) {
      const Candidate top = candidates_.top();
      candidates_.pop();
      Symbol& left = symbols_[static_cast<size_t>(top.left)];
      if (left.text.empty() || left.next < 0) continue;
      Symbol& right = symbols_[static_cast<size_t>(left.next)];
      // Either side has been merged with something else since this was found.
      if (left.text.size() + right.text.size() != top.bytes) continue;
      left.text = {left.text.begin(), right.text.end()};
      right.text = {};
      left.next = right.next;
      if (left.next >= 0) symbols_[static_cast<size_t>(left.next)].previous = top.left;
      consider(left.previous, top.left);
      consider(top.left, left.next);
    }
    for (const Symbol& symbol : symbols_) {
      if (!symbol.text.empty()) emit(symbol.text);
    }
    return std::move(out_);
  }

 private:
  struct Symbol {
    std::string_view text;
    int32_t previous = -1;
    int32_t next = -1;
    bool frozen = false;  // a user-defined piece takes part in no merge
  };
  struct Candidate {
    uint32_t rank;
    int32_t left;
    size_t bytes;
    // priority_queue gives the largest; the best merge has the lowest rank, then the leftmost.
    bool operator<(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };

  static int32_t index(size_t i) { return static_cast<int32_t>(i); }

  void split(std::string_view text) {
    while (!text.empty()) {
      const PrefixIndex::Entry* user_defined = tokenizer_.user_defined_.longest_prefix(text);
      const bool frozen = user_defined != nullptr;
      // A byte that is no UTF-8 is a symbol of its own: no piece has it, so it falls back.
      const size_t bytes =
          frozen ? user_defined->text.size() : std::max<size_t>(utf8_prefix(text), 1);
      const int32_t at = index(symbols_.size());
      symbols_.push_back({text.substr(0, bytes), at - 1, at + 1, frozen});
      text.remove_prefix(bytes);
    }
    if (!symbols_.empty()) symbols_.back().next = -1;
  }

  void consider(int32_t left, int32_t right) {
    if (left < 0 || right < 0) return;
    const Symbol& a = symbols_[static_cast<size_t>(left)];
    const Symbol& b = symbols_[static_cast<size_t>(right)];
    if (a.frozen || b.frozen) return;
    const size_t bytes = a.text.size() + b.text.size();
    if (bytes > tokenizer_.piece_bytes_max_) return;
    const auto found = tokenizer_.ids_.find(std::string_view(a.text.begin(), b.text.end()));
    if (found == tokenizer_.ids_.end()) return;
    const auto id = static_cast<size_t>(found->second);
    candidates_.push({tokenizer_.ranks_[id], left, bytes});
    if (tokenizer_.vocabulary_.pieces[id].kind == TokenKind::kUnused) {
      unused_[found->second] = a.text.size();
    }
  }

  // An unused piece is a step on the way to longer ones; where merging ends with it, it is taken
  // apart again as it was put together. Depth: at most the characters of a piece.
  void emit(std::string_view text) {
    const auto found = tokenizer_.ids_.find(text);
    if (found == tokenizer_.ids_.end()) {
      emit_unknown(text);
      return;
    }
    const TokenId id = found->second;
    if (const auto parts = unused_.find(id); parts != unused_.end()) {
      emit(text.substr(0, parts->second));
      emit(text.substr(parts->second));
      return;
    }
    push(id);
  }

  void emit_unknown(std::string_view text) {
    if (tokenizer_.byte_fallback_) {
      for (const char c : text) push(tokenizer_.byte_ids_[static_cast<uint8_t>(c)]);
      return;
    }
    // One unknown token stands for a whole run of unknown characters.
    if (!last_unknown_) out_.push_back(tokenizer_.vocabulary_.unknown);
    last_unknown_ = true;
  }

  void push(TokenId id) {
    out_.push_back(id);
    last_unknown_ = false;
  }

  const SpmTokenizer& tokenizer_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Candidate> candidates_;
  std::unordered_map<TokenId, size_t> unused_;  // unused piece -> bytes of its left part
  std::vector<TokenId> out_;
  bool last_unknown_ = false;
};

Result<std::unique_ptr<Tokenizer>> SpmTokenizer::create(SpmVocabulary vocabulary,
                                                        const std::string& source) {
  auto tokenizer = std::make_unique<SpmTokenizer>(Unchecked{}, std::move(vocabulary));
  ASSAY_RETURN_IF_ERROR(tokenizer->check_pieces(source));
  ASSAY_RETURN_IF_ERROR(tokenizer->check_special_ids(source));
  ASSAY_RETURN_IF_ERROR(tokenizer->index_pieces(source));
  tokenizer->rank_pieces();
  tokenizer->compute_digest();
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

Status SpmTokenizer::check_pieces(const std::string& source) {
  const std::vector<SpmPiece>& pieces = vocabulary_.pieces;
  if (pieces.empty()) return data_loss(source + ": the vocabulary is empty");
  if (pieces.size() > kVocabularyMax) {
    return data_loss(source + ": a vocabulary of " + std::to_string(pieces.size()) +
                     " tokens; at most " + std::to_string(kVocabularyMax) + " are supported");
  }
  for (size_t id = 0; id < pieces.size(); ++id) {
    const SpmPiece& piece = pieces[id];
    if (piece.text.empty() && comes_from_text(piece.kind)) {
      return data_loss(quoted_piece(source, id) + " is empty");
    }
    if (piece.text.size() > kPieceBytesMax) {
      return data_loss(quoted_piece(source, id) + " has " + std::to_string(piece.text.size()) +
                       " bytes; at most " + std::to_string(kPieceBytesMax) + " are supported");
    }
    if (!is_utf8(piece.text)) {
      return data_loss(quoted_piece(source, id) + " is not UTF-8: bytes " +
                       to_hex(as_bytes(piece.text)));
    }
    if (std::isnan(piece.score)) {
      return data_loss(quoted_piece(source, id) + " " + in_quotes(piece.text) +
                       ": its score is NaN");
    }
  }
  return ok_status();
}

Status SpmTokenizer::check_special_ids(const std::string& source) {
  const auto size = static_cast<int64_t>(vocabulary_.pieces.size());
  const auto check = [&](const char* name, TokenId id) {
    if (id >= -1 && id < size) return ok_status();
    return data_loss(source + ": the " + name + " token has the id " + std::to_string(id) +
                     ", outside the vocabulary of " + std::to_string(size));
  };
  ASSAY_RETURN_IF_ERROR(check("unknown", vocabulary_.unknown));
  ASSAY_RETURN_IF_ERROR(check("bos", vocabulary_.bos));
  ASSAY_RETURN_IF_ERROR(check("eos", vocabulary_.eos));
  // Converters disagree about the kind of the unknown token; its id says what it is.
  if (vocabulary_.unknown >= 0) {
    vocabulary_.pieces[static_cast<size_t>(vocabulary_.unknown)].kind = TokenKind::kUnknown;
  }
  if (vocabulary_.bos < 0) vocabulary_.add_bos = false;
  return ok_status();
}

Status SpmTokenizer::index_pieces(const std::string& source) {
  const std::vector<SpmPiece>& pieces = vocabulary_.pieces;
  byte_ids_.fill(-1);
  bytes_.reserve(pieces.size());
  ids_.reserve(pieces.size());
  size_t byte_tokens = 0;
  std::vector<PrefixIndex::Entry> user_defined;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const SpmPiece& piece = pieces[i];
    const auto id = static_cast<TokenId>(i);
    if (piece.kind == TokenKind::kByte) {
      const int value = byte_token_value(piece.text);
      if (value < 0) {
        return data_loss(quoted_piece(source, i) + " is a byte token but is spelled " +
                         in_quotes(piece.text) + ", not for example \"<0x0A>\"");
      }
      TokenId& slot = byte_ids_[static_cast<size_t>(value)];
      if (slot >= 0) {
        return data_loss(quoted_piece(source, i) + " " + in_quotes(piece.text) +
                         " is there twice: also " + std::to_string(slot));
      }
      slot = id;
      ++byte_tokens;
      bytes_.emplace_back(1, static_cast<char>(static_cast<uint8_t>(value)));
      continue;
    }
    bytes_.push_back(unescaped_spaces(piece.text));
    if (!comes_from_text(piece.kind)) continue;
    const auto [other, inserted] = ids_.emplace(piece.text, id);
    if (!inserted) {
      return data_loss(quoted_piece(source, i) + " " + in_quotes(piece.text) +
                       " is there twice: also " + std::to_string(other->second));
    }
    if (piece.kind == TokenKind::kUserDefined) user_defined.push_back({piece.text, id});
    piece_bytes_max_ = std::max(piece_bytes_max_, piece.text.size());
  }
  user_defined_ = PrefixIndex(std::move(user_defined));
  if (byte_tokens != 0 && byte_tokens != 256) {
    return data_loss(source + ": " + std::to_string(byte_tokens) +
                     " byte tokens; expected 256 or none");
  }
  byte_fallback_ = byte_tokens == 256;
  if (!byte_fallback_ && vocabulary_.unknown < 0) {
    return data_loss(source + ": neither byte tokens nor an unknown token; not every text could " +
                     "be encoded");
  }
  return ok_status();
}

void SpmTokenizer::rank_pieces() {
  const std::vector<SpmPiece>& pieces = vocabulary_.pieces;
  // A piece of one character is never made by a merge: its score means nothing.
  const auto mergeable = [](const SpmPiece& piece) {
    return comes_from_text(piece.kind) && utf8_prefix(piece.text) < piece.text.size();
  };
  std::vector<float> scores;
  for (const SpmPiece& piece : pieces) {
    if (mergeable(piece)) scores.push_back(piece.score);
  }
  std::sort(scores.begin(), scores.end(), std::greater<>());
  scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
  ranks_.assign(pieces.size(), kNoRank);
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!mergeable(pieces[i])) continue;
    const auto at =
        std::lower_bound(scores.begin(), scores.end(), pieces[i].score, std::greater<>());
    ranks_[i] = static_cast<uint32_t>(at - scores.begin());
  }
}

// docs/formats/tokenizer-digest.md
void SpmTokenizer::compute_digest() {
  Bytes out;
  append_sized(out, kDigestDomain);
  append_sized(out, kind());
  append_le(out, static_cast<uint32_t>(size()));
  for (size_t i = 0; i < size(); ++i) {
    const SpmPiece& piece = vocabulary_.pieces[i];
    append_le(out, static_cast<uint8_t>(piece.kind));
    append_le(out, ranks_[i]);
    if (piece.kind == TokenKind::kUnknown) {
      append_sized(out, std::string_view());
    } else if (piece.kind == TokenKind::kByte) {
      append_sized(out, bytes_[i]);
    } else {
      append_sized(out, piece.text);
    }
  }
  append_le(out, vocabulary_.unknown);
  append_le(out, vocabulary_.bos);
  append_le(out, vocabulary_.eos);
  append_le(out, static_cast<uint8_t>(vocabulary_.add_bos ? 1 : 0));
  append_le(out, static_cast<uint8_t>(vocabulary_.space_prefix));
  append_le(out, static_cast<uint8_t>(vocabulary_.collapse_spaces ? 1 : 0));
  digest_ = sha256(out);
}

const std::string& SpmTokenizer::piece_bytes(TokenId id) const {
  ASSAY_CHECK(id >= 0 && static_cast<size_t>(id) < size());
  return bytes_[static_cast<size_t>(id)];
}

TokenKind SpmTokenizer::token_kind(TokenId id) const {
  ASSAY_CHECK(id >= 0 && static_cast<size_t>(id) < size());
  return vocabulary_.pieces[static_cast<size_t>(id)].kind;
}

Result<std::vector<TokenId>> SpmTokenizer::encode(std::string_view text) const {
  if (text.size() > kTextBytesMax) {
    return invalid_argument("text of " + format_size(text.size()) + "; at most " +
                            format_size(kTextBytesMax) + " are encoded at once");
  }
  const std::string normalized =
      escaped_spaces(text, vocabulary_.space_prefix, vocabulary_.collapse_spaces);
  return Merger(*this, normalized).run();
}

Result<std::string> SpmTokenizer::decode(std::span<const TokenId> ids) const {
  std::string out;
  bool at_start = vocabulary_.space_prefix != SpacePrefix::kNone;
  for (const TokenId id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= size()) {
      return invalid_argument("token id " + std::to_string(id) + " is outside the vocabulary of " +
                              std::to_string(size()));
    }
    const TokenKind token = token_kind(id);
    if (token == TokenKind::kControl) continue;
    if (token == TokenKind::kUnknown) {
      out += kUnknownSurface;
    } else {
      std::string_view piece = piece_bytes(id);
      // The space that encode put before the text is no part of it.
      if (at_start && token != TokenKind::kByte && piece.starts_with(' ')) piece.remove_prefix(1);
      out += piece;
    }
    at_start = false;
  }
  return out;
}

}  // namespace assay
