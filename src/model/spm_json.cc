#include "model/spm_json.h"

#include <unordered_map>
#include <unordered_set>

#include "model/tensor_rules.h"
#include "model/tokenizer_json_parts.h"
#include "model/utf8.h"

namespace assay {
namespace {

constexpr std::string_view kSupported =
    "; supported: BPE made from a SentencePiece model (U+2581 for spaces)";

class Parser {
 public:
  Parser(const TokenizerSections& sections, const TokenizerHints& hints, const std::string& source)
      : root_(sections.root),
        model_(sections.model),
        hints_(hints),
        source_(source),
        reader_(sections, source) {}

  Result<SpmVocabulary> run() {
    ASSAY_RETURN_IF_ERROR(read_model_options());
    ASSAY_RETURN_IF_ERROR(read_normalizer());
    ASSAY_RETURN_IF_ERROR(read_pre_tokenizer());
    if (!escapes_spaces_) return other("without a normalizer or pre-tokenizer for U+2581");
    ASSAY_RETURN_IF_ERROR(reader_.read_vocab_object(byte_fallback_));
    ASSAY_RETURN_IF_ERROR(reader_.read_added_tokens());
    ASSAY_RETURN_IF_ERROR(reader_.check_no_holes());
    take_pieces();
    ASSAY_RETURN_IF_ERROR(read_merges());
    ASSAY_RETURN_IF_ERROR(check_merges_complete());
    ASSAY_RETURN_IF_ERROR(reader_.read_post_processor());
    read_special_ids();
    return std::move(out_);
  }

 private:
  Status broken(const std::string& field, const std::string& what) const {
    return broken_field(source_, field, what);
  }
  Status other(const std::string& what) const {
    return unimplemented(source_ + ": a tokenizer " + what + std::string(kSupported));
  }

  Status read_model_options() {
    // Files of old versions leave the type out; only BPE has merges.
    const std::string type = json_string_or(
        model_, "type", json_member(model_, "merges") != nullptr ? "BPE" : "missing");
    if (type != "BPE") return other("of model.type " + in_quotes(type));
    for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const std::string value = json_string_or(model_, name, "");
      if (!value.empty()) return other("with model." + std::string(name) + " " + in_quotes(value));
    }
    if (const Json* dropout = json_member(model_, "dropout");
        dropout != nullptr && !(dropout->is_number() && dropout->get<double>() == 0)) {
      return other("with model.dropout: its ids are random");
    }
    if (json_bool_or(model_, "ignore_merges", false)) return other("with model.ignore_merges");
    byte_fallback_ = json_bool_or(model_, "byte_fallback", false);
    if (!byte_fallback_ && !json_bool_or(model_, "fuse_unk", false)) {
      return other("with neither model.byte_fallback nor model.fuse_unk");
    }
    return ok_status();
  }

  // normalizer: nothing, Prepend U+2581, Replace " " by U+2581, or a Sequence of these.
  Status read_normalizer() {
    out_.space_prefix = SpacePrefix::kNone;
    const Json* normalizer = json_member(root_, "normalizer");
    if (normalizer == nullptr) return ok_status();
    if (json_string_or(*normalizer, "type", "") != "Sequence")
      return read_normalizer_step(*normalizer);
    const Json* steps = json_member(*normalizer, "normalizers");
    if (steps == nullptr || !steps->is_array()) {
      return broken("normalizer.normalizers", "no array");
    }
    for (const Json& step : *steps) ASSAY_RETURN_IF_ERROR(read_normalizer_step(step));
    return ok_status();
  }

  Status read_normalizer_step(const Json& step) {
    const std::string type = json_string_or(step, "type", "missing");
    if (type == "Prepend" && json_string_or(step, "prepend", "") == kMetaSpace) {
      out_.space_prefix = SpacePrefix::kAlways;
      return ok_status();
    }
    if (type == "Replace" && json_string_or(step, "content", "") == kMetaSpace) {
      const Json* pattern = json_member(step, "pattern");
      if (pattern != nullptr && json_string_or(*pattern, "String", "") == " ") {
        escapes_spaces_ = true;
        return ok_status();
      }
    }
    return other("with a normalizer step of type " + in_quotes(type));
  }

  // pre_tokenizer: nothing; Metaspace that does not split; or Split on " ", of which there are
  // none left after the normalizer.
  Status read_pre_tokenizer() {
    const Json* step = json_member(root_, "pre_tokenizer");
    if (step == nullptr) return ok_status();
    const std::string type = json_string_or(*step, "type", "missing");
    if (type == "Split" && escapes_spaces_) {
      const Json* pattern = json_member(*step, "pattern");
      if (pattern != nullptr && json_string_or(*pattern, "String", "") == " ") return ok_status();
    }
    if (type != "Metaspace" || json_string_or(*step, "replacement", "") != kMetaSpace) {
      return other("with a pre_tokenizer of type " + in_quotes(type));
    }
    if (json_bool_or(*step, "split", true)) return other("with pre_tokenizer.split");
    escapes_spaces_ = true;
    const std::string scheme =
        json_string_or(*step, "prepend_scheme",
                       json_bool_or(*step, "add_prefix_space", true) ? "always" : "never");
    if (scheme == "never") return ok_status();
    if (scheme != "first" && scheme != "always") {
      return broken("pre_tokenizer.prepend_scheme", in_quotes(scheme) + " is none");
    }
    if (out_.space_prefix == SpacePrefix::kNone) out_.space_prefix = SpacePrefix::kUnlessPresent;
    return ok_status();
  }

  void take_pieces() {
    const std::string unknown = json_string_or(model_, "unk_token", "");
    std::vector<VocabularyToken>& tokens = reader_.vocabulary().tokens;
    out_.pieces.reserve(tokens.size());
    for (VocabularyToken& token : tokens) {
      out_.pieces.push_back({.text = std::move(token.text), .score = 0, .kind = token.kind});
    }
    // The pieces stay where they are from here on: views of them may be kept.
    for (size_t id = 0; id < reader_.model_size(); ++id) {
      if (out_.pieces[id].text == unknown) out_.unknown = static_cast<TokenId>(id);
      ids_.emplace(out_.pieces[id].text, id);
    }
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
    const Json* merges = json_member(model_, "merges");
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
    const Vocabulary& read = reader_.vocabulary();
    out_.bos = read.bos;
    out_.add_bos = read.add_bos;
    if (out_.bos < 0) out_.bos = hints_.bos >= 0 ? hints_.bos : first_control({"<s>", "<bos>"});
    out_.eos = hints_.eos >= 0 ? hints_.eos : first_control({"</s>", "<eos>"});
  }

  const Json& root_;
  const Json& model_;
  const TokenizerHints& hints_;
  const std::string& source_;
  bool byte_fallback_ = false;
  bool escapes_spaces_ = false;
  JsonVocabularyReader reader_;
  SpmVocabulary out_;
  std::unordered_map<std::string_view, size_t> ids_;  // of model.vocab; borrows from out_
  std::vector<uint32_t> ways_;                        // merges listed for each product
};

}  // namespace

Result<SpmVocabulary> read_spm_json(const TokenizerSections& sections, const TokenizerHints& hints,
                                    const std::string& source) {
  return Parser(sections, hints, source).run();
}

}  // namespace assay
