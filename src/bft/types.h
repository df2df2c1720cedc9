// What consensus speaks of: validators' statements, certificates, blocks. Values only; the bytes
// are in codec.h. docs/formats/consensus.md is the specification of both.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "crypto/ecvrf.h"
#include "crypto/ed25519.h"
#include "crypto/sha256.h"

namespace assay::bft {

using Height = uint64_t;  // of the first block: 1
using View = uint32_t;
using Epoch = uint64_t;
// The place of a validator in the set of the epoch, which is sorted by key.
using ValidatorIndex = uint16_t;

// In the order in which a validator may sign within a view. kApproval and kCheckpoint belong to no
// view and stand outside this order.
enum class Phase : uint8_t {
  kNewLeader = 0,
  kPropose = 1,
  kPrepare = 2,
  kCommit = 3,
  kApproval = 4,    // of a change of the validator set
  kCheckpoint = 5,  // of the state after a block
};
constexpr uint8_t kPhaseMax = 5;

// What a validator signs, bound to the chain and the epoch (signing_bytes).
//   kNewLeader: "I have left all views below `view`; the highest value that I prepared is `digest`,
//     in view prepared - 1"; prepared is 0 and digest zero where there is none.
//   kPropose, kPrepare, kCommit: digest of the block's header; prepared is 0.
//   kApproval: digest of the change; height is that of the epoch's end; view and prepared are 0.
//   kCheckpoint: digest of the checkpoint; view and prepared are 0.
struct Statement {
  Phase phase = Phase::kPrepare;
  Height height = 0;
  View view = 0;
  View prepared = 0;
  Digest digest{};

  bool operator==(const Statement&) const = default;
};

struct Vote {
  Statement statement;
  ValidatorIndex voter = 0;
  Signature signature{};
  // Only of sampled prepares and commits: the draw of those to whom the vote is addressed.
  std::optional<VrfProof> draw;

  bool operator==(const Vote&) const = default;
};

// A quorum's votes for one statement, each voter once, by index.
struct CertificateVote {
  ValidatorIndex voter = 0;
  Signature signature{};
  std::optional<VrfProof> draw;

  bool operator==(const CertificateVote&) const = default;
};
struct Certificate {
  Statement statement;
  // Only of sampled votes: the validator in whose samples all voters had drawn it.
  std::optional<ValidatorIndex> holder;
  std::vector<CertificateVote> votes;

  bool operator==(const Certificate&) const = default;
};

struct Header {
  Digest chain{};  // digest of the genesis
  Height height = 0;
  Epoch epoch = 0;
  View view = 0;  // in which the block was made; it may be decided in a later one
  ValidatorIndex proposer = 0;
  Digest parent{};              // header digest of height - 1; zero at height 1
  Digest payload{};             // SHA-256 of the payload's bytes
  Digest validators{};          // set that decides this block
  Digest next_validators{};     // set that decides the next one
  Digest seed{};                // R of the parent: what leaders of this height were drawn with
  std::optional<VrfProof> vrf;  // exactly when view is 0

  bool operator==(const Header&) const = default;
};

struct Block {
  Header header;
  Bytes payload;  // encode_payload(transactions)
};
struct DecidedBlock {
  Block block;
  Certificate certificate;  // of kCommit
};

// A transaction names its sender, for fairness; what it means is not this layer's, but for the
// kinds below.
enum class TransactionKind : uint8_t { kData = 0, kSetChange = 1, kEvidence = 2 };
struct Transaction {
  TransactionKind kind = TransactionKind::kData;
  std::array<uint8_t, 32> sender{};
  Bytes body;

  bool operator==(const Transaction&) const = default;
};

struct Validator {
  PublicKey key{};
  PublicKey vrf_key{};
  uint32_t weight = 1;

  bool operator==(const Validator&) const = default;
};

// Sets weights (0 removes) from the border after `effective_epoch` - 1 on. New keys take part two
// epochs after the change was committed, so that nobody chooses a VRF key knowing the draws.
struct SetChange {
  Epoch effective_epoch = 0;
  std::vector<Validator> validators;
  Certificate approval;  // of kApproval, by a quorum of the set at the time of the change
};

// Two signed statements of one validator that no correct one makes (evidence.h).
struct Evidence {
  Epoch epoch = 0;
  Vote first;
  Vote second;

  bool operator==(const Evidence&) const = default;
};

}  // namespace assay::bft
