// probft-sim: runs schedules of the consensus core, one a seed, until one breaks an invariant. Then
// it prints the line that runs it again, and the shortest one it can find, and exits with 1.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "sim/crash_points.h"
#include "sim/minimise.h"
#include "sim/scenario.h"
#include "sim/small_world.h"
#include "sim/world.h"

namespace assay::sim {
namespace {

constexpr const char* kUsage =
    "probft-sim [--seed S] [--schedules N] [--seconds T] [--nodes N] [--heights H] [--twins]\n"
    "           [--beyond] [--keep PLACES] [--trace] [--no-minimise] [--list]\n"
    "           [--keep-going] [--jobs N]\n"
    "probft-sim --small-world DEVIATIONS [--heights H] [--views V]\n"
    "probft-sim --crash-points N\n"
    "  Runs the schedules of seeds S, S + 1, ... A schedule is drawn whole from its seed.\n"
    "  --nodes N      validators; by default drawn from 4, 7, 10, 13 and 5, 6, 8, 9\n"
    "  --heights H    faults end when H - 3 heights are decided\n"
    "  --twins        Byzantine validators are pairs of twins\n"
    "  --beyond       one more of them than the protocol survives: forks must convict them\n"
    "  --keep 0,3,7   of what goes wrong only these, by their place in --list; or: none\n"
    "  --jobs N       threads; the outcome does not depend on it\n"
    "  --small-world  explores every pattern of four validators with so many deviations\n"
    "  --crash-points stops each of N validators at each of its writes, in every way\n"
    "  --trace        print what happens\n"
    "  --keep-going   print every schedule that fails instead of stopping at the first\n";

struct Arguments {
  uint64_t seed = 1;
  uint64_t schedules = 1;
  size_t jobs = 1;
  double seconds = 0;
  ScenarioOptions options;
  bool trace = false;
  bool minimises = true;
  bool lists = false;
  std::optional<SmallWorldOptions> small_world;
  size_t crash_points = 0;  // validators
  bft::View views = 3;
  bool keeps_going = false;
};

template <typename T>
bool parse(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_places(std::string_view text, std::vector<size_t>& places) {
  if (text == "none") return true;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    if (!parse(text.substr(0, comma), places.emplace_back())) return false;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return true;
}

bool parse_arguments(const std::vector<std::string_view>& words, Arguments& arguments) {
  bool has_schedules = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--twins") {
      arguments.options.twins = true;
    } else if (word == "--beyond") {
      arguments.options.beyond = true;
    } else if (word == "--trace") {
      arguments.trace = true;
    } else if (word == "--no-minimise") {
      arguments.minimises = false;
    } else if (word == "--list") {
      arguments.lists = true;
    } else if (word == "--keep-going") {
      arguments.keeps_going = true;
    } else if (i + 1 == words.size()) {
      return false;
    } else {
      const std::string_view value = words[++i];
      bool fits = false;
      if (word == "--seed") fits = parse(value, arguments.seed);
      if (word == "--schedules") fits = has_schedules = parse(value, arguments.schedules);
      if (word == "--jobs") fits = parse(value, arguments.jobs) && arguments.jobs > 0;
      if (word == "--crash-points") fits = parse(value, arguments.crash_points);
      if (word == "--views") fits = parse(value, arguments.views);
      if (word == "--small-world") {
        fits = parse(value, arguments.small_world.emplace().deviations_max);
      }
      if (word == "--seconds") fits = parse(value, arguments.seconds);
      if (word == "--nodes") fits = parse(value, arguments.options.nodes.emplace());
      if (word == "--heights") fits = parse(value, arguments.options.heights.emplace());
      if (word == "--keep") fits = parse_places(value, arguments.options.keep.emplace());
      if (!fits) return false;
    }
  }
  if (arguments.seconds > 0 && !has_schedules) arguments.schedules = ~uint64_t{0};
  return true;
}

// What an aborting check of the core leaves behind: the line of the schedule that this thread ran.
thread_local char current_line[512];

void print_line_and_die(int) {
  std::fputs("aborted in this schedule:\n  ", stdout);
  std::fputs(current_line, stdout);
  std::fputs("\n", stdout);
  std::fflush(stdout);
  std::_Exit(1);
}

void remember(const std::string& line) {
  std::strncpy(current_line, line.c_str(), sizeof(current_line) - 1);
}

std::string replay_line(uint64_t seed, const ScenarioOptions& options) {
  return "probft-sim " + to_arguments(seed, options);
}

void print_failure(const char* title, const Failure& failure) {
  std::printf("%s: %s at step %llu, %llu ms: %s\n  %s\n", title,
              failure.violation.invariant.c_str(),
              static_cast<unsigned long long>(failure.violation.step),
              static_cast<unsigned long long>(failure.violation.at_ms),
              failure.violation.detail.c_str(), replay_line(failure.seed, failure.options).c_str());
  std::fflush(stdout);
}

void print_scenario(const Scenario& scenario) {
  std::printf("seed %llu: %zu validators, %zu Byzantine, %zu spare, %llu heights, epochs of %llu",
              static_cast<unsigned long long>(scenario.seed), scenario.nodes, scenario.byzantine,
              scenario.spares, static_cast<unsigned long long>(scenario.heights),
              static_cast<unsigned long long>(scenario.epoch_blocks));
  if (scenario.sampling) {
    std::printf(", samples of %u, quorum %u", scenario.sampling->sample, scenario.sampling->quorum);
  }
  std::printf("%s%s\n", scenario.is_disk_slow ? ", slow disks" : "",
              scenario.prunes ? ", pruned" : "");
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    std::printf("  %2zu  %s\n", i, to_text(scenario.actions[i]).c_str());
  }
}

void print_totals(const Totals& t, double seconds) {
  const auto n = [](uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu schedules in %.1f s (%.0f/s), %llu steps (%.0f/s), %llu heights, %llu view changes, "
      "%llu crashes, %llu checkpoints fetched, %llu evidence found, %llu changes of the set, "
      "%llu forks beyond f, %llu messages, slowest recovery %llu ms\n",
      n(t.schedules), seconds, static_cast<double>(t.schedules) / seconds, n(t.steps),
      static_cast<double>(t.steps) / seconds, n(t.heights), n(t.view_changes), n(t.crashes),
      n(t.checkpoints), n(t.evidence), n(t.set_changes), n(t.forks), n(t.messages),
      n(t.heal_ms_max));
}

void print_faults(const Totals& totals) {
  std::printf("faults:");
  for (size_t i = 0; i < kFaultKinds; ++i) {
    const std::string name(fault_name(static_cast<Fault>(i)));
    std::printf(" %s %llu", name.c_str(), static_cast<unsigned long long>(totals.faults[i]));
  }
  std::printf("\n");
}

// The failures of seeds in a row, in their order; the same whatever the number of threads.
struct Batch {
  uint64_t seed;
  size_t schedules;
};
std::vector<Failure> run_batch(ThreadPool& pool, const ScenarioOptions& options, Batch batch,
                               Totals& totals) {
  std::vector<Totals> each(batch.schedules);
  std::vector<std::optional<Failure>> found(batch.schedules);
  pool.parallel_for(batch.schedules, 1, [&](size_t begin, size_t end, size_t) {
    for (size_t i = begin; i < end; ++i) {
      remember(replay_line(batch.seed + i, options));
      found[i] = run_schedule(batch.seed + i, options, &each[i]);
    }
  });
  std::vector<Failure> failures;
  for (size_t i = 0; i < batch.schedules; ++i) {
    totals.add(each[i]);
    if (found[i]) failures.push_back(*found[i]);
  }
  return failures;
}

// One schedule, aloud.
std::optional<Failure> run_traced(uint64_t seed, const ScenarioOptions& options, Totals& totals) {
  remember(replay_line(seed, options));
  World world(make_scenario(seed, options));
  world.set_trace([](const std::string& line) { std::printf("%s\n", line.c_str()); });
  const auto violation = world.run();
  totals.add(world.totals());
  if (!violation) return std::nullopt;
  return Failure{seed, options, *violation};
}

// Nobody Byzantine, and then the leader of each view of the first height.
int run_small_world(const Arguments& arguments) {
  bool holds = true;
  for (bft::View i = 0; i <= arguments.views; ++i) {
    SmallWorldOptions options = *arguments.small_world;
    options.heights = arguments.options.heights.value_or(options.heights);
    options.views = arguments.views;
    if (i > 0) options.byzantine = i - 1;
    const double begin = monotonic_clock().seconds();
    const SmallWorldResult result = explore(options);
    const auto n = [](uint64_t value) { return static_cast<unsigned long long>(value); };
    const std::string who = i == 0 ? "nobody" : "the leader of view " + std::to_string(i - 1);
    std::printf(
        "%llu heights, %u views, up to %u deviations, %s Byzantine: %llu states, %llu transitions, "
        "%llu histories, %llu states with a decision, %.1f s: %s\n",
        n(options.heights), options.views, options.deviations_max, who.c_str(), n(result.states),
        n(result.transitions), n(result.histories), n(result.decided),
        monotonic_clock().seconds() - begin,
        result.violation ? result.violation->c_str() : "all explored, no violation");
    std::fflush(stdout);
    holds = holds && !result.violation;
  }
  return holds ? 0 : 1;
}

int run_crash_points(size_t nodes) {
  const double begin = monotonic_clock().seconds();
  const CrashPointsResult result = crash_at_every_write(nodes);
  std::printf(
      "%zu validators: %llu writes, a crash at each in %zu ways: %llu runs, %llu heights, %llu "
      "view "
      "changes, %.1f s: %s\n",
      nodes, static_cast<unsigned long long>(result.writes), kCrashWays,
      static_cast<unsigned long long>(result.cases),
      static_cast<unsigned long long>(result.totals.heights),
      static_cast<unsigned long long>(result.totals.view_changes),
      monotonic_clock().seconds() - begin,
      result.violation ? result.violation->c_str() : "no violation");
  return result.violation ? 1 : 0;
}

int run(const Arguments& arguments) {
  if (arguments.crash_points > 0) return run_crash_points(arguments.crash_points);
  if (arguments.small_world) return run_small_world(arguments);
  // Small enough to stop in time, large enough to keep all threads busy.
  const size_t batch_max = arguments.jobs == 1 ? 1 : 64 * arguments.jobs;
  ThreadPool pool(arguments.jobs);
  Totals totals;
  std::vector<Failure> failures;
  const double begin = monotonic_clock().seconds();
  for (uint64_t done = 0; done < arguments.schedules;) {
    const double seconds = monotonic_clock().seconds() - begin;
    if (arguments.seconds > 0 && seconds >= arguments.seconds) break;
    const Batch batch = {arguments.seed + done,
                         std::min<uint64_t>(batch_max, arguments.schedules - done)};
    done += batch.schedules;
    for (uint64_t i = 0; arguments.lists && i < batch.schedules; ++i) {
      print_scenario(make_scenario(batch.seed + i, arguments.options));
    }
    std::vector<Failure> found;
    for (uint64_t i = 0; arguments.trace && i < batch.schedules; ++i) {
      const auto failure = run_traced(batch.seed + i, arguments.options, totals);
      if (failure) found.push_back(*failure);
    }
    if (!arguments.trace) found = run_batch(pool, arguments.options, batch, totals);
    for (const Failure& failure : found) {
      failures.push_back(failure);
      print_failure("violation", failure);
      if (!arguments.keeps_going) break;
    }
    if (!failures.empty() && !arguments.keeps_going) break;
  }
  print_totals(totals, monotonic_clock().seconds() - begin);
  print_faults(totals);
  if (failures.empty()) return 0;
  if (arguments.minimises) print_failure("minimised", minimise(failures.front()));
  return 1;
}

}  // namespace
}  // namespace assay::sim

int main(int argc, char** argv) {
  assay::sim::Arguments arguments;
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  if (!assay::sim::parse_arguments(words, arguments)) {
    std::fputs(assay::sim::kUsage, stderr);
    return 2;
  }
  std::signal(SIGABRT, assay::sim::print_line_and_die);
  return assay::sim::run(arguments);
}
