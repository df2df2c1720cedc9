// What can become of a validator's files while it is down: it goes on without contradicting itself
// or losing what was decided, or refuses with a message that says where the damage is and what to
// do. The invariants are the checker's.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <set>

#include "sim/crash_points.h"
#include "sim/world.h"

namespace assay::sim {
namespace {

Totals run(World& world, const std::string& what) {
  const auto violation = world.run();
  EXPECT_FALSE(violation.has_value())
      << what << ": " << violation->invariant << ": " << violation->detail;
  return world.totals();
}

Bytes flip(Bytes bytes, size_t bit) {
  bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1U << bit % 8));
  return bytes;
}
Bytes shorten(const Bytes& bytes, size_t size) {
  return Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
}

// What a validator of four has on its disk at the end of an eventful run.
class Damage : public testing::Test {
 protected:
  Damage() : world_(short_run()) {
    world_.set_at_restart([](size_t, Disk&) {});
    run(world_, "without a crash");
    const bft::StoredFiles files = world_.disk(1).files();
    log_ = *files.log;
    sign_state_ = *files.sign_state;
    whole_ = try_restore(log_, sign_state_).value();
    const auto log = bft::read_log(log_, {.chain = chain_id()}).value();
    ends_ = log.offsets;
    ends_.push_back(log.bytes);
    std::set<bft::LogKind> kinds;
    for (const auto& record : log.records) kinds.insert(record.kind);
    EXPECT_EQ(kinds.size(), 4U);
    EXPECT_GT(world_.totals().view_changes, 0U);
  }
  const Digest& chain_id() const { return whole_.restored.chain.id(); }

  // Not long: every bit of what it leaves is tried.
  static Scenario short_run() {
    Scenario scenario = eventful_scenario(4);
    scenario.heights = 5;
    return scenario;
  }
  Result<Disk::Image> try_restore(const Bytes& log, const Bytes& sign_state, bool repairs = false) {
    Disk disk = world_.disk(1);
    disk.crash({});
    disk.replace_files({log, sign_state});
    const SimKeys keys(world_.registry(), 1);
    return disk.restore(keys, {.recent_blocks = 100, .repairs_log = repairs});
  }
  // Nothing that it signed is forgotten, and its chain is a part of the right one.
  void expect_sound(const Disk::Image& image) {
    ASSERT_TRUE(image.restored.sign_state.has_value());
    ASSERT_EQ(image.restored.sign_state->encode(), whole_.restored.sign_state->encode());
    const bft::Chain& chain = image.restored.chain;
    ASSERT_LE(chain.height(), whole_.restored.chain.height());
    if (chain.height() == whole_.restored.chain.height()) {
      ASSERT_EQ(chain.tip(), whole_.restored.chain.tip());
    } else if (chain.height() > 0) {
      const auto& recent = whole_.restored.recent;
      const auto next = std::find_if(recent.begin(), recent.end(), [&](const auto& decided) {
        return decided.block.header.height == chain.height() + 1;
      });
      ASSERT_NE(next, recent.end());
      ASSERT_EQ(next->block.header.parent, chain.tip());
    }
  }

  World world_;
  Bytes log_;
  Bytes sign_state_;
  Disk::Image whole_{{bft::Chain::from_genesis({.validators = {{}}}).value(), {}, {}, {}, 0}, {}};
  std::vector<size_t> ends_;  // where the log's first record begins, and each ends
};

TEST_F(Damage, EveryFlippedBitIsRefusedByNameOrCutOffAtTheEnd) {
  uint64_t refused = 0;
  uint64_t cut = 0;
  for (size_t bit = 0; bit < 8 * log_.size(); ++bit) {
    const Bytes log = flip(log_, bit);
    const auto image = try_restore(log, sign_state_);
    const size_t hit =
        static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), bit / 8) - ends_.begin());
    if (image.ok()) {
      ++cut;
      ASSERT_EQ(hit, ends_.size() - 1) << "a flip within the log went by: bit " << bit;
      expect_sound(*image);
    } else {
      ++refused;
      const std::string where =
          hit == 0 ? "byte 0" : "record " + std::to_string(hit - 1) + " of the log, at byte ";
      ASSERT_NE(image.status().message().find(where), std::string::npos)
          << bit << ": " << image.status().message();
      ASSERT_NE(image.status().message().find("the sign state keeps this validator from signing"),
                std::string::npos);
      if (hit > 0 && bit % 8 == 0) {
        const auto repaired = try_restore(log, sign_state_, true);
        ASSERT_TRUE(repaired.ok()) << repaired.status().message();
        expect_sound(*repaired);
      }
    }
    if (HasFatalFailure()) return;
  }
  for (size_t bit = 0; bit < 8 * sign_state_.size(); ++bit) {
    const auto image = try_restore(log_, flip(sign_state_, bit));
    ASSERT_FALSE(image.ok()) << bit;
    ASSERT_NE(image.status().message().find("the sign state cannot be read"), std::string::npos);
    ++refused;
  }
  EXPECT_GT(cut, 0U);
  std::cerr << log_.size() << " bytes in " << ends_.size() - 1 << " records and a sign state of "
            << sign_state_.size() << ": " << refused << " flips refused, " << cut << " cut off\n";
}

TEST_F(Damage, EveryTruncationIsRefusedOrLeavesTheRecordsBefore) {
  uint64_t refused = 0;
  uint64_t cut = 0;
  for (size_t size = 0; size < log_.size(); ++size) {
    const auto image = try_restore(shorten(log_, size), sign_state_);
    const bool is_clean = std::find(ends_.begin(), ends_.end(), size) != ends_.end();
    if (image.ok()) {
      ++cut;
      expect_sound(*image);
    } else {
      ++refused;
      ASSERT_FALSE(is_clean) << size << ": " << image.status().message();
      ASSERT_NE(image.status().message().find("the sign state keeps"), std::string::npos);
    }
    if (HasFatalFailure()) return;
  }
  for (size_t size = 0; size < sign_state_.size(); ++size) {
    ASSERT_FALSE(try_restore(log_, shorten(sign_state_, size)).ok());
    ++refused;
  }
  EXPECT_GE(cut, ends_.size() - 1);
  std::cerr << refused << " truncations refused, " << cut << " gone on from\n";
}

// One of four stops twice; what was saved at the first stop may be put back at the second.
class PutBack : public testing::Test {
 protected:
  using Change = std::function<void(const bft::StoredFiles& before, bft::StoredFiles& files)>;

  // What its operator was told.
  std::vector<std::string> run_with(const Change& change) {
    Scenario scenario = eventful_scenario(4);
    for (const uint64_t at_ms : {kFirstMs, kSecondMs}) {
      scenario.actions.push_back({Fault::kCrash, kTarget, at_ms, 30, 0});
    }
    World world(scenario);
    std::optional<bft::StoredFiles> before;
    bool is_changed = false;
    world.set_at_restart([&](size_t slot, Disk& disk) {
      if (slot != kTarget) return;
      bft::StoredFiles files = disk.files();
      if (!before) {
        before = files;
        return;
      }
      is_changed = true;
      change(*before, files);
      disk.replace_files(files);
    });
    // What was decided may be gone from this one's disk; that the others have it is checked.
    world.forgive_lost_heights(kTarget);
    run(world, "files changed");
    EXPECT_TRUE(is_changed);
    return world.refusals();
  }
  static constexpr size_t kTarget = 2;
  static constexpr uint64_t kFirstMs = 60;
  static constexpr uint64_t kSecondMs = 500;
};

TEST_F(PutBack, WithDamageAnywhereInTheLogItGoesOnWhenRepaired) {
  uint64_t refused = 0;
  uint64_t cases = 0;
  for (size_t permille = 0; permille < 1000; permille += 4) {
    for (const bool truncates : {false, true}) {
      const auto refusals = run_with([&](const bft::StoredFiles&, bft::StoredFiles& files) {
        const size_t at = files.log->size() * permille / 1000;
        if (truncates) {
          files.log->resize(at);
        } else {
          (*files.log)[at] ^= static_cast<uint8_t>(1 + permille % 255);
        }
      });
      ++cases;
      refused += refusals.empty() ? 0U : 1U;
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(refused, cases / 2);
  std::cerr << cases << " runs with a damaged log: " << refused << " refused at first\n";
}

TEST_F(PutBack, AnOlderLogOrNoneIsCaughtUp) {
  EXPECT_TRUE(run_with([](const auto& before, auto& files) { files.log = before.log; }).empty());
  EXPECT_TRUE(run_with([](const auto&, auto& files) { files.log.reset(); }).empty());
}

TEST_F(PutBack, AnOlderSignStateOrNoneIsRefusedUntilItObserves) {
  const auto older =
      run_with([](const auto& before, auto& files) { files.sign_state = before.sign_state; });
  ASSERT_EQ(older.size(), 1U);
  EXPECT_NE(older[0].find("the sign state is an older copy"), std::string::npos) << older[0];
  const auto none = run_with([](const auto&, auto& files) { files.sign_state.reset(); });
  ASSERT_EQ(none.size(), 1U);
  EXPECT_NE(none[0].find("the sign state is missing"), std::string::npos) << none[0];
  const auto nothing = run_with([](const auto&, auto& files) { files = {}; });
  ASSERT_EQ(nothing.size(), 1U);
  EXPECT_NE(nothing[0].find("start as an observer"), std::string::npos) << nothing[0];
}

}  // namespace
}  // namespace assay::sim
