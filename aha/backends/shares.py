"""The division of one optimizer step over the ranks of a learner: the same number of forward-backward passes on each, and about the same
work."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor

from aha.backends.hf import KeptWeights
from aha.batch import Batch, PolicyBatch, ScoreBatch, micro_batches
from aha.errors import BadInput
from aha.learning import Batching, loss_function, ratio
from aha.protocols import Head, Loss, Metrics, Outputs, Weights

Model = Literal["policy", "reference"]
LEAST_SAVING = 1 / 3  # the least share of a step's tokens to save by shared prompts; below it, layout and masks cost as much
LEAST_GROWTH = 1 / 6  # the least share of tokens that larger passes have to save
LEAST_NATIVE_SAVING = 0.02  # the same for native steps, which need neither
GLOBAL = ("loss", "grad_norm", "lr", "skipped")  # the same on every rank; all other metrics are sums over a rank's own tokens


@dataclass(frozen=True, eq=False)
class BatchShare:
    """The rows of one rank, and those of each pass. Passes from `count` on are repeats for their collectives only and add nothing. `rows`:
    the indices of the rows in the whole batch."""

    batch: Batch
    rows: Tensor
    passes: tuple[Tensor, ...]
    count: int


@dataclass(frozen=True)
class Division:
    """The settings that divide a step: `micro_tokens` per pass, `packs` if the model takes packed rows, `width`, its hidden size (to weigh
    the cost of attention), `shares_prompts` if the model can read one prompt for several replies, which it does where
    that saves `least_saving` of the tokens; where passes of `most_tokens`, which take more memory, save a sixth, they may be as large."""

    ranks: int
    micro_tokens: int
    packs: bool
    width: int
    shares_prompts: bool = field(default=False, kw_only=True)
    least_saving: float = field(default=LEAST_SAVING, kw_only=True)
    most_tokens: int = field(default=0, kw_only=True)

    def shares(self, batch: Batch) -> list[BatchShare]:
        """Return the share of each rank. Rows that train nothing are in none; a batch that trains nothing has no pass."""
        batch, micro_tokens = self._with_shared_prompts(replace(batch, packed=batch.packed and self.packs))
        shares = [self._share(batch, rows, micro_tokens) for rows in self._balance(batch)]
        most = max(share.count for share in shares)
        return [self._padded(batch, share, most) for share in shares]

    def _with_shared_prompts(self, batch: Batch) -> tuple[Batch, int]:
        """Return the batch with shared prompts if that saves enough tokens, and the most tokens of a pass; the decision is the same on
        every machine."""
        if not (self.shares_prompts and isinstance(batch, PolicyBatch) and batch.M):
            return batch, self.micro_tokens
        least, micro_tokens, read = 1 - self.least_saving, self.micro_tokens, sum(batch.families(self.micro_tokens)[1])
        if self.most_tokens > micro_tokens and (fewer := sum(batch.families(self.most_tokens)[1])) <= (1 - LEAST_GROWTH) * read:
            micro_tokens, read = self.most_tokens, fewer
        worth = read <= least * int(batch.length_R.sum()) and batch.has_common_prompts()
        return replace(batch, shared_prompts=worth), micro_tokens if worth else self.micro_tokens

    def _balance(self, batch: Batch) -> list[Tensor]:
        """Return the rows of each rank: units of rows, longest first, each to the rank with the least work so far."""
        if self.ranks == 1:
            return [torch.arange(batch.R)]
        units, cost_R, count_R = _units(batch), self._cost_R(batch).tolist(), batch.count_R.tolist()
        costs = [sum(cost_R[row] for row in unit) for unit in units]
        chosen: list[list[int]] = [[] for _ in range(self.ranks)]
        loads = [(0.0, rank) for rank in range(self.ranks)]
        for index in sorted(range(len(units)), key=lambda index: (-costs[index], index)):
            if any(count_R[row] for row in units[index]):
                load, rank = heapq.heappop(loads)
                chosen[rank].append(index)
                heapq.heappush(loads, (load + costs[index], rank))
        return [torch.tensor([row for index in sorted(indices) for row in units[index]], dtype=torch.long) for indices in chosen]

    def _cost_R(self, batch: Batch) -> Tensor:
        """Return each row's products per layer, relative to those of the weights (12 D^2 per token): attention adds 2 T D per token."""
        length_R = batch.length_R.double()
        return length_R * (1 + length_R / (6 * self.width))

    def _share(self, batch: Batch, rows: Tensor, micro_tokens: int) -> BatchShare:
        part = batch if self.ranks == 1 else batch.rows(rows)
        passes = micro_batches(part, micro_tokens) if part.R else []
        passes = [indices for indices in passes if int(part.count_R[indices].sum())]
        return BatchShare(part, rows, tuple(passes), len(passes))

    def _padded(self, batch: Batch, share: BatchShare, passes: int) -> BatchShare:
        """Return the share with `passes` passes, the missing ones being repeats of its last (for a rank without rows: of the shortest
        unit)."""
        missing = passes - share.count
        if not missing:
            return share
        if share.passes:
            return replace(share, passes=(*share.passes, *[share.passes[-1]] * missing))
        unit = batch.unit if isinstance(batch, ScoreBatch) else 1
        length_U = torch.where(batch.count_R.view(-1, unit).sum(1) > 0, batch.length_R.view(-1, unit).amax(1), batch.length_R.max() + 1)
        part = batch.rows(_rows_of([int(length_U.argmin())], unit))
        return BatchShare(part, torch.zeros(0, dtype=torch.long), (torch.arange(unit),) * missing, 0)


def _units(batch: Batch) -> list[list[int]]:
    """Return the rows that one rank must have together: those that are compared, and those that share a prompt."""
    if isinstance(batch, PolicyBatch) and batch.shared_prompts:
        groups: dict[int, list[int]] = {}
        for row, group in enumerate(batch.group_R.tolist()):
            groups.setdefault(group, []).append(row)
        return list(groups.values())
    unit = batch.unit if isinstance(batch, ScoreBatch) else 1
    return [list(range(start, start + unit)) for start in range(0, batch.R, unit)]


def _rows_of(units: Sequence[int], unit: int) -> Tensor:
    return (torch.tensor(units, dtype=torch.long)[:, None] * unit + torch.arange(unit)).flatten()


def places(batch: Batch, rows: Tensor) -> Tensor:
    """Return the positions in `batch` of the trained tokens of these rows, row after row."""
    starts, counts = (batch.count_R.cumsum(0) - batch.count_R).tolist(), batch.count_R.tolist()
    spans = [torch.arange(starts[row], starts[row] + counts[row]) for row in rows.tolist()]
    return torch.cat(spans) if spans else torch.zeros(0, dtype=torch.long)


class DividedLearner(Batching, ABC):
    """The methods of `protocols.Learner` on a whole batch, built on each rank's work on its share."""

    head: Head = "lm"

    @property
    @abstractmethod
    def division(self) -> Division:
        """The settings that divide batches."""

    @abstractmethod
    def learn_shares(self, shares: Sequence[BatchShare], loss: Loss) -> list[Metrics]:
        """Take one optimizer step together; return each rank's metrics."""

    @abstractmethod
    def share_numbers(self, shares: Sequence[BatchShare], of: Model) -> list[Tensor]:
        """Return for each rank the numbers of its trained tokens, in the order of its share."""

    def weights_of(self, path: Path) -> Weights:
        """See the protocol."""
        return KeptWeights(load_file(path))

    def logprobs(self, batch: Batch, of: Model) -> Tensor:
        """See the protocol."""
        logp_M = torch.zeros(batch.M)
        shares = self.division.shares(batch)
        for share, number_M in zip(shares, self.share_numbers(shares, of), strict=True):
            logp_M[places(batch, share.rows)] = number_M
        return logp_M

    def mismatch(self, batch: PolicyBatch, rows: int) -> Metrics:
        """See the protocol."""
        part = batch.rows(list(range(0, batch.R, max(1, batch.R // rows)))[:rows])
        log_w_M = self.logprobs(part, "policy") - part.behaviour_M
        w_M = ratio(log_w_M)
        return {"mismatch_kl": (w_M - log_w_M - 1).mean().item(), "ess": (w_M.mean() ** 2 / w_M.square().mean()).item()}

    def update(self, batch: Batch, loss: Loss) -> Metrics:
        """See the protocol. Metrics are the loss's own, summed over micro-batches, and `loss`, `grad_norm`, `lr`, `skipped`."""
        reports = self.learn_shares(self.division.shares(batch), loss)
        names = dict.fromkeys(name for report in reports for name in report)
        return {name: reports[0][name] if name in GLOBAL else sum(report.get(name, 0.0) for report in reports) for name in names}

    def measure(self, batch: Batch, loss: Loss) -> Metrics:
        """See the protocol."""
        number_M = self.logprobs(batch, "policy")
        outputs = Outputs(number_M[:0], score_M=number_M) if self.head == "score" else Outputs(number_M)
        return loss_function(loss)(outputs, batch)[1]


def check_lengths(batch: Batch, context: int | None) -> None:
    """Raise BadInput if a row has more tokens than the model's context."""
    longest = int(batch.length_R.max()) if batch.R else 0
    if context is not None and longest > context:
        raise BadInput(f"a row has {longest} tokens: the model knows {context} positions; shorten prompts or max_tokens")
