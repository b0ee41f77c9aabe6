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
class Judged:
    """A case, what was said of it and how long that took."""

    case: Case
    grade: Grade
    seconds: float

    @property
    def word(self) -> str:
        return type(self.grade).__name__.lower()

    @property
    def agreed(self) -> bool:
        return self.word == self.case.expected or (self.case.expected == "unpaid" and self.word != "right")

    @property
    def paid_wrongly(self) -> bool:
        return isinstance(self.grade, Right) and self.case.expected != "right"

    @property
    def missed(self) -> bool:
        """Not what was expected, and nobody was paid for it."""
        return not self.agreed and not self.paid_wrongly


@dataclass(frozen=True)
class Findings:
    """Everything that was judged, in the corpus's order."""

    judged: tuple[Judged, ...]
    wall_s: float

    @property
    def counted(self) -> tuple[Judged, ...]:
        return tuple(each for each in self.judged if each.case.counted)

    @property
    def false_positives(self) -> tuple[Judged, ...]:
        return tuple(each for each in self.counted if each.paid_wrongly)

    @property
    def false_negatives(self) -> tuple[Judged, ...]:
        """Right answers that were called wrong."""
        return tuple(each for each in self.counted if each.case.expected == "right" and each.word == "wrong")

    @property
    def abstained(self) -> tuple[Judged, ...]:
        return tuple(each for each in self.counted if isinstance(each.grade, Abstained))

    @property
    def misses(self) -> tuple[Judged, ...]:
        return tuple(each for each in self.counted if each.missed)

    @property
    def agreed(self) -> int:
        return sum(each.agreed for each in self.counted)

    def seconds(self, share: float) -> float:
        """The time that so large a share of the answers took at most."""
        times = sorted(each.seconds for each in self.judged)
        return times[min(len(times) - 1, int(share * len(times)))]

    def slowest(self, count: int) -> list[Judged]:
        return sorted(self.judged, key=lambda each: -each.seconds)[:count]

    def tags(self) -> dict[str, tuple[int, int]]:
        """Tag -> (agreed, counted), in the order in which they first appear."""
        found = dict[str, tuple[int, int]]()
        for each in self.counted:
            agreed, count = found.get(each.case.tag, (0, 0))
            found[each.case.tag] = (agreed + each.agreed, count + 1)
        return found


def measure(cases: Sequence[Case], judge: Judge, threads: int = 1) -> Findings:
    """Every case judged, `threads` at a time; with one, the times are those of the judge alone."""
    start = time.perf_counter()
    judged = tuple(_all(cases, judge, threads))
    return Findings(judged, time.perf_counter() - start)


def _all(cases: Sequence[Case], judge: Judge, threads: int) -> Iterator[Judged]:
    def one(case: Case) -> Judged:
        start = time.perf_counter()
        grade = judge(case)
        return Judged(case, grade, time.perf_counter() - start)

    if threads == 1:
        yield from map(one, cases)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(one, cases)
