"""Batches of tensors from groups and documents: flat and ragged, one row for each sample.

A name's last letter is its shape: N tokens, R rows, M trained tokens. The sampled token ids are trained on unchanged.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import chain
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from aha.errors import BadInput
from aha.types import Abstained, Completion, Group, NumberArray, Truncation

Rewards = Sequence[Sequence[float | None]]
Advantages = Callable[[Rewards], "list[list[float | None]]"]
Aggregation = Callable[["PolicyBatch"], Tensor]


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of tokens (int32) and the weight of each trained one, such that loss = sum over M of weight * l however the rows are divided.

    `trained_N` marks tokens whose log-probability, given what stands before them in their row, enters the loss; never a row's first.
    Logits are divided by `temperature` before the log-softmax, as when they were sampled. `step_tokens` is the M of the whole
    optimizer step that these rows are a piece of, so that metrics of pieces add up; `None` where the batch is the whole step. `packed`:
    rows may lie side by side in one sequence, none seeing another, where the model can; it changes nothing beyond rounding."""

    tokens_N: Tensor
    length_R: Tensor
    trained_N: Tensor
    weight_M: Tensor
    temperature: float
    step_tokens: int | None = field(default=None, kw_only=True)
    packed: bool = field(default=False, kw_only=True)

    @property
    def R(self) -> int:
        """The number of rows."""
        return self.length_R.numel()

    @property
    def M(self) -> int:
        """The number of trained tokens."""
        return self.weight_M.numel()

    @property
    def normaliser(self) -> int:
        """The divisor that turns sums of a metric over the pieces of a step into means over the step's trained tokens."""
        return max(1, self.M if self.step_tokens is None else self.step_tokens)

    @cached_property
    def start_R(self) -> Tensor:
        """The position of each row's first token."""
        return self.length_R.cumsum(0) - self.length_R

    @cached_property
    def trained_start_R(self) -> Tensor:
        """The number of trained tokens before each row."""
        return self.count_R.cumsum(0) - self.count_R

    @cached_property
    def row_N(self) -> Tensor:
        """The row of each token."""
        return torch.arange(self.R, device=self.length_R.device).repeat_interleave(self.length_R, output_size=self.tokens_N.numel())

    @cached_property
    def column_N(self) -> Tensor:
        """The position of each token in its row, from 0."""
        return torch.arange(self.tokens_N.numel(), device=self.length_R.device) - self.start_R[self.row_N]

    @cached_property
    def row_M(self) -> Tensor:
        """The row of each trained token."""
        return self.row_N[self.trained_N]

    @cached_property
    def column_M(self) -> Tensor:
        """The position of each trained token in its row; at least 1."""
        return self.column_N[self.trained_N]

    @cached_property
    def count_R(self) -> Tensor:
        """The number of trained tokens of each row."""
        return torch.bincount(self.row_M, minlength=self.R)

    def rows(self, indices: Tensor | Sequence[int]) -> Self:
        """Return the given rows in the given order, as part of the same optimizer step; token weights are unchanged."""
        rows = torch.as_tensor(indices, dtype=torch.long)
        where = {
            "N": _spread(self.start_R[rows], self.length_R[rows]),
            "M": _spread(self.trained_start_R[rows], self.count_R[rows]),
            "R": rows,
        }
        step = self.M if self.step_tokens is None else self.step_tokens
        return self._map(lambda name, tensor: tensor[where[name[-1]]], step_tokens=step)

    def to(self, device: torch.device | str) -> Self:
        """Return the batch on another device."""
        return self._map(lambda _, tensor: tensor.to(device))

    def _map(self, change: Callable[[str, Tensor], Tensor], **changes: Any) -> Self:
        tensors: dict[str, Any] = {name: change(name, value) for name, value in self._tensors()}
        return replace(self, **tensors, **changes)

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return ((name, value) for name, value in values if isinstance(value, Tensor))


@dataclass(frozen=True, eq=False)
class PolicyBatch(Batch):
    """A batch with what each trained token's loss needs: its advantage and its log-probability as sampled, at the start of the
    rollout, and under the reference (`None`: not computed). `group_R` is the group of each row. `shared_prompts`: a pass reads
    once what a reply of a group shares with its longest one in that pass, the prompt and the words with which both begin; it changes
    nothing beyond rounding."""

    advantage_M: Tensor
    behaviour_M: Tensor
    old_M: Tensor
    reference_M: Tensor | None
    group_R: Tensor
    shared_prompts: bool = field(default=False, kw_only=True)

    @cached_property
    def prompt_R(self) -> Tensor:
        """The number of tokens of each row before the first trained one."""
        return self.length_R.scatter_reduce(0, self.row_M, self.column_M, "amin")

    def has_common_prompts(self) -> bool:
        """Return True if all rows of a group begin with the same prompt."""
        rows, prompts = self.tokens_N.numpy(), self.prompt_R.tolist()
        first: dict[int, bytes] = {}
        starts = (self.length_R.cumsum(0) - self.length_R).tolist()
        texts = (rows[start : start + prompt].tobytes() for start, prompt in zip(starts, prompts, strict=True))
        return all(first.setdefault(group, text) == text for group, text in zip(self.group_R.tolist(), texts, strict=True))

    def families(self, micro_tokens: int) -> tuple[list[list[int]], list[int]]:
        """Return the rows that share one read of a beginning, longest first, and their tokens with what a row shares with the first of its
        family counted once. Each list holds as many rows of a group as fit in `micro_tokens`, or one longer row."""
        lengths, groups = self.length_R.tolist(), self.group_R.tolist()
        families, sizes, last = list[list[int]](), list[int](), dict[int, int]()
        for row in sorted(range(self.R), key=lambda row: (-lengths[row], row)):
            number = last.get(groups[row])
            own = lengths[row] if number is None else lengths[row] - self.shared_length(families[number][0], row)
            if number is not None and sizes[number] + own <= micro_tokens:
                families[number].append(row)
                sizes[number] += own
            else:
                last[groups[row]] = len(families)
                families.append([row])
                sizes.append(lengths[row])
        return families, sizes

    def shared_length(self, row: int, other: int) -> int:
        """Return the number of tokens with which both rows begin."""
        rows = [self.tokens_N[start : start + length].numpy() for start, length in (self._span(row), self._span(other))]
        most = min(map(len, rows))
        apart = np.flatnonzero(rows[0][:most] != rows[1][:most])
        return int(apart[0]) if len(apart) else most

    def _span(self, row: int) -> tuple[int, int]:
        return int(self.start_R[row]), int(self.length_R[row])

    def split(self, minibatches: int, seed: int, aggregate: Aggregation) -> list[Self]:
        """Split into `minibatches` parts of random whole groups that differ by at most one group, each an optimizer step with own weights.

        Within a group advantages add up to 0, so what all its replies have in common is neither praised nor blamed; in half a group it
        would be (decision 0031). The same seed gives the same parts. With fewer groups than parts there is one part per
        group; a batch without rows gives no parts."""
        if minibatches < 1:
            raise BadInput(f"minibatches is {minibatches}: a rollout is at least one optimizer step, so it needs 1 or more")
        if not self.R:
            return []
        groups, group_R = torch.unique(self.group_R, return_inverse=True)
        count = min(minibatches, len(groups))
        order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(seed))
        part_of_group = torch.empty_like(order)
        for part, share in enumerate(order.tensor_split(count)):
            part_of_group[share] = part
        part_R = part_of_group[group_R]
        ends = part_R.bincount(minlength=count).cumsum(0)
        parts = [self.rows(rows) for rows in part_R.argsort(stable=True).tensor_split(ends[:-1])]
        return [replace(part, weight_M=aggregate(part), step_tokens=None) for part in parts]


@dataclass(frozen=True, eq=False)
class ScoreBatch(Batch):
    """A batch of rows that are each scored at the last token, the only trained one. `label_M`: 1 for chosen or safe replies,
    else 0. Units of `unit` adjacent rows are never split: 2 if each row is compared with the next one."""

    label_M: Tensor
    unit: int = field(default=1, kw_only=True)


def collate(groups: Sequence[Group], advantages: Advantages, temperature: float, truncation: Truncation) -> PolicyBatch:
    """Return judged groups as one batch with zero weights until `split` sets them; `old_M` is as sampled and there is no reference yet.

    An abstained sample is left out of its group's advantages and of the batch; a group with fewer than two left is dropped.
    `truncation` "mask" leaves replies cut off at the length limit out of the batch, but their rewards stay in their group's mean."""
    live_groups = [(group, rewards) for group in groups if _usable_count(rewards := _rewards(group)) >= 2]
    worth = advantages([rewards for _, rewards in live_groups])
    samples = [
        (index, group.prompt, completion, advantage)
        for index, ((group, _), row) in enumerate(zip(live_groups, worth, strict=True))
        for completion, advantage in zip(group.completions, row, strict=True)
        if advantage is not None and _trains(completion, truncation)
    ]
    completions = [completion for _, _, completion, _ in samples]
    prompts = torch.tensor([len(prompt) for _, prompt, _, _ in samples], dtype=torch.long)
    replies = torch.tensor([len(completion.tokens) for completion in completions], dtype=torch.long)
    _check(samples)
    behaviour_M = _join([completion.logprobs for completion in completions], np.float32)
    return PolicyBatch(
        tokens_N=_join([part for _, prompt, completion, _ in samples for part in (prompt, completion.tokens)], np.int32),
        length_R=prompts + replies,
        trained_N=torch.tensor([False, True]).repeat(len(samples)).repeat_interleave(torch.stack((prompts, replies), dim=1).flatten()),
        weight_M=torch.zeros_like(behaviour_M),
        temperature=temperature,
        advantage_M=torch.tensor([advantage for *_, advantage in samples], dtype=torch.float32).repeat_interleave(replies),
        behaviour_M=behaviour_M,
        old_M=behaviour_M,
        reference_M=None,
        group_R=torch.tensor([index for index, *_ in samples], dtype=torch.long),
    )


def collate_documents(
    documents: Sequence[Sequence[int]],
    loss_mask: Sequence[Sequence[bool]] | None = None,
    temperature: float = 1.0,
    *,
    packed: bool = False,
) -> Batch:
    """Return token lists to be imitated as one optimizer step with token-mean weights. All tokens but each row's first are trained,
    or only those of them marked in `loss_mask` (the assistant's words of a conversation)."""
    length_R = torch.tensor([len(document) for document in documents], dtype=torch.long)
    if int(length_R.eq(0).sum()):
        raise BadInput("a document has no tokens: nothing can be imitated in it, so leave it out")
    tokens_N = _flat(documents, torch.int32)
    trained_N = torch.ones_like(tokens_N, dtype=torch.bool) if loss_mask is None else _flat(loss_mask, torch.bool)
    if trained_N.numel() != tokens_N.numel():
        raise ValueError(f"{trained_N.numel()} marks for {tokens_N.numel()} tokens: each token needs exactly one")
    trained_N[length_R.cumsum(0) - length_R] = False
    count = int(trained_N.sum())
    return Batch(tokens_N, length_R, trained_N, torch.full((count,), 1 / max(1, count)), temperature, packed=packed)


def collate_scores(rows: Sequence[Sequence[int]], labels: Sequence[bool], unit: int = 1) -> ScoreBatch:
    """Return token lists to be scored as one optimizer step with equal weight for every `unit` rows. In a pair, the chosen one is first."""
    length_R = torch.tensor([len(row) for row in rows], dtype=torch.long)
    if int(length_R.eq(0).sum()):
        raise BadInput("a row has no tokens: nothing can be scored in it, so leave it out")
    if len(labels) != len(rows) or len(rows) % unit:
        raise ValueError(f"{len(labels)} labels and units of {unit} for {len(rows)} rows: one label a row and whole units are needed")
    trained_N = torch.zeros(int(length_R.sum()), dtype=torch.bool)
    trained_N[length_R.cumsum(0) - 1] = True
    weight_M = torch.full((len(rows),), unit / max(1, len(rows)))
    return ScoreBatch(_flat(rows, torch.int32), length_R, trained_N, weight_M, 1.0, torch.tensor(labels, dtype=torch.float32), unit=unit)


def micro_batches(batch: Batch, micro_tokens: int) -> list[Tensor]:
    """Return the row indices of each forward-backward pass: rows x longest row <= `micro_tokens`, or one row that is longer than that.
    For packed rows, the sum of their lengths counts, and a row goes where it leaves the least room (Best-Fit, nature B.1). With
    shared prompts, the rows of a family stay together, and each prompt counts once.

    Longest first, so that a run that does not fit in memory fails at once."""
    if isinstance(batch, PolicyBatch) and batch.shared_prompts:
        families, sizes = batch.families(micro_tokens)
        return [torch.tensor([row for number in numbers for row in families[number]]) for numbers in best_fit(sizes, micro_tokens)]
    if batch.packed:
        return [torch.tensor(rows, dtype=torch.long) for rows in best_fit(batch.length_R.tolist(), micro_tokens)]
    unit = batch.unit if isinstance(batch, ScoreBatch) else 1
    length_U = batch.length_R.view(-1, unit).amax(1)
    order = length_U.argsort(descending=True, stable=True)
    lengths = length_U[order].tolist()
    parts, start = [], 0
    while start < len(lengths):
        end = start + max(1, micro_tokens // (unit * max(1, lengths[start])))
        parts.append((order[start:end, None] * unit + torch.arange(unit)).flatten())
        start = end
    return parts


def best_fit(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Return the indices of rows in bins of at most `room` tokens, longest first, each in the fullest bin with room for it; a row longer
    than `room` has a bin of its own."""
    bins: list[list[int]] = []
    rooms: list[tuple[int, int]] = []  # (room left, bin), in order
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        place = bisect_left(rooms, (lengths[row], 0))
        free, number = rooms.pop(place) if place < len(rooms) else (room, len(bins))
        if number == len(bins):
            bins.append([])
        bins[number].append(row)
        insort(rooms, (max(0, free - lengths[row]), number))
    return bins


# --- parts ------------------------------------------------------------------------------------------------------------


def _rewards(group: Group) -> list[float | None]:
    return [None if isinstance(score.total, Abstained) else score.total for score in group.scores]


def _usable_count(rewards: Sequence[float | None]) -> int:
    return sum(reward is not None for reward in rewards)


def _trains(completion: Completion, truncation: Truncation) -> bool:
    return bool(completion.tokens) and (truncation == "penalise" or completion.finished == "stop")


def _check(samples: Sequence[tuple[int, Sequence[int], Completion, float]]) -> None:
    for _, prompt, completion, _ in samples:
        if not prompt:
            raise BadInput("a prompt has no tokens: a reply's first token needs something before it, so start prompts with a token")
        if len(completion.tokens) != len(completion.logprobs):
            raise ValueError(f"{len(completion.logprobs)} log-probabilities for {len(completion.tokens)} sampled tokens: each needs one")


def _join(parts: Sequence[Sequence[Any]], kind: type[np.generic]) -> Tensor:
    """Concatenate numbers into one tensor: arrays are copied once and never turned into Python numbers."""
    arrays = [np.asarray(part.values if isinstance(part, NumberArray) else part) for part in parts if len(part)]
    return torch.from_numpy(np.concatenate(arrays, dtype=kind, casting="same_kind") if arrays else np.zeros(0, kind))


def _flat(lists: Iterable[Iterable[Any]], dtype: torch.dtype) -> Tensor:
    return torch.tensor(list(chain.from_iterable(lists)), dtype=dtype)


def _spread(starts: Tensor, sizes: Tensor) -> Tensor:
    """Return the flat positions of the items of some rows: `sizes` consecutive positions from each of `starts`."""
    within = torch.arange(int(sizes.sum())) - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    return starts.repeat_interleave(sizes) + within
