#include "model/hf_folder.h"

#include <filesystem>
#include <set>
#include <system_error>

#include "base/json.h"
#include "model/byte_source.h"
#include "model/json_members.h"
#include "model/safetensors.h"
#include "model/tensor_rules.h"

namespace assay {
namespace {

constexpr size_t kConfigValueBytesMax = 64 << 10;
constexpr std::string_view kSingleFile = "model.safetensors";
constexpr std::string_view kIndexFile = "model.safetensors.index.json";

std::optional<MetaValue> list_value(const Json& json) {
  const auto all = [&](auto&& holds) {
    for (const Json& element : json) {
      if (!holds(element)) return false;
    }
    return true;
  };
  const auto fits_i64 = [](const Json& e) {
    return e.is_number_integer() && (!e.is_number_unsigned() || e.get<uint64_t>() >> 63 == 0);
  };
  if (all([](const Json& e) { return e.is_string(); })) {
    return MetaValue(json.get<std::vector<std::string>>());
  }
  if (all(fits_i64)) return MetaValue(json.get<std::vector<int64_t>>());
  if (all([](const Json& e) { return e.is_number(); })) {
    return MetaValue(json.get<std::vector<double>>());
  }
  return std::nullopt;
}

std::optional<MetaValue> meta_value(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return MetaValue(json.get<bool>());
    case Json::value_t::number_unsigned:
      return MetaValue(json.get<uint64_t>());
    case Json::value_t::number_integer:
      return MetaValue(json.get<int64_t>());
    case Json::value_t::number_float:
      return MetaValue(json.get<double>());
    case Json::value_t::string:
      return MetaValue(json.get<std::string>());
    case Json::value_t::array:
      return list_value(json);
    default:
      return std::nullopt;
  }
}

Status add_value(std::map<std::string, MetaValue>& meta, const std::string& name,
                 std::string_view text, const std::string& source) {
  ASSAY_ASSIGN_OR_RETURN(
      const Json json, parse_json(text, source + ", " + in_quotes(name),
                                  {.depth_max = kJsonDepthMax, .bytes_max = kConfigValueBytesMax}));
  std::optional<MetaValue> value = meta_value(json);
  if (!value) return ok_status();
  if (!meta.emplace(name, *std::move(value)).second) {
    return data_loss(source + ": the field " + in_quotes(name) + " is given twice");
  }
  return ok_status();
}

bool is_object(std::string_view text) { return text.starts_with('{'); }

// A name that cannot lead out of the folder: no separators, no dot first.
Status check_shard_name(const std::string& name, const std::string& where) {
  ASSAY_RETURN_IF_ERROR(check_name(name, 255, where));
  if (name.find_first_of("/\\") != std::string::npos || name.starts_with('.')) {
    return data_loss(where + " " + in_quotes(name) +
                     " is not a plain file name; shards must lie in the folder itself");
  }
  if (!name.ends_with(".safetensors")) {
    return data_loss(where + " " + in_quotes(name) + " does not end in .safetensors");
  }
  return ok_status();
}

std::string in_folder(const std::string& folder, std::string_view name) {
  return (std::filesystem::path(folder) / name).string();
}

// The one .safetensors of a folder without the usual names.
Result<std::string> only_safetensors(const std::string& folder) {
  constexpr size_t kEntriesMax = 10000;
  std::set<std::string> found;
  std::error_code error;
  size_t entries = 0;
  std::filesystem::directory_iterator it(folder, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    if (++entries > kEntriesMax) {
      return data_loss(folder + ": more than " + std::to_string(kEntriesMax) + " files");
    }
    const std::string name = it->path().filename().string();
    if (name.ends_with(".safetensors") && !name.starts_with('.')) found.insert(name);
  }
  if (error) return errno_status(error.value(), "list", folder);
  if (found.size() == 1) return *found.begin();
  if (found.empty()) {
    return not_found(folder + ": no weights: neither " + std::string(kSingleFile) + " nor " +
                     std::string(kIndexFile) +
                     " nor another .safetensors file (PyTorch .bin files are not read: convert "
                     "them to safetensors)");
  }
  return data_loss(folder + ": " + std::to_string(found.size()) + " .safetensors files but no " +
                   std::string(kIndexFile) + " that says how they belong together");
}

// Opens one weight file and adds its tensors.
Status add_file(Checkpoint& checkpoint, const std::string& name) {
  ASSAY_ASSIGN_OR_RETURN(auto file, ReadFile::open(in_folder(checkpoint.path, name)));
  ASSAY_ASSIGN_OR_RETURN(auto tensors, parse_safetensors(FileSource(file)));
  for (auto& [tensor_name, tensor] : tensors) {
    tensor.file = checkpoint.files.size();
    const auto [row, inserted] = checkpoint.tensors.emplace(tensor_name, std::move(tensor));
    if (!inserted) {
      return data_loss(file->path() + ": tensor " + in_quotes(tensor_name) + " is also in " +
                       checkpoint.files[row->second.file]->path());
    }
  }
  if (checkpoint.tensors.size() > kTensorsMax) {
    return data_loss(checkpoint.path + ": more than " + std::to_string(kTensorsMax) + " tensors");
  }
  checkpoint.files.push_back(std::move(file));
  return ok_status();
}

Status add_shards(Checkpoint& checkpoint) {
  const std::string index_path = in_folder(checkpoint.path, kIndexFile);
  ASSAY_ASSIGN_OR_RETURN(const std::string text, read_text_file(index_path, kShardIndexBytesMax));
  ASSAY_ASSIGN_OR_RETURN(const auto index, parse_shard_index(text, index_path));
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : index) shards.insert(shard);
  if (shards.size() > kShardsMax) {
    return data_loss(index_path + ": weight_map names " + std::to_string(shards.size()) +
                     " files; at most " + std::to_string(kShardsMax) + " are allowed");
  }
  std::vector<std::string> names(shards.begin(), shards.end());
  for (const std::string& name : names) {
    const Status status = add_file(checkpoint, name);
    if (!status.ok()) {
      return status.code() == Code::kNotFound ? status.with_context(index_path) : status;
    }
  }
  // A file that the index does not send readers to must not decide what the model is.
  for (const auto& [name, tensor] : checkpoint.tensors) {
    const auto listed = index.find(name);
    if (listed == index.end() || listed->second != names[tensor.file]) {
      return data_loss(
          checkpoint.files[tensor.file]->path() + ": tensor " + in_quotes(name) + " is " +
          (listed == index.end() ? "not in " + index_path
                                 : "placed in " + listed->second + " by " + index_path));
    }
  }
  for (const auto& [name, shard] : index) {
    if (!checkpoint.tensors.contains(name) && !is_non_weight_tensor(name)) {
      return data_loss(in_folder(checkpoint.path, shard) + ": tensor " + in_quotes(name) +
                       " is missing, although " + index_path + " places it there");
    }
  }
  return ok_status();
}

}  // namespace

Result<std::map<std::string, MetaValue>> parse_config(std::string_view text,
                                                      const std::string& source) {
  std::map<std::string, MetaValue> meta;
  const auto add = [&](const std::string& name, std::string_view value) -> Status {
    if (!is_object(value)) return add_value(meta, name, value, source);
    const std::string where = source + ", " + in_quotes(name);
    return json_members(value, where, [&](const std::string& inner, std::string_view inner_value) {
      const std::string path = name + "." + inner;
      if (!is_object(inner_value)) return add_value(meta, path, inner_value, source);
      return json_members(inner_value, where,
                          [&](const std::string& last, std::string_view last_value) {
                            return add_value(meta, path + "." + last, last_value, source);
                          });
    });
  };
  ASSAY_RETURN_IF_ERROR(json_members(text, source, add));
  return meta;
}

Result<std::map<std::string, std::string>> parse_shard_index(std::string_view text,
                                                             const std::string& source) {
  std::map<std::string, std::string> index;
  bool found = false;
  const auto add_tensor = [&](const std::string& tensor, std::string_view value) -> Status {
    const std::string where = source + ", weight_map, " + in_quotes(tensor);
    ASSAY_RETURN_IF_ERROR(
        check_name(tensor, kTensorNameBytesMax, source + ", weight_map, tensor name"));
    if (index.size() == kTensorsMax) {
      return data_loss(source + ": more than " + std::to_string(kTensorsMax) + " tensors");
    }
    ASSAY_ASSIGN_OR_RETURN(const Json json,
                           parse_json(value, where, {.depth_max = 1, .bytes_max = 4096}));
    if (!json.is_string()) return data_loss(where + ": not a string");
    const auto& shard = json.get_ref<const std::string&>();
    ASSAY_RETURN_IF_ERROR(check_shard_name(shard, where + ": file name"));
    index.emplace(tensor, shard);
    return ok_status();
  };
  ASSAY_RETURN_IF_ERROR(
      json_members(text, source, [&](const std::string& key, std::string_view value) -> Status {
        if (key != "weight_map") return ok_status();
        found = true;
        return json_members(value, source + ", weight_map", add_tensor);
      }));
  if (!found) return data_loss(source + ": the field weight_map is missing");
  if (index.empty()) return data_loss(source + ": weight_map is empty");
  return index;
}

Result<Checkpoint> open_hf_folder(const std::string& path) {
  Checkpoint checkpoint;
  checkpoint.format = CheckpointFormat::kSafetensors;
  checkpoint.path = path;
  const std::string config_path = in_folder(path, "config.json");
  if (!path_exists(config_path)) {
    return not_found(path + ": a folder without config.json is not a model folder");
  }
  ASSAY_ASSIGN_OR_RETURN(const std::string config, read_text_file(config_path, kConfigBytesMax));
  ASSAY_ASSIGN_OR_RETURN(checkpoint.meta, parse_config(config, config_path));

  const bool single = path_exists(in_folder(path, kSingleFile));
  const bool sharded = path_exists(in_folder(path, kIndexFile));
  if (single && sharded) {
    return data_loss(path + ": holds both " + std::string(kSingleFile) + " and " +
                     std::string(kIndexFile) +
                     "; which of them is the model is ambiguous: move one away");
  }
  if (sharded) {
    ASSAY_RETURN_IF_ERROR(add_shards(checkpoint));
    return checkpoint;
  }
  std::string name(kSingleFile);
  if (!single) {
    ASSAY_ASSIGN_OR_RETURN(name, only_safetensors(path));
  }
  ASSAY_RETURN_IF_ERROR(add_file(checkpoint, name));
  return checkpoint;
}

}  // namespace assay
