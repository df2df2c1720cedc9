#include "net/listen_address.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

TEST(ListenAddressTest, ReadsTheFormsThatAreUsed) {
  struct Case {
    const char* text;
    const char* host;
    uint16_t port;
    bool loopback;
  };
  for (const Case& expected :
       {Case{"127.0.0.1:8000", "127.0.0.1", 8000, true}, Case{"localhost:1", "127.0.0.1", 1, true},
        Case{"[::1]:0", "::1", 0, true}, Case{":9090", "", 9090, false},
        Case{"0.0.0.0:80", "0.0.0.0", 80, false},
        Case{"[2001:DB8::1]:65535", "2001:db8::1", 65535, false}}) {
    const auto address = parse_listen_address(expected.text);
    ASSERT_TRUE(address.ok()) << expected.text;
    EXPECT_EQ(address->host, expected.host);
    EXPECT_EQ(address->port, expected.port);
    EXPECT_EQ(address->loopback(), expected.loopback) << expected.text;
    const auto again = parse_listen_address(format_listen_address(*address));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->host, address->host);
  }
  EXPECT_TRUE(parse_listen_address(":1")->every_interface());
}

TEST(ListenAddressTest, RefusesTheRest) {
  for (const char* text : {"", "8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "a.example:80",
                           "::1:80", "[127.0.0.1]:80", "[::1]", "127.0.0.1:-1", "127.0.0.1:80 ",
                           "127.0.0.1:+80", "[fe80::1%eth0]:80", "[]:80", "127.1:80"}) {
    EXPECT_EQ(parse_listen_address(text).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace assay
