// Hyperparameters of a checkpoint, by GGUF's keys or by those of config.json. Tested in
// model_test.cc and family_test.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/family_tables.h"

namespace assay {

// Bounds on hyperparameters: far above any model there is, low enough that products of three fit in
// 64 bits.
inline constexpr uint64_t kLayersMax = 4096;
inline constexpr uint64_t kWidthMax = 1 << 20;
inline constexpr uint64_t kVocabMax = 1 << 24;
inline constexpr uint64_t kContextMax = 1 << 28;

// A field under its name in GGUF (behind "<architecture>.") and its names in config.json, as they
// changed over time. Either may be empty: the format does not have it.
struct Field {
  std::string_view gguf;
  std::string_view config;
  std::string_view config_older = {};
  std::string_view config_oldest = {};
};

// Reads fields. Errors: NOT_FOUND, DATA_LOSS; each names the file, field and value.
class FieldReader {
 public:
  FieldReader(const Checkpoint& checkpoint, const FamilySpec& family)
      : c_(checkpoint), family_(family) {}

  bool is_gguf() const { return c_.format == CheckpointFormat::kGguf; }
  const Checkpoint& checkpoint() const { return c_; }
  // The name under which the file has the field; empty when it has not.
  std::string find(const Field& field) const;

  Result<uint32_t> count(const Field& field, uint64_t min, uint64_t max) const;
  Result<uint32_t> count_or(const Field& field, uint64_t fallback, uint64_t min,
                            uint64_t max) const;
  Result<double> real(const Field& field) const;
  Result<double> real_or(const Field& field, double fallback) const;
  Result<bool> flag_or(const Field& field, bool fallback) const;
  Result<std::string> text_or(const Field& field, std::string_view fallback) const;
  // Numbers of a list, or nothing.
  Result<std::vector<double>> reals(const Field& field) const;
  Result<std::vector<std::string>> texts(const Field& field) const;
  // Values of a small one-dimensional F32 tensor, or nothing when the file has none.
  Result<std::vector<double>> small_tensor(std::string_view name, size_t size) const;
  // UNIMPLEMENTED: "<path>: <field> = <value> is not supported; <what is>".
  Status refuse(const Field& field, std::string_view value, std::string_view supported) const;

 private:
  std::string missing(const Field& field) const;
  const Checkpoint& c_;
  const FamilySpec& family_;
};

// The scaling of rotary frequencies (none, linear, llama3, longrope) that the file asks for.
Status read_rope_scaling(const FieldReader& reader, Architecture& arch);

// Windows from layer_types, or on the layers that `by_pattern` names.
Status read_windows(const FieldReader& reader, const Field& window,
                    bool (*by_pattern)(uint32_t layer), Architecture& arch);

// All fields of the family, checked.
Result<Architecture> read_architecture(const Checkpoint& checkpoint, const FamilySpec& family);
// Checks that need the vocabulary, which is known from the embedding.
Status check_architecture(const Checkpoint& checkpoint, const Architecture& arch);

}  // namespace assay
