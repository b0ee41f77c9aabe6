"""The losses of preference models as functions of tensors (nature B.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from aha.batch import Batch, ScoreBatch
from aha.objectives.preference import Pairwise
from aha.protocols import Metrics, Outputs


def pairwise(settings: Pairwise, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
    """The mean over pairs of -log sigmoid(s_chosen - s_rejected) + center (s_chosen + s_rejected)^2."""
    scores_M, batch = _check_scores(outputs, batch, unit=2)
    chosen_U, rejected_U = scores_M[0::2], scores_M[1::2]
    margin_U, weight_U = chosen_U - rejected_U, batch.weight_M[0::2]
    l_U = -logsigmoid(margin_U) + settings.center * (chosen_U + rejected_U).square()
    loss = (weight_U * l_U).sum()
    return loss, _metrics(loss, batch, {"agreement": margin_U > 0, "margin": margin_U, "score": (chosen_U + rejected_U) / 2})


def pointwise(outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
    """The mean over replies of -log sigmoid(s) where the reply is safe and -log sigmoid(-s) where it is not."""
    scores_M, batch = _check_scores(outputs, batch, unit=1)
    towards_M = scores_M * (2 * batch.label_M - 1)
    loss = (batch.weight_M * -logsigmoid(towards_M)).sum()
    return loss, _metrics(loss, batch, {"agreement": towards_M > 0, "score": scores_M})


def _check_scores(outputs: Outputs, batch: Batch, unit: int) -> tuple[Tensor, ScoreBatch]:
    if outputs.score_M is None or not isinstance(batch, ScoreBatch):
        raise TypeError("a preference loss was handed no scores: it needs a learner with head='score' and rows from collate_scored")
    if batch.unit != unit:
        raise TypeError(f"rows stand in units of {batch.unit}: a pairwise loss takes pairs, a pointwise one single rows; collate them so")
    return outputs.score_M, batch


def _metrics(loss: Tensor, batch: ScoreBatch, values: dict[str, Tensor]) -> Metrics:
    """Contributions to means over the step's units, as sums over its micro-batches."""
    units = batch.normaliser / batch.unit
    numbers = torch.stack([loss.detach().double(), *(value.detach().double().sum() / units for value in values.values())]).tolist()
    return dict(zip(("loss", *values), numbers, strict=True))
