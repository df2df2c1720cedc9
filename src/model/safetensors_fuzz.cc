// Any bytes as a .safetensors file, a config.json and a shard index: each parser returns what its
// header promises, or an error that names the source. Seeds: testdata/fuzz/safetensors_fuzz.
#include "base/check.h"
#include "model/hf_folder.h"
#include "model/safetensors.h"

namespace {

void check_tensors(assay::ByteSpan bytes) {
  const auto tensors = assay::parse_safetensors(assay::MemorySource("fuzz", bytes));
  if (!tensors.ok()) {
    ASSAY_CHECK(tensors.status().message().starts_with("fuzz"));
    return;
  }
  uint64_t total = 0;
  for (const auto& [name, tensor] : *tensors) {
    ASSAY_CHECK(name == tensor.name && !name.empty());
    ASSAY_CHECK(tensor.offset <= bytes.size() && tensor.bytes <= bytes.size() - tensor.offset);
    ASSAY_CHECK(tensor.elements() * assay::dtype_info(tensor.type).block_bytes == tensor.bytes);
    total += tensor.bytes;
  }
  ASSAY_CHECK(total <= bytes.size());  // so no two overlap
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_tensors({data, size});
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = assay::parse_config(text, "fuzz");
  ASSAY_CHECK(config.ok() || config.status().message().starts_with("fuzz"));
  const auto index = assay::parse_shard_index(text, "fuzz");
  if (!index.ok()) {
    ASSAY_CHECK(index.status().message().starts_with("fuzz"));
    return 0;
  }
  for (const auto& [tensor, shard] : *index) {
    ASSAY_CHECK(!tensor.empty() && shard.find('/') == std::string::npos && shard[0] != '.');
  }
  return 0;
}
