// Reads canonical bytes from a hostile source: after the first thing that does not fit, every read
// gives zeros, and status() says what it was. Tested in codec_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace assay::bft {

class ByteReader {
 public:
  explicit ByteReader(ByteSpan bytes) : rest_(bytes) {}

  template <typename T>
  T integer() {
    if (!has(sizeof(T), "an integer")) return T{};
    const T value = load_le<T>(rest_.data());
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }
  template <size_t N>
  std::array<uint8_t, N> array() {
    std::array<uint8_t, N> out{};
    if (!has(N, "a fixed field")) return out;
    std::copy_n(rest_.begin(), N, out.begin());
    rest_ = rest_.subspan(N);
    return out;
  }
  // 0 or 1.
  bool flag() {
    const auto value = integer<uint8_t>();
    if (value > 1) fail("a flag is neither 0 nor 1");
    return value == 1;
  }
  // A count of things of at least bytes_min each, which the rest has to have room for.
  struct Limit {
    size_t max;
    size_t bytes_min;
  };
  size_t count(const char* what, Limit limit) {
    const auto value = integer<uint32_t>();
    if (value <= limit.max && value <= rest_.size() / limit.bytes_min) return value;
    fail(std::string("there are too many ") + what + ": " + std::to_string(value));
    return 0;
  }
  Bytes sized(const char* what, size_t max) {
    const size_t size = count(what, {max, 1});
    Bytes out(rest_.begin(), rest_.begin() + static_cast<ptrdiff_t>(size));
    rest_ = rest_.subspan(size);
    return out;
  }

  void fail(std::string why) {
    if (status_.ok()) status_ = data_loss("a consensus message is damaged: " + std::move(why));
    rest_ = {};
  }
  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  // OK when everything was read and fitted.
  Status finish() {
    if (!rest_.empty()) fail(std::to_string(rest_.size()) + " bytes are left over");
    return status_;
  }

 private:
  bool has(size_t bytes, const char* what) {
    if (rest_.size() >= bytes) return true;
    fail(std::string("it ends inside ") + what);
    return false;
  }

  ByteSpan rest_;
  Status status_;
};

}  // namespace assay::bft
