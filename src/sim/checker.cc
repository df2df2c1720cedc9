#include "sim/checker.h"

namespace assay::sim {
namespace {

// Limits inside the core: payloads of one height beside those that views and NewLeaders name, and
// the views below its own that it still counts.
constexpr size_t kPayloadsMax = 16;
constexpr size_t kViewsBehind = 4;

}  // namespace

Checker::Checker(const Scenario& scenario, const KeyRegistry& registry, const bft::Keys& keys,
                 const bft::Chain& genesis)
    : scenario_(&scenario),
      registry_(&registry),
      keys_(&keys),
      chain_(genesis),
      sets_({genesis.validators()}),
      entered_(scenario.identities()) {
  const size_t views = kViewsBehind + 1 + scenario.settings.views_ahead_max;
  kept_bytes_max_ =
      (kPayloadsMax + views + scenario.identities() + 1) * genesis.payload_bytes_max();
  buffered_max_ = scenario.identities() * scenario.settings.peer_messages_max;
}

void Checker::fail(std::string invariant, std::string detail) {
  if (violation_) return;
  violation_ = Violation{std::move(invariant), std::move(detail), 0, 0};
}

const bft::ValidatorSet* Checker::set_at(bft::Height height) const {
  if (height == 0) return nullptr;
  const uint64_t epoch = (height - 1) / scenario_->epoch_blocks;
  return epoch < sets_.size() ? &sets_[epoch] : nullptr;
}

// Whose vote it is, if its signature holds.
std::optional<size_t> Checker::voter_of(const bft::Vote& vote) const {
  const bft::Height height = vote.statement.height;
  const bft::ValidatorSet* set = set_at(height);
  if (set == nullptr || !set->contains(vote.voter)) return std::nullopt;
  const PublicKey& key = set->at(vote.voter).key;
  const Bytes message =
      bft::signing_bytes(chain_.id(), (height - 1) / scenario_->epoch_blocks, vote.statement);
  if (!registry_->verify(key, message, vote.signature)) return std::nullopt;
  return registry_->find(key);
}

void Checker::sent(size_t identity, const Bytes& bytes) {
  const bool is_correct = !scenario_->is_byzantine(identity);
  constexpr size_t kKindAt = 1;
  const bool is_proposal = bytes.size() > kKindAt && bytes[kKindAt] == 0;
  if (!is_correct && !is_proposal && !scenario_->is_beyond_faults) return;
  const auto message = bft::decode_message(bytes);
  if (!message.ok()) {
    if (is_correct) fail("validity", "a correct validator sent what cannot be read");
    return;
  }
  if (const auto* proposal = std::get_if<bft::ProposalMessage>(&*message)) {
    // Its sender may be a height ahead of what is known here: the epoch is the header's.
    const Bytes signed_bytes =
        bft::signing_bytes(chain_.id(), proposal->header.epoch, proposal->vote.statement);
    if (registry_->verify(registry_->validator(identity).key, signed_bytes,
                          proposal->vote.signature)) {
      proposals_.add(identity, proposal->vote.statement);
    }
  }
  if (scenario_->is_beyond_faults) {
    for_each_vote(*message, [&](const bft::Vote& vote) {
      const auto voter = voter_of(vote);
      if (voter && scenario_->is_byzantine(*voter)) statements_.add(*voter, vote.statement);
    });
  }
  if (is_correct) check_sent_by_correct(identity, *message);
}

void Checker::check_sent_by_correct(size_t identity, const bft::Message& message) {
  const bft::Vote* vote = nullptr;
  if (const auto* p = std::get_if<bft::ProposalMessage>(&message)) vote = &p->vote;
  if (const auto* v = std::get_if<bft::VoteMessage>(&message)) vote = &v->vote;
  if (const auto* l = std::get_if<bft::NewLeaderMessage>(&message)) vote = &l->vote;
  if (vote == nullptr) return;
  if (const auto* p = std::get_if<bft::ProposalMessage>(&message); p && p->justification) {
    // A NewLeader may reach others here before it does on its own.
    for (const bft::Vote& left : p->justification->new_leaders) {
      const auto voter = voter_of(left);
      if (voter && !scenario_->is_byzantine(*voter) && !statements_.add(*voter, left.statement)) {
        fail("signing", "validator " + std::to_string(*voter) + " contradicts itself");
      }
    }
  }
  const bft::Statement& s = vote->statement;
  if (statements_.has(identity, s)) return;
  // Checkpoints are signed for the epoch after the block: their signatures are checked by those who
  // use them.
  if (s.phase != bft::Phase::kCheckpoint && voter_of(*vote) != identity) {
    fail("signing", "validator " + std::to_string(identity) +
                        " sent a vote that is not its own, or not signed");
    return;
  }
  if (!statements_.add(identity, s)) {
    fail("signing", "validator " + std::to_string(identity) + " contradicts itself at height " +
                        std::to_string(s.height) + ", view " + std::to_string(s.view) + ", phase " +
                        std::to_string(static_cast<int>(s.phase)));
  }
}

void Checker::decided(size_t identity, const bft::DecidedBlock& decided) {
  const bft::Header& header = decided.block.header;
  const Digest digest = bft::header_digest(header);
  const std::string where = "validator " + std::to_string(identity) + " at height " +
                            std::to_string(header.height) + ": ";
  if (header.height == 0 || header.height > digests_.size() + 1) {
    return fail("validity", where + "nobody decided the height before it");
  }
  const Status certified = check_decision(*registry_, {chain_.id(), header, decided.certificate},
                                          *set_at(header.height));
  if (!certified.ok()) return fail("validity", where + certified.message());
  if (scenario_->is_beyond_faults) {
    for (const bft::CertificateVote& vote : decided.certificate.votes) {
      const auto voter =
          voter_of({decided.certificate.statement, vote.voter, vote.signature, vote.draw});
      if (voter && scenario_->is_byzantine(*voter)) {
        statements_.add(*voter, decided.certificate.statement);
      }
    }
  }
  if (header.height <= digests_.size()) {
    if (digests_[header.height - 1] == digest) return;
    if (scenario_->is_beyond_faults) return forked(header.height);
    return fail("agreement", where + "others decided another block");
  }
  const Status follows = chain_.check_header(*keys_, header);
  if (!follows.ok()) return fail("validity", where + follows.message());
  if (bft::payload_digest(decided.block.payload) != header.payload) {
    return fail("validity", where + "the payload is not the header's");
  }
  const Status fits = chain_.check_payload(*keys_, decided.block.payload);
  if (!fits.ok()) return fail("validity", where + fits.message());
  const auto proposer = registry_->find(set_at(header.height)->at(header.proposer).key);
  const bft::Statement proposed = {bft::Phase::kPropose, header.height, header.view, 0, digest};
  if (!proposer || !proposals_.has(*proposer, proposed)) {
    return fail("validity", where + "its proposer did not propose the block");
  }
  const uint64_t epoch = chain_.epoch();
  chain_.apply(*keys_, decided.block);
  digests_.push_back(digest);
  if (chain_.epoch() != epoch) {
    if (chain_.validators().digest() != sets_.back().digest()) ++set_changes_;
    sets_.push_back(chain_.validators());
  }
  for (const PublicKey& culprit : chain_.culprits()) {
    const auto named = registry_->find(culprit);
    if (named && scenario_->is_byzantine(*named)) continue;
    fail("accountability", where + "the block convicts a correct validator");
  }
}

// More than f are Byzantine: the chain may fork, but what was seen has to convict f + 1 of them and
// nobody else.
void Checker::forked(bft::Height height) {
  is_forked_ = true;
  const bft::ValidatorSet& set = *set_at(height);
  uint64_t weight = 0;
  for (const size_t culprit : statements_.culprits(height)) {
    if (!scenario_->is_byzantine(culprit)) {
      return fail("accountability", "a fork convicts a correct validator");
    }
    const auto index = set.find(registry_->validator(culprit).key);
    if (index) weight += set.at(*index).weight;
  }
  if (weight <= set.faults_max()) {
    fail("accountability", "a fork at height " + std::to_string(height) + " convicts only weight " +
                               std::to_string(weight));
  }
}

void Checker::stands(size_t identity, const bft::Chain& chain) {
  const bft::Height height = chain.height();
  if (height == 0 || is_forked_) return;
  const std::string where =
      "validator " + std::to_string(identity) + " stands at height " + std::to_string(height);
  if (height > digests_.size()) return fail("validity", where + ", which nobody has decided");
  if (digests_[height - 1] == chain.tip()) return;
  if (scenario_->is_beyond_faults) return forked(height);
  fail("agreement", where + ", on another block than others");
}

void Checker::stepped(size_t identity, const bft::CoreStatus& status) {
  const std::string who = "validator " + std::to_string(identity);
  if (status.buffered_messages > buffered_max_) {
    fail("memory", who + " keeps " + std::to_string(status.buffered_messages) + " messages");
  }
  if (status.kept_bytes > kept_bytes_max_) {
    fail("memory", who + " keeps " + std::to_string(status.kept_bytes) + " bytes of payloads");
  }
  // In each view that was or may be reached, of each voter a vote of each phase; and what counts.
  const size_t views = status.view + 1 + scenario_->settings.views_ahead_max;
  const size_t votes_max = scenario_->identities() * (4 * views + 1 + 2 * (kViewsBehind + views));
  if (status.kept_votes > votes_max) {
    fail("memory", who + " keeps " + std::to_string(status.kept_votes) + " votes");
  }
  if (status.mempool_bytes > scenario_->settings.mempool.bytes_max) {
    fail("memory", who + " has a mempool of " + std::to_string(status.mempool_bytes) + " bytes");
  }
  const std::pair now(status.height, status.view);
  if (!status.entered || status.view == 0 || entered_[identity] == now) return;
  entered_[identity] = now;
  if (scenario_->is_beyond_faults) return;
  const bft::ValidatorSet* set = set_at(status.height);
  if (set == nullptr) return;
  uint64_t left = 0;
  for (bft::ValidatorIndex i = 0; i < set->size(); ++i) {
    const auto other = registry_->find(set->at(i).key);
    if (!other || scenario_->is_byzantine(*other)) continue;
    const bool has_left =
        *other == identity || statements_.view_of(*other, status.height) >= status.view;
    if (has_left) left += set->at(i).weight;
  }
  const uint64_t quorum = (set->weight() + set->faults_max() + 2) / 2;
  if (left + set->faults_max() < quorum) {
    fail("views", who + " entered view " + std::to_string(status.view) + " of height " +
                      std::to_string(status.height) + " with weight " + std::to_string(left) +
                      " of correct validators that left for it");
  }
}

void Checker::evidence(size_t identity, const bft::EvidenceFound& found) {
  const auto culprit = registry_->find(found.culprit);
  if (culprit && scenario_->is_byzantine(*culprit)) return;
  fail("accountability", "validator " + std::to_string(identity) + " has evidence against " +
                             (culprit ? "correct validator " + std::to_string(*culprit)
                                      : std::string("somebody unknown")));
}

}  // namespace assay::sim
