#include "model/architecture.h"

#include <bit>

#include "base/bytes.h"

namespace assay {
namespace {

// Exact and independent of any locale: the bits of the number.
std::string bits_of(double value) {
  Bytes bytes;
  append_le(bytes, std::bit_cast<uint64_t>(value));
  return to_hex(bytes);
}

std::string rotary_text(const Rotary& rotary) {
  std::string out = bits_of(rotary.base) + "*" + bits_of(static_cast<double>(rotary.magnitude));
  for (const double divisor : rotary.divisors) out += "/" + bits_of(divisor);
  if (!rotary.long_divisors.empty()) out += "|" + std::to_string(rotary.long_from);
  for (const double divisor : rotary.long_divisors) out += "/" + bits_of(divisor);
  return out;
}

}  // namespace

std::string architecture_traits(const Architecture& a) {
  const Architecture plain;
  std::string out;
  const auto number = [&](const char* name, uint64_t value) {
    out += std::string(name) + "=" + std::to_string(value) + ";";
  };
  const auto real = [&](const char* name, double value) {
    out += std::string(name) + "=" + bits_of(value) + ";";
  };
  if (a.encoder_layers != 0) number("encoder_layers", a.encoder_layers);
  if (a.norm != plain.norm) number("norm", static_cast<uint64_t>(a.norm));
  if (a.activation != plain.activation) number("activation", static_cast<uint64_t>(a.activation));
  if (!a.gated) number("gated", 0);
  if (a.parallel) number("parallel", 1);
  if (a.positions != plain.positions) number("positions", static_cast<uint64_t>(a.positions));
  if (!a.rope.divisors.empty() || a.rope.magnitude != 1) out += "rope=" + rotary_text(a.rope) + ";";
  if (a.local_rope) out += "rope_local=" + rotary_text(a.rope_local) + ";";
  if (a.relative_buckets != 0) {
    number("relative_buckets", a.relative_buckets);
    number("relative_distance", a.relative_distance);
  }
  for (size_t layer = 0; layer < a.windows.size(); ++layer) {
    if (a.windows[layer] != 0) number(("window" + std::to_string(layer)).c_str(), a.windows[layer]);
  }
  if (a.embedding_scale != 1) real("embedding_scale", static_cast<double>(a.embedding_scale));
  const double usual = 1.0 / __builtin_sqrt(static_cast<double>(a.head_dim));
  if (a.attn_scale != static_cast<float>(usual)) {
    real("attn_scale", static_cast<double>(a.attn_scale));
  }
  if (a.attn_soft_cap != 0) real("attn_soft_cap", static_cast<double>(a.attn_soft_cap));
  if (a.logit_soft_cap != 0) real("logit_soft_cap", static_cast<double>(a.logit_soft_cap));
  if (a.head_scale != 1) real("head_scale", static_cast<double>(a.head_scale));
  if (a.encoder_layers != 0 && a.has_decoder()) number("decoder_start", a.decoder_start);
  return out;
}

}  // namespace assay
