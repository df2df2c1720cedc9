#include "model/tokenizer.h"

#include <filesystem>
#include <optional>

#include "base/file.h"
#include "base/json.h"
#include "model/tokenizer_gguf.h"
#include "model/tokenizer_json.h"
#include "model/tokenizer_model.h"

namespace assay {
namespace {

constexpr uint64_t kTokenizerConfigBytesMax = uint64_t{16} << 20;

// What tokenizer_config.json says; nothing of it when there is no such file.
struct TokenizerConfig {
  std::optional<bool> add_bos;
  std::optional<bool> add_eos;
  std::string bos_text;
  std::string eos_text;
};

Result<std::optional<bool>> flag_of(const Json& config, const char* name, const std::string& path) {
  const auto at = config.find(name);
  if (at == config.end() || at->is_null()) return std::optional<bool>();
  if (!at->is_boolean()) return data_loss(path + ": " + name + " is " + at->dump());
  return std::optional<bool>(at->get<bool>());
}

// A token is its text, or an object that has it as its content.
Result<std::string> text_of(const Json& config, const char* name, const std::string& path) {
  const auto at = config.find(name);
  if (at == config.end() || at->is_null()) return std::string();
  if (at->is_string()) return at->get<std::string>();
  if (at->is_object()) {
    const auto content = at->find("content");
    if (content != at->end() && content->is_string()) return content->get<std::string>();
  }
  return data_loss(path + ": " + name + " is " + at->dump().substr(0, 32));
}

Result<TokenizerConfig> read_tokenizer_config(const std::string& folder) {
  const std::string path = folder + "/tokenizer_config.json";
  TokenizerConfig out;
  if (!path_exists(path)) return out;
  ASSAY_ASSIGN_OR_RETURN(const std::string text, read_text_file(path, kTokenizerConfigBytesMax));
  ASSAY_ASSIGN_OR_RETURN(const Json config, parse_json(text, path));
  if (!config.is_object()) return data_loss(path + ": not an object");
  ASSAY_ASSIGN_OR_RETURN(out.add_bos, flag_of(config, "add_bos_token", path));
  ASSAY_ASSIGN_OR_RETURN(out.add_eos, flag_of(config, "add_eos_token", path));
  ASSAY_ASSIGN_OR_RETURN(out.bos_text, text_of(config, "bos_token", path));
  ASSAY_ASSIGN_OR_RETURN(out.eos_text, text_of(config, "eos_token", path));
  return out;
}

// A special id of config.json. Some give a list of several eos ids: no one of them is the answer.
Result<TokenId> hint_id(const Checkpoint& checkpoint, const std::string& name) {
  const auto at = checkpoint.meta.find(name);
  if (at == checkpoint.meta.end() || std::holds_alternative<std::vector<int64_t>>(at->second)) {
    return -1;
  }
  ASSAY_ASSIGN_OR_RETURN(const uint64_t id, checkpoint.meta_uint(name, 0, kVocabularyMax));
  return static_cast<TokenId>(id);
}

// The files of a folder that a tokenizer is read from.
struct FolderFiles {
  std::string model;
  std::string json;
  std::string vocab;
  std::string merges;
};

Result<AnyVocabulary> read_folder(const FolderFiles& files, const TokenizerHints& hints,
                                  std::string& source) {
  // tokenizer.model first: it is the original, tokenizer.json is converted from it.
  if (path_exists(files.model)) {
    source = files.model;
    ASSAY_ASSIGN_OR_RETURN(const Bytes content, read_whole_file(source, kTokenizerModelBytesMax));
    ASSAY_ASSIGN_OR_RETURN(AnyVocabulary vocabulary, parse_tokenizer_model(content, source));
    // A unigram model does not know the tokens that the library puts around a text.
    const bool complete = std::holds_alternative<SpmVocabulary>(vocabulary);
    if (complete || !path_exists(files.json)) return vocabulary;
  }
  if (path_exists(files.json)) {
    source = files.json;
    ASSAY_ASSIGN_OR_RETURN(const std::string text, read_text_file(source, kTokenizerJsonBytesMax));
    return parse_tokenizer_json(text, hints, source);
  }
  source = files.vocab;
  ASSAY_ASSIGN_OR_RETURN(const std::string vocab, read_text_file(source, kTokenizerJsonBytesMax));
  ASSAY_ASSIGN_OR_RETURN(const std::string merges,
                         read_text_file(files.merges, kTokenizerJsonBytesMax));
  ASSAY_ASSIGN_OR_RETURN(BpeVocabulary vocabulary,
                         parse_vocab_and_merges(vocab, merges, hints, source));
  return AnyVocabulary(std::move(vocabulary));
}

Result<std::unique_ptr<Tokenizer>> open_folder(const Checkpoint& checkpoint) {
  std::string folder = is_directory(checkpoint.path)
                           ? checkpoint.path
                           : std::filesystem::path(checkpoint.path).parent_path().string();
  if (folder.empty()) folder = ".";
  const FolderFiles files = {.model = folder + "/tokenizer.model",
                             .json = folder + "/tokenizer.json",
                             .vocab = folder + "/vocab.json",
                             .merges = folder + "/merges.txt"};
  if (!path_exists(files.model) && !path_exists(files.json) &&
      !(path_exists(files.vocab) && path_exists(files.merges))) {
    return not_found(folder +
                     " holds no tokenizer: neither tokenizer.model nor tokenizer.json, nor "
                     "vocab.json with merges.txt");
  }
  ASSAY_ASSIGN_OR_RETURN(const TokenizerConfig config, read_tokenizer_config(folder));
  TokenizerHints hints{.bos_text = config.bos_text, .eos_text = config.eos_text};
  ASSAY_ASSIGN_OR_RETURN(hints.bos, hint_id(checkpoint, "bos_token_id"));
  ASSAY_ASSIGN_OR_RETURN(hints.eos, hint_id(checkpoint, "eos_token_id"));
  std::string source;
  ASSAY_ASSIGN_OR_RETURN(AnyVocabulary vocabulary, read_folder(files, hints, source));
  if (config.add_bos.has_value()) set_add_bos(vocabulary, *config.add_bos);
  if (config.add_eos.has_value()) set_add_eos(vocabulary, *config.add_eos);
  return create_tokenizer(std::move(vocabulary), source);
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> open_tokenizer(const Checkpoint& checkpoint) {
  return checkpoint.format == CheckpointFormat::kGguf ? open_gguf_tokenizer(checkpoint)
                                                      : open_folder(checkpoint);
}

}  // namespace assay
