"""The losses of preference models, by hand: ln 2, 1/2, sigmoids of small whole numbers."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch import Tensor

from aha.batch import ScoreBatch, collate_scores
from aha.errors import BadInput
from aha.learning import loss_function
from aha.objectives import Pairwise, Pointwise
from aha.protocols import Outputs


def rows(labels: list[bool], unit: int = 1) -> ScoreBatch:
    return collate_scores([[1, 2]] * len(labels), labels, unit)


def outputs(*scores: float) -> tuple[Outputs, Tensor]:
    score_M = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    return Outputs(torch.empty(0), score_M=score_M), score_M


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def test_equal_scores_cost_ln_2_and_pull_the_two_apart() -> None:
    said, score_M = outputs(3.0, 3.0)
    loss, metrics = loss_function(Pairwise(center=0.0))(said, rows([True, False], unit=2))
    loss.backward()
    assert loss.item() == pytest.approx(log(2))
    assert score_M.grad is not None and score_M.grad.tolist() == pytest.approx([-1 / 2, 1 / 2])
    assert metrics == pytest.approx({"loss": log(2), "agreement": 0.0, "margin": 0.0, "score": 3.0})


def test_the_pairwise_loss_is_the_mean_over_pairs() -> None:
    said, score_M = outputs(2.0, 0.0, -1.0, 0.0)
    loss, metrics = loss_function(Pairwise(center=0.0))(said, rows([True, False] * 2, unit=2))
    loss.backward()
    assert loss.item() == pytest.approx((-log(sigmoid(2)) - log(sigmoid(-1))) / 2)
    one, other = (sigmoid(2) - 1) / 2, (sigmoid(-1) - 1) / 2  # of each pair's chosen score; the rejected one's is the opposite
    assert score_M.grad is not None and score_M.grad.tolist() == pytest.approx([one, -one, other, -other])
    assert (metrics["agreement"], metrics["margin"], metrics["score"]) == (0.5, 0.5, 0.25)


def test_the_centre_pulls_sums_to_zero_and_leaves_differences_alone() -> None:
    apart, _ = loss_function(Pairwise(center=0.1))(outputs(2.0, -2.0)[0], rows([True, False], unit=2))
    lifted, _ = loss_function(Pairwise(center=0.1))(outputs(3.0, -1.0)[0], rows([True, False], unit=2))
    assert apart.item() == pytest.approx(-log(sigmoid(4)))
    assert lifted.item() - apart.item() == pytest.approx(0.1 * (3 - 1) ** 2)


def test_the_pointwise_loss_asks_each_reply_alone() -> None:
    said, score_M = outputs(2.0, 1.0)
    loss, metrics = loss_function(Pointwise())(said, rows([True, False]))
    loss.backward()
    assert loss.item() == pytest.approx((-log(sigmoid(2)) - log(1 - sigmoid(1))) / 2)
    assert score_M.grad is not None and score_M.grad.tolist() == pytest.approx([(sigmoid(2) - 1) / 2, sigmoid(1) / 2])
    assert metrics["agreement"] == 0.5 and metrics["score"] == 1.5


def test_scores_beyond_what_an_exponential_holds_cost_what_they_should() -> None:
    loss, _ = loss_function(Pairwise(center=0.0))(outputs(-1e4, 1e4)[0], rows([True, False], unit=2))
    assert loss.item() == pytest.approx(2e4)


@pytest.mark.parametrize("loss", [Pairwise(), Pointwise()])
def test_pieces_of_a_step_add_up_to_it(loss: Pairwise | Pointwise) -> None:
    labels, scores = [True, False, True, False], (0.5, -1.0, 2.0, 3.0)
    batch = rows(labels, unit=2 if isinstance(loss, Pairwise) else 1)
    whole, metrics = loss_function(loss)(outputs(*scores)[0], batch)
    parts = [loss_function(loss)(outputs(*scores[at : at + 2])[0], batch.rows([at, at + 1])) for at in (0, 2)]
    assert sum(part.item() for part, _ in parts) == pytest.approx(whole.item())
    assert {name: sum(each[name] for _, each in parts) for name in metrics} == pytest.approx(metrics)


def test_what_is_no_pair_has_no_better_one() -> None:
    with pytest.raises(TypeError, match="units of 1: a pairwise loss takes pairs"):
        loss_function(Pairwise())(outputs(1.0, 2.0)[0], rows([True, False]))
    with pytest.raises(TypeError, match="no scores"):
        loss_function(Pointwise())(Outputs(torch.empty(0)), rows([True]))
    with pytest.raises(BadInput, match="center is -1"):
        Pairwise(center=-1)
