#include "service/grpc_call.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/bytes.h"
#include "net/trace_context.h"

namespace assay {
namespace {

// Peers take 8 KiB of metadata by default, percent-encoding included.
constexpr size_t kMessageBytesMax = 2000;

double seconds_until(std::chrono::system_clock::time_point deadline) {
  if (deadline == std::chrono::system_clock::time_point::max()) {
    return std::numeric_limits<double>::infinity();
  }
  return std::chrono::duration<double>(deadline - std::chrono::system_clock::now()).count();
}

bool is_client_id(std::string_view text) {
  return !text.empty() && text.size() <= kClientIdBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string_view view(grpc::string_ref text) { return {text.data(), text.size()}; }

// The name in the certificate that the client has shown, or its address.
std::string peer_name(const grpc::CallbackServerContext& call) {
  const auto auth = call.auth_context();
  if (auth != nullptr && auth->IsPeerAuthenticated()) {
    const auto names = auth->GetPeerIdentity();
    if (!names.empty()) return std::string(view(names.front())).substr(0, kClientIdBytesMax - 1);
  }
  return peer_address(call.peer()).substr(0, kClientIdBytesMax - 1);
}

}  // namespace

std::string peer_address(std::string_view peer) {
  const size_t scheme = peer.find(':');
  if (scheme == peer.npos || peer.substr(0, scheme) == "unix") return "unix";
  std::string_view address = peer.substr(scheme + 1);
  address = address.substr(0, address.rfind(':'));
  for (const std::string_view open : {"%5B", "["}) {
    if (address.starts_with(open)) address.remove_prefix(open.size());
  }
  for (const std::string_view close : {"%5D", "]"}) {
    if (address.ends_with(close)) address.remove_suffix(close.size());
  }
  return std::string(address);
}

Status read_call_head(const grpc::CallbackServerContext& call, CallHead& head) {
  const auto& metadata = call.client_metadata();
  const auto request_id = metadata.find(kRequestIdKey);
  head.request_id = request_id != metadata.end() && is_request_id(view(request_id->second))
                        ? std::string(view(request_id->second))
                        : new_request_id();
  head.wait_seconds = seconds_until(call.deadline());
  const auto trace = metadata.find(kTraceParentKey);
  if (trace != metadata.end()) {
    head.trace = parse_traceparent(view(trace->second)).value_or(TraceContext());
  }
  const std::string peer = peer_name(call);
  head.client = peer;
  const auto client_id = metadata.find(kClientIdKey);
  if (client_id == metadata.end()) return ok_status();
  const std::string_view id = view(client_id->second);
  if (!is_client_id(id)) {
    return invalid_argument(std::string(kClientIdKey) + " has " + std::to_string(id.size()) +
                            " bytes; expected 1 to " + std::to_string(kClientIdBytesMax) +
                            " of printable ASCII");
  }
  head.client = std::string(id) + "@" + peer;
  return ok_status();
}

grpc::Status grpc_status(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string message = status.message();
  if (message.size() > kMessageBytesMax) {
    size_t end = kMessageBytesMax;
    while (end > 0 && (static_cast<uint8_t>(message[end]) & 0xC0) == 0x80) --end;
    message = message.substr(0, end) + " ...";
  }
  return {static_cast<grpc::StatusCode>(status.code()), message};
}

Status read_message(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) return internal_error("the message cannot be read");
  std::string joined;
  for (const grpc::Slice& slice : slices) {
    joined.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  if (message.ParseFromString(joined)) return ok_status();
  return invalid_argument("the bytes of the request are no " + message.GetTypeName());
}

grpc::ByteBuffer byte_buffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

void OpenCalls::enter() {
  const std::lock_guard lock(mutex_);
  ++count_;
}

void OpenCalls::leave() {
  const std::lock_guard lock(mutex_);
  --count_;
  if (count_ == 0) changed_.notify_all();
}

size_t OpenCalls::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

void OpenCalls::wait_until_none() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return count_ == 0; });
}

}  // namespace assay
