// Models that are served from files of their own, for tests that change the files.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "inference/batcher_testing.h"
#include "inference/served_model.h"

namespace assay {

// A folder that goes with the test, and what models share.
class ServedModelTest : public testing::Test {
 protected:
  ServedModelTest() : compute_(make_compute(2).value()) {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = testing::TempDir() + test->test_suite_name() + "." + test->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~ServedModelTest() override { std::filesystem::remove_all(folder_); }

  SharedCompute shared() {
    return {.context = &compute_, .turn = &turn_, .clock = &monotonic_clock()};
  }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  // A copy of a file of lexi-nano.
  std::string copy(const std::string& file, const std::string& as = "model.gguf") const {
    std::filesystem::copy_file(std::string(ASSAY_TESTDATA) + "/models/lexi-nano/" + file, path(as),
                               std::filesystem::copy_options::overwrite_existing);
    return path(as);
  }
  static ServedModelOptions options(const std::string& path, const std::string& name = "lexi") {
    return {.name = name,
            .path = path,
            .context_tokens = 128,
            .memory_bytes = uint64_t{64} << 20,
            .batching = {.running_max = 8}};
  }
  Result<std::shared_ptr<ServedModel>> load(const ServedModelOptions& options,
                                            const Governance* governance = nullptr,
                                            const GovernanceMoment& moment = {}) {
    return ServedModel::load(options, shared(), governance, moment);
  }
  std::shared_ptr<ServedModel> loaded(const ServedModelOptions& options) {
    auto served = load(options);
    EXPECT_TRUE(served.ok()) << served.status().message();
    return served.ok() ? *served : nullptr;
  }
  static void flip_byte(const std::string& path, size_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ 1));
  }

  std::string folder_;
  ComputeContext compute_;
  ComputeTurn turn_;
};

inline InferenceRequest served_request(TokenId first, size_t tokens = 6) {
  InferenceRequest request;
  request.prompt = {1, first, 41, 42};
  request.max_tokens = tokens;
  request.score_prompt = true;
  request.ignore_end_token = true;
  return request;
}

// The answer of a model that serves; not ok when there is none.
inline Completion answer_of(ServedModel& served, const InferenceRequest& request) {
  auto sink = std::make_shared<CollectingSink>();
  const auto ticket = served.batcher().submit(request, sink);
  if (!ticket.ok()) return {.status = ticket.status()};
  return sink->wait();
}

}  // namespace assay
