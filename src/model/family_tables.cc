#include "model/family_tables.h"

#include <array>
#include <iterator>

#include "base/check.h"

namespace assay {
namespace {

using R = TensorRole;

constexpr std::array<RoleInfo, static_cast<size_t>(R::kCount)> kRoles = {{
    {R::kTokenEmbedding, "token_embd.weight", Dim::kVocab, Dim::kModel},
    {R::kPositionEmbedding, "position_embd.weight", Dim::kContext, Dim::kModel},
    {R::kTokenTypeEmbedding, "token_types.weight", Dim::kTokenTypes, Dim::kModel},
    {R::kEmbeddingNorm, "token_embd_norm.weight", Dim::kModel},
    {R::kEmbeddingNormBias, "token_embd_norm.bias", Dim::kModel},
    {R::kRelativeBias, "attn_rel_b.weight", Dim::kBuckets, Dim::kHeads},
    {R::kAttnNorm, "blk.{}.attn_norm.weight", Dim::kModel},
    {R::kAttnNormBias, "blk.{}.attn_norm.bias", Dim::kModel},
    {R::kAttnQ, "blk.{}.attn_q.weight", Dim::kQuery, Dim::kModel, true},
    {R::kAttnQBias, "blk.{}.attn_q.bias", Dim::kQuery, Dim::kNone, true},
    {R::kAttnK, "blk.{}.attn_k.weight", Dim::kKeyValue, Dim::kModel, true},
    {R::kAttnKBias, "blk.{}.attn_k.bias", Dim::kKeyValue, Dim::kNone, true},
    {R::kAttnV, "blk.{}.attn_v.weight", Dim::kKeyValue, Dim::kModel},
    {R::kAttnVBias, "blk.{}.attn_v.bias", Dim::kKeyValue},
    {R::kAttnQNorm, "blk.{}.attn_q_norm.weight", Dim::kHead},
    {R::kAttnKNorm, "blk.{}.attn_k_norm.weight", Dim::kHead},
    {R::kAttnOutput, "blk.{}.attn_output.weight", Dim::kModel, Dim::kQuery},
    {R::kAttnOutputBias, "blk.{}.attn_output.bias", Dim::kModel},
    {R::kAttnPostNorm, "blk.{}.post_attention_norm.weight", Dim::kModel},
    {R::kAttnSumNorm, "blk.{}.attn_output_norm.weight", Dim::kModel},
    {R::kAttnSumNormBias, "blk.{}.attn_output_norm.bias", Dim::kModel},
    {R::kCrossNorm, "dec.blk.{}.cross_attn_norm.weight", Dim::kModel},
    {R::kCrossQ, "dec.blk.{}.cross_attn_q.weight", Dim::kQuery, Dim::kModel},
    {R::kCrossK, "dec.blk.{}.cross_attn_k.weight", Dim::kKeyValue, Dim::kModel},
    {R::kCrossV, "dec.blk.{}.cross_attn_v.weight", Dim::kKeyValue, Dim::kModel},
    {R::kCrossOutput, "dec.blk.{}.cross_attn_o.weight", Dim::kModel, Dim::kQuery},
    {R::kFfnNorm, "blk.{}.ffn_norm.weight", Dim::kModel},
    {R::kFfnNormBias, "blk.{}.ffn_norm.bias", Dim::kModel},
    {R::kFfnGate, "blk.{}.ffn_gate.weight", Dim::kFeedForward, Dim::kModel},
    {R::kFfnGateBias, "blk.{}.ffn_gate.bias", Dim::kFeedForward},
    {R::kFfnUp, "blk.{}.ffn_up.weight", Dim::kFeedForward, Dim::kModel},
    {R::kFfnUpBias, "blk.{}.ffn_up.bias", Dim::kFeedForward},
    {R::kFfnDown, "blk.{}.ffn_down.weight", Dim::kModel, Dim::kFeedForward},
    {R::kFfnDownBias, "blk.{}.ffn_down.bias", Dim::kModel},
    {R::kFfnPostNorm, "blk.{}.post_ffw_norm.weight", Dim::kModel},
    {R::kFfnSumNorm, "blk.{}.layer_output_norm.weight", Dim::kModel},
    {R::kFfnSumNormBias, "blk.{}.layer_output_norm.bias", Dim::kModel},
    {R::kEncoderNorm, "enc.output_norm.weight", Dim::kModel},
    {R::kOutputNorm, "output_norm.weight", Dim::kModel},
    {R::kOutputNormBias, "output_norm.bias", Dim::kModel},
    {R::kOutput, "output.weight", Dim::kVocab, Dim::kModel},
    {R::kOutputBias, "output.bias", Dim::kVocab},
    {R::kPooler, "cls.weight", Dim::kModel, Dim::kModel},
    {R::kPoolerBias, "cls.bias", Dim::kModel},
}};

}  // namespace

const RoleInfo& role_info(TensorRole role) {
  const RoleInfo& info = kRoles[static_cast<size_t>(role)];
  ASSAY_CHECK(info.role == role);
  return info;
}

std::span<const FamilySpec> families() {
  static const std::vector<FamilySpec> joined = [] {
    std::vector<FamilySpec> all = llama_families();
    for (auto more : {gpt_families(), encoder_families()}) {
      std::move(more.begin(), more.end(), std::back_inserter(all));
    }
    return all;
  }();
  return joined;
}

}  // namespace assay
