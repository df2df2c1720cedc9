// TLS for servers: OpenSSL contexts from files. Internal to net. Tested in tls_test.cc.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/http_server.h"

namespace boost::asio::ssl {
class context;  // NOLINT(readability-identifier-naming)
}
struct ssl_st;

namespace assay {

// Errors: NOT_FOUND, PERMISSION_DENIED when others than its owner can read the key, DATA_LOSS for
// what is in the files, also when key and certificate do not belong together.
Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const TlsOptions& options);

// Common name of the client's certificate, once it has been checked; empty when there is none.
std::string tls_peer_name(ssl_st* session);

}  // namespace assay
