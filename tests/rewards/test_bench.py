"""What a grader does with a golden corpus, and what ours does with our own."""

from __future__ import annotations

import json

import pytest

from aha.grading.sandbox import tiers
from aha.rewards.bench import CaseVerdict, Findings, measure
from aha.tasks.corpora import OUR_GOLDEN, Case, Corpus, Expected, corpus_of
from aha.types import Abstained, Asserts, Calls, Grade, Number, Right, Stdio, Wrong
from tests.graders import grade

MOST_MISSES = 3
REPORTED_PAID, REPORTED_MISSED, REPORTED_UNREAD = 0, 0, 0  # of the answers from public reports


def judged(expected: Expected, grade: Grade, seconds: float = 0.0, *, counted: bool = True) -> CaseVerdict:
    return CaseVerdict(Case("here", Number("1"), "1", expected, "tag", counted=counted), grade, seconds)


def test_who_is_paid_wrongly_who_is_missed_and_who_agrees() -> None:
    right, wrong, unsaid = Right(), Wrong(), Abstained("why")
    table: list[tuple[Expected, Grade, str]] = [
        *(("right", right, "agrees"), ("right", wrong, "missed"), ("right", unsaid, "missed")),
        *(("wrong", right, "paid"), ("wrong", wrong, "agrees"), ("wrong", unsaid, "missed")),
        *(("abstained", right, "paid"), ("abstained", wrong, "missed"), ("abstained", unsaid, "agrees")),
        *(("unpaid", right, "paid"), ("unpaid", wrong, "agrees"), ("unpaid", unsaid, "agrees")),
    ]
    for expected, found, meaning in table:
        each = judged(expected, found)
        assert (each.agrees, each.is_missed, each.paid_wrongly) == (meaning == "agrees", meaning == "missed", meaning == "paid")


def test_times_are_read_at_a_share_of_the_answers() -> None:
    findings = Findings(tuple(judged("right", Right(), seconds) for seconds in (5, 1, 4, 2, 3)), 15.0)
    assert (findings.seconds(0.5), findings.seconds(0.95), findings.seconds(1.0)) == (3, 5, 5)
    assert [each.seconds for each in findings.slowest(2)] == [5, 4]


def test_what_is_not_counted_fails_nobody() -> None:
    findings = Findings((judged("right", Wrong(), counted=False), judged("right", Right())), 0.0)
    assert (findings.agreement, len(findings.main_verdicts), findings.misses, findings.tags()) == (1, 1, (), {"tag": (1, 1)})


def test_several_at_a_time_come_back_in_order() -> None:
    cases = [Case(str(n), Number("1"), str(n), "right", "") for n in range(50)]
    found = measure(cases, lambda case: Wrong(case.place), threads=4)
    assert [each.grade for each in found.verdicts] == [Wrong(str(n)) for n in range(50)]


# --- our own corpus ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own() -> Corpus:
    return corpus_of(None)


def test_our_corpus_is_large_of_every_kind_and_says_nothing_twice(own: Corpus) -> None:
    lines = [line for file in sorted(OUR_GOLDEN.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    rows = [json.loads(line) for line in lines]
    said = {json.dumps({name: row[name] for name in row if name not in ("tag", "expected")}, sort_keys=True) for row in rows}
    assert len(rows) == len(said) == len(own.cases) + len(own.left_out) >= 2_000
    assert len(own.left_out) <= REPORTED_UNREAD
    kinds = ("number", "latex", "choice", "text", "countdown", "stdio", "calls", "asserts", "judged", "open")
    assert {row["kind"] for row in rows} == set(kinds)
    assert min(sum(row["expected"] == label for row in rows) for label in ("right", "wrong")) > 200


def test_our_grader_pays_no_wrong_answer_of_our_corpus_and_misses_few(own: Corpus) -> None:
    runs_code = any(reason is None for tier, reason in tiers().items() if tier != "unsafe")
    cases = [case for case in own.cases if runs_code or not isinstance(case.reference, Stdio | Calls | Asserts)]
    findings = measure(cases, lambda case: grade(case.reference, case.answer), threads=2)

    def of(group: tuple[CaseVerdict, ...], reported: bool) -> list[tuple[str, str | None, Expected, Grade]]:
        kept = [each for each in group if each.case.tag.startswith("reported") == reported]
        return [(each.case.place, each.case.answer, each.case.expected, each.grade) for each in kept]

    assert of(findings.false_positives, reported=False) == []
    assert len(of(findings.misses, reported=False)) <= MOST_MISSES, of(findings.misses, reported=False)
    assert len(of(findings.false_positives, reported=True)) <= REPORTED_PAID, of(findings.false_positives, reported=True)
    assert len(of(findings.misses, reported=True)) <= REPORTED_MISSED, of(findings.misses, reported=True)
