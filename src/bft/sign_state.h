// What a validator must never forget: what it has signed at its newest height and view, and what it
// has prepared. Written before a vote leaves; never part of a checkpoint, never lowered by a
// restore. With it alone a validator that lost everything else stays correct. Tested in
// sign_state_test.cc.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "bft/types.h"

namespace assay::bft {

class SignState {
 public:
  Height height() const { return height_; }
  View view() const { return view_; }
  const std::vector<Vote>& votes() const { return votes_; }  // of (height, view), in phase order
  // The highest value prepared at this height: its certificate of kPrepare, and its header.
  const std::optional<Certificate>& prepared() const { return prepared_; }
  const std::optional<Header>& prepared_header() const { return prepared_header_; }
  // As Statement::prepared counts.
  View prepared_view() const { return prepared_ ? prepared_->statement.view + 1 : 0; }

  // What was signed for this phase already, if anything.
  const Vote* find(const Statement& statement) const;
  // Whether signing it keeps height, view and phase rising.
  bool allows(const Statement& statement) const;
  // Pre: allows(vote.statement) (CHECK).
  void record(const Vote& vote);
  // Pre: of height(), and of a higher view than what is prepared (CHECK).
  void lock(const Certificate& prepared, const Header& header);

  // A checkpoint is signed once for each height, beside the order of the phases.
  bool allows_checkpoint(Height height) const { return height > checkpoint_height_; }
  void record_checkpoint(Height height) { checkpoint_height_ = height; }

  Bytes encode() const;
  // Errors: DATA_LOSS.
  static Result<SignState> decode(ByteSpan bytes);

 private:
  Height height_ = 0;
  View view_ = 0;
  std::vector<Vote> votes_;
  std::optional<Certificate> prepared_;
  std::optional<Header> prepared_header_;
  Height checkpoint_height_ = 0;
};

}  // namespace assay::bft
