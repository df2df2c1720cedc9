#include "verify/certificate.h"

#include "verify/certificate_body.h"

namespace assay {

std::string make_certificate(const VerifyReport& report, const SigningKey& key) {
  return certificate_body::seal(certificate_body::write_body(report), key);
}

}  // namespace assay
