// The sidecar in this process, where a test can reach what a client cannot: damage in memory.
#include "service/sidecar.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace assay {
namespace {

class SidecarTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "sidecar-" +
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    model_ = folder_ + "/model.gguf";
    std::filesystem::copy_file(std::string(ASSAY_TESTDATA) + "/models/lexi-nano/lexi-nano-f16.gguf",
                               model_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<InferenceSidecar> start() {
    SidecarOptions options;
    options.threads = 1;
    options.http_address = options.grpc_address = options.metrics_address = "127.0.0.1:0";
    options.check_seconds = 0;
    options.models.push_back({.name = "m", .path = model_});
    auto sidecar = InferenceSidecar::start(options);
    EXPECT_TRUE(sidecar.ok()) << sidecar.status().message();
    return std::move(sidecar).value();
  }
  // Flips a bit of the weights that requests are computed with.
  static void flip(InferenceSidecar& sidecar) {
    const auto served = sidecar.models().find("m").value();
    const std::string tensor = served->model().tensors[3].name;
    ASSERT_TRUE(
        served->batcher()
            .exclusive(0, [&](Engine& engine) { engine.flip_weight_bit_for_test(tensor, 77); })
            .ok());
  }

  std::string folder_;
  std::string model_;
};

TEST_F(SidecarTest, ServesOnAllItsPorts) {
  const auto sidecar = start();
  const auto ports = sidecar->ports();
  EXPECT_NE(ports.http, 0);
  EXPECT_NE(ports.grpc, 0);
  EXPECT_NE(ports.metrics, 0);
  EXPECT_EQ(sidecar->health().state(), ServiceState::kServing);
  sidecar->check_models();
  EXPECT_EQ(sidecar->health().state(), ServiceState::kServing);
  sidecar->stop();
  EXPECT_EQ(sidecar->health().state(), ServiceState::kDraining);
  sidecar->stop();  // once is enough
}

TEST_F(SidecarTest, ABitThatFlipsInMemoryIsFoundAndNothingIsServedAnyMore) {
  const auto sidecar = start();
  flip(*sidecar);
  EXPECT_EQ(sidecar->health().state(), ServiceState::kServing);  // nobody has looked yet
  sidecar->check_models();
  EXPECT_EQ(sidecar->health().state(), ServiceState::kUnhealthy);
  EXPECT_NE(sidecar->health().reason().find("tensor"), std::string::npos)
      << sidecar->health().reason();
  // A model that replaces it is whole again.
  ASSERT_TRUE(sidecar->models().load({.name = "m", .path = model_}, /*replace=*/true).ok());
  sidecar->check_models();
  EXPECT_EQ(sidecar->health().state(), ServiceState::kServing) << sidecar->health().reason();
}

TEST_F(SidecarTest, AGoldenThatChangesOnDiskRefusesToStart) {
  {
    const auto sidecar = start();
    ASSERT_TRUE(sidecar->models().find("m").value()->pin_goldens(2).ok());
  }
  EXPECT_EQ(start()->health().state(), ServiceState::kServing);
  const std::string path = goldens_path(model_);
  auto goldens = read_goldens(path).value();
  goldens.vectors[0].transcript[5] ^= 1;
  std::filesystem::remove(path);
  ASSERT_TRUE(write_goldens(path, goldens).ok());
  SidecarOptions options;
  options.http_address = options.grpc_address = options.metrics_address = "127.0.0.1:0";
  options.models.push_back({.name = "m", .path = model_});
  const auto refused = InferenceSidecar::start(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(refused.status().message().find(goldens.vectors[0].id), std::string::npos);
}

}  // namespace
}  // namespace assay
