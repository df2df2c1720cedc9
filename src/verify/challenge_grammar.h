// Expands symbols of a grammar with a generator: one draw for each choice, in the order of the
// text. Tested in challenge_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "verify/challenge_words.h"

namespace assay {

class ChallengeGrammar {
 public:
  // Borrows the rules' texts. Pre: rules are sorted by symbol, every symbol that is referred to
  // exists, every repetition refers to an earlier part (CHECK); no symbol leads back to itself.
  explicit ChallengeGrammar(std::span<const GrammarRule> rules);

  // Pre: the symbol exists (CHECK).
  std::string expand(std::string_view symbol, Prng& prng) const;

 private:
  enum class PartKind : uint8_t { kLiteral, kSymbol, kDigits, kRepeat };
  struct Part {
    PartKind kind = PartKind::kLiteral;
    std::string_view literal;  // of kLiteral
    size_t number = 0;         // of kSymbol: the rule; of kDigits: how many; of kRepeat: which
    bool article = false;
    bool capital = false;
  };
  struct Rule {
    std::string_view symbol;
    std::vector<std::vector<Part>> alternatives;
  };

  size_t rule_index(std::string_view symbol) const;
  std::vector<Part> parse_alternative(std::string_view text) const;
  Part parse_reference(std::string_view inside) const;
  std::string expand_rule(size_t rule, Prng& prng) const;

  std::vector<Rule> rules_;
};

}  // namespace assay
