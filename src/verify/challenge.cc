#include "verify/challenge.h"

#include <array>

#include "base/prng.h"
#include "verify/challenge_grammar.h"

namespace assay {
namespace {

// A text is expansions of its family's symbol until it has this many bytes: enough for
// kChallengeTokensMax tokens of a vocabulary of 32,000 (about four bytes a token).
constexpr size_t kTextBytesMin = 128;

constexpr std::array<ChallengeFamilyInfo, 9> kFamilies = {{
    {ChallengeFamily::kGloss, "gloss", "\n", 36},
    {ChallengeFamily::kNarrative, "narrative", " ", 24},
    {ChallengeFamily::kKnowledge, "knowledge", "\n", 8},
    {ChallengeFamily::kArithmetic, "arithmetic", "\n", 6},
    {ChallengeFamily::kCode, "code", "\n", 6},
    {ChallengeFamily::kTranslation, "translation", "\n", 5},
    {ChallengeFamily::kFormat, "format", "\n", 5},
    {ChallengeFamily::kNumbers, "numbers", " ", 5},
    {ChallengeFamily::kVerse, "verse", " ", 5},
}};

const ChallengeGrammar& grammar() {
  static const ChallengeGrammar rules(challenge_rules());
  return rules;
}

const ChallengeFamilyInfo& draw_family(Prng& prng) {
  uint64_t draw = prng.below(100);
  for (const ChallengeFamilyInfo& info : kFamilies) {
    if (draw < info.percent) return info;
    draw -= info.percent;
  }
  ASSAY_CHECK(false);  // the weights sum to 100
  return kFamilies[0];
}

Prng prng_of(const Digest& seed) { return Prng(std::span<const uint8_t, 32>(seed)); }

Result<Challenge> tokenize(Challenge challenge, const Tokenizer& tokenizer, size_t tokens_max) {
  if (tokens_max == 0) {
    return invalid_argument("challenges of 0 tokens were asked for; 1 is the least");
  }
  if (tokenizer.add_bos()) challenge.tokens.push_back(tokenizer.bos());
  ASSAY_ASSIGN_OR_RETURN(const std::vector<TokenId> ids, tokenizer.encode(challenge.text));
  challenge.tokens.insert(challenge.tokens.end(), ids.begin(), ids.end());
  if (challenge.tokens.empty()) {
    return invalid_argument("the prompt \"" + challenge.text.substr(0, 64) + "\" gives no token");
  }
  if (challenge.tokens.size() > tokens_max) challenge.tokens.resize(tokens_max);
  return challenge;
}

}  // namespace

std::span<const ChallengeFamilyInfo> challenge_families() { return kFamilies; }

Digest challenge_seed(ByteSpan key, std::string_view run_id, uint64_t index) {
  Bytes message;
  append_bytes(message, as_bytes(run_id));
  append_le(message, index);
  return hmac_sha256(key, message);
}

ChallengeFamily challenge_family(const Digest& seed) {
  Prng prng = prng_of(seed);
  return draw_family(prng).family;
}

std::string challenge_text(const Digest& seed) {
  Prng prng = prng_of(seed);
  const ChallengeFamilyInfo& family = draw_family(prng);
  std::string text = grammar().expand(family.symbol, prng);
  while (text.size() < kTextBytesMin) {
    text += family.joiner;
    text += grammar().expand(family.symbol, prng);
  }
  return text;
}

Result<Challenge> make_challenge(const Digest& seed, const Tokenizer& tokenizer,
                                 size_t tokens_max) {
  return tokenize({.seed = seed, .text = challenge_text(seed), .tokens = {}}, tokenizer,
                  tokens_max);
}

Challenge make_id_challenge(const Digest& seed, size_t vocabulary_size, size_t tokens) {
  ASSAY_CHECK(vocabulary_size > 0 && vocabulary_size < (size_t{1} << 31) && tokens > 0);
  Challenge challenge;
  challenge.seed = seed;
  Prng prng = prng_of(seed);
  for (size_t i = 0; i < tokens; ++i) {
    challenge.tokens.push_back(static_cast<TokenId>(prng.below(vocabulary_size)));
  }
  return challenge;
}

Result<Challenge> make_census_challenge(std::string_view text, const Tokenizer& tokenizer,
                                        size_t tokens_max) {
  return tokenize({.seed = {}, .text = std::string(text), .tokens = {}}, tokenizer, tokens_max);
}

Digest challenge_leaf(const Digest& seed, std::span<const TokenId> tokens) {
  Bytes preimage;
  append_sized(preimage, "assay.challenge.v1");
  append_bytes(preimage, seed);
  append_le(preimage, static_cast<uint32_t>(tokens.size()));
  for (const TokenId token : tokens) append_le(preimage, token);
  return sha256(preimage);
}

}  // namespace assay
