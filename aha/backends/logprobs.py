"""The log-probability of chosen tokens, computed from hidden states without a full tensor of tokens by vocabulary.

The vocabulary is walked in slices with a running log-sum-exp, and walked again in the backward pass. So every row of the head's gradient is
written once, by one product over all tokens, and a bfloat16 copy of the head is never larger than a slice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

CHUNK_BYTES = {"cpu": 8 * 2**20}  # of a slice of logits: one that a processor's cache holds
GPU_CHUNK_BYTES = 64 * 2**20
WHOLE_BYTES = 64 * 2**20  # logits of up to this size are one slice, and are not computed again in the backward pass


@dataclass(frozen=True)
class _Head:
    """The linear head, the changes to its logits before the softmax, and the number of columns in a slice."""

    weight_VD: Tensor
    bias_V: Tensor | None
    temperature: float
    softcap: float | None
    columns: int

    def slices(self) -> Iterator[slice]:
        vocabulary = self.weight_VD.shape[0]
        for start in range(0, vocabulary, self.columns):
            yield slice(start, min(start + self.columns, vocabulary))

    def logits(self, hidden_MD: Tensor, part: slice, room: Tensor) -> Tensor:
        """Return [M, slice] in float32 (float64 for float64), after soft cap and temperature, written into `room`."""
        logits_MS = _view(room, len(hidden_MD), part)
        _product(hidden_MD, self.weight_VD[part].to(hidden_MD.dtype).T, logits_MS)
        if self.bias_V is not None:
            logits_MS += self.bias_V[part]
        if self.softcap is not None:
            logits_MS.div_(self.softcap).tanh_().mul_(self.softcap)
        return logits_MS if self.temperature == 1.0 else logits_MS.div_(self.temperature)

    def room(self, hidden_MD: Tensor) -> Tensor:
        """Return memory for one slice of logits. All slices share it: fresh memory costs time, and the heap fragments and grows."""
        return hidden_MD.new_empty(len(hidden_MD) * self.columns, dtype=_exact(hidden_MD))


def _exact(hidden_MD: Tensor) -> torch.dtype:
    return torch.promote_types(hidden_MD.dtype, torch.float32)


def _view(room: Tensor, tokens: int, part: slice) -> Tensor:
    columns = part.stop - part.start
    return room[: tokens * columns].view(tokens, columns)


def _product(left: Tensor, right: Tensor, out: Tensor) -> None:
    """Compute out = left @ right in their own dtype; only CUDA can keep the float32 result without rounding to that dtype."""
    if left.dtype == out.dtype:
        torch.mm(left, right, out=out)
    else:
        out.copy_(torch.mm(left, right, out_dtype=out.dtype) if left.is_cuda else left @ right)


def _at(logits_MS: Tensor, targets_M: Tensor, part: slice) -> tuple[Tensor, Tensor]:
    """Return the place of each token's target in the slice, and 1.0 if it is in the slice, else 0.0."""
    inside_M = (targets_M >= part.start) & (targets_M < part.stop)
    index_M1 = (targets_M - part.start).clamp(0, part.stop - part.start - 1)[:, None]
    return index_M1, inside_M.to(logits_MS.dtype)


@dataclass(frozen=True)
class SliceSums:
    """The sums over the slices so far for each token, [M]: the largest logit, the sum of exp(logit - largest), the same sum with each term
    times its logit, and the logit of the target."""

    top_M: Tensor
    total_M: Tensor
    weighted_M: Tensor
    target_M: Tensor


class SoftmaxSteps(Protocol):
    """The softmax of a processor's compiled steps, on logits in float32."""

    def softmax(self, logits_MV: Tensor, targets_M: Tensor) -> tuple[Tensor, Tensor]:
        """Turn logits into probabilities in place; return the log-probability of each target, and the entropy."""

    def add_slice(self, logits_MS: Tensor, targets_M: Tensor, first: int, sums: SliceSums) -> None:
        """Add a slice of logits, which begins at column `first`, to the sums in place."""

    def slope(self, logits_MS: Tensor, targets_M: Tensor, first: int, log_total_M: Tensor, factor_M: Tensor) -> None:
        """Turn a slice of logits, in place, into the gradient of the targets' log-probabilities, times `factor_M`."""


def _whole(logits_MV: Tensor, targets_M: Tensor, steps: SoftmaxSteps | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return (log-probability, entropy, probabilities) if the whole vocabulary fits in one slice."""
    if steps is not None:
        return (*steps.softmax(logits_MV, targets_M), logits_MV)
    logp_MV = torch.log_softmax(logits_MV, dim=-1)
    probability_MV = torch.exp(logp_MV, out=logits_MV)
    entropy_M = -torch.einsum("mv,mv->m", probability_MV, logp_MV)
    return logp_MV.gather(1, targets_M[:, None]).squeeze(1), entropy_M, probability_MV


def _by_slices(head: _Head, hidden_MD: Tensor, targets_M: Tensor, steps: SoftmaxSteps | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return (log-probability, entropy, log-sum-exp), slice by slice; sums are kept relative to the largest logit so far."""
    room = head.room(hidden_MD)
    total_M = hidden_MD.new_zeros(len(hidden_MD), dtype=room.dtype)
    sums = SliceSums(torch.full_like(total_M, -torch.inf), total_M, torch.zeros_like(total_M), torch.zeros_like(total_M))
    spare = None if steps is not None else torch.empty_like(room)
    for part in head.slices():
        logits_MS = head.logits(hidden_MD, part, room)
        if steps is not None:
            steps.add_slice(logits_MS, targets_M, part.start, sums)
        elif spare is not None:
            _add_slice(logits_MS, targets_M, part, sums, _view(spare, len(hidden_MD), part))
    log_total_M = sums.top_M + sums.total_M.log()
    return sums.target_M - log_total_M, log_total_M - sums.weighted_M / sums.total_M, log_total_M


def _add_slice(logits_MS: Tensor, targets_M: Tensor, part: slice, sums: SliceSums, spare_MS: Tensor) -> None:
    """Add a slice of logits to the sums in place; the logits and `spare_MS` are overwritten."""
    index_M1, inside_M = _at(logits_MS, targets_M, part)
    sums.target_M.add_(logits_MS.gather(1, index_M1).squeeze(1) * inside_M)
    top_M = torch.maximum(sums.top_M, logits_MS.amax(dim=1))
    odds_MS = torch.exp(logits_MS.sub_(top_M[:, None]), out=spare_MS)
    sum_M, shrink_M = odds_MS.sum(dim=1), torch.exp(sums.top_M - top_M)
    sums.total_M.mul_(shrink_M).add_(sum_M)
    sums.weighted_M.mul_(shrink_M).add_(torch.einsum("ms,ms->m", odds_MS, logits_MS) + top_M * sum_M)
    sums.top_M.copy_(top_M)


def _columns(hidden_MD: Tensor, vocabulary: int, chunk_bytes: int | None) -> int:
    """Return the number of columns in a slice, of at most `chunk_bytes`; None: as many as suit the device."""
    column_bytes = 4 * max(1, len(hidden_MD))
    if chunk_bytes is None:
        chunk_bytes = CHUNK_BYTES.get(hidden_MD.device.type, GPU_CHUNK_BYTES)
        # On a CPU a product of bfloat16 needs copies of logits and weights in both types: one slice would take several times as much.
        if column_bytes * vocabulary <= (WHOLE_BYTES if hidden_MD.dtype == torch.float32 else chunk_bytes):
            return vocabulary
    return max(1, min(vocabulary, chunk_bytes // column_bytes))


class _TokenLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_MD: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        targets_M: Tensor,
        temperature: float,
        softcap: float | None,
        chunk_bytes: int | None,
        sums: tuple[Tensor | None, Tensor | None] | None,
        steps: SoftmaxSteps | None,
    ) -> tuple[Tensor, Tensor]:
        columns = _columns(hidden_MD, len(weight_VD), chunk_bytes)
        steps = None if softcap is not None or _exact(hidden_MD) != torch.float32 else steps
        head = _Head(weight_VD, bias_V, temperature, softcap, columns)
        if columns == len(weight_VD):
            logp_M, entropy_M, saved_M = _whole(head.logits(hidden_MD, slice(0, columns), head.room(hidden_MD)), targets_M, steps)
        else:
            logp_M, entropy_M, saved_M = _by_slices(head, hidden_MD, targets_M, steps)
        ctx.save_for_backward(hidden_MD, weight_VD, bias_V, targets_M, saved_M)
        ctx.settings = (temperature, softcap, columns)
        ctx.sums, ctx.steps = sums, steps
        ctx.mark_non_differentiable(entropy_M)
        return logp_M, entropy_M

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        hidden_MD, weight_VD, bias_V, targets_M, saved_M = ctx.saved_tensors
        head = _Head(weight_VD, bias_V, *ctx.settings)
        wants = ctx.needs_input_grad
        sum_weight_VD, sum_bias_V = ctx.sums or (
            torch.zeros_like(weight_VD) if wants[1] else None,
            torch.zeros_like(bias_V) if bias_V is not None and wants[2] else None,
        )
        grad_hidden_MD = torch.zeros_like(hidden_MD, dtype=saved_M.dtype) if wants[0] else None
        room = head.room(hidden_MD)
        for part in head.slices():
            grad_MS = _logit_gradient(head, hidden_MD, targets_M, outputs[0], saved_M, part, room, ctx.steps)
            if sum_bias_V is not None:
                sum_bias_V[part] += grad_MS.sum(dim=0)
            grad_MS = grad_MS.to(hidden_MD.dtype)
            if grad_hidden_MD is not None:
                _add_product(grad_hidden_MD, grad_MS, weight_VD[part].to(hidden_MD.dtype))
            if sum_weight_VD is not None:
                _add_product(sum_weight_VD[part], grad_MS.T, hidden_MD)
        grad_hidden = None if grad_hidden_MD is None else grad_hidden_MD.to(hidden_MD.dtype)
        own = ctx.sums is None
        return grad_hidden, sum_weight_VD if own else None, sum_bias_V if own else None, None, None, None, None, None, None


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    if left.dtype == total.dtype:
        total.addmm_(left, right)
    else:
        total += torch.mm(left, right, out_dtype=total.dtype) if left.is_cuda else left @ right


def _logit_gradient(
    head: _Head,
    hidden_MD: Tensor,
    targets_M: Tensor,
    grad_M: Tensor,
    saved_M: Tensor,
    part: slice,
    room: Tensor,
    steps: SoftmaxSteps | None,
) -> Tensor:
    """Return d loss / d (the head's own output), [M, slice]: (target - probability) * gradient / temperature, through the soft cap.

    `saved_M` holds the probabilities [M, V] if one slice was enough, else the log-sum-exp [M] from which they are computed."""
    scaled_M1 = (grad_M / head.temperature)[:, None]
    fits = saved_M.dim() == 2
    grad_MS, slope_MS = _view(room, len(hidden_MD), part), None
    if not fits or head.softcap is not None:
        grad_MS = head.logits(hidden_MD, part, room)
    if head.softcap is not None:
        slope_MS = 1 - (grad_MS * (head.temperature / head.softcap)).square_()
    if not fits and steps is not None:
        steps.slope(grad_MS, targets_M, part.start, saved_M, scaled_M1[:, 0])
        return grad_MS
    if fits:
        torch.mul(saved_M, -scaled_M1, out=grad_MS)
    else:
        grad_MS.sub_(saved_M[:, None]).exp_().mul_(-scaled_M1)
    index_M1, inside_M = _at(grad_MS, targets_M, part)
    grad_MS.scatter_add_(1, index_M1, scaled_M1 * inside_M[:, None])
    return grad_MS if slope_MS is None else grad_MS.mul_(slope_MS)


def token_logprobs(
    hidden_MD: Tensor,
    weight_VD: Tensor,
    bias_V: Tensor | None,
    targets_M: Tensor,
    temperature: float = 1.0,
    softcap: float | None = None,
    chunk: int | None = None,
    *,
    accumulate: bool = False,
    steps: SoftmaxSteps | None = None,
) -> tuple[Tensor, Tensor]:
    """Return log softmax(cap(hidden @ weight.T + bias) / temperature) at each target, and the entropy, without gradient; both [M] float32.

    Products run in hidden's dtype, all else in float32. `chunk` is the most bytes of one slice of logits; None: as `_columns` chooses.
    `accumulate` adds the head's gradient to its existing `.grad`, so that no second gradient of the head's size is ever made. `steps`:
    compiled ones, for a processor."""
    sums = (weight_VD.grad, None if bias_V is None else bias_V.grad) if accumulate else None
    logp_M, entropy_M = _TokenLogprobs.apply(hidden_MD, weight_VD, bias_V, targets_M.contiguous(), temperature, softcap, chunk, sums, steps)
    return logp_M, entropy_M
