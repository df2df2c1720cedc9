// Generate and Score: calls that the batcher answers. A call belongs to gRPC until it is done and
// to the batcher until it has answered; its object lives as long as either. Tested in
// inference_grpc_test.cc and inference_grpc_limits_test.cc.
#pragma once

#include <grpcpp/alarm.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "service/grpc_call.h"
#include "service/inference_context.h"
#include "service/inference_grpc.h"
#include "service/task_threads.h"

namespace assay {

// What calls borrow of their server. It outlives every call that gRPC knows; the context outlives
// those as well that only a batcher knows.
struct GrpcServing {
  const InferenceContext& context;
  const GrpcLimits& limits;
  OpenCalls& calls;
  TaskThreads& readers;  // of long prompts
  TaskThreads& writers;  // what the batcher's thread hands over; takes as much as there is
};

// Threads: gRPC's, those of TaskThreads, and the batcher's: on_step() and on_finish().
class AnswerCall : public ResponseSink, public std::enable_shared_from_this<AnswerCall> {
 public:
  bool on_step(const TokenStep& step) final;
  void on_finish(const Completion& completion) final;

 protected:
  AnswerCall(const GrpcServing& serving, grpc::CallbackServerContext* call, std::string_view method)
      : context_(serving.context), serving_(serving), call_(call), method_(method) {}

  // Reads the request, here or on another thread, and hands it to the batcher.
  void begin(const grpc::ByteBuffer& bytes);
  // What gRPC tells.
  void write_done(bool ok);
  void client_gone();
  void call_done();

  // Of the two kinds of call. The message is kept by the call; its model is named.
  virtual Status parse(const grpc::ByteBuffer& bytes) = 0;
  virtual const std::string& model() const = 0;
  virtual Result<InferenceRequest> read(const ServedModel& served) = 0;
  // On the batcher's thread: what to send for a step ("": nothing), and at the end.
  virtual std::string answer_step(const TokenStep& step) = 0;
  virtual std::string answer_end(const Completion& completion) = 0;
  // One at a time; after send_last() or finish(), none. The bytes live until write_done().
  virtual void send(const grpc::ByteBuffer& bytes) = 0;
  virtual void send_last(const grpc::ByteBuffer& bytes, const grpc::Status& status) = 0;
  virtual void finish(const grpc::Status& status) = 0;

  const InferenceContext& context_;
  const Tokenizer* tokenizer_ = nullptr;  // of the model: for use on the batcher's thread
  Digest artifact_{};

 private:
  void start(const grpc::ByteBuffer& bytes);
  Status submit(const grpc::ByteBuffer& bytes);
  void refuse(const Status& status);
  void give_up_locked(const Status& status);
  void poke_locked();
  void pump_locked();
  void add_trailers_locked();
  void watch_taking_locked();
  double seconds() const { return context_.clock->seconds() - begin_; }

  const GrpcServing serving_;  // not to be used once the call is done
  grpc::CallbackServerContext* const call_;
  const std::string_view method_;
  const double begin_ = context_.clock->seconds();
  CallHead head_;
  std::string model_name_;
  Span span_;            // of submit(), then of the batcher's thread
  double deadline_ = 0;  // of the context's clock

  std::mutex mutex_;  // of what follows
  std::shared_ptr<AnswerCall> self_;
  std::optional<grpc::Alarm> alarm_;
  InferenceTicket ticket_;
  std::weak_ptr<ServedModel> served_;  // not to be held on the batcher's thread
  std::deque<std::string> queue_;
  size_t queue_bytes_ = 0;
  grpc::ByteBuffer sending_;
  std::optional<Status> end_;  // what the call ends with once the queue is sent
  std::optional<Digest> transcript_;
  bool started_ = false;   // submitted or refused: before, nothing is sent
  bool is_poked_ = false;  // a writer will look after it
  bool is_writing_ = false;
  bool is_gone_ = false;      // the client does not wait any more
  bool is_finished_ = false;  // the last operation is on its way
  bool is_done_ = false;      // gRPC has let go of it
};

// Both begin a call; gRPC owns what is returned until it is done.
grpc::ServerWriteReactor<grpc::ByteBuffer>* begin_generate(const GrpcServing& serving,
                                                           grpc::CallbackServerContext* call,
                                                           const grpc::ByteBuffer& bytes);
grpc::ServerUnaryReactor* begin_score(const GrpcServing& serving, grpc::CallbackServerContext* call,
                                      const grpc::ByteBuffer& bytes, grpc::ByteBuffer* response);

}  // namespace assay
