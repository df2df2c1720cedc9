// The parser of expressions, and the stream of tokens that it and jinja_parser.cc read.
// Tested in jinja_parser_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/jinja_ast.h"
#include "model/jinja_lexer.h"

namespace assay::jinja {

class TokenStream {
 public:
  // Pre: tokens ends in kEnd.
  TokenStream(std::vector<Token> tokens, std::string_view name)
      : tokens_(std::move(tokens)), name_(name) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  void next() { at_ += at_ + 1 < tokens_.size() ? 1U : 0U; }

  bool at_op(std::string_view text) const { return is(current(), TokenType::kOperator, text); }
  bool at_name(std::string_view text) const { return is(current(), TokenType::kName, text); }
  static bool is(const Token& token, TokenType type, std::string_view text) {
    return token.type == type && token.text == text;
  }
  bool take_op(std::string_view text) { return at_op(text) && (next(), true); }
  bool take_name(std::string_view text) { return at_name(text) && (next(), true); }

  // Errors: DATA_LOSS, with the place and what stands there.
  Status expect(TokenType type);
  Status expect_op(std::string_view text);
  Result<std::string> expect_name();
  Status error(const std::string& what) const;        // DATA_LOSS here
  Status unsupported(const std::string& what) const;  // UNIMPLEMENTED here

 private:
  std::vector<Token> tokens_;
  std::string_view name_;
  size_t at_ = 0;
};

// Special names that appeared: a macro takes further arguments only when it uses them.
struct NamesSeen {
  bool varargs = false;
  bool kwargs = false;
  bool caller = false;
};

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

  NamesSeen& seen() { return seen_; }

  // Errors of all: as parse.
  Result<ExprPtr> expression(bool with_condition = true);
  struct TupleOptions {
    bool with_condition = true;  // "a if b else c" may be an element
    std::string_view end = {};   // a name that ends the tuple
    bool in_parentheses = false;
  };
  // An expression, or several with commas between them, which are a tuple.
  Result<ExprPtr> tuple(const TupleOptions& options);
  struct TargetOptions {
    std::string_view end = {};
    bool with_namespace = false;  // "ns.x" may be one
  };
  // What is assigned to: names, or a tuple of them.
  Result<ExprPtr> target(const TargetOptions& options);
  // The filters that follow | at this place, around operand; operand when there are none.
  Result<ExprPtr> filters(ExprPtr operand);
  // The filters of {% filter a | b %}, whose innermost operand is null.
  Result<ExprPtr> first_filter();

 private:
  using Level = Result<ExprPtr> (ExpressionParser::*)();
  struct OpRow {
    std::string_view text;
    Op op;
  };

  Result<ExprPtr> conditional();
  Result<ExprPtr> logical_or();
  Result<ExprPtr> logical_and();
  Result<ExprPtr> logical_not();
  Result<ExprPtr> comparison();
  Result<ExprPtr> sum();
  Result<ExprPtr> concatenation();
  Result<ExprPtr> product();
  Result<ExprPtr> power();
  Result<ExprPtr> unary() { return unary(true); }
  Result<ExprPtr> unary(bool with_filter);
  Result<ExprPtr> unary_inside(bool with_filter);
  Result<ExprPtr> primary();
  Result<ExprPtr> list();
  Result<ExprPtr> dict();
  Result<ExprPtr> postfix(ExprPtr operand);
  Result<ExprPtr> filters_and_tests(ExprPtr operand);
  Result<ExprPtr> subscript(ExprPtr operand);
  Result<ExprPtr> subscripted(ExprPtr operand, bool& is_slice);
  Result<ExprPtr> call(ExprPtr operand);
  Result<ExprPtr> filter(ExprPtr operand);
  Result<ExprPtr> test(ExprPtr operand);
  Status arguments(Expr& out);
  Result<ExprPtr> one_target(bool with_namespace);

  Result<ExprPtr> binary_level(Level operand, std::initializer_list<OpRow> rows);
  Result<ExprPtr> word_level(Level operand, std::string_view word, ExprKind kind);
  bool at_tuple_end(std::string_view end) const;

  ExprPtr node(ExprKind kind) const;
  // Checks the depth of a finished node.
  Result<ExprPtr> done(ExprPtr node) const;

  TokenStream& stream_;
  NamesSeen seen_;
  uint32_t depth_ = 0;
};

}  // namespace assay::jinja
