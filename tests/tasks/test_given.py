from __future__ import annotations

import json

import pytest

from aha.errors import BadInput
from aha.tasks.rows import FileExamples


@pytest.fixture
def source(tmp_path):
    lines = [{"question": f"What is {n}?", "solution": f"It is {n}."} for n in range(20)]
    (tmp_path / "chat.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(tmp_path / "chat.jsonl")


def test_other_peoples_rows_are_taken_in_their_order(source):
    assert [each.conversation.messages[-1].content for each in FileExamples(source)] == [f"It is {n}." for n in range(20)]


def test_at_most_so_many_are_drawn_the_same_for_the_same_seed(source):
    some = [each.id for each in FileExamples(source, most=5)]
    assert len(some) == 5
    assert some == [each.id for each in FileExamples(source, most=5)] == sorted(some, key=lambda name: int(name.rpartition(":")[2]))
    assert some != [each.id for each in FileExamples(source, most=5, seed=1)]


def test_a_domain_that_is_given_counts_for_all_of_them(source):
    assert {each.domain for each in FileExamples(source, domain="facts")} == {"facts"}


def test_no_rows_at_all_are_refused(source):
    with pytest.raises(BadInput, match="most is 0"):
        FileExamples(source, most=0)
