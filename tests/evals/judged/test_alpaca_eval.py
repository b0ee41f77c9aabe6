from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from aha.errors import BadInput
from aha.evals.alpaca import Calibration, shown_in_reverse
from aha.evals.benchmark import BenchmarkExample
from aha.evals.judged.judged_benchmark import PREFERENCE, JudgePrompt
from aha.evals.judged.pairwise import BaselineOutputs, Preferences, read_baseline
from aha.types import ChatReply, Open

TEXTS = [f"Write about {n}." for n in range(6)]
ROWS = {text: {"instruction": text, "output": "theirs"} for text in TEXTS}
NONE = Calibration(np.zeros(6), {}, np.zeros((1, 2)), np.zeros(2), ())


def preferences(orders: str = "published") -> Preferences:
    return Preferences(JudgePrompt(PREFERENCE), BaselineOutputs("gpt4_1106_preview", ROWS), NONE, orders)  # type: ignore[arg-type]


def item(text: str) -> BenchmarkExample:
    return BenchmarkExample(text, text, "en", Open())


def test_the_judge_is_as_sure_as_its_first_token():
    top = (("M", math.log(0.6)), ("m", math.log(0.2)), ("Both", math.log(0.1)))
    assert preferences().verdict([ChatReply("M", None, 1, "length", top)]) == pytest.approx(0.75)
    assert preferences().verdict([ChatReply("M", None, 1, "length", (("m", 0.0),))]) == 0.0


def test_without_log_probabilities_the_letter_counts_whole():
    assert [preferences().verdict([ChatReply(text, None, 1, "stop")]) for text in ("M", " m.\n", "Model M", "")] == [1.0, 0.0, None, None]


@pytest.mark.parametrize("text", TEXTS)
def test_the_model_is_m_where_the_instruction_draws_it_and_wins_what_m_gets(text: str):
    [asked] = preferences().questions(item(text), "mine")
    reverse = shown_in_reverse(text)
    assert ('output of m: "mine"' in asked.messages[0].content) == reverse
    assert preferences().grade(item(text), "mine", [0.75]).measures == {"preference": 0.25 if reverse else 0.75}


def test_both_orders_are_averaged_and_one_without_a_verdict_leaves_none():
    both = preferences("both")
    assert len({each.messages[0].content for each in both.questions(item(TEXTS[0]), "mine")}) == 2
    assert both.grade(item(TEXTS[0]), "mine", [0.9, 0.9]).measures == {"preference": pytest.approx(0.5)}
    assert both.grade(item(TEXTS[0]), "mine", [0.9, None]).measures == {}
    assert (preferences().usual, both.usual) == (True, False)


def test_a_baseline_is_one_model(tmp_path: Path):
    path = tmp_path / "o.json"
    path.write_text(json.dumps([{"instruction": " a ", "output": "x", "generator": "g"}]))
    assert read_baseline([path], None) == BaselineOutputs("g", {"a": {"instruction": " a ", "output": "x", "generator": "g"}})
    path.write_text(json.dumps([{"instruction": name, "output": "x", "generator": name} for name in "ab"]))
    with pytest.raises(BadInput, match="2 models"):
        read_baseline([path], None)
    with pytest.raises(BadInput, match="--baseline-answers"):
        read_baseline([], None)
