"""The losses of preference models (nature B.3): of two answers the better one scores higher; a safe reply scores above 0."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from aha.batch import Batch, ScoreBatch
from aha.errors import BadInput
from aha.protocols import Metrics, Outputs


@dataclass(frozen=True)
class Pairwise:
    """-log sigmoid(s_chosen - s_rejected), the mean over pairs (Bradley and Terry). Only differences matter to it, so `center` times
    (s_chosen + s_rejected)^2 is added, which keeps the scores around 0, where a reward made of them is not saturated."""

    center: float = 0.01

    def __post_init__(self) -> None:
        if self.center < 0:
            raise BadInput(f"center is {self.center}: it pulls scores towards 0, so 0 or more")

    def __call__(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
        scores_M, batch = _scored(outputs, batch, unit=2)
        chosen_U, rejected_U = scores_M[0::2], scores_M[1::2]
        margin_U, weight_U = chosen_U - rejected_U, batch.weight_M[0::2]
        l_U = -logsigmoid(margin_U) + self.center * (chosen_U + rejected_U).square()
        loss = (weight_U * l_U).sum()
        return loss, _metrics(loss, batch, {"agreement": margin_U > 0, "margin": margin_U, "score": (chosen_U + rejected_U) / 2})


@dataclass(frozen=True)
class Pointwise:
    """-log sigmoid(s) of a safe reply and -log sigmoid(-s) of an unsafe one, the mean over replies."""

    def __call__(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
        scores_M, batch = _scored(outputs, batch, unit=1)
        towards_M = scores_M * (2 * batch.label_M - 1)
        loss = (batch.weight_M * -logsigmoid(towards_M)).sum()
        return loss, _metrics(loss, batch, {"agreement": towards_M > 0, "score": scores_M})


def _scored(outputs: Outputs, batch: Batch, unit: int) -> tuple[Tensor, ScoreBatch]:
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
