"""Our losses against TRL's, where it is installed."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import pytest

from bench.trl_loss import CASES, Case, compare

pytestmark = [
    pytest.mark.skipif(find_spec("trl") is None, reason="TRL is not installed: pip install trl compares our losses with its"),
    pytest.mark.filterwarnings("ignore"),  # its imports warn, and they are not ours to mend
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_loss_and_gradient_are_those_of_trl(case: Case) -> None:
    seen = compare(case)
    assert seen.loss < 1e-6 and seen.gradient < 1e-6 * max(1, seen.size) and seen.size > 1e-3


def test_the_comparison_sees_a_clip_that_differs() -> None:
    assert compare(replace(CASES[1], trl={"loss_type": "grpo", "epsilon_high": 0.25})).gradient > 1e-3
