"""AlpacaEval 2.0: the judge's preferences, and the part of them that is due to length.

The judge is asked for one token, `m` or `M`, and its log-probabilities give its certainty. Published files of annotations hold one model
against the reference, one row per instruction.

The length-controlled fit also needs the difficulty of each instruction, and rows of a baseline that games its length: either the two files
of the `tatsu-lab/alpaca_eval` data set, or values recovered from published results, where the labels of the gamed rows enter the loss only
through two sums.

Win rates are given as the judge said, and with the length taken out: one logistic fit of three weights per model (length_controlled_v1).
The published fit also chooses an L1 penalty by cross-validation. This one has none, which moves a length-controlled win rate by 0.04 points
on average and 0.10 at most over 50 published models.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from aha.errors import BadInput
from aha.evals.files import find_file, need_fields, read_json, read_rows, read_table

__all__ = [
    "Annotation",
    "Calibration",
    "WinRates",
    "calibration_in",
    "preference",
    "read_annotations",
    "shown_in_reverse",
    "weighted_preferences",
    "win_rates",
]


TIES = (0.0, 1.5)


def shown_in_reverse(instruction: str) -> bool:
    """Return True if the judge sees the model as `m` and the reference as `M`, False for the other order."""
    return Random("is_switched_outputs" + instruction + "0").choices([False, True], k=1)[0]


def preference(top: Sequence[Mapping[str, Any]], reverse: bool) -> float | None:
    """Return 1 + P(the model is better) from the first token's top log-probabilities; a missing token has probability 0. `None` if neither
    is among them."""
    chances = {str(token["token"]): exp(float(token["logprob"])) for token in top}
    small, large = chances.get("m", 0.0), chances.get("M", 0.0)
    if small + large == 0.0:
        return None
    return 1.0 + (small if reverse else large) / (small + large)


COLUMNS = ("instruction", "output_1", "output_2", "generator_1", "generator_2", "preference")


@dataclass(frozen=True)
class Annotation:
    """An instruction's verdict. `wins`: P(the model is better), 1/2 for a tie, `None` without a verdict. `shorter`: the reference's
    characters minus the model's. `top`: the judge's log-probabilities, if they are kept. `own`: the model is the reference itself."""

    instruction: str
    wins: float | None
    shorter: int
    top: tuple[Mapping[str, Any], ...] = ()
    own: bool = False


def read_annotations(path: Path) -> list[Annotation]:
    """Return the rows in the order of the file. BadInput for other columns, more than one model or a repeated instruction."""
    rows = read_rows(path)
    need_fields(path, rows, COLUMNS, "an annotation")
    if len(models := sorted({str(row["generator_2"]) for row in rows})) > 1:
        raise BadInput(f"{path}: {len(models)} models in it ({', '.join(models[:3])} …); a file of annotations is about one")
    annotations = [_annotation(f"{path}, record {number}", row) for number, row in enumerate(rows, start=1)]
    if twice := [text for text, count in Counter(annotation.instruction for annotation in annotations).items() if count > 1]:
        raise BadInput(f"{path}: an instruction stands twice: {twice[0][:60]!r}")
    return annotations


def weighted_preferences(annotations: Sequence[Annotation]) -> tuple[int, float]:
    """Return the number of rows with the judge's log-probabilities, and the largest distance of a row's preference from theirs."""
    apart = [
        abs(annotation.wins + 1.0 - value)
        for annotation in annotations
        if annotation.top
        and annotation.wins is not None
        and (value := preference(annotation.top, shown_in_reverse(annotation.instruction))) is not None
    ]
    return len(apart), max(apart, default=0.0)


def _annotation(where: str, row: Mapping[str, Any]) -> Annotation:
    for name in ("instruction", "output_1", "output_2"):
        if not isinstance(row[name], str):
            raise BadInput(f"{where}: {name} is {str(row[name])[:40]!r}; it has to be text")
    top = _top(row.get("raw_completion"))
    own = row["generator_1"] == row["generator_2"]
    return Annotation(row["instruction"], _wins(where, row, top), len(row["output_1"]) - len(row["output_2"]), top, own)


def _wins(where: str, row: Mapping[str, Any], top: Sequence[Mapping[str, Any]]) -> float | None:
    value = row["preference"]
    if value is None:
        value = preference(top, shown_in_reverse(row["instruction"]))
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, float | int) or isinstance(value, bool) or not (value in TIES or 1.0 <= value <= 2.0):
        raise BadInput(f"{where}: preference is {str(value)[:40]!r}; it goes from 1, the reference is better, to 2, the model is")
    return 0.5 if value in TIES else float(value) - 1.0


def _top(completion: object) -> tuple[Mapping[str, Any], ...]:
    """Return the first token's alternatives, as the judge's API returned them."""
    match completion:
        case {"logprobs": {"content": [{"top_logprobs": [*top]}, *_]}}:
            return tuple(entry for entry in top if isinstance(entry, dict) and {"token", "logprob"} <= entry.keys())
    return ()


Floats = npt.NDArray[np.float64]
DIFFICULTY = ("instruction_difficulty.csv", "instruction_difficulty_recovered.csv")
INSTRUCTIONS = ("alpaca_eval_gpt4_baseline.json", "reference_outputs_gpt4_1106_preview.json", "alpaca_eval.json")
BASELINE_ROWS, FEATURES, SUMS = "df_gamed.csv", "gamed_features.csv", "gamed_sufficient_statistics.json"
HOW = "name the folder that holds them with --data DIR or AHA_DATA"


@dataclass(frozen=True)
class Calibration:
    """The data that the length-controlled fit needs besides annotations. `difficulty` by position. `positions`: each instruction's, empty
    if no file lists them. `baseline_rows`: one row each, tanh(s) and d. `labels`: the sum over the gamed rows of label times each feature.
    `files`: the files that were read."""

    difficulty: Floats
    positions: Mapping[str, int]
    baseline_rows: Floats
    labels: Floats
    files: tuple[str, ...]

    def of(self, instructions: Sequence[str]) -> Floats:
        """Return the difficulty of each instruction. Without a list of instructions, they must be all, in the published order."""
        if not self.positions:
            if len(instructions) != len(self.difficulty):
                raise BadInput(
                    f"{len(instructions)} annotations for {len(self.difficulty)} instructions, and no file lists those in order, so rows "
                    f"cannot be matched; {HOW} ({' or '.join(INSTRUCTIONS)})"
                )
            return self.difficulty
        if strangers := [text for text in instructions if text not in self.positions]:
            raise BadInput(f"{len(strangers)} annotations are of no instruction of AlpacaEval 2, the first {strangers[0][:60]!r}")
        return self.difficulty[[self.positions[text] for text in instructions]]


def calibration_in(folder: Path | None) -> Calibration:
    """Return the calibration from files found by name in the folder or below. BadInput names missing files."""
    baseline_rows, features, sums = (find_file(folder, name, within="alpaca_eval") for name in (BASELINE_ROWS, FEATURES, SUMS))
    difficulty = find_file(folder, *DIFFICULTY, within="alpaca_eval")
    if difficulty is None or (baseline_rows is None and (features is None or sums is None)):
        missing = f"{DIFFICULTY[0]} and {BASELINE_ROWS}" if difficulty is None else BASELINE_ROWS
        raise BadInput(f"the length-controlled fit needs {missing} of tatsu-lab/alpaca_eval, or what was recovered of them; {HOW}")
    reference = find_file(folder, *INSTRUCTIONS, within="alpaca_eval")
    rows, labels = _label_rows(baseline_rows) if baseline_rows is not None else _read_sums(features or Path(), sums or Path())
    read = (difficulty, *([baseline_rows] if baseline_rows is not None else [features, sums]), reference)
    return Calibration(_difficulty(difficulty), _positions(reference), rows, labels, tuple(str(path) for path in read if path is not None))


def _difficulty(path: Path) -> Floats:
    """Return the last column, ordered by the first."""
    columns = [tuple(row.values()) for row in read_table(path)]
    rows = sorted((_number(path, values[0]), _number(path, values[-1])) for values in columns)
    if not rows or [index for index, _ in rows] != list(range(len(rows))):
        raise BadInput(f"{path}: its first column has to count the instructions from 0")
    return np.asarray([value for _, value in rows])


def _positions(path: Path | None) -> dict[str, int]:
    return {} if path is None else {str(row.get("instruction")): number for number, row in enumerate(read_rows(path))}


def _label_rows(path: Path) -> tuple[Floats, Floats]:
    """Read the rows of labels, which are P(the gamed model is better), or that plus 1."""
    rows, values = _features(path), np.asarray([_number(path, row.get("preference")) for row in read_table(path)])
    values = np.where(values == 0.0, 1.5, values) - 1.0 if values.max() > 1.0 else values
    return rows, rows.T @ values


def _read_sums(path: Path, sums: Path) -> tuple[Floats, Floats]:
    record = read_json(sums)
    names = ("T1_sum_y_tanh_std_delta_len", "T2_sum_y_instruction_difficulty")
    if not isinstance(record, dict) or not all(isinstance(record.get(name), float | int) for name in names):
        raise BadInput(f"{sums}: {' and '.join(names)} have to be numbers in it")
    return _features(path), np.asarray([float(record[name]) for name in names])


def _features(path: Path) -> Floats:
    rows = read_table(path)
    if not rows or not {"std_delta_len", "instruction_difficulty"} <= rows[0].keys():
        raise BadInput(
            f"{path}: it needs the columns std_delta_len and instruction_difficulty, and has {', '.join(rows[0]) if rows else 'none'}"
        )
    lengths, difficulty = ([_number(path, row[name]) for row in rows] for name in ("std_delta_len", "instruction_difficulty"))
    return np.column_stack([np.tanh(lengths), difficulty])


def _number(path: Path, value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise BadInput(f"{path}: {str(value)[:40]!r} where a number should be") from None


GAMED_WEIGHT = 0.2 / 2  # per row, for two gamed models
STEPS = 200
RIDGE = 1e-9  # keeps the steps finite for a model that never wins
STEEPEST = 30.0


@dataclass(frozen=True)
class WinRates:
    """The win rates in per cent, from `n` annotations with a preference."""

    win_rate: float
    lc_win_rate: float
    lc_standard_error: float
    discrete_win_rate: float
    n: int


def win_rates(annotations: Sequence[Annotation], calibration: Calibration) -> WinRates:
    """Return the win rates; the reference's own length-controlled rate is 50 by definition. BadInput for fewer than two preferences."""
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
    )


def fit(rows: Floats, wins: Floats, calibration: Calibration) -> Floats:
    """Return the weights of length, difficulty and the model itself with the greatest likelihood, by Newton's method, a step being halved
    if it overshoots. The gamed rows, which have no weight of their own, pull the first two to the baseline's."""
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
    """Return 1 / (1 + e^-x), without overflow."""
    return np.exp(-np.logaddexp(0.0, -values))


def _loss(weights: Floats, rows: Floats, wins: Floats, baseline_rows: Floats, labels: Floats) -> float:
    """Return the soft binary cross-entropy, as the log of the partition minus label times logit."""
    model, base = rows @ weights, baseline_rows @ weights
    loss = np.logaddexp(0.0, model).sum() - wins @ model
    return float(loss + GAMED_WEIGHT * (np.logaddexp(0.0, base).sum() - labels @ weights) + RIDGE / 2 * weights @ weights)


def _bend(rows: Floats, chance: Floats) -> Floats:
    return np.asarray(rows.T @ (rows * (chance * (1 - chance))[:, None]))
