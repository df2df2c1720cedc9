#include "app/cli_options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>

#include "app/cli_readers.h"
#include "app/commands.h"
#include "base/thread_pool.h"
#include "model/gguf_types.h"
#include "model/synth_plan.h"

namespace assay {
namespace {

Reader read_tokens(std::vector<TokenId>& tokens) {
  return [&tokens](const std::string& text) -> std::string {
    tokens.clear();
    const char* at = text.data();
    const char* const end = at + text.size();
    while (true) {
      TokenId id = 0;
      const auto [stop, error] = std::from_chars(at, end, id);
      if (error != std::errc() || id < 0 || (stop != end && *stop != ',')) {
        return "'" + text + "' is not a list of token ids like 1,2,3";
      }
      tokens.push_back(id);
      if (stop == end) return "";
      at = stop + 1;
    }
  };
}

Reader read_dtype(DType& type) {
  return [&type](const std::string& text) -> std::string {
    std::string known;
    for (const DType candidate : kAllDTypes) {
      if (!ggml_type_of(candidate)) continue;
      const std::string name = CLI::detail::to_lower(std::string(dtype_info(candidate).name));
      if (CLI::detail::to_lower(text) == name) {
        type = candidate;
        return "";
      }
      known += (known.empty() ? "" : ", ") + name;
    }
    return "'" + text + "' is not one of " + known;
  };
}

void add_path(CLI::App& app, const std::string& name, std::string& value,
              const std::string& description) {
  app.add_option(name, value, description)->required();
}

CLI::Option* add_text(CLI::App& app, const std::string& name, std::string& value,
                      const std::string& value_name, const std::string& description) {
  return app.add_option(name, value, description)->option_text(value_name);
}

void add_threads(CLI::App& app, uint64_t& threads, const std::string& group = "Options") {
  add_read(app, "--threads", "N",
           "Threads to compute with; all processors when left out. The "
           "result does not depend on it",
           read_number<uint64_t>(threads, 1, ThreadPool::kThreadsMax))
      ->group(group);
}

void add_memory(CLI::App& app, uint64_t& memory_bytes) {
  add_read(app, "--memory", "SIZE",
           "At most this much for weights and positions, like 512MiB; all there is when left out",
           read_parsed(memory_bytes, parse_size));
}

template <typename Command>
CLI::App& add_command(CLI::App& app, CommandLine& line, const std::string& name,
                      const std::string& description, const std::shared_ptr<Command>& command,
                      int (*run)(const Command&, const Console&)) {
  CLI::App& sub = *app.add_subcommand(name, description);
  sub.set_help_flag("-h,--help", "Show this help");
  sub.callback([&line, command, run] {
    line.run = [command, run](const Console& console) { return run(*command, console); };
  });
  return sub;
}

void add_verify_question(CLI::App& sub, VerifyCommand& command) {
  VerifyOptions& options = command.options;
  const std::string group = "The question";
  add_read(sub, "--delta", "D",
           "The margin: how large a mean difference still counts as the same "
           "(total variation of next-token probabilities, 0 to 1; default 0.02)",
           read_fraction(options.delta, 1, false))
      ->group(group);
  add_read(sub, "--alpha", "A",
           "The probability of a wrong SAME or DIFFERENT that you accept "
           "(default 0.01)",
           read_fraction(options.alpha, 0.5, true))
      ->group(group);
  add_read(sub, "--challenges", "N",
           "At most this many challenges; a clear case stops early "
           "(default 512)",
           read_number<uint64_t>(options.challenges, 1, kChallengesMax))
      ->group(group);
  add_text(sub, "--prompts", command.prompts_path, "FILE",
           "Instead of challenges: your own prompts, one a line, UTF-8. The verdict is then about "
           "exactly these (a census), without an error rate")
      ->group(group);
  sub.add_option("--key-file", options.key_file,
                 "Derive the challenges from the secret in this file; otherwise from the digests "
                 "of both models, so that anyone can repeat the run")
      ->option_text("FILE")
      ->group(group);
  add_text(sub, "--run-id", options.run_id, "S",
           "Another run id gives other challenges from the same key (default \"default\")")
      ->group(group);
  sub.add_flag("--execute", options.execute_always,
               "Run the models even when their weights are already equal")
      ->group(group);
}

void add_verify_outputs(CLI::App& sub, VerifyCommand& command) {
  const std::string group = "Results";
  add_text(sub, "--json", command.json_path, "FILE",
           "Write the report as JSON (assay.report.v1); - is stdout, and the text then goes to "
           "stderr")
      ->group(group);
  add_text(sub, "--certificate", command.certificate_path, "FILE",
           "Write a signed certificate, for `assay check`")
      ->group(group);
  add_text(sub, "--signing-key", command.signing_key_path, "FILE",
           "Sign with this key (`assay keygen`); otherwise with your own in "
           "~/.config/assay/signing.key, made on first use")
      ->group(group);
  add_text(sub, "--transcript", command.options.transcript_path, "FILE",
           "Write everything that was observed")
      ->group(group);
  add_read(sub, "--fail-on", "WHAT",
           "Which verdicts exit with another code than 0: `undecided` (default): DIFFERENT 1, "
           "UNDECIDED 2; `different`: DIFFERENT 1 only",
           [&command](const std::string& text) -> std::string {
             if (text != "different" && text != "undecided") {
               return "'" + text + "' is neither different nor undecided";
             }
             command.fail_on = text == "different" ? FailOn::kDifferent : FailOn::kUndecided;
             return "";
           })
      ->group(group);
  sub.add_flag("-q,--quiet", command.quiet,
               "No report for people and no progress: only the exit "
               "code and the files")
      ->group(group);
}

void add_verify(CLI::App& app, CommandLine& line) {
  auto command = std::make_shared<VerifyCommand>();
  command->program = line.program;
  VerifyOptions& options = command->options;
  CLI::App& sub = add_command(
      app, line, "verify", "compare two models: SAME, DIFFERENT or UNDECIDED", command, run_verify);
  add_path(sub, "REF", options.reference,
           "The reference: a .gguf or .safetensors file, or a Hugging Face folder");
  add_path(sub, "TARGET", options.target, "The target, in the same or another format");
  add_verify_question(sub, *command);
  const std::string group = "Resources";
  add_read(sub, "--memory", "SIZE",
           "Hard bound on memory, like 512MiB or 2GiB; half of what there "
           "is when left out. Models may be much larger",
           read_parsed(options.memory_bytes, parse_size))
      ->group(group);
  add_threads(sub, options.threads, group);
  add_text(sub, "--resume", options.resume_dir, "DIR",
           "Keep the state of the run in this folder; the same command continues after an "
           "interruption and ends with the same result")
      ->group(group);
  add_verify_outputs(sub, *command);
  sub.footer(
      "Examples:\n"
      "  assay verify model-f32.gguf model-q8_0.gguf\n"
      "  assay verify hf-folder/ model.gguf --delta 0.05 --json report.json\n"
      "  assay verify ref.gguf new.gguf --fail-on different --quiet      (in CI)\n"
      "  assay verify big-a.gguf big-b.gguf --memory 4GiB --resume run1\n"
      "  assay verify a.gguf b.gguf --certificate cert.json && assay check cert.json\n\n"
      "Exit codes: 0 SAME, 1 DIFFERENT, 2 UNDECIDED; see `assay --help` for the others.\n");
}

void add_inspect(CLI::App& app, CommandLine& line) {
  auto command = std::make_shared<InspectCommand>();
  CLI::App& sub = add_command(app, line, "inspect", "what a model file is, without running it",
                              command, run_inspect);
  add_path(sub, "MODEL", command->model, "A .gguf or .safetensors file, or a Hugging Face folder");
  sub.add_flag("--tensors", command->tensors, "List every tensor");
  sub.add_flag("--digests", command->digests, "Read every byte and give the digests");
  sub.add_flag("--json", command->json, "As JSON (assay.inspect.v1)");
  add_threads(sub, command->threads);
  sub.footer(
      "Examples:\n  assay inspect model.gguf\n"
      "  assay inspect hf-folder/ --digests --tensors --json\n");
}

void add_plan(CLI::App& app, CommandLine& line) {
  auto command = std::make_shared<PlanCommand>();
  CLI::App& sub = add_command(
      app, line, "plan", "what a verification would need: memory, bytes, time", command, run_plan);
  CLI::Option* model =
      sub.add_option("MODEL", command->model,
                     "The reference: a .gguf or .safetensors file, or a Hugging Face folder");
  sub.add_option("TARGET", command->target, "The target; a second one like it when left out");
  add_read(sub, "--memory", "SIZE",
           "The bound, like 512MiB or 2GiB; half of what there is when left out",
           read_parsed(command->memory_bytes, parse_size));
  add_read(sub, "--challenges", "N", "At most this many challenges (default 512)",
           read_number<uint64_t>(command->challenges, 1, kChallengesMax));
  CLI::Option* params =
      add_read(sub, "--params", "COUNT",
               "Instead of a file: the shape of a model of so many parameters, like 7B or 70B",
               read_parsed(command->parameters, parse_params));
  params->excludes(model);
  add_read(sub, "--type", "TYPE", "Its type: f16 (default), q8_0, q4_k ...",
           read_dtype(command->type))
      ->needs(params);
  sub.add_flag("--json", command->json, "As JSON (assay.plan.v1)");
  add_threads(sub, command->threads);
  sub.footer(
      "Reads headers, and up to 256 MiB to measure the disk; executes nothing.\n\n"
      "Examples:\n  assay plan model.gguf --memory 512MiB\n"
      "  assay plan ref.gguf target.gguf --memory 2GiB --challenges 320 --json\n"
      "  assay plan --params 70B --type f16 --memory 512MiB\n");
}

void add_check(CLI::App& app, CommandLine& line) {
  auto command = std::make_shared<CheckCommand>();
  CLI::App& sub = add_command(
      app, line, "check", "is a certificate true? Exit code 0 when every step holds, 1 when not",
      command, run_check);
  add_path(sub, "CERT", command->certificate, "A certificate that `assay verify` wrote");
  CLI::Option* replay = sub.add_option("--replay", command->replay,
                                       "Also run the models again and compare every root")
                            ->option_text("REF TARGET")
                            ->expected(2);
  add_read(sub, "--memory", "SIZE", "Hard bound on memory for the replay, like 512MiB",
           read_parsed(command->memory_bytes, parse_size))
      ->needs(replay);
  add_read(sub, "--threads", "N", "Threads for the replay; the result does not depend on it",
           read_number<uint64_t>(command->threads, 1, ThreadPool::kThreadsMax))
      ->needs(replay);
  sub.footer(
      "Examples:\n  assay check cert.json\n"
      "  assay check cert.json --replay reference.gguf target.gguf\n");
}

void add_keygen(CLI::App& app, CommandLine& line) {
  auto command = std::make_shared<KeygenCommand>();
  CLI::App& sub = add_command(app, line, "keygen", "make an Ed25519 key that signs certificates",
                              command, run_keygen);
  add_path(sub, "FILE", command->path, "The new key file; an existing one is never replaced");
  sub.footer(
      "Prints the public key.\n\nExamples:\n  assay keygen lab.key\n"
      "  assay verify a.gguf b.gguf --certificate cert.json --signing-key lab.key\n");
}

void add_logits(CLI::App& app, CommandLine& line) {
  auto command = std::make_shared<LogitsCommand>();
  CLI::App& sub =
      add_command(app, line, "logits", "what a model computes for given tokens, bit for bit",
                  command, run_logits);
  add_path(sub, "MODEL", command->model, "The model");
  CLI::Option* tokens =
      add_read(sub, "--tokens", "1,2,3", "The token ids, the first one first; see `assay tokenize`",
               read_tokens(command->tokens));
  add_text(sub, "--tokens-file", command->tokens_path, "FILE",
           "The token ids are in this file, with commas or white space between them")
      ->excludes(tokens);
  sub.add_flag("--json", command->json,
               "All logits, their SHA-256 and the norm at each site (assay.logits.v1)");
  add_memory(sub, command->memory_bytes);
  add_threads(sub, command->threads);
  sub.footer(
      "Examples:\n  assay logits model.gguf --tokens 1,306,451\n"
      "  assay logits model.gguf --tokens 1,$(assay tokenize model.gguf 'a lion' --ids)\n");
}

void add_generate(CLI::App& app, CommandLine& line) {
  auto command = std::make_shared<GenerateCommand>();
  CLI::App& sub =
      add_command(app, line, "generate", "continue a text with a model", command, run_generate);
  add_path(sub, "MODEL", command->model, "The model");
  CLI::Option* prompt =
      sub.add_option("--prompt", command->prompt, "The text to continue")->option_text("TEXT");
  add_text(sub, "--prompt-file", command->prompt_path, "FILE",
           "The text to continue is in this file, all of it, UTF-8")
      ->excludes(prompt);
  add_read(sub, "--tokens", "N", "At most this many new tokens",
           read_number<uint64_t>(command->tokens, 1, 1'000'000))
      ->required();
  add_read(sub, "--temperature", "T",
           "0 (default): always the most likely token; 1: as the model "
           "says",
           read_number<double>(command->sampling.temperature, 0, 100));
  add_read(sub, "--seed", "S",
           "The seed of the sampling: the same seed gives the same text "
           "(default 0)",
           read_number<uint64_t>(command->sampling.seed, 0, std::numeric_limits<uint64_t>::max()));
  add_read(sub, "--top-k", "K", "Sample from the K most likely tokens only; 0 (default): from all",
           read_number<uint64_t>(command->sampling.top_k, 0, 10'000'000));
  add_read(sub, "--top-p", "P",
           "Sample from the most likely tokens that make up P of the "
           "probability (default 1)",
           read_fraction(command->sampling.top_p, 1, true));
  sub.add_flag("--json", command->json, "Ids and text at the end (assay.generation.v1)");
  add_memory(sub, command->memory_bytes);
  add_threads(sub, command->threads);
  sub.footer(
      "Examples:\n  assay generate model.gguf --prompt 'A lion is' --tokens 40\n"
      "  assay generate model.gguf --prompt 'A lion is' --tokens 40 --temperature 0.8 "
      "--seed 7\n");
}

void add_bench(CLI::App& app, CommandLine& line) {
  auto command = std::make_shared<BenchCommand>();
  CLI::App& sub = add_command(app, line, "bench", "how fast a model runs here, in tokens a second",
                              command, run_bench);
  add_path(sub, "MODEL", command->model, "The model");
  constexpr uint64_t kTokensMax = 1'000'000;
  add_read(sub, "--prompt-tokens", "P", "Tokens that are taken in at once (default 128)",
           read_number<uint64_t>(command->options.prompt_tokens, 1, kTokensMax));
  add_read(sub, "--generate-tokens", "G",
           "Tokens after them, one by one (default 32; 0 for an encoder)",
           read_number<uint64_t>(command->options.generate_tokens, 0, kTokensMax));
  add_read(sub, "--repeat", "R", "Timed repetitions; their median counts (default 3)",
           read_number<uint64_t>(command->options.repeat, 1, 1000));
  sub.add_flag("--json", command->json, "As JSON (assay.bench.v1)");
  add_threads(sub, command->threads);
  sub.footer(
      "Examples:\n  assay bench model.gguf\n"
      "  assay bench model.gguf --threads 1 --prompt-tokens 512 --repeat 5 --json\n");
}

void add_tokenize(CLI::App& app, CommandLine& line) {
  auto command = std::make_shared<TokenizeCommand>();
  CLI::App& sub = add_command(app, line, "tokenize", "how a model's tokenizer cuts a text", command,
                              run_tokenize);
  add_path(sub, "MODEL", command->model, "The model");
  sub.add_option("TEXT", command->text, "The text; put it in quotes")->required();
  CLI::Option* json = sub.add_flag("--json", command->json, "As JSON (assay.tokens.v1)");
  sub.add_flag("--ids", command->ids, "Only the ids, separated by commas")->excludes(json);
  sub.footer(
      "Examples:\n  assay tokenize model.gguf 'A lion is a large cat.'\n"
      "  assay tokenize model.gguf 'A lion' --ids\n");
}

void add_synth(CLI::App& app, CommandLine& line) {
  auto command = std::make_shared<SynthCommand>();
  CLI::App& sub = add_command(app, line, "synth",
                              "make a valid model of any size with seeded weights, for tests",
                              command, run_synth);
  add_path(sub, "OUT", command->path, "The .gguf file to write");
  add_read(sub, "--params", "COUNT", "How many parameters, like 300k, 350M or 1.1B",
           read_parsed(command->parameters, parse_params))
      ->required();
  add_read(sub, "--type", "TYPE",
           "f32, f16 (default), bf16, or a quantised type of GGUF like q8_0, q4_1, q4_k, iq4_xs",
           read_dtype(command->type));
  add_read(sub, "--seed", "S", "The same seed gives the same bytes (default 0)",
           read_number<uint64_t>(command->seed, 0, std::numeric_limits<uint64_t>::max()));
  add_text(sub, "--change-tensor", command->change_tensor, "NAME",
           "Add a little noise to this tensor alone, for example blk.3.ffn_down.weight");
  add_threads(sub, command->threads);
  sub.footer(
      "Examples:\n  assay synth big.gguf --params 1.1B --type f16 --seed 1\n"
      "  assay synth big2.gguf --params 1.1B --type f16 --seed 1 --change-tensor "
      "blk.3.ffn_down.weight\n  assay verify big.gguf big2.gguf --memory 256MiB\n");
}

}  // namespace

void add_commands(CLI::App& app, CommandLine& line) {
  add_verify(app, line);
  add_plan(app, line);
  add_check(app, line);
  add_inspect(app, line);
  add_generate(app, line);
  add_logits(app, line);
  add_tokenize(app, line);
  add_bench(app, line);
  add_keygen(app, line);
  add_synth(app, line);
  CLI::App& version =
      add_command(app, line, "version", "version, arithmetic profile, instruction sets",
                  std::make_shared<VersionCommand>(), run_version);
  version.footer("Example:\n  assay version\n");
}

}  // namespace assay
