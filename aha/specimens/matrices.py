"""Golds that are matrices and vectors."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random

from aha.specimens.family import Family, Mistake, Surface
from aha.specimens.lists import Values, a_number, digits, join
from aha.specimens.numbers import fill
from aha.specimens.snares import SNARES
from aha.types import Latex

# --- matrices ---------------------------------------------------------------------------------------------------------

Rows = tuple[Values, ...]


def a_matrix(rng: Random) -> Rows:
    """Rows of different entries, of six shapes."""
    high, wide = rng.choice(((2, 2), (2, 2), (3, 1), (2, 1), (2, 3), (3, 3)))
    while True:
        rows = tuple(tuple(a_number(rng, 0.15) for _ in range(wide)) for _ in range(high))
        if len({value for row in rows for value in row}) == high * wide:
            return rows


def matrix(name: str, text: str, gap: str = " ", least: int = 1) -> Surface[Rows]:
    """<m> the entries of an environment, <c> its columns as array wants them, <f> the entries in a row, <s> their sum, <a> the first one;
    only of so many columns at least."""

    def write(rows: Rows, rng: Random) -> str | None:
        if len(rows[0]) < least:
            return None
        entries = rf"{gap}\\{gap}".join(f"{gap}&{gap}".join(digits(value) for value in row) for row in rows)
        flat = [value for row in rows for value in row]
        return fill(text, m=entries, c="c" * len(rows[0]), f=join(flat, ", "), s=join(flat, " + "), a=digits(flat[0]))

    return Surface(name, "tex", write)


def _turned_over(rows: list[list[Fraction]], rng: Random) -> list[list[Fraction]]:
    """Rows as columns, where neither is alone."""
    return [list(column) for column in zip(*rows, strict=True)] if len(rows) > 1 and len(rows[0]) > 1 else rows


def _matrix_mistake(name: str, change: Callable[[list[list[Fraction]], Random], list[list[Fraction]]]) -> Mistake[Rows]:
    def apply(rows: Rows, rng: Random) -> Rows | None:
        rival = tuple(tuple(row) for row in change([list(row) for row in rows], rng))
        return None if rival == rows or not rival or not rival[0] else rival

    return Mistake(name, apply)


def _entry(change: Callable[[Fraction, Random], Fraction]) -> Callable[[list[list[Fraction]], Random], list[list[Fraction]]]:
    def apply(rows: list[list[Fraction]], rng: Random) -> list[list[Fraction]]:
        i, j = rng.randrange(len(rows)), rng.randrange(len(rows[0]))
        rows[i][j] = change(rows[i][j], rng)
        return rows

    return apply


MATRIX: Family[Rows] = Family(
    "matrix",
    a_matrix,
    lambda rows, rng: Latex(matrix("", r"\begin{pmatrix}<m>\end{pmatrix}").write(rows, rng) or ""),
    (
        matrix("pmatrix", r"\begin{pmatrix}<m>\end{pmatrix}"),
        matrix("pmatrix, close", r"\begin{pmatrix}<m>\end{pmatrix}", ""),
        matrix("bmatrix", r"\begin{bmatrix} <m> \end{bmatrix}"),
        matrix("matrix in parentheses", r"\left(\begin{matrix} <m> \end{matrix}\right)"),
        matrix("matrix in brackets", r"\left[\begin{matrix} <m> \end{matrix}\right]"),
        matrix("an array", r"\left(\begin{array}{<c>} <m> \end{array}\right)"),
        matrix("an array in brackets", r"\left[\begin{array}{<c>} <m> \end{array}\right]"),
        matrix("a name", r"A = \begin{pmatrix} <m> \end{pmatrix}"),
        matrix("a bold name", r"\mathbf{A} = \begin{pmatrix} <m> \end{pmatrix}"),
        matrix("lines", "\\begin{pmatrix}\n<m>\n\\end{pmatrix}", " "),
    ),
    (
        _matrix_mistake("one entry off", _entry(lambda value, rng: value + rng.choice((1, -1, 10)))),
        _matrix_mistake("one sign", _entry(lambda value, rng: -value)),
        _matrix_mistake("turned over", _turned_over),
        _matrix_mistake("rows swapped", lambda rows, rng: rows[::-1]),
        _matrix_mistake("a row missing", lambda rows, rng: rows[:-1]),
        _matrix_mistake("a row too many", lambda rows, rng: [*rows, rows[0]]),
        _matrix_mistake("all signs", lambda rows, rng: [[-value for value in row] for row in rows]),
        _matrix_mistake("columns swapped", lambda rows, rng: [row[::-1] for row in rows]),
    ),
    traps=(
        matrix("a determinant", r"\begin{vmatrix} <m> \end{vmatrix}"),
        matrix("det", r"\det\begin{pmatrix} <m> \end{pmatrix}"),
        matrix("the entries", "<f>", least=2),
        matrix("the entries in a tuple", "(<f>, 0)"),
        matrix("their sum", "<s>"),
        matrix("one entry", "<a>"),
        matrix("a multiple", r"2\begin{pmatrix} <m> \end{pmatrix}"),
        matrix("a minus", r"-\begin{pmatrix} <m> \end{pmatrix}"),
        matrix("one added", r"\begin{pmatrix} <m> \end{pmatrix} + 1"),
        matrix("two of them", r"\begin{pmatrix} <m> \end{pmatrix}, \begin{pmatrix} <a> \end{pmatrix}"),
        matrix("not it", r"A \neq \begin{pmatrix} <m> \end{pmatrix}"),
        matrix("dots in it", r"\begin{pmatrix} <m> \\ \vdots \end{pmatrix}"),
    ),
    snares=SNARES,
    traits=lambda rows: frozenset({"one", "grid"}),
)
