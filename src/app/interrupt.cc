#include "app/interrupt.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>

namespace assay {
namespace {

// Read by the handler: written only before it is installed.
std::array<char, 1000> message_text;
size_t message_size = 0;
std::atomic<bool> clears_line{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void write_raw(const char* text, size_t size) {
  // A failed write while ending leaves nothing to be done about it.
  if (write(STDERR_FILENO, text, size) < 0) return;
}

void on_signal(int signal) {
  static constexpr char kClearLine[] = "\r\033[K";
  if (clears_line.load()) write_raw(kClearLine, sizeof kClearLine - 1);
  write_raw(message_text.data(), message_size);
  _exit(128 + signal);
}

}  // namespace

void install_interrupt(std::string_view message) {
  message_size = std::min(message.size(), message_text.size());
  std::memcpy(message_text.data(), message.data(), message_size);
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction before{};
    // A shell starts background jobs with SIGINT ignored: that stays so.
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
  }
}

void set_interrupt_clears_line(bool clears) { clears_line.store(clears); }

}  // namespace assay
