#include "app/speed.h"

#include <gtest/gtest.h>

#include "model/engine.h"

namespace assay {
namespace {

// Every look at the clock finds it a second later than the last, and `slower` more each time.
class CountingClock : public Clock {
 public:
  explicit CountingClock(double slower) : slower_(slower) {}
  double seconds() const override {
    now_ += step_;
    step_ += slower_;
    return now_;
  }

 private:
  double slower_;
  mutable double now_ = 0;
  mutable double step_ = 1;
};

class SpeedTest : public testing::Test {
 protected:
  void SetUp() override {
    auto model = open_model(std::string(ASSAY_TESTDATA) + "/models/lexi-nano/lexi-nano-q8_0.gguf");
    ASSERT_TRUE(model.ok()) << model.status().message();
    model_ = std::make_unique<Model>(std::move(model).value());
    auto compute = make_compute(1);
    ASSERT_TRUE(compute.ok()) << compute.status().message();
    compute_ = std::move(compute).value();
  }

  std::unique_ptr<Model> model_;
  ComputeContext compute_;
};

TEST(Median, IsTheMiddleOfTheSortedValues) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 2}), 2);
  EXPECT_EQ(median({8, 1, 2, 4}), 3);
}

TEST_F(SpeedTest, CountsTokensBySecondsOfTheMedianRepetition) {
  const SpeedOptions options{.prompt_tokens = 70, .generate_tokens = 6, .repeat = 3};
  const auto speed = measure_speed(*model_, compute_, options, CountingClock(0));
  ASSERT_TRUE(speed.ok()) << speed.status().message();
  EXPECT_EQ(speed->load_seconds, 1);
  EXPECT_EQ(speed->prefill_seconds, std::vector<double>({1, 1, 1}));
  EXPECT_EQ(speed->prefill_tokens_per_s, 70);
  EXPECT_EQ(speed->decode_tokens_per_s, 6);

  // Reads of the clock: 2 around loading, then 3 in the untimed and in each timed repetition.
  const auto slower = measure_speed(*model_, compute_, options, CountingClock(1));
  ASSERT_TRUE(slower.ok()) << slower.status().message();
  EXPECT_EQ(slower->load_seconds, 2);
  EXPECT_EQ(slower->prefill_seconds, std::vector<double>({7, 10, 13}));
  EXPECT_EQ(slower->decode_seconds, std::vector<double>({8, 11, 14}));
  EXPECT_EQ(slower->prefill_tokens_per_s, 7);
}

TEST_F(SpeedTest, AClockThatStandsStillGivesNoInfiniteSpeed) {
  class Still : public Clock {
    double seconds() const override { return 5; }
  };
  const auto speed = measure_speed(*model_, compute_, {.repeat = 2}, Still());
  ASSERT_TRUE(speed.ok()) << speed.status().message();
  EXPECT_EQ(speed->prefill_tokens_per_s, 0);
}

TEST_F(SpeedTest, ComputesWhatThePlainEngineDoesForTheSameTokens) {
  const SpeedOptions options{.prompt_tokens = 20, .generate_tokens = 3, .repeat = 1};
  const auto speed = measure_speed(*model_, compute_, options, monotonic_clock());
  ASSERT_TRUE(speed.ok()) << speed.status().message();
  const std::vector<TokenId> tokens = speed_tokens(*model_, 23);
  auto engine = Engine::load(*model_, compute_, {.positions_max = 23});
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  Sequence sequence = (*engine)->begin();
  const auto logits = (*engine)->forward(sequence, tokens);
  ASSERT_TRUE(logits.ok()) << logits.status().message();
  EXPECT_EQ(to_hex(speed->logits_digest), to_hex(sha256(as_bytes(*logits))));
}

}  // namespace
}  // namespace assay
