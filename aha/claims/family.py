"""What the generator is made of: surfaces that write a value, mistakes that change it, templates that stand around a claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, Literal, TypeVar

from aha.types import Reference

V = TypeVar("V")

CLAIM, OTHER, TALK, LINE = "§", "¶", "◊", "⏎"  # what a template has for the claim, another value's claim, some reasoning, a line's end
LONG_TALK = TALK * 3

Stands = Literal["sealed", "tex", "any", "text", "bare", "reply"]
"""Where a claim can stand. sealed: within the marks of mathematics only. tex: it is mathematics, with marks or without. any: the same in
mathematics and in a sentence. text: a phrase, in a box within \\text. bare: in a sentence only. reply: it is a whole reply already."""

PROSE = frozenset({"tex", "any", "text", "bare"})
MATHS = frozenset({"sealed", "tex", "any"})
PHRASES = frozenset({"text"})
SENTENCES = frozenset({"any", "text", "bare"})
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Surface(Generic[V]):
    """One way to write a value; `write` returns `None` for a value that cannot be written so. `exact`: two values never share it."""

    name: str
    stands: Stands
    write: Callable[[V, Random], str | None]
    exact: bool = True


@dataclass(frozen=True)
class Mistake(Generic[V]):
    """One way to get a value wrong; `None` where that changes nothing. `tiny`: too little for a surface that rounds to show it."""

    name: str
    change: Callable[[V, Random], V | None]
    tiny: bool = False


@dataclass(frozen=True)
class Template:
    """Text around a claim. `takes`: the claims it may surround; `needs` and `unless`: traits of the value and its family."""

    text: str
    takes: frozenset[str] = PROSE
    gives: Stands = "reply"
    needs: frozenset[str] = NOTHING
    unless: frozenset[str] = NOTHING

    def fits(self, traits: frozenset[str]) -> bool:
        return self.needs <= traits and not self.unless & traits

    def fill(self, claim: str, other: str = "", talk: str = "") -> str:
        return self.text.replace(TALK, talk).replace(OTHER, other).replace(CLAIM, claim)


@dataclass(frozen=True)
class Family(Generic[V]):
    """A kind of gold: values are drawn, written as a reference, and claimed rightly (`surfaces`) or wrongly (`mistakes`, written on the
    same surfaces and on `strays`, for values the family does not draw; `plain`: surfaces that templates of numbers may join to
    anything; `traps`, claims in which the right value stands and that are not it;
    `snares`, templates that turn a right claim into a wrong one). `replies` stand around either and change nothing."""

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
    traits: Callable[[V], frozenset[str]] = lambda value: NOTHING
    question: Callable[[V], str] = lambda value: ""


AnyFamily = Family[Any]


def templates(
    lines: str, takes: frozenset[str] = PROSE, gives: Stands = "reply", needs: Iterable[str] = (), unless: Iterable[str] = ()
) -> tuple[Template, ...]:
    """One template a line of the text."""
    rows = [line.replace(LINE, "\n") for line in lines.strip("\n").split("\n") if line]
    return tuple(Template(row, takes, gives, frozenset(needs), frozenset(unless)) for row in rows)


def surfaces_of(stands: Stands, **writes: Callable[[Any, Random], str | None]) -> Iterator[Surface[Any]]:
    """Surfaces by name, underscores read as blanks."""
    for name, write in writes.items():
        yield Surface(name.replace("_", " "), stands, write)
