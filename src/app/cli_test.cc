// The program itself, run as a user runs it: arguments, exit codes, what goes to which stream.
#include "app/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>

#include "base/program_testing.h"
#include "base/file.h"
#include "base/json.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Cli : public ProgramTest {
 protected:
  Cli() : ProgramTest(ASSAY_PROGRAM) {}

  static std::string model(const std::string& name) {
    return std::string(ASSAY_TESTDATA) + "/models/lexi-nano/lexi-nano-" + name;
  }
};

TEST_F(Cli, EveryCommandHasHelpWithExamples) {
  const Outcome top = run({"--help"});
  EXPECT_EQ(top.exit_code, 0);
  EXPECT_THAT(top.err, IsEmpty());
  for (const std::string command : {"verify", "plan", "inspect", "check", "keygen", "logits",
                                    "generate", "tokenize", "bench", "synth", "version"}) {
    EXPECT_THAT(top.out, HasSubstr("  " + command + " "));
    const Outcome help = run({command, "--help"});
    EXPECT_EQ(help.exit_code, 0) << command;
    EXPECT_THAT(help.out, AllOf(HasSubstr("Usage: assay " + command), HasSubstr("Example")));
    EXPECT_THAT(help.err, IsEmpty());
  }
}

TEST_F(Cli, HelpListsTheStableOptionsOfVerify) {
  const std::string help = run({"verify", "-h"}).out;
  for (const char* option :
       {"--challenges", "--alpha", "--delta", "--memory", "--threads", "--key-file", "--run-id",
        "--resume", "--json", "--certificate", "--transcript", "--fail-on", "--prompts",
        "--signing-key", "--execute", "--quiet"}) {
    EXPECT_THAT(help, HasSubstr(option));
  }
}

TEST_F(Cli, VersionSaysWhatWasBuilt) {
  for (const std::string word : {"version", "--version"}) {
    const Outcome outcome = run({word});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("assay "), HasSubstr("profile f32-fma16-v1"),
                                   HasSubstr("instruction sets scalar"), HasSubstr("compiler ")));
  }
}

struct Misuse {
  std::vector<std::string> args;
  const char* says;
};

TEST_F(Cli, WrongArgumentsExplainThemselvesAndExit64) {
  const std::string a = model("f32.gguf");
  const std::vector<Misuse> misuses = {
      {{}, "which command?"},
      {{"verfy", a, a}, "did you mean verify?"},
      {{"frobnicate"}, "unknown command frobnicate"},
      {{"verify"}, "REF"},
      {{"verify", a}, "TARGET"},
      {{"verify", a, a, a}, "unexpected argument"},
      {{"verify", a, a, "--chalenges", "5"}, "did you mean --challenges?"},
      {{"verify", a, a, "--challenges", "0"}, "from 1 to 10000"},
      {{"verify", a, a, "--challenges", "ten"}, "'ten' is not a whole number"},
      {{"verify", a, a, "--challenges", "1e9"}, "'1e9'"},
      {{"verify", a, a, "--alpha", "0"}, "above 0 and at most 0.5"},
      {{"verify", a, a, "--alpha", "0.6"}, "above 0 and at most 0.5"},
      {{"verify", a, a, "--alpha", "nan"}, "above 0"},
      {{"verify", a, a, "--delta", "1"}, "above 0 and below 1"},
      {{"verify", a, a, "--memory", "lots"}, "--memory"},
      {{"verify", a, a, "--threads", "0"}, "from 1 to 256"},
      {{"verify", a, a, "--fail-on", "same"}, "neither different nor undecided"},
      {{"verify", a, a, "--json"}, "--json"},
      {{"check"}, "CERT"},
      {{"check", a, "--replay", a}, "--replay"},
      {{"check", a, "--memory", "1GiB"}, "--replay"},
      {{"logits", a, "--tokens", "1", "--tokens-file", "f"}, "--tokens"},
      {{"plan", a, "--params", "7B"}, "--params"},
      {{"plan", a, "--type", "f16"}, "--params"},
      {{"plan", "--params", "7Q"}, "parameter count"},
      {{"logits", a, "--tokens", "1,,2"}, "list of token ids"},
      {{"logits", a, "--tokens", "1,-2"}, "list of token ids"},
      {{"generate", a, "--prompt", "x"}, "--tokens"},
      {{"generate", a, "--prompt", "x", "--tokens", "0"}, "from 1"},
      {{"generate", a, "--prompt", "x", "--tokens", "1", "--top-p", "0"}, "above 0"},
      {{"tokenize", a, "x", "--ids", "--json"}, "--json"},
      {{"bench"}, "MODEL"},
      {{"bench", a, "--repeat", "0"}, "from 1 to 1000"},
      {{"bench", a, "--prompt-tokens", "many"}, "'many' is not a whole number"},
      {{"synth", in_folder("o.gguf"), "--params", "many"}, "--params"},
      {{"synth", in_folder("o.gguf"), "--params", "1M", "--type", "f8"}, "bf16"},
  };
  for (const Misuse& misuse : misuses) {
    const Outcome outcome = run(misuse.args);
    EXPECT_EQ(outcome.exit_code, 64) << testing::PrintToString(misuse.args);
    EXPECT_THAT(outcome.err,
                AllOf(HasSubstr(misuse.says), HasSubstr("Usage: assay"), HasSubstr("--help")));
    EXPECT_THAT(outcome.out, IsEmpty());
  }
}

TEST_F(Cli, WhatIsNotThereExits66AndIsNamed) {
  const std::string none = in_folder("none.gguf");
  const std::string a = model("f32.gguf");
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"verify", none, a},
                                             {"verify", a, none},
                                             {"inspect", none},
                                             {"check", none},
                                             {"logits", none, "--tokens", "1"},
                                             {"tokenize", none, "x"},
                                             {"bench", none},
                                             {"generate", none, "--prompt", "x", "--tokens", "1"},
                                             {"verify", a, a, "--prompts", none},
                                             {"verify", a, a, "--key-file", none}}) {
    const Outcome outcome = run(args);
    EXPECT_EQ(outcome.exit_code, 66) << testing::PrintToString(args) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(none));
  }
}

TEST_F(Cli, DamagedFilesExit65) {
  const std::string a = model("f32.gguf");
  const auto whole = read_whole_file(a, 1 << 24);
  ASSERT_TRUE(whole.ok());
  const std::string half(whole->begin(),
                         whole->begin() + static_cast<std::ptrdiff_t>(whole->size() / 2));
  for (const std::string& bad :
       {file("empty.gguf", ""), file("text.gguf", "not a model at all"), file("half.gguf", half)}) {
    for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
             {"verify", a, bad}, {"verify", bad, a}, {"inspect", bad}, {"check", bad}}) {
      const Outcome outcome = run(args);
      EXPECT_EQ(outcome.exit_code, 65) << testing::PrintToString(args) << outcome.err;
      EXPECT_THAT(outcome.err, HasSubstr(bad));
    }
  }
  EXPECT_EQ(run({"verify", a, a, "--prompts", file("p.txt", "\n")}).exit_code, 65);
}

TEST_F(Cli, OutputsThatCannotBeWrittenAreFoundBeforeTheWork) {
  const std::string a = model("f32.gguf");
  for (const char* option : {"--json", "--certificate", "--transcript"}) {
    const Outcome gone = run({"verify", a, a, option, in_folder("no/such/file")});
    EXPECT_EQ(gone.exit_code, 66) << option << gone.err;
    EXPECT_THAT(gone.err, AllOf(HasSubstr(option), HasSubstr("create it first")));
    EXPECT_EQ(run({"verify", a, a, option, folder_}).exit_code, 64) << option;
  }
}

TEST_F(Cli, KeygenMakesAKeyAndNeverReplacesOne) {
  const std::string key = in_folder("lab.key");
  const Outcome made = run({"keygen", key});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(made.out.size(), 65U);
  const auto before = read_text_file(key, 1 << 16);
  EXPECT_EQ(run({"keygen", key}).exit_code, 64);
  EXPECT_EQ(*read_text_file(key, 1 << 16), *before);
  std::filesystem::permissions(key, std::filesystem::perms(0644));
  const Outcome open = run({"verify", model("f32.gguf"), model("f32.gguf"), "--certificate",
                            in_folder("c.json"), "--signing-key", key});
  EXPECT_EQ(open.exit_code, 77) << "a key that others can read";
}

TEST_F(Cli, VerifyExitsWithTheVerdict) {
  const std::string a = model("f32.gguf");
  EXPECT_EQ(run({"verify", a, a}).exit_code, 0);
  EXPECT_EQ(run({"verify", a, model("hf")}).exit_code, 0);
  EXPECT_EQ(run({"verify", a, model("ft200-f16.gguf")}).exit_code, 1);
  const std::vector<std::string> little = {"verify", a, model("edit-l2-f32.gguf"), "--challenges",
                                           "16"};
  EXPECT_EQ(run(little).exit_code, 2);
  std::vector<std::string> passes = little;
  passes.insert(passes.end(), {"--fail-on", "different"});
  EXPECT_EQ(run(passes).exit_code, 0);
  passes.back() = "undecided";
  EXPECT_EQ(run(passes).exit_code, 2);
  EXPECT_EQ(run({"verify", a, model("ft200-f16.gguf"), "--fail-on", "different"}).exit_code, 1);
}

TEST_F(Cli, TheReportGoesToStdoutUnlessTheJsonDoes) {
  const std::string a = model("f32.gguf");
  const std::string b = model("ft200-f16.gguf");
  const Outcome text = run({"verify", a, b});
  EXPECT_THAT(text.out, AllOf(HasSubstr("DIFFERENT"), HasSubstr("Where they part"),
                              HasSubstr("--certificate cert.json")));
  EXPECT_THAT(text.err, IsEmpty()) << "no progress where there is no terminal";
  EXPECT_THAT(text.out, Not(HasSubstr("\033")));

  const Outcome json = run({"verify", a, b, "--json", "-"});
  EXPECT_EQ(json.exit_code, 1);
  const auto parsed = parse_json(json.out, "stdout");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed->at("verdict"), "DIFFERENT");
  EXPECT_THAT(json.err, HasSubstr("DIFFERENT"));

  const Outcome quiet = run({"verify", a, b, "--quiet", "--json", in_folder("r.json")});
  EXPECT_EQ(quiet.exit_code, 1);
  EXPECT_THAT(quiet.out + quiet.err, IsEmpty());
  EXPECT_TRUE(parse_json(*read_text_file(in_folder("r.json"), 1 << 24), "r.json").ok());
}

TEST_F(Cli, ACertificateIsSignedWithTheKeyMadeOnFirstUseAndChecks) {
  const std::string a = model("f32.gguf");
  const std::string b = model("ft200-f16.gguf");
  const std::string cert = in_folder("cert.json");
  const Outcome first = run({"verify", a, b, "--certificate", cert});
  EXPECT_EQ(first.exit_code, 1);
  EXPECT_THAT(first.err, AllOf(HasSubstr("made a signing key"), HasSubstr("public key ")));
  EXPECT_THAT(first.out, HasSubstr(" check " + cert));
  const Outcome second = run({"verify", a, b, "--certificate", cert});
  EXPECT_THAT(second.err, IsEmpty()) << "the key is there now";

  const Outcome check = run({"check", cert});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
  EXPECT_THAT(check.out, AllOf(HasSubstr("VALID"), HasSubstr("DIFFERENT"), HasSubstr("signature")));
  const Outcome replay = run({"check", cert, "--replay", a, b});
  EXPECT_EQ(replay.exit_code, 0) << replay.out << replay.err;
  EXPECT_EQ(run({"check", cert, "--replay", a, in_folder("none.gguf")}).exit_code, 66);
  const Outcome swapped = run({"check", cert, "--replay", b, a});
  EXPECT_EQ(swapped.exit_code, 1) << swapped.out;

  std::string text = *read_text_file(cert, 1 << 26);
  const size_t at = text.find("DIFFERENT");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 9, "SAME");
  const Outcome forged = run({"check", file("forged.json", text)});
  EXPECT_EQ(forged.exit_code, 1);
  EXPECT_THAT(forged.out, AllOf(HasSubstr("NOT VALID"), HasSubstr("FAILED")));
}

TEST_F(Cli, PromptsMakeACensus) {
  const std::string prompts = file("p.txt", "A lion is a large cat.\n\nthe king of Israel\n");
  const Outcome outcome = run({"verify", model("f32.gguf"), model("ft200-f16.gguf"), "--prompts",
                               prompts, "--json", in_folder("r.json")});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("2 given prompts"));
  const auto json = parse_json(*read_text_file(in_folder("r.json"), 1 << 24), "r.json");
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json->at("scope"), "census");
  EXPECT_EQ(json->at("challenges_used"), 2);
  EXPECT_TRUE(json->at("log_e_value").is_null());
}

TEST_F(Cli, OneOfTwoOptionsMustBeGiven) {
  const std::string a = model("f32.gguf");
  const std::vector<Misuse> misuses = {
      {{"logits", a}, "--tokens or --tokens-file; see assay logits --help"},
      {{"generate", a, "--tokens", "1"}, "--prompt or --prompt-file; see assay generate --help"},
      {{"plan"}, "name a MODEL, or give the size of one with --params; see assay plan --help"},
      {{"plan", "--params", "1"}, "cannot make a model of 1 parameters"},
  };
  for (const Misuse& misuse : misuses) {
    const Outcome outcome = run(misuse.args);
    EXPECT_EQ(outcome.exit_code, 64) << misuse.says;
    EXPECT_THAT(outcome.err, HasSubstr(misuse.says));
  }
}

TEST_F(Cli, PlanSaysWhatAVerificationNeeds) {
  const std::string a = model("f32.gguf");
  const Outcome text = run({"plan", a, model("q8_0.gguf"), "--memory", "64MiB"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("L0–L3.post_attn"), HasSubstr("1 panel,  read once"),
                              HasSubstr("of 64.00 MiB"), HasSubstr("rests on")));

  const Outcome outcome = run({"plan", a, "--memory", "64MiB", "--challenges", "64", "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = parse_json(outcome.out, "stdout");
  ASSERT_TRUE(json.ok());
  EXPECT_EQ((*json)["schema"], "assay.plan.v1");
  EXPECT_EQ((*json)["memory_bound_bytes"], 64 << 20);
  EXPECT_LE((*json)["predicted_peak_bytes"], 64 << 20);
  EXPECT_EQ((*json)["waves"].size(), 1U);
  EXPECT_EQ((*json)["artifact_bytes"], 2 * std::filesystem::file_size(a));
  EXPECT_EQ((*json)["segments_a"][0]["sites"].size(), 4U);
  EXPECT_GT((*json)["predicted_execution_seconds"], 0);
}

TEST_F(Cli, PlanNeedsNoWeightsAndNamesTheSmallestBound) {
  const Outcome fits =
      run({"plan", "--params", "70B", "--type", "f16", "--memory", "512MiB", "--json"});
  EXPECT_EQ(fits.exit_code, 0) << fits.err;
  const auto json = parse_json(fits.out, "stdout");
  ASSERT_TRUE(json.ok());
  EXPECT_LE((*json)["predicted_peak_bytes"], 512 << 20);
  EXPECT_GT((*json)["artifact_bytes"], 250'000'000'000);
  EXPECT_TRUE((*json)["measured"]["read_bytes_per_s"].is_null());

  const Outcome refused = run({"plan", "--params", "70B", "--memory", "32MiB"});
  EXPECT_EQ(refused.exit_code, 69);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("too small"), HasSubstr("--memory ")));
}

TEST_F(Cli, LongInputsComeFromFiles) {
  const std::string a = model("f32.gguf");
  const std::string ids = file("ids.txt", "1, 306\n451\n");
  EXPECT_EQ(run({"logits", a, "--tokens-file", ids, "--json"}).out,
            run({"logits", a, "--tokens", "1,306,451", "--json"}).out);
  const Outcome wrong = run({"logits", a, "--tokens-file", file("bad.txt", "1\ntwo\n")});
  EXPECT_EQ(wrong.exit_code, 65);
  EXPECT_THAT(wrong.err, HasSubstr("bad.txt, line 2: 'two' is not a token id"));
  EXPECT_EQ(run({"logits", a, "--tokens-file", in_folder("none")}).exit_code, 66);
  const Outcome small = run({"logits", a, "--tokens-file", ids, "--memory", "1MiB"});
  EXPECT_EQ(small.exit_code, 69);
  EXPECT_THAT(small.err, HasSubstr("above the bound of 1.00 MiB"));

  const std::string prompt = file("prompt.txt", "a lion is");
  EXPECT_EQ(run({"generate", a, "--prompt-file", prompt, "--tokens", "8"}).out,
            run({"generate", a, "--prompt", "a lion is", "--tokens", "8"}).out);
  const Outcome binary = run({"generate", a, "--prompt-file", file("b", "\xff"), "--tokens", "8"});
  EXPECT_EQ(binary.exit_code, 65);
  EXPECT_THAT(binary.err, HasSubstr("is not UTF-8"));
}

TEST_F(Cli, TokenizeLogitsAndGenerateFitTogether) {
  const std::string a = model("f32.gguf");
  const Outcome ids = run({"tokenize", a, "a lion is", "--ids"});
  ASSERT_EQ(ids.exit_code, 0) << ids.err;
  const std::string tokens = "1," + ids.out.substr(0, ids.out.size() - 1);
  const Outcome one = run({"logits", a, "--tokens", tokens, "--json"});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  const auto json = parse_json(one.out, "logits");
  ASSERT_TRUE(json.ok()) << json.status().message();
  EXPECT_EQ(json->at("logits").size(), 1024U);
  EXPECT_EQ(json->at("sites").at(0).at("site"), "L0.post_attn");
  EXPECT_EQ(run({"logits", a, "--tokens", tokens, "--json", "--threads", "1"}).out, one.out);
  EXPECT_THAT(run({"logits", a, "--tokens", tokens}).out,
              HasSubstr(json->at("logits_sha256").get<std::string>()));

  const Outcome text = run({"generate", a, "--prompt", "a lion is", "--tokens", "8"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, testing::StartsWith("a lion is"));
  const Outcome whole = run({"generate", a, "--prompt", "a lion is", "--tokens", "8", "--json"});
  const auto generation = parse_json(whole.out, "generation");
  ASSERT_TRUE(generation.ok());
  EXPECT_EQ("a lion is" + generation->at("text").get<std::string>() + "\n", text.out);
}

TEST_F(Cli, LogitsRefuseATokenOutsideTheVocabulary) {
  const Outcome outcome = run({"logits", model("f32.gguf"), "--tokens", "1,5000"});
  EXPECT_EQ(outcome.exit_code, 64) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("5000"));
}

TEST_F(Cli, BenchMeasuresTheModelAndSaysWhatItComputed) {
  const std::string a = model("q8_0.gguf");
  const std::vector<std::string> args = {"bench",     a,   "--prompt-tokens",   "20",
                                         "--threads", "1", "--generate-tokens", "3",
                                         "--repeat",  "2"};
  std::vector<std::string> as_json = args;
  as_json.push_back("--json");
  const Outcome outcome = run(as_json);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = parse_json(outcome.out, "bench");
  ASSERT_TRUE(json.ok()) << json.status().message();
  EXPECT_EQ(json->at("schema"), "assay.bench.v1");
  EXPECT_EQ(json->at("threads"), 1);
  EXPECT_THAT(json->at("types").get<std::string>(), HasSubstr("Q8_0"));
  EXPECT_GT(json->at("prefill_tokens_per_s"), 0);
  EXPECT_GT(json->at("decode_tokens_per_s"), 0);
  EXPECT_GT(json->at("peak_rss_bytes"), std::filesystem::file_size(a));
  EXPECT_EQ(json->at("prefill_seconds").size(), 2U);
  EXPECT_THAT(run(args).out, AllOf(HasSubstr("tokens/s"),
                                   HasSubstr(json->at("logits_sha256").get<std::string>())));
}

TEST_F(Cli, InspectDescribesBothFormatsAlike) {
  const auto gguf = parse_json(
      run({"inspect", model("f32.gguf"), "--json", "--digests", "--tensors"}).out, "gguf");
  const auto folder =
      parse_json(run({"inspect", model("hf"), "--json", "--digests", "--tensors"}).out, "folder");
  ASSERT_TRUE(gguf.ok() && folder.ok());
  EXPECT_EQ(gguf->at("canonical_digest"), folder->at("canonical_digest"));
  EXPECT_EQ(gguf->at("parameters"), folder->at("parameters"));
  EXPECT_EQ(gguf->at("tensors").size(), folder->at("tensors").size());
  EXPECT_NE(gguf->at("digest"), folder->at("digest"));
  EXPECT_THAT(run({"inspect", model("f32.gguf")}).out, HasSubstr("4 layers, width 64"));
}

TEST_F(Cli, SynthMakesAModelThatInspectReads) {
  const std::string path = in_folder("s.gguf");
  const Outcome made = run({"synth", path, "--params", "300k", "--type", "q8_0", "--seed", "3"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(run({"inspect", path}).exit_code, 0);
  const Outcome wrong =
      run({"synth", path, "--params", "300k", "--change-tensor", "blk.0.nothing"});
  EXPECT_EQ(wrong.exit_code, 64) << wrong.err;
}

TEST_F(Cli, AnInterruptExits130AndSaysHowToGoOn) {
  const std::string path = in_folder("s.gguf");
  ASSERT_EQ(run({"synth", path, "--params", "30M"}).exit_code, 0);
  const std::string resume = in_folder("state");
  // The resume folder appears once the handlers are installed.
  const pid_t pid = start({"verify", path, path, "--execute", "--resume", resume});
  int status = 0;
  while (!is_directory(resume) && waitpid(pid, &status, WNOHANG) == 0) {
  }
  ASSERT_EQ(kill(pid, SIGINT), 0);
  const Outcome outcome = finish(pid);
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("interrupted"), HasSubstr(resume)));
}

}  // namespace
}  // namespace assay
