#include "model/tokenizer_gguf.h"

#include <optional>

#include "model/bpe_tokenizer.h"
#include "model/meta_space.h"
#include "model/pre_tokenizer.h"
#include "model/spm_tokenizer.h"
#include "model/tensor_rules.h"
#include "model/unigram_tokenizer.h"
#include "model/word_piece_tokenizer.h"

namespace assay {
namespace {

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

Status check_length(const Checkpoint& checkpoint, const char* name, size_t length, size_t tokens) {
  if (length == tokens) return ok_status();
  return data_loss(checkpoint.path + ": tokenizer.ggml.tokens has " + std::to_string(tokens) +
                   " entries, " + name + " " + std::to_string(length));
}

// Texts and kinds; a file without kinds has normal tokens only.
Result<std::vector<VocabularyToken>> gguf_tokens(const Checkpoint& checkpoint) {
  ASSAY_ASSIGN_OR_RETURN(const auto* texts,
                         meta_array<std::vector<std::string>>(checkpoint, "tokenizer.ggml.tokens"));
  if (texts->size() > kVocabularyMax) {
    return data_loss(checkpoint.path + ": tokenizer.ggml.tokens has " +
                     std::to_string(texts->size()) + " entries; at most " +
                     std::to_string(kVocabularyMax) + " are supported");
  }
  const std::vector<int64_t>* types = nullptr;
  if (checkpoint.has_meta("tokenizer.ggml.token_type")) {
    ASSAY_ASSIGN_OR_RETURN(
        types, meta_array<std::vector<int64_t>>(checkpoint, "tokenizer.ggml.token_type"));
    ASSAY_RETURN_IF_ERROR(check_length(checkpoint, "token_type", types->size(), texts->size()));
  }
  std::vector<VocabularyToken> tokens(texts->size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i].text = (*texts)[i];
    if (types == nullptr) continue;
    ASSAY_ASSIGN_OR_RETURN(tokens[i].kind, kind_of_gguf(checkpoint, i, (*types)[i]));
    tokens[i].find = default_find_rule(tokens[i].kind);
  }
  return tokens;
}

Status read_scores(const Checkpoint& checkpoint, std::vector<VocabularyToken>& tokens) {
  ASSAY_ASSIGN_OR_RETURN(const auto* scores,
                         meta_array<std::vector<double>>(checkpoint, "tokenizer.ggml.scores"));
  ASSAY_RETURN_IF_ERROR(check_length(checkpoint, "scores", scores->size(), tokens.size()));
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i].score = (*scores)[i];
  return ok_status();
}

// SentencePiece's own spelling of a user-defined piece: writers of GGUF files put spaces where it
// has its meta symbol (the runs of spaces of Gemma), in these pieces alone.
std::string with_meta_spaces(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ') {
      out += kMetaSpace;
    } else {
      out += c;
    }
  }
  return out;
}

Result<std::vector<SpmPiece>> gguf_pieces(const Checkpoint& checkpoint) {
  // Which pieces are bytes and which are control tokens, SentencePiece cannot do without.
  const auto types = meta_array<std::vector<int64_t>>(checkpoint, "tokenizer.ggml.token_type");
  if (!types.ok()) return types.status();
  ASSAY_ASSIGN_OR_RETURN(std::vector<VocabularyToken> tokens, gguf_tokens(checkpoint));
  ASSAY_RETURN_IF_ERROR(read_scores(checkpoint, tokens));
  std::vector<SpmPiece> pieces;
  pieces.reserve(tokens.size());
  for (VocabularyToken& token : tokens) {
    if (token.kind == TokenKind::kUserDefined) token.text = with_meta_spaces(token.text);
    pieces.push_back({.text = std::move(token.text),
                      .score = static_cast<float>(token.score),
                      .kind = token.kind});
  }
  return pieces;
}

TokenId first_unknown(const std::vector<SpmPiece>& pieces) {
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].kind == TokenKind::kUnknown) return static_cast<TokenId>(i);
  }
  return -1;
}

struct SpaceOptions {
  SpacePrefix prefix;
  bool collapse;
};

Result<SpaceOptions> read_space_options(const Checkpoint& checkpoint) {
  ASSAY_ASSIGN_OR_RETURN(const auto prefix,
                         optional_meta<bool>(checkpoint, "tokenizer.ggml.add_space_prefix"));
  ASSAY_ASSIGN_OR_RETURN(
      const auto collapse,
      optional_meta<bool>(checkpoint, "tokenizer.ggml.remove_extra_whitespaces"));
  return SpaceOptions{.prefix = prefix.value_or(true) ? SpacePrefix::kAlways : SpacePrefix::kNone,
                      .collapse = collapse.value_or(false)};
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
  ASSAY_ASSIGN_OR_RETURN(const SpaceOptions spaces, read_space_options(checkpoint));
  vocabulary.add_bos = add_bos.value_or(true);
  vocabulary.space_prefix = spaces.prefix;
  vocabulary.collapse_spaces = spaces.collapse;
  return SpmTokenizer::create(std::move(vocabulary), checkpoint.path);
}

struct AddFlags {
  bool bos;
  bool eos;
};

Status read_add_flags(const Checkpoint& checkpoint, Vocabulary& vocabulary, AddFlags otherwise) {
  ASSAY_ASSIGN_OR_RETURN(const auto bos,
                         optional_meta<bool>(checkpoint, "tokenizer.ggml.add_bos_token"));
  ASSAY_ASSIGN_OR_RETURN(const auto eos,
                         optional_meta<bool>(checkpoint, "tokenizer.ggml.add_eos_token"));
  vocabulary.add_bos = bos.value_or(otherwise.bos);
  vocabulary.add_eos = eos.value_or(otherwise.eos);
  return ok_status();
}

Result<const PreTokenizerInfo*> gguf_pre_tokenizer(const Checkpoint& checkpoint) {
  // Files from before the field was invented are read as llama.cpp reads them.
  const std::string field = "tokenizer.ggml.pre";
  std::string name = "default";
  if (checkpoint.has_meta(field)) {
    ASSAY_ASSIGN_OR_RETURN(name, checkpoint.meta_string(field));
  }
  if (const PreTokenizerInfo* info = find_pre_tokenizer(name)) return info;
  std::string names;
  for (const char* known : pre_tokenizer_names()) names += std::string(" ") + known;
  return unimplemented(checkpoint.path + ": " + field + " is " + in_quotes(name) +
                       "; supported:" + names);
}

Result<std::unique_ptr<Tokenizer>> bpe_from_gguf(const Checkpoint& checkpoint) {
  BpeVocabulary vocabulary;
  ASSAY_ASSIGN_OR_RETURN(vocabulary.tokens, gguf_tokens(checkpoint));
  ASSAY_ASSIGN_OR_RETURN(const auto* merges,
                         meta_array<std::vector<std::string>>(checkpoint, "tokenizer.ggml.merges"));
  vocabulary.merges = *merges;
  ASSAY_ASSIGN_OR_RETURN(const PreTokenizerInfo* info, gguf_pre_tokenizer(checkpoint));
  vocabulary.pre_tokenizer.steps = info->steps;
  vocabulary.ignore_merges = info->ignore_merges;
  if (info->nfc) vocabulary.normalizer = {{.kind = NormalizerKind::kNfc}};
  ASSAY_ASSIGN_OR_RETURN(vocabulary.bos,
                         optional_id(checkpoint, "tokenizer.ggml.bos_token_id", -1));
  ASSAY_ASSIGN_OR_RETURN(vocabulary.eos,
                         optional_id(checkpoint, "tokenizer.ggml.eos_token_id", -1));
  ASSAY_RETURN_IF_ERROR(
      read_add_flags(checkpoint, vocabulary, {.bos = info->add_bos, .eos = info->add_eos}));
  return BpeTokenizer::create(std::move(vocabulary), checkpoint.path);
}

// The converter writes a word's first token after U+2581 and drops "##" from the others; tokens in
// brackets it leaves alone.
void spell_as_word_pieces(std::vector<VocabularyToken>& tokens) {
  for (VocabularyToken& token : tokens) {
    if (token.kind != TokenKind::kNormal) continue;
    if (token.text.starts_with(kMetaSpace)) {
      token.text.erase(0, kMetaSpace.size());
    } else if (!token.text.starts_with('[') || !token.text.ends_with(']')) {
      token.text.insert(0, kContinuation);
    }
  }
}

// The first of the fields that is there.
Result<TokenId> first_id(const Checkpoint& checkpoint, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (checkpoint.has_meta(name)) return optional_id(checkpoint, name, -1);
  }
  return -1;
}

Result<std::unique_ptr<Tokenizer>> word_piece_from_gguf(const Checkpoint& checkpoint) {
  WordPieceVocabulary vocabulary;
  ASSAY_ASSIGN_OR_RETURN(vocabulary.tokens, gguf_tokens(checkpoint));
  spell_as_word_pieces(vocabulary.tokens);
  ASSAY_ASSIGN_OR_RETURN(vocabulary.unknown,
                         optional_id(checkpoint, "tokenizer.ggml.unknown_token_id", -1));
  ASSAY_ASSIGN_OR_RETURN(vocabulary.bos, first_id(checkpoint, {"tokenizer.ggml.cls_token_id",
                                                               "tokenizer.ggml.bos_token_id"}));
  // The field's name is spelled so in the files.
  ASSAY_ASSIGN_OR_RETURN(vocabulary.eos, first_id(checkpoint, {"tokenizer.ggml.seperator_token_id",
                                                               "tokenizer.ggml.eos_token_id"}));
  ASSAY_RETURN_IF_ERROR(read_add_flags(checkpoint, vocabulary, {.bos = true, .eos = true}));
  // GGUF does not say how texts are normalised; every reader of such files takes them as uncased.
  vocabulary.normalizer = bert_normalizer();
  return WordPieceTokenizer::create(std::move(vocabulary), checkpoint.path);
}

// tokenizer.ggml.precompiled_charsmap: bytes, which GGUF has as signed or unsigned ones.
Status read_char_map(const Checkpoint& checkpoint, NormalizerSpec& normalizer) {
  const std::string field = "tokenizer.ggml.precompiled_charsmap";
  if (!checkpoint.has_meta(field)) return ok_status();
  ASSAY_ASSIGN_OR_RETURN(const auto* values, meta_array<std::vector<int64_t>>(checkpoint, field));
  if (values->empty()) return ok_status();
  NormalizerStep step{.kind = NormalizerKind::kCharMap};
  step.content.reserve(values->size());
  for (const int64_t value : *values) {
    if (value < -128 || value > 255) {
      return data_loss(checkpoint.path + ": " + field + " has the value " + std::to_string(value) +
                       ", which is no byte");
    }
    step.content.push_back(static_cast<char>(static_cast<uint8_t>(value & 0xFF)));
  }
  normalizer.push_back(std::move(step));
  return ok_status();
}

Result<std::unique_ptr<Tokenizer>> unigram_from_gguf(const Checkpoint& checkpoint) {
  UnigramVocabulary vocabulary;
  ASSAY_ASSIGN_OR_RETURN(vocabulary.tokens, gguf_tokens(checkpoint));
  ASSAY_RETURN_IF_ERROR(read_scores(checkpoint, vocabulary.tokens));
  ASSAY_RETURN_IF_ERROR(read_char_map(checkpoint, vocabulary.normalizer));
  ASSAY_ASSIGN_OR_RETURN(vocabulary.bos,
                         optional_id(checkpoint, "tokenizer.ggml.bos_token_id", -1));
  ASSAY_ASSIGN_OR_RETURN(vocabulary.eos,
                         optional_id(checkpoint, "tokenizer.ggml.eos_token_id", -1));
  ASSAY_ASSIGN_OR_RETURN(vocabulary.unknown,
                         optional_id(checkpoint, "tokenizer.ggml.unknown_token_id", -1));
  for (size_t i = 0; i < vocabulary.tokens.size() && vocabulary.unknown < 0; ++i) {
    if (vocabulary.tokens[i].kind == TokenKind::kUnknown) {
      vocabulary.unknown = static_cast<TokenId>(i);
    }
  }
  ASSAY_RETURN_IF_ERROR(read_add_flags(checkpoint, vocabulary, {.bos = false, .eos = true}));
  ASSAY_ASSIGN_OR_RETURN(const SpaceOptions spaces, read_space_options(checkpoint));
  vocabulary.space_prefix =
      spaces.prefix == SpacePrefix::kNone ? SpacePrefix::kNone : SpacePrefix::kUnlessPresent;
  // The steps that stand for it in the tokenizer.json that such a file was converted from.
  if (spaces.collapse) {
    vocabulary.normalizer.push_back({.kind = NormalizerKind::kStripRight});
    vocabulary.normalizer.push_back(
        {.kind = NormalizerKind::kReplace, .pattern = " {2,}", .content = std::string(kMetaSpace)});
  }
  return UnigramTokenizer::create(std::move(vocabulary), checkpoint.path);
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> open_gguf_tokenizer(const Checkpoint& checkpoint) {
  const std::string field = "tokenizer.ggml.model";
  std::string model = "none";
  if (checkpoint.has_meta(field)) {
    ASSAY_ASSIGN_OR_RETURN(model, checkpoint.meta_string(field));
  }
  if (model == "none" || model == "no_vocab") {
    return not_found(checkpoint.path + " holds no tokenizer (metadata field " + field + ")");
  }
  if (model == "llama") return spm_from_gguf(checkpoint);
  if (model == "gpt2") return bpe_from_gguf(checkpoint);
  if (model == "bert") return word_piece_from_gguf(checkpoint);
  if (model == "t5") return unigram_from_gguf(checkpoint);
  return unimplemented(checkpoint.path + ": " + field + " is " + in_quotes(model) +
                       "; supported: llama (SentencePiece BPE), gpt2 (byte-level BPE), bert "
                       "(WordPiece), t5 (SentencePiece unigram)");
}

}  // namespace assay
