"""Random weights for a fixture, and what transformers computes from them in float64.

transformers computes some steps in float32 whatever the model's type: norms, softmax, rotary
tables. `float64_everywhere` gives the name float32 to float64 while a model runs, and
`_RefuseFloat32` fails on the first tensor that is float32 nevertheless.
"""

import contextlib
import copy
import json
import pathlib
import shutil
import tempfile

import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode



def _tokens(state, count):
    """Congruential, so that no other language needs a library to repeat it."""
    out = []
    for _ in range(count):
        state = (state * 75 + 74) % 65537
        out.append(state % 93 + 3)
    return out


TOKENS = _tokens(1, 40)
DECODER_TOKENS = [0] + TOKENS[:-1]  # one for each of the encoder's
DECODER_PREFIX = [0] + _tokens(2, 19)  # what the greedy continuation goes on from
GREEDY_TOKENS = 12
ABLATION_MIN = 1e-2
GREEDY_LEAD_MIN = 1e-2


class _RefuseFloat32(TorchDispatchMode):
    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        out = operation(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(tensor, torch.Tensor) and tensor.dtype == _FLOAT32:
                raise AssertionError(f"{operation} computed in float32")
        return out


_FLOAT32 = torch.float32


@contextlib.contextmanager
def float64_everywhere():
    to_float = torch.Tensor.float
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float = torch.Tensor.double
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad(), _RefuseFloat32():
            yield
    finally:
        torch.float32 = torch.float = _FLOAT32
        torch.Tensor.float = to_float
        torch.set_default_dtype(_FLOAT32)


def model_class(config):
    return getattr(transformers, config["architectures"][0])


def is_gemma(config):
    return config["model_type"].startswith("gemma")


def random_parameter(name, shape, config, query_gain, generator):
    """Every norm and bias differs from its neutral value; matrices keep the size of their input."""
    draw = torch.randn(shape, generator=generator, dtype=torch.float64)
    lower = name.lower()
    if name.endswith("bias") or (len(shape) == 1 and name.endswith("beta")):
        draw *= 0.4
    elif len(shape) == 1 and is_gemma(config):
        draw = (draw * 0.3 * 256).round() / 256  # so that GGUF's 1 + w is exact
    elif len(shape) == 1:
        draw = draw * 0.3 + 1.0
    elif "relative_attention_bias" in lower:
        draw *= 1.5
    elif any(part in lower for part in ("embed", "wte", "shared")) and "lm_head" not in lower:
        draw *= 0.25 if is_gemma(config) else 0.5 if config["model_type"] == "t5" else 0.8
    elif "wpe" in lower or "position_emb" in lower or "token_type" in lower:
        draw *= 0.5
    else:
        transposed = config["model_type"] == "gpt2" and "lm_head" not in lower
        fan_in = shape[0] if transposed else shape[-1]
        queries = ("q_proj", "k_proj", ".q.weight", ".k.weight", "query.weight", "key.weight",
                   "qkv", "c_attn", "query_key_value")
        draw *= (query_gain if any(part in lower for part in queries) else 1.4) / fan_in**0.5
        if config["model_type"] == "t5" and (".q.weight" in lower):
            draw *= config["d_kv"] ** -0.5  # there is no scaling of the scores
    # Eight significant bits: exact in F32, F16 and BF16, so that all forms hold the same function.
    return draw.to(torch.bfloat16).to(torch.float16).to(_FLOAT32)


def write_folder(fixture, folder):
    """config.json in the published style, model.safetensors, and config.v5.json."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config_path = folder / "config.json"
    config_path.write_text(json.dumps(fixture.config, indent=1) + "\n")
    model = model_class(fixture.config)(transformers.AutoConfig.from_pretrained(folder))
    untied_t5 = fixture.config["model_type"] == "t5" and not fixture.config["tie_word_embeddings"]
    if untied_t5:  # transformers 5 ties when it makes such a model; published files are not tied
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
        model.all_tied_weights_keys.pop("lm_head.weight")
    generator = torch.Generator().manual_seed(fixture.seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            parameter.copy_(random_parameter(
                name, parameter.shape, fixture.config, fixture.query_gain, generator))
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "model.safetensors").chmod(0o644)
    config_path.rename(folder / "config.v5.json")
    config_path.write_text(json.dumps(fixture.config, indent=1) + "\n")


def load(config, folder):
    """The model in float64 from the files of a folder, with its own tables rebuilt in float64."""
    own = transformers.AutoConfig.from_pretrained(folder)
    if config is not None:
        own = type(own).from_dict(dict(config))
    own._attn_implementation = "eager"
    architecture = own.architectures[0]
    model, info = getattr(transformers, architecture).from_pretrained(
        folder, config=own, attn_implementation="eager", dtype=_FLOAT32, output_loading_info=True)
    if config is None:
        assert not info["missing_keys"] and not info["unexpected_keys"], info
    model = model.eval().double()
    with float64_everywhere():
        for module in model.modules():
            tables = [n for n, _ in module.named_buffers(recurse=False) if "inv_freq" in n]
            if tables:
                fresh = type(module)(model.config)
                for name in tables:
                    setattr(module, name, getattr(fresh, name))
            if hasattr(module, "scalar_embed_scale"):
                module.embed_scale = torch.tensor(module.scalar_embed_scale)
    return model


class Sites:
    """Residual streams at the borders of the sub-blocks, by name, as a model runs."""

    def __init__(self):
        self.streams, self._handles = {}, []

    def keep(self, name, tensor):
        self.streams[name] = (tensor[0] if isinstance(tensor, tuple) else tensor)[0].detach()

    def entry(self, module, name):
        def hook(_, args, kwargs):
            self.keep(name, args[0] if args else kwargs["hidden_states"])
        self._handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))

    def exit(self, module, name):
        self._handles.append(module.register_forward_hook(
            lambda _, args, out: self.keep(name, out)))

    def exit_plus_entry(self, module, block_entry, name):
        def hook(_, args, out):
            self.streams[name] = (out[0] if isinstance(out, tuple) else out)[0] + \
                self.streams[block_entry]
        self._handles.append(module.register_forward_hook(hook))

    def close(self):
        for handle in self._handles:
            handle.remove()


def watch(model, config):
    sites, family = Sites(), config["model_type"]
    if family == "t5":
        for stack, letter in ((model.encoder, "enc."), (model.decoder, "dec.")):
            for i, block in enumerate(stack.block):
                if i == 0:
                    sites.entry(block, f"{letter}embed")
                labels = ["post_attn", "post_mlp"] if letter == "enc." else \
                    ["post_attn", "post_cross", "post_mlp"]
                for layer, label in zip(block.layer, labels, strict=True):
                    sites.exit(layer, f"{letter}L{i}.{label}")
            sites.exit(stack.final_layer_norm, f"{letter}final")
        return sites
    if family == "bert":
        sites.exit(model.embeddings, "embed")
        for i, layer in enumerate(model.encoder.layer):
            sites.exit(layer.attention.output, f"L{i}.post_attn")
            sites.exit(layer, f"L{i}.post_mlp")
        return sites
    base = model.base_model
    blocks = base.h if hasattr(base, "h") else base.layers
    for i, block in enumerate(blocks):
        entry = f"L{i - 1}.post_mlp" if i > 0 else "embed"
        sites.entry(block, entry)
        if family in ("phi", "falcon") or config.get("use_parallel_residual"):
            attention = next(getattr(block, name) for name in
                             ("self_attn", "attention", "self_attention") if hasattr(block, name))
            sites.exit_plus_entry(attention, entry, f"L{i}.post_attn")
        else:
            second_norm = next(
                getattr(block, name) for name in
                ("pre_feedforward_layernorm", "ln_2", "post_attention_layernorm")
                if hasattr(block, name))
            sites.entry(second_norm, f"L{i}.post_attn")
        sites.exit(block, f"L{i}.post_mlp")
    final = next(getattr(base, name) for name in ("norm", "ln_f", "final_layer_norm",
                                                  "final_layernorm") if hasattr(base, name))
    sites.exit(final, "final")
    return sites


def outputs(model, config, tokens=TOKENS, decoder_tokens=DECODER_TOKENS, token_types=None):
    """Logits of every position, or final states of an encoder, [positions, width]."""
    ids = torch.tensor([tokens])
    family = config["model_type"]
    if family == "t5":
        return model(input_ids=ids, decoder_input_ids=torch.tensor([decoder_tokens]),
                     use_cache=False).logits[0]
    if family == "bert":
        return model(input_ids=ids, token_type_ids=torch.tensor([token_types]))
    return model(input_ids=ids, use_cache=False).logits[0]


def _norms(streams, position):
    return {name: stream[position].norm().item() for name, stream in streams.items()}


def _greedy(model, config, decoder):
    """Twelve tokens, each from the whole sequence anew, and the smallest lead of a chosen token."""
    tokens, chosen, lead = list(DECODER_PREFIX if decoder else TOKENS), [], float("inf")
    for _ in range(GREEDY_TOKENS):
        with float64_everywhere():
            logits = outputs(model, config, decoder_tokens=tokens) if decoder else \
                outputs(model, config, tokens)
        top = logits[-1].topk(2)
        lead = min(lead, (top.values[0] - top.values[1]).item())
        chosen.append(top.indices[0].item())
        tokens.append(chosen[-1])
    return chosen, lead


def bert_token_types():
    return [0] * 23 + [1] * (len(TOKENS) - 23)


def reference(fixture, folder, fields=None):
    """What reference.json holds; with fields, for config.json with these fields replaced."""
    config = fixture.config | (fields or {})
    model = load(config if fields else None, folder)
    sites = watch(model, config)
    with float64_everywhere():
        out = outputs(model, config, token_types=bert_token_types())
    sites.close()
    streams = sites.streams
    versions = f"transformers {transformers.__version__}, PyTorch {torch.__version__.split('+')[0]}"
    result = {"generator": f"{versions}, float64 throughout, eager attention",
              "seed": fixture.seed, "tokens": TOKENS}
    if fields:
        result["config_fields"] = fields
    if config["model_type"] == "bert":
        result["token_types"] = bert_token_types()
        final = out.last_hidden_state[0]
        result |= {"final_l2": final.norm(dim=-1).tolist(), "final_first": final[0].tolist(),
                   "final_last": final[-1].tolist(), "pooler": out.pooler_output[0].tolist()}
        with float64_everywhere():
            plain = outputs(model, config, token_types=[0] * len(TOKENS)).last_hidden_state[0]
        result["final_l2_token_types_0"] = plain.norm(dim=-1).tolist()
        result["final_last_token_types_0"] = plain[-1].tolist()
        result["sites_last_token_l2"] = _norms(streams, -1)
        return result
    decoder = config["model_type"] == "t5"
    ids = DECODER_TOKENS if decoder else TOKENS
    if decoder:
        final = streams["enc.final"]
        result |= {"decoder_tokens": ids, "greedy_prefix": DECODER_PREFIX, "encoder_final_l2": final.norm(dim=-1).tolist(),
                   "encoder_final_first": final[0].tolist(),
                   "encoder_final_last": final[-1].tolist()}
    nll = torch.nn.functional.cross_entropy(out[:-1], torch.tensor(ids[1:]), reduction="sum").item()
    greedy, lead = _greedy(model, config, decoder)
    assert lead > GREEDY_LEAD_MIN, f"{fixture.name}: greedy token leads by {lead} only"
    result |= {"last_logits": out[-1].tolist(), "last_logits_l2": out[-1].norm().item(),
               "nll_nats": nll, "nll_mean_nats": nll / (len(ids) - 1),
               "sites_last_token_l2": _norms(streams, -1),
               f"greedy{GREEDY_TOKENS}": greedy, "greedy_lead_min": lead}
    return result


def _last(out):
    return torch.cat([out.last_hidden_state[0, -1], out.pooler_output[0]]) if \
        hasattr(out, "pooler_output") else out[-1]


def _run(model, config):
    with float64_everywhere():
        return _last(outputs(model, config, token_types=bert_token_types()))


def check_v5_config(fixture, folder):
    """config.v5.json must describe the same function as config.json."""
    with tempfile.TemporaryDirectory() as scratch:
        other = pathlib.Path(scratch)
        shutil.copy(folder / "model.safetensors", other)
        shutil.copy(folder / "config.v5.json", other / "config.json")
        same = torch.equal(_run(load(None, other), fixture.config),
                           _run(load(None, folder), fixture.config))
    assert same, f"{fixture.name}: config.v5.json means another model than config.json"


def ablations(fixture, folder):
    """Relative change of the last logits under each ablation; each must be seen."""
    plain = load(None, folder)
    base, changes = _run(plain, fixture.config), {}
    for label, fields in fixture.config_ablations.items():
        config = fixture.config | fields
        changes[label] = _run(load(config, folder), config)
    for value, parts in ((0.0, fixture.zeroed), (1.0, fixture.ones)):
        for part in parts:
            model, touched = copy.deepcopy(plain), False
            for name, parameter in model.named_parameters():
                if part in name:
                    parameter.data.fill_(value)
                    touched = True
            assert touched, f"{fixture.name}: no parameter has {part} in its name"
            changes[f"{part} = {value:g}"] = _run(model, fixture.config)
    changes = {label: ((out - base).norm() / base.norm()).item() for label, out in changes.items()}
    for label, change in changes.items():
        assert change > ABLATION_MIN, f"{fixture.name}: {label} moves the logits by {change} only"
    return changes


def float32_errors(fixture, folder):
    """Largest relative error of the last logits: all in float32 as transformers does by itself, and
    with only its tables in float32."""
    base = _run(load(None, folder), fixture.config)
    single = model_class(fixture.config).from_pretrained(
        folder, attn_implementation="eager", dtype=_FLOAT32).eval()
    with torch.no_grad():
        all32 = _last(outputs(single, fixture.config, token_types=bert_token_types())).double()
    tables = load(None, folder)
    for module in tables.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.is_floating_point():
                setattr(module, name, buffer.to(_FLOAT32).double())
    tables32 = _run(tables, fixture.config)
    return tuple(((out - base).norm() / base.norm()).item() for out in (all32, tables32))
