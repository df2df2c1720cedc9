// assay check: is a certificate true? From the file alone, or by running the models again.
#include <algorithm>

#include "app/commands.h"
#include "app/report_text.h"
#include "base/file.h"
#include "verify/certificate.h"

namespace assay {
namespace {

constexpr uint64_t kCertificateBytesMax = uint64_t{256} << 20;

Result<CertificateCheck> check(const CheckCommand& command) {
  ASSAY_ASSIGN_OR_RETURN(const std::string text,
                         read_text_file(command.certificate, kCertificateBytesMax));
  if (command.replay.empty()) {
    auto result = check_certificate(text);
    if (!result.ok()) return result.status().with_context(command.certificate);
    return result;
  }
  return replay_certificate(text, {.reference = command.replay[0],
                                   .target = command.replay[1],
                                   .memory_bytes = command.memory_bytes,
                                   .threads = command.threads});
}

void print_steps(const TextStyle& style, const CertificateCheck& result) {
  const Glyphs& g = glyphs(style);
  size_t name_width = 0;
  for (const auto& step : result.steps) {
    name_width = std::max(name_width, display_width(printable(style, step.name)));
  }
  const size_t mark_width = std::max(display_width(g.check), display_width(g.cross));
  const size_t indent = 2 + mark_width + 2 + name_width + 2;
  for (const auto& step : result.steps) {
    const std::string mark =
        step.ok ? paint(style, Paint::kGood, g.check) : paint(style, Paint::kBad, g.cross);
    std::string line = "  " + pad_right(mark, mark_width) + "  " +
                       pad_right(printable(style, step.name), name_width) + "  ";
    const std::string state = step.ok ? "ok" : "FAILED";
    std::string detail = printable(style, step.detail);
    detail = detail.empty() ? state : state + ": " + detail;
    const size_t room = style.width > indent + 30 ? style.width - indent : 30;
    bool first = true;
    for (const std::string& part : wrap(detail, room)) {
      line += first ? part : "\n" + std::string(indent, ' ') + part;
      first = false;
    }
    write_out(line + "\n");
  }
}

void print_conclusion(const TextStyle& style, const CertificateCheck& result, bool replayed) {
  const VerifyReport& report = result.report;
  if (!result.ok) {
    const std::string words = "  NOT VALID  ";
    write_out("\n  " + paint(style, Paint::kBadBadge, words) +
              "  do not trust what this certificate says\n\n");
    return;
  }
  write_out("\n  " + paint(style, Paint::kGoodBadge, "  VALID  ") + "  " +
            std::string(decision_name(report.verdict)) + (report.exact ? ", exact" : "") + ": " +
            verdict_headline(report) + "\n\n");
  const auto paragraph = [&](const std::string& text) {
    for (const std::string& part : wrap(text, style.width - 4)) write_out("  " + part + "\n");
  };
  paragraph(verdict_meaning(report));
  write_out("\n");
  const auto model = [&](const char* name, const ModelSummary& m) {
    write_out("    " + pad_right(name, 11) + to_hex(m.digest) + "\n" + std::string(15, ' ') +
              shorten_path(style, printable(style, m.path), style.width - 17) + "\n");
  };
  model("reference", report.model_a);
  model("target", report.model_b);
  write_out("    " + pad_right("signed by", 11) + to_hex(ByteSpan(result.signer)) + "\n\n");
  paragraph(replayed ? "The signature, the roots and the statistics hold, and running the models "
                       "again gave the same roots and the same verdict."
                     : "The signature, the roots and the statistics hold. That the roots come from "
                       "these models is the signer's word; --replay REF TARGET checks it by "
                       "running them again.");
}

}  // namespace

int run_check(const CheckCommand& command, const Console& console) {
  const auto result = check(command);
  if (!result.ok()) {
    print_error(console, "check", result.status().message());
    std::vector<std::string> paths = command.replay;
    paths.push_back(command.certificate);
    return file_exit_code(result.status(), paths);
  }
  write_out("\n");
  print_steps(console.out, *result);
  print_conclusion(console.out, *result, !command.replay.empty());
  if (const Status status = flush_out(); !status.ok()) {
    print_error(console, "check", status.message());
    return status_exit_code(status);
  }
  return result->ok ? kExitOk : kExitDifferent;
}

}  // namespace assay
