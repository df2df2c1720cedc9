// What the two faces of the inference sidecar, gRPC and HTTP, share: the models, health, defaults,
// and the steps from a caller's words to an InferenceRequest. Tested through inference_grpc_test.cc
// and openai_api_test.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inference/model_registry.h"
#include "net/trace.h"
#include "service/inference_metrics.h"
#include "service/service_health.h"

namespace assay {

struct InferenceLimits {
  double timeout_seconds = 600;  // of a request, whatever deadline it comes with
  size_t prompt_bytes_max = size_t{1} << 20;
  size_t message_bytes_max = size_t{8} << 20;  // of a gRPC message or an HTTP body
  size_t choices_max = 16;                     // OpenAI's n
};

// All of it has to outlive what it is handed to. Threads: any.
struct InferenceContext {
  ModelRegistry* models = nullptr;
  ServiceHealth* health = nullptr;
  InferenceMetrics* metrics = nullptr;
  const Clock* clock = nullptr;
  const Tracer* tracer = nullptr;  // null: no traces
  InferenceLimits limits;
  uint64_t default_seed = 42;
  std::string version;  // of the program
};

// The model that answers. Errors: UNAVAILABLE when the server does not serve (says why), those of
// ModelRegistry::find.
Result<std::shared_ptr<ServedModel>> find_model(const InferenceContext& context,
                                                const std::string& name);

// Text as the model reads it, with its begin token where it has one. Errors: INVALID_ARGUMENT (no
// UTF-8, too long, or the model has no tokenizer), those of Tokenizer::encode.
Result<std::vector<TokenId>> prompt_tokens(const InferenceContext& context,
                                           const ServedModel& served, std::string_view text);
// The same of a text that spells its special tokens, as a chat template makes it: they are read as
// such, and none is added.
Result<std::vector<TokenId>> chat_tokens(const InferenceContext& context, const ServedModel& served,
                                         std::string_view text);

// The moment of the context's clock until which a request may take, when its caller waits for
// `seconds` (infinity: as long as it takes).
double deadline_of(const InferenceContext& context, double seconds);

// The span of a request, from when it is understood to its end.
Span start_inference_span(const InferenceContext& context, std::string_view name,
                          const TraceContext& parent, std::string_view model);
// completion: null when it was never taken.
void end_inference_span(Span& span, const Status& status, const Completion* completion);

// A request that was taken. Cancels it when it is destroyed before its end was noted. The model may
// go while requests run: the ticket holds it only weakly.
class InferenceTicket {
 public:
  InferenceTicket() = default;
  InferenceTicket(const std::shared_ptr<ServedModel>& served, Batcher::Ticket ticket)
      : served_(served), ticket_(ticket) {}
  // Not on the batcher's thread.
  void cancel() const;

 private:
  std::weak_ptr<ServedModel> served_;
  Batcher::Ticket ticket_ = 0;
};

}  // namespace assay
