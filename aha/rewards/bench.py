"""What a grader or a reward does with a golden corpus: what it pays wrongly, misses and abstains from, and how long it takes.

What a judge does with specimens by the thousand: counts by kind of gold and by rule, with a few examples of what went wrong.
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
    """A case, what was said of it and how long that took."""

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
        """Not what was expected, and nobody was paid for it."""
        return not self.agrees and not self.paid_wrongly


@dataclass(frozen=True)
class Findings:
    """Everything that was judged, in the corpus's order."""

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
        """Right answers that were called wrong."""
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
        """The time that so large a share of the answers took at most."""
        times = sorted(verdict.seconds for verdict in self.verdicts)
        return times[min(len(times) - 1, int(share * len(times)))]

    def slowest(self, count: int) -> list[CaseVerdict]:
        return sorted(self.verdicts, key=lambda verdict: -verdict.seconds)[:count]

    def tags(self) -> dict[str, tuple[int, int]]:
        """Tag -> (agreed, counted), in the order in which they first appear."""
        tallies = dict[str, tuple[int, int]]()
        for verdict in self.main_verdicts:
            agreements, count = tallies.get(verdict.case.tag, (0, 0))
            tallies[verdict.case.tag] = (agreements + verdict.agrees, count + 1)
        return tallies


def measure(cases: Sequence[Case], judge: Judge, threads: int = 1) -> Findings:
    """Every case judged, `threads` at a time; with one, the times are those of the judge alone."""
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
BATCH = 500  # specimens that threads share at a time, so that a million need no memory


@dataclass
class RuleCount:
    """The claims that one rule made about golds of one kind. A failure is a right claim that was not paid or a wrong one that was."""

    family: str
    side: Side
    rule: str
    total: int = 0
    failures: int = 0
    abstentions: int = 0
    examples: list[tuple[Specimen, Grade]] = field(default_factory=list)

    def add(self, specimen: Specimen, grade: Grade) -> bool:
        """Whether it is a failure."""
        failure = isinstance(grade, Right) != (self.side == "right")
        self.total += 1
        self.failures += failure
        self.abstentions += isinstance(grade, Abstained)
        if failure and len(self.examples) < EXAMPLES:
            self.examples.append((specimen, grade))
        return failure


@dataclass
class Survey:
    """The counts of all rules, in the order in which they first appear, and what abstentions gave as their reasons."""

    rules: dict[tuple[str, Side, str], RuleCount] = field(default_factory=dict)
    settings: dict[tuple[Side, str], list[int]] = field(default_factory=dict)  # failures and claims in each template around a claim
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
        """The rules with failures, those that fail most often first."""
        return sorted((count for count in self._counts(side, None) if count.failures), key=lambda count: -count.failures)

    def failing_settings(self, side: Side) -> list[tuple[str, int, int]]:
        """Templates in which more than half of the claims fail, with failures and claims."""
        rows = [(setting, failures, claims) for (of, setting), (failures, claims) in self.settings.items() if of == side and setting]
        return sorted((row for row in rows if 2 * row[1] > row[2]), key=lambda row: -row[1])


def survey(specimens: Iterable[Specimen], judge: Judge, threads: int = 1) -> Survey:
    """Every specimen judged, `threads` at a time; none is kept but the examples."""
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
