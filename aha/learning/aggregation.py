"""The weight of each trained token over the whole optimizer step."""

from __future__ import annotations

import torch
from torch import Tensor

from aha.batch import PolicyBatch
from aha.objectives.aggregation import Aggregate


def token_weights(settings: Aggregate, batch: PolicyBatch) -> Tensor:
    """The weight of each trained token, [M] float32; the batch is one whole optimizer step."""
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
    """1 / (owners with a token * tokens of this token's owner)."""
    tokens = torch.bincount(owner_M).double()
    owners = (tokens > 0).sum()
    return (1 / (owners * tokens[owner_M])).float()
