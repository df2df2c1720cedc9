#include "service/socket_listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include "net/listen_address.h"

namespace assay {
namespace {

constexpr int kBacklog = 1024;
// After accept() has found no descriptor or memory; others may have gone by then.
constexpr int kRetryMs = 50;
constexpr std::string_view kUnix = "unix:";

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

std::string errno_text() { return std::generic_category().message(errno); }

// Pre: host is numeric or empty. Gives its length; 0: it is none.
socklen_t fill_address(const ListenAddress& from, SocketAddress& address) {
  address = {};
  if (from.host.find(':') == std::string::npos && !from.every_interface()) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(from.port);
    return inet_pton(AF_INET, from.host.c_str(), &address.v4.sin_addr) == 1 ? sizeof(address.v4)
                                                                            : 0;
  }
  address.v6.sin6_family = AF_INET6;
  address.v6.sin6_port = htons(from.port);
  const std::string host = from.every_interface() ? "::" : from.host;
  return inet_pton(AF_INET6, host.c_str(), &address.v6.sin6_addr) == 1 ? sizeof(address.v6) : 0;
}

// Of all sockets that are open, no two have the same. None: it is closed.
std::optional<uint64_t> socket_number(int fd) {
  struct stat about{};
  if (::fstat(fd, &about) != 0) return std::nullopt;
  return about.st_ino;
}

// What a server that was killed has left behind: nobody answers there.
void remove_stale_socket(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return;
  const int result = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  if (result != 0 && errno == ECONNREFUSED) ::unlink(address.sun_path);
  ::close(probe);
}

}  // namespace

Result<std::unique_ptr<SocketListener>> SocketListener::open(const std::string& address) {
  std::unique_ptr<SocketListener> own(new SocketListener());
  const bool is_unix = address.starts_with(kUnix);
  ASSAY_RETURN_IF_ERROR(is_unix ? own->bind_unix(address.substr(kUnix.size()))
                                : own->bind_port(address));
  if (::listen(own->listener_, kBacklog) != 0 || ::pipe2(own->wake_, O_CLOEXEC) != 0) {
    return unavailable("cannot listen on " + address + ": " + errno_text());
  }
  return own;
}

Status SocketListener::bind_unix(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return invalid_argument("listen address \"unix:" + path.substr(0, 128) +
                            "\": expected a path of 1 to " +
                            std::to_string(sizeof(address.sun_path) - 1) + " bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  remove_stale_socket(address);
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener_ < 0 ||
      ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return unavailable("cannot listen on unix:" + path + ": " + errno_text());
  }
  unix_path_ = path;
  return ok_status();
}

Status SocketListener::bind_port(const std::string& text) {
  ASSAY_ASSIGN_OR_RETURN(ListenAddress parsed, parse_listen_address(text));
  constexpr int kFlags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  SocketAddress address;
  socklen_t length = fill_address(parsed, address);
  listener_ = ::socket(address.any.sa_family, kFlags, 0);
  if (listener_ < 0 && parsed.every_interface()) {  // a machine without IPv6
    parsed.host = "0.0.0.0";
    length = fill_address(parsed, address);
    listener_ = ::socket(address.any.sa_family, kFlags, 0);
  }
  const int on = 1;
  const int off = 0;
  const auto set = [this](int level, int option, const int& value) {
    return ::setsockopt(listener_, level, option, &value, sizeof(value)) == 0;
  };
  const bool is_dual = address.any.sa_family == AF_INET6 && parsed.every_interface();
  const bool is_bound = listener_ >= 0 && length != 0 && set(SOL_SOCKET, SO_REUSEADDR, on) &&
                        set(IPPROTO_TCP, TCP_NODELAY, on) &&
                        (!is_dual || set(IPPROTO_IPV6, IPV6_V6ONLY, off)) &&
                        ::bind(listener_, &address.any, length) == 0 &&
                        ::getsockname(listener_, &address.any, &length) == 0;
  if (!is_bound) return unavailable("cannot listen on " + text + ": " + errno_text());
  port_ = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
  return ok_status();
}

SocketListener::~SocketListener() {
  stop();
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
  for (const int fd : {listener_, wake_[0], wake_[1]}) {
    if (fd >= 0) ::close(fd);
  }
}

void SocketListener::start(size_t connections_max, std::function<void(int)> accepted) {
  connections_max_ = connections_max;
  accepted_ = std::move(accepted);
  thread_ = std::thread([this] { run(); });
}

void SocketListener::stop() {
  if (!thread_.joinable()) return;
  ::close(wake_[1]);
  wake_[1] = -1;
  thread_.join();
  ::close(listener_);
  listener_ = -1;
}

// False: it stops.
bool SocketListener::wait(bool for_connection, int timeout_ms) {
  std::array<pollfd, 2> watched = {{{.fd = wake_[0]}, {.fd = listener_, .events = POLLIN}}};
  ::poll(watched.data(), for_connection ? 2 : 1, timeout_ms);
  return watched[0].revents == 0;
}

bool SocketListener::admit(int fd) {
  if (open_.size() >= connections_max_) {
    std::erase_if(open_, [](const auto& each) { return socket_number(each.first) != each.second; });
  }
  if (open_.size() >= connections_max_) return false;
  open_[fd] = socket_number(fd).value_or(0);
  return true;
}

void SocketListener::run() {
  while (wait(/*for_connection=*/true, -1)) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && admit(fd)) {
      accepted_(fd);
    } else if (fd >= 0) {
      ::close(fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      if (!wait(/*for_connection=*/false, kRetryMs)) return;
    }
  }
}

}  // namespace assay
