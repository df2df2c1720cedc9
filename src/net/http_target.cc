#include "net/http_target.h"

#include <algorithm>

namespace assay {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// Bytes that follow a first byte of UTF-8; -1 when none may.
int utf8_tail(uint8_t first) {
  if (first < 0x80) return 0;
  if (first >= 0xC2 && first <= 0xDF) return 1;
  if (first >= 0xE0 && first <= 0xEF) return 2;
  if (first >= 0xF0 && first <= 0xF4) return 3;
  return -1;
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<uint8_t>(text[i++]);
    const int tail = utf8_tail(first);
    if (tail < 0 || static_cast<size_t>(tail) > text.size() - i) return false;
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    if (first == 0xE0) low = 0xA0;   // no longer spelling than needed
    if (first == 0xED) high = 0x9F;  // no surrogates
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    for (int k = 0; k < tail; ++k) {
      const auto byte = static_cast<uint8_t>(text[i++]);
      if (byte < low || byte > high) return false;
      low = 0x80;
      high = 0xBF;
    }
  }
  return true;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; });
}

Status parse_query(std::string_view text, HttpTarget& out) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (out.query.size() == kQueryParametersMax) {
      return invalid_argument("the query has too many parameters");
    }
    const size_t equals = std::min(pair.find('='), pair.size());
    ASSAY_ASSIGN_OR_RETURN(std::string name,
                           percent_decode(pair.substr(0, equals), PlusMeaning::kSpace));
    ASSAY_ASSIGN_OR_RETURN(
        std::string value,
        percent_decode(pair.substr(std::min(equals + 1, pair.size())), PlusMeaning::kSpace));
    out.query.emplace_back(std::move(name), std::move(value));
  }
  return ok_status();
}

bool is_port(std::string_view text) {
  return text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, PlusMeaning plus) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == PlusMeaning::kSpace) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return invalid_argument("% without two hexadecimal digits");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (has_control(out)) return invalid_argument("a control character in the target");
  if (!is_utf8(out)) return invalid_argument("the target is not UTF-8");
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > 255 + 6) return false;
  if (host.front() == '[') {
    const size_t close = host.find(']');
    if (close == host.npos || close < 3) return false;
    const std::string_view inside = host.substr(1, close - 1);
    const std::string_view rest = host.substr(close + 1);
    return std::all_of(inside.begin(), inside.end(),
                       [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; }) &&
           (rest.empty() || (rest[0] == ':' && is_port(rest.substr(1))));
  }
  const size_t colon = std::min(host.find(':'), host.size());
  const std::string_view name = host.substr(0, colon);
  return !name.empty() && std::all_of(name.begin(), name.end(), is_unreserved) &&
         (colon == host.size() || is_port(host.substr(colon + 1)));
}

Result<HttpTarget> parse_target(std::string_view target) {
  HttpTarget out;
  if (target == "*") {
    out.path = "*";
    return out;
  }
  if (target.starts_with("http://") || target.starts_with("https://")) {
    target.remove_prefix(target.find("//") + 2);
    const size_t end = std::min(target.find_first_of("/?"), target.size());
    out.host = std::string(target.substr(0, end));
    if (!is_host(out.host)) return invalid_argument("the target names no usable host");
    target.remove_prefix(end);
    if (target.empty() || target[0] == '?') out.path = "/";
  } else if (!target.starts_with('/')) {
    return invalid_argument("the target is neither a path nor an http URL");
  }
  const size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question);
  if (target.find('#') != target.npos) return invalid_argument("a fragment in the target");
  if (!path.empty()) {
    ASSAY_ASSIGN_OR_RETURN(out.path, percent_decode(path));
  }
  ASSAY_RETURN_IF_ERROR(parse_query(target.substr(std::min(question + 1, target.size())), out));
  return out;
}

}  // namespace assay
