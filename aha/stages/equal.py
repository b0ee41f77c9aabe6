"""Distilling or RL (paper 4.1, Table 6): two ways to teach the same base, measured where both have cost the same.

What learning cost: tokens that were read and written, and the arithmetic that they took.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from math import prod
from pathlib import Path
from statistics import fmean
from typing import Any

from aha.errors import BadInput
from aha.evals.comparison import by_problem
from aha.evals.intervals import PairedComparison, compare_pairs
from aha.evals.samples import GradedSample
from aha.protocols import Backend, Observer
from aha.rundir import Checkpoint, Record, RunDir
from aha.stages.evaluate import Measure
from aha.template import Delimited, Short, Template
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


@dataclass(frozen=True)
class Equal:
    """`taught_of` and `rl_of` are the run directories of a fine-tuning and of RL on the same base. The RL is measured at its first
    checkpoint that cost at least as much arithmetic as the whole fine-tuning, so that equal means not less for RL; `domains` are those
    that both could learn, each asked in the form that it learned. Teaching is charged for what the student did; what the teacher's samples
    cost is not charged."""

    taught_of: str
    rl_of: str
    domains: tuple[str, ...] = ("countdown",)
    reference: bool = True
    taught_template: Template = Delimited()
    rl_template: Template = Short()
    problems: int = 100
    samples: int = 4
    seed: int = 0

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Every reply is kept in `evals`, and is not asked for again."""
        student_run, rl_run = Record(Path(self.taught_of)), Record(Path(self.rl_of))
        last = student_run.checkpoints()[-1]
        size = parameters(last.folder) or 0
        budget = sum(imitation_costs(student_run, size), ComputeCost())
        costs = list(accumulate(rl_costs(rl_run, size, self.reference)))
        chosen = self._chosen(rl_run.checkpoints(), costs, budget)
        student_samples = self._measure(rundir, "distilled", last, self.taught_template, backend, observer)
        rl_samples = self._measure(rundir, "rl", chosen, self.rl_template, backend, observer)
        comparison = self.compare(rl_samples, student_samples)
        rundir.finish(
            {
                "parameters": size,
                "distilled": {"checkpoint": str(last.folder), **asdict(budget), "pass@1": _mean(student_samples, self.domains)},
                "rl": {"checkpoint": str(chosen.folder), **asdict(costs[chosen.rollout]), "pass@1": _mean(rl_samples, self.domains)},
                "difference": {**asdict(comparison.difference), "p": comparison.p, "verdict": comparison.verdict},
            }
        )

    def compare(self, rl_samples: Sequence[GradedSample], student_samples: Sequence[GradedSample]) -> PairedComparison:
        """Return distilled - RL on the same problems of the domains."""
        first, second = (_grades(samples, self.domains) for samples in (rl_samples, student_samples))
        return compare_pairs(first, second, self.seed)

    def _chosen(self, checkpoints: Sequence[Checkpoint], costs: Sequence[ComputeCost], budget: ComputeCost) -> Checkpoint:
        for checkpoint in checkpoints:
            if costs[checkpoint.rollout].flops >= budget.flops:
                return checkpoint
        most = costs[-1].flops if costs else 0.0
        raise BadInput(
            f"the RL cost {most:.2e} operations in all and the fine-tuning {budget.flops:.2e}: equal is at least as much; give the RL more "
            "steps, or the fine-tuning fewer epochs"
        )

    def _measure(
        self, rundir: RunDir, name: str, at: Checkpoint, template: Template, backend: Backend, observer: Observer
    ) -> list[GradedSample]:
        measure = Measure(str(at.folder), "tiny-world", self.samples, self.problems, 1, template, seed=self.seed)
        return measure.ask(backend, observer, rundir.root / "evals" / name)


def _grades(samples: Sequence[GradedSample], domains: Sequence[str]) -> list[list[float]]:
    """Return the grades of each problem's samples, of the domains."""
    problems = by_problem(sample for sample in samples if sample.category in domains)
    return [[sample.grade or 0.0 for sample in samples_of] for samples_of in problems.values()]


def _mean(samples: Sequence[GradedSample], domains: Sequence[str]) -> float:
    return fmean(fmean(grades) for grades in _grades(samples, domains))
