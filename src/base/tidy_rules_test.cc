// The rules of tidy.h. A list of exceptions stands beside the rule it belongs to, with its reason.
#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/tidy.h"

namespace assay {
namespace {

using Paths = std::set<std::string>;

bool is_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_header(const std::string& path) { return path.ends_with(".h"); }
bool is_cpp(const std::string& path) {
  return path.starts_with("src/") &&
         (is_header(path) || path.ends_with(".cc") || path.ends_with(".inc"));
}
const Globs kTests = {"src/*/*_test.cc"};
const Globs kOwnFiles = {"src/base/tidy*"};  // they spell out what they look for

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The index just past the literal or comment that starts at `at`, or `at` when none starts there.
size_t literal_end(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at);
  const auto past = [&](std::string_view end, size_t from) {
    const size_t found = rest.find(end, from);
    return found == std::string_view::npos ? text.size() : at + found + end.size();
  };
  if (rest.starts_with("//")) return past("\n", 2) - 1;
  if (rest.starts_with("/*")) return past("*/", 2);
  const bool after_identifier = at > 0 && is_identifier(text[at - 1]);
  if (rest.starts_with("R\"") && !after_identifier) {
    const size_t open = std::min(rest.find('('), rest.size());
    return past(")" + std::string(rest.substr(2, open - 2)) + "\"", open);
  }
  // An apostrophe after a digit or letter separates digits.
  if (rest[0] != '"' && (rest[0] != '\'' || after_identifier)) return at;
  size_t i = 1;
  while (i < rest.size() && rest[i] != rest[0]) i += rest[i] == '\\' ? size_t{2} : size_t{1};
  return std::min(text.size(), at + i + 1);
}

}  // namespace

std::string blank_literals(std::string_view text) {
  std::string code(text);
  for (size_t at = 0; at < text.size();) {
    const size_t end = literal_end(text, at);
    for (size_t i = at; i < end; ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
    at = std::max(end, at + 1);
  }
  return code;
}

TidySource tidy_source(const std::string& path, std::string_view text) {
  return {path, split_lines(text), split_lines(is_cpp(path) ? blank_literals(text) : text)};
}

bool matches_any(const std::string& path, const Globs& globs) {
  return std::any_of(globs.begin(), globs.end(), [&](const char* glob) {
    return fnmatch(glob, path.c_str(), FNM_PATHNAME) == 0;
  });
}

namespace {

void for_each_line(const std::vector<std::string>& lines,
                   const std::function<void(const std::string&, size_t)>& visit) {
  for (size_t i = 0; i < lines.size(); ++i) visit(lines[i], i + 1);
}

struct Include {
  std::string header;
  bool quoted;
  size_t line;
};

std::vector<Include> includes_of(const TidySource& source) {
  std::vector<Include> includes;
  for_each_line(source.code, [&](const std::string& code, size_t line) {
    if (!is_cpp(source.path) || !code.starts_with("#include")) return;
    const std::string& raw = source.lines[line - 1];
    const size_t open = raw.find_first_of("<\"");
    const size_t close = raw.find_first_of(">\"", open + 1);
    if (close == std::string::npos) return;
    includes.push_back({raw.substr(open + 1, close - open - 1), raw[open] == '"', line});
  });
  return includes;
}

// ---- Layers ---------------------------------------------------------------------------------

// ARCHITECTURE.md: what a folder of src/ may include beside itself.
const std::map<std::string, std::set<std::string>> kLayers = {
    {"base", {}},
    {"crypto", {"base"}},
    {"tensor", {"base"}},
    {"stats", {"base"}},
    {"hdc", {"base"}},
    {"model", {"base", "crypto", "tensor"}},
    // tensor: model's interface hands out its types and verify names them; it runs no kernel.
    {"verify", {"base", "crypto", "stats", "hdc", "model", "tensor"}},
    {"bft", {"base", "crypto"}},
    {"store", {"base", "crypto"}},
    {"net", {"base", "crypto"}},
    {"inference", {"base", "crypto", "tensor", "model"}},
    {"service",
     {"base", "crypto", "tensor", "stats", "hdc", "model", "verify", "inference", "bft", "store",
      "net"}},
    {"app",
     {"base", "crypto", "tensor", "stats", "hdc", "model", "verify", "inference", "bft", "store",
      "net", "service"}},
    {"sim", {"base", "crypto", "bft", "store"}},
};

void check_layers(const TidySource& source, const Paths&, TidyFindings& findings) {
  if (!is_cpp(source.path)) return;
  const std::string folder = source.path.substr(4, source.path.find('/', 4) - 4);
  const auto layer = kLayers.find(folder);
  if (layer == kLayers.end()) {
    findings.push_back({1, "folder src/" + folder + " is not in the layer table"});
    return;
  }
  for (const Include& include : includes_of(source)) {
    if (!include.quoted) continue;
    const size_t slash = include.header.find('/');
    const std::string module = slash == std::string::npos ? "" : include.header.substr(0, slash);
    if (!kLayers.contains(module)) {
      findings.push_back(
          {include.line, "name the folder: #include \"folder/" + include.header + "\""});
    } else if (module != folder && !layer->second.contains(module)) {
      findings.push_back({include.line, "src/" + folder + " may not include src/" + module});
    }
  }
}

// ---- Headers from outside -------------------------------------------------------------------

struct Confined {
  const char* header;  // glob
  Globs where;
};
// A header with a dot or a folder in its name must stand here. C++ standard headers have neither.
const std::vector<Confined> kConfinedHeaders = {
    {"openssl/*", {"src/crypto/sha256.cc", "src/net/*.cc", "src/net/*_testing.h"}},
    {"boost/*", {"src/net/*.cc"}},
    {"prometheus/*", {"src/net/metrics.cc"}},
    {"spdlog/*", {"src/net/log.cc"}},
    {"grpcpp/*", {"src/service/*grpc*"}},
    {"google/*", {"src/service/*grpc*", "src/net/otlp_exporter.cc"}},
    // What protoc makes of proto/, and of the standard health service.
    {"inference/v1/*", {"src/service/*grpc*"}},
    {"grpc/*", {"src/service/*grpc*"}},
    {"sodium.h",
     {"src/crypto/key_file.cc", "src/crypto/ed25519.cc", "src/crypto/ecvrf.cc",
      "src/crypto/ecvrf_test.cc", "src/crypto/secret_array.cc", "src/crypto/seeded_stream.cc",
      "src/crypto/sodium_start.cc"}},
    {"nlohmann/*", {"src/base/json.h"}},
    {"CLI/*", {"src/app/*"}},
    {"pcre2.h", {"src/model/text_regex.cc"}},
    {"utf8proc.h", {"src/model/unicode.cc"}},
    {"gtest/*", {"src/*/*_test.cc", "src/*/*_testing.h"}},
    {"gmock/*", {"src/*/*_test.cc", "src/*/*_testing.h"}},
    {"benchmark/*", {"src/*/*_bench.cc"}},
    {"cblas.h", {"src/*/*_bench.cc"}},
    {"immintrin.h", {"src/tensor/*", "src/crypto/sha256_pair.cc"}},
    {"cpuid.h", {"src/crypto/sha256_pair.cc"}},
    {"xmmintrin.h", {"src/tensor/fpenv.cc"}},
    {"arm_neon.h", {"src/tensor/*"}},
    // Compiled for one instruction set: C headers, which define no inline function that the linker
    // could choose for the whole program.
    {"std*.h", {"src/tensor/vec_*.h"}},
    {"string.h", {"src/tensor/vec_*.h"}},
    // The operating system.
    {"fcntl.h", {"src/*/*"}},
    {"malloc.h", {"src/model/heap_meter_test.cc"}},
    {"fnmatch.h", {"src/base/tidy_rules_test.cc"}},
    {"sched.h", {"src/*/*"}},
    {"signal.h", {"src/*/*"}},
    {"spawn.h", {"src/base/program_testing.h"}},
    {"arpa/inet.h", {"src/net/*", "src/service/socket_listener.cc"}},
    {"netinet/*", {"src/net/*", "src/service/socket_listener.cc", "src/service/*_test.cc"}},
    {"poll.h", {"src/net/*", "src/service/*"}},
    {"sys/socket.h", {"src/net/*", "src/service/*"}},
    {"sys/*", {"src/*/*"}},
    {"termios.h", {"src/app/*"}},
    {"unistd.h", {"src/*/*"}},
};

void check_confined_headers(const TidySource& source, const Paths&, TidyFindings& findings) {
  for (const Include& include : includes_of(source)) {
    if (include.quoted || include.header.find_first_of("./") == std::string::npos) continue;
    const auto entry = std::find_if(
        kConfinedHeaders.begin(), kConfinedHeaders.end(), [&](const Confined& confined) {
          return fnmatch(confined.header, include.header.c_str(), 0) == 0;
        });
    if (entry == kConfinedHeaders.end()) {
      findings.push_back(
          {include.line, "<" + include.header + "> is new: list the one file that wraps it"});
    } else if (!matches_any(source.path, entry->where)) {
      findings.push_back({include.line, "<" + include.header + "> belongs in " + entry->where[0]});
    }
  }
}

// Headers that take a second to compile: for .cc files, and for each other.
const Globs kHeavyHeaders = {"src/base/json.h",
                             "src/base/json_fields.h",
                             "src/base/schema_validator.h",
                             "src/model/tokenizer_json_parts.h",
                             "src/model/spm_json.h",
                             "src/model/bpe_json.h",
                             "src/model/jinja_testing.h",
                             "src/model/word_piece_json.h",
                             "src/model/tokenizer_testing.h",
                             "src/model/unigram_json.h",
                             "src/verify/certificate_body.h",
                             "src/verify/certificate_forging.h"};

void check_heavy_headers(const TidySource& source, const Paths&, TidyFindings& findings) {
  if (!is_header(source.path) || matches_any(source.path, kHeavyHeaders)) return;
  for (const Include& include : includes_of(source)) {
    if (!matches_any("src/" + include.header, kHeavyHeaders)) continue;
    findings.push_back({include.line, include.header + " is heavy: include it in .cc files"});
  }
}

// ---- Banned names ---------------------------------------------------------------------------

enum class Kind : uint8_t { kName, kCall };

struct Ban {
  Kind kind;
  std::vector<const char*> names;
  Globs except;
  const char* advice;
};

// True when the name that ends before `at` is std:: or global, and no member of something else.
bool is_free_name(std::string_view line, size_t at) {
  std::string_view before = line.substr(0, at);
  if (before.ends_with('.') || before.ends_with("->")) return false;
  if (!before.ends_with("::")) return true;
  before.remove_suffix(2);
  return before.empty() || !is_identifier(before.back()) ||
         (before.ends_with("std") &&
          (before.size() == 3 || !is_identifier(before[before.size() - 4])));
}

// Where the name stands in the line at or after `from`; npos when it does not.
size_t find_name(std::string_view line, std::string_view name, Kind kind, size_t from = 0) {
  for (size_t at = line.find(name, from); at != line.npos; at = line.find(name, at + 1)) {
    const size_t end = at + name.size();
    if (at > 0 && is_identifier(line[at - 1])) continue;
    if (end < line.size() && is_identifier(line[end])) continue;
    if (kind == Kind::kName) return at;
    const size_t next = line.find_first_not_of(' ', end);
    if (next != line.npos && line[next] == '(' && is_free_name(line, at)) return at;
  }
  return line.npos;
}

bool contains_name(std::string_view line, std::string_view name, Kind kind) {
  return find_name(line, name, kind) != line.npos;
}

TidyCheck ban(Ban entry) {
  return
      [entry = std::move(entry)](const TidySource& source, const Paths&, TidyFindings& findings) {
        if (!is_cpp(source.path) || matches_any(source.path, entry.except)) return;
        for_each_line(source.code, [&](const std::string& code, size_t line) {
          for (const char* name : entry.names) {
            if (!contains_name(code, name, entry.kind)) continue;
            findings.push_back({line, std::string(name) + ": " + entry.advice});
          }
        });
      };
}

// Tests may compare with libm; profile_reference.h spells out an exp of that name.
const Globs kOwnMathematics = {"src/*/*_test.cc", "src/*/*_bench.cc",
                               "src/tensor/profile_reference.h"};

// A program-wide meter of the heap that replaces operator new for the tests of bounds.
const Globs kHeapMeter = {"src/model/heap_meter_test.cc"};

// `new` is allowed straight into a smart pointer (a constructor that make_unique cannot call) and
// for a static that is never destroyed; `= delete` is no delete.
void check_raw_new(const TidySource& source, const Paths&, TidyFindings& findings) {
  if (!is_cpp(source.path) || matches_any(source.path, kHeapMeter)) return;
  std::string previous;  // a call may be broken after its parenthesis
  for_each_line(source.code, [&](const std::string& code, size_t line) {
    const std::string both = previous + code;
    for (const std::string_view name : {"new", "delete"}) {
      const size_t at = find_name(both, name, Kind::kName, previous.size());
      if (at == both.npos) continue;
      const std::string before = both.substr(0, both.find_last_not_of(' ', at - 1) + 1);
      if (name == "delete" && before.ends_with("=")) continue;
      if (name == "new" && before.ends_with("(") && before.find("_ptr<") != before.npos) continue;
      if (name == "new" && before.ends_with("=") && before.find(" static const ") != before.npos) {
        continue;
      }
      findings.push_back({line, std::string(name) + ": use values or unique_ptr"});
    }
    previous = code;
  });
}

// In a .cc file a namespace of the project may be opened, std never.
void check_using_namespace(const TidySource& source, const Paths&, TidyFindings& findings) {
  if (!is_cpp(source.path)) return;
  const char* banned = is_header(source.path) ? "using namespace" : "using namespace std";
  for_each_line(source.code, [&](const std::string& code, size_t line) {
    if (!contains_name(code, banned, Kind::kName)) return;
    findings.push_back({line, std::string(banned) + ": name what is used"});
  });
}

// ---- Text -----------------------------------------------------------------------------------

// Code points, which is what an editor counts as columns.
size_t columns(std::string_view line) {
  return static_cast<size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// Tables that read better wide stand between clang-format off and on.
void check_line_format(const TidySource& source, const Paths&, TidyFindings& findings) {
  bool is_table = false;
  for_each_line(source.lines, [&](const std::string& text, size_t line) {
    if (text.ends_with("// clang-format off")) is_table = true;
    if (text.ends_with("// clang-format on")) is_table = false;
    const auto report = [&](const char* message) { findings.push_back({line, message}); };
    if (is_cpp(source.path) && !is_table && columns(text) > 100) report("more than 100 columns");
    if (text.ends_with(' ') || text.ends_with('\r')) report("white space at the end of the line");
    if (text.find('\t') != std::string::npos && !source.path.ends_with("Makefile")) report("tab");
  });
}

void check_unfinished(const TidySource& source, const Paths&, TidyFindings& findings) {
  if (matches_any(source.path, kOwnFiles)) return;
  for_each_line(source.lines, [&](const std::string& text, size_t line) {
    for (const char* word : {"TODO", "FIXME", "XXX", "#if 0"}) {
      if (!contains_name(text, word, Kind::kName)) continue;
      findings.push_back({line, std::string(word) + ": finish it, or leave it out"});
    }
    if (text.find("DISABLED_") != text.npos) {
      findings.push_back({line, "a disabled test holds nothing"});
    }
    const size_t at = text.find("NOLINT");
    if (at != text.npos && text.find('(', at) == text.npos) {
      findings.push_back({line, "say which check is meant: NOLINT(check-name)"});
    }
  });
}

void check_absolute_paths(const TidySource& source, const Paths&, TidyFindings& findings) {
  if (matches_any(source.path, kOwnFiles)) return;
  for_each_line(source.lines, [&](const std::string& text, size_t line) {
    for (const std::string_view folder : {"/work", "/root", "/home", "/tmp"}) {
      for (size_t at = text.find(folder); at != std::string::npos; at = text.find(folder, at + 1)) {
        const bool continues =
            at > 0 && (is_identifier(text[at - 1]) ||
                       std::string_view("./*}-)").find(text[at - 1]) != std::string_view::npos);
        const size_t end = at + folder.size();
        if (continues || (end < text.size() && (is_identifier(text[end]) || text[end] == '-'))) {
          continue;
        }
        findings.push_back({line, "absolute path: it exists on one machine only"});
      }
    }
  });
}

const Globs kLongTables = {"src/model/hostile_test.cc"};  // one damaged file after the other

void check_file_size(const TidySource& source, const Paths&, TidyFindings& findings) {
  constexpr size_t kLinesMax = 600;
  if (!is_cpp(source.path) || matches_any(source.path, kLongTables)) return;
  if (source.lines.size() > kLinesMax) {
    findings.push_back({kLinesMax + 1, "more than 600 lines: split by concept"});
  }
}

void check_pragma_once(const TidySource& source, const Paths&, TidyFindings& findings) {
  if (!is_cpp(source.path) || !is_header(source.path)) return;
  for (const std::string& code : source.code) {
    if (code == "#pragma once") return;
  }
  findings.push_back({1, "#pragma once is missing"});
}

// Tests that stand for a whole folder instead of one file.
const Globs kFolderTests = {
    "src/base/tidy_rules_test.cc",  // the tree, through tidy.h
    "src/model/hostile_test.cc",    // damaged and lying weight files of every format
    "src/app/real_models_test.cc",  // models that people use, through every module
    "src/app/cmd_bench.cc",         // no benchmark: the command of that name
};

void check_file_names(const TidySource& source, const Paths& paths, TidyFindings& findings) {
  if (!is_cpp(source.path)) return;
  for (const char* word : {"manager", "helper", "util", "enhanced", "misc", "common"}) {
    if (source.path.find(word) == std::string::npos) continue;
    findings.push_back({1, std::string(word) + " says nothing: name the concept"});
  }
  for (const std::string_view ending : {"_test.cc", "_fuzz.cc", "_bench.cc"}) {
    if (!source.path.ends_with(ending) || matches_any(source.path, kFolderTests)) continue;
    const std::string stem = source.path.substr(0, source.path.size() - ending.size());
    const std::string own = source.path.substr(0, source.path.size() - 3);
    if (paths.contains(stem + ".h") || paths.contains(stem + ".cc") || paths.contains(own + ".h")) {
      continue;
    }
    findings.push_back({1, "there is no " + stem + ".h or .cc for it to exercise"});
  }
}

// 02-determinism: nothing may let the compiler reorder or contract floating point.
void check_build_flags(const TidySource& source, const Paths&, TidyFindings& findings) {
  if (is_cpp(source.path) || source.path.ends_with(".md")) return;
  for_each_line(source.lines, [&](const std::string& text, size_t line) {
    for (const char* flag : {"-ffast-math", "-Ofast", "-funsafe-math", "-flto", "-march=native",
                             "INTERPROCEDURAL_OPTIMIZATION", "-ffp-contract=fast"}) {
      if (text.find(flag) == std::string::npos) continue;
      findings.push_back({line, std::string(flag) + " changes results"});
    }
  });
}

void check_links(const TidySource& source, const Paths& paths, TidyFindings& findings) {
  if (!source.path.ends_with(".md")) return;
  const std::filesystem::path folder = std::filesystem::path(source.path).parent_path();
  for_each_line(source.lines, [&](const std::string& text, size_t line) {
    for (size_t at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1)) {
      std::string target = text.substr(at + 2, text.find_first_of(")#", at + 2) - at - 2);
      if (target.empty() || target.find(':') != std::string::npos) continue;
      target = (folder / target).lexically_normal().generic_string();
      if (target.ends_with('/')) target.pop_back();
      const auto inside = paths.lower_bound(target + "/");
      const bool is_folder = inside != paths.end() && inside->starts_with(target + "/");
      if (is_folder || paths.contains(target)) continue;
      findings.push_back({line, "the link leads nowhere: " + target});
    }
  });
}

// ---- The rules ------------------------------------------------------------------------------

}  // namespace

const std::vector<TidyRule>& tidy_rules() {
  static const std::vector<TidyRule> all = {
      {"Layers", check_layers},
      {"ConfinedHeaders", check_confined_headers},
      {"HeavyHeaders", check_heavy_headers},
      {"Randomness", ban({Kind::kCall, {"rand", "srand", "rand_r", "drand48"}, {}, "use Prng"})},
      {"RandomHeader",
       [](const TidySource& source, const Paths&, TidyFindings& findings) {
         for (const Include& include : includes_of(source)) {
           if (include.header != "random" || matches_any(source.path, kTests)) continue;
           findings.push_back(
               {include.line, "<random> differs between standard libraries: use Prng"});
         }
       }},
      {"Libm",
       ban({Kind::kCall,
            {"exp",  "exp2",  "expm1", "log",  "log2",  "log10", "log1p", "pow",    "sin",
             "cos",  "tan",   "sinh",  "cosh", "tanh",  "asin",  "acos",  "atan",   "atan2",
             "cbrt", "hypot", "erf",   "erfc", "expf",  "logf",  "powf",  "tgamma", "lgamma",
             "sinf", "cosf",  "tanhf", "expl", "log2f", "exp2f"},
            kOwnMathematics,
            "differs between machines: use base/detmath.h or tensor/kernels.h"})},
      {"Processes", ban({Kind::kCall, {"system", "popen"}, {}, "no shell is started"})},
      {"Output", ban({Kind::kName,
                      {"cout", "printf", "puts"},
                      {"src/app/*", "src/*/*_bench.cc", "src/*/*_main.cc"},
                      "src/app, benchmarks and programs print"})},
      {"UsingNamespace", check_using_namespace},
      {"RawNew", check_raw_new},
      {"Throw", ban({Kind::kName, {"throw"}, kHeapMeter, "return Status or Result"})},
      {"ThrowingParsers",
       ban({Kind::kCall,
            {"stoi", "stol", "stoul", "stoll", "stoull", "stof", "stod", "atoi", "atof", "strtod"},
            {},
            "throws or depends on the locale: use std::from_chars"})},
      {"UnsafeC", ban({Kind::kCall,
                       {"strcpy", "strcat", "sprintf", "gets", "alloca", "strtok", "strerror",
                        "localtime", "gmtime", "ctime"},
                       {},
                       "has no bound or no thread safety"})},
      {"Sleep", ban({Kind::kName,
                     {"sleep", "usleep", "nanosleep", "sleep_for", "sleep_until"},
                     {"src/net/http_load.cc"},  // a request is due at its moment
                     "wait for the event itself"})},
      {"Threads",
       ban({Kind::kName,
            {"std::thread", "std::jthread", "std::async", "pthread_create"},
            {"src/base/*", "src/net/*", "src/service/*", "src/*/*_test.cc",
             "src/model/panel_stream.cc",  // reads the next panel while this one is computed with
             "src/inference/batcher.cc"},  // computes while its callers wait
            "only base, net and service start threads"})},
      {"Clock", ban({Kind::kName,
                     {"system_clock", "steady_clock", "clock_gettime", "gettimeofday"},
                     {"src/base/*", "src/net/*", "src/service/*", "src/app/*", "src/*/*_bench.cc"},
                     "only base, net, service and app read the clock"})},
      {"LineFormat", check_line_format},
      {"Unfinished", check_unfinished},
      {"AbsolutePaths", check_absolute_paths},
      {"FileSize", check_file_size},
      {"PragmaOnce", check_pragma_once},
      {"FileNames", check_file_names},
      {"BuildFlags", check_build_flags},
      {"Links", check_links},
  };
  return all;
}

}  // namespace assay
