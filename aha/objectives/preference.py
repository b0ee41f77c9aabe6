"""The losses of preference models (nature B.3): of two answers the better one scores higher; a safe reply scores above 0.

Settings only; `aha.learning.preference` computes them."""

from __future__ import annotations

from dataclasses import dataclass

from aha.errors import BadInput


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
