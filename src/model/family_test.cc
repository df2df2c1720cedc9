// Every family against its authors' own code: tiny random models and what the transformers library
// computes from them in float64 (testdata/families/SOURCE.md).
#include "model/family.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "model/artifact.h"
#include "model/engine.h"

namespace assay {
namespace {

const std::string kFamilies = std::string(ASSAY_TESTDATA) + "/families/";

Json read_reference(const std::string& path) {
  const auto text = read_text_file(path, 4 << 20);
  EXPECT_TRUE(text.ok()) << text.status().message();
  const auto json = parse_json(*text, path);
  EXPECT_TRUE(json.ok()) << json.status().message();
  return *json;
}

double relative_l2(std::span<const float> got, const std::vector<double>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double difference = 0;
  double size = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double d = static_cast<double>(got[i]) - expected[i];
    difference += d * d;
    size += expected[i] * expected[i];
  }
  return std::sqrt(difference / size);
}

class Fixture {
 public:
  explicit Fixture(const std::string& path) {
    auto model = open_model(path);
    EXPECT_TRUE(model.ok()) << model.status().message();
    if (model.ok()) model_ = std::make_unique<Model>(std::move(model).value());
    auto compute = make_compute(2);
    EXPECT_TRUE(compute.ok());
    compute_ = std::move(compute).value();
  }
  bool ok() const { return model_ != nullptr; }
  const Model& model() const { return *model_; }

  std::vector<float> logits(const std::vector<TokenId>& tokens, size_t chunk,
                            std::vector<SiteNorm>* sites = nullptr) {
    auto engine =
        Engine::load(*model_, compute_, {.positions_max = tokens.size(), .batch_tokens = chunk});
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    Sequence sequence = (*engine)->begin();
    auto out = (*engine)->forward(sequence, tokens, sites);
    EXPECT_TRUE(out.ok()) << out.status().message();
    return {out->begin(), out->end()};
  }

  std::vector<TokenId> greedy(const std::vector<TokenId>& tokens, size_t count) {
    auto engine = Engine::load(*model_, compute_, {.positions_max = tokens.size() + count});
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    Sequence sequence = (*engine)->begin();
    std::vector<TokenId> next = tokens;
    std::vector<TokenId> out;
    while (out.size() < count) {
      auto logits = (*engine)->forward(sequence, next);
      EXPECT_TRUE(logits.ok()) << logits.status().message();
      next = {static_cast<TokenId>(compute_.kernels->argmax(logits->data(), logits->size()))};
      out.push_back(next[0]);
    }
    return out;
  }

  ArtifactDigests digests() {
    auto digests = hash_artifact(*model_, compute_, 4096);
    EXPECT_TRUE(digests.ok()) << digests.status().message();
    return *digests;
  }

 private:
  std::unique_ptr<Model> model_;
  ComputeContext compute_;
};

void expect_reference(const std::string& path, const Json& reference) {
  SCOPED_TRACE(path);
  Fixture fixture(path);
  if (!fixture.ok()) return;
  const auto tokens = reference["tokens"].get<std::vector<TokenId>>();
  std::vector<SiteNorm> sites;
  const std::vector<float> logits = fixture.logits(tokens, 64, &sites);
  const Architecture& arch = fixture.model().arch;
  if (reference.contains("last_logits")) {
    EXPECT_LT(relative_l2(logits, reference["last_logits"].get<std::vector<double>>()), 2e-5);
  }
  const bool bert = arch.encoder_layers == arch.layers;
  for (const SiteNorm& site : sites) {
    const Json& norms = reference["sites_last_token_l2"];
    if (bert || !norms.contains(site.site)) continue;  // bert's have other token types
    const double expected = norms[site.site].get<double>();
    EXPECT_NEAR(site.l2, expected, 2e-5 * expected) << site.site;
  }
  if (bert) {
    const double expected = reference["final_l2_token_types_0"].back().get<double>();
    EXPECT_NEAR(sites[sites.size() - 2].l2, expected, 2e-5 * expected);
    return;
  }
  if (arch.encoder_layers > 0) return;
  EXPECT_EQ(fixture.greedy(tokens, 12), reference["greedy12"].get<std::vector<TokenId>>());
  for (const size_t chunk : {1UL, 7UL}) EXPECT_EQ(fixture.logits(tokens, chunk), logits) << chunk;
}

class FamilyTest : public testing::TestWithParam<const char*> {
 protected:
  std::string folder() const { return kFamilies + GetParam(); }
  std::string gguf() const { return folder() + "/" + GetParam() + ".gguf"; }
};

TEST_P(FamilyTest, HuggingFaceFolderAgreesWithItsAuthorsCode) {
  expect_reference(folder(), read_reference(folder() + "/reference.json"));
}

// Families that GGUF has, too.
class FamilyGgufTest : public FamilyTest {};

TEST_P(FamilyGgufTest, AgreesWithItsAuthorsCode) {
  const std::string own = folder() + "/reference-gguf.json";
  expect_reference(gguf(), read_reference(path_exists(own) ? own : folder() + "/reference.json"));
}

TEST_P(FamilyTest, NewerConfigMeansTheSame) {
  const std::string copy = testing::TempDir() + "assay_v5_" + GetParam();
  std::filesystem::remove_all(copy);
  std::filesystem::create_directories(copy);
  std::filesystem::copy_file(folder() + "/config.v5.json", copy + "/config.json");
  std::filesystem::create_symlink(folder() + "/model.safetensors", copy + "/model.safetensors");
  const auto older = open_model(folder());
  const auto newer = open_model(copy);
  ASSERT_TRUE(older.ok()) << older.status().message();
  ASSERT_TRUE(newer.ok()) << newer.status().message();
  // Only one of the two may say for how long a context the model was made.
  Architecture arch = newer->arch;
  arch.context = older->arch.context;
  EXPECT_EQ(arch, older->arch);
  EXPECT_EQ(architecture_traits(newer->arch), architecture_traits(older->arch));
  std::filesystem::remove_all(copy);
}

// Every value that a family's tables map is in the canonical digest, whatever the file: where GGUF
// holds all fields of the folder, the two are the same model.
class FamilyFormsTest : public FamilyTest {};

TEST_P(FamilyFormsTest, GgufAndFolderAreTheSameModel) {
  Fixture a(folder());
  Fixture b(gguf());
  ASSERT_TRUE(a.ok() && b.ok());
  const ArtifactDigests x = a.digests();
  const ArtifactDigests y = b.digests();
  for (const TensorDigests& tensor : x.tensors) {
    for (const TensorDigests& other : y.tensors) {
      if (other.name != tensor.name) continue;
      EXPECT_EQ(tensor.values, other.values) << tensor.name;
    }
  }
  EXPECT_EQ(architecture_traits(a.model().arch), architecture_traits(b.model().arch));
  if (a.model().tensors.size() == b.model().tensors.size()) {
    EXPECT_EQ(x.canonical_digest, y.canonical_digest);
  }
}

const std::vector<const char*> kAll = {"bert",          "falcon",
                                       "gemma",         "gemma2",
                                       "gemma3",        "gemma3-six",
                                       "gpt2",          "gpt_neo",
                                       "gpt_neox",      "gpt_neox-sequential",
                                       "llama",         "llama-bias",
                                       "llama-linear",  "llama-tied",
                                       "llama3",        "mistral",
                                       "phi",           "phi3",
                                       "phi3-longrope", "qwen2",
                                       "qwen3",         "stablelm",
                                       "starcoder2",    "t5",
                                       "t5-gated"};
// GGUF has no form of gpt_neo, and its Gemma 3 has a window in five layers of six.
const std::set<std::string> kNotInGguf = {"gemma3", "gpt_neo"};
// GGUF keeps no field for something in these fixtures' configs; reference-gguf.json is without.
const std::set<std::string> kFieldsMissingInGguf = {"gemma2", "mistral", "starcoder2"};

std::vector<const char*> all_but(const std::vector<const char*>& names,
                                 const std::set<std::string>& left_out) {
  std::vector<const char*> kept;
  for (const char* name : names) {
    if (!left_out.contains(name)) kept.push_back(name);
  }
  return kept;
}

std::string test_name(const testing::TestParamInfo<const char*>& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Families, FamilyTest, testing::ValuesIn(kAll), test_name);
INSTANTIATE_TEST_SUITE_P(Families, FamilyGgufTest, testing::ValuesIn(all_but(kAll, kNotInGguf)),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Families, FamilyFormsTest,
                         testing::ValuesIn(all_but(all_but(kAll, kNotInGguf),
                                                   kFieldsMissingInGguf)),
                         test_name);

}  // namespace
}  // namespace assay
