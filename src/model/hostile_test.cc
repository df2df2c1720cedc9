// Hostile weight files: each case is a file that lies about one thing. It must be refused with the
// right code and a message that names the file, the field and the value, and reading it must not
// allocate more than a small bound, whatever counts it claims.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "base/file.h"
#include "model/byte_source.h"
#include "model/checkpoint.h"
#include "model/gguf.h"
#include "model/gguf_types.h"
#include "model/heap_meter.h"
#include "model/safetensors.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kHeapBytesMax = 2 << 20;
constexpr uint64_t kHuge = uint64_t{1} << 63;

std::string scratch(const std::string& name) {
  const std::string folder =
      (std::filesystem::temp_directory_path() / ("assay_hostile_" + std::to_string(::getpid())))
          .string();
  std::filesystem::create_directories(folder);
  return folder + "/" + name;
}

void write_bytes(const std::string& path, ByteSpan bytes) {
  const Status status = write_file_atomically(path, bytes, {.sync = false});
  ASSERT_TRUE(status.ok()) << status.message();
}

// Builds GGUF files field by field; what is not overridden is right.
struct Gguf {
  uint32_t version = 3;
  std::optional<uint64_t> tensor_count;
  std::optional<uint64_t> pair_count;
  size_t data_bytes = 256;
  uint64_t alignment = 32;
  Bytes pairs;
  Bytes tensors;
  uint64_t pairs_added = 0;
  uint64_t tensors_added = 0;

  void put_length(Bytes& out, uint64_t value) const {
    version == 1 ? append_le(out, static_cast<uint32_t>(value)) : append_le(out, value);
  }
  void put_string(Bytes& out, std::string_view text) const {
    put_length(out, text.size());
    append_bytes(out, as_bytes(text));
  }
  // A key and a type; the value follows in raw bytes.
  Gguf& pair(std::string_view key, uint32_t type, const Bytes& value) {
    put_string(pairs, key);
    append_le(pairs, type);
    append_bytes(pairs, value);
    ++pairs_added;
    return *this;
  }
  Gguf& u32(std::string_view key, uint32_t value) {
    Bytes bytes;
    append_le(bytes, value);
    return pair(key, 4, bytes);
  }
  Gguf& text(std::string_view key, std::string_view value) {
    Bytes bytes;
    put_string(bytes, value);
    return pair(key, 8, bytes);
  }
  // An array of count elements of which only these bytes are there.
  Gguf& array(std::string_view key, uint32_t type, uint64_t count, const Bytes& elements) {
    Bytes bytes;
    append_le(bytes, type);
    put_length(bytes, count);
    append_bytes(bytes, elements);
    return pair(key, 9, bytes);
  }
  // dims as the format has them: innermost first.
  Gguf& tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type,
               uint64_t offset) {
    put_string(tensors, name);
    append_le(tensors, static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) put_length(tensors, dim);
    append_le(tensors, type);
    append_le(tensors, offset);
    ++tensors_added;
    return *this;
  }
  Bytes build() const {
    Bytes out;
    append_bytes(out, as_bytes("GGUF"));
    append_le(out, version);
    put_length(out, tensor_count.value_or(tensors_added));
    put_length(out, pair_count.value_or(pairs_added));
    append_bytes(out, pairs);
    append_bytes(out, tensors);
    out.resize((out.size() + alignment - 1) / alignment * alignment + data_bytes);
    return out;
  }
};

// Two pairs and two tensors: 32 f32 at 0, one Q8_0 row of 64 (68 bytes) at 128.
Gguf valid_gguf(uint32_t version = 3) {
  Gguf file;
  file.version = version;
  file.text("general.architecture", "llama").u32("llama.block_count", 1);
  file.tensor("a.weight", {8, 4}, 0, 0).tensor("b.weight", {64}, 8, 128);
  file.data_bytes = 128 + 68;
  return file;
}

Bytes safetensors(std::string_view header, size_t data_bytes) {
  Bytes out;
  append_le(out, uint64_t{header.size()});
  append_bytes(out, as_bytes(header));
  out.resize(out.size() + data_bytes);
  return out;
}

// One entry of 16 f32 with one field replaced by text.
Bytes one_tensor(const std::string& dtype, const std::string& shape, const std::string& offsets,
                 size_t data_bytes = 64) {
  return safetensors(
      R"({"w":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}",
      data_bytes);
}

std::string repeated(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

struct Case {
  std::string name;
  std::function<Bytes()> file;
  Code code;
  std::vector<std::string> message;  // parts that it must contain, beside the path
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// Opens path; the heap may grow by no more than the bound meanwhile.
Status open_bounded(const std::string& path) {
  const HeapMeter heap;
  const Status status = open_checkpoint(path).status();
  EXPECT_LT(heap.peak_growth(), kHeapBytesMax) << path;
  return status;
}

class HostileFile : public ::testing::TestWithParam<Case> {};

TEST_P(HostileFile, IsRefused) {
  const Case& c = GetParam();
  const std::string path = scratch(c.name);
  write_bytes(path, c.file());
  const Status status = open_bounded(path);
  EXPECT_EQ(code_name(status.code()), code_name(c.code)) << status.message();
  EXPECT_THAT(status.message(), HasSubstr(path));
  for (const std::string& part : c.message) EXPECT_THAT(status.message(), HasSubstr(part));
  EXPECT_LT(status.message().size(), 1000u) << "an error is one readable line";
  std::filesystem::remove(path);
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

constexpr Code kLies = Code::kDataLoss;
constexpr Code kNotBuilt = Code::kUnimplemented;

const std::vector<Case> kGgufCases = {
    {"EmptyFile", [] { return Bytes{}; }, kLies, {"empty"}},
    {"MagicOnly", [] { return Bytes{'G', 'G', 'U', 'F'}; }, kLies, {"version", "truncated"}},
    {"UnknownMagic", [] { return Bytes(64, 'x'); }, kLies, {"not a GGUF or safetensors", "xxx"}},
    {"OldGgml",
     [] {
       Bytes out(64, 0);
       std::copy_n("tjgg", 4, out.begin());
       return out;
     },
     kNotBuilt,
     {"before GGUF"}},
    {"PyTorchPickle",
     [] {
       Bytes out(64, 0);
       std::copy_n("PK\x03\x04", 4, out.begin());
       return out;
     },
     kNotBuilt,
     {"pickle", "safetensors"}},
    {"GitLfsPointer",
     [] {
       const ByteSpan text = as_bytes("version https://git-lfs.github.com/spec/v1\n");
       return Bytes(text.begin(), text.end());
     },
     kLies,
     {"git-lfs"}},
    {"BigEndian",
     [] {
       Gguf file = valid_gguf();
       file.version = 0x03000000;
       return file.build();
     },
     kNotBuilt,
     {"big-endian"}},
    {"Version0",
     [] {
       Gguf file = valid_gguf();
       file.version = 0;
       return file.build();
     },
     kLies,
     {"version", "0"}},
    {"Version4",
     [] {
       Gguf file = valid_gguf();
       file.version = 4;
       return file.build();
     },
     kNotBuilt,
     {"version 4", "1 to 3"}},
    {"TensorCountHuge",
     [] {
       Gguf file = valid_gguf();
       file.tensor_count = kHuge;
       return file.build();
     },
     kLies,
     {"tensor count", "9223372036854775808", "limit"}},
    {"TensorCountBeyondFile",
     [] {
       Gguf file = valid_gguf();
       file.tensor_count = 200000;
       return file.build();
     },
     kLies,
     {"tensor count", "200000", "do not fit"}},
    {"TensorCountTooSmallLeavesHeaderAsData",
     [] {
       Gguf file = valid_gguf();
       file.tensor_count = 3;
       return file.build();
     },
     kLies,
     {"tensor 2"}},
    {"PairCountHuge",
     [] {
       Gguf file = valid_gguf();
       file.pair_count = kHuge;
       return file.build();
     },
     kLies,
     {"metadata count", "9223372036854775808"}},
    {"PairCountV1Huge",
     [] {
       Gguf file = valid_gguf(1);
       file.pair_count = 0xFFFFFFFF;
       return file.build();
     },
     kLies,
     {"metadata count", "4294967295"}},
    {"KeyLengthHuge",
     [] {
       Gguf file;
       append_le(file.pairs, kHuge);
       file.pairs.resize(64);
       file.pairs_added = 1;
       return file.build();
     },
     kLies,
     {"key of metadata pair 0", "9223372036854775808"}},
    {"KeyEmpty",
     [] { return Gguf{}.u32("", 1).build(); },
     kLies,
     {"key of metadata pair 0", "empty"}},
    {"KeyNotUtf8",
     [] { return Gguf{}.u32("a\xC0\xAF", 1).build(); },
     kLies,
     {"\"a\\xc0\\xaf\"", "UTF-8"}},
    {"KeyWithNul",
     [] { return Gguf{}.u32(std::string_view("a\0b", 3), 1).build(); },
     kLies,
     {"\"a\\x00b\"", "control character"}},
    {"KeyLongerThanTheFormatAllows",
     [] { return Gguf{}.u32(std::string(70000, 'k'), 1).build(); },
     kLies,
     {"70000", "65535"}},
    {"KeyTwice",
     [] { return Gguf{}.u32("x.y", 1).u32("x.y", 1).build(); },
     kLies,
     {"\"x.y\"", "twice"}},
    {"StringBeyondFile",
     [] {
       Bytes value;
       append_le(value, uint64_t{100000});
       return Gguf{}.pair("general.name", 8, value).build();
     },
     kLies,
     {"\"general.name\"", "100000"}},
    {"ValueTypeUnknown",
     [] { return Gguf{}.pair("x", 13, Bytes(8)).build(); },
     kLies,
     {"\"x\"", "unknown value type 13"}},
    {"BoolOfValue2",
     [] { return Gguf{}.pair("x", 7, Bytes{2}).build(); },
     kLies,
     {"\"x\"", "bool", "2"}},
    {"ArrayElementTypeUnknown",
     [] { return Gguf{}.array("x", 99, 1, Bytes(8)).build(); },
     kLies,
     {"\"x\"", "unknown value type 99"}},
    {"ArrayCountHuge",
     [] { return Gguf{}.array("tokenizer.ggml.tokens", 8, kHuge, {}).build(); },
     kLies,
     {"\"tokenizer.ggml.tokens\"", "9223372036854775808"}},
    {"ArrayCountBeyondFile",
     [] { return Gguf{}.array("x", 4, 1000, {}).build(); },
     kLies,
     {"\"x\"", "1000 do not fit"}},
    {"ArrayOfEmptyStringsBeyondFile",
     [] { return Gguf{}.array("x", 8, 1 << 20, Bytes(64)).build(); },
     kLies,
     {"\"x\"", "1048576 do not fit"}},
    {"ArrayOfU64AboveSigned",
     [] { return Gguf{}.array("x", 10, 1, Bytes(8, 0xFF)).build(); },
     kLies,
     {"\"x\"", "18446744073709551615"}},
    {"ArrayNested",
     [] {
       Bytes inner;
       append_le(inner, uint32_t{4});
       append_le(inner, uint64_t{0});
       return Gguf{}.array("x", 9, 1, inner).build();
     },
     kNotBuilt,
     {"\"x\"", "arrays of arrays"}},
    {"ArrayNested100000Deep",
     [] {
       Bytes inner;
       for (int i = 0; i < 100000; ++i) {
         append_le(inner, uint32_t{9});
         append_le(inner, uint64_t{1});
       }
       return Gguf{}.array("x", 9, 1, inner).build();
     },
     kNotBuilt,
     {"\"x\"", "arrays of arrays"}},
    {"AlignmentZero",
     [] { return valid_gguf().u32("general.alignment", 0).build(); },
     kLies,
     {"general.alignment", "0 is not a power of two"}},
    {"AlignmentNotPowerOfTwo",
     [] { return valid_gguf().u32("general.alignment", 48).build(); },
     kLies,
     {"general.alignment", "48"}},
    {"AlignmentHuge",
     [] { return valid_gguf().u32("general.alignment", 0x80000000).build(); },
     kLies,
     {"general.alignment", "2147483648"}},
    {"AlignmentIsString",
     [] { return valid_gguf().text("general.alignment", "32").build(); },
     kLies,
     {"general.alignment", "not an unsigned integer"}},
    {"SplitFile",
     [] { return valid_gguf().u32("split.count", 3).build(); },
     kNotBuilt,
     {"one of 3 parts", "merge"}},
    {"TensorNameEmpty",
     [] { return Gguf{}.tensor("", {8}, 0, 0).build(); },
     kLies,
     {"tensor 0, name", "empty"}},
    {"TensorNameNotUtf8",
     [] { return Gguf{}.tensor("w\xFF", {8}, 0, 0).build(); },
     kLies,
     {"\"w\\xff\"", "UTF-8"}},
    {"TensorNameLong",
     [] { return Gguf{}.tensor(std::string(300, 'n'), {8}, 0, 0).build(); },
     kLies,
     {"300 bytes", "256"}},
    {"TensorNameLengthHuge",
     [] {
       Gguf file;
       append_le(file.tensors, ~uint64_t{0});
       file.tensors.resize(64);
       file.tensors_added = 1;
       return file.build();
     },
     kLies,
     {"tensor 0, name", "18446744073709551615"}},
    {"TensorTwice",
     [] { return Gguf{}.tensor("w", {8}, 0, 0).tensor("w", {8}, 0, 32).build(); },
     kLies,
     {"\"w\"", "twice"}},
    {"ZeroDimensions",
     [] { return Gguf{}.tensor("w", {}, 0, 0).build(); },
     kLies,
     {"\"w\"", "0 dimensions"}},
    {"FiveDimensions",
     [] { return Gguf{}.tensor("w", {1, 1, 1, 1, 1}, 0, 0).build(); },
     kLies,
     {"\"w\"", "5 dimensions", "1 to 4"}},
    {"DimensionZero",
     [] { return Gguf{}.tensor("w", {8, 0}, 0, 0).build(); },
     kLies,
     {"\"w\"", "[0, 8]", "zero"}},
    {"ShapeOverflows",
     [] { return Gguf{}.tensor("w", {uint64_t{1} << 33, uint64_t{1} << 33}, 0, 0).build(); },
     kLies,
     {"\"w\"", "overflows"}},
    {"ShapeOverflowsToSmall",
     [] { return Gguf{}.tensor("w", {kHuge, 2, 3}, 0, 0).build(); },
     kLies,
     {"\"w\"", "overflows"}},
    {"BytesOverflow",
     [] { return Gguf{}.tensor("w", {uint64_t{1} << 62}, 0, 0).build(); },
     kLies,
     {"\"w\"", "overflows"}},
    {"RowNotWholeBlocks",
     [] { return Gguf{}.tensor("w", {40, 2}, 8, 0).build(); },
     kLies,
     {"\"w\"", "rows of 40", "Q8_0", "32"}},
    {"TypeNotDecoded",
     [] { return Gguf{}.tensor("w", {256}, 16, 0).build(); },
     kNotBuilt,
     {"\"w\"", "IQ2_XXS", "supported are F32"}},
    {"TypeUnknown",
     [] { return Gguf{}.tensor("w", {256}, 4000, 0).build(); },
     kNotBuilt,
     {"\"w\"", "type 4000"}},
    {"OffsetMisaligned",
     [] { return Gguf{}.tensor("w", {8}, 0, 4).build(); },
     kLies,
     {"\"w\"", "4, not a multiple of the alignment 32"}},
    {"OffsetHuge",
     [] { return Gguf{}.tensor("w", {8}, 0, ~uint64_t{31}).build(); },
     kLies,
     {"\"w\"", "18446744073709551584", "outside"}},
    {"TensorsOverlap",
     [] { return Gguf{}.tensor("v", {16}, 0, 0).tensor("w", {8}, 0, 32).build(); },
     kLies,
     {"\"w\"", "overlaps \"v\"", "64"}},
    {"TensorsShareBytes",
     [] { return Gguf{}.tensor("v", {8}, 0, 0).tensor("w", {8}, 0, 0).build(); },
     kLies,
     {"\"w\"", "overlaps \"v\""}},
    {"GapBetweenTensors",
     [] { return Gguf{}.tensor("v", {8}, 0, 0).tensor("w", {8}, 0, 96).build(); },
     kLies,
     {"\"w\"", "gap", "32 was expected"}},
    {"TensorBeyondFile",
     [] { return Gguf{}.tensor("w", {8, 1000}, 0, 0).build(); },
     kLies,
     {"\"w\"", "32000 bytes", "256"}},
    {"OneByteShort",
     [] {
       Bytes out = valid_gguf().build();
       out.pop_back();
       return out;
     },
     kLies,
     {"\"b.weight\"", "truncated"}},
};
INSTANTIATE_TEST_SUITE_P(Gguf, HostileFile, ::testing::ValuesIn(kGgufCases), case_name);

// The lies that concern blocks, for every type that has them.
std::vector<Case> block_cases() {
  std::vector<Case> cases;
  for (const DType type : kAllDTypes) {
    const DTypeInfo& info = dtype_info(type);
    const std::optional<uint32_t> number = ggml_type_of(type);
    if (!number || info.block_elements == 1) continue;
    const std::string name(info.name);
    const uint64_t half = info.block_elements / 2;
    const std::string blocks = name + " blocks of " + std::to_string(info.block_elements);
    cases.push_back({"HalfABlock_" + name,
                     [=] { return Gguf{}.tensor("w", {half, 2}, *number, 0).build(); },
                     kLies,
                     {"\"w\"", "rows of " + std::to_string(half), "[2, ", blocks}});
    cases.push_back({"OneBlockAndOneElement_" + name,
                     [=] { return Gguf{}.tensor("w", {2 * half + 1}, *number, 0).build(); },
                     kLies,
                     {"\"w\"", "rows of " + std::to_string(2 * half + 1), blocks}});
    cases.push_back({"OneByteShort_" + name,
                     [=] {
                       Gguf file;
                       file.data_bytes = 3 * info.block_bytes - 1;
                       return file.tensor("w", {2 * half, 3}, *number, 0).build();
                     },
                     kLies,
                     {"\"w\"", std::to_string(3 * info.block_bytes) + " bytes", "truncated"}});
    cases.push_back(
        {"BytesOverflow_" + name,
         [=] { return Gguf{}.tensor("w", {2 * half, uint64_t{1} << 58}, *number, 0).build(); },
         kLies,
         {"\"w\""}});
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Blocks, HostileFile, ::testing::ValuesIn(block_cases()), case_name);

const std::vector<Case> kSafetensorsCases = {
    {"HeaderLengthHuge",
     [] {
       Bytes out = one_tensor("\"F32\"", "[16]", "[0,64]");
       store_le(out.data(), kHuge);
       return out;
     },
     kLies,
     {"not a GGUF or safetensors"}},
    {"HeaderLengthBeyondFile",
     [] {
       Bytes out = one_tensor("\"F32\"", "[16]", "[0,64]");
       store_le(out.data(), uint64_t{1} << 40);
       return out;
     },
     kLies,
     {"header length 1099511627776", "bytes that follow"}},
    {"HeaderIsArray", [] { return safetensors("[]", 0); }, kLies, {"not a GGUF or safetensors"}},
    {"HeaderNotJson", [] { return safetensors("{not json}", 0); }, kLies, {"not valid JSON"}},
    {"HeaderCutInString",
     [] { return safetensors("{\"w", 0); },
     kLies,
     {"not valid JSON", "ends inside a string"}},
    {"HeaderTrailingText", [] { return safetensors("{} {}", 0); }, kLies, {"text follows"}},
    {"HeaderNotUtf8",
     [] { return safetensors("{\"w\xFF\":{}}", 0); },
     kLies,
     {"key", "not valid JSON"}},
    {"Depth100000",
     [] { return safetensors("{\"w\":" + repeated("[", 100000) + repeated("]", 100000) + "}", 0); },
     kLies,
     {"nested deeper than 16"}},
    {"Depth100000Objects",
     [] { return safetensors(repeated("{\"a\":", 100000) + repeated("}", 100000), 0); },
     kLies,
     {"nested deeper than 16"}},
    {"EntryTooLong",
     [] { return one_tensor("\"F32\"", "[" + repeated("1,", 4000) + "16]", "[0,64]"); },
     kLies,
     {"\"w\"", "at most"}},
    {"TensorTwice",
     [] {
       const std::string entry = R"("w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]})";
       return safetensors("{" + entry + "," + entry + "}", 16);
     },
     kLies,
     {"\"w\"", "twice"}},
    {"TensorTwiceByEscape",
     [] {
       const std::string entry = R"(:{"dtype":"F32","shape":[4],"data_offsets":[0,16]})";
       return safetensors("{\"w\"" + entry + ",\"\\u0077\"" + entry + "}", 16);
     },
     kLies,
     {"\"w\"", "twice"}},
    {"FieldTwice",
     [] {
       return safetensors(
           R"({"w":{"dtype":"F32","dtype":"F16","shape":[16],"data_offsets":[0,64]}})", 64);
     },
     kLies,
     {"\"w\"", "\"dtype\" appears twice"}},
    {"FieldMissing",
     [] { return safetensors(R"({"w":{"dtype":"F32","shape":[16]}})", 64); },
     kLies,
     {"\"w\"", "data_offsets is missing"}},
    {"FieldUnknown",
     [] {
       return safetensors(R"({"w":{"dtype":"F32","shape":[16],"data_offsets":[0,64],"z":0}})", 64);
     },
     kLies,
     {"\"w\"", "more fields"}},
    {"EntryIsNumber", [] { return safetensors(R"({"w":1})", 0); }, kLies, {"\"w\"", "object"}},
    {"NameEmpty",
     [] { return safetensors(R"({"":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}})", 64); },
     kLies,
     {"tensor name", "empty"}},
    {"NameWithControlCharacter",
     [] {
       return safetensors(R"({"a\u0000b":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}})", 64);
     },
     kLies,
     {"a\\x00b", "control character"}},
    {"MetadataNotStrings",
     [] { return safetensors(R"({"__metadata__":{"format":1}})", 0); },
     kLies,
     {"__metadata__", "\"format\" is not a string"}},
    {"MetadataIsList",
     [] { return safetensors(R"({"__metadata__":[]})", 0); },
     kLies,
     {"__metadata__", "object"}},
    {"DtypeUnknown",
     [] { return one_tensor("\"F33\"", "[16]", "[0,64]"); },
     kNotBuilt,
     {"\"w\"", "\"F33\"", "supported are F32"}},
    {"DtypeNotDecoded",
     [] { return one_tensor("\"I64\"", "[8]", "[0,64]"); },
     kNotBuilt,
     {"\"w\"", "I64", "supported are F32"}},
    {"EightBitShapeDisagreesWithBytes",
     [] { return one_tensor("\"F8_E4M3\"", "[16]", "[0,64]"); },
     kLies,
     {"\"w\"", "[16] of F8_E4M3 needs 16"}},
    {"DtypeIsNumber",
     [] { return one_tensor("32", "[16]", "[0,64]"); },
     kLies,
     {"\"w\", dtype", "32"}},
    {"ShapeNegative",
     [] { return one_tensor("\"F32\"", "[-16]", "[0,64]"); },
     kLies,
     {"\"w\", shape", "-16"}},
    {"ShapeFloat",
     [] { return one_tensor("\"F32\"", "[16.0]", "[0,64]"); },
     kLies,
     {"\"w\", shape", "16.0"}},
    {"ShapeString",
     [] { return one_tensor("\"F32\"", "[\"16\"]", "[0,64]"); },
     kLies,
     {"\"w\", shape", "\"16\""}},
    {"ShapeAbove64Bits",
     [] { return one_tensor("\"F32\"", "[18446744073709551617]", "[0,64]"); },
     kLies,
     {"\"w\", shape"}},
    {"ShapeNotArray",
     [] { return one_tensor("\"F32\"", "16", "[0,64]"); },
     kLies,
     {"\"w\", shape", "not an array"}},
    {"ShapeFiveDimensions",
     [] { return one_tensor("\"F32\"", "[1,1,1,1,16]", "[0,64]"); },
     kLies,
     {"\"w\", shape", "5 dimensions"}},
    {"ShapeZero",
     [] { return one_tensor("\"F32\"", "[0]", "[0,0]", 0); },
     kLies,
     {"\"w\"", "[0]", "zero"}},
    {"ShapeOverflows",
     [] { return one_tensor("\"F32\"", "[4294967296,4294967296,16]", "[0,64]"); },
     kLies,
     {"\"w\"", "overflows"}},
    {"ShapeDisagreesWithBytes",
     [] { return one_tensor("\"F32\"", "[15]", "[0,64]"); },
     kLies,
     {"\"w\"", "span 64 bytes", "[15] of F32 needs 60"}},
    {"OffsetsReversed",
     [] { return one_tensor("\"F32\"", "[16]", "[64,0]"); },
     kLies,
     {"\"w\", data_offsets", "[64, 0] is reversed"}},
    {"OffsetsNegative",
     [] { return one_tensor("\"F32\"", "[16]", "[-64,0]"); },
     kLies,
     {"\"w\", data_offsets", "-64"}},
    {"OffsetsFloat",
     [] { return one_tensor("\"F32\"", "[16]", "[0,64.5]"); },
     kLies,
     {"\"w\", data_offsets", "64.5"}},
    {"OffsetsThree",
     [] { return one_tensor("\"F32\"", "[16]", "[0,64,64]"); },
     kLies,
     {"\"w\", data_offsets", "two numbers"}},
    {"OffsetsBeyondFile",
     [] { return one_tensor("\"F32\"", "[16]", "[64,128]"); },
     kLies,
     {"\"w\"", "outside the data section of 64"}},
    {"OffsetsHuge",
     [] { return one_tensor("\"F32\"", "[16]", "[18446744073709551551,18446744073709551615]"); },
     kLies,
     {"\"w\"", "18446744073709551551", "outside"}},
    {"GapBeforeFirst",
     [] { return one_tensor("\"F32\"", "[16]", "[4,68]", 68); },
     kLies,
     {"\"w\"", "gap"}},
    {"BytesAfterLast",
     [] { return one_tensor("\"F32\"", "[16]", "[0,64]", 65); },
     kLies,
     {"1 bytes after the last tensor"}},
    {"TensorsOverlap",
     [] {
       return safetensors(R"({"v":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},)"
                          R"("w":{"dtype":"F32","shape":[8],"data_offsets":[28,60]}})",
                          60);
     },
     kLies,
     {"\"w\"", "overlaps \"v\""}},
    {"NonWeightBufferLies",
     [] {
       return safetensors(R"({"h.0.attn.bias":{"dtype":"U8","shape":[8],"data_offsets":[0,64]}})",
                          64);
     },
     kLies,
     {"\"h.0.attn.bias\"", "needs 8"}},
};
INSTANTIATE_TEST_SUITE_P(Safetensors, HostileFile, ::testing::ValuesIn(kSafetensorsCases),
                         case_name);

struct FolderCase {
  std::string name;
  std::vector<std::pair<std::string, Bytes>> files;
  Code code;
  std::vector<std::string> message;
};
void PrintTo(const FolderCase& c, std::ostream* out) { *out << c.name; }

Bytes text(std::string_view content) { return {content.begin(), content.end()}; }
Bytes shard(const std::string& tensor) {
  return safetensors("{\"" + tensor + R"(":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})",
                     16);
}
const Bytes kConfig = text(R"({"model_type":"llama"})");
constexpr const char* kIndex = "model.safetensors.index.json";

class HostileFolder : public ::testing::TestWithParam<FolderCase> {};

TEST_P(HostileFolder, IsRefused) {
  const FolderCase& c = GetParam();
  const std::string path = scratch("folder_" + c.name);
  std::filesystem::create_directories(path);
  for (const auto& [name, bytes] : c.files) write_bytes(path + "/" + name, bytes);
  const Status status = open_bounded(path);
  EXPECT_EQ(code_name(status.code()), code_name(c.code)) << status.message();
  EXPECT_THAT(status.message(), HasSubstr(path));
  for (const std::string& part : c.message) EXPECT_THAT(status.message(), HasSubstr(part));
  std::filesystem::remove_all(path);
}

FolderCase index_case(const std::string& name, const std::string& index,
                      std::vector<std::string> message) {
  return {name, {{"config.json", kConfig}, {kIndex, text(index)}}, kLies, std::move(message)};
}

const std::vector<FolderCase> kFolderCases = {
    {"Empty", {}, Code::kNotFound, {"config.json"}},
    {"NoWeights", {{"config.json", kConfig}}, Code::kNotFound, {"no weights", ".safetensors"}},
    {"ConfigIsList",
     {{"config.json", text("[1]")}, {"model.safetensors", shard("w")}},
     kLies,
     {"config.json", "object"}},
    {"ConfigEmpty", {{"config.json", {}}}, kLies, {"config.json", "object"}},
    {"ConfigKeyTwice",
     {{"config.json", text(R"({"a":1,"a":2})")}},
     kLies,
     {"config.json", "\"a\" appears twice"}},
    {"ConfigDottedKeyTwice",
     {{"config.json", text(R"({"a.b":1,"a":{"b":2}})")}},
     kLies,
     {"config.json", "\"a.b\" is given twice"}},
    {"ConfigBadNumber",
     {{"config.json", text(R"({"a":01})")}},
     kLies,
     {"config.json, \"a\"", "not valid JSON"}},
    {"ConfigDeep",
     {{"config.json", text(repeated("{\"a\":", 100000))}},
     kLies,
     {"config.json", "nested deeper"}},
    {"ConfigTooLarge",
     {{"config.json", Bytes((1 << 20) + 1, ' ')}},
     Code::kResourceExhausted,
     {"config.json", "at most"}},
    {"TwoWeightFilesNoIndex",
     {{"config.json", kConfig}, {"a.safetensors", shard("v")}, {"b.safetensors", shard("w")}},
     kLies,
     {"2 .safetensors files", kIndex}},
    {"SingleAndIndex",
     {{"config.json", kConfig}, {"model.safetensors", shard("w")}, {kIndex, text("{}")}},
     kLies,
     {"ambiguous"}},
    index_case("IndexPathTraversal", R"({"weight_map":{"w":"../../etc/passwd"}})",
               {"\"w\"", "\"../../etc/passwd\"", "not a plain file name"}),
    index_case("IndexAbsolutePath", R"({"weight_map":{"w":"/etc/passwd"}})",
               {"\"/etc/passwd\"", "not a plain file name"}),
    index_case("IndexBackslash", R"({"weight_map":{"w":"..\\w.safetensors"}})",
               {"not a plain file name"}),
    index_case("IndexDotFile", R"({"weight_map":{"w":"..safetensors"}})",
               {"not a plain file name"}),
    index_case("IndexOtherKindOfFile", R"({"weight_map":{"w":"config.json"}})",
               {"\"config.json\"", "does not end in .safetensors"}),
    index_case("IndexNulInName", R"({"weight_map":{"w":"a\u0000.safetensors"}})",
               {"control character"}),
    index_case("IndexValueIsNumber", R"({"weight_map":{"w":1}})", {"\"w\"", "not a string"}),
    index_case("IndexWithoutMap", R"({"metadata":{}})", {kIndex, "weight_map is missing"}),
    index_case("IndexMapEmpty", R"({"weight_map":{}})", {kIndex, "weight_map is empty"}),
    index_case("IndexTensorTwice", R"({"weight_map":{"w":"a.safetensors","w":"b.safetensors"}})",
               {kIndex, "\"w\"", "twice"}),
    {"ShardMissing",
     {{"config.json", kConfig}, {kIndex, text(R"({"weight_map":{"w":"a.safetensors"}})")}},
     Code::kNotFound,
     {kIndex, "a.safetensors"}},
    {"ShardLacksTensor",
     {{"config.json", kConfig},
      {kIndex, text(R"({"weight_map":{"v":"a.safetensors","w":"a.safetensors"}})")},
      {"a.safetensors", shard("v")}},
     kLies,
     {"a.safetensors", "\"w\" is missing"}},
    {"ShardHasUnlistedTensor",
     {{"config.json", kConfig},
      {kIndex, text(R"({"weight_map":{"v":"a.safetensors","w":"b.safetensors"}})")},
      {"a.safetensors", shard("v")},
      {"b.safetensors", shard("x")}},
     kLies,
     {"b.safetensors", "\"x\"", "not in"}},
    {"TensorInTheOtherShard",
     {{"config.json", kConfig},
      {kIndex, text(R"({"weight_map":{"v":"b.safetensors","w":"a.safetensors"}})")},
      {"a.safetensors", shard("v")},
      {"b.safetensors", shard("w")}},
     kLies,
     {"a.safetensors", "\"v\"", "placed in b.safetensors"}},
    {"TensorInTwoShards",
     {{"config.json", kConfig},
      {kIndex, text(R"({"weight_map":{"v":"a.safetensors","w":"b.safetensors"}})")},
      {"a.safetensors", shard("v")},
      {"b.safetensors", shard("v")}},
     kLies,
     {"b.safetensors", "\"v\"", "also in"}},
    {"ShardIsGguf",
     {{"config.json", kConfig}, {"model.safetensors", valid_gguf().build()}},
     kLies,
     {"model.safetensors", "header length"}},
};
INSTANTIATE_TEST_SUITE_P(Folder, HostileFolder, ::testing::ValuesIn(kFolderCases),
                         [](const auto& param) { return param.param.name; });

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Without this the bounds in hostile_test.cc could pass by measuring nothing.
TEST(HeapMeter, SeesAPeakThatIsGone) {
  const HeapMeter meter;
  std::vector<char>(1 << 20, 'x').clear();
  EXPECT_GE(meter.peak_growth(), 1 << 20);
  EXPECT_LT(meter.peak_growth(), 2 << 20);
}
#endif

TEST(Hostile, WhatIsNotARegularFile) {
  EXPECT_EQ(open_bounded("/dev/zero").code(), Code::kInvalidArgument);
  EXPECT_EQ(open_bounded(scratch("absent")).code(), Code::kNotFound);
  const std::string fifo = scratch("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const Status status = open_bounded(fifo);  // would hang if it waited for a writer
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(fifo));
  // The same inside a folder, where the model's file should be.
  const std::string folder = scratch("fifo_folder");
  std::filesystem::create_directories(folder);
  write_bytes(folder + "/config.json", kConfig);
  ASSERT_EQ(::mkfifo((folder + "/model.safetensors").c_str(), 0600), 0);
  EXPECT_EQ(open_bounded(folder).code(), Code::kInvalidArgument);
  std::filesystem::remove_all(folder);
  std::filesystem::remove(fifo);
}

TEST(Hostile, TheFilesBeforeTheLieAreValid) {
  for (const uint32_t version : {1u, 2u, 3u}) {
    const Bytes bytes = valid_gguf(version).build();
    const auto header = parse_gguf(MemorySource("memory", bytes));
    ASSERT_TRUE(header.ok()) << header.status().message();
    EXPECT_EQ(header->tensors.at("a.weight").shape, (std::vector<uint64_t>{4, 8}));
    EXPECT_EQ(header->tensors.at("b.weight").bytes, 68u);
    EXPECT_EQ(header->tensors.at("b.weight").offset + 68, bytes.size());
  }
  const Bytes bytes = one_tensor("\"F32\"", "[2,8]", "[0,64]");
  EXPECT_TRUE(parse_safetensors(MemorySource("memory", bytes)).ok());
  const Bytes vocabulary = Gguf{}.text("general.architecture", "llama").build();
  EXPECT_TRUE(parse_gguf(MemorySource("memory", vocabulary)).ok());
}

// A causal mask beside the weights, as published GPT-2 and Pythia files have it.
TEST(Hostile, NonWeightBuffersAreLeftOut) {
  const Bytes bytes =
      safetensors(R"({"h.0.attn.bias":{"dtype":"BOOL","shape":[1,1,4,4],"data_offsets":[0,16]},)"
                  R"("w":{"dtype":"F16","shape":[],"data_offsets":[16,18]}})",
                  18);
  const auto tensors = parse_safetensors(MemorySource("memory", bytes));
  ASSERT_TRUE(tensors.ok()) << tensors.status().message();
  EXPECT_EQ(tensors->size(), 1u);
  EXPECT_EQ(tensors->at("w").elements(), 1u);
}

// Every prefix of a valid file is refused, whatever section it ends in.
TEST(Hostile, EveryTruncationIsRefused) {
  for (const uint32_t version : {1u, 2u, 3u}) {
    const Bytes bytes = valid_gguf(version).build();
    for (size_t size = 0; size < bytes.size(); ++size) {
      const auto header = parse_gguf(MemorySource("cut.gguf", ByteSpan(bytes).first(size)));
      ASSERT_EQ(header.status().code(), Code::kDataLoss) << size;
      ASSERT_THAT(header.status().message(), HasSubstr("cut.gguf")) << size;
    }
  }
  const Bytes bytes = one_tensor("\"F32\"", "[16]", "[0,64]");
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto tensors =
        parse_safetensors(MemorySource("cut.safetensors", ByteSpan(bytes).first(size)));
    ASSERT_EQ(tensors.status().code(), Code::kDataLoss) << size;
    ASSERT_THAT(tensors.status().message(), HasSubstr("cut.safetensors")) << size;
  }
}

// Every single-byte change opens or is refused by name, within the bound.
TEST(Hostile, EveryByteChangeIsHandled) {
  const HeapMeter heap;
  const Bytes gguf = valid_gguf().build();
  const Bytes tensors = one_tensor("\"F32\"", "[16]", "[0,64]");
  for (const uint8_t mask : {uint8_t{0x01}, uint8_t{0x80}, uint8_t{0xFF}}) {
    for (size_t i = 0; i < gguf.size(); ++i) {
      Bytes changed = gguf;
      changed[i] ^= mask;
      const auto header = parse_gguf(MemorySource("memory", changed));
      if (!header.ok()) {
        ASSERT_THAT(header.status().message(), HasSubstr("memory"));
      }
    }
    for (size_t i = 0; i < tensors.size(); ++i) {
      Bytes changed = tensors;
      changed[i] ^= mask;
      const auto table = parse_safetensors(MemorySource("memory", changed));
      if (!table.ok()) {
        ASSERT_THAT(table.status().message(), HasSubstr("memory"));
      }
    }
  }
  EXPECT_LT(heap.peak_growth(), kHeapBytesMax);
}

}  // namespace
}  // namespace assay
