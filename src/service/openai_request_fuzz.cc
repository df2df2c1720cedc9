// Bodies of the OpenAI-compatible API: whatever comes is taken or refused with a message, and what
// is taken is within its bounds.
#include <cstdint>
#include <cstdlib>

#include "inference/request.h"
#include "service/openai_request.h"

namespace {

template <typename T>
const T* taken(const assay::OpenAiResult<T>& result) {
  const auto* error = std::get_if<assay::OpenAiError>(&result);
  if (error == nullptr) return &std::get<T>(result);
  if (error->status.ok() || error->status.message().empty()) std::abort();
  return nullptr;
}

void check(const assay::OpenAiGeneration& generation) {
  if (generation.choices < 1 || generation.choices > assay::kOpenAiChoicesMax) std::abort();
  if (generation.stop.size() > assay::kStopTextsMax) std::abort();
  if (generation.alternatives > assay::kAlternativesMax) std::abort();
  if (!assay::check_sampling(generation.sampling).ok()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto* completion = taken(assay::parse_openai_completion(body))) {
    check(completion->generation);
    if (completion->prompts.size() > assay::kOpenAiPromptsMax) std::abort();
  }
  if (const auto* chat = taken(assay::parse_openai_chat(body))) {
    check(chat->generation);
    if (chat->messages.empty()) std::abort();
  }
  taken(assay::parse_openai_tokenize(body));
  taken(assay::parse_openai_detokenize(body));
  return 0;
}
