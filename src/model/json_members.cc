#include "model/json_members.h"

#include <array>
#include <set>

#include "base/json.h"
#include "model/tensor_rules.h"

namespace assay {
namespace {

class Scanner {
 public:
  Scanner(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  Status error(const std::string& why) const {
    return data_loss(source_ + ": not valid JSON at byte " + std::to_string(at_) + ": " + why);
  }
  bool at_end() const { return at_ == text_.size(); }
  void skip_space() {
    while (!at_end() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    }
  }
  // Takes c if it is next.
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Result<std::string> key() {
    const size_t begin = at_;
    if (at_end() || text_[at_] != '"') return error("a key in quotes was expected");
    ASSAY_RETURN_IF_ERROR(skip_string());
    ASSAY_ASSIGN_OR_RETURN(const Json parsed,
                           parse_json(text_.substr(begin, at_ - begin), source_ + ", key"));
    return parsed.get<std::string>();
  }

  // The text of one value: up to the comma or bracket that ends it.
  Result<std::string_view> value() {
    const size_t begin = at_;
    std::array<char, kJsonDepthMax> open{};
    size_t depth = 0;
    while (!at_end()) {
      const char c = text_[at_];
      if (c == '"') {
        ASSAY_RETURN_IF_ERROR(skip_string());
        continue;
      }
      if (c == '{' || c == '[') {
        if (depth == open.size()) {
          return error("nested deeper than " + std::to_string(kJsonDepthMax) + " levels");
        }
        open[depth++] = c == '{' ? '}' : ']';
      } else if (depth == 0 && (c == ',' || c == '}')) {
        break;
      } else if (c == '}' || c == ']') {
        if (depth == 0 || open[depth - 1] != c) return error("a bracket closes what is not open");
        --depth;
      }
      ++at_;
    }
    if (at_end()) return error("the text ends inside a value");
    return text_.substr(begin, at_ - begin);
  }

 private:
  Status skip_string() {
    for (++at_; !at_end(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
        if (at_end()) break;
      } else if (text_[at_] == '"') {
        ++at_;
        return ok_status();
      }
    }
    return error("the text ends inside a string");
  }

  std::string_view text_;
  const std::string& source_;
  size_t at_ = 0;
};

}  // namespace

Status json_members(
    std::string_view text, const std::string& source,
    const std::function<Status(const std::string& key, std::string_view value)>& member) {
  Scanner in(text, source);
  in.skip_space();
  if (!in.take('{')) return in.error("a JSON object was expected");
  in.skip_space();
  std::set<std::string> keys;
  bool more = !in.take('}');
  while (more) {
    in.skip_space();
    ASSAY_ASSIGN_OR_RETURN(std::string key, in.key());
    in.skip_space();
    if (!in.take(':')) return in.error("a colon was expected after " + in_quotes(key));
    in.skip_space();
    ASSAY_ASSIGN_OR_RETURN(const std::string_view value, in.value());
    const auto [inserted, is_new] = keys.insert(std::move(key));
    if (!is_new) return data_loss(source + ": the key " + in_quotes(*inserted) + " appears twice");
    ASSAY_RETURN_IF_ERROR(member(*inserted, value));
    more = in.take(',');
    if (!more && !in.take('}')) return in.error("a comma or a closing bracket was expected");
  }
  in.skip_space();
  if (!in.at_end()) return in.error("text follows the object");
  return ok_status();
}

}  // namespace assay
