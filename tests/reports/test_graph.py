"""The page of a graph, from values: whole, escaped, and with no more than there is."""

from __future__ import annotations

import re
from dataclasses import replace

from aha.reports.graph import AnswerCell, ClaimRow, MeasuredValue, Model, QuestionRow, StageCard, Whole, graph_html
from tests.reports.test_page import Page

HOSTILE = "<script>alert(1)</script> & </div> “等等”"
ROWS = tuple({"rollout": float(n), "step": n + 1.0, "loss": 1.0 / (n + 1), "lr": 0.1} for n in range(5))
ONE = Whole("out", "r1", {"time": "3 s"}, (StageCard("one", "imitation", "done", took="3 s", key="abc", place="one/abc/"),))
MEASURES = {
    "countdown": MeasuredValue(0.5, 0.4, 0.6),
    "reasoning": MeasuredValue(0.5, 0.4, 0.6),
    "instruction": MeasuredValue(0.25, 0.2, 0.3),
    "form": MeasuredValue(0.9),
}
FULL = Whole(
    "out",
    "r1",
    {"stages done": "2 of 3"},
    (
        StageCard("sft1", "imitation", "redone", "epochs: 1 -> 2", "3 s", "abc", "sft1/abc/", "sft1/abc/report.html", ("loss 0.2",), ROWS),
        StageCard("rl", "reinforcement learning", "stopped", "", "3 s", "def", "rl/def/", notes=("From step 2 on: helpful.",),
              metrics=tuple({**row, "reward": 1.0, "accuracy": 0.5} for row in ROWS), marks=((2.0, "late begins"),)),
        StageCard("last", "measured", "not begun", "for rl"),
    ),
    ("countdown", "reasoning", "instruction", "form"),
    (Model("base", MEASURES), Model("r1", {**MEASURES, "reasoning": MeasuredValue(0.75, 0.7, 0.8)})),
    (QuestionRow("countdown", "zh", HOSTILE, (AnswerCell("base", HOSTILE, 3, 0.0, False, False),
                                                     AnswerCell("r1", "7", 1, 1.0, True, False))),
     QuestionRow("harm", "en", "help?", (AnswerCell("base", "no", 1, 0.4, True, True), AnswerCell("r1", "no.", 1, 1.0, True, True)))),
    (ClaimRow("Zero: pass@1 rises", "15.6 to 71.0", "zero - base", 0.7, 0.6, 0.8, True), ClaimRow("b", "", "", -0.1, -0.2, 0.0, False)),
    ("aha", "run", "r1"),
)  # fmt: skip


def page_of(whole: Whole) -> tuple[str, Page]:
    text = graph_html(whole)
    page = Page(text)
    assert page.open == []
    return text, page


def test_the_page_is_whole_and_loads_nothing():
    text, page = page_of(FULL)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", text)
    assert not {tag for tag, _ in page.seen} & {"script", "link", "img", "iframe", "object"}


def test_what_models_said_is_shown_and_never_run():
    text, page = page_of(FULL)
    assert "<script>" not in text
    assert page.words.count("<script>alert(1)</script> & </div>") == 2  # as the question and as the reply
    assert 'lang="zh"' in text and "<mark>等等</mark>" in text


def test_the_table_has_each_model_with_its_intervals_and_the_best_marked():
    text, page = page_of(FULL)
    assert "75.0" in page.words and "70.0–80.0" in page.words
    assert text.count('class="number split best"') == 1 and text.count('class="number best"') == 0  # the others are the same for both
    assert "Reasoning and instruction" in page.words


def test_each_stage_has_its_state_its_reason_and_a_link():
    text, page = page_of(FULL)
    assert 'href="sft1/abc/"' in text and 'href="sft1/abc/report.html"' in text
    for words in ("redone", "epochs: 1 -> 2", "not begun", "loss 0.2", "From step 2 on: helpful.", "not finished"):
        assert words in page.words
    assert "late begins" in text


def test_each_answer_has_a_verdict():
    said = [answer.verdict[1] for one in FULL.questions for answer in one.answers]
    assert said == ["broke template", "right", "40 % of marks", "100 % of marks"]
    assert replace(FULL.questions[0].answers[0], form=True).verdict == ("wrong", "wrong")


def test_claims_come_first():
    _, page = page_of(FULL)
    assert page.words.index("The paper’s claims") < page.words.index("What each stage’s model can do")
    assert "+0.700" in page.words and "-0.200 to +0.000" in page.words


def test_one_stage_alone_is_a_page_without_what_it_does_not_have():
    _, page = page_of(ONE)
    assert "finished" in page.words and "abc" in page.words
    for words in ("What each stage’s model can do", "Reinforcement", "Imitation", "The same prompt", "claims", "What was run"):
        assert words not in page.words


def test_a_model_without_a_measure_has_a_dash():
    _, page = page_of(replace(FULL, models=(Model("base", {"form": MeasuredValue(0.5)}),)))
    assert page.words.count("–") >= 3 and "Reasoning and instruction" not in page.words
