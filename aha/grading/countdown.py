"""Exact grading of Countdown: an expression of a small grammar is evaluated in fractions; nothing is ever handed to an interpreter.

    sum = product (("+" | "-") product)*      product = atom (("*" | "/") atom)*      atom = digits | "(" sum ")"

There is no sign before a number, no decimal point and no power. One trailing `= N` is allowed if the expression equals N.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from aha.answers.claims import claim, own_part
from aha.answers.symbols import LONGEST, arithmetic
from aha.lazy import lazy_pattern
from aha.types import Countdown, Grade, Right, Wrong

MOST_TOKENS, DEEPEST, MOST_DIGITS = 64, 8, 12

_DISPLAY = lazy_pattern(r"\\[(\[](.*)\\[)\]]", re.S)
_TOKEN = lazy_pattern(r"[0-9]+(?:\.[0-9]+)?|\S")


@dataclass(frozen=True)
class _Read:
    """The result of reading an expression: its value, its integers from left to right, and the place of the next token."""

    value: Fraction
    numbers: tuple[int, ...]
    end: int


class _Grammar:
    """A parser of the longest expression from a place in the tokens, at most MOST_TOKENS long; `None` if there is none."""

    def __init__(self, tokens: Sequence[str], start: int = 0) -> None:
        self.tokens = tokens[start : start + MOST_TOKENS]

    def sum(self, at: int = 0, depth: int = 0) -> _Read | None:
        left = self._product(at, depth)
        while left and self._at(left.end) in ("+", "-"):
            right = self._product(left.end + 1, depth)
            if right is None:
                return left
            value = left.value + right.value if self._at(left.end) == "+" else left.value - right.value
            left = _Read(value, left.numbers + right.numbers, right.end)
        return left

    def _product(self, at: int, depth: int) -> _Read | None:
        left = self._atom(at, depth)
        while left and self._at(left.end) in ("*", "/"):
            right = self._atom(left.end + 1, depth)
            if right is None:
                return left
            value = left.value * right.value if self._at(left.end) == "*" else left.value / right.value
            left = _Read(value, left.numbers + right.numbers, right.end)
        return left

    def _atom(self, at: int, depth: int) -> _Read | None:
        token = self._at(at)
        if _is_whole(token):
            return _Read(Fraction(int(token)), (int(token),), at + 1)
        if token != "(" or depth == DEEPEST:
            return None
        inner = self.sum(at + 1, depth + 1)
        if inner is None or self._at(inner.end) != ")":
            return None
        return _Read(inner.value, inner.numbers, inner.end + 1)

    def _at(self, place: int) -> str:
        return self.tokens[place] if place < len(self.tokens) else ""


def _is_whole(token: str) -> bool:
    return token.isascii() and token.isdigit() and len(token) <= MOST_DIGITS


def grade_countdown(reference: Countdown, answer: str) -> Grade:
    """Return Right for an expression that uses each number exactly once and equals the target, in a box or as the whole answer."""
    answer = own_part(answer)
    box = claim(answer, "box")
    text = arithmetic(box.text if box.marked else answer).strip().rstrip(".。$").lstrip("$").strip()
    text = (whole[1] if (whole := _DISPLAY.fullmatch(text)) else text).strip()
    tokens = _TOKEN.findall(text)
    try:
        read = _Grammar(tokens).sum()
    except ZeroDivisionError:
        return Wrong("divides by zero")
    if read is None:
        return Wrong(f"{_quote(text)} is not an arithmetic expression")
    if (rest := tokens[read.end :]) and not _says(rest, read.value):
        return Wrong(f"{_quote(' '.join(rest))} after the expression: only `= {read.value}` may follow")
    if sorted(read.numbers) != sorted(reference.numbers):
        return Wrong(f"uses {sorted(read.numbers)}, not each of {sorted(reference.numbers)} once")
    return Right() if read.value == reference.target else Wrong(f"equals {read.value}, not {reference.target}")


def _says(tokens: Sequence[str], value: Fraction) -> bool:
    """Return True if the tokens are `= N` and N is the value."""
    return len(tokens) == 2 and tokens[0] == "=" and _is_whole(tokens[1]) and int(tokens[1]) == value


def _quote(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def last_expression(text: str) -> str | None:
    """Return the last arithmetic expression with an operator anywhere in the text, for the lenient measure, which asks for no format."""
    text, last, at = arithmetic(text[-LONGEST:]), None, 0
    matches = list(_TOKEN.finditer(text))
    tokens = [match.group() for match in matches]
    while at < len(tokens):
        if read := _expression_at(tokens, at):
            last = text[matches[at].start() : matches[at + read.end - 1].end()]
        at += read.end if read else 1
    return last


def _expression_at(tokens: Sequence[str], at: int) -> _Read | None:
    if tokens[at] != "(" and not _is_whole(tokens[at]):
        return None
    try:
        read = _Grammar(tokens, at).sum()
    except ZeroDivisionError:
        return None
    return read if read and len(read.numbers) > 1 else None
