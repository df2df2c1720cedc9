#include "model/jinja_eval.h"

#include "model/jinja_filters.h"
#include "model/jinja_interpreter.h"
#include "model/jinja_operators.h"

namespace assay::jinja {

Result<Value> Interpreter::evaluate(const Expr& expr, const Scope& scope) {
  ASSAY_RETURN_IF_ERROR(runtime_.charge(1));
  ASSAY_RETURN_IF_ERROR(runtime_.enter());
  auto out = evaluate_inside(expr, scope);
  runtime_.leave();
  return out;
}

Result<Value> Interpreter::evaluate_inside(const Expr& expr, const Scope& scope) {
  switch (expr.kind) {
    case ExprKind::kConstant:
      return expr.value;
    case ExprKind::kName:
      return name(expr, scope);
    case ExprKind::kList:
    case ExprKind::kTuple:
      return sequence(expr, scope);
    case ExprKind::kDict:
      return dict(expr, scope);
    case ExprKind::kAttribute: {
      ASSAY_ASSIGN_OR_RETURN(const Value object, evaluate(*expr.parts[0], scope));
      return attribute_of(runtime_, object, expr.text);
    }
    case ExprKind::kItem: {
      ASSAY_ASSIGN_OR_RETURN(const Value object, evaluate(*expr.parts[0], scope));
      ASSAY_ASSIGN_OR_RETURN(const Value key, evaluate(*expr.parts[1], scope));
      return item_of(runtime_, object, key);
    }
    case ExprKind::kSlice:
      return slice(expr, scope);
    case ExprKind::kCall:
      return call(expr, scope);
    case ExprKind::kFilter:
      return filter(expr, scope);
    case ExprKind::kTest:
      return test(expr, scope);
    case ExprKind::kNot: {
      ASSAY_ASSIGN_OR_RETURN(const bool holds, truth(*expr.parts[0], scope));
      return Value(!holds);
    }
    case ExprKind::kMinus: {
      ASSAY_ASSIGN_OR_RETURN(const Value value, evaluate(*expr.parts[0], scope));
      return negated(runtime_, value);
    }
    case ExprKind::kPlus: {
      ASSAY_ASSIGN_OR_RETURN(const Value value, evaluate(*expr.parts[0], scope));
      return arithmetic(runtime_, Op::kAdd, Value(int64_t{0}), value);
    }
    case ExprKind::kBinary: {
      ASSAY_ASSIGN_OR_RETURN(const Value left, evaluate(*expr.parts[0], scope));
      ASSAY_ASSIGN_OR_RETURN(const Value right, evaluate(*expr.parts[1], scope));
      return arithmetic(runtime_, expr.ops[0], left, right);
    }
    case ExprKind::kConcat:
      return concat(expr, scope);
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return logical(expr, scope);
    case ExprKind::kCompare:
      return comparison(expr, scope);
    case ExprKind::kConditional:
      return conditional(expr, scope);
    case ExprKind::kAttributeTarget:
      break;
  }
  return internal_error("an expression of an unknown kind");
}

Result<Value> Interpreter::name(const Expr& expr, const Scope& scope) {
  for (const Scope* at = &scope; at != nullptr; at = at->around) {
    ASSAY_RETURN_IF_ERROR(runtime_.charge(1));
    for (const auto& [known, value] : at->variables) {
      if (known == expr.text) return value;
    }
  }
  return runtime_.undefined("'" + expr.text.substr(0, 128) + "' is undefined");
}

Result<Value> Interpreter::sequence(const Expr& expr, const Scope& scope) {
  std::vector<Value> items;
  items.reserve(expr.parts.size());
  for (const ExprPtr& part : expr.parts) {
    ASSAY_ASSIGN_OR_RETURN(const Value item, evaluate(*part, scope));
    items.push_back(item);
  }
  return runtime_.list(std::move(items),
                       expr.kind == ExprKind::kTuple ? ListKind::kTuple : ListKind::kList);
}

Result<Value> Interpreter::dict(const Expr& expr, const Scope& scope) {
  std::vector<std::pair<Value, Value>> entries;
  for (size_t i = 0; i < expr.parts.size(); i += 2) {
    ASSAY_ASSIGN_OR_RETURN(const Value key, evaluate(*expr.parts[i], scope));
    ASSAY_ASSIGN_OR_RETURN(const Value value, evaluate(*expr.parts[i + 1], scope));
    ASSAY_RETURN_IF_ERROR(put(runtime_, entries, key, value));
  }
  return runtime_.dict(std::move(entries));
}

Result<Value> Interpreter::slice(const Expr& expr, const Scope& scope) {
  ASSAY_ASSIGN_OR_RETURN(const Value object, evaluate(*expr.parts[0], scope));
  Value bounds[3] = {None{}, None{}, None{}};
  for (size_t i = 0; i < 3; ++i) {
    if (expr.parts[i + 1] == nullptr) continue;
    ASSAY_ASSIGN_OR_RETURN(bounds[i], evaluate(*expr.parts[i + 1], scope));
  }
  return slice_of(runtime_, object, {.begin = bounds[0], .end = bounds[1], .step = bounds[2]});
}

Result<Value> Interpreter::concat(const Expr& expr, const Scope& scope) {
  std::string out;
  for (const ExprPtr& part : expr.parts) {
    ASSAY_ASSIGN_OR_RETURN(const Value value, evaluate(*part, scope));
    ASSAY_ASSIGN_OR_RETURN(const std::string_view text, to_text(runtime_, value));
    ASSAY_RETURN_IF_ERROR(runtime_.charge_memory(text.size()));
    out += text;
  }
  return runtime_.string(std::move(out));
}

Result<Value> Interpreter::comparison(const Expr& expr, const Scope& scope) {
  ASSAY_ASSIGN_OR_RETURN(Value left, evaluate(*expr.parts[0], scope));
  for (size_t i = 0; i < expr.ops.size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(const Value right, evaluate(*expr.parts[i + 1], scope));
    ASSAY_ASSIGN_OR_RETURN(const bool holds, compare(runtime_, expr.ops[i], left, right));
    if (!holds) return Value(false);
    left = right;
  }
  return Value(true);
}

// and, or give the operand that decides, as in Python.
Result<Value> Interpreter::logical(const Expr& expr, const Scope& scope) {
  ASSAY_ASSIGN_OR_RETURN(const Value left, evaluate(*expr.parts[0], scope));
  if (is_true(left) == (expr.kind == ExprKind::kOr)) return left;
  return evaluate(*expr.parts[1], scope);
}

Result<Value> Interpreter::conditional(const Expr& expr, const Scope& scope) {
  ASSAY_ASSIGN_OR_RETURN(const bool holds, truth(*expr.parts[1], scope));
  if (holds) return evaluate(*expr.parts[0], scope);
  if (expr.parts[2] != nullptr) return evaluate(*expr.parts[2], scope);
  return runtime_.undefined(
      "the inline if-expression evaluated to false and no else section was defined");
}

Result<Arguments> Interpreter::arguments(const Expr& expr, const Scope& scope) {
  Arguments out;
  for (size_t i = 1; i < expr.parts.size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(const Value value, evaluate(*expr.parts[i], scope));
    out.positional.push_back(value);
  }
  for (const auto& [name, part] : expr.named) {
    ASSAY_ASSIGN_OR_RETURN(const Value value, evaluate(*part, scope));
    out.named.emplace_back(name, value);
  }
  if (expr.more_positional != nullptr) {
    ASSAY_ASSIGN_OR_RETURN(const Value more, evaluate(*expr.more_positional, scope));
    ASSAY_ASSIGN_OR_RETURN(const std::vector<Value>* items, elements(runtime_, more));
    ASSAY_RETURN_IF_ERROR(runtime_.charge_memory(items->size() * sizeof(Value)));
    out.positional.insert(out.positional.end(), items->begin(), items->end());
  }
  if (expr.more_named != nullptr) {
    ASSAY_ASSIGN_OR_RETURN(const Value more, evaluate(*expr.more_named, scope));
    const Dict* held = as_dict(more);
    if (held == nullptr) return template_error("the argument behind ** must be a dict");
    ASSAY_RETURN_IF_ERROR(runtime_.charge_memory(held->entries.size() * 2 * sizeof(Value)));
    for (const auto& [key, value] : held->entries) {
      const auto* text = as_string(key);
      if (text == nullptr) return template_error("keywords must be strings");
      out.named.emplace_back(*text, value);
    }
  }
  return out;
}

Result<Value> Interpreter::call(const Expr& expr, const Scope& scope, const Value* caller) {
  ASSAY_ASSIGN_OR_RETURN(const Value callee, evaluate(*expr.parts[0], scope));
  ASSAY_ASSIGN_OR_RETURN(Arguments given, arguments(expr, scope));
  if (caller != nullptr) given.named.emplace_back("caller", *caller);
  ASSAY_RETURN_IF_ERROR(check_defined(callee));
  const auto* function = std::get_if<Function*>(&callee);
  if (function == nullptr) {
    return template_error("'" + std::string(type_name(callee)) + "' object is not callable");
  }
  line_ = expr.line;
  return (*function)->call(runtime_, given);
}

Result<Value> Interpreter::filter(const Expr& expr, const Scope& scope, const Value* innermost) {
  Value value;
  if (expr.parts[0] == nullptr) {
    value = *innermost;
  } else if (innermost != nullptr) {
    ASSAY_RETURN_IF_ERROR(runtime_.enter());
    auto inner = filter(*expr.parts[0], scope, innermost);
    runtime_.leave();
    if (!inner.ok()) return inner;
    value = *inner;
  } else {
    ASSAY_ASSIGN_OR_RETURN(value, evaluate(*expr.parts[0], scope));
  }
  ASSAY_ASSIGN_OR_RETURN(const Arguments given, arguments(expr, scope));
  line_ = expr.line;
  return expr.filter->apply(runtime_, value, given);
}

Result<Value> Interpreter::test(const Expr& expr, const Scope& scope) {
  ASSAY_ASSIGN_OR_RETURN(const Value value, evaluate(*expr.parts[0], scope));
  ASSAY_ASSIGN_OR_RETURN(const Arguments given, arguments(expr, scope));
  line_ = expr.line;
  ASSAY_ASSIGN_OR_RETURN(const bool holds, expr.test->holds(runtime_, value, given));
  return Value(holds);
}

Result<std::string> run(Runtime& runtime, const Body& body, const Variables& variables,
                        std::string_view name) {
  Interpreter interpreter(runtime);
  auto out = interpreter.run(body, variables);
  if (out.ok() || runtime.raised()) return out;
  return out.status().with_context(std::string(name) + ", line " +
                                   std::to_string(interpreter.line()));
}

}  // namespace assay::jinja
