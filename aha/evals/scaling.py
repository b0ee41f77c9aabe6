"""Test-time scaling: accuracy by the number of samples and by the tokens of a thought, and the cost of a solved problem.

Judged samples in, curves out; no model is used here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aha.errors import BadInput
from aha.evals.intervals import Interval, Samples, best_of_curve, cons_curve, mean_interval, weighted_curve
from aha.evals.result import ballots_of, pass_curve
from aha.evals.samples import GradedSample, ProblemSamples, SampleSet

LEVELS = (("0 to 25 %", 0.25), ("25 to 50 %", 0.5), ("50 to 75 %", 0.75), ("75 to 100 %", 1.0))
STEPS = 9  # budgets between a sixteenth of the longest reply and all of it


@dataclass(frozen=True)
class Point:
    """An accuracy with its interval over problems. `x`: samples, tokens of thinking, or the times that the model was made to continue;
    `tokens`: the average tokens spent per problem, if known."""

    x: float
    value: Interval
    tokens: float | None

    @property
    def tokens_per_solution(self) -> float | None:
        """The tokens per solved problem, including those of failures."""
        return self.tokens / self.value.value if self.tokens is not None and self.value.value > 0 else None

    def to_json(self, x: str) -> dict[str, Any]:
        """Return the point under the names that programs read."""
        value = self.value
        record = {x: self.x, "accuracy": value.value, "ci95": [value.low, value.high]}
        return record | ({} if self.tokens is None else {"tokens": self.tokens, "tokens_per_solved": self.tokens_per_solution})


@dataclass(frozen=True)
class Curve:
    """A way to spend more, from its cheapest point to its most expensive. `x` names what its points count."""

    name: str
    x: str
    points: tuple[Point, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the curve under the names that programs read."""
        return {"name": self.name, "points": [point.to_json(self.x) for point in self.points]}


@dataclass(frozen=True)
class Arm:
    """The same problems answered under one budget. `x`: tokens of thinking, or the times that the model was made to continue."""

    x: int
    problems: tuple[ProblemSamples, ...]


@dataclass(frozen=True)
class Level:
    """The problems of one difficulty, by half of the samples; the curves are of the other half."""

    name: str
    problems: int
    pass_at_1: float
    tokens: float | None
    tokens_right: float | None
    curves: tuple[Curve, ...]

    @property
    def tokens_per_solution(self) -> float | None:
        """The tokens per solved problem, with one sample of each."""
        return self.curves[0].points[0].tokens_per_solution

    def to_json(self) -> dict[str, Any]:
        """Return the level under the names that programs read."""
        record: dict[str, Any] = {"level": self.name, "problems": self.problems, "pass@1": self.pass_at_1}
        record |= {"tokens": self.tokens, "tokens_right": self.tokens_right, "tokens_per_solved": self.tokens_per_solution}
        return record | {"curves": [curve.to_json() for curve in self.curves]}


@dataclass(frozen=True)
class Scaling:
    """The scaling of a model on a benchmark. `samples` by n; `budget` by the tokens of a thought; `longer` by the times that the model was
    told to continue, from 0."""

    problems: int
    k: int
    samples: tuple[Curve, ...]
    budget: tuple[Curve, ...]
    longer: Curve | None
    levels: tuple[Level, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the scaling under the names that programs read; accuracies are shares."""
        alone = self.samples[0].points[0]
        return {
            "problems": self.problems,
            "k": self.k,
            "pass@1": alone.value.value,
            "ci95": [alone.value.low, alone.value.high],
            "tokens": alone.tokens,
            "samples": [curve.to_json() for curve in self.samples],
            "budget": [curve.to_json() for curve in self.budget],
            "longer": None if self.longer is None else self.longer.to_json(),
            "levels": [level.to_json() for level in self.levels],
        }


def scaling(
    samples: SampleSet,
    scorers: Mapping[str, Sequence[Sequence[float]]],
    cut: Sequence[Arm] = (),
    longer: Sequence[Arm] = (),
    seed: int = 0,
) -> Scaling:
    """Return the curves of judged samples, and of those that were cut or made longer, if there are any. Without token counts there are no
    budgets."""
    counts = [sample.tokens for part in samples.problems for sample in part.samples]
    lengths = [tokens for tokens in counts if tokens is not None]
    limits = [arm.x for arm in cut if arm.x] or (budgets(max(lengths))[1:] if lengths and len(lengths) == len(counts) else [])
    forced_curves = [arm_curve("told to answer", "budget", cut, seed)] if cut else []
    return Scaling(
        problems=len(samples.problems),
        k=min(len(part.samples) for part in samples.problems),
        samples=tuple(sample_curves(samples, scorers, seed)),
        budget=(*forced_curves, *([cut_off(samples.problems, limits, seed)] if limits else [])),
        longer=arm_curve("told to go on", "times", longer, seed) if longer else None,
        levels=tuple(by_level(samples, cut, seed)),
    )


# --- by the number of samples -------------------------------------------------------------------------------------------


def sample_curves(samples: SampleSet, scorers: Mapping[str, Sequence[Sequence[float]]], seed: int = 0) -> list[Curve]:
    """Return pass@n; cons@n if answers can vote; and for each scorer, which gave every sample of every problem a number, best of n and the
    weighted vote. n: the powers of two and the fewest samples of a problem."""
    k = min(len(part.samples) for part in samples.problems)
    counts = powers(k)
    tokens = mean_tokens(samples.problems)
    curves = {"pass@n": [pass_curve(part, k) for part in samples.problems]}
    if samples.answers:
        curves["cons@n"] = [cons_curve(ballots_of(samples, part), part.verdicts) for part in samples.problems]
    for name, scores in scorers.items():
        pairs = list(zip(samples.problems, scores, strict=True))
        curves[f"best of n by {name}"] = [best_of_curve(values, part.verdicts) for part, values in pairs]
        if samples.answers:
            votes = [weighted_curve(ballots_of(samples, part), part.verdicts, values, seed=seed) for part, values in pairs]
            curves[f"vote weighted by {name}"] = votes
    alone = [part.verdicts for part in samples.problems]
    return [
        _by_count(name, [values[:k] for values in by_problem], alone if name == "pass@n" else None, counts, tokens, seed)
        for name, by_problem in curves.items()
    ]


def powers(most: int) -> list[int]:
    """Return 1, 2, 4, … and `most`."""
    return sorted({1 << power for power in range(most.bit_length()) if 1 << power <= most} | {most})


def mean_tokens(problems: Sequence[ProblemSamples]) -> float | None:
    """Return the mean tokens of a sample, or None if some are unknown."""
    counts = [sample.tokens for part in problems for sample in part.samples]
    lengths = [tokens for tokens in counts if tokens is not None]
    return sum(lengths) / len(lengths) if lengths and len(lengths) == len(counts) else None


def _by_count(
    name: str,
    by_problem: Sequence[Sequence[float]],
    alone: Samples | None,
    counts: Sequence[int],
    tokens: float | None,
    seed: int,
) -> Curve:
    """Return the curve over n. `alone`: every sample by itself, if the curve's value at 1 is about one sample."""

    def point(n: int) -> Point:
        samples = alone if n == 1 and alone is not None else [[values[n - 1]] for values in by_problem]
        return Point(n, mean_interval(samples, seed), None if tokens is None else n * tokens)

    return Curve(name, "n", tuple(map(point, counts)))


# --- by the tokens of a thought -----------------------------------------------------------------------------------------


def budgets(longest: int) -> tuple[int, ...]:
    """Return the budgets: no thinking, and from a sixteenth of the longest reply to all of it, each √2 times the previous one."""
    return tuple(sorted({0, *(round(longest * 2 ** (-step / 2)) for step in range(STEPS))}))


def cut_off(problems: Sequence[ProblemSamples], limits: Sequence[int], seed: int = 0) -> Curve:
    """Return the accuracy if replies were limited to so many tokens: a reply that has not finished by then is wrong."""

    def cut(part: ProblemSamples, limit: int) -> ProblemSamples:
        lengths = [(sample, _length(sample)) for sample in part.samples]
        return replace(
            part,
            samples=tuple(
                replace(sample, grade=float(sample.right and tokens <= limit), tokens=min(tokens, limit)) for sample, tokens in lengths
            ),
        )

    arms = [Arm(limit, tuple(cut(part, limit) for part in problems)) for limit in limits]
    return arm_curve("stopped there", "budget", arms, seed)


def arm_curve(name: str, x: str, arms: Sequence[Arm], seed: int = 0) -> Curve:
    """Return the curve of pass@1 of each arm."""
    points = (Point(arm.x, mean_interval([part.verdicts for part in arm.problems], seed), mean_tokens(arm.problems)) for arm in arms)
    return Curve(name, x, tuple(points))


def _share(part: ProblemSamples) -> float:
    return sum(part.verdicts) / len(part.samples)


def _length(sample: GradedSample) -> int:
    if sample.tokens is None:
        raise BadInput("a sample without its number of tokens: what a budget would have cut is unknown")
    return sample.tokens


# --- by difficulty ------------------------------------------------------------------------------------------------------


def halves(samples: SampleSet) -> tuple[SampleSet, SampleSet]:
    """Split the samples into those that are measured and those that give the difficulty: if a sample did both, luck would sort the
    problems."""

    def half(first: bool) -> SampleSet:
        def cut(part: ProblemSamples) -> ProblemSamples:
            middle = len(part.samples) - len(part.samples) // 2
            return replace(part, samples=part.samples[:middle] if first else part.samples[middle:])

        return replace(samples, problems=tuple(map(cut, samples.problems)))

    return half(True), half(False)


def by_level(samples: SampleSet, arms: Sequence[Arm] = (), seed: int = 0) -> list[Level]:
    """Return each level that has a problem, the hardest first; empty if a problem has one sample only. `arms` are cuts at a budget, of
    samples of the measured half."""
    if min(len(part.samples) for part in samples.problems) < 2:
        return []
    measure_half, sort_half = halves(samples)
    places: dict[str, list[int]] = {}
    for place, part in enumerate(sort_half.problems):
        name = next(name for name, up_to in LEVELS if _share(part) <= up_to)
        places.setdefault(name, []).append(place)
    return [_level(name, measure_half, arms, places[name], seed) for name, _ in LEVELS if name in places]


def _level(name: str, samples: SampleSet, arms: Sequence[Arm], places: Sequence[int], seed: int) -> Level:
    chosen = tuple(samples.problems[place] for place in places)
    curves = sample_curves(replace(samples, problems=chosen), {}, seed)
    if arms:
        cut = [Arm(arm.x, tuple(arm.problems[place] for place in places)) for arm in arms]
        curves.append(arm_curve("told to answer", "budget", cut, seed))
    right = [sample.tokens for part in chosen for sample in part.samples if sample.right and sample.tokens is not None]
    return Level(
        name=name,
        problems=len(chosen),
        pass_at_1=curves[0].points[0].value.value,
        tokens=mean_tokens(chosen),
        tokens_right=sum(right) / len(right) if right else None,
        curves=tuple(curves),
    )
