// Prints the golden hashes of every instruction set that this processor has, and exits with 1 when
// they differ among themselves. For processors where the test framework is not at hand:
// tools/test-aarch64 runs it under emulation and compares with testdata/tensor/golden.txt.
#include <cstdio>

#include "tensor/fpenv.h"
#include "tensor/profile_golden.h"

int main() {
  assay::fpenv_set();
  if (!assay::fpenv_ok()) {
    std::fprintf(stderr, "the floating-point environment cannot be set\n");
    return 1;
  }
  std::string first;
  for (const assay::Isa isa : assay::isas_present()) {
    const std::string text = assay::reference::golden_text(assay::kernels_for(isa));
    if (first.empty()) first = text;
    if (text != first) {
      std::fprintf(stderr, "%s differs:\n%s", std::string(assay::isa_name(isa)).c_str(),
                   text.c_str());
      return 1;
    }
    std::fprintf(stderr, "%s: computed\n", std::string(assay::isa_name(isa)).c_str());
  }
  std::fputs(first.c_str(), stdout);
  return 0;
}
