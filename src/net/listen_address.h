// Where a server listens: "127.0.0.1:8000", "[::1]:0", ":9090". Tested in listen_address_test.cc,
// fuzzed in http_target_fuzz.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace assay {

struct ListenAddress {
  std::string host;   // a numeric address; empty: every interface, asked for by ":port"
  uint16_t port = 0;  // 0: the system chooses

  bool every_interface() const { return host.empty(); }
  // Only programs on this machine can connect.
  bool loopback() const;
};

// Names are not looked up, "localhost" apart. Errors: INVALID_ARGUMENT.
Result<ListenAddress> parse_listen_address(std::string_view text);
std::string format_listen_address(const ListenAddress& address);

}  // namespace assay
