"""How an answer is written: its length, and how much Markdown it shows. Read from the answer's own record where that has counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.errors import BadInput
from aha.evals.files import read_rows

_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_HEADER = re.compile(r"^#{1,6}\s", re.MULTILINE)
_LIST = re.compile(r"^\s*(?:\d+\.|[-*+])\s", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__")
_PIECE = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Style:
    """`length` in tokens, or in words and signs where `counted` is false: nobody has counted tokens, and neither is a tokenizer at hand."""

    length: float
    headers: float
    lists: float
    bold: float
    counted: bool = True


def read_styles(paths: Sequence[Path]) -> dict[tuple[str, str], Style]:
    """By (model, question). BadInput for a record that is no answer."""
    return {(model, question): _recorded_style(row) or style_of(_answer(where, row)) for where, model, question, row in _rows(paths)}


def read_answers(paths: Sequence[Path]) -> dict[str, dict[str, str]]:
    """The texts, by model and question."""
    answers: dict[str, dict[str, str]] = {}
    for where, model, question, row in _rows(paths):
        answers.setdefault(model, {})[question] = _answer(where, row)
    return answers


def _rows(paths: Sequence[Path]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Place, model, question and the record."""
    for path in paths:
        for number, row in enumerate(read_rows(path), start=1):
            where = f"{path}, record {number}"
            question = row.get("uid", row.get("question_id"))
            if question is None or not isinstance(model := row.get("model", row.get("model_id")), str):
                raise BadInput(f"{where}: an answer has uid, model and messages; this one has {', '.join(row)}")
            yield where, model, str(question), row


def style_of(text: str) -> Style:
    """Counted here, code blocks left out of the Markdown."""
    prose = _CODE.sub("", text)
    headers, lists, bold = (len(pattern.findall(prose)) for pattern in (_HEADER, _LIST, _BOLD))
    return Style(len(_PIECE.findall(text)), headers, lists, bold, counted=False)


def _recorded_style(row: Mapping[str, Any]) -> Style | None:
    match row.get("metadata", row.get("conv_metadata")):
        case {"token_len": int(length), "header_count": dict(headers), "list_count": dict(lists), "bold_count": dict(bold)}:
            return Style(length, sum(headers.values()), sum(lists.values()), sum(bold.values()))
    return None


def _answer(where: str, row: Mapping[str, Any]) -> str:
    match row:
        case {"messages": [*_, {"content": {"answer": str(text)}}]}:
            return text
        case {"messages": [*_, {"role": "assistant", "content": str(text)}]}:
            return text
        case {"choices": [{"turns": [{"content": str(text)}, *_]}, *_]}:
            return text
    raise BadInput(f"{where}: no answer in it: messages have to end with the assistant's")
