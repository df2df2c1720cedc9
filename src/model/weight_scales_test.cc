// Matrices of I8 and F8 with scales beside them: the same model as the file that holds the
// products, bit for bit, and refused by name where the arrangement is not known.
#include "model/weight_scales.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "base/prng.h"
#include "model/artifact.h"
#include "model/engine.h"
#include "model/executor.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

const std::string kNano = std::string(ASSAY_TESTDATA) + "/models/lexi-nano/lexi-nano-hf";
// q, k, v and gate, up are parts of larger matrices here.
const std::string kStacked = std::string(ASSAY_TESTDATA) + "/families/phi3";
// Matrices are stored transposed.
const std::string kTransposed = std::string(ASSAY_TESTDATA) + "/families/gpt2";

struct Stored {
  std::string dtype;
  std::vector<uint64_t> shape;
  Bytes bytes;
};
using Tensors = std::map<std::string, Stored>;

Bytes safetensors(const Tensors& tensors) {
  std::string header = "{";
  Bytes data;
  for (const auto& [name, tensor] : tensors) {
    if (header.size() > 1) header += ",";
    std::string shape;
    for (const uint64_t size : tensor.shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
    }
    header += "\"" + name + "\":{\"dtype\":\"" + tensor.dtype + "\",\"shape\":[" + shape +
              "],\"data_offsets\":[" + std::to_string(data.size()) + "," +
              std::to_string(data.size() + tensor.bytes.size()) + "]}";
    append_bytes(data, tensor.bytes);
  }
  header += "}";
  Bytes out;
  append_le(out, uint64_t{header.size()});
  append_bytes(out, as_bytes(header));
  append_bytes(out, data);
  return out;
}

Stored f32(std::vector<uint64_t> shape, const std::vector<float>& values) {
  const ByteSpan bytes = as_bytes(values);
  return {"F32", std::move(shape), Bytes(bytes.begin(), bytes.end())};
}

// A matrix in eight bits and the f32 values that it stands for.
struct Quantised {
  Tensors stored;
  std::vector<float> values;
};

// How the weights of a matrix are cut into groups, and where the scales of the groups are.
struct Kind {
  std::string name;
  std::string dtype;
  std::string ending;  // behind the name without ".weight"
  uint64_t group_rows;
  uint64_t group_columns;
  float divisor = 1.0F;  // of what is stored
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
constexpr uint64_t kAll = uint64_t{1} << 40;
const Kind kKinds[] = {
    {"BitsAndBytes", "I8", ".SCB", 1, kAll, 127.0F},
    {"IntegersPerRow", "I8", ".weight_scale", 1, kAll},
    {"FloatsPerTensor", "F8_E4M3", ".weight_scale", kAll, kAll},
    {"FloatsPerRow", "F8_E5M2", ".weight_scale", 1, kAll},
    {"FloatsPerBlock", "F8_E4M3", ".weight_scale_inv", 128, 128},
};

uint64_t groups(uint64_t size, uint64_t group) { return (size + group - 1) / group; }

// Codes are any bytes that stand for a number: what matters is that each is multiplied by its own
// scale.
Quantised quantised(const Kind& kind, const std::string& name, const TensorInfo& info, Prng& prng) {
  const uint64_t rows = info.rows();
  const uint64_t columns = info.columns();
  const DType type = kind.dtype == "I8"        ? DType::kI8
                     : kind.dtype == "F8_E4M3" ? DType::kF8_E4M3
                                               : DType::kF8_E5M2;
  Bytes codes(rows * columns);
  for (uint8_t& code : codes) code = static_cast<uint8_t>(prng.next() >> 56U) & 0xafU;
  std::vector<float> scales(groups(rows, kind.group_rows) * groups(columns, kind.group_columns));
  for (float& scale : scales) {
    scale = kind.divisor * (0.001F + static_cast<float>(prng.below(1000)) * 1e-6F);
  }
  Quantised out;
  out.values.resize(codes.size());
  kernels_for(Isa::kScalar).decode(type, codes.data(), codes.size(), out.values.data());
  for (uint64_t i = 0; i < codes.size(); ++i) {
    const uint64_t group = i / columns / kind.group_rows * groups(columns, kind.group_columns) +
                           i % columns / kind.group_columns;
    out.values[i] = out.values[i] * (scales[group] / kind.divisor);
  }
  std::vector<uint64_t> shape = {rows};
  if (kind.group_rows == kAll) shape = {};
  if (kind.group_rows == 128) shape = {groups(rows, 128), groups(columns, 128)};
  out.stored[name] = {kind.dtype, info.shape, std::move(codes)};
  const std::string stem = name.substr(0, name.size() - std::string(".weight").size());
  out.stored[stem + kind.ending] = f32(shape, scales);
  if (kind.ending == ".SCB") out.stored[stem + ".weight_format"] = {"U8", {}, {0}};
  return out;
}

class WeightScalesTest : public ::testing::Test {
 protected:
  std::string folder(const std::string& name) {
    const auto path = std::filesystem::temp_directory_path() /
                      ("assay_scales_" + std::to_string(::getpid())) / name;
    std::filesystem::create_directories(path);
    return path.string();
  }
  void TearDown() override {
    std::filesystem::remove_all(std::filesystem::path(folder("x")).parent_path());
  }
  // A folder of these tensors with the configuration of another.
  void write(const std::string& path, const std::string& source, const Tensors& tensors) {
    std::filesystem::copy_file(source + "/config.json", path + "/config.json",
                               std::filesystem::copy_options::overwrite_existing);
    const Status status =
        write_file_atomically(path + "/model.safetensors", safetensors(tensors), {.sync = false});
    ASSERT_TRUE(status.ok()) << status.message();
  }
};

class ScaledModelTest : public WeightScalesTest, public ::testing::WithParamInterface<Kind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, ScaledModelTest, ::testing::ValuesIn(kKinds),
                         [](const auto& kind) { return kind.param.name; });

std::vector<float> engine_logits(const Model& model, ComputeContext& compute) {
  auto engine = Engine::load(model, compute, {.positions_max = 16});
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  Sequence sequence = (*engine)->begin();
  const auto logits = (*engine)->forward(sequence, {{1, 5, 30, 3, 9}});
  EXPECT_TRUE(logits.ok()) << logits.status().message();
  return {logits->begin(), logits->end()};
}

// Logits of all tokens through the streaming executor, in panels of a few rows.
std::vector<float> streamed_logits(const Model& model, ComputeContext& compute) {
  const ExecutionPlan plan = {.buffer_bytes = 4096, .tile_tokens = 5, .head_tile_tokens = 5};
  PanelStream stream(plan.buffer_bytes);
  auto executor = StreamingExecutor::create(
      model, compute, stream,
      {.plan = &plan, .sequence_tokens_max = 5, .scratch_folder = ::testing::TempDir()});
  EXPECT_TRUE(executor.ok()) << executor.status().message();
  StreamingExecutor::Wave wave;
  wave.sequences = {{1, 5, 30, 3, 9}};
  const std::vector<size_t> lengths = {5};
  wave.tiles = cut_tiles(lengths, plan.tile_tokens);
  wave.head_tiles = cut_tiles(lengths, plan.head_tile_tokens);
  EXPECT_TRUE((*executor)->begin(std::move(wave)).ok());
  for (size_t s = 0; s < segment_count(model); ++s) (*executor)->enqueue(s);
  for (size_t s = 0; s < segment_count(model); ++s) EXPECT_TRUE((*executor)->run(s).ok());
  (*executor)->begin_head((*executor)->head_fits());
  (*executor)->enqueue_head(0);
  const auto logits = (*executor)->logits(0);
  EXPECT_TRUE(logits.ok()) << logits.status().message();
  std::vector<float> out(logits->begin(), logits->end());
  (*executor)->end_head();
  return out;
}

// The model in `source` with other weights: matrices in eight bits with scales, and as products.
struct Pair {
  Tensors scaled;
  Tensors products;
};
Pair made_from(const std::string& source, const Kind& kind) {
  const auto checkpoint = open_checkpoint(source);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  Prng prng(1);
  Pair out;
  for (const auto& [name, info] : checkpoint->tensors) {
    if (info.shape.size() == 2) {
      Quantised q = quantised(kind, name, info, prng);
      out.scaled.merge(q.stored);
      out.products[name] = f32(info.shape, q.values);
    } else {
      out.scaled[name] = out.products[name] =
          f32(info.shape, std::vector<float>(info.elements(), 1.0F));
    }
  }
  return out;
}

TEST_P(ScaledModelTest, IsTheModelOfTheProducts) {
  for (const std::string& source : {kNano, kStacked}) {
    const Pair pair = made_from(source, GetParam());
    write(folder("scaled"), source, pair.scaled);
    write(folder("products"), source, pair.products);
    const auto a = open_model(folder("scaled"));
    const auto b = open_model(folder("products"));
    ASSERT_TRUE(a.ok()) << a.status().message();
    ASSERT_TRUE(b.ok()) << b.status().message();
    EXPECT_EQ(a->parameters, b->parameters);

    auto compute = make_compute(2);
    ASSERT_TRUE(compute.ok());
    const auto digests_a = hash_artifact(*a, *compute, 1 << 16);
    const auto digests_b = hash_artifact(*b, *compute, 1 << 16);
    ASSERT_TRUE(digests_a.ok()) << digests_a.status().message();
    ASSERT_TRUE(digests_b.ok()) << digests_b.status().message();
    EXPECT_EQ(digests_a->canonical_digest, digests_b->canonical_digest);
    EXPECT_NE(digests_a->weights_root, digests_b->weights_root);

    EXPECT_EQ(engine_logits(*a, *compute), engine_logits(*b, *compute)) << source;
    EXPECT_EQ(streamed_logits(*a, *compute), streamed_logits(*b, *compute)) << source;
  }
}

// The scales are part of what is stored: the root of the weights must see one of them change.
TEST_P(ScaledModelTest, AChangedScaleChangesTheRootOfTheWeights) {
  Tensors scaled = made_from(kNano, GetParam()).scaled;
  std::vector<Digest> roots;
  for (const uint8_t change : {uint8_t{0}, uint8_t{1}}) {
    scaled.at("model.layers.1.mlp.up_proj" + GetParam().ending).bytes[0] ^= change;
    write(folder("scaled"), kNano, scaled);
    const auto model = open_model(folder("scaled"));
    ASSERT_TRUE(model.ok()) << model.status().message();
    auto compute = make_compute(1);
    ASSERT_TRUE(compute.ok());
    const auto digests = hash_artifact(*model, *compute, 1 << 20);
    ASSERT_TRUE(digests.ok()) << digests.status().message();
    roots.push_back(digests->weights_root);
  }
  EXPECT_NE(roots[0], roots[1]);
}

TEST_P(ScaledModelTest, TransposedMatricesAreRefused) {
  write(folder("scaled"), kTransposed, made_from(kTransposed, GetParam()).scaled);
  const auto model = open_model(folder("scaled"));
  EXPECT_EQ(model.status().code(), Code::kUnimplemented);
  EXPECT_THAT(model.status().message(), HasSubstr("stored transposed"));
}

// One matrix [3, 200] with what lies beside it.
struct Arrangement {
  std::string name;
  Tensors tensors;
  Code code;
  std::vector<std::string> message;
};

void PrintTo(const Arrangement& arrangement, std::ostream* out) { *out << arrangement.name; }

const Stored kInt = {"I8", {3, 200}, Bytes(600, 1)};
const Stored kF8 = {"F8_E4M3", {3, 200}, Bytes(600, 1)};
const Stored kThree = f32({3}, {1, 2, 3});

class ArrangementTest : public WeightScalesTest,
                        public ::testing::WithParamInterface<Arrangement> {};

TEST_P(ArrangementTest, IsRefusedByName) {
  const std::string path = folder("one") + "/model.safetensors";
  ASSERT_TRUE(write_file_atomically(path, safetensors(GetParam().tensors), {.sync = false}).ok());
  const auto checkpoint = open_checkpoint(path);
  EXPECT_EQ(code_name(checkpoint.status().code()), code_name(GetParam().code));
  EXPECT_THAT(checkpoint.status().message(), HasSubstr(path));
  for (const std::string& part : GetParam().message) {
    EXPECT_THAT(checkpoint.status().message(), HasSubstr(part));
  }
}

const Arrangement kRefused[] = {
    {"IntegersAlone", {{"a.weight", kInt}}, Code::kUnimplemented, {"\"a.weight\"", "I8", ".SCB"}},
    {"IntegersOfAnotherName",
     {{"a.qweight", kInt}, {"a.scales", kThree}},
     Code::kUnimplemented,
     {"\"a.qweight\"", "dequantized"}},
    {"IntegerVector",
     {{"a.weight", {"I8", {3}, {1, 2, 3}}}, {"a.SCB", kThree}},
     Code::kUnimplemented,
     {"\"a.weight\"", "[3]"}},
    {"TwoKinds",
     {{"a.weight", kInt}, {"a.SCB", kThree}, {"a.weight_scale", kThree}},
     Code::kDataLoss,
     {"\"a.weight\"", "\"a.SCB\"", "\"a.weight_scale\"", "ambiguous"}},
    {"TooFewScales",
     {{"a.weight", kInt}, {"a.SCB", f32({2}, {1, 2})}},
     Code::kDataLoss,
     {"\"a.SCB\"", "[2]", "must be [3]"}},
    {"BlocksOfAnotherShape",
     {{"a.weight", kF8}, {"a.weight_scale_inv", f32({2, 1}, {1, 2})}},
     Code::kDataLoss,
     {"\"a.weight_scale_inv\"", "[2, 1]", "[3], [1] or [1, 2]"}},
    {"FloatsWithScb",
     {{"a.weight", kF8}, {"a.SCB", kThree}},
     Code::kDataLoss,
     {"\"a.SCB\"", "F8_E4M3"}},
    {"ScalesOfEightBits",
     {{"a.weight", kF8}, {"a.weight_scale", {"F8_E4M3", {3}, {1, 1, 1}}}},
     Code::kUnimplemented,
     {"\"a.weight_scale\"", "F8_E4M3", "F32, F16 or BF16"}},
    {"ScaleIsNan",
     {{"a.weight", kInt}, {"a.SCB", f32({3}, {1, std::nanf(""), 3})}},
     Code::kDataLoss,
     {"\"a.SCB\"", "element 1 is NaN"}},
    {"ScaleIsInfinite",
     {{"a.weight", kF8}, {"a.weight_scale", f32({}, {HUGE_VALF})}},
     Code::kDataLoss,
     {"\"a.weight_scale\"", "element 0 is infinite"}},
    {"OtherElementOrder",
     {{"a.weight", kInt}, {"a.SCB", kThree}, {"a.weight_format", {"U8", {}, {2}}}},
     Code::kUnimplemented,
     {"\"a.weight_format\" is 2", "row after row"}},
};
INSTANTIATE_TEST_SUITE_P(Refused, ArrangementTest, ::testing::ValuesIn(kRefused),
                         [](const auto& arrangement) { return arrangement.param.name; });

TEST_F(WeightScalesTest, PlainEightBitFloatsNeedNoScales) {
  const std::string path = folder("one") + "/model.safetensors";
  ASSERT_TRUE(write_file_atomically(path, safetensors({{"a.weight", kF8}}), {.sync = false}).ok());
  const auto checkpoint = open_checkpoint(path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->tensors.at("a.weight").scales, nullptr);
}

TEST_F(WeightScalesTest, BlocksOfAnotherSizeAreRefused) {
  for (const std::string size : {"[128, 128]", "[64, 64]"}) {
    const std::string path = folder("one");
    write(path, kNano,
          {{"a.weight", {"F8_E4M3", {300, 200}, Bytes(60000, 1)}},
           {"a.weight_scale_inv", f32({3, 2}, {1, 2, 3, 4, 5, 6})}});
    const std::string config = "{\"quantization_config\": {\"weight_block_size\": " + size + "}}";
    ASSERT_TRUE(
        write_file_atomically(path + "/config.json", as_bytes(config), {.sync = false}).ok());
    const auto checkpoint = open_checkpoint(path);
    EXPECT_EQ(checkpoint.ok(), size == "[128, 128]") << checkpoint.status().message();
    if (!checkpoint.ok()) {
      EXPECT_EQ(checkpoint.status().code(), Code::kUnimplemented);
      EXPECT_THAT(checkpoint.status().message(), HasSubstr("weight_block_size"));
    }
  }
}

}  // namespace
}  // namespace assay
