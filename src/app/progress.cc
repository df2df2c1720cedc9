#include "app/progress.h"

#include <algorithm>
#include <cmath>

#include "app/interrupt.h"

namespace assay {

std::string progress_text(const TextStyle& style, const Progress& progress, double bytes_per_second,
                          size_t columns) {
  constexpr size_t kBar = 20;
  const Glyphs& g = glyphs(style);
  const double fraction = std::clamp(progress.fraction, 0.0, 1.0);
  const auto filled = static_cast<size_t>(fraction * static_cast<double>(kBar));
  const auto percent = static_cast<int>(fraction * 100);
  std::vector<std::string> parts;
  parts.push_back(std::string(g.low) + paint(style, Paint::kAccent, repeat(g.bar_fill, filled)) +
                  paint(style, Paint::kDim, repeat(g.bar_empty, kBar - filled)) +
                  std::string(g.high) + pad_left(std::to_string(percent) + " %", 6));
  parts.push_back(printable(style, progress.stage));
  if (bytes_per_second >= 1000) parts.push_back(format_rate(bytes_per_second));
  if (progress.challenges_used > 0) {
    parts.push_back(format_count(progress.challenges_used) + " challenges: mean TV " +
                    format_real(progress.mean) + " in [" + format_real(progress.lower) + ", " +
                    format_real(progress.upper) + "]");
  }
  std::string line;
  for (const std::string& part : parts) {
    const std::string longer = line.empty() ? "  " + part : line + "  " + part;
    // One column stays free: a full line would make some terminals wrap.
    if (display_width(longer) + 1 > columns) break;
    line = longer;
  }
  return line;
}

void ProgressLine::update(const Progress& progress) {
  if (!console_.err_terminal) return;
  const Clock::time_point now = Clock::now();
  if (shown_ && now - drawn_at_ < std::chrono::milliseconds(100)) return;
  const double seconds = progress.seconds - drawn_seconds_;
  if (shown_ && seconds > 0 && progress.bytes_read >= drawn_bytes_) {
    const double rate = static_cast<double>(progress.bytes_read - drawn_bytes_) / seconds;
    const double weight = std::min(1.0, bytes_per_second_ == 0 ? 1.0 : seconds);
    bytes_per_second_ += weight * (rate - bytes_per_second_);
  }
  drawn_at_ = now;
  drawn_bytes_ = progress.bytes_read;
  drawn_seconds_ = progress.seconds;
  set_interrupt_clears_line(true);
  shown_ = true;
  write_err("\r" + progress_text(console_.err, progress, bytes_per_second_, console_.err_columns) +
            "\033[K");
}

void ProgressLine::clear() {
  if (!shown_) return;
  write_err("\r\033[K");
  shown_ = false;
  set_interrupt_clears_line(false);
}

}  // namespace assay
