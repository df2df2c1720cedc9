// SecretArray: bytes that are wiped when they go out of scope or are moved from. Tested in
// secret_array_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace assay {

// Writes zeros; the compiler does not leave it out.
void wipe(std::span<uint8_t> bytes);

template <size_t N>
struct SecretArray {
  std::array<uint8_t, N> bytes{};

  SecretArray() = default;
  ~SecretArray() { wipe(bytes); }
  SecretArray(SecretArray&& other) noexcept : bytes(other.bytes) { wipe(other.bytes); }
  SecretArray& operator=(SecretArray&& other) noexcept {
    if (this != &other) {
      bytes = other.bytes;
      wipe(other.bytes);
    }
    return *this;
  }
  SecretArray(const SecretArray&) = delete;
  SecretArray& operator=(const SecretArray&) = delete;
};

}  // namespace assay
