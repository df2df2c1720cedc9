// Test only: forges certificates. Genuine ones come from synthetic reports; a forger changes the
// body, makes the roots fit again where that helps, and signs with a key of their own.
#pragma once

#include <functional>
#include <string>

#include "base/json.h"
#include "base/prng.h"
#include "crypto/ed25519.h"
#include "verify/report.h"

namespace assay::forging {

using Edit = std::function<void(Json& body)>;

SigningKey key_of(uint8_t byte);
const SigningKey& honest_key();
// Signed by honest_key().
std::string certificate(const VerifyReport& report);

// Everything that failed, "step: detail" a line; the status when it is not a certificate at all;
// empty when it holds.
std::string faults(const std::string& text);

// The body changed by edit and signed again by somebody with a key of their own.
std::string forged(const std::string& genuine, const Edit& edit);
// As forged, with the roots made to fit again: what a careful forger would do.
std::string forged_fitting(const std::string& genuine, const Edit& edit);

std::string other_digest();

// Distances for synthetic reports.
double far(Prng& prng);
double near_margin(Prng& prng);
double zero(Prng& prng);

}  // namespace assay::forging
