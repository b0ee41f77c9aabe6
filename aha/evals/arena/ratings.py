"""Scores: win rates against the baseline, which are what a Bradley-Terry fit gives where every battle is against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from aha.evals.arena.battles import Battle
from aha.evals.intervals import wilson

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
    battles_of_model = [battle for battle in battles if battle.model == model]
    wins = np.asarray([battle.wins for battle in battles_of_model])
    draw = np.random.default_rng(seed)
    by_battle = np.asarray([wins[draw.integers(0, len(wins), len(wins))].mean() for _ in range(resamples)])
    by_question = _by_question(battles_of_model, draw, resamples)
    return Rating(
        model=model,
        score=float(100 * wins.mean()),
        ci95=_between(by_battle, 2.5),
        ci95_questions=_between(by_question, 2.5) if 0 < wins.mean() < 1 else _at_an_edge(battles_of_model),
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
    table = RatingTable.of(battles)
    points = ELO * fit(table, penalty=1e-9, unit=log(10))
    return {model: expected(points[number] - points[0]) for number, model in enumerate(table.models) if number}


def expected(points: float) -> float:
    """The win rate in per cent of a model so many Elo points above its opponent."""
    return float(100 / (1 + 10 ** (-points / ELO)))


@dataclass(frozen=True)
class RatingTable:
    """Battles as columns. `models`: the baseline first; `number`: of each battle's model; `wins`: how much of it the model won; `styles`: a
    column for each difference in style that is controlled for, none without."""

    models: tuple[str, ...]
    number: npt.NDArray[np.int64]
    wins: Floats
    styles: Floats

    @classmethod
    def of(cls, battles: Sequence[Battle], baseline: str = BASELINE, styles: Floats | None = None) -> RatingTable:
        """Of battles and, a row each, their differences in style."""
        models = {model: place for place, model in enumerate((baseline, *dict.fromkeys(battle.model for battle in battles)))}
        number = np.asarray([models[battle.model] for battle in battles])
        wins = np.asarray([battle.wins for battle in battles])
        return cls(tuple(models), number, wins, np.zeros((len(battles), 0)) if styles is None else styles)

    def by_model(self, values: Floats) -> Floats:
        """The sums of the battles' values by model, and for the baseline, which loses what the others win, less all of them."""
        sums: Floats = np.bincount(self.number, weights=values, minlength=len(self.models)).astype(np.float64)
        sums[0] = -values.sum()
        return sums


def fit(table: RatingTable, penalty: float, unit: float = 1.0, counts: Floats | float = 1.0, start: Floats | None = None) -> Floats:
    """The strengths of the models, then the weights of the styles, that minimise Σ counts · cross-entropy + penalty / 2 · |w|² by Newton's
    steps, where a battle's log-odds are unit · (its model's strength - the baseline's) + its styles · their weights.

    Nothing here has a column for each model: sums over each model's battles are all that a step needs."""
    models, styles = len(table.models), table.styles
    weights = np.zeros(models + styles.shape[1]) if start is None else start
    for _ in range(STEPS):
        odds = unit * (weights[table.number] - weights[0]) + styles @ weights[models:]
        chance = np.exp(-np.logaddexp(0.0, -odds))
        gradient = counts * (chance - table.wins)
        slope = np.concatenate([unit * table.by_model(gradient), styles.T @ gradient]) + penalty * weights
        step = np.linalg.solve(_bend(table, counts * chance * (1 - chance), unit) + penalty * np.eye(len(weights)), slope)
        step *= min(1.0, 5.0 / float(np.abs(step).max() or 1.0))
        weights = weights - step
        if np.abs(step).max() < 1e-10:
            break
    return weights


def _bend(table: RatingTable, curves: Floats, unit: float) -> Floats:
    """The second derivatives, from each battle's."""
    models, styles = len(table.models), table.styles
    bend = np.zeros((models + styles.shape[1],) * 2)
    curve = table.by_model(curves)
    bend[range(models), range(models)] = unit**2 * np.abs(curve)
    bend[0, 1:models] = bend[1:models, 0] = -(unit**2) * curve[1:]
    for place, column in enumerate(styles.T, start=models):
        bend[:models, place] = bend[place, :models] = unit * table.by_model(curves * column)
    bend[models:, models:] = styles.T @ (styles * curves[:, None])
    return bend
