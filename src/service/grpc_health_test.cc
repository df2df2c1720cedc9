#include "service/grpc_health.h"

#include <grpc/health/v1/health.grpc.pb.h>

#include "service/grpc_testing.h"

namespace assay {
namespace {

using grpc::StatusCode;
using Response = grpc::health::v1::HealthCheckResponse;

class GrpcHealthTest : public GrpcTest {
 protected:
  void SetUp() override {
    GrpcTestOptions options;
    options.is_serving = false;
    options.server.limits.health_watchers_max = 2;
    start(options);
    health_stub_ = grpc::health::v1::Health::NewStub(channel_);
  }
  grpc::Status check(const std::string& service, Response& response) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::ClientContext call;
    return health_stub_->Check(&call, request, &response);
  }
  std::unique_ptr<grpc::ClientReader<Response>> watch(grpc::ClientContext& call,
                                                      const std::string& service) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    return health_stub_->Watch(&call, request);
  }

  std::unique_ptr<grpc::health::v1::Health::Stub> health_stub_;
};

TEST_F(GrpcHealthTest, FollowsTheStateOfTheService) {
  Response response;
  for (const std::string service : {"", "inference.v1.InferenceService"}) {
    ASSERT_TRUE(check(service, response).ok());
    EXPECT_EQ(response.status(), Response::NOT_SERVING);
  }
  health_.set_serving();
  for (const std::string service : {"", "inference.v1.InferenceService"}) {
    ASSERT_TRUE(check(service, response).ok());
    EXPECT_EQ(response.status(), Response::SERVING);
  }
  // The admin service is off.
  EXPECT_EQ(check("inference.v1.ModelAdminService", response).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(check("other", response).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(GrpcHealthTest, WatchersAreToldOfEveryChangeAndOfTheEnd) {
  grpc::ClientContext call;
  const auto stream = watch(call, "");
  Response response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), Response::NOT_SERVING);
  health_.set_serving();
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), Response::SERVING);
  health_.set_broken("a", "b");
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), Response::NOT_SERVING);
  health_.set_whole("a");
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), Response::SERVING);
  server_->stop(std::chrono::seconds(60));  // does not wait for watchers
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), Response::NOT_SERVING);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::UNAVAILABLE);
}

TEST_F(GrpcHealthTest, UnknownServicesMayBeWatchedForAndWatchersAreBounded) {
  grpc::ClientContext first_call;
  const auto first = watch(first_call, "other");
  Response response;
  ASSERT_TRUE(first->Read(&response));
  EXPECT_EQ(response.status(), Response::SERVICE_UNKNOWN);
  grpc::ClientContext second_call;
  const auto second = watch(second_call, "");
  ASSERT_TRUE(second->Read(&response));
  grpc::ClientContext third_call;
  const auto third = watch(third_call, "");
  EXPECT_FALSE(third->Read(&response));
  EXPECT_EQ(third->Finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  first_call.TryCancel();
  EXPECT_EQ(first->Finish().error_code(), StatusCode::CANCELLED);
  EXPECT_TRUE(eventually([this] { return server_->calls() == 1; }));
  second_call.TryCancel();
  EXPECT_TRUE(eventually([this] { return server_->calls() == 0; }));
}

}  // namespace
}  // namespace assay
