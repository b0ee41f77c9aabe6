"""The losses of policies, imitation and preference as functions of tensors, the weights of their tokens, and how a learner makes batches.

Everything here needs torch, so nothing that only reads settings imports it. A loss returns the sum over M of weight * l, and metrics:
each metric is a piece's contribution to a mean over the whole step's trained tokens ("loss": to the step's loss), so the metrics of a
step are the plain sums of those of its micro-batches. r = pi / old, w = old / mu (mu: as sampled), A: advantage. The engine sampled with
mu what the learner believes had probability old; w repairs the difference (`correct`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from aha.batch import Advantages, Batch, PolicyBatch, ScoreBatch, collate, collate_documents, collate_scores
from aha.errors import BadInput
from aha.objectives import Aggregate, Cispo, CorrectionMode, CrossEntropy, Grpo, Gspo, Pairwise, Pointwise
from aha.protocols import Loss, LossFunction, Metrics, Outputs
from aha.types import Group, Truncation

EXPONENT = 20.0  # e^20 is 5e8: beyond it a ratio says "impossible", and float32 must not overflow into inf * 0


def ratio(log_M: Tensor) -> Tensor:
    """Return exp, with the exponent kept within +-20; NaN stays NaN."""
    return log_M.clamp(-EXPONENT, EXPONENT).exp()


def row_mean(value_M: Tensor, batch: PolicyBatch) -> Tensor:
    """Return the mean over each row's trained tokens, [R]; 0 for a row without any."""
    total_R = torch.zeros(batch.R, dtype=value_M.dtype, device=value_M.device).index_add(0, batch.row_M, value_M)
    return total_R / batch.count_R.clamp(min=1)


def correct(batch: PolicyBatch, mode: CorrectionMode, cap: float, band: tuple[float, float]) -> Tensor | None:
    """Return the detached factor of each token's policy loss, [M]; `None` for no correction.

    token-tis: min(w, cap). icepop: w inside `band`, 0 outside. seq-geo: token-tis for the rows whose geometric mean of w lies in `band`, 0
    for the others; never the product over tokens, which would drop nearly every long reply."""
    if mode == "none":
        return None
    log_w_M = (batch.old_M - batch.behaviour_M).detach()
    w_M = ratio(log_w_M)
    low, high = band
    if mode == "icepop":
        return w_M * ((w_M >= low) & (w_M <= high))
    if mode == "token-tis":
        return w_M.clamp(max=cap)
    mean_R = ratio(row_mean(log_w_M, batch))
    return w_M.clamp(max=cap) * ((mean_R >= low) & (mean_R <= high))[batch.row_M]


def effective(w_M: Tensor, batch: PolicyBatch) -> Tensor:
    """Return (sum w)^2 / (n * sum w^2) over each row's tokens, [M]: the effective share of a reply's tokens, 1 if all w agree."""
    mean_R, square_R = row_mean(w_M, batch), row_mean(w_M.square(), batch)
    return (mean_R.square() / square_R)[batch.row_M]


KL_MOST = 10.0


def cross_entropy(outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
    """Return the weighted negative log-probability of the trained tokens."""
    loss = (batch.weight_M * -outputs.logp_M).sum()
    return loss, _metrics(loss, outputs, batch, {})


def grpo(settings: Grpo, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
    """Compute group relative policy optimization (paper eq. 1, read per token) with the k3 divergence from the reference (eq. 2)."""
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
    """Compute group sequence policy optimization: one ratio per reply, the geometric mean of its tokens' ratios (2507.18071)."""
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
    """Compute the loss with the clipped importance weight, without a gradient, times A log pi: every token keeps a gradient
    (2506.13585)."""
    batch = _policy(batch)
    log_r_M = outputs.logp_M - batch.old_M
    r_M = ratio(log_r_M).detach()
    loss = (batch.weight_M * -r_M.clamp(max=settings.most) * batch.advantage_M * outputs.logp_M).sum()
    return loss, _metrics(loss, outputs, batch, {"clip_high": r_M > settings.most} | _distances(log_r_M, batch))


# --- formulas ---------------------------------------------------------------------------------------------------------


def surrogate(r_M: Tensor, advantage_M: Tensor, low: float, high: float, dual: float | None) -> tuple[Tensor, dict[str, Tensor]]:
    """Return -min(r A, clip(r, 1 - low, 1 + high) A), for A < 0 at most -dual A, and the tokens that each bound clipped."""
    l_M = -torch.minimum(r_M * advantage_M, r_M.clamp(1 - low, 1 + high) * advantage_M)
    falls = advantage_M < 0
    clips = {"clip_low": falls & (r_M < 1 - low), "clip_high": (advantage_M > 0) & (r_M > 1 + high)}
    if dual is None:
        return l_M, clips
    bounded_M = torch.where(falls, torch.minimum(l_M, -dual * advantage_M), l_M)
    return bounded_M, clips | {"clip_dual": falls & (r_M > dual)}


def k3(reference_M: Tensor, logp_M: Tensor) -> Tensor:
    """Return ref/pi - log(ref/pi) - 1 (paper eq. 2): never negative, with the exponent within +-20 and the value at most 10."""
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
    w_M, r_M = ratio(log_w_M), ratio(log_r_M)
    return {
        "kl_old": r_M - log_r_M - 1,
        "ess_old": effective(r_M, batch),
        "kl_old_k1": -log_r_M,
        "mismatch_kl": w_M - log_w_M - 1,
        "ess": effective(w_M, batch),
    }


def _metrics(loss: Tensor, outputs: Outputs, batch: Batch, values: dict[str, Tensor]) -> Metrics:
    if outputs.entropy_M is not None:
        values = values | {"entropy": outputs.entropy_M}
    sums = [value_M.detach().double().sum() / batch.normaliser for value_M in values.values()]
    numbers = torch.stack([loss.detach().double(), *sums]).tolist()  # one wait for the device, not one per metric
    return dict(zip(("loss", *values), numbers, strict=True))


def token_weights(settings: Aggregate, batch: PolicyBatch) -> Tensor:
    """Return the weight of each trained token, [M] float32; the batch is one whole optimizer step."""
    match settings.mode:
        case "seq-mean":
            return _mean_of_means(batch.row_M)
        case "prompt-mean":
            return _mean_of_means(batch.group_R[batch.row_M])
        case "token-mean":
            return torch.full((batch.M,), 1 / max(1, batch.M))
        case "constant":
            rows = int((batch.count_R > 0).sum())
            return torch.full((batch.M,), 1 / (max(1, rows) * (settings.length or 1)))


def _mean_of_means(owner_M: Tensor) -> Tensor:
    """Return 1 / (owners with a token * tokens of this token's owner)."""
    tokens = torch.bincount(owner_M).double()
    owners = (tokens > 0).sum()
    return (1 / (owners * tokens[owner_M])).float()


def pairwise(settings: Pairwise, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
    """Return the mean over pairs of -log sigmoid(s_chosen - s_rejected) + center (s_chosen + s_rejected)^2."""
    scores_M, batch = _check_scores(outputs, batch, unit=2)
    chosen_U, rejected_U = scores_M[0::2], scores_M[1::2]
    margin_U, weight_U = chosen_U - rejected_U, batch.weight_M[0::2]
    l_U = -logsigmoid(margin_U) + settings.center * (chosen_U + rejected_U).square()
    loss = (weight_U * l_U).sum()
    return loss, _score_metrics(loss, batch, {"agreement": margin_U > 0, "margin": margin_U, "score": (chosen_U + rejected_U) / 2})


def pointwise(outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
    """Return the mean over replies of -log sigmoid(s) for a safe reply and -log sigmoid(-s) for an unsafe one."""
    scores_M, batch = _check_scores(outputs, batch, unit=1)
    towards_M = scores_M * (2 * batch.label_M - 1)
    loss = (batch.weight_M * -logsigmoid(towards_M)).sum()
    return loss, _score_metrics(loss, batch, {"agreement": towards_M > 0, "score": scores_M})


def _check_scores(outputs: Outputs, batch: Batch, unit: int) -> tuple[Tensor, ScoreBatch]:
    if outputs.score_M is None or not isinstance(batch, ScoreBatch):
        raise TypeError("a preference loss was handed no scores: it needs a learner with head='score' and rows from collate_scores")
    if batch.unit != unit:
        raise TypeError(f"rows stand in units of {batch.unit}: a pairwise loss takes pairs, a pointwise one single rows; collate them so")
    return outputs.score_M, batch


def _score_metrics(loss: Tensor, batch: ScoreBatch, values: dict[str, Tensor]) -> Metrics:
    """Return contributions to means over the step's units, as sums over its micro-batches."""
    units = batch.normaliser / batch.unit
    numbers = torch.stack([loss.detach().double(), *(value.detach().double().sum() / units for value in values.values())]).tolist()
    return dict(zip(("loss", *values), numbers, strict=True))


class Batching:
    """Implements the methods of `protocols.Learner` that make batches."""

    def policy_batch(self, groups: Sequence[Group], advantages: Advantages, temperature: float, truncation: Truncation) -> PolicyBatch:
        """See the protocol."""
        return collate(groups, advantages, temperature, truncation)

    def minibatches(self, batch: PolicyBatch, count: int, seed: int, aggregate: Aggregate) -> list[PolicyBatch]:
        """See the protocol."""
        return batch.split(count, seed, lambda part: token_weights(aggregate, part))

    def text_batch(
        self, rows: Sequence[Sequence[int]], loss_mask: Sequence[Sequence[bool]] | None = None, *, packed: bool = False
    ) -> Batch:
        """See the protocol."""
        return collate_documents(rows, loss_mask, packed=packed)

    def score_batch(self, rows: Sequence[Sequence[int]], labels: Sequence[bool], unit: int) -> ScoreBatch:
        """See the protocol."""
        return collate_scores(rows, labels, unit)


def loss_function(settings: Loss) -> LossFunction:
    """Return the function that computes a loss from its settings. A user's own loss computes itself when it is called."""
    if callable(settings):
        return settings
    match settings:
        case CrossEntropy():
            return cross_entropy
        case Grpo():
            return partial(grpo, settings)
        case Gspo():
            return partial(gspo, settings)
        case Cispo():
            return partial(cispo, settings)
        case Pairwise():
            return partial(pairwise, settings)
        case Pointwise():
            return pointwise
    raise TypeError(
        f"{type(settings).__name__} is no loss: use one of aha.objectives, or define __call__(outputs, batch) -> (loss, metrics)"
    )
