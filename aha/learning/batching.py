"""The half of every learner that turns rows into batches, so that stages handle batches without loading torch."""

from __future__ import annotations

from collections.abc import Sequence

from aha.batch import Advantages, Batch, PolicyBatch, ScoreBatch, collate, collate_documents, collate_scores
from aha.learning.aggregation import token_weights
from aha.objectives.aggregation import Aggregate
from aha.types import Group, Truncation


class Batching:
    """Implements the methods of `protocols.Learner` that make batches."""

    def policy_batch(self, groups: Sequence[Group], advantages: Advantages, temperature: float, truncation: Truncation) -> PolicyBatch:
        """See the protocol."""
        return collate(groups, advantages, temperature, truncation)

    def minibatches(self, batch: PolicyBatch, count: int, seed: int, aggregate: Aggregate) -> list[PolicyBatch]:
        """See the protocol."""
        return batch.split(count, seed, lambda part: token_weights(aggregate, part))

    def text_batch(
        self, rows: Sequence[Sequence[int]], loss_mask: Sequence[Sequence[bool]] | None = None, *, packed: bool = False
    ) -> Batch:
        """See the protocol."""
        return collate_documents(rows, loss_mask, packed=packed)

    def score_batch(self, rows: Sequence[Sequence[int]], labels: Sequence[bool], unit: int) -> ScoreBatch:
        """See the protocol."""
        return collate_scores(rows, labels, unit)
