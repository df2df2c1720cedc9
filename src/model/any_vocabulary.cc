#include "model/any_vocabulary.h"

#include <type_traits>

namespace assay {

void set_add_bos(AnyVocabulary& vocabulary, bool add_bos) {
  std::visit([&](auto& v) { v.add_bos = add_bos; }, vocabulary);
}

void set_add_eos(AnyVocabulary& vocabulary, bool add_eos) {
  std::visit(
      [&](auto& v) {
        if constexpr (std::is_base_of_v<Vocabulary, std::remove_reference_t<decltype(v)>>) {
          v.add_eos = add_eos;
        }
      },
      vocabulary);
}

Result<std::unique_ptr<Tokenizer>> create_tokenizer(AnyVocabulary vocabulary,
                                                    const std::string& source) {
  struct Create {
    const std::string& source;
    Result<std::unique_ptr<Tokenizer>> operator()(SpmVocabulary&& v) const {
      return SpmTokenizer::create(std::move(v), source);
    }
    Result<std::unique_ptr<Tokenizer>> operator()(BpeVocabulary&& v) const {
      return BpeTokenizer::create(std::move(v), source);
    }
    Result<std::unique_ptr<Tokenizer>> operator()(WordPieceVocabulary&& v) const {
      return WordPieceTokenizer::create(std::move(v), source);
    }
    Result<std::unique_ptr<Tokenizer>> operator()(UnigramVocabulary&& v) const {
      return UnigramTokenizer::create(std::move(v), source);
    }
  };
  return std::visit(Create{source}, std::move(vocabulary));
}

}  // namespace assay
