from __future__ import annotations

import re
from typing import Any

import pytest

from aha.evals.samples import GradedSample, ProblemSamples, SampleSet
from aha.evals.scaling import Arm, scaling
from aha.reports.scaling_page import costs, cut_example, read_numbers, scaling_html


def part(name: str, rights: str, tokens: int | None = 10) -> ProblemSamples:
    samples = (
        GradedSample(name, place, float(sign == "+"), claim="yes" if sign == "+" else f"no {place}", tokens=tokens)
        for place, sign in enumerate(rights)
    )
    return ProblemSamples(name, tuple(samples))


def found(tokens: int | None = 10) -> dict[str, Any]:
    samples = SampleSet((part("a", "++--", tokens), part("b", "+---", tokens)), answers=True, rewards=False, texts=False, ends=False)
    arms = [Arm(x, tuple(part(name, rights) for name in "ab")) for x, rights in ((0, "--"), (5, "+-"))]
    return scaling(samples, {"likelihood": [[3.0, 2.0, 1.0, 0.0]] * 2}, arms if tokens else (), arms[::-1] if tokens else ()).to_json()


def test_the_page_needs_nothing_from_elsewhere():
    page = scaling_html(found(), "countdown", {"model": "m"})
    assert not re.search(r"<script|src=|https?://|@import|<link", page)
    assert page.count("<svg") == 8  # samples; cut and longer; what tokens buy, and their price; three by difficulty
    for name in ("pass@n", "cons@n", "best of n by likelihood", "vote weighted by likelihood", "told to answer", "stopped there"):
        assert name in page


def test_what_a_model_said_is_text_and_no_markup():
    example = cut_example("<em>?</em>", "en", [("after 0 tokens", False, 3, "<script>x</script> wait"), ("left alone", True, 9, "ok")])
    page = scaling_html(found(), "<i>", {}, example)
    assert "<script>" not in page and "<em>?" not in page and "<title><i>" not in page
    assert "<mark>wait</mark>" in page


def test_samples_that_nobody_counted_have_no_costs_and_no_budgets():
    page = scaling_html(found(None), "file", {})
    assert costs(read_numbers(found(None))) == []
    assert "What a solved problem costs" not in page and "Thinking longer" not in page


def test_a_solved_problem_costs_the_tokens_of_the_failures_too():
    """Three of eight samples are right at ten tokens each: 10 / (3/8)."""
    first = costs(read_numbers(found()))[0]
    assert (first.way, first.accuracy, first.tokens, first.tokens_per_solution) == ("pass@n, n = 1", "37.5 %", "10", "27")


def test_the_cheapest_way_is_marked():
    best = [cost.way for cost in costs(read_numbers(found())) if cost.best]
    assert best == ["told to answer, 5 tokens", "told to go on, 5 times"]  # half of ten tokens' replies: 20 for each


@pytest.mark.parametrize("k", [1, 2])
def test_one_or_two_samples_make_a_page_too(k):
    samples = SampleSet((part("a", "+-"[:k]),), answers=False, rewards=False, texts=False, ends=False)
    assert "pass@1" in scaling_html(scaling(samples, {}).to_json(), "x", {})
