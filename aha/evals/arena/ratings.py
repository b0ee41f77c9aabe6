"""Scores: win rates against the baseline, which a Bradley-Terry fit gives as well if every battle is against it.

The numbers have the same names for published files and for fresh judgments. Scores with the style taken out have four more columns in the
fit: the differences in length, headers, lists and bold. All models are fitted together, so a score depends on the other models; published
tables hold dozens of models. Length and Markdown are controlled together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aha.errors import BadInput
from aha.evals.arena.battles import BASELINES, Battle, Style, Version
from aha.evals.intervals import wilson

Floats = npt.NDArray[np.float64]
RESAMPLES = 1_000
STEPS = 100
ELO = 400.0
BASELINE = "baseline"


@dataclass(frozen=True)
class Rating:
    """A model's score in per cent, from `n` battles. `ci95` resamples battles, as published intervals do; `ci95_questions` resamples whole
    questions, whose battles are not independent, and is Wilson's for a model that won every battle or none. `ci90` resamples battles too:
    the interval that v2.0 publishes."""

    model: str
    score: float
    ci95: tuple[float, float]
    ci95_questions: tuple[float, float]
    ci90: tuple[float, float]
    n: int


def ratings(battles: Sequence[Battle], resamples: int = RESAMPLES) -> list[Rating]:
    """Return every model's rating, the best first."""
    models = dict.fromkeys(battle.model for battle in battles)
    return sorted((_rating(model, battles, resamples) for model in models), key=lambda rating: -rating.score)


def _rating(model: str, battles: Sequence[Battle], resamples: int) -> Rating:
    battles_of_model = [battle for battle in battles if battle.model == model]
    wins = np.asarray([battle.wins for battle in battles_of_model])
    draw = np.random.default_rng(0)
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
    """Return the score in each resample of whole questions."""
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


def expected(points: float) -> float:
    """Return the win rate in per cent of a model so many Elo points above its opponent."""
    return float(100 / (1 + 10 ** (-points / ELO)))


@dataclass(frozen=True)
class RatingTable:
    """The battles as columns. `models`: the baseline first; `number`: each battle's model; `wins`: the model's share of the battle;
    `styles`: a column for each controlled difference in style, or none."""

    models: tuple[str, ...]
    number: npt.NDArray[np.int64]
    wins: Floats
    styles: Floats

    @classmethod
    def of(cls, battles: Sequence[Battle], baseline: str = BASELINE, styles: Floats | None = None) -> RatingTable:
        """Return the table of battles and, one row per battle, their differences in style."""
        models = {model: place for place, model in enumerate((baseline, *dict.fromkeys(battle.model for battle in battles)))}
        number = np.asarray([models[battle.model] for battle in battles])
        wins = np.asarray([battle.wins for battle in battles])
        return cls(tuple(models), number, wins, np.zeros((len(battles), 0)) if styles is None else styles)

    def by_model(self, values: Floats) -> Floats:
        """Return the sums of the battles' values by model; the baseline's is minus the sum of all, as it loses what the others win."""
        sums: Floats = np.bincount(self.number, weights=values, minlength=len(self.models)).astype(np.float64)
        sums[0] = -values.sum()
        return sums


def fit(table: RatingTable, penalty: float, unit: float = 1.0, counts: Floats | float = 1.0, start: Floats | None = None) -> Floats:
    """Return the strengths of the models, then the weights of the styles, that minimise Σ counts · cross-entropy + penalty / 2 · |w|² by
    Newton's method, where a battle's log-odds are unit · (its model's strength - the baseline's) + its styles · their weights.

    No matrix has a column for each model: the steps need only sums over each model's battles."""
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
    """Return the second derivatives of the loss from those of each battle."""
    models, styles = len(table.models), table.styles
    bend = np.zeros((models + styles.shape[1],) * 2)
    curve = table.by_model(curves)
    bend[range(models), range(models)] = unit**2 * np.abs(curve)
    bend[0, 1:models] = bend[1:models, 0] = -(unit**2) * curve[1:]
    for place, column in enumerate(styles.T, start=models):
        bend[:models, place] = bend[place, :models] = unit * table.by_model(curves * column)
    bend[models:, models:] = styles.T @ (styles * curves[:, None])
    return bend


STYLE_RESAMPLES = 100
Heartbeat = Callable[[int, int], None]  # (fits done, fits in all)


@dataclass(frozen=True)
class StyleScore:
    """A score in per cent at equal style of all answers. `level`: the coverage of `interval`, as each version publishes it."""

    model: str
    score: float
    interval: tuple[float, float]
    level: Literal[95, 90]


def controlled_ratings(
    battles: Sequence[Battle],
    styles: Mapping[tuple[str, str], Style],
    version: Version = "v0.1",
    baseline: str | None = None,
    resamples: int = STYLE_RESAMPLES,
    heartbeat: Heartbeat = lambda done, of: None,
) -> list[StyleScore]:
    """Return scores with the style taken out. v0.1: one fit with an L2 penalty, its score and the 95 % interval of resampled battles. v2.0:
    the median and the 90 % interval of fits without penalty. BadInput for a missing answer. `heartbeat` is called after every fit."""
    base = baseline or BASELINES[version]
    table = RatingTable.of(battles, base, _differences(battles, styles, base, version))
    first = _fit(table, version)
    draw, resample_scores = np.random.default_rng(0), []
    for done in range(resamples):
        chosen = np.bincount(draw.integers(0, len(battles), len(battles)), minlength=len(battles)).astype(np.float64)
        resample_scores.append(_scores(_fit(table, version, chosen, first), len(table.models), version))
        heartbeat(done + 1, resamples)
    whole = _scores(first, len(table.models), version) if version == "v0.1" else np.median(resample_scores, axis=0)
    level: Literal[95, 90] = 95 if version == "v0.1" else 90
    low, high = np.percentile(resample_scores, [50 - level / 2, 50 + level / 2], axis=0)
    return [
        StyleScore(model, float(whole[number]), (float(low[number]), float(high[number])), level)
        for number, model in enumerate(table.models)
        if number
    ]


def _fit(table: RatingTable, version: Version, counts: Floats | float = 1.0, start: Floats | None = None) -> Floats:
    """Fit the table of a version: v0.1 counts every battle twice and works in units of ln 10, which affects its penalty."""
    if version == "v0.1":
        return fit(table, penalty=1.0, unit=log(10), counts=2.0 * counts, start=start)
    return fit(table, penalty=1e-6, counts=counts, start=start)


def _scores(weights: Floats, models: int, version: Version) -> Floats:
    """Return win rates in per cent against the baseline, which comes first."""
    elo = ELO if version == "v0.1" else ELO / log(10)
    return np.asarray([expected(elo * (strength - weights[0])) for strength in weights[:models]])


def _differences(battles: Sequence[Battle], styles: Mapping[tuple[str, str], Style], baseline: str, version: Version) -> Floats:
    """Return model minus baseline, each column with mean 0 and deviation 1 over all battles."""
    rows = [
        _features(_style(styles, battle.model, battle.question), _style(styles, baseline, battle.question), version) for battle in battles
    ]
    values = np.asarray(rows)
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _style(styles: Mapping[tuple[str, str], Style], model: str, question: str) -> Style:
    if (model, question) not in styles:
        raise BadInput(f"no answer of {model} to question {question}: style control needs the answers of every model and of the baseline")
    return styles[model, question]


def _features(model: Style, base: Style, version: Version) -> list[float]:
    if model.counted != base.counted:
        raise BadInput("some answers have their tokens counted and some not: style control compares lengths of one kind")
    markdown = [(model.headers, base.headers), (model.lists, base.lists), (model.bold, base.bold)]
    if version == "v0.1":
        return [_relative(count, base_count, 1.0) for count, base_count in [(model.length, base.length), *markdown]]
    dense = [(count / (model.length + 1), base_count / (base.length + 1)) for count, base_count in markdown]
    return [_relative(model.length, base.length, 0.0), *(_relative(count, base_count, 1.0) for count, base_count in dense)]


def _relative(value: float, base_value: float, more: float) -> float:
    return (value - base_value) / whole if (whole := value + base_value + more) else 0.0


def scores_of(
    battles: Sequence[Battle],
    version: Version,
    styles: Mapping[tuple[str, str], Style] | None = None,
    baseline: str | None = None,
    heartbeat: Heartbeat = lambda done, of: None,
) -> list[dict[str, Any]]:
    """Return one score per model, the best first, in per cent; then the baseline's own, 50 by definition, if there are several models or it
    is judged itself. With `styles` of all answers, the style-controlled score is added."""
    base, even = baseline or BASELINES[version], (50.0, 50.0)
    contests = [battle for battle in battles if battle.model != base]
    style_scores = controlled_ratings(contests, styles, version, base, heartbeat=heartbeat) if styles and contests else []
    by_model = {score.model: score for score in style_scores}
    rows = [_row(rating, version, by_model.get(rating.model)) for rating in ratings(contests)]
    if len(rows) != 1 or len(contests) < len(battles):
        base_rating = Rating(base, 50.0, even, even, even, len(battles) - len(contests))
        rows.append(_row(base_rating, version, StyleScore(base, 50.0, even, 95 if version == "v0.1" else 90) if styles else None))
    return rows


def _row(rating: Rating, version: Version, style: StyleScore | None) -> dict[str, Any]:
    row: dict[str, Any] = {"model": rating.model, "score": rating.score, "ci95": list(rating.ci95), "n": rating.n}
    row |= {"ci95_questions": list(rating.ci95_questions)}
    row |= {"ci90": list(rating.ci90)} if version == "v2.0" else {}
    row |= {"score_style_control": style.score, f"ci{style.level}_style_control": list(style.interval)} if style else {}
    return row
