// Who decides, how many of them suffice, who leads, and to whom a sampled vote is addressed.
// Weights are integers; no fraction is ever rounded. Tested in validator_set_test.cc.
// Source: 06-consensus, "Leader election", "Quorum strategies".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bft/types.h"

namespace assay::bft {

// Prepares and commits go to a drawn sample of the validators, and a quorum of those that have
// drawn oneself suffices. The numbers come from a plan whose error was computed
// (stats/quorum_plan.h).
struct Sampling {
  uint32_t sample = 0;
  uint32_t quorum = 0;

  bool operator==(const Sampling&) const = default;
};

// Uniform numbers that everybody who knows the seed draws alike.
class SeededDraws {
 public:
  explicit SeededDraws(const Digest& seed) : seed_(seed) {}
  // By rejection: the next eight bytes of seeded_stream() below the largest multiple of bound,
  // modulo bound. Pre: bound > 0 (CHECK).
  uint64_t below(uint64_t bound);

 private:
  Digest seed_;
  uint64_t next_block_ = 0;
  std::vector<uint64_t> numbers_;  // drawn from the stream, used up to at_
  size_t at_ = 0;
};

class ValidatorSet {
 public:
  // Sorts by key. faults_max: weight F of faulty validators that is survived; by default the
  // largest with W >= 3F + 1. Errors: INVALID_ARGUMENT for no validator, a weight of 0, a key
  // twice, W < 3F
  // + 1, sampling with unequal weights or impossible numbers.
  static Result<ValidatorSet> make(std::vector<Validator> validators,
                                   std::optional<uint64_t> faults_max = {},
                                   std::optional<Sampling> sampling = {});

  size_t size() const { return validators_.size(); }
  bool contains(ValidatorIndex index) const { return index < validators_.size(); }
  const Validator& at(ValidatorIndex index) const;  // Pre: contains(index) (CHECK).
  const std::vector<Validator>& validators() const { return validators_; }
  std::optional<ValidatorIndex> find(const PublicKey& key) const;

  uint64_t weight() const { return weight_; }
  uint64_t faults_max() const { return faults_max_; }
  // Any two sets of this weight share a correct validator: floor((W + F) / 2) + 1, which is
  // ceil((n + f + 1) / 2) for equal weights.
  uint64_t quorum() const;
  // Contains a correct validator: F + 1.
  uint64_t some_correct() const { return faults_max_ + 1; }
  const std::optional<Sampling>& sampling() const { return sampling_; }
  const std::optional<uint64_t>& faults_setting() const { return faults_setting_; }

  // Over the keys, weights, F and sampling.
  const Digest& digest() const { return digest_; }

  // Whom the owner of this VRF output addresses its vote: sorted, of size sampling()->sample.
  std::vector<ValidatorIndex> sample(const VrfOutput& output) const;

 private:
  ValidatorSet() = default;

  std::vector<Validator> validators_;
  uint64_t weight_ = 0;
  uint64_t faults_max_ = 0;
  std::optional<uint64_t> faults_setting_;
  std::optional<Sampling> sampling_;
  Digest digest_{};
};

// The leaders of one height, view after view: a weighted random permutation of the validators from
// seed and height, begun again after its end. Drawn as far as was asked.
class LeaderOrder {
 public:
  // The set has to outlive this.
  LeaderOrder(const ValidatorSet& set, const Digest& seed, Height height);
  ValidatorIndex at(View view);

 private:
  const ValidatorSet* set_;
  SeededDraws draws_;
  uint64_t weight_left_;
  std::vector<ValidatorIndex> order_;
  std::vector<bool> taken_;
};

}  // namespace assay::bft
