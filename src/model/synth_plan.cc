#include "model/synth_plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/check.h"

namespace assay {
namespace {

constexpr std::string_view kMarker = "\xE2\x96\x81";  // U+2581, the start of a word
constexpr size_t kSpecials = 3;
constexpr size_t kBytes = 256;

// Shapes of published models, and below 300M parameters shapes of the same proportions.
constexpr std::array kPublished = {
    SynthShape{64, 2, 192, 4, 2, 512, true},
    SynthShape{64, 4, 192, 4, 2, 1024, true},
    SynthShape{128, 6, 384, 4, 2, 2048, true},
    SynthShape{192, 6, 512, 6, 2, 2048, false},
    SynthShape{256, 8, 768, 8, 4, 4096, false},
    SynthShape{512, 8, 1536, 8, 4, 8192, false},
    SynthShape{768, 12, 2048, 12, 4, 32000, false},
    SynthShape{1024, 24, 2816, 16, 8, 32000, false},
    SynthShape{2048, 22, 5632, 32, 4, 32000, false},  // TinyLlama 1.1B
    SynthShape{3072, 28, 8192, 24, 8, 32000, false},
    SynthShape{4096, 32, 11008, 32, 32, 32000, false},     // Llama 2 7B
    SynthShape{5120, 40, 13824, 40, 40, 32000, false},     // Llama 2 13B
    SynthShape{6656, 60, 17920, 52, 52, 32000, false},     // Llama 30B
    SynthShape{8192, 80, 28672, 64, 8, 32000, false},      // Llama 2 70B
    SynthShape{12288, 88, 28672, 96, 8, 32768, false},     // Mistral Large
    SynthShape{16384, 126, 53248, 128, 8, 128256, false},  // Llama 3 405B
};

// How many times larger the larger is: 1 when equal.
double ratio(uint64_t a, uint64_t b) {
  return static_cast<double>(std::max(a, b)) / static_cast<double>(std::min(a, b));
}

bool near(uint64_t params, uint64_t wanted) {
  const uint64_t off = params > wanted ? params - wanted : wanted - params;
  return off <= wanted / 100 * 3;
}

// The base with `layers` and the feed-forward width, a multiple of step, that comes nearest.
SynthShape fitted(SynthShape shape, uint64_t layers, uint64_t step, uint64_t wanted) {
  shape.layers = layers;
  shape.ffn = 0;
  const uint64_t rest = shape.params();
  const uint64_t per_step = layers * 3 * shape.width * step;
  const uint64_t steps = wanted > rest ? (wanted - rest + per_step / 2) / per_step : 0;
  shape.ffn = std::clamp(steps * step, 2 * shape.width, 9 * shape.width / 2) / step * step;
  return shape;
}

// The type of a matrix whose rows are not whole super-blocks: the one that llama.cpp takes then.
DType fitting_type(DType type, uint64_t columns) {
  if (columns % dtype_info(type).block_elements == 0) return type;
  switch (type) {
    case DType::kQ4_K:
      return DType::kQ5_0;
    case DType::kQ5_K:
      return DType::kQ5_1;
    case DType::kQ6_K:
      return DType::kQ8_0;
    default:
      return DType::kIQ4_NL;  // of Q2_K, Q3_K, IQ4_XS
  }
}

// llama.cpp's number for a file that is mostly of this type (enum llama_ftype).
uint32_t file_type(DType type) {
  switch (type) {
    case DType::kF16:
      return 1;
    case DType::kQ4_0:
      return 2;
    case DType::kQ4_1:
      return 3;
    case DType::kQ8_0:
      return 7;
    case DType::kQ5_0:
      return 8;
    case DType::kQ5_1:
      return 9;
    case DType::kQ2_K:
      return 10;
    case DType::kQ3_K:
      return 12;
    case DType::kQ4_K:
      return 15;
    case DType::kQ5_K:
      return 17;
    case DType::kQ6_K:
      return 18;
    case DType::kIQ4_NL:
      return 25;
    case DType::kIQ4_XS:
      return 30;
    case DType::kBF16:
      return 32;
    default:
      return 0;  // all F32
  }
}

}  // namespace

uint64_t SynthShape::params() const {
  const uint64_t kv_width = width / heads * kv_heads;
  const uint64_t block = 2 * width * width + 2 * width * kv_width + 3 * width * ffn + 2 * width;
  return (tied ? 1 : 2) * vocab * width + layers * block + width;
}

Result<SynthShape> synth_shape(uint64_t params) {
  if (params < kSynthParamsMin || params > kSynthParamsMax) {
    return invalid_argument("cannot make a model of " + std::to_string(params) +
                            " parameters; from " + std::to_string(kSynthParamsMin) + " to " +
                            std::to_string(kSynthParamsMax) + " are possible");
  }
  std::array<SynthShape, kPublished.size()> by_size = kPublished;
  std::sort(by_size.begin(), by_size.end(), [&](const SynthShape& a, const SynthShape& b) {
    return ratio(a.params(), params) < ratio(b.params(), params);
  });
  if (near(by_size[0].params(), params)) return by_size[0];
  for (const SynthShape& base : by_size) {
    std::optional<SynthShape> best;
    double best_distance = 0;
    // Multiples of 256 suit every quantised type; small models need finer steps.
    for (uint64_t step = 256; step >= 32 && !best; step /= 2) {
      for (uint64_t layers = 1; layers <= 2 * base.layers; ++layers) {
        const SynthShape shape = fitted(base, layers, step, params);
        if (shape.ffn == 0 || !near(shape.params(), params)) continue;
        const double distance = ratio(shape.layers, base.layers) * ratio(shape.ffn, base.ffn);
        if (!best || distance < best_distance) {
          best = shape;
          best_distance = distance;
        }
      }
    }
    if (best) return *best;
  }
  return internal_error("no shape for " + std::to_string(params) + " parameters");
}

Result<uint64_t> parse_params(std::string_view text) {
  const Status error = invalid_argument("\"" + std::string(text) +
                                        "\" is not a parameter count; write 1.1B, 350M or 300k");
  double factor = 1;
  std::string_view number = text;
  if (!text.empty()) {
    switch (text.back()) {
      case 'k':
      case 'K':
        factor = 1e3;
        break;
      case 'M':
      case 'm':
        factor = 1e6;
        break;
      case 'B':
      case 'b':
        factor = 1e9;
        break;
      default:
        break;
    }
    if (factor != 1) number.remove_suffix(1);
  }
  double value = 0;
  const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), value,
                                           std::chars_format::fixed);
  if (code != std::errc() || end != number.data() + number.size()) return error;
  value *= factor;
  if (!(value >= 1 && value <= 1e15)) return error;
  return static_cast<uint64_t>(std::nearbyint(value));
}

std::vector<SynthTensor> synth_tensors(const SynthShape& shape, DType type) {
  const auto d = static_cast<double>(shape.width);
  const uint64_t kv_width = shape.width / shape.heads * shape.kv_heads;
  std::vector<SynthTensor> out;
  const auto matrix = [&](const std::string& name, uint64_t rows, uint64_t columns, double std) {
    out.push_back({{name, fitting_type(type, columns), {rows, columns}}, 0.0, std});
  };
  const auto norm = [&](const std::string& name) {
    out.push_back({{name, DType::kF32, {shape.width}}, 1.0, 0.05});
  };
  // Inputs of unit variance give outputs of unit variance; the two that write to the residual
  // stream are smaller, so that it stays near 1 whatever the depth. Logits get a deviation of 2:
  // neither flat nor one-hot. A tied head must be that small, and its rows are the embedding.
  const double unit = 1.0 / std::sqrt(d);
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(shape.layers));
  const double down = residual / std::sqrt(static_cast<double>(shape.ffn));
  matrix("token_embd.weight", shape.vocab, shape.width, shape.tied ? 2.0 * unit : 1.0);
  for (uint64_t layer = 0; layer < shape.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    norm(block + "attn_norm.weight");
    matrix(block + "attn_q.weight", shape.width, shape.width, unit);
    matrix(block + "attn_k.weight", kv_width, shape.width, unit);
    matrix(block + "attn_v.weight", kv_width, shape.width, unit);
    matrix(block + "attn_output.weight", shape.width, shape.width, residual * unit);
    norm(block + "ffn_norm.weight");
    matrix(block + "ffn_gate.weight", shape.ffn, shape.width, unit);
    matrix(block + "ffn_up.weight", shape.ffn, shape.width, unit);
    matrix(block + "ffn_down.weight", shape.width, shape.ffn, down);
  }
  norm("output_norm.weight");
  if (!shape.tied) matrix("output.weight", shape.vocab, shape.width, 2.0 * unit);
  return out;
}

std::vector<std::string> synth_pieces(uint64_t count) {
  ASSAY_CHECK(count >= 512);
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kConsonants = "bcdfghjklmnprstvwz";
  constexpr std::string_view kVowels = "aeiou";
  std::vector<std::string> out = {"<unk>", "<s>", "</s>"};
  for (size_t byte = 0; byte < kBytes; ++byte) {
    out.push_back(std::string("<0x") + kHex[byte >> 4] + kHex[byte & 15] + ">");
  }
  const std::string marker(kMarker);
  out.push_back(marker);
  for (const std::string_view range : {"az", "AZ", "09"}) {
    for (char c = range[0]; c <= range[1]; ++c) out.emplace_back(1, c);
  }
  for (const char c : std::string_view(".,;:!?'-()\"/")) out.emplace_back(1, c);

  // Each piece is the concatenation of two shorter ones, so that merging pairs reaches it.
  std::vector<std::string> syllables;
  for (const char c : kConsonants) {
    for (const char v : kVowels) syllables.push_back({c, v});
  }
  std::vector<std::string> words = syllables;
  while (out.size() < count) {
    for (const std::string& word : words) {
      out.push_back(word);
      out.push_back(marker + word);
    }
    std::vector<std::string> longer;
    for (const std::string& word : words) {
      for (const std::string& syllable : syllables) {
        if (out.size() + 2 * longer.size() >= count) break;
        longer.push_back(word + syllable);
      }
    }
    words = std::move(longer);
  }
  out.resize(count);
  return out;
}

std::vector<std::pair<std::string, GgufMeta>> synth_meta(const SynthShape& shape, DType type) {
  const auto u32 = [](uint64_t value) { return GgufMeta(static_cast<uint32_t>(value)); };
  std::vector<std::string> pieces = synth_pieces(shape.vocab);
  // Kinds as SentencePiece numbers them: 1 normal, 2 unknown, 3 control, 6 byte.
  std::vector<int32_t> kinds(pieces.size(), 1);
  std::vector<float> scores(pieces.size(), 0.0F);
  kinds[0] = 2;
  kinds[1] = kinds[2] = 3;
  std::fill_n(kinds.begin() + kSpecials, kBytes, 6);
  for (size_t i = kSpecials + kBytes; i < scores.size(); ++i) {
    scores[i] = -static_cast<float>(i - kSpecials - kBytes);
  }
  return {
      {"general.architecture", std::string("llama")},
      {"general.name", std::string("assay-synth-") + std::to_string(shape.params())},
      {"general.file_type", file_type(type)},
      {"general.quantization_version", uint32_t{2}},
      {"llama.vocab_size", u32(shape.vocab)},
      {"llama.context_length", uint32_t{2048}},
      {"llama.embedding_length", u32(shape.width)},
      {"llama.block_count", u32(shape.layers)},
      {"llama.feed_forward_length", u32(shape.ffn)},
      {"llama.attention.head_count", u32(shape.heads)},
      {"llama.attention.head_count_kv", u32(shape.kv_heads)},
      {"llama.attention.layer_norm_rms_epsilon", 1e-5F},
      {"llama.rope.dimension_count", u32(shape.width / shape.heads)},
      {"llama.rope.freq_base", 10000.0F},
      {"tokenizer.ggml.model", std::string("llama")},
      {"tokenizer.ggml.pre", std::string("default")},
      {"tokenizer.ggml.tokens", std::move(pieces)},
      {"tokenizer.ggml.scores", std::move(scores)},
      {"tokenizer.ggml.token_type", std::move(kinds)},
      {"tokenizer.ggml.bos_token_id", uint32_t{1}},
      {"tokenizer.ggml.eos_token_id", uint32_t{2}},
      {"tokenizer.ggml.unknown_token_id", uint32_t{0}},
      {"tokenizer.ggml.add_bos_token", true},
      {"tokenizer.ggml.add_eos_token", false},
      {"tokenizer.ggml.add_space_prefix", true},
  };
}

}  // namespace assay
