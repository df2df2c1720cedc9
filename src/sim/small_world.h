// A small world explored to its end: four validators, two heights, three views, and every pattern
// of who hears whom in which round, up to a number of deviations. One validator may be Byzantine:
// it tells each of the others in each round one thing, another, or nothing.
//
// In a round everything that was said in the one before is heard or lost for good: all of it or
// nothing, but of NewLeaders their leader hears every subset, because there it matters whose are
// missing. When nothing is under way, whoever has not finished times out. Nobody who falls behind
// is helped: that would only hide what can go wrong. A deviation is a validator that hears less in
// a round than was said to it, or that the Byzantine one treats differently from the others.
//
// Validators that stand alike are one state: height, view, lock, decisions, what was said in this
// view and what still counts of what was heard; not the evidence that they may have. Each state is
// reached by a real history of a real core. Tested in small_world_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bft/core.h"

namespace assay::sim {

struct SmallWorldOptions {
  bft::Height heights = 2;
  bft::View views = 3;
  std::optional<bft::View> byzantine;  // the leader of this view of height 1; nobody by default
  uint32_t deviations_max = 4;
  uint64_t states_max = ~uint64_t{0};
};

struct SmallWorldResult {
  uint64_t states = 0;       // of the world
  uint64_t transitions = 0;  // tried
  uint64_t histories = 0;    // of single validators
  uint64_t decided = 0;      // states in which somebody has decided a height
  bool is_complete = false;  // false: states_max was reached
  std::optional<std::string> violation;
};

SmallWorldResult explore(const SmallWorldOptions& options);

}  // namespace assay::sim
