"""What the length-controlled fit needs beside the annotations: how hard each instruction is, and rows of a baseline that games its length.

Either the two files of the `tatsu-lab/alpaca_eval` data set, or values recovered from published results, where the labels of the gamed rows
enter the loss through two sums alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aha.errors import BadInput
from aha.evals.files import find_file, read_json, read_rows, read_table

Floats = npt.NDArray[np.float64]
DIFFICULTY = ("instruction_difficulty.csv", "instruction_difficulty_recovered.csv")
INSTRUCTIONS = ("alpaca_eval_gpt4_baseline.json", "reference_outputs_gpt4_1106_preview.json", "alpaca_eval.json")
BASELINE_ROWS, FEATURES, SUMS = "df_gamed.csv", "gamed_features.csv", "gamed_sufficient_statistics.json"
HOW = "name the folder that holds them with --data DIR or AHA_DATA"


@dataclass(frozen=True)
class Calibration:
    """`difficulty` by position. `positions`: each instruction's, empty where no file lists them. `gamed`: a row each, tanh(s) and d.
    `labels`: the sum over the gamed rows of label times each feature. `files`: what was read."""

    difficulty: Floats
    positions: Mapping[str, int]
    baseline_rows: Floats
    labels: Floats
    files: tuple[str, ...]

    def of(self, instructions: Sequence[str]) -> Floats:
        """The difficulty of each. Without a list of instructions they have to be all of them, in the published order."""
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
    """The files found by name in the folder or below. BadInput names those that are missing."""
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
    """The last column, ordered by the first."""
    columns = [tuple(row.values()) for row in read_table(path)]
    rows = sorted((_number(path, values[0]), _number(path, values[-1])) for values in columns)
    if not rows or [index for index, _ in rows] != list(range(len(rows))):
        raise BadInput(f"{path}: its first column has to count the instructions from 0")
    return np.asarray([value for _, value in rows])


def _positions(path: Path | None) -> dict[str, int]:
    return {} if path is None else {str(row.get("instruction")): number for number, row in enumerate(read_rows(path))}


def _label_rows(path: Path) -> tuple[Floats, Floats]:
    """Labels are P(the gamed model is better), or that plus 1."""
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
        raise BadInput(f"{path}: {str(value)[:40]!r} where a number should stand") from None
