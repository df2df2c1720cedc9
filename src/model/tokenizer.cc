#include "model/tokenizer.h"

#include <filesystem>
#include <optional>

#include "base/file.h"
#include "base/json.h"
#include "model/spm_tokenizer.h"
#include "model/tokenizer_json.h"
#include "model/tokenizer_model.h"

namespace assay {
namespace {

constexpr uint64_t kTokenizerConfigBytesMax = uint64_t{16} << 20;

// Of an optional metadata field: the value when it is there and has the type; an error when it is
// there with another type.
template <typename T>
Result<std::optional<T>> optional_meta(const Checkpoint& checkpoint, const std::string& name) {
  const auto at = checkpoint.meta.find(name);
  if (at == checkpoint.meta.end()) return std::optional<T>();
  if (const T* value = std::get_if<T>(&at->second)) return std::optional<T>(*value);
  return data_loss(checkpoint.path + ": metadata field " + name + " has the wrong type");
}

Result<TokenId> optional_id(const Checkpoint& checkpoint, const std::string& name,
                            TokenId otherwise) {
  if (!checkpoint.has_meta(name)) return otherwise;
  ASSAY_ASSIGN_OR_RETURN(const uint64_t id, checkpoint.meta_uint(name, 0, kVocabularyMax));
  return static_cast<TokenId>(id);
}

template <typename T>
Result<const T*> meta_array(const Checkpoint& checkpoint, const std::string& name) {
  const auto at = checkpoint.meta.find(name);
  if (at == checkpoint.meta.end()) {
    return data_loss(checkpoint.path + ": metadata field " + name + " is missing");
  }
  const T* values = std::get_if<T>(&at->second);
  if (values == nullptr) {
    return data_loss(checkpoint.path + ": metadata field " + name + " has the wrong type");
  }
  return values;
}

// GGUF counts kinds as SentencePiece does, and has 0 for "not said".
Result<TokenKind> kind_of_gguf(const Checkpoint& checkpoint, size_t id, int64_t type) {
  static constexpr TokenKind kKinds[] = {
      TokenKind::kNormal,      TokenKind::kNormal, TokenKind::kUnknown, TokenKind::kControl,
      TokenKind::kUserDefined, TokenKind::kUnused, TokenKind::kByte};
  if (type < 0 || type >= static_cast<int64_t>(std::size(kKinds))) {
    return data_loss(checkpoint.path + ": tokenizer.ggml.token_type of token " +
                     std::to_string(id) + " is " + std::to_string(type) + ", expected 0 to 6");
  }
  return kKinds[type];
}

Result<std::vector<SpmPiece>> gguf_pieces(const Checkpoint& checkpoint) {
  ASSAY_ASSIGN_OR_RETURN(const auto* tokens,
                         meta_array<std::vector<std::string>>(checkpoint, "tokenizer.ggml.tokens"));
  ASSAY_ASSIGN_OR_RETURN(const auto* scores,
                         meta_array<std::vector<double>>(checkpoint, "tokenizer.ggml.scores"));
  ASSAY_ASSIGN_OR_RETURN(const auto* types,
                         meta_array<std::vector<int64_t>>(checkpoint, "tokenizer.ggml.token_type"));
  if (scores->size() != tokens->size() || types->size() != tokens->size()) {
    return data_loss(checkpoint.path + ": tokenizer.ggml.tokens has " +
                     std::to_string(tokens->size()) + " entries, scores " +
                     std::to_string(scores->size()) + ", token_type " +
                     std::to_string(types->size()));
  }
  if (tokens->size() > kVocabularyMax) {
    return data_loss(checkpoint.path + ": tokenizer.ggml.tokens has " +
                     std::to_string(tokens->size()) + " entries; at most " +
                     std::to_string(kVocabularyMax) + " are supported");
  }
  std::vector<SpmPiece> pieces(tokens->size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(pieces[i].kind, kind_of_gguf(checkpoint, i, (*types)[i]));
    pieces[i].text = (*tokens)[i];
    pieces[i].score = static_cast<float>((*scores)[i]);
  }
  return pieces;
}

TokenId first_unknown(const std::vector<SpmPiece>& pieces) {
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].kind == TokenKind::kUnknown) return static_cast<TokenId>(i);
  }
  return -1;
}

Result<std::unique_ptr<Tokenizer>> spm_from_gguf(const Checkpoint& checkpoint) {
  SpmVocabulary vocabulary;
  ASSAY_ASSIGN_OR_RETURN(vocabulary.pieces, gguf_pieces(checkpoint));
  // Old files leave these out: 1 and 2 are the Llama vocabulary's.
  const auto size = static_cast<TokenId>(vocabulary.pieces.size());
  ASSAY_ASSIGN_OR_RETURN(vocabulary.bos,
                         optional_id(checkpoint, "tokenizer.ggml.bos_token_id", size > 1 ? 1 : -1));
  ASSAY_ASSIGN_OR_RETURN(vocabulary.eos,
                         optional_id(checkpoint, "tokenizer.ggml.eos_token_id", size > 2 ? 2 : -1));
  ASSAY_ASSIGN_OR_RETURN(
      vocabulary.unknown,
      optional_id(checkpoint, "tokenizer.ggml.unknown_token_id", first_unknown(vocabulary.pieces)));
  ASSAY_ASSIGN_OR_RETURN(const auto add_bos,
                         optional_meta<bool>(checkpoint, "tokenizer.ggml.add_bos_token"));
  ASSAY_ASSIGN_OR_RETURN(const auto prefix,
                         optional_meta<bool>(checkpoint, "tokenizer.ggml.add_space_prefix"));
  ASSAY_ASSIGN_OR_RETURN(
      const auto collapse,
      optional_meta<bool>(checkpoint, "tokenizer.ggml.remove_extra_whitespaces"));
  vocabulary.add_bos = add_bos.value_or(true);
  vocabulary.space_prefix = prefix.value_or(true) ? SpacePrefix::kAlways : SpacePrefix::kNone;
  vocabulary.collapse_spaces = collapse.value_or(false);
  return SpmTokenizer::create(std::move(vocabulary), checkpoint.path);
}

Result<std::unique_ptr<Tokenizer>> open_gguf(const Checkpoint& checkpoint) {
  const std::string field = "tokenizer.ggml.model";
  std::string model = "none";
  if (checkpoint.has_meta(field)) {
    ASSAY_ASSIGN_OR_RETURN(model, checkpoint.meta_string(field));
  }
  if (model == "none" || model == "no_vocab") {
    return not_found(checkpoint.path + " holds no tokenizer (metadata field " + field + ")");
  }
  if (model == "llama") return spm_from_gguf(checkpoint);
  const char* kind = model == "gpt2"   ? "byte-level BPE"
                     : model == "t5"   ? "SentencePiece unigram"
                     : model == "bert" ? "WordPiece"
                                       : "an unknown kind";
  return unimplemented(checkpoint.path + ": tokenizer.ggml.model is \"" + model + "\" (" + kind +
                       "); supported: \"llama\" (SentencePiece BPE)");
}

// What tokenizer_config.json says about bos; nothing when there is no such file.
Result<std::optional<bool>> configured_add_bos(const std::string& folder) {
  const std::string path = folder + "/tokenizer_config.json";
  if (!path_exists(path)) return std::optional<bool>();
  ASSAY_ASSIGN_OR_RETURN(const std::string text, read_text_file(path, kTokenizerConfigBytesMax));
  ASSAY_ASSIGN_OR_RETURN(const Json config, parse_json(text, path));
  if (!config.is_object()) return data_loss(path + ": not an object");
  const auto at = config.find("add_bos_token");
  if (at == config.end() || at->is_null()) return std::optional<bool>();
  if (!at->is_boolean()) return data_loss(path + ": add_bos_token is " + at->dump());
  return std::optional<bool>(at->get<bool>());
}

// A special id of config.json. Some give a list of several eos ids: no one of them is the answer.
Result<TokenId> hint_id(const Checkpoint& checkpoint, const std::string& name) {
  const auto at = checkpoint.meta.find(name);
  if (at != checkpoint.meta.end() && std::holds_alternative<std::vector<int64_t>>(at->second)) {
    return -1;
  }
  return optional_id(checkpoint, name, -1);
}

Result<std::unique_ptr<Tokenizer>> open_folder(const Checkpoint& checkpoint) {
  const std::string folder = is_directory(checkpoint.path)
                                 ? checkpoint.path
                                 : std::filesystem::path(checkpoint.path).parent_path().string();
  const std::string prefix = folder.empty() ? "" : folder + "/";
  const std::string model_path = prefix + "tokenizer.model";
  const std::string json_path = prefix + "tokenizer.json";
  SpmVocabulary vocabulary;
  std::string source = model_path;
  // tokenizer.model first: it is the original, tokenizer.json is converted from it.
  if (path_exists(model_path)) {
    ASSAY_ASSIGN_OR_RETURN(const Bytes content,
                           read_whole_file(model_path, kTokenizerModelBytesMax));
    ASSAY_ASSIGN_OR_RETURN(vocabulary, parse_tokenizer_model(content, model_path));
  } else if (path_exists(json_path)) {
    source = json_path;
    ASSAY_ASSIGN_OR_RETURN(const std::string text,
                           read_text_file(json_path, kTokenizerJsonBytesMax));
    TokenizerHints hints;
    ASSAY_ASSIGN_OR_RETURN(hints.bos, hint_id(checkpoint, "bos_token_id"));
    ASSAY_ASSIGN_OR_RETURN(hints.eos, hint_id(checkpoint, "eos_token_id"));
    ASSAY_ASSIGN_OR_RETURN(vocabulary, parse_tokenizer_json(text, hints, json_path));
  } else {
    return not_found((folder.empty() ? "." : folder) +
                     " holds no tokenizer: neither tokenizer.model nor tokenizer.json");
  }
  ASSAY_ASSIGN_OR_RETURN(const auto add_bos, configured_add_bos(folder.empty() ? "." : folder));
  if (add_bos.has_value()) vocabulary.add_bos = *add_bos;
  return SpmTokenizer::create(std::move(vocabulary), source);
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> open_tokenizer(const Checkpoint& checkpoint) {
  return checkpoint.format == CheckpointFormat::kGguf ? open_gguf(checkpoint)
                                                      : open_folder(checkpoint);
}

}  // namespace assay
