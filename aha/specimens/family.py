"""The parts of the generator: surfaces that write a value, mistakes that change it, templates that stand around a claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, Literal, TypeVar

from aha.types import Reference

V = TypeVar("V")

CLAIM, RIVAL, TALK, LINE = "§", "¶", "◊", "⏎"  # in a template: the claim, another value's claim, some reasoning, a line's end
LONG_TALK = TALK * 3

Stands = Literal["sealed", "tex", "any", "text", "bare", "reply"]
"""Where a claim can stand. sealed: within the marks of mathematics only. tex: it is mathematics, with marks or without. any: the same in
mathematics and in a sentence. text: a phrase, in a box within \\text. bare: in a sentence only. reply: it is a whole reply already."""

PROSE = frozenset({"tex", "any", "text", "bare"})
MATHS = frozenset({"sealed", "tex", "any"})
PHRASES = frozenset({"text"})
ANYWHERE = frozenset({"any"})
NO_TRAITS: frozenset[str] = frozenset()
SINGLE = frozenset({"one"})  # the trait of a gold that is one value


@dataclass(frozen=True)
class Surface(Generic[V]):
    """A way to write a value; `write` returns `None` for a value that cannot be written so. `exact`: different values never look the
    same."""

    name: str
    stands: Stands
    write: Callable[[V, Random], str | None]
    exact: bool = True


@dataclass(frozen=True)
class Mistake(Generic[V]):
    """A way to get a value wrong; `change` returns `None` if nothing changes. `tiny`: too small to show on a surface that rounds."""

    name: str
    change: Callable[[V, Random], V | None]
    tiny: bool = False


@dataclass(frozen=True)
class Template:
    """A text around a claim. `takes`: the claims it may surround; `needs` and `unless`: traits of the value and its family."""

    text: str
    takes: frozenset[str] = PROSE
    gives: Stands = "reply"
    needs: frozenset[str] = NO_TRAITS
    unless: frozenset[str] = NO_TRAITS

    def fits(self, traits: frozenset[str]) -> bool:
        return self.needs <= traits and not self.unless & traits

    def fill(self, claim: str, rival: str = "", talk: str = "") -> str:
        return self.text.replace(TALK, talk).replace(RIVAL, rival).replace(CLAIM, claim)


@dataclass(frozen=True)
class Family(Generic[V]):
    """A kind of gold: its values, and how references, right claims and wrong claims of them are written.

    Right claims are written on `surfaces`. Wrong claims are other values by `mistakes`, on these surfaces and on `strays`, which take
    values that the family does not draw; `traps`, texts that hold the right value but claim something else; and right claims within
    `snares`. `replies` stand around either and change nothing (default: the common ones). `plain`: surfaces that may be joined to signs and
    words."""

    name: str
    draw: Callable[[Random], V]
    reference: Callable[[V, Random], Reference]
    surfaces: tuple[Surface[V], ...]
    mistakes: tuple[Mistake[V], ...]
    strays: tuple[Surface[V], ...] = ()
    traps: tuple[Surface[V], ...] = ()
    replies: tuple[Template, ...] = ()
    snares: tuple[Template, ...] = ()
    plain: tuple[Surface[V], ...] = ()
    traits: Callable[[V], frozenset[str]] = lambda value: NO_TRAITS
    question: Callable[[V], str] = lambda value: ""


AnyFamily = Family[Any]


def templates(
    lines: str, takes: frozenset[str] = PROSE, gives: Stands = "reply", needs: Iterable[str] = (), unless: Iterable[str] = ()
) -> tuple[Template, ...]:
    """Return one template per line of the text."""
    rows = [line.replace(LINE, "\n") for line in lines.strip("\n").split("\n") if line]
    return tuple(Template(row, takes, gives, frozenset(needs), frozenset(unless)) for row in rows)
