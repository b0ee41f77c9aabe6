"""The result of an evaluation: its scores at every k, its measures, the rates that qualify them, all with intervals; one form for every
benchmark and for others' files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING, Any

from aha.errors import BadInput
from aha.evals.benchmark import STRICT_MEASURES, Benchmark
from aha.evals.intervals import (
    RESAMPLES,
    Interval,
    Z,
    best_of_curve,
    cons_at_k,
    cons_curve,
    mean_interval,
    pass_at_k,
    votes_by_value,
    weighs_as_it_is,
    weighted_vote,
)
from aha.evals.samples import GradedSample, ProblemSamples, SampleSet, sample_set
from aha.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

STEADY_SAMPLES = 8_000  # a score is steady enough when problems times k reach this: gives the published 64, 16 and 4
FEWEST_K, MOST_K = 4, 64
LOWER_IS_BETTER = (
    *("truncated", "unparsed", "refused", "abstained", "mean_tokens", "length"),
    *("incorrect", "not_attempted", "unjudged", "lc_standard_error"),
)


@dataclass(frozen=True)
class ScoreCurve:
    """A score of each problem at k = 1, 2, … up to the fewest samples of a problem; `values` are the means."""

    name: str
    by_problem: tuple[Sequence[float], ...]

    @cached_property
    def values(self) -> tuple[float, ...]:
        """The mean over problems at each k."""
        return tuple(_mean(column) for column in zip(*self.by_problem, strict=True))

    def interval(self, k: int, seed: int) -> Interval:
        """Return the score at k with its interval over problems."""
        return mean_interval([[values[k - 1]] for values in self.by_problem], seed)


@dataclass(frozen=True)
class Result:
    """The result of a model on a benchmark, or of a file of graded samples. `measures`: means over the samples that have them.
    `categories`: the mean grade of each, if there are several. `shares`: rates beside the scores, over all samples. `sample_se` and
    `problem_se`: the standard errors of pass@1 from sampling and from the choice of problems. `scores`: those of a judge or a contest,
    computed elsewhere."""

    headline: str
    problems: int
    samples: int
    k: int
    pass_at_1: Interval
    curves: tuple[ScoreCurve, ...]
    shares: Mapping[str, float]
    sample_se: float
    problem_se: float
    recommended_k: int
    measures: Mapping[str, Interval] = field(default_factory=dict)
    categories: Mapping[str, Interval] = field(default_factory=dict)
    mean_tokens: float | None = None
    weighted_vote_score: float | None = None
    weighted_by: str | None = None
    benchmark: str | None = None
    model: str | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def at(self, name: str, k: int) -> float:
        """Return a curve's value, as `at("pass", 4)`. BadInput for a k above the fewest samples of a problem."""
        if not 1 <= k <= self.k:
            raise BadInput(f"{name}@{k} of {self.k} samples a problem: undefined, k must be from 1 to {self.k}")
        return next(curve.values[k - 1] for curve in self.curves if curve.name == name)

    @property
    def shown_k(self) -> list[int]:
        """The values 1, 2, 4, … and the largest k."""
        return sorted({1 << power for power in range(self.k.bit_length()) if 1 << power <= self.k} | {self.k})

    def with_scores(self, headline: str, scores: Mapping[str, Any]) -> Result:
        """Return a result with scores computed elsewhere, by the code that reads published files, in place of pass@k."""
        return replace(self, headline=headline, curves=(), measures={}, categories={}, scores=scores)

    def to_json(self, *, every_k: bool = False) -> dict[str, Any]:
        """Return the result under the names that programs read: shares from 0 to 1, each score and measure under its name, and its 95 %
        interval over problems in `intervals`. `every_k`: scores at each k, not only at the powers of two and the largest.

        `value` is the headline, None if not a single reply could be graded; then there are no scores."""
        graded = self.shares.get("abstained", 0.0) < 1.0
        scores, intervals = self._scores(every_k) if graded else ({}, {})
        scores |= self.scores if graded else {}
        header = {"model": self.model, "benchmark": self.benchmark}
        result: dict[str, Any] = {name: value for name, value in header.items() if value is not None}
        result |= {"headline": self.headline, "value": scores.get(self.headline)}
        result |= {"truncated": self.shares["truncated"]} if "truncated" in self.shares else {}
        result |= {"problems": self.problems, "samples": self.samples, "k": self.k, **scores}
        if intervals:
            result |= {"ci95": intervals["pass@1"], "headline_ci95": intervals.get(self.headline)}
        result |= {**self.shares} | ({"mean_tokens": self.mean_tokens} if self.mean_tokens is not None else {})
        if self.curves:
            result |= {"sample_se": self.sample_se, "problem_se": self.problem_se, "recommended_k": self.recommended_k}
        if graded and self.categories:
            result["categories"] = {name: interval.value for name, interval in self.categories.items()}
            intervals["categories"] = {name: [interval.low, interval.high] for name, interval in self.categories.items()}
        return result | ({"intervals": intervals} if intervals else {})

    def _scores(self, every_k: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        scores, intervals = dict[str, Any](), dict[str, Any]()
        for curve in self.curves:
            for k in range(1, self.k + 1) if every_k else self.shown_k:
                scores[f"{curve.name}@{k}"] = curve.values[k - 1]
            for k in self.shown_k:
                interval = self.pass_at_1 if (curve.name, k) == ("pass", 1) else curve.interval(k, self.seed)
                intervals[f"{curve.name}@{k}"] = [interval.low, interval.high]
        if (vote := f"cons@{self.k}") in scores:  # the vote of all samples, which has several names
            scores |= dict.fromkeys(("cons@k", f"maj@{self.k}") if every_k else ("cons@k",), scores[vote])
        if self.weighted_vote_score is not None:
            scores |= {f"weighted@{self.k}": self.weighted_vote_score, "weighted_by": self.weighted_by}
        for name, measure in self.measures.items():
            scores[name], intervals[name] = measure.value, [measure.low, measure.high]
        return scores, intervals


def result_of(
    samples: Sequence[GradedSample] | SampleSet, benchmark: Benchmark | None = None, model: str | None = None, seed: int = 0
) -> Result:
    """Return the result of graded samples, with k up to the fewest samples of a problem. Categories that a rubric gives marks count only in
    measures and rates."""
    literal = benchmark is not None and benchmark.literal_votes
    every = samples if isinstance(samples, SampleSet) else sample_set(samples, literal_votes=literal)
    rubric = benchmark.rubric if benchmark is not None else ()
    by_rule = replace(every, problems=tuple(part for part in every.problems if part.samples[0].category not in rubric))
    all_samples = [sample for part in every.problems for sample in part.samples]
    k = min(len(part.samples) for part in every.problems)
    interval = mean_interval([part.verdicts for part in by_rule.problems], seed)
    shares = [share_right(part) for part in by_rule.problems]
    weighted_by = _weighted_by(by_rule.problems) if every.answers and every.rewards else None
    tokens = [sample.tokens for sample in all_samples if sample.tokens is not None]
    return Result(
        benchmark=benchmark.name if benchmark is not None else None,
        model=model,
        headline=benchmark.headline if benchmark is not None else "pass@1",
        problems=len(every.problems),
        samples=len(all_samples),
        k=k,
        pass_at_1=interval,
        curves=tuple(_curves(by_rule, k)),
        weighted_vote_score=_mean([_weighted_score(part) for part in by_rule.problems]) if weighted_by else None,
        weighted_by=weighted_by,
        measures=dict(_measures(all_samples, seed)),
        categories=_categories(all_samples, seed),
        shares=_shares(every, by_rule),
        mean_tokens=sum(tokens) / len(tokens) if len(tokens) == len(all_samples) else None,
        sample_se=_sample_se(shares, by_rule.problems),
        problem_se=_problem_se(shares, interval),
        recommended_k=recommended_k(len(every.problems)),
        seed=seed,
    )


def _sample_se(shares: Sequence[float], problems: Sequence[ProblemSamples]) -> float:
    return sqrt(sum(p * (1 - p) / max(1, len(part.samples) - 1) for p, part in zip(shares, problems, strict=True))) / len(problems)


def _problem_se(shares: Sequence[float], interval: Interval) -> float:
    """Return the standard error from the choice of problems; if all shares are 0 or all are 1, the one that the interval implies, not 0."""
    if len(shares) < 2 or interval.value in (0.0, 1.0):
        return (interval.high - interval.low) / (2 * Z)
    return float(np.std(shares, ddof=1) / sqrt(len(shares)))


def share_right(part: ProblemSamples) -> float:
    """Return the share of a problem's samples that are right."""
    return pass_at_k(len(part.samples), sum(part.verdicts), 1)


def recommended_k(problems: int) -> int:
    """Return the samples per problem for a set of this size: the power of two, from 4 to 64, at which problems x k first reach 8,000."""
    k = FEWEST_K
    while k < MOST_K and problems * k < STEADY_SAMPLES:
        k *= 2
    return k


def problem_lines(samples: SampleSet) -> list[dict[str, object]]:
    """Return one line per problem: its number of right samples, and the votes of each answer."""
    lines = []
    for part in samples.problems:
        line: dict[str, object] = {"problem": part.problem, "n": len(part.samples), "right": sum(part.verdicts)}
        if samples.answers:
            answers = ballots_of(samples, part)
            votes = Counter(answer for answer in answers if answer is not None)
            line |= {"cons": cons_at_k(answers, part.verdicts), "votes": dict(votes.most_common(5))}
        if samples.rewards:
            line["rm"] = best_of_curve(_rewards(part), part.verdicts)[-1]
        lines.append(line)
    return lines


# --- scores by k ----------------------------------------------------------------------------------------------------------


def _curves(samples: SampleSet, k: int) -> Iterator[ScoreCurve]:
    problems = samples.problems
    yield ScoreCurve("pass", tuple(pass_curve(part, k) for part in problems))
    if samples.answers:
        yield ScoreCurve("cons", tuple(cons_curve(ballots_of(samples, part), part.verdicts)[:k] for part in problems))
    if samples.rewards:
        yield ScoreCurve("rm", tuple(best_of_curve(_rewards(part), part.verdicts)[:k] for part in problems))


def pass_curve(part: ProblemSamples, k: int) -> list[float]:
    """Return a problem's pass@1, pass@2, … pass@k."""
    right = sum(part.verdicts)
    return [pass_at_k(len(part.samples), right, size) for size in range(1, k + 1)]


def ballots_of(samples: SampleSet, part: ProblemSamples) -> list[str | None]:
    """Return the claims of a problem's samples as they vote."""
    claims = [sample.claim for sample in part.samples]
    return claims if samples.literal_votes else votes_by_value(claims)


def _rewards(part: ProblemSamples) -> list[float]:
    rewards = [sample.reward for sample in part.samples if sample.reward is not None]
    if len(rewards) != len(part.samples):
        raise BadInput(f"problem {part.problem}: {len(part.samples) - len(rewards)} of {len(part.samples)} samples have no reward")
    return rewards


def _weighted_by(problems: Sequence[ProblemSamples]) -> str:
    return "reward" if all(weighs_as_it_is(_rewards(part)) for part in problems) else "exp(reward) where one is negative"


def _weighted_score(part: ProblemSamples) -> float:
    return weighted_vote(votes_by_value([sample.claim for sample in part.samples]), part.verdicts, _rewards(part))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)  # summed in order, as in published figures, and not by `fmean`, which rounds once


# --- measures, categories and rates ---------------------------------------------------------------------------------------


def _measures(samples: Sequence[GradedSample], seed: int) -> Iterator[tuple[str, Interval]]:
    """Yield the mean of each measure of the benchmark's own. One that counts instructions is over instructions. The strict reader's is
    given only if it differs from the benchmark's own, and is over all samples."""
    names = dict.fromkeys(name for sample in samples for name in sample.measures if name != "instructions")
    agree = not any(sample.measures.get(name) for sample in samples for name in STRICT_MEASURES[1:])
    for name in [measure for measure in names if measure not in STRICT_MEASURES or not agree]:
        values: dict[str, list[float]] = {}
        weights: dict[str, list[float]] = {}
        for sample in samples:
            if name in STRICT_MEASURES:
                values.setdefault(sample.problem, []).append(sample.measures.get(name, 0.0))
                weights.setdefault(sample.problem, []).append(1.0)
            elif name in sample.measures:
                weight = sample.measures.get("instructions", 1.0) if name.startswith("instruction_") else 1.0
                values.setdefault(sample.problem, []).append(sample.measures[name] * weight)
                weights.setdefault(sample.problem, []).append(weight)
        total = sum(map(sum, weights.values()))
        value = sum(map(sum, values.values())) / total
        if total == sum(map(len, weights.values())):
            interval = mean_interval(list(values.values()), seed)
            yield name, replace(interval, value=value)
        else:
            yield name, _ratio_interval(value, [sum(part) for part in values.values()], [sum(part) for part in weights.values()], seed)


def _ratio_interval(value: float, above: Sequence[float], below: Sequence[float], seed: int) -> Interval:
    """Return a quotient of two sums over problems with its 95 % bootstrap interval over problems."""
    pairs, draw = np.column_stack([above, below]), np.random.default_rng(seed)
    sums = np.asarray([pairs[draw.integers(0, len(pairs), len(pairs))].sum(axis=0) for _ in range(RESAMPLES)])
    low, high = np.percentile(sums[:, 0] / sums[:, 1], [2.5, 97.5])
    return Interval(value, float(low), float(high))


def _categories(samples: Sequence[GradedSample], seed: int) -> dict[str, Interval]:
    """Return the mean grade by category, if there are several."""
    by_category: dict[str, dict[str, list[float]]] = {}
    for sample in samples:
        by_category.setdefault(sample.category, {}).setdefault(sample.problem, []).append(sample.grade or 0.0)
    if len(by_category) < 2:
        return {}
    return {name: mean_interval(list(problems.values()), seed) for name, problems in sorted(by_category.items())}


def _shares(every: SampleSet, by_rule: SampleSet) -> dict[str, float]:
    samples = [sample for part in every.problems for sample in part.samples]
    rates: dict[str, Callable[[GradedSample], bool]] = {}
    if every.ends:
        rates["truncated"] = lambda sample: sample.truncated
    if every.answers:
        rates["unparsed"] = _is_unparsed
    if every.texts:
        rates["refused"] = lambda sample: sample.refused
    rates["abstained"] = lambda sample: sample.abstained
    votes = [sample for part in by_rule.problems for sample in part.samples]
    populations = {name: votes if name == "unparsed" else samples for name in rates}
    shares = {name: sum(map(rate, populations[name])) / len(populations[name]) for name, rate in rates.items()}
    return shares | _above_chance(every.problems)


def _is_unparsed(sample: GradedSample) -> bool:
    """Return True if the reply ended by itself and did not decline, but no answer could be read."""
    return sample.claim is None and not (sample.right or sample.truncated or sample.refused or sample.abstained)


def _above_chance(problems: Sequence[ProblemSamples]) -> dict[str, float]:
    """Return two rates of choices. `guess_adjusted`: a sample without an answer earns the value of a guess. `above_chance`: 0 is guessing,
    1 perfect."""
    pairs = [(sample, part.options) for part in problems for sample in part.samples]
    pairs_with_options = [(sample, options) for sample, options in pairs if options is not None and options > 1]
    if len(pairs_with_options) != len(pairs):
        return {}
    points = [1.0 if sample.right else 0.0 if sample.claim is not None else 1 / options for sample, options in pairs_with_options]
    chance = _mean([1 / options for _, options in pairs_with_options])
    right = _mean([float(sample.right) for sample, _ in pairs_with_options])
    return {"guess_adjusted": _mean(points), "above_chance": (right - chance) / (1 - chance)}


# --- the form of lm-evaluation-harness ------------------------------------------------------------------------------------


def lm_eval_form(results: Sequence[Mapping[str, Any]], model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return `results`, `configs`, `n-shot`, `n-samples` and `config` as that project writes them."""
    by_name = {str(result["benchmark"]): result for result in results}
    generation = {**settings, "do_sample": settings.get("temperature", 0) != 0}
    config = {"output_type": "generate_until", "num_fewshot": 0, "generation_kwargs": generation}
    return {
        "results": {name: {"alias": name, **dict(_lm_eval_metrics(result))} for name, result in by_name.items()},
        "group_subtasks": {name: [] for name in by_name},
        "configs": {name: {"task": name, "repeats": result["k"], **config} for name, result in by_name.items()},
        "versions": dict.fromkeys(by_name, 1),
        "n-shot": dict.fromkeys(by_name, 0),
        "higher_is_better": {
            name: {score: score not in LOWER_IS_BETTER for score in _score_names(result)} for name, result in by_name.items()
        },
        "n-samples": {name: {"original": result["problems"], "effective": result["problems"]} for name, result in by_name.items()},
        "config": {"model": "aha", "model_args": model, "gen_kwargs": dict(settings)},
        "model_name": model,
    }


def _score_names(result: Mapping[str, Any]) -> list[str]:
    return [name for name, value in result.items() if isinstance(value, float) and name not in ("value", "sample_se", "problem_se")]


def _lm_eval_metrics(result: Mapping[str, Any]) -> Iterator[tuple[str, float | str]]:
    for name in _score_names(result):
        yield f"{name},none", result[name]
        if name == "pass@1":
            yield f"{name}_stderr,none", float(result["problem_se"])
            yield from zip((f"{name}_ci95_low,none", f"{name}_ci95_high,none"), result["ci95"], strict=True)
