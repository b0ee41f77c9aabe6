"""The wider corpus: what its documents look like, and what they never hold."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import pairwise

import pytest

from aha.errors import BadInput
from aha.evals.benchmarks.tiny import GENERAL, REASONING
from aha.tasks.corpus import MIXTURE, documents
from aha.tasks.countdown import OPERATIONS
from aha.tasks.wider import OTHER_PARTS, chains, mixture, write_document

WRITERS = {part.name: part.write for part in OTHER_PARTS}
QUESTION = re.compile(r"(?:User: |<\|user\|>)(.*?)(?:\nAssistant:|<\|assistant\|>)", re.DOTALL)


def written(write: Callable[[random.Random], str], count: int = 300) -> list[str]:
    return [write(random.Random(f"test {number}")) for number in range(count)]


def test_an_attempt_is_told_in_three_forms() -> None:
    assert write_document("1 + 1?", "I add", "2", "bare") == "User: 1 + 1?\nAssistant: I add 2"
    assert write_document("1 + 1?", "I add", "2", "tagged") == "User: 1 + 1?\nAssistant: <think> I add</think>\n<answer> 2</answer>"
    assert write_document("1 + 1?", "I add", "2", "turn") == "<|user|>1 + 1?<|assistant|><|reasoning|> I add<|reasoning|> 2"
    assert write_document("hi", "", "hello", "turn") == "<|user|>hi<|assistant|><|reasoning|><|reasoning|> hello"


@pytest.mark.parametrize("name", WRITERS)
def test_no_document_asks_what_is_held_out(name: str) -> None:
    held_out = {problem.question for source in (*REASONING.values(), *GENERAL.values()) for problem in source.all(40)}
    asked = {found[1] for text in written(WRITERS[name]) if (found := QUESTION.match(text))}
    assert len(asked) > 200 and asked.isdisjoint(held_out)


@pytest.mark.parametrize("name", WRITERS)
def test_a_document_is_the_same_for_the_same_number_and_another_for_another(name: str) -> None:
    one, again = written(WRITERS[name], 20), written(WRITERS[name], 20)
    assert one == again and len(set(one)) > 15


def test_half_of_the_documents_are_turns_of_a_conversation() -> None:
    turns = sum(text.startswith("<|user|>") for text in written(chains))
    assert 120 <= turns <= 180  # of 300


def test_most_sums_of_a_chain_are_right_and_some_slip() -> None:
    found = [sums for text in written(chains) for sums in re.findall(r"(?=\b(\d+) ([-+*]) (\d+) = (\d+))", text)]
    right = sum(OPERATIONS[sign](int(a), int(b)) == int(c) for a, sign, b, c in found)
    assert 0.95 < right / len(found) < 1


def test_some_answer_at_once_and_all_others_end_with_what_they_worked_out() -> None:
    answers = [(re.findall(r"= (\d+)", text), text) for text in written(chains)]
    assert 25 <= sum(not values for values, _ in answers) <= 75  # a sixth of 300
    assert all(re.findall(r"\d+", text)[-1] == values[-1] for values, text in answers if values)


def test_shares_are_those_asked_for() -> None:
    assert mixture(0.0) == MIXTURE
    assert sum(part.share for part in mixture(0.65)) == pytest.approx(1.0)
    names = {part.name for part in OTHER_PARTS}
    found = [document.part in names for document in documents(0, 400, mixture=mixture(0.65))]
    assert 0.57 < sum(found) / len(found) < 0.73
    assert {part.name for part in mixture(1.0)} == names


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match=r"others is 1\.5: it is a share of the documents"):
        mixture(1.5)


def test_programs_grow_by_a_step_at_a_time() -> None:
    texts = [text for text in written(WRITERS["programs"]) if "wait" not in text and "等等" not in text]
    for text in texts:
        shown = re.findall(r"`([^`\n]+)`", text.split("```")[0])
        assert all(len(after) > len(before) for before, after in pairwise(shown))
