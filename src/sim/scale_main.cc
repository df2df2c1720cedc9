// probft-scale: what a height costs with many validators, and how long it takes: messages, bytes
// and the distribution of the time from proposal to decision over simulated links. No faults; the
// schedules of probft-sim are for those. Sampled numbers come from probft-plan.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <queue>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "bft/core.h"
#include "sim/sim_keys.h"

namespace assay::sim {
namespace {

constexpr const char* kUsage =
    "probft-scale --nodes N [--sample S --quorum Q] [--heights H] [--seed S] [--link-ms LOW HIGH]\n"
    "             [--view-change]\n"
    "  Decides H heights (default 2) among N validators whose messages take LOW to HIGH ms (5 to\n"
    "  50). With --sample and --quorum votes are sampled. --view-change: the leaders of view 0 "
    "say\n"
    "  nothing, so that every height takes a change of view.\n";

struct Options {
  size_t nodes = 0;
  uint32_t sample = 0;
  uint32_t quorum = 0;
  uint64_t heights = 2;
  uint64_t seed = 1;
  uint64_t link_low_ms = 5;
  uint64_t link_high_ms = 50;
  bool view_change = false;
};

bool parse_options(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto number = [&](auto& value) {
      if (i + 1 >= argc) return false;
      const std::string_view text = argv[++i];
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      return error == std::errc() && end == text.data() + text.size();
    };
    const bool ok = word == "--nodes"     ? number(options.nodes)
                    : word == "--sample"  ? number(options.sample)
                    : word == "--quorum"  ? number(options.quorum)
                    : word == "--heights" ? number(options.heights)
                    : word == "--seed"    ? number(options.seed)
                    : word == "--link-ms"
                        ? number(options.link_low_ms) && number(options.link_high_ms)
                    : word == "--view-change" ? (options.view_change = true)
                                              : false;
    if (!ok) return false;
  }
  return options.nodes > 0 && options.nodes <= bft::kValidatorsMax && options.heights > 0 &&
         options.link_high_ms >= options.link_low_ms;
}

struct Event {
  uint64_t at_ms;
  uint64_t number;  // keeps events of one time in the order in which they were made
  uint32_t from;
  uint32_t to;
  uint64_t timer;  // 0: a message
  std::shared_ptr<const Bytes> bytes;
};
struct Later {
  bool operator()(const Event& a, const Event& b) const {
    return a.at_ms != b.at_ms ? a.at_ms > b.at_ms : a.number > b.number;
  }
};

class Scale {
 public:
  explicit Scale(const Options& options)
      : options_(options), prng_(options.seed), registry_(options.seed, options.nodes) {
    bft::Genesis genesis;
    genesis.name = "scale";
    for (size_t i = 0; i < options.nodes; ++i) genesis.validators.push_back(registry_.validator(i));
    if (options.sample > 0) genesis.sampling = bft::Sampling{options.sample, options.quorum};
    genesis.epoch_blocks = 1000000;
    bft::Settings settings;
    settings.view_timeout_ms = 10 * options.link_high_ms;
    settings.resend_ms = uint64_t{1} << 40;  // nothing is lost
    settings.block_interval_ms = 0;
    const bft::Chain chain = bft::Chain::from_genesis(genesis).value();
    for (size_t i = 0; i < options.nodes; ++i) {
      keys_.push_back(std::make_unique<SimKeys>(registry_, i));
      cores_.emplace_back(settings, registry_.validator(i).key, *keys_[i],
                          bft::Restored{chain, {}, {}, {}, 0});
    }
    decided_ms_.resize(options.heights + 1, std::vector<uint64_t>(options.nodes, 0));
    begun_ms_.resize(options.heights + 2, 0);
  }

  void run() {
    for (uint32_t i = 0; i < options_.nodes; ++i) carry_out(i, cores_[i].start());
    while (decided_ < options_.nodes * options_.heights && !events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      now_ms_ = event.at_ms;
      if (event.bytes == nullptr) {
        carry_out(event.to, cores_[event.to].step(bft::TimerFired{event.timer}));
      } else {
        carry_out(event.to, cores_[event.to].step(bft::MessageReceived{
                                registry_.validator(event.from).key, *event.bytes}));
      }
      ++steps_;
    }
  }

  void print() const {
    std::vector<uint64_t> latencies;
    for (uint64_t h = 1; h <= options_.heights; ++h) {
      for (const uint64_t at : decided_ms_[h]) {
        if (at > 0) latencies.push_back(at - begun_ms_[h]);
      }
    }
    std::sort(latencies.begin(), latencies.end());
    const auto part = [&](double share) {
      return static_cast<unsigned long>(
          latencies.empty()
              ? 0
              : latencies[std::min(
                    latencies.size() - 1,
                    static_cast<size_t>(share * static_cast<double>(latencies.size())))]);
    };
    std::printf(
        "%zu validators, %s: %.0f messages and %.1f MB a height; decided after %lu ms (median), "
        "%lu (99 %%), %lu (last); %lu steps\n",
        options_.nodes, options_.sample > 0 ? "sampled" : "deterministic",
        static_cast<double>(messages_) / static_cast<double>(options_.heights),
        static_cast<double>(bytes_) / 1e6 / static_cast<double>(options_.heights), part(0.5),
        part(0.99), part(1.0), static_cast<unsigned long>(steps_));
    if (latencies.size() < options_.nodes * options_.heights) {
      std::printf("  %zu of %zu decisions were not reached\n",
                  options_.nodes * options_.heights - latencies.size(),
                  options_.nodes * options_.heights);
    }
  }

 private:
  void carry_out(uint32_t from, const bft::Effects& effects) {
    for (const bft::Effect& effect : effects) {
      if (const auto* send = std::get_if<bft::Send>(&effect)) {
        deliver(from, *send);
      } else if (const auto* timer = std::get_if<bft::SetTimer>(&effect)) {
        events_.push({now_ms_ + timer->delay_ms, ++number_, from, from, timer->id, nullptr});
      } else if (const auto* block = std::get_if<bft::Deliver>(&effect)) {
        const uint64_t height = block->block.block.header.height;
        if (height > options_.heights) continue;
        decided_ms_[height][from] = now_ms_;
        ++decided_;
      }
    }
  }

  void deliver(uint32_t from, const bft::Send& send) {
    // By the kind of the message: proposals begin a height's clock.
    const bool is_proposal = send.bytes[1] == 0;
    if (is_proposal) {
      const auto message = bft::decode_message(send.bytes);
      const auto& statement = std::get<bft::ProposalMessage>(*message).vote.statement;
      if (options_.view_change && statement.view == 0) return;
      if (statement.height < begun_ms_.size() && begun_ms_[statement.height] == 0) {
        begun_ms_[statement.height] = now_ms_;
      }
    }
    const auto bytes = std::make_shared<const Bytes>(send.bytes);
    if (send.to) return enqueue(from, static_cast<uint32_t>(*registry_.find(*send.to)), bytes);
    for (uint32_t to = 0; to < options_.nodes; ++to) {
      if (to != from) enqueue(from, to, bytes);
    }
  }

  // Of a proposal, a vote or a NewLeader; else 0. Offsets: docs/formats/consensus.md.
  static uint64_t height_of(const Bytes& bytes) {
    if (bytes[1] > 2) return 0;
    return load_le<uint64_t>(bytes.data() + (bytes[1] == 0 ? 2 + 32 : 2 + 1));
  }

  void enqueue(uint32_t from, uint32_t to, std::shared_ptr<const Bytes> bytes) {
    if (height_of(*bytes) <= options_.heights) {
      ++messages_;
      bytes_ += bytes->size();
    }
    const uint64_t delay =
        options_.link_low_ms + prng_.below(options_.link_high_ms - options_.link_low_ms + 1);
    events_.push({now_ms_ + delay, ++number_, from, to, 0, std::move(bytes)});
  }

  const Options options_;
  Prng prng_;
  KeyRegistry registry_;
  std::vector<std::unique_ptr<SimKeys>> keys_;
  std::vector<bft::Core> cores_;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::vector<std::vector<uint64_t>> decided_ms_;  // [height][validator]
  std::vector<uint64_t> begun_ms_;                 // [height], by its first proposal
  uint64_t now_ms_ = 1;
  uint64_t number_ = 0;
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
  uint64_t steps_ = 0;
  uint64_t decided_ = 0;
};

}  // namespace
}  // namespace assay::sim

int main(int argc, char** argv) {
  assay::sim::Options options;
  if (!assay::sim::parse_options(argc, argv, options)) {
    std::fputs(assay::sim::kUsage, stderr);
    return 64;
  }
  assay::sim::Scale scale(options);
  scale.run();
  scale.print();
  return 0;
}
