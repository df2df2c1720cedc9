// TLS with certificates that are made for each run, seen by OpenSSL's client and by curl.
#include "net/tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/program_testing.h"
#include "net/http_testing.h"
#include "net/tls_testing.h"

namespace assay {
namespace {

using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Freer<SSL_free>>;

class TlsTest : public ProgramTest {
 protected:
  TlsTest() : ProgramTest("/usr/bin/curl") {}
  void SetUp() override {
    ProgramTest::SetUp();
    authority_ = make_identity("Test CA", nullptr);
    server_identity_ = make_identity("localhost", &authority_);
    save("ca.pem", certificate_text(authority_), 0644);
    save("server.pem", certificate_text(server_identity_), 0644);
    save("server.key", key_text(server_identity_), 0600);
  }
  void TearDown() override {
    server_.reset();
    ProgramTest::TearDown();
  }
  std::string path(const std::string& name) const { return in_folder(name); }
  void save(const std::string& name, const std::string& text, uint32_t mode) {
    ASSERT_TRUE(write_file_atomically(path(name), as_bytes(text), {.mode = mode}).ok());
  }
  TlsOptions tls() const {
    return {.certificate_file = path("server.pem"), .key_file = path("server.key")};
  }
  void start(TlsOptions options) {
    auto server = HttpServer::create({.tls = std::move(options),
                                      .limits = {.header_timeout = std::chrono::milliseconds(2000)},
                                      .observer = observer_});
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(server).value();
    server_->route("GET", "/who", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send({.body = "<" + exchange->request().peer_name + ">"});
    });
    server_->route("POST", "/echo", [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->send({.body = exchange->request().body});
    });
    server_->route("GET", "/stream", [this](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->on_close([this] { stream_closed_.set(); });
      exchange->begin(200, {});
      exchange->write("first");
      const std::lock_guard lock(mutex_);
      kept_ = exchange;
    });
    ASSERT_TRUE(server_->start().ok());
  }

  // One request over TLS, as OpenSSL's own client sends it; empty when the handshake fails.
  std::string request(const std::string& bytes, const Identity* client = nullptr,
                      int version_max = TLS1_3_VERSION, int* version = nullptr) {
    const Context context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_load_verify_locations(context.get(), path("ca.pem").c_str(), nullptr);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_max_proto_version(context.get(), version_max);
    if (client != nullptr) {
      SSL_CTX_use_certificate(context.get(), client->certificate.get());
      SSL_CTX_use_PrivateKey(context.get(), client->key.get());
    }
    RawClient tcp(server_->port());
    const Session session(SSL_new(context.get()));
    SSL_set1_host(session.get(), "localhost");
    SSL_set_fd(session.get(), tcp.descriptor());
    if (SSL_connect(session.get()) != 1) return {};
    if (version != nullptr) *version = SSL_version(session.get());
    SSL_write(session.get(), bytes.data(), static_cast<int>(bytes.size()));
    std::string answer;
    char block[16384];
    for (int n = 0; (n = SSL_read(session.get(), block, sizeof(block))) > 0;) {
      answer.append(block, static_cast<size_t>(n));
    }
    ended_orderly_ = SSL_get_shutdown(session.get()) == SSL_RECEIVED_SHUTDOWN;
    return answer;
  }
  static std::string get(const std::string& target) {
    return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  }

  Identity authority_;
  Identity server_identity_;
  std::shared_ptr<CountingObserver> observer_ = std::make_shared<CountingObserver>();
  std::unique_ptr<HttpServer> server_;
  std::mutex mutex_;
  std::shared_ptr<HttpExchange> kept_;
  Signal stream_closed_;
  bool ended_orderly_ = false;
};

TEST_F(TlsTest, AnswersOverTlsAndSaysGoodbye) {
  start(tls());
  int version = 0;
  const std::string answer = request(get("/who"), nullptr, TLS1_3_VERSION, &version);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n<>"));
  EXPECT_NE(answer.find("Strict-Transport-Security: max-age="), std::string::npos);
  EXPECT_EQ(version, TLS1_3_VERSION);
  EXPECT_TRUE(ended_orderly_) << "without close_notify a client cannot tell that it has everything";
}

TEST_F(TlsTest, CarriesLargeBodies) {
  start(tls());
  const std::string body(1'000'000, 'x');
  const std::string answer = request(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
      "1000000\r\n\r\n" +
      body);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n" + body));
}

TEST_F(TlsTest, KeepsToTheVersionsAskedFor) {
  start(tls());
  int version = 0;
  EXPECT_NE(request(get("/who"), nullptr, TLS1_2_VERSION, &version), "");
  EXPECT_EQ(version, TLS1_2_VERSION);
  EXPECT_EQ(request(get("/who"), nullptr, TLS1_1_VERSION), "");
  server_.reset();
  TlsOptions strict = tls();
  strict.tls13_only = true;
  start(strict);
  EXPECT_EQ(request(get("/who"), nullptr, TLS1_2_VERSION), "");
  EXPECT_NE(request(get("/who")), "");
}

TEST_F(TlsTest, AsksClientsForCertificates) {
  TlsOptions options = tls();
  options.client_ca_file = path("ca.pem");
  start(options);
  const Identity known = make_identity("worker-1", &authority_);
  EXPECT_TRUE(request(get("/who"), &known).ends_with("<worker-1>"));
  EXPECT_EQ(request(get("/who")), "") << "no certificate";
  const Identity stranger_authority = make_identity("Test CA", nullptr);
  const Identity stranger = make_identity("worker-1", &stranger_authority);
  EXPECT_EQ(request(get("/who"), &stranger), "") << "signed by somebody else";
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->rejects["tls_handshake"] == 2; }));
}

TEST_F(TlsTest, CutsWhoDoesNotSpeakTls) {
  start(tls());
  RawClient plain(server_->port());
  plain.send("GET /who HTTP/1.1\r\nHost: a\r\n\r\n");
  plain.read_to_end();
  RawClient silent(server_->port());
  silent.read_to_end();
  EXPECT_TRUE(observer_->wait_for([&] { return observer_->rejects["handshake_timeout"] == 1; }));
  EXPECT_NE(request(get("/who")), "");
}

TEST_F(TlsTest, TellsWhenTheClientGoes) {
  start(tls());
  const Context context(SSL_CTX_new(TLS_client_method()));
  RawClient tcp(server_->port());
  const Session session(SSL_new(context.get()));
  SSL_set_fd(session.get(), tcp.descriptor());
  ASSERT_EQ(SSL_connect(session.get()), 1);
  const std::string bytes = get("/stream");
  SSL_write(session.get(), bytes.data(), static_cast<int>(bytes.size()));
  char block[64];
  ASSERT_GT(SSL_read(session.get(), block, sizeof(block)), 0);
  tcp.close();
  EXPECT_TRUE(stream_closed_.wait());
}

TEST_F(TlsTest, ServesCurl) {
  if (!path_exists("/usr/bin/curl")) GTEST_SKIP() << "curl is not installed";
  TlsOptions options = tls();
  options.client_ca_file = path("ca.pem");
  start(options);
  const Identity client = make_identity("curl", &authority_);
  save("client.pem", certificate_text(client), 0644);
  save("client.key", key_text(client), 0600);
  const std::string base = "https://localhost:" + std::to_string(server_->port());
  std::vector<std::string> common = {"--silent", "--show-error",     "--cacert", path("ca.pem"),
                                     "--cert",   path("client.pem"), "--key",    path("client.key"),
                                     "--ipv4",   "--max-time",       "20"};
  const auto curl = [&](std::vector<std::string> args, const std::string& input = "") {
    args.insert(args.begin(), common.begin(), common.end());
    return run(args, input);
  };
  Outcome outcome = curl({base + "/who"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "<curl>");
  EXPECT_EQ(curl({"--http1.0", base + "/who"}).out, "<curl>");
  // Two requests over one connection; curl says how many it opened.
  outcome = curl({base + "/who", base + "/who", "--write-out", "%{num_connects}"});
  EXPECT_EQ(outcome.out, "<curl>1<curl>0");
  // More than 1 MiB: curl asks with Expect first. From a pipe: it sends chunks.
  const std::string body(size_t{3} << 20, 'b');
  outcome = curl({"--data-binary", "@-", base + "/echo"}, body);
  EXPECT_EQ(outcome.out == body, true) << outcome.err;
  outcome =
      curl({"--header", "Transfer-Encoding: chunked", "--data-binary", "@-", base + "/echo"}, body);
  EXPECT_EQ(outcome.out == body, true) << outcome.err;
  EXPECT_EQ(
      curl({"--head", "--output", "/dev/null", "--write-out", "%{http_code}", base + "/echo"}).out,
      "405");
  // Without the certificate there is no answer.
  common.resize(4);
  EXPECT_NE(curl({base + "/who"}).exit_code, 0);
}

TEST_F(TlsTest, RefusesFilesThatAreMissingOpenOrWrong) {
  const auto code = [](TlsOptions options) {
    return HttpServer::create({.tls = std::move(options)}).status().code();
  };
  TlsOptions options = tls();
  options.key_file = path("missing");
  EXPECT_EQ(code(options), Code::kNotFound);
  ::chmod(path("server.key").c_str(), 0640);
  EXPECT_EQ(code(tls()), Code::kPermissionDenied);
  ::chmod(path("server.key").c_str(), 0600);
  EXPECT_EQ(code(tls()), Code::kOk);
  save("server.key", key_text(authority_), 0600);
  EXPECT_EQ(code(tls()), Code::kDataLoss) << "a key that does not belong to the certificate";
  save("server.pem", "no certificate", 0644);
  EXPECT_EQ(code(tls()), Code::kDataLoss);
}

}  // namespace
}  // namespace assay
