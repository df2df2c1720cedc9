#include "model/tokenizer_json.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <unordered_set>

#include "base/json.h"
#include "model/json_members.h"
#include "model/tensor_rules.h"
#include "model/utf8.h"

namespace assay {
namespace {

constexpr std::string_view kSupported =
    "; supported: BPE made from a SentencePiece model (U+2581 for spaces)";

// The member, or null when the value is no object, has no such member, or it is null.
const Json* member(const Json& value, const char* name) {
  if (!value.is_object()) return nullptr;
  const auto at = value.find(name);
  return at == value.end() || at->is_null() ? nullptr : &*at;
}

std::string string_or(const Json& value, const char* name, const char* otherwise) {
  const Json* found = member(value, name);
  return found != nullptr && found->is_string() ? found->get<std::string>() : otherwise;
}

bool bool_or(const Json& value, const char* name, bool otherwise) {
  const Json* found = member(value, name);
  return found != nullptr && found->is_boolean() ? found->get<bool>() : otherwise;
}

// The file, taken apart: base/json.h looks members up one after the other, which is quadratic for
// a vocabulary, so that one stays text.
struct Sections {
  Json root = Json::object();   // without model
  Json model = Json::object();  // without vocab
  std::string_view vocab;       // the object's text; empty when there is none
};

Status keep_section(const std::string& key, std::string_view value, const std::string& where,
                    Json& sections) {
  static constexpr std::string_view kUsed[] = {
      "added_tokens",  "normalizer", "pre_tokenizer", "post_processor",
      "type",          "unk_token",  "dropout",       "continuing_subword_prefix",
      "byte_fallback", "fuse_unk",   "ignore_merges", "end_of_word_suffix",
      "merges"};
  if (std::find(std::begin(kUsed), std::end(kUsed), key) == std::end(kUsed)) return ok_status();
  ASSAY_ASSIGN_OR_RETURN(sections[key], parse_json(value, where));
  return ok_status();
}

Result<Sections> split_sections(std::string_view text, const std::string& source) {
  Sections out;
  std::string_view model;
  ASSAY_RETURN_IF_ERROR(
      json_members(text, source, [&](const std::string& key, std::string_view value) -> Status {
        if (key == "model") {
          model = value;
          return ok_status();
        }
        return keep_section(key, value, source + ": " + key, out.root);
      }));
  const std::string where = source + ": model";
  if (model.empty()) return data_loss(where + ": missing");
  ASSAY_RETURN_IF_ERROR(
      json_members(model, where, [&](const std::string& key, std::string_view value) -> Status {
        if (key == "vocab") {
          out.vocab = value;
          return ok_status();
        }
        return keep_section(key, value, where + "." + key, out.model);
      }));
  return out;
}

class Parser {
 public:
  Parser(const Sections& sections, const TokenizerHints& hints, const std::string& source)
      : root_(sections.root),
        model_(sections.model),
        vocab_(sections.vocab),
        hints_(hints),
        source_(source) {}

  Result<SpmVocabulary> run() {
    ASSAY_RETURN_IF_ERROR(read_model_options());
    ASSAY_RETURN_IF_ERROR(read_normalizer());
    ASSAY_RETURN_IF_ERROR(read_pre_tokenizer());
    if (!escapes_spaces_) return other("without a normalizer or pre-tokenizer for U+2581");
    ASSAY_RETURN_IF_ERROR(read_vocabulary());
    ASSAY_RETURN_IF_ERROR(read_added_tokens());
    ASSAY_RETURN_IF_ERROR(check_no_holes());
    ASSAY_RETURN_IF_ERROR(read_merges());
    ASSAY_RETURN_IF_ERROR(check_merges_complete());
    ASSAY_RETURN_IF_ERROR(read_post_processor());
    read_special_ids();
    return std::move(out_);
  }

 private:
  Status broken(const std::string& field, const std::string& what) const {
    return data_loss(source_ + ": " + field + ": " + what);
  }
  Status other(const std::string& what) const {
    return unimplemented(source_ + ": a tokenizer " + what + std::string(kSupported));
  }

  Status read_model_options() {
    // Files of old versions leave the type out; only BPE has merges.
    const std::string type =
        string_or(model_, "type", member(model_, "merges") != nullptr ? "BPE" : "missing");
    if (type != "BPE") return other("of model.type " + in_quotes(type));
    for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const std::string value = string_or(model_, name, "");
      if (!value.empty()) return other("with model." + std::string(name) + " " + in_quotes(value));
    }
    if (const Json* dropout = member(model_, "dropout");
        dropout != nullptr && !(dropout->is_number() && dropout->get<double>() == 0)) {
      return other("with model.dropout: its ids are random");
    }
    if (bool_or(model_, "ignore_merges", false)) return other("with model.ignore_merges");
    byte_fallback_ = bool_or(model_, "byte_fallback", false);
    if (!byte_fallback_ && !bool_or(model_, "fuse_unk", false)) {
      return other("with neither model.byte_fallback nor model.fuse_unk");
    }
    return ok_status();
  }

  // normalizer: nothing, Prepend U+2581, Replace " " by U+2581, or a Sequence of these.
  Status read_normalizer() {
    out_.space_prefix = SpacePrefix::kNone;
    const Json* normalizer = member(root_, "normalizer");
    if (normalizer == nullptr) return ok_status();
    if (string_or(*normalizer, "type", "") != "Sequence") return read_normalizer_step(*normalizer);
    const Json* steps = member(*normalizer, "normalizers");
    if (steps == nullptr || !steps->is_array()) {
      return broken("normalizer.normalizers", "no array");
    }
    for (const Json& step : *steps) ASSAY_RETURN_IF_ERROR(read_normalizer_step(step));
    return ok_status();
  }

  Status read_normalizer_step(const Json& step) {
    const std::string type = string_or(step, "type", "missing");
    if (type == "Prepend" && string_or(step, "prepend", "") == kMetaSpace) {
      out_.space_prefix = SpacePrefix::kAlways;
      return ok_status();
    }
    if (type == "Replace" && string_or(step, "content", "") == kMetaSpace) {
      const Json* pattern = member(step, "pattern");
      if (pattern != nullptr && string_or(*pattern, "String", "") == " ") {
        escapes_spaces_ = true;
        return ok_status();
      }
    }
    return other("with a normalizer step of type " + in_quotes(type));
  }

  // pre_tokenizer: nothing; Metaspace that does not split; or Split on " ", of which there are
  // none left after the normalizer.
  Status read_pre_tokenizer() {
    const Json* step = member(root_, "pre_tokenizer");
    if (step == nullptr) return ok_status();
    const std::string type = string_or(*step, "type", "missing");
    if (type == "Split" && escapes_spaces_) {
      const Json* pattern = member(*step, "pattern");
      if (pattern != nullptr && string_or(*pattern, "String", "") == " ") return ok_status();
    }
    if (type != "Metaspace" || string_or(*step, "replacement", "") != kMetaSpace) {
      return other("with a pre_tokenizer of type " + in_quotes(type));
    }
    if (bool_or(*step, "split", true)) return other("with pre_tokenizer.split");
    escapes_spaces_ = true;
    const std::string scheme = string_or(
        *step, "prepend_scheme", bool_or(*step, "add_prefix_space", true) ? "always" : "never");
    if (scheme == "never") return ok_status();
    if (scheme != "first" && scheme != "always") {
      return broken("pre_tokenizer.prepend_scheme", in_quotes(scheme) + " is none");
    }
    if (out_.space_prefix == SpacePrefix::kNone) out_.space_prefix = SpacePrefix::kUnlessPresent;
    return ok_status();
  }

  Status bad_id(const std::string& field, std::string_view value) const {
    return broken(field, "the id is " + std::string(value.substr(0, 32)) +
                             ", expected an integer below " + std::to_string(kVocabularyMax));
  }

  Result<size_t> id_of(const Json& value, const std::string& field) const {
    if (!value.is_number_unsigned() || value.get<uint64_t>() >= kVocabularyMax) {
      return bad_id(field, value.dump());
    }
    return static_cast<size_t>(value.get<uint64_t>());
  }

  Status read_vocabulary() {
    const std::string field = "model.vocab";
    if (vocab_.empty()) return broken(field, "missing");
    const std::string unknown = string_or(model_, "unk_token", "");
    ASSAY_RETURN_IF_ERROR(json_members(
        vocab_, source_ + ": " + field,
        [&](const std::string& text, std::string_view value) -> Status {
          size_t id = 0;
          const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), id);
          if (error != std::errc() || end != value.data() + value.size() || id >= kVocabularyMax) {
            return bad_id(field + " " + in_quotes(text), value);
          }
          if (text == unknown) out_.unknown = static_cast<TokenId>(id);
          return place(id, {.text = text, .score = 0, .kind = kind_of(text)}, field);
        }));
    vocab_size_ = out_.pieces.size();
    return ok_status();
  }

  TokenKind kind_of(const std::string& text) const {
    const bool byte =
        byte_fallback_ && text.size() == 6 && text.starts_with("<0x") && text.ends_with('>');
    return byte ? TokenKind::kByte : TokenKind::kNormal;
  }

  Status place(size_t id, SpmPiece piece, const std::string& field) {
    if (id >= out_.pieces.size()) {
      out_.pieces.resize(id + 1);
      taken_.resize(id + 1, false);
    }
    if (taken_[id]) {
      return broken(field, "the id " + std::to_string(id) + " of " + in_quotes(piece.text) +
                               " is also that of " + in_quotes(out_.pieces[id].text));
    }
    taken_[id] = true;
    out_.pieces[id] = std::move(piece);
    return ok_status();
  }

  Status read_added_tokens() {
    const Json* added = member(root_, "added_tokens");
    if (added == nullptr) return ok_status();
    if (!added->is_array()) return broken("added_tokens", "no array");
    for (const Json& token : *added) {
      const Json* id_value = member(token, "id");
      if (id_value == nullptr) return broken("added_tokens", "an entry has no id");
      ASSAY_ASSIGN_OR_RETURN(const size_t id, id_of(*id_value, "added_tokens"));
      const std::string text = string_or(token, "content", "");
      const TokenKind kind =
          bool_or(token, "special", false) ? TokenKind::kControl : TokenKind::kUserDefined;
      if (id < taken_.size() && taken_[id]) {
        if (out_.pieces[id].text != text) {
          return broken("added_tokens", in_quotes(text) + " has the id " + std::to_string(id) +
                                            " of " + in_quotes(out_.pieces[id].text));
        }
        out_.pieces[id].kind = kind;
      } else {
        ASSAY_RETURN_IF_ERROR(place(id, {.text = text, .score = 0, .kind = kind}, "added_tokens"));
      }
    }
    return ok_status();
  }

  Status check_no_holes() {
    for (size_t id = 0; id < taken_.size(); ++id) {
      if (!taken_[id]) return broken("model.vocab", "no token has the id " + std::to_string(id));
    }
    // The pieces stay where they are from here on: views of them may be kept.
    for (size_t id = 0; id < vocab_size_; ++id) ids_.emplace(out_.pieces[id].text, id);
    return ok_status();
  }

  // A merge is "left right" or ["left", "right"].
  Result<std::pair<std::string, std::string>> merge_of(const Json& value,
                                                       const std::string& field) const {
    if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string()) {
      return std::pair(value[0].get<std::string>(), value[1].get<std::string>());
    }
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      const size_t space = text.find(' ');
      if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
        return std::pair(text.substr(0, space), text.substr(space + 1));
      }
    }
    return broken(field, "not two tokens");
  }

  // SentencePiece merges by the score of the product alone. The merges of one product must thus
  // stand together, and the order of the products is the order of their scores.
  Status read_merges() {
    const Json* merges = member(model_, "merges");
    if (merges == nullptr || !merges->is_array()) return broken("model.merges", "no array");
    ways_.assign(out_.pieces.size(), 0);
    std::unordered_set<std::string> seen;  // splits of the current product
    size_t current = out_.pieces.size();
    float score = 0;
    for (size_t i = 0; i < merges->size(); ++i) {
      const std::string field = "model.merges[" + std::to_string(i) + "]";
      ASSAY_ASSIGN_OR_RETURN(const auto merge, merge_of((*merges)[i], field));
      const std::string joined = merge.first + merge.second;
      const auto product = ids_.find(joined);
      if (!ids_.contains(merge.first) || !ids_.contains(merge.second) || product == ids_.end()) {
        return broken(field, in_quotes(merge.first) + " + " + in_quotes(merge.second) +
                                 ": one of the two or the product is not in the vocabulary");
      }
      const size_t id = product->second;
      if (id != current) {
        if (ways_[id] != 0) {
          return other("whose merges of " + in_quotes(joined) +
                       " do not stand together (second group at " + field + ")");
        }
        current = id;
        seen.clear();
        out_.pieces[id].score = score;
        score -= 1;  // exact: there are at most 2^20 products
      }
      if (!seen.insert(merge.first).second) return broken(field, "the merge is there twice");
      ++ways_[id];
    }
    return ok_status();
  }

  // Text comes together in every way that leads to a piece, so every way must be in the list.
  Status check_merges_complete() const {
    for (size_t id = 0; id < out_.pieces.size(); ++id) {
      const SpmPiece& piece = out_.pieces[id];
      if (piece.kind != TokenKind::kNormal || piece.text.size() > kPieceBytesMax) continue;
      const std::string_view text = piece.text;
      uint32_t ways = 0;
      for (size_t at = utf8_prefix(text); at != 0 && at < text.size();) {
        ways += ids_.contains(text.substr(0, at)) && ids_.contains(text.substr(at)) ? 1U : 0U;
        const size_t next = utf8_prefix(text.substr(at));
        if (next == 0) break;
        at += next;
      }
      if (ways != ways_[id]) {
        return other("whose merges are incomplete: " + in_quotes(piece.text) + " is listed with " +
                     std::to_string(ways_[id]) + " of " + std::to_string(ways));
      }
    }
    return ok_status();
  }

  // post_processor: a template that starts with a special token says that bos is added, and which
  // token it is.
  Status read_post_processor() {
    out_.add_bos = false;
    const Json* processor = member(root_, "post_processor");
    if (processor == nullptr) return ok_status();
    if (string_or(*processor, "type", "") == "Sequence") {
      const Json* steps = member(*processor, "processors");
      if (steps == nullptr || !steps->is_array()) {
        return broken("post_processor.processors", "no array");
      }
      for (const Json& step : *steps) ASSAY_RETURN_IF_ERROR(read_template(step));
      return ok_status();
    }
    return read_template(*processor);
  }

  Status read_template(const Json& processor) {
    if (string_or(processor, "type", "") != "TemplateProcessing") return ok_status();
    const Json* single = member(processor, "single");
    if (single == nullptr || !single->is_array() || single->empty()) return ok_status();
    const Json* special = member((*single)[0], "SpecialToken");
    if (special == nullptr) return ok_status();
    const std::string name = string_or(*special, "id", "");
    const Json* tokens = member(processor, "special_tokens");
    const Json* token = tokens == nullptr ? nullptr : member(*tokens, name.c_str());
    const Json* ids = token == nullptr ? nullptr : member(*token, "ids");
    if (ids == nullptr || !ids->is_array() || ids->size() != 1) {
      return broken("post_processor.special_tokens", "no single id for " + in_quotes(name));
    }
    ASSAY_ASSIGN_OR_RETURN(const size_t id, id_of((*ids)[0], "post_processor.special_tokens"));
    out_.bos = static_cast<TokenId>(id);
    out_.add_bos = true;
    return ok_status();
  }

  TokenId first_control(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      for (size_t id = 0; id < out_.pieces.size(); ++id) {
        const SpmPiece& piece = out_.pieces[id];
        if (piece.kind == TokenKind::kControl && piece.text == name) {
          return static_cast<TokenId>(id);
        }
      }
    }
    return -1;
  }

  void read_special_ids() {
    if (out_.bos < 0) out_.bos = hints_.bos >= 0 ? hints_.bos : first_control({"<s>", "<bos>"});
    out_.eos = hints_.eos >= 0 ? hints_.eos : first_control({"</s>", "<eos>"});
  }

  const Json& root_;
  const Json& model_;
  const std::string_view vocab_;
  const TokenizerHints& hints_;
  const std::string& source_;
  bool byte_fallback_ = false;
  bool escapes_spaces_ = false;
  SpmVocabulary out_;
  std::vector<bool> taken_;
  size_t vocab_size_ = 0;                             // without added tokens
  std::unordered_map<std::string_view, size_t> ids_;  // of model.vocab; borrows from out_
  std::vector<uint32_t> ways_;                        // merges listed for each product
};

}  // namespace

Result<SpmVocabulary> parse_tokenizer_json(std::string_view text, const TokenizerHints& hints,
                                           const std::string& source) {
  if (text.size() > kTokenizerJsonBytesMax) {
    return data_loss(source + " has " + format_size(text.size()) + "; at most " +
                     format_size(kTokenizerJsonBytesMax) + " are read");
  }
  ASSAY_ASSIGN_OR_RETURN(const Sections sections, split_sections(text, source));
  return Parser(sections, hints, source).run();
}

}  // namespace assay
