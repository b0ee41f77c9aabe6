"""Draws with an address: the right distribution, and nothing but (seed, position) decides."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from aha.backends.native import steps_for
from aha.protocols import Sampling
from aha.sampling import draws
from aha.sampling.draws import BLOCK, DrawSettings, uniform
from tests.counts import ordinary, ordinary_rows


def draw(logits_BV: Tensor, seed_B: Tensor, position: int, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """All rows alike."""
    return draws.draw(logits_BV, seed_B, torch.full_like(seed_B, position), DrawSettings.repeat(sampling, len(seed_B)))


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
    # 0.5 + 0.3 reaches 0.7, so the third token is never drawn, and the two come as 5/8 and 3/8. What is recorded is 0.5.
    logits = torch.tensor([0.3, 0.5, 0.2]).log().expand(20_000, 3)
    token_B, logp_B = draw(logits, torch.arange(20_000), 0, Sampling(top_p=0.7))
    assert set(token_B.tolist()) == {0, 1}
    assert abs((token_B == 1).float().mean().item() - 5 / 8) < 0.015
    assert abs(logp_B[token_B == 1][0].exp().item() - 0.5) < 1e-6


def test_a_token_of_probability_zero_is_never_drawn() -> None:
    logits = torch.tensor([-math.inf, 0.0, -math.inf, 0.0, -math.inf]).expand(50_000, 5)
    token_B, _ = draw(logits, torch.arange(50_000), 7, Sampling())
    assert set(token_B.tolist()) == {1, 3}


def test_temperature_zero_takes_the_likeliest() -> None:
    token_B, logp_B = draw(torch.tensor([[0.1, 0.7, 0.2]]).log(), torch.tensor([5]), 0, Sampling(temperature=0.0))
    assert token_B.tolist() == [1] and abs(logp_B.exp().item() - 0.7) < 1e-6


# --- against a plain reference ----------------------------------------------------------------------------------------

SETTINGS = [(1.0, 1.0), (0.7, 1.0), (0.0, 1.0), (1.0, 0.95), (0.6, 0.3), (0.0, 0.5), (1.3, 0.999), (1.0, 1e-9)] * 8


def nucleus_of(p_V: Tensor, top_p: float) -> set[int]:
    """The tokens for which the likelier ones add up to less than `top_p`, in float64 and by sorting."""
    order_V = p_V.argsort(descending=True)
    return {int(token) for token in order_V if float(p_V[p_V > p_V[token]].sum()) < top_p}


@pytest.mark.parametrize("sharpness", ordinary([0.01, 1.0, 4.0, 30.0], 1.0, 30.0))
@pytest.mark.parametrize("vocabulary", [2, BLOCK - 1, BLOCK, 700])
def test_every_row_is_drawn_by_its_own_settings_whatever_its_neighbours_are(vocabulary: int, sharpness: float) -> None:
    logits_BV = sharpness * torch.randn(len(SETTINGS), vocabulary, generator=torch.Generator().manual_seed(vocabulary))
    seed_B, position_B = torch.arange(len(SETTINGS)) * 7919, torch.arange(len(SETTINGS)) % 5
    token_B, logp_B = draws.draw(logits_BV, seed_B, position_B, DrawSettings.of(SETTINGS))
    for row, (temperature, top_p) in enumerate(SETTINGS):
        p_V = torch.softmax(logits_BV[row].double() / (temperature or 1.0), -1)
        assert float(logp_B[row]) == pytest.approx(math.log(p_V[token_B[row]]), abs=2e-5 * max(1.0, sharpness))
        if temperature == 0.0:
            assert token_B[row] == p_V.argmax()
        elif top_p < 1.0:
            assert int(token_B[row]) in nucleus_of(p_V, top_p + 1e-6)
        else:
            aim = uniform(seed_B[row : row + 1], position_B[row : row + 1])
            assert token_B[row] == int((p_V.cumsum(-1) > aim).nonzero()[0, 0])


@pytest.mark.parametrize(
    ("top_p", "tries"), ordinary_rows([(0.9, draws.TRIES), (0.3, draws.TRIES), (0.3, 1), (0.05, 2)], (0.9, draws.TRIES), (0.3, 1))
)
def test_tokens_of_a_nucleus_come_as_often_as_their_share_of_it(monkeypatch: pytest.MonkeyPatch, top_p: float, tries: int) -> None:
    monkeypatch.setattr(draws, "TRIES", tries)
    p_V = torch.softmax(torch.randn(200, generator=torch.Generator().manual_seed(4)).double(), -1)
    token_B, _ = draw(p_V.log().float().expand(60_000, -1), torch.arange(60_000), 2, Sampling(top_p=top_p))
    inside = sorted(nucleus_of(p_V, top_p))
    expected_V = torch.zeros(200, dtype=torch.float64)
    expected_V[inside] = p_V[inside] / p_V[inside].sum()
    shares_V = torch.bincount(token_B, minlength=200) / 60_000
    assert (shares_V - expected_V).abs().max() < 4 * math.sqrt(0.25 / 60_000)
    assert not shares_V[expected_V == 0].any()


def test_equally_likely_tokens_are_in_the_nucleus_together() -> None:
    # 0.4 reaches 0.35 alone; of the six tokens of 0.1 each all are in for 0.45.
    logits = torch.tensor([0.4, *[0.1] * 6]).log().expand(5_000, 7)
    assert set(draw(logits, torch.arange(5_000), 0, Sampling(top_p=0.35))[0].tolist()) == {0}
    assert set(draw(logits, torch.arange(5_000), 0, Sampling(top_p=0.45))[0].tolist()) == set(range(7))


def test_a_row_is_drawn_alike_in_any_company(monkeypatch: pytest.MonkeyPatch) -> None:
    logits_BV, seed_B = torch.randn(40, 3000, generator=torch.Generator().manual_seed(2)) * 2, torch.arange(40)
    together = draw(logits_BV, seed_B, 3, Sampling(0.9, 0.9))
    monkeypatch.setattr(draws, "CHUNK", 9_000)  # three rows at a time
    few = draw(logits_BV, seed_B, 3, Sampling(0.9, 0.9))
    assert torch.equal(together[0], few[0]) and torch.equal(together[1], few[1])


@given(st.integers(1, 1_000), st.sampled_from([0.3, 1.0, 1.7]), st.sampled_from([1.0, 0.95, 0.5, 1e-6]), st.integers(0, 2**62))
def test_the_compiled_draw_is_this_draw(vocabulary: int, temperature: float, top_p: float, seed: int) -> None:
    """Up to rounding, which may move a draw that falls between two tokens to the other one."""
    steps = steps_for("auto", 8)
    if steps is None:
        pytest.skip("no C++ compiler")
    rows = 40
    logits = 5 * torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(vocabulary))
    logits[3, : vocabulary // 2] = float("-inf")
    seeds, positions = torch.arange(rows) * 7 + seed, torch.arange(rows)
    settings = DrawSettings.of([(0.0 if row % 5 == 0 else temperature, top_p if row % 3 else 1.0) for row in range(rows)])
    token_R, logp_R = draws.draw(logits, seeds, positions, settings)
    own_R, own_logp_R = draws.draw(logits, seeds, positions, settings, steps)
    same = token_R == own_R
    assert int(same.sum()) >= rows - 2 and torch.allclose(logp_R[same], own_logp_R[same], atol=1e-5)


def test_the_compiled_draw_of_a_part_of_the_columns_never_takes_a_token_of_probability_zero() -> None:
    steps = steps_for("auto", 8)
    if steps is None:
        pytest.skip("no C++ compiler")
    logits = torch.full((512, 300), float("-inf"))
    logits[:, [64, 130]] = torch.tensor([0.0, -80.0])
    settings = DrawSettings.repeat(Sampling(1.0, 1.0), 512)
    token_R, logp_R = draws.draw(logits[:, :200], torch.arange(512), torch.arange(512), settings, steps)
    assert token_R.tolist() == [64] * 512 and logp_R.tolist() == [0.0] * 512


def test_the_compiled_draw_of_a_nucleus_takes_nothing_outside_it_and_all_inside_in_proportion() -> None:
    """Weights 0.5, 0.3, 0.15, 0.05: of a nucleus of 0.8 are the first two, since those before the third add up to 0.8; they get 5/8 and
    3/8. Of a nucleus of 0.01 is the first, after twelve draws at most by sorting."""
    steps = steps_for("auto", 8)
    if steps is None:
        pytest.skip("no C++ compiler")
    rows = 20_000
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(rows, 4).contiguous()
    seeds, positions = torch.arange(rows), torch.arange(rows)
    token_R, _ = draws.draw(logits, seeds, positions, DrawSettings.repeat(Sampling(1.0, 0.79), rows), steps)
    shares = torch.bincount(token_R, minlength=4) / rows
    assert shares[2:].tolist() == [0.0, 0.0] and abs(float(shares[0]) - 5 / 8) < 0.015
    token_R, logp_R = draws.draw(logits, seeds, positions, DrawSettings.repeat(Sampling(1.0, 0.01), rows), steps)
    assert not token_R.any() and torch.allclose(logp_R, torch.full_like(logp_R, 0.5).log())


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("top_p", [1.0, 0.9])
@pytest.mark.parametrize("broken", [float("nan"), float("-inf"), float("inf")])
def test_the_compiled_draw_of_a_broken_models_logits_is_some_token(temperature: float, top_p: float, broken: float) -> None:
    steps = steps_for("auto", 8)
    if steps is None:
        pytest.skip("no C++ compiler")
    settings = DrawSettings.repeat(Sampling(temperature, top_p), 4)
    for size in (1, 7, 64, 200):
        logits = torch.full((4, size), broken)
        logits[1:, -1] = 0.0
        logits[2, 0] = 0.0
        token_R, _ = draws.draw(logits, torch.arange(4), torch.arange(4), settings, steps)
        assert all(0 <= token < size for token in token_R.tolist())
