#include "app/plots.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace assay {
namespace {

constexpr size_t kIndent = 2;

// A line of cells, each one glyph wide, some coloured.
class Cells {
 public:
  explicit Cells(size_t width) : cells_(width, " ") {}
  void put(size_t at, std::string cell) {
    if (at < cells_.size()) cells_[at] = std::move(cell);
  }
  std::string text() const {
    std::string out;
    for (const std::string& cell : cells_) out += cell;
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
  }

 private:
  std::vector<std::string> cells_;
};

// Labels under or over an axis: each is centred on its column unless that would touch one placed
// before; then it moves to the nearest free place, or is left out.
class Labels {
 public:
  explicit Labels(size_t width) : taken_(width, false), cells_(width) {}

  void place(size_t column, const std::string& label, const std::string& painted) {
    const size_t size = display_width(label);
    if (size > taken_.size()) return;
    const size_t last = taken_.size() - size;
    const size_t wanted = std::min(column >= size / 2 ? column - size / 2 : 0, last);
    for (size_t shift = 0; shift <= size; ++shift) {
      for (const bool left : {false, true}) {
        if (left ? shift > wanted : wanted + shift > last) continue;
        const size_t at = left ? wanted - shift : wanted + shift;
        if (!free(at, size)) continue;
        for (size_t i = at; i < at + size; ++i) taken_[i] = true;
        cells_[at] = painted;
        return;
      }
    }
  }

  std::string text() const {
    std::string out;
    for (size_t i = 0; i < taken_.size(); ++i) {
      if (!cells_[i].empty()) {
        out += cells_[i];
      } else if (!taken_[i]) {
        out += ' ';
      }
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
  }

 private:
  bool free(size_t at, size_t size) const {
    const size_t begin = at == 0 ? 0 : at - 1;
    const size_t end = std::min(at + size + 1, taken_.size());
    return std::none_of(taken_.begin() + static_cast<std::ptrdiff_t>(begin),
                        taken_.begin() + static_cast<std::ptrdiff_t>(end),
                        [](bool taken) { return taken; });
  }

  std::vector<bool> taken_;
  std::vector<std::string> cells_;
};

// "L12.post_mlp" -> 12.
std::optional<size_t> layer_of(const std::string& site) {
  const size_t dot = site.find('.');
  if (site.size() < 3 || site[0] != 'L' || dot == std::string::npos || dot < 2 || dot > 7) {
    return std::nullopt;
  }
  size_t layer = 0;
  for (size_t i = 1; i < dot; ++i) {
    if (site[i] < '0' || site[i] > '9') return std::nullopt;
    layer = 10 * layer + static_cast<size_t>(site[i] - '0');
  }
  return layer;
}

std::string row_label(const TextStyle& style, const std::vector<SiteReport>& sites, size_t first,
                      size_t last) {
  const auto name = [&](size_t i) { return printable(style, sites[i].site); };
  if (first == last) return name(first);
  const auto a = layer_of(sites[first].site);
  const auto b = layer_of(sites[last].site);
  const bool starts = a && (first == 0 || layer_of(sites[first - 1].site) != a);
  const bool ends = b && (last + 1 == sites.size() || layer_of(sites[last + 1].site) != b);
  std::string from = starts ? "L" + std::to_string(*a) : name(first);
  const std::string to = ends ? "L" + std::to_string(*b) : name(last);
  if (starts && ends && a == b) return from;
  return from + std::string(glyphs(style).up_to) + to;
}

// The run [first, last] as one row.
SiteRow make_row(const TextStyle& style, const VerifyReport& report, size_t first, size_t last) {
  SiteRow row;
  row.label = row_label(style, report.sites, first, last);
  row.first = first;
  row.last = last;
  row.equal = true;
  for (size_t i = first; i <= last; ++i) {
    const SiteReport& site = report.sites[i];
    row.equal &= site.digest_equal;
    row.comparable |= site.relative_l2.has_value();
    row.relative_l2 = std::max(row.relative_l2, site.relative_l2.value_or(0));
    row.cosine = std::min(row.cosine, site.cosine.value_or(1));
    if (!report.first_divergence) continue;
    row.first_divergence |= report.first_divergence->site == site.site;
    row.beyond_margin |= report.first_divergence->beyond_margin_site == site.site;
  }
  return row;
}

bool keeps_own_row(const SiteRow& row, const VerifyReport& report) {
  return row.first_divergence || row.beyond_margin || !layer_of(report.sites[row.first].site);
}

// Joins neighbouring rows of the same kind whose layers fall into the same group of group_layers.
std::vector<SiteRow> join_layers(const TextStyle& style, const VerifyReport& report,
                                 const std::vector<SiteRow>& rows, size_t group_layers) {
  std::vector<SiteRow> out;
  for (const SiteRow& row : rows) {
    const auto same_group = [&](const SiteRow& before) {
      const auto a = layer_of(report.sites[before.first].site);
      const auto b = layer_of(report.sites[row.first].site);
      return a && b && *a / group_layers == *b / group_layers && !before.equal && !row.equal &&
             before.comparable == row.comparable;
    };
    if (!out.empty() && !keeps_own_row(row, report) && !keeps_own_row(out.back(), report) &&
        same_group(out.back())) {
      out.back() = make_row(style, report, out.back().first, row.last);
    } else {
      out.push_back(row);
    }
  }
  return out;
}

// Where values lie on the log axis of a site plot.
struct LogScale {
  double low = -8;  // log10 at the left end
  double high = 0;
  size_t width = 1;

  double position(double value) const {  // in columns, [0, width]
    if (value <= 0) return 0;
    const double share = (log10_of(value) - low) / (high - low);
    return std::clamp(share, 0.0, 1.0) * static_cast<double>(width);
  }
};

LogScale scale_of(const std::vector<SiteRow>& rows, double delta, size_t width) {
  double smallest = delta;
  double largest = delta;
  for (const SiteRow& row : rows) {
    if (row.equal || !row.comparable || row.relative_l2 <= 0) continue;
    smallest = std::min(smallest, row.relative_l2);
    largest = std::max(largest, row.relative_l2);
  }
  // One decade of room at the left, so that the smallest value still has a bar.
  return {std::floor(log10_of(smallest)) - 1, std::max(0.0, std::ceil(log10_of(largest))), width};
}

std::string bar(const TextStyle& style, const LogScale& scale, double value, double delta) {
  static constexpr std::string_view kEighths[] = {"▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const Glyphs& g = glyphs(style);
  const double length = scale.position(value);
  const auto whole = static_cast<size_t>(length);
  const auto eighths = static_cast<size_t>((length - static_cast<double>(whole)) * 8);
  const auto margin = static_cast<size_t>(scale.position(delta));
  Cells cells(scale.width);
  for (size_t i = 0; i < scale.width; ++i) {
    const Paint color = value > delta && i >= margin ? Paint::kBad : Paint::kAccent;
    if (i < whole) {
      cells.put(i, paint(style, color, g.bar_fill));
    } else if (i == whole && eighths > 0 && g.eighths) {
      cells.put(i, paint(style, color, kEighths[eighths - 1]));
    } else if (i == whole && whole == 0 && value > 0) {
      cells.put(i, paint(style, color, g.eighths ? kEighths[0] : g.bar_fill));
    } else if (i == margin) {
      cells.put(i, paint(style, Paint::kDim, g.margin));
    }
  }
  return cells.text();
}

std::string arrow_text(const TextStyle& style, const SiteRow& row) {
  if (!row.first_divergence && !row.beyond_margin) return "";
  std::string text(glyphs(style).arrow);
  if (row.first_divergence && row.beyond_margin) {
    text += " first, past margin";
  } else {
    text += row.first_divergence ? " first difference" : " past the margin";
  }
  return paint(style, row.beyond_margin ? Paint::kBad : Paint::kWarn, text);
}

std::string scale_line(const TextStyle& style, const LogScale& scale, double delta) {
  Labels labels(scale.width + 1);
  const auto dim = [&](size_t at, const std::string& text) {
    labels.place(at, text, paint(style, Paint::kDim, text));
  };
  const auto decade = [](double exponent) {
    return exponent == 0 ? std::string("1") : "1e" + std::to_string(static_cast<int>(exponent));
  };
  dim(static_cast<size_t>(scale.position(delta)), std::string(glyphs(style).delta));
  dim(0, decade(scale.low));
  dim(scale.width, decade(scale.high));
  return labels.text();
}

std::string why_not_comparable(const VerifyReport& report, const SiteRow& row) {
  const std::string& name = report.sites[row.first].site;
  const auto& sites = report.evidence.sites;
  const auto found =
      std::ranges::find_if(sites, [&](const SiteEvidence& site) { return site.site == name; });
  if (found == sites.end() || found->in_a == found->in_b) return "cannot be compared";
  return found->in_a ? "only the reference has it" : "only the target has it";
}

constexpr size_t kLabelWidthMax = 26;
constexpr size_t kNumberWidth = 9;  // a space and "1.2e-07" or "0.99999"
constexpr size_t kArrowWidth = 22;

}  // namespace

std::vector<std::string> interval_plot(const TextStyle& style, const Effect& effect, double delta) {
  const Glyphs& g = glyphs(style);
  const size_t width = style.width - 2 * kIndent - 2;
  const double high = round_up(std::max(effect.upper, delta) * 1.12);
  const auto column = [&](double value) {
    const double share = std::clamp(value / high, 0.0, 1.0);
    return static_cast<size_t>(std::lround(share * static_cast<double>(width - 1)));
  };
  const size_t margin = column(delta);
  const size_t low = column(effect.lower);
  const size_t up = column(effect.upper);
  const Paint color = effect.upper < delta   ? Paint::kGood
                      : effect.lower > delta ? Paint::kBad
                                             : Paint::kWarn;
  Cells axis(width);
  for (size_t i = 0; i < width; ++i) axis.put(i, paint(style, Paint::kDim, g.horizontal));
  axis.put(0, paint(style, Paint::kDim, g.axis_left));
  axis.put(width - 1, paint(style, Paint::kDim, g.axis_right));
  for (size_t i = low; i <= up; ++i) axis.put(i, paint(style, color, g.heavy));
  if (low < up) {
    axis.put(low, paint(style, color, g.interval_left));
    axis.put(up, paint(style, color, g.interval_right));
  }
  axis.put(margin, paint(style, Paint::kBold, g.margin));
  axis.put(column(effect.mean), paint(style, color, g.point));

  Labels above(width);
  const std::string margin_text = std::string(g.delta) + " = " + format_percent(delta) + " margin";
  above.place(margin, margin_text, paint(style, Paint::kBold, margin_text));
  Labels below(width);
  const auto number = [&](double value, Paint paint_as) {
    const std::string text = format_percent(value);
    below.place(column(value), text, paint(style, paint_as, text));
  };
  number(effect.mean, color);
  if (low < up) {
    number(effect.upper, Paint::kDim);
    number(effect.lower, Paint::kDim);
  }
  if (effect.lower > 0) number(0, Paint::kDim);
  number(high, Paint::kDim);
  const std::string indent(2 * kIndent, ' ');
  return {indent + above.text(), indent + axis.text(), indent + below.text()};
}

std::vector<SiteRow> fold_sites(const TextStyle& style, const VerifyReport& report,
                                size_t rows_max) {
  std::vector<SiteRow> rows;
  for (size_t i = 0; i < report.sites.size(); ++i) {
    const SiteReport& site = report.sites[i];
    const bool joins =
        !rows.empty() &&
        (rows.back().equal ? site.digest_equal : !rows.back().comparable && !site.relative_l2);
    if (joins) {
      rows.back() = make_row(style, report, rows.back().first, i);
    } else {
      rows.push_back(make_row(style, report, i, i));
    }
  }
  const std::vector<SiteRow> unfolded = rows;
  for (size_t group = 1; rows.size() > rows_max && group <= report.sites.size(); group *= 2) {
    rows = join_layers(style, report, unfolded, group);
  }
  return rows;
}

std::vector<std::string> site_plot(const TextStyle& style, const VerifyReport& report,
                                   size_t rows_max) {
  const std::vector<SiteRow> rows = fold_sites(style, report, rows_max);
  if (rows.empty()) return {};
  const Glyphs& g = glyphs(style);
  size_t label_width = 4;
  for (const SiteRow& row : rows) {
    label_width = std::max(label_width, std::min(display_width(row.label), kLabelWidthMax));
  }
  const size_t fixed = 2 * kIndent + label_width + 4 + 2 * kNumberWidth + kArrowWidth + 1;
  const LogScale scale =
      scale_of(rows, report.delta, style.width > fixed + 12 ? style.width - fixed : 12);
  const std::string indent(2 * kIndent, ' ');
  const auto dim = [&](const std::string& text) { return paint(style, Paint::kDim, text); };

  std::vector<std::string> lines;
  lines.push_back(indent + dim(pad_right("site", label_width) + "    " +
                               pad_right("relative L2", scale.width) +
                               pad_left("mean", kNumberWidth) + pad_left("cosine", kNumberWidth)));
  for (const SiteRow& row : rows) {
    std::string line =
        indent + pad_right(shorten_middle(style, row.label, label_width), label_width);
    if (row.equal) {
      const size_t count = row.last - row.first + 1;
      line += " " + paint(style, Paint::kGood, g.equal) + "  ";
      line += paint(style, Paint::kGood, "identical bits");
      if (count > 1) line += dim(" at " + std::to_string(count) + " sites");
      lines.push_back(std::move(line));
      continue;
    }
    line += " " + paint(style, Paint::kWarn, g.unequal) + "  ";
    if (row.comparable) {
      line += pad_right(bar(style, scale, row.relative_l2, report.delta), scale.width);
      line += pad_left(format_real(row.relative_l2), kNumberWidth);
      char cosine[16];
      std::snprintf(cosine, sizeof cosine, "%.5f", row.cosine);
      line += pad_left(cosine, kNumberWidth);
    } else {
      line += dim(why_not_comparable(report, row));
    }
    const std::string arrow = arrow_text(style, row);
    if (!arrow.empty()) line += "  " + arrow;
    lines.push_back(std::move(line));
  }
  const bool bars = std::ranges::any_of(rows, [](const SiteRow& row) { return !row.equal; });
  if (!bars) {
    lines.erase(lines.begin());  // the headings of columns that are all empty
    return lines;
  }
  lines.push_back(indent + std::string(label_width + 4, ' ') +
                  scale_line(style, scale, report.delta));
  return lines;
}

}  // namespace assay
