"""Scores with the style taken out: the fit gets four more columns, the differences in length, headers, lists and bold.

All models are fitted together, so a score depends on who else is there; published tables hold dozens of models. Length and Markdown are
controlled together or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Literal

import numpy as np

from aha.errors import BadInput
from aha.evals.arena.battles import BASELINES, Battle, Version
from aha.evals.arena.ratings import Floats, expected, fit, one_hot
from aha.evals.arena.writing import Style

RESAMPLES = 100


@dataclass(frozen=True)
class Controlled:
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
) -> list[Controlled]:
    """v0.1: one fit with an L2 penalty, its score and the 95 % interval of resampled battles. v2.0: the median and the 90 % interval of
    fits without penalty. BadInput for an answer that is missing."""
    base = baseline or BASELINES[version]
    models = [base, *dict.fromkeys(battle.model for battle in battles)]
    design, wins = one_hot(battles, models)
    rows = np.column_stack([design, _differences(battles, styles, base, version)])
    draw = np.random.default_rng(seed)
    drawn = np.asarray([_scores(rows[chosen], wins[chosen], len(models), version) for chosen in _resampled(draw, len(rows), resamples)])
    whole = _scores(rows, wins, len(models), version) if version == "v0.1" else np.median(drawn, axis=0)
    level: Literal[95, 90] = 95 if version == "v0.1" else 90
    low, high = np.percentile(drawn, [50 - level / 2, 50 + level / 2], axis=0)
    return [
        Controlled(model, float(whole[number]), (float(low[number]), float(high[number])), level)
        for number, model in enumerate(models)
        if number
    ]


def _resampled(draw: np.random.Generator, battles: int, times: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    return [draw.integers(0, battles, battles) for _ in range(times)]


def _scores(rows: Floats, wins: Floats, models: int, version: Version) -> Floats:
    """v0.1 counts every battle twice and works in units of ln 10, which the penalty feels."""
    if version == "v0.1":
        scaled = rows.copy()
        scaled[:, :models] *= log(10)
        found = fit(scaled, wins, penalty=1.0, weight=2.0)
        return np.asarray([expected(400 * (each - found[0])) for each in found[:models]])
    found = fit(rows, wins, penalty=1e-6)
    return np.asarray([100 / (1 + exp(found[0] - each)) for each in found[:models]])


def _differences(battles: Sequence[Battle], styles: Mapping[tuple[str, str], Style], baseline: str, version: Version) -> Floats:
    """Model minus baseline, each column with mean 0 and deviation 1 over all battles."""
    compared = [
        _compared(_style(styles, battle.model, battle.question), _style(styles, baseline, battle.question), version) for battle in battles
    ]
    values = np.asarray(compared)
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _style(styles: Mapping[tuple[str, str], Style], model: str, question: str) -> Style:
    if (model, question) not in styles:
        raise BadInput(f"no answer of {model} to question {question}: style control needs the answers of every model and of the baseline")
    return styles[model, question]


def _compared(model: Style, base: Style, version: Version) -> list[float]:
    if model.counted != base.counted:
        raise BadInput("some answers have their tokens counted and some not: style control compares lengths of one kind")
    markdown = [(model.headers, base.headers), (model.lists, base.lists), (model.bold, base.bold)]
    if version == "v0.1":
        return [_relative(own, theirs, 1.0) for own, theirs in [(model.length, base.length), *markdown]]
    dense = [(own / (model.length + 1), theirs / (base.length + 1)) for own, theirs in markdown]
    return [_relative(model.length, base.length, 0.0), *(_relative(own, theirs, 1.0) for own, theirs in dense)]


def _relative(own: float, theirs: float, more: float) -> float:
    return (own - theirs) / whole if (whole := own + theirs + more) else 0.0
