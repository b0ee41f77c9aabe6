"""Scores with the style taken out: the fit gets four more columns, the differences in length, headers, lists and bold.

All models are fitted together, so a score depends on who else is there; published tables hold dozens of models. Length and Markdown are
controlled together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np

from aha.errors import BadInput
from aha.evals.arena.battles import BASELINES, Battle, Version
from aha.evals.arena.ratings import ELO, Floats, RatingTable, expected, fit
from aha.evals.arena.writing import Style

RESAMPLES = 100
Heartbeat = Callable[[int, int], None]  # fits that are done, and how many there will be


@dataclass(frozen=True)
class StyleScore:
    """Per cent, the style of all answers being alike. `level`: how much of the resamples `interval` holds, as each version publishes it."""

    model: str
    score: float
    interval: tuple[float, float]
    level: Literal[95, 90]


def controlled_ratings(
    battles: Sequence[Battle],
    styles: Mapping[tuple[str, str], Style],
    version: Version = "v0.1",
    baseline: str | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    heartbeat: Heartbeat = lambda done, of: None,
) -> list[StyleScore]:
    """v0.1: one fit with an L2 penalty, its score and the 95 % interval of resampled battles. v2.0: the median and the 90 % interval of
    fits without penalty. BadInput for an answer that is missing. `heartbeat` hears of every fit."""
    base = baseline or BASELINES[version]
    table = RatingTable.of(battles, base, _differences(battles, styles, base, version))
    first = _fit(table, version)
    draw, resample_scores = np.random.default_rng(seed), []
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
    """v0.1 counts every battle twice and works in units of ln 10, which the penalty feels."""
    if version == "v0.1":
        return fit(table, penalty=1.0, unit=log(10), counts=2.0 * counts, start=start)
    return fit(table, penalty=1e-6, counts=counts, start=start)


def _scores(weights: Floats, models: int, version: Version) -> Floats:
    """Win rates in per cent against the baseline, which comes first."""
    elo = ELO if version == "v0.1" else ELO / log(10)
    return np.asarray([expected(elo * (strength - weights[0])) for strength in weights[:models]])


def _differences(battles: Sequence[Battle], styles: Mapping[tuple[str, str], Style], baseline: str, version: Version) -> Floats:
    """Model minus baseline, each column with mean 0 and deviation 1 over all battles."""
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
