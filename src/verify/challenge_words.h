// The grammar that challenge texts are made from ("assay.challenges.v1", described in
// docs/formats/challenges.md). Its content is frozen: the texts of a seed are part of what
// certificates rest on, so other words are another version. Tested in challenge_test.cc.
#pragma once

#include <span>
#include <string_view>

namespace assay {

// A symbol and its alternatives, separated by '|'. In an alternative, $(symbol) stands for an
// expansion of symbol; $(a symbol) puts "a " or "an " before it, $(^symbol) makes its first letter
// upper case, $(#n) is a number of n digits without a leading zero, and $(k) repeats the k-th of
// these in the same alternative.
struct GrammarRule {
  std::string_view symbol;
  std::string_view alternatives;
};

// Sorted by symbol.
std::span<const GrammarRule> challenge_rules();

}  // namespace assay
