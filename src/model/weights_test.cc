#include "model/weights.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <limits>

namespace assay {
namespace {

TEST(CheckFiniteRow, FindsTheOneBadValueWhereverItIs) {
  const auto model =
      open_model(std::string(ASSAY_TESTDATA) + "/models/lexi-nano/lexi-nano-f32.gguf");
  ASSERT_TRUE(model.ok());
  const BoundTensor& tensor = model->tensor(TensorRole::kFfnDown, 0);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> bad = {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(),
                                  std::numeric_limits<float>::signaling_NaN()};
  // The largest finite values have every bit of the exponent but the last.
  const std::vector<float> good = {FLT_MAX, -FLT_MAX, -0.0F, FLT_TRUE_MIN, 1.0F};
  for (const size_t columns : {1U, 63U, 64U, 65U, 192U}) {
    std::vector<float> row(columns);
    for (size_t i = 0; i < columns; ++i) row[i] = good[i % good.size()];
    EXPECT_TRUE(check_finite_row(*model, tensor, 5, nullptr, row).ok()) << columns;
    for (size_t i = 0; i < columns; ++i) {
      std::vector<float> damaged = row;
      damaged[i] = bad[i % bad.size()];
      const Status status = check_finite_row(*model, tensor, 5, nullptr, damaged);
      ASSERT_EQ(status.code(), Code::kDataLoss) << columns << " columns, " << i;
      EXPECT_NE(status.message().find("row 5, column " + std::to_string(i) + " is "),
                std::string::npos)
          << status.message();
    }
  }
}

}  // namespace
}  // namespace assay
