// The sentences that say what a verdict means. Declared in report_text.h, tested there.
#include <cmath>

#include "app/report_text.h"

namespace assay {
namespace {

std::string challenges_phrase(const VerifyReport& report) {
  const std::string count = format_count(report.challenges_used);
  const bool one = report.challenges_used == 1;
  if (report.scope == Scope::kCensus)
    return one ? "the given prompt" : "the " + count + " given prompts";
  return one ? "the one challenge" : "the " + count + " challenges";
}

std::string error_rate(const VerifyReport& report) {
  return "this verdict is wrong at most " + format_odds(report.alpha) +
         ", whenever one chooses to stop.";
}

std::string difference_phrase(const VerifyReport& report) {
  return "the probabilities that the two models give to the next token differ by " +
         format_percent(report.effect.mean) + " on average (total variation)";
}

std::string exact_meaning(const VerifyReport& report) {
  const ModelSummary& a = report.model_a;
  const ModelSummary& b = report.model_b;
  if (report.tier == Tier::kExecution) {
    return "On " + challenges_phrase(report) +
           " every digest of every activation agrees at every site: both computed the same bits "
           "from the same tokens.";
  }
  if (a.digest == b.digest) {
    return "One SHA-256 over all bytes says so; nothing had to be executed. This is an exact "
           "answer: it has no error rate.";
  }
  std::string text = "All " + format_count(a.parameters) +
                     " weights have the same values once decoded and put in one order, and the "
                     "hyperparameters agree. ";
  const std::string stored_a = a.format + ", " + a.types;
  const std::string stored_b = b.format + ", " + b.types;
  text += stored_a == stored_b ? "Only the files around them differ. "
                               : "Only the way they are stored differs (" + stored_a + " against " +
                                     stored_b + "). ";
  return text + "Nothing had to be executed. This is an exact answer: it has no error rate.";
}

std::string census_meaning(const VerifyReport& report) {
  std::string text = "On " + challenges_phrase(report) + ' ' + difference_phrase(report) +
                     "; the margin is " + format_percent(report.delta) + ". ";
  return text +
         "This is a measurement of exactly these prompts, not an estimate: it has no error rate, "
         "and it says nothing about other prompts.";
}

std::string undecided_meaning(const VerifyReport& report) {
  if (report.challenges_used == 0) return "No challenge was used, so nothing is known yet.";
  std::string text = "On " + challenges_phrase(report) + ' ' + difference_phrase(report) +
                     ", and the interval around it still reaches across the margin of " +
                     format_percent(report.delta) + ". ";
  if (report.more_needed == 0) {
    return text +
           "No number of challenges like these would settle it: the mean is too near the margin.";
  }
  return text + "About " + format_count(report.more_needed) +
         (report.more_needed == 1 ? " more challenge" : " more challenges") +
         " like these would settle it.";
}

// "L2.post_mlp" -> "the MLP of layer 2"; "dec.L0.post_attn" -> "the attention of decoder layer 0".
std::string step_name(const std::string& site) {
  if (site == "final") return "the final norm";
  if (site == "enc.final") return "the norm behind the encoder";
  if (site == "logits") return "the output head";
  const size_t dot = site.rfind('.');
  const size_t number = site.find('L');
  if (dot == std::string::npos || number == std::string::npos || number > dot) return site;
  const std::string_view stack = std::string_view(site).substr(0, number);
  std::string layer = "layer " + site.substr(number + 1, dot - number - 1);
  if (stack == "enc.") layer = "encoder " + layer;
  if (stack == "dec.") layer = "decoder " + layer;
  const std::string step = site.substr(dot + 1);
  if (step == "post_attn") return "the attention of " + layer;
  if (step == "post_cross") return "the attention to the encoder of " + layer;
  if (step == "post_mlp") return "the MLP of " + layer;
  return site;
}

}  // namespace

std::string verdict_headline(const VerifyReport& report) {
  const bool census = report.scope == Scope::kCensus && report.tier == Tier::kExecution;
  switch (report.verdict) {
    case Decision::kSame:
      if (report.exact && report.tier == Tier::kArtifact) {
        return report.model_a.digest == report.model_b.digest
                   ? "The two files are identical, byte for byte."
                   : "The two files hold the same model: the same weights.";
      }
      if (report.exact) return "The two models compute the same bits.";
      return "The two models behave the same within " + format_percent(report.delta) +
             (census ? " on these prompts." : ".");
    case Decision::kDifferent:
      return census ? "The two models do not behave the same on these prompts."
                    : "The two models do not behave the same.";
    case Decision::kUndecided:
      return "The evidence does not settle it yet.";
  }
  return "";
}

std::string verdict_meaning(const VerifyReport& report) {
  if (report.exact) return exact_meaning(report);
  if (report.verdict == Decision::kUndecided) return undecided_meaning(report);
  if (report.scope == Scope::kCensus) return census_meaning(report);
  std::string text = "On " + challenges_phrase(report) + ' ' + difference_phrase(report) + ". ";
  text += "On all text of this kind the average is ";
  text += report.verdict == Decision::kSame ? "below" : "above";
  text += " the margin of " + format_percent(report.delta) + ": ";
  return text + error_rate(report);
}

std::string divergence_meaning(const VerifyReport& report) {
  if (!report.first_divergence || report.sites.empty()) return "";
  const std::string& site = report.first_divergence->site;
  if (!report.sites.front().digest_equal) return "The two models differ from the first step on.";
  return "Everything before is identical to the bit; the first difference comes from " +
         step_name(site) + ".";
}

std::string tier_meaning(const VerifyReport& report) {
  if (report.tier == Tier::kArtifact) {
    return "artifact, the strongest: the weights themselves were compared. It cannot see the "
           "software that will run them, its sampling settings or its prompts.";
  }
  return "execution: both models were run here and observed from inside. It cannot see what they "
         "do on kinds of text that no challenge resembles, such as a hidden trigger.";
}

}  // namespace assay
