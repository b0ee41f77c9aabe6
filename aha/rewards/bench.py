"""What a grader or a reward does with a golden corpus: what it pays wrongly, misses and abstains from, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aha.tasks.corpora import Case
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
