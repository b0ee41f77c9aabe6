"""The comparison of two models on the same problems: the difference of their graded samples, and whether chance could explain it.

Claims of the paper are tested by a difference with its 95 % interval over problems, which must exclude 0 on the claimed side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from aha.errors import BadInput
from aha.evals.intervals import NOISE, RESAMPLES, Interval, PairedComparison, bootstrap, compare_pairs
from aha.evals.reading import read_sample_set
from aha.evals.samples import GradedSample
from aha.lazy import LazyModule
from aha.rundir.record import samples_file

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

RIGHT = "pass@1"
MOST_CATEGORIES = 12  # the most categories that are compared one by one
BySample = Mapping[str, Sequence[GradedSample]]


def by_problem(samples: Iterable[GradedSample]) -> dict[str, list[GradedSample]]:
    """Return the samples of each problem, the problems in the order of their first samples."""
    problems: dict[str, list[GradedSample]] = {}
    for sample in samples:
        problems.setdefault(sample.problem, []).append(sample)
    return problems


@dataclass(frozen=True)
class Rival:
    """The model that another one is compared with: its name as the person typed it, and its samples by problem."""

    name: str
    samples: BySample

    def check(self, problems: Iterable[str]) -> None:
        """Raise BadInput, before any sampling, unless it has a sample of each problem."""
        names = list(problems)
        if missing := [problem for problem in names if problem not in self.samples]:
            raise BadInput(
                f"{self.name}: it lacks {len(missing)} of the {len(names)} problems ({missing[0]} …); a paired comparison needs the same "
                "problems on both sides: the same benchmark, data and --problems"
            )


def saved_samples(word: str, benchmark: str) -> Path | None:
    """Return the file of graded samples that `word` names, directly or as a folder of `aha eval --out`; None for a model."""
    path = Path(word).expanduser()
    return samples_file(path / benchmark) or samples_file(path)


def read_rival(word: str, path: Path) -> Rival:
    """Return the samples of a file. BadInput if it holds none."""
    return Rival(word, {part.problem: part.samples for part in read_sample_set(path).problems})


def compare(samples: BySample, rival: Rival, headline: str = RIGHT, seed: int = 0) -> dict[str, Any]:
    """Return the difference between `samples` and the rival's on the same problems, under the names that programs read: by the headline if
    it is a measure of single samples, else by right and wrong, and by category if there are a few. BadInput if the rival lacks a problem,
    or the measure."""
    rival.check(samples)
    after, before = dict(samples), {problem: rival.samples[problem] for problem in samples}
    names = _measures_of(after, headline)
    main = {problem: problem_samples for problem, problem_samples in after.items() if names[0] == RIGHT or _has(problem_samples, names[0])}
    result: dict[str, Any] = {"model": rival.name, "measure": names[0]}
    result |= {"value": fmean(fmean(sample.measure(names[0]) for sample in before[problem]) for problem in main)}
    result |= paired_json(_compare(rival.name, before, main, names[0], seed)) | {"problems": len(main)}
    comparisons = {name: paired_json(_compare(rival.name, before, _with_measure(after, name), name, seed)) for name in names[1:]}
    categories: dict[str, dict[str, Sequence[GradedSample]]] = {}
    for problem, problem_samples in after.items():
        categories.setdefault(problem_samples[0].category, {})[problem] = problem_samples
    if 1 < len(categories) <= MOST_CATEGORIES:
        comparisons |= {name: paired_json(_paired_grades(before, part, seed)) for name, part in categories.items()}
    return result | ({"parts": comparisons} if comparisons else {})


def _measures_of(samples: BySample, headline: str) -> list[str]:
    """Return the measures that are compared, the main one first; `instruction` is compared beside `reasoning`."""
    measures = {name for problem_samples in samples.values() for name in problem_samples[0].measures}
    if headline not in measures:
        return [RIGHT]
    return [headline, *(name for name in ("instruction",) if name in measures and headline == "reasoning")]


def _has(samples: Sequence[GradedSample], name: str) -> bool:
    return name in samples[0].measures


def _with_measure(samples: BySample, name: str) -> BySample:
    return {problem: problem_samples for problem, problem_samples in samples.items() if _has(problem_samples, name)}


def _compare(rival: str, before: BySample, after: BySample, name: str, seed: int) -> PairedComparison:
    for problem in after:
        if name != RIGHT and not _has(before[problem], name):
            raise BadInput(f"{rival}, {problem}: no {name} among its measures; name what `aha eval --out` wrote of this benchmark")
    values = [[[sample.measure(name) for sample in side[problem]] for problem in after] for side in (before, after)]
    return compare_pairs(values[0], values[1], seed)


def _paired_grades(before: BySample, after: BySample, seed: int) -> PairedComparison:
    values = [[[sample.grade or 0.0 for sample in side[problem]] for problem in after] for side in (before, after)]
    return compare_pairs(values[0], values[1], seed)


def paired_json(comparison: PairedComparison) -> dict[str, Any]:
    """Return a paired difference under the names that programs read."""
    interval = [comparison.difference.low, comparison.difference.high]
    return {
        "difference": comparison.difference.value,
        "ci95": interval,
        "p": comparison.p,
        "test": comparison.test,
        "verdict": comparison.verdict,
    }


def in_words(model: str, comparison: Mapping[str, Any]) -> str:
    """Return a comparison in one sentence, for a person."""
    low, high = (f"{100 * end:+.2f}" for end in comparison["ci95"])
    verdict = comparison["verdict"] if comparison["verdict"] == NOISE else f"{model} is {comparison['verdict']}"
    return (
        f"{comparison['measure']} against {comparison['model']} ({100 * comparison['value']:.2f} %) on the same {comparison['problems']:,} "
        f"problems: {100 * comparison['difference']:+.2f} points, 95 % interval {low} to {high}, p = {comparison['p']:.3g} "
        f"({comparison['test']}): {verdict}"
    )


@dataclass(frozen=True)
class PaperClaim:
    """A claim of the paper, tested. `paper`: the claim, with its numbers. `ours`: the meaning of `measured`, which is claimed to be above
    0; `seeds`: the value in each run."""

    name: str
    paper: str
    ours: str
    measured: Interval
    seeds: tuple[float, ...]

    @property
    def holds(self) -> bool:
        return self.measured.low > 0


def claim(name: str, paper: str, ours: str, differences: Sequence[Sequence[float]], margin: float = 0.0) -> PaperClaim:
    """Return a tested claim. `differences`: for each run, by problem, positive in the claimed direction, with the same problems in the same
    order; their mean counts. `margin` is the loss that the claim allows."""
    if len({len(problems) for problems in differences}) != 1:
        raise BadInput(
            f"{name}: runs with {sorted({len(problems) for problems in differences})} problems: the same problems are needed in each"
        )
    means = [fmean(column) + margin for column in zip(*differences, strict=True)]
    return PaperClaim(name, paper, ours, bootstrap(means), tuple(fmean(problems) + margin for problems in differences))


def steps_to(accuracy: Sequence[Sequence[float]], bar: float, steps: int) -> float:
    """Return the optimizer steps until the mean accuracy of a rollout's groups reaches the bar; if never, twice the steps of the run."""
    for rollout, groups in enumerate(accuracy, start=1):
        if groups and fmean(groups) >= bar:
            return float(rollout * steps)
    return 2.0 * len(accuracy) * steps


def fewer_steps(slow: Sequence[Sequence[float]], fast: Sequence[Sequence[float]], bar: float, steps: tuple[int, int]) -> Interval:
    """Return half of the steps that `slow` needs to the bar minus those that `fast` needs, with its interval over resampled groups of each
    rollout."""

    def once(curves: Sequence[Sequence[float]], draw: np.random.Generator | None) -> list[list[float]]:
        return [list(curve) if draw is None else [curve[i] for i in draw.integers(0, len(curve), len(curve))] for curve in curves]

    def gap(draw: np.random.Generator | None) -> float:
        return steps_to(once(slow, draw), bar, steps[0]) / 2 - steps_to(once(fast, draw), bar, steps[1])

    draw = np.random.default_rng(0)
    low, high = np.percentile([gap(draw) for _ in range(RESAMPLES // 4)], [2.5, 97.5])
    return Interval(gap(None), float(low), float(high))
