// assay version: what was built, and what this processor lets it use.
#include "app/commands.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "unknown";
#endif
}

}  // namespace

int run_version(const VersionCommand&, const Console&) {
  std::string isas;
  for (const Isa isa : isas_present()) {
    isas += (isas.empty() ? "" : " ") + std::string(isa_name(isa));
  }
  const auto chosen = kernels_default();
  const std::string used =
      chosen.ok() ? std::string(isa_name((*chosen)->isa)) : "none: " + chosen.status().message();
  write_out("assay " ASSAY_VERSION "\nprofile " + std::string(kProfileId) + "\ninstruction sets " +
            isas + "\nused " + used + "\ncompiler " + compiler() + "\n");
  return kExitOk;
}

}  // namespace assay
