"""What becomes of a reply: graded as it stands, wrong without being read, or read again from the journal to the same grade."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from aha.evals.benchmark import BenchmarkExample
from aha.evals.benchmarks import benchmark
from aha.evals.result import result_of
from aha.evals.samples import GradedSample, grade_sample
from aha.template import R1Zero
from aha.types import Choice, Number, Open, Reply
from tests.graders import GRADERS

IFEVAL, AIME = benchmark("ifeval"), benchmark("aime_2024")
ABOUT = {"kinds": ["punctuation:no_comma", "startend:quotation"], "settings": [{}, {}]}
ASKED = BenchmarkExample("q", "Say it twice without a comma.", "en", Open(), about=ABOUT)
SUM = BenchmarkExample("q", "1 + 1?", "en", Number("2"))


def graded(text: str, finished: Literal["stop", "length"] = "stop", problem: str = "q", number: int = 0) -> GradedSample:
    return grade_sample(IFEVAL, replace(ASKED, id=problem), Reply(text, "They want quotes.", text, 100, finished), number, GRADERS)


def test_a_reply_cut_after_its_thought_is_graded_as_it_stands_by_ifeval() -> None:
    cut = graded('"Well said and', "length")
    assert (cut.right, cut.truncated) == (False, True)
    assert cut.measures["instruction_strict"] == 0.5  # no comma, and no closing quote
    assert graded('"Well said"', "length").right


def test_a_reply_cut_within_its_thought_keeps_no_instruction() -> None:
    cut = graded("", "length")
    assert (cut.right, cut.truncated) == (False, True)
    assert [cut.measures[name] for name in ("prompt_strict", "instruction_strict", "instruction_loose")] == [0.0, 0.0, 0.0]


def test_elsewhere_what_was_cut_is_wrong_whatever_stands_in_it() -> None:
    assert grade_sample(AIME, SUM, Reply(r"\boxed{2}", None, r"\boxed{2}", 9, "stop"), 0, GRADERS).right
    assert not grade_sample(AIME, SUM, Reply(r"\boxed{2}", None, r"\boxed{2}", 9, "length"), 0, GRADERS).right


def test_of_a_reply_that_breaks_its_template_nothing_is_visible() -> None:
    said = R1Zero().read(r"so \boxed{2}", 9, "stop")
    sample = grade_sample(AIME, SUM, said, 0, GRADERS)
    assert (sample.right, sample.text, sample.thought) == (False, "", r"so \boxed{2}")


def test_the_share_of_cut_replies_stands_beside_the_score() -> None:
    result = result_of([graded('"Well said"'), graded("", "length", number=1)], IFEVAL).to_json()
    assert list(result)[:4] == ["benchmark", "headline", "value", "truncated"]
    assert (result["value"], result["truncated"]) == (0.5, 0.5)


def test_a_headline_that_no_sample_reached_has_an_interval_with_an_upper_end() -> None:
    result = result_of([graded("one, two", problem=str(number)) for number in range(24)], IFEVAL).to_json()
    assert result["headline_ci95"] == [0.0, pytest.approx(0.138, abs=1e-3)]


def test_instructions_and_not_replies_are_counted_and_have_an_interval() -> None:
    one = replace(ASKED, about={"kinds": ["punctuation:no_comma"], "settings": [{}]})
    samples = [
        grade_sample(IFEVAL, replace(one, id="a"), Reply("a, b", None, "a, b", 9, "stop"), 0, GRADERS),
        graded('"no comma"', problem="b"),
    ]
    result = result_of(samples, IFEVAL).to_json()
    assert result["instruction_strict"] == pytest.approx(2 / 3)
    low, high = result["intervals"]["instruction_strict"]
    assert 0.0 <= low < 2 / 3 < high <= 1.0


def test_the_strict_reader_stands_beside_a_benchmarks_own_rule_where_they_differ() -> None:
    gpqa = benchmark("gpqa_diamond")
    asked = BenchmarkExample("q", "Which?", "en", Choice("B", ("red", "green", "blue", "grey")), options=4)

    def told(*replies: str) -> dict[str, float]:
        samples = [grade_sample(gpqa, asked, Reply(text, None, text, 9, "stop"), number, GRADERS) for number, text in enumerate(replies)]
        return {name: measure.value for name, measure in result_of(samples, gpqa).measures.items()}

    apart = told("Answer: B", "Answer: B. Actually, it's D.", "I choose B.", "Answer: A")
    assert apart == {"strict": 0.5, "protocol_alone": 0.25, "strict_alone": 0.25}
    assert told("Answer: B", "Answer: A") == {}
