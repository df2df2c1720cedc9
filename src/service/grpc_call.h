// What every call of the gRPC face has in common: who calls and until when, statuses, bytes and
// messages, and the count of calls that a server waits for. Internal to inference_grpc.cc's folder.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <condition_variable>
#include <mutex>
#include <string>

#include "base/result.h"
#include "net/trace_context.h"

namespace assay {

// Names of metadata.
inline constexpr const char* kClientIdKey = "x-client-id";
inline constexpr const char* kRequestIdKey = "x-request-id";
inline constexpr const char* kModelDigestKey = "x-assay-model-digest";
inline constexpr const char* kProfileKey = "x-assay-profile";
inline constexpr const char* kTranscriptKey = "x-assay-transcript";
inline constexpr const char* kTraceParentKey = "traceparent";
inline constexpr const char* kRetryAfterKey = "retry-after-ms";
inline constexpr size_t kClientIdBytesMax = 128;

// What a call says beside its message.
struct CallHead {
  std::string request_id;  // taken where it is usable, else new
  // Whose share it counts against: x-client-id, and the name in the client's certificate or, when
  // there is none, its address without the port.
  std::string client;
  TraceContext trace;       // its traceparent; all zero where there is none
  double wait_seconds = 0;  // that the caller waits; infinity: as long as it takes
};
// Errors: INVALID_ARGUMENT for an x-client-id that is too long or not printable ASCII; the head's
// other fields are set all the same.
Status read_call_head(const grpc::CallbackServerContext& call, CallHead& head);
// "ipv4:127.0.0.1:50000" -> "127.0.0.1", "ipv6:%5B::1%5D:50000" -> "::1", "unix:..." -> "unix".
std::string peer_address(std::string_view peer);

// Codes one to one; a message that would not fit into a trailer is cut.
grpc::Status grpc_status(const Status& status);

// Errors: INVALID_ARGUMENT when the bytes are no such message.
Status read_message(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);
grpc::ByteBuffer byte_buffer(const std::string& bytes);

// Threads: any.
class OpenCalls {
 public:
  void enter();
  void leave();
  size_t count() const;
  void wait_until_none();

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  size_t count_ = 0;
};

}  // namespace assay
