// OpenAiCall: one request of the OpenAI-compatible API on its way: its choices are computed by a
// batcher and become one body or a stream of events. Tested through openai_api_test.cc.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/http_exchange.h"
#include "service/inference_context.h"
#include "service/openai_answer.h"

namespace assay {

class OpenAiCall : public std::enable_shared_from_this<OpenAiCall> {
 public:
  struct Setup {
    OpenAiHeader header;
    InferenceLabels labels;
    bool stream = false;
    bool include_usage = false;
    bool log_probabilities = false;
  };
  OpenAiCall(const InferenceContext& context, std::shared_ptr<HttpExchange> exchange, Setup setup);

  // One choice to compute. echo: what its text begins with; echo_tokens: whether the tokens of the
  // prompt are told too.
  struct Part {
    InferenceRequest request;
    std::string echo;
    bool echo_tokens = false;
    TokenId first_token = 0;     // of the prompt
    bool counts_prompt = false;  // in the usage: once for all choices of a prompt
  };
  // Hands all parts to the batcher. Errors are answered. To be called once.
  void start(const std::shared_ptr<ServedModel>& served, std::vector<Part> parts);
  void fail(const OpenAiError& error);

 private:
  class Sink;
  struct Choice {
    Span span;
    OpenAiChoice so_far;  // of a stream: what the next chunk says
    bool has_begun = false;
    bool is_over = false;
  };
  bool on_step(size_t index, const TokenStep& step);
  void on_finish(size_t index, const Completion& completion);
  void cancel_all();
  void set_retry_after(const Status& status);
  bool send_chunk(Choice& choice);
  void finish_whole();
  bool begin_stream();
  HttpHeaders answer_headers(const char* content_type) const;
  OpenAiToken token_of(const TokenStep& step) const;
  std::string piece(TokenId token) const;

  const InferenceContext& context_;
  const std::shared_ptr<HttpExchange> exchange_;
  const Setup setup_;
  const double begin_seconds_;

  // Apart: a connection may tell that it is closed while the other lock is held.
  std::mutex tickets_mutex_;
  std::vector<InferenceTicket> tickets_;

  std::mutex mutex_;  // of what follows
  // The model that computes: valid on its batcher's thread, where steps come from.
  ServedModel* served_ = nullptr;
  std::vector<Part> parts_;
  std::vector<Choice> choices_;
  size_t over_ = 0;
  bool answered_ = false;  // with an error, or whole
  bool streaming_ = false;
  uint32_t retry_after_ = 1;
  OpenAiUsage usage_;
};

}  // namespace assay
