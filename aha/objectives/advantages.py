"""What each reply is worth against its siblings (paper eq. 3 and its descendants). Lists in, lists out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Literal

AdvantageMode = Literal["group_std", "mean_only", "batch_std", "reinforce++-baseline"]
AGREES = 1e-6  # rewards closer than this are equal: their difference is rounding, and dividing by it would make noise a lesson


@dataclass(frozen=True)
class Advantages:
    """Group rewards to group advantages; `None` (abstained) stays `None` and is left out of every mean and deviation.

    Deviations divide by n - 1, as torch.std does (eq. 3 does not say); `eps` is added to them.
    group_std: (r - mean) / std of the group (eq. 3). mean_only: r - mean (Dr. GRPO). batch_std: (r - mean of the group) / std of
    all rewards (ScaleRL). reinforce++-baseline: r - mean, then divided by its deviation over all samples (its mean is already 0).
    A group that agrees, or has fewer than two left, gets exact zeros; the latter also stays out of the batch's deviation."""

    mode: AdvantageMode = "group_std"
    eps: float = 1e-6

    def __call__(self, groups: Sequence[Sequence[float | None]]) -> list[list[float | None]]:
        differences = [_centre(group) for group in groups]
        divisors = self._divisors(groups, differences)
        return [
            [None if value is None else value / divisor for value in group] for group, divisor in zip(differences, divisors, strict=True)
        ]

    def _divisors(self, groups: Sequence[Sequence[float | None]], deviations: Sequence[Sequence[float | None]]) -> list[float]:
        match self.mode:
            case "mean_only":
                return [1.0] * len(groups)
            case "group_std":
                return [_std(_present(group)) + self.eps for group in deviations]
            case "batch_std":
                return [_std(_together(groups)) + self.eps] * len(groups)
            case "reinforce++-baseline":
                return [_std(_together(deviations)) + self.eps] * len(groups)


def agrees(group: Sequence[float | None]) -> bool:
    """Whether the rewards left are all equal, or fewer than two: nothing can be learned by comparing them."""
    rewards = _present(group)
    return len(rewards) < 2 or max(rewards) - min(rewards) < AGREES


def _centre(group: Sequence[float | None]) -> list[float | None]:
    if agrees(group):
        return [None if reward is None else 0.0 for reward in group]
    mean = _mean(_present(group))
    return [None if reward is None else reward - mean for reward in group]


def _present(group: Sequence[float | None]) -> list[float]:
    return [reward for reward in group if reward is not None]


def _together(groups: Sequence[Sequence[float | None]]) -> list[float]:
    return [value for group in groups if len(_present(group)) > 1 for value in _present(group)]


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


def _std(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    mean = _mean(values)
    return sqrt(fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
