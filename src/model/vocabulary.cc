#include "model/vocabulary.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "model/tensor_rules.h"
#include "model/unicode.h"
#include "model/utf8.h"

namespace assay {
namespace {

constexpr std::string_view kDigestDomain = "assay.tokenizer.v1";
// Of a spelling: a byte is up to two bytes of the alphabet. What is looked for at each position of
// a text is no longer than this.
constexpr size_t kTokenBytesMax = 2 * kPieceBytesMax;

bool is_found_in_text(TokenKind kind) {
  return kind == TokenKind::kControl || kind == TokenKind::kUserDefined;
}

bool is_inside_word(std::string_view text, size_t start, size_t end) {
  const CodePoint before = last_code_point(text.substr(0, start));
  const CodePoint after = first_code_point(text.substr(end));
  return (before.bytes != 0 && is_word(before.value)) || (after.bytes != 0 && is_word(after.value));
}

uint8_t digest_of(const VocabularyToken& token) {
  if (!is_found_in_text(token.kind)) return 0;
  const bool unusual = token.find.in_normalized != default_find_rule(token.kind).in_normalized;
  return static_cast<uint8_t>((token.find.strip_left ? 1 : 0) | (token.find.strip_right ? 2 : 0) |
                              (token.find.single_word ? 4 : 0) | (unusual ? 8 : 0));
}

}  // namespace

FindRule default_find_rule(TokenKind kind) {
  return {.in_normalized = kind == TokenKind::kUserDefined};
}

std::string token_in(const std::string& source, size_t id) {
  return source + ": token " + std::to_string(id);
}

Result<AddedTokens> AddedTokens::create(const std::vector<VocabularyToken>& tokens,
                                        const TextNormalizer& normalizer) {
  AddedTokens out;
  out.rules_.resize(tokens.size());
  std::vector<PrefixIndex::Entry> raw;
  std::vector<std::pair<std::string, TokenId>> spellings;
  // One effort for all: what many tokens take together is bounded like what one text takes.
  TextRegex::Effort effort(std::accumulate(
      tokens.begin(), tokens.end(), size_t{0},
      [](size_t bytes, const VocabularyToken& token) { return bytes + token.text.size(); }));
  for (size_t id = 0; id < tokens.size(); ++id) {
    const VocabularyToken& token = tokens[id];
    if (!is_found_in_text(token.kind)) continue;
    out.rules_[id] = token.find;
    if (!token.find.in_normalized) {
      raw.push_back({token.text, static_cast<TokenId>(id)});
      continue;
    }
    ASSAY_ASSIGN_OR_RETURN(std::string text, normalizer.apply(token.text, effort));
    if (text.size() > kTokenBytesMax) {
      return data_loss("token " + std::to_string(id) + " has " + std::to_string(text.size()) +
                       " bytes when it is normalised; at most " + std::to_string(kTokenBytesMax) +
                       " are supported");
    }
    if (!text.empty()) spellings.emplace_back(std::move(text), static_cast<TokenId>(id));
  }
  // Two tokens can become one text; the first id has it.
  std::sort(spellings.begin(), spellings.end());
  spellings.erase(std::unique(spellings.begin(), spellings.end(),
                              [](const auto& a, const auto& b) { return a.first == b.first; }),
                  spellings.end());
  std::vector<PrefixIndex::Entry> in_normalized;
  out.spellings_.reserve(spellings.size());  // entries borrow from it
  for (auto& [text, id] : spellings) {
    out.spellings_.push_back(std::move(text));
    in_normalized.push_back({out.spellings_.back(), id});
  }
  out.raw_ = PrefixIndex(std::move(raw));
  out.normalized_ = PrefixIndex(std::move(in_normalized));
  return out;
}

std::vector<AddedTokens::Part> AddedTokens::split(const PrefixIndex& index,
                                                  std::string_view text) const {
  std::vector<Part> parts;
  size_t rest = 0;  // everything before it is in parts
  const auto add_text = [&](size_t end) {
    if (rest < end) parts.push_back({text.substr(rest, end - rest), -1});
  };
  for (size_t at = 0; at < text.size() && !index.empty();) {
    const PrefixIndex::Entry* found = index.longest_prefix(text.substr(at));
    if (found == nullptr) {
      ++at;
      continue;
    }
    size_t start = at;
    size_t end = at + found->text.size();
    at = end;
    const FindRule& rule = rules_[static_cast<size_t>(found->id)];
    if (rule.single_word && is_inside_word(text, start, end)) continue;
    while (rule.strip_left && start > rest) {
      const CodePoint c = last_code_point(text.substr(rest, start - rest));
      if (c.bytes == 0 || !is_white_space(c.value)) break;
      start -= c.bytes;
    }
    while (rule.strip_right) {
      const CodePoint c = first_code_point(text.substr(end));
      if (c.bytes == 0 || !is_white_space(c.value)) break;
      end += c.bytes;
    }
    add_text(start);
    parts.push_back({text.substr(start, end - start), found->id});
    at = rest = end;
  }
  add_text(text.size());
  return parts;
}

const std::string& VocabularyTokenizer::piece_bytes(TokenId id) const {
  ASSAY_CHECK(id >= 0 && static_cast<size_t>(id) < size());
  return bytes_[static_cast<size_t>(id)];
}

TokenKind VocabularyTokenizer::token_kind(TokenId id) const {
  ASSAY_CHECK(id >= 0 && static_cast<size_t>(id) < size());
  return vocabulary_.tokens[static_cast<size_t>(id)].kind;
}

Status VocabularyTokenizer::check_id(TokenId id) const {
  if (id >= 0 && static_cast<size_t>(id) < size()) return ok_status();
  return invalid_argument("token id " + std::to_string(id) + " is outside the vocabulary of " +
                          std::to_string(size()));
}

Result<std::vector<TokenId>> VocabularyTokenizer::encode(std::string_view text) const {
  if (text.size() > kTextBytesMax) {
    return invalid_argument("text of " + format_size(text.size()) + "; at most " +
                            format_size(kTextBytesMax) + " are encoded at once");
  }
  TextRegex::Effort effort(text.size());
  std::vector<TokenId> ids;
  bool at_start = true;
  for (const AddedTokens::Part& raw : added_.split_raw(text)) {
    if (raw.id >= 0) {
      ids.push_back(raw.id);
      at_start = false;
      continue;
    }
    ASSAY_ASSIGN_OR_RETURN(std::string clean, normalizer_.apply(raw.text, effort));
    ASSAY_ASSIGN_OR_RETURN(clean, prepare(std::move(clean), at_start));
    for (const AddedTokens::Part& part : added_.split_normalized(clean)) {
      if (part.id >= 0) {
        ids.push_back(part.id);
      } else {
        ASSAY_RETURN_IF_ERROR(encode_part(part.text, at_start, effort, ids));
      }
      at_start = false;
    }
  }
  return ids;
}

Result<std::string> VocabularyTokenizer::prepare(std::string clean, bool /*at_start*/) const {
  return clean;
}

Status VocabularyTokenizer::check(const std::string& source) {
  const std::vector<VocabularyToken>& tokens = vocabulary_.tokens;
  if (tokens.empty()) return data_loss(source + ": the vocabulary is empty");
  if (tokens.size() > kVocabularyMax) {
    return data_loss(source + ": a vocabulary of " + std::to_string(tokens.size()) +
                     " tokens; at most " + std::to_string(kVocabularyMax) + " are supported");
  }
  std::unordered_map<std::string_view, size_t> ids;
  ids.reserve(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    const std::string& text = tokens[id].text;
    if (text.empty()) return data_loss(token_in(source, id) + " is empty");
    if (text.size() > kTokenBytesMax) {
      return data_loss(token_in(source, id) + " has " + std::to_string(text.size()) +
                       " bytes; at most " + std::to_string(kTokenBytesMax) + " are supported");
    }
    if (!is_utf8(text)) {
      return data_loss(token_in(source, id) + " is not UTF-8: bytes " + to_hex(as_bytes(text)));
    }
    const auto [other, inserted] = ids.emplace(text, id);
    if (!inserted) {
      return data_loss(token_in(source, id) + " " + in_quotes(text) + " is there twice: also " +
                       std::to_string(other->second));
    }
  }
  const auto size = static_cast<int64_t>(tokens.size());
  const std::pair<const char*, TokenId> specials[] = {
      {"unknown", vocabulary_.unknown}, {"bos", vocabulary_.bos}, {"eos", vocabulary_.eos}};
  for (const auto& [name, id] : specials) {
    if (id >= -1 && id < size) continue;
    return data_loss(source + ": the " + name + " token has the id " + std::to_string(id) +
                     ", outside the vocabulary of " + std::to_string(size));
  }
  if (vocabulary_.unknown >= 0) {
    vocabulary_.tokens[static_cast<size_t>(vocabulary_.unknown)].kind = TokenKind::kUnknown;
  }
  if (vocabulary_.bos < 0) vocabulary_.add_bos = false;
  if (vocabulary_.eos < 0) vocabulary_.add_eos = false;
  ASSAY_ASSIGN_OR_RETURN(normalizer_, TextNormalizer::create(vocabulary_.normalizer, source));
  auto added = AddedTokens::create(tokens, normalizer_);
  if (!added.ok()) return added.status().with_context(source);
  added_ = std::move(added).value();
  return ok_status();
}

Bytes VocabularyTokenizer::digest_preimage() const {
  ASSAY_CHECK(bytes_.size() == size());
  Bytes out;
  append_sized(out, kDigestDomain);
  append_sized(out, kind());
  append_le(out, static_cast<uint32_t>(size()));
  for (size_t id = 0; id < size(); ++id) {
    const VocabularyToken& token = vocabulary_.tokens[id];
    append_le(out, static_cast<uint8_t>(token.kind));
    append_le(out, digest_of(token));
    append_sized(out, token.kind == TokenKind::kUnknown ? std::string_view() : bytes_[id]);
  }
  append_le(out, vocabulary_.unknown);
  append_le(out, vocabulary_.bos);
  append_le(out, vocabulary_.eos);
  append_le(out, static_cast<uint8_t>(vocabulary_.add_bos ? 1 : 0));
  append_le(out, static_cast<uint8_t>(vocabulary_.add_eos ? 1 : 0));
  append_digest(out, vocabulary_.normalizer);
  return out;
}

}  // namespace assay
