#include "sim/minimise.h"

#include <algorithm>
#include <numeric>

namespace assay::sim {
namespace {

// The failure of this schedule, if it is one of the same invariant.
std::optional<Failure> still_fails(const Failure& failure, const ScenarioOptions& options,
                                   const Runner& run) {
  auto found = run(failure.seed, options);
  if (found && found->violation.invariant != failure.violation.invariant) return std::nullopt;
  return found;
}

// Leaves out runs of actions, half of them first, then ever fewer.
Failure drop_actions(Failure failure, const Runner& run) {
  std::vector<size_t> keep(make_scenario(failure.seed, failure.options).actions.size());
  if (failure.options.keep) {
    keep = *failure.options.keep;
  } else {
    std::iota(keep.begin(), keep.end(), size_t{0});
  }
  for (size_t length = std::max<size_t>(keep.size() / 2, 1);; length /= 2) {
    for (size_t at = 0; at < keep.size();) {
      ScenarioOptions options = failure.options;
      std::vector<size_t> fewer = keep;
      const auto begin = fewer.begin() + static_cast<ptrdiff_t>(at);
      fewer.erase(begin, begin + static_cast<ptrdiff_t>(std::min(length, keep.size() - at)));
      options.keep = fewer;
      if (const auto found = still_fails(failure, options, run)) {
        failure = *found;
        keep = fewer;
      } else {
        at += length;
      }
    }
    if (length <= 1) return failure;
  }
}

}  // namespace

std::optional<Failure> run_schedule(uint64_t seed, const ScenarioOptions& options, Totals* totals) {
  World world(make_scenario(seed, options));
  const auto violation = world.run();
  if (totals != nullptr) totals->add(world.totals());
  if (!violation) return std::nullopt;
  return Failure{seed, options, *violation};
}

Failure minimise(const Failure& failure, const Runner& run) {
  Failure least = failure;
  const size_t nodes = make_scenario(failure.seed, failure.options).nodes;
  // Another number of validators is another schedule: only before its actions are picked.
  for (size_t fewer = 4; !failure.options.keep && fewer < nodes; ++fewer) {
    ScenarioOptions options = failure.options;
    options.nodes = fewer;
    const auto found = still_fails(failure, options, run);
    if (!found) continue;
    least = *found;
    break;
  }
  least = drop_actions(least, run);
  const bft::Height heights = make_scenario(least.seed, least.options).heights;
  for (bft::Height fewer = 3; fewer < heights; ++fewer) {
    ScenarioOptions options = least.options;
    options.heights = fewer;
    const auto found = still_fails(failure, options, run);
    if (!found) continue;
    least = *found;
    break;
  }
  return drop_actions(least, run);
}

Failure minimise(const Failure& failure) {
  return minimise(failure, [](uint64_t seed, const ScenarioOptions& options) {
    return run_schedule(seed, options);
  });
}

}  // namespace assay::sim
