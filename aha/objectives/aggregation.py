"""How a token's loss counts: one weight per trained token over the whole optimizer step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from aha.batch import PolicyBatch
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

    def __call__(self, batch: PolicyBatch) -> Tensor:
        """The weight of each trained token, [M] float32; the batch is one whole optimizer step."""
        match self.mode:
            case "seq-mean":
                return _mean_of_means(batch.row_M)
            case "prompt-mean":
                return _mean_of_means(batch.group_R[batch.row_M])
            case "token-mean":
                return torch.full((batch.M,), 1 / max(1, batch.M))
            case "constant":
                rows = int((batch.count_R > 0).sum())
                return torch.full((batch.M,), 1 / (max(1, rows) * (self.length or 1)))


def _mean_of_means(owner_M: Tensor) -> Tensor:
    """1 / (owners with a token * tokens of this token's owner)."""
    tokens = torch.bincount(owner_M).double()
    owners = (tokens > 0).sum()
    return (1 / (owners * tokens[owner_M])).float()
