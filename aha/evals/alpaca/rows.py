"""A published file of annotations: one model against the reference, a row an instruction."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.errors import BadInput
from aha.evals.alpaca.judge import TIES, preference, shown_in_reverse
from aha.evals.files import need_fields, read_rows

COLUMNS = ("instruction", "output_1", "output_2", "generator_1", "generator_2", "preference")


@dataclass(frozen=True)
class Annotation:
    """`wins`: P(the model is better), 1/2 for a tie, `None` where the judge has not said. `shorter`: characters that the reference has
    over the model. `top`: the judge's log-probabilities, where they are kept. `own`: the model is the reference itself."""

    instruction: str
    wins: float | None
    shorter: int
    top: tuple[Mapping[str, Any], ...] = ()
    own: bool = False


def read_annotations(path: Path) -> list[Annotation]:
    """The rows in the order of the file. BadInput for other columns, for more than one model and for an instruction that stands twice."""
    rows = read_rows(path)
    need_fields(path, rows, COLUMNS, "an annotation")
    if len(models := sorted({str(row["generator_2"]) for row in rows})) > 1:
        raise BadInput(f"{path}: {len(models)} models in it ({', '.join(models[:3])} …); a file of annotations is about one")
    annotations = [_annotation(f"{path}, record {number}", row) for number, row in enumerate(rows, start=1)]
    if twice := [text for text, count in Counter(annotation.instruction for annotation in annotations).items() if count > 1]:
        raise BadInput(f"{path}: an instruction stands twice: {twice[0][:60]!r}")
    return annotations


def weighted_preferences(annotations: Sequence[Annotation]) -> tuple[int, float]:
    """How many rows keep the judge's log-probabilities, and the largest distance of the preference from what those say."""
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
    """The first token's alternatives, as the judge's API returned them."""
    match completion:
        case {"logprobs": {"content": [{"top_logprobs": [*top]}, *_]}}:
            return tuple(entry for entry in top if isinstance(entry, dict) and {"token", "logprob"} <= entry.keys())
    return ()
