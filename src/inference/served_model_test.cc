#include "inference/served_model.h"

#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "base/file.h"
#include "inference/governance.h"
#include "inference/served_model_testing.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

using testing::HasSubstr;

constexpr const char* kF32 = "lexi-nano-f32.gguf";
constexpr const char* kQ8 = "lexi-nano-q8_0.gguf";

Governance approval_of(const Digest& digest, const std::string& bounds = "") {
  const std::string text = R"({"schema": "assay.governance.v1", "approvals": [{"digest": ")" +
                           to_hex(digest) + R"(", "name": "a model")" + bounds + "}]}";
  return Governance::parse(text, "approved.json").value();
}

const BoundTensor& first_matrix(const Model& model) {
  for (const BoundTensor& tensor : model.tensors) {
    if (tensor.role == TensorRole::kFfnDown) return tensor;
  }
  ADD_FAILURE() << "there is no such matrix";
  return model.tensors[0];
}

// A place in the file where the weights of a matrix of F32 have their last bits.
size_t matrix_byte(const std::string& path) {
  const Model model = open_model(path).value();
  return first_matrix(model).info.offset + 400;
}

// ---- What it serves ---------------------------------------------------------------------------

TEST_F(ServedModelTest, AnswersAndSaysWhatItIs) {
  const auto served = loaded(options(copy(kQ8)));
  const auto bytes = read_whole_file(path("model.gguf"), uint64_t{1} << 30).value();
  EXPECT_EQ(served->info().artifact, sha256(bytes));
  EXPECT_EQ(served->identity().artifact, sha256(bytes));
  EXPECT_EQ(served->info().name, "lexi");
  EXPECT_EQ(served->info().context_tokens, 128U);
  EXPECT_FALSE(served->info().offloaded);
  EXPECT_EQ(served->goldens(), nullptr);
  const Completion completion = answer_of(*served, served_request(40));
  ASSERT_TRUE(completion.status.ok()) << completion.status.message();
  EXPECT_EQ(completion.generated_tokens, 6U);
  EXPECT_TRUE(served->check_weights().ok());
  // Another process that serves this file answers the same.
  EXPECT_EQ(answer_of(*loaded(options(path("model.gguf"))), served_request(40)).transcript,
            completion.transcript);
}

TEST_F(ServedModelTest, TakesTheContextOfTheModel) {
  ServedModelOptions wanted = options(copy(kQ8));
  wanted.context_tokens = 0;
  EXPECT_EQ(loaded(wanted)->info().context_tokens, 256U);
  wanted.context_tokens = 1;
  EXPECT_EQ(load(wanted).status().code(), Code::kInvalidArgument);
}

TEST_F(ServedModelTest, RefusesANameThatIsNone) {
  copy(kQ8);
  for (const std::string& name : {std::string(), std::string("a b"), std::string(257, 'a')}) {
    EXPECT_EQ(load(options(path("model.gguf"), name)).status().code(), Code::kInvalidArgument);
  }
}

TEST_F(ServedModelTest, RefusesAnEncoder) {
  const std::string encoder = std::string(ASSAY_TESTDATA) + "/families/bert";
  if (!path_exists(encoder)) GTEST_SKIP() << encoder << " is not here";
  EXPECT_EQ(load(options(encoder)).status().code(), Code::kUnimplemented);
}

// Another model computes for as long as it likes: who hashes a whole file does not wait for it, nor
// keep it waiting.
TEST_F(ServedModelTest, IsHashedOutOfTurn) {
  ServedModelOptions wanted = options(copy(kQ8));
  const std::lock_guard another(turn_);
  wanted.expected_digest = sha256("another");
  EXPECT_EQ(load(wanted).status().code(), Code::kFailedPrecondition);
}

// ---- Digests and approvals --------------------------------------------------------------------

TEST_F(ServedModelTest, ServesTheExpectedDigestAndNoOther) {
  ServedModelOptions wanted = options(copy(kQ8));
  const ServedModelInfo info = loaded(wanted)->info();
  wanted.expected_digest = info.artifact;
  EXPECT_TRUE(load(wanted).ok());
  wanted.expected_digest = info.canonical;
  EXPECT_TRUE(load(wanted).ok());
  wanted.expected_digest = sha256("another");
  const Status status = load(wanted).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  for (const Digest& digest : {sha256("another"), info.artifact, info.canonical}) {
    EXPECT_THAT(status.message(), HasSubstr(to_hex(digest)));
  }
  EXPECT_THAT(status.message(), HasSubstr(path("model.gguf")));
}

TEST_F(ServedModelTest, ServesWhatIsApprovedNow) {
  const ServedModelOptions wanted = options(copy(kQ8));
  const ServedModelInfo info = loaded(wanted)->info();
  const Governance artifact = approval_of(info.artifact, R"(, "until_height": 7)");
  EXPECT_TRUE(load(wanted, &artifact, {.height = 7}).ok());
  EXPECT_EQ(load(wanted, &artifact, {.height = 8}).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(load(wanted, &artifact, {}).status().code(), Code::kFailedPrecondition);
  const Governance canonical = approval_of(info.canonical);
  EXPECT_TRUE(load(wanted, &canonical).ok());
  const Governance another = approval_of(sha256("another"));
  const Status status = load(wanted, &another).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(to_hex(info.artifact)));
}

// ---- Damage -----------------------------------------------------------------------------------

TEST_F(ServedModelTest, FindsABitThatFlippedInMemory) {
  const auto served = loaded(options(copy(kF32)));
  ASSERT_TRUE(served->pin_goldens(3).ok());
  const auto with_goldens = loaded(options(path("model.gguf")));
  const std::string tensor = first_matrix(with_goldens->model()).name;
  const auto flip = [&] {
    EXPECT_TRUE(
        with_goldens->batcher()
            .exclusive(0, [&](Engine& engine) { engine.flip_weight_bit_for_test(tensor, 30); })
            .ok());
  };
  EXPECT_TRUE(with_goldens->check_weights().ok());
  EXPECT_TRUE(with_goldens->check_goldens().ok());
  flip();
  const Status status = with_goldens->check_weights();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr(tensor));
  EXPECT_EQ(with_goldens->check_goldens().code(), Code::kFailedPrecondition);
  flip();
  EXPECT_TRUE(with_goldens->check_weights().ok());
  EXPECT_TRUE(with_goldens->check_goldens().ok());
}

// While somebody writes to the file again and again: what is served is what was hashed, or nothing.
TEST_F(ServedModelTest, AFileThatChangesWhileItIsLoadedIsNotServed) {
  const std::string file = copy(kF32);
  const size_t at = matrix_byte(file);
  std::map<Digest, Digest> transcripts;  // by artifact
  for (int i = 0; i < 2; ++i) {
    const auto served = loaded(options(file));
    transcripts[served->info().artifact] = answer_of(*served, served_request(40)).transcript;
    flip_byte(file, at);
  }
  ASSERT_EQ(transcripts.size(), 2U);
  std::atomic<bool> stops{false};
  std::thread writer([&] {
    while (!stops) flip_byte(file, at);
  });
  size_t served_count = 0;
  size_t refused = 0;
  for (int tries = 0; tries < 400 && (served_count == 0 || refused == 0); ++tries) {
    const auto served = load(options(file));
    if (!served.ok()) {
      EXPECT_EQ(served.status().code(), Code::kDataLoss) << served.status().message();
      EXPECT_THAT(served.status().message(), HasSubstr("changed in between"));
      ++refused;
      continue;
    }
    ++served_count;
    ASSERT_TRUE(transcripts.contains((*served)->info().artifact));
    EXPECT_EQ(answer_of(**served, served_request(40)).transcript,
              transcripts[(*served)->info().artifact]);
  }
  stops = true;
  writer.join();
  EXPECT_GT(served_count, 0U);
  EXPECT_GT(refused, 0U);
}

// ---- Goldens ----------------------------------------------------------------------------------

TEST_F(ServedModelTest, ServesWithoutGoldensUnlessTheyAreRequired) {
  ServedModelOptions wanted = options(copy(kQ8));
  wanted.requires_goldens = true;
  const Status status = load(wanted).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(goldens_path(wanted.path)));
  wanted.requires_goldens = false;
  const auto served = loaded(wanted);
  ASSERT_TRUE(served->pin_goldens(5).ok());
  wanted.requires_goldens = true;
  const auto with_goldens = loaded(wanted);
  ASSERT_NE(with_goldens->goldens(), nullptr);
  for (const Golden& golden : with_goldens->goldens()->vectors) {
    EXPECT_EQ(answer_of(*with_goldens, golden.request()).transcript, golden.transcript);
  }
}

TEST_F(ServedModelTest, PinsTheSameGoldensEveryTime) {
  const auto served = loaded(options(copy(kQ8)));
  const std::string file = goldens_path(path("model.gguf"));
  ASSERT_TRUE(served->pin_goldens(4).ok());
  const std::string first = read_text_file(file, kGoldensBytesMax).value();
  std::filesystem::remove(file);
  ASSERT_TRUE(loaded(options(path("model.gguf")))->pin_goldens(4).ok());
  EXPECT_EQ(read_text_file(file, kGoldensBytesMax).value(), first);
  EXPECT_EQ(served->pin_goldens(0).code(), Code::kInvalidArgument);
  EXPECT_EQ(served->pin_goldens(kGoldensMax + 1).code(), Code::kInvalidArgument);
  EXPECT_EQ(read_text_file(file, kGoldensBytesMax).value(), first);
}

TEST_F(ServedModelTest, NeverServesAgainstItsGoldens) {
  ServedModelOptions wanted = options(copy(kQ8));
  ASSERT_TRUE(loaded(wanted)->pin_goldens(3).ok());
  const std::string file = goldens_path(wanted.path);
  const Goldens good = read_goldens(file).value();
  Goldens wrong = good;
  wrong.vectors[1].transcript[0] ^= 1;
  ASSERT_TRUE(write_goldens(file, wrong).ok());
  Status status = load(wanted).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("golden " + good.vectors[1].id + " is not met"));
  EXPECT_THAT(status.message(), HasSubstr(to_hex(good.vectors[1].transcript)));
  EXPECT_THAT(status.message(), HasSubstr(to_hex(wrong.vectors[1].transcript)));
  // They are those of another model: the file was replaced and they were not.
  wrong = good;
  wrong.artifact = sha256("another");
  ASSERT_TRUE(write_goldens(file, wrong).ok());
  status = load(wanted).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(file));
  // They are damaged.
  ASSERT_TRUE(write_file_atomically(file, as_bytes("{")).ok());
  EXPECT_EQ(load(wanted).status().code(), Code::kDataLoss);
  // Who is about to pin new ones does not read them.
  wanted.reads_goldens = false;
  ASSERT_TRUE(loaded(wanted)->pin_goldens(3).ok());
  wanted.reads_goldens = true;
  EXPECT_TRUE(load(wanted).ok());
}

// ---- Memory -----------------------------------------------------------------------------------

// Bytes of the model with one sequence, as the engine counts them.
uint64_t least_bytes(const std::string& path, const ServedModelOptions& options, size_t threads) {
  const Model model = open_model(path).value();
  return Engine::memory_bytes(model, threads,
                              {.positions_max = options.context_tokens,
                               .pages = KvPool::pages_for(options.context_tokens),
                               .batch_tokens = options.batching.batch_tokens});
}

TEST_F(ServedModelTest, OffloadsWhenMemoryIsShortAndAnswersTheSame) {
  ServedModelOptions wanted = options(copy(kF32));
  const auto resident = loaded(wanted);
  ASSERT_TRUE(resident->pin_goldens(3).ok());
  wanted.memory_bytes = least_bytes(wanted.path, wanted, 2) - 1;
  const auto offloaded = loaded(wanted);
  ASSERT_NE(offloaded, nullptr);
  EXPECT_TRUE(offloaded->info().offloaded);
  EXPECT_LE(offloaded->info().memory_bytes, wanted.memory_bytes);
  EXPECT_NE(offloaded->goldens(), nullptr);
  for (TokenId first = 40; first < 44; ++first) {
    const Completion completion = answer_of(*offloaded, served_request(first));
    ASSERT_TRUE(completion.status.ok()) << completion.status.message();
    EXPECT_EQ(completion.transcript, answer_of(*resident, served_request(first)).transcript);
  }
  wanted.may_offload = false;
  EXPECT_EQ(load(wanted).status().code(), Code::kResourceExhausted);
}

// Its weights are read in every step: what is on disk counts.
TEST_F(ServedModelTest, FindsThatTheFileOfAnOffloadedModelChanged) {
  ServedModelOptions wanted = options(copy(kF32));
  wanted.memory_bytes = least_bytes(wanted.path, wanted, 2) - 1;
  const auto offloaded = loaded(wanted);
  ASSERT_TRUE(offloaded->info().offloaded);
  EXPECT_TRUE(offloaded->check_weights().ok());
  flip_byte(wanted.path, matrix_byte(wanted.path));
  const Status status = offloaded->check_weights();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr(first_matrix(offloaded->model()).name));
}

TEST_F(ServedModelTest, RefusesWhatDoesNotFitEvenSo) {
  ServedModelOptions wanted = options(copy(kF32));
  wanted.memory_bytes = uint64_t{64} << 10;
  EXPECT_EQ(load(wanted).status().code(), Code::kResourceExhausted);
}

TEST_F(ServedModelTest, TakesNoMoreMemoryThanItMay) {
  ServedModelOptions wanted = options(copy(kF32));
  const uint64_t least = least_bytes(wanted.path, wanted, 2);
  for (const uint64_t bound : {least, least * 5 / 4, least * 2, least * 8}) {
    wanted.memory_bytes = bound;
    const auto served = loaded(wanted);
    ASSERT_NE(served, nullptr);
    EXPECT_FALSE(served->info().offloaded);
    EXPECT_LE(served->info().memory_bytes, bound);
  }
}

}  // namespace
}  // namespace assay
