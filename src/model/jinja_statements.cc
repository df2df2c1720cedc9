// Statements: scopes, loops, macros. jinja_interpreter.h says what is where.
#include <algorithm>

#include "model/jinja_globals.h"
#include "model/jinja_interpreter.h"
#include "model/jinja_operators.h"

namespace assay::jinja {

class Interpreter::Macro : public Function {
 public:
  Macro(Interpreter& interpreter, const MacroDefinition& definition, const Scope& around)
      : interpreter_(interpreter), definition_(definition), around_(around) {}
  std::string_view name() const override { return definition_.name; }
  Result<Value> call(Runtime&, const Arguments& arguments) override {
    return interpreter_.call(definition_, around_, arguments);
  }

 private:
  Interpreter& interpreter_;
  const MacroDefinition& definition_;
  const Scope& around_;
};

Result<std::string> Interpreter::run(const Body& body, const Variables& variables) {
  ASSAY_ASSIGN_OR_RETURN(Scope * outermost, new_scope(nullptr));
  ASSAY_ASSIGN_OR_RETURN(outermost->variables, globals(runtime_));
  for (const auto& [name, value] : variables) outermost->set(name, value);
  ASSAY_ASSIGN_OR_RETURN(Scope * scope, new_scope(outermost));
  ASSAY_RETURN_IF_ERROR(execute(body, *scope).status());
  return std::move(out_);
}

Status Interpreter::write(std::string_view text) {
  if (out_.size() + text.size() > runtime_.limits().output_bytes_max) {
    return resource_exhausted("the text is longer than " +
                              std::to_string(runtime_.limits().output_bytes_max) + " bytes");
  }
  out_ += text;
  return runtime_.charge_text(text.size());
}

Result<Flow> Interpreter::execute(const Body& body, Scope& scope) {
  ASSAY_RETURN_IF_ERROR(runtime_.enter());
  for (const auto& statement : body) {
    auto flow = execute(*statement, scope);
    if (!flow.ok() || *flow != Flow::kNext) {
      runtime_.leave();
      return flow;
    }
  }
  runtime_.leave();
  return Flow::kNext;
}

Result<Flow> Interpreter::execute(const Statement& statement, Scope& scope) {
  line_ = statement.line;
  ASSAY_RETURN_IF_ERROR(runtime_.charge(1));
  switch (statement.kind) {
    case StatementKind::kText:
      ASSAY_RETURN_IF_ERROR(write(statement.text));
      return Flow::kNext;
    case StatementKind::kOutput: {
      ASSAY_ASSIGN_OR_RETURN(const Value value, evaluate(*statement.expr, scope));
      ASSAY_ASSIGN_OR_RETURN(const std::string_view text, to_text(runtime_, value));
      ASSAY_RETURN_IF_ERROR(write(text));
      return Flow::kNext;
    }
    case StatementKind::kIf:
      return execute_if(statement, scope);
    case StatementKind::kFor:
      return execute_for(statement, scope);
    case StatementKind::kSet: {
      ASSAY_ASSIGN_OR_RETURN(const Value value, evaluate(*statement.expr, scope));
      ASSAY_RETURN_IF_ERROR(bind(*statement.target, value, scope));
      return Flow::kNext;
    }
    case StatementKind::kSetBlock:
      ASSAY_RETURN_IF_ERROR(execute_set_block(statement, scope));
      return Flow::kNext;
    case StatementKind::kMacro: {
      ASSAY_ASSIGN_OR_RETURN(const Value macro, make_macro(*statement.macro, scope));
      ASSAY_RETURN_IF_ERROR(assign(scope, statement.macro->name, macro));
      return Flow::kNext;
    }
    case StatementKind::kCall:
      ASSAY_RETURN_IF_ERROR(execute_call_block(statement, scope));
      return Flow::kNext;
    case StatementKind::kFilter:
      ASSAY_RETURN_IF_ERROR(execute_filter_block(statement, scope));
      return Flow::kNext;
    case StatementKind::kWith:
      return execute_with(statement, scope);
    case StatementKind::kScope: {
      ASSAY_ASSIGN_OR_RETURN(Scope * inner, new_scope(&scope));
      return execute(statement.body, *inner);
    }
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
  }
  return internal_error("a statement of an unknown kind");
}

Result<Flow> Interpreter::execute_if(const Statement& statement, Scope& scope) {
  for (const auto& [condition, body] : statement.branches) {
    bool holds = true;
    if (condition != nullptr) {
      ASSAY_ASSIGN_OR_RETURN(holds, truth(*condition, scope));
    }
    if (holds) return execute(body, scope);
  }
  return Flow::kNext;
}

Result<Flow> Interpreter::execute_for(const Statement& statement, Scope& scope) {
  ASSAY_ASSIGN_OR_RETURN(const Value over, evaluate(*statement.expr, scope));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<Value>* items, elements(runtime_, over));
  if (statement.condition != nullptr) {
    std::vector<Value> kept;
    for (const Value& item : *items) {
      ASSAY_ASSIGN_OR_RETURN(Scope * inner, new_scope(&scope));
      ASSAY_RETURN_IF_ERROR(bind(*statement.target, item, *inner));
      ASSAY_ASSIGN_OR_RETURN(const bool holds, truth(*statement.condition, *inner));
      if (holds) kept.push_back(item);
    }
    ASSAY_ASSIGN_OR_RETURN(const Value list, runtime_.list(std::move(kept)));
    items = &as_list(list)->items;
  }
  if (items->empty()) {
    ASSAY_ASSIGN_OR_RETURN(Scope * inner, new_scope(&scope));
    return execute(statement.else_body, *inner);
  }
  ASSAY_ASSIGN_OR_RETURN(Loop * loop, runtime_.loop());
  loop->items = items;
  for (size_t i = 0; i < items->size(); ++i) {
    loop->index0 = i;
    // A scope for each turn: what one sets the next does not see.
    ASSAY_ASSIGN_OR_RETURN(Scope * inner, new_scope(&scope));
    ASSAY_RETURN_IF_ERROR(assign(*inner, "loop", Value(static_cast<const Loop*>(loop))));
    ASSAY_RETURN_IF_ERROR(bind(*statement.target, (*items)[i], *inner));
    const auto flow = execute(statement.body, *inner);
    if (!flow.ok()) return flow;
    if (*flow == Flow::kBreak) break;
  }
  return Flow::kNext;
}

Status Interpreter::bind(const Expr& target, const Value& value, Scope& scope) {
  if (target.kind == ExprKind::kName) return assign(scope, target.text, value);
  if (target.kind == ExprKind::kAttributeTarget) {
    ASSAY_ASSIGN_OR_RETURN(const Value held, name(target, scope));
    const auto* space = std::get_if<Namespace*>(&held);
    if (space == nullptr) {
      return template_error("cannot assign attribute on non-namespace object");
    }
    auto& attributes = (*space)->attributes;
    for (auto& [known, attribute] : attributes) {
      ASSAY_RETURN_IF_ERROR(runtime_.charge(1));
      if (known != target.value_text) continue;
      attribute = value;
      return ok_status();
    }
    ASSAY_RETURN_IF_ERROR(runtime_.charge_memory(sizeof(Variables::value_type)));
    attributes.emplace_back(target.value_text, value);
    return ok_status();
  }
  ASSAY_RETURN_IF_ERROR(check_defined(value));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<Value>* items, elements(runtime_, value));
  if (items->size() != target.parts.size()) {
    return template_error("cannot unpack " + std::to_string(items->size()) + " values into " +
                          std::to_string(target.parts.size()));
  }
  for (size_t i = 0; i < items->size(); ++i) {
    ASSAY_RETURN_IF_ERROR(bind(*target.parts[i], (*items)[i], scope));
  }
  return ok_status();
}

Result<Value> Interpreter::body_text(const Body& body, Scope& scope) {
  return captured([&]() -> Status {
    ASSAY_ASSIGN_OR_RETURN(Scope * inner, new_scope(&scope));
    return execute(body, *inner).status();
  });
}

Status Interpreter::execute_set_block(const Statement& statement, Scope& scope) {
  ASSAY_ASSIGN_OR_RETURN(Value text, body_text(statement.body, scope));
  if (statement.expr != nullptr) {
    ASSAY_ASSIGN_OR_RETURN(text, filter(*statement.expr, scope, &text));
  }
  return bind(*statement.target, text, scope);
}

Status Interpreter::execute_filter_block(const Statement& statement, Scope& scope) {
  ASSAY_ASSIGN_OR_RETURN(const Value text, body_text(statement.body, scope));
  ASSAY_ASSIGN_OR_RETURN(const Value out, filter(*statement.expr, scope, &text));
  ASSAY_ASSIGN_OR_RETURN(const std::string_view written, to_text(runtime_, out));
  return write(written);
}

Status Interpreter::execute_call_block(const Statement& statement, Scope& scope) {
  ASSAY_ASSIGN_OR_RETURN(const Value caller, make_macro(*statement.macro, scope));
  ASSAY_ASSIGN_OR_RETURN(const Value out, call(*statement.expr, scope, &caller));
  ASSAY_ASSIGN_OR_RETURN(const std::string_view text, to_text(runtime_, out));
  return write(text);
}

Result<Flow> Interpreter::execute_with(const Statement& statement, Scope& scope) {
  ASSAY_ASSIGN_OR_RETURN(Scope * inner, new_scope(&scope));
  for (const auto& [target, expr] : statement.assignments) {
    ASSAY_ASSIGN_OR_RETURN(const Value value, evaluate(*expr, scope));
    ASSAY_RETURN_IF_ERROR(bind(*target, value, *inner));
  }
  return execute(statement.body, *inner);
}

Result<Value> Interpreter::make_macro(const MacroDefinition& macro, const Scope& scope) {
  return runtime_.function(std::make_unique<Macro>(*this, macro, scope));
}

Status Interpreter::bind_parameters(const MacroDefinition& macro, const Arguments& arguments,
                                    Scope& scope) {
  const auto failure = [&](const std::string& what) {
    return template_error("macro '" + macro.name + "' " + what);
  };
  const size_t given = std::min(arguments.positional.size(), macro.parameters.size());
  std::vector<Value> more(arguments.positional.begin() + static_cast<ptrdiff_t>(given),
                          arguments.positional.end());
  std::vector<std::pair<Value, Value>> more_named;
  std::vector<bool> bound(macro.parameters.size(), false);
  for (size_t i = 0; i < given; ++i) {
    ASSAY_RETURN_IF_ERROR(assign(scope, macro.parameters[i].first, arguments.positional[i]));
    bound[i] = true;
  }
  Value caller;
  bool has_caller = false;
  for (const auto& [name, value] : arguments.named) {
    const auto found =
        std::find_if(macro.parameters.begin(), macro.parameters.end(),
                     [&, wanted = name](const auto& p) { return p.first == wanted; });
    const auto at = static_cast<size_t>(found - macro.parameters.begin());
    if (found == macro.parameters.end() && name == "caller") {
      caller = value;
      has_caller = true;
    } else if (found == macro.parameters.end()) {
      more_named.emplace_back(Value(name), value);
    } else if (bound[at]) {
      return failure("is given '" + found->first + "' twice");
    } else {
      ASSAY_RETURN_IF_ERROR(assign(scope, found->first, value));
      bound[at] = true;
    }
  }
  for (size_t i = 0; i < bound.size(); ++i) {
    if (bound[i]) continue;
    const auto& [name, otherwise] = macro.parameters[i];
    Value value;
    if (otherwise != nullptr) {
      ASSAY_ASSIGN_OR_RETURN(value, evaluate(*otherwise, scope));
    } else {
      ASSAY_ASSIGN_OR_RETURN(value,
                             runtime_.undefined("parameter '" + name + "' was not provided"));
    }
    ASSAY_RETURN_IF_ERROR(assign(scope, name, value));
  }
  if (has_caller && !macro.uses_caller) return failure("takes no keyword argument 'caller'");
  if (macro.uses_caller) {
    if (!has_caller) {
      ASSAY_ASSIGN_OR_RETURN(caller, runtime_.undefined("No caller defined"));
    }
    ASSAY_RETURN_IF_ERROR(assign(scope, "caller", caller));
  }
  if (!more.empty() && !macro.uses_varargs) {
    return failure("takes not more than " + std::to_string(bound.size()) + " arguments");
  }
  if (!more_named.empty() && !macro.uses_kwargs) return failure("has no such keyword argument");
  if (macro.uses_varargs) {
    ASSAY_ASSIGN_OR_RETURN(const Value list, runtime_.list(std::move(more), ListKind::kTuple));
    ASSAY_RETURN_IF_ERROR(assign(scope, "varargs", list));
  }
  if (macro.uses_kwargs) {
    ASSAY_ASSIGN_OR_RETURN(const Value held, runtime_.dict(std::move(more_named)));
    ASSAY_RETURN_IF_ERROR(assign(scope, "kwargs", held));
  }
  return ok_status();
}

Result<Value> Interpreter::call(const MacroDefinition& macro, const Scope& around,
                                const Arguments& arguments) {
  const uint32_t line = line_;
  ASSAY_ASSIGN_OR_RETURN(Scope * scope, new_scope(&around));
  ASSAY_RETURN_IF_ERROR(bind_parameters(macro, arguments, *scope));
  auto text = captured([&] { return execute(macro.body, *scope).status(); });
  if (text.ok()) line_ = line;
  return text;
}

}  // namespace assay::jinja
