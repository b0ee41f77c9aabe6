from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.errors import BadInput
from aha.evals.benchmark import BenchmarkExample
from aha.evals.judged.facts import FactVerdicts
from aha.evals.judged.judged_benchmark import FACTS, GAME, PREFERENCE, JudgePrompt, facts_prompt, game_prompts, preference_prompt
from aha.types import Judged


def test_without_the_data_the_words_are_ours_and_say_so():
    found = [facts_prompt(None), preference_prompt(None), game_prompts(None)[""]]
    assert [each.text for each in found] == [FACTS, PREFERENCE, GAME]
    assert not any(each.published for each in found)


def test_a_place_within_a_text_is_not_filled():
    prompt = JudgePrompt("{a} and {b}", published=True)
    assert prompt.fill({"a": "{b}", "b": "{a}"}) == "{b} and {a}"


@given(st.text(), st.text())
def test_an_answer_cannot_end_its_block_in_our_own_words(question: str, answer: str):
    item = BenchmarkExample("q", question, "en", Judged("r"))
    asked = FactVerdicts(JudgePrompt(FACTS)).questions(item, answer)[0].messages[0].content
    [line] = [line for line in asked.split("\n") if line.startswith("answer: ")]
    assert json.loads(line.removeprefix("answer: ")) == answer
    assert asked.count("\n") == FACTS.count("\n")


def test_the_template_of_simple_evals_is_read_and_no_code_of_it_runs(tmp_path: Path):
    (tmp_path / "simpleqa_eval.py").write_text(
        'raise SystemExit("ran")\nGRADER_TEMPLATE = """\nQ {question}\nT {target}\nP {predicted_answer}\n""".strip()\n'
    )
    found = facts_prompt(tmp_path)
    assert (found.text, found.published) == ("Q {question}\nT {target}\nP {predicted_answer}", True)
    assert found.fill({"question": "who", "target": "t", "predicted_answer": 'a "b"'}) == 'Q who\nT t\nP a "b"'


@pytest.mark.parametrize("text", ["GRADER = 1\n", "GRADER_TEMPLATE = 'no place'\n", "GRADER_TEMPLATE = (\n"])
def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path, text: str):
    (tmp_path / "simpleqa_eval.py").write_text(text)
    with pytest.raises(BadInput, match="simpleqa_eval.py"):
        facts_prompt(tmp_path)


def test_roles_that_are_marked_become_messages(tmp_path: Path):
    places = "{instruction} {output_1} {output_2}"
    (tmp_path / "alpaca_eval_clf.txt").write_text(f"<|im_start|>system\nBe fair.\n<|im_end|>\n<|im_start|>user\n{places}\n<|im_end|>")
    assert preference_prompt(tmp_path).turns() == [("system", "Be fair."), ("user", places)]


def test_the_published_prompts_are_read_whole(published):
    folder = published("alpaca_eval").parent
    assert [role for role, _ in preference_prompt(folder).turns()] == ["system", "user"]
    found = game_prompts(folder)
    assert found["arena-hard-v0.1"].published and "[[A>>B]]" in found["arena-hard-v0.1"].text
    assert found["creative_writing"].text != found["hard_prompt"].text
