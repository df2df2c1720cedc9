#include "model/shape_model.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "model/plan.h"
#include "model/synth.h"

namespace assay {
namespace {

TEST(ShapeModel, IsTheModelThatSynthesizeWritesForTheSameOptions) {
  for (const DType type : {DType::kF16, DType::kQ4_K}) {
    const std::string path = ::testing::TempDir() + "shape_model_test.gguf";
    const auto report =
        synthesize({.path = path, .params = 300'000, .type = type, .seed = 1, .sync = false});
    ASSERT_TRUE(report.ok()) << report.status().message();
    const auto written = open_model(path);
    ASSERT_TRUE(written.ok()) << written.status().message();
    const auto shaped = model_of_shape(report->shape, type);
    ASSERT_TRUE(shaped.ok()) << shaped.status().message();
    std::filesystem::remove(path);

    EXPECT_EQ(shaped->arch, written->arch);
    EXPECT_EQ(shaped->parameters, written->parameters);
    EXPECT_EQ(shaped->tokenizer->digest(), written->tokenizer->digest());
    EXPECT_EQ(resident_bytes(*shaped), resident_bytes(*written));
    EXPECT_EQ(format_name(shaped->checkpoint), format_name(written->checkpoint));
    ASSERT_EQ(shaped->tensors.size(), written->tensors.size());
    for (size_t i = 0; i < shaped->tensors.size(); ++i) {
      const BoundTensor& a = shaped->tensors[i];
      const BoundTensor& b = written->tensors[i];
      EXPECT_EQ(a.name, b.name);
      EXPECT_EQ(a.row_order, b.row_order) << a.name;
      EXPECT_EQ(a.info.type, b.info.type) << a.name;
      EXPECT_EQ(a.info.shape, b.info.shape) << a.name;
      EXPECT_EQ(a.info.bytes, b.info.bytes) << a.name;
      EXPECT_EQ(a.info.offset - shaped->tensors[0].info.offset,
                b.info.offset - written->tensors[0].info.offset)
          << a.name;
    }
  }
}

}  // namespace
}  // namespace assay
