// The tree of a Jinja2 template, as jinja_parser.h makes it and jinja_eval.h walks it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/jinja_value.h"

namespace assay::jinja {

struct Filter;
struct Test;

enum class ExprKind : uint8_t {
  kConstant,   // value
  kName,       // text
  kList,       // parts
  kTuple,      // parts
  kDict,       // parts: key, value, key, value, …
  kAttribute,  // parts[0].text
  kItem,       // parts[0][parts[1]]
  kSlice,      // parts[0][parts[1]:parts[2]:parts[3]], each but the first may be null
  kCall,       // parts[0](arguments parts[1..], named)
  kFilter,     // parts[0] | text(parts[1..], named); parts[0] is null in a filter block
  kTest,       // parts[0] is text(parts[1..], named)
  kNot,        // not parts[0]
  kMinus,
  kPlus,
  kBinary,  // parts[0] op parts[1]
  kConcat,  // parts joined as text
  kAnd,     // parts[0] and parts[1]
  kOr,
  kCompare,          // parts[0] ops[0] parts[1] ops[1] parts[2] …
  kConditional,      // parts[0] if parts[1] else parts[2]; parts[2] may be null
  kAttributeTarget,  // of an assignment: the namespace text, its attribute in value_text
};

enum class Op : uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Expr {
  ExprKind kind = ExprKind::kConstant;
  uint32_t line = 0;
  uint32_t depth = 1;  // of the tree below, itself included
  std::string text;
  std::string value_text;
  Value value;  // a string in it is a view of value_text
  std::vector<ExprPtr> parts;
  std::vector<std::pair<std::string, ExprPtr>> named;
  // *args and **kwargs of a call.
  ExprPtr more_positional;
  ExprPtr more_named;
  std::vector<Op> ops;
  const Filter* filter = nullptr;
  const Test* test = nullptr;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

// A macro, or the body of a call block.
struct MacroDefinition {
  std::string name;
  std::vector<std::pair<std::string, ExprPtr>> parameters;  // with defaults, null for none
  Body body;
  bool uses_varargs = false;
  bool uses_kwargs = false;
  bool uses_caller = false;
};

enum class StatementKind : uint8_t {
  kText,      // text
  kOutput,    // expr
  kIf,        // branches; the last may have no condition
  kFor,       // target in expr if condition: body, else: else_body
  kSet,       // target = expr
  kSetBlock,  // target = body through filter
  kMacro,     // macro
  kCall,      // expr is the call, macro the caller
  kFilter,    // body through expr
  kWith,      // assignments, body
  kScope,     // body, in the scope around it
  kBreak,
  kContinue,
};

struct Statement {
  StatementKind kind = StatementKind::kText;
  uint32_t line = 0;
  std::string text;
  ExprPtr target;
  ExprPtr expr;
  ExprPtr condition;
  std::vector<std::pair<ExprPtr, Body>> branches;
  std::vector<std::pair<ExprPtr, ExprPtr>> assignments;
  Body body;
  Body else_body;
  std::unique_ptr<MacroDefinition> macro;
};

}  // namespace assay::jinja
