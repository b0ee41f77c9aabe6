"""The objective as functions of tensors. Everything here needs torch, so nothing that only reads settings imports it."""

from __future__ import annotations

from functools import partial

from aha.learning.losses import cispo, cross_entropy, grpo, gspo, pairwise, pointwise
from aha.objectives.losses import Cispo, CrossEntropy, Grpo, Gspo, Pairwise, Pointwise
from aha.protocols import Loss, LossFunction

__all__ = ["loss_function"]


def loss_function(settings: Loss) -> LossFunction:
    """The function that computes a loss from its settings. A loss of a user's own computes itself when it is called."""
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
