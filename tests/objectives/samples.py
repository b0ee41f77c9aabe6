"""Small judged groups and batches that tests of the objectives share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from aha.batch import PolicyBatch, collate
from aha.objectives import Advantages
from aha.types import Abstained, Completion, FinishReason, Group, Number, Part, Problem, Reply, Score

Reward = float | None


def group(
    rewards: Sequence[Reward], lengths: Sequence[int], *, prompt: Sequence[int] = (1, 2), cut: Sequence[int] = (), name: str = "accuracy"
) -> Group:
    """One reply for each reward (`None`: abstained); token ids are 10, 11, ...; those in `cut` hit the length limit."""
    ends: list[FinishReason] = ["length" if index in cut else "stop" for index in range(len(rewards))]
    return Group(
        Problem("p", "maths", "1 + 1?", "en", Number("2")),
        tuple(prompt),
        tuple(
            Completion(tuple(range(10, 10 + length)), tuple(-(1.0 + at) for at in range(length)), end, 0)
            for length, end in zip(lengths, ends, strict=True)
        ),
        tuple(Reply("", None, None, length, end) for length, end in zip(lengths, ends, strict=True)),
        tuple(_score(reward, name) for reward in rewards),
    )


def _score(reward: Reward, name: str) -> Score:
    value = Abstained("unsure") if reward is None else float(reward)
    return Score(value, (Part(name, value, 1.0, "all"),))


def policy_batch(rewards: Sequence[Sequence[Reward]], lengths: Sequence[Sequence[int]]) -> PolicyBatch:
    """Groups with advantages r - mean, as one batch that has a reference equal to what sampled it."""
    groups = [group(row, sizes) for row, sizes in zip(rewards, lengths, strict=True)]
    batch = collate(groups, Advantages("mean_only"), 1.0, "penalise")
    return replace(batch, reference_M=batch.old_M)


def four_tokens(advantage: float | Sequence[float] = 1.0, *, weight: float = 0.25, old: float | Sequence[float] = -1.0) -> PolicyBatch:
    """One row of four trained tokens after a prompt of one, each with the same weight."""
    full = torch.ones(4, dtype=torch.float64)
    old_M = torch.as_tensor(old, dtype=torch.float64) * full
    return PolicyBatch(
        tokens_N=torch.arange(5),
        length_R=torch.tensor([5]),
        trained_N=torch.tensor([False, True, True, True, True]),
        weight_M=weight * full,
        temperature=1.0,
        advantage_M=torch.as_tensor(advantage, dtype=torch.float64) * full,
        behaviour_M=old_M,
        old_M=old_M,
        reference_M=None,
        group_R=torch.tensor([0]),
    )
