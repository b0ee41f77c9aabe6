"""Formulas as trees of numbers, symbols and calls. `parsing` builds them, `aha.grading.maths` compares them.

Structures are calls too: `list` and `or`, `and` (one claim beside another), `parts` (set apart by semicolons), `set`, the brackets `()`,
`[]`, `[)`, `(]` (tuple or interval), `matrix` of `row`s, relations (`=`, `<`, `le` ...), `unit`, `base`, `%`, `°`, `±`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from aha.lazy import lazy_pattern


class Unreadable(Exception):
    """Raised for a text that is not a formula, or one too long or too deeply nested to be an answer."""


class Exotic(Unreadable):
    """Raised for a text that may be a formula, but of a kind that only computer algebra reads: an integral, a sum over an index."""


@dataclass(frozen=True, slots=True)
class Num:
    """A number exactly as written; `places` is the number of digits after the point of a decimal."""

    value: Fraction
    places: int = 0


@dataclass(frozen=True, slots=True)
class Sym:
    """A variable, a constant (`pi`, `e`, `i`, `oo`) or a word (`text:Area`)."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operation applied to its arguments."""

    name: str
    args: tuple[Node, ...]


Node = Num | Sym | Call

RELATIONS = ("=", "<", ">", "le", "ge", "ne", "approx", "in", "notin", "equiv", "cong", "sim", "parallel", "perp", "mid", "to")
BRACKETS = ("()", "[]", "[)", "(]")
LISTS = ("list", "or", "and", "parts")


def is_call(node: Node, *names: str) -> bool:
    """Return True if the node is a call with one of these names."""
    return isinstance(node, Call) and node.name in names


def nodes(node: Node) -> Iterator[Node]:
    """Yield the node and every node below it that has a value; names of units and digits in another base are skipped."""
    queue = [node]
    while queue:
        now = queue.pop()
        yield now
        if isinstance(now, Call) and now.name != "base":
            queue.extend(now.args[:1] if now.name == "unit" else now.args)


def symbols(node: Node) -> set[str]:
    """Return the names of the variables in a formula, without the constants pi, e, i and oo."""
    return {item.name for item in nodes(node) if isinstance(item, Sym)} - {"pi", "e", "i", "oo"}


def bare(node: Node) -> Node:
    """Return the node without its unit of measure."""
    while isinstance(node, Call) and node.name == "unit":
        node = node.args[0]
    return node


def with_signs(node: Node) -> list[Node]:
    """Return the two nodes that a ± stands for, upper signs first, or only the node itself if it has no ±."""
    if not any(is_call(item, "±", "∓") for item in nodes(node)):
        return [node]
    return [_with_sign(node, "±"), _with_sign(node, "∓")]


def _with_sign(node: Node, upper: str) -> Node:
    if not isinstance(node, Call):
        return node
    args = tuple(_with_sign(item, upper) for item in node.args)
    if node.name in ("±", "∓"):
        return Call("+", args) if node.name == upper else Call("+", (*args[:-1], Call("neg", args[-1:])))
    return Call(node.name, args)


# --- the formulas of a sentence ---------------------------------------------------------------------------------------

SPAN = lazy_pattern(r"(?<!\\)\$\$[^$]{1,400}\$\$|(?<!\\)\$[^$\n]{1,400}(?<!\\)\$|\\\(.{1,400}?\\\)|\\\[.{1,400}?\\\]", re.S)
_DIGITS = lazy_pattern(r"[0-9\\½¼¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞√π∞]")
_TUPLE = lazy_pattern(
    r"(?<![0-9A-Za-z)*/^√π+−-])(?<![*/+−-] )(?:\([A-Za-zθφ], ?[A-Za-zθφ](?:, ?[A-Za-z])?\)\s*=\s*)?"
    r"\((?:[-−]?[0-9][0-9/.√π]*|[-−]?[0-9]*[√π][0-9π]*(?:/[0-9]+)?)"
    r"(?:, (?:[-−]?[0-9][0-9/.√π]*|[-−]?[0-9]*[√π][0-9π]*(?:/[0-9]+)?)){1,3}\)"
)
_ATOM = (
    r"(?:\\(?!text)[A-Za-z]+(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})*|\\[$%,!;]|[$€£¥¤]?[0-9][0-9.,]*[0-9]|[0-9.]|["
    r"(){}\[\]^_|!%°²³√π∞½¼¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞₀₁₂₃₄₅₆₇₈₉¢€£¥¤$])"
)
_OPERATOR = r"(?:[-+*/=<>≤≥≠≈±×·÷–−~:—]|\\?%)"
_PLAIN_RUN = lazy_pattern(
    rf"(?:(?<![A-Za-z])[A-Za-z](?:_\{{?\w+\}}?)?\s*=\s*)?(?:[-+−–±<>≤≥≠≈]\s?)*{_ATOM}(?:\s?{_OPERATOR}\s?|{_ATOM}|(?<=[0-9)}}])[A-Za-z](?![A-Za-z])|\s(?=[0-9]+\s*/))*"
)


@dataclass(frozen=True)
class Piece:
    """A formula or a run of figures in a sentence, with its place."""

    start: int
    end: int
    text: str


def pieces_of(sentence: str) -> list[Piece]:
    """Return the formulas of a sentence and the runs of figures and signs between its words, in order."""
    hit = [Piece(span.start(), span.end(), span.group()) for span in SPAN.finditer(sentence) if not _wordy(span.group())]
    for group in _TUPLE.finditer(sentence):
        if not any(group.start() < piece.end and piece.start < group.end() for piece in hit):
            hit.append(Piece(group.start(), group.end(), group.group()))
    for run in _PLAIN_RUN.finditer(sentence):
        if not any(run.start() < piece.end and piece.start < run.end() for piece in hit) and _DIGITS.search(run.group()):
            hit.append(Piece(run.start(), run.start() + len(run.group().rstrip(" ,.;:")), run.group().rstrip(" ,.;:")))
    return sorted(hit, key=lambda piece: piece.start)


def _wordy(span: str) -> bool:
    return re.search(r"(?:(?<![\\A-Za-z{])[A-Za-z]{2,}[ ,.]+){3}", span) is not None
