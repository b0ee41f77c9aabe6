"""Golds that are intervals, bounds, or unions of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

from aha.specimens.family import Family, Mistake, Stands, Surface
from aha.specimens.lists import ALONE, a_number, digits
from aha.specimens.numbers import fill
from aha.types import Latex

# --- intervals and bounds ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stretch:
    """An interval from `low` to `high`, `None` for an open side; `has_low` and `has_high`: whether each end belongs to it."""

    low: Fraction | None
    high: Fraction | None
    has_low: bool
    has_high: bool


def a_bounded_stretch(rng: Random) -> Stretch:
    """Draw an interval with two ends."""
    low = a_number(rng, 0.2)
    return Stretch(low, low + rng.randint(1, 12), rng.random() < 0.5, rng.random() < 0.5)


def a_ray(rng: Random) -> Stretch:
    """Draw an interval with one end."""
    end, has_end = a_number(rng, 0.2), rng.random() < 0.5
    return Stretch(end, None, has_end, False) if rng.random() < 0.5 else Stretch(None, end, False, has_end)


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
    """A surface of intervals: <l> and <r> brackets, <a> and <b> ends, <le> and <re> signs; `ends`: any, both, low or high, the ends that
    the interval must have."""

    def write(value: Stretch, rng: Random) -> str | None:
        has = "both" if value.low is not None and value.high is not None else "low" if value.low is not None else "high"
        return None if ends not in ("any", has) else fill(text, **_brackets(value))

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
    def apply(value: Stretch, rng: Random) -> Stretch | None:
        rival = change(value, rng)
        empty = rival.low is not None and rival.high is not None and rival.low >= rival.high
        nowhere = (rival.low is None and rival.has_low) or (rival.high is None and rival.has_high)
        whole_line = rival.low is None and rival.high is None
        return None if rival == value or empty or nowhere or whole_line else rival

    return Mistake(name, apply)


def _move(value: Fraction | None, step: int) -> Fraction | None:
    return None if value is None else value + step


STRETCH_MISTAKES: tuple[Mistake[Stretch], ...] = (
    _stretch_mistake("the other lower bracket", lambda value, rng: replace(value, has_low=not value.has_low)),
    _stretch_mistake("the other upper bracket", lambda value, rng: replace(value, has_high=not value.has_high)),
    _stretch_mistake("both brackets", lambda value, rng: replace(value, has_low=not value.has_low, has_high=not value.has_high)),
    _stretch_mistake("the lower end off", lambda value, rng: replace(value, low=_move(value.low, rng.choice((1, -1, -10))))),
    _stretch_mistake("the upper end off", lambda value, rng: replace(value, high=_move(value.high, rng.choice((1, -1, 10))))),
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
    """Return both ends of an interval that cannot be read as a pair."""
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


def _no_pair(value: Stretch) -> Stretch:
    """Return an interval that cannot be read as a pair of numbers, because one of its ends belongs to it."""
    return value if value.has_low or value.has_high else replace(value, has_low=True)


INTERVAL: Family[Stretch] = Family(
    "interval",
    lambda rng: _no_pair(a_bounded_stretch(rng)) if rng.random() < 0.7 else a_ray(rng),
    lambda value, rng: Latex(fill(rng.choice(("<l><a>,<b><r>", r"\left<l><a>, <b>\right<r>")), **_brackets(value))),
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
    return fill(text, **_brackets(value))


INEQUALITY: Family[Stretch] = Family(
    "inequality",
    lambda rng: a_bounded_stretch(rng) if rng.random() < 0.4 else a_ray(rng),
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

Gap = tuple[Fraction, Fraction, bool, bool]  # all numbers up to the first and from the second on; whether each of the two is included


def a_gap(rng: Random) -> Gap:
    """Draw two ends with a gap between them."""
    low = a_number(rng, 0.2)
    return low, low + rng.randint(1, 12), rng.random() < 0.5, rng.random() < 0.5


def gap(name: str, stands: Stands, text: str) -> Surface[Gap]:
    """A surface of gaps: <a> and <b> the ends of the gap, <r> and <l> the brackets beside them, <il> and <ir> those of the gap itself."""

    def write(value: Gap, rng: Random) -> str | None:
        low, high, has_low, has_high = value
        return fill(
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
    def apply(value: Gap, rng: Random) -> Gap | None:
        rival = change(*value, rng)
        return None if rival == value or rival[0] >= rival[1] else rival

    return Mistake(name, apply)


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

INTERVALS = (INTERVAL, INEQUALITY, UNION)
