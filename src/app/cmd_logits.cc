// assay logits: what a model computes for the last of the given tokens, bit for bit.
#include <algorithm>
#include <numeric>

#include "app/commands.h"
#include "app/token_file.h"
#include "base/json.h"
#include "base/memory.h"
#include "model/engine.h"

namespace assay {
namespace {

constexpr size_t kTopShown = 10;

struct Computed {
  Model model;
  std::vector<TokenId> tokens;
  std::vector<float> logits;
  std::vector<SiteNorm> norms;
  Digest digest{};  // SHA-256 over the little-endian f32 logits
};

Status compute(const LogitsCommand& command, Computed& out) {
  out.tokens = command.tokens;
  if (!command.tokens_path.empty()) {
    ASSAY_ASSIGN_OR_RETURN(out.tokens, read_token_ids(command.tokens_path));
  }
  if (out.tokens.empty())
    return invalid_argument(
        "give token ids with --tokens or --tokens-file; see assay logits --help");
  const uint64_t memory = command.memory_bytes != 0 ? command.memory_bytes : memory_limit_bytes();
  ASSAY_ASSIGN_OR_RETURN(out.model, open_model(command.model));
  ASSAY_ASSIGN_OR_RETURN(ComputeContext context, make_compute(command.threads));
  ASSAY_ASSIGN_OR_RETURN(const auto engine, Engine::load(out.model, context,
                                                         {.positions_max = out.tokens.size(),
                                                          .memory_bytes = memory}));
  Sequence sequence = engine->begin();
  ASSAY_ASSIGN_OR_RETURN(const std::span<const float> logits,
                         engine->forward(sequence, out.tokens, &out.norms));
  out.logits.assign(logits.begin(), logits.end());
  out.digest = sha256(as_bytes(logits));
  return ok_status();
}

void print_json(const LogitsCommand& command, const Computed& computed) {
  Json json;
  json["schema"] = "assay.logits.v1";
  json["model"] = command.model;
  json["profile"] = kProfileId;
  json["tokens"] = computed.tokens;
  json["vocab"] = computed.logits.size();
  json["logits_sha256"] = to_hex(computed.digest);
  json["logits"] = computed.logits;
  json["sites"] = Json::array();
  for (const SiteNorm& norm : computed.norms) {
    json["sites"].push_back({{"site", norm.site}, {"l2", norm.l2}});
  }
  write_out(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void print_table(const TextStyle& style, const Computed& computed) {
  std::vector<size_t> order(computed.logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const size_t shown = std::min(kTopShown, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    [&](size_t a, size_t b) {
                      return computed.logits[a] != computed.logits[b]
                                 ? computed.logits[a] > computed.logits[b]
                                 : a < b;
                    });
  const Tokenizer* tokenizer = computed.model.tokenizer.get();
  write_out(paint(style, Paint::kBold, "Most likely next tokens") + "\n");
  for (size_t i = 0; i < shown; ++i) {
    char value[32];
    std::snprintf(value, sizeof value, "%12.6f", static_cast<double>(computed.logits[order[i]]));
    std::string text = pad_left(std::to_string(order[i]), 8) + value;
    if (tokenizer != nullptr && order[i] < tokenizer->size()) {
      text +=
          "  '" + printable(style, tokenizer->piece_bytes(static_cast<TokenId>(order[i]))) + "'";
    }
    write_out(text + "\n");
  }
  write_out("\n" + paint(style, Paint::kBold, "L2 norm of the last token's residual stream") +
            "\n");
  for (const SiteNorm& norm : computed.norms) {
    char value[32];
    std::snprintf(value, sizeof value, "%14.6f", norm.l2);
    write_out("  " + pad_right(norm.site, 14) + value + "\n");
  }
  write_out("\nSHA-256 of the " + format_count(computed.logits.size()) + " f32 logits, profile " +
            std::string(kProfileId) + "\n  " + to_hex(computed.digest) + "\n");
}

Status logits(const LogitsCommand& command, const Console& console) {
  Computed computed;
  ASSAY_RETURN_IF_ERROR(compute(command, computed));
  if (command.json) {
    print_json(command, computed);
  } else {
    print_table(console.out, computed);
  }
  return flush_out();
}

}  // namespace

int run_logits(const LogitsCommand& command, const Console& console) {
  const Status status = logits(command, console);
  if (!status.ok()) print_error(console, "logits", status.message());
  const std::string& tokens = command.tokens_path.empty() ? command.model : command.tokens_path;
  return file_exit_code(status, std::vector{command.model, tokens});
}

}  // namespace assay
