// Messages of inference.v1 to what the engine takes, and back. The comments of proto/ are the
// specification of what is refused. Tested through inference_grpc_test.cc; fuzzed in
// grpc_messages_fuzz.cc.
#pragma once

#include "base/result.h"
#include "inference/self_test.h"
#include "inference/served_model.h"
#include "service/inference_context.h"

namespace inference::v1 {
class DeterminismResult;
class Finish;
class GenerateRequest;
class LoadModelRequest;
class ModelInfo;
class ScoreRequest;
class Token;
class VerifyDeterminismRequest;
}  // namespace inference::v1

namespace assay {

// Errors: INVALID_ARGUMENT, names field and value; what only the model knows is left to its
// batcher. client and deadline are the caller's to fill.
Status check_model_name(const std::string& name);
Result<InferenceRequest> read_generate(const InferenceContext& context, const ServedModel& served,
                                       const inference::v1::GenerateRequest& message);
Result<InferenceRequest> read_score(const InferenceContext& context, const ServedModel& served,
                                    const inference::v1::ScoreRequest& message);
// An empty dimension is filled with its default, as far as a step of the engine has room for it.
Result<SelfTestMatrix> read_matrix(const inference::v1::VerifyDeterminismRequest& message,
                                   const ComputeContext& compute, size_t step_tokens);
// path is as it came, not yet confined.
Result<ServedModelOptions> read_load(const inference::v1::LoadModelRequest& message,
                                     const ServedModelOptions& defaults);

// tokenizer: null when the model has none.
void write_token(const TokenStep& step, const Tokenizer* tokenizer, inference::v1::Token& message);
void write_finish(const Completion& completion, std::string text, const Digest& artifact,
                  inference::v1::Finish& message);
void write_model_info(ServedModel& served, inference::v1::ModelInfo& message);
void write_result(const SelfTestResult& result, inference::v1::DeterminismResult& message);

}  // namespace assay
