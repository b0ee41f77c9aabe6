"""The losses as functions of tensors: each returns the sum over M of weight * l, and metrics.

Every metric is a piece's contribution to a mean over the whole step's trained tokens ("loss": to the step's loss), so the metrics
of a step are the plain sums of those of its micro-batches. r = pi / old, w = old / mu (mu: as sampled), A: advantage.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aha.batch import Batch, PolicyBatch
from aha.errors import BadInput
from aha.learning.correction import EXPONENT, correct, effective, ratio, row_mean
from aha.objectives.losses import Cispo, Grpo, Gspo
from aha.protocols import Metrics, Outputs

KL_MOST = 10.0


def cross_entropy(outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
    """The weighted negative log-probability of the trained tokens."""
    loss = (batch.weight_M * -outputs.logp_M).sum()
    return loss, _metrics(loss, outputs, batch, {})


def grpo(settings: Grpo, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
    """Group relative policy optimization (paper eq. 1, read per token) with the k3 divergence from the reference (eq. 2)."""
    batch = _policy(batch)
    log_r_M = outputs.logp_M - batch.old_M
    r_M = ratio(log_r_M)
    l_M, clips = surrogate(r_M, batch.advantage_M, settings.clip_low, settings.clip_high, settings.dual_clip)
    factor_M = correct(batch, settings.correction, settings.cap, settings.band)
    l_M = l_M if factor_M is None else l_M * factor_M
    values = clips | _distances(log_r_M, batch)
    if settings.needs_reference:
        values["kl_ref"] = k3_M = k3(_reference(batch), outputs.logp_M)
        l_M = l_M + settings.kl * (k3_M * r_M if settings.kl_unbiased else k3_M)
    loss = (batch.weight_M * l_M).sum()
    return loss, _metrics(loss, outputs, batch, values)


def gspo(settings: Gspo, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
    """Group sequence policy optimization: one ratio for a whole reply, the geometric mean of its tokens' (2507.18071)."""
    batch = _policy(batch)
    log_r_M = outputs.logp_M - batch.old_M
    s_M = ratio(row_mean(log_r_M, batch))[batch.row_M]
    l_M, clips = surrogate(s_M, batch.advantage_M, settings.clip_low, settings.clip_high, None)
    values = clips | _distances(log_r_M, batch)
    if settings.needs_reference:
        values["kl_ref"] = k3_M = k3(_reference(batch), outputs.logp_M)
        l_M = l_M + settings.kl * k3_M
    loss = (batch.weight_M * l_M).sum()
    return loss, _metrics(loss, outputs, batch, values)


def cispo(settings: Cispo, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
    """The clipped importance weight, without a gradient, times A log pi, so that every token keeps a gradient (2506.13585)."""
    batch = _policy(batch)
    log_r_M = outputs.logp_M - batch.old_M
    r_M = ratio(log_r_M).detach()
    loss = (batch.weight_M * -r_M.clamp(max=settings.most) * batch.advantage_M * outputs.logp_M).sum()
    return loss, _metrics(loss, outputs, batch, {"clip_high": r_M > settings.most} | _distances(log_r_M, batch))


# --- formulas ---------------------------------------------------------------------------------------------------------


def surrogate(r_M: Tensor, advantage_M: Tensor, low: float, high: float, dual: float | None) -> tuple[Tensor, dict[str, Tensor]]:
    """-min(r A, clip(r, 1 - low, 1 + high) A), where A < 0 at most -dual A; and which tokens each bound stopped."""
    l_M = -torch.minimum(r_M * advantage_M, r_M.clamp(1 - low, 1 + high) * advantage_M)
    falls = advantage_M < 0
    clips = {"clip_low": falls & (r_M < 1 - low), "clip_high": (advantage_M > 0) & (r_M > 1 + high)}
    if dual is None:
        return l_M, clips
    bounded_M = torch.where(falls, torch.minimum(l_M, -dual * advantage_M), l_M)
    return bounded_M, clips | {"clip_dual": falls & (r_M > dual)}


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
