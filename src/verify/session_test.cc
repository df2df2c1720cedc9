// The main job on real models: what verify() must answer about lexi-nano and its relatives, and
// that its roots depend on nothing but the models and the challenges.
#include "verify/session.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "model/gguf_writer.h"
#include "model/model.h"
#include "tensor/kernels.h"
#include "verify/transcript_file.h"

namespace assay {
namespace {

std::string nano(const std::string& name) {
  return std::string(ASSAY_TESTDATA) + "/models/lexi-nano/" + name;
}

VerifyOptions options_for(const std::string& target) {
  VerifyOptions options;
  options.reference = nano("lexi-nano-f32.gguf");
  options.target = nano(target);
  options.threads = 2;
  options.memory_bytes = uint64_t{256} << 20;
  return options;
}

VerifyReport run(const VerifyOptions& options) {
  auto report = verify(options);
  EXPECT_TRUE(report.ok()) << report.status().message();
  return report.ok() ? *report : VerifyReport{};
}

TEST(Session, OtherTypesOfOneModelAreTheSameWithinTheMargin) {
  for (const char* target : {"lexi-nano-f16.gguf", "lexi-nano-bf16.gguf", "lexi-nano-q8_0.gguf"}) {
    const VerifyReport report = run(options_for(target));
    EXPECT_EQ(report.verdict, Decision::kSame) << target << " mean " << report.effect.mean;
    EXPECT_FALSE(report.exact) << target;
    EXPECT_EQ(report.tier, Tier::kExecution) << target;
    EXPECT_LT(report.effect.upper, 0.0201) << target;
    EXPECT_GT(report.effect.mean, 0) << target;
  }
}

TEST(Session, TheSameWeightsInAnotherFormatAreTheSameExactly) {
  const VerifyReport report = run(options_for("lexi-nano-hf"));
  EXPECT_EQ(report.verdict, Decision::kSame);
  EXPECT_TRUE(report.exact);
  EXPECT_EQ(report.tier, Tier::kArtifact);
  EXPECT_NE(report.model_a.digest, report.model_b.digest);
  EXPECT_EQ(report.model_a.canonical_digest, report.model_b.canonical_digest);
  EXPECT_EQ(report.root_a, report.root_b);
}

// The pair as a file takes it: integers of 32 bits, as readers of GGUF expect.
GgufMeta as_gguf_meta(const MetaValue& value) {
  if (const auto* v = std::get_if<bool>(&value)) return *v;
  if (const auto* v = std::get_if<int64_t>(&value)) return static_cast<int32_t>(*v);
  if (const auto* v = std::get_if<uint64_t>(&value)) return static_cast<uint32_t>(*v);
  if (const auto* v = std::get_if<double>(&value)) return static_cast<float>(*v);
  if (const auto* v = std::get_if<std::string>(&value)) return *v;
  if (const auto* v = std::get_if<std::vector<std::string>>(&value)) return *v;
  if (const auto* v = std::get_if<std::vector<double>>(&value)) {
    return std::vector<float>(v->begin(), v->end());
  }
  const auto& integers = std::get<std::vector<int64_t>>(value);
  return std::vector<int32_t>(integers.begin(), integers.end());
}

// Converts a Hugging Face folder of the llama family as the usual tools do: GGUF's names, rows of q
// and k interleaved, the storage types kept. Metadata and tokenizer come from a GGUF file of the
// same shape.
void convert_to_gguf(const std::string& folder, const std::string& like, const std::string& path) {
  const auto model = open_model(folder);
  const auto donor = open_checkpoint(like);
  ASSERT_TRUE(model.ok() && donor.ok());
  GgufContent content;
  for (const auto& [name, value] : donor->meta) {
    if (name != "general.alignment") content.meta.emplace_back(name, as_gguf_meta(value));
  }
  for (const BoundTensor& tensor : model->tensors) {
    content.tensors.push_back({tensor.name, tensor.info.type, tensor.info.shape});
  }
  const auto writer = GgufWriter::create(path, content);
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  for (size_t i = 0; i < model->tensors.size(); ++i) {
    BoundTensor tensor = model->tensors[i];
    Bytes bytes(tensor.info.bytes);
    ASSERT_TRUE(model->checkpoint.files[tensor.info.file]->read_at(tensor.info.offset, bytes).ok());
    const size_t row_bytes = bytes.size() / tensor.info.rows();
    const bool rotary = tensor.role == TensorRole::kAttnQ || tensor.role == TensorRole::kAttnK;
    if (rotary) tensor.row_order = RowOrder::kInterleaved;
    for (uint64_t row = 0; row < tensor.info.rows(); ++row) {
      const uint64_t place = source_row(tensor, model->arch, row);
      const ByteSpan content_of_row(bytes.data() + row * row_bytes, row_bytes);
      ASSERT_TRUE((*writer)->write_at(i, place * row_bytes, content_of_row).ok());
    }
  }
  ASSERT_TRUE((*writer)->finish(false).ok());
}

TEST(Session, TheSameBf16WeightsInAnotherFormatAreTheSameExactly) {
  const std::string path = testing::TempDir() + "assay_hf_bf16.gguf";
  convert_to_gguf(nano("lexi-nano-hf-bf16"), nano("lexi-nano-bf16.gguf"), path);
  VerifyOptions options = options_for("lexi-nano-hf-bf16");
  options.reference = path;
  const VerifyReport report = run(options);
  EXPECT_EQ(report.verdict, Decision::kSame);
  EXPECT_TRUE(report.exact);
  EXPECT_EQ(report.tier, Tier::kArtifact);
  EXPECT_NE(report.model_a.digest, report.model_b.digest);
  EXPECT_EQ(report.model_a.canonical_digest, report.model_b.canonical_digest);
  std::filesystem::remove(path);
}

TEST(Session, TheSameWeightsExecutedGiveTheSameBits) {
  VerifyOptions options = options_for("lexi-nano-hf");
  options.execute_always = true;
  const VerifyReport report = run(options);
  EXPECT_EQ(report.verdict, Decision::kSame);
  EXPECT_TRUE(report.exact);
  EXPECT_EQ(report.tier, Tier::kExecution);
  EXPECT_EQ(report.root_a, report.root_b);
  EXPECT_FALSE(report.first_divergence.has_value());
  for (const SiteReport& site : report.sites) EXPECT_TRUE(site.digest_equal) << site.site;
}

TEST(Session, APermutedModelIsTheSameButNotExactly) {
  const VerifyReport report = run(options_for("lexi-nano-perm-f32.gguf"));
  EXPECT_EQ(report.verdict, Decision::kSame);
  EXPECT_FALSE(report.exact);
  EXPECT_LT(report.effect.mean, 1e-4);
}

TEST(Session, ChangedModelsAreDifferentAndStopEarly) {
  for (const char* target :
       {"lexi-nano-ft200-f16.gguf", "lexi-nano-distil-f16.gguf", "lexi-nano-lora-f16.gguf",
        "lexi-nano-seed2-f16.gguf", "lexi-nano-prune30-f16.gguf"}) {
    const VerifyReport report = run(options_for(target));
    EXPECT_EQ(report.verdict, Decision::kDifferent) << target << " mean " << report.effect.mean;
    EXPECT_EQ(report.challenges_used, 64U) << target;
    EXPECT_GT(report.effect.lower, 0.0199) << target;
    EXPECT_GE(report.log_e_value, 5.29) << target;
  }
}

TEST(Session, OneEditedLayerIsNamed) {
  const VerifyReport report = run(options_for("lexi-nano-edit-l2-f32.gguf"));
  ASSERT_TRUE(report.first_divergence.has_value());
  EXPECT_EQ(report.first_divergence->site, "L2.post_mlp");
  EXPECT_EQ(report.first_divergence->challenge, 0U);
  for (const SiteReport& site : report.sites) {
    const bool before = site.site < "L2.post_mlp" && site.site[0] == 'L';
    EXPECT_EQ(site.digest_equal, before) << site.site;
  }
  bool named = false;
  for (const std::string& note : report.notes)
    named = named || note.find("1 of 39 tensors differs") == 0;
  EXPECT_TRUE(named);
}

TEST(Session, ABudgetTooSmallIsUndecided) {
  VerifyOptions options = options_for("lexi-nano-f16.gguf");
  options.challenges = 100;
  const VerifyReport report = run(options);
  EXPECT_EQ(report.verdict, Decision::kUndecided);
  EXPECT_EQ(report.challenges_used, 100U);
  EXPECT_GT(report.more_needed, 100U);
  EXPECT_LT(report.more_needed, 400U);
}

TEST(Session, RootsDoNotDependOnThreadsInstructionSetsOrMemory) {
  VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
  options.challenges = 80;
  const VerifyReport expected = run(options);
  for (const Isa isa : isas_present()) {
    ASSERT_EQ(::setenv("ASSAY_ISA", std::string(isa_name(isa)).c_str(), 1), 0);
    for (const uint64_t threads : {1UL, 3UL}) {
      for (const uint64_t memory_mib : {40UL, 1024UL}) {
        options.threads = threads;
        options.memory_bytes = memory_mib << 20;
        const VerifyReport report = run(options);
        EXPECT_EQ(report.isa, isa_name(isa));
        EXPECT_EQ(report.root_a, expected.root_a);
        EXPECT_EQ(report.root_b, expected.root_b);
        EXPECT_EQ(report.effect.mean, expected.effect.mean);
        for (size_t s = 0; s < report.sites.size(); ++s) {
          EXPECT_EQ(report.sites[s].relative_l2, expected.sites[s].relative_l2);
          EXPECT_EQ(report.sites[s].sketch_hamming, expected.sites[s].sketch_hamming);
        }
      }
    }
  }
  ::unsetenv("ASSAY_ISA");
}

TEST(Session, OtherRunsHaveOtherChallenges) {
  VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
  options.challenges = 8;
  const VerifyReport first = run(options);
  options.run_id = "another";
  const VerifyReport second = run(options);
  EXPECT_NE(first.evidence.challenge_set_root, second.evidence.challenge_set_root);
  EXPECT_NE(first.root_a, second.root_a);
}

TEST(Session, ACensusIsAboutItsOwnPrompts) {
  VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
  options.prompts = {"In the beginning", "a small furry animal", "The king said unto"};
  const VerifyReport report = run(options);
  EXPECT_EQ(report.scope, Scope::kCensus);
  EXPECT_EQ(report.verdict, Decision::kSame);
  EXPECT_EQ(report.challenges_used, 3U);
  EXPECT_EQ(report.effect.lower, report.effect.mean);
  EXPECT_EQ(report.tokens, 9U + 9 + 5);
}

TEST(Session, ACensusTakesLongPromptsWhole) {
  std::string prompt;
  for (int i = 0; i < 400; ++i) prompt += "the king said unto him ";
  VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
  options.prompts = {prompt, "In the beginning"};
  options.memory_bytes = uint64_t{192} << 20;
  const VerifyReport report = run(options);
  EXPECT_EQ(report.verdict, Decision::kSame);
  EXPECT_GE(report.tokens, 2000U);
  EXPECT_EQ(report.tokens, report.challenge_tokens_max + 9);
  EXPECT_LE(report.peak_rss_bytes, report.memory_bound_bytes);
  // Another end is another census, and another root.
  options.prompts->front() += "again";
  EXPECT_NE(run(options).root_a, report.root_a);
  // The bound is known before anything is executed.
  options.memory_bytes = uint64_t{48} << 20;
  EXPECT_EQ(verify(options).status().code(), Code::kResourceExhausted);
}

TEST(Session, TheTranscriptHasTheRootsOfTheReport) {
  VerifyOptions options = options_for("lexi-nano-distil-f16.gguf");
  options.challenges = 20;
  options.transcript_path = ::testing::TempDir() + "session_test.transcript";
  const VerifyReport report = run(options);
  const auto transcript = read_transcript(options.transcript_path);
  ASSERT_TRUE(transcript.ok()) << transcript.status().message();
  EXPECT_EQ(transcript->roots.root_a, report.root_a);
  EXPECT_EQ(transcript->roots.root_b, report.root_b);
  std::filesystem::remove(options.transcript_path);
}

TEST(Session, AnInterruptedRunEndsWithTheSameRoot) {
  VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
  options.challenges = 70;
  const VerifyReport expected = run(options);
  options.resume_dir = ::testing::TempDir() + "session_test.resume";
  std::filesystem::remove_all(options.resume_dir);
  // A copy of the folder after each stage of progress is what kill -9 there would leave.
  const std::string copies = options.resume_dir + ".copies";
  std::filesystem::remove_all(copies);
  size_t count = 0;
  auto interrupted = verify(options, [&](const Progress&) {
    const std::string copy = copies + "/" + std::to_string(count);
    if (!std::filesystem::exists(options.resume_dir + "/state.assay")) return;
    ++count;
    std::filesystem::create_directories(copy);
    std::filesystem::copy_file(options.resume_dir + "/state.assay", copy + "/state.assay");
  });
  ASSERT_TRUE(interrupted.ok()) << interrupted.status().message();
  ASSERT_GT(count, 15U);
  for (size_t i = 0; i < count; ++i) {
    options.resume_dir = copies + "/" + std::to_string(i);
    options.threads = 1 + i % 3;
    options.memory_bytes = (i % 2 == 0 ? uint64_t{40} : uint64_t{512}) << 20;
    const VerifyReport report = run(options);
    EXPECT_EQ(report.root_a, expected.root_a) << i;
    EXPECT_EQ(report.root_b, expected.root_b) << i;
    EXPECT_EQ(report.effect.mean, expected.effect.mean) << i;
    EXPECT_FALSE(path_exists(options.resume_dir + "/state.assay"));
  }
  std::filesystem::remove_all(copies);
}

TEST(Session, AResumeFolderOfAnotherRunOrDamagedIsRefused) {
  VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
  options.challenges = 10;
  options.resume_dir = ::testing::TempDir() + "session_test.refused";
  std::filesystem::remove_all(options.resume_dir);
  Bytes state;
  auto first = verify(options, [&](const Progress&) {
    auto content = read_whole_file(options.resume_dir + "/state.assay", 1 << 26);
    if (content.ok()) state = *content;
  });
  ASSERT_TRUE(first.ok());
  ASSERT_FALSE(state.empty());
  const std::string path = options.resume_dir + "/state.assay";

  ASSERT_TRUE(write_file_atomically(path, state).ok());
  VerifyOptions other = options;
  other.delta = 0.03;
  auto refused = verify(other);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition) << refused.status().message();

  for (size_t at = 0; at < state.size(); at += 1 + state.size() / 97) {
    Bytes damaged = state;
    damaged[at] ^= 0x40;
    ASSERT_TRUE(write_file_atomically(path, damaged, {.sync = false}).ok());
    auto result = verify(options);
    ASSERT_FALSE(result.ok()) << at;
    EXPECT_EQ(result.status().code(), Code::kDataLoss) << at << ": " << result.status().message();
  }
  for (size_t size = 0; size < state.size(); size += 1 + state.size() / 41) {
    ASSERT_TRUE(write_file_atomically(path, ByteSpan(state).first(size), {.sync = false}).ok());
    EXPECT_FALSE(verify(options).ok()) << size;
  }
  std::filesystem::remove_all(options.resume_dir);
}

TEST(Session, OptionsOutOfRangeAreNamed) {
  const auto message = [](auto change) {
    VerifyOptions options = options_for("lexi-nano-q8_0.gguf");
    change(options);
    auto result = verify(options);
    return result.ok() ? std::string("accepted") : result.status().message();
  };
  EXPECT_NE(message([](VerifyOptions& o) { o.challenges = 0; }).find("--challenges"),
            std::string::npos);
  EXPECT_NE(message([](VerifyOptions& o) { o.challenges = 1000000; }).find("--challenges"),
            std::string::npos);
  EXPECT_NE(message([](VerifyOptions& o) { o.alpha = 0; }).find("alpha"), std::string::npos);
  EXPECT_NE(message([](VerifyOptions& o) { o.delta = 1; }).find("delta"), std::string::npos);
  EXPECT_NE(message([](VerifyOptions& o) { o.memory_bytes = uint64_t{17} << 20; }).find("--memory"),
            std::string::npos);
  EXPECT_NE(message([](VerifyOptions& o) { o.prompts.emplace(); }).find("prompts"),
            std::string::npos);
}

}  // namespace
}  // namespace assay
