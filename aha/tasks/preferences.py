"""Preferences on disk, and how a preference model is shown them: pairs of answers, and replies that are safe or not (nature B.3).

One JSON object a line. Ours: a `Pair` or a `Labelled` as they are. Others: `prompt` (or `question`) with `chosen` and `rejected`, or with
`response` (or `text`, `completion`, `answer`) and `safe` (or `is_safe`, `label`); each text may be a list of messages, whose last counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

from aha.codec import decode, encode
from aha.errors import BadInput
from aha.protocols import Tokenizer
from aha.tasks.forms import language_of
from aha.tasks.reading import DataRow, RefusedRow, rows_of
from aha.types import Conversation, Labelled, Message, Open, Pair, Problem

QUESTION_FIELDS = ("prompt", "question", "instruction")
ANSWER_FIELDS = ("response", "text", "completion", "answer")
SAFE = ("safe", "is_safe", "label")
TRUTHS: Mapping[object, bool] = {True: True, False: False, "safe": True, "unsafe": False}  # 1 and 0 equal True and False
Preference = TypeVar("Preference", Pair, Labelled)


def as_conversation(problem: Problem, reply: str) -> Conversation:
    """What a preference model sees: what was asked, and the part of the reply that it is to judge."""
    return Conversation((*problem.turns, Message("user", problem.question), Message("assistant", reply)))


def scored_tokens(conversation: Conversation, tokenizer: Tokenizer) -> list[int]:
    """The conversation as it was said, up to the token that ends it, at which the score is read."""
    *before, last = conversation.messages
    return [*tokenizer.chat(Conversation(tuple(before))), *tokenizer.encode(last.content), tokenizer.end]


def write_preference(value: Pair | Labelled) -> str:
    """One line of JSON without its newline; reading gives the same value again."""
    return json.dumps(encode(value, type(value)), ensure_ascii=False)


def read_pairs(source: str) -> list[Pair]:
    """Every pair of a file, a folder of shards, a run directory with `rows`, or a data set. BadInput names file and line or row."""
    return [_at(row, lambda row: _read_preference(row, Pair) or _pair(row)) for row in _rows(source)]


def read_safety_rows(source: str) -> list[Labelled]:
    """Every labelled reply of the same."""
    return [_at(row, lambda row: _read_preference(row, Labelled) or _safety_row(row)) for row in _rows(source)]


def _rows(source: str) -> list[DataRow | RefusedRow]:
    rows = list(rows_of(source, "train", None))
    if not rows:
        raise BadInput(f"{source} holds no row: one JSON object a line is needed")
    return rows


def _at(row: DataRow | RefusedRow, reader: Callable[[DataRow], Preference]) -> Preference:
    if isinstance(row, RefusedRow):
        raise BadInput(str(row))
    try:
        return reader(row)
    except BadInput as error:
        raise BadInput(f"{row.place}: {error}") from None


def _read_preference(row: DataRow, kind: type[Preference]) -> Preference | None:
    """None for a row that other people wrote."""
    value: Preference | None = decode(dict(row.fields), kind) if isinstance(row.fields.get("problem"), dict) else None
    return value


def _pair(row: DataRow) -> Pair:
    form = 'a pair is {"prompt": ..., "chosen": ..., "rejected": ...}'
    chosen, rejected = (_text(row.fields, (name,), form) for name in ("chosen", "rejected"))
    return Pair(_problem(row, form), chosen, rejected)


def _safety_row(row: DataRow) -> Labelled:
    form = 'a labelled reply is {"prompt": ..., "response": ..., "safe": true or false}'
    reply = _text(row.fields, ANSWER_FIELDS, form)
    safe = next((row.fields[name] for name in SAFE if name in row.fields), None)
    if not isinstance(safe, bool | int | str) or safe not in TRUTHS:
        raise BadInput(f"`safe` is {str(safe)[:40]!r}; {form}")
    return Labelled(_problem(row, form), reply, TRUTHS[safe])


def _problem(row: DataRow, form: str) -> Problem:
    question = _text(row.fields, QUESTION_FIELDS, form)
    return Problem(row.name, "general", question, language_of(question), Open())


def _text(fields: Mapping[str, object], names: tuple[str, ...], form: str) -> str:
    """A text, or what the last message of a conversation says."""
    value = next((fields[name] for name in names if name in fields), None)
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        value = value[-1].get("content")
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"`{names[0]}` is missing or no text; {form}")
    return value
