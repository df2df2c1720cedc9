#include "service/socket_listener.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <vector>

namespace assay {
namespace {

class SocketListenerTest : public testing::Test {
 protected:
  void SetUp() override { listener_ = SocketListener::open("127.0.0.1:0").value(); }
  void TearDown() override {
    listener_->stop();
    for (const int fd : accepted_) ::close(fd);
    for (const int fd : clients_) ::close(fd);
  }
  void start(size_t connections_max) {
    listener_->start(connections_max, [this](int fd) {
      const std::lock_guard lock(mutex_);
      accepted_.push_back(fd);
      changed_.notify_all();
    });
  }
  int connect() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(listener_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    clients_.push_back(fd);
    return fd;
  }
  // True when the other side has closed it; waits for that.
  static bool is_closed(int fd) {
    char byte = 0;
    return ::recv(fd, &byte, 1, 0) <= 0;
  }
  void wait_for(size_t accepted) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return accepted_.size() >= accepted; });
  }

  std::unique_ptr<SocketListener> listener_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> accepted_;
  std::vector<int> clients_;
};

TEST_F(SocketListenerTest, ClosesWhatComesBeyondItsBound) {
  start(3);
  for (int i = 0; i < 3; ++i) connect();
  wait_for(3);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(is_closed(connect()));
  EXPECT_EQ(accepted_.size(), 3U);
}

TEST_F(SocketListenerTest, WhatWasClosedMakesRoom) {
  start(2);
  for (size_t round = 1; round <= 5; ++round) {
    connect();
    connect();
    wait_for(2);
    EXPECT_TRUE(is_closed(connect()));
    const std::lock_guard lock(mutex_);
    for (const int fd : accepted_) ::close(fd);
    accepted_.clear();
  }
}

TEST_F(SocketListenerTest, StopsWhileConnectionsAreOpen) {
  start(10);
  connect();
  wait_for(1);
  listener_->stop();
  listener_->stop();
}

}  // namespace
}  // namespace assay
