"""The families whose gold has parts: several values, pairs, intervals, bounds, unions, matrices, values by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

from aha.claims.family import Family, Mistake, Stands, Surface
from aha.claims.numbers import filled
from aha.claims.snares import DENIALS, OTHER_LAST, RUNS_ON, SNARES, THOUGHTS
from aha.types import Latex

ONE = frozenset({"one"})
ALONE = (*DENIALS, *OTHER_LAST, *THOUGHTS, *RUNS_ON)  # the snares that no list and no "or" between two claims makes true

Values = tuple[Fraction, ...]


def digits(value: Fraction, slash: bool = False) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return f"{value.numerator}/{value.denominator}" if slash else rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def a_number(rng: Random, share: float = 0.25) -> Fraction:
    return Fraction(rng.randint(-9, 9), rng.randint(2, 5)) if rng.random() < share else Fraction(rng.randint(-20, 20))


def joined(values: Iterable[Fraction], mark: str, slash: bool = False) -> str:
    return mark.join(digits(value, slash) for value in values)


def changed_one(values: Values, rng: Random) -> Values:
    i = rng.randrange(len(values))
    return (*values[:i], values[i] + rng.choice((1, -1, 2, 10)), *values[i + 1 :])


def sign_of_one(values: Values, rng: Random) -> Values:
    i = rng.randrange(len(values))
    return (*values[:i], -values[i], *values[i + 1 :])


# --- several values ---------------------------------------------------------------------------------------------------


def a_set(rng: Random) -> Values:
    found = dict[Fraction, None]()
    while len(found) < 2 or (len(found) < 4 and rng.random() < 0.3):
        found[a_number(rng)] = None
    return tuple(found)


def several(name: str, stands: Stands, text: str, mark: str = "", count: int | None = None, turned: bool = False) -> Surface[Values]:
    """<v> the values joined by the mark, <a> the first, <b> the rest joined by commas; `count`: only of so many values."""

    def write(values: Values, rng: Random) -> str | None:
        if not values or (count is not None and len(values) != count):
            return None
        row = values[::-1] if turned else values
        return filled(
            text,
            v=joined(row, mark or ", ", stands != "tex"),
            a=digits(row[0]),
            b=joined(row[1:], ", "),
            l=joined(row[:-1], ", "),
            z=digits(row[-1]),
        )

    return Surface(name, stands, write)


def _opposites(values: Values, rng: Random) -> str | None:
    return rf"\pm {digits(abs(values[0]))}" if len(values) == 2 and values[0] == -values[1] and values[0] else None


def each_boxed(mark: str, most: int = 9) -> Callable[[Values, Random], str | None]:
    return lambda values, rng: mark.join(rf"$\boxed{{{digits(value)}}}$" for value in values) if 2 <= len(values) <= most else None


def _set_mistake(name: str, change: Callable[[Values, Random], Values | None]) -> Mistake[Values]:
    def changed(values: Values, rng: Random) -> Values | None:
        other = change(values, rng)
        return None if other is None or set(other) == set(values) or len(set(other)) != len(other) else other

    return Mistake(name, changed)


SET: Family[Values] = Family(
    "several values",
    lambda rng: (value := Fraction(rng.randint(2, 20)), -value) if rng.random() < 0.15 else a_set(rng),
    lambda values, rng: Latex(rng.choice((joined(values, ", "), joined(values, ","), rf"\{{{joined(values, ', ')}\}}"))),
    (
        several("a list", "any", "<v>"),
        several("a list in LaTeX", "tex", "<v>"),
        several("a list in LaTeX, close", "tex", "<v>", ","),
        several("a list with gaps", "tex", "<v>", r",\, "),
        several("a list turned round", "any", "<v>", turned=True),
        several("a set", "tex", r"\{<v>\}"),
        several("a set turned round", "tex", r"\{<v>\}", turned=True),
        several("a large set", "tex", r"\left\{<v>\right\}"),
        several("and", "any", "<v>", " and ", 2),
        several("and in \\text", "tex", r"<v>", r" \text{ and } ", 2),
        several("or in \\text", "tex", r"<v>", r" \text{ or } ", 2),
        several("commas and an and", "any", "<l> and <z>", count=3),
        several("commas and a comma before and", "tex", r"<l>, \text{ and } <z>", count=3),
        several("a name before each", "tex", "x = <v>", ", x = "),
        several("a name before each and or", "tex", "x = <v>", r" \text{ or } x = "),
        several("a name before all", "tex", "x = <v>"),
        several("a member of", "tex", r"x \in \{<v>\}"),
        several("numbered names", "tex", "x_1 = <a>, x_2 = <b>", count=2),
        several("Chinese", "text", "<v>", "和", 2),
        several("Chinese commas", "text", "<v>", "、"),
        Surface("plus or minus", "tex", _opposites),
        Surface("plus or minus and a name", "tex", lambda values, rng: f"x = {text}" if (text := _opposites(values, rng)) else None),
        Surface("a box each, and", "reply", each_boxed(" and ", 2)),
        Surface("a box each, commas", "reply", each_boxed(", ")),
        Surface("a box each, or", "reply", each_boxed(" or ", 2)),
    ),
    (
        _set_mistake("one missing", lambda values, rng: tuple(values[:-1])),
        _set_mistake("the first missing", lambda values, rng: tuple(values[1:])),
        _set_mistake("one too many", lambda values, rng: (*values, a_number(rng))),
        _set_mistake("one off", changed_one),
        _set_mistake("one sign", sign_of_one),
        _set_mistake("all signs", lambda values, rng: tuple(-value for value in values)),
        _set_mistake("all one more", lambda values, rng: tuple(value + 1 for value in values)),
    ),
    traps=(
        several("the sum", "tex", "<v>", " + "),
        several("the product", "tex", "(<v>)", ")("),
        several("an interval", "tex", "[<v>]", count=2),
        several("a span", "any", "<v>", " to ", 2),
        several("between", "text", "between <v>", " and ", 2),
        several("a bound", "tex", "<a> < x < <b>", count=2),
        several("bounds", "tex", "x > <v>", r" \text{ or } x > ", 2),
        several("not", "tex", r"x \neq <v>"),
        several("all but", "tex", r"\mathbb{R} \setminus \{<v>\}"),
        several("a longer list", "tex", r"<v>, \ldots"),
        several("a set in a set", "tex", r"\{<a>, \{<b>\}\}"),
        several("one of them", "tex", "<a>"),
        several("another one", "tex", "<z>"),
        several("one twice", "tex", "<a>, <a>"),
        Surface("a third box", "reply", lambda values, rng: str(each_boxed(", ")((*values, Fraction(77)), rng))),
        Surface("the last one corrected", "reply", lambda values, rng: rf"$\boxed{{{digits(values[0])}}}$ and $\boxed{{77}}$"),
    ),
    snares=ALONE,
)


# --- pairs and longer tuples ------------------------------------------------------------------------------------------


def a_tuple(rng: Random) -> Values:
    while True:
        found = tuple(a_number(rng, 0.2) for _ in range(rng.choice((2, 2, 2, 3))))
        if len(set(found)) == len(found):
            return found


def tupled(name: str, stands: Stands, text: str, count: int | None = None) -> Surface[Values]:
    """<v> all joined by commas, <a>, <b>, <c> one by one."""

    def write(values: Values, rng: Random) -> str | None:
        if len(values) < 2 or (count is not None and len(values) != count):
            return None
        ones = dict(zip("abc", (digits(value) for value in values), strict=False))
        slashed = joined(values, ", ", True)
        return filled(
            text, v=joined(values, ", "), w=joined(values, ","), s=slashed, t=joined(values[::-1], ", "), d=joined(values, "; "), **ones
        )

    return Surface(name, stands, write)


def _tuple_mistake(name: str, change: Callable[[Values, Random], Values]) -> Mistake[Values]:
    def changed(values: Values, rng: Random) -> Values | None:
        other = change(values, rng)
        return None if other == values else other

    return Mistake(name, changed)


TUPLE: Family[Values] = Family(
    "ordered tuple",
    a_tuple,
    lambda values, rng: Latex(rng.choice((f"({joined(values, ',')})", rf"\left( {joined(values, ', ')} \right)"))),
    (
        tupled("parentheses", "tex", "(<v>)"),
        tupled("parentheses, close", "tex", "(<w>)"),
        tupled("large parentheses", "tex", r"\left(<v>\right)"),
        tupled("parentheses and slashes", "any", "(<s>)"),
        tupled("names before", "tex", "(x, y) = (<v>)", 2),
        tupled("three names before", "tex", "(x,y,z) = (<v>)", 3),
        tupled("names one by one", "tex", "x = <a>, y = <b>", 2),
        tupled("names one by one and an and", "tex", r"x = <a> \text{ and } y = <b>", 2),
        tupled("three names one by one", "tex", "x=<a>, y=<b>, z=<c>", 3),
        tupled("a gap after the comma", "tex", r"(<a>,\ <b>)", 2),
        tupled("a point's name", "tex", "P = (<v>)"),
        tupled("parentheses of full width", "text", "（<s>）"),
    ),
    (
        _tuple_mistake("the other way round", lambda values, rng: values[::-1]),
        _tuple_mistake("one off", changed_one),
        _tuple_mistake("one sign", sign_of_one),
        _tuple_mistake("one missing", lambda values, rng: values[:-1] if len(values) > 2 else values),
        _tuple_mistake("one too many", lambda values, rng: (*values, a_number(rng)) if len(values) < 3 else values),
        _tuple_mistake("all signs", lambda values, rng: tuple(-value for value in values)),
        _tuple_mistake("the first two swapped", lambda values, rng: (values[1], values[0], *values[2:])),
    ),
    traps=(
        tupled("a set", "tex", r"\{<v>\}"),
        tupled("turned round without parentheses", "any", "<t>"),
        tupled("the first alone", "tex", "<a>"),
        tupled("names swapped", "tex", "y = <a>, x = <b>", 2),
        tupled("a sum", "tex", "<a> + (<b>)", 2),
        tupled("a distance", "tex", "|(<v>)|"),
        tupled("two of them", "tex", r"(<v>) \text{ or } (<t>)"),
        tupled("two of them in a list", "tex", "(<v>), (<t>)"),
        tupled("not it", "tex", r"(x,y) \neq (<v>)", 2),
        tupled("a multiple of it", "tex", "2(<v>)"),
        tupled("a sign before", "tex", "-(<v>)"),
        tupled("one more dot", "tex", r"(<v>, \ldots)"),
        tupled("a nested tuple", "tex", "((<v>), 1)"),
    ),
    snares=SNARES,
    traits=lambda values: ONE,
)


# --- intervals and bounds ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stretch:
    """From `low` to `high`, `None` where there is no end; whether each end belongs to it."""

    low: Fraction | None
    high: Fraction | None
    has_low: bool
    has_high: bool


def a_bounded(rng: Random) -> Stretch:
    low = a_number(rng, 0.2)
    return Stretch(low, low + rng.randint(1, 12), rng.random() < 0.5, rng.random() < 0.5)


def a_ray(rng: Random) -> Stretch:
    end, closed = a_number(rng, 0.2), rng.random() < 0.5
    return Stretch(end, None, closed, False) if rng.random() < 0.5 else Stretch(None, end, False, closed)


def _brackets(value: Stretch) -> dict[str, object]:
    plain = value.low is None or value.low.denominator == 1
    return {
        "l": "[" if value.has_low else "(",
        "r": "]" if value.has_high else ")",
        "a": r"-\infty" if value.low is None else digits(value.low),
        "b": r"\infty" if value.high is None else digits(value.high),
        "sa": "-∞" if value.low is None else digits(value.low, True),
        "sb": "∞" if value.high is None else digits(value.high, True),
        "pb": r"+\infty" if value.high is None else digits(value.high),
        "da": digits(value.low) + (".0" if plain else "") if value.low is not None else "",
        "le": r"\le" if value.has_low else "<",
        "re": r"\le" if value.has_high else "<",
        "leq": r"\leq" if value.has_low else "<",
        "req": r"\leq" if value.has_high else "<",
        "ge": r"\ge" if value.has_low else ">",
        "slant": r"\leqslant" if value.has_low else "<",
        "rslant": r"\leqslant" if value.has_high else "<",
        "sle": "≤" if value.has_low else "<",
        "sre": "≤" if value.has_high else "<",
        "sge": "≥" if value.has_low else ">",
        "rge": r"\ge" if value.has_high else ">",
        "far": "-1000" if value.high is None else "1000",
    }


def stretch(name: str, stands: Stands, text: str, ends: str = "any") -> Surface[Stretch]:
    """<l> and <r> brackets, <a> and <b> ends, <le> and <re> signs; `ends`: any, both, low or high, the ends that it must have."""

    def write(value: Stretch, rng: Random) -> str | None:
        has = "both" if value.low is not None and value.high is not None else "low" if value.low is not None else "high"
        return None if ends not in ("any", has) else filled(text, **_brackets(value))

    return Surface(name, stands, write)


STRETCH_SURFACES: tuple[Surface[Stretch], ...] = (
    stretch("brackets", "tex", "<l><a>, <b><r>"),
    stretch("brackets, close", "tex", "<l><a>,<b><r>"),
    stretch("large brackets", "tex", r"\left<l><a>, <b>\right<r>"),
    stretch("plain brackets", "any", "<l><sa>, <sb><r>"),
    stretch("a plus before infinity", "tex", "<l><a>, <pb><r>", "low"),
    stretch("a member of", "tex", r"x \in <l><a>, <b><r>"),
    stretch("a chain", "tex", "<a> <le> x <re> <b>", "both"),
    stretch("a chain of \\leq", "tex", "<a> <leq> x <req> <b>", "both"),
    stretch("a chain of \\leqslant", "tex", "<a> <slant> x <rslant> <b>", "both"),
    stretch("a chain of signs", "any", "<sa> <sle> x <sre> <sb>", "both"),
    stretch("a set", "tex", r"\{x \mid <a> <le> x <re> <b>\}", "both"),
    stretch("a set with a colon", "tex", r"\{x : <a> <le> x <re> <b>\}", "both"),
    stretch("a lower bound", "tex", "x <ge> <a>", "low"),
    stretch("a lower bound the other way round", "tex", "<a> <le> x", "low"),
    stretch("a lower bound by a sign", "any", "x <sge> <sa>", "low"),
    stretch("an upper bound", "tex", "x <re> <b>", "high"),
    stretch("an upper bound the other way round", "tex", "<b> <rge> x", "high"),
    stretch("an upper bound by a sign", "any", "x <sre> <sb>", "high"),
)


def _stretch_mistake(name: str, change: Callable[[Stretch, Random], Stretch]) -> Mistake[Stretch]:
    def changed(value: Stretch, rng: Random) -> Stretch | None:
        other = change(value, rng)
        empty = other.low is not None and other.high is not None and other.low >= other.high
        nowhere = (other.low is None and other.has_low) or (other.high is None and other.has_high)
        everything = other.low is None and other.high is None
        return None if other == value or empty or nowhere or everything else other

    return Mistake(name, changed)


def _moved(value: Fraction | None, step: int) -> Fraction | None:
    return None if value is None else value + step


STRETCH_MISTAKES: tuple[Mistake[Stretch], ...] = (
    _stretch_mistake("the other lower bracket", lambda value, rng: replace(value, has_low=not value.has_low)),
    _stretch_mistake("the other upper bracket", lambda value, rng: replace(value, has_high=not value.has_high)),
    _stretch_mistake("both brackets", lambda value, rng: replace(value, has_low=not value.has_low, has_high=not value.has_high)),
    _stretch_mistake("the lower end off", lambda value, rng: replace(value, low=_moved(value.low, rng.choice((1, -1, -10))))),
    _stretch_mistake("the upper end off", lambda value, rng: replace(value, high=_moved(value.high, rng.choice((1, -1, 10))))),
    _stretch_mistake(
        "all signs",
        lambda value, rng: Stretch(
            None if value.high is None else -value.high, None if value.low is None else -value.low, value.has_high, value.has_low
        ),
    ),
    _stretch_mistake("the other ray", lambda value, rng: Stretch(value.high, value.low, value.has_high, value.has_low)),
    _stretch_mistake("no upper end", lambda value, rng: replace(value, high=None, has_high=False)),
    _stretch_mistake("no lower end", lambda value, rng: replace(value, low=None, has_low=False)),
)


def _ends(value: Stretch, rng: Random) -> str | None:
    """Both ends, of what cannot be read as a pair."""
    if value.low is None or value.high is None or not (value.has_low or value.has_high):
        return None
    return f"{digits(value.low)}, {digits(value.high)}"


STRETCH_TRAPS: tuple[Surface[Stretch], ...] = (
    stretch("a set of its ends", "tex", r"\{<a>, <b>\}"),
    Surface("its ends", "tex", _ends),
    stretch("the lower end", "tex", "<a>", "low"),
    stretch("the lower end of two", "tex", "<a>", "both"),
    stretch("the upper end", "tex", "<b>", "high"),
    stretch("an equation", "tex", "x = <a>", "low"),
    stretch("not the end", "tex", r"x \neq <a>", "low"),
    stretch("the complement", "tex", r"\mathbb{R} \setminus <l><a>, <b><r>"),
    stretch("not a member", "tex", r"x \notin <l><a>, <b><r>"),
    stretch("the whole numbers in it", "tex", r"<l><a>, <b><r> \cap \mathbb{Z}"),
    stretch("another stretch too", "tex", r"<l><a>, <b><r> \cup [<far>, <far>.5]"),
    stretch("a cut", "tex", r"<l><a>, <b><r> \cap (-1000, -999)"),
    stretch("the ends swapped", "tex", "<l><b>, <a><r>", "both"),
    stretch("a chain of a shifted letter", "tex", "<a> <le> x + 100 <re> <b>", "both"),
    stretch("twice the letter", "tex", "<a> <le> 2x + 7 <re> <b>", "both"),
    stretch("three ends", "tex", "<l><a>, <b>, 1000<r>"),
    stretch("a length", "tex", "|<l><a>, <b><r>|"),
    stretch("words for it", "text", "all numbers but those from <sa> to <sb>", "both"),
)

INTERVAL: Family[Stretch] = Family(
    "interval",
    lambda rng: a_bounded(rng) if rng.random() < 0.7 else a_ray(rng),
    lambda value, rng: Latex(filled(rng.choice(("<l><a>,<b><r>", r"\left<l><a>, <b>\right<r>")), **_brackets(value))),
    STRETCH_SURFACES,
    STRETCH_MISTAKES,
    traps=STRETCH_TRAPS,
    snares=ALONE,
)


def _bound_gold(value: Stretch) -> str:
    text = (
        "<a> <le> x <re> <b>"
        if value.low is not None and value.high is not None
        else "x <ge> <a>"
        if value.low is not None
        else "x <re> <b>"
    )
    return filled(text, **_brackets(value))


BOUND: Family[Stretch] = Family(
    "inequality",
    lambda rng: a_bounded(rng) if rng.random() < 0.4 else a_ray(rng),
    lambda value, rng: Latex(_bound_gold(value)),
    STRETCH_SURFACES,
    STRETCH_MISTAKES,
    traps=(
        *STRETCH_TRAPS,
        stretch("another letter", "tex", "y <ge> <a>", "low"),
        stretch("another letter's upper bound", "tex", "t <re> <b>", "high"),
    ),
    snares=ALONE,
)


# --- two stretches ----------------------------------------------------------------------------------------------------

Gap = tuple[Fraction, Fraction, bool, bool]  # all numbers up to the first and from the second on, and whether these belong to them


def a_gap(rng: Random) -> Gap:
    low = a_number(rng, 0.2)
    return low, low + rng.randint(1, 12), rng.random() < 0.5, rng.random() < 0.5


def gap(name: str, stands: Stands, text: str) -> Surface[Gap]:
    def write(value: Gap, rng: Random) -> str | None:
        low, high, has_low, has_high = value
        return filled(
            text,
            a=digits(low),
            b=digits(high),
            r="]" if has_low else ")",
            l="[" if has_high else "(",
            le=r"\le" if has_low else "<",
            ge=r"\ge" if has_high else ">",
            il="(" if has_low else "[",
            ir=")" if has_high else "]",
        )

    return Surface(name, stands, write)


def _gap_mistake(name: str, change: Callable[[Fraction, Fraction, bool, bool, Random], Gap]) -> Mistake[Gap]:
    def changed(value: Gap, rng: Random) -> Gap | None:
        other = change(*value, rng)
        return None if other == value or other[0] >= other[1] else other

    return Mistake(name, changed)


UNION: Family[Gap] = Family(
    "union",
    a_gap,
    lambda value, rng: Latex(str(gap("", "tex", r"(-\infty,<a><r>\cup<l><b>,\infty)").write(value, rng))),
    (
        gap("a union", "tex", r"(-\infty, <a><r> \cup <l><b>, \infty)"),
        gap("a union turned round", "tex", r"<l><b>, \infty) \cup (-\infty, <a><r>"),
        gap("large brackets", "tex", r"\left(-\infty, <a>\right<r> \cup \left<l><b>, \infty\right)"),
        gap("a plus before infinity", "tex", r"(-\infty, <a><r> \cup <l><b>, +\infty)"),
        gap("bounds", "tex", r"x <le> <a> \text{ or } x <ge> <b>"),
        gap("a member of", "tex", r"x \in (-\infty, <a><r> \cup <l><b>, \infty)"),
        gap("all numbers but", "tex", r"\mathbb{R} \setminus <il><a>, <b><ir>"),
    ),
    (
        _gap_mistake("the lower bracket", lambda a, b, c, d, rng: (a, b, not c, d)),
        _gap_mistake("the upper bracket", lambda a, b, c, d, rng: (a, b, c, not d)),
        _gap_mistake("both brackets", lambda a, b, c, d, rng: (a, b, not c, not d)),
        _gap_mistake("the lower end off", lambda a, b, c, d, rng: (a - rng.randint(1, 9), b, c, d)),
        _gap_mistake("the upper end off", lambda a, b, c, d, rng: (a, b + rng.randint(1, 9), c, d)),
        _gap_mistake("all signs", lambda a, b, c, d, rng: (-b, -a, d, c)),
        _gap_mistake("both off", lambda a, b, c, d, rng: (a + 1, b + 1, c, d)),
    ),
    traps=(
        gap("the first alone", "tex", r"(-\infty, <a><r>"),
        gap("the second alone", "tex", r"<l><b>, \infty)"),
        gap("a cut", "tex", r"(-\infty, <a><r> \cap <l><b>, \infty)"),
        gap("the gap", "tex", "<il><a>, <b><ir>"),
        gap("all numbers", "tex", r"(-\infty, \infty)"),
        gap("and", "tex", r"x <le> <a> \text{ and } x <ge> <b>"),
        gap("one end", "tex", "<a>"),
        gap("both ends", "tex", "<a>, <b>"),
        gap("the ends swapped", "tex", r"(-\infty, <b><r> \cup <l><a>, \infty)"),
        gap("a chain", "tex", "<a> <le> x <le> <b>"),
        gap("no infinity", "tex", r"(-1000, <a><r> \cup <l><b>, 1000)"),
        gap("not equal", "tex", r"x \neq <a>"),
        gap("the set of both ends", "tex", r"\{<a>, <b>\}"),
    ),
    snares=ALONE,
)


# --- matrices ---------------------------------------------------------------------------------------------------------

Rows = tuple[Values, ...]


def a_matrix(rng: Random) -> Rows:
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
        return filled(text, m=entries, c="c" * len(rows[0]), f=joined(flat, ", "), s=joined(flat, " + "), a=digits(flat[0]))

    return Surface(name, "tex", write)


def _turned_over(rows: list[list[Fraction]], rng: Random) -> list[list[Fraction]]:
    """Rows as columns, where neither is alone."""
    return [list(column) for column in zip(*rows, strict=True)] if len(rows) > 1 and len(rows[0]) > 1 else rows


def _matrix_mistake(name: str, change: Callable[[list[list[Fraction]], Random], list[list[Fraction]]]) -> Mistake[Rows]:
    def changed(rows: Rows, rng: Random) -> Rows | None:
        other = tuple(tuple(row) for row in change([list(row) for row in rows], rng))
        return None if other == rows or not other or not other[0] else other

    return Mistake(name, changed)


def _entry(change: Callable[[Fraction, Random], Fraction]) -> Callable[[list[list[Fraction]], Random], list[list[Fraction]]]:
    def changed(rows: list[list[Fraction]], rng: Random) -> list[list[Fraction]]:
        i, j = rng.randrange(len(rows)), rng.randrange(len(rows[0]))
        rows[i][j] = change(rows[i][j], rng)
        return rows

    return changed


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


# --- values by name ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Solution:
    """One name's value."""

    name: str
    value: Fraction


def a_solution(rng: Random) -> Solution:
    while True:
        value = a_number(rng)
        if value not in (0, 1, -1, 2):
            return Solution(rng.choice("xyntk"), value)


def solved(name: str, stands: Stands, text: str, whole: bool = False) -> Surface[Solution]:
    """<x> the name, <v> the value, <o> another name, <k> times it over k."""

    def write(value: Solution, rng: Random) -> str | None:
        if whole and value.value.denominator > 1:
            return None
        other = rng.choice([letter for letter in "xyntk" if letter != value.name])
        k = rng.randint(2, 9)
        return filled(
            text,
            x=value.name,
            v=digits(value.value),
            s=digits(value.value, True),
            o=other,
            k=k,
            p=digits(value.value * k),
            n=digits(value.value + 1),
        )

    return Surface(name, stands, write)


SOLUTION: Family[Solution] = Family(
    "named solution",
    a_solution,
    lambda value, rng: Latex(f"{value.name}={digits(value.value)}" if rng.random() < 0.5 else f"{value.name} = {digits(value.value)}"),
    (
        solved("an equation", "tex", "<x> = <v>"),
        solved("an equation, close", "tex", "<x>=<v>"),
        solved("an equation with a slash", "any", "<x> = <s>"),
        solved("turned round", "tex", "<v> = <x>"),
        solved("the value alone", "tex", "<v>"),
        solved("a calculation", "tex", r"<x> = \frac{<p>}{<k>}", whole=True),
        solved("one decimal place", "any", "<x> = <s>.0", whole=True),
        solved("a unit", "tex", r"<x> = <v> \text{ cm}"),
        solved("\\boxed inside", "reply", r"$<x> = \boxed{<v>}$"),
    ),
    (
        Mistake("one more", lambda value, rng: Solution(value.name, value.value + 1)),
        Mistake("one less", lambda value, rng: Solution(value.name, value.value - 1)),
        Mistake("the other sign", lambda value, rng: Solution(value.name, -value.value)),
        Mistake("the reciprocal", lambda value, rng: Solution(value.name, 1 / value.value)),
        Mistake("three times", lambda value, rng: Solution(value.name, 3 * value.value)),
        Mistake("some more", lambda value, rng: Solution(value.name, value.value + rng.randint(2, 40))),
    ),
    traps=(
        solved("another name", "tex", "<o> = <v>"),
        solved("two values", "tex", r"<x> = <v> \text{ or } <x> = <n>"),
        solved("two values in a list", "tex", "<x> = <v>, <x> = <n>"),
        solved("a second name", "tex", "<x> = <v>, <o> = <n>"),
        solved("not equal", "tex", r"<x> \neq <v>"),
        solved("more", "tex", "<x> > <v>"),
        solved("at least", "tex", r"<x> \ge <v>"),
        solved("the name alone", "tex", "<x>"),
        solved("its square", "tex", "<x>^2 = <v>"),
        solved("a multiple", "tex", "3<x> = <v>"),
        solved("a minus", "tex", "-<x> = <v>"),
        solved("a sum", "tex", "<x> + 1 = <v>"),
        solved("a false chain", "tex", "<x> = <v> = <n>"),
        solved("about", "tex", r"<x> \to <v>"),
        solved("both signs", "tex", r"<x> = \pm(<v>)"),
        solved("modulo", "tex", r"<x> \equiv <v> \pmod{7}"),
        solved("names that differ", "tex", "<x> = <o> + <v>"),
    ),
    snares=SNARES,
    traits=lambda value: ONE,
)


Assignments = tuple[tuple[int, int], ...]  # p and q, one pair for each solution


def some_assignments(rng: Random) -> Assignments:
    found = dict[tuple[int, int], None]()
    while len(found) < 1 + (rng.random() < 0.5):
        pair = (rng.randint(2, 40), rng.randint(2, 40))
        if pair[0] != pair[1]:
            found[pair] = None
    return tuple(found)


def assigned(name: str, stands: Stands, text: str, mark: str = "; ", count: int | None = None) -> Surface[Assignments]:
    """The text for each pair of <p> and <q>, joined by the mark."""

    def write(value: Assignments, rng: Random) -> str | None:
        if not value or (count is not None and len(value) != count):
            return None
        return mark.join(filled(text, p=p, q=q) for p, q in value)

    return Surface(name, stands, write)


def _assignment_mistake(name: str, change: Callable[[Assignments, Random], Assignments]) -> Mistake[Assignments]:
    def changed(value: Assignments, rng: Random) -> Assignments | None:
        other = change(value, rng)
        return None if other == value or not other else other

    return Mistake(name, changed)


ASSIGNMENTS: Family[Assignments] = Family(
    "values by name",
    some_assignments,
    lambda value, rng: Latex(rng.choice(("; ", ";")).join(f"p={p},q={q}" for p, q in value)),
    (
        assigned("close", "any", "p=<p>,q=<q>", ";"),
        assigned("set apart", "any", "p = <p>, q = <q>", "; "),
        assigned("gaps", "tex", r"p=<p>,\ q=<q>", r";\ "),
        assigned("and", "tex", r"p = <p> \text{ and } q = <q>", count=1),
        assigned("turned round", "tex", "q = <q>, p = <p>", count=1),
        assigned("and in a sentence", "text", "p = <p> and q = <q>", count=1),
    ),
    (
        _assignment_mistake("the first off", lambda value, rng: ((value[0][0] + 1, value[0][1]), *value[1:])),
        _assignment_mistake("the second off", lambda value, rng: ((value[0][0], value[0][1] - 1), *value[1:])),
        _assignment_mistake("values swapped", lambda value, rng: tuple((q, p) for p, q in value)),
        _assignment_mistake("one pair too many", lambda value, rng: (*value, (50, 51))),
        _assignment_mistake("one pair missing", lambda value, rng: value[:-1]),
        _assignment_mistake("all signs", lambda value, rng: tuple((-p, -q) for p, q in value)),
    ),
    traps=(
        assigned("one name missing", "tex", "p = <p>"),
        assigned("the other name missing", "tex", "q = <q>"),
        assigned("other names", "tex", "a = <p>, b = <q>"),
        assigned("names swapped", "tex", "q = <p>, p = <q>"),
        assigned("a third name", "tex", "p = <p>, q = <q>, r = 0"),
        assigned("not equal", "tex", r"p \neq <p>, q = <q>"),
        assigned("a bound", "tex", "p > <p>, q = <q>"),
        assigned("a sum", "tex", "p + q = <p> + <q>"),
        assigned("a product", "tex", "pq = <p> \\cdot <q>"),
        assigned("a set", "tex", r"\{<p>, <q>\}", ", "),
        assigned("or", "tex", r"p = <p> \text{ or } q = <q>"),
        assigned("one value for both", "tex", "p = q = <p>"),
    ),
    snares=ALONE,
)

COLLECTIONS = (SET, TUPLE, INTERVAL, BOUND, UNION, MATRIX, SOLUTION, ASSIGNMENTS)
