"""How a token's loss counts in its optimizer step, as settings. `aha.learning.aggregation` computes the weights."""

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
