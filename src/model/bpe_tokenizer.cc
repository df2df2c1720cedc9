#include "model/bpe_tokenizer.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <tuple>

#include "model/byte_alphabet.h"
#include "model/tensor_rules.h"
#include "model/unicode.h"

namespace assay {
namespace {

bool is_spelled_in_alphabet(TokenKind kind) {
  return kind == TokenKind::kNormal || kind == TokenKind::kUnused || kind == TokenKind::kByte;
}

}  // namespace

// The merge loop over one word: a list of neighbours, and a heap of the merges that were possible
// when they were found, by (rank, position). A word of n bytes has at most n merges, each makes two
// new pairs: 3n entries of 8 bytes, O(n log n) steps.
class BpeTokenizer::Merger {
 public:
  Merger(const BpeTokenizer& tokenizer, std::vector<TokenId>& ids)
      : tokenizer_(tokenizer), ids_(ids) {}

  void encode(std::string_view word) {
    if (tokenizer_.ignore_merges_) {
      const auto found = tokenizer_.words_.find(word);
      if (found != tokenizer_.words_.end()) {
        ids_.push_back(found->second);
        return;
      }
    }
    split(word);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      const uint64_t top = heap_.back();
      heap_.pop_back();
      apply(tokenizer_.merges_[top >> 32], static_cast<int32_t>(top & 0xFFFFFFFF));
    }
    for (const Symbol& symbol : symbols_) {
      if (symbol.id >= 0) ids_.push_back(symbol.id);
    }
  }

 private:
  struct Symbol {
    TokenId id;  // -1: part of the symbol before
    int32_t previous;
    int32_t next;  // -1: none
  };

  void split(std::string_view word) {
    symbols_.clear();
    heap_.clear();
    for (const char c : word) {
      TokenId id = tokenizer_.byte_ids_[static_cast<uint8_t>(c)];
      if (id < 0) id = tokenizer_.vocabulary_.unknown;
      // Without a token for it, the byte is left out, and its neighbours meet: as in the library
      // that models were trained with. Published vocabularies lack some control characters.
      if (id < 0) continue;
      const auto at = static_cast<int32_t>(symbols_.size());
      symbols_.push_back({id, at - 1, at + 1});
    }
    if (symbols_.empty()) return;
    symbols_.back().next = -1;
    for (size_t i = 1; i < symbols_.size(); ++i) {
      consider(static_cast<int32_t>(i) - 1);
    }
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  Symbol& at(int32_t i) { return symbols_[static_cast<size_t>(i)]; }

  // Appends the merge of a symbol and the next, if there is one, without restoring the heap.
  bool consider(int32_t left) {
    const Symbol& symbol = at(left);
    if (symbol.next < 0) return false;
    const Partner* found = tokenizer_.find_merge(symbol.id, at(symbol.next).id);
    if (found == nullptr) return false;
    heap_.push_back((uint64_t{found->rank} << 32) | static_cast<uint32_t>(left));
    return true;
  }
  void push(int32_t left) {
    if (consider(left)) std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  void apply(const Merge& merge, int32_t position) {
    Symbol& left = at(position);
    // Either side has been merged with something else since this was found.
    if (left.id != merge.left || left.next < 0 || at(left.next).id != merge.right) return;
    Symbol& right = at(left.next);
    left.id = merge.product;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) at(left.next).previous = position;
    if (left.previous >= 0) push(left.previous);
    push(position);
  }

  const BpeTokenizer& tokenizer_;
  std::vector<TokenId>& ids_;
  std::vector<Symbol> symbols_;
  std::vector<uint64_t> heap_;  // (rank, position)
};

Result<std::unique_ptr<Tokenizer>> BpeTokenizer::create(BpeVocabulary vocabulary,
                                                        const std::string& source) {
  const std::vector<std::string> merges = std::move(vocabulary.merges);
  const bool ignore_merges = vocabulary.ignore_merges;
  ASSAY_ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer,
                         PreTokenizer::create(std::move(vocabulary.pre_tokenizer), source));
  auto tokenizer =
      std::make_unique<BpeTokenizer>(Unchecked{}, static_cast<Vocabulary&&>(vocabulary));
  tokenizer->pre_tokenizer_ = std::move(pre_tokenizer);
  tokenizer->ignore_merges_ = ignore_merges;
  tokenizer->spell_tokens();
  ASSAY_RETURN_IF_ERROR(tokenizer->check(source));
  ASSAY_RETURN_IF_ERROR(tokenizer->read_merges(merges, source));
  tokenizer->compute_digest();
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

void BpeTokenizer::spell_tokens() {
  byte_ids_.fill(-1);
  bytes_.reserve(size());
  for (size_t i = 0; i < size(); ++i) {
    const VocabularyToken& token = vocabulary_.tokens[i];
    auto spelled = is_spelled_in_alphabet(token.kind) ? bytes_of_alphabet(token.text)
                                                      : std::optional<std::string>();
    if (spelled.has_value() && spelled->size() == 1) {
      byte_ids_[static_cast<uint8_t>(spelled->front())] = static_cast<TokenId>(i);
    }
    // A token with a character outside the alphabet is never made by merges; it shows as it is.
    if (spelled.has_value()) {
      bytes_.push_back(std::move(*spelled));
    } else {
      bytes_.push_back(token.text);
    }
  }
  // Where each byte is a token nothing is unknown, whatever the file says: some name the end of a
  // text, some name none.
  const bool complete =
      std::all_of(byte_ids_.begin(), byte_ids_.end(), [](TokenId id) { return id >= 0; });
  if (complete) vocabulary_.unknown = -1;
}

Status BpeTokenizer::read_merges(const std::vector<std::string>& merges,
                                 const std::string& source) {
  if (merges.size() > kMergesMax) {
    return data_loss(source + ": " + std::to_string(merges.size()) + " merges; at most " +
                     std::to_string(kMergesMax) + " are supported");
  }
  std::unordered_map<std::string_view, TokenId> ids;
  ids.reserve(size());
  for (size_t i = 0; i < size(); ++i) {
    ids.emplace(vocabulary_.tokens[i].text, static_cast<TokenId>(i));
  }
  merges_.reserve(merges.size());
  std::string product;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view merge = merges[rank];
    const auto fail = [&](const std::string& what) {
      return data_loss(source + ": merge " + std::to_string(rank) + " " +
                       in_quotes(std::string(merge)) + what);
    };
    const size_t space = merge.find(' ', 1);
    if (space == merge.npos || merge.find(' ', space + 1) != merge.npos) {
      return fail(" is not two tokens with one space between them");
    }
    product.assign(merge.substr(0, space)).append(merge.substr(space + 1));
    const auto id_of = [&](std::string_view text) {
      const auto found = ids.find(text);
      return found == ids.end() ? -1 : found->second;
    };
    const Merge entry{id_of(merge.substr(0, space)), id_of(merge.substr(space + 1)),
                      id_of(product)};
    if (entry.left < 0 || entry.right < 0 || entry.product < 0) {
      return fail(": one of the two or the product is not in the vocabulary");
    }
    merges_.push_back(entry);
  }
  ASSAY_RETURN_IF_ERROR(index_merges(merges, source));
  if (ignore_merges_) {
    for (size_t i = 0; i < size(); ++i) {
      if (is_spelled_in_alphabet(vocabulary_.tokens[i].kind)) {
        words_.emplace(bytes_[i], static_cast<TokenId>(i));
      }
    }
  }
  return ok_status();
}

Status BpeTokenizer::index_merges(const std::vector<std::string>& merges,
                                  const std::string& source) {
  std::vector<uint32_t> ranks(merges_.size());
  std::iota(ranks.begin(), ranks.end(), 0U);
  const auto key = [this](uint32_t rank) {
    return std::tuple(merges_[rank].left, merges_[rank].right, rank);
  };
  std::sort(ranks.begin(), ranks.end(), [&](uint32_t a, uint32_t b) { return key(a) < key(b); });
  partners_.reserve(merges_.size());
  partners_start_.assign(size() + 1, 0);
  for (size_t i = 0; i < ranks.size(); ++i) {
    const Merge& merge = merges_[ranks[i]];
    if (i > 0 && merges_[ranks[i - 1]].left == merge.left &&
        merges_[ranks[i - 1]].right == merge.right) {
      return data_loss(source + ": merge " + std::to_string(ranks[i]) + " " +
                       in_quotes(merges[ranks[i]]) + " is there twice");
    }
    partners_.push_back({merge.right, ranks[i]});
    ++partners_start_[static_cast<size_t>(merge.left) + 1];
  }
  std::partial_sum(partners_start_.begin(), partners_start_.end(), partners_start_.begin());
  return ok_status();
}

const BpeTokenizer::Partner* BpeTokenizer::find_merge(TokenId left, TokenId right) const {
  const auto id = static_cast<size_t>(left);
  const Partner* begin = partners_.data() + partners_start_[id];
  const Partner* end = partners_.data() + partners_start_[id + 1];
  const Partner* found =
      std::lower_bound(begin, end, right,
                       [](const Partner& partner, TokenId value) { return partner.right < value; });
  return found != end && found->right == right ? found : nullptr;
}

// docs/formats/tokenizer-digest.md
void BpeTokenizer::compute_digest() {
  Bytes out = digest_preimage();
  pre_tokenizer_.append_digest(out);
  append_le(out, static_cast<uint8_t>(ignore_merges_ ? 1 : 0));
  append_le(out, static_cast<uint32_t>(merges_.size()));
  for (const Merge& merge : merges_) {
    append_le(out, merge.left);
    append_le(out, merge.right);
  }
  digest_ = sha256(out);
}

Status BpeTokenizer::encode_part(std::string_view text, bool /*at_start*/,
                                 TextRegex::Effort& effort, std::vector<TokenId>& ids) const {
  std::string prefixed;
  if (pre_tokenizer_.spec().prefix_space && !text.starts_with(' ')) {
    prefixed.append(" ").append(text);
    text = prefixed;
  }
  Merger merger(*this, ids);
  Status status;
  for_each_utf8_run(text, [&](std::string_view run, bool is_valid) {
    if (!status.ok()) return;
    // Bytes that are no UTF-8 are words of their own: no pattern speaks of them.
    if (!is_valid) {
      merger.encode(run);
      return;
    }
    status = pre_tokenizer_.split(run, effort, [&](std::string_view word) { merger.encode(word); });
  });
  return status;
}

Result<std::string> BpeTokenizer::decode(std::span<const TokenId> ids) const {
  std::string out;
  for (const TokenId id : ids) {
    ASSAY_RETURN_IF_ERROR(check_id(id));
    if (token_kind(id) == TokenKind::kControl) continue;
    out += piece_bytes(id);
  }
  return out;
}

}  // namespace assay
