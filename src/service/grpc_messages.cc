#include "service/grpc_messages.h"

#include <inference/v1/inference.pb.h>

#include <algorithm>
#include <set>

#include "tensor/kernels.h"

namespace assay {
namespace {

namespace v1 = inference::v1;

constexpr size_t kMaxTokensDefault = 16;
constexpr size_t kVersionBytesMax = 256;
// VerifyDeterminism: bounds and defaults of its dimensions.
constexpr uint32_t kChunkMax = 512;
constexpr size_t kDimensionMax = 64;

std::string as_bytes(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Status outside(std::string_view field, const std::string& value, const std::string& expected) {
  return invalid_argument(std::string(field) + " is " + value + "; expected " + expected);
}

Result<std::vector<TokenId>> read_ids(const ServedModel& served, const v1::TokenIds& message) {
  const uint32_t vocabulary = served.model().arch.vocab;
  const size_t context = served.info().context_tokens;
  if (static_cast<size_t>(message.ids_size()) > context) {
    return outside("prompt.tokens", std::to_string(message.ids_size()) + " tokens long",
                   "at most the context of " + std::to_string(context));
  }
  std::vector<TokenId> tokens;
  tokens.reserve(static_cast<size_t>(message.ids_size()));
  for (int i = 0; i < message.ids_size(); ++i) {
    const uint32_t id = message.ids(i);
    if (id >= vocabulary) {
      return outside("prompt.tokens.ids[" + std::to_string(i) + "]", std::to_string(id),
                     "a token below the vocabulary of " + std::to_string(vocabulary));
    }
    tokens.push_back(static_cast<TokenId>(id));
  }
  return tokens;
}

Result<std::vector<TokenId>> read_prompt(const InferenceContext& context, const ServedModel& served,
                                         const v1::Prompt& prompt, size_t least) {
  Result<std::vector<TokenId>> tokens = [&]() -> Result<std::vector<TokenId>> {
    switch (prompt.kind_case()) {
      case v1::Prompt::kText:
        return prompt_tokens(context, served, prompt.text());
      case v1::Prompt::kTokens:
        return read_ids(served, prompt.tokens());
      case v1::Prompt::KIND_NOT_SET:
        break;
    }
    return invalid_argument("prompt is not set; expected prompt.text or prompt.tokens");
  }();
  if (!tokens.ok() || tokens->size() >= least) return tokens;
  return outside("prompt", std::to_string(tokens->size()) + " tokens long",
                 "at least " + std::to_string(least));
}

Result<size_t> read_alternatives(uint32_t value) {
  if (value <= kAlternativesMax) return size_t{value};
  return outside("top_log_probabilities", std::to_string(value),
                 "at most " + std::to_string(kAlternativesMax));
}

Result<SamplingOptions> read_sampling(const InferenceContext& context, const v1::Sampling& from) {
  const double temperature = from.temperature();
  if (!(temperature >= 0 && temperature <= kTemperatureMax)) {
    return outside("sampling.temperature", std::to_string(temperature), "a number in [0, 100]");
  }
  const double top_p = from.has_top_p() ? from.top_p() : 1;
  if (!(top_p > 0 && top_p <= 1)) {
    return outside("sampling.top_p", std::to_string(top_p), "a number in (0, 1]");
  }
  return SamplingOptions{.temperature = temperature,
                         .top_k = from.top_k(),
                         .top_p = top_p,
                         .seed = from.has_seed() ? from.seed() : context.default_seed};
}

Result<std::vector<std::string>> read_stop(const v1::GenerateRequest& message) {
  if (static_cast<size_t>(message.stop_size()) > kStopTextsMax) {
    return outside("stop", std::to_string(message.stop_size()) + " texts",
                   "at most " + std::to_string(kStopTextsMax));
  }
  std::vector<std::string> stop(message.stop().begin(), message.stop().end());
  for (size_t i = 0; i < stop.size(); ++i) {
    if (!stop[i].empty() && stop[i].size() <= kStopTextBytesMax) continue;
    return outside("stop[" + std::to_string(i) + "]", std::to_string(stop[i].size()) + " bytes",
                   "1 to " + std::to_string(kStopTextBytesMax));
  }
  return stop;
}

}  // namespace

// ---- Generate and Score -----------------------------------------------------------------------

Status check_model_name(const std::string& name) {
  if (name.size() <= kModelNameBytesMax) return ok_status();
  return outside("model", std::to_string(name.size()) + " bytes long",
                 "at most " + std::to_string(kModelNameBytesMax));
}

Result<InferenceRequest> read_generate(const InferenceContext& context, const ServedModel& served,
                                       const v1::GenerateRequest& message) {
  InferenceRequest request;
  ASSAY_ASSIGN_OR_RETURN(request.sampling, read_sampling(context, message.sampling()));
  ASSAY_ASSIGN_OR_RETURN(request.stop, read_stop(message));
  ASSAY_ASSIGN_OR_RETURN(request.alternatives, read_alternatives(message.top_log_probabilities()));
  request.max_tokens = message.max_tokens() == 0 ? kMaxTokensDefault : message.max_tokens();
  if (message.max_tokens() > served.info().context_tokens) {
    return outside("max_tokens", std::to_string(message.max_tokens()),
                   "at most the context of " + std::to_string(served.info().context_tokens));
  }
  request.ignore_end_token = message.ignore_end_token();
  ASSAY_ASSIGN_OR_RETURN(request.prompt, read_prompt(context, served, message.prompt(), 1));
  return request;
}

Result<InferenceRequest> read_score(const InferenceContext& context, const ServedModel& served,
                                    const v1::ScoreRequest& message) {
  InferenceRequest request;
  request.score_prompt = true;
  ASSAY_ASSIGN_OR_RETURN(request.alternatives, read_alternatives(message.top_log_probabilities()));
  ASSAY_ASSIGN_OR_RETURN(request.prompt, read_prompt(context, served, message.prompt(), 2));
  return request;
}

void write_token(const TokenStep& step, const Tokenizer* tokenizer, v1::Token& message) {
  message.set_id(static_cast<uint32_t>(step.token));
  message.set_position(static_cast<uint32_t>(step.position));
  message.set_log_probability(step.log_probability);
  for (const Alternative& alternative : step.alternatives) {
    v1::Alternative& out = *message.add_alternatives();
    out.set_token(static_cast<uint32_t>(alternative.token));
    out.set_log_probability(alternative.log_probability);
  }
  message.set_logits_sha256(as_bytes(step.logits_digest));
  const bool has_piece =
      tokenizer != nullptr && static_cast<size_t>(step.token) < tokenizer->size();
  if (has_piece) message.set_piece(tokenizer->piece_bytes(step.token));
}

void write_finish(const Completion& completion, std::string text, const Digest& artifact,
                  v1::Finish& message) {
  message.set_reason(static_cast<v1::FinishReason>(completion.reason));
  message.set_text(std::move(text));
  message.set_transcript_sha256(as_bytes(completion.transcript));
  message.set_artifact_digest(as_bytes(artifact));
  message.set_profile(std::string(kProfileId));
  message.set_prompt_tokens(static_cast<uint32_t>(completion.prompt_tokens));
  message.set_generated_tokens(static_cast<uint32_t>(completion.generated_tokens));
  message.set_shared_prompt_tokens(static_cast<uint32_t>(completion.shared_prompt_tokens));
}

// ---- Models -----------------------------------------------------------------------------------

void write_model_info(ServedModel& served, v1::ModelInfo& message) {
  const ServedModelInfo& info = served.info();
  const Model& model = served.model();
  message.set_name(info.name);
  message.set_version(info.version);
  message.set_artifact_digest(as_bytes(info.artifact));
  message.set_canonical_digest(as_bytes(info.canonical));
  message.set_tokenizer_digest(as_bytes(served.identity().tokenizer));
  if (served.chat_template() != nullptr) {
    message.set_chat_template_digest(as_bytes(served.chat_template()->digest()));
  }
  message.set_profile(std::string(kProfileId));
  message.set_family(model.arch.family);
  message.set_format(format_name(model.checkpoint));
  message.set_weight_types(type_names(model));
  message.set_parameters(model.parameters);
  message.set_vocabulary(model.arch.vocab);
  message.set_context_tokens(static_cast<uint32_t>(info.context_tokens));
  message.set_memory_bytes(info.memory_bytes);
  message.set_offloaded(info.offloaded);
  message.set_instruction_set(
      std::string(isa_name(served.self_test_subject().compute->kernels->isa)));
}

Result<ServedModelOptions> read_load(const v1::LoadModelRequest& message,
                                     const ServedModelOptions& defaults) {
  ServedModelOptions options = defaults;
  options.name = message.name();
  options.path = message.path();
  options.version = message.version();
  if (options.name.empty() || options.name.size() > kModelNameBytesMax) {
    return outside("name", std::to_string(options.name.size()) + " bytes long",
                   "1 to " + std::to_string(kModelNameBytesMax));
  }
  if (options.version.size() > kVersionBytesMax) {
    return outside("version", std::to_string(options.version.size()) + " bytes long",
                   "at most " + std::to_string(kVersionBytesMax));
  }
  options.expected_digest.reset();
  const std::string& digest = message.expected_digest();
  if (digest.empty()) return options;
  if (digest.size() != Digest{}.size()) {
    return outside("expected_digest", std::to_string(digest.size()) + " bytes long", "32");
  }
  options.expected_digest.emplace();
  std::copy(digest.begin(), digest.end(), options.expected_digest->begin());
  return options;
}

// ---- VerifyDeterminism ------------------------------------------------------------------------

namespace {

Result<std::vector<Isa>> read_isas(const v1::VerifyDeterminismRequest& message) {
  const std::vector<Isa>& present = isas_present();
  if (message.instruction_sets().empty()) return present;
  std::vector<Isa> isas;
  for (const std::string& name : message.instruction_sets()) {
    const auto isa = std::find_if(present.begin(), present.end(),
                                  [&](Isa candidate) { return isa_name(candidate) == name; });
    if (isa == present.end()) {
      std::string names;
      for (const Isa each : present) {
        names += (names.empty() ? "" : ", ") + std::string(isa_name(each));
      }
      return outside("instruction_sets", "\"" + name.substr(0, 64) + "\"",
                     "one that this processor has: " + names);
    }
    isas.push_back(*isa);
  }
  return isas;
}

Result<std::vector<size_t>> read_dimension(const char* field,
                                           const google::protobuf::RepeatedField<uint32_t>& values,
                                           size_t most, std::vector<size_t> defaults) {
  if (values.empty()) return defaults;
  std::vector<size_t> out(values.begin(), values.end());
  for (const size_t value : out) {
    if (value >= 1 && value <= most) continue;
    return outside(field, std::to_string(value), "1 to " + std::to_string(most));
  }
  return out;
}

template <typename T>
Status check_distinct(const char* field, const std::vector<T>& values) {
  if (values.size() > kDimensionMax) {
    return outside(field, std::to_string(values.size()) + " values",
                   "at most " + std::to_string(kDimensionMax));
  }
  std::vector<T> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end()) return ok_status();
  return invalid_argument(std::string(field) + " names a value twice");
}

}  // namespace

Result<SelfTestMatrix> read_matrix(const v1::VerifyDeterminismRequest& message,
                                   const ComputeContext& compute, size_t step_tokens) {
  const size_t threads_max = std::min(kSelfTestThreadsMax, compute.scratch_threads());
  const std::set<size_t> own = {1, std::min<size_t>(2, threads_max),
                                std::min(compute.threads, threads_max)};
  const std::vector<size_t> thread_counts(own.begin(), own.end());
  std::vector<size_t> batches = {1, 3, 8};
  std::vector<size_t> chunks = {1, 5, 48};
  for (std::vector<size_t>* sizes : {&batches, &chunks}) {
    std::erase_if(*sizes, [step_tokens](size_t size) { return size > step_tokens; });
  }
  SelfTestMatrix matrix;
  ASSAY_ASSIGN_OR_RETURN(matrix.isas, read_isas(message));
  ASSAY_ASSIGN_OR_RETURN(matrix.threads, read_dimension("threads", message.threads(),
                                                        kSelfTestThreadsMax, thread_counts));
  ASSAY_ASSIGN_OR_RETURN(
      matrix.batches, read_dimension("batches", message.batches(), kSelfTestBatchesMax, batches));
  ASSAY_ASSIGN_OR_RETURN(matrix.chunks,
                         read_dimension("chunks", message.chunks(), kChunkMax, chunks));
  ASSAY_RETURN_IF_ERROR(check_distinct("instruction_sets", matrix.isas));
  ASSAY_RETURN_IF_ERROR(check_distinct("threads", matrix.threads));
  ASSAY_RETURN_IF_ERROR(check_distinct("batches", matrix.batches));
  ASSAY_RETURN_IF_ERROR(check_distinct("chunks", matrix.chunks));
  return matrix;
}

void write_result(const SelfTestResult& result, v1::DeterminismResult& message) {
  message.set_test_vector_id(result.golden);
  message.set_instruction_set(std::string(isa_name(result.isa)));
  message.set_threads(static_cast<uint32_t>(result.threads));
  message.set_batch(static_cast<uint32_t>(result.batch));
  message.set_chunk(static_cast<uint32_t>(result.chunk));
  message.set_expected_sha256(as_bytes(result.expected));
  message.set_actual_sha256(as_bytes(result.actual));
  message.set_matches(result.matches());
}

}  // namespace assay
