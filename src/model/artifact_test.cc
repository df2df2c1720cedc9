#include "model/artifact.h"

#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <limits>

#include "crypto/merkle.h"
#include "model/synth.h"

namespace assay {
namespace {

std::string nano(const std::string& file) {
  return std::string(ASSAY_TESTDATA) + "/models/lexi-nano/" + file;
}

ArtifactDigests digests_of(const std::string& path, size_t buffer = 1 << 20, size_t threads = 2) {
  auto model = open_model(path);
  EXPECT_TRUE(model.ok()) << model.status().message();
  auto compute = make_compute(threads);
  EXPECT_TRUE(compute.ok());
  auto digests = hash_artifact(*model, *compute, buffer);
  EXPECT_TRUE(digests.ok()) << digests.status().message();
  return *digests;
}

TEST(Artifact, FileDigestIsSha256OfTheFile) {
  const auto content = read_whole_file(nano("lexi-nano-q4_0.gguf"), 1 << 24);
  ASSERT_TRUE(content.ok());
  const ArtifactDigests digests = digests_of(nano("lexi-nano-q4_0.gguf"));
  EXPECT_EQ(digests.digest, sha256(*content));
  EXPECT_EQ(digests.bytes_read, content->size());
}

TEST(Artifact, FolderDigestIsThatOfSha256sumLines) {
  Sha256 hash;
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.model"}) {
    const auto content = read_whole_file(nano("lexi-nano-hf/") + name, 1 << 24);
    ASSERT_TRUE(content.ok());
    hash.update(to_hex(sha256(*content)) + "  " + name + "\n");
  }
  EXPECT_EQ(digests_of(nano("lexi-nano-hf")).digest, hash.finish());
}

TEST(Artifact, CanonicalDigestSeesThroughFormatAndRowOrder) {
  const ArtifactDigests gguf = digests_of(nano("lexi-nano-f32.gguf"));
  const ArtifactDigests folder = digests_of(nano("lexi-nano-hf"));
  EXPECT_EQ(gguf.canonical_digest, folder.canonical_digest);
  EXPECT_NE(gguf.digest, folder.digest);
  EXPECT_NE(gguf.weights_root, folder.weights_root);
}

// The BF16 GGUF keeps its norms in F32 as they were trained; the BF16 folder rounds them. Every
// matrix is equal, the models are not, and the digests say exactly that.
TEST(Artifact, Bf16FilesDifferInTheirNormsAlone) {
  const ArtifactDigests gguf = digests_of(nano("lexi-nano-bf16.gguf"));
  const ArtifactDigests folder = digests_of(nano("lexi-nano-hf-bf16"));
  EXPECT_NE(gguf.canonical_digest, folder.canonical_digest);
  ASSERT_EQ(gguf.tensors.size(), folder.tensors.size());
  for (size_t i = 0; i < gguf.tensors.size(); ++i) {
    EXPECT_EQ(gguf.tensors[i].name, folder.tensors[i].name);
    const bool norm = gguf.tensors[i].name.find("norm") != std::string::npos;
    EXPECT_EQ(gguf.tensors[i].values == folder.tensors[i].values, !norm) << gguf.tensors[i].name;
  }
}

TEST(Artifact, CanonicalDigestSeparatesOtherValues) {
  const Digest reference = digests_of(nano("lexi-nano-f32.gguf")).canonical_digest;
  for (const char* other : {"lexi-nano-f16.gguf", "lexi-nano-bf16.gguf", "lexi-nano-q8_0.gguf",
                            "lexi-nano-edit-l2-f32.gguf", "lexi-nano-perm-f32.gguf"}) {
    EXPECT_NE(digests_of(nano(other)).canonical_digest, reference) << other;
  }
}

TEST(Artifact, DoesNotDependOnBuffersOrThreads) {
  const ArtifactDigests expected = digests_of(nano("lexi-nano-f32.gguf"), 1 << 22, 1);
  for (const size_t buffer : {4096UL, 20000UL, 1UL << 16}) {
    for (const size_t threads : {1UL, 3UL}) {
      const ArtifactDigests got = digests_of(nano("lexi-nano-f32.gguf"), buffer, threads);
      EXPECT_EQ(got.digest, expected.digest);
      EXPECT_EQ(got.weights_root, expected.weights_root);
      EXPECT_EQ(got.canonical_digest, expected.canonical_digest);
    }
  }
}

// docs/formats/digests.md, followed literally for one tensor.
TEST(Artifact, ValuesDigestIsTheDocumentedMerkleRoot) {
  const auto model = open_model(nano("lexi-nano-f32.gguf"));
  ASSERT_TRUE(model.ok());
  const BoundTensor& q = model->tensor(TensorRole::kAttnQ, 1);
  ASSERT_EQ(q.row_order, RowOrder::kInterleaved);
  Bytes bytes(q.info.bytes);
  ASSERT_TRUE(model->checkpoint.files[0]->read_at(q.info.offset, bytes).ok());
  const size_t stride = q.info.columns() * 4;
  const size_t dim = model->arch.head_dim;
  std::vector<Digest> leaves;
  for (size_t row = 0; row < q.info.rows(); ++row) {
    const size_t head = row / dim;
    const size_t i = row % dim;
    const size_t source = head * dim + (i < dim / 2 ? 2 * i : 2 * (i - dim / 2) + 1);
    leaves.push_back(merkle_leaf(ByteSpan(bytes).subspan(source * stride, stride)));
  }
  const ArtifactDigests digests = digests_of(nano("lexi-nano-f32.gguf"));
  bool found = false;
  for (const TensorDigests& tensor : digests.tensors) {
    if (tensor.name != "blk.1.attn_q.weight") continue;
    found = true;
    EXPECT_EQ(tensor.values, merkle_root(leaves));
  }
  EXPECT_TRUE(found);
}

class DamagedWeightTest : public ::testing::TestWithParam<float> {};

TEST_P(DamagedWeightTest, NamesTensorRowAndColumn) {
  const std::string path = ::testing::TempDir() + "damaged.gguf";
  std::filesystem::copy_file(nano("lexi-nano-f32.gguf"), path,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  {
    const auto model = open_model(path);
    ASSERT_TRUE(model.ok());
    const TensorInfo& info = model->tensor(TensorRole::kFfnDown, 2).info;
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(info.offset + 4 * (5 * info.columns() + 17)));
    const float value = GetParam();
    file.write(reinterpret_cast<const char*>(&value), 4);
  }
  const auto model = open_model(path);
  ASSERT_TRUE(model.ok());
  auto compute = make_compute(2);
  ASSERT_TRUE(compute.ok());
  const auto digests = hash_artifact(*model, *compute, 1 << 16);
  ASSERT_FALSE(digests.ok());
  EXPECT_EQ(digests.status().code(), Code::kDataLoss);
  EXPECT_NE(digests.status().message().find("tensor blk.2.ffn_down.weight, row 5, column 17 is "),
            std::string::npos)
      << digests.status().message();
  std::filesystem::remove(path);
}

INSTANTIATE_TEST_SUITE_P(NotFinite, DamagedWeightTest,
                         ::testing::Values(std::numeric_limits<float>::quiet_NaN(),
                                           std::numeric_limits<float>::infinity(),
                                           -std::numeric_limits<float>::infinity()));

struct BadScale {
  DType type;
  uint64_t params;
  bool min;
  uint16_t half;
  std::string expected;
};

class DamagedBlockTest : public ::testing::TestWithParam<BadScale> {};

// A scale that is not a number makes a block of NaN: the error says which block, not which value.
TEST_P(DamagedBlockTest, NamesTensorBlockAndScale) {
  const BadScale& bad = GetParam();
  const std::string path =
      ::testing::TempDir() + "damaged_" + std::string(dtype_info(bad.type).name) + ".gguf";
  ASSERT_TRUE(
      synthesize({.path = path, .params = bad.params, .type = bad.type, .sync = false}).ok());
  const auto model = open_model(path);
  ASSERT_TRUE(model.ok());
  const TensorInfo& info = model->tensor(TensorRole::kFfnDown, 1).info;
  ASSERT_EQ(info.type, bad.type);
  {
    const DTypeInfo& type = dtype_info(bad.type);
    const uint64_t at = info.offset + 5 * row_bytes(bad.type, info.columns()) + type.block_bytes +
                        (bad.min ? type.min_at : type.scale_at);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.write(reinterpret_cast<const char*>(&bad.half), 2);
  }
  auto compute = make_compute(2);
  ASSERT_TRUE(compute.ok());
  const auto digests = hash_artifact(*model, *compute, 1 << 18);
  EXPECT_EQ(digests.status().code(), Code::kDataLoss);
  EXPECT_NE(digests.status().message().find("tensor blk.1.ffn_down.weight, row 5, " + bad.expected),
            std::string::npos)
      << digests.status().message();
  std::filesystem::remove(path);
}

const std::string kSmallBlock = "block 1 (columns 32 to 63): its ";
const std::string kSuperBlock = "block 1 (columns 256 to 511): its ";
INSTANTIATE_TEST_SUITE_P(
    Types, DamagedBlockTest,
    ::testing::Values(
        BadScale{DType::kQ8_0, 300'000, false, 0x7e00, kSmallBlock + "scale is NaN"},
        BadScale{DType::kQ4_0, 300'000, false, 0xfc00, kSmallBlock + "scale is infinite"},
        BadScale{DType::kQ4_1, 300'000, true, 0x7c00, kSmallBlock + "minimum is infinite"},
        BadScale{DType::kIQ4_NL, 300'000, false, 0x7c01, kSmallBlock + "scale is NaN"},
        BadScale{DType::kQ2_K, 8'400'000, true, 0x7c00, kSuperBlock + "minimum is infinite"},
        BadScale{DType::kQ3_K, 8'400'000, false, 0x7c00, kSuperBlock + "scale is infinite"},
        BadScale{DType::kQ4_K, 8'400'000, true, 0xfe00, kSuperBlock + "minimum is NaN"},
        BadScale{DType::kQ6_K, 8'400'000, false, 0xfc00, kSuperBlock + "scale is infinite"}),
    [](const auto& bad) { return std::string(dtype_info(bad.param.type).name); });

}  // namespace
}  // namespace assay
