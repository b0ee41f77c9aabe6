"""Claims of the paper, tried: a difference with its 95 % interval over problems, which has to exclude 0 on the claimed side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from aha.errors import BadInput
from aha.evals.intervals import RESAMPLES, Interval, bootstrap


@dataclass(frozen=True)
class PaperClaim:
    """`paper`: what it says, with its numbers. `ours`: what `measured` is, which is claimed to be above 0; `seeds`: in each run."""

    name: str
    paper: str
    ours: str
    measured: Interval
    seeds: tuple[float, ...]

    @property
    def holds(self) -> bool:
        return self.measured.low > 0


def claim(name: str, paper: str, ours: str, differences: Sequence[Sequence[float]], margin: float = 0.0) -> PaperClaim:
    """`differences`: of each run, by problem, the claimed direction up; runs ask the same problems in the same order; their mean counts.
    `margin` is what is allowed to be lost."""
    if len({len(problems) for problems in differences}) != 1:
        raise BadInput(
            f"{name}: runs with {sorted({len(problems) for problems in differences})} problems: the same problems are needed in each"
        )
    means = [fmean(column) + margin for column in zip(*differences, strict=True)]
    return PaperClaim(name, paper, ours, bootstrap(means), tuple(fmean(problems) + margin for problems in differences))


def steps_to(accuracy: Sequence[Sequence[float]], bar: float, steps: int) -> float:
    """The optimizer steps until the mean accuracy of a rollout's groups reaches the bar; twice as many as there were, if never."""
    for rollout, groups in enumerate(accuracy, start=1):
        if groups and fmean(groups) >= bar:
            return float(rollout * steps)
    return 2.0 * len(accuracy) * steps


def fewer_steps(
    slow: Sequence[Sequence[float]], fast: Sequence[Sequence[float]], bar: float, steps: tuple[int, int], seed: int = 0
) -> Interval:
    """Half of the steps that `slow` needs to the bar, less those that `fast` needs, with its interval over resampled groups of each
    rollout."""

    def once(curves: Sequence[Sequence[float]], draw: np.random.Generator | None) -> list[list[float]]:
        return [list(curve) if draw is None else [curve[i] for i in draw.integers(0, len(curve), len(curve))] for curve in curves]

    def gap(draw: np.random.Generator | None) -> float:
        return steps_to(once(slow, draw), bar, steps[0]) / 2 - steps_to(once(fast, draw), bar, steps[1])

    draw = np.random.default_rng(seed)
    low, high = np.percentile([gap(draw) for _ in range(RESAMPLES // 4)], [2.5, 97.5])
    return Interval(gap(None), float(low), float(high))
