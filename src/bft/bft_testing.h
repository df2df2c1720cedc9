// For tests of this folder: real keys, sets of validators, and a cluster whose messages arrive in
// order, at once, unless the test says otherwise.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "bft/certificate.h"
#include "bft/codec.h"
#include "bft/core.h"

namespace assay::bft {

// Ed25519 signatures; instead of a VRF a signature over the input, which is as unique for a test.
class TestKeys : public Keys {
 public:
  explicit TestKeys(uint8_t number) : key_(SigningKey::from_seed(seed(number))) {}

  PublicKey public_key() const { return key_.public_key(); }
  Signature sign(ByteSpan message) const override { return key_.sign(message); }
  bool verify(const PublicKey& key, ByteSpan message, const Signature& signature) const override {
    return ed25519_verify(key, message, signature);
  }
  VrfProof vrf_prove(ByteSpan input) const override {
    const Signature signature = key_.sign(input);
    VrfProof proof{};
    std::copy(signature.begin(), signature.end(), proof.begin());
    return proof;
  }
  std::optional<VrfOutput> vrf_verify(const PublicKey& key, ByteSpan input,
                                      const VrfProof& proof) const override {
    Signature signature;
    std::copy_n(proof.begin(), signature.size(), signature.begin());
    if (!ed25519_verify(key, input, signature)) return std::nullopt;
    VrfOutput output{};
    const Digest digest = sha256(ByteSpan(signature));
    std::copy(digest.begin(), digest.end(), output.begin());
    return output;
  }

 private:
  static std::array<uint8_t, 32> seed(uint8_t number) {
    std::array<uint8_t, 32> out{};
    out[0] = number;
    out[1] = 1;
    return out;
  }
  SigningKey key_;
};

// n validators of weight 1, and their keys by index in the set.
struct TestSet {
  explicit TestSet(size_t n, std::optional<Sampling> sampling = {}) {
    std::vector<Validator> validators;
    for (size_t i = 0; i < n; ++i) {
      const TestKeys one(static_cast<uint8_t>(i));
      validators.push_back({one.public_key(), one.public_key(), 1});
    }
    genesis = {.name = "test", .validators = validators, .sampling = sampling, .epoch_blocks = 3};
    set = ValidatorSet::make(validators, {}, sampling).value();
    keys.resize(n);
    for (size_t i = 0; i < n; ++i) {
      auto one = std::make_unique<TestKeys>(static_cast<uint8_t>(i));
      const ValidatorIndex at = *set.find(one->public_key());
      keys[at] = std::move(one);
    }
  }
  Vote vote(const Digest& chain, Epoch epoch, const Statement& s, ValidatorIndex voter) const {
    Vote out{s, voter, keys[voter]->sign(signing_bytes(chain, epoch, s)), {}};
    if (is_sampled(set, s.phase)) out.draw = keys[voter]->vrf_prove(draw_input(chain, epoch, s));
    return out;
  }
  Certificate certificate(const Digest& chain, Epoch epoch, const Statement& s,
                          size_t voters) const {
    Certificate out;
    out.statement = s;
    for (size_t at = 0; at < voters; ++at) {
      const auto i = static_cast<ValidatorIndex>(at);
      const Vote one = vote(chain, epoch, s, i);
      out.votes.push_back({i, one.signature, one.draw});
    }
    return out;
  }
  // The next block of the chain, by the leader of view 0, and its certificate.
  DecidedBlock next_block(const Chain& chain, const std::vector<Transaction>& transactions) const {
    Block block;
    block.payload = encode_payload(transactions);
    const ValidatorIndex proposer =
        LeaderOrder(chain.validators(), chain.seed(), chain.height() + 1).at(0);
    block.header = chain.draft_header({0, proposer, payload_digest(block.payload)});
    block.header.vrf = keys[proposer]->vrf_prove(chain.vrf_input());
    const Statement s = {Phase::kCommit, block.header.height, 0, 0, header_digest(block.header)};
    return {block, certificate(chain.id(), chain.epoch(), s, set.quorum())};
  }

  Genesis genesis;
  ValidatorSet set = ValidatorSet::make({Validator{}}).value();
  std::vector<std::unique_ptr<TestKeys>> keys;
};

}  // namespace assay::bft
