"""The fixtures: a published-style config.json for each, and what must matter in it.

`ablations` are changes to the configuration, or to the weights, that a wrong implementation would
amount to (a window left out, a bias not added). Each must move the last logits by more than 1 %;
reference.py holds them to it, so that no fixture lets such a mistake pass.
"""

from dataclasses import dataclass, field

VOCAB, WIDTH, HEADS, WINDOW = 96, 32, 4, 16


@dataclass
class Fixture:
    name: str
    config: dict
    seed: int
    # Label: fields that replace those of config.
    config_ablations: dict = field(default_factory=dict)
    zeroed: tuple = ()  # substrings of parameter names: with these set to zero, the logits move
    ones: tuple = ()  # the same, set to one
    # Spread of the rows of q and k: attention far from uniform, yet not one-hot.
    query_gain: float = 1.7
    gguf: str | None = None  # architecture of the GGUF form; nothing where there is none
    # Fields of config that the GGUF form cannot hold, as a reader must take them: another function,
    # with a reference of its own in reference-gguf.json.
    gguf_says: dict = field(default_factory=dict)


def _llama_like(**fields):
    config = dict(
        torch_dtype="float32", vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=48,
        num_hidden_layers=3, num_attention_heads=HEADS, num_key_value_heads=2, hidden_act="silu",
        max_position_embeddings=128, rms_norm_eps=1e-5, rope_theta=10000.0,
        tie_word_embeddings=False, bos_token_id=1, eos_token_id=2, pad_token_id=None)
    config.update(fields)
    return config


def _gemma_like(**fields):
    return _llama_like(**{**dict(
        head_dim=12, hidden_act="gelu_pytorch_tanh", hidden_activation="gelu_pytorch_tanh",
        rms_norm_eps=1e-6, tie_word_embeddings=True, attention_bias=False), **fields})


def _neox(**fields):
    return dict(
        architectures=["GPTNeoXForCausalLM"], model_type="gpt_neox", torch_dtype="float32",
        vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, hidden_act="gelu", rotary_pct=0.25, rotary_emb_base=10000,
        max_position_embeddings=64, layer_norm_eps=1e-5, use_parallel_residual=True,
        tie_word_embeddings=False, attention_bias=True, bos_token_id=0, eos_token_id=0) | fields


def _t5(**fields):
    return dict(
        architectures=["T5ForConditionalGeneration"], model_type="t5", torch_dtype="float32",
        vocab_size=VOCAB, d_model=WIDTH, d_kv=6, d_ff=28, num_layers=2, num_decoder_layers=2,
        num_heads=HEADS, relative_attention_num_buckets=16, relative_attention_max_distance=128,
        layer_norm_epsilon=1e-6, feed_forward_proj="relu", is_encoder_decoder=True,
        dropout_rate=0.0,
        tie_word_embeddings=True, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0) | fields


_LLAMA3_ROPE = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                    original_max_position_embeddings=32)
_FULL = dict(rope_scaling=None)

FIXTURES = [
    Fixture("llama", _llama_like(architectures=["LlamaForCausalLM"], model_type="llama",
        num_hidden_layers=2), 1,
            {"base": dict(rope_theta=500.0)}, ones=("norm",), gguf="llama"),
    Fixture("llama-tied", _llama_like(
        architectures=["LlamaForCausalLM"], model_type="llama", num_hidden_layers=2,
        num_key_value_heads=1, tie_word_embeddings=True, rope_theta=100000.0), 2,
        {"base": dict(rope_theta=10000.0)}, gguf="llama"),
    Fixture("llama-bias", _llama_like(
        architectures=["LlamaForCausalLM"], model_type="llama", num_hidden_layers=2,
        attention_bias=True, mlp_bias=True), 3,
        zeroed=("q_proj.bias", "k_proj.bias", "v_proj.bias", "o_proj.bias", "gate_proj.bias",
                "up_proj.bias", "down_proj.bias"), gguf="llama"),
    Fixture("llama3", _llama_like(
        architectures=["LlamaForCausalLM"], model_type="llama", num_hidden_layers=2,
        rope_theta=500.0, rope_scaling=_LLAMA3_ROPE), 4,
        {"scaling": _FULL,
         "linear": dict(rope_scaling=dict(rope_type="linear", factor=8.0)),
         "bands": dict(rope_scaling=_LLAMA3_ROPE | dict(high_freq_factor=2.0))}, gguf="llama"),
    Fixture("llama-linear", _llama_like(
        architectures=["LlamaForCausalLM"], model_type="llama", num_hidden_layers=2,
        rope_scaling=dict(type="linear", factor=4.0)), 5, {"scaling": _FULL}, gguf="llama"),
    Fixture("mistral", _llama_like(
        architectures=["MistralForCausalLM"], model_type="mistral", num_hidden_layers=2,
        sliding_window=WINDOW), 106,
        {"window": dict(sliding_window=None), "one wider": dict(sliding_window=WINDOW + 1),
         "one narrower": dict(sliding_window=WINDOW - 1)}, gguf="llama",
        gguf_says=dict(sliding_window=None)),
    Fixture("qwen2", _llama_like(
        architectures=["Qwen2ForCausalLM"], model_type="qwen2", num_hidden_layers=2,
        tie_word_embeddings=True, rms_norm_eps=1e-6, rope_theta=1000000.0,
        use_sliding_window=False, sliding_window=WINDOW,
        max_window_layers=1), 7,
        {"window": dict(use_sliding_window=True), "base": dict(rope_theta=10000.0)},
        zeroed=("q_proj.bias", "k_proj.bias", "v_proj.bias"), gguf="qwen2"),
    Fixture("qwen3", _llama_like(
        architectures=["Qwen3ForCausalLM"], model_type="qwen3", num_hidden_layers=2, head_dim=12,
        rms_norm_eps=1e-6,
        rope_theta=1000000.0, attention_bias=False, use_sliding_window=False, sliding_window=None,
        max_window_layers=2), 8,
        {"base": dict(rope_theta=10000.0)}, ones=("q_norm", "k_norm"), gguf="qwen3"),
    Fixture("gemma", _gemma_like(
        architectures=["GemmaForCausalLM"], model_type="gemma", num_hidden_layers=2,
        num_key_value_heads=1,
        hidden_act="gelu", hidden_activation=None), 9, zeroed=("norm",), gguf="gemma"),
    Fixture("gemma2", _gemma_like(
        architectures=["Gemma2ForCausalLM"], model_type="gemma2", num_hidden_layers=3,
        query_pre_attn_scalar=24, attn_logit_softcapping=2.5, final_logit_softcapping=4.0,
        sliding_window=WINDOW), 10,
        {"window": dict(sliding_window=128),
         "all layers": dict(layer_types=["sliding_attention"] * 3),
         "attention cap": dict(attn_logit_softcapping=None),
         "final cap": dict(final_logit_softcapping=None),
         "scale": dict(query_pre_attn_scalar=12)},
        zeroed=("input_layernorm", "post_attention", "pre_feedforward", "post_feedforward"),
        query_gain=2.2, gguf="gemma2", gguf_says=dict(query_pre_attn_scalar=12)),
    Fixture("gemma3", _gemma_like(
        architectures=["Gemma3ForCausalLM"], model_type="gemma3_text", num_hidden_layers=4,
        num_key_value_heads=1, intermediate_size=40, query_pre_attn_scalar=10,
        attn_logit_softcapping=None,
        final_logit_softcapping=None, sliding_window=WINDOW, sliding_window_pattern=3,
        rope_theta=1000000.0, rope_local_base_freq=10000.0,
        rope_scaling=dict(rope_type="linear", factor=8.0)), 11,
        {"window": dict(sliding_window=128), "pattern": dict(sliding_window_pattern=2),
         "local base": dict(rope_local_base_freq=1000000.0), "scaling": _FULL,
         "global base": dict(rope_theta=10000.0), "scale": dict(query_pre_attn_scalar=12)},
        zeroed=("q_norm", "k_norm", "input_layernorm", "post_feedforward")),
    Fixture("gemma3-six", _gemma_like(
        architectures=["Gemma3ForCausalLM"], model_type="gemma3_text", num_hidden_layers=6,
        num_key_value_heads=1, intermediate_size=12, query_pre_attn_scalar=12,
        sliding_window=WINDOW, rope_theta=1000000.0, rope_local_base_freq=10000.0,
        rope_scaling=dict(rope_type="linear", factor=8.0)), 22,
        {"window": dict(sliding_window=128), "pattern": dict(sliding_window_pattern=3),
         "scaling": _FULL, "local base": dict(rope_local_base_freq=1000000.0)}, gguf="gemma3"),
    Fixture("phi3", _llama_like(
        architectures=["Phi3ForCausalLM"], model_type="phi3", num_hidden_layers=2,
        num_key_value_heads=4,
        partial_rotary_factor=0.75, original_max_position_embeddings=128, sliding_window=WINDOW,
        rope_scaling=None), 112,
        {"window": dict(sliding_window=None), "rotary": dict(partial_rotary_factor=1.0)},
        gguf="phi3"),
    Fixture("phi3-longrope", _llama_like(
        architectures=["Phi3ForCausalLM"], model_type="phi3", num_hidden_layers=2,
        max_position_embeddings=256, original_max_position_embeddings=32, sliding_window=None,
        rope_scaling=dict(type="longrope", short_factor=[1.0, 1.1, 1.3, 1.5],
                          long_factor=[1.5, 2.5, 5.0, 9.0])), 113,
        {"scaling": _FULL, "short": dict(original_max_position_embeddings=128,
                                         max_position_embeddings=1024)}, gguf="phi3"),
    Fixture("gpt2", dict(
        architectures=["GPT2LMHeadModel"], model_type="gpt2", torch_dtype="float32",
        vocab_size=VOCAB, n_positions=64, n_ctx=64, n_embd=WIDTH, n_layer=2, n_head=HEADS,
        n_inner=None, activation_function="gelu_new", layer_norm_epsilon=1e-5, attn_pdrop=0.0,
        embd_pdrop=0.0, resid_pdrop=0.0, bos_token_id=0, eos_token_id=0), 14,
        {"gelu": dict(activation_function="relu")},
        zeroed=("wpe", "c_attn.bias", "attn.c_proj.bias", "c_fc.bias", "mlp.c_proj.bias",
                "ln_1.bias", "ln_2.bias", "ln_f.bias"), gguf="gpt2"),
    Fixture("gpt_neo", dict(
        architectures=["GPTNeoForCausalLM"], model_type="gpt_neo", torch_dtype="float32",
        vocab_size=VOCAB, max_position_embeddings=64, hidden_size=WIDTH, num_layers=2,
        num_heads=HEADS, intermediate_size=48, attention_types=[[["global", "local"], 1]],
        attention_layers=["global", "local"], window_size=WINDOW,
        activation_function="gelu_new", layer_norm_epsilon=1e-5, attention_dropout=0,
        embed_dropout=0, resid_dropout=0, bos_token_id=0, eos_token_id=0), 15,
        {"window": dict(window_size=64),
         "order": dict(attention_types=[[["local", "global"], 1]],
                       attention_layers=["local", "global"])},
        zeroed=("wpe", "out_proj.bias", "c_fc.bias", "c_proj.bias"), query_gain=1.0),
    Fixture("gpt_neox", _neox(), 16,
            {"parallel": dict(use_parallel_residual=False), "rotary": dict(rotary_pct=1.0)},
            zeroed=("query_key_value.bias", "attention.dense.bias", "h_to_4h.bias",
                    "4h_to_h.bias"), gguf="gptneox"),
    Fixture("gpt_neox-sequential", _neox(use_parallel_residual=False), 117,
            {"parallel": dict(use_parallel_residual=True)}, gguf="gptneox"),
    Fixture("phi", dict(
        architectures=["PhiForCausalLM"], model_type="phi", torch_dtype="float32",
        vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=HEADS, num_key_value_heads=None, hidden_act="gelu_new",
        max_position_embeddings=64, layer_norm_eps=1e-5, rope_theta=10000.0, rope_scaling=None,
        partial_rotary_factor=0.5, qk_layernorm=False, tie_word_embeddings=False,
        attention_dropout=0.0, embd_pdrop=0.0, resid_pdrop=0.0, bos_token_id=0, eos_token_id=0),
        118,
        {"rotary": dict(partial_rotary_factor=1.0)},
        zeroed=("q_proj.bias", "k_proj.bias", "v_proj.bias", "dense.bias", "fc1.bias", "fc2.bias",
                "lm_head.bias"), gguf="phi2"),
    Fixture("starcoder2", dict(
        architectures=["Starcoder2ForCausalLM"], model_type="starcoder2", torch_dtype="float32",
        vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=HEADS, num_key_value_heads=2, hidden_act="gelu_pytorch_tanh",
        mlp_type="default", norm_type="layer_norm", max_position_embeddings=128, norm_epsilon=1e-5,
        rope_theta=1000000.0, sliding_window=WINDOW, use_bias=True, tie_word_embeddings=True,
        attention_dropout=0.0, embedding_dropout=0.0, residual_dropout=0.0, bos_token_id=0,
        eos_token_id=0), 23, {"window": dict(sliding_window=None)},
        zeroed=("q_proj.bias", "v_proj.bias", "o_proj.bias", "c_fc.bias", "c_proj.bias",
                "norm.bias"), gguf="starcoder2", gguf_says=dict(sliding_window=None)),
    Fixture("stablelm", dict(
        architectures=["StableLmForCausalLM"], model_type="stablelm", torch_dtype="float32",
        vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=HEADS, num_key_value_heads=4, hidden_act="silu",
        max_position_embeddings=128, layer_norm_eps=1e-5, rope_theta=10000,
        partial_rotary_factor=0.5, use_qkv_bias=True, qk_layernorm=False,
        use_parallel_residual=False, tie_word_embeddings=False, attention_dropout=0.0,
        hidden_dropout=0.0, bos_token_id=0, eos_token_id=0), 24,
        {"rotary": dict(partial_rotary_factor=1.0)},
        zeroed=("q_proj.bias", "k_proj.bias", "v_proj.bias", "layernorm.bias", "norm.bias"),
        gguf="stablelm"),
    Fixture("falcon", dict(
        architectures=["FalconForCausalLM"], model_type="falcon", torch_dtype="float32",
        vocab_size=VOCAB, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=HEADS,
        alibi=False, bias=False, multi_query=True, new_decoder_architecture=False,
        parallel_attn=True, layer_norm_epsilon=1e-5, attention_dropout=0.0, hidden_dropout=0.0,
        tie_word_embeddings=True, bos_token_id=11, eos_token_id=11), 25,
        {"activation": dict(activation="relu")}, zeroed=("layernorm.bias", "ln_f.bias"),
        gguf="falcon"),
    Fixture("bert", dict(
        architectures=["BertModel"], model_type="bert", torch_dtype="float32", vocab_size=VOCAB,
        hidden_size=WIDTH, intermediate_size=48, num_hidden_layers=2, num_attention_heads=HEADS,
        hidden_act="gelu", max_position_embeddings=64, type_vocab_size=2, layer_norm_eps=1e-12,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        position_embedding_type="absolute", pad_token_id=0), 19,
        {"activation": dict(hidden_act="relu")},
        zeroed=("token_type", "position_emb", "query.bias", "value.bias", "dense.bias",
                "LayerNorm.bias"), gguf="bert"),
    Fixture("t5", _t5(), 120,
            {"activation": dict(feed_forward_proj="gelu_new"),
             "distance": dict(relative_attention_max_distance=24)},
            zeroed=("relative_attention_bias",), gguf="t5"),
    Fixture("t5-gated", _t5(feed_forward_proj="gated-gelu", d_ff=24, tie_word_embeddings=False), 21,
            {"activation": dict(feed_forward_proj="gated-silu")},
            zeroed=("relative_attention_bias",), gguf="t5"),
]
