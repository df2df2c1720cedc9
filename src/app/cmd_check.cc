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

// Runs of 64 hexadecimal digits cut to 16: the whole digests are in the certificate.
std::string shorten_digests(const TextStyle& style, const std::string& text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_not_of(kHex, at), text.size());
    if (end - at == 64) {
      out += text.substr(at, 16) + std::string(glyphs(style).ellipsis);
    } else {
      out += text.substr(at, end - at);
    }
    at = end;
    if (at < text.size()) out += text[at++];
  }
  return out;
}

using Steps = std::vector<CertificateCheck::Step>;

// One step a line: "ok" or "FAILED", its name, and what was found.
void print_steps(const TextStyle& style, const Steps& steps) {
  constexpr size_t kState = 6;
  size_t name_width = 0;
  for (const auto& step : steps) name_width = std::max(name_width, step.name.size());
  const size_t indent = 2 + kState + 2 + name_width + 2;
  const size_t room = style.width > indent + 30 ? style.width - indent : 30;
  for (const auto& step : steps) {
    const std::string state =
        step.ok ? paint(style, Paint::kGood, "ok") : paint(style, Paint::kBad, "FAILED");
    std::string line =
        "  " + pad_right(state, kState) + "  " + pad_right(printable(style, step.name), name_width);
    std::string gap = "  ";
    for (const std::string& part :
         wrap(shorten_digests(style, printable(style, step.detail)), room)) {
      line += gap + part;
      gap = "\n" + std::string(indent, ' ');
    }
    write_out(line + "\n");
  }
}

// The steps on the file itself, then those of a replay under a heading of their own.
void print_all_steps(const TextStyle& style, const CertificateCheck& result) {
  constexpr std::string_view kReplay = "replay: ";
  Steps own;
  Steps replayed;
  for (CertificateCheck::Step step : result.steps) {
    if (step.name.starts_with(kReplay)) {
      step.name.erase(0, kReplay.size());
      replayed.push_back(std::move(step));
    } else {
      own.push_back(std::move(step));
    }
  }
  write_out("\n");
  print_steps(style, own);
  if (replayed.empty()) return;
  write_out("\n  " + paint(style, Paint::kBold, "The models, run again") + "\n");
  print_steps(style, replayed);
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
  print_all_steps(console.out, *result);
  print_conclusion(console.out, *result, !command.replay.empty());
  if (const Status status = flush_out(); !status.ok()) {
    print_error(console, "check", status.message());
    return status_exit_code(status);
  }
  return result->ok ? kExitOk : kExitDifferent;
}

}  // namespace assay
