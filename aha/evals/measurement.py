"""From judged samples to the numbers that are quoted. A sample is one line of JSON, so a measurement can be made again from its file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

from aha.errors import BadInput
from aha.evals.scores import Interval, mean_interval, paired_difference
from aha.evals.voting import cons_at_k
from aha.types import Count, Finished, Language


@dataclass(frozen=True)
class Sample:
    """One reply to one problem of a benchmark, read and judged. `lenient`: right by the last answer anywhere in the text.
    `short`: right within the benchmark's cut. `vote`: the answer as it votes, `None` without one."""

    problem: str
    question: str
    language: Language
    sample: Count
    text: str
    answer: str | None
    vote: str | None
    right: bool
    lenient: bool
    short: bool
    format: bool
    abstained: bool
    tokens: Count
    finished: Finished
    reflection: bool
    mixing: bool


@dataclass(frozen=True)
class Measurement:
    """What a model does on a benchmark. Shares are over all samples; `pass_at_1`'s interval is over problems."""

    pass_at_1: Interval
    cons_at_k: float
    k: int
    problems: int
    lenient: float
    format: float
    length: float
    reflection: float
    mixing: float
    truncated: float
    abstained: float
    pass_at_1_short: float

    def to_json(self) -> dict[str, object]:
        """The names that programs read."""
        return {
            "pass@1": self.pass_at_1.value,
            "ci95": [self.pass_at_1.low, self.pass_at_1.high],
            "cons@k": self.cons_at_k,
            "k": self.k,
            "problems": self.problems,
            "lenient": self.lenient,
            "format": self.format,
            "length": self.length,
            "reflection": self.reflection,
            "mixing": self.mixing,
            "truncated": self.truncated,
            "abstained": self.abstained,
            "pass@1_short": self.pass_at_1_short,
        }


def measure_samples(samples: Sequence[Sample], seed: int = 0) -> Measurement:
    """The measurement of all samples, k the same for each problem. The order of the problems is the order of the samples."""
    groups = by_problem(samples)
    if len(sizes := {len(group) for group in groups}) != 1:
        raise BadInput(f"samples a problem: {sorted(sizes) or 'none'}; a measurement needs the same number, at least one, for each")
    return Measurement(
        pass_at_1=mean_interval(verdicts_by_problem(samples), seed),
        cons_at_k=fmean(cons_at_k([s.vote for s in group], [s.right for s in group]) for group in groups),
        k=sizes.pop(),
        problems=len(groups),
        lenient=fmean(s.lenient for s in samples),
        format=fmean(s.format for s in samples),
        length=fmean(s.tokens for s in samples),
        reflection=fmean(s.reflection for s in samples),
        mixing=fmean(s.mixing for s in samples),
        truncated=fmean(s.finished == "length" for s in samples),
        abstained=fmean(s.abstained for s in samples),
        pass_at_1_short=fmean(s.short for s in samples),
    )


def gain(before: Sequence[Sample], after: Sequence[Sample], seed: int = 0) -> Interval:
    """after - before in pass@1 on the same problems, with its interval."""
    if [group[0].problem for group in by_problem(before)] != [group[0].problem for group in by_problem(after)]:
        raise BadInput("the two measurements asked different problems: a paired difference needs the same, in the same order")
    return paired_difference(verdicts_by_problem(before), verdicts_by_problem(after), seed)


def verdicts_by_problem(samples: Iterable[Sample]) -> list[list[bool]]:
    """The verdicts of each problem's samples."""
    return [[sample.right for sample in group] for group in by_problem(samples)]


def by_problem(samples: Iterable[Sample]) -> list[list[Sample]]:
    """The samples of each problem, which stand next to each other."""
    return [list(group) for _, group in groupby(samples, key=lambda sample: sample.problem)]
