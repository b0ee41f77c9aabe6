"""The judge's one token. It is asked for `m` or `M`, and its log-probabilities say how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from random import Random
from typing import Any

TIES = (0.0, 1.5)


def shown_in_reverse(instruction: str) -> bool:
    """Whether the judge is shown the model as `m` and the reference as `M`; else it is the other way about."""
    return Random("is_switched_outputs" + instruction + "0").choices([False, True], k=1)[0]


def preference(top: Sequence[Mapping[str, Any]], reverse: bool) -> float | None:
    """1 + P(the model is better), from the first token's top log-probabilities; a token that is not among them has probability 0.
    `None` where neither is."""
    chances = {str(token["token"]): exp(float(token["logprob"])) for token in top}
    small, large = chances.get("m", 0.0), chances.get("M", 0.0)
    if small + large == 0.0:
        return None
    return 1.0 + (small if reverse else large) / (small + large)
