// Hashes of every kernel on fixed inputs: what testdata/tensor/golden.txt holds and every
// instruction set of every processor must reproduce. Used by profile_golden_test.cc and, without
// gtest, by golden/main.cc under emulation.
#pragma once

#include <bit>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "tensor/kernels.h"
#include "tensor/matmul.h"
#include "tensor/profile_reference.h"

namespace assay::reference {

// FNV-1a of 64 bits.
inline uint64_t fnv(ByteSpan bytes) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3ULL;
  return hash;
}

using GoldenLines = std::vector<std::pair<std::string, uint64_t>>;

inline void golden_matmul(const Kernels& kernels, DType type, GoldenLines& lines) {
  const std::string name(dtype_info(type).name);
  Prng prng(20 + static_cast<uint64_t>(type));
  constexpr size_t kRows = 37;
  // More than a block of the product; one group over where blocks of the type allow it.
  const size_t k = dtype_info(type).block_elements <= 32 ? 1056 : 1280;
  const Bytes w = random_weights(prng, type, kRows, k);
  std::vector<float> decoded(kRows * k);
  kernels.decode(type, w.data(), decoded.size(), decoded.data());
  lines.emplace_back("decode_" + name, fnv(as_bytes(decoded)));
  ThreadPool pool(2);
  std::vector<float> scratch(pool.threads() * matmul_scratch_floats(k));
  for (const size_t tokens : {1U, 3U, 8U, 29U}) {
    const auto x = random_floats(prng, tokens * k);
    std::vector<float> y(tokens * kRows);
    matmul(kernels, pool,
           {.x = x.data(),
            .tokens = tokens,
            .x_stride = k,
            .w = w.data(),
            .type = type,
            .rows = kRows,
            .k = k,
            .y = y.data(),
            .y_stride = kRows},
           scratch.data());
    lines.emplace_back("matmul_" + name + "_" + std::to_string(tokens), fnv(as_bytes(y)));
  }
}

// 8-bit weights with scales of rows, and with scales of blocks of 128 x 128.
inline void golden_scales(const Kernels& kernels, DType type, GoldenLines& lines) {
  const std::string name(dtype_info(type).name);
  Prng prng(60 + static_cast<uint64_t>(type));
  constexpr size_t kRows = 150;
  constexpr size_t kK = 1000;
  constexpr size_t kTokens = 5;
  const Bytes w = random_weights(prng, type, kRows, kK);
  const auto values = random_floats(prng, kRows);
  const auto x = random_floats(prng, kTokens * kK);
  std::vector<float> scratch(matmul_scratch_floats(kK));
  std::vector<float> y(kTokens * kRows);
  for (const uint32_t rows_log2 : {0U, 7U}) {
    MatMulArgs args = {.x = x.data(),
                       .tokens = kTokens,
                       .x_stride = kK,
                       .w = w.data(),
                       .type = type,
                       .rows = kRows,
                       .k = kK,
                       .y = y.data(),
                       .y_stride = kRows};
    args.scales = {.values = values.data(), .stride = 1};
    if (rows_log2 != 0) args.scales = {values.data(), (kK + 127) / 128, rows_log2, 7};
    kernels.matmul(args, scratch.data());
    lines.emplace_back("matmul_" + name + (rows_log2 == 0 ? "_row_scales" : "_block_scales"),
                       fnv(as_bytes(y)));
  }
}

// Every f16 and bf16 there is, NaN and subnormals included.
inline void golden_halves(const Kernels& kernels, GoldenLines& lines) {
  Bytes halves;
  for (uint32_t h = 0; h < 65536; ++h) append_le(halves, static_cast<uint16_t>(h));
  std::vector<float> out(65536);
  kernels.decode(DType::kF16, halves.data(), out.size(), out.data());
  lines.emplace_back("decode_every_F16", fnv(as_bytes(out)));
  kernels.decode(DType::kBF16, halves.data(), out.size(), out.data());
  lines.emplace_back("decode_every_BF16", fnv(as_bytes(out)));
}

inline void golden_rows(const Kernels& kernels, GoldenLines& lines) {
  Prng prng(30);
  constexpr size_t kN = 1001;
  const auto a = random_floats(prng, kN);
  const auto b = random_floats(prng, kN);
  const auto c = random_floats(prng, kN);
  std::vector<float> y(kN);
  lines.emplace_back("dot", std::bit_cast<uint32_t>(kernels.dot(a.data(), b.data(), kN)));
  kernels.rms_norm(a.data(), b.data(), kN, 1e-5F, y.data());
  lines.emplace_back("rms_norm", fnv(as_bytes(y)));
  kernels.layer_norm(a.data(), b.data(), c.data(), kN, 1e-5F, y.data());
  lines.emplace_back("layer_norm", fnv(as_bytes(y)));
  y = a;
  for (float& v : y) v *= 30.0F;
  kernels.softmax(y.data(), kN);
  lines.emplace_back("softmax", fnv(as_bytes(y)));
  y = a;
  for (float& v : y) v *= 12.0F;
  kernels.activate(Activation::kSilu, y.data(), b.data(), kN);
  lines.emplace_back("silu_mul", fnv(as_bytes(y)));
  y = a;
  kernels.add(y.data(), b.data(), kN);
  lines.emplace_back("add", fnv(as_bytes(y)));
  lines.emplace_back("argmax", kernels.argmax(a.data(), kN));

  // Bit patterns of all kinds: every sign, exponent, NaN and infinity.
  std::vector<float> wild(1U << 17U);
  for (size_t i = 0; i < wild.size(); ++i) {
    wild[i] = std::bit_cast<float>(static_cast<uint32_t>(i * 32771));
  }
  std::vector<float> exps(wild.size());
  kernels.exp(wild.data(), exps.data(), wild.size());
  lines.emplace_back("exp", fnv(as_bytes(exps)));
}

inline void golden_attention(const Kernels& kernels, GoldenLines& lines) {
  Prng prng(40);
  constexpr size_t kDim = 72;
  constexpr size_t kPositions = 147;
  std::vector<float> cosines(kDim / 2);
  std::vector<float> sines(kDim / 2);
  rope_table({.rotary_dims = kDim}, 98765, cosines.data(), sines.data());
  lines.emplace_back("rope_table", fnv(as_bytes(cosines)) ^ fnv(as_bytes(sines)));
  auto q = random_floats(prng, kDim);
  kernels.rope(q.data(), cosines.data(), sines.data(), kDim / 2);
  lines.emplace_back("rope", fnv(as_bytes(q)));
  const auto k = random_floats(prng, kPositions * kDim);
  const auto v = random_floats(prng, kPositions * kDim);
  std::vector<float> scores(kPositions);
  std::vector<float> lanes(16 * kDim);
  std::vector<float> out(kDim);
  kernels.attend({.q = q.data(),
                  .k = k.data(),
                  .k_stride = kDim,
                  .v = v.data(),
                  .v_stride = kDim,
                  .positions = kPositions,
                  .head_dim = kDim,
                  .scale = 0.75F,
                  .scores = scores.data(),
                  .lanes = lanes.data(),
                  .out = out.data()});
  lines.emplace_back("attend", fnv(as_bytes(out)));
}

// Operations that came after the first golden file: their lines stand at its end.
inline void golden_activations(const Kernels& kernels, GoldenLines& lines) {
  Prng prng(50);
  constexpr size_t kN = 4001;
  const auto a = random_floats(prng, kN);
  std::vector<float> y(kN);
  const auto line = [&](const char* name, auto operation) {
    y = a;
    for (float& v : y) v *= 6.0F;
    operation(y.data());
    lines.emplace_back(name, fnv(as_bytes(y)));
  };
  line("gelu_tanh", [&](float* x) { kernels.activate(Activation::kGeluTanh, x, nullptr, kN); });
  line("gelu_erf", [&](float* x) { kernels.activate(Activation::kGeluErf, x, nullptr, kN); });
  line("relu", [&](float* x) { kernels.activate(Activation::kRelu, x, nullptr, kN); });
  line("soft_cap", [&](float* x) { kernels.soft_cap(x, kN, 2.5F); });
  line("scale", [&](float* x) { kernels.scale(x, kN, 0.3F); });
}

inline GoldenLines golden_lines(const Kernels& kernels) {
  GoldenLines lines;
  golden_halves(kernels, lines);
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0}) {
    golden_matmul(kernels, type, lines);
  }
  golden_rows(kernels, lines);
  golden_attention(kernels, lines);
  // What later versions brought stands behind, in the order in which it came.
  const std::span<const DType> types(kAllDTypes);
  for (const DType type : types.subspan(5, 12)) golden_matmul(kernels, type, lines);
  golden_activations(kernels, lines);
  for (const DType type : types.subspan(17)) golden_matmul(kernels, type, lines);
  golden_scales(kernels, DType::kI8, lines);
  golden_scales(kernels, DType::kF8_E4M3, lines);
  return lines;
}

// "name hash" lines, the hash in 16 hexadecimal digits.
inline std::string golden_text(const Kernels& kernels) {
  std::string text;
  for (const auto& [name, hash] : golden_lines(kernels)) {
    Bytes bytes;
    for (int shift = 56; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<uint8_t>(hash >> static_cast<unsigned>(shift)));
    }
    text += name + " " + to_hex(bytes) + "\n";
  }
  return text;
}

}  // namespace assay::reference
