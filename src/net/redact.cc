#include "net/redact.h"

#include <algorithm>
#include <array>

namespace assay {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// What a credential may consist of; it ends at a space, a quote or a separator.
bool is_credential(char c) {
  return is_word(c) || std::string_view("./+=~:$@!%^*#").find(c) != std::string_view::npos ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool starts_with_nocase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                    [](char p, char c) { return p == lower(c); });
}

size_t end_of_credential(std::string_view text, size_t at) {
  while (at < text.size() && is_credential(text[at])) ++at;
  return at;
}

// Where the secret that starts at `at` ends, and where it begins; {at, at} when none does.
struct Span {
  size_t begin;
  size_t end;
};

// "Bearer abc": an authentication scheme and what follows.
Span after_scheme(std::string_view text, size_t at) {
  for (const std::string_view scheme : {"bearer", "basic", "digest", "negotiate"}) {
    if (!starts_with_nocase(text.substr(at), scheme)) continue;
    size_t begin = at + scheme.size();
    const size_t space = begin;
    while (begin < text.size() && (text[begin] == ' ' || text[begin] == '\t')) ++begin;
    if (begin == space) continue;
    return {begin, end_of_credential(text, begin)};
  }
  return {at, at};
}

// "api_key=abc", "\"password\": \"abc\"".
Span after_name(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && is_word(text[end])) ++end;
  if (!is_secret_name(text.substr(at, end - at))) return {at, at};
  const auto skip = [&](std::string_view which) {
    while (end < text.size() && which.find(text[end]) != which.npos) ++end;
  };
  skip("\"'\\ ");
  if (end == text.size() || (text[end] != '=' && text[end] != ':')) return {at, at};
  ++end;
  skip(" \\");
  if (end < text.size() && (text[end] == '"' || text[end] == '\'')) {
    const size_t begin = end + 1;  // everything up to the same quote
    return {begin, std::min(text.find(text[end], begin), text.size())};
  }
  const Span credential = after_scheme(text, end);
  if (credential.end > credential.begin) return credential;
  return {end, end_of_credential(text, end)};
}

// "://user:password@".
Span url_password(std::string_view text, size_t at) {
  if (!text.substr(at).starts_with("://")) return {at, at};
  const size_t begin = at + 3;
  const size_t stop = std::min(text.find_first_of(" /?#\"'<>\n", begin), text.size());
  const size_t sign = text.substr(0, stop).rfind('@');
  if (sign == text.npos || sign < begin) return {at, at};
  const size_t colon = text.find(':', begin);
  return colon < sign ? Span{colon + 1, sign} : Span{at, at};
}

Span known_form(std::string_view text, size_t at) {
  if (at > 0 && is_word(text[at - 1]) && text[at] != '-') return {at, at};
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("-----BEGIN ")) {
    constexpr std::string_view kEnd = "-----END ";
    const size_t line = std::min(rest.find("-----", kEnd.size() + 2), rest.size());
    if (rest.substr(0, line).find("PRIVATE KEY") == rest.npos) return {at, at};
    return {at, std::min(text.find(kEnd, at), text.size())};
  }
  for (const std::string_view prefix : {"sk-", "ghp_", "hf_"}) {
    if (!rest.starts_with(prefix)) continue;
    size_t end = at + prefix.size();
    while (end < text.size() && is_word(text[end])) ++end;
    if (end - at >= 16) return {at, end};
  }
  return {at, at};
}

}  // namespace

bool is_secret_name(std::string_view name) {
  constexpr std::array<std::string_view, 13> kWords = {
      "authorization", "apikey",    "token",    "password",   "passwd",
      "passphrase",    "secret",    "cookie",   "credential", "privatekey",
      "signingkey",    "sessionid", "accesskey"};
  std::string plain;
  for (const char c : name) {
    if (c != '_' && c != '-') plain += lower(c);
  }
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return plain.find(word) != plain.npos; });
}

std::string redact_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t at = 0;
  bool is_word_start = true;
  while (at < text.size()) {
    Span secret = known_form(text, at);
    if (secret.end == secret.begin) secret = url_password(text, at);
    if (secret.end == secret.begin && is_word_start) secret = after_scheme(text, at);
    if (secret.end == secret.begin && is_word_start) secret = after_name(text, at);
    if (secret.end > secret.begin) {
      out.append(text.substr(at, secret.begin - at)).append(kRedacted);
      at = secret.end;
      is_word_start = false;
      continue;
    }
    is_word_start = !is_word(text[at]);
    out += text[at++];
  }
  return out;
}

}  // namespace assay
