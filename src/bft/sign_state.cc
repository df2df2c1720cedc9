#include "bft/sign_state.h"

#include <tuple>

#include "bft/byte_reader.h"
#include "bft/codec.h"
#include "bft/mutation.h"

namespace assay::bft {

const Vote* SignState::find(const Statement& statement) const {
  if (statement.height != height_ || statement.view != view_) return nullptr;
  for (const Vote& vote : votes_) {
    if (vote.statement.phase == statement.phase) return &vote;
  }
  return nullptr;
}

bool SignState::allows(const Statement& statement) const {
  const auto next = std::tuple(statement.height, statement.view);
  const auto last = std::tuple(height_, view_);
  if (next != last) return next > last;
  return votes_.empty() || statement.phase > votes_.back().statement.phase;
}

void SignState::record(const Vote& vote) {
  ASSAY_CHECK(allows(vote.statement));
  if (vote.statement.height != height_) {
    prepared_.reset();
    prepared_header_.reset();
  }
  if (vote.statement.height != height_ || vote.statement.view != view_) votes_.clear();
  height_ = vote.statement.height;
  view_ = vote.statement.view;
  votes_.push_back(vote);
}

void SignState::lock(const Certificate& prepared, const Header& header) {
  ASSAY_CHECK(prepared.statement.height == height_ &&
              prepared.statement.view + 1 > prepared_view());
  if (mutated(Mutation::kNoLock)) return;
  prepared_ = prepared;
  prepared_header_ = header;
}

Bytes SignState::encode() const {
  Bytes out;
  append_le(out, height_);
  append_le(out, view_);
  append_le(out, static_cast<uint32_t>(votes_.size()));
  for (const Vote& vote : votes_) append_sized(out, encode_vote(vote));
  append_sized(out, prepared_ ? encode_certificate(*prepared_) : Bytes());
  append_sized(out, prepared_header_ ? encode_header(*prepared_header_) : Bytes());
  append_le(out, checkpoint_height_);
  return out;
}

Result<SignState> SignState::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  SignState state;
  state.height_ = in.integer<Height>();
  state.view_ = in.integer<View>();
  const size_t votes = in.count("votes", {kPhaseMax + size_t{1}, 4});
  for (size_t i = 0; i < votes; ++i) {
    const Bytes bytes_of_vote = in.sized("bytes in a vote", 4096);
    ASSAY_RETURN_IF_ERROR(in.status());
    ASSAY_ASSIGN_OR_RETURN(const Vote vote, decode_vote(bytes_of_vote));
    state.votes_.push_back(vote);
  }
  const Bytes prepared = in.sized("bytes in a certificate", kMessageBytesMax);
  const Bytes header = in.sized("bytes in a header", 4096);
  state.checkpoint_height_ = in.integer<Height>();
  ASSAY_RETURN_IF_ERROR(in.finish());
  if (prepared.empty() != header.empty()) {
    return data_loss("a sign state has a prepared value without its header, or the reverse");
  }
  if (!prepared.empty()) {
    ASSAY_ASSIGN_OR_RETURN(state.prepared_, decode_certificate(prepared));
    ASSAY_ASSIGN_OR_RETURN(state.prepared_header_, decode_header(header));
    const Statement& s = state.prepared_->statement;
    if (s.phase != Phase::kPrepare || s.height != state.height_ || s.view > state.view_ ||
        s.digest != header_digest(*state.prepared_header_)) {
      return data_loss("a sign state has prepared something of another height, view or header");
    }
  }
  for (size_t i = 0; i < state.votes_.size(); ++i) {
    const Statement& s = state.votes_[i].statement;
    if (s.height != state.height_ || s.view != state.view_ ||
        (i > 0 && s.phase <= state.votes_[i - 1].statement.phase)) {
      return data_loss("a sign state holds votes of another height or view, or out of order");
    }
  }
  return state;
}

}  // namespace assay::bft
