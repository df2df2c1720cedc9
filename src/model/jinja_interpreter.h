// The interpreter behind jinja_eval.h: statements are in jinja_statements.cc, expressions in
// jinja_eval.cc.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "model/jinja_eval.h"

namespace assay::jinja {

// Names and what they stand for; those of the scopes around are seen too. Scopes live as long as
// the render, since a macro keeps the one it was defined in.
struct Scope {
  const Scope* around = nullptr;
  Variables variables;

  void set(std::string_view name, const Value& value) {
    for (auto& [known, held] : variables) {
      if (known != name) continue;
      held = value;
      return;
    }
    variables.emplace_back(name, value);
  }
};

enum class Flow : uint8_t { kNext, kBreak, kContinue };

class Interpreter {
 public:
  explicit Interpreter(Runtime& runtime) : runtime_(runtime) {}

  // The text that body writes with these variables, besides the global functions.
  Result<std::string> run(const Body& body, const Variables& variables);

  // That of what was executed last.
  uint32_t line() const { return line_; }

  // A call of a macro: its text.
  Result<Value> call(const MacroDefinition& macro, const Scope& around, const Arguments& arguments);

 private:
  class Macro;

  Result<Scope*> new_scope(const Scope* around) {
    ASSAY_RETURN_IF_ERROR(runtime_.charge_memory(sizeof(Scope)));
    return &scopes_.emplace_back(Scope{.around = around, .variables = {}});
  }

  Status assign(Scope& scope, std::string_view name, const Value& value) {
    ASSAY_RETURN_IF_ERROR(runtime_.charge_memory(sizeof(Variables::value_type)));
    scope.set(name, value);
    return ok_status();
  }

  Status write(std::string_view text);

  // What `make` writes, instead of the output.
  template <typename Make>
  Result<Value> captured(Make&& make) {
    std::string outer = std::exchange(out_, {});
    const Status status = make();
    std::string inner = std::exchange(out_, std::move(outer));
    ASSAY_RETURN_IF_ERROR(status);
    return runtime_.string(std::move(inner));
  }

  // Statements.
  Result<Flow> execute(const Body& body, Scope& scope);
  Result<Flow> execute(const Statement& statement, Scope& scope);
  Result<Flow> execute_if(const Statement& statement, Scope& scope);
  Result<Flow> execute_for(const Statement& statement, Scope& scope);
  Status execute_set_block(const Statement& statement, Scope& scope);
  Status execute_call_block(const Statement& statement, Scope& scope);
  Status execute_filter_block(const Statement& statement, Scope& scope);
  Result<Flow> execute_with(const Statement& statement, Scope& scope);
  Status bind(const Expr& target, const Value& value, Scope& scope);
  Result<Value> make_macro(const MacroDefinition& macro, const Scope& scope);
  Result<Value> body_text(const Body& body, Scope& scope);
  Status bind_parameters(const MacroDefinition& macro, const Arguments& arguments, Scope& scope);

  // Expressions. Not one that changes its scope.
  Result<Value> evaluate(const Expr& expr, const Scope& scope);
  Result<Value> evaluate_inside(const Expr& expr, const Scope& scope);
  Result<Value> name(const Expr& expr, const Scope& scope);
  Result<Value> sequence(const Expr& expr, const Scope& scope);
  Result<Value> dict(const Expr& expr, const Scope& scope);
  Result<Value> slice(const Expr& expr, const Scope& scope);
  Result<Value> concat(const Expr& expr, const Scope& scope);
  Result<Value> comparison(const Expr& expr, const Scope& scope);
  Result<Value> logical(const Expr& expr, const Scope& scope);
  Result<Value> conditional(const Expr& expr, const Scope& scope);
  Result<Value> call(const Expr& expr, const Scope& scope, const Value* caller = nullptr);
  Result<Value> filter(const Expr& expr, const Scope& scope, const Value* innermost = nullptr);
  Result<Value> test(const Expr& expr, const Scope& scope);
  Result<Arguments> arguments(const Expr& expr, const Scope& scope);
  Result<bool> truth(const Expr& expr, const Scope& scope) {
    ASSAY_ASSIGN_OR_RETURN(const Value value, evaluate(expr, scope));
    return is_true(value);
  }

  Runtime& runtime_;
  std::deque<Scope> scopes_;
  std::string out_;
  uint32_t line_ = 0;
};

}  // namespace assay::jinja
