// Tidy: rules about the source tree that the compiler does not see: layers, where third-party
// headers may appear, banned calls, sizes, names, dead links. Test only: tidy_rules_test.cc holds
// the rules, tidy_test.cc applies them to the tree and tests each with a planted violation.
#pragma once

#include <functional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct TidySource {
  std::string path;                // relative to the root of the tree, with '/'
  std::vector<std::string> lines;  // as in the file
  std::vector<std::string> code;   // of C++: the same with comments and literals blanked
};
TidySource tidy_source(const std::string& path, std::string_view text);

// C++ text with every comment and literal replaced by spaces; line ends stay where they are.
std::string blank_literals(std::string_view text);

// True when one of the patterns (fnmatch, where '*' stops at '/') matches the path.
using Globs = std::vector<const char*>;
bool matches_any(const std::string& path, const Globs& globs);

struct TidyFinding {
  size_t line;
  std::string message;
};

using TidyFindings = std::vector<TidyFinding>;

// paths: every file of the tree, for rules about what stands beside a file.
using TidyCheck = std::function<void(const TidySource& source, const std::set<std::string>& paths,
                                     TidyFindings& findings)>;
struct TidyRule {
  const char* name;
  TidyCheck check;
};
const std::vector<TidyRule>& tidy_rules();
// How googletest prints a rule in the name of a test.
inline void PrintTo(const TidyRule& rule, std::ostream* out) { *out << rule.name; }

}  // namespace assay
