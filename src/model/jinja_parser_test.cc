// The shape of trees and the errors of templates; their meaning is tested by running them
// (jinja_eval_test.cc).
#include "model/jinja_parser.h"

#include <gtest/gtest.h>

namespace assay::jinja {
namespace {

// An expression with all its parentheses.
std::string shown(const Expr& expr) {
  const auto joined = [&](const std::string& by, size_t from = 0) {
    std::string out;
    for (size_t i = from; i < expr.parts.size(); ++i) {
      out += (i > from ? by : "") + (expr.parts[i] == nullptr ? "-" : shown(*expr.parts[i]));
    }
    return out;
  };
  switch (expr.kind) {
    case ExprKind::kConstant:
      return std::holds_alternative<int64_t>(expr.value)
                 ? std::to_string(std::get<int64_t>(expr.value))
                 : "const";
    case ExprKind::kName:
      return expr.text;
    case ExprKind::kAttribute:
      return joined("") + "." + expr.text;
    case ExprKind::kFilter:
    case ExprKind::kTest:
      return expr.text + "[" + joined(",") + "]";
    case ExprKind::kCall:
      return shown(*expr.parts[0]) + "(" + joined(",", 1) + ")";
    case ExprKind::kNot:
      return "!" + joined("");
    case ExprKind::kMinus:
      return "-" + joined("");
    case ExprKind::kAnd:
      return "(" + joined(" and ") + ")";
    case ExprKind::kOr:
      return "(" + joined(" or ") + ")";
    case ExprKind::kConcat:
      return "(" + joined("~") + ")";
    case ExprKind::kConditional:
      return "?(" + joined(",") + ")";
    case ExprKind::kBinary:
    case ExprKind::kCompare:
      return "<" + joined(" ") + ">";
    default:
      return "{" + joined(",") + "}";
  }
}

std::string tree(const std::string& expression) {
  const auto body = parse("{{ " + expression + " }}", "t");
  EXPECT_TRUE(body.ok()) << body.status().message();
  return body.ok() ? shown(*body->front()->expr) : "";
}

TEST(JinjaParser, BindsAsJinja2Binds) {
  EXPECT_EQ(tree("a or b and not c"), "(a or (b and !c))");
  EXPECT_EQ(tree("a + b * c"), "<a <b c>>");
  EXPECT_EQ(tree("a - b - c"), "<<a b> c>");
  EXPECT_EQ(tree("a ~ b + c"), "<(a~b) c>");
  EXPECT_EQ(tree("a ~ b * c ~ d"), "(a~<b c>~d)");
}

TEST(JinjaParser, FiltersAndTestsBindTightly) {
  EXPECT_EQ(tree("a + b | trim"), "<a trim[b]>");
  EXPECT_EQ(tree("-a | abs"), "abs[-a]");
  EXPECT_EQ(tree("not a is defined"), "!defined[a]");
  EXPECT_EQ(tree("a is not none and b"), "(!none[a] and b)");
  EXPECT_EQ(tree("a.b(c)[0] | trim | upper"), "upper[trim[{a.b(c),0}]]");
  EXPECT_EQ(tree("a is divisibleby 3 or b"), "(divisibleby[a,3] or b)");
}

TEST(JinjaParser, ConditionsAssociateToTheRight) {
  EXPECT_EQ(tree("a if b else c if d else e"), "?(a,b,?(c,d,e))");
  EXPECT_EQ(tree("a if b"), "?(a,b,-)");
  EXPECT_EQ(tree("a ~ b if c else d"), "?((a~b),c,d)");
  EXPECT_EQ(tree("a == b != c"), "<a b c>");
  EXPECT_EQ(tree("a not in b"), "<a b>");
  EXPECT_EQ(tree("a[1:]"), "{a,1,-,-}");
}

TEST(JinjaParser, RefusalsNameThePlaceAndTheThing) {
  const auto refused = [](std::string_view source) {
    const auto body = parse(source, "t");
    EXPECT_FALSE(body.ok()) << source;
    return std::string(code_name(body.status().code())) + " " + body.status().message();
  };
  EXPECT_EQ(refused("\n{{ a b }}"), "DATA_LOSS t, line 2, column 6: expected '}}', not 'b'");
  EXPECT_EQ(refused("{% if a %}"),
            "DATA_LOSS t, line 1, column 11: the template ends inside a tag that wants 'elif'");
  EXPECT_EQ(refused("{% endfor %}"), "DATA_LOSS t, line 1, column 4: there is no tag 'endfor'");
  EXPECT_EQ(refused("{% break %}"),
            "DATA_LOSS t, line 1, column 4: 'break' stands outside of a loop");
  EXPECT_EQ(refused("{% for a in b %}{% set c %}{% break %}{% endset %}{% endfor %}"),
            "DATA_LOSS t, line 1, column 31: 'break' stands outside of a loop");
  EXPECT_EQ(refused("{% set none = 1 %}"),
            "DATA_LOSS t, line 1, column 13: 'none' cannot be assigned to");
  EXPECT_EQ(refused("{{ f(a=1, a=2) }}"),
            "DATA_LOSS t, line 1, column 12: the argument 'a' is given twice");
  EXPECT_EQ(refused("{{ a | nosuch }}"),
            "UNIMPLEMENTED t, line 1, column 8: the filter 'nosuch' is not supported");
  EXPECT_EQ(refused("{{ a is nosuch }}"),
            "UNIMPLEMENTED t, line 1, column 9: the test 'nosuch' is not supported");
  EXPECT_EQ(refused("{% include 'a' %}"),
            "UNIMPLEMENTED t, line 1, column 4: the tag 'include' is not supported");
}

}  // namespace
}  // namespace assay::jinja
