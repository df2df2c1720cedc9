// A client of raw bytes for tests of the server: it can be as slow, rude and wrong as it likes.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "net/http_server.h"

namespace assay {

constexpr int kTestTimeoutMs = 20'000;  // a test that waits longer has failed

struct RawResponse {
  int status = 0;  // 0: the connection ended first
  HttpHeaders headers;
  std::string body;
  bool complete = false;
};

class RawClient {
 public:
  explicit RawClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ =
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return is_connected_; }
  int descriptor() const { return socket_; }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  // Closes with a reset instead of an orderly end.
  void reset() {
    const linger hard = {1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close();
  }
  void end_sending() { ::shutdown(socket_, SHUT_WR); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  RawResponse get(std::string_view path) {
    send("GET " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n\r\n");
    return receive();
  }
  RawResponse post(std::string_view path, std::string_view body) {
    send("POST " + std::string(path) + " HTTP/1.1\r\nHost: test\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
    return receive();
  }

  // The next response; interim ones (100) count as responses. expects_body: false after HEAD.
  RawResponse receive(bool expects_body = true) {
    RawResponse response;
    size_t end = 0;
    while ((end = input_.find("\r\n\r\n")) == input_.npos) {
      if (!read_more()) return response;
    }
    parse_head(std::string_view(input_).substr(0, end + 2), response);
    input_.erase(0, end + 4);
    const bool bodiless = !expects_body || response.status < 200 || response.status == 204;
    response.complete = bodiless || receive_body(response);
    return response;
  }
  // Everything until the server closes. Fails the test when it does not.
  std::string read_to_end() {
    while (read_more()) {
    }
    EXPECT_TRUE(at_end_) << "the server keeps the connection open";
    return std::exchange(input_, {});
  }
  // One more piece of the stream: false at its end.
  bool read_more() {
    pollfd poll = {socket_, POLLIN, 0};
    if (::poll(&poll, 1, kTestTimeoutMs) != 1) return false;
    char block[65536];
    const ssize_t n = ::recv(socket_, block, sizeof(block), 0);
    if (n <= 0) {
      at_end_ = true;
      return false;
    }
    input_.append(block, static_cast<size_t>(n));
    return true;
  }
  const std::string& unread() const { return input_; }

 private:
  static void parse_head(std::string_view head, RawResponse& response) {
    size_t line_end = head.find("\r\n");
    const std::string_view status = head.substr(9, 3);
    std::from_chars(status.data(), status.data() + 3, response.status);
    head.remove_prefix(line_end + 2);
    while (!head.empty()) {
      line_end = head.find("\r\n");
      const std::string_view line = head.substr(0, line_end);
      const size_t colon = line.find(": ");
      response.headers.add(std::string(line.substr(0, colon)), std::string(line.substr(colon + 2)));
      head.remove_prefix(line_end + 2);
    }
  }
  bool receive_body(RawResponse& response) {
    const std::string_view length = response.headers.get("Content-Length");
    if (!length.empty()) {
      size_t bytes = 0;
      std::from_chars(length.data(), length.data() + length.size(), bytes);
      return take(bytes, response.body);
    }
    if (response.headers.get("Transfer-Encoding") != "chunked") {
      response.body = read_to_end();
      return true;
    }
    while (true) {
      size_t end = 0;
      while ((end = input_.find("\r\n")) == input_.npos) {
        if (!read_more()) return false;
      }
      size_t bytes = 0;
      std::from_chars(input_.data(), input_.data() + end, bytes, 16);
      input_.erase(0, end + 2);
      std::string chunk;
      if (!take(bytes + 2, chunk)) return false;
      if (bytes == 0) return true;
      response.body += chunk.substr(0, bytes);
    }
  }
  bool take(size_t bytes, std::string& out) {
    while (input_.size() < bytes) {
      if (!read_more()) return false;
    }
    out = input_.substr(0, bytes);
    input_.erase(0, bytes);
    return true;
  }

  int socket_;
  bool is_connected_ = false;
  bool at_end_ = false;
  std::string input_;
};

// Something that a test waits for and another thread announces.
class Signal {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    is_set_ = true;
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(kTestTimeoutMs),
                             [this] { return is_set_; });
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    is_set_ = false;
  }
  bool is_set() const {
    const std::lock_guard lock(mutex_);
    return is_set_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

// Counts what the server reports, and lets a test wait for it.
class CountingObserver : public HttpObserver {
 public:
  void connection_opened() override {
    change([&] { ++opened; });
  }
  void connection_closed() override {
    change([&] { ++closed; });
  }
  void request_started(std::string_view) override {
    change([&] { ++started; });
  }
  void request_finished(const HttpRequestRecord& record) override {
    change([&] {
      ++finished[{std::string(record.route), record.status}];
      bytes_sent += record.bytes_sent;
      incomplete += record.complete ? 0u : 1u;
    });
  }
  void rejected(std::string_view reason) override {
    change([&] { ++rejects[std::string(reason)]; });
  }

  // True as soon as `condition` holds, which runs under the lock.
  bool wait_for(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(kTestTimeoutMs), condition);
  }

  size_t opened = 0;
  size_t closed = 0;
  size_t started = 0;
  size_t incomplete = 0;
  uint64_t bytes_sent = 0;
  std::map<std::pair<std::string, int>, size_t> finished;  // by route and status
  std::map<std::string, size_t> rejects;

 private:
  template <typename Change>
  void change(Change apply) {
    const std::lock_guard lock(mutex_);
    apply();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace assay
