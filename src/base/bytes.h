// Bytes: spans, little-endian loads and stores, hexadecimal. Tested in bytes_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace assay {

using Bytes = std::vector<uint8_t>;
using ByteSpan = std::span<const uint8_t>;

inline ByteSpan as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline ByteSpan as_bytes(std::span<const float> values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()};
}

// Unaligned little-endian load of an integer or float. Pre: p points at sizeof(T) readable bytes.
template <typename T>
T load_le(const uint8_t* p) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}
template <typename T>
void store_le(uint8_t* p, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(p, &value, sizeof(T));
}
template <typename T>
void append_le(Bytes& out, T value) {
  const size_t at = out.size();
  out.resize(at + sizeof(T));
  store_le(out.data() + at, value);
}
inline void append_bytes(Bytes& out, ByteSpan bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
// A u32 length and the bytes: the one way variable-length fields enter a hash preimage or a record.
inline void append_sized(Bytes& out, ByteSpan bytes) {
  append_le(out, static_cast<uint32_t>(bytes.size()));
  append_bytes(out, bytes);
}
inline void append_sized(Bytes& out, std::string_view text) { append_sized(out, as_bytes(text)); }

// Lower-case hexadecimal.
std::string to_hex(ByteSpan bytes);
// Errors: INVALID_ARGUMENT on an odd length or a character outside [0-9a-f] (upper case is refused,
// so that a value has one spelling only).
Result<Bytes> from_hex(std::string_view text);
template <size_t N>
Result<std::array<uint8_t, N>> array_from_hex(std::string_view text) {
  ASSAY_ASSIGN_OR_RETURN(const Bytes bytes, from_hex(text));
  if (bytes.size() != N) {
    return invalid_argument("expected " + std::to_string(2 * N) + " hexadecimal digits, got " +
                            std::to_string(text.size()));
  }
  std::array<uint8_t, N> out{};
  std::memcpy(out.data(), bytes.data(), N);
  return out;
}

// "512MiB", "2GiB", "1000000", "64k": bytes. Binary suffixes Ki Mi Gi Ti (B optional), decimal k M
// G T.
Result<uint64_t> parse_size(std::string_view text);
// "512 MiB", "1.50 GiB".
std::string format_size(uint64_t bytes);

}  // namespace assay
