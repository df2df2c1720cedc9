// Verdict: from what a run observed to what its report says. Pure functions of the records; each
// fills its part of the report. Tested in session_test.cc.
#pragma once

#include <span>
#include <string>

#include "model/artifact.h"
#include "stats/mean_test.h"
#include "verify/comparison.h"
#include "verify/report.h"
#include "verify/transcript_file.h"

namespace assay {

// Fills sites. Pre: report.evidence is of these records; outcomes has one entry a challenge.
void fill_sites(const TranscriptRecords& records, std::span<const ChallengeOutcome> outcomes,
                VerifyReport& report);

// Fills tokens, effect, exact, verdict, e-value. Pre: fill_sites; test has seen the distances in
// order; report.scope and report.delta are set. SAME (exact) when every digest of every challenge
// is equal; else, for a sample, what the test decided, and for a census whether its mean is within
// delta.
void fill_effect(const TranscriptRecords& records, std::span<const ChallengeOutcome> outcomes,
                 const MeanTest& test, VerifyReport& report);

// Fills first_divergence. Pre: fill_sites.
void fill_divergence(const TranscriptRecords& records, VerifyReport& report);

// "6 of 39 tensors differ in value: blk.2.ffn_down.weight, blk.3.attn_k.weight ... and 2 more";
// empty when none does or the tensors of the two models are not the same ones.
std::string changed_tensors(const ArtifactDigests& a, const ArtifactDigests& b);

}  // namespace assay
