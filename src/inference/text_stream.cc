#include "inference/text_stream.h"

#include <algorithm>

#include "base/check.h"
#include "model/unicode.h"

namespace assay {
namespace {

// Bytes at the end that may be the beginning of a character.
size_t open_character(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte >= 0x80 && byte < 0xC0) continue;  // goes on from before
    const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

// The longest end of text that is a beginning of stop, in bytes.
size_t open_stop(std::string_view text, std::string_view stop) {
  for (size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n) {
    if (text.ends_with(stop.substr(0, n))) return n;
  }
  return 0;
}

}  // namespace

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string out;
  for_each_utf8_run(bytes, [&out](std::string_view run, bool is_valid) {
    if (is_valid) {
      out += run;
    } else {
      for (size_t i = 0; i < run.size(); ++i) append_utf8(out, 0xFFFD);
    }
  });
  return out;
}

std::string TextStream::take(size_t bytes, bool is_end) {
  std::string_view text = std::string_view(pending_).substr(0, bytes);
  if (!is_end) text.remove_suffix(open_character(text));
  std::string out = replace_invalid_utf8(text);
  pending_.erase(0, text.size());
  return out;
}

std::string TextStream::push(std::string_view piece) {
  ASSAY_CHECK(!stopped_);
  pending_ += piece;
  size_t first = pending_.npos;
  size_t held = 0;
  for (const std::string& stop : stop_) {
    if (stop.empty()) continue;
    first = std::min(first, pending_.find(stop));
    held = std::max(held, open_stop(pending_, stop));
  }
  if (first != pending_.npos) {
    stopped_ = true;
    std::string out = take(first, true);
    pending_.clear();
    return out;
  }
  return take(pending_.size() - held, false);
}

std::string TextStream::finish() {
  if (stopped_) return "";
  return take(pending_.size(), true);
}

}  // namespace assay
