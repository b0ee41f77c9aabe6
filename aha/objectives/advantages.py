"""What each reply is worth against its siblings (paper eq. 3 and its descendants). Lists in, lists out.

Dynamic sampling: which judged groups are worth an update, and how often to ask again for more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Literal

from aha.errors import BadInput
from aha.types import Abstained, Group, Score

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


@dataclass(frozen=True)
class Filter:
    """`drop_dead` drops groups that agree; `rounds` is the most often a rollout is asked, the first time included;
    `easy_above` drops groups whose share of right replies is at least that (ScaleRL uses 0.9). What is left is trained on."""

    drop_dead: bool = False
    rounds: int = 1
    easy_above: float | None = None

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise BadInput(f"rounds is {self.rounds}: a rollout is asked at least once, so it needs 1 or more")
        if self.easy_above is not None and not 0 < self.easy_above <= 1:
            raise BadInput(f"easy_above is {self.easy_above}: it is a share of right replies, so it lies above 0 and at most at 1")

    def keep(self, groups: Sequence[Group]) -> tuple[list[Group], list[Group]]:
        """(kept, dropped), each in the order given; dropped are dead or too easy."""
        survivors = [group for group in groups if not self._drops(group)]
        return survivors, [group for group in groups if self._drops(group)]

    def _drops(self, group: Group) -> bool:
        return (self.drop_dead and dead(group)) or (self.easy_above is not None and pass_rate(group) >= self.easy_above)


@dataclass(frozen=True)
class Dead:
    """How many groups teach nothing, and of these how many are right, or wrong, in every reply left (the rest is neither: nothing
    is left, or replies of equal reward differ in being right)."""

    groups: int
    right: int
    wrong: int


def count_dead(groups: Sequence[Group]) -> Dead:
    """The zero-variance groups, all-right and all-wrong apart: the first say the questions are too easy, the second too hard."""
    rates = [pass_rate(group) for group in groups if dead(group) and any(_has_score(group))]
    return Dead(sum(dead(group) for group in groups), rates.count(1.0), rates.count(0.0))


def dead(group: Group) -> bool:
    """Whether its rewards agree, or fewer than two are left after abstentions."""
    return agrees([None if isinstance(score.total, Abstained) else score.total for score in group.scores])


def pass_rate(group: Group) -> float:
    """The share of right replies among those that were judged; 0 where none was."""
    scores = [score for score in group.scores if not isinstance(score.total, Abstained)]
    return sum(map(_right, scores)) / len(scores) if scores else 0.0


def _has_score(group: Group) -> list[bool]:
    return [not isinstance(score.total, Abstained) for score in group.scores]


def _right(score: Score) -> bool:
    """By the part named accuracy; where there is none, by a total above 0."""
    values = [part.value for part in score.parts if part.name == "accuracy"] or [score.total]
    return all(not isinstance(value, Abstained) and value > 0 for value in values)
