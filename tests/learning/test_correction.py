"""The factors that repair what the engine sampled against what the learner believes."""

from __future__ import annotations

from dataclasses import replace
from math import e, log

import pytest
import torch

from aha.batch import PolicyBatch
from aha.learning import correct, effective, ratio, row_mean
from aha.objectives import CorrectionMode
from tests.objectives.samples import four_tokens, policy_batch

BAND = (0.5, 5.0)


def with_w(*w: float) -> PolicyBatch:
    """Four tokens whose old / mu is w."""
    batch = four_tokens()
    return replace(batch, old_M=batch.behaviour_M + torch.tensor(w, dtype=torch.float64).log())


def factors(batch: PolicyBatch, mode: CorrectionMode) -> list[float]:
    factor_M = correct(batch, mode, 2.0, BAND)
    assert factor_M is not None
    return factor_M.tolist()


def test_no_correction_is_no_factor() -> None:
    assert correct(with_w(1, 2, 3, 4), "none", 2.0, BAND) is None


def test_token_tis_cuts_w_at_the_cap() -> None:
    assert factors(with_w(0.5, 1, 2, 8), "token-tis") == pytest.approx([0.5, 1, 2, 2])


def test_icepop_drops_tokens_outside_the_band_and_keeps_w_inside() -> None:
    assert factors(with_w(0.4, 0.6, 4, 6), "icepop") == pytest.approx([0, 0.6, 4, 0])


def test_seq_geo_judges_a_row_by_the_geometric_mean_and_not_by_the_product() -> None:
    assert factors(with_w(3, 3, 3, 3), "seq-geo") == pytest.approx([2] * 4)  # the product is 81
    assert factors(with_w(6, 6, 6, 6), "seq-geo") == [0] * 4


def test_seq_geo_drops_one_row_and_keeps_its_neighbour() -> None:
    batch = policy_batch([[1, 0]], [[1, 2]])
    batch = replace(batch, old_M=batch.behaviour_M + torch.tensor([log(6), 0, 0]))
    assert factors(batch, "seq-geo") == [0, 1, 1]


@pytest.mark.parametrize("mode", ["token-tis", "icepop", "seq-geo"])
def test_no_gradient_flows_through_the_factor(mode: str) -> None:
    batch = four_tokens()
    batch = replace(batch, old_M=batch.old_M.clone().requires_grad_())
    assert not correct(batch, mode, 2.0, BAND).requires_grad  # type: ignore[arg-type, union-attr]


def test_ess_is_1_when_all_w_agree_and_1_in_n_when_one_is_all() -> None:
    batch = four_tokens()
    assert effective(torch.full((4,), 3.0), batch).tolist() == [1] * 4
    assert effective(torch.tensor([1.0, 0, 0, 0]), batch).tolist() == [0.25] * 4


def test_row_mean_is_over_the_trained_tokens_of_each_row() -> None:
    assert row_mean(torch.tensor([1.0, 2, 4]), policy_batch([[1, 0]], [[1, 2]])).tolist() == [1, 3]


def test_a_ratio_is_finite_where_its_exponent_would_overflow_and_nan_stays_nan() -> None:
    impossible, one, unknown = ratio(torch.tensor([1000.0, 1.0, float("nan")])).tolist()
    assert impossible == pytest.approx(e**20) and one == pytest.approx(e) and unknown != unknown
