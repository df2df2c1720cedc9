#include "model/synth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "crypto/sha256.h"
#include "model/checkpoint.h"
#include "model/compute.h"
#include "model/engine.h"
#include "model/gguf_types.h"
#include "model/heap_meter.h"
#include "model/model.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

class SynthTest : public ::testing::Test {
 protected:
  SynthTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("assay_synth_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~SynthTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  Bytes made(SynthOptions options) const {
    options.path = path("model.gguf");
    options.sync = false;
    const auto report = synthesize(options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    auto bytes = read_whole_file(options.path, uint64_t{1} << 30);
    EXPECT_TRUE(bytes.ok());
    EXPECT_EQ(bytes->size(), report->file_bytes);
    return *std::move(bytes);
  }

  std::filesystem::path folder_;
};

TEST(SynthShape, IsNearTheWantedSizeEverywhere) {
  for (double wanted = 100e3; wanted < 450e9; wanted *= 1.031) {
    const auto params = static_cast<uint64_t>(wanted);
    const auto shape = synth_shape(params);
    ASSERT_TRUE(shape.ok()) << shape.status().message();
    EXPECT_NEAR(static_cast<double>(shape->params()) / wanted, 1.0, 0.03) << params;
    EXPECT_EQ(shape->width % shape->heads, 0u);
    EXPECT_EQ(shape->width / shape->heads % 2, 0u) << "rotary pairs";
    EXPECT_EQ(shape->heads % shape->kv_heads, 0u);
    EXPECT_EQ(shape->width % 32, 0u);
    EXPECT_EQ(shape->ffn % 32, 0u);
    // The tensors are what the count says.
    uint64_t elements = 0;
    for (const SynthTensor& tensor : synth_tensors(*shape, DType::kF16)) {
      uint64_t product = 1;
      for (const uint64_t size : tensor.tensor.shape) product *= size;
      elements += product;
    }
    ASSERT_EQ(elements, shape->params());
  }
}

TEST(SynthShape, KnowsPublishedModels) {
  const auto tiny_llama = synth_shape(1'100'000'000);
  ASSERT_TRUE(tiny_llama.ok());
  EXPECT_EQ(tiny_llama->params(), 1'100'048'384u);  // the count published for TinyLlama 1.1B
  EXPECT_EQ(tiny_llama->ffn, 5632u);
  const auto llama7 = synth_shape(6'738'415'616);  // Llama 2 7B
  ASSERT_TRUE(llama7.ok());
  EXPECT_EQ(llama7->params(), 6'738'415'616u);
  const auto llama70 = synth_shape(70'000'000'000);
  ASSERT_TRUE(llama70.ok());
  EXPECT_EQ(llama70->params(), 68'976'648'192u);  // Llama 2 70B
  EXPECT_EQ(llama70->kv_heads, 8u);
  const auto seven = synth_shape(7'000'000'000);  // 3.7 % above Llama 2 7B
  ASSERT_TRUE(seven.ok());
  EXPECT_EQ(seven->width, 4096u);
  EXPECT_EQ(synth_shape(1000).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(synth_shape(~uint64_t{0}).status().code(), Code::kInvalidArgument);
}

TEST(SynthShape, ParsesParameterCounts) {
  EXPECT_EQ(*parse_params("1.1B"), 1'100'000'000u);
  EXPECT_EQ(*parse_params("0.3M"), 300'000u);
  EXPECT_EQ(*parse_params("350M"), 350'000'000u);
  EXPECT_EQ(*parse_params("70b"), 70'000'000'000u);
  EXPECT_EQ(*parse_params("260000"), 260'000u);
  for (const char* bad : {"", "B", "-1B", "1.1BB", "1.1 B", "nanB", "infB", "1e9", "0", "0x10"}) {
    EXPECT_EQ(parse_params(bad).status().code(), Code::kInvalidArgument) << bad;
  }
}

TEST(SynthPieces, AreDistinctAndReachableByMerges) {
  for (const uint64_t count : {512u, 1024u, 32000u}) {
    const std::vector<std::string> pieces = synth_pieces(count);
    ASSERT_EQ(pieces.size(), count);
    const std::set<std::string> all(pieces.begin(), pieces.end());
    EXPECT_EQ(all.size(), count);
    EXPECT_EQ(pieces[3 + 0x0A], "<0x0A>");
    EXPECT_TRUE(all.contains("\xE2\x96\x81"));
    // Every piece of two or more characters splits into two pieces.
    for (size_t i = 3 + 256; i < count; ++i) {
      const std::string& piece = pieces[i];
      if (piece.size() == 1 || piece == "\xE2\x96\x81") continue;
      bool reachable = false;
      for (size_t cut = 1; cut < piece.size() && !reachable; ++cut) {
        reachable = all.contains(piece.substr(0, cut)) && all.contains(piece.substr(cut));
      }
      ASSERT_TRUE(reachable) << piece;
    }
  }
}

TEST_F(SynthTest, OpensAsTheModelItClaimsToBe) {
  for (const DType type : kAllDTypes) {
    if (!ggml_type_of(type)) continue;
    const auto report =
        synthesize({.path = path("m.gguf"), .params = 300'000, .type = type, .sync = false});
    ASSERT_TRUE(report.ok()) << report.status().message();
    const auto model = open_checkpoint(path("m.gguf"));
    ASSERT_TRUE(model.ok()) << model.status().message();
    EXPECT_EQ(*model->meta_uint("llama.block_count", 1, 100), report->shape.layers);
    EXPECT_EQ(*model->meta_uint("llama.vocab_size", 1, 1 << 20), report->shape.vocab);
    EXPECT_EQ(
        model->tensors.at("blk.0.attn_k.weight").shape,
        (std::vector<uint64_t>{report->shape.width / report->shape.heads * report->shape.kv_heads,
                               report->shape.width}));
    const TensorInfo& down = model->tensors.at("blk.0.ffn_down.weight");
    const bool whole_blocks = down.columns() % dtype_info(type).block_elements == 0;
    EXPECT_EQ(down.type == type, whole_blocks) << dtype_info(type).name;
    EXPECT_EQ(model->tensors.at("output_norm.weight").type, DType::kF32);
    EXPECT_EQ(model->tensors.contains("output.weight"), !report->shape.tied);
    EXPECT_EQ(std::get<std::vector<std::string>>(model->meta.at("tokenizer.ggml.tokens")).size(),
              report->shape.vocab);
  }
}

TEST_F(SynthTest, SuperBlocksAreUsedWhereTheyFit) {
  for (const DType type : {DType::kQ2_K, DType::kQ4_K, DType::kQ6_K, DType::kIQ4_XS}) {
    ASSERT_TRUE(
        synthesize({.path = path("m.gguf"), .params = 8'400'000, .type = type, .sync = false})
            .ok());
    const auto model = open_checkpoint(path("m.gguf"));
    ASSERT_TRUE(model.ok()) << model.status().message();
    EXPECT_EQ(model->tensors.at("blk.0.ffn_down.weight").type, type);
    EXPECT_EQ(model->tensors.at("blk.0.attn_q.weight").type, type);
  }
}

// Tokenizer, family and executor accept it, and it behaves like a model: finite logits that are
// neither flat nor one-hot and depend on the prompt.
TEST_F(SynthTest, RunsAsAModel) {
  const std::pair<uint64_t, DType> kinds[] = {{300'000, DType::kF16},    {8'400'000, DType::kF16},
                                              {300'000, DType::kQ5_1},   {300'000, DType::kIQ4_NL},
                                              {8'400'000, DType::kQ3_K}, {8'400'000, DType::kQ4_K}};
  for (const auto& [params, type] : kinds) {
    ASSERT_TRUE(
        synthesize({.path = path("m.gguf"), .params = params, .type = type, .sync = false}).ok());
    const auto model = open_model(path("m.gguf"));
    ASSERT_TRUE(model.ok()) << model.status().message();
    ASSERT_NE(model->tokenizer, nullptr);
    const std::string text = "Bado cefu, 12 \xC3\xA9!";
    const auto tokens = model->tokenizer->encode(text);
    ASSERT_TRUE(tokens.ok()) << tokens.status().message();
    EXPECT_LT(tokens->size(), text.size());
    const auto decoded = model->tokenizer->decode(*tokens);
    ASSERT_TRUE(decoded.ok());
    EXPECT_THAT(*decoded, HasSubstr(text));

    auto compute = make_compute(1);
    ASSERT_TRUE(compute.ok()) << compute.status().message();
    auto engine = Engine::load(*model, *compute, {.positions_max = 64});
    ASSERT_TRUE(engine.ok()) << engine.status().message();
    Sequence sequence = (*engine)->begin();
    const auto logits = (*engine)->forward(sequence, *tokens);
    ASSERT_TRUE(logits.ok()) << logits.status().message();
    double square = 0;
    for (const float logit : *logits) {
      ASSERT_LT(std::fabs(logit), 100.0F);
      square += static_cast<double>(logit) * static_cast<double>(logit);
    }
    const double deviation = std::sqrt(square / static_cast<double>(logits->size()));
    EXPECT_GT(deviation, 1.0);
    EXPECT_LT(deviation, 4.0);
  }
}

TEST_F(SynthTest, BytesDependOnTheSeedOnly) {
  const Bytes one = made({.params = 1'400'000, .seed = 7, .threads = 1});
  EXPECT_EQ(to_hex(sha256(one)),
            to_hex(sha256(made({.params = 1'400'000, .seed = 7, .threads = 4}))));
  EXPECT_NE(to_hex(sha256(one)),
            to_hex(sha256(made({.params = 1'400'000, .seed = 8, .threads = 4}))));
}

// Fixed for ever: reports and other machines refer to such files by seed.
TEST_F(SynthTest, GoldenDigest) {
  EXPECT_EQ(to_hex(sha256(made({.params = 300'000, .type = DType::kQ8_0, .seed = 1}))),
            "f9c4c10a8ec375521d0f4d673aeb3a1c01ba12cba352460f300eb13987e3a8cd");
}

TEST_F(SynthTest, ChangeTensorChangesExactlyThatTensor) {
  for (const std::string name : {"blk.1.ffn_up.weight", "output_norm.weight"}) {
    const Bytes before = made({.params = 300'000, .seed = 3});
    const Bytes after = made({.params = 300'000, .seed = 3, .change_tensor = name});
    const auto model = open_checkpoint(path("model.gguf"));
    ASSERT_TRUE(model.ok());
    const TensorInfo& tensor = model->tensors.at(name);
    ASSERT_EQ(before.size(), after.size());
    size_t changed = 0;
    for (size_t i = 0; i < before.size(); ++i) {
      if (before[i] == after[i]) continue;
      ASSERT_TRUE(i >= tensor.offset && i < tensor.offset + tensor.bytes) << name << " byte " << i;
      ++changed;
    }
    EXPECT_GT(changed, tensor.elements() / 2) << name;
  }
}

TEST_F(SynthTest, UnknownTensorListsCloseNames) {
  const auto report = synthesize(
      {.path = path("m.gguf"), .params = 300'000, .change_tensor = "blk.1.ffn_upp.weight"});
  EXPECT_EQ(report.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(report.status().message(), HasSubstr("\"blk.1.ffn_upp.weight\""));
  EXPECT_THAT(report.status().message(), HasSubstr("close names are blk.1.ffn_up.weight, "));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(SynthTest, WeightsHaveTheirStatedMoments) {
  const SynthTensor tensor{{"w", DType::kF32, {1000, 1000}}, 0.25, 0.5};
  std::vector<float> values(1'000'000);
  synth_values(tensor, {.seed = 5}, 0, values);
  double mean = 0;
  double square = 0;
  double fourth = 0;
  for (const float value : values) {
    const double z = (static_cast<double>(value) - 0.25) / 0.5;
    mean += z / 1e6;
    square += z * z / 1e6;
    fourth += z * z * z * z / 1e6;
    ASSERT_LT(std::fabs(z), 3.5);
  }
  EXPECT_NEAR(mean, 0, 0.004);     // 4 standard errors
  EXPECT_NEAR(square, 1, 0.005);   // 4 standard errors of about 0.0012
  EXPECT_NEAR(fourth, 2.7, 0.03);  // a sum of four uniforms has kurtosis 2.7
  // Any part is the same as that part of the whole.
  std::vector<float> part(1000);
  synth_values(tensor, {.seed = 5}, 123'456, part);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), values.begin() + 123'456));
}

TEST_F(SynthTest, MemoryDoesNotGrowWithTheModel) {
  const HeapMeter heap;
  const auto report = synthesize({.path = path("m.gguf"),
                                  .params = 33'000'000,
                                  .type = DType::kF32,
                                  .threads = 2,
                                  .sync = false});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_GT(report->file_bytes, 120u << 20);
  EXPECT_LT(heap.peak_growth(), 10 << 20);
}

}  // namespace
}  // namespace assay
