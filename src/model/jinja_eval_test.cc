// Programs of Jinja2: what jinja2 itself makes of them, and that none gets away from the limits.
#include "model/jinja_eval.h"

#include <gtest/gtest.h>

#include <set>

#include "model/jinja_testing.h"

namespace assay::jinja {
namespace {

// What jinja2 can and this interpreter refuses by name.
const std::set<std::string> kUnsupported = {
    "{% block a %}x{% endblock %}",
    "{% autoescape true %}x{% endautoescape %}",
    "{% for x in l recursive %}{{ x }}{% endfor %}",
};

TEST(JinjaEval, GivesWhatJinja2Gives) {
  const Json fixture = fixture_json("programs.json");
  size_t texts = 0;
  for (const Json& program : fixture["programs"]) {
    const auto source = program["source"].get<std::string>();
    SCOPED_TRACE(source);
    const Outcome out = run_program(source, fixture["variables"]);
    const Code code = out.text.ok() ? Code::kOk : out.text.status().code();
    const std::string message = out.text.ok() ? "" : out.text.status().message();
    if (kUnsupported.contains(source)) {
      EXPECT_EQ(code, Code::kUnimplemented);
    } else if (program.contains("text")) {
      ASSERT_EQ(code, Code::kOk) << message;
      EXPECT_EQ(*out.text, program["text"]);
      ++texts;
    } else if (program.contains("raised")) {
      EXPECT_TRUE(out.raised);
      EXPECT_EQ(message, program["raised"]);
    } else {
      const bool unknown_name = code == Code::kUnimplemented;  // a filter, test or tag
      const bool refused = code == Code::kDataLoss || unknown_name;
      const bool failed = code == Code::kInvalidArgument || code == Code::kResourceExhausted;
      EXPECT_TRUE(program["fails"] == "syntax" ? refused : refused || failed) << message;
      EXPECT_FALSE(out.raised);
      EXPECT_TRUE(message.starts_with("test, line ")) << message;
    }
  }
  EXPECT_GT(texts, 600U);
}

// Each would take for ever, all memory or the whole stack.
TEST(JinjaEval, LimitsEndEveryProgram) {
  const std::string deep_list =
      "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor "
      "%}";
  const std::string doubling =
      "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% endfor %}";
  const std::string programs[] = {
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{% for a in range(99999) %}{% set x = 'abcdefgh' * 1000000 %}{% endfor %}",
      "{{ 'a' * 999999999999 }}",
      "{{ [1] * 999999999999 }}",
      "{{ ('a' * 1000000).replace('', 'b' * 1000000) }}",
      "{{ 'x' | indent(999999999999, true) }}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f(a) %}{{ f([a]) }}{% endmacro %}{{ f(1) }}",
      "{% macro f(a=f()) %}{% endmacro %}{{ f() }}",
      "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
      deep_list + "{{ ns.x }}",
      deep_list + "{{ ns.x == [ns.x] }}",
      deep_list + "{{ ns.x | tojson }}",
      deep_list + "{{ [ns.x, ns.x] | sort }}",
      doubling + "{{ ns.x }}",
      doubling + "{{ ns.x | tojson }}",
      doubling + "{% set a = ns.x %}" + doubling + "{{ ns.x == a }}",
      "{% set ns = namespace() %}{% set ns.x = [ns] %}{% set ns.y = {'a': ns.x} %}{{ ns.y }}"
      "{% for a in range(99999) %}{{ range(99999) | list | length }}{% endfor %}",
      "{% for a in range(99999) %}{{ range(9999) | unique | list | length }}{% endfor %}",
      "{{ 'abc' * 1000000 }}",
      "{% for i in range(99999) %}{{ ('ab' * 10000).strip('c' * 10000 ~ 'ab') }}{% endfor %}",
  };
  for (const std::string& program : programs) {
    SCOPED_TRACE(program);
    const Outcome out = run_program(program);
    ASSERT_FALSE(out.text.ok());
    const Code code = out.text.status().code();
    // A namespace has no text; everything else runs into a limit.
    EXPECT_TRUE(code == Code::kResourceExhausted ||
                (code == Code::kUnimplemented && program.find("{{ ns.y }}") != program.npos))
        << out.text.status().message();
  }
}

TEST(JinjaEval, DepthIsBoundedBySourceAndRun) {
  const auto nested = [](const std::string& open, const std::string& close, size_t times) {
    std::string out = "{{ ";
    for (size_t i = 0; i < times; ++i) out += open;
    out += "1";
    for (size_t i = 0; i < times; ++i) out += close;
    return out + " }}";
  };
  for (const auto& [open, close] :
       {std::pair("(", ")"), std::pair("[", "]"), std::pair("-", ""), std::pair("not ", ""),
        std::pair("{1:", "}"), std::pair("1 if 1 else ", ""), std::pair("f(", ")"),
        std::pair("1 + ", ""), std::pair("", ".a"), std::pair("", "|string")}) {
    SCOPED_TRACE(std::string(open) + close);
    EXPECT_EQ(run_program(nested(open, close, 100'000)).text.status().code(), Code::kDataLoss);
  }
  std::string blocks;
  for (size_t i = 0; i < 100'000; ++i) blocks += "{% if 1 %}";
  EXPECT_EQ(run_program(blocks).text.status().code(), Code::kDataLoss);
  EXPECT_EQ(text_of(nested("1 + ", "", 150)), "151");
  EXPECT_EQ(text_of(nested("(", ")", 20)), "1");
}

// Long chains that are no deeper for it.
TEST(JinjaEval, ConcatenationsAndComparisonsAreFlat) {
  std::string sum = "{{ 'a'";
  std::string order = "{{ 0";
  for (int i = 1; i <= 2000; ++i) {
    sum += " ~ 'a'";
    order += " < " + std::to_string(i);
  }
  EXPECT_EQ(text_of(sum + " }}"), std::string(2001, 'a'));
  EXPECT_EQ(text_of(order + " }}"), "True");
}

TEST(JinjaEval, ErrorsNameTheLineAndNotTheContent) {
  const Json secret = {{"s", "password"}};
  const Outcome out = run_program("a\n{{ s + 1 }}", secret);
  EXPECT_EQ(out.text.status().message(),
            "test, line 2: unsupported operand types for +: 'str' and 'int'");
  const Outcome inside = run_program("{% macro f(x) %}\n{{ x.y.z }}{% endmacro %}\n\n{{ f(1) }}");
  EXPECT_EQ(inside.text.status().message(), "test, line 2: 'int object' has no attribute 'y'");
}

TEST(JinjaEval, MacrosOutliveTheScopeTheyCameFrom) {
  EXPECT_EQ(text_of("{% set ns = namespace(f=none) %}{% for i in [1, 2] %}{% set j = i * 10 %}"
                    "{% macro g() %}{{ j }}{% endmacro %}{% set ns.f = g %}{% endfor %}"
                    "{{ ns.f() }}"),
            "20");
}

}  // namespace
}  // namespace assay::jinja
