#include "app/report_text.h"

#include <algorithm>
#include <cmath>

#include "app/plots.h"
#include "verify/session.h"

namespace assay {
namespace {

constexpr size_t kDigestDigits = 16;  // of 64: enough to tell two files apart by eye

class ReportText {
 public:
  ReportText(const VerifyReport& report, const ReportTextOptions& options)
      : report_(report), options_(options), style_(options.style), glyphs_(glyphs(style_)) {}

  std::string write() {
    verdict_box();
    paragraph(verdict_meaning(report_));
    if (report_.challenges_used > 0) {
      effect();
      divergence();
    }
    files();
    fine_print();
    next();
    return std::move(out_);
  }

 private:
  Paint verdict_paint(bool badge) const {
    switch (report_.verdict) {
      case Decision::kSame:
        return badge ? Paint::kGoodBadge : Paint::kGood;
      case Decision::kDifferent:
        return badge ? Paint::kBadBadge : Paint::kBad;
      case Decision::kUndecided:
        break;
    }
    return badge ? Paint::kWarnBadge : Paint::kWarn;
  }

  std::string dim(std::string_view text) const { return paint(style_, Paint::kDim, text); }
  void line(std::string_view text = {}) {
    out_ += text;
    out_ += '\n';
  }

  void verdict_box() {
    const Paint frame = verdict_paint(false);
    const size_t inner = style_.width - 2;
    const std::string rule = repeat(glyphs_.horizontal, inner);
    const auto framed = [&](std::string_view left, std::string_view right) {
      return paint(style_, frame, std::string(left) + rule + std::string(right));
    };
    const std::string side = paint(style_, frame, glyphs_.vertical);
    std::string name(decision_name(report_.verdict));
    if (report_.exact) name += ", exact";
    const std::string badge = paint(style_, verdict_paint(true), "  " + name + "  ");
    const std::string words = paint(style_, Paint::kBold, verdict_headline(report_));
    line();
    line(framed(glyphs_.top_left, glyphs_.top_right));
    line(side + pad_right("  " + badge + "  " + words, inner) + side);
    line(framed(glyphs_.bottom_left, glyphs_.bottom_right));
  }

  // Text indented by two columns; `first` opens the first line.
  void paragraph(const std::string& text) {
    for (const std::string& part : wrap(text, style_.width - 4)) line("  " + part);
  }

  void heading(const std::string& title, const std::string& aside) {
    line();
    line("  " + paint(style_, Paint::kBold, title) + (aside.empty() ? "" : "  " + dim(aside)));
  }

  void effect() {
    heading("How far apart", "mean total variation of the next-token probabilities, per token");
    for (std::string& part : interval_plot(style_, report_.effect, report_.delta)) {
      line(std::move(part));
    }
    line();
    std::vector<std::string> parts;
    parts.push_back("mean " + format_real(report_.effect.mean));
    if (report_.scope == Scope::kSample && !report_.exact) {
      parts.back() += " in [" + format_real(report_.effect.lower) + ", " +
                      format_real(report_.effect.upper) + "] at " +
                      format_percent(1 - report_.alpha) + " confidence";
    }
    parts.push_back("KL " + format_real(report_.kl_nats) + " nats");
    parts.push_back("same top token " + format_percent(report_.top1_agreement));
    segments(parts, false);
    segments(spent(), true);
  }

  std::vector<std::string> spent() const {
    const uint64_t used = report_.challenges_used;
    const bool census = report_.scope == Scope::kCensus;
    std::vector<std::string> parts;
    if (census) {
      parts.push_back(format_count(used) + (used == 1 ? " prompt" : " prompts"));
    } else {
      parts.push_back(format_count(used) + " of at most " +
                      format_count(std::max(report_.challenges_requested, used)) + " challenges");
    }
    parts.push_back(format_count(report_.tokens) + " tokens scored");
    if (!report_.exact && !census && std::isfinite(report_.log_e_value)) {
      parts.push_back("e-value " + format_exp(report_.log_e_value) + " (" +
                      format_real(2 / report_.alpha) + " decides)");
    }
    return parts;
  }

  // Pieces beside each other, on as many lines as they need.
  void segments(const std::vector<std::string>& parts, bool quiet) {
    std::string text;
    const auto flush = [&] { line("    " + (quiet ? dim(text) : text)); };
    for (const std::string& part : parts) {
      if (!text.empty() && 4 + display_width(text) + 3 + display_width(part) > style_.width) {
        flush();
        text.clear();
      }
      text += (text.empty() ? "" : "   ") + part;
    }
    flush();
  }

  void divergence() {
    const auto rows = site_plot(style_, report_);
    if (rows.empty()) return;
    heading("Where they part", "activations after each step, log scale, margin marked");
    for (const std::string& row : rows) line(row);
    const std::string meaning = printable(style_, divergence_meaning(report_));
    for (const std::string& part : wrap(meaning, style_.width - 6)) line("    " + dim(part));
  }

  // "  label   value of the reference  =  value of the target".
  void compare(const std::string& label, const std::string& a, const std::string& b,
               bool paths = false) {
    constexpr size_t kLabel = 15;
    const size_t column = (style_.width - 4 - kLabel - 3) / 2;
    const std::string mark = paths    ? " "
                             : a == b ? paint(style_, Paint::kGood, glyphs_.equal)
                                      : paint(style_, Paint::kWarn, glyphs_.unequal);
    const auto fit = [&](const std::string& text) {
      return paths ? shorten_path(style_, text, column - 1)
                   : shorten_middle(style_, text, column - 1);
    };
    line("    " + dim(pad_right(label, kLabel)) + pad_right(fit(a), column) + mark + "  " + fit(b));
  }

  std::string digest(const Digest& digest) const {
    if (digest == Digest{}) return "none";
    return to_hex(digest).substr(0, kDigestDigits) + std::string(glyphs_.ellipsis);
  }

  void files() {
    heading("Files", "reference on the left, target on the right");
    const ModelSummary& a = report_.model_a;
    const ModelSummary& b = report_.model_b;
    const auto safe = [&](const std::string& text) { return printable(style_, text); };
    const auto model = [&](const ModelSummary& m) {
      return safe(m.family) + ", " + format_count(m.layers) + " layers, " +
             format_parameters(m.parameters) + " params";
    };
    const auto stored = [&](const ModelSummary& m) {
      return safe(m.format + ", " + m.types) + ", " + format_size(m.bytes);
    };
    compare("path", safe(a.path), safe(b.path), /*paths=*/true);
    compare("model", model(a), model(b));
    compare("stored as", stored(a), stored(b));
    compare("file SHA-256", digest(a.digest), digest(b.digest));
    compare("weight values", digest(a.canonical_digest), digest(b.canonical_digest));
    compare("tokenizer", a.has_tokenizer ? digest(a.tokenizer_digest) : "none",
            b.has_tokenizer ? digest(b.tokenizer_digest) : "none");
    if (report_.challenges_used > 0) {
      compare("run root", digest(report_.root_a), digest(report_.root_b));
    }
  }

  // A label in the margin and wrapped text beside it.
  void item(const std::string& label, const std::string& text) {
    constexpr size_t kLabel = 10;
    bool first = true;
    for (const std::string& part : wrap(text, style_.width - 4 - kLabel)) {
      line("  " + pad_right(first ? paint(style_, Paint::kBold, label) : "", kLabel) + part);
      first = false;
    }
  }

  void fine_print() {
    line();
    item("Tier", tier_meaning(report_));
    for (const std::string& note : report_.notes) item("Note", printable(style_, note));
    for (const std::string& text : options_.forecast) item("Budget", printable(style_, text));
    std::string cost = format_seconds(report_.seconds) + ", " + format_count(report_.threads) +
                       (report_.threads == 1 ? " thread" : " threads");
    if (!report_.isa.empty()) cost += " (" + report_.isa + ")";
    cost += ", memory " + format_size(report_.peak_rss_bytes) + " of " +
            format_size(report_.memory_bound_bytes) + " allowed, " +
            format_size(report_.bytes_read) + " read";
    if (report_.challenges_used > 0) cost += ", arithmetic " + report_.profile;
    item("Cost", cost);
  }

  // The words of a command, broken over lines as a shell accepts it.
  void suggest(const std::string& why, const std::vector<std::string>& words) {
    std::string text = "    ";
    bool first = true;
    for (size_t i = 0; i < words.size(); ++i) {
      std::string unit = printable(style_, shell_quote(words[i]));
      if (words[i].starts_with("--") && i + 1 < words.size()) {  // an option and its value
        unit += ' ' + printable(style_, shell_quote(words[++i]));
      }
      if (!first && display_width(text) + 1 + display_width(unit) + 2 > style_.width) {
        line(paint(style_, Paint::kAccent, text + " \\"));
        text = "       ";
      }
      text += (first ? "" : " ") + unit;
      first = false;
    }
    line(paint(style_, Paint::kAccent, text));
    for (const std::string& part : wrap(why, style_.width - 8)) line("      " + dim(part));
  }

  // The same command again with one option set.
  std::vector<std::string> rerun(const std::string& option, const std::string& value) const {
    const VerifyOptions defaults;
    std::vector<std::string> words = options_.command;
    if (option != "--challenges" && report_.scope == Scope::kSample &&
        report_.challenges_requested != defaults.challenges && report_.challenges_requested > 0) {
      words.insert(words.end(), {"--challenges", std::to_string(report_.challenges_requested)});
    }
    if (option != "--delta" && report_.delta != defaults.delta) {
      words.insert(words.end(), {"--delta", format_real(report_.delta)});
    }
    words.insert(words.end(), {option, value});
    return words;
  }

  void next() {
    if (options_.command.empty()) return;
    heading("Next", "");
    if (report_.verdict == Decision::kUndecided) {
      next_undecided();
      return;
    }
    if (options_.certificate_path.empty()) {
      suggest("writes this verdict as a certificate that anyone can check offline",
              rerun("--certificate", "cert.json"));
      return;
    }
    const std::string& program = options_.command.front();
    suggest("checks the certificate from the file alone: signature, Merkle roots and statistics",
            {program, "check", options_.certificate_path});
    suggest("runs the models again and compares every root",
            {program, "check", options_.certificate_path, "--replay", report_.model_a.path,
             report_.model_b.path});
  }

  void next_undecided() {
    // A tenth more than forecast, rounded up to 32: the next challenges may be a little less clear.
    const uint64_t wanted =
        report_.challenges_used + report_.more_needed + report_.more_needed / 10;
    const uint64_t challenges = (wanted + 31) / 32 * 32;
    if (report_.scope == Scope::kSample && report_.more_needed > 0 &&
        challenges <= kChallengesMax) {
      suggest("a budget that should settle it; stopping early costs nothing in error rate",
              rerun("--challenges", std::to_string(challenges)));
      return;
    }
    const double wider = round_up(2 * std::max(report_.delta, report_.effect.mean));
    if (wider >= 1) {
      suggest("another challenge key asks other questions of the same kind",
              rerun("--run-id", report_.run_id + "-2"));
      return;
    }
    suggest("asks a coarser question, which fewer challenges can settle",
            rerun("--delta", format_real(wider)));
  }

  const VerifyReport& report_;
  const ReportTextOptions& options_;
  const TextStyle& style_;
  const Glyphs& glyphs_;
  std::string out_;
};

}  // namespace

std::string report_text(const VerifyReport& report, const ReportTextOptions& options) {
  return ReportText(report, options).write();
}

}  // namespace assay
