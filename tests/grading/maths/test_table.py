"""Hundreds of pairs, each settled without algebra and within milliseconds."""

from __future__ import annotations

import pytest

from aha.grading.maths import quick
from aha.types import Latex, Right, Wrong
from tests.grading.maths.table import RIGHT, WRONG


@pytest.mark.parametrize("topic", RIGHT)
def test_the_same_answer_written_otherwise_is_right(topic: str) -> None:
    assert [pair for pair in RIGHT[topic] if quick(Latex(pair[0]), pair[1]) != Right()] == []


@pytest.mark.parametrize("topic", WRONG)
def test_an_answer_that_is_nearly_right_is_wrong(topic: str) -> None:
    assert [pair for pair in WRONG[topic] if not isinstance(quick(Latex(pair[0]), pair[1]), Wrong)] == []


def test_the_table_holds_hundreds_of_both_kinds() -> None:
    assert sum(map(len, RIGHT.values())) > 400 and sum(map(len, WRONG.values())) > 200
