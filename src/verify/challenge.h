// Challenges: short prompts that nobody can prepare for, each derived from a key and a run id
// (docs/formats/challenges.md). The seed says everything: text and tokens follow from it, so a
// certificate carries seeds and anybody can make the challenges again. Tested in challenge_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/sha256.h"
#include "model/tokenizer.h"

namespace assay {

inline constexpr std::string_view kChallengeVersion = "assay.challenges.v1";
inline constexpr size_t kChallengeTokensMax = 24;
inline constexpr size_t kCensusTokensMax = 65536;  // of one prompt of the caller's own

// The kinds of text and their weights. The first two are what small models are trained on.
enum class ChallengeFamily : uint8_t {
  kGloss,
  kNarrative,
  kKnowledge,
  kArithmetic,
  kCode,
  kTranslation,
  kFormat,
  kNumbers,
  kVerse,
};
struct ChallengeFamilyInfo {
  ChallengeFamily family;
  std::string_view symbol;  // the rule of the grammar
  std::string_view joiner;  // between two expansions
  uint32_t percent;         // weight; they sum to 100
};
std::span<const ChallengeFamilyInfo> challenge_families();

struct Challenge {
  Digest seed{};     // all zero in a census
  std::string text;  // empty when it is made of ids
  std::vector<TokenId> tokens;
};

// HMAC-SHA256(key, run_id || index as u64 little endian). run_id may hold any bytes.
Digest challenge_seed(ByteSpan key, std::string_view run_id, uint64_t index);

// The text of a seed: 128 bytes at least, valid UTF-8, mostly ASCII; more than 2^64 are possible.
// The same on every machine.
std::string challenge_text(const Digest& seed);
ChallengeFamily challenge_family(const Digest& seed);

// The first tokens_max tokens of the seed's text, bos included where the model wants one. Never
// empty. Errors: INVALID_ARGUMENT when tokens_max is 0.
Result<Challenge> make_challenge(const Digest& seed, const Tokenizer& tokenizer,
                                 size_t tokens_max = kChallengeTokensMax);

// For a model without a tokenizer: `tokens` ids, each uniform below vocabulary_size.
// Pre: vocabulary_size and tokens are positive, vocabulary_size < 2^31 (CHECK).
Challenge make_id_challenge(const Digest& seed, size_t vocabulary_size,
                            size_t tokens = kChallengeTokensMax);

// The first tokens_max tokens of one of the caller's own prompts. Errors: INVALID_ARGUMENT when
// tokens_max is 0, the text is longer than the tokenizer takes, or it gives no token.
Result<Challenge> make_census_challenge(std::string_view text, const Tokenizer& tokenizer,
                                        size_t tokens_max = kChallengeTokensMax);

// What is committed to before any model sees the challenge: H("assay.challenge.v1" || seed ||
// token ids). The root of a set is digest_list_root over these (verify/transcript.h).
Digest challenge_leaf(const Digest& seed, std::span<const TokenId> tokens);

}  // namespace assay
