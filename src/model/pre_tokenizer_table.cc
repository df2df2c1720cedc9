// The table of pre-tokenizers by the name that GGUF files give them. The patterns are the ones of
// the tokenizer.json that each model was published with, letter for letter, so that a GGUF file and
// a Hugging Face folder of one tokenizer have one digest. Source: llama.cpp, src/llama-vocab.cpp,
// names the groups; where it rewrites a pattern, the original stands here.
#include "model/pre_tokenizer.h"

namespace assay {

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

// clang-format off
constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Digits one by one.
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Words are also cut where capitals begin.
constexpr const char* kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Capital and small letters, spelled out; in escapes, because some of
// them are not what an editor that normalises text would save.
constexpr const char* kDeepseekLlmLetters =
    "\\s?[A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293"
    "\u0295-\u02AF\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C"
    "\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5"
    "\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77"
    "\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59"
    "\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC"
    "\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107"
    "\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139"
    "\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE"
    "\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E"
    "\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A\U00010400-\U0001044F"
    "\U000104B0-\U000104D3\U000104D8-\U000104FB\U00010C80-\U00010CB2\U00010CC0-\U00010CF2"
    "\U000118A0-\U000118DF\U0001E900-\U0001E943]+";
constexpr const char* kDeepseekV3Words =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// clang-format on

constexpr const char* kCjk = "[一-龥ࠀ-一가-퟿]+";
constexpr const char* kDigit = R"(\p{N})";
constexpr const char* kDigits = R"(\p{N}+)";
// \p{P} and the ASCII symbols: what Rust calls ASCII punctuation.
constexpr const char* kPunctuation = R"([\p{P}$+<=>^`|~]+)";

std::vector<SplitStep> isolate(std::initializer_list<const char*> patterns) {
  std::vector<SplitStep> out;
  for (const char* pattern : patterns) out.push_back({.pattern = pattern});
  return out;
}

// The last two steps of Falcon's sequence stand after the one that spells bytes.
std::vector<SplitStep> falcon() {
  std::vector<SplitStep> out = isolate({kPunctuation, kGpt2Pattern, kDigits, "[0-9][0-9][0-9]"});
  out[2].on_alphabet = true;
  out[3].on_alphabet = true;
  return out;
}

std::vector<PreTokenizerInfo> make_table() {
  const std::vector<SplitStep> gpt2 = isolate({kGpt2Pattern});
  const std::vector<SplitStep> digits_gpt2 = isolate({kDigit, kGpt2Pattern});
  const std::vector<SplitStep> llama3 = isolate({kLlama3});
  const std::vector<SplitStep> qwen2 = isolate({kQwen2});
  return {
      // What files get that were written before they named their pre-tokenizer.
      {.name = "default",
       .steps = isolate({R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Pattern, kDigits, "[0-9][0-9][0-9]"})},
      {.name = "gpt-2", .steps = gpt2},
      {.name = "phi-2", .steps = gpt2},
      {.name = "roberta-bpe", .steps = gpt2, .add_bos = true, .add_eos = true},
      {.name = "gpt-neox", .steps = gpt2, .nfc = true},
      {.name = "mpt", .steps = gpt2, .nfc = true},
      {.name = "olmo", .steps = gpt2, .nfc = true},
      {.name = "starcoder", .steps = digits_gpt2},
      {.name = "refact", .steps = digits_gpt2},
      {.name = "codeshell", .steps = digits_gpt2},
      {.name = "smollm", .steps = digits_gpt2},
      {.name = "command-r", .steps = digits_gpt2, .nfc = true},
      {.name = "llama-bpe", .steps = llama3, .ignore_merges = true, .add_bos = true},
      {.name = "llama3", .steps = llama3, .ignore_merges = true, .add_bos = true},
      {.name = "llama-v3", .steps = llama3, .ignore_merges = true, .add_bos = true},
      {.name = "falcon3", .steps = llama3, .ignore_merges = true, .add_bos = true},
      {.name = "dbrx", .steps = llama3},
      {.name = "smaug-bpe", .steps = llama3},
      {.name = "qwen2", .steps = qwen2, .nfc = true},
      {.name = "deepseek-r1-qwen", .steps = qwen2, .nfc = true},
      {.name = "stablelm2", .steps = qwen2},
      {.name = "falcon", .steps = falcon()},
      {.name = "deepseek-llm",
       .steps = isolate({"[\r\n]", kDeepseekLlmLetters, R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)",
                         R"(\s+$)", kCjk, kDigit})},
      {.name = "deepseek-coder",
       .steps = isolate({"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kCjk, kDigit})},
      {.name = "deepseek-v3",
       .steps = isolate({R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+", kDeepseekV3Words})},
      {.name = "tekken", .steps = isolate({kTekken}), .ignore_merges = true, .add_bos = true},
      {.name = "gpt-4o", .steps = isolate({kGpt4o})},
      {.name = "llama4", .steps = isolate({kGpt4o})},
      {.name = "chameleon",
       .steps = isolate({"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
                         "([\\t\\n]|    |  )", kDigit, R"([\p{P}!-/:-@\[-`{-~])", kGpt2Pattern}),
       .add_bos = true},
  };
}

const std::vector<PreTokenizerInfo>& table() {
  static const std::vector<PreTokenizerInfo> entries = make_table();
  return entries;
}

}  // namespace

const PreTokenizerInfo* find_pre_tokenizer(std::string_view name) {
  for (const PreTokenizerInfo& info : table()) {
    if (name == info.name) return &info;
  }
  return nullptr;
}

std::vector<const char*> pre_tokenizer_names() {
  std::vector<const char*> out;
  for (const PreTokenizerInfo& info : table()) out.push_back(info.name);
  return out;
}

}  // namespace assay
