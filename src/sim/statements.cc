#include "sim/statements.h"

#include <algorithm>
#include <variant>

namespace assay::sim {
namespace {

using bft::Phase;

void visit_certificate(const bft::Certificate& certificate,
                       const std::function<void(const bft::Vote&)>& visit) {
  for (const bft::CertificateVote& vote : certificate.votes) {
    visit({certificate.statement, vote.voter, vote.signature, vote.draw});
  }
}

}  // namespace

void for_each_vote(const bft::Message& message,
                   const std::function<void(const bft::Vote&)>& visit) {
  if (const auto* m = std::get_if<bft::ProposalMessage>(&message)) {
    visit(m->vote);
    if (m->parent) visit_certificate(*m->parent, visit);
    if (!m->justification) return;
    for (const bft::Vote& vote : m->justification->new_leaders) visit(vote);
    if (m->justification->prepared) visit_certificate(*m->justification->prepared, visit);
  } else if (const auto* v = std::get_if<bft::VoteMessage>(&message)) {
    visit(v->vote);
    if (v->proposal) visit(*v->proposal);
  } else if (const auto* l = std::get_if<bft::NewLeaderMessage>(&message)) {
    visit(l->vote);
    if (l->prepared) visit_certificate(*l->prepared, visit);
  } else if (const auto* b = std::get_if<bft::BlocksMessage>(&message)) {
    for (const bft::DecidedBlock& block : b->blocks) visit_certificate(block.certificate, visit);
  } else if (const auto* e = std::get_if<bft::EvidenceMessage>(&message)) {
    visit(e->evidence.first);
    visit(e->evidence.second);
  }
}

bool contradict(const bft::Statement& a, const bft::Statement& b) {
  if (a.height != b.height || a.phase == Phase::kApproval || b.phase == Phase::kApproval) {
    return false;
  }
  if (a.phase == b.phase) return a.view == b.view && !(a == b);
  const bft::Statement& commit = a.phase == Phase::kCommit ? a : b;
  const bft::Statement& leave = a.phase == Phase::kCommit ? b : a;
  if (commit.phase != Phase::kCommit || leave.phase != Phase::kNewLeader) return false;
  // Who commits in a view has prepared there, and says so when it leaves for a later one.
  if (leave.view <= commit.view) return false;
  if (leave.prepared == commit.view + 1) return leave.digest != commit.digest;
  return leave.prepared < commit.view + 1;
}

bool Statements::add(size_t identity, const bft::Statement& statement) {
  Said& said = said_[{statement.height, identity}];
  bool holds = true;
  for (const bft::Statement& before : said.statements) {
    if (before == statement) return true;
    if (contradict(before, statement)) holds = false;
  }
  said.statements.push_back(statement);
  if (statement.phase == Phase::kNewLeader) {
    said.new_leader = std::max(said.new_leader, statement.view);
  }
  return holds;
}

std::set<size_t> Statements::culprits(bft::Height height) const {
  std::set<size_t> out;
  for (auto at = said_.lower_bound({height, 0}); at != said_.end() && at->first.first == height;
       ++at) {
    const std::vector<bft::Statement>& statements = at->second.statements;
    for (size_t i = 0; i < statements.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (contradict(statements[i], statements[j])) out.insert(at->first.second);
      }
    }
  }
  return out;
}

bool Statements::has(size_t identity, const bft::Statement& statement) const {
  const auto at = said_.find({statement.height, identity});
  if (at == said_.end()) return false;
  const auto& statements = at->second.statements;
  return std::find(statements.begin(), statements.end(), statement) != statements.end();
}

bft::View Statements::view_of(size_t identity, bft::Height height) const {
  const auto at = said_.find({height, identity});
  return at == said_.end() ? 0 : at->second.new_leader;
}

Status check_decision(const KeyRegistry& registry, const Decision& decision,
                      const bft::ValidatorSet& set) {
  const bft::Header& header = decision.header;
  const bft::Certificate& certificate = decision.certificate;
  const bft::Statement expected = {Phase::kCommit, header.height, certificate.statement.view, 0,
                                   bft::header_digest(header)};
  if (!(certificate.statement == expected)) return invalid_argument("it commits something else");
  if (header.view > expected.view) return invalid_argument("it is older than its header");
  const Bytes message = bft::signing_bytes(decision.chain, header.epoch, expected);
  const Bytes draw = bft::draw_input(decision.chain, header.epoch, expected);
  std::set<bft::ValidatorIndex> voters;
  uint64_t weight = 0;
  for (const bft::CertificateVote& vote : certificate.votes) {
    if (!set.contains(vote.voter) || !voters.insert(vote.voter).second) {
      return invalid_argument("a voter is unknown, or votes twice");
    }
    const bft::Validator& validator = set.at(vote.voter);
    if (!registry.verify(validator.key, message, vote.signature)) {
      return invalid_argument("a signature is wrong");
    }
    weight += validator.weight;
    if (!set.sampling()) continue;
    if (!vote.draw || !certificate.holder) return invalid_argument("it is not of drawn votes");
    const auto output = registry.vrf_verify(validator.vrf_key, draw, *vote.draw);
    if (!output) return invalid_argument("a draw is wrong");
    const std::vector<bft::ValidatorIndex> sample = set.sample(*output);
    if (std::find(sample.begin(), sample.end(), *certificate.holder) == sample.end()) {
      return invalid_argument("a voter has not drawn the holder");
    }
  }
  // ceil((W + F + 1) / 2), counted without the core's function of that name.
  const uint64_t quorum =
      set.sampling() ? set.sampling()->quorum : (set.weight() + set.faults_max() + 2) / 2;
  if (weight < quorum) {
    return invalid_argument("weight " + std::to_string(weight) + " is below the quorum of " +
                            std::to_string(quorum));
  }
  return ok_status();
}

}  // namespace assay::sim
