// Cuts a failing schedule down to what it takes: fewer validators, fewer heights, fewer of the
// things that go wrong. Tested in minimise_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "sim/scenario.h"
#include "sim/world.h"

namespace assay::sim {

struct Failure {
  uint64_t seed = 0;
  ScenarioOptions options;
  Violation violation;
};

// Runs one schedule. totals: added to, unless null.
std::optional<Failure> run_schedule(uint64_t seed, const ScenarioOptions& options,
                                    Totals* totals = nullptr);

// A schedule that breaks the same invariant. Cost: as many runs as there are actions, a few times.
using Runner = std::function<std::optional<Failure>(uint64_t seed, const ScenarioOptions& options)>;
Failure minimise(const Failure& failure, const Runner& run);
Failure minimise(const Failure& failure);

}  // namespace assay::sim
