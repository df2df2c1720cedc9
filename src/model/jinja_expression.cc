#include "model/jinja_expression.h"

#include <algorithm>
#include <utility>

#include "model/jinja_filters.h"
#include "model/jinja_parser.h"

namespace assay::jinja {
namespace {

std::string describe(const Token& token) {
  switch (token.type) {
    case TokenType::kEnd:
      return "the end of the template";
    case TokenType::kText:
      return "text";
    case TokenType::kVariableBegin:
      return "'{{'";
    case TokenType::kVariableEnd:
      return "'}}'";
    case TokenType::kBlockBegin:
      return "'{%'";
    case TokenType::kBlockEnd:
      return "'%}'";
    case TokenType::kString:
      return "a string";
    default:
      return "'" + token.text.substr(0, 64) + "'";
  }
}

bool is_reserved(std::string_view name) {
  constexpr std::string_view kReserved[] = {"true", "false", "none", "True", "False", "None"};
  return std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved);
}

}  // namespace

Status TokenStream::expect(TokenType type) {
  if (current().type != type) {
    return error("expected " + describe({.type = type}) + ", not " + describe(current()));
  }
  next();
  return ok_status();
}

Status TokenStream::expect_op(std::string_view text) {
  if (take_op(text)) return ok_status();
  return error("expected '" + std::string(text) + "', not " + describe(current()));
}

Result<std::string> TokenStream::expect_name() {
  if (current().type != TokenType::kName) {
    return error("expected a name, not " + describe(current()));
  }
  std::string name = current().text;
  next();
  return name;
}

Status TokenStream::error(const std::string& what) const {
  return data_loss(place(name_, current().line, current().column) + what);
}

Status TokenStream::unsupported(const std::string& what) const {
  return unimplemented(place(name_, current().line, current().column) + what);
}

ExprPtr ExpressionParser::node(ExprKind kind) const {
  auto out = std::make_unique<Expr>();
  out->kind = kind;
  out->line = stream_.current().line;
  return out;
}

Result<ExprPtr> ExpressionParser::done(ExprPtr node) const {
  uint32_t depth = 0;
  const auto see = [&](const ExprPtr& part) {
    if (part != nullptr) depth = std::max(depth, part->depth);
  };
  for (const ExprPtr& part : node->parts) see(part);
  for (const auto& [name, part] : node->named) see(part);
  see(node->more_positional);
  see(node->more_named);
  node->depth = depth + 1;
  if (node->depth > kExpressionDepthMax) return stream_.error("the expression is too deep");
  return node;
}

Result<ExprPtr> ExpressionParser::expression(bool with_condition) {
  if (depth_ == kNestingMax) return stream_.error("expressions stand too deep in one another");
  ++depth_;
  auto out = with_condition ? conditional() : logical_or();
  --depth_;
  return out;
}

Result<ExprPtr> ExpressionParser::conditional() {
  ASSAY_ASSIGN_OR_RETURN(ExprPtr value, logical_or());
  while (stream_.take_name("if")) {
    ExprPtr out = node(ExprKind::kConditional);
    ASSAY_ASSIGN_OR_RETURN(ExprPtr condition, logical_or());
    ExprPtr otherwise;
    if (stream_.take_name("else")) {
      ASSAY_ASSIGN_OR_RETURN(otherwise, expression());
    }
    out->parts.push_back(std::move(value));
    out->parts.push_back(std::move(condition));
    out->parts.push_back(std::move(otherwise));
    ASSAY_ASSIGN_OR_RETURN(value, done(std::move(out)));
  }
  return value;
}

Result<ExprPtr> ExpressionParser::word_level(Level operand, std::string_view word, ExprKind kind) {
  ASSAY_ASSIGN_OR_RETURN(ExprPtr left, (this->*operand)());
  while (stream_.at_name(word)) {
    ExprPtr out = node(kind);
    stream_.next();
    ASSAY_ASSIGN_OR_RETURN(ExprPtr right, (this->*operand)());
    out->parts.push_back(std::move(left));
    out->parts.push_back(std::move(right));
    ASSAY_ASSIGN_OR_RETURN(left, done(std::move(out)));
  }
  return left;
}

Result<ExprPtr> ExpressionParser::logical_or() {
  return word_level(&ExpressionParser::logical_and, "or", ExprKind::kOr);
}

Result<ExprPtr> ExpressionParser::logical_and() {
  return word_level(&ExpressionParser::logical_not, "and", ExprKind::kAnd);
}

Result<ExprPtr> ExpressionParser::logical_not() {
  // Each "not" is a level of the tree but none of the recursion here.
  std::vector<ExprPtr> nots;
  while (stream_.at_name("not")) {
    nots.push_back(node(ExprKind::kNot));
    stream_.next();
  }
  ASSAY_ASSIGN_OR_RETURN(ExprPtr out, comparison());
  for (; !nots.empty(); nots.pop_back()) {
    nots.back()->parts.push_back(std::move(out));
    ASSAY_ASSIGN_OR_RETURN(out, done(std::move(nots.back())));
  }
  return out;
}

Result<ExprPtr> ExpressionParser::comparison() {
  constexpr OpRow kRows[] = {{"==", Op::kEqual},  {"!=", Op::kNotEqual},
                             {"<", Op::kLess},    {"<=", Op::kLessEqual},
                             {">", Op::kGreater}, {">=", Op::kGreaterEqual}};
  ASSAY_ASSIGN_OR_RETURN(ExprPtr first, sum());
  ExprPtr out = node(ExprKind::kCompare);
  for (;;) {
    std::optional<Op> op;
    if (stream_.take_name("in")) {
      op = Op::kIn;
    } else if (stream_.at_name("not") && TokenStream::is(stream_.ahead(), TokenType::kName, "in")) {
      stream_.next();
      stream_.next();
      op = Op::kNotIn;
    } else {
      for (const OpRow& row : kRows) {
        if (!op && stream_.take_op(row.text)) op = row.op;
      }
    }
    if (!op) break;
    if (out->parts.empty()) out->parts.push_back(std::move(first));
    out->ops.push_back(*op);
    ASSAY_ASSIGN_OR_RETURN(ExprPtr next, sum());
    out->parts.push_back(std::move(next));
  }
  if (out->parts.empty()) return first;
  return done(std::move(out));
}

Result<ExprPtr> ExpressionParser::binary_level(Level operand, std::initializer_list<OpRow> rows) {
  ASSAY_ASSIGN_OR_RETURN(ExprPtr left, (this->*operand)());
  for (;;) {
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const OpRow& r) { return stream_.at_op(r.text); });
    if (row == rows.end()) return left;
    ExprPtr out = node(ExprKind::kBinary);
    stream_.next();
    ASSAY_ASSIGN_OR_RETURN(ExprPtr right, (this->*operand)());
    out->ops.push_back(row->op);
    out->parts.push_back(std::move(left));
    out->parts.push_back(std::move(right));
    ASSAY_ASSIGN_OR_RETURN(left, done(std::move(out)));
  }
}

Result<ExprPtr> ExpressionParser::sum() {
  return binary_level(&ExpressionParser::concatenation, {{"+", Op::kAdd}, {"-", Op::kSubtract}});
}

Result<ExprPtr> ExpressionParser::concatenation() {
  ASSAY_ASSIGN_OR_RETURN(ExprPtr first, product());
  if (!stream_.at_op("~")) return first;
  ExprPtr out = node(ExprKind::kConcat);
  out->parts.push_back(std::move(first));
  while (stream_.take_op("~")) {
    ASSAY_ASSIGN_OR_RETURN(ExprPtr next, product());
    out->parts.push_back(std::move(next));
  }
  return done(std::move(out));
}

Result<ExprPtr> ExpressionParser::product() {
  return binary_level(
      &ExpressionParser::power,
      {{"*", Op::kMultiply}, {"/", Op::kDivide}, {"//", Op::kFloorDivide}, {"%", Op::kModulo}});
}

Result<ExprPtr> ExpressionParser::power() {
  return binary_level(&ExpressionParser::unary, {{"**", Op::kPower}});
}

Result<ExprPtr> ExpressionParser::unary(bool with_filter) {
  if (depth_ == kNestingMax) return stream_.error("expressions stand too deep in one another");
  ++depth_;
  auto out = unary_inside(with_filter);
  --depth_;
  return out;
}

Result<ExprPtr> ExpressionParser::unary_inside(bool with_filter) {
  ExprPtr out;
  if (stream_.at_op("-") || stream_.at_op("+")) {
    ExprPtr sign = node(stream_.at_op("-") ? ExprKind::kMinus : ExprKind::kPlus);
    stream_.next();
    ASSAY_ASSIGN_OR_RETURN(ExprPtr operand, unary(false));
    sign->parts.push_back(std::move(operand));
    ASSAY_ASSIGN_OR_RETURN(out, done(std::move(sign)));
  } else {
    ASSAY_ASSIGN_OR_RETURN(out, primary());
  }
  ASSAY_ASSIGN_OR_RETURN(out, postfix(std::move(out)));
  return with_filter ? filters_and_tests(std::move(out)) : std::move(out);
}

Result<ExprPtr> ExpressionParser::primary() {
  const Token& token = stream_.current();
  ExprPtr out = node(ExprKind::kConstant);
  switch (token.type) {
    case TokenType::kName:
      if (token.text == "true" || token.text == "True") {
        out->value = true;
      } else if (token.text == "false" || token.text == "False") {
        out->value = false;
      } else if (is_reserved(token.text)) {
        out->value = None{};
      } else {
        out->kind = ExprKind::kName;
        out->text = token.text;
        seen_.varargs |= token.text == "varargs";
        seen_.kwargs |= token.text == "kwargs";
        seen_.caller |= token.text == "caller";
      }
      stream_.next();
      return out;
    case TokenType::kString:
      for (; stream_.current().type == TokenType::kString; stream_.next()) {
        out->value_text += stream_.current().text;
      }
      out->value = std::string_view(out->value_text);
      return out;
    case TokenType::kInteger:
      out->value = token.integer;
      stream_.next();
      return out;
    case TokenType::kFloat:
      out->value = token.number;
      stream_.next();
      return out;
    default:
      break;
  }
  if (stream_.take_op("(")) {
    ASSAY_ASSIGN_OR_RETURN(out, tuple({.in_parentheses = true}));
    ASSAY_RETURN_IF_ERROR(stream_.expect_op(")"));
    return out;
  }
  if (stream_.at_op("[")) return list();
  if (stream_.at_op("{")) return dict();
  return stream_.error("expected an expression, not " + describe(token));
}

bool ExpressionParser::at_tuple_end(std::string_view end) const {
  const TokenType type = stream_.current().type;
  return type == TokenType::kVariableEnd || type == TokenType::kBlockEnd || stream_.at_op(")") ||
         (!end.empty() && stream_.at_name(end));
}

Result<ExprPtr> ExpressionParser::tuple(const TupleOptions& options) {
  ExprPtr out = node(ExprKind::kTuple);
  bool has_comma = false;
  while (!at_tuple_end(options.end)) {
    ASSAY_ASSIGN_OR_RETURN(ExprPtr element, expression(options.with_condition));
    out->parts.push_back(std::move(element));
    if (!stream_.take_op(",")) break;
    has_comma = true;
  }
  if (!has_comma && !out->parts.empty()) return std::move(out->parts[0]);
  if (out->parts.empty() && !options.in_parentheses) {
    return stream_.error("expected an expression, not " + describe(stream_.current()));
  }
  return done(std::move(out));
}

Result<ExprPtr> ExpressionParser::one_target(bool with_namespace) {
  if (depth_ == kNestingMax) return stream_.error("expressions stand too deep in one another");
  if (stream_.take_op("(")) {
    ++depth_;
    auto inner = target({.with_namespace = with_namespace});
    --depth_;
    if (!inner.ok()) return inner.status();
    ASSAY_RETURN_IF_ERROR(stream_.expect_op(")"));
    return inner;
  }
  ExprPtr out = node(ExprKind::kName);
  ASSAY_ASSIGN_OR_RETURN(out->text, stream_.expect_name());
  if (is_reserved(out->text)) return stream_.error("'" + out->text + "' cannot be assigned to");
  if (with_namespace && stream_.take_op(".")) {
    out->kind = ExprKind::kAttributeTarget;
    ASSAY_ASSIGN_OR_RETURN(out->value_text, stream_.expect_name());
  }
  return out;
}

Result<ExprPtr> ExpressionParser::target(const TargetOptions& options) {
  ExprPtr out = node(ExprKind::kTuple);
  bool has_comma = false;
  while (!at_tuple_end(options.end) && !stream_.at_op("=")) {
    ASSAY_ASSIGN_OR_RETURN(ExprPtr element, one_target(options.with_namespace));
    out->parts.push_back(std::move(element));
    if (!stream_.take_op(",")) break;
    has_comma = true;
  }
  if (out->parts.empty()) return stream_.error("expected a name to assign to");
  if (!has_comma) return std::move(out->parts[0]);
  return done(std::move(out));
}

Result<ExprPtr> ExpressionParser::list() {
  ExprPtr out = node(ExprKind::kList);
  stream_.next();
  while (!stream_.at_op("]")) {
    ASSAY_ASSIGN_OR_RETURN(ExprPtr element, expression());
    out->parts.push_back(std::move(element));
    if (!stream_.take_op(",")) break;
  }
  ASSAY_RETURN_IF_ERROR(stream_.expect_op("]"));
  return done(std::move(out));
}

Result<ExprPtr> ExpressionParser::dict() {
  ExprPtr out = node(ExprKind::kDict);
  stream_.next();
  while (!stream_.at_op("}")) {
    ASSAY_ASSIGN_OR_RETURN(ExprPtr key, expression());
    ASSAY_RETURN_IF_ERROR(stream_.expect_op(":"));
    ASSAY_ASSIGN_OR_RETURN(ExprPtr value, expression());
    out->parts.push_back(std::move(key));
    out->parts.push_back(std::move(value));
    if (!stream_.take_op(",")) break;
  }
  ASSAY_RETURN_IF_ERROR(stream_.expect_op("}"));
  return done(std::move(out));
}

Result<ExprPtr> ExpressionParser::postfix(ExprPtr operand) {
  for (;;) {
    if (stream_.at_op(".") || stream_.at_op("[")) {
      ASSAY_ASSIGN_OR_RETURN(operand, subscript(std::move(operand)));
    } else if (stream_.at_op("(")) {
      ASSAY_ASSIGN_OR_RETURN(operand, call(std::move(operand)));
    } else {
      return operand;
    }
  }
}

Result<ExprPtr> ExpressionParser::filters_and_tests(ExprPtr operand) {
  for (;;) {
    if (stream_.at_op("|")) {
      ASSAY_ASSIGN_OR_RETURN(operand, filters(std::move(operand)));
    } else if (stream_.at_name("is")) {
      ASSAY_ASSIGN_OR_RETURN(operand, test(std::move(operand)));
    } else if (stream_.at_op("(")) {
      ASSAY_ASSIGN_OR_RETURN(operand, call(std::move(operand)));
    } else {
      return operand;
    }
  }
}

Result<ExprPtr> ExpressionParser::subscript(ExprPtr operand) {
  if (stream_.take_op("[")) {
    bool is_slice = false;
    ASSAY_ASSIGN_OR_RETURN(ExprPtr out, subscripted(std::move(operand), is_slice));
    if (stream_.at_op(",")) {
      return stream_.unsupported("a subscript of several parts is not supported");
    }
    ASSAY_RETURN_IF_ERROR(stream_.expect_op("]"));
    return done(std::move(out));
  }
  ExprPtr out = node(ExprKind::kAttribute);
  stream_.next();
  if (stream_.current().type == TokenType::kInteger) {
    out->kind = ExprKind::kItem;
    ExprPtr index = node(ExprKind::kConstant);
    index->value = stream_.current().integer;
    stream_.next();
    out->parts.push_back(std::move(operand));
    out->parts.push_back(std::move(index));
    return done(std::move(out));
  }
  ASSAY_ASSIGN_OR_RETURN(out->text, stream_.expect_name());
  out->parts.push_back(std::move(operand));
  return done(std::move(out));
}

Result<ExprPtr> ExpressionParser::subscripted(ExprPtr operand, bool& is_slice) {
  ExprPtr out = node(ExprKind::kItem);
  out->parts.push_back(std::move(operand));
  for (size_t colons = 0;;) {
    ExprPtr part;
    if (!stream_.at_op(":") && !stream_.at_op("]") && !stream_.at_op(",")) {
      ASSAY_ASSIGN_OR_RETURN(part, expression());
    }
    is_slice = is_slice || stream_.at_op(":");
    if (!is_slice && part == nullptr) return stream_.error("a subscript is empty");
    out->parts.push_back(std::move(part));
    if (colons == 2 || !stream_.take_op(":")) break;
    ++colons;
  }
  if (is_slice) {
    out->kind = ExprKind::kSlice;
    out->parts.resize(4);
  }
  return out;
}

Status ExpressionParser::arguments(Expr& out) {
  ASSAY_RETURN_IF_ERROR(stream_.expect_op("("));
  while (!stream_.at_op(")")) {
    const bool named = stream_.current().type == TokenType::kName &&
                       TokenStream::is(stream_.ahead(), TokenType::kOperator, "=");
    const Status misplaced = stream_.error("the argument stands behind one it must precede");
    if (stream_.take_op("*")) {
      if (out.more_positional != nullptr || out.more_named != nullptr) return misplaced;
      ASSAY_ASSIGN_OR_RETURN(out.more_positional, expression());
    } else if (stream_.take_op("**")) {
      if (out.more_named != nullptr) return misplaced;
      ASSAY_ASSIGN_OR_RETURN(out.more_named, expression());
    } else if (named) {
      if (out.more_named != nullptr) return misplaced;
      ASSAY_ASSIGN_OR_RETURN(std::string name, stream_.expect_name());
      for (const auto& [other, value] : out.named) {
        if (other == name) return stream_.error("the argument '" + name + "' is given twice");
      }
      stream_.next();
      ASSAY_ASSIGN_OR_RETURN(ExprPtr value, expression());
      out.named.emplace_back(std::move(name), std::move(value));
    } else {
      if (out.more_positional != nullptr || out.more_named != nullptr || !out.named.empty()) {
        return misplaced;
      }
      ASSAY_ASSIGN_OR_RETURN(ExprPtr value, expression());
      out.parts.push_back(std::move(value));
    }
    if (!stream_.take_op(",")) break;
  }
  return stream_.expect_op(")");
}

Result<ExprPtr> ExpressionParser::call(ExprPtr operand) {
  ExprPtr out = node(ExprKind::kCall);
  out->parts.push_back(std::move(operand));
  ASSAY_RETURN_IF_ERROR(arguments(*out));
  return done(std::move(out));
}

Result<ExprPtr> ExpressionParser::filters(ExprPtr operand) {
  while (stream_.take_op("|")) {
    ASSAY_ASSIGN_OR_RETURN(operand, filter(std::move(operand)));
  }
  return operand;
}

Result<ExprPtr> ExpressionParser::first_filter() {
  ASSAY_ASSIGN_OR_RETURN(ExprPtr out, filter(nullptr));
  return filters(std::move(out));
}

Result<ExprPtr> ExpressionParser::filter(ExprPtr operand) {
  ExprPtr out = node(ExprKind::kFilter);
  if (stream_.current().type == TokenType::kName) {
    out->filter = find_filter(stream_.current().text);
    if (out->filter == nullptr) {
      return stream_.unsupported("the filter '" + stream_.current().text + "' is not supported");
    }
  }
  ASSAY_ASSIGN_OR_RETURN(out->text, stream_.expect_name());
  out->parts.push_back(std::move(operand));
  if (stream_.at_op("(")) ASSAY_RETURN_IF_ERROR(arguments(*out));
  return done(std::move(out));
}

Result<ExprPtr> ExpressionParser::test(ExprPtr operand) {
  stream_.next();
  ExprPtr negation;
  if (stream_.at_name("not")) {
    negation = node(ExprKind::kNot);
    stream_.next();
  }
  ExprPtr out = node(ExprKind::kTest);
  if (stream_.current().type == TokenType::kName) {
    out->test = find_test(stream_.current().text);
    if (out->test == nullptr) {
      return stream_.unsupported("the test '" + stream_.current().text + "' is not supported");
    }
  }
  ASSAY_ASSIGN_OR_RETURN(out->text, stream_.expect_name());
  out->parts.push_back(std::move(operand));
  const TokenType type = stream_.current().type;
  const bool has_operand = stream_.at_op("[") || stream_.at_op("{") || type == TokenType::kString ||
                           type == TokenType::kInteger || type == TokenType::kFloat ||
                           (type == TokenType::kName && !stream_.at_name("else") &&
                            !stream_.at_name("or") && !stream_.at_name("and"));
  if (stream_.at_op("(")) {
    ASSAY_RETURN_IF_ERROR(arguments(*out));
  } else if (has_operand) {
    if (stream_.at_name("is")) return stream_.error("tests cannot be chained with 'is'");
    ASSAY_ASSIGN_OR_RETURN(ExprPtr argument, primary());
    ASSAY_ASSIGN_OR_RETURN(argument, postfix(std::move(argument)));
    out->parts.push_back(std::move(argument));
  }
  ASSAY_ASSIGN_OR_RETURN(out, done(std::move(out)));
  if (negation == nullptr) return out;
  negation->parts.push_back(std::move(out));
  return done(std::move(negation));
}

}  // namespace assay::jinja
