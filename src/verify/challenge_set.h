// ChallengeSet: all challenges of a run as both models will read them, committed to before any
// model sees one. Tested in session_test.cc.
#pragma once

#include <string>
#include <vector>

#include "model/model.h"
#include "verify/comparison.h"
#include "verify/session.h"

namespace assay {

struct ChallengeSet {
  std::vector<Digest> seeds;        // all zero in a census
  std::vector<Digest> commitments;  // challenge_leaf(seed, tokens of the reference)
  std::vector<std::vector<TokenId>> tokens_a;
  std::vector<std::vector<TokenId>> tokens_b;  // the same text through the target's tokenizer
  Digest root{};                               // over all commitments
  SymbolMap symbols;
  std::vector<std::string> notes;  // about tokenizers that differ

  size_t size() const { return seeds.size(); }
  size_t tokens_max() const;
};

// The key that both files' digests give: reproducible by anyone, unknown before the weights were
// fixed.
Bytes key_of_files(const Digest& digest_a, const Digest& digest_b);

// Errors: INVALID_ARGUMENT (a prompt that is too long, no prompt), FAILED_PRECONDITION (only one
// model has a tokenizer and the vocabularies differ, so that nothing can be asked of both).
Result<ChallengeSet> make_challenge_set(const Model& reference, const Model& target,
                                        const VerifyOptions& options, ByteSpan key);

}  // namespace assay
