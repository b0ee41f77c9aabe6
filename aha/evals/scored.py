"""All that is said of a file of judged samples: scores at every k, intervals, the rates that qualify them, each problem's own line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from aha.errors import BadInput
from aha.evals.attempts import Attempt, Sheet, Tried
from aha.evals.scores import Interval, Z, mean_interval, pass_at_k
from aha.evals.voting import ballots, best_of_curve, cons_at_k, cons_curve, weighs_as_it_is, weighted_vote

SAMPLES = 8_000  # a score is steady enough when problems times k reach this: gives the published 64, 16 and 4
FEWEST, MOST = 4, 64


@dataclass(frozen=True)
class Curve:
    """A score at k = 1, 2, …, as far as every problem has samples."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Scored:
    """`shares`: rates beside the score, over all samples. `sample_se` and `problem_se`: what pass@1 owes to chance in sampling and to the
    choice of problems."""

    problems: int
    samples: int
    k: int
    pass_at_1: Interval
    curves: tuple[Curve, ...]
    weighted: float | None
    weighted_by: str | None
    shares: dict[str, float]
    sample_se: float
    problem_se: float
    recommended_k: int

    def at(self, name: str, k: int) -> float:
        """A curve's value, as `at("pass", 4)`. BadInput for a k that some problem has too few samples for."""
        if not 1 <= k <= self.k:
            raise BadInput(f"{name}@{k} of {self.k} samples a problem: undefined, k must be from 1 to {self.k}")
        return next(curve.values[k - 1] for curve in self.curves if curve.name == name)


def score(sheet: Sheet, seed: int = 0) -> Scored:
    """The scores of all problems, k up to the fewest samples that a problem has."""
    problems = sheet.problems
    k = min(len(tried.attempts) for tried in problems)
    shares = [share_right(tried) for tried in problems]
    interval = mean_interval([tried.verdicts for tried in problems], seed)
    weighted_by = _weighted_by(problems) if sheet.answers and sheet.rewards else None
    return Scored(
        problems=len(problems),
        samples=sum(len(tried.attempts) for tried in problems),
        k=k,
        pass_at_1=interval,
        curves=tuple(_curves(sheet, k)),
        weighted=_mean([_weighted(tried) for tried in problems]) if weighted_by else None,
        weighted_by=weighted_by,
        shares=_shares(sheet),
        sample_se=sqrt(sum(p * (1 - p) / max(1, len(t.attempts) - 1) for p, t in zip(shares, problems, strict=True))) / len(problems),
        problem_se=_problem_se(shares, interval),
        recommended_k=recommended_k(len(problems)),
    )


def _problem_se(shares: Sequence[float], interval: Interval) -> float:
    """The standard error from the choice of problems; where every share is 0 or every one 1 it is not 0, but what the interval says."""
    if len(shares) < 2 or interval.value in (0.0, 1.0):
        return (interval.high - interval.low) / (2 * Z)
    return float(np.std(shares, ddof=1) / sqrt(len(shares)))


def share_right(tried: Tried) -> float:
    """The share of a problem's attempts that are right."""
    return pass_at_k(len(tried.attempts), sum(attempt.right for attempt in tried.attempts), 1)


def recommended_k(problems: int) -> int:
    """Samples a problem for a set of this size: the power of two, from 4 to 64, at which problems x k first reach 8,000."""
    k = FEWEST
    while k < MOST and problems * k < SAMPLES:
        k *= 2
    return k


def each_problem(sheet: Sheet) -> list[dict[str, object]]:
    """One line a problem: how many are right, and which answers got how many votes."""
    return [_line(sheet, tried) for tried in sheet.problems]


def _line(sheet: Sheet, tried: Tried) -> dict[str, object]:
    right = sum(attempt.right for attempt in tried.attempts)
    line: dict[str, object] = {"problem": tried.problem, "n": len(tried.attempts), "right": right}
    if sheet.answers:
        votes = Counter(answer for answer in _answers(tried) if answer is not None)
        line |= {"cons": cons_at_k(_answers(tried), tried.verdicts), "votes": dict(votes.most_common(5))}
    if sheet.rewards:
        line["rm"] = best_of_curve(_rewards(tried), tried.verdicts)[-1]
    return line


def _curves(sheet: Sheet, k: int) -> list[Curve]:
    curves = [_curve("pass", [_pass_curve(tried, k) for tried in sheet.problems])]
    if sheet.answers:
        curves.append(_curve("cons", [cons_curve(_answers(tried), tried.verdicts)[:k] for tried in sheet.problems]))
    if sheet.rewards:
        curves.append(_curve("rm", [best_of_curve(_rewards(tried), tried.verdicts)[:k] for tried in sheet.problems]))
    return curves


def _pass_curve(tried: Tried, k: int) -> list[float]:
    right = sum(tried.verdicts)
    return [pass_at_k(len(tried.attempts), right, drawn) for drawn in range(1, k + 1)]


def _curve(name: str, by_problem: Sequence[Sequence[float]]) -> Curve:
    return Curve(name, tuple(_mean(values) for values in zip(*by_problem, strict=True)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)  # in the order given, as published figures are made, and not `fmean`, which rounds once


def _answers(tried: Tried) -> list[str | None]:
    return ballots([attempt.answer for attempt in tried.attempts])


def _rewards(tried: Tried) -> list[float]:
    rewards = [attempt.reward for attempt in tried.attempts if attempt.reward is not None]
    if len(rewards) != len(tried.attempts):
        raise BadInput(f"problem {tried.problem}: {len(tried.attempts) - len(rewards)} of {len(tried.attempts)} samples have no reward")
    return rewards


def _weighted_by(problems: Sequence[Tried]) -> str:
    return "reward" if all(weighs_as_it_is(_rewards(tried)) for tried in problems) else "exp(reward) where one is negative"


def _weighted(tried: Tried) -> float:
    return weighted_vote(_answers(tried), tried.verdicts, _rewards(tried))


def _shares(sheet: Sheet) -> dict[str, float]:
    attempts = [attempt for tried in sheet.problems for attempt in tried.attempts]
    rates: dict[str, Callable[[Attempt], bool]] = {}
    if sheet.ends:
        rates["truncated"] = lambda attempt: attempt.truncated
    if sheet.answers:
        rates["unparsed"] = _unparsed
    if sheet.texts:
        rates["refused"] = lambda attempt: attempt.refused
    rates["abstained"] = lambda attempt: attempt.abstained
    shares = {name: sum(map(rate, attempts)) / len(attempts) for name, rate in rates.items()}
    return shares | _above_chance(sheet.problems)


def _unparsed(attempt: Attempt) -> bool:
    """Ended by itself, did not decline, and yet no answer could be read."""
    return attempt.answer is None and not (attempt.right or attempt.truncated or attempt.refused or attempt.abstained)


def _above_chance(problems: Sequence[Tried]) -> dict[str, float]:
    """For choices. `guess_adjusted`: without an answer an attempt has what a guess earns. `above_chance`: 0 is guessing, 1 perfect."""
    pairs = [(attempt, tried.options) for tried in problems for attempt in tried.attempts]
    known = [(attempt, options) for attempt, options in pairs if options is not None and options > 1]
    if len(known) != len(pairs):
        return {}
    earned = [1.0 if attempt.right else 0.0 if attempt.answer is not None else 1 / options for attempt, options in known]
    chance = _mean([1 / options for _, options in known])
    right = _mean([float(attempt.right) for attempt, _ in known])
    return {"guess_adjusted": _mean(earned), "above_chance": (right - chance) / (1 - chance)}
