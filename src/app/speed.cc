#include "app/speed.h"

#include <algorithm>

#include "base/check.h"
#include "base/prng.h"
#include "model/engine.h"

namespace assay {
namespace {

constexpr uint64_t kTokenSeed = 1;

double rate(uint64_t tokens, const std::vector<double>& seconds) {
  const double middle = median(seconds);
  return middle > 0 ? static_cast<double>(tokens) / middle : 0;
}

struct Repetition {
  double prefill_seconds = 0;
  double decode_seconds = 0;
  Digest digest{};
};

Result<Repetition> repeat_once(Engine& engine, std::span<const TokenId> tokens,
                               uint64_t prompt_tokens, const Clock& clock) {
  Sequence sequence = engine.begin();
  Repetition out;
  const double start = clock.seconds();
  ASSAY_ASSIGN_OR_RETURN(std::span<const float> logits,
                         engine.forward(sequence, tokens.first(prompt_tokens)));
  const double prefilled = clock.seconds();
  for (size_t i = prompt_tokens; i < tokens.size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(logits, engine.forward(sequence, tokens.subspan(i, 1)));
  }
  out.decode_seconds = clock.seconds() - prefilled;
  out.prefill_seconds = prefilled - start;
  out.digest = sha256(as_bytes(logits));
  return out;
}

}  // namespace

double median(std::vector<double> values) {
  ASSAY_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<TokenId> speed_tokens(const Model& model, uint64_t count) {
  Prng prng(kTokenSeed);
  std::vector<TokenId> tokens(count);
  for (TokenId& id : tokens) id = static_cast<TokenId>(prng.below(model.arch.vocab));
  return tokens;
}

Result<Speed> measure_speed(const Model& model, ComputeContext& compute,
                            const SpeedOptions& options, const Clock& clock) {
  ASSAY_CHECK(options.prompt_tokens > 0 && options.repeat > 0);
  const std::vector<TokenId> tokens =
      speed_tokens(model, options.prompt_tokens + options.generate_tokens);
  const double start = clock.seconds();
  ASSAY_ASSIGN_OR_RETURN(const auto engine,
                         Engine::load(model, compute, {.positions_max = tokens.size()}));
  Speed speed;
  speed.load_seconds = clock.seconds() - start;
  // The first run touches every page of the weights and of the cache; it is not counted.
  ASSAY_ASSIGN_OR_RETURN(const Repetition warm,
                         repeat_once(*engine, tokens, options.prompt_tokens, clock));
  speed.logits_digest = warm.digest;
  for (uint64_t i = 0; i < options.repeat; ++i) {
    ASSAY_ASSIGN_OR_RETURN(const Repetition one,
                           repeat_once(*engine, tokens, options.prompt_tokens, clock));
    if (one.digest != warm.digest) {
      return internal_error(model.checkpoint.path + ": two runs of the same tokens differ");
    }
    speed.prefill_seconds.push_back(one.prefill_seconds);
    speed.decode_seconds.push_back(one.decode_seconds);
  }
  speed.prefill_tokens_per_s = rate(options.prompt_tokens, speed.prefill_seconds);
  speed.decode_tokens_per_s = rate(options.generate_tokens, speed.decode_seconds);
  return speed;
}

}  // namespace assay
