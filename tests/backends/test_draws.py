"""Draws with an address: the right distribution, and nothing but (seed, position) decides."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from aha.backends.draws import draw, uniform
from aha.protocols import Sampling


def splitmix64(x: int) -> int:
    """The published finaliser, in Python's own integers."""
    mask = (1 << 64) - 1
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


@given(st.integers(0, 2**63 - 1), st.integers(0, 70_000))
def test_uniform_is_splitmix64_of_seed_and_position(seed: int, position: int) -> None:
    golden, mask = 0x9E3779B97F4A7C15, (1 << 64) - 1
    start = splitmix64((seed + golden) & mask)
    expected = (splitmix64((start + (position + 1) * golden) & mask) >> 11) * 2.0**-53
    assert uniform(torch.tensor([seed]), position).item() == expected


def test_uniform_draws_fill_the_unit_interval_evenly() -> None:
    values = uniform(torch.arange(100_000), 0)
    counts = torch.histc(values.float(), bins=10, min=0, max=1)
    assert values.min() >= 0 and values.max() < 1
    assert (counts - 10_000).abs().max() < 4 * math.sqrt(10_000 * 0.9)  # four standard deviations


def test_neighbouring_seeds_and_positions_are_unrelated() -> None:
    one, other = uniform(torch.arange(50_000), 3), uniform(torch.arange(50_000), 4)
    assert abs(torch.corrcoef(torch.stack([one, other]))[0, 1].item()) < 0.02
    assert abs(torch.corrcoef(torch.stack([one[:-1], one[1:]]))[0, 1].item()) < 0.02


def test_tokens_come_as_often_as_their_probability_says() -> None:
    logits = torch.tensor([0.5, 0.25, 0.125, 0.125]).log().expand(80_000, 4)
    token_B, logp_B = draw(logits, torch.arange(80_000), 0, Sampling())
    shares = torch.bincount(token_B, minlength=4) / 80_000
    assert torch.allclose(shares, torch.tensor([0.5, 0.25, 0.125, 0.125]), atol=0.006)
    assert torch.equal(logp_B, torch.log_softmax(logits, -1).gather(1, token_B[:, None])[:, 0])


def test_temperature_flattens_the_distribution_that_is_recorded() -> None:
    # p = (0.8, 0.2) at temperature 2 is proportional to (sqrt 0.8, sqrt 0.2) = (2/3, 1/3).
    token_B, logp_B = draw(torch.tensor([[0.8, 0.2]]).log().expand(60_000, 2), torch.arange(60_000), 0, Sampling(temperature=2.0))
    assert abs((token_B == 0).float().mean().item() - 2 / 3) < 0.01
    assert abs(logp_B[token_B == 0][0].exp().item() - 2 / 3) < 1e-6


def test_top_p_keeps_the_smallest_set_that_reaches_the_mass() -> None:
    # 0.5 + 0.3 reaches 0.7, so the third token is never drawn and the two are renormalised to 5/8 and 3/8.
    logits = torch.tensor([0.3, 0.5, 0.2]).log().expand(20_000, 3)
    token_B, logp_B = draw(logits, torch.arange(20_000), 0, Sampling(top_p=0.7))
    assert set(token_B.tolist()) == {0, 1}
    assert abs(logp_B[token_B == 1][0].exp().item() - 5 / 8) < 1e-6


def test_a_token_of_probability_zero_is_never_drawn() -> None:
    logits = torch.tensor([-math.inf, 0.0, -math.inf, 0.0, -math.inf]).expand(50_000, 5)
    token_B, _ = draw(logits, torch.arange(50_000), 7, Sampling())
    assert set(token_B.tolist()) == {1, 3}


def test_temperature_zero_takes_the_likeliest() -> None:
    token_B, logp_B = draw(torch.tensor([[0.1, 0.7, 0.2]]).log(), torch.tensor([5]), 0, Sampling(temperature=0.0))
    assert token_B.tolist() == [1] and abs(logp_B.exp().item() - 0.7) < 1e-6
