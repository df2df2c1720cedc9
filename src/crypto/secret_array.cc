#include "crypto/secret_array.h"

#include <sodium.h>

namespace assay {

void wipe(std::span<uint8_t> bytes) { sodium_memzero(bytes.data(), bytes.size()); }

}  // namespace assay
