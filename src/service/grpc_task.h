// Calls with one answer that are worked on in a thread of their own: they may take long and wait
// for others. Tested in inference_grpc_test.cc.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "service/grpc_call.h"
#include "service/task_threads.h"

namespace assay {

// The serialized answer. stop: the client is gone, or the server shuts down.
using GrpcTask = std::function<Result<std::string>(const grpc::ByteBuffer& request,
                                                   const std::function<bool()>& stop)>;

struct GrpcTaskPlace {
  OpenCalls& calls;
  TaskThreads& threads;
  const std::atomic<bool>& shuts_down;
};

// Ends with RESOURCE_EXHAUSTED when too many tasks wait. gRPC owns what is returned until the call
// is done.
grpc::ServerUnaryReactor* begin_task(const GrpcTaskPlace& place, grpc::CallbackServerContext* call,
                                     const grpc::ByteBuffer& request, grpc::ByteBuffer* response,
                                     GrpcTask task);

// For calls that are answered at once, where they arrive.
grpc::ServerUnaryReactor* answer_at_once(grpc::CallbackServerContext* call,
                                         const Result<std::string>& answer,
                                         grpc::ByteBuffer* response);

}  // namespace assay
