// Messages of inference.v1 as bytes from outside: whatever protobuf takes from them is refused with
// a message, or is a request within its bounds.
#include <inference/v1/inference.pb.h>

#include <cstdint>
#include <cstdlib>

#include "service/grpc_messages.h"

namespace {

template <typename T>
void check(const assay::Result<T>& result) {
  if (!result.ok() && result.status().message().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const int length = static_cast<int>(size - 1);
  static const assay::ComputeContext compute = assay::make_compute(1).value();
  if (data[0] % 2 == 0) {
    inference::v1::VerifyDeterminismRequest message;
    if (!message.ParseFromArray(data + 1, length)) return 0;
    check(assay::read_matrix(message, compute, 64));
  } else {
    inference::v1::LoadModelRequest message;
    if (!message.ParseFromArray(data + 1, length)) return 0;
    const auto load = assay::read_load(message, {});
    check(load);
    if (load.ok() && load->name.size() > assay::kModelNameBytesMax) std::abort();
  }
  return 0;
}
