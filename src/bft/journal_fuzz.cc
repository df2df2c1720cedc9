// Hostile files of a validator: as they are, and as sound logs of hostile records. Never a crash; a
// log that is read is written again to the same bytes.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "bft/ed25519_keys.h"
#include "bft/recovery.h"

using assay::Bytes;
using assay::ByteSpan;

namespace {

const assay::bft::Ed25519Keys& one_key() {
  constexpr std::array<uint8_t, 32> kSeed = {1};
  static const assay::bft::Ed25519Keys keys(assay::SigningKey::from_seed(kSeed),
                                            assay::VrfKey::from_seed(kSeed));
  return keys;
}

const assay::bft::Chain& genesis() {
  static const assay::bft::Chain chain = [] {
    assay::bft::Genesis genesis;
    genesis.validators = {{one_key().public_key(), one_key().vrf_public_key(), 1}};
    return assay::bft::Chain::from_genesis(genesis).value();
  }();
  return chain;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteSpan bytes(data, size);
  for (const bool repairs : {false, true}) {
    const auto log = assay::bft::read_log(bytes, {.chain = genesis().id(), .repairs = repairs});
    if (!log.ok()) continue;
    assay::bft::LogEnd end;
    Bytes again = assay::bft::begin_log(genesis().id(), log->dropped, end);
    for (const auto& record : log->records) assay::bft::append_record(again, record, end);
    ASSAY_CHECK(again == Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(log->bytes)));
  }
  const auto sign = assay::bft::decode_sign_file(bytes);
  if (sign.ok()) {
    ASSAY_CHECK(assay::bft::encode_sign_file(*sign) == Bytes(bytes.begin(), bytes.end()));
  }
  // Records: kind, length, bytes.
  assay::bft::LogEnd end;
  Bytes log = assay::bft::begin_log(genesis().id(), 0, end);
  for (size_t at = 0; at + 3 <= size;) {
    const auto kind = static_cast<assay::bft::LogKind>(1 + data[at] % 4);
    const size_t length = assay::load_le<uint16_t>(data + at + 1);
    const ByteSpan rest = bytes.subspan(at + 3);
    const ByteSpan body = rest.first(std::min(length, rest.size()));
    assay::bft::append_record(log, {kind, Bytes(body.begin(), body.end())}, end);
    at += 3 + body.size();
  }
  const auto own = one_key().public_key();
  (void)assay::bft::recover(genesis(), one_key(),
                            {log, assay::bft::first_sign_file(genesis(), own)}, {.own = own})
      .ok();
  return 0;
}
