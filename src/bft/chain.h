// What the decided blocks add up to: the tip, the randomness leaders are drawn with, the validators
// of this epoch and of those to come. A value; every correct validator has the same one after the
// same block. Tested in chain_test.cc. Source: 06-consensus, "Leader election", "Durability".
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "bft/certificate.h"
#include "bft/types.h"
#include "bft/validator_set.h"

namespace assay::bft {

struct Genesis {
  std::string name;
  std::vector<Validator> validators;
  std::optional<uint64_t> faults_max;
  std::optional<Sampling> sampling;
  uint64_t epoch_blocks = 1000;
  size_t payload_bytes_max = size_t{1} << 20;
};

class Chain {
 public:
  // Errors: INVALID_ARGUMENT for a set that ValidatorSet::make refuses, or a limit that is 0.
  static Result<Chain> from_genesis(const Genesis& genesis);

  const Digest& id() const { return id_; }
  Height height() const { return height_; }  // of the tip; 0: nothing is decided
  const Digest& tip() const { return tip_; }
  const Digest& seed() const { return seed_; }  // R of the tip
  // Of the block to be decided next.
  Epoch epoch() const { return height_ / epoch_blocks_; }
  const ValidatorSet& validators() const { return validators_; }
  size_t payload_bytes_max() const { return payload_bytes_max_; }
  VoteContext context(const Keys& keys) const { return {id_, epoch(), validators_, keys}; }
  // Of the epoch before this one, for evidence that came late; nothing in the first epoch.
  const std::optional<ValidatorSet>& validators_before() const { return validators_before_; }
  // Whose misconduct was committed.
  const std::set<PublicKey>& culprits() const { return culprits_; }

  // What the owner of a VRF key proves when it leads the next height in view 0.
  Bytes vrf_input() const;
  // The next block's header but for the VRF proof.
  struct Draft {
    View view;
    ValidatorIndex proposer;
    Digest payload;
  };
  Header draft_header(const Draft& draft) const;

  // Whether the header may follow the tip, leader and VRF proof included. Errors: INVALID_ARGUMENT
  // that names the field.
  Status check_header(const Keys& keys, const Header& header) const;
  // Whether the payload may stand in the next block: well-formed, within limits, its set changes
  // approved and possible, its evidence true. Errors: INVALID_ARGUMENT, DATA_LOSS.
  Status check_payload(const Keys& keys, ByteSpan payload) const;
  // Pre: check_header, check_payload and the certificate have passed (what fails is CHECKed).
  void apply(const Keys& keys, const Block& block);

  // The whole state, canonical: what a checkpoint certifies. Errors of decode: DATA_LOSS.
  Bytes encode() const;
  static Result<Chain> decode(ByteSpan bytes);

 private:
  Chain() = default;

  Status check_set_change(const Keys& keys, const SetChange& change,
                          const std::vector<Validator>& before) const;
  Status check_evidence(const Keys& keys, const Evidence& evidence) const;
  // The set after every change that is scheduled.
  std::vector<Validator> validators_scheduled() const;

  Digest id_{};
  uint64_t epoch_blocks_ = 0;
  size_t payload_bytes_max_ = 0;
  Height height_ = 0;
  Digest tip_{};
  Digest seed_{};
  ValidatorSet validators_ = *ValidatorSet::make({Validator{}});
  std::optional<ValidatorSet> validators_before_;
  // Committed changes, by the epoch from which they hold.
  std::map<Epoch, std::vector<std::vector<Validator>>> scheduled_;
  std::set<PublicKey> culprits_;
};

}  // namespace assay::bft
