"""Scores: win rates against the baseline, which are what a Bradley-Terry fit gives where every battle is against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from aha.evals.arena.battles import Battle
from aha.evals.scores import wilson

Floats = npt.NDArray[np.float64]
RESAMPLES = 1_000
STEPS = 100
ELO = 400.0
BASELINE = "baseline"


@dataclass(frozen=True)
class Rating:
    """Per cent. `ci95` resamples battles, as published intervals do; `ci95_questions` whole questions, whose battles are not independent,
    and is Wilson's for a model that won every battle or none. `ci90` resamples battles too: the interval that v2.0 publishes. `n`
    battles."""

    model: str
    score: float
    ci95: tuple[float, float]
    ci95_questions: tuple[float, float]
    ci90: tuple[float, float]
    n: int


def ratings(battles: Sequence[Battle], seed: int = 0, resamples: int = RESAMPLES) -> list[Rating]:
    """Every model's, the best first."""
    models = dict.fromkeys(battle.model for battle in battles)
    return sorted((_rating(model, battles, seed, resamples) for model in models), key=lambda rating: -rating.score)


def _rating(model: str, battles: Sequence[Battle], seed: int, resamples: int) -> Rating:
    own = [battle for battle in battles if battle.model == model]
    wins = np.asarray([battle.wins for battle in own])
    draw = np.random.default_rng(seed)
    by_battle = np.asarray([wins[draw.integers(0, len(wins), len(wins))].mean() for _ in range(resamples)])
    by_question = _by_question(own, draw, resamples)
    return Rating(
        model=model,
        score=float(100 * wins.mean()),
        ci95=_between(by_battle, 2.5),
        ci95_questions=_between(by_question, 2.5) if 0 < wins.mean() < 1 else _at_an_edge(own),
        ci90=_between(by_battle, 5.0),
        n=len(wins),
    )


def _by_question(battles: Sequence[Battle], draw: np.random.Generator, resamples: int) -> Floats:
    """The score of each resample of whole questions."""
    numbers = {question: number for number, question in enumerate(dict.fromkeys(battle.question for battle in battles))}
    sums, counts = np.zeros(len(numbers)), np.zeros(len(numbers))
    for battle in battles:
        sums[numbers[battle.question]] += battle.wins
        counts[numbers[battle.question]] += 1
    means = []
    for _ in range(resamples):
        chosen = draw.integers(0, len(numbers), len(numbers))
        means.append(sums[chosen].sum() / counts[chosen].sum())
    return np.asarray(means)


def _at_an_edge(battles: Sequence[Battle]) -> tuple[float, float]:
    low, high = wilson(battles[0].wins, len({battle.question for battle in battles}))
    return 100 * low, 100 * high


def _between(values: Floats, tail: float) -> tuple[float, float]:
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(100 * low), float(100 * high)


# --- Bradley-Terry ----------------------------------------------------------------------------------------------------


def bradley_terry(battles: Sequence[Battle]) -> dict[str, float]:
    """The same scores by the published way: a logistic fit of Elo points without penalty, read as win rates against the baseline."""
    models = [BASELINE, *dict.fromkeys(battle.model for battle in battles)]
    design, wins = one_hot(battles, models)
    points = ELO * fit(log(10) * design, wins, penalty=1e-9)
    return {model: expected(points[number] - points[0]) for number, model in enumerate(models) if number}


def expected(points: float) -> float:
    """The win rate in per cent of a model so many Elo points above its opponent."""
    return float(100 / (1 + 10 ** (-points / ELO)))


def one_hot(battles: Sequence[Battle], models: Sequence[str]) -> tuple[Floats, Floats]:
    """A row a battle: +1 for its model, -1 for the baseline, which is the first of `models`; and how much of it the model won."""
    number = {model: place for place, model in enumerate(models)}
    design = np.zeros((len(battles), len(models)))
    design[:, 0] = -1.0
    design[np.arange(len(battles)), [number[battle.model] for battle in battles]] = 1.0
    return design, np.asarray([battle.wins for battle in battles])


def fit(design: Floats, wins: Floats, penalty: float, weight: float = 1.0) -> Floats:
    """The coefficients that minimise weight · cross-entropy + penalty / 2 · |w|², by Newton's steps."""
    found = np.zeros(design.shape[1])
    for _ in range(STEPS):
        chance = np.exp(-np.logaddexp(0.0, -design @ found))
        slope = weight * design.T @ (chance - wins) + penalty * found
        bend = weight * design.T @ (design * (chance * (1 - chance))[:, None]) + penalty * np.eye(len(found))
        step = np.linalg.solve(bend, slope)
        step *= min(1.0, 5.0 / float(np.abs(step).max() or 1.0))
        found = found - step
        if np.abs(step).max() < 1e-10:
            break
    return found
