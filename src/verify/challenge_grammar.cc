#include "verify/challenge_grammar.h"

#include <algorithm>

#include "base/check.h"

namespace assay {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

size_t decimal(std::string_view text) {
  size_t value = 0;
  ASSAY_CHECK(!text.empty() && text.size() <= 2);
  for (const char c : text) {
    ASSAY_CHECK(is_digit(c));
    value = value * 10 + static_cast<size_t>(c - '0');
  }
  return value;
}

std::string draw_digits(size_t digits, Prng& prng) {
  std::string out;
  for (size_t i = 0; i < digits; ++i) {
    const uint64_t digit = i == 0 ? 1 + prng.below(9) : prng.below(10);
    out.push_back(static_cast<char>('0' + digit));
  }
  return out;
}

bool takes_an(std::string_view word) {
  return !word.empty() && std::string_view("aeiouAEIOU").find(word.front()) != word.npos;
}

}  // namespace

ChallengeGrammar::ChallengeGrammar(std::span<const GrammarRule> rules) {
  // Symbols first: alternatives refer to rules by index.
  for (const GrammarRule& rule : rules) {
    ASSAY_CHECK(rules_.empty() || rules_.back().symbol < rule.symbol);
    rules_.push_back({rule.symbol, {}});
  }
  for (size_t i = 0; i < rules.size(); ++i) {
    std::string_view rest = rules[i].alternatives;
    while (true) {
      const size_t bar = rest.find('|');
      rules_[i].alternatives.push_back(parse_alternative(rest.substr(0, bar)));
      if (bar == rest.npos) break;
      rest.remove_prefix(bar + 1);
    }
  }
}

size_t ChallengeGrammar::rule_index(std::string_view symbol) const {
  const auto at = std::lower_bound(
      rules_.begin(), rules_.end(), symbol,
      [](const Rule& rule, std::string_view wanted) { return rule.symbol < wanted; });
  ASSAY_CHECK(at != rules_.end() && at->symbol == symbol);
  return static_cast<size_t>(at - rules_.begin());
}

std::vector<ChallengeGrammar::Part> ChallengeGrammar::parse_alternative(
    std::string_view text) const {
  std::vector<Part> parts;
  size_t drawn = 0;
  while (!text.empty()) {
    const size_t start = text.find("$(");
    if (start != 0) {
      parts.push_back({.literal = text.substr(0, start)});
      text.remove_prefix(std::min(start, text.size()));
      continue;
    }
    const size_t end = text.find(')');
    ASSAY_CHECK(end != text.npos);
    const Part part = parse_reference(text.substr(2, end - 2));
    if (part.kind == PartKind::kRepeat) {
      ASSAY_CHECK(part.number >= 1 && part.number <= drawn);
    } else {
      ++drawn;
    }
    parts.push_back(part);
    text.remove_prefix(end + 1);
  }
  return parts;
}

ChallengeGrammar::Part ChallengeGrammar::parse_reference(std::string_view inside) const {
  Part part;
  if (inside.starts_with('#')) {
    part.kind = PartKind::kDigits;
    part.number = decimal(inside.substr(1));
    ASSAY_CHECK(part.number > 0);
    return part;
  }
  if (!inside.empty() && is_digit(inside.front())) {
    part.kind = PartKind::kRepeat;
    part.number = decimal(inside);
    return part;
  }
  part.kind = PartKind::kSymbol;
  part.article = inside.starts_with("a ");
  part.capital = inside.starts_with('^');
  inside.remove_prefix(part.article ? 2 : part.capital ? 1 : 0);
  part.number = rule_index(inside);
  return part;
}

std::string ChallengeGrammar::expand(std::string_view symbol, Prng& prng) const {
  return expand_rule(rule_index(symbol), prng);
}

std::string ChallengeGrammar::expand_rule(size_t rule, Prng& prng) const {
  const auto& alternatives = rules_[rule].alternatives;
  const auto& parts = alternatives[prng.below(alternatives.size())];
  std::string out;
  std::vector<std::string> drawn;
  for (const Part& part : parts) {
    switch (part.kind) {
      case PartKind::kLiteral:
        out += part.literal;
        continue;
      case PartKind::kRepeat:
        out += drawn[part.number - 1];
        continue;
      case PartKind::kDigits:
        drawn.push_back(draw_digits(part.number, prng));
        break;
      case PartKind::kSymbol: {
        std::string text = expand_rule(part.number, prng);
        if (part.article) text.insert(0, takes_an(text) ? "an " : "a ");
        if (part.capital && text.front() >= 'a' && text.front() <= 'z') {
          text.front() = static_cast<char>(text.front() - 'a' + 'A');
        }
        drawn.push_back(std::move(text));
        break;
      }
    }
    out += drawn.back();
  }
  return out;
}

}  // namespace assay
