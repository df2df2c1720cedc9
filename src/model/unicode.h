// What tokenizers need to know about characters beyond UTF-8 itself: categories, lower case,
// normalisation forms. utf8proc behind an interface that takes any bytes and never costs more than
// n log n. The tables are those of the installed library (Unicode 15.0 in Debian 12): characters
// assigned later are unassigned here, whatever a younger library says of them.
// Tested in unicode_test.cc; fuzzed in tokenizer_fuzz.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace assay {

struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 0;  // 0: the text is empty or does not start with a valid character
};
CodePoint first_code_point(std::string_view text);
CodePoint last_code_point(std::string_view text);
void append_utf8(std::string& out, uint32_t code_point);

bool is_white_space(uint32_t c);      // property White_Space
bool is_nonspacing_mark(uint32_t c);  // category Mn
bool is_mark(uint32_t c);             // categories Mn, Mc, Me
bool is_punctuation(uint32_t c);      // categories P*, and the ASCII symbols $+<=>^`|~
bool is_control(uint32_t c);          // categories Cc, Cf, Co, Cs: all of C that is assigned
bool is_assigned(uint32_t c);         // all categories but Cn
bool is_word(uint32_t c);             // letters, marks, decimal digits, connectors, joiners
bool is_cased(uint32_t c);            // categories Lu, Ll, Lt
bool is_cjk_ideograph(uint32_t c);    // the blocks that BERT writes spaces around

// Calls visit(run, is_valid) for the maximal runs of valid UTF-8 and of other bytes, in order.
void for_each_utf8_run(std::string_view text,
                       const std::function<void(std::string_view run, bool is_valid)>& visit);

// Each takes any bytes; what is no UTF-8 stays as it is, between the runs that are.
enum class NormalForm : uint8_t { kNfc, kNfd, kNfkc, kNfkd };
std::string normalized(std::string_view text, NormalForm form);
// The full mapping of single characters, without context: as Rust's char::to_lowercase.
std::string lower_case(std::string_view text);
// The simple mapping of a character.
uint32_t upper_case_of(uint32_t c);
uint32_t title_case_of(uint32_t c);
// The characters for which keep is true, and the bytes that are no UTF-8.
std::string filtered(std::string_view text, const std::function<bool(uint32_t)>& keep);

}  // namespace assay
