// The body of a certificate: VerifyReport to JSON and back, and the bytes that are signed. Private
// to the certificate sources; docs/formats/certificate.md is the specification. Include from .cc
// files only (base/json.h is heavy).
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "crypto/ed25519.h"
#include "verify/report.h"

namespace assay::certificate_body {

inline constexpr std::string_view kSchema = "assay.certificate.v1";

// Limits on what a certificate may state; the reader refuses more.
inline constexpr size_t kNameBytesMax = 256;   // run id, profile, family, version
inline constexpr size_t kPathBytesMax = 1024;  // a last path component, after repair of its UTF-8
inline constexpr size_t kNotesMax = 64;
inline constexpr size_t kNoteBytesMax = 2048;
inline constexpr size_t kPromptsBytesMax = size_t{1} << 20;
inline constexpr uint64_t kCountMax = uint64_t{1} << 62;

Json write_body(const VerifyReport& report);

struct Stated {
  VerifyReport report;
  std::string tool_version;
};
// Every field present, of its type and within its limit, and no other field.
// Errors: DATA_LOSS that names the field.
Result<Stated> read_body(const Json& body);

// "assay.certificate.v1\n" || canonical JSON of the body.
std::string signed_bytes(std::string_view canonical_body);

// The whole text: {"body":…,"signature":…} and a newline. Pre: no floating-point number in body.
std::string seal(const Json& body, const SigningKey& key);

}  // namespace assay::certificate_body
