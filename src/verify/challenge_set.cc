#include "verify/challenge_set.h"

#include <algorithm>

#include "verify/challenge.h"

namespace assay {
namespace {

// Ids whose text is the same in both vocabularies. Padding rows beyond the tokenizer count as the
// same nothing.
SymbolMap map_symbols(const Model& a, const Model& b) {
  SymbolMap map{.vocab_a = a.arch.vocab, .vocab_b = b.arch.vocab};
  if (a.tokenizer == nullptr || b.tokenizer == nullptr ||
      a.tokenizer->digest() == b.tokenizer->digest())
    return map;
  const size_t shared = std::min(map.vocab_a, map.vocab_b);
  std::vector<bool> same(shared);
  bool all = true;
  for (size_t i = 0; i < shared; ++i) {
    const bool in_a = i < a.tokenizer->size();
    const bool in_b = i < b.tokenizer->size();
    const TokenId id = static_cast<TokenId>(i);
    same[i] =
        in_a == in_b && (!in_a || (a.tokenizer->piece_bytes(id) == b.tokenizer->piece_bytes(id) &&
                                   a.tokenizer->token_kind(id) == b.tokenizer->token_kind(id)));
    all = all && same[i];
  }
  if (!all) map.same = std::move(same);
  return map;
}

// Challenges for models of which at least one has no tokenizer: token ids that both take.
Result<Challenge> make_shared_challenge(const Digest& seed, const Model& a, const Model& b,
                                        const VerifyOptions& options) {
  const size_t tokens_max = challenge_tokens_max(options);
  const Tokenizer* tokenizer = a.tokenizer != nullptr ? a.tokenizer.get() : b.tokenizer.get();
  if (tokenizer != nullptr) return make_challenge(seed, *tokenizer, tokens_max);
  return make_id_challenge(seed, a.arch.vocab, tokens_max);
}

// The verdict of a census is about exactly its prompts, not about how they begin: unless it was
// asked for, none is cut.
Result<Challenge> make_prompt(size_t i, const Tokenizer& tokenizer, const VerifyOptions& options) {
  const std::string& text = (*options.prompts)[i];
  if (options.challenge_tokens) {
    return make_census_challenge(text, tokenizer, *options.challenge_tokens);
  }
  ASSAY_ASSIGN_OR_RETURN(Challenge challenge,
                         make_census_challenge(text, tokenizer, kCensusTokensMax + 1));
  if (challenge.tokens.size() <= kCensusTokensMax) return challenge;
  return invalid_argument("prompt " + std::to_string(i + 1) + " has more than " +
                          std::to_string(kCensusTokensMax) +
                          " tokens, the most that is taken; cut it into several");
}

}  // namespace

size_t ChallengeSet::tokens_max() const {
  size_t most = 1;
  for (const auto* side : {&tokens_a, &tokens_b}) {
    for (const auto& tokens : *side) most = std::max(most, tokens.size());
  }
  return most;
}

Bytes key_of_files(const Digest& digest_a, const Digest& digest_b) {
  Bytes preimage;
  append_bytes(preimage, as_bytes("assay.key.v1"));
  append_bytes(preimage, digest_a);
  append_bytes(preimage, digest_b);
  const Digest key = sha256(preimage);
  return Bytes(key.begin(), key.end());
}

Result<ChallengeSet> make_challenge_set(const Model& reference, const Model& target,
                                        const VerifyOptions& options, ByteSpan key) {
  const bool both_read = reference.tokenizer != nullptr && target.tokenizer != nullptr;
  if (!both_read && reference.arch.vocab != target.arch.vocab) {
    return {failed_precondition(reference.checkpoint.path + " and " + target.checkpoint.path +
                                " have vocabularies of " + std::to_string(reference.arch.vocab) +
                                " and " + std::to_string(target.arch.vocab) +
                                " tokens and not both a tokenizer, so the same text cannot be "
                                "given to both; add the tokenizer files")};
  }
  if (options.prompts && !both_read && reference.tokenizer == nullptr &&
      target.tokenizer == nullptr) {
    return failed_precondition(
        reference.checkpoint.path +
        " has no tokenizer, so --prompts cannot be read; leave it out or add the tokenizer");
  }
  ChallengeSet set;
  set.symbols = map_symbols(reference, target);
  const bool same_tokenizer =
      !both_read || reference.tokenizer->digest() == target.tokenizer->digest();
  const size_t count = options.prompts ? options.prompts->size() : options.challenges;
  for (size_t i = 0; i < count; ++i) {
    const auto make = [&](const Tokenizer& tokenizer, const Digest& seed) -> Result<Challenge> {
      if (options.prompts) return make_prompt(i, tokenizer, options);
      return make_challenge(seed, tokenizer, challenge_tokens_max(options));
    };
    const Digest seed = options.prompts ? Digest{} : challenge_seed(key, options.run_id, i);
    Challenge challenge;
    if (both_read) {
      ASSAY_ASSIGN_OR_RETURN(challenge, make(*reference.tokenizer, seed));
    } else if (options.prompts) {
      ASSAY_ASSIGN_OR_RETURN(
          challenge,
          make(reference.tokenizer != nullptr ? *reference.tokenizer : *target.tokenizer, seed));
    } else {
      ASSAY_ASSIGN_OR_RETURN(challenge, make_shared_challenge(seed, reference, target, options));
    }
    if (same_tokenizer) {
      set.tokens_b.push_back(challenge.tokens);
    } else {
      ASSAY_ASSIGN_OR_RETURN(Challenge other, make(*target.tokenizer, seed));
      set.tokens_b.push_back(std::move(other.tokens));
    }
    set.seeds.push_back(seed);
    set.commitments.push_back(challenge_leaf(seed, challenge.tokens));
    set.tokens_a.push_back(std::move(challenge.tokens));
  }
  set.root = digest_list_root(set.commitments);
  if (!same_tokenizer) {
    const auto unequal =
        std::count_if(set.tokens_a.begin(), set.tokens_a.end(),
                      [&, i = size_t{0}](const auto& t) mutable { return t != set.tokens_b[i++]; });
    set.notes.push_back("The tokenizers differ: " + std::to_string(unequal) + " of " +
                        std::to_string(count) +
                        " challenges become other tokens in the target and count as distance 1.");
  }
  return set;
}

}  // namespace assay
