"""Versions of the code that decides a row's score: hashes of that code, so that nobody has to remember to raise a number.

The syntax tree without docstrings is hashed: comments, docstrings and layout do not count, and every Python version gives the same
hash. The processes and sandboxes of grading are left out: they decide when and where an answer is graded, not how."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
LENGTH = 12


@cache
def grader_version() -> str:
    """Return the version of the code that decides whether an answer is right."""
    return _version("grading", "answers")


@cache
def template_version() -> str:
    """Return the version of the code that reads a reply."""
    return _version("template")


def code_of(text: str) -> str:
    """Return the syntax tree of a module as text, without docstrings and positions: equal for equal code."""
    parts: list[str] = []
    _write(ast.parse(text), parts.append)
    return "".join(parts)


def _version(*rooms: str) -> str:
    digest = hashlib.sha256()
    for room in rooms:
        for path in _files(room):
            digest.update(f"{path.relative_to(PACKAGE)}\n{code_of(path.read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()[:LENGTH]


def _files(room: str) -> Iterator[Path]:
    module = PACKAGE / f"{room}.py"
    if module.is_file():
        yield module
        return
    for path in sorted((PACKAGE / room).rglob("*")):
        if path.suffix in (".py", ".txt") and not {"pool", "sandbox"} & set(path.relative_to(PACKAGE).parts):
            yield path


WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _write(value: object, out: Callable[[str], None]) -> None:
    """Write a node with its fields, without docstrings, and without absent and empty fields, which differ between versions of Python."""
    if isinstance(value, ast.AST):
        kind = type(value)
        out(f"{kind.__name__}(")
        separator = ""
        for name in kind._fields:
            field = getattr(value, name, None)
            if name == "body" and isinstance(value, WITH_DOCSTRING) and ast.get_docstring(value, clean=False) is not None:
                field = value.body[1:]
            if field or field not in (None, []) or (kind is ast.Constant and name == "value"):
                out(f"{separator}{name}=")
                _write(field, out)
                separator = ","
        out(")")
    elif isinstance(value, list):
        out("[")
        for number, item in enumerate(value):
            if number:
                out(",")
            _write(item, out)
        out("]")
    else:
        out(repr(value))
