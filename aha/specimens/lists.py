"""Golds of several numbers: lists, ordered tuples, matrices and vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from random import Random

from aha.specimens.family import SINGLE, Family, Mistake, Stands, Surface
from aha.specimens.numbers import fill
from aha.specimens.snares import DENIALS, OTHER_LAST, RUNS_ON, SNARES, THOUGHTS
from aha.types import Latex

ALONE = (*DENIALS, *OTHER_LAST, *THOUGHTS, *RUNS_ON)  # the snares that stay wrong for golds of several values

Values = tuple[Fraction, ...]


def digits(value: Fraction, slash: bool = False) -> str:
    """Return a number in LaTeX, or with a slash for its fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return f"{value.numerator}/{value.denominator}" if slash else rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def a_number(rng: Random, share: float = 0.25) -> Fraction:
    """Draw an integer from -20 to 20, or with the probability `share` a fraction."""
    return Fraction(rng.randint(-9, 9), rng.randint(2, 5)) if rng.random() < share else Fraction(rng.randint(-20, 20))


def join(values: Iterable[Fraction], mark: str, slash: bool = False) -> str:
    """Return the numbers with the mark between them."""
    return mark.join(digits(value, slash) for value in values)


def change_item(values: Values, rng: Random) -> Values:
    """Replace one of the numbers by another."""
    i = rng.randrange(len(values))
    return (*values[:i], values[i] + rng.choice((1, -1, 2, 10)), *values[i + 1 :])


def flip_sign(values: Values, rng: Random) -> Values:
    """Flip the sign of one of the numbers."""
    i = rng.randrange(len(values))
    return (*values[:i], -values[i], *values[i + 1 :])


# --- several values ---------------------------------------------------------------------------------------------------


def a_set(rng: Random) -> Values:
    """Draw two to four different numbers."""
    numbers = dict[Fraction, None]()
    while len(numbers) < 2 or (len(numbers) < 4 and rng.random() < 0.3):
        numbers[a_number(rng)] = None
    return tuple(numbers)


def list_form(name: str, stands: Stands, text: str, mark: str = "", count: int | None = None, reverse: bool = False) -> Surface[Values]:
    """A surface of lists: <v> the values joined by the mark, <a> the first, <b> the rest joined by commas; `count`: only for so many
    values."""

    def write(values: Values, rng: Random) -> str | None:
        if not values or (count is not None and len(values) != count):
            return None
        row = values[::-1] if reverse else values
        return fill(
            text,
            v=join(row, mark or ", ", stands != "tex"),
            a=digits(row[0]),
            b=join(row[1:], ", "),
            l=join(row[:-1], ", "),
            z=digits(row[-1]),
        )

    return Surface(name, stands, write)


def _opposites(values: Values, rng: Random) -> str | None:
    return rf"\pm {digits(abs(values[0]))}" if len(values) == 2 and values[0] == -values[1] and values[0] else None


def boxes(mark: str, most: int = 9) -> Callable[[Values, Random], str | None]:
    """Return a writer of a box for each number, with the mark between them, for two to `most` numbers."""
    return lambda values, rng: mark.join(rf"$\boxed{{{digits(value)}}}$" for value in values) if 2 <= len(values) <= most else None


def _set_mistake(name: str, change: Callable[[Values, Random], Values | None]) -> Mistake[Values]:
    def apply(values: Values, rng: Random) -> Values | None:
        rival = change(values, rng)
        return None if rival is None or set(rival) == set(values) or len(set(rival)) != len(rival) else rival

    return Mistake(name, apply)


SET: Family[Values] = Family(
    "several values",
    lambda rng: (value := Fraction(rng.randint(2, 20)), -value) if rng.random() < 0.15 else a_set(rng),
    lambda values, rng: Latex(rng.choice((join(values, ", "), join(values, ","), rf"\{{{join(values, ', ')}\}}"))),
    (
        list_form("a list", "any", "<v>"),
        list_form("a list in LaTeX", "tex", "<v>"),
        list_form("a list in LaTeX, close", "tex", "<v>", ","),
        list_form("a list with gaps", "tex", "<v>", r",\, "),
        list_form("a list turned round", "any", "<v>", reverse=True),
        list_form("a set", "tex", r"\{<v>\}"),
        list_form("a set turned round", "tex", r"\{<v>\}", reverse=True),
        list_form("a large set", "tex", r"\left\{<v>\right\}"),
        list_form("and", "any", "<v>", " and ", 2),
        list_form("and in \\text", "tex", r"<v>", r" \text{ and } ", 2),
        list_form("or in \\text", "tex", r"<v>", r" \text{ or } ", 2),
        list_form("commas and an and", "any", "<l> and <z>", count=3),
        list_form("commas and a comma before and", "tex", r"<l>, \text{ and } <z>", count=3),
        list_form("a name before each", "tex", "x = <v>", ", x = "),
        list_form("a name before each and or", "tex", "x = <v>", r" \text{ or } x = "),
        list_form("a name before all", "tex", "x = <v>"),
        list_form("a member of", "tex", r"x \in \{<v>\}"),
        list_form("numbered names", "tex", "x_1 = <a>, x_2 = <b>", count=2),
        list_form("Chinese", "text", "<v>", "和", 2),
        list_form("Chinese commas", "text", "<v>", "、"),
        Surface("plus or minus", "tex", _opposites),
        Surface("plus or minus and a name", "tex", lambda values, rng: f"x = {text}" if (text := _opposites(values, rng)) else None),
        Surface("a box each, and", "reply", boxes(" and ", 2)),
        Surface("a box each, commas", "reply", boxes(", ")),
        Surface("a box each, or", "reply", boxes(" or ", 2)),
    ),
    (
        _set_mistake("one missing", lambda values, rng: tuple(values[:-1])),
        _set_mistake("the first missing", lambda values, rng: tuple(values[1:])),
        _set_mistake("one too many", lambda values, rng: (*values, a_number(rng))),
        _set_mistake("one off", change_item),
        _set_mistake("one sign", flip_sign),
        _set_mistake("all signs", lambda values, rng: tuple(-value for value in values)),
        _set_mistake("all one more", lambda values, rng: tuple(value + 1 for value in values)),
    ),
    traps=(
        list_form("the sum", "tex", "<v>", " + "),
        list_form("the product", "tex", "(<v>)", ")("),
        list_form("an interval", "tex", "[<v>]", count=2),
        list_form("a span", "any", "<v>", " to ", 2),
        list_form("between", "text", "between <v>", " and ", 2),
        list_form("a bound", "tex", "<a> < x < <b>", count=2),
        list_form("bounds", "tex", "x > <v>", r" \text{ or } x > ", 2),
        list_form("not", "tex", r"x \neq <v>"),
        list_form("all but", "tex", r"\mathbb{R} \setminus \{<v>\}"),
        list_form("a longer list", "tex", r"<v>, \ldots"),
        list_form("a set in a set", "tex", r"\{<a>, \{<b>\}\}"),
        list_form("one of them", "tex", "<a>"),
        list_form("another one", "tex", "<z>"),
        list_form("one twice", "tex", "<a>, <a>"),
        Surface("a third box", "reply", lambda values, rng: str(boxes(", ")((*values, Fraction(77)), rng))),
        Surface("the last one corrected", "reply", lambda values, rng: rf"$\boxed{{{digits(values[0])}}}$ and $\boxed{{77}}$"),
    ),
    snares=ALONE,
)


# --- pairs and longer tuples ------------------------------------------------------------------------------------------


def a_tuple(rng: Random) -> Values:
    """Draw two or three different numbers."""
    while True:
        numbers = tuple(a_number(rng, 0.2) for _ in range(rng.choice((2, 2, 2, 3))))
        if len(set(numbers)) == len(numbers):
            return numbers


def tuple_form(name: str, stands: Stands, text: str, count: int | None = None) -> Surface[Values]:
    """A surface of tuples: <v> all joined by commas, <a>, <b>, <c> one by one."""

    def write(values: Values, rng: Random) -> str | None:
        if len(values) < 2 or (count is not None and len(values) != count):
            return None
        parts = dict(zip("abc", (digits(value) for value in values), strict=False))
        with_slashes = join(values, ", ", True)
        return fill(
            text, v=join(values, ", "), w=join(values, ","), s=with_slashes, t=join(values[::-1], ", "), d=join(values, "; "), **parts
        )

    return Surface(name, stands, write)


def _tuple_mistake(name: str, change: Callable[[Values, Random], Values]) -> Mistake[Values]:
    def apply(values: Values, rng: Random) -> Values | None:
        rival = change(values, rng)
        return None if rival == values else rival

    return Mistake(name, apply)


TUPLE: Family[Values] = Family(
    "ordered tuple",
    a_tuple,
    lambda values, rng: Latex(rng.choice((f"({join(values, ',')})", rf"\left( {join(values, ', ')} \right)"))),
    (
        tuple_form("parentheses", "tex", "(<v>)"),
        tuple_form("parentheses, close", "tex", "(<w>)"),
        tuple_form("large parentheses", "tex", r"\left(<v>\right)"),
        tuple_form("parentheses and slashes", "any", "(<s>)"),
        tuple_form("names before", "tex", "(x, y) = (<v>)", 2),
        tuple_form("three names before", "tex", "(x,y,z) = (<v>)", 3),
        tuple_form("names one by one", "tex", "x = <a>, y = <b>", 2),
        tuple_form("names one by one and an and", "tex", r"x = <a> \text{ and } y = <b>", 2),
        tuple_form("three names one by one", "tex", "x=<a>, y=<b>, z=<c>", 3),
        tuple_form("a gap after the comma", "tex", r"(<a>,\ <b>)", 2),
        tuple_form("a point's name", "tex", "P = (<v>)"),
        tuple_form("parentheses of full width", "text", "（<s>）"),
    ),
    (
        _tuple_mistake("the other way round", lambda values, rng: values[::-1]),
        _tuple_mistake("one off", change_item),
        _tuple_mistake("one sign", flip_sign),
        _tuple_mistake("one missing", lambda values, rng: values[:-1] if len(values) > 2 else values),
        _tuple_mistake("one too many", lambda values, rng: (*values, a_number(rng)) if len(values) < 3 else values),
        _tuple_mistake("all signs", lambda values, rng: tuple(-value for value in values)),
        _tuple_mistake("the first two swapped", lambda values, rng: (values[1], values[0], *values[2:])),
    ),
    traps=(
        tuple_form("a set", "tex", r"\{<v>\}"),
        tuple_form("turned round without parentheses", "any", "<t>"),
        tuple_form("the first alone", "tex", "<a>"),
        tuple_form("names swapped", "tex", "y = <a>, x = <b>", 2),
        tuple_form("a sum", "tex", "<a> + (<b>)", 2),
        tuple_form("a distance", "tex", "|(<v>)|"),
        tuple_form("two of them", "tex", r"(<v>) \text{ or } (<t>)"),
        tuple_form("two of them in a list", "tex", "(<v>), (<t>)"),
        tuple_form("not it", "tex", r"(x,y) \neq (<v>)", 2),
        tuple_form("a multiple of it", "tex", "2(<v>)"),
        tuple_form("a sign before", "tex", "-(<v>)"),
        tuple_form("one more dot", "tex", r"(<v>, \ldots)"),
        tuple_form("a nested tuple", "tex", "((<v>), 1)"),
    ),
    snares=SNARES,
    traits=lambda values: SINGLE,
)

LISTS = (SET, TUPLE)


# --- matrices ---------------------------------------------------------------------------------------------------------

Rows = tuple[Values, ...]


def a_matrix(rng: Random) -> Rows:
    """Draw rows of different entries, in one of five shapes."""
    high, wide = rng.choice(((2, 2), (2, 2), (3, 1), (2, 1), (2, 3), (3, 3)))
    while True:
        rows = tuple(tuple(a_number(rng, 0.15) for _ in range(wide)) for _ in range(high))
        if len({value for row in rows for value in row}) == high * wide:
            return rows


def matrix(name: str, text: str, gap: str = " ", least: int = 1) -> Surface[Rows]:
    """A surface of matrices: <m> the entries of an environment, <c> its columns as array wants them, <f> the entries in a row, <s> their
    sum, <a> the first; only for `least` columns or more."""

    def write(rows: Rows, rng: Random) -> str | None:
        if len(rows[0]) < least:
            return None
        entries = rf"{gap}\\{gap}".join(f"{gap}&{gap}".join(digits(value) for value in row) for row in rows)
        flat = [value for row in rows for value in row]
        return fill(text, m=entries, c="c" * len(rows[0]), f=join(flat, ", "), s=join(flat, " + "), a=digits(flat[0]))

    return Surface(name, "tex", write)


def _turned_over(rows: list[list[Fraction]], rng: Random) -> list[list[Fraction]]:
    """Return the transpose, if there are two rows and two columns or more."""
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
