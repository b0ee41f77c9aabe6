"""The losses: each a frozen dataclass whose fields are its settings and whose call gives sum over M of weight * l, and metrics.

Every metric is a piece's contribution to a mean over the whole step's trained tokens ("loss": to the step's loss), so the metrics
of a step are the plain sums of those of its micro-batches. r = pi / old, w = old / mu (mu: as sampled), A: advantage.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aha.batch import Batch, PolicyBatch
from aha.errors import BadInput
from aha.objectives.aggregation import Aggregate, AggregationMode
from aha.objectives.correction import EXPONENT, CorrectionMode, correct, effective, ratio, row_mean
from aha.protocols import Metrics, Outputs

KL_MOST = 10.0


@dataclass(frozen=True)
class CrossEntropy:
    """The negative log-probability of each trained token, for pretraining and imitation."""

    def __call__(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
        loss = (batch.weight_M * -outputs.logp_M).sum()
        return loss, _metrics(loss, outputs, batch, {})


@dataclass(frozen=True)
class Grpo:
    """Group relative policy optimization (paper eq. 1, read per token), with the k3 divergence from the reference in the loss (eq. 2).

    `clip_low`, `clip_high`: r counts up to 1 - low and 1 + high. `dual_clip`: where A < 0, the loss is at most -c A; nothing else
    bounds it there. `kl`: the weight of the divergence; 0 never looks at the reference. `kl_unbiased` multiplies it by r, which makes
    its gradient that of the divergence itself. `correction`, `cap`, `band`: see `correction.correct`."""

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
        """What `PolicyBatch.split` weighs tokens with."""
        return Aggregate(self.aggregation, self.constant_length)

    def __call__(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
        batch = _policy(batch)
        log_r_M = outputs.logp_M - batch.old_M
        r_M = ratio(log_r_M)
        l_M, clipped = surrogate(r_M, batch.advantage_M, self.clip_low, self.clip_high, self.dual_clip)
        factor_M = correct(batch, self.correction, self.cap, self.band)
        l_M = l_M if factor_M is None else l_M * factor_M
        values = clipped | _distances(log_r_M, batch)
        if self.needs_reference:
            values["kl_ref"] = k3_M = k3(_reference(batch), outputs.logp_M)
            l_M = l_M + self.kl * (k3_M * r_M if self.kl_unbiased else k3_M)
        loss = (batch.weight_M * l_M).sum()
        return loss, _metrics(loss, outputs, batch, values)


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

    def __call__(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
        batch = _policy(batch)
        log_r_M = outputs.logp_M - batch.old_M
        s_M = ratio(row_mean(log_r_M, batch))[batch.row_M]
        l_M, clipped = surrogate(s_M, batch.advantage_M, self.clip_low, self.clip_high, None)
        values = clipped | _distances(log_r_M, batch)
        if self.needs_reference:
            values["kl_ref"] = k3_M = k3(_reference(batch), outputs.logp_M)
            l_M = l_M + self.kl * k3_M
        loss = (batch.weight_M * l_M).sum()
        return loss, _metrics(loss, outputs, batch, values)


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

    def __call__(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
        batch = _policy(batch)
        log_r_M = outputs.logp_M - batch.old_M
        r_M = ratio(log_r_M).detach()
        loss = (batch.weight_M * -r_M.clamp(max=self.most) * batch.advantage_M * outputs.logp_M).sum()
        return loss, _metrics(loss, outputs, batch, {"clip_high": r_M > self.most} | _distances(log_r_M, batch))


# --- formulas ---------------------------------------------------------------------------------------------------------


def surrogate(r_M: Tensor, advantage_M: Tensor, low: float, high: float, dual: float | None) -> tuple[Tensor, dict[str, Tensor]]:
    """-min(r A, clip(r, 1 - low, 1 + high) A), where A < 0 at most -dual A; and which tokens each bound stopped."""
    l_M = -torch.minimum(r_M * advantage_M, r_M.clamp(1 - low, 1 + high) * advantage_M)
    falls = advantage_M < 0
    clipped = {"clip_low": falls & (r_M < 1 - low), "clip_high": (advantage_M > 0) & (r_M > 1 + high)}
    if dual is None:
        return l_M, clipped
    bounded_M = torch.where(falls, torch.minimum(l_M, -dual * advantage_M), l_M)
    return bounded_M, clipped | {"clip_dual": falls & (r_M > dual)}


def k3(reference_M: Tensor, logp_M: Tensor) -> Tensor:
    """ref/pi - log(ref/pi) - 1 (paper eq. 2): never negative, the exponent within +-20 and the value at most 10."""
    log_M = (reference_M - logp_M).clamp(-EXPONENT, EXPONENT)
    return (log_M.exp() - log_M - 1).clamp(max=KL_MOST)


# --- parts ------------------------------------------------------------------------------------------------------------


def _policy(batch: Batch) -> PolicyBatch:
    if not isinstance(batch, PolicyBatch):
        raise TypeError("a policy loss was handed a plain Batch: it has no advantages, so collate judged groups or use CrossEntropy")
    return batch


def _reference(batch: PolicyBatch) -> Tensor:
    if batch.reference_M is None:
        raise BadInput("the batch has no reference log-probabilities: kl above 0 compares with them, so compute them or set kl to 0")
    return batch.reference_M


def _distances(log_r_M: Tensor, batch: PolicyBatch) -> dict[str, Tensor]:
    log_w_M = batch.old_M - batch.behaviour_M
    w_M = ratio(log_w_M)
    return {
        "kl_old": ratio(log_r_M) - log_r_M - 1,
        "kl_old_k1": -log_r_M,
        "mismatch_kl": w_M - log_w_M - 1,
        "ess": effective(w_M, batch),
    }


def _metrics(loss: Tensor, outputs: Outputs, batch: Batch, values: dict[str, Tensor]) -> Metrics:
    if outputs.entropy_M is not None:
        values = values | {"entropy": outputs.entropy_M}
    sums = [value_M.detach().double().sum() / batch.normaliser for value_M in values.values()]
    numbers = torch.stack([loss.detach().double(), *sums]).tolist()  # one wait for the device, not one a metric
    return dict(zip(("loss", *values), numbers, strict=True))


def _check(low: float, high: float, kl: float, _: Aggregate) -> None:
    if not 0 <= low <= 1 or high < 0:
        raise BadInput(f"clip_low is {low} and clip_high {high}: r counts between 1 - low and 1 + high, so 0 <= low <= 1 and high >= 0")
    if kl < 0:
        raise BadInput(f"kl is {kl}: a negative weight drives the policy away from the reference, so 0 or more is right")
