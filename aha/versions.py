"""The versions of what decides what a row is worth: hashes of its code, so that nobody has to remember to count them up.

Blank lines and lines that are comments do not count. The processes and walls that grading runs in are left out: they decide when and where
an answer is judged, not how."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
LENGTH = 12


@cache
def grader_version() -> str:
    """Of everything that says whether an answer is right."""
    return _version("grading", "answers")


@cache
def template_version() -> str:
    """Of the grammar of a reply."""
    return _version("template")


def _version(*rooms: str) -> str:
    seen = hashlib.sha256()
    for room in rooms:
        for path in _files(room):
            lines = (line.rstrip() for line in path.read_text(encoding="utf-8").splitlines())
            code = [line for line in lines if line and not line.lstrip().startswith("#")]
            seen.update("\n".join([str(path.relative_to(PACKAGE)), *code, ""]).encode())
    return seen.hexdigest()[:LENGTH]


def _files(room: str) -> Iterator[Path]:
    alone = PACKAGE / f"{room}.py"
    if alone.is_file():
        yield alone
        return
    for path in sorted((PACKAGE / room).rglob("*")):
        if path.suffix in (".py", ".txt") and not {"pool", "sandbox"} & set(path.relative_to(PACKAGE).parts):
            yield path
