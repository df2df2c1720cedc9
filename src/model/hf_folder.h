// A Hugging Face model folder: config.json, one or more .safetensors, possibly an index of shards.
// Tested in checkpoint_test.cc and hostile_test.cc.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/checkpoint.h"

namespace assay {

inline constexpr uint64_t kConfigBytesMax = uint64_t{1} << 20;
inline constexpr uint64_t kShardIndexBytesMax = uint64_t{32} << 20;
inline constexpr size_t kShardsMax = 4096;

// config.json as metadata: scalars and lists of strings or numbers under their own names, one level
// of objects with dots ("rope_scaling.type"). null and anything nested deeper is left out.
// Errors: DATA_LOSS, starting with source.
Result<std::map<std::string, MetaValue>> parse_config(std::string_view text,
                                                      const std::string& source);

// weight_map of model.safetensors.index.json: tensor name to file name. Only plain names of files
// in the folder itself are accepted. Errors: DATA_LOSS, starting with source.
Result<std::map<std::string, std::string>> parse_shard_index(std::string_view text,
                                                             const std::string& source);

// Errors: as open_checkpoint.
Result<Checkpoint> open_hf_folder(const std::string& path);

}  // namespace assay
