"""Bytes that a stage takes at its peak, part by part, from the model's widths and the stage's settings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aha.plan.shapes import ModelShape
from aha.protocols import Compute, Stage
from aha.stages.annotate import Annotate
from aha.stages.evaluate import Evaluate
from aha.stages.prefer import Prefer
from aha.stages.pretrain import Pretrain
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft

MIB = 1 << 20
WIDTH = {"float32": 4, "bfloat16": 2}
PROMPT = 256  # tokens, where nobody has measured the prompts
LOGITS = 64 * MIB  # a slice of logits, as `backends.logprobs` cuts them; three such are alive at a time
BUCKET = 1.6  # of what lies in a cache's buffers: widths grow by steps of 4/3 to 3/2, and room for rows by half
PROGRAM = {
    "cpu": 390 * MIB,
    "cuda": 900 * MIB,
}  # Python, torch and transformers, measured on a CPU; on a GPU the context and the allocator's slack
MICRO_TOKENS = {"cpu": 1_024, "cuda": 16_384}


@dataclass(frozen=True)
class Need:
    """What a stage asks of one device. `rank` 0: all weights learn. `rows` are sampled at once, each of `prompt` + `reply` tokens;
    `longest`: tokens of the longest row that is learned."""

    learns: bool = True
    rank: int = 0
    reference: bool = False
    samples: bool = True
    dtype: str = "float32"
    micro_tokens: int = 1_024
    longest: int = 1_024
    checkpointing: bool = False
    rows: int = 0
    prompt: int = PROMPT
    reply: int = 0
    cache_tokens: int = 0

    @property
    def cache_size(self) -> int:
        """Tokens in the cache at its fullest."""
        tokens = self.rows * (self.prompt + self.reply)
        return min(tokens, self.cache_tokens) if self.cache_tokens else tokens


@dataclass(frozen=True)
class Memory:
    """Bytes by part. Those of `sampling` and `learning` are taken in turns, the others all the time."""

    constant: dict[str, int]
    sampling: dict[str, int]
    learning: dict[str, int]

    @property
    def peak(self) -> int:
        """The most at one time."""
        return sum(self.constant.values()) + max(sum(self.sampling.values()), sum(self.learning.values()))

    @property
    def parts(self) -> dict[str, int]:
        """All parts in one table."""
        return {**self.constant, **self.sampling, **self.learning}


def need_of(stage: Stage, compute: Compute, device: str, prompt: int = PROMPT) -> Need | None:
    """What the stage asks of a device ("cpu" or "cuda"); None of a stage that only calculates."""
    base = Need(
        dtype=compute.dtype,
        micro_tokens=compute.micro_tokens or MICRO_TOKENS[device],
        checkpointing=compute.checkpointing,
        cache_tokens=compute.cache_tokens,
        prompt=prompt,
    )
    match stage:
        case Rl():
            reply, rows = stage.sampling.max_tokens, min(compute.rows, stage.questions * stage.samples)
            need = replace(base, rank=stage.lora.rank, reference=stage.loss.needs_reference, rows=rows, reply=reply)
            return replace(need, longest=prompt + reply)
        case Sft():
            return replace(base, rank=stage.lora.rank, samples=False, longest=stage.max_tokens)
        case Prefer():
            return replace(base, samples=False, longest=prompt)
        case Pretrain():
            return replace(base, samples=False, longest=stage.longest)
        case Sample() | Annotate() | Evaluate():
            return replace(base, learns=False, rows=compute.rows, reply=stage.sampling.max_tokens)
    return None


def memory(shape: ModelShape, need: Need, device: str = "cpu", shards: int = 1) -> Memory:
    """Bytes on each of `shards` devices that share weights, gradients, moments and the cache between them."""
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
        constant["engine"] = wide * shape.parameters // shards
        sampling["cache"] = int(BUCKET * need.cache_size * shape.token_states * wide) // shards
        sampling["logits of the engine"] = min(LOGITS, 4 * max(1, need.rows) * shape.vocabulary) * 3
    return Memory(constant, sampling, learning)


def activations(shape: ModelShape, need: Need, tokens: int) -> int:
    """What the backward pass needs of so many tokens: by layer the inputs of both norms, of the projections and of attention (keys and
    values repeated for every head that shares them), and four of the feed-forward's width; recomputed, one layer's and each one's input."""
    wide = WIDTH[need.dtype]
    q, inner = shape.heads * shape.size, (shape.active + shape.shared_experts) * shape.expert_inner if shape.experts else shape.inner
    residual = 4 * 4 * shape.width + 2 * wide * shape.width  # both norms keep what they read and what it comes to; projections their input
    attention = (3 + 2) * wide * q
    layer = residual + attention + 4 * wide * inner
    if need.rank:
        layer += wide * 7 * need.rank
    if need.checkpointing:
        return tokens * (shape.layers * 4 * shape.width + 2 * layer)
    return tokens * shape.layers * layer


def _base_bytes(shape: ModelShape, wide: int) -> int:
    """Bytes of a model that does not learn: linear layers in the type of the products, the rest in float32."""
    return wide * shape.linear + 4 * (shape.parameters - shape.linear)
