// The server itself: addresses, TLS, malformed bytes, its end under load, and clients that are not
// ours.
#include "service/inference_grpc.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>

#include "base/json.h"
#include "base/program_testing.h"
#include "net/http_testing.h"
#include "net/tls_testing.h"
#include "service/grpc_testing.h"

namespace assay {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;
namespace fs = std::filesystem;

// ---- Bytes that are no requests ---------------------------------------------------------------

class InferenceGrpcTest : public GrpcTest {};

TEST_F(InferenceGrpcTest, MalformedMessagesAreInvalidArguments) {
  GrpcTestOptions options;
  options.server.enable_admin = true;
  options.server.model_root = ASSAY_TESTDATA;
  start(options);
  const std::string bad_utf8 = {0x0a, 0x01, '\xff'};  // field 1, a text that is no UTF-8
  for (const char* method : {"InferenceService/GetModelInfo", "InferenceService/Generate",
                             "InferenceService/Score", "InferenceService/VerifyDeterminism",
                             "ModelAdminService/LoadModel", "ModelAdminService/UnloadModel"}) {
    const std::string path = std::string("/inference.v1.") + method;
    for (const std::string& bytes : {std::string("\xff\xff\xff\xff\xff\xff"), bad_utf8}) {
      const grpc::Status status = call_with_bytes(channel_, path, bytes);
      EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << method;
      EXPECT_THAT(status.error_message(), HasSubstr("inference.v1.")) << method;
    }
  }
  EXPECT_EQ(call_with_bytes(channel_, "/inference.v1.InferenceService/Other", "").error_code(),
            StatusCode::UNIMPLEMENTED);
  EXPECT_TRUE(becomes_idle());
}

TEST_F(InferenceGrpcTest, OversizedMessagesAreRefused) {
  GrpcTestOptions options;
  options.limits.message_bytes_max = 100'000;
  options.limits.prompt_bytes_max = 1000;
  start(options);
  const Generated huge = generate(*stub_, generate_request(std::string(200'000, 'a'), 1));
  EXPECT_EQ(huge.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  const Generated large = generate(*stub_, generate_request(std::string(1001, 'a'), 1));
  EXPECT_EQ(large.status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(large.status.error_message(), HasSubstr("1001"));
  EXPECT_TRUE(generate(*stub_, generate_request("the cat", 1)).status.ok());
}

// HTTP/1, TLS, an HTTP/2 preface with frames that lie, and silence.
TEST_F(InferenceGrpcTest, SurvivesBytesThatAreNotHttp2) {
  start();
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const std::vector<std::string> openings = {
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
      preface + std::string("\xff\xff\xff\x00\x00\x00\x00\x00\x01", 9),
      preface + std::string("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 9) +
          std::string("\x00\x00\x04\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff", 13),
      std::string(100'000, '\0')};
  for (int round = 0; round < 10; ++round) {
    for (const std::string& bytes : openings) {
      RawClient client(server_->port());
      client.send(bytes);
      client.end_sending();
      client.read_to_end();
    }
  }
  EXPECT_TRUE(generate(*stub_, generate_request("the cat", 1)).status.ok());
}

// A listener that gives up at its first failed accept() would never answer again.
TEST_F(InferenceGrpcTest, OutlivesALackOfFileDescriptors) {
  start();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  {
    const int probe = ::open("/dev/null", O_RDONLY);
    ::close(probe);
    const rlimit low = {.rlim_cur = static_cast<rlim_t>(probe) + 40, .rlim_max = before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    // Those that connect take all that there are, so that accept() finds none.
    std::vector<int> sockets;
    for (int fd = 0; (fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) >= 0;) {
      sockets.push_back(fd);
      sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(server_->port())};
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    }
    EXPECT_GT(sockets.size(), 10U);
    EXPECT_LT(sockets.size(), 100U);
    std::this_thread::yield();
    for (const int fd : sockets) ::close(fd);
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  const auto stub = v1::InferenceService::NewStub(connect());
  const Generated got =
      generate(*stub, generate_request("the cat", 1), [](grpc::ClientContext& call) {
        call.set_wait_for_ready(true);
        call.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
      });
  EXPECT_TRUE(got.status.ok()) << got.status.error_message();
}

// ---- Addresses and options --------------------------------------------------------------------

TEST_F(InferenceGrpcTest, ListensWhereItIsTold) {
  start();
  const std::string folder = testing::TempDir();
  const auto create = [this](const std::string& address) {
    return InferenceGrpcServer::create({.address = address}, context_);
  };
  for (const char* address : {":0", "127.0.0.1:0", "localhost:0"}) {
    const auto server = create(address);
    ASSERT_TRUE(server.ok()) << address << ": " << server.status().message();
    EXPECT_NE((*server)->port(), 0);
  }
  const std::string path = folder + "/assay-grpc-" + std::to_string(getpid()) + ".sock";
  {
    const auto server = create("unix:" + path);
    ASSERT_TRUE(server.ok()) << server.status().message();
    const auto stub = v1::InferenceService::NewStub(
        grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials()));
    EXPECT_TRUE(generate(*stub, generate_request("the cat", 1)).status.ok());
    EXPECT_EQ(create("unix:" + path).status().code(), Code::kUnavailable);
  }
  EXPECT_FALSE(fs::exists(path));
  for (const char* address : {"", "here", "example.org:1", "127.0.0.1:99999", "unix:"}) {
    EXPECT_EQ(create(address).status().code(), Code::kInvalidArgument) << address;
  }
  EXPECT_EQ(create("127.0.0.1:" + std::to_string(server_->port())).status().code(),
            Code::kUnavailable);
  EXPECT_EQ(InferenceGrpcServer::create({.enable_admin = true}, context_).status().code(),
            Code::kInvalidArgument);
}

TEST_F(InferenceGrpcTest, ReflectionIsOffUnlessAskedFor) {
  start();
  EXPECT_EQ(call_with_bytes(channel_,
                            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "")
                .error_code(),
            StatusCode::UNIMPLEMENTED);
}

TEST(GrpcCall, PeersAreNamedWithoutTheirPort) {
  EXPECT_EQ(peer_address("ipv4:127.0.0.1:50000"), "127.0.0.1");
  EXPECT_EQ(peer_address("ipv6:%5B::1%5D:50000"), "::1");
  EXPECT_EQ(peer_address("ipv6:[fe80::1]:50000"), "fe80::1");
  EXPECT_EQ(peer_address("unix:"), "unix");
}

TEST(GrpcCall, StatusesAreMappedOneToOneAndLongMessagesCut) {
  for (int code = 1; code <= 16; ++code) {
    EXPECT_EQ(grpc_status({static_cast<Code>(code), "m"}).error_code(), code);
  }
  std::string text(1999, 'a');
  for (int i = 0; i < 1000; ++i) text += "\u00e9";
  const std::string cut = grpc_status(invalid_argument(text)).error_message();
  EXPECT_EQ(cut, std::string(1999, 'a') + " ...");  // not within a character
}

// ---- TLS --------------------------------------------------------------------------------------

class InferenceGrpcTlsTest : public GrpcTest {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "assay-grpc-tls-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    save("ca.pem", certificate_text(authority_), 0644);
    save("server.pem", certificate_text(server_identity_), 0644);
    save("server.key", key_text(server_identity_), 0600);
  }
  void TearDown() override {
    GrpcTest::TearDown();
    fs::remove_all(folder_);
  }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void save(const std::string& name, const std::string& text, uint32_t mode) const {
    ASSERT_TRUE(write_file_atomically(path(name), as_bytes(text), {.mode = mode}).ok());
  }
  void start_with_tls(bool mutual) {
    GrpcTestOptions options;
    options.server.tls = TlsOptions{.certificate_file = path("server.pem"),
                                    .key_file = path("server.key"),
                                    .client_ca_file = mutual ? path("ca.pem") : ""};
    start(options);
  }
  grpc::Status call_as(const Identity* client) {
    grpc::SslCredentialsOptions options = {.pem_root_certs = certificate_text(authority_)};
    if (client != nullptr) {
      options.pem_private_key = key_text(*client);
      options.pem_cert_chain = certificate_text(*client);
    }
    const auto stub = v1::InferenceService::NewStub(grpc::CreateChannel(
        "localhost:" + std::to_string(server_->port()), grpc::SslCredentials(options)));
    return generate(*stub, generate_request("the cat", 2)).status;
  }

  std::string folder_;
  const Identity authority_ = make_identity("Test CA", nullptr);
  const Identity server_identity_ = make_identity("localhost", &authority_);
};

TEST_F(InferenceGrpcTlsTest, AnswersClientsThatTrustItAndNoOthers) {
  start_with_tls(false);
  const grpc::Status trusted = call_as(nullptr);
  EXPECT_TRUE(trusted.ok()) << trusted.error_message();
  EXPECT_EQ(generate(*stub_, generate_request("the cat", 1)).status.error_code(),
            StatusCode::UNAVAILABLE);  // without TLS
}

TEST_F(InferenceGrpcTlsTest, MutualTlsTakesOnlyItsOwnClients) {
  start_with_tls(true);
  const Identity client = make_identity("team-a", &authority_);
  const grpc::Status known = call_as(&client);
  EXPECT_TRUE(known.ok()) << known.error_message();
  EXPECT_EQ(call_as(nullptr).error_code(), StatusCode::UNAVAILABLE);
  const Identity other_authority = make_identity("Other CA", nullptr);
  const Identity stranger = make_identity("team-a", &other_authority);
  EXPECT_EQ(call_as(&stranger).error_code(), StatusCode::UNAVAILABLE);
}

TEST_F(InferenceGrpcTlsTest, SaysWhatIsWrongWithItsFiles) {
  start();
  const auto create = [this](const TlsOptions& tls) {
    return InferenceGrpcServer::create({.tls = tls}, context_).status();
  };
  const TlsOptions good = {.certificate_file = path("server.pem"), .key_file = path("server.key")};
  EXPECT_TRUE(create(good).ok());
  TlsOptions tls = good;
  tls.certificate_file = path("none.pem");
  EXPECT_EQ(create(tls).code(), Code::kNotFound);
  save("open.key", key_text(server_identity_), 0644);
  tls = good;
  tls.key_file = path("open.key");
  EXPECT_EQ(create(tls).code(), Code::kPermissionDenied);
  save("other.key", key_text(authority_), 0600);
  tls.key_file = path("other.key");
  EXPECT_EQ(create(tls).code(), Code::kDataLoss);
}

// ---- The end ----------------------------------------------------------------------------------

TEST_F(InferenceGrpcTest, EveryCallEndsOnceWhenTheServerStopsUnderLoad) {
  GrpcTestOptions options;
  options.model.context_tokens = 50'000;
  options.model.batching.running_max = 4;
  start(options);
  constexpr int kClients = 8;
  std::atomic<int> began{0};
  std::vector<std::future<Generated>> calls;
  for (int i = 0; i < kClients; ++i) {
    calls.push_back(std::async(std::launch::async, [&] {
      ++began;
      return generate(*stub_, generate_request("the cat", 40'000));
    }));
  }
  ASSERT_TRUE(eventually(
      [&] { return server_->calls() == kClients && served()->batcher().stats().running > 0; }));
  server_->stop(std::chrono::milliseconds(100));
  EXPECT_EQ(server_->calls(), 0U);
  for (auto& call : calls) {
    const Generated got = call.get();
    EXPECT_FALSE(got.finish.has_value());
    EXPECT_TRUE(got.status.error_code() == StatusCode::CANCELLED ||
                got.status.error_code() == StatusCode::UNAVAILABLE)
        << got.status.error_code();
  }
  EXPECT_TRUE(becomes_idle());
}

TEST_F(InferenceGrpcTest, CallsMayEndBeforeTheServerDoes) {
  start();
  auto call = std::async(std::launch::async,
                         [this] { return generate(*stub_, generate_request("the cat", 200)); });
  ASSERT_TRUE(
      eventually([this] { return server_->calls() > 0 || served()->batcher().stats().steps > 0; }));
  server_->stop(std::chrono::seconds(60));
  const Generated got = call.get();
  EXPECT_TRUE(got.status.ok()) << got.status.error_message();
  EXPECT_TRUE(got.finish.has_value());
}

// ---- A client that is not ours ----------------------------------------------------------------

class Program final : public ProgramTest {
 public:
  explicit Program(const std::string& path) : ProgramTest(path) { SetUp(); }
  ~Program() override { TearDown(); }
  using ProgramTest::run;
  void TestBody() override {}
};

// buf from npm (tools/setup-npm).
class BufTest : public GrpcTest {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "assay-buf-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    const fs::path packages =
        fs::path(ASSAY_SOURCE_DIR) / "build" / "npm" / "node_modules" / "@bufbuild";
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(packages, error)) {
      const fs::path program = entry.path() / "bin" / "buf";
      const bool is_native = entry.path().filename().string().starts_with("buf-linux-");
      if (is_native && fs::exists(program)) buf_ = program;
    }
    if (buf_.empty()) GTEST_SKIP() << "buf is not there: run tools/setup-npm";
  }
  void TearDown() override {
    GrpcTest::TearDown();
    fs::remove_all(folder_);
  }
  void start_with_reflection() {
    GrpcTestOptions options;
    options.server.enable_reflection = true;
    options.model.path = folder_ + "/model.gguf";
    fs::copy_file(lexi_nano("lexi-nano-q8_0.gguf"), options.model.path);
    start(options);
  }
  Outcome call(const std::string& method, const std::string& json) const {
    return Program(buf_).run({"curl", "--http2-prior-knowledge", "--protocol", "grpc", "-d", json,
                              "http://" + target() + "/inference.v1.InferenceService/" + method});
  }

  std::string folder_;
  std::string buf_;
};

TEST_F(BufTest, CallsByReflection) {
  start_with_reflection();
  const Outcome info = call("GetModelInfo", "{}");
  ASSERT_EQ(info.exit_code, 0) << info.err;
  EXPECT_EQ(parse_json(info.out, "buf").value()["info"]["name"], "lexi");

  const Outcome stream = call(
      "Generate", R"({"prompt": {"text": "the cat"}, "maxTokens": 5, "ignoreEndToken": true})");
  ASSERT_EQ(stream.exit_code, 0) << stream.err;
  size_t tokens = 0;
  for (size_t at = 0; (at = stream.out.find("logitsSha256", at)) != std::string::npos; ++at) {
    ++tokens;
  }
  EXPECT_EQ(tokens, 5U) << stream.out;
  EXPECT_THAT(stream.out, HasSubstr("FINISH_REASON_LENGTH"));

  const Outcome score = call("Score", R"({"prompt": {"text": "the cat sat"}})");
  ASSERT_EQ(score.exit_code, 0) << score.err;
  EXPECT_THAT(score.out, HasSubstr("transcriptSha256"));

  const Outcome refused =
      call("Generate", R"({"prompt": {"text": "the cat"}, "topLogProbabilities": 21})");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, HasSubstr("invalid_argument"));
}

// The call of the deployment guide.
TEST_F(BufTest, VerifiesDeterminism) {
  start_with_reflection();
  const std::string request = R"({"test_vector_id": "high_quality_verification"})";
  const Outcome nothing = call("VerifyDeterminism", request);
  EXPECT_NE(nothing.exit_code, 0);
  EXPECT_THAT(nothing.err, HasSubstr("failed_precondition"));
  pin_goldens("high_quality_verification");
  const Outcome verified = call("VerifyDeterminism", request);
  ASSERT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_EQ(parse_json(verified.out, "buf").value()["deterministic"], true) << verified.out;
}

TEST_F(BufTest, FindsNothingWrongWithTheProtocol) {
  const std::string proto = std::string(ASSAY_SOURCE_DIR) + "/proto";
  const Outcome lint = Program(buf_).run({"lint", proto});
  EXPECT_EQ(lint.exit_code, 0) << lint.out << lint.err;
  const Outcome format = Program(buf_).run({"format", "-d", "--exit-code", proto});
  EXPECT_EQ(format.exit_code, 0) << format.out << format.err;
}

}  // namespace
}  // namespace assay
