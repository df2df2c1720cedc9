// A verification as people read it: the verdict in words, its error rate, the numbers behind it, a
// picture of where the models part, what the verdict cannot see, and the line to type next. Pure;
// golden outputs in report_text_test.cc.
#pragma once

#include <string>
#include <vector>

#include "app/text.h"
#include "verify/report.h"

namespace assay {

struct ReportTextOptions {
  TextStyle style;
  // The command that made the report, one shell word each, for the lines to type next: "assay",
  // "verify", "a.gguf", "b.gguf" and what else decides the result, but without --challenges and
  // --delta (the report holds these) and without outputs.
  std::vector<std::string> command;
  std::string certificate_path;       // empty: none was written
  std::vector<std::string> forecast;  // what the budget can certify, when it was not shown before
};

// Lines of at most options.style.width columns, each ended by a newline.
std::string report_text(const VerifyReport& report, const ReportTextOptions& options);

// Pieces that other commands and tests use.
std::string verdict_headline(
    const VerifyReport& report);                          // "The two models hold the same weights."
std::string verdict_meaning(const VerifyReport& report);  // two or three sentences
// Which step of the network makes the first difference; empty when there is none.
std::string divergence_meaning(const VerifyReport& report);
std::string tier_meaning(const VerifyReport& report);  // what the tier sees, and what it cannot

}  // namespace assay
