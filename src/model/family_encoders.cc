// Families with an encoder, which sees all tokens of a sequence at once. What their tables mean:
// family_tables.h.
#include "model/family_fields.h"
#include "model/family_tables.h"

namespace assay {
namespace {

using R = TensorRole;
constexpr bool kOptional = true;

// ---- bert: an encoder; norms of the sums, no norm before
// --------------------------------------------------- It has no head: its states are read out
// through its own token embedding.

constexpr TensorSpec kBertTensors[] = {
    {R::kTokenEmbedding, "embeddings.word_embeddings.weight"},
    {R::kPositionEmbedding, "embeddings.position_embeddings.weight"},
    {R::kTokenTypeEmbedding, "embeddings.token_type_embeddings.weight"},
    {R::kEmbeddingNorm, "embeddings.LayerNorm.weight"},
    {R::kEmbeddingNormBias, "embeddings.LayerNorm.bias"},
    {R::kAttnQ, "encoder.layer.{}.attention.self.query.weight"},
    {R::kAttnQBias, "encoder.layer.{}.attention.self.query.bias"},
    {R::kAttnK, "encoder.layer.{}.attention.self.key.weight"},
    {R::kAttnKBias, "encoder.layer.{}.attention.self.key.bias"},
    {R::kAttnV, "encoder.layer.{}.attention.self.value.weight"},
    {R::kAttnVBias, "encoder.layer.{}.attention.self.value.bias"},
    {R::kAttnOutput, "encoder.layer.{}.attention.output.dense.weight"},
    {R::kAttnOutputBias, "encoder.layer.{}.attention.output.dense.bias"},
    {R::kAttnSumNorm, "encoder.layer.{}.attention.output.LayerNorm.weight"},
    {R::kAttnSumNormBias, "encoder.layer.{}.attention.output.LayerNorm.bias"},
    {R::kFfnUp, "encoder.layer.{}.intermediate.dense.weight"},
    {R::kFfnUpBias, "encoder.layer.{}.intermediate.dense.bias"},
    {R::kFfnDown, "encoder.layer.{}.output.dense.weight"},
    {R::kFfnDownBias, "encoder.layer.{}.output.dense.bias"},
    {R::kFfnSumNorm, "encoder.layer.{}.output.LayerNorm.weight"},
    {R::kFfnSumNormBias, "encoder.layer.{}.output.LayerNorm.bias"},
    {R::kPooler, "pooler.dense.weight", kOptional},
    {R::kPoolerBias, "pooler.dense.bias", kOptional},
};
constexpr std::string_view kBertNames[] = {"BertModel", "BertForMaskedLM",
                                           "BertForSequenceClassification"};
constexpr std::string_view kBertPrefix[] = {"", "bert."};
constexpr std::string_view kBertIgnored[] = {"embeddings.position_ids",
                                             "cls.predictions.bias",
                                             "cls.predictions.decoder.weight",
                                             "cls.predictions.decoder.bias",
                                             "cls.predictions.transform.dense.weight",
                                             "cls.predictions.transform.dense.bias",
                                             "cls.predictions.transform.LayerNorm.weight",
                                             "cls.predictions.transform.LayerNorm.bias",
                                             "cls.seq_relationship.weight",
                                             "cls.seq_relationship.bias"};

Status read_bert(const FieldReader&, Architecture& arch) {
  arch.encoder_layers = arch.layers;
  arch.context_max = arch.context;
  arch.tied_head = true;
  return ok_status();
}

// ---- t5: an encoder and a decoder; a table of distances instead of positions
// --------------------------------

constexpr TensorSpec stack_tensor(Stack stack, R role, std::string_view hugging_face,
                                  std::string_view gguf, bool optional = false) {
  return {role,  hugging_face, optional, Storage::kWhole, false, gguf, Storage::kWhole,
          false, stack};
}
constexpr Stack kEncoder = Stack::kEncoder;
constexpr Stack kDecoder = Stack::kDecoder;
// "layer.1" is the feed-forward part in the encoder, the attention to the encoder in the decoder.
constexpr TensorSpec kT5Tensors[] = {
    {R::kTokenEmbedding, "shared.weight"},
    stack_tensor(kEncoder, R::kRelativeBias,
                 "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                 "enc.blk.0.attn_rel_b.weight"),
    stack_tensor(kDecoder, R::kRelativeBias,
                 "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                 "dec.blk.0.attn_rel_b.weight"),
    stack_tensor(kEncoder, R::kAttnNorm, "encoder.block.{}.layer.0.layer_norm.weight",
                 "enc.blk.{}.attn_norm.weight"),
    stack_tensor(kEncoder, R::kAttnQ, "encoder.block.{}.layer.0.SelfAttention.q.weight",
                 "enc.blk.{}.attn_q.weight"),
    stack_tensor(kEncoder, R::kAttnK, "encoder.block.{}.layer.0.SelfAttention.k.weight",
                 "enc.blk.{}.attn_k.weight"),
    stack_tensor(kEncoder, R::kAttnV, "encoder.block.{}.layer.0.SelfAttention.v.weight",
                 "enc.blk.{}.attn_v.weight"),
    stack_tensor(kEncoder, R::kAttnOutput, "encoder.block.{}.layer.0.SelfAttention.o.weight",
                 "enc.blk.{}.attn_o.weight"),
    stack_tensor(kEncoder, R::kFfnNorm, "encoder.block.{}.layer.1.layer_norm.weight",
                 "enc.blk.{}.ffn_norm.weight"),
    stack_tensor(kEncoder, R::kFfnGate, "encoder.block.{}.layer.1.DenseReluDense.wi_0.weight",
                 "enc.blk.{}.ffn_gate.weight", kOptional),
    stack_tensor(kEncoder, R::kFfnUp, "encoder.block.{}.layer.1.DenseReluDense.wi.weight",
                 "enc.blk.{}.ffn_up.weight"),
    stack_tensor(kEncoder, R::kFfnDown, "encoder.block.{}.layer.1.DenseReluDense.wo.weight",
                 "enc.blk.{}.ffn_down.weight"),
    stack_tensor(kDecoder, R::kAttnNorm, "decoder.block.{}.layer.0.layer_norm.weight",
                 "dec.blk.{}.attn_norm.weight"),
    stack_tensor(kDecoder, R::kAttnQ, "decoder.block.{}.layer.0.SelfAttention.q.weight",
                 "dec.blk.{}.attn_q.weight"),
    stack_tensor(kDecoder, R::kAttnK, "decoder.block.{}.layer.0.SelfAttention.k.weight",
                 "dec.blk.{}.attn_k.weight"),
    stack_tensor(kDecoder, R::kAttnV, "decoder.block.{}.layer.0.SelfAttention.v.weight",
                 "dec.blk.{}.attn_v.weight"),
    stack_tensor(kDecoder, R::kAttnOutput, "decoder.block.{}.layer.0.SelfAttention.o.weight",
                 "dec.blk.{}.attn_o.weight"),
    stack_tensor(kDecoder, R::kCrossNorm, "decoder.block.{}.layer.1.layer_norm.weight",
                 "dec.blk.{}.cross_attn_norm.weight"),
    stack_tensor(kDecoder, R::kCrossQ, "decoder.block.{}.layer.1.EncDecAttention.q.weight",
                 "dec.blk.{}.cross_attn_q.weight"),
    stack_tensor(kDecoder, R::kCrossK, "decoder.block.{}.layer.1.EncDecAttention.k.weight",
                 "dec.blk.{}.cross_attn_k.weight"),
    stack_tensor(kDecoder, R::kCrossV, "decoder.block.{}.layer.1.EncDecAttention.v.weight",
                 "dec.blk.{}.cross_attn_v.weight"),
    stack_tensor(kDecoder, R::kCrossOutput, "decoder.block.{}.layer.1.EncDecAttention.o.weight",
                 "dec.blk.{}.cross_attn_o.weight"),
    stack_tensor(kDecoder, R::kFfnNorm, "decoder.block.{}.layer.2.layer_norm.weight",
                 "dec.blk.{}.ffn_norm.weight"),
    stack_tensor(kDecoder, R::kFfnGate, "decoder.block.{}.layer.2.DenseReluDense.wi_0.weight",
                 "dec.blk.{}.ffn_gate.weight", kOptional),
    stack_tensor(kDecoder, R::kFfnUp, "decoder.block.{}.layer.2.DenseReluDense.wi.weight",
                 "dec.blk.{}.ffn_up.weight"),
    stack_tensor(kDecoder, R::kFfnDown, "decoder.block.{}.layer.2.DenseReluDense.wo.weight",
                 "dec.blk.{}.ffn_down.weight"),
    stack_tensor(kEncoder, R::kEncoderNorm, "encoder.final_layer_norm.weight",
                 "enc.output_norm.weight"),
    stack_tensor(kDecoder, R::kOutputNorm, "decoder.final_layer_norm.weight",
                 "dec.output_norm.weight"),
    {R::kOutput, "/lm_head.weight"},
};
constexpr std::string_view kT5Names[] = {"T5ForConditionalGeneration", "T5EncoderModel"};
constexpr std::string_view kT5Prefix[] = {""};
constexpr std::string_view kT5Ignored[] = {"encoder.embed_tokens.weight",
                                           "decoder.embed_tokens.weight"};

Status read_t5(const FieldReader& reader, Architecture& arch) {
  constexpr Field kDecoderLayers = {"decoder_block_count", "num_decoder_layers"};
  constexpr Field kBuckets = {"attention.relative_buckets_count", "relative_attention_num_buckets"};
  constexpr Field kDistance = {"", "relative_attention_max_distance"};
  constexpr Field kStart = {"decoder_start_token_id", "decoder_start_token_id"};
  constexpr Field kForm = {"", "feed_forward_proj"};
  constexpr Field kScaleOutputs = {"", "scale_decoder_outputs"};
  arch.encoder_layers = arch.layers;
  const Checkpoint& c = reader.checkpoint();
  // Files of the second generation say that the head is tied, and hold one that is not.
  if (c.tensors.contains("lm_head.weight")) arch.tied_head = false;
  const bool decoder = c.tensors.contains(reader.is_gguf() ? "dec.output_norm.weight"
                                                           : "decoder.final_layer_norm.weight");
  if (decoder) {
    ASSAY_ASSIGN_OR_RETURN(const uint32_t more,
                           reader.count_or(kDecoderLayers, arch.layers, 1, kLayersMax));
    arch.layers += more;
  }
  ASSAY_ASSIGN_OR_RETURN(arch.relative_buckets, reader.count_or(kBuckets, 32, 4, kWidthMax));
  ASSAY_ASSIGN_OR_RETURN(arch.relative_distance, reader.count_or(kDistance, 128, 2, kContextMax));
  if (arch.relative_distance <= arch.relative_buckets / 2) {
    return data_loss(c.path + ": a relative attention distance of " +
                     std::to_string(arch.relative_distance) + " is too short for " +
                     std::to_string(arch.relative_buckets) + " buckets");
  }
  ASSAY_ASSIGN_OR_RETURN(arch.decoder_start, reader.count_or(kStart, 0, 0, kVocabMax));
  ASSAY_ASSIGN_OR_RETURN(const std::string form, reader.text_or(kForm, ""));
  if (!form.empty() && form != "relu" && form != "gated-gelu") {
    return reader.refuse(kForm, form, "relu and gated-gelu are");
  }
  arch.gated =
      reader.is_gguf() ? c.tensors.contains("enc.blk.0.ffn_gate.weight") : form == "gated-gelu";
  arch.activation = arch.gated ? Activation::kGeluTanh : Activation::kRelu;
  // Released files with a tied head scale what it multiplies; those without one do not.
  ASSAY_ASSIGN_OR_RETURN(const bool scaled, reader.flag_or(kScaleOutputs, arch.tied_head));
  if (scaled && decoder) {
    arch.head_scale = static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(arch.d_model)));
  }
  return ok_status();
}

Architecture bert_base() {
  Architecture arch;
  arch.norm = NormKind::kLayer;
  arch.activation = Activation::kGeluErf;
  arch.gated = false;
  arch.positions = PositionKind::kLearned;
  return arch;
}

Architecture t5_base() {
  Architecture arch;
  arch.positions = PositionKind::kRelative;
  arch.attn_scale = 1;
  return arch;
}

}  // namespace

std::vector<FamilySpec> encoder_families() {
  return {
      {.name = "bert",
       .gguf_architecture = "bert",
       .hugging_face_architectures = kBertNames,
       .hugging_face_prefixes = kBertPrefix,
       .tensors = kBertTensors,
       .ignored_suffixes = kBertIgnored,
       .tied_by_default = true,
       .base = bert_base(),
       .read_fields = read_bert},
      {.name = "t5",
       .gguf_architecture = "t5",
       .hugging_face_architectures = kT5Names,
       .hugging_face_prefixes = kT5Prefix,
       .tensors = kT5Tensors,
       .ignored_suffixes = kT5Ignored,
       .tied_by_default = true,
       .base = t5_base(),
       .read_fields = read_t5},
  };
}

}  // namespace assay
