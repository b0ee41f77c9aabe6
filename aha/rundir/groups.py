"""The groups of a rollout as one compressed file, a group a line: the same content is the same bytes."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aha.codec import decode, encode
from aha.durable import read_records
from aha.errors import BadInput
from aha.redact import hide
from aha.types import Completion, Group

LEVEL = 1  # 7 % larger than zlib's default, in a quarter of the time: a rollout waits for it


def pack(groups: Sequence[Group]) -> bytes:
    """No name and no time stand in the header. Secrets that a model was shown or wrote are not recorded."""
    lines = [_line(group) for group in groups]
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=buffer, mtime=0) as file:
        file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
    return buffer.getvalue()


def unpack(path: Path) -> list[Group]:
    """Equal to what was packed, to the bit. BadInput names the line that is no group."""
    return [_group(path, number, line) for number, line in read_records(path)]


def _group(path: Path, number: int, line: object) -> Group:
    try:
        group: Group = decode(line, Group)
    except BadInput as error:
        raise BadInput(f"{path}, line {number}: {error}") from None
    return group


def _line(group: Group) -> str:
    """A group as JSON. Where a text holds a known secret, that is hidden, and the tokens that spell it are zeros."""
    line = _plainly(group)
    if hide(line) == line:
        return line
    completions = tuple(_without_pieces(completion, reply.text) for completion, reply in zip(group.completions, group.replies, strict=True))
    words = "\n".join([*(message.content for message in group.problem.turns), group.problem.question])
    is_plain = hide(words) == words
    return hide(_plainly(replace(group, prompt=group.prompt if is_plain else (0,) * len(group.prompt), completions=completions)))


def _plainly(group: Group) -> str:
    return json.dumps(encode(group, Group), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _without_pieces(completion: Completion, text: str) -> Completion:
    return completion if hide(text) == text else replace(completion, tokens=(0,) * len(completion.tokens))
