#include "model/tensor_rules.h"

#include <algorithm>

#include "model/utf8.h"

namespace assay {

std::string in_quotes(std::string_view text) {
  constexpr size_t kShown = 80;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  if (text.size() > kShown) out += "...";
  return out + "\"";
}

Status check_name(std::string_view name, size_t bytes_max, const std::string& where) {
  if (name.empty()) return data_loss(where + " is empty");
  if (name.size() > bytes_max) {
    return data_loss(where + " " + in_quotes(name) + " has " + std::to_string(name.size()) +
                     " bytes; at most " + std::to_string(bytes_max) + " are allowed");
  }
  if (!is_utf8(name)) return data_loss(where + " " + in_quotes(name) + " is not valid UTF-8");
  for (const char c : name) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
      return data_loss(where + " " + in_quotes(name) + " contains a control character");
    }
  }
  return ok_status();
}

std::string shape_text(std::span<const uint64_t> shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i != 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + "]";
}

Result<uint64_t> tensor_bytes(DType type, std::span<const uint64_t> shape,
                              const std::string& where) {
  const DTypeInfo& info = dtype_info(type);
  if (shape.size() > kTensorDimsMax) {
    return data_loss(where + " has " + std::to_string(shape.size()) + " dimensions; at most " +
                     std::to_string(kTensorDimsMax) + " are allowed");
  }
  uint64_t elements = 1;
  for (const uint64_t size : shape) {
    if (size == 0) return data_loss(where + ": the shape " + shape_text(shape) + " has a zero");
    if (__builtin_mul_overflow(elements, size, &elements)) {
      return data_loss(where + ": the product of the shape " + shape_text(shape) + " overflows");
    }
  }
  const uint64_t columns = shape.empty() ? 1 : shape.back();
  if (columns % info.block_elements != 0) {
    return data_loss(where + ": rows of " + std::to_string(columns) + " elements, of the shape " +
                     shape_text(shape) + ", are not a whole number of " + std::string(info.name) +
                     " blocks of " + std::to_string(info.block_elements));
  }
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(elements / info.block_elements, uint64_t{info.block_bytes}, &bytes) ||
      bytes > (uint64_t{1} << 62)) {
    return data_loss(where + ": the product of the shape " + shape_text(shape) + " overflows");
  }
  return bytes;
}

Status check_extents(std::vector<TensorExtent> extents, uint64_t data_bytes, uint64_t alignment,
                     const std::string& where) {
  std::sort(extents.begin(), extents.end(), [](const TensorExtent& a, const TensorExtent& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.name < b.name;
  });
  const auto tensor = [&](const TensorExtent& e) { return where + "tensor " + in_quotes(e.name); };
  std::string_view before;
  uint64_t expected = 0;
  for (const TensorExtent& extent : extents) {
    if (extent.offset > data_bytes || extent.bytes > data_bytes - extent.offset) {
      return data_loss(tensor(extent) + " takes " + std::to_string(extent.bytes) +
                       " bytes from offset " + std::to_string(extent.offset) +
                       ", outside the data section of " + std::to_string(data_bytes) +
                       " bytes; the file is truncated or damaged");
    }
    if (extent.offset % alignment != 0) {
      return data_loss(tensor(extent) + " has the offset " + std::to_string(extent.offset) +
                       ", not a multiple of the alignment " + std::to_string(alignment));
    }
    if (extent.offset < expected) {
      return data_loss(tensor(extent) + " at offset " + std::to_string(extent.offset) +
                       " overlaps " + in_quotes(before) + ", which ends at " +
                       std::to_string(expected));
    }
    if (extent.offset > expected) {
      return data_loss(tensor(extent) + " has the offset " + std::to_string(extent.offset) +
                       " and leaves a gap: " + std::to_string(expected) + " was expected");
    }
    expected = (extent.offset + extent.bytes + alignment - 1) / alignment * alignment;
    before = extent.name;
  }
  return ok_status();
}

}  // namespace assay
