"""What a stage costs at most, as far as its settings say: tokens, arithmetic, disk and memory, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aha.protocols import Compute, Stage
from aha.settings import flatten
from aha.stages.compute import parameters
from aha.stages.pretrain import Pretrain
from aha.stages.rl import Rl

TINY = Path(__file__).parent.parent / "assets" / "tiny"
WIDTH = {"float32": 4, "bfloat16": 2}
FORWARD, LEARNED = 2, 6  # operations a parameter and token


@dataclass(frozen=True)
class Costs:
    """`sampled` and `learned` in tokens, `flops` in operations, `disk` and `memory` in bytes; None: nobody can say before it runs."""

    sampled: float | None = 0.0
    learned: float | None = 0.0
    flops: float | None = 0.0
    disk: float | None = 0.0
    memory: float | None = 0.0


UNKNOWN = Costs(None, None, None, None, None)


def costs(stages: Sequence[tuple[str, Stage]], compute: Compute) -> dict[str, Costs]:
    """By stage. A model that another stage will make is as large as the one that stage begins with."""
    sizes, found = dict[str, int | None](), dict[str, Costs]()
    for name, stage in stages:
        model = str(flatten(stage).get("model", ""))
        sizes[name] = sizes.get(model[1:].partition("/")[0]) if model.startswith("@") else size_of(model)
        found[name] = _of(stage, sizes[name], compute)
    return found


def size_of(model: str) -> int | None:
    """How many parameters; None where the model is not a folder here."""
    return parameters(TINY if model == "tiny" else Path(model).expanduser()) if model else None


def _of(stage: Stage, size: int | None, compute: Compute) -> Costs:
    match stage:
        case Rl():
            return _rl(stage, size, compute)
        case Pretrain():
            return _learning(stage.chunks * stage.chunk_documents * stage.longest, size, 2)
    return UNKNOWN


def _rl(rl: Rl, size: int | None, compute: Compute) -> Costs:
    """Sampling twice what a forward pass of each token costs to read and write; learning three passes, and one of the reference."""
    sampled = float(rl.rollouts * rl.questions * rl.samples * rl.sampling.max_tokens * rl.filter.rounds)
    learned = float(rl.rollouts * rl.questions * rl.samples * rl.sampling.max_tokens)
    if size is None:
        return Costs(sampled, learned, None, None, None)
    reference = FORWARD if rl.loss.needs_reference else 0
    flops = size * (FORWARD * sampled + (LEARNED + reference) * learned)
    kept = rl.keep_last + (rl.rollouts // rl.keep_every if rl.keep_every else 0)
    reset = size * 4 if rl.reference_every is not None else 0
    copies = 4 * 4 + (4 if reference else 0) + WIDTH[compute.dtype]  # weights, gradient, two moments; reference; the engine's
    return Costs(sampled, learned, flops, kept * (3 * 4 * size + reset), float(size * copies))


def _learning(tokens: int, size: int | None, kept: int) -> Costs:
    if size is None:
        return Costs(0.0, float(tokens), None, None, None)
    return Costs(0.0, float(tokens), float(LEARNED * size * tokens), float(kept * 3 * 4 * size), float(4 * 4 * size))
