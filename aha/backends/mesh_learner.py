"""A learner on several ranks, as the one process sees it that drives them: each call goes to every rank, with its own share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from aha.backends.hf import micro_tokens_of
from aha.backends.shares import BatchShare, DividedLearner, Division, Model, check_lengths
from aha.backends.torch_learner import TorchLearner
from aha.batch import Batch
from aha.protocols import Adam, Adaptation, Compute, Head, Loss, Metrics, Weights


@dataclass(frozen=True)
class LearnerSettings:
    """What a learner is made from."""

    model: str
    optim: Adam
    reference: bool
    head: Head = "lm"
    adaptation: Adaptation = Adaptation()


@dataclass(frozen=True)
class LearnerFacts:
    """What the driver has to know of the learners that ranks have opened."""

    packs: bool
    width: int
    context: int | None
    shares_prompts: bool = False


class Ranks(Protocol):
    """The ranks of a learner, wherever they run. Every call is made on all of them before it returns."""

    @property
    def size(self) -> int: ...

    def open(self, settings: LearnerSettings) -> LearnerFacts:
        """Make a learner on every rank, in place of the one that was there."""

    def call_ranks(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Call a method of `TorchLearner` on every rank with its own arguments; return what each returned, by rank."""

    def weights(self) -> Weights:
        """Return the weights that the ranks hold."""


class MeshLearner(DividedLearner):
    """Implements `protocols.Learner` on ranks."""

    def __init__(self, ranks: Ranks, settings: LearnerSettings, compute: Compute) -> None:
        self.ranks, self.compute, self.head = ranks, compute, settings.head
        self.facts = ranks.open(settings)

    @property
    def division(self) -> Division:
        """How a batch is divided over the ranks."""
        facts = self.facts
        return Division(self.ranks.size, micro_tokens_of(self.compute), facts.packs, facts.width, shares_prompts=facts.shares_prompts)

    def update(self, batch: Batch, loss: Loss) -> Metrics:
        """See the protocol. What a row is too long for is told before any rank begins."""
        check_lengths(batch, self.facts.context)
        return super().update(batch, loss)

    def logprobs(self, batch: Batch, of: Model) -> Tensor:
        """See the protocol."""
        check_lengths(batch, self.facts.context)
        return super().logprobs(batch, of)

    def learn_shares(self, shares: Sequence[BatchShare], loss: Loss) -> list[Metrics]:
        """See `DividedLearner`."""
        return self.ranks.call_ranks("learn", [(share, loss) for share in shares])

    def share_numbers(self, shares: Sequence[BatchShare], of: Model) -> list[Tensor]:
        """See `DividedLearner`."""
        return self.ranks.call_ranks("numbers", [(share, of) for share in shares])

    def set_rate(self, multiplier: float) -> None:
        """See the protocol."""
        self._call_everywhere("set_rate", multiplier)

    def reset_reference(self) -> None:
        """See the protocol."""
        self._call_everywhere("reset_reference")

    def weights(self) -> Weights:
        """See the protocol."""
        return self.ranks.weights()

    def save(self, folder: Path) -> None:
        """See the protocol. Every rank has written its files when this returns."""
        self._call_everywhere("save", folder.absolute())

    def load(self, folder: Path) -> None:
        """See the protocol."""
        self._call_everywhere("load", folder.absolute())

    def _call_everywhere(self, method: str, *arguments: Any) -> None:
        self.ranks.call_ranks(method, [arguments] * self.ranks.size)


def facts_of(learner: TorchLearner) -> LearnerFacts:
    """Return what the driver has to know of a learner."""
    division = learner.division
    return LearnerFacts(division.packs, division.width, learner.context, division.shares_prompts)


def gather_on_first(learner: TorchLearner) -> Iterator[tuple[str, Tensor]]:
    """Yield rank 0's part of `gathered`: the whole weights. Closed early, it goes through the rest, which the other ranks wait for."""
    stream = learner.whole_weights()
    try:
        for name, tensor in stream:
            assert tensor is not None, "only rank 0 has the whole weights"
            yield name, tensor
    finally:
        for _ in stream:
            pass
