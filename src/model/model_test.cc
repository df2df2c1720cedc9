#include "model/model.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "model/segment.h"
#include "model/weights.h"

namespace assay {
namespace {

std::string nano(const std::string& file) {
  return std::string(ASSAY_TESTDATA) + "/models/lexi-nano/" + file;
}

TEST(Model, GgufAndFolderHaveTheSameArchitecture) {
  const auto gguf = open_model(nano("lexi-nano-f32.gguf"));
  const auto folder = open_model(nano("lexi-nano-hf"));
  ASSERT_TRUE(gguf.ok()) << gguf.status().message();
  ASSERT_TRUE(folder.ok()) << folder.status().message();
  EXPECT_EQ(gguf->arch, folder->arch);
  EXPECT_EQ(gguf->parameters, folder->parameters);
  EXPECT_EQ(gguf->arch.layers, 4U);
  EXPECT_EQ(gguf->arch.kv_heads, 2U);
  EXPECT_FALSE(gguf->arch.tied_head);
  EXPECT_EQ(format_name(gguf->checkpoint), "GGUF v3");
  EXPECT_EQ(type_names(*gguf), "F32");
}

TEST(Model, TensorsAreInCanonicalOrder) {
  const auto model = open_model(nano("lexi-nano-f32.gguf"));
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->tensors.size(), 1U + 4 * 9 + 2);
  EXPECT_EQ(model->tensors.front().name, "token_embd.weight");
  EXPECT_EQ(model->tensors[1].name, "blk.0.attn_norm.weight");
  EXPECT_EQ(model->tensors.back().name, "output.weight");
}

TEST(Model, SourceRowIsAPermutationOfEachHead) {
  const auto model = open_model(nano("lexi-nano-f32.gguf"));
  ASSERT_TRUE(model.ok());
  const BoundTensor& q = model->tensor(TensorRole::kAttnQ, 0);
  std::set<uint64_t> rows;
  for (uint64_t row = 0; row < q.info.rows(); ++row) {
    const uint64_t source = source_row(q, model->arch, row);
    EXPECT_EQ(source / model->arch.head_dim, row / model->arch.head_dim);
    rows.insert(source);
  }
  EXPECT_EQ(rows.size(), q.info.rows());
  EXPECT_EQ(source_row(q, model->arch, 1), 2U);
  EXPECT_EQ(source_row(q, model->arch, model->arch.head_dim / 2), 1U);
}

TEST(Model, UnsupportedFamiliesAreNamed) {
  const std::string folder = testing::TempDir() + "assay_unknown_family";
  std::filesystem::create_directories(folder);
  const std::string weights = nano("lexi-nano-hf/model.safetensors");
  std::filesystem::copy_file(weights, folder + "/model.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  std::ofstream(folder + "/config.json") << R"({"architectures": ["MambaForCausalLM"]})";
  const auto model = open_model(folder);
  std::filesystem::remove_all(folder);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.status().code(), Code::kUnimplemented);
  for (const char* part : {"MambaForCausalLM", "supported: llama", "gpt_neox", "t5"}) {
    EXPECT_NE(model.status().message().find(part), std::string::npos) << model.status().message();
  }
}

TEST(Segment, PanelsCoverEveryRowOnceInOrder) {
  const auto model = open_model(nano("lexi-nano-q8_0.gguf"));
  ASSERT_TRUE(model.ok());
  for (size_t segment = 0; segment < segment_count(*model); ++segment) {
    const auto matrices = segment_matrices(*model, segment);
    const uint64_t largest = uint64_t{model->arch.d_ff} * 34 / 32;
    for (const uint64_t buffer : {largest, 5 * largest, uint64_t{1} << 20}) {
      std::vector<std::pair<const BoundTensor*, uint64_t>> rows;
      for (const PanelLayout& panel : cut_panels(matrices, buffer)) {
        uint64_t used = 0;
        for (const PanelPiece& piece : panel) {
          EXPECT_EQ(piece.at, used);
          used += piece.rows * (piece.tensor->info.bytes / piece.tensor->info.rows());
          for (uint64_t r = 0; r < piece.rows; ++r) rows.emplace_back(piece.tensor, piece.row0 + r);
        }
        EXPECT_LE(used, buffer);
      }
      std::vector<std::pair<const BoundTensor*, uint64_t>> expected;
      for (const BoundTensor* tensor : matrices) {
        for (uint64_t r = 0; r < tensor->info.rows(); ++r) expected.emplace_back(tensor, r);
      }
      EXPECT_EQ(rows, expected);
      if (buffer == uint64_t{1} << 20 && !matrices.empty()) {
        EXPECT_EQ(cut_panels(matrices, buffer).size(), 1U);
      }
    }
  }
}

}  // namespace
}  // namespace assay
