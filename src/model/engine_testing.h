// What the tests of Engine share: models of testdata, and an engine of them or a failed test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>

#include "model/engine.h"

namespace assay {

inline constexpr size_t kPage = KvPool::kPagePositions;

inline std::unique_ptr<Model> open(const std::string& path) {
  auto model = open_model(std::string(ASSAY_TESTDATA) + "/" + path);
  EXPECT_TRUE(model.ok()) << model.status().message();
  return model.ok() ? std::make_unique<Model>(std::move(model).value()) : nullptr;
}

inline ComputeContext compute_with(size_t threads) {
  auto compute = make_compute(threads);
  EXPECT_TRUE(compute.ok()) << compute.status().message();
  return std::move(compute).value();
}

inline std::unique_ptr<Engine> load(const Model& model, ComputeContext& compute,
                                    const Engine::Options& options) {
  auto engine = Engine::load(model, compute, options);
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return engine.ok() ? std::move(engine).value() : nullptr;
}

// "families/gemma3-six" as the name of a test: "gemma3_six".
inline std::string model_test_name(const ::testing::TestParamInfo<std::string>& test) {
  std::string name = test.param.substr(test.param.rfind('/') + 1);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

}  // namespace assay
