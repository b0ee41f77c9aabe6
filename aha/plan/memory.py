"""The bytes that a stage takes at its peak, part by part, from the model's widths and the stage's settings.
The size of a model comes from its config.json alone: no weight is read and nothing heavy is loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

from aha.durable import read_document
from aha.durable.files import processor_abilities
from aha.errors import BadInput
from aha.protocols import Compute, Stage
from aha.stages.annotate import Annotate
from aha.stages.evaluate import Evaluate, parameters
from aha.stages.prefer import Prefer
from aha.stages.pretrain import Pretrain
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.types import micro_tokens_on

TINY = Path(__file__).parent.parent / "assets" / "tiny"
NORMS = 2  # vectors of `width` in each layer
MIXTURES = ("num_experts", "num_local_experts", "n_routed_experts")


@dataclass(frozen=True)
class ModelShape:
    """A decoder by its widths: `width` of hidden states, `inner` of the feed-forward, `size` of one head.
    `latent`: numbers that a layer caches per token if keys and values are compressed (0: `kv_heads` of each). `experts` feed-forwards of
    `expert_inner` are in each layer after the first `dense_layers`; a token goes through `active` of them, besides the `shared_experts`.
    `parameter_count`: parameters counted in the weight files, if they are on this machine."""

    name: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    size: int
    inner: int
    vocabulary: int
    tied: bool = True
    context: int | None = None
    latent: int = 0
    attention: int = 0
    experts: int = 0
    active: int = 0
    shared_experts: int = 0
    expert_inner: int = 0
    dense_layers: int = 0
    parameter_count: int | None = None

    @property
    def embedding(self) -> int:
        """The parameters of the embedding, and of the head if it is not tied to it."""
        return self.vocabulary * self.width * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """The number of all parameters."""
        return self.parameter_count or self._parameters_with(self.experts)

    @property
    def active_parameters(self) -> int:
        """The number of parameters that one token goes through."""
        return self._parameters_with(self.active) if self.experts else self.parameters

    @property
    def linear(self) -> int:
        """The parameters of linear layers, without a head that is tied to the embedding."""
        return self.parameters - self.vocabulary * self.width - self.layers * NORMS * self.width

    @property
    def token_states(self) -> int:
        """The numbers that a cache holds for one token in all layers."""
        return self.layers * (self.latent or 2 * self.kv_heads * self.size)

    def adapter(self, rank: int) -> int:
        """Return the parameters of an adapter of this rank on every linear layer but the head."""
        d, q, kv = self.width, self.heads * self.size, self.kv_heads * self.size
        attention = (d + q) + 2 * (d + kv) + (q + d)
        return self.layers * rank * (attention + (0 if self.experts else 3 * (d + self.inner)))

    def _parameters_with(self, experts: int) -> int:
        d, q, kv = self.width, self.heads * self.size, self.kv_heads * self.size
        attention = self.attention or d * q + 2 * d * kv + q * d
        dense = self.dense_layers if self.experts else self.layers
        moe_layers = self.layers - dense
        ffn = dense * 3 * d * self.inner + moe_layers * ((experts + self.shared_experts) * 3 * d * self.expert_inner + self.experts * d)
        return self.embedding + self.layers * (attention + NORMS * d) + ffn + d

    @classmethod
    def of(cls, config: Mapping[str, Any], name: str) -> ModelShape:
        """Return the shape that a config.json describes. BadInput names the width that is missing."""
        text = config.get("text_config") or config
        settings: dict[str, Any] = {**_GPT2, **text} if text.get("model_type") == "gpt2" else dict(text)
        if settings.get("model_type") == "gpt2":
            settings |= {
                "hidden_size": settings["n_embd"],
                "num_hidden_layers": settings["n_layer"],
                "num_attention_heads": settings["n_head"],
            }
            settings |= {
                "intermediate_size": (settings.get("n_inner") or 4 * settings["n_embd"]) * 2 // 3,
                "max_position_embeddings": settings["n_positions"],
            }
        width, layers, heads = (_whole(settings, name, key) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads"))
        experts = next((int(settings[key]) for key in MIXTURES if settings.get(key)), 0)
        shape = cls(
            name,
            layers,
            width,
            heads,
            int(settings.get("num_key_value_heads") or heads),
            int(settings.get("head_dim") or width // heads),
            _most(settings.get("intermediate_size")) or 4 * width,
            _whole(settings, name, "vocab_size"),
            bool(settings.get("tie_word_embeddings", True)),
            settings.get("max_position_embeddings"),
            experts=experts,
            active=int(settings.get("num_experts_per_tok") or 0) if experts else 0,
            shared_experts=int(settings.get("n_shared_experts") or 0),
            expert_inner=_most(settings.get("moe_intermediate_size") or settings.get("intermediate_size")) if experts else 0,
            dense_layers=int(settings.get("first_k_dense_replace") or 0) if experts else 0,
        )
        rank = int(settings.get("kv_lora_rank") or 0)
        if not rank:
            return shape
        latent, attention = _latent_attention(settings, shape, rank)
        return replace(shape, latent=latent, attention=attention)


_GPT2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024, "vocab_size": 50_257}


def _latent_attention(config: Mapping[str, Any], shape: ModelShape, rank: int) -> tuple[int, int]:
    """Return, for attention with latent keys and values (DeepSeek-V2 and V3), the numbers a layer caches per token, and its parameters."""
    rope, plain, value = (int(config.get(key) or 0) for key in ("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"))
    d, heads, query = shape.width, shape.heads, int(config.get("q_lora_rank") or 0)
    queries = query * (d + heads * (rope + plain)) if query else d * heads * (rope + plain)
    rest = d * (rank + rope) + rank * heads * (plain + value) + heads * value * d
    return rank + rope, queries + rest


def _whole(config: Mapping[str, Any], name: str, key: str) -> int:
    value = config.get(key)
    if not isinstance(value, int) or value < 1:
        raise BadInput(f"{name}: its config.json has no {key}, so nobody can say how large it is; name a size such as 7b")
    return value


def _most(value: Any) -> int:
    """Return a width, the largest if each layer has its own (Gemma 3n), or 0 if there is none."""
    return max(map(int, value), default=0) if isinstance(value, list) else int(value or 0)


def _qwen(name: str, layers: int, width: int, heads: int, kv: int, inner: int, tied: bool = False) -> ModelShape:
    return ModelShape(name, layers, width, heads, kv, 128, inner, 151_936, tied, 131_072)


SHAPES = {  # widths from their config.json
    "0.5b": ModelShape("Qwen2.5-0.5B", 24, 896, 14, 2, 64, 4_864, 151_936, True, 32_768),
    "1.5b": _qwen("Qwen2.5-1.5B", 28, 1_536, 12, 2, 8_960, tied=True),
    "7b": replace(_qwen("Qwen2.5-7B", 28, 3_584, 28, 4, 18_944), vocabulary=152_064),
    "8b": ModelShape("Llama-3.1-8B", 32, 4_096, 32, 8, 128, 14_336, 128_256, False, 131_072),
    "14b": replace(_qwen("Qwen2.5-14B", 48, 5_120, 40, 8, 13_824), vocabulary=152_064),
    "32b": replace(_qwen("Qwen2.5-32B", 64, 5_120, 40, 8, 27_648), vocabulary=152_064),
    "70b": ModelShape("Llama-3.3-70B", 80, 8_192, 64, 8, 128, 28_672, 128_256, False, 131_072),
    "671b": ModelShape.of(
        {"hidden_size": 7_168, "num_hidden_layers": 61, "num_attention_heads": 128, "intermediate_size": 18_432, "vocab_size": 129_280}
        | {"tie_word_embeddings": False, "max_position_embeddings": 163_840, "q_lora_rank": 1_536, "kv_lora_rank": 512}
        | {"qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128, "n_routed_experts": 256, "num_experts_per_tok": 8}
        | {"n_shared_experts": 1, "moe_intermediate_size": 2_048, "first_k_dense_replace": 3},
        "DeepSeek-V3-Base",
    ),
}
SIZES = {
    "Qwen/Qwen2.5-Math-1.5B": "1.5b",
    "Qwen/Qwen2.5-Math-7B": "7b",
    "Qwen/Qwen2.5-14B": "14b",
    "Qwen/Qwen2.5-32B": "32b",
    "meta-llama/Llama-3.1-8B": "8b",
    "meta-llama/Llama-3.3-70B-Instruct": "70b",
    "deepseek-ai/DeepSeek-V3-Base": "671b",
}


def read_shape(model: str) -> ModelShape:
    """Return the shape of "tiny", of a folder, of a hub's model in the cache, or of a size such as 7b. BadInput for any other."""
    if model.lower() in SHAPES:
        return SHAPES[model.lower()]
    folder = TINY if model == "tiny" else Path(model).expanduser()
    folder = folder if folder.is_dir() else _cache_folder(model)
    if (folder / "config.json").is_file():
        config = read_document(folder / "config.json")
        if not isinstance(config, dict):
            raise BadInput(f"{folder / 'config.json'}: holds no JSON object")
        return replace(ModelShape.of(config, model), parameter_count=parameters(folder))
    if model in SIZES:
        return replace(SHAPES[SIZES[model]], name=model)
    raise BadInput(f"model {model}: its config.json is not here, so its size is unknown; name a folder, or a size: {', '.join(SHAPES)}")


def _cache_folder(model: str) -> Path:
    """Return the folder of a model in the hub's cache; a path that does not exist if the model was never downloaded."""
    home = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser() / "hub")
    folder = home / f"models--{model.replace('/', '--')}"
    try:
        return folder / "snapshots" / (folder / "refs" / "main").read_text().strip()
    except (OSError, ValueError, json.JSONDecodeError):
        return folder / "nowhere"


MIB = 1 << 20
WIDTH = {"float32": 4, "bfloat16": 2}
PROMPT = 256  # tokens, if the prompts were not measured
LOGITS = 64 * MIB  # a slice of logits, as `backends.logprobs` and the engine cut them; three of them exist at a time
BUCKET = 1.6  # buffers of a cache over its content: widths grow by steps of 4/3 to 3/2, and room for rows by half
BFLOAT16_UNITS = "avx512_bf16"  # the ability of a processor for which there are compiled products in bfloat16
PAGE = 16  # tokens of a page of the compiled decoder's cache; the last page of a row is half empty on average
PROGRAM = {
    "cpu": 430 * MIB,
    "cuda": 900 * MIB,
}  # Python, torch and transformers, measured on a CPU; on a GPU the context and the allocator's slack


@dataclass(frozen=True)
class Need:
    """The memory-relevant settings of a stage on one device. `rank` 0: all weights are trained. `rows` are sampled at once, each of
    `prompt` + `reply` tokens, and `group` of them have the same prompt; `paged`: rows share the pages of their prompt; `longest`: tokens
    of the longest row in training; `shares`: the engine computes with the learner's own weights."""

    learns: bool = True
    rank: int = 0
    reference: bool = False
    samples: bool = True
    shares: bool = False
    dtype: str = "float32"
    micro_tokens: int = 1_024
    longest: int = 1_024
    checkpointing: bool = False
    rows: int = 0
    prompt: int = PROMPT
    reply: int = 0
    cache_tokens: int = 0
    group: int = 1
    paged: bool = False

    @property
    def cache_size(self) -> int:
        """The tokens of all rows when the cache is fullest."""
        tokens = self.rows * (self.prompt + self.reply)
        return min(tokens, self.cache_tokens) if self.cache_tokens else tokens

    @property
    def cache_room(self) -> int:
        """The tokens that the cache has room for when it is fullest."""
        if not self.paged:
            return int(BUCKET * self.cache_size)
        rows = self.cache_size / max(1, self.prompt + self.reply)
        return ceil(rows / self.group * self.prompt + rows * (self.reply + PAGE / 2))


@dataclass(frozen=True)
class Memory:
    """Bytes by part. `sampling` and `learning` are used in turns, `constant` all the time."""

    constant: dict[str, int]
    sampling: dict[str, int]
    learning: dict[str, int]

    @property
    def peak(self) -> int:
        """The most bytes in use at one time."""
        return sum(self.constant.values()) + max(sum(self.sampling.values()), sum(self.learning.values()))

    @property
    def parts(self) -> dict[str, int]:
        """All parts in one table."""
        return {**self.constant, **self.sampling, **self.learning}


def need_of(stage: Stage, compute: Compute, device: str, width: int, prompt: int = PROMPT) -> Need | None:
    """Return the need of the stage on a device ("cpu" or "cuda"), for hidden states of `width` numbers; None for a kind of stage that
    is not planned."""
    native = compute.dtype == "float32" or BFLOAT16_UNITS in processor_abilities().split()
    plain = device == "cpu" and native and compute.engine == "torch"
    base = Need(
        dtype=compute.dtype,
        micro_tokens=compute.micro_tokens or micro_tokens_on(device, width),
        checkpointing=compute.checkpointing,
        cache_tokens=compute.cache_tokens,
        prompt=prompt,
        paged=plain and compute.kernels in ("auto", "compiled"),
    )
    match stage:
        case Rl():
            reply, rows = stage.sampling.max_tokens, min(compute.rows, stage.questions * stage.samples)
            need = replace(base, rank=stage.lora.rank, reference=stage.loss.needs_reference, rows=rows, reply=reply, group=stage.samples)
            return replace(need, longest=prompt + reply, shares=plain and not stage.lora.rank and stage.lag == 0)
        case Sft():
            return replace(base, rank=stage.lora.rank, samples=False, longest=stage.max_tokens)
        case Prefer():
            return replace(base, samples=False, longest=prompt)
        case Pretrain():
            return replace(base, samples=False, longest=stage.longest)
        case Sample() | Annotate() | Evaluate():
            group = stage.k if isinstance(stage, Evaluate) else 1
            return replace(base, learns=False, rows=compute.rows, reply=stage.sampling.max_tokens, group=group)
    return None


def memory(shape: ModelShape, need: Need, device: str = "cpu", shards: int = 1) -> Memory:
    """Return the bytes on each of `shards` devices that share weights, gradients, moments and the cache between them."""
    constant = {"program": PROGRAM[device]}
    sampling, learning = dict[str, int](), dict[str, int]()
    wide = WIDTH[need.dtype]
    if need.learns:
        trained_parameters = shape.adapter(need.rank) if need.rank else shape.parameters
        base_bytes = _base_bytes(shape, wide) if need.rank else 0
        constant["weights"] = (base_bytes + 4 * trained_parameters) // shards
        constant["Adam"] = 8 * trained_parameters // shards
        learning["gradient"] = 4 * trained_parameters // shards
        tokens = max(need.micro_tokens, need.longest)
        learning["activations"] = activations(shape, need, tokens)
        learning["logits"] = 3 * min(LOGITS, 4 * tokens * shape.vocabulary) + 3 * wide * tokens * shape.width
        if wide == 2 and not need.rank:
            learning["bfloat16 copies"] = 2 * shape.linear // shards
    if need.learns and need.reference:
        constant["reference"] = (shape.adapter(need.rank) * 4 if need.rank else _base_bytes(shape, wide)) // shards
    if need.samples:
        constant["engine"] = 0 if need.shares and shards == 1 else wide * shape.parameters // shards
        if device == "cpu" and (wide == 4 or need.paged):
            sampling["packed weights"] = wide * shape.linear
        sampling["cache"] = need.cache_room * shape.token_states * wide // shards
        sampling["logits of the engine"] = min(LOGITS, 4 * max(1, need.rows) * shape.vocabulary) * 3
    return Memory(constant, sampling, learning)


def activations(shape: ModelShape, need: Need, tokens: int) -> int:
    """Return the bytes that a backward pass over `tokens` keeps: per layer the inputs of both norms, projections and attention (keys,
    values repeated for all heads), and 4 feed-forward widths; with checkpointing, two layers and the input of every layer."""
    wide = WIDTH[need.dtype]
    q, inner = shape.heads * shape.size, (shape.active + shape.shared_experts) * shape.expert_inner if shape.experts else shape.inner
    residual = 4 * 4 * shape.width + 2 * wide * shape.width  # both norms keep input and output, projections their input
    attention = (3 + 2) * wide * q
    layer = residual + attention + 4 * wide * inner
    if need.rank:
        layer += wide * 7 * need.rank
    if need.checkpointing:
        return tokens * (shape.layers * 4 * shape.width + 2 * layer)
    return tokens * shape.layers * layer


def _base_bytes(shape: ModelShape, wide: int) -> int:
    """Return the bytes of a frozen model: linear layers in the dtype of the products, the rest in float32."""
    return wide * shape.linear + 4 * (shape.parameters - shape.linear)
