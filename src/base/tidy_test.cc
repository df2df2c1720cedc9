// Applies the rules of tidy.h to the tree, one test a rule, and tests each rule with violations
// planted in text and with text that it must accept, so that a rule that cannot fail is caught.
#include "base/tidy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"

namespace assay {
namespace {

using Paths = std::set<std::string>;

// ---- The tree -------------------------------------------------------------------------------

// Every path of the repository but what is built or belongs to git.
Paths paths_of_tree(const std::filesystem::path& root) {
  Paths paths;
  for (auto it = std::filesystem::recursive_directory_iterator(root);
       it != std::filesystem::recursive_directory_iterator(); ++it) {
    const std::string path = it->path().lexically_relative(root).generic_string();
    if (path.starts_with("build") || path == ".git" || path == ".cache")
      it.disable_recursion_pending();
    if (it->is_regular_file()) paths.insert(path);
  }
  return paths;
}

bool is_checked(const std::string& path) {
  const Globs at_root = {"*.md", "Makefile", "CMakeLists.txt", "*.json", ".clang-*"};
  return matches_any(path, at_root) || path.starts_with("src/") || path.starts_with("cmake/") ||
         path.starts_with("docs/") || path.starts_with("tools/") || path.starts_with(".ci/");
}

class TidyTree : public testing::TestWithParam<TidyRule> {};

TEST_P(TidyTree, Obeys) {
  const std::string root = ASSAY_SOURCE_DIR;
  const Paths paths = paths_of_tree(root);
  ASSERT_TRUE(paths.contains("src/base/tidy_test.cc")) << root;
  for (const std::string& path : paths) {
    if (!is_checked(path)) continue;
    const Result<std::string> text = read_text_file(root + "/" + path, uint64_t{16} << 20);
    ASSERT_TRUE(text.ok()) << text.status().message();
    TidyFindings findings;
    GetParam().check(tidy_source(path, *text), paths, findings);
    for (const TidyFinding& finding : findings) {
      ADD_FAILURE_AT((root + "/" + path).c_str(), static_cast<int>(finding.line))
          << finding.message;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, TidyTree, testing::ValuesIn(tidy_rules()),
                         [](const auto& rule) { return std::string(rule.param.name); });

// ---- The rules themselves -------------------------------------------------------------------

struct Planted {
  const char* rule;
  const char* path;
  std::string text;
  size_t line;  // where the violation stands; 0 when the text must pass
};

// clang-format off
const std::vector<Planted> kPlanted = {
    {"Layers", "src/crypto/a.cc", "\n#include \"model/family.h\"\n", 2},
    {"Layers", "src/base/a.h", "#include \"crypto/sha256.h\"\n", 1},
    {"Layers", "src/bft/a.cc", "#include \"verify/session.h\"\n", 1},
    {"Layers", "src/model/a.cc", "#include \"family.h\"\n", 1},
    {"Layers", "src/other/a.cc", "int x;\n", 1},
    {"Layers", "src/verify/a.cc", "#include \"tensor/dtype.h\"\n// #include \"bft/a.h\"\n", 0},
    {"ConfinedHeaders", "src/verify/a.cc", "#include <openssl/evp.h>\n", 1},
    {"ConfinedHeaders", "src/crypto/merkle.cc", "#include <openssl/evp.h>\n", 1},
    {"ConfinedHeaders", "src/base/json.cc", "#include <nlohmann/json.hpp>\n", 1},
    {"ConfinedHeaders", "src/model/a.h", "#include <gtest/gtest.h>\n", 1},
    {"ConfinedHeaders", "src/base/a.cc", "#include <vector>\n#include <boost/asio.hpp>\n", 2},
    {"ConfinedHeaders", "src/tensor/a.cc", "#include <immintrin.h>\n#include <vector>\n", 0},
    {"HeavyHeaders", "src/model/a.h", "#include \"base/json.h\"\n", 1},
    {"HeavyHeaders", "src/verify/a.h", "#include \"base/json_fields.h\"\n", 1},
    {"HeavyHeaders", "src/model/a.cc", "#include \"base/json.h\"\n", 0},
    {"Randomness", "src/model/a.cc", "int x = std::rand();\n", 1},
    {"Randomness", "src/model/a_test.cc", "srand (1);\n", 1},
    {"Randomness", "src/model/a.cc", "int x = operand(1) + p.rand();  // rand()\n", 0},
    {"RandomHeader", "src/stats/a.cc", "#include <random>\n", 1},
    {"RandomHeader", "src/stats/a_test.cc", "#include <random>\n", 0},
    {"Libm", "src/stats/a.cc", "double x = 1;\ndouble y = std::exp(x);\n", 2},
    {"Libm", "src/stats/a.cc", "double y = log(x);\n", 1},
    {"Libm", "src/stats/a.cc", "double y = ::pow(x, 2);\n", 1},
    {"Libm", "src/stats/a.cc", "double y = det_exp(x) + k->exp(x) + std::sqrt(x) + own::log(x);\n", 0},
    {"Libm", "src/stats/a_test.cc", "double y = std::exp(x);\n", 0},
    {"Processes", "src/app/a.cc", "std::system(line);\n", 1},
    {"Processes", "src/app/a.cc", "filesystem(line); const char* text = \"system(x)\";\n", 0},
    {"Output", "src/verify/a.cc", "std::cout << 1;\n", 1},
    {"Output", "src/verify/a.cc", "std::printf(x);\n", 1},
    {"Output", "src/app/a.cc", "std::cout << 1;\n", 0},
    {"UsingNamespace", "src/app/a.cc", "using namespace std;\n", 1},
    {"UsingNamespace", "src/app/a.h", "using namespace other;\n", 1},
    {"UsingNamespace", "src/app/a.cc", "using std::string; using namespace other;\n", 0},
    {"RawNew", "src/app/a.cc", "auto* x = new Foo();\n", 1},
    {"RawNew", "src/app/a.cc", "delete x;\n", 1},
    {"RawNew", "src/app/a.cc", "A(const A&) = delete;\nstd::unique_ptr<A> a(new A());\n", 0},
    {"RawNew", "src/app/a.cc", "int newer; auto x = std::unique_ptr<A>(\n    new A());\n", 0},
    {"RawNew", "src/app/a.cc", "int newer = f(new A());\n", 1},
    {"RawNew", "src/app/a.cc", "  static const A* const a = new A();\n", 0},
    {"RawNew", "src/app/a.cc", "const A* const a = new A();\n", 1},
    {"Throw", "src/app/a.cc", "throw 1;\n", 1},
    {"Throw", "src/app/a.cc", "body must not_throw;  // throw\n", 0},
    {"ThrowingParsers", "src/app/a.cc", "int x = std::stoi(text);\n", 1},
    {"ThrowingParsers", "src/app/a.cc", "std::from_chars(a, b, x);\n", 0},
    {"UnsafeC", "src/base/a.cc", "std::sprintf(out, x);\n", 1},
    {"UnsafeC", "src/base/a.cc", "std::snprintf(out, 3, x);\n", 0},
    {"Sleep", "src/base/a_test.cc", "std::this_thread::sleep_for(x);\n", 1},
    {"Sleep", "src/base/a_test.cc", "condition.wait_for(lock, x);\n", 0},
    {"Threads", "src/verify/a.cc", "std::thread t(f);\n", 1},
    {"Threads", "src/base/a.cc", "std::thread t(f);\n", 0},
    {"Clock", "src/verify/a.cc", "auto t = std::chrono::steady_clock::now();\n", 1},
    {"Clock", "src/app/a.cc", "auto t = std::chrono::steady_clock::now();\n", 0},
    {"LineFormat", "src/base/a.cc", "int x;\n" + std::string(101, 'x') + "\n", 2},
    {"LineFormat", "src/base/a.cc", "\tint x;\n", 1},
    {"LineFormat", "docs/a.md", "one \n", 1},
    {"LineFormat", "src/base/a.cc", "// clang-format off\n" + std::string(101, 'x') + "\n// clang-format on\n", 0},
    {"LineFormat", "src/base/a.cc", "// clang-format off\n// clang-format on\n" + std::string(101, 'x'), 3},
    {"LineFormat", "src/base/a.cc", "// " + std::string(90, 'x') + "\u2026\u2026\u2026\u2026\n", 0},
    {"Unfinished", "src/base/a.cc", "int x;  // TODO: later\n", 1},
    {"Unfinished", "docs/a.md", "FIXME\n", 1},
    {"Unfinished", "src/base/a_test.cc", "TEST(A, DISABLED_B) {\n", 1},
    {"Unfinished", "src/base/a.cc", "int x;  // NOLINT\n", 1},
    {"Unfinished", "src/base/a.cc", "mkstemp(\"aXXXXXX\");  // NOLINT(a-check)\n", 0},
    {"AbsolutePaths", "tools/a", "cd /home/me\n", 1},
    {"AbsolutePaths", "src/base/a.cc", "open(\"/work\");\n", 1},
    {"AbsolutePaths", "docs/a.md", "merkle/root, ./work and /workers\n", 0},
    {"FileSize", "src/base/a.cc", std::string(601, '\n'), 601},
    {"FileSize", "src/base/a.cc", std::string(600, '\n'), 0},
    {"PragmaOnce", "src/base/a.h", "// #pragma once\nint x;\n", 1},
    {"PragmaOnce", "src/base/a.h", "// A.\n#pragma once\n", 0},
    {"FileNames", "src/base/string_util.h", "", 1},
    {"FileNames", "src/base/b_test.cc", "", 1},
    {"FileNames", "src/base/b_fuzz.cc", "", 1},
    {"FileNames", "src/base/a_test.cc", "", 0},
    {"FileNames", "src/stats/mean_test.cc", "", 0},
    {"BuildFlags", "cmake/A.cmake", "\nset(FLAGS -ffast-math)\n", 2},
    {"BuildFlags", "CMakePresets.json", "-march=native\n", 1},
    {"BuildFlags", "cmake/A.cmake", "-fno-fast-math -ffp-contract=off\n", 0},
    {"Links", "docs/a.md", "\n[b](missing.md)\n", 2},
    {"Links", "docs/a.md", "[b](../README.md#use) [c](../src) [d](#here) [e](https://x.org/y)\n", 0},
};
// clang-format on

TEST(TidyRules, FindWhatIsPlantedAndNothingElse) {
  const Paths paths = {"README.md", "src/base/a.h", "src/stats/mean_test.h"};
  for (const Planted& planted : kPlanted) {
    const auto rule =
        std::find_if(tidy_rules().begin(), tidy_rules().end(), [&](const TidyRule& candidate) {
          return candidate.name == std::string_view(planted.rule);
        });
    ASSERT_NE(rule, tidy_rules().end()) << planted.rule;
    TidyFindings findings;
    rule->check(tidy_source(planted.path, planted.text), paths, findings);
    ASSERT_EQ(findings.size(), planted.line == 0 ? 0u : 1u)
        << planted.rule << ": " << planted.path << ": " << planted.text;
    if (planted.line != 0) {
      EXPECT_EQ(findings[0].line, planted.line) << planted.text;
    }
  }
}

TEST(TidyRules, EachHasSomethingToFindAndSomethingToAccept) {
  for (const TidyRule& rule : tidy_rules()) {
    for (const bool must_pass : {false, true}) {
      EXPECT_TRUE(std::any_of(kPlanted.begin(), kPlanted.end(), [&](const Planted& planted) {
        return planted.rule == std::string_view(rule.name) && (planted.line == 0) == must_pass;
      })) << rule.name;
    }
  }
}

TEST(TidyRules, LiteralsAndCommentsAreBlankedInPlace) {
  EXPECT_EQ(blank_literals("a /* b\nc */ d"), "a     \n     d");
  EXPECT_EQ(blank_literals("a; // b\nc"), "a;     \nc");
  EXPECT_EQ(blank_literals(R"__(x("a\"b", '"', 'c') + 1'000;)__"), "x(      ,    ,    ) + 1'000;");
  EXPECT_EQ(blank_literals("R\"-(a\")\"b)-\" + c"), std::string(12, ' ') + " + c");
  EXPECT_EQ(blank_literals("\"open"), "     ");
}

}  // namespace
}  // namespace assay
