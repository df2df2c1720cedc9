// Hostile consensus messages and records: never a crash, bounded memory, and one encoding of a
// value.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "bft/chain.h"
#include "bft/codec.h"
#include "bft/core.h"
#include "bft/sign_state.h"

using assay::Bytes;
using assay::ByteSpan;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteSpan bytes(data, size);
  const Bytes copy(bytes.begin(), bytes.end());
  const auto message = assay::bft::decode_message(bytes);
  if (message.ok()) ASSAY_CHECK(assay::bft::encode_message(*message) == copy);
  const auto payload = assay::bft::decode_payload(bytes);
  if (payload.ok()) ASSAY_CHECK(assay::bft::encode_payload(*payload) == copy);
  const auto decided = assay::bft::decode_decided(bytes);
  if (decided.ok()) ASSAY_CHECK(assay::bft::encode_decided(*decided) == copy);
  const auto change = assay::bft::decode_set_change(bytes);
  if (change.ok()) ASSAY_CHECK(assay::bft::encode_set_change(*change) == copy);
  const auto evidence = assay::bft::decode_evidence(bytes);
  if (evidence.ok()) ASSAY_CHECK(assay::bft::encode_evidence(*evidence) == copy);
  const auto state = assay::bft::SignState::decode(bytes);
  if (state.ok()) ASSAY_CHECK(state->encode() == copy);
  const auto checkpoint = assay::bft::decode_checkpoint(bytes);
  if (checkpoint.ok()) ASSAY_CHECK(assay::bft::encode_checkpoint(*checkpoint) == copy);
  const auto chain = assay::bft::Chain::decode(bytes);
  if (chain.ok()) ASSAY_CHECK(chain->encode() == copy);
  return 0;
}
