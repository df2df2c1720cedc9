// Section numbers are those of RFC 9381. What libsodium 1.0.18 does, read in its source:
//   crypto_core_ed25519_add, _sub   take every point of the curve, of small order too; they ignore
//                                   whether y < p, and read "-0" as 0. -1 for what is on no curve.
//   crypto_core_ed25519_is_valid_point   canonical, not of small order, of order L.
//   crypto_scalarmult_ed25519_noclamp    refuses (-1) a point that is_valid_point refuses, and a
//                                   product that is the identity; clears bit 255 of the scalar.
//                                   Constant time in the scalar.
//   crypto_core_ed25519_scalar_reduce    64 bytes mod L, constant time. _mul, _add: mod L.
#include "crypto/ecvrf.h"

#include <sodium.h>

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "crypto/key_file.h"
#include "crypto/sodium_start.h"

namespace assay {
namespace {

using Point = std::array<uint8_t, 32>;
using Scalar = std::array<uint8_t, 32>;  // little-endian
using SecretScalar = SecretArray<32>;
using Wide = std::array<uint8_t, 64>;

constexpr uint8_t kSuite = 3;
constexpr size_t kChallengeBytes = 16;
constexpr Point kIdentity = {1};
// p = 2^255 - 19, from the lowest byte.
constexpr Point kPrime = {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
// L, the order of the base point, from the lowest byte.
constexpr Scalar kOrder = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                           0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                           0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

class Sha512 {
 public:
  Sha512() { crypto_hash_sha512_init(&state_); }
  ~Sha512() { sodium_memzero(&state_, sizeof state_); }
  Sha512(const Sha512&) = delete;
  Sha512& operator=(const Sha512&) = delete;

  Sha512& update(ByteSpan bytes) {
    crypto_hash_sha512_update(&state_, bytes.data(), bytes.size());
    return *this;
  }
  Sha512& update(uint8_t byte) { return update(ByteSpan(&byte, 1)); }
  void finish(std::span<uint8_t, 64> out) { crypto_hash_sha512_final(&state_, out.data()); }
  Wide finish() {
    Wide out;
    finish(out);
    return out;
  }

 private:
  crypto_hash_sha512_state state_{};
};

bool is_zero(const Scalar& n) { return sodium_is_zero(n.data(), n.size()) != 0; }

// n < L. Not constant time: only for what is public.
bool is_reduced(const Scalar& n) {
  return std::lexicographical_compare(n.rbegin(), n.rend(), kOrder.rbegin(), kOrder.rend());
}

// 5.5, string_to_point, but for whether there is such a point, which its first use finds out:
// whether the bytes are the one encoding of their point, should they encode one: y < p, and no sign
// bit where x = 0, that is y = 1 or y = -1. Not constant time: only for what is public.
bool is_canonical(std::span<const uint8_t, 32> encoded) {
  Point y;
  std::ranges::copy(encoded, y.begin());
  y[31] &= 0x7f;
  if (!std::lexicographical_compare(y.rbegin(), y.rend(), kPrime.rbegin(), kPrime.rend())) {
    return false;
  }
  Point minus_one = kPrime;
  --minus_one[0];
  const bool is_signed = (encoded[31] & 0x80) != 0;
  return !(is_signed && (y == kIdentity || y == minus_one));
}

// Nothing when the bytes are on no curve. Decoding costs more than the sum does: it is left to it.
std::optional<Point> times_cofactor(Point point) {
  for (int doubling = 0; doubling < 3; ++doubling) {
    if (crypto_core_ed25519_add(point.data(), point.data(), point.data()) != 0) return {};
  }
  return point;
}

// n * point; nothing unless point is of order L. Pre: n < L. With that the product is the identity
// for n = 0 only, which libsodium would refuse. Not constant time in whether n is zero.
std::optional<Point> multiply(const Scalar& n, const Point& point) {
  if (is_zero(n)) {
    return crypto_core_ed25519_is_valid_point(point.data()) == 1 ? std::optional(kIdentity)
                                                                 : std::nullopt;
  }
  Point out;
  if (crypto_scalarmult_ed25519_noclamp(out.data(), n.data(), point.data()) != 0) return {};
  return out;
}

Point multiply_base(const Scalar& n) {
  if (is_zero(n)) return kIdentity;
  Point out;
  ASSAY_CHECK(crypto_scalarmult_ed25519_base_noclamp(out.data(), n.data()) == 0);
  return out;
}

// Pre: both are on the curve (CHECK).
Point subtract(const Point& a, const Point& b) {
  Point out;
  ASSAY_CHECK(crypto_core_ed25519_sub(out.data(), a.data(), b.data()) == 0);
  return out;
}

// 5.4.1.1, try and increment, the key as salt. A candidate fails half of the time: that all 256 do
// is as likely as guessing a 256-bit secret, and then there is no point.
std::optional<Point> encode_to_curve(const PublicKey& key, ByteSpan alpha) {
  for (unsigned counter = 0; counter < 256; ++counter) {
    const Wide hash = Sha512()
                          .update(kSuite)
                          .update(uint8_t{1})
                          .update(key)
                          .update(alpha)
                          .update(static_cast<uint8_t>(counter))
                          .update(uint8_t{0})
                          .finish();
    const auto candidate = std::span(hash).first<32>();
    if (!is_canonical(candidate)) continue;
    Point encoded;
    std::ranges::copy(candidate, encoded.begin());
    const auto point = times_cofactor(encoded);
    if (point && *point != kIdentity) return point;
  }
  return std::nullopt;
}

// 5.4.3. The key is part of it since draft 11: a proof whose challenge leaves it out is refused.
struct Transcript {
  const PublicKey& key;
  const Point& h;
  const Point& gamma;
  const Point& u;
  const Point& v;
};
Scalar challenge(const Transcript& t) {
  Sha512 hash;
  hash.update(kSuite).update(uint8_t{2});
  hash.update(t.key).update(t.h).update(t.gamma).update(t.u).update(t.v);
  const Wide digest = hash.update(uint8_t{0}).finish();
  Scalar c{};
  std::copy_n(digest.begin(), kChallengeBytes, c.begin());
  return c;
}

struct DecodedProof {
  Point gamma;
  Scalar c{};  // below 2^128, and so below L
  Scalar s;
};

// 5.4.4, but for whether Gamma is on the curve, which its first use finds out.
std::optional<DecodedProof> decode_proof(const VrfProof& proof) {
  const std::span<const uint8_t, 80> bytes(proof);
  if (!is_canonical(bytes.first<32>())) return {};
  DecodedProof out;
  std::ranges::copy(bytes.first<32>(), out.gamma.begin());
  std::ranges::copy(bytes.subspan<32, kChallengeBytes>(), out.c.begin());
  std::ranges::copy(bytes.last<32>(), out.s.begin());
  if (!is_reduced(out.s)) return {};
  return out;
}

// 5.2, steps 5 to 7. Nothing when gamma is on no curve.
std::optional<VrfOutput> output_of(const Point& gamma) {
  const auto point = times_cofactor(gamma);
  if (!point) return {};
  return Sha512().update(kSuite).update(uint8_t{3}).update(*point).update(uint8_t{0}).finish();
}

// RFC 8032, 5.1.5 and 5.1.6: x (mod L), and what nonces are hashed from.
struct Expanded {
  SecretScalar x;
  SecretArray<32> prefix;
};
Expanded expand(std::span<const uint8_t, 32> seed) {
  SecretArray<64> hash;
  Sha512().update(seed).finish(hash.bytes);
  Expanded out;
  std::copy(hash.bytes.begin() + 32, hash.bytes.end(), out.prefix.bytes.begin());
  hash.bytes[0] &= 0xf8;
  hash.bytes[31] = static_cast<uint8_t>((hash.bytes[31] & 0x7f) | 0x40);
  std::fill(hash.bytes.begin() + 32, hash.bytes.end(), uint8_t{0});
  crypto_core_ed25519_scalar_reduce(out.x.bytes.data(), hash.bytes.data());
  return out;
}

// 5.4.2.2.
SecretScalar nonce(const Expanded& key, const Point& h) {
  SecretArray<64> hash;
  Sha512().update(key.prefix.bytes).update(h).finish(hash.bytes);
  SecretScalar k;
  crypto_core_ed25519_scalar_reduce(k.bytes.data(), hash.bytes.data());
  return k;
}

}  // namespace

VrfKey VrfKey::generate() { return VrfKey(generate_key_pair()); }

VrfKey VrfKey::from_seed(std::span<const uint8_t, 32> seed) {
  return VrfKey(key_pair_from_seed(seed));
}

Result<VrfKey> VrfKey::load(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(KeyPair pair, load_key_file(path, kVrfKeyFile));
  return VrfKey(std::move(pair));
}

Status VrfKey::save(const std::string& path) const {
  return save_key_file(path, kVrfKeyFile, secret_);
}

PublicKey VrfKey::public_key() const {
  PublicKey key;
  std::copy(secret_.bytes.begin() + 32, secret_.bytes.end(), key.begin());
  return key;
}

// 5.1. x is no multiple of L (a multiple of 8 in [2^254, 2^255) cannot be), and k is one with
// probability 2^-252: no product is the identity.
VrfProof VrfKey::prove(ByteSpan alpha) const {
  ASSAY_CHECK(sodium_is_zero(secret_.bytes.data(), secret_.bytes.size()) == 0);  // not moved from
  const Expanded expanded = expand(std::span(secret_.bytes).first<32>());
  const PublicKey key = public_key();
  const auto h = encode_to_curve(key, alpha);
  ASSAY_CHECK(h.has_value());
  const SecretScalar k = nonce(expanded, *h);

  Point gamma;
  Point u;
  Point v;
  const uint8_t* x_bytes = expanded.x.bytes.data();
  const uint8_t* k_bytes = k.bytes.data();
  ASSAY_CHECK(crypto_scalarmult_ed25519_noclamp(gamma.data(), x_bytes, h->data()) == 0);
  ASSAY_CHECK(crypto_scalarmult_ed25519_base_noclamp(u.data(), k_bytes) == 0);
  ASSAY_CHECK(crypto_scalarmult_ed25519_noclamp(v.data(), k_bytes, h->data()) == 0);
  const Scalar c = challenge({.key = key, .h = *h, .gamma = gamma, .u = u, .v = v});

  SecretScalar product;
  Scalar s;
  crypto_core_ed25519_scalar_mul(product.bytes.data(), c.data(), x_bytes);
  crypto_core_ed25519_scalar_add(s.data(), product.bytes.data(), k_bytes);

  VrfProof proof;
  auto out = std::ranges::copy(gamma, proof.begin()).out;
  out = std::copy_n(c.begin(), kChallengeBytes, out);
  std::ranges::copy(s, out);
  return proof;
}

// 5.3.
std::optional<VrfOutput> ecvrf_verify(const PublicKey& key, ByteSpan alpha, const VrfProof& proof) {
  sodium_start();
  if (!ecvrf_validate_key(key)) return {};
  const auto decoded = decode_proof(proof);
  if (!decoded) return {};
  const auto h = encode_to_curve(key, alpha);
  if (!h) return {};
  const auto c_key = multiply(decoded->c, key);
  const auto s_h = multiply(decoded->s, *h);
  const auto c_gamma = multiply(decoded->c, decoded->gamma);
  if (!c_key || !s_h || !c_gamma) return {};
  const Point u = subtract(multiply_base(decoded->s), *c_key);
  const Point v = subtract(*s_h, *c_gamma);
  if (challenge({.key = key, .h = *h, .gamma = decoded->gamma, .u = u, .v = v}) != decoded->c) {
    return {};
  }
  return output_of(decoded->gamma);
}

std::optional<VrfOutput> ecvrf_proof_to_hash(const VrfProof& proof) {
  sodium_start();
  const auto decoded = decode_proof(proof);
  if (!decoded) return {};
  return output_of(decoded->gamma);
}

bool ecvrf_validate_key(const PublicKey& key) {
  sodium_start();
  return crypto_core_ed25519_is_valid_point(key.data()) == 1;
}

Status ecvrf_self_test(bool (*validate_key)(const PublicKey&)) {
  sodium_start();
  // RFC 9381, example 17.
  const auto seed =
      array_from_hex<32>("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  const auto expected = array_from_hex<80>(
      "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c92"
      "a465301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02");
  ASSAY_CHECK(seed.ok() && expected.ok());
  const VrfKey key = VrfKey::from_seed(*seed);
  const std::array<uint8_t, 1> alpha = {0x72};
  if (key.prove(alpha) != *expected || !ecvrf_verify(key.public_key(), alpha, *expected)) {
    return failed_precondition(
        "ECVRF does not reproduce example 17 of RFC 9381: this build, or "
        "its libsodium " +
        std::string(sodium_version_string()) + ", is broken");
  }
  // A point of order 8, whose multiples have order 8, 4, 2.
  const auto torsion =
      array_from_hex<32>("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
  ASSAY_CHECK(torsion.ok());
  PublicKey shifted = key.public_key();
  if (!validate_key(shifted)) return failed_precondition("validate_key refuses a valid key");
  for (int i = 1; i < 8; ++i) {
    ASSAY_CHECK(crypto_core_ed25519_add(shifted.data(), shifted.data(), torsion->data()) == 0);
    if (!validate_key(shifted)) continue;
    return failed_precondition(
        "libsodium " + std::string(sodium_version_string()) +
        " takes a point outside the main subgroup for a valid one (CVE-2025-69277). Install "
        "Debian's libsodium23 1.0.18-1+deb12u1 or later, or libsodium after 1.0.20");
  }
  return ok_status();
}

}  // namespace assay
