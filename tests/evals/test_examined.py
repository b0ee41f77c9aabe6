from __future__ import annotations

from dataclasses import replace

import pytest

from aha.evals.examined import Generation, grade_one, result_of
from aha.evals.exams import exam
from aha.evals.exams.exam import Item
from aha.types import Number, Open

IFEVAL, AIME = exam("ifeval"), exam("aime_2024")
ASKED = Item(
    "q",
    "Say it twice without a comma.",
    "en",
    Open(),
    about={"kinds": ["punctuation:no_comma", "startend:quotation"], "settings": [{}, {}]},
)
SAID = Generation("q", 0, '"Well said"', "They want quotes.", 100, "stop")


def test_a_reply_cut_after_its_thought_is_graded_as_it_stands_by_ifeval():
    graded = grade_one(IFEVAL, ASKED, replace(SAID, text='"Well said and', finished="length"))
    assert (graded.right, graded.truncated) == (False, True)
    assert graded.measures["instruction_strict"] == 0.5  # no comma, and no closing quote
    assert grade_one(IFEVAL, ASKED, replace(SAID, finished="length")).right


def test_a_reply_cut_within_its_thought_keeps_no_instruction():
    graded = grade_one(IFEVAL, ASKED, replace(SAID, text="", finished="length"))
    assert (graded.right, graded.truncated) == (False, True)
    assert {name: graded.measures[name] for name in ("prompt_strict", "instruction_strict", "instruction_loose")} == {
        "prompt_strict": 0.0,
        "instruction_strict": 0.0,
        "instruction_loose": 0.0,
    }


def test_elsewhere_what_was_cut_is_wrong_whatever_stands_in_it():
    item = Item("q", "1 + 1?", "en", Number("2"))
    assert grade_one(AIME, item, Generation("q", 0, r"\boxed{2}", None, 9, "stop")).right
    assert not grade_one(AIME, item, Generation("q", 0, r"\boxed{2}", None, 9, "length")).right


def test_the_share_of_cut_replies_stands_beside_the_score():
    cut = replace(SAID, sample=1, text="", finished="length")
    result = result_of(IFEVAL, [grade_one(IFEVAL, ASKED, said) for said in (SAID, cut)])
    assert list(result)[:4] == ["benchmark", "headline", "value", "truncated"]
    assert (result["value"], result["truncated"]) == (0.5, 0.5)


def test_a_headline_that_no_sample_reached_has_an_interval_with_an_upper_end():
    broken = [replace(SAID, text="one, two", item=str(number)) for number in range(24)]
    result = result_of(IFEVAL, [grade_one(IFEVAL, replace(ASKED, id=said.item), said) for said in broken])
    assert result["headline_ci95"] == [0.0, pytest.approx(0.138, abs=1e-3)]
