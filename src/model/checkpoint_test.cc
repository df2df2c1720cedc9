// Real files open, and say the same about the same model whatever the format.
#include "model/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "model/hf_folder.h"
#include "model/json_members.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

const std::string kNano = std::string(ASSAY_TESTDATA) + "/models/lexi-nano/";
const std::string kShared = std::string(ASSAY_SHARED) + "/models/";

Checkpoint opened(const std::string& path) {
  auto checkpoint = open_checkpoint(path);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  return checkpoint.ok() ? *std::move(checkpoint) : Checkpoint{};
}

Bytes content(const Checkpoint& checkpoint, const std::string& name) {
  const auto tensor = checkpoint.tensor(name);
  EXPECT_TRUE(tensor.ok()) << tensor.status().message();
  if (!tensor.ok()) return {};
  Bytes out((*tensor)->bytes);
  const Status status = checkpoint.files[(*tensor)->file]->read_at((*tensor)->offset, out);
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

TEST(Checkpoint, ReadsGgufMetadata) {
  const Checkpoint nano = opened(kNano + "lexi-nano-f32.gguf");
  EXPECT_EQ(nano.format, CheckpointFormat::kGguf);
  EXPECT_EQ(nano.gguf_version, 3u);
  EXPECT_EQ(nano.tensors.size(), 39u);
  EXPECT_EQ(*nano.meta_uint("llama.embedding_length", 1, 65536), 64u);
  EXPECT_EQ(*nano.meta_string("general.architecture"), "llama");
  EXPECT_FLOAT_EQ(static_cast<float>(*nano.meta_double("llama.attention.layer_norm_rms_epsilon")),
                  1e-5F);
  const auto& tokens = std::get<std::vector<std::string>>(nano.meta.at("tokenizer.ggml.tokens"));
  ASSERT_EQ(tokens.size(), 1024u);
  EXPECT_EQ(tokens[1], "<s>");
  EXPECT_EQ(std::get<std::vector<double>>(nano.meta.at("tokenizer.ggml.scores")).size(), 1024u);
  EXPECT_EQ(std::get<std::vector<int64_t>>(nano.meta.at("tokenizer.ggml.token_type"))[1], 3);
  EXPECT_TRUE(std::get<bool>(nano.meta.at("tokenizer.ggml.add_bos_token")));
}

TEST(Checkpoint, ShapesAreOutermostFirst) {
  const Checkpoint nano = opened(kNano + "lexi-nano-f32.gguf");
  const TensorInfo& embedding = nano.tensors.at("token_embd.weight");
  EXPECT_EQ(embedding.shape, (std::vector<uint64_t>{1024, 64}));
  EXPECT_EQ(embedding.rows(), 1024u);
  EXPECT_EQ(embedding.columns(), 64u);
  EXPECT_EQ(embedding.bytes, 1024u * 64 * 4);
  EXPECT_EQ(nano.tensors.at("output_norm.weight").rows(), 1u);
}

// The folder was exported from the same weights: equal bytes prove names, shapes and offsets.
TEST(Checkpoint, FolderAndGgufHoldTheSameBytes) {
  const Checkpoint gguf = opened(kNano + "lexi-nano-f32.gguf");
  const Checkpoint folder = opened(kNano + "lexi-nano-hf");
  EXPECT_EQ(folder.format, CheckpointFormat::kSafetensors);
  EXPECT_EQ(folder.tensors.size(), gguf.tensors.size());
  const std::vector<std::pair<std::string, std::string>> names = {
      {"token_embd.weight", "model.embed_tokens.weight"},
      {"blk.2.ffn_down.weight", "model.layers.2.mlp.down_proj.weight"},
      {"blk.3.attn_v.weight", "model.layers.3.self_attn.v_proj.weight"},
      {"output_norm.weight", "model.norm.weight"},
      {"output.weight", "lm_head.weight"}};
  for (const auto& [gguf_name, folder_name] : names) {
    EXPECT_EQ(gguf.tensors.at(gguf_name).shape, folder.tensors.at(folder_name).shape);
    EXPECT_EQ(content(gguf, gguf_name), content(folder, folder_name)) << gguf_name;
  }
}

TEST(Checkpoint, ReadsConfig) {
  const Checkpoint folder = opened(kNano + "lexi-nano-hf-bf16");
  EXPECT_EQ(*folder.meta_uint("num_hidden_layers", 1, 1000), 4u);
  EXPECT_EQ(*folder.meta_string("model_type"), "llama");
  EXPECT_EQ(*folder.meta_double("rope_theta"), 10000.0);
  EXPECT_FALSE(std::get<bool>(folder.meta.at("tie_word_embeddings")));
  EXPECT_EQ(std::get<std::vector<std::string>>(folder.meta.at("architectures")),
            std::vector<std::string>{"LlamaForCausalLM"});
  EXPECT_EQ(folder.tensors.at("model.norm.weight").type, DType::kBF16);
}

TEST(Checkpoint, ConfigKeepsTwoLevelsOfObjects) {
  const auto meta = parse_config(
      R"({"a": -3, "big": 18446744073709551615, "none": null, "rope": {"type": "linear",
          "deep": {"x": 1, "y": {"z": 2}}, "list": [1, 2.5]},
          "mixed": [1, "x"], "ints": [1, 2], "empty": {}})",
      "config.json");
  ASSERT_TRUE(meta.ok()) << meta.status().message();
  EXPECT_EQ(std::get<int64_t>(meta->at("a")), -3);
  EXPECT_EQ(std::get<uint64_t>(meta->at("big")), ~uint64_t{0});
  EXPECT_EQ(std::get<std::string>(meta->at("rope.type")), "linear");
  EXPECT_EQ(std::get<std::vector<double>>(meta->at("rope.list")), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(std::get<std::vector<int64_t>>(meta->at("ints")), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(std::get<uint64_t>(meta->at("rope.deep.x")), 1u);
  EXPECT_EQ(meta->size(), 6u);
}

TEST(Checkpoint, LookUpsNameFieldAndValue) {
  const Checkpoint nano = opened(kNano + "lexi-nano-f16.gguf");
  const Status missing = nano.meta_uint("llama.absent", 0, 1).status();
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("lexi-nano-f16.gguf: metadata field llama.absent"));
  const Status range = nano.meta_uint("llama.block_count", 5, 9).status();
  EXPECT_EQ(range.code(), Code::kDataLoss);
  EXPECT_THAT(range.message(), HasSubstr("llama.block_count is 4, outside [5, 9]"));
  const Status type = nano.meta_uint("general.architecture", 0, 1).status();
  EXPECT_EQ(type.code(), Code::kDataLoss);
  EXPECT_THAT(type.message(), HasSubstr("general.architecture is the string \"llama\", not an"));
  EXPECT_EQ(nano.meta_string("llama.block_count").status().code(), Code::kDataLoss);
  EXPECT_EQ(nano.meta_double("tokenizer.ggml.tokens").status().code(), Code::kDataLoss);
  EXPECT_EQ(*nano.meta_double("llama.block_count"), 4.0);
  const Status tensor = nano.tensor("blk.9.attn_q.weight").status();
  EXPECT_EQ(tensor.code(), Code::kNotFound);
  EXPECT_THAT(tensor.message(), HasSubstr("blk.9.attn_q.weight"));
}

TEST(Checkpoint, BareSafetensorsHasTensorsButNoMetadata) {
  const Checkpoint bare = opened(kNano + "lexi-nano-hf/model.safetensors");
  EXPECT_EQ(bare.tensors.size(), 39u);
  EXPECT_THAT(bare.meta_uint("num_hidden_layers", 1, 100).status().message(),
              HasSubstr("give the folder that holds it together with config.json"));
}

TEST(Checkpoint, OpensEveryRelativeOfNano) {
  size_t opened_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kNano)) {
    if (entry.path().extension() != ".gguf") continue;
    const Checkpoint checkpoint = opened(entry.path().string());
    EXPECT_GE(checkpoint.tensors.size(), 21u) << entry.path();
    ++opened_files;
  }
  EXPECT_GE(opened_files, 14u);
}

TEST(Checkpoint, OpensEverySharedModel) {
  if (!path_exists(kShared)) GTEST_SKIP() << kShared << " is not here: left out";
  size_t opened_models = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kShared)) {
    const bool model = entry.is_directory() ? path_exists(entry.path() / "config.json")
                                            : entry.path().extension() == ".gguf" ||
                                                  entry.path().extension() == ".safetensors";
    if (!model) continue;
    const Checkpoint checkpoint = opened(entry.path().string());
    EXPECT_GE(checkpoint.tensors.size(), 21u) << entry.path();
    ++opened_models;
  }
  EXPECT_GE(opened_models, 40u);
}

// The version 1 file and our version 3 file of the same model hold the same tensors.
TEST(Checkpoint, Version1AgreesWithVersion3) {
  const std::string folder = kShared + "stories260k/";
  if (!path_exists(folder)) GTEST_SKIP() << folder << " is not here: left out";
  const Checkpoint v1 = opened(folder + "stories260k-f32-ggufv1.gguf");
  const Checkpoint v3 = opened(folder + "stories260k-f32.gguf");
  EXPECT_EQ(v1.gguf_version, 1u);
  EXPECT_EQ(v1.tensors.size(), v3.tensors.size() + 1);  // version 1 repeats the tied head
  for (const auto& [name, tensor] : v3.tensors) {
    EXPECT_EQ(v1.tensors.at(name).shape, tensor.shape) << name;
    EXPECT_EQ(content(v1, name), content(v3, name)) << name;
  }
  EXPECT_EQ(std::get<std::vector<std::string>>(v1.meta.at("tokenizer.ggml.tokens")).size(), 512u);
}

TEST(JsonMembers, SplitsWithoutLosingNestedText) {
  std::vector<std::pair<std::string, std::string>> seen;
  const Status status = json_members(R"( { "a\"}" : [1, {"b": "]"}] , "c":"x,}" } )", "here",
                                     [&](const std::string& key, std::string_view value) {
                                       seen.emplace_back(key, value);
                                       return ok_status();
                                     });
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].first, "a\"}");
  EXPECT_EQ(seen[0].second, "[1, {\"b\": \"]\"}] ");
  EXPECT_EQ(seen[1].second, "\"x,}\" ");
}

TEST(JsonMembers, RefusesWhatIsNotOneObject) {
  for (const char* text : {"", "[]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}",
                           "{\"a\":1}x", "{\"a\":[}", "{\"a\":1]}", "{\"a\":\"x}", "{\"a\":1,,}"}) {
    const Status status = json_members(
        text, "here", [](const std::string&, std::string_view) { return ok_status(); });
    EXPECT_EQ(status.code(), Code::kDataLoss) << text;
    EXPECT_THAT(status.message(), HasSubstr("here")) << text;
  }
}

}  // namespace
}  // namespace assay
