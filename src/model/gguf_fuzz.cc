// Any bytes as a GGUF file: parse_gguf returns a header whose tensors lie inside the file, or an
// error that names the source. Seeds: testdata/fuzz/gguf_fuzz.
#include "base/check.h"
#include "model/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const assay::MemorySource source("fuzz", {data, size});
  const auto header = assay::parse_gguf(source);
  if (!header.ok()) {
    ASSAY_CHECK(header.status().message().starts_with("fuzz"));
    return 0;
  }
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : header->tensors) {
    ASSAY_CHECK(name == tensor.name && !name.empty());
    ASSAY_CHECK(tensor.offset <= size && tensor.bytes <= size - tensor.offset);
    ASSAY_CHECK(tensor.rows() * tensor.columns() == tensor.elements());
    ASSAY_CHECK(assay::row_bytes(tensor.type, tensor.columns()) * tensor.rows() == tensor.bytes);
    bytes += tensor.bytes;
  }
  ASSAY_CHECK(bytes <= size);  // so no two overlap
  return 0;
}
