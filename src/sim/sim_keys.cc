#include "sim/sim_keys.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/prng.h"

namespace assay::sim {
namespace {

// SipHash-2-4 (Aumasson & Bernstein 2012) up to its final state.
struct Sip {
  uint64_t v0, v1, v2, v3;

  Sip(uint64_t low, uint64_t high)
      : v0(low ^ 0x736f6d6570736575u),
        v1(high ^ 0x646f72616e646f6du),
        v2(low ^ 0x6c7967656e657261u),
        v3(high ^ 0x7465646279746573u) {}

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void word(uint64_t m) {
    v3 ^= m;
    round();
    round();
    v0 ^= m;
  }
  void absorb(ByteSpan bytes) {
    size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) word(load_le<uint64_t>(bytes.data() + at));
    uint64_t last = static_cast<uint64_t>(bytes.size()) << 56;
    for (size_t i = 0; at + i < bytes.size(); ++i) {
      last |= static_cast<uint64_t>(bytes[at + i]) << (8 * i);
    }
    word(last);
    v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
  }
  // The state, squeezed a word at a time.
  uint64_t squeeze() {
    const uint64_t out = v0 ^ v1 ^ v2 ^ v3;
    round();
    return out;
  }
};

template <size_t N>
std::array<uint8_t, N> keyed_hash(uint64_t low, uint64_t high, ByteSpan message) {
  static_assert(N % 8 == 0);
  Sip sip(low, high);
  sip.absorb(message);
  std::array<uint8_t, N> out;
  for (size_t at = 0; at < N; at += 8) store_le(out.data() + at, sip.squeeze());
  return out;
}

PublicKey draw_key(Prng& prng) {
  PublicKey key;
  for (size_t at = 0; at < key.size(); at += 8) store_le(key.data() + at, prng.next());
  return key;
}

}  // namespace

KeyRegistry::KeyRegistry(uint64_t seed, size_t validators) {
  Prng prng(seed);
  entries_.resize(validators);
  for (size_t i = 0; i < validators; ++i) {
    Entry& entry = entries_[i];
    entry.validator = {draw_key(prng), draw_key(prng), 1};
    entry.sign = {prng.next(), prng.next()};
    entry.vrf = {prng.next(), prng.next()};
    by_key_.push_back({load_le<uint64_t>(entry.validator.key.data()), i});
    by_vrf_key_.push_back({load_le<uint64_t>(entry.validator.vrf_key.data()), i});
  }
  const auto by_prefix = [](const Place& a, const Place& b) { return a.prefix < b.prefix; };
  std::sort(by_key_.begin(), by_key_.end(), by_prefix);
  std::sort(by_vrf_key_.begin(), by_vrf_key_.end(), by_prefix);
  for (size_t i = 1; i < validators; ++i) {
    ASSAY_CHECK(by_key_[i - 1].prefix != by_key_[i].prefix &&
                by_vrf_key_[i - 1].prefix != by_vrf_key_[i].prefix);
  }
}

std::optional<size_t> KeyRegistry::search(const std::vector<Place>& places, const PublicKey& key) {
  const auto prefix = load_le<uint64_t>(key.data());
  const auto at =
      std::lower_bound(places.begin(), places.end(), prefix,
                       [](const Place& place, uint64_t value) { return place.prefix < value; });
  if (at == places.end() || at->prefix != prefix) return std::nullopt;
  return at->identity;
}

std::optional<size_t> KeyRegistry::find(const PublicKey& key) const {
  const std::optional<size_t> identity = search(by_key_, key);
  if (!identity || entries_[*identity].validator.key != key) return std::nullopt;
  return identity;
}

Signature KeyRegistry::signature(size_t identity, ByteSpan message) const {
  const Secret& secret = entries_[identity].sign;
  return keyed_hash<64>(secret.low, secret.high, message);
}

VrfProof KeyRegistry::proof(size_t identity, ByteSpan input) const {
  const Secret& secret = entries_[identity].vrf;
  return keyed_hash<80>(secret.low, secret.high, input);
}

bool KeyRegistry::verify(const PublicKey& key, ByteSpan message, const Signature& signature) const {
  const std::optional<size_t> identity = find(key);
  return identity && this->signature(*identity, message) == signature;
}

std::optional<VrfOutput> KeyRegistry::vrf_verify(const PublicKey& vrf_key, ByteSpan input,
                                                 const VrfProof& proof) const {
  const std::optional<size_t> identity = search(by_vrf_key_, vrf_key);
  if (!identity || entries_[*identity].validator.vrf_key != vrf_key) return std::nullopt;
  if (this->proof(*identity, input) != proof) return std::nullopt;
  // As with a real VRF the output follows from the proof.
  return keyed_hash<64>(0x6f7574, 0x707574, proof);
}

}  // namespace assay::sim
