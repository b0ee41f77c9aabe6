from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.errors import DiskTrouble
from aha.reports.page import comparisons, first_aha, last_aha, pieces
from aha.rundir import Record
from aha.text import reflects
from aha.types import Right
from tests.graders import GRADERS, grade


def test_reflection_words_and_tags_are_cut_out():
    assert pieces("<think> 14 wait 13 等等</think>") == (
        ("tag", "<think>"), ("plain", " 14 "), ("aha", "wait"), ("plain", " 13 "), ("aha", "等等"), ("tag", "</think>"),
    )  # fmt: skip


@given(st.text())
def test_the_pieces_are_the_text(text):
    assert "".join(piece for _, piece in pieces(text)) == text


def test_the_first_aha_is_the_first_right_reply_that_reflects(finished_run):
    record = Record(finished_run)
    wanted = next(
        (rollout, one.problem.question, reply.text)
        for rollout in range(10)
        for one in record.groups(rollout)
        for reply in one.replies
        if reflects(reply.text) and isinstance(grade(one.problem.reference, reply.answer), Right)
    )
    found = first_aha(record, range(10), GRADERS)
    assert found is not None
    assert (found.speaker, found.question, "".join(piece for _, piece in found.pieces)) == (f"rollout {wanted[0]}", *wanted[1:])


def test_the_last_aha_is_of_the_last_rollout_and_right(finished_run):
    found = last_aha(Record(finished_run), range(10), GRADERS)
    assert found is not None
    assert (found.speaker, found.verdict) == ("rollout 9", "right")
    assert "aha" in {kind for kind, _ in found.pieces}


def test_rollouts_without_groups_have_no_aha(finished_run):
    assert first_aha(Record(finished_run), [77], GRADERS) is None
    assert last_aha(Record(finished_run), [], GRADERS) is None


def test_base_middle_and_last_answer_the_same_problems(finished_run):
    found = comparisons(finished_run / "evals")
    assert [one.why for one in found] == ["learned (English)", "learned (Chinese)", "still wrong"]
    for one in found:
        assert [shown.speaker for shown in one.replies] == ["base", "after rollout 3", "last, after rollout 9"]
        assert {shown.question for shown in one.replies} == {one.question}
    assert [one.replies[-1].verdict == "right" for one in found] == [True, True, False]
    assert all(one.replies[0].verdict != "right" for one in found[:2])


def test_without_evaluations_nothing_is_compared(tmp_path):
    assert comparisons(tmp_path / "evals") == []


def test_a_damaged_evaluation_says_which_file(tmp_path):
    for name in ("base.jsonl.gz", "000009-zero.jsonl.gz"):
        (tmp_path / name).write_bytes(json.dumps({}).encode())
    with pytest.raises(DiskTrouble, match=r"base\.jsonl\.gz: damaged"):
        comparisons(tmp_path)
