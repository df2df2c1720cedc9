// The decoders of the stored types written once more, row by row as the loops of ggml's
// dequantize_row_<type> run and sharing no code with the kernels: what the tests compare them with.
// Only for tests. dtype_test.cc compares both with the output of an independent program.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "tensor/dtype.h"

namespace assay::reference {

inline float canonical(float x) { return std::isnan(x) ? std::bit_cast<float>(0x7fc00000U) : x; }

// IEEE 754 binary16 from its definition.
inline float from_f16(uint16_t h) {
  const int exponent = (h >> 10) & 31;
  const int fraction = h & 1023;
  const double sign = (h >> 15) != 0 ? -1.0 : 1.0;
  if (exponent == 31) {
    if (fraction == 0) return static_cast<float>(sign * std::numeric_limits<double>::infinity());
    return std::bit_cast<float>((h >> 15 != 0 ? 0xffc00000U : 0x7fc00000U) |
                                static_cast<uint32_t>(fraction) << 13U);
  }
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return static_cast<float>(sign * magnitude);
}
inline float from_f16(const uint8_t* p) { return from_f16(load_le<uint16_t>(p)); }

// OCP 8-bit floats from their definition: E4M3 has a bias of 7, no infinities and one NaN.
inline float from_e4m3(uint8_t code) {
  const int exponent = (code >> 3) & 15;
  const int fraction = code & 7;
  if (exponent == 15 && fraction == 7) return canonical(std::numeric_limits<float>::quiet_NaN());
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -9) : std::ldexp(8 + fraction, exponent - 10);
  return static_cast<float>((code & 0x80) != 0 ? -magnitude : magnitude);
}
inline float from_e5m2(uint8_t code) { return from_f16(static_cast<uint16_t>(code << 8)); }

using DecodedBlock = std::vector<float>;

inline float times(float a, int b) { return a * static_cast<float>(b); }

inline DecodedBlock decode_legacy(DType type, const uint8_t* p) {
  DecodedBlock y(32);
  const float d = from_f16(p);
  for (size_t j = 0; j < 16; ++j) {
    const auto put = [&](const uint8_t* codes, auto value) {
      y[j] = value(codes[j] & 15, j);
      y[j + 16] = value(codes[j] >> 4, j + 16);
    };
    const auto fifth = [](const uint8_t* qh, size_t i) {
      return static_cast<int>(load_le<uint32_t>(qh) >> i & 1) * 16;
    };
    static constexpr int kNonlinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                           1,    13,   25,  38,  53,  69,  89,  113};
    switch (type) {
      case DType::kQ4_0:
        put(p + 2, [&](int q, size_t) { return times(d, q - 8); });
        break;
      case DType::kQ4_1:
        put(p + 4, [&](int q, size_t) { return times(d, q) + from_f16(p + 2); });
        break;
      case DType::kQ5_0:
        put(p + 6, [&](int q, size_t i) { return times(d, (q | fifth(p + 2, i)) - 16); });
        break;
      case DType::kQ5_1:
        put(p + 8,
            [&](int q, size_t i) { return times(d, q | fifth(p + 4, i)) + from_f16(p + 2); });
        break;
      case DType::kIQ4_NL:
        put(p + 2, [&](int q, size_t) { return times(d, kNonlinear[q]); });
        break;
      default:
        ASSAY_CHECK(type == DType::kQ8_0);
        y[j] = times(d, load_le<int8_t>(p + 2 + j));
        y[j + 16] = times(d, load_le<int8_t>(p + 18 + j));
        break;
    }
  }
  return y;
}

inline DecodedBlock decode_q2_k(const uint8_t* p) {
  DecodedBlock y;
  const float d = from_f16(p + 80);
  const float dmin = from_f16(p + 82);
  const uint8_t* q = p + 16;
  size_t is = 0;
  for (int n = 0; n < 256; n += 128, q += 32) {
    for (int shift = 0; shift < 8; shift += 2) {
      for (int half = 0; half < 2; ++half, ++is) {
        const float dl = times(d, p[is] & 15);
        const float ml = times(dmin, p[is] >> 4);
        for (int l = 0; l < 16; ++l) y.push_back(times(dl, q[16 * half + l] >> shift & 3) - ml);
      }
    }
  }
  return y;
}

inline DecodedBlock decode_q3_k(const uint8_t* p) {
  DecodedBlock y;
  const float d = from_f16(p + 108);
  const uint8_t* const scales = p + 96;
  const auto scale = [&](size_t is) {
    const int low = is < 8 ? scales[is] & 15 : scales[is - 8] >> 4;
    return (low | (scales[8 + is % 4] >> (2 * (is / 4)) & 3) << 4) - 32;
  };
  const uint8_t* q = p + 32;
  size_t is = 0;
  int m = 1;
  for (int n = 0; n < 256; n += 128, q += 32) {
    for (int shift = 0; shift < 8; shift += 2, m *= 2) {
      for (int half = 0; half < 2; ++half, ++is) {
        const float dl = times(d, scale(is));
        for (int l = 16 * half; l < 16 * half + 16; ++l) {
          y.push_back(times(dl, (q[l] >> shift & 3) - ((p[l] & m) != 0 ? 0 : 4)));
        }
      }
    }
  }
  return y;
}

// Q4_K, and with fifth bits Q5_K.
inline DecodedBlock decode_q45_k(const uint8_t* p, const uint8_t* q, const uint8_t* qh) {
  DecodedBlock y;
  const float d = from_f16(p);
  const float dmin = from_f16(p + 2);
  const uint8_t* const s = p + 4;
  for (int j = 0; j < 8; ++j) {
    // get_scale_min_k4
    const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    const int min = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;
    const float d1 = times(d, scale);
    const float m1 = times(dmin, min);
    for (int l = 0; l < 32; ++l) {
      const int low = j % 2 == 0 ? q[32 * (j / 2) + l] & 15 : q[32 * (j / 2) + l] >> 4;
      const int high = qh != nullptr ? (qh[l] >> j & 1) * 16 : 0;
      y.push_back(times(d1, low + high) - m1);
    }
  }
  return y;
}

inline DecodedBlock decode_q6_k(const uint8_t* p) {
  DecodedBlock y(256);
  const float d = from_f16(p + 208);
  for (size_t n = 0; n < 2; ++n) {
    const uint8_t* const ql = p + 64 * n;
    const uint8_t* const qh = p + 128 + 32 * n;
    const uint8_t* const sc = p + 192 + 8 * n;
    const auto value = [&](size_t l, size_t k, int low) {
      const int q = (low | (qh[l] >> (2 * k) & 3) << 4) - 32;
      return times(times(d, load_le<int8_t>(sc + l / 16 + 2 * k)), q);
    };
    for (size_t l = 0; l < 32; ++l) {
      y[128 * n + l] = value(l, 0, ql[l] & 15);
      y[128 * n + l + 32] = value(l, 1, ql[l + 32] & 15);
      y[128 * n + l + 64] = value(l, 2, ql[l] >> 4);
      y[128 * n + l + 96] = value(l, 3, ql[l + 32] >> 4);
    }
  }
  return y;
}

inline DecodedBlock decode_iq4_xs(const uint8_t* p) {
  DecodedBlock y;
  for (size_t ib = 0; ib < 8; ++ib) {
    const int low = p[4 + ib / 2] >> 4 * (ib % 2) & 15;
    const int scale = (low | (load_le<uint16_t>(p + 2) >> 2 * ib & 3) << 4) - 32;
    // The same 32 codes as a block of IQ4_NL of scale 1, times another scale.
    uint8_t block[18] = {0, 0x3c};
    for (size_t j = 0; j < 16; ++j) block[2 + j] = p[8 + 16 * ib + j];
    const float dl = times(from_f16(p), scale);
    for (const float code : decode_legacy(DType::kIQ4_NL, block)) y.push_back(dl * code);
  }
  return y;
}

inline DecodedBlock decode_block(DType type, const uint8_t* p) {
  switch (type) {
    case DType::kF32:
      return {load_le<float>(p)};
    case DType::kF16:
      return {from_f16(p)};
    case DType::kBF16:
      return {std::bit_cast<float>(static_cast<uint32_t>(load_le<uint16_t>(p)) << 16U)};
    case DType::kF8_E4M3:
      return {from_e4m3(*p)};
    case DType::kF8_E5M2:
      return {from_e5m2(*p)};
    case DType::kI8:
      return {static_cast<float>(load_le<int8_t>(p))};
    case DType::kQ2_K:
      return decode_q2_k(p);
    case DType::kQ3_K:
      return decode_q3_k(p);
    case DType::kQ4_K:
      return decode_q45_k(p, p + 16, nullptr);
    case DType::kQ5_K:
      return decode_q45_k(p, p + 48, p + 16);
    case DType::kQ6_K:
      return decode_q6_k(p);
    case DType::kIQ4_XS:
      return decode_iq4_xs(p);
    default:
      return decode_legacy(type, p);
  }
}

// The n elements of a row. NaN made by a scale is canonical, NaN that is stored stays.
inline std::vector<float> elements(DType type, const uint8_t* row, size_t n) {
  const DTypeInfo& info = dtype_info(type);
  std::vector<float> out;
  for (size_t i = 0; i < n; i += info.block_elements, row += info.block_bytes) {
    for (const float value : decode_block(type, row)) {
      out.push_back(info.block_elements > 1 ? canonical(value) : value);
    }
  }
  return out;
}

}  // namespace assay::reference
