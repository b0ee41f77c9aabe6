"""Random numbers with an address: a uniform draw is a function of (seed, position) and of nothing else.

So a reply does not depend on its neighbours in the batch, on the order of the batch or on what was sampled before it, and a resumed run
draws what an uninterrupted one would have drawn. No generator, no state.

A token is drawn by walking the tokens in the order of the vocabulary until their probabilities add up to the uniform number. The walk
goes by blocks, so that no sum over the vocabulary is ever written down, and rows are taken a few at a time, so that their weights stay
in the processor's cache. For a nucleus nothing is sorted: a token is drawn from all, and drawn again with the next number of the same
address as long as the tokens that are likelier than it already reach `top_p`. That is the nucleus's own distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from aha.protocols import Sampling

BLOCK = 64  # tokens whose weights are added up before the walk
CHUNK = 1 << 20  # weights at a time: 4 MiB
TRIES = 12  # draws until one falls into the nucleus, before the tokens are sorted: for 0.95 that is one row in 10^15
_NEXT_TRY = 1 << 40  # positions from one try to the next: more than a reply has tokens
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def _as_int64(constant: int) -> int:
    """Return the 64-bit pattern as torch's int64; its arithmetic wraps around, as the hash needs."""
    return constant - (1 << 64) if constant >= 1 << 63 else constant


def _shift(x: Tensor, bits: int) -> Tensor:
    """Shift right logically: torch's own shift keeps the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    """Apply the finaliser of splitmix64: every input bit changes every output bit."""
    x = (x ^ _shift(x, 30)) * _as_int64(_MIX[0])
    x = (x ^ _shift(x, 27)) * _as_int64(_MIX[1])
    return x ^ _shift(x, 31)


def uniform(seed_B: Tensor, position_B: Tensor | int) -> Tensor:
    """Return one float64 in [0, 1) for each (seed, position), 53 random bits; int64 in, the same on every device."""
    start_B = _mix(seed_B + _as_int64(_GOLDEN))
    step_B = torch.as_tensor(position_B, dtype=torch.int64, device=seed_B.device) + 1
    return _shift(_mix(start_B + step_B * _as_int64(_GOLDEN)), 11).double() * 2.0**-53


@dataclass(frozen=True)
class DrawSettings:
    """The temperature and the nucleus of each row. `warm`: no row has temperature 0. `plain`: all have temperature 1. `whole`: none has a
    nucleus. The three need no read from the device."""

    temperature_B: Tensor
    top_p_B: Tensor
    warm: bool
    plain: bool
    whole: bool

    @classmethod
    def of(cls, rows: Sequence[tuple[float, float]], device: torch.device | str = "cpu") -> Self:
        """Return the settings of rows given as (temperature, top_p)."""
        temperatures, nuclei = [temperature for temperature, _ in rows], [top_p for _, top_p in rows]
        return cls(
            torch.tensor(temperatures, device=device),
            torch.tensor(nuclei, dtype=torch.float64, device=device),
            warm=all(temperatures),
            plain=all(temperature == 1.0 for temperature in temperatures),
            whole=all(top_p >= 1.0 for top_p in nuclei),
        )

    @classmethod
    def repeat(cls, sampling: Sampling, rows: int, device: torch.device | str = "cpu") -> Self:
        """Return the same settings for all rows."""
        return cls.of([(sampling.temperature, sampling.top_p)] * rows, device)

    def rows(self, part: slice) -> DrawSettings:
        """Return the settings of some rows."""
        return DrawSettings(self.temperature_B[part], self.top_p_B[part], self.warm, self.plain, self.whole)


class DrawSteps(Protocol):
    """The draw of a processor's compiled steps, for float32."""

    def draw(self, logits_RV: Tensor, seed_R: Tensor, position_R: Tensor, settings: DrawSettings) -> tuple[Tensor, Tensor]:
        """Return the tokens [R] and their log-probabilities [R]. The numbers of a row of logits lie side by side."""


def draw(
    logits_BV: Tensor, seed_B: Tensor, position_B: Tensor, settings: DrawSettings, steps: DrawSteps | None = None
) -> tuple[Tensor, Tensor]:
    """Return one token [B] and its log-probability [B], float32, from the softmax of `logits / temperature`. With `top_p` < 1 only tokens
    of the nucleus are drawn: those for which the likelier ones add up to less than `top_p`, so that equally likely tokens are in it
    together.

    Temperature 0 takes the likeliest token, with its log-probability at temperature 1. The log-probability is that of the whole
    distribution, even with a nucleus. `steps`: compiled ones."""
    if steps is not None and logits_BV.dtype == torch.float32 and logits_BV.stride(-1) == 1:
        return steps.draw(logits_BV, seed_B, position_B, settings)
    rows, vocabulary = logits_BV.shape
    step = max(1, CHUNK // vocabulary)
    if rows <= step:
        return _draw(logits_BV, seed_B, position_B, settings)
    parts = [slice(start, start + step) for start in range(0, rows, step)]
    tokens = [_draw(logits_BV[part], seed_B[part], position_B[part], settings.rows(part)) for part in parts]
    return torch.cat([token_R for token_R, _ in tokens]), torch.cat([logp_R for _, logp_R in tokens])


def _draw(logits_RV: Tensor, seed_R: Tensor, position_R: Tensor, settings: DrawSettings) -> tuple[Tensor, Tensor]:
    scaled_RV = logits_RV.float()
    if not settings.plain:
        scaled_RV = scaled_RV / torch.where(settings.temperature_B > 0, settings.temperature_B, 1.0)[:, None]
    weights = _Weights.of(scaled_RV)
    token_R = weights.walk(uniform(seed_R, position_R))
    if not settings.whole:
        token_R = _in_nucleus(weights, token_R, seed_R, position_R, settings.top_p_B)
    if not settings.warm:
        token_R = torch.where(settings.temperature_B == 0, scaled_RV.argmax(-1), token_R)
    return token_R, scaled_RV.gather(1, token_R[:, None])[:, 0] - weights.most_R - weights.until_RN[:, -1].log().float()


def _in_nucleus(weights: _Weights, token_R: Tensor, seed_R: Tensor, position_R: Tensor, top_p_R: Tensor) -> Tensor:
    """Return the tokens, with those outside their row's nucleus drawn again."""
    outside_L = (~weights.holds(token_R, top_p_R)).nonzero()[:, 0]
    for number in range(1, TRIES + 1):
        if not len(outside_L):
            break
        weights_L, top_p_L = weights.rows(outside_L), top_p_R[outside_L]
        if number == TRIES:
            weights_L, top_p_L = weights_L.nucleus(top_p_L), torch.ones_like(top_p_L)
        token_L = weights_L.walk(uniform(seed_R[outside_L], position_R[outside_L] + number * _NEXT_TRY))
        token_R[outside_L] = token_L
        outside_L = outside_L[(~weights_L.holds(token_L, top_p_L)).nonzero()[:, 0]]
    return token_R


@dataclass(frozen=True)
class _Weights:
    """The weights exp(logits - the row's largest) in blocks of the vocabulary, padded with zeros. The sums are in float64, since near 1 a
    float32 sum moves in steps of 6e-8, a hundredth of a likely token's share of a large vocabulary."""

    weight_RNK: Tensor
    most_R: Tensor
    until_RN: Tensor

    @classmethod
    def of(cls, scaled_RV: Tensor) -> Self:
        rows, vocabulary = scaled_RV.shape
        blocks = -(-vocabulary // BLOCK)
        weight_RM = scaled_RV.new_empty(rows, blocks * BLOCK)
        weight_RM[:, vocabulary:] = 0.0
        most_R = scaled_RV.amax(-1)
        torch.sub(scaled_RV, most_R[:, None], out=weight_RM[:, :vocabulary])
        weight_RM[:, :vocabulary].exp_()
        weight_RNK = weight_RM.view(rows, blocks, BLOCK)
        return cls(weight_RNK, most_R, weight_RNK.sum(-1).double().cumsum_(-1))

    def walk(self, uniform_R: Tensor) -> Tensor:
        """Return the token at which the cumulative weight first exceeds that share of the total."""
        block_R1, share_R = _place(self.until_RN, uniform_R)
        inside_RK = self.weight_RNK[torch.arange(len(block_R1), device=block_R1.device), block_R1[:, 0]].double().cumsum_(-1)
        place_R1, _ = _place(inside_RK, share_R)
        return (block_R1 * BLOCK + place_R1)[:, 0]

    def holds(self, token_R: Tensor, top_p_R: Tensor) -> Tensor:
        """Return True for each row whose nucleus holds the token: the likelier ones add up to less than `top_p` of all."""
        weight_RM = self.weight_RNK.flatten(1)
        before_RM = torch.empty_like(weight_RM)  # a comparison into floats and a product: 10 times as fast here as `torch.where`
        torch.gt(weight_RM, weight_RM.gather(1, token_R[:, None]), out=before_RM).mul_(weight_RM)
        return before_RM.view(self.weight_RNK.shape).sum(-1).double().sum(-1) < top_p_R * self.until_RN[:, -1]

    def nucleus(self, top_p_R: Tensor) -> _Weights:
        """Return the weights with those outside the nucleus set to 0, found by sorting."""
        ordered_RM = self.weight_RNK.flatten(1).sort(-1, descending=True).values
        until_RM = ordered_RM.double().cumsum(-1)
        last_R1 = (until_RM - ordered_RM < top_p_R[:, None] * self.until_RN[:, -1:]).sum(-1, keepdim=True) - 1
        least_R1 = ordered_RM.gather(1, last_R1.clamp_(min=0))
        weight_RNK = torch.where(self.weight_RNK >= least_R1[:, :, None], self.weight_RNK, 0.0)
        return _Weights(weight_RNK, self.most_R, weight_RNK.sum(-1).double().cumsum_(-1))

    def rows(self, index_L: Tensor) -> _Weights:
        """Return the weights of some rows."""
        return _Weights(self.weight_RNK[index_L], self.most_R[index_L], self.until_RN[index_L])


def _place(until_RN: Tensor, share_R: Tensor) -> tuple[Tensor, Tensor]:
    """Return the position where running sums first exceed that share of the last one [R, 1], and the used share of that step [R].

    Shares are relative to the last sum, so that rounding never points past the end; a step of weight 0 is never hit."""
    total_R1 = until_RN[:, -1:]
    aim_R1 = torch.minimum(share_R[:, None] * total_R1, torch.nextafter(total_R1, torch.zeros_like(total_R1)))
    place_R1 = torch.searchsorted(until_RN, aim_R1, right=True).clamp_(max=until_RN.shape[1] - 1)
    before_R1 = torch.where(place_R1 > 0, until_RN.gather(1, (place_R1 - 1).clamp_(min=0)), 0.0)
    return place_R1, ((aim_R1 - before_R1) / (until_RN.gather(1, place_R1) - before_R1))[:, 0]
