#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <boost/asio/ssl/context.hpp>

#include "base/file.h"

namespace assay {
namespace {

namespace ssl = boost::asio::ssl;

Status check_readable(const std::string& path) { return ReadFile::open(path).status(); }

Status check_key_file(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(const auto file, ReadFile::open(path));
  if ((file->permissions() & 077) != 0) {
    return permission_denied(path + " can be read or written by others; run: chmod 600 " + path);
  }
  return ok_status();
}

Status damaged(const std::string& path, const boost::system::error_code& error) {
  ERR_clear_error();
  return data_loss(path + ": " + error.message());
}

// ECDHE with authenticated encryption only; TLS 1.3 has nothing else.
constexpr const char* kCiphers12 = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!SHA1";

Status load_files(ssl::context& context, const TlsOptions& options) {
  boost::system::error_code error;
  ASSAY_RETURN_IF_ERROR(check_readable(options.certificate_file));
  if (context.use_certificate_chain_file(options.certificate_file, error)) {
    return damaged(options.certificate_file, error);
  }
  ASSAY_RETURN_IF_ERROR(check_key_file(options.key_file));
  if (context.use_private_key_file(options.key_file, ssl::context::pem, error)) {
    return damaged(options.key_file, error);
  }
  if (options.client_ca_file.empty()) return ok_status();
  ASSAY_RETURN_IF_ERROR(check_readable(options.client_ca_file));
  if (context.load_verify_file(options.client_ca_file, error)) {
    return damaged(options.client_ca_file, error);
  }
  SSL_CTX_set_verify(context.native_handle(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  return ok_status();
}

}  // namespace

Result<std::shared_ptr<ssl::context>> make_tls_context(const TlsOptions& options) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* native = context->native_handle();
  const int version_min = options.tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION;
  constexpr std::string_view kSessionName = "assay";
  const bool is_set = SSL_CTX_set_min_proto_version(native, version_min) == 1 &&
                      SSL_CTX_set_cipher_list(native, kCiphers12) == 1 &&
                      SSL_CTX_set_session_id_context(
                          native, reinterpret_cast<const unsigned char*>(kSessionName.data()),
                          static_cast<unsigned>(kSessionName.size())) == 1;
  if (!is_set) return internal_error("OpenSSL does not know the versions or ciphers asked for");
  SSL_CTX_set_options(
      native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A key with a pass phrase is refused instead of asked for on the terminal.
  SSL_CTX_set_default_passwd_cb(native, [](char*, int, int, void*) { return 0; });
  // Releases the record buffers of idle connections, some 34 KiB each.
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  ASSAY_RETURN_IF_ERROR(load_files(*context, options));
  return context;
}

std::string tls_peer_name(ssl_st* session) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(session),
                                                                &X509_free);
  if (certificate == nullptr || SSL_get_verify_result(session) != X509_V_OK) return {};
  std::array<char, 256> name{};
  const int length =
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName,
                                name.data(), static_cast<int>(name.size()));
  return length <= 0 ? std::string() : std::string(name.data(), static_cast<size_t>(length));
}

}  // namespace assay
