"""Rollout correction: the engine sampled with mu what the learner believes had probability old; w = old / mu repairs the difference."""

from __future__ import annotations

import torch
from torch import Tensor

from aha.batch import PolicyBatch
from aha.objectives.losses import CorrectionMode

EXPONENT = 20.0  # e^20 is 5e8: beyond it a ratio says "impossible", and float32 must not overflow into inf * 0


def ratio(log_M: Tensor) -> Tensor:
    """exp, with the exponent kept within +-20; NaN stays NaN."""
    return log_M.clamp(-EXPONENT, EXPONENT).exp()


def row_mean(value_M: Tensor, batch: PolicyBatch) -> Tensor:
    """The mean over each row's trained tokens, [R]; 0 for a row that has none."""
    total_R = torch.zeros(batch.R, dtype=value_M.dtype, device=value_M.device).index_add(0, batch.row_M, value_M)
    return total_R / batch.count_R.clamp(min=1)


def correct(batch: PolicyBatch, mode: CorrectionMode, cap: float, band: tuple[float, float]) -> Tensor | None:
    """The detached factor of each token's policy loss, [M]; `None` for no correction.

    token-tis: min(w, cap). icepop: w inside `band`, 0 outside. seq-geo: token-tis for the rows whose geometric mean of w lies in
    `band`, 0 for the others; never the product over tokens, which would drop nearly every long reply."""
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
    """(sum w)^2 / (n * sum w^2) over each row's tokens, [M]: the share of a reply's tokens that effectively teach, 1 when all w agree."""
    mean_R, square_R = row_mean(w_M, batch), row_mean(w_M.square(), batch)
    return (mean_R.square() / square_R)[batch.row_M]
