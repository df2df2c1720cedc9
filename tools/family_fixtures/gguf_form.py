"""The GGUF form of a fixture: names, fields and tensors as llama.cpp's converter makes them.

Left out: the tokenizer, which these models do not have, and what only describes a file to people.
"""

import math

import gguf
import numpy
import torch
from safetensors.torch import load_file

_F32, _F16 = gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16


def _common(c):
    """Fields that most architectures share; None is left out."""
    return {
        "block_count": c["num_hidden_layers"], "context_length": c["max_position_embeddings"],
        "embedding_length": c["hidden_size"], "feed_forward_length": c["intermediate_size"],
        "attention.head_count": c["num_attention_heads"],
        "attention.head_count_kv": c.get("num_key_value_heads"),
        "attention.layer_norm_rms_epsilon": c.get("rms_norm_eps"),
        "attention.layer_norm_epsilon": c.get("layer_norm_eps"),
        "attention.key_length": c.get("head_dim"), "attention.value_length": c.get("head_dim"),
        "rope.freq_base": c.get("rope_theta")}


def _linear_rope(c):
    scaling = c.get("rope_scaling") or {}
    if scaling.get("rope_type", scaling.get("type")) != "linear":
        return {}
    return {"rope.scaling.type": "linear", "rope.scaling.factor": scaling["factor"]}


def _llama(c):
    head = c["hidden_size"] // c["num_attention_heads"]
    return _common(c) | _linear_rope(c) | {
        "vocab_size": c["vocab_size"], "rope.dimension_count": head,
        "attention.key_length": head, "attention.value_length": head}


def _gemma(c):
    return _common(c) | _linear_rope(c) | {
        "rope.freq_base": c["rope_theta"] if c["model_type"] == "gemma3_text" else None,
        "rope.freq_base_swa": c.get("rope_local_base_freq"),
        "attention.sliding_window": c.get("sliding_window"),
        "attn_logit_softcapping": c.get("attn_logit_softcapping"),
        "final_logit_softcapping": c.get("final_logit_softcapping")}


def _gpt2(c):
    return {"block_count": c["n_layer"], "context_length": c["n_ctx"],
            "embedding_length": c["n_embd"], "feed_forward_length": 4 * c["n_embd"],
            "attention.head_count": c["n_head"],
            "attention.layer_norm_epsilon": c["layer_norm_epsilon"]}


def _gptneox(c):
    head = c["hidden_size"] // c["num_attention_heads"]
    return _common(c) | {"rope.dimension_count": int(c["rotary_pct"] * head),
                         "use_parallel_residual": c["use_parallel_residual"]}


def _phi2(c):
    rotary = int(c["partial_rotary_factor"] * c["hidden_size"]) // c["num_attention_heads"]
    return _common(c) | {"attention.head_count_kv": c["num_attention_heads"],
                         "rope.freq_base": None, "rope.dimension_count": rotary}


def _phi3(c):
    original = c["original_max_position_embeddings"]
    partial = c.get("partial_rotary_factor", 1.0)
    out = _common(c) | {
        "rope.dimension_count": int(partial * c["hidden_size"]) // c["num_attention_heads"],
        "rope.scaling.original_context_length": original,
        "attention.sliding_window": c["sliding_window"] or 0}
    if c["rope_scaling"]:
        scale = c["max_position_embeddings"] / original
        out["rope.scaling.attn_factor"] = math.sqrt(1 + math.log(scale) / math.log(original))
    return out


def _starcoder2(c):
    return _common(c) | {"attention.layer_norm_epsilon": c["norm_epsilon"]}


def _stablelm(c):
    head = c["hidden_size"] // c["num_attention_heads"]
    return _common(c) | {"rope.freq_base": None,
                         "rope.dimension_count": int(c["partial_rotary_factor"] * head),
                         "use_parallel_residual": c["use_parallel_residual"]}


def _falcon(c):
    return {"block_count": c["num_hidden_layers"], "context_length": 2048,
            "embedding_length": c["hidden_size"], "feed_forward_length": 4 * c["hidden_size"],
            "attention.head_count": c["num_attention_heads"], "attention.head_count_kv": 1,
            "attention.layer_norm_epsilon": c["layer_norm_epsilon"],
            "tensor_data_layout": "jploski"}


def _bert(c):
    return _common(c) | {"attention.causal": False}


def _t5(c):
    return {"block_count": c["num_layers"], "decoder_block_count": c["num_decoder_layers"],
            "context_length": 512, "embedding_length": c["d_model"],
            "feed_forward_length": c["d_ff"], "attention.head_count": c["num_heads"],
            "attention.key_length": c["d_kv"], "attention.value_length": c["d_kv"],
            "attention.layer_norm_epsilon": c["layer_norm_epsilon"],
            "attention.layer_norm_rms_epsilon": c["layer_norm_epsilon"],
            "attention.relative_buckets_count": c["relative_attention_num_buckets"],
            "decoder_start_token_id": c["decoder_start_token_id"]}


_FIELDS = {"llama": _llama, "qwen2": _common, "qwen3": _common, "gemma": _gemma, "gemma2": _gemma,
           "gemma3": _gemma, "gpt2": _gpt2, "gptneox": _gptneox, "phi2": _phi2, "phi3": _phi3,
           "starcoder2": _starcoder2, "stablelm": _stablelm, "falcon": _falcon, "bert": _bert,
           "t5": _t5}


def _interleave(rows, heads):
    """Rotary pairs (i, i + half) of each head become neighbours (2i, 2i + 1)."""
    split = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return split.swapaxes(1, 2).reshape(rows.shape)


def _change(architecture, name, tensor, config):
    if architecture == "llama" and ".q_proj." in name:
        return _interleave(tensor, config["num_attention_heads"])
    if architecture == "llama" and ".k_proj." in name:
        return _interleave(tensor, config["num_key_value_heads"])
    if architecture.startswith("gemma") and name.endswith("norm.weight"):
        return tensor + 1
    if architecture == "gpt2" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
        return tensor.T
    if architecture == "gptneox" and ".query_key_value." in name:
        heads = config["num_attention_heads"]  # [head, q k v, size] becomes [q k v, head, size]
        split = tensor.reshape(heads, 3, tensor.shape[0] // heads // 3, *tensor.shape[1:])
        return split.swapaxes(0, 1).reshape(tensor.shape)
    return tensor


def _rope_tensors(config):
    """Divisors of the rotary frequencies, where a table of them describes the scaling."""
    scaling = config.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type"))
    if kind == "longrope":
        return {"rope_factors_long.weight": scaling["long_factor"],
                "rope_factors_short.weight": scaling["short_factor"]}
    if kind != "llama3":
        return {}
    size = config["hidden_size"] // config["num_attention_heads"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    factors = []
    for i in range(size // 2):
        turns = scaling["original_max_position_embeddings"] / (2 * math.pi) * \
            config["rope_theta"] ** (-2 * i / size)
        smooth = min(1.0, max(0.0, (turns - low) / (high - low)))
        factors.append(1 / ((1 - smooth) / scaling["factor"] + smooth))
    return {"rope_freqs.weight": factors}


def write(fixture, folder, path, extra=None):
    """extra: further fields, as text or numbers, for programs that insist on them."""
    architecture, config = fixture.gguf, fixture.config
    writer = gguf.GGUFWriter(None, architecture)
    writer.add_type("model")
    writer.add_name(fixture.name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    fields = {f"{architecture}.{key}": value
              for key, value in _FIELDS[architecture](config).items()}
    if architecture == "bert":
        fields["tokenizer.ggml.token_type_count"] = config["type_vocab_size"]
    add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32,
           str: writer.add_string}
    for key, value in (fields | (extra or {})).items():
        if value is not None:
            add[type(value)](key, float(value) if key.endswith("freq_base") else value)

    enum = next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == architecture)
    names = gguf.get_tensor_name_map(enum, 16)
    tensors = _rope_tensors(config)
    for name, tensor in load_file(folder / "model.safetensors").items():
        if not name.startswith("pooler."):
            changed = _change(architecture, name, tensor, config)
            tensors[names.get_name(name, try_suffixes=(".weight", ".bias"))] = changed
    for name, values in tensors.items():
        array = torch.as_tensor(values, dtype=torch.float32).numpy()
        vector = array.ndim == 1 or name in ("position_embd.weight", "token_types.weight")
        array = numpy.ascontiguousarray(array if vector else array.astype(numpy.float16))
        writer.add_tensor(name, array, raw_dtype=_F32 if vector else _F16)
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
