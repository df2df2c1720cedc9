// The golden hashes of the profile. They move only with the profile's name: a difference is a
// broken promise to every digest and certificate made before. `--rewrite` is deliberate:
//   ASSAY_REWRITE=1 assay_tensor_test --gtest_filter=Golden.*
#include "tensor/profile_golden.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/file.h"

namespace assay {
namespace {

const std::string kPath = std::string(ASSAY_TESTDATA) + "/tensor/golden.txt";

TEST(ProfileGolden, EveryInstructionSetReproducesTheHashes) {
  if (std::getenv("ASSAY_REWRITE") != nullptr) {
    const std::string text = reference::golden_text(kernels_for(Isa::kScalar));
    ASSERT_TRUE(write_file_atomically(kPath, as_bytes(text)).ok());
  }
  const auto golden = read_text_file(kPath, 1U << 20U);
  ASSERT_TRUE(golden.ok()) << golden.status().message();
  for (const Isa isa : isas_present()) {
    EXPECT_EQ(reference::golden_text(kernels_for(isa)), *golden) << isa_name(isa);
  }
}

}  // namespace
}  // namespace assay
