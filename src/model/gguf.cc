#include "model/gguf.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "model/gguf_types.h"
#include "model/tensor_rules.h"

namespace assay {
namespace {

// Reads little-endian fields front to back through a window, so that a header is never held whole.
class HeaderReader {
 public:
  explicit HeaderReader(const ByteSource& source)
      : source_(source), end_(std::min(source.size(), kGgufHeaderBytesMax)) {}

  uint64_t position() const { return position_; }
  // Bytes that the header may still have: no count may claim more elements than fit here.
  uint64_t remaining() const { return end_ - position_; }
  const std::string& name() const { return source_.name(); }
  void set_version(uint32_t version) { version_ = version; }
  // The width of lengths and counts: version 1 has 32-bit ones.
  uint64_t length_bytes() const { return version_ == 1 ? 4 : 8; }

  Status error(const std::string& field, const std::string& why) const {
    return data_loss(name() + ": GGUF header, " + field + ": " + why);
  }

  Status read(std::span<uint8_t> out, const std::string& field) {
    if (out.size() > remaining()) {
      if (end_ < source_.size()) {
        return error(field, "the header is larger than " + format_size(kGgufHeaderBytesMax));
      }
      return error(field, "the file ends at byte " + std::to_string(end_) + ", " +
                              std::to_string(out.size()) + " bytes at " +
                              std::to_string(position_) + " were expected; it is truncated");
    }
    size_t done = 0;
    while (done < out.size()) {
      if (window_at_ + window_.size() <= position_) ASSAY_RETURN_IF_ERROR(fill());
      const auto at = static_cast<size_t>(position_ - window_at_);
      const size_t count = std::min(window_.size() - at, out.size() - done);
      std::copy_n(window_.begin() + static_cast<ptrdiff_t>(at), count,
                  out.begin() + static_cast<ptrdiff_t>(done));
      done += count;
      position_ += count;
    }
    return ok_status();
  }

  template <typename T>
  Result<T> number(const std::string& field) {
    std::array<uint8_t, sizeof(T)> bytes;
    ASSAY_RETURN_IF_ERROR(read(bytes, field));
    return load_le<T>(bytes.data());
  }

  // A length or count: 32 bits in version 1, else 64.
  Result<uint64_t> length(const std::string& field) {
    if (version_ != 1) return number<uint64_t>(field);
    ASSAY_ASSIGN_OR_RETURN(const uint32_t value, number<uint32_t>(field));
    return uint64_t{value};
  }

  // A count of things that take at least bytes_min each.
  Result<uint64_t> count(const std::string& field, uint64_t count_max, uint64_t bytes_min) {
    ASSAY_ASSIGN_OR_RETURN(const uint64_t value, length(field));
    if (value > count_max) {
      return error(
          field, std::to_string(value) + " is more than the limit of " + std::to_string(count_max));
    }
    if (value > remaining() / bytes_min) {
      return error(field, std::to_string(value) + " do not fit into the " +
                              std::to_string(remaining()) + " bytes left");
    }
    return value;
  }

  Result<std::string> string(const std::string& field, uint64_t bytes_max) {
    ASSAY_ASSIGN_OR_RETURN(const uint64_t size, length(field));
    if (size > remaining()) {
      return error(field, "a string of " + std::to_string(size) + " bytes does not fit into the " +
                              std::to_string(remaining()) + " bytes left");
    }
    if (size > bytes_max) {
      return error(field, "a string of " + std::to_string(size) + " bytes; at most " +
                              std::to_string(bytes_max) + " are allowed");
    }
    std::string text(static_cast<size_t>(size), '\0');
    ASSAY_RETURN_IF_ERROR(read({reinterpret_cast<uint8_t*>(text.data()), text.size()}, field));
    return text;
  }

 private:
  static constexpr uint64_t kWindowBytes = 64 << 10;

  Status fill() {
    window_at_ = position_;
    window_.resize(static_cast<size_t>(std::min(kWindowBytes, end_ - position_)));
    return source_.read_at(window_at_, window_);
  }

  const ByteSource& source_;
  uint64_t end_;
  uint64_t position_ = 0;
  uint64_t window_at_ = 0;
  Bytes window_;
  uint32_t version_ = 0;
};

// A scalar in the widest form of its kind.
using Scalar = std::variant<bool, int64_t, uint64_t, double>;

template <typename T, typename Wide>
Result<Scalar> widened(HeaderReader& in, const std::string& field) {
  ASSAY_ASSIGN_OR_RETURN(const T value, in.number<T>(field));
  return Scalar(static_cast<Wide>(value));
}

Result<Scalar> read_scalar(HeaderReader& in, GgufValue type, const std::string& field) {
  switch (type) {
    case GgufValue::kU8:
      return widened<uint8_t, uint64_t>(in, field);
    case GgufValue::kI8:
      return widened<int8_t, int64_t>(in, field);
    case GgufValue::kU16:
      return widened<uint16_t, uint64_t>(in, field);
    case GgufValue::kI16:
      return widened<int16_t, int64_t>(in, field);
    case GgufValue::kU32:
      return widened<uint32_t, uint64_t>(in, field);
    case GgufValue::kI32:
      return widened<int32_t, int64_t>(in, field);
    case GgufValue::kU64:
      return widened<uint64_t, uint64_t>(in, field);
    case GgufValue::kI64:
      return widened<int64_t, int64_t>(in, field);
    case GgufValue::kF32:
      return widened<float, double>(in, field);
    case GgufValue::kF64:
      return widened<double, double>(in, field);
    case GgufValue::kBool: {
      ASSAY_ASSIGN_OR_RETURN(const uint8_t value, in.number<uint8_t>(field));
      if (value > 1) return in.error(field, "a bool of value " + std::to_string(value));
      return Scalar(value == 1);
    }
    case GgufValue::kString:
    case GgufValue::kArray:
      break;
  }
  return in.error(field, "not a scalar");
}

uint64_t scalar_bytes(GgufValue type) {
  switch (type) {
    case GgufValue::kU16:
    case GgufValue::kI16:
      return 2;
    case GgufValue::kU32:
    case GgufValue::kI32:
    case GgufValue::kF32:
      return 4;
    case GgufValue::kU64:
    case GgufValue::kI64:
    case GgufValue::kF64:
      return 8;
    default:
      return 1;
  }
}

Result<GgufValue> read_value_type(HeaderReader& in, const std::string& field) {
  ASSAY_ASSIGN_OR_RETURN(const uint32_t type, in.number<uint32_t>(field));
  if (type > static_cast<uint32_t>(GgufValue::kF64)) {
    return in.error(field, "unknown value type " + std::to_string(type));
  }
  return static_cast<GgufValue>(type);
}

// An integer, or a bool as 0 or 1.
Result<int64_t> as_integer(const HeaderReader& in, const Scalar& value, const std::string& field) {
  if (const bool* flag = std::get_if<bool>(&value)) return int64_t{*flag};
  if (const int64_t* number = std::get_if<int64_t>(&value)) return *number;
  const uint64_t number = std::get<uint64_t>(value);
  if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return in.error(field, "the element " + std::to_string(number) + " is above 2^63 - 1");
  }
  return static_cast<int64_t>(number);
}

// Elements are appended one by one: a vector never grows beyond twice what was read.
Result<MetaValue> read_array(HeaderReader& in, const std::string& field) {
  ASSAY_ASSIGN_OR_RETURN(const GgufValue type, read_value_type(in, field + " (element type)"));
  if (type == GgufValue::kArray) {
    return unimplemented(in.name() + ": GGUF header, " + field +
                         ": arrays of arrays are not supported; no model needs them");
  }
  const bool strings = type == GgufValue::kString;
  const uint64_t bytes_min = strings ? in.length_bytes() : scalar_bytes(type);
  ASSAY_ASSIGN_OR_RETURN(const uint64_t count,
                         in.count(field + " (array length)", kGgufArrayElementsMax, bytes_min));
  if (strings) {
    std::vector<std::string> out;
    for (uint64_t i = 0; i < count; ++i) {
      ASSAY_ASSIGN_OR_RETURN(std::string text, in.string(field, kGgufStringBytesMax));
      out.push_back(std::move(text));
    }
    return MetaValue(std::move(out));
  }
  if (type == GgufValue::kF32 || type == GgufValue::kF64) {
    std::vector<double> out;
    for (uint64_t i = 0; i < count; ++i) {
      ASSAY_ASSIGN_OR_RETURN(const Scalar value, read_scalar(in, type, field));
      out.push_back(std::get<double>(value));
    }
    return MetaValue(std::move(out));
  }
  std::vector<int64_t> out;
  for (uint64_t i = 0; i < count; ++i) {
    ASSAY_ASSIGN_OR_RETURN(const Scalar value, read_scalar(in, type, field));
    ASSAY_ASSIGN_OR_RETURN(const int64_t number, as_integer(in, value, field));
    out.push_back(number);
  }
  return MetaValue(std::move(out));
}

Status read_pair(HeaderReader& in, uint64_t index, std::map<std::string, MetaValue>& meta) {
  const std::string key_field = "key of metadata pair " + std::to_string(index);
  ASSAY_ASSIGN_OR_RETURN(std::string key, in.string(key_field, kGgufKeyBytesMax));
  ASSAY_RETURN_IF_ERROR(
      check_name(key, kGgufKeyBytesMax, in.name() + ": GGUF header, " + key_field));
  const std::string field = "metadata " + in_quotes(key);
  if (meta.contains(key)) return in.error(field, "the key appears twice");
  ASSAY_ASSIGN_OR_RETURN(const GgufValue type, read_value_type(in, field));
  if (type == GgufValue::kString) {
    ASSAY_ASSIGN_OR_RETURN(std::string text, in.string(field, kGgufStringBytesMax));
    meta.emplace(std::move(key), std::move(text));
  } else if (type == GgufValue::kArray) {
    ASSAY_ASSIGN_OR_RETURN(MetaValue list, read_array(in, field));
    meta.emplace(std::move(key), std::move(list));
  } else {
    ASSAY_ASSIGN_OR_RETURN(const Scalar value, read_scalar(in, type, field));
    std::visit([&](auto scalar) { meta.emplace(std::move(key), scalar); }, value);
  }
  return ok_status();
}

// The version, with the reader set to its width of lengths.
Result<uint32_t> read_version(HeaderReader& in) {
  std::array<uint8_t, 4> magic;
  ASSAY_RETURN_IF_ERROR(in.read(magic, "magic"));
  if (!std::equal(magic.begin(), magic.end(), "GGUF")) {
    return in.error("magic", "the file starts with " +
                                 in_quotes({reinterpret_cast<const char*>(magic.data()), 4}) +
                                 ", not with \"GGUF\"");
  }
  ASSAY_ASSIGN_OR_RETURN(const uint32_t version, in.number<uint32_t>("version"));
  if (version != 0 && (version & 0xFFFF) == 0) {
    return unimplemented(in.name() +
                         ": a big-endian GGUF file; only little-endian ones are supported: "
                         "convert it with gguf_convert_endian.py");
  }
  if (version == 0) return in.error("version", "0 is not a version");
  if (version > kGgufVersionMax) {
    return unimplemented(in.name() + ": GGUF version " + std::to_string(version) +
                         "; versions 1 to " + std::to_string(kGgufVersionMax) + " are supported");
  }
  in.set_version(version);
  return version;
}

Result<uint64_t> alignment_of(const HeaderReader& in,
                              const std::map<std::string, MetaValue>& meta) {
  const auto found = meta.find("general.alignment");
  if (found == meta.end()) return kGgufAlignmentDefault;
  const std::string field = "metadata \"general.alignment\"";
  const uint64_t* value = std::get_if<uint64_t>(&found->second);
  if (value == nullptr) return in.error(field, "not an unsigned integer");
  if (*value < kGgufAlignmentMin || *value > kGgufAlignmentMax || (*value & (*value - 1)) != 0) {
    return in.error(field, std::to_string(*value) + " is not a power of two from " +
                               std::to_string(kGgufAlignmentMin) + " to " +
                               std::to_string(kGgufAlignmentMax));
  }
  return *value;
}

Status check_not_split(const HeaderReader& in, const std::map<std::string, MetaValue>& meta) {
  const auto found = meta.find("split.count");
  if (found == meta.end()) return ok_status();
  const uint64_t* count = std::get_if<uint64_t>(&found->second);
  if (count == nullptr || *count <= 1) return ok_status();
  return unimplemented(in.name() + ": one of " + std::to_string(*count) +
                       " parts of a split GGUF; merge them first (llama-gguf-split --merge)");
}

// One row of the tensor table; its offset is still relative to the data section.
Result<TensorInfo> read_tensor(HeaderReader& in, uint64_t index) {
  const std::string row = "tensor " + std::to_string(index);
  TensorInfo tensor;
  ASSAY_ASSIGN_OR_RETURN(tensor.name, in.string(row + ", name", in.remaining()));
  ASSAY_RETURN_IF_ERROR(
      check_name(tensor.name, kTensorNameBytesMax, in.name() + ": GGUF header, " + row + ", name"));
  const std::string field = "tensor " + in_quotes(tensor.name);
  ASSAY_ASSIGN_OR_RETURN(const uint32_t dims, in.number<uint32_t>(field + ", dimensions"));
  if (dims == 0 || dims > kTensorDimsMax) {
    return in.error(field, std::to_string(dims) + " dimensions; 1 to " +
                               std::to_string(kTensorDimsMax) + " are allowed");
  }
  for (uint32_t i = 0; i < dims; ++i) {
    ASSAY_ASSIGN_OR_RETURN(const uint64_t size, in.length(field + ", shape"));
    tensor.shape.push_back(size);
  }
  // ggml counts dimensions from the innermost.
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  ASSAY_ASSIGN_OR_RETURN(const uint32_t ggml_type, in.number<uint32_t>(field + ", type"));
  const std::optional<DType> type = dtype_of_ggml(ggml_type);
  if (!type) {
    return unimplemented(in.name() + ": " + field + " has the type " + ggml_type_name(ggml_type) +
                         ", which is not supported; supported are " + supported_ggml_types());
  }
  tensor.type = *type;
  ASSAY_ASSIGN_OR_RETURN(
      tensor.bytes, tensor_bytes(tensor.type, tensor.shape, in.name() + ": GGUF header, " + field));
  ASSAY_ASSIGN_OR_RETURN(tensor.offset, in.number<uint64_t>(field + ", offset"));
  return tensor;
}

}  // namespace

Result<GgufHeader> parse_gguf(const ByteSource& source) {
  HeaderReader in(source);
  GgufHeader header;
  ASSAY_ASSIGN_OR_RETURN(header.version, read_version(in));
  // name length, name of one byte, dimensions, one size, type, offset
  const uint64_t tensor_bytes_min = 2 * in.length_bytes() + 17;
  ASSAY_ASSIGN_OR_RETURN(const uint64_t tensors,
                         in.count("tensor count", kTensorsMax, tensor_bytes_min));
  // key length, key of one byte, type, value of one byte
  ASSAY_ASSIGN_OR_RETURN(const uint64_t pairs,
                         in.count("metadata count", kGgufPairsMax, in.length_bytes() + 6));
  for (uint64_t i = 0; i < pairs; ++i) ASSAY_RETURN_IF_ERROR(read_pair(in, i, header.meta));
  ASSAY_ASSIGN_OR_RETURN(const uint64_t alignment, alignment_of(in, header.meta));
  ASSAY_RETURN_IF_ERROR(check_not_split(in, header.meta));

  std::vector<TensorExtent> extents;
  for (uint64_t i = 0; i < tensors; ++i) {
    ASSAY_ASSIGN_OR_RETURN(TensorInfo tensor, read_tensor(in, i));
    std::string name = tensor.name;
    const auto [row, inserted] = header.tensors.emplace(std::move(name), std::move(tensor));
    if (!inserted) return in.error("tensor " + in_quotes(row->first), "the name appears twice");
    extents.push_back({row->first, row->second.offset, row->second.bytes});
  }
  // A vocabulary-only file has no tensors and may end before the padding.
  const uint64_t data_at = (in.position() + alignment - 1) / alignment * alignment;
  const uint64_t data_bytes = source.size() > data_at ? source.size() - data_at : 0;
  ASSAY_RETURN_IF_ERROR(
      check_extents(std::move(extents), data_bytes, alignment, source.name() + ": GGUF "));
  for (auto& [name, tensor] : header.tensors) tensor.offset += data_at;
  return header;
}

}  // namespace assay
