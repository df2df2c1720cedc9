// Sites of two models side by side, by name, in the order of execution. Shared by the run
// (lockstep) and by the check of a certificate, which has no model at hand. Tested in
// sites_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

// Sites of a model up to "final": layer by layer, or those of an encoder (its first encoder_layers)
// and of the decoder behind it; encoder_layers is 0 where there are not both.
std::vector<std::string> site_names(uint64_t layers, uint64_t encoder_layers);

struct SharedSite {
  std::string name;
  bool in_a = false;
  bool in_b = false;
  bool operator==(const SharedSite&) const = default;
};
// Every site of either model once, in an order that keeps the order of both.
std::vector<SharedSite> merge_sites(const std::vector<std::string>& a,
                                    const std::vector<std::string>& b);

}  // namespace assay
