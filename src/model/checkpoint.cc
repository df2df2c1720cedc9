#include "model/checkpoint.h"

#include <cmath>

#include "model/byte_source.h"
#include "model/gguf.h"
#include "model/hf_folder.h"
#include "model/safetensors.h"
#include "model/tensor_rules.h"
#include "model/weight_scales.h"

namespace assay {
namespace {

// A value as an error message shows it.
struct Description {
  std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  std::string operator()(int64_t number) const { return std::to_string(number); }
  std::string operator()(uint64_t number) const { return std::to_string(number); }
  std::string operator()(double number) const { return "the number " + std::to_string(number); }
  std::string operator()(const std::string& text) const { return "the string " + in_quotes(text); }
  template <typename T>
  std::string operator()(const std::vector<T>& list) const {
    return "a list of " + std::to_string(list.size());
  }
};

Result<const MetaValue*> find_meta(const Checkpoint& checkpoint, const std::string& name) {
  const auto found = checkpoint.meta.find(name);
  if (found != checkpoint.meta.end()) return &found->second;
  std::string message = checkpoint.path + ": metadata field " + name + " is missing";
  if (checkpoint.format == CheckpointFormat::kSafetensors && checkpoint.meta.empty()) {
    message +=
        ": a .safetensors file alone does not describe its model; give the folder that holds it "
        "together with config.json";
  }
  return not_found(std::move(message));
}

Status wrong_type(const Checkpoint& checkpoint, const std::string& name, const MetaValue& value,
                  std::string_view expected) {
  return data_loss(checkpoint.path + ": metadata field " + name + " is " +
                   std::visit(Description{}, value) + ", not " + std::string(expected));
}

// What a file that is neither GGUF nor safetensors is, as far as its first bytes tell.
Status unknown_format(const std::string& path, ByteSpan head) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  const std::string what = path + ": not a GGUF or safetensors file";
  if (text.starts_with("PK\x03\x04") || text.starts_with("\x80\x02")) {
    return unimplemented(what +
                         " but a PyTorch pickle, which can run code when it is read; convert it "
                         "to safetensors");
  }
  for (const std::string_view old : {"tjgg", "fmgg", "lmgg", "algg"}) {
    if (text.starts_with(old)) {
      return unimplemented(what + " but a GGML file from before GGUF; convert it to GGUF");
    }
  }
  if (text.starts_with("version https://git-lfs")) {
    return data_loss(what + " but a git-lfs pointer: the weights themselves were not fetched");
  }
  return data_loss(what + "; it starts with " + in_quotes(text));
}

Result<Checkpoint> open_file(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(auto file, ReadFile::open(path));
  if (file->size() == 0) return data_loss(path + ": the file is empty");
  Bytes head(static_cast<size_t>(std::min<uint64_t>(file->size(), 32)));
  ASSAY_RETURN_IF_ERROR(file->read_at(0, head));
  Checkpoint checkpoint;
  checkpoint.path = path;
  const FileSource source(file);
  const ByteSpan magic = ByteSpan(head).first(std::min<size_t>(head.size(), 4));
  if (std::string_view(reinterpret_cast<const char*>(magic.data()), magic.size()) == "GGUF") {
    ASSAY_ASSIGN_OR_RETURN(GgufHeader header, parse_gguf(source));
    checkpoint.format = CheckpointFormat::kGguf;
    checkpoint.gguf_version = header.version;
    checkpoint.meta = std::move(header.meta);
    checkpoint.tensors = std::move(header.tensors);
  } else if (looks_like_safetensors(head)) {
    checkpoint.format = CheckpointFormat::kSafetensors;
    ASSAY_ASSIGN_OR_RETURN(checkpoint.tensors, parse_safetensors(source));
  } else {
    return unknown_format(path, head);
  }
  checkpoint.files.push_back(std::move(file));
  return checkpoint;
}

}  // namespace

uint64_t TensorInfo::elements() const {
  uint64_t product = 1;
  for (const uint64_t size : shape) product *= size;
  return product;
}

Result<uint64_t> Checkpoint::meta_uint(const std::string& name, uint64_t min, uint64_t max) const {
  ASSAY_ASSIGN_OR_RETURN(const MetaValue* value, find_meta(*this, name));
  uint64_t number = 0;
  if (const uint64_t* natural = std::get_if<uint64_t>(value)) {
    number = *natural;
  } else if (const int64_t* integer = std::get_if<int64_t>(value); integer && *integer >= 0) {
    number = static_cast<uint64_t>(*integer);
  } else {
    return wrong_type(*this, name, *value, "an unsigned integer");
  }
  if (number < min || number > max) {
    return data_loss(path + ": metadata field " + name + " is " + std::to_string(number) +
                     ", outside [" + std::to_string(min) + ", " + std::to_string(max) + "]");
  }
  return number;
}

Result<double> Checkpoint::meta_double(const std::string& name) const {
  ASSAY_ASSIGN_OR_RETURN(const MetaValue* value, find_meta(*this, name));
  if (const uint64_t* natural = std::get_if<uint64_t>(value)) return static_cast<double>(*natural);
  if (const int64_t* integer = std::get_if<int64_t>(value)) return static_cast<double>(*integer);
  const double* number = std::get_if<double>(value);
  if (number == nullptr || !std::isfinite(*number)) {
    return wrong_type(*this, name, *value, "a finite number");
  }
  return *number;
}

Result<std::string> Checkpoint::meta_string(const std::string& name) const {
  ASSAY_ASSIGN_OR_RETURN(const MetaValue* value, find_meta(*this, name));
  const std::string* text = std::get_if<std::string>(value);
  if (text == nullptr) return wrong_type(*this, name, *value, "a string");
  return *text;
}

Result<const TensorInfo*> Checkpoint::tensor(const std::string& name) const {
  const auto found = tensors.find(name);
  if (found == tensors.end())
    return not_found(path + ": tensor " + in_quotes(name) + " is missing");
  return &found->second;
}

Result<Checkpoint> open_checkpoint(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(Checkpoint checkpoint,
                         is_directory(path) ? open_hf_folder(path) : open_file(path));
  if (checkpoint.format == CheckpointFormat::kSafetensors) {
    ASSAY_RETURN_IF_ERROR(bind_scales(checkpoint));
  }
  return checkpoint;
}

}  // namespace assay
