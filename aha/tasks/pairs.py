"""Rows of a reference and a reply to it: what `aha grade` grades, and with what is expected of a grader, what `aha bench-reward` runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from aha.answers.replies import answer_part
from aha.errors import BadInput
from aha.tasks.golds import KINDS, Bad, Kind, reference_of
from aha.tasks.reading import DataRow, RefusedRow, rows_of
from aha.types import Abstained, Reference

GOLDS = ("gold", "reference", "ground_truth", "target")
REPLIES = ("pred", "answer", "prediction", "response", "completion")
FLAGS: dict[str, Callable[[object], bool]] = {  # how formulas are compared, and what each flag may be
    "allow_set_relation_comp": lambda value: isinstance(value, bool),
    "strict": lambda value: isinstance(value, bool),
    "precision": lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 50,
    "how": lambda value: value in ("auto", "box", "line", "number", "whole"),
}

_ANSWER_TAG = re.compile(r"<answer>(.*?)</answer>", re.S)
_ONE_LETTER = re.compile(r"\s*\(?[A-J]\)?\.?\s*")


@dataclass(frozen=True)
class PairRow:
    """One row: `reference` says why where the gold cannot be graded; `answer` is the answer part of the reply, `None` without one."""

    place: str
    fields: Mapping[str, object]
    reference: Reference | Abstained
    answer: str | None
    flags: Mapping[str, object] = field(default_factory=dict)


def pairs_of(source: str, kind: Kind = "auto") -> list[PairRow]:
    """Every row of a JSON-lines file. BadInput names the first row that has no reply or cannot be read; a row without a gold that can be
    graded is a pair like others, as long as one row has one."""
    rows = list(rows_of(source, "train", None))
    if bad := [row for row in rows if isinstance(row, RefusedRow)]:
        raise BadInput(f"{bad[0]}" + (f" ({len(bad)} such rows)" if len(bad) > 1 else ""))
    pairs = [pair_of(row, kind) for row in rows if isinstance(row, DataRow)]
    if not pairs:
        raise BadInput(f"{source} is empty: one JSON object a line, with `gold` and `pred`, is needed")
    if not any(name in pair.fields for pair in pairs for name in GOLDS):
        raise BadInput(f"{pairs[0].place}: no row has a `gold`: there are {', '.join(map(repr, list(pairs[0].fields)[:20]))}")
    return pairs


def pair_of(row: DataRow, kind: Kind = "auto") -> PairRow:
    """The pair in a row; BadInput without a reply."""
    replies = [name for name in REPLIES if name in row.fields]
    if not replies:
        raise BadInput(f"{row.place}: no `pred`: there are {', '.join(map(repr, list(row.fields)[:20]))}")
    reply = row.fields[replies[0]]
    if reply is not None and (isinstance(reply, bool) or not isinstance(reply, str | int | Decimal)):
        raise BadInput(f"{row.place}: field {replies[0]!r} is of type {type(reply).__name__}: a text is needed")
    return PairRow(row.place, row.fields, gold_of(row, kind), None if reply is None else answer_of(str(reply)), _flags(row))


def _flags(row: DataRow) -> dict[str, object]:
    flags = {name: row.fields[name] for name in FLAGS if row.fields.get(name) is not None}
    for name, value in flags.items():
        if not FLAGS[name](value):
            raise BadInput(f"{row.place}: {name} is {str(value)[:40]!r}: a truth, for precision 0 to 50, for how a place is needed")
    return flags


def answer_of(reply: str) -> str | None:
    """What counts of a reply: after the thinking, within <answer> tags where it has them; `None` where the thinking never ends."""
    text = answer_part(reply)
    answers = _ANSWER_TAG.findall(text)
    text = answers[-1] if answers else text
    return text.strip() or None


def gold_of(row: DataRow, kind: Kind = "auto") -> Reference | Abstained:
    """The reference of a row, whose own `kind` goes before what the caller says; why it cannot be graded otherwise."""
    row_kind = row.fields.get("kind", kind)
    if row_kind not in KINDS:
        raise BadInput(f"{row.place}: kind is {row_kind!r}: one of {', '.join(KINDS)} is needed")
    name = next((name for name in GOLDS if row.fields.get(name) is not None), "gold")
    gold = row.fields.get(name)
    kind = next(kind_name for kind_name in KINDS if kind_name == row_kind)
    if kind == "auto" and isinstance(gold, str) and _ONE_LETTER.fullmatch(gold):
        kind = "choice"
    if gold is None and kind not in ("countdown", "stdio", "calls", "asserts", "open"):
        return Abstained("the row has no gold")
    try:
        return reference_of(name, gold, row.fields, kind, solution=False)
    except Bad as bad:
        return Abstained(f"the gold cannot be graded: {bad}")
