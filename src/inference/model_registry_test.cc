#include "inference/model_registry.h"

#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/file.h"
#include "inference/served_model_testing.h"

namespace assay {
namespace {

using testing::HasSubstr;

constexpr const char* kQ8 = "lexi-nano-q8_0.gguf";
constexpr const char* kF16 = "lexi-nano-f16.gguf";

class ModelRegistryTest : public ServedModelTest {
 protected:
  std::unique_ptr<ModelRegistry> registry(const ModelRegistryOptions& options = {}) {
    auto created = ModelRegistry::create(options, shared());
    EXPECT_TRUE(created.ok()) << created.status().message();
    return std::move(created).value();
  }
  static void expect_loaded(const Status& status) { EXPECT_TRUE(status.ok()) << status.message(); }
  static Digest found_artifact(const ModelRegistry& models, const std::string& name) {
    const auto found = models.find(name);
    EXPECT_TRUE(found.ok()) << found.status().message();
    return found.ok() ? (*found)->info().artifact : Digest{};
  }
};

// Threads of this process; a model has one.
size_t threads_now() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& thread :
       std::filesystem::directory_iterator("/proc/self/task")) {
    ++count;
  }
  return count;
}

TEST_F(ModelRegistryTest, FindsByNameAndTheFirstByNone) {
  const auto models = registry();
  EXPECT_EQ(models->find("").status().code(), Code::kNotFound);
  EXPECT_EQ(models->default_name(), "");
  expect_loaded(models->load(options(copy(kQ8, "a.gguf"), "z"), false));
  expect_loaded(models->load(options(copy(kF16, "b.gguf"), "b"), false));
  EXPECT_EQ(models->default_name(), "z");
  EXPECT_EQ(models->find("").value()->info().name, "z");
  EXPECT_EQ(models->find("b").value()->info().name, "b");
  const auto list = models->list();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]->info().name, "b");
  EXPECT_EQ(list[1]->info().name, "z");
  const Status status = models->find("c").status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("b, z"));
}

TEST_F(ModelRegistryTest, TakesANameOnceAndAsManyModelsAsItMay) {
  const auto models = registry({.models_max = 2});
  const ServedModelOptions one = options(copy(kQ8, "a.gguf"), "one");
  expect_loaded(models->load(one, false));
  EXPECT_EQ(models->load(one, false).code(), Code::kAlreadyExists);
  expect_loaded(models->load(options(path("a.gguf"), "two"), false));
  EXPECT_EQ(models->load(options(path("a.gguf"), "three"), false).code(), Code::kResourceExhausted);
  expect_loaded(models->load(options(copy(kF16, "b.gguf"), "two"), true));
  expect_loaded(models->unload("one"));
  expect_loaded(models->load(options(path("a.gguf"), "three"), false));
}

TEST_F(ModelRegistryTest, StaysAsItIsWhenALoadFails) {
  const auto models = registry();
  expect_loaded(models->load(options(copy(kQ8, "a.gguf"), "one"), false));
  const Digest before = found_artifact(*models, "one");
  EXPECT_EQ(models->load(options(path("none.gguf"), "one"), true).code(), Code::kNotFound);
  ServedModelOptions wrong = options(copy(kF16, "b.gguf"), "one");
  wrong.expected_digest = sha256("another");
  EXPECT_EQ(models->load(wrong, true).code(), Code::kFailedPrecondition);
  EXPECT_EQ(found_artifact(*models, "one"), before);
  const auto found = models->find("one").value();
  EXPECT_TRUE(answer_of(*found, served_request(40)).status.ok());
}

TEST_F(ModelRegistryTest, BoundsTheMemoryOfAllModels) {
  ServedModelOptions one = options(copy(kQ8, "a.gguf"), "one");
  one.may_offload = false;
  uint64_t bytes = 0;
  {
    const auto models = registry();
    expect_loaded(models->load(one, false));
    bytes = models->find("one").value()->info().memory_bytes;
  }
  const auto models = registry({.memory_bytes = bytes * 10 / 9 + 1000});
  expect_loaded(models->load(one, false));
  ServedModelOptions two = one;
  two.name = "two";
  const Status status = models->load(two, false);
  EXPECT_EQ(status.code(), Code::kResourceExhausted) << status.message();
  expect_loaded(models->unload("one"));
  expect_loaded(models->load(two, false));
}

TEST_F(ModelRegistryTest, UnloadsAndTheMemoryGoes) {
  const auto models = registry();
  expect_loaded(models->load(options(copy(kQ8, "a.gguf"), "one"), false));
  expect_loaded(models->load(options(path("a.gguf"), "two"), false));
  std::weak_ptr<ServedModel> gone = models->find("one").value();
  ASSERT_FALSE(gone.expired());
  const size_t threads = threads_now();
  expect_loaded(models->unload("one"));
  EXPECT_TRUE(gone.expired());
  EXPECT_EQ(threads_now(), threads - 1);
  EXPECT_EQ(models->default_name(), "two");
  EXPECT_EQ(models->find("one").status().code(), Code::kNotFound);
  EXPECT_EQ(models->unload("one").code(), Code::kNotFound);
  expect_loaded(models->unload("two"));
  EXPECT_EQ(models->find("").status().code(), Code::kNotFound);
}

// ---- Under load -------------------------------------------------------------------------------

// What clients have got, all together.
struct Answers {
  std::mutex mutex;
  std::map<Digest, size_t> by_artifact;
  size_t wrong = 0;
  size_t failed = 0;
  std::string first_failure;
};

using Expected = std::map<Digest, std::vector<Digest>>;  // transcripts by artifact and request

constexpr size_t kRequests = 5;
InferenceRequest numbered(size_t i) { return served_request(static_cast<TokenId>(40 + i), 4 + i); }

void ask(const ModelRegistry& models, const Expected& expected, size_t i, Answers& answers) {
  const auto found = models.find("one");
  const auto sink = std::make_shared<CollectingSink>();
  Status status = found.status();
  Completion completion;
  if (found.ok()) {
    const auto ticket = (*found)->batcher().submit(numbered(i % kRequests), sink);
    status = ticket.status();
    if (ticket.ok()) {
      completion = sink->wait();
      status = completion.status;
    }
  }
  const std::lock_guard lock(answers.mutex);
  if (!status.ok()) {
    if (answers.failed++ == 0) answers.first_failure = status.message();
    return;
  }
  const Digest artifact = (*found)->info().artifact;
  ++answers.by_artifact[artifact];
  const bool right = completion.transcript == expected.at(artifact)[i % kRequests] &&
                     completion.generated_tokens == 4 + i % kRequests && sink->finishes() == 1;
  if (!right) ++answers.wrong;
}

// Every answer is that of the model that was found, none is lost or comes twice, and the models
// that were replaced go.
TEST_F(ModelRegistryTest, ReplacesUnderLoad) {
  const std::vector<ServedModelOptions> versions = {options(copy(kQ8, "a.gguf"), "one"),
                                                    options(copy(kF16, "b.gguf"), "one")};
  Expected expected;
  for (const ServedModelOptions& version : versions) {
    const auto served = loaded(version);
    for (size_t i = 0; i < kRequests; ++i) {
      expected[served->info().artifact].push_back(answer_of(*served, numbered(i)).transcript);
    }
  }
  const auto models = registry();
  expect_loaded(models->load(versions[0], false));
  Answers answers;
  std::atomic<bool> stops{false};
  std::vector<std::thread> clients;
  for (size_t client = 0; client < 4; ++client) {
    clients.emplace_back([&, client] {
      for (size_t i = client; !stops; ++i) ask(*models, expected, i, answers);
    });
  }
  const size_t threads = threads_now();
  std::vector<std::weak_ptr<ServedModel>> replaced;
  for (size_t i = 1; i <= 6; ++i) {
    replaced.push_back(models->find("one").value());
    expect_loaded(models->load(versions[i % 2], true));
    EXPECT_TRUE(replaced.back().expired()) << "replacement " << i;
    EXPECT_EQ(threads_now(), threads) << "replacement " << i;
    EXPECT_EQ(found_artifact(*models, "one"), found_artifact(*models, ""));
  }
  // Clients keep asking; that each version answered something is a matter of time.
  const auto both = [&] {
    const std::lock_guard lock(answers.mutex);
    return answers.failed > 0 || answers.by_artifact.size() == 2;
  };
  for (size_t i = 1; !both() && i < 20; ++i) expect_loaded(models->load(versions[i % 2], true));
  stops = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answers.failed, 0U) << answers.first_failure;
  EXPECT_EQ(answers.wrong, 0U);
  EXPECT_EQ(answers.by_artifact.size(), 2U);
}

// Whoever found a model before it was replaced may still send it a request.
TEST_F(ModelRegistryTest, AModelThatWasFoundAnswersAfterItsReplacement) {
  const auto models = registry();
  expect_loaded(models->load(options(copy(kQ8, "a.gguf"), "one"), false));
  auto held = models->find("one").value();
  const Digest old = held->info().artifact;
  std::thread replacing(
      [&] { expect_loaded(models->load(options(copy(kF16, "b.gguf"), "one"), true)); });
  while (found_artifact(*models, "one") == old) std::this_thread::yield();
  const Completion completion = answer_of(*held, served_request(40));
  EXPECT_TRUE(completion.status.ok()) << completion.status.message();
  const std::weak_ptr<ServedModel> gone = held;
  held.reset();
  replacing.join();
  EXPECT_TRUE(gone.expired());
}

TEST_F(ModelRegistryTest, AModelThatIsHeldTooLongEndsItsRequests) {
  const auto models = registry({.drain_seconds = 0});
  expect_loaded(models->load(options(copy(kQ8, "a.gguf"), "one"), false));
  const auto held = models->find("one").value();
  const auto sink = std::make_shared<CollectingSink>();
  ASSERT_TRUE(held->batcher().submit(served_request(40, 120), sink).ok());
  expect_loaded(models->unload("one"));
  EXPECT_EQ(sink->finishes(), 1);
  const Status status = sink->wait().status;
  EXPECT_TRUE(status.ok() || status.code() == Code::kUnavailable) << status.message();
  EXPECT_EQ(answer_of(*held, served_request(40)).status.code(), Code::kUnavailable);
}

TEST_F(ModelRegistryTest, DrainsAllModels) {
  const auto models = registry();
  expect_loaded(models->load(options(copy(kQ8, "a.gguf"), "one"), false));
  expect_loaded(models->load(options(path("a.gguf"), "two"), false));
  std::vector<std::shared_ptr<CollectingSink>> sinks;
  for (const auto& served : models->list()) {
    for (int i = 0; i < 5; ++i) {
      sinks.push_back(std::make_shared<CollectingSink>());
      ASSERT_TRUE(served->batcher().submit(served_request(40, 20), sinks.back()).ok());
    }
  }
  models->drain(monotonic_clock().seconds() + 60);
  for (const auto& sink : sinks) {
    EXPECT_EQ(sink->finishes(), 1);
    EXPECT_TRUE(sink->wait().status.ok());
  }
  for (const auto& served : models->list()) {
    EXPECT_EQ(answer_of(*served, served_request(40)).status.code(), Code::kUnavailable);
  }
}

// Models that share threads compute in turns, and their self-tests with other threads and
// instruction sets come between: the answers stay.
TEST_F(ModelRegistryTest, SelfTestsOfOneModelDoNotTouchAnother) {
  compute_.threads_max = 4;
  const auto models = registry();
  expect_loaded(models->load(options(copy(kQ8, "a.gguf"), "one"), false));
  const auto one = models->find("one").value();
  ASSERT_TRUE(one->pin_goldens(2).ok());
  expect_loaded(models->load(options(path("a.gguf"), "two"), false));
  const auto two = models->find("two").value();
  const Digest alone = answer_of(*one, served_request(40, 60)).transcript;
  std::atomic<bool> stops{false};
  std::thread client([&] {
    while (!stops) EXPECT_EQ(answer_of(*one, served_request(40, 60)).transcript, alone);
  });
  for (int i = 0; i < 3; ++i) {
    const auto results = run_self_test(
        two->self_test_subject(), *two->goldens(),
        {.isas = isas_present(), .threads = {1, 4}, .batches = {1, 2}, .chunks = {8}});
    ASSERT_TRUE(results.ok()) << results.status().message();
    for (const SelfTestResult& result : *results) EXPECT_TRUE(result.matches());
    EXPECT_TRUE(two->check_goldens().ok());
    EXPECT_TRUE(one->check_weights().ok());
  }
  stops = true;
  client.join();
}

// ---- Approvals --------------------------------------------------------------------------------

TEST_F(ModelRegistryTest, ApprovalsRunOutWhileItServes) {
  const Digest artifact = sha256(read_whole_file(copy(kQ8), uint64_t{1} << 30).value());
  const std::string text =
      R"({"schema": "assay.governance.v1", "approvals": [{"digest": ")" + to_hex(artifact) +
      R"(", "name": "lexi", "from_time": "1970-01-01T00:00:10Z",)"
      R"("until_time": "1970-01-01T00:00:20Z", "from_height": 5, "until_height": 6}]})";
  ASSERT_TRUE(write_file_atomically(path("approved.json"), as_bytes(text)).ok());
  std::atomic<uint64_t> now{9};
  const auto models = registry(
      {.governance_path = path("approved.json"), .unix_seconds = [&now] { return now.load(); }});
  const auto load = [&] { return models->load(options(path("model.gguf"), "one"), true); };
  EXPECT_EQ(load().code(), Code::kFailedPrecondition);
  now = 10;
  EXPECT_THAT(load().message(), HasSubstr("nobody has told the height"));
  models->set_height(4);
  EXPECT_THAT(load().message(), HasSubstr("holds from height 5"));
  models->set_height(5);
  expect_loaded(load());
  EXPECT_TRUE(models->find("one").ok());
  now = 20;
  models->set_height(6);
  EXPECT_TRUE(models->find("one").ok());
  models->set_height(3);  // heights do not go back
  EXPECT_TRUE(models->find("one").ok());
  now = 21;
  EXPECT_THAT(models->find("").status().message(), HasSubstr("held until 1970-01-01T00:00:20Z"));
  EXPECT_EQ(models->find("one").status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(models->list().size(), 1U);
  now = 20;
  EXPECT_TRUE(models->find("one").ok());
  models->set_height(7);
  EXPECT_THAT(models->find("one").status().message(), HasSubstr("held until height 6"));
}

TEST_F(ModelRegistryTest, NeedsItsGovernanceFile) {
  const auto created = ModelRegistry::create(
      {.governance_path = path("none.json"), .unix_seconds = [] { return uint64_t{0}; }}, shared());
  EXPECT_EQ(created.status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace assay
