// The progress line of a long command: one line on stderr, drawn over at most ten times a second,
// only on a terminal, and gone when the work ends. Tested in progress_test.cc.
#pragma once

#include <chrono>
#include <string>

#include "app/console.h"
#include "verify/session.h"

namespace assay {

// The line for one state, at most `columns` wide: what does not fit is left out from the right.
// bytes_per_second 0: not known.
std::string progress_text(const TextStyle& style, const Progress& progress, double bytes_per_second,
                          size_t columns);

class ProgressLine {
 public:
  explicit ProgressLine(const Console& console) : console_(console) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(const Progress& progress);
  // Takes the line off the terminal, so that other text can be written.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  const Console& console_;
  bool shown_ = false;
  Clock::time_point drawn_at_{};
  uint64_t drawn_bytes_ = 0;     // Progress::bytes_read and
  double drawn_seconds_ = 0;     // Progress::seconds when it was drawn last
  double bytes_per_second_ = 0;  // smoothed over about a second
};

}  // namespace assay
