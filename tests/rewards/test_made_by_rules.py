"""Our grader over claims made by rules: no wrong one is paid, and few right ones are missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from aha.rewards.bench import RuleCount, Survey, survey
from aha.specimens import Specimen, of_every_rule, specimens
from aha.tasks.corpora import Case
from aha.types import Grade
from tests.graders import grade

A_MILLION = 1_000_000
TIMES = 2  # of each rule, in different kinds of gold
MOST_MISSED = 0.01


def graded(case: Case) -> Grade:
    return grade(case.reference, case.answer, question=case.question or None)


def a_few_of_every_rule(seed: int) -> Iterator[Specimen]:
    """Rules that kinds of gold share are tried in a few of them, which depend on the seed."""
    tried = Counter[str]()
    for specimen in sorted(of_every_rule(seed), key=lambda specimen: (specimen.number * 31 + len(specimen.family) * 17 + seed) % 41):
        if tried[specimen.rule] < TIMES:
            tried[specimen.rule] += 1
            yield specimen


def told(counts: Survey) -> str:
    def row(count: RuleCount) -> str:
        return f"{count.family}, {count.rule}: {count.failures} of {count.total}, {count.examples[0][0].reply!r}"

    return "\n".join(row(count) for side in ("wrong", "right") for count in counts.failures(side)[:20])


def test_a_few_claims_of_every_rule() -> None:
    counts = survey(a_few_of_every_rule(seed=0), graded)
    assert counts.total("wrong") > 1_500
    assert counts.paid_wrongly() == 0, told(counts)
    assert counts.miss_rate < MOST_MISSED, told(counts)


@pytest.mark.long
def test_a_million_claims_made_by_rules() -> None:
    counts = survey(specimens(A_MILLION, seed=1), graded)
    print(f"{A_MILLION:,} claims in {counts.wall_s:,.0f} s: paid wrongly {counts.paid_wrongly()}, missed {100 * counts.miss_rate:.2f} %")
    assert counts.paid_wrongly() == 0, told(counts)
    assert counts.miss_rate < MOST_MISSED, told(counts)
