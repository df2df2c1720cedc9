#include "model/jinja_parser.h"

#include <algorithm>

#include "model/jinja_expression.h"
#include "model/jinja_filters.h"

namespace assay::jinja {
namespace {

using Words = std::initializer_list<std::string_view>;

class Parser {
 public:
  explicit Parser(TokenStream& stream) : stream_(stream), expressions_(stream) {}

  // Statements up to the tag of one of the words, which is left current; to the end for none.
  Result<Body> statements(Words until) {
    if (depth_ == kNestingMax) return stream_.error("tags stand too deep inside one another");
    ++depth_;
    auto body = statements_inside(until);
    --depth_;
    return body;
  }

 private:
  Result<Body> statements_inside(Words until) {
    Body body;
    for (;;) {
      const Token& token = stream_.current();
      if (token.type == TokenType::kEnd) {
        if (until.size() == 0) return body;
        return stream_.error("the template ends inside a tag that wants '" +
                             std::string(*until.begin()) + "'");
      }
      auto statement = std::make_unique<Statement>();
      statement->line = token.line;
      if (token.type == TokenType::kText) {
        statement->text = token.text;
        stream_.next();
      } else if (token.type == TokenType::kVariableBegin) {
        stream_.next();
        statement->kind = StatementKind::kOutput;
        ASSAY_ASSIGN_OR_RETURN(statement->expr, expressions_.tuple({}));
        ASSAY_RETURN_IF_ERROR(stream_.expect(TokenType::kVariableEnd));
      } else {
        stream_.next();
        for (const std::string_view word : until) {
          if (stream_.at_name(word)) return body;
        }
        ASSAY_RETURN_IF_ERROR(tag(*statement));
        ASSAY_RETURN_IF_ERROR(stream_.expect(TokenType::kBlockEnd));
      }
      body.push_back(std::move(statement));
    }
  }

  // Statements up to {% word, which is taken.
  Result<Body> body_until(std::string_view word) {
    ASSAY_RETURN_IF_ERROR(stream_.expect(TokenType::kBlockEnd));
    ASSAY_ASSIGN_OR_RETURN(Body body, statements({word}));
    stream_.next();
    return body;
  }

  Status tag(Statement& out) {
    if (stream_.current().type != TokenType::kName) {
      return stream_.error("a tag begins with its name");
    }
    const std::string word = stream_.current().text;
    using Parse = Status (Parser::*)(Statement&);
    struct Row {
      std::string_view word;
      Parse parse;
    };
    constexpr Row kTags[] = {
        {"if", &Parser::if_tag},
        {"for", &Parser::for_tag},
        {"set", &Parser::set_tag},
        {"macro", &Parser::macro_tag},
        {"call", &Parser::call_tag},
        {"filter", &Parser::filter_tag},
        {"with", &Parser::with_tag},
        {"generation", &Parser::generation_tag},
        {"print", &Parser::print_tag},
        {"break", &Parser::loop_control},
        {"continue", &Parser::loop_control},
    };
    for (const Row& row : kTags) {
      if (row.word != word) continue;
      return (this->*row.parse)(out);
    }
    constexpr std::string_view kKnown[] = {"autoescape", "block",  "extends",
                                           "from",       "import", "include"};
    if (std::find(std::begin(kKnown), std::end(kKnown), word) != std::end(kKnown)) {
      return stream_.unsupported("the tag '" + word + "' is not supported");
    }
    return stream_.error("there is no tag '" + word + "'");
  }

  Status if_tag(Statement& out) {
    out.kind = StatementKind::kIf;
    for (;;) {
      stream_.next();
      ASSAY_ASSIGN_OR_RETURN(ExprPtr condition, expressions_.tuple({.with_condition = false}));
      ASSAY_RETURN_IF_ERROR(stream_.expect(TokenType::kBlockEnd));
      ASSAY_ASSIGN_OR_RETURN(Body body, statements({"elif", "else", "endif"}));
      out.branches.emplace_back(std::move(condition), std::move(body));
      if (stream_.at_name("elif")) continue;
      if (stream_.take_name("else")) {
        ASSAY_ASSIGN_OR_RETURN(Body rest, body_until("endif"));
        out.branches.emplace_back(nullptr, std::move(rest));
      } else {
        stream_.next();
      }
      return ok_status();
    }
  }

  Status for_tag(Statement& out) {
    out.kind = StatementKind::kFor;
    stream_.next();
    ASSAY_ASSIGN_OR_RETURN(out.target, expressions_.target({.end = "in"}));
    if (!stream_.take_name("in")) return stream_.error("a for loop wants 'in'");
    ASSAY_ASSIGN_OR_RETURN(out.expr,
                           expressions_.tuple({.with_condition = false, .end = "recursive"}));
    if (stream_.take_name("if")) {
      ASSAY_ASSIGN_OR_RETURN(out.condition, expressions_.expression());
    }
    if (stream_.at_name("recursive")) {
      return stream_.unsupported("recursive for loops are not supported");
    }
    ASSAY_RETURN_IF_ERROR(stream_.expect(TokenType::kBlockEnd));
    ++loops_;
    auto body = statements({"endfor", "else"});
    --loops_;
    if (!body.ok()) return body.status();
    out.body = std::move(*body);
    if (stream_.take_name("else")) {
      ASSAY_ASSIGN_OR_RETURN(out.else_body, body_until("endfor"));
    } else {
      stream_.next();
    }
    return ok_status();
  }

  Status set_tag(Statement& out) {
    out.kind = StatementKind::kSet;
    stream_.next();
    ASSAY_ASSIGN_OR_RETURN(out.target, expressions_.target({.with_namespace = true}));
    if (stream_.take_op("=")) {
      ASSAY_ASSIGN_OR_RETURN(out.expr, expressions_.tuple({}));
      return ok_status();
    }
    out.kind = StatementKind::kSetBlock;
    ASSAY_ASSIGN_OR_RETURN(out.expr, expressions_.filters(nullptr));
    ASSAY_ASSIGN_OR_RETURN(out.body, inner_body("endset"));
    return ok_status();
  }

  // A body that break and continue of a loop around it do not belong into.
  Result<Body> inner_body(std::string_view end) {
    const uint32_t loops = std::exchange(loops_, 0);
    auto body = body_until(end);
    loops_ = loops;
    return body;
  }

  Status signature(MacroDefinition& macro) {
    ASSAY_RETURN_IF_ERROR(stream_.expect_op("("));
    while (!stream_.at_op(")")) {
      if (!macro.parameters.empty()) ASSAY_RETURN_IF_ERROR(stream_.expect_op(","));
      ASSAY_ASSIGN_OR_RETURN(const std::string name, stream_.expect_name());
      ExprPtr value;
      if (stream_.take_op("=")) {
        ASSAY_ASSIGN_OR_RETURN(value, expressions_.expression());
      } else if (!macro.parameters.empty() && macro.parameters.back().second != nullptr) {
        return stream_.error("a parameter without a default follows one with a default");
      }
      macro.parameters.emplace_back(name, std::move(value));
    }
    return stream_.expect_op(")");
  }

  Status macro_body(MacroDefinition& macro, std::string_view end) {
    const NamesSeen outer = std::exchange(expressions_.seen(), {});
    auto body = inner_body(end);
    const NamesSeen inner = expressions_.seen();
    // A macro around it has them in its body too.
    expressions_.seen() = {.varargs = outer.varargs || inner.varargs,
                           .kwargs = outer.kwargs || inner.kwargs,
                           .caller = outer.caller || inner.caller};
    if (!body.ok()) return body.status();
    macro.body = std::move(*body);
    macro.uses_varargs = inner.varargs;
    macro.uses_kwargs = inner.kwargs;
    macro.uses_caller = inner.caller;
    return ok_status();
  }

  Status macro_tag(Statement& out) {
    out.kind = StatementKind::kMacro;
    out.macro = std::make_unique<MacroDefinition>();
    stream_.next();
    ASSAY_ASSIGN_OR_RETURN(out.macro->name, stream_.expect_name());
    ASSAY_RETURN_IF_ERROR(signature(*out.macro));
    return macro_body(*out.macro, "endmacro");
  }

  Status call_tag(Statement& out) {
    out.kind = StatementKind::kCall;
    out.macro = std::make_unique<MacroDefinition>();
    out.macro->name = "caller";
    stream_.next();
    if (stream_.at_op("(")) ASSAY_RETURN_IF_ERROR(signature(*out.macro));
    ASSAY_ASSIGN_OR_RETURN(out.expr, expressions_.expression());
    if (out.expr->kind != ExprKind::kCall) return stream_.error("a call block wants a call");
    return macro_body(*out.macro, "endcall");
  }

  Status filter_tag(Statement& out) {
    out.kind = StatementKind::kFilter;
    stream_.next();
    ASSAY_ASSIGN_OR_RETURN(out.expr, expressions_.first_filter());
    ASSAY_ASSIGN_OR_RETURN(out.body, inner_body("endfilter"));
    return ok_status();
  }

  Status with_tag(Statement& out) {
    out.kind = StatementKind::kWith;
    stream_.next();
    while (stream_.current().type != TokenType::kBlockEnd) {
      if (!out.assignments.empty()) ASSAY_RETURN_IF_ERROR(stream_.expect_op(","));
      ASSAY_ASSIGN_OR_RETURN(ExprPtr target, expressions_.target({}));
      ASSAY_RETURN_IF_ERROR(stream_.expect_op("="));
      ASSAY_ASSIGN_OR_RETURN(ExprPtr value, expressions_.expression());
      out.assignments.emplace_back(std::move(target), std::move(value));
    }
    ASSAY_ASSIGN_OR_RETURN(out.body, body_until("endwith"));
    return ok_status();
  }

  // {% generation %} of transformers marks what the assistant says, for training.
  Status generation_tag(Statement& out) {
    out.kind = StatementKind::kScope;
    stream_.next();
    ASSAY_ASSIGN_OR_RETURN(out.body, body_until("endgeneration"));
    return ok_status();
  }

  Status print_tag(Statement& out) {
    out.kind = StatementKind::kOutput;
    stream_.next();
    ASSAY_ASSIGN_OR_RETURN(out.expr, expressions_.expression());
    if (stream_.at_op(",")) return stream_.unsupported("print of several values is not supported");
    return ok_status();
  }

  Status loop_control(Statement& out) {
    const std::string& word = stream_.current().text;
    if (loops_ == 0) return stream_.error("'" + word + "' stands outside of a loop");
    out.kind = word == "break" ? StatementKind::kBreak : StatementKind::kContinue;
    stream_.next();
    return ok_status();
  }

  TokenStream& stream_;
  ExpressionParser expressions_;
  uint32_t depth_ = 0;
  uint32_t loops_ = 0;
};

}  // namespace

Result<Body> parse(std::string_view source, std::string_view name) {
  ASSAY_ASSIGN_OR_RETURN(std::vector<Token> tokens, tokenize(source, name));
  TokenStream stream(std::move(tokens), name);
  return Parser(stream).statements({});
}

}  // namespace assay::jinja
