"""The evaluation of a grader or a reward on a golden corpus: wrong payments, misses, abstentions and times.

A survey judges a large number of specimens and counts the failures by kind of gold and by rule, with a few examples.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from aha.specimens import Side, Specimen
from aha.tasks.corpora import Case, case_of
from aha.types import Abstained, Grade, Right

Judge = Callable[[Case], Grade]


@dataclass(frozen=True)
class CaseVerdict:
    """A case, its grade and the time it took in seconds."""

    case: Case
    grade: Grade
    seconds: float

    @property
    def word(self) -> str:
        return type(self.grade).__name__.lower()

    @property
    def agrees(self) -> bool:
        return self.word == self.case.expected or (self.case.expected == "unpaid" and self.word != "right")

    @property
    def paid_wrongly(self) -> bool:
        return isinstance(self.grade, Right) and self.case.expected != "right"

    @property
    def is_missed(self) -> bool:
        """True if the grade is not the expected one and nothing was paid wrongly."""
        return not self.agrees and not self.paid_wrongly


@dataclass(frozen=True)
class Findings:
    """All verdicts, in the order of the corpus."""

    verdicts: tuple[CaseVerdict, ...]
    wall_s: float

    @property
    def main_verdicts(self) -> tuple[CaseVerdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.case.counted)

    @property
    def false_positives(self) -> tuple[CaseVerdict, ...]:
        return tuple(verdict for verdict in self.main_verdicts if verdict.paid_wrongly)

    @property
    def false_negatives(self) -> tuple[CaseVerdict, ...]:
        """The right answers that were called wrong."""
        return tuple(verdict for verdict in self.main_verdicts if verdict.case.expected == "right" and verdict.word == "wrong")

    @property
    def abstentions(self) -> tuple[CaseVerdict, ...]:
        return tuple(verdict for verdict in self.main_verdicts if isinstance(verdict.grade, Abstained))

    @property
    def misses(self) -> tuple[CaseVerdict, ...]:
        return tuple(verdict for verdict in self.main_verdicts if verdict.is_missed)

    @property
    def agreement(self) -> int:
        return sum(verdict.agrees for verdict in self.main_verdicts)

    def seconds(self, share: float) -> float:
        """Return the most seconds that this share of the answers took."""
        times = sorted(verdict.seconds for verdict in self.verdicts)
        return times[min(len(times) - 1, int(share * len(times)))]

    def slowest(self, count: int) -> list[CaseVerdict]:
        return sorted(self.verdicts, key=lambda verdict: -verdict.seconds)[:count]

    def tags(self) -> dict[str, tuple[int, int]]:
        """Return a map of each tag to (agreed, counted), in order of first appearance."""
        tallies = dict[str, tuple[int, int]]()
        for verdict in self.main_verdicts:
            agreements, count = tallies.get(verdict.case.tag, (0, 0))
            tallies[verdict.case.tag] = (agreements + verdict.agrees, count + 1)
        return tallies


def measure(cases: Sequence[Case], judge: Judge, threads: int = 1) -> Findings:
    """Judge every case, `threads` at a time; with one thread the times are those of the judge alone."""
    start = time.perf_counter()
    verdicts = tuple(_judge_cases(cases, judge, threads))
    return Findings(verdicts, time.perf_counter() - start)


def _judge_cases(cases: Sequence[Case], judge: Judge, threads: int) -> Iterator[CaseVerdict]:
    def judge_case(case: Case) -> CaseVerdict:
        start = time.perf_counter()
        grade = judge(case)
        return CaseVerdict(case, grade, time.perf_counter() - start)

    if threads == 1:
        yield from map(judge_case, cases)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(judge_case, cases)


EXAMPLES = 3
BATCH = 500  # specimens that are judged at a time, so that a million need little memory


@dataclass
class RuleCount:
    """The counts for claims that one rule made about golds of one kind. A failure is an unpaid right claim or a paid wrong one."""

    family: str
    side: Side
    rule: str
    total: int = 0
    failures: int = 0
    abstentions: int = 0
    examples: list[tuple[Specimen, Grade]] = field(default_factory=list)

    def add(self, specimen: Specimen, grade: Grade) -> bool:
        """Count a grade; return True if it is a failure."""
        failure = isinstance(grade, Right) != (self.side == "right")
        self.total += 1
        self.failures += failure
        self.abstentions += isinstance(grade, Abstained)
        if failure and len(self.examples) < EXAMPLES:
            self.examples.append((specimen, grade))
        return failure


@dataclass
class Survey:
    """The counts of all rules, in order of first appearance, and the reasons of abstentions."""

    rules: dict[tuple[str, Side, str], RuleCount] = field(default_factory=dict)
    settings: dict[tuple[Side, str], list[int]] = field(default_factory=dict)  # [failures, claims] for each template around a claim
    reasons: dict[str, int] = field(default_factory=dict)
    wall_s: float = 0.0

    def add(self, specimen: Specimen, grade: Grade) -> None:
        key = (specimen.family, specimen.side, specimen.rule)
        if key not in self.rules:
            self.rules[key] = RuleCount(*key)
        failure = self.rules[key].add(specimen, grade)
        counts = self.settings.setdefault((specimen.side, specimen.setting), [0, 0])
        counts[0] += failure
        counts[1] += 1
        if isinstance(grade, Abstained) and (grade.reason in self.reasons or len(self.reasons) < 100):
            self.reasons[grade.reason] = self.reasons.get(grade.reason, 0) + 1

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(count.family for count in self.rules.values()))

    def _counts(self, side: Side, family: str | None) -> Iterator[RuleCount]:
        return (count for count in self.rules.values() if count.side == side and family in (None, count.family))

    def total(self, side: Side, family: str | None = None) -> int:
        return sum(count.total for count in self._counts(side, family))

    def paid_wrongly(self, family: str | None = None) -> int:
        return sum(count.failures for count in self._counts("wrong", family))

    def misses(self, family: str | None = None) -> int:
        return sum(count.failures for count in self._counts("right", family))

    def abstentions(self, side: Side, family: str | None = None) -> int:
        return sum(count.abstentions for count in self._counts(side, family))

    @property
    def miss_rate(self) -> float:
        return self.misses() / max(1, self.total("right"))

    def failures(self, side: Side) -> list[RuleCount]:
        """Return the rules with failures, those with the most first."""
        return sorted((count for count in self._counts(side, None) if count.failures), key=lambda count: -count.failures)

    def failing_settings(self, side: Side) -> list[tuple[str, int, int]]:
        """Return the templates in which more than half of the claims fail, with failures and claims."""
        rows = [(setting, failures, claims) for (of, setting), (failures, claims) in self.settings.items() if of == side and setting]
        return sorted((row for row in rows if 2 * row[1] > row[2]), key=lambda row: -row[1])


def survey(specimens: Iterable[Specimen], judge: Judge, threads: int = 1) -> Survey:
    """Judge every specimen, `threads` at a time, without keeping any but the examples."""
    start = time.perf_counter()
    result = Survey()
    for specimen, grade in _grades(iter(specimens), judge, threads):
        result.add(specimen, grade)
    result.wall_s = time.perf_counter() - start
    return result


def _grades(specimens: Iterator[Specimen], judge: Judge, threads: int) -> Iterator[tuple[Specimen, Grade]]:
    if threads == 1:
        for specimen in specimens:
            yield specimen, judge(case_of(specimen))
        return
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(specimens, BATCH)):
            yield from zip(batch, pool.map(judge, map(case_of, batch)), strict=True)
