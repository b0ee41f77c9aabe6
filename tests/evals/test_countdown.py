from __future__ import annotations

import pytest

from aha.errors import BadInput
from aha.evals.benchmarks import BENCHMARKS, benchmark
from aha.tasks.countdown import is_held_out, key_of
from aha.types import Countdown, Right


@pytest.mark.parametrize(("name", "numbers"), [("countdown", 3), ("countdown4", 4)])
def test_five_hundred_different_problems_all_held_out(name, numbers):
    problems = BENCHMARKS[name].problems.all(500)
    keys = {key_of(problem.reference) for problem in problems}
    assert len(keys) == 500
    assert all(map(is_held_out, keys))
    assert {len(problem.reference.numbers) for problem in problems} == {numbers}
    assert {problem.language for problem in problems} == {"en", "zh"}


def test_the_lenient_reading_finds_the_last_expression_without_any_tag():
    countdown = BENCHMARKS["countdown"]
    text = " 8 + 6 = 14 no 8 * 6 = 48 + 10 = 58 yes so ( 8 * 6 ) + 10"
    assert countdown.grade(Countdown((8, 6, 10), 58), countdown.lenient(text)) == Right()


def test_blanks_do_not_split_a_vote():
    vote = BENCHMARKS["countdown"].vote
    assert vote("( 8 * 6 ) + 10") == vote("(8*6)+10") != vote("10+(8*6)")


def test_an_unknown_benchmark_is_refused_with_the_names_there_are():
    with pytest.raises(BadInput, match="aime: no such benchmark; there are countdown, countdown4"):
        benchmark("aime")
