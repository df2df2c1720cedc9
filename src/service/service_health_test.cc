#include "service/service_health.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

TEST(ServiceHealth, StartsServesAndDrains) {
  ServiceHealth health(monotonic_clock());
  std::vector<ServiceState> seen;
  health.on_change([&](ServiceState state) { seen.push_back(state); });
  EXPECT_EQ(health.state(), ServiceState::kStarting);
  EXPECT_FALSE(health.reason().empty());
  health.set_serving();
  EXPECT_EQ(health.state(), ServiceState::kServing);
  EXPECT_EQ(health.reason(), "");
  health.set_draining();
  EXPECT_EQ(seen, (std::vector{ServiceState::kServing, ServiceState::kDraining}));
}

TEST(ServiceHealth, OneBrokenPartIsEnoughAndNamesItself) {
  ServiceHealth health(monotonic_clock());
  health.set_serving();
  health.set_broken("model a", "golden g1 is not met");
  health.set_broken("model b", "tensor x has changed");
  EXPECT_EQ(health.state(), ServiceState::kUnhealthy);
  EXPECT_EQ(health.reason(), "model a: golden g1 is not met; model b: tensor x has changed");
  health.set_whole("model a");
  EXPECT_EQ(health.state(), ServiceState::kUnhealthy);
  health.set_serving();  // does not mend what is broken
  EXPECT_EQ(health.state(), ServiceState::kUnhealthy);
  health.set_whole("model b");
  EXPECT_EQ(health.state(), ServiceState::kServing);
}

}  // namespace
}  // namespace assay
