#include "bft/validator_set.h"

#include <algorithm>

#include "bft/codec.h"
#include "bft/mutation.h"
#include "crypto/seeded_stream.h"

namespace assay::bft {

uint64_t SeededDraws::below(uint64_t bound) {
  ASSAY_CHECK(bound > 0);
  const uint64_t limit = bound * (~uint64_t{0} / bound);
  while (true) {
    if (at_ == numbers_.size()) {
      // A block at first, because most leaders are found with one; then more at once.
      const size_t blocks = next_block_ == 0 ? 1 : numbers_.size() * sizeof(uint64_t) / 64 * 2;
      Bytes bytes(std::min<size_t>(blocks, 64) * kSeededBlockBytes);
      seeded_stream(seed_, next_block_, bytes);
      next_block_ += bytes.size() / kSeededBlockBytes;
      numbers_.resize(bytes.size() / sizeof(uint64_t));
      for (size_t i = 0; i < numbers_.size(); ++i) {
        numbers_[i] = load_le<uint64_t>(bytes.data() + i * sizeof(uint64_t));
      }
      at_ = 0;
    }
    const uint64_t value = numbers_[at_++];
    if (value < limit) return value % bound;
  }
}

Result<ValidatorSet> ValidatorSet::make(std::vector<Validator> validators,
                                        std::optional<uint64_t> faults_max,
                                        std::optional<Sampling> sampling) {
  if (validators.empty() || validators.size() > kValidatorsMax) {
    return invalid_argument("a validator set has 1 to " + std::to_string(kValidatorsMax) +
                            " validators, not " + std::to_string(validators.size()));
  }
  std::sort(validators.begin(), validators.end(),
            [](const Validator& a, const Validator& b) { return a.key < b.key; });
  ValidatorSet set;
  for (size_t i = 0; i < validators.size(); ++i) {
    if (validators[i].weight == 0) {
      return invalid_argument("validator " + to_hex(ByteSpan(validators[i].key)) + " has weight 0");
    }
    if (i > 0 && validators[i].key == validators[i - 1].key) {
      return invalid_argument("validator " + to_hex(ByteSpan(validators[i].key)) +
                              " is named twice");
    }
    set.weight_ += validators[i].weight;
  }
  set.faults_max_ = faults_max.value_or((set.weight_ - 1) / 3);
  set.faults_setting_ = faults_max;
  if (set.weight_ <= 3 * set.faults_max_) {
    return invalid_argument("weight " + std::to_string(set.weight_) + " cannot survive faults of " +
                            std::to_string(set.faults_max_) + ": it takes " +
                            std::to_string(3 * set.faults_max_ + 1));
  }
  if (sampling) {
    const bool is_even = std::all_of(validators.begin(), validators.end(),
                                     [](const Validator& v) { return v.weight == 1; });
    if (!is_even) return invalid_argument("sampled quorums need validators of weight 1");
    if (sampling->quorum == 0 || sampling->quorum > sampling->sample ||
        sampling->sample > validators.size()) {
      return invalid_argument("a sample of " + std::to_string(sampling->sample) + " of " +
                              std::to_string(validators.size()) + " with a quorum of " +
                              std::to_string(sampling->quorum) + " is not possible");
    }
  }
  set.sampling_ = sampling;
  Bytes bytes = encode_validators(validators);
  append_le(bytes, set.faults_max_);
  append_le(bytes, sampling ? sampling->sample : 0);
  append_le(bytes, sampling ? sampling->quorum : 0);
  set.digest_ = Sha256().update("assay.bft.validators.v1").update(ByteSpan(bytes)).finish();
  set.validators_ = std::move(validators);
  return set;
}

const Validator& ValidatorSet::at(ValidatorIndex index) const {
  ASSAY_CHECK(contains(index));
  return validators_[index];
}

std::optional<ValidatorIndex> ValidatorSet::find(const PublicKey& key) const {
  const auto at =
      std::lower_bound(validators_.begin(), validators_.end(), key,
                       [](const Validator& v, const PublicKey& k) { return v.key < k; });
  if (at == validators_.end() || at->key != key) return std::nullopt;
  return static_cast<ValidatorIndex>(at - validators_.begin());
}

uint64_t ValidatorSet::quorum() const {
  const uint64_t quorum = (weight_ + faults_max_) / 2 + 1;
  return mutated(Mutation::kQuorumMinusOne) ? quorum - 1 : quorum;
}

std::vector<ValidatorIndex> ValidatorSet::sample(const VrfOutput& output) const {
  ASSAY_CHECK(sampling_.has_value());
  const Digest key = Sha256().update("assay.bft.sample.v1").update(ByteSpan(output)).finish();
  // The first places of a shuffle (Fisher and Yates).
  std::vector<ValidatorIndex> order(validators_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<ValidatorIndex>(i);
  SeededDraws draws(key);
  for (size_t i = 0; i < sampling_->sample; ++i) {
    std::swap(order[i], order[i + draws.below(order.size() - i)]);
  }
  order.resize(sampling_->sample);
  std::sort(order.begin(), order.end());
  return order;
}

namespace {

Digest leader_key(const Digest& seed, Height height) {
  Bytes input;
  append_bytes(input, seed);
  append_le(input, height);
  return Sha256().update("assay.bft.leader.v1").update(ByteSpan(input)).finish();
}

}  // namespace

LeaderOrder::LeaderOrder(const ValidatorSet& set, const Digest& seed, Height height)
    : set_(&set),
      draws_(leader_key(seed, height)),
      weight_left_(set.weight()),
      taken_(set.size(), false) {}

ValidatorIndex LeaderOrder::at(View view) {
  const size_t place = view % set_->size();
  while (order_.size() <= place) {
    uint64_t point = draws_.below(weight_left_);
    ValidatorIndex i = 0;
    for (;; ++i) {
      if (taken_[i]) continue;
      const uint32_t weight = set_->at(i).weight;
      if (point < weight) break;
      point -= weight;
    }
    taken_[i] = true;
    weight_left_ -= set_->at(i).weight;
    order_.push_back(i);
  }
  return order_[place];
}

}  // namespace assay::bft
