#include "model/safetensors.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/json.h"
#include "model/json_members.h"
#include "model/tensor_rules.h"

namespace assay {
namespace {

struct StoredType {
  std::string_view name;
  uint64_t bytes;  // per element
  std::optional<DType> decoded = std::nullopt;
};

// Every type of the format. To support one more, add its DType here and in tensor/dtype.
constexpr std::array kStoredTypes = {
    StoredType{"F32", 4, DType::kF32},
    StoredType{"F16", 2, DType::kF16},
    StoredType{"BF16", 2, DType::kBF16},
    StoredType{"F64", 8},
    StoredType{"I64", 8},
    StoredType{"I32", 4},
    StoredType{"I16", 2},
    StoredType{"I8", 1, DType::kI8},
    StoredType{"U64", 8},
    StoredType{"U32", 4},
    StoredType{"U16", 2},
    StoredType{"U8", 1},
    StoredType{"BOOL", 1},
    StoredType{"F8_E4M3", 1, DType::kF8_E4M3},
    StoredType{"F8_E5M2", 1, DType::kF8_E5M2},
};

// Buffers that exporters wrote beside the weights: constants of the architecture.
constexpr std::array<std::string_view, 4> kNonWeightEndings = {".attn.bias", ".attention.bias",
                                                               ".masked_bias", "position_ids"};

std::string supported_types() {
  std::string out;
  for (const StoredType& type : kStoredTypes) {
    if (!type.decoded) continue;
    if (!out.empty()) out += ", ";
    out += type.name;
  }
  return out;
}

// A JSON number that is an unsigned integer. -1, 1.0 and "1" are not.
Result<uint64_t> unsigned_number(const Json& value, const std::string& field) {
  if (!value.is_number_unsigned()) {
    return data_loss(field + ": " + value.dump() + " is not an unsigned integer");
  }
  return value.get<uint64_t>();
}

struct Entry {
  const StoredType* type = nullptr;
  std::vector<uint64_t> shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

Result<Entry> read_entry(std::string_view text, const std::string& where) {
  ASSAY_ASSIGN_OR_RETURN(
      const Json json,
      parse_json(text, where, {.depth_max = 4, .bytes_max = kSafetensorsEntryBytesMax}));
  if (!json.is_object()) return data_loss(where + " is not a JSON object");
  for (const char* field : {"dtype", "shape", "data_offsets"}) {
    if (!json.contains(field)) return data_loss(where + ": the field " + field + " is missing");
  }
  if (json.size() != 3) return data_loss(where + ": more fields than dtype, shape, data_offsets");

  Entry entry;
  const Json& dtype = json["dtype"];
  if (!dtype.is_string()) return data_loss(where + ", dtype: " + dtype.dump() + " is not a string");
  const auto& name = dtype.get_ref<const std::string&>();
  for (const StoredType& type : kStoredTypes) {
    if (type.name == name) entry.type = &type;
  }
  if (entry.type == nullptr) {
    return unimplemented(where + " has the unknown dtype " + in_quotes(name) + "; supported are " +
                         supported_types());
  }
  const Json& shape = json["shape"];
  if (!shape.is_array()) return data_loss(where + ", shape: not an array");
  if (shape.size() > kTensorDimsMax) {
    return data_loss(where + ", shape: " + std::to_string(shape.size()) + " dimensions; at most " +
                     std::to_string(kTensorDimsMax) + " are allowed");
  }
  for (const Json& size : shape) {
    ASSAY_ASSIGN_OR_RETURN(const uint64_t number, unsigned_number(size, where + ", shape"));
    entry.shape.push_back(number);
  }
  const Json& offsets = json["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2) {
    return data_loss(where + ", data_offsets: not an array of two numbers");
  }
  ASSAY_ASSIGN_OR_RETURN(entry.begin, unsigned_number(offsets[0], where + ", data_offsets"));
  ASSAY_ASSIGN_OR_RETURN(entry.end, unsigned_number(offsets[1], where + ", data_offsets"));
  if (entry.begin > entry.end) {
    return data_loss(where + ", data_offsets: [" + std::to_string(entry.begin) + ", " +
                     std::to_string(entry.end) + "] is reversed");
  }
  return entry;
}

// bitsandbytes writes one byte beside each I8 matrix: in which order its elements lie. 0 is row
// after row; other orders are those of old GPUs.
constexpr std::string_view kFormatEnding = ".weight_format";
Status check_weight_format(const ByteSource& source, uint64_t at, uint64_t bytes,
                           const std::string& where) {
  if (bytes != 1) return data_loss(where + " has " + std::to_string(bytes) + " bytes, not 1");
  uint8_t format = 0;
  ASSAY_RETURN_IF_ERROR(source.read_at(at, {&format, 1}));
  if (format == 0) return ok_status();
  return unimplemented(where + " is " + std::to_string(format) +
                       ": the elements do not lie row after row; save the model again with a "
                       "current version of bitsandbytes");
}

Status check_metadata(std::string_view text, const std::string& where) {
  return json_members(text, where, [&](const std::string& key, std::string_view value) -> Status {
    ASSAY_ASSIGN_OR_RETURN(const Json json, parse_json(value, where, {.depth_max = 2}));
    if (!json.is_string()) return data_loss(where + ": " + in_quotes(key) + " is not a string");
    return ok_status();
  });
}

// The header text; data_at is where the data section starts.
Result<std::string> read_header(const ByteSource& source, uint64_t& data_at) {
  const std::string where = source.name() + ": safetensors header";
  if (source.size() < 8) {
    return data_loss(where + ": the file has " + std::to_string(source.size()) +
                     " bytes; its length field needs 8");
  }
  std::array<uint8_t, 8> prefix;
  ASSAY_RETURN_IF_ERROR(source.read_at(0, prefix));
  const auto size = load_le<uint64_t>(prefix.data());
  if (size > source.size() - 8) {
    return data_loss(where + " length " + std::to_string(size) + " is more than the " +
                     std::to_string(source.size() - 8) +
                     " bytes that follow; the file is truncated or damaged");
  }
  if (size > kSafetensorsHeaderBytesMax) {
    return data_loss(where + " length " + std::to_string(size) + "; at most " +
                     std::to_string(kSafetensorsHeaderBytesMax) + " are read");
  }
  std::string text(static_cast<size_t>(size), '\0');
  ASSAY_RETURN_IF_ERROR(source.read_at(8, {reinterpret_cast<uint8_t*>(text.data()), text.size()}));
  data_at = 8 + size;
  return text;
}

}  // namespace

bool is_non_weight_tensor(std::string_view name) {
  return name.ends_with(kFormatEnding) ||
         std::any_of(kNonWeightEndings.begin(), kNonWeightEndings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

bool looks_like_safetensors(ByteSpan first_16_bytes) {
  // A length far below 2^56 and a JSON object: no other weight format starts so.
  return first_16_bytes.size() >= 9 && first_16_bytes[7] == 0 && first_16_bytes[8] == '{';
}

Result<std::map<std::string, TensorInfo>> parse_safetensors(const ByteSource& source) {
  uint64_t data_at = 0;
  ASSAY_ASSIGN_OR_RETURN(const std::string text, read_header(source, data_at));
  const uint64_t data_bytes = source.size() - data_at;
  const std::string header = source.name() + ": safetensors header";

  std::map<std::string, TensorInfo> tensors;
  std::vector<std::pair<std::string, TensorExtent>> ranges;
  std::vector<std::pair<std::string, TensorExtent>> formats;
  const auto add = [&](const std::string& name, std::string_view value) -> Status {
    if (name == "__metadata__") return check_metadata(value, header + ", __metadata__");
    ASSAY_RETURN_IF_ERROR(check_name(name, kTensorNameBytesMax, header + ", tensor name"));
    const std::string where = header + ", tensor " + in_quotes(name);
    if (ranges.size() == kTensorsMax) {
      return data_loss(header + ": more than " + std::to_string(kTensorsMax) + " tensors");
    }
    ASSAY_ASSIGN_OR_RETURN(Entry entry, read_entry(value, where));
    // Element sizes of 1, 2, 4 and 8: F32 stands for counting elements.
    ASSAY_ASSIGN_OR_RETURN(const uint64_t f32_bytes, tensor_bytes(DType::kF32, entry.shape, where));
    const uint64_t bytes = f32_bytes / 4 * entry.type->bytes;
    if (bytes != entry.end - entry.begin) {
      return data_loss(where + ": data_offsets span " + std::to_string(entry.end - entry.begin) +
                       " bytes, but the shape " + shape_text(entry.shape) + " of " +
                       std::string(entry.type->name) + " needs " + std::to_string(bytes));
    }
    ranges.push_back({name, {{}, entry.begin, bytes}});
    if (entry.type->decoded) {
      tensors.emplace(name, TensorInfo{.name = name,
                                       .type = *entry.type->decoded,
                                       .shape = std::move(entry.shape),
                                       .file = 0,
                                       .offset = data_at + entry.begin,
                                       .bytes = bytes});
    } else if (name.ends_with(kFormatEnding)) {
      formats.push_back({name, {{}, data_at + entry.begin, bytes}});
    } else if (!is_non_weight_tensor(name)) {
      return unimplemented(where + " has the type " + std::string(entry.type->name) +
                           ", which is not supported; supported are " + supported_types());
    }
    return ok_status();
  };
  ASSAY_RETURN_IF_ERROR(json_members(text, header, add));

  std::vector<TensorExtent> extents;
  uint64_t used = 0;
  for (const auto& [name, range] : ranges) {
    extents.push_back({name, range.offset, range.bytes});
    used = std::max(used, range.offset + range.bytes);
  }
  ASSAY_RETURN_IF_ERROR(
      check_extents(std::move(extents), data_bytes, 1, source.name() + ": safetensors "));
  if (used != data_bytes) {
    return data_loss(source.name() + ": " + std::to_string(data_bytes - used) +
                     " bytes after the last tensor belong to none");
  }
  // Now that every extent is known to lie in the file.
  for (const auto& [name, range] : formats) {
    ASSAY_RETURN_IF_ERROR(check_weight_format(source, range.offset, range.bytes,
                                              header + ", tensor " + in_quotes(name)));
  }
  return tensors;
}

}  // namespace assay
