// TextStream: the text of generated tokens as it can be shown: whole characters, and nothing that a
// stop text may still take back. Tested in text_stream_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assay {

class TextStream {
 public:
  explicit TextStream(std::vector<std::string> stop) : stop_(std::move(stop)) {}

  // Takes the bytes of the next token. Gives what is now certain: UTF-8, in whole characters; bytes
  // that can be no part of one become U+FFFD. Pre: not stopped().
  // Cost: O(bytes * total length of the stop texts).
  std::string push(std::string_view piece);
  // A stop text is complete: what stood before it was given, the rest is dropped. Where several
  // are complete at once the one that begins first counts.
  bool stopped() const { return stopped_; }
  // What was held back, when generation ends for another reason.
  std::string finish();

 private:
  std::string take(size_t bytes, bool is_end);

  std::vector<std::string> stop_;
  std::string pending_;
  bool stopped_ = false;
};

// UTF-8 of any bytes: each byte that is no part of a character becomes U+FFFD.
std::string replace_invalid_utf8(std::string_view bytes);

}  // namespace assay
