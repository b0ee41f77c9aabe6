"""The most that a stage can cost, as far as its settings tell before a run: tokens, arithmetic, disk and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aha.evals.benchmarks import BENCHMARKS
from aha.evals.benchmarks.tiny import GENERAL, REASONING
from aha.protocols import Compute, Stage
from aha.settings import flatten
from aha.stages.annotate import Annotate
from aha.stages.evaluate import Measure, parameters
from aha.stages.prefer import Prefer
from aha.stages.pretrain import Pretrain
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.tasks.reading import count_rows, shards_of, sources_of

TINY = Path(__file__).parent.parent / "assets" / "tiny"
WIDTH = {"float32": 4, "bfloat16": 2}
FORWARD, BACKWARD = 2, 6  # operations per parameter and token


@dataclass(frozen=True)
class Costs:
    """`sampled_tokens` and `learned_tokens` in tokens, `flops` in operations, `disk` and `memory` in bytes; None if it is unknown before
    the run."""

    sampled_tokens: float | None = 0.0
    learned_tokens: float | None = 0.0
    flops: float | None = 0.0
    disk: float | None = 0.0
    memory: float | None = 0.0


UNKNOWN = Costs(None, None, None, None, None)


def costs(stages: Sequence[tuple[str, Stage]], compute: Compute) -> dict[str, Costs]:
    """Return the costs by stage. A model that another stage will make is taken to be as large as the model which that stage starts from."""
    sizes, result = dict[str, int | None](), dict[str, Costs]()
    for name, stage in stages:
        model = str(flatten(stage).get("model", ""))
        sizes[name] = sizes.get(model[1:].partition("/")[0]) if model.startswith("@") else size_of(model)
        result[name] = _of(stage, sizes[name], compute)
    return result


def size_of(model: str) -> int | None:
    """Return the number of parameters of a model; None if it is not a folder with weights on this machine."""
    return parameters(TINY if model == "tiny" else Path(model).expanduser()) if model else None


def checkpoint_bytes(stages: Sequence[tuple[str, Stage]]) -> int:
    """Return the bytes on disk of the largest checkpoint of these stages, as far as their models are on this machine; 0 if none is."""
    return max((checkpoint_of(stage, size_of(str(flatten(stage).get("model", ""))) or 0) for _, stage in stages), default=0)


def checkpoint_of(stage: Stage, size: int) -> int:
    """Return the bytes of weights and two moments, and of the reference if it is ever reset; 0 for a stage that trains nothing."""
    match stage:
        case Rl():
            return size * (12 + (4 if stage.reference_every is not None and stage.loss.needs_reference else 0))
        case Sft() | Prefer() | Pretrain():
            return size * 12
    return 0


def _of(stage: Stage, size: int | None, compute: Compute) -> Costs:
    match stage:
        case Rl():
            return _rl(stage, size, compute)
        case Sft() if (rows := _rows(stage.data)) is not None:
            return _learning(round(rows * stage.epochs) * stage.max_tokens, size, stage.keep_last)
        case Sft():
            return _learning(None, size, stage.keep_last)
        case Prefer():
            return _learning(None, size, stage.keep_last)
        case Sample() | Annotate():
            return _sampling_costs(stage.questions * stage.samples * stage.sampling.max_tokens if stage.questions else None, size, compute)
        case Measure():
            counts = BENCHMARKS[stage.benchmark].generator
            if counts is None:
                return UNKNOWN
            problems, prompts = stage.problems or counts.problems, stage.prompts or counts.prompts
            replies = ((len(REASONING) * problems + len(GENERAL) * prompts) if counts.prompts else problems) * stage.k
            return _sampling_costs(replies * stage.sampling.max_tokens, size, compute)
        case Pretrain():
            return _learning(stage.chunks * stage.chunk_documents * stage.longest, size, 2)
    return UNKNOWN


def _rl(rl: Rl, size: int | None, compute: Compute) -> Costs:
    """Return the costs of RL: a forward pass for each sampled token; three passes, and one of the reference, for each learned token."""
    sampled_tokens = float(rl.rollouts * rl.questions * rl.samples * rl.sampling.max_tokens * rl.filter.rounds)
    learned_tokens = float(rl.rollouts * rl.questions * rl.samples * rl.sampling.max_tokens)
    if size is None:
        return Costs(sampled_tokens, learned_tokens, None, None, None)
    reference = FORWARD if rl.loss.needs_reference else 0
    flops = size * (FORWARD * sampled_tokens + (BACKWARD + reference) * learned_tokens)
    checkpoints = (
        rl.keep_last + (rl.rollouts // rl.keep_every if rl.keep_every else 0) + 1
    )  # the last healthy one, kept while there are signs of trouble
    copies = 4 * 4 + (4 if reference else 0) + WIDTH[compute.dtype]  # weights, gradient, two moments; reference; the engine's
    return Costs(sampled_tokens, learned_tokens, flops, float(checkpoints * checkpoint_of(rl, size)), float(size * copies))


def _learning(tokens: int | None, size: int | None, checkpoints: int) -> Costs:
    """Return the costs of training: memory for weights, gradient and two moments; a checkpoint holds all but the gradient."""
    learned_tokens = None if tokens is None else float(tokens)
    if size is None:
        return Costs(0.0, learned_tokens, None, None, None)
    flops = None if learned_tokens is None else BACKWARD * size * learned_tokens
    return Costs(0.0, learned_tokens, flops, float((checkpoints + 1) * 12 * size), float(4 * 4 * size))


def _sampling_costs(tokens: int | None, size: int | None, compute: Compute) -> Costs:
    """Return the costs of sampling. The disk that rows take is left out, since they are small beside weights."""
    sampled_tokens = None if tokens is None else float(tokens)
    if size is None:
        return Costs(sampled_tokens, 0.0, None, 0.0, None)
    return Costs(
        sampled_tokens, 0.0, None if sampled_tokens is None else FORWARD * size * sampled_tokens, 0.0, float(WIDTH[compute.dtype] * size)
    )


def _rows(data: str) -> int | None:
    """Return the number of rows in the data files, each file counted by its weight; None if there are none on this machine."""
    files = [
        (path, source.weight)
        for source in sources_of(data)
        for path in ([Path(source.place).expanduser()] if Path(source.place).expanduser().is_file() else shards_of(source.place))
    ]
    return round(sum(count_rows(path) * weight for path, weight in files)) or None
