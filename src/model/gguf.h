// The header of a GGUF file: metadata and the table of tensors. Versions 1 (32-bit lengths), 2 and
// 3, little-endian. Limits in gguf_types.h. Tested in checkpoint_test.cc and hostile_test.cc,
// fuzzed in gguf_fuzz.cc. Format: docs/formats/weights.md.
#pragma once

#include "base/result.h"
#include "model/byte_source.h"
#include "model/checkpoint.h"

namespace assay {

// What parse_gguf fills of a Checkpoint.
struct GgufHeader {
  uint32_t version = 0;
  std::map<std::string, MetaValue> meta;
  std::map<std::string, TensorInfo> tensors;  // file index 0, offsets from the start of the file
};

// Cost: reads the header once, front to back, in pieces; memory at most a small multiple of the
// header bytes read so far, never of a count that the file claims.
// Errors: DATA_LOSS (damaged or lying; names file, field and value), UNIMPLEMENTED (big-endian,
// a version above 3, arrays of arrays, split files, tensor types that are not decoded).
Result<GgufHeader> parse_gguf(const ByteSource& source);

}  // namespace assay
