#include "model/tokenizer_json_parts.h"

#include <algorithm>
#include <charconv>

#include "model/json_members.h"
#include "model/tensor_rules.h"

namespace assay {
namespace {

// Ids without a token that are filled in: at most this many, and as many as there are tokens.
constexpr size_t kHolesMin = 1024;

Status keep_section(const std::string& key, std::string_view value, const std::string& where,
                    Json& sections) {
  static constexpr std::string_view kUsed[] = {"added_tokens",
                                               "normalizer",
                                               "pre_tokenizer",
                                               "post_processor",
                                               "decoder",
                                               "type",
                                               "unk_token",
                                               "unk_id",
                                               "dropout",
                                               "continuing_subword_prefix",
                                               "max_input_chars_per_word",
                                               "byte_fallback",
                                               "fuse_unk",
                                               "ignore_merges",
                                               "end_of_word_suffix",
                                               "merges"};
  if (std::find(std::begin(kUsed), std::end(kUsed), key) == std::end(kUsed)) return ok_status();
  ASSAY_ASSIGN_OR_RETURN(sections[key], parse_json(value, where));
  return ok_status();
}

enum class OptionType : uint8_t { kNone, kBool, kText };

// Every option that is read as a flag or as a text, whatever step it belongs to.
OptionType option_type(std::string_view name) {
  static constexpr std::string_view kFlags[] = {"add_prefix_space",
                                                "byte_fallback",
                                                "clean_text",
                                                "fuse_unk",
                                                "handle_chinese_chars",
                                                "ignore_merges",
                                                "individual_digits",
                                                "invert",
                                                "lowercase",
                                                "lstrip",
                                                "normalized",
                                                "rstrip",
                                                "single_word",
                                                "special",
                                                "split",
                                                "strip_accents",
                                                "strip_left",
                                                "strip_right",
                                                "use_regex"};
  static constexpr std::string_view kTexts[] = {"Regex",
                                                "String",
                                                "behavior",
                                                "content",
                                                "continuing_subword_prefix",
                                                "prepend",
                                                "prepend_scheme",
                                                "precompiled_charsmap",
                                                "end_of_word_suffix",
                                                "replacement",
                                                "type",
                                                "unk_token"};
  if (std::find(std::begin(kFlags), std::end(kFlags), name) != std::end(kFlags)) {
    return OptionType::kBool;
  }
  const bool text = std::find(std::begin(kTexts), std::end(kTexts), name) != std::end(kTexts);
  return text ? OptionType::kText : OptionType::kNone;
}

// Options of another type than they should have are refused here, in one place, so that the readers
// may take what is left out and null as the default and need not look further. where: what stands
// before a name in an error.
Status check_option_types(const Json& value, const std::string& where) {
  if (value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) {
      if (!value[i].is_object()) continue;
      ASSAY_RETURN_IF_ERROR(check_option_types(value[i], where + "[" + std::to_string(i) + "]."));
    }
    return ok_status();
  }
  if (!value.is_object()) return ok_status();
  for (const auto& [name, inner] : value.items()) {
    const std::string field = where + name;
    const OptionType type = option_type(name);
    if (inner.is_null()) continue;
    if (type == OptionType::kNone) {
      // The names in there are those of tokens.
      if (name != "special_tokens")
        ASSAY_RETURN_IF_ERROR(check_option_types(inner, inner.is_object() ? field + "." : field));
    } else if (type == OptionType::kBool ? !inner.is_boolean() : !inner.is_string()) {
      return data_loss(field + ": is " + inner.dump().substr(0, 32) + ", expected " +
                       (type == OptionType::kBool ? "true or false" : "a text"));
    }
  }
  return ok_status();
}

Status bad_id(const std::string& source, const std::string& field, std::string_view value) {
  return broken_field(source, field,
                      "the id is " + std::string(value.substr(0, 32)) +
                          ", expected an integer below " + std::to_string(kVocabularyMax));
}

TokenKind kind_of(const std::string& text, bool byte_fallback) {
  const bool byte =
      byte_fallback && text.size() == 6 && text.starts_with("<0x") && text.ends_with('>');
  return byte ? TokenKind::kByte : TokenKind::kNormal;
}

}  // namespace

Result<TokenizerSections> split_sections(std::string_view text, const std::string& source) {
  TokenizerSections out;
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
  ASSAY_RETURN_IF_ERROR(check_option_types(out.root, source + ": "));
  ASSAY_RETURN_IF_ERROR(check_option_types(out.model, where + "."));
  return out;
}

const Json* json_member(const Json& value, const char* name) {
  if (!value.is_object()) return nullptr;
  const auto at = value.find(name);
  return at == value.end() || at->is_null() ? nullptr : &*at;
}

std::string json_string_or(const Json& value, const char* name, const char* otherwise) {
  const Json* found = json_member(value, name);
  return found != nullptr && found->is_string() ? found->get<std::string>() : otherwise;
}

bool json_bool_or(const Json& value, const char* name, bool otherwise) {
  const Json* found = json_member(value, name);
  return found != nullptr && found->is_boolean() ? found->get<bool>() : otherwise;
}

Status broken_field(const std::string& source, const std::string& field, const std::string& what) {
  return data_loss(source + ": " + field + ": " + what);
}

Result<size_t> json_token_id(const Json& value, const std::string& source,
                             const std::string& field) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= kVocabularyMax) {
    return bad_id(source, field, value.dump());
  }
  return static_cast<size_t>(value.get<uint64_t>());
}

TokenId token_id_of(const Vocabulary& vocabulary, const std::string& text) {
  if (text.empty()) return -1;
  const auto at = std::find_if(vocabulary.tokens.begin(), vocabulary.tokens.end(),
                               [&](const VocabularyToken& token) { return token.text == text; });
  return at == vocabulary.tokens.end() ? -1 : static_cast<TokenId>(at - vocabulary.tokens.begin());
}

void read_special_hints(const TokenizerHints& hints, Vocabulary& vocabulary) {
  if (vocabulary.bos < 0) {
    vocabulary.bos = hints.bos >= 0 ? hints.bos : token_id_of(vocabulary, hints.bos_text);
  }
  if (vocabulary.eos < 0) {
    vocabulary.eos = hints.eos >= 0 ? hints.eos : token_id_of(vocabulary, hints.eos_text);
  }
}

Status JsonVocabularyReader::read_vocab_object(bool byte_fallback) {
  const std::string field = "model.vocab";
  if (sections_.vocab.empty()) return broken(field, "missing");
  ASSAY_RETURN_IF_ERROR(json_members(
      sections_.vocab, source_ + ": " + field,
      [&](const std::string& text, std::string_view value) -> Status {
        size_t id = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), id);
        if (error != std::errc() || end != value.data() + value.size() || id >= kVocabularyMax) {
          return bad_id(source_, field + " " + in_quotes(text), value);
        }
        return place(id, {.text = text, .kind = kind_of(text, byte_fallback)}, field);
      }));
  model_size_ = vocabulary_.tokens.size();
  return ok_status();
}

Status JsonVocabularyReader::read_vocab_list(bool byte_fallback) {
  const std::string field = "model.vocab";
  if (sections_.vocab.empty()) return broken(field, "missing");
  ASSAY_ASSIGN_OR_RETURN(const Json list, parse_json(sections_.vocab, source_ + ": " + field));
  if (!list.is_array() || list.size() > kVocabularyMax) {
    return broken(field, "no list of at most " + std::to_string(kVocabularyMax) + " tokens");
  }
  for (size_t id = 0; id < list.size(); ++id) {
    const Json& entry = list[id];
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      return broken(field + "[" + std::to_string(id) + "]", "not a text and its score");
    }
    VocabularyToken token;
    token.text = entry[0].get<std::string>();
    token.kind = kind_of(token.text, byte_fallback);
    token.score = entry[1].get<double>();
    ASSAY_RETURN_IF_ERROR(place(id, std::move(token), field));
  }
  model_size_ = vocabulary_.tokens.size();
  return ok_status();
}

Status JsonVocabularyReader::place(size_t id, VocabularyToken token, const std::string& field) {
  std::vector<VocabularyToken>& tokens = vocabulary_.tokens;
  if (id >= tokens.size()) {
    tokens.resize(id + 1);
    taken_.resize(id + 1, false);
  }
  if (taken_[id]) {
    return broken(field, "the id " + std::to_string(id) + " of " + in_quotes(token.text) +
                             " is also that of " + in_quotes(tokens[id].text));
  }
  taken_[id] = true;
  tokens[id] = std::move(token);
  return ok_status();
}

Status JsonVocabularyReader::read_added_tokens() {
  const Json* added = json_member(sections_.root, "added_tokens");
  if (added == nullptr) return ok_status();
  if (!added->is_array()) return broken("added_tokens", "no array");
  for (const Json& token : *added) ASSAY_RETURN_IF_ERROR(read_added_token(token));
  return ok_status();
}

Status JsonVocabularyReader::read_added_token(const Json& token) {
  const Json* id_value = json_member(token, "id");
  if (id_value == nullptr) return broken("added_tokens", "an entry has no id");
  ASSAY_ASSIGN_OR_RETURN(const size_t id, json_token_id(*id_value, source_, "added_tokens"));
  VocabularyToken added;
  added.text = json_string_or(token, "content", "");
  added.kind =
      json_bool_or(token, "special", false) ? TokenKind::kControl : TokenKind::kUserDefined;
  added.find.strip_left = json_bool_or(token, "lstrip", false);
  added.find.strip_right = json_bool_or(token, "rstrip", false);
  added.find.single_word = json_bool_or(token, "single_word", false);
  added.find.in_normalized =
      json_bool_or(token, "normalized", default_find_rule(added.kind).in_normalized);
  if (id >= taken_.size() || !taken_[id]) return place(id, std::move(added), "added_tokens");
  VocabularyToken& known = vocabulary_.tokens[id];
  if (known.text != added.text) {
    return broken("added_tokens", in_quotes(added.text) + " has the id " + std::to_string(id) +
                                      " of " + in_quotes(known.text));
  }
  known.kind = added.kind;
  known.find = added.find;
  return ok_status();
}

Status JsonVocabularyReader::check_no_holes() const {
  for (size_t id = 0; id < taken_.size(); ++id) {
    if (!taken_[id]) return broken("model.vocab", "no token has the id " + std::to_string(id));
  }
  return ok_status();
}

Status JsonVocabularyReader::fill_holes() {
  const auto holes = static_cast<size_t>(std::count(taken_.begin(), taken_.end(), false));
  if (holes > std::max(kHolesMin, taken_.size() - holes)) {
    return broken("model.vocab", std::to_string(holes) + " of " + std::to_string(taken_.size()) +
                                     " ids have no token");
  }
  for (size_t id = 0; id < taken_.size(); ++id) {
    if (taken_[id]) continue;
    vocabulary_.tokens[id] = {.text = "[PAD" + std::to_string(id) + "]",
                              .kind = TokenKind::kUnused};
  }
  return ok_status();
}

Status JsonVocabularyReader::read_post_processor() {
  const Json* processor = json_member(sections_.root, "post_processor");
  if (processor == nullptr) return ok_status();
  if (json_string_or(*processor, "type", "") != "Sequence") return read_processor(*processor);
  const Json* steps = json_member(*processor, "processors");
  if (steps == nullptr || !steps->is_array()) {
    return broken("post_processor.processors", "no array");
  }
  for (const Json& step : *steps) ASSAY_RETURN_IF_ERROR(read_processor(step));
  return ok_status();
}

Status JsonVocabularyReader::read_processor(const Json& processor) {
  const std::string type = json_string_or(processor, "type", "");
  if (type == "TemplateProcessing") return read_template(processor);
  // It moves offsets, which nobody asks for here.
  if (type == "ByteLevel") return ok_status();
  if (type != "BertProcessing" && type != "RobertaProcessing") {
    return unimplemented(source_ + ": a post_processor of type " + in_quotes(type) +
                         " is not supported");
  }
  // Each is ["[CLS]", 101].
  const auto special = [&](const char* name) -> Result<TokenId> {
    const Json* pair = json_member(processor, name);
    const std::string field = "post_processor." + std::string(name);
    if (pair == nullptr || !pair->is_array() || pair->size() != 2) {
      return broken(field, "not a text and its id");
    }
    ASSAY_ASSIGN_OR_RETURN(const size_t id, json_token_id((*pair)[1], source_, field));
    return static_cast<TokenId>(id);
  };
  ASSAY_ASSIGN_OR_RETURN(vocabulary_.bos, special("cls"));
  ASSAY_ASSIGN_OR_RETURN(vocabulary_.eos, special("sep"));
  vocabulary_.add_bos = vocabulary_.add_eos = true;
  return ok_status();
}

// A template that starts with a special token says that bos is added, and which token it is; one
// that ends with one says the same of eos.
Status JsonVocabularyReader::read_template(const Json& processor) {
  const Json* single = json_member(processor, "single");
  if (single == nullptr || !single->is_array() || single->empty()) {
    return broken("post_processor.single", "no list of what a text becomes");
  }
  if (const Json* first = json_member(single->front(), "SpecialToken")) {
    ASSAY_ASSIGN_OR_RETURN(vocabulary_.bos, template_id(processor, *first));
    vocabulary_.add_bos = true;
  }
  const Json* last = json_member(single->back(), "SpecialToken");
  if (last != nullptr && single->size() > 1) {
    ASSAY_ASSIGN_OR_RETURN(vocabulary_.eos, template_id(processor, *last));
    vocabulary_.add_eos = true;
  }
  return ok_status();
}

Result<TokenId> JsonVocabularyReader::template_id(const Json& processor,
                                                  const Json& special) const {
  const std::string name = json_string_or(special, "id", "");
  const Json* tokens = json_member(processor, "special_tokens");
  const Json* token = tokens == nullptr ? nullptr : json_member(*tokens, name.c_str());
  const Json* ids = token == nullptr ? nullptr : json_member(*token, "ids");
  if (ids == nullptr || !ids->is_array() || ids->size() != 1) {
    return broken("post_processor.special_tokens", "no single id for " + in_quotes(name));
  }
  ASSAY_ASSIGN_OR_RETURN(const size_t id,
                         json_token_id((*ids)[0], source_, "post_processor.special_tokens"));
  return static_cast<TokenId>(id);
}

}  // namespace assay
