// llama-peer: what llama.cpp says about a model, for comparison with `assay`. Built against
// llama.cpp's public interface by tools/build-llama-cpp; no part of Assay's programs.
//
//   llama-peer MODEL speed THREADS PROMPT GENERATE REPEAT   seconds of each repetition, JSON
//   llama-peer MODEL logits THREADS IDS                     last logits, f32 little-endian
//   llama-peer MODEL text THREADS FILE                      ids and -log p of each token, JSON
//   llama-peer MODEL greedy THREADS PROMPT TOKENS           ids and leads of the best, JSON
//   llama-peer MODEL decode OUT                             the weights as F32, another GGUF file
#include <llama.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string& text) {
  std::fprintf(stderr, "llama-peer: %s\n", text.c_str());
  std::exit(1);
}

struct Deleter {
  void operator()(llama_model* model) const { llama_model_free(model); }
  void operator()(llama_context* context) const { llama_free(context); }
};
using Model = std::unique_ptr<llama_model, Deleter>;
using Context = std::unique_ptr<llama_context, Deleter>;

Model load(const std::string& path) {
  llama_model_params params = llama_model_default_params();
  Model model(llama_model_load_from_file(path.c_str(), params));
  if (!model) fail("cannot load " + path);
  return model;
}

// exact: a cache in F32 and plain attention, as in Assay. Otherwise llama.cpp's own defaults, which
// are what its users measure.
Context open(llama_model* model, size_t tokens, int threads, bool exact) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(tokens);
  params.n_batch = params.n_ctx;
  params.n_threads = threads;
  params.n_threads_batch = threads;
  if (exact) {
    params.type_k = GGML_TYPE_F32;
    params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  }
  Context context(llama_init_from_model(model, params));
  if (!context) fail("cannot make a context of " + std::to_string(tokens) + " tokens");
  return context;
}

void decode(llama_context* context, std::vector<llama_token>& tokens, size_t at, size_t count) {
  if (llama_decode(context, llama_batch_get_one(&tokens[at], static_cast<int32_t>(count))) != 0) {
    fail("llama_decode failed");
  }
}

size_t vocabulary(const llama_model* model) {
  return static_cast<size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model)));
}

std::vector<llama_token> tokenize(const llama_model* model, const std::string& text) {
  const llama_vocab* vocab = llama_model_get_vocab(model);
  std::vector<llama_token> ids(text.size() + 8);
  const int32_t count = llama_tokenize(vocab, text.data(), static_cast<int32_t>(text.size()),
                                       ids.data(), static_cast<int32_t>(ids.size()),
                                       /*add_special=*/true, /*parse_special=*/false);
  if (count < 1) fail("the text gives no tokens");
  ids.resize(static_cast<size_t>(count));
  return ids;
}

void print_numbers(const char* name, std::span<const double> values, const char* end) {
  std::printf("\"%s\": [", name);
  for (size_t i = 0; i < values.size(); ++i) std::printf("%s%.9g", i ? ", " : "", values[i]);
  std::printf("]%s", end);
}

void print_ids(std::span<const llama_token> ids) {
  std::printf("\"ids\": [");
  for (size_t i = 0; i < ids.size(); ++i) std::printf("%s%d", i ? ", " : "", ids[i]);
  std::printf("], ");
}

// The logarithm of the sum of exponentials, in double.
double log_sum_exp(std::span<const float> logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
  return highest + std::log(sum);
}

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int run_speed(llama_model* model, int threads, size_t prompt, size_t generate, size_t repeat) {
  const Context context = open(model, prompt + generate, threads, /*exact=*/false);
  std::vector<llama_token> tokens(prompt + generate);
  uint64_t state = 1;
  for (llama_token& id : tokens) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    id = static_cast<llama_token>((state >> 33) % vocabulary(model));
  }
  std::vector<double> prefill;
  std::vector<double> generation;
  // The first round is not counted: it touches every page of the weights.
  for (size_t round = 0; round <= repeat; ++round) {
    llama_memory_clear(llama_get_memory(context.get()), true);
    const double start = seconds();
    decode(context.get(), tokens, 0, prompt);
    llama_synchronize(context.get());
    const double prefilled = seconds();
    for (size_t i = prompt; i < tokens.size(); ++i) decode(context.get(), tokens, i, 1);
    llama_synchronize(context.get());
    const double end = seconds();
    if (round == 0) continue;
    prefill.push_back(prefilled - start);
    generation.push_back(end - prefilled);
  }
  std::printf("{");
  print_numbers("prefill_seconds", prefill, ", ");
  print_numbers("decode_seconds", generation, "}\n");
  return 0;
}

int run_logits(llama_model* model, int threads, const std::string& list) {
  std::vector<llama_token> tokens;
  for (const char* at = list.c_str(); *at != 0;) {
    char* end = nullptr;
    tokens.push_back(static_cast<llama_token>(std::strtol(at, &end, 10)));
    if (end == at) fail("not a list of ids: " + list);
    at = *end == ',' ? end + 1 : end;
  }
  const Context context = open(model, tokens.size(), threads, /*exact=*/true);
  decode(context.get(), tokens, 0, tokens.size());
  std::fwrite(llama_get_logits_ith(context.get(), -1), sizeof(float), vocabulary(model), stdout);
  return 0;
}

int run_text(llama_model* model, int threads, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("cannot read " + path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<llama_token> tokens = tokenize(model, text);
  const Context context = open(model, tokens.size(), threads, /*exact=*/true);
  const size_t vocab = vocabulary(model);
  std::vector<double> losses;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    decode(context.get(), tokens, i, 1);
    const std::span<const float> logits(llama_get_logits_ith(context.get(), -1), vocab);
    losses.push_back(log_sum_exp(logits) -
                     static_cast<double>(logits[static_cast<size_t>(tokens[i + 1])]));
  }
  std::printf("{");
  print_ids(tokens);
  print_numbers("nll", losses, "}\n");
  return 0;
}

int run_greedy(llama_model* model, int threads, const std::string& prompt, size_t count) {
  std::vector<llama_token> tokens = tokenize(model, prompt);
  const size_t given = tokens.size();
  const Context context = open(model, given + count, threads, /*exact=*/true);
  std::vector<double> leads;
  decode(context.get(), tokens, 0, given);
  while (tokens.size() < given + count) {
    const std::span<const float> logits(llama_get_logits_ith(context.get(), -1), vocabulary(model));
    const auto best = std::max_element(logits.begin(), logits.end());
    float second = -INFINITY;
    for (const float& logit : logits) {
      if (&logit != &*best) second = std::max(second, logit);
    }
    leads.push_back(static_cast<double>(*best) - static_cast<double>(second));
    tokens.push_back(static_cast<llama_token>(best - logits.begin()));
    decode(context.get(), tokens, tokens.size() - 1, 1);
  }
  std::printf("{");
  print_ids(tokens);
  std::printf("\"prompt_ids\": %zu, ", given);
  print_numbers("leads", leads, "}\n");
  return 0;
}

int run_decode(const char* model, const char* out) {
  llama_model_quantize_params params = llama_model_quantize_default_params();
  params.ftype = LLAMA_FTYPE_ALL_F32;
  params.allow_requantize = true;
  return llama_model_quantize(model, out, &params) == 0 ? 0 : 1;
}

size_t number(const char* text) { return static_cast<size_t>(std::strtoull(text, nullptr, 10)); }

int run(const std::vector<std::string>& args) {
  const auto is = [&](const char* command, size_t count) {
    return args.size() == count && args[1] == command;
  };
  if (is("decode", 3)) return run_decode(args[0].c_str(), args[2].c_str());
  if (args.size() < 4) fail("see the top of driver.cc for the arguments");
  const Model model = load(args[0]);
  const int threads = std::atoi(args[2].c_str());
  if (is("speed", 6)) {
    return run_speed(model.get(), threads, number(args[3].c_str()), number(args[4].c_str()),
                     number(args[5].c_str()));
  }
  if (is("logits", 4)) return run_logits(model.get(), threads, args[3]);
  if (is("text", 4)) return run_text(model.get(), threads, args[3]);
  if (is("greedy", 5)) {
    return run_greedy(model.get(), threads, args[3], number(args[4].c_str()));
  }
  fail("unknown command " + args[1]);
}

}  // namespace

int main(int argc, char** argv) {
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  llama_backend_init();
  return run({argv + 1, argv + argc});
}
