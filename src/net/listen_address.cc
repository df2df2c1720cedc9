#include "net/listen_address.h"

#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace assay {
namespace {

Result<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return invalid_argument("the port is not a number up to 65535");
  }
  return port;
}

}  // namespace

bool ListenAddress::loopback() const {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto refuse = [&](std::string_view reason) {
    return invalid_argument("listen address \"" + std::string(text.substr(0, 100)) +
                            "\": " + std::string(reason) +
                            "; write 127.0.0.1:8000, [::1]:8000 or :8000 (every interface)");
  };
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return refuse("there is no port");
  const auto port = parse_port(text.substr(colon + 1));
  if (!port.ok()) return refuse(port.status().message());
  std::string host(text.substr(0, colon));
  if (host.empty()) return ListenAddress{"", *port};
  if (host == "localhost") return ListenAddress{"127.0.0.1", *port};
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error || host.find('%') != host.npos) return refuse("the host is not a numeric address");
  if (address.is_v6() != brackets) return refuse("IPv6 addresses, and only these, take brackets");
  return ListenAddress{address.to_string(), *port};
}

std::string format_listen_address(const ListenAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace assay
