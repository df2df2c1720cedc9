// SocketListener: accepts connections for a server that reads and writes them itself, and outlives
// a lack of file descriptors. Tested in socket_listener_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

#include "base/result.h"

namespace assay {

class SocketListener {
 public:
  // Listens at once: address is as parse_listen_address takes it, or unix:PATH. Errors:
  // INVALID_ARGUMENT, UNAVAILABLE (the address cannot be bound).
  static Result<std::unique_ptr<SocketListener>> open(const std::string& address);
  // Stops.
  ~SocketListener();

  uint16_t port() const { return port_; }  // 0 for a unix socket
  // accepted gets each connection, from a thread of the listener: non-blocking, and now its own to
  // close. One that comes while connections_max are open is closed at once. Once.
  void start(size_t connections_max, std::function<void(int)> accepted);
  // No more connections when it returns; those that wait are refused. Once or more.
  void stop();

 private:
  SocketListener() = default;
  Status bind_unix(const std::string& path);
  Status bind_port(const std::string& address);
  void run();
  bool wait(bool for_connection, int timeout_ms);
  bool admit(int fd);

  int listener_ = -1;
  int wake_[2] = {-1, -1};  // a pipe that closes when it stops
  uint16_t port_ = 0;
  std::string unix_path_;
  std::function<void(int)> accepted_;
  size_t connections_max_ = 0;
  // Of its thread: the connections handed out, by descriptor, with the number of the socket. Nobody
  // tells when one is closed: its descriptor is then none, or another's.
  std::unordered_map<int, uint64_t> open_;
  std::thread thread_;
};

}  // namespace assay
