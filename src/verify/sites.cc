#include "verify/sites.h"

#include <algorithm>

namespace assay {

std::vector<std::string> site_names(uint64_t layers, uint64_t encoder_layers) {
  std::vector<std::string> names;
  const auto layer = [&](const std::string& prefix, uint64_t number, bool crossed) {
    const std::string name = prefix + "L" + std::to_string(number);
    names.push_back(name + ".post_attn");
    if (crossed) names.push_back(name + ".post_cross");
    names.push_back(name + ".post_mlp");
  };
  const bool both = encoder_layers > 0;
  for (uint64_t i = 0; i < encoder_layers && i < layers; ++i) layer("enc.", i, false);
  if (both) names.emplace_back("enc.final");
  for (uint64_t i = encoder_layers; i < layers; ++i) {
    layer(both ? "dec." : "", i - encoder_layers, both);
  }
  names.emplace_back("final");
  return names;
}

std::vector<SharedSite> merge_sites(const std::vector<std::string>& a,
                                    const std::vector<std::string>& b) {
  std::vector<SharedSite> out;
  size_t i = 0;
  size_t j = 0;
  const auto later_in_b = [&](const std::string& name) {
    return std::find(b.begin() + static_cast<std::ptrdiff_t>(j), b.end(), name) != b.end();
  };
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      out.push_back({a[i++], true, true});
      ++j;
    } else if (i < a.size() && !later_in_b(a[i])) {
      out.push_back({a[i++], true, false});
    } else {
      out.push_back({b[j++], false, true});
    }
  }
  return out;
}

}  // namespace assay
