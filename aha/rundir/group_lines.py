"""A group as a line of JSON: how all of them were written before they were tables, how one is printed, and what fits into no column."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from aha.codec import decode, encode
from aha.durable import read_records
from aha.errors import BadInput
from aha.redact import hide
from aha.types import Completion, Group


def read_group_lines(path: Path) -> Iterator[Group]:
    """Yield the groups of a file of lines. BadInput names the line that is no group."""
    for number, line in read_records(path):
        try:
            yield group_of_line(line)
        except BadInput as error:
            raise BadInput(f"{path}, line {number}: {error}") from None


def group_of_line(line: object) -> Group:
    """Return the group that a line's value is. BadInput says what is no part of a group."""
    group: Group = decode(line, Group)
    return group


def line_of(group: Group) -> str:
    """Return a group as JSON. Where a text holds a known secret, that is hidden, and the tokens that spell it are zeros."""
    line = json_of(group, Group)
    if hide(line) == line:
        return line
    completions = tuple(_without_pieces(completion, reply.text) for completion, reply in zip(group.completions, group.replies, strict=True))
    words = "\n".join([*(message.content for message in group.problem.turns), group.problem.question])
    is_plain = hide(words) == words
    hidden = replace(group, prompt=group.prompt if is_plain else (0,) * len(group.prompt), completions=completions)
    return hide(json_of(hidden, Group))


def json_of(value: object, hint: Any) -> str:
    """Return a value as JSON without a blank."""
    return json.dumps(encode(value, hint), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _without_pieces(completion: Completion, text: str) -> Completion:
    return completion if hide(text) == text else replace(completion, tokens=(0,) * len(completion.tokens))
