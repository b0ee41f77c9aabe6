"""Programs that run inside the sandbox, as data: this package reads them and never runs them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def program(name: str, *, wire: bool = True) -> str:
    """The text of `name`.txt, by default after that of wire.txt: how values cross the wall."""
    return (_text("wire") if wire else "") + _text(name)


def _text(name: str) -> str:
    return (files(__name__) / f"{name}.txt").read_text(encoding="utf-8")
