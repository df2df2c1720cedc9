#include "verify/sites.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/segment.h"

namespace assay {
namespace {

using testing::ElementsAre;

TEST(Sites, OfLayers) {
  EXPECT_THAT(site_names(1, 0), ElementsAre("L0.post_attn", "L0.post_mlp", "final"));
  EXPECT_THAT(site_names(2, 1),
              ElementsAre("enc.L0.post_attn", "enc.L0.post_mlp", "enc.final", "dec.L0.post_attn",
                          "dec.L0.post_cross", "dec.L0.post_mlp", "final"));
}

TEST(Sites, AreThoseOfTheSegments) {
  for (const char* name : {"llama", "bert", "t5", "gpt_neox"}) {
    const auto model = open_model(std::string(ASSAY_TESTDATA) + "/families/" + name);
    ASSERT_TRUE(model.ok()) << model.status().message();
    std::vector<std::string> sites;
    for (size_t s = 0; s < segment_count(*model); ++s) sites.push_back(segment_site(*model, s));
    const bool both = model->arch.encoder_layers > 0 && model->arch.has_decoder();
    EXPECT_EQ(site_names(model->arch.layers, both ? model->arch.encoder_layers : 0), sites);
  }
}

TEST(Sites, MergeKeepsBothOrders) {
  EXPECT_THAT(
      merge_sites(site_names(1, 0), site_names(2, 0)),
      ElementsAre(SharedSite{"L0.post_attn", true, true}, SharedSite{"L0.post_mlp", true, true},
                  SharedSite{"L1.post_attn", false, true}, SharedSite{"L1.post_mlp", false, true},
                  SharedSite{"final", true, true}));
  const auto merged = merge_sites(site_names(3, 2), site_names(2, 1));
  ASSERT_EQ(merged.size(), site_names(3, 2).size());
  EXPECT_EQ(merged[2], (SharedSite{"enc.L1.post_attn", true, false}));
  EXPECT_EQ(merged[4], (SharedSite{"enc.final", true, true}));
  for (const auto& site : merge_sites(site_names(2, 1), site_names(1, 0))) {
    EXPECT_EQ(site.in_a && site.in_b, site.name == "final") << site.name;
  }
}

}  // namespace
}  // namespace assay
