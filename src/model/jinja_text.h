// What Python's strings can do, on UTF-8. Case follows the simple mappings of Unicode, and the full
// ones for German sharp s and the ligatures of Latin. Tested in jinja_text_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay::jinja {

enum class Side : uint8_t { kLeft, kRight, kBoth };

// Without white space, or without the characters of `of`, at the sides.
std::string_view stripped(std::string_view text, Side side,
                          std::optional<std::string_view> of = std::nullopt);

// str.split and str.rsplit. splits_max < 0: no limit. Pre: separator, if any, is not empty.
struct SplitOptions {
  std::optional<std::string_view> separator = std::nullopt;
  int64_t splits_max = -1;
  bool from_right = false;
};
std::vector<std::string_view> split(std::string_view text, const SplitOptions& options);
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

// The length that replaced would have, for paying before it is made.
size_t count_of(std::string_view text, std::string_view part);  // as str.count
std::string replaced(std::string_view text, std::string_view from, std::string_view to,
                     int64_t count_max);

std::string upper_case(std::string_view text);
std::string lower_case(std::string_view text);
std::string title_case(std::string_view text);   // str.title
std::string capitalized(std::string_view text);  // str.capitalize
std::string title_words(std::string_view text);  // the filter title: words at spaces and -([{<

// The bytes of the characters [begin, end). Pre: begin <= end <= character_count(text).
std::string_view characters(std::string_view text, size_t begin, size_t end);

}  // namespace assay::jinja
