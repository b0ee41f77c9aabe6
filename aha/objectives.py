"""The objective as settings and plain lists: advantages, filters, losses, aggregation, importance correction. No tensor.

Advantages compare each reply with its siblings (paper eq. 3 and its descendants). Filters are dynamic sampling: they choose the judged
groups for an update, and limit how often more are sampled. `aha.learning` computes the losses from their settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Literal

from aha.errors import BadInput, Ratio
from aha.types import Abstained, Group, Score

AdvantageMode = Literal["group_std", "mean_only", "batch_std", "reinforce++-baseline"]
AGREES = 1e-6  # rewards closer than this are equal: their difference is rounding, and dividing by it would train on noise


@dataclass(frozen=True)
class Advantages:
    """The conversion of group rewards to advantages; `None` (abstained) stays `None` and is left out of every mean and deviation.

    Deviations divide by n - 1, as torch.std does (eq. 3 does not say); `eps` is added to them. group_std: (r - mean) / std of the group
    (eq. 3). mean_only: r - mean (Dr. GRPO). batch_std: (r - mean of the group) / std of all rewards (ScaleRL). reinforce++-baseline: r -
    mean, then divided by its deviation over all samples (its mean is already 0). A group that agrees, or has fewer than two rewards left,
    gets exact zeros; the latter is also left out of the batch's deviation."""

    mode: AdvantageMode = "group_std"
    eps: Ratio = 1e-6

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
    """Return True if the rewards left are all equal, or fewer than two: comparing them teaches nothing."""
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
    """`drop_dead` drops groups that agree; `rounds` is the most sampling rounds of a rollout, the first one included;
    `easy_above` drops groups whose share of right replies is at least that (ScaleRL uses 0.9). The other groups are trained on."""

    drop_dead: bool = False
    rounds: int = 1
    easy_above: float | None = None

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise BadInput(f"rounds is {self.rounds}: a rollout is asked at least once, so it needs 1 or more")
        if self.easy_above is not None and not 0 < self.easy_above <= 1:
            raise BadInput(f"easy_above is {self.easy_above}: it is a share of right replies, so it lies above 0 and at most at 1")

    def keep(self, groups: Sequence[Group]) -> tuple[list[Group], list[Group]]:
        """Return (kept, dropped) groups, each in the given order; the dropped ones are dead or too easy."""
        survivors = [group for group in groups if not self._drops(group)]
        return survivors, [group for group in groups if self._drops(group)]

    def _drops(self, group: Group) -> bool:
        return (self.drop_dead and dead(group)) or (self.easy_above is not None and pass_rate(group) >= self.easy_above)


@dataclass(frozen=True)
class Dead:
    """The number of groups that teach nothing, and of these the numbers with every reply left right, or wrong (the rest is neither:
    no reply is left, or right and wrong replies have the same reward)."""

    groups: int
    right: int
    wrong: int


def count_dead(groups: Sequence[Group]) -> Dead:
    """Count the zero-variance groups, all-right and all-wrong apart: the first mean too easy questions, the second too hard ones."""
    rates = [pass_rate(group) for group in groups if dead(group) and any(_has_score(group))]
    return Dead(sum(dead(group) for group in groups), rates.count(1.0), rates.count(0.0))


def dead(group: Group) -> bool:
    """Return True if the group's rewards agree, or fewer than two are left after abstentions."""
    return agrees([None if isinstance(score.total, Abstained) else score.total for score in group.scores])


def pass_rate(group: Group) -> float:
    """Return the share of right replies among those that were judged; 0 if none was."""
    scores = [score for score in group.scores if not isinstance(score.total, Abstained)]
    return sum(map(_right, scores)) / len(scores) if scores else 0.0


def _has_score(group: Group) -> list[bool]:
    return [not isinstance(score.total, Abstained) for score in group.scores]


def _right(score: Score) -> bool:
    """Return True if the part named accuracy is above 0, or, without such a part, the total."""
    values = [part.value for part in score.parts if part.name == "accuracy"] or [score.total]
    return all(not isinstance(value, Abstained) and value > 0 for value in values)


AggregationMode = Literal["seq-mean", "token-mean", "constant", "prompt-mean"]


@dataclass(frozen=True)
class Aggregate:
    """Weights such that the sum over M of weight * l is the aggregate; rows without a trained token do not count.

    seq-mean: mean over rows of the mean over a row's tokens (DeepSeekMath). token-mean: mean over all tokens (DAPO).
    constant: sum over tokens / (rows * `length`), `length` fixed for the run (Dr. GRPO). prompt-mean: mean over groups of the
    mean over a group's tokens (ScaleRL)."""

    mode: AggregationMode = "seq-mean"
    length: int | None = None

    def __post_init__(self) -> None:
        if self.mode == "constant" and (self.length is None or self.length < 1):
            raise BadInput(f'constant_length is {self.length}: aggregation "constant" divides by it, so set it to the longest reply')


CorrectionMode = Literal["none", "token-tis", "icepop", "seq-geo"]


@dataclass(frozen=True)
class CrossEntropy:
    """The negative log-probability of each trained token, for pretraining and imitation."""


@dataclass(frozen=True)
class Grpo:
    """Group relative policy optimization (paper eq. 1, read per token), with the k3 divergence from the reference in the loss (eq. 2).

    `clip_low`, `clip_high`: r counts up to 1 - low and 1 + high. `dual_clip`: where A < 0, the loss is at most -c A; nothing else
    bounds it there. `kl`: the weight of the divergence; 0 never looks at the reference. `kl_unbiased` multiplies it by r, which makes
    its gradient that of the divergence itself. `correction`, `cap`, `band`: see `aha.learning`."""

    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float | None = 3.0
    kl: float = 0.001
    kl_unbiased: bool = False
    aggregation: AggregationMode = "seq-mean"
    constant_length: int | None = None
    correction: CorrectionMode = "none"
    cap: float = 2.0
    band: tuple[float, float] = (0.5, 5.0)

    def __post_init__(self) -> None:
        _check(self.clip_low, self.clip_high, self.kl, self.aggregate)
        if self.dual_clip is not None and self.dual_clip <= 1:
            raise BadInput(f"dual_clip is {self.dual_clip}: at 1 or below it stops every push away from a wrong reply, so 3 is usual")

    @property
    def needs_reference(self) -> bool:
        return self.kl > 0

    @property
    def aggregate(self) -> Aggregate:
        """The weight of each trained token in an optimizer step."""
        return Aggregate(self.aggregation, self.constant_length)


@dataclass(frozen=True)
class Gspo:
    """Group sequence policy optimization: one ratio per reply, the geometric mean of its tokens' (2507.18071); rows have equal weight."""

    clip_low: float = 3e-4
    clip_high: float = 4e-4
    kl: float = 0.0

    def __post_init__(self) -> None:
        _check(self.clip_low, self.clip_high, self.kl, self.aggregate)

    @property
    def needs_reference(self) -> bool:
        return self.kl > 0

    @property
    def aggregate(self) -> Aggregate:
        return Aggregate("seq-mean")


@dataclass(frozen=True)
class Cispo:
    """Clip the importance weight and not the update, so that every token keeps a gradient (2506.13585): l = -sg(min(r, `most`)) A log pi.

    `most` is the largest weight itself, not its distance from 1."""

    most: float = 5.0
    aggregation: AggregationMode = "token-mean"
    constant_length: int | None = None

    def __post_init__(self) -> None:
        _check(0.0, self.most, 0.0, self.aggregate)

    @property
    def needs_reference(self) -> bool:
        return False

    @property
    def aggregate(self) -> Aggregate:
        return Aggregate(self.aggregation, self.constant_length)


def _check(low: float, high: float, kl: float, _: Aggregate) -> None:
    if not 0 <= low <= 1 or high < 0:
        raise BadInput(f"clip_low is {low} and clip_high {high}: r counts between 1 - low and 1 + high, so 0 <= low <= 1 and high >= 0")
    if kl < 0:
        raise BadInput(f"kl is {kl}: a negative weight drives the policy away from the reference, so 0 or more is right")


@dataclass(frozen=True)
class Pairwise:
    """The loss -log sigmoid(s_chosen - s_rejected), the mean over pairs (Bradley and Terry). It depends only on differences, so `center`
    times (s_chosen + s_rejected)^2 is added, which keeps the scores around 0, where a reward made from them is not saturated."""

    center: float = 0.01

    def __post_init__(self) -> None:
        if self.center < 0:
            raise BadInput(f"center is {self.center}: it pulls scores towards 0, so 0 or more")


@dataclass(frozen=True)
class Pointwise:
    """The loss -log sigmoid(s) of a safe reply and -log sigmoid(-s) of an unsafe one, the mean over replies."""
