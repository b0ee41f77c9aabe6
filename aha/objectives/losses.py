"""The losses of a policy and of imitation, as settings: names, bounds and defaults. `aha.learning` computes them.

r = pi / old, w = old / mu (mu: as sampled), A: advantage.

How a token's loss counts in its optimizer step, as settings. `aha.learning.losses` computes the weights.

The losses of preference models (nature B.3): of two answers the better one scores higher; a safe reply scores above 0.

Settings only; `aha.learning.losses` computes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aha.errors import BadInput

AggregationMode = Literal["seq-mean", "token-mean", "constant", "prompt-mean"]


@dataclass(frozen=True)
class Aggregate:
    """Weights so that sum over M of weight * l is the aggregation; rows without a trained token count nowhere.

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
    its gradient that of the divergence itself. `correction`, `cap`, `band`: see `aha.learning.losses`."""

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
    """Group sequence policy optimization: one ratio for a whole reply, the geometric mean of its tokens' (2507.18071); rows count alike."""

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
    """Clips the importance weight and not the update, so that every token keeps a gradient (2506.13585): l = -sg(min(r, `most`)) A log pi.

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
    """-log sigmoid(s_chosen - s_rejected), the mean over pairs (Bradley and Terry). Only differences matter to it, so `center` times
    (s_chosen + s_rejected)^2 is added, which keeps the scores around 0, where a reward made of them is not saturated."""

    center: float = 0.01

    def __post_init__(self) -> None:
        if self.center < 0:
            raise BadInput(f"center is {self.center}: it pulls scores towards 0, so 0 or more")


@dataclass(frozen=True)
class Pointwise:
    """-log sigmoid(s) of a safe reply and -log sigmoid(-s) of an unsafe one, the mean over replies."""
