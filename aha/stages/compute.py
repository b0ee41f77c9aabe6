"""What learning cost: tokens that were read and written, and the arithmetic that they took."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from aha.rundir import Record
from aha.types import Abstained, Group

FORWARD, BACKWARD = 2, 4  # operations a parameter and token


@dataclass(frozen=True)
class ComputeCost:
    """`sampled`: tokens that were written; `read`: of prompts, while sampling; `learned`: tokens in updates, prompts included."""

    sampled: int = 0
    read: int = 0
    learned: int = 0
    flops: float = 0.0

    def __add__(self, other: ComputeCost) -> ComputeCost:
        return ComputeCost(self.sampled + other.sampled, self.read + other.read, self.learned + other.learned, self.flops + other.flops)


def parameters(folder: Path) -> int | None:
    """How many the model has, from the headers of its safetensors; None where there are none."""
    files = sorted(folder.glob("model*.safetensors")) if folder.is_dir() else []
    return sum(map(_parameter_count, files)) or None


def imitation_costs(record: Record, size: int) -> list[ComputeCost]:
    """Of each step of a fine-tuning: one forward and one backward pass."""
    steps = [int(line.get("tokens", 0)) for line in record.timings()]
    return [ComputeCost(learned=tokens, flops=float(size) * tokens * (FORWARD + BACKWARD)) for tokens in steps]


def rl_costs(record: Record, size: int, reference: bool) -> list[ComputeCost]:
    """Of each rollout of RL: sampling, and learning from the groups that do not agree, with a pass of the reference where there is one."""
    return [_rollout(record.read_groups(int(line["rollout"])), size, reference) for line in record.metrics()]


def _rollout(groups: Iterable[Group], size: int, reference: bool) -> ComputeCost:
    sampled = read = learned = 0
    for group in groups:
        tokens = sum(len(completion.tokens) for completion in group.completions)
        sampled, read = sampled + tokens, read + len(group.prompt)
        learned += 0 if _agrees(group) else len(group.prompt) * len(group.completions) + tokens
    passes = FORWARD + BACKWARD + (FORWARD if reference else 0)
    return ComputeCost(sampled, read, learned, float(size) * (FORWARD * (sampled + read) + passes * learned))


def _agrees(group: Group) -> bool:
    return len({score.total for score in group.scores if not isinstance(score.total, Abstained)}) < 2


def _parameter_count(path: Path) -> int:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header: dict[str, Any] = json.loads(file.read(min(length, 1 << 26)))
    return sum(prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
