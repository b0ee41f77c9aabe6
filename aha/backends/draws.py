"""Random numbers with an address: a uniform draw is a function of (seed, position) and of nothing else.

So a reply does not depend on its neighbours in the batch, on the order of the batch or on what was sampled before it, and a resumed run
draws what an uninterrupted one would have drawn. No generator, no state.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aha.protocols import Sampling

_GOLDEN = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def _signed(constant: int) -> int:
    """The 64-bit pattern as torch's int64 writes it; its arithmetic wraps around, as the hash wants."""
    return constant - (1 << 64) if constant >= 1 << 63 else constant


def _shift(x: Tensor, bits: int) -> Tensor:
    """A logical right shift: torch's own carries the sign along."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mixed(x: Tensor) -> Tensor:
    """The finaliser of splitmix64: every input bit changes every output bit."""
    x = (x ^ _shift(x, 30)) * _signed(_MIX[0])
    x = (x ^ _shift(x, 27)) * _signed(_MIX[1])
    return x ^ _shift(x, 31)


def uniform(seed_B: Tensor, position_B: Tensor | int) -> Tensor:
    """One float64 in [0, 1) for each (seed, position), 53 random bits; int64 in, the same on every device."""
    start_B = _mixed(seed_B + _signed(_GOLDEN))
    step_B = torch.as_tensor(position_B, dtype=torch.int64, device=seed_B.device) + 1
    return _shift(_mixed(start_B + step_B * _signed(_GOLDEN)), 11).double() * 2.0**-53


def draw(logits_BV: Tensor, seed_B: Tensor, position_B: Tensor | int, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Token [B] and its log-probability [B] in float32, from the softmax of `logits / temperature`, cut to the nucleus if `top_p` < 1.

    Temperature 0 takes the likeliest token, with its log-probability at temperature 1. With `top_p`: the nucleus's."""
    if sampling.temperature == 0.0:
        logp_BV = torch.log_softmax(logits_BV.float(), -1)
        token_B = logp_BV.argmax(-1)
        return token_B, logp_BV.gather(-1, token_B[:, None])[:, 0]
    # Memory of [B, V] costs more than the sums: none is taken for a division by 1 or a sum that can stand where its terms stood.
    scaled_BV = logits_BV.float() if sampling.temperature == 1.0 else logits_BV.float() / sampling.temperature
    logp_BV = torch.log_softmax(scaled_BV, -1)
    if sampling.top_p < 1.0:
        logp_BV = _nucleus(logp_BV, sampling.top_p)
    # In float64: near 1 a float32 sum moves in steps of 6e-8, a hundredth of a likely token's share of a large vocabulary.
    cumulative_BV = logp_BV.exp().double().cumsum_(-1)
    # Scaled by the total, so that rounding in the sum can never point past the last token; a token of probability 0 is never hit.
    aim_B = uniform(seed_B, position_B) * cumulative_BV[:, -1]
    token_B = torch.searchsorted(cumulative_BV, aim_B[:, None], right=True)[:, 0].clamp_(max=logits_BV.shape[-1] - 1)
    return token_B, logp_BV.gather(-1, token_B[:, None])[:, 0]


def _nucleus(logp_BV: Tensor, top_p: float) -> Tensor:
    """The log-probabilities over the smallest set of likeliest tokens whose mass reaches `top_p`, renormalised; -inf elsewhere."""
    ordered_BV, index_BV = logp_BV.sort(stable=True, dim=-1, descending=True)
    before_BV = ordered_BV.exp().cumsum(-1) - ordered_BV.exp()
    kept_BV = torch.zeros_like(logp_BV, dtype=torch.bool).scatter(-1, index_BV, before_BV < top_p)
    return torch.log_softmax(logp_BV.masked_fill(~kept_BV, float("-inf")), -1)
