"""Win rates, as the judge said and with the length taken out: one logistic fit of three weights a model (length_controlled_v1).

The published fit also chooses an L1 penalty by cross-validation. This one has none, which moves a length-controlled win rate by 0.04 points
on average and 0.10 at most over 50 published models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from aha.errors import BadInput
from aha.evals.alpaca.calibration import Calibration, Floats
from aha.evals.alpaca.rows import Annotation

GAMED_WEIGHT = 0.2 / 2  # a row, for two gamed models
STEPS = 200
RIDGE = 1e-9  # keeps the steps finite where a model never wins
STEEPEST = 30.0


@dataclass(frozen=True)
class WinRates:
    """Per cent; `n` annotations with a preference."""

    win_rate: float
    lc_win_rate: float
    lc_standard_error: float
    discrete_win_rate: float
    n: int
    standard_error: float


def win_rates(annotations: Sequence[Annotation], calibration: Calibration) -> WinRates:
    """The reference's own length-controlled rate is 50 by definition. BadInput where fewer than two annotations have a preference."""
    preferences = [(number, annotation.wins) for number, annotation in enumerate(annotations) if annotation.wins is not None]
    if len(preferences) < 2:
        raise BadInput(f"{len(preferences)} of {len(annotations)} annotations have a preference; a win rate needs two or more")
    wins = np.asarray([value for _, value in preferences])
    shorter = np.asarray([annotation.shorter for annotation in annotations], dtype=np.float64)
    spread = float(shorter.std(ddof=1)) or 1.0
    difficulty = calibration.of([annotation.instruction for annotation in annotations])
    rows = np.column_stack([np.tanh(shorter / spread), difficulty, np.ones(len(difficulty))])
    _, by_difficulty, bias = fit(rows[[number for number, _ in preferences]], wins, calibration)
    rates = 100 * logistic(by_difficulty * difficulty + bias)
    if all(annotation.own for annotation in annotations):
        rates = np.full(len(annotations), 50.0)
    return WinRates(
        win_rate=float(100 * wins.mean()),
        lc_win_rate=float(rates.mean()),
        lc_standard_error=float(rates.std(ddof=1) / sqrt(len(rates))),
        discrete_win_rate=float(100 * ((wins > 0.5).sum() + (wins == 0.5).sum() / 2) / len(wins)),
        n=len(wins),
        standard_error=float(100 * wins.std(ddof=1) / sqrt(len(wins))),
    )


def fit(rows: Floats, wins: Floats, calibration: Calibration) -> Floats:
    """The weights of length, difficulty and the model itself that make the preferences likeliest, by Newton's steps, halved where one
    overshoots. The gamed rows, which have no weight of their own, pull the first two to the baseline's."""
    baseline_rows = np.column_stack([calibration.baseline_rows, np.zeros(len(calibration.baseline_rows))])
    labels = np.append(calibration.labels, 0.0)
    weights = np.zeros(3)
    for _ in range(STEPS):
        model, base = logistic(rows @ weights), logistic(baseline_rows @ weights)
        slope = rows.T @ (model - wins) + GAMED_WEIGHT * (baseline_rows.T @ base - labels) + RIDGE * weights
        bend = _bend(rows, model) + GAMED_WEIGHT * _bend(baseline_rows, base) + RIDGE * np.eye(3)
        step = np.linalg.solve(bend, slope)
        step *= min(1.0, STEEPEST / float(np.abs(step).max() or 1.0))
        before = _loss(weights, rows, wins, baseline_rows, labels)
        while _loss(weights - step, rows, wins, baseline_rows, labels) > before + 1e-12 and np.abs(step).max() > 1e-12:
            step /= 2
        weights = weights - step
        if np.abs(step).max() < 1e-10:
            break
    return weights


def logistic(values: Floats) -> Floats:
    """1 / (1 + e^-x), without overflow."""
    return np.exp(-np.logaddexp(0.0, -values))


def _loss(weights: Floats, rows: Floats, wins: Floats, baseline_rows: Floats, labels: Floats) -> float:
    """Soft binary cross-entropy, as the log of the partition minus label times logit."""
    model, base = rows @ weights, baseline_rows @ weights
    loss = np.logaddexp(0.0, model).sum() - wins @ model
    return float(loss + GAMED_WEIGHT * (np.logaddexp(0.0, base).sum() - labels @ weights) + RIDGE / 2 * weights @ weights)


def _bend(rows: Floats, chance: Floats) -> Floats:
    return np.asarray(rows.T @ (rows * (chance * (1 - chance))[:, None]))


def head_to_head(first: Sequence[float], second: Sequence[float], difficulty: Floats) -> float:
    """How often, in per cent, `one` would beat `other` at equal length, from both models' weights (length, difficulty, model)."""
    return float(100 * logistic((first[2] - second[2]) + (first[1] - second[1]) * difficulty).mean())
