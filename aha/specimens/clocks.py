"""Golds of two numbers in one: times of day, ratios, numbers in another base."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random

from aha.specimens.family import SINGLE, Family, Mistake, Stands, Surface
from aha.specimens.numbers import fill, in_base
from aha.specimens.snares import SNARES
from aha.types import Latex

# --- the time of day --------------------------------------------------------------------------------------------------


def a_time(rng: Random) -> int:
    """Draw a time in minutes since midnight, never in the hours that begin with 12."""
    hour = rng.randint(1, 11) + rng.choice((0, 12))
    return 60 * hour + rng.choice((rng.randint(1, 59), 15, 30, 45))


def clock(name: str, stands: Stands, text: str) -> Surface[int]:
    """A surface of times: <h> the 24-hour hour, <hh> with its zero, <k> the 12-hour hour, <m> the minute, <p> a or p, <P> A or P."""

    def write(value: int, rng: Random) -> str | None:
        hour, minute = divmod(value, 60)
        half = "p" if hour >= 12 else "a"
        return fill(text, h=hour, hh=f"{hour:02d}", k=(hour - 1) % 12 + 1, m=f"{minute:02d}", p=half, P=half.upper())

    return Surface(name, stands, write)


def _clock_mistake(name: str, step: Callable[[int, Random], int]) -> Mistake[int]:
    def apply(value: int, rng: Random) -> int | None:
        rival = step(value, rng) % (24 * 60)
        return rival if rival != value and rival // 60 not in (0, 12) else None

    return Mistake(name, apply)


def _swap_minutes(value: int, rng: Random) -> int:
    hour, minute = divmod(value, 60)
    swap = int(f"{minute:02d}"[::-1])
    return 60 * hour + swap if swap < 60 else value


TIME: Family[int] = Family(
    "time of day",
    a_time,
    lambda value, rng: Latex(
        rng.choice(
            (
                f"{value // 60}:{value % 60:02d}" if value >= 780 else rf"{value // 60}:{value % 60:02d} \text{{ a.m.}}",
                rf"{(value // 60 - 1) % 12 + 1}:{value % 60:02d}\text{{ {'p' if value >= 720 else 'a'}.m.}}",
            )
        )
    ),
    (
        clock("24 hours", "any", "<hh>:<m>"),
        clock("p.m.", "text", "<k>:<m> <p>.m."),
        clock("PM", "text", "<k>:<m> <P>M"),
        clock("pm, close", "text", "<k>:<m><p>m"),
        clock("pm", "text", "<k>:<m> <p>m"),
        clock("P.M.", "text", "<k>:<m> <P>.M."),
        clock("p.m. in \\text", "tex", r"<k>:<m> \text{ <p>.m.}"),
        clock("PM in \\text", "tex", r"<k>:<m>\text{ <P>M}"),
        clock("p.m. in \\mathrm", "tex", r"<k>:<m>\,\mathrm{<p>m}"),
    ),
    (
        _clock_mistake("a minute later", lambda value, rng: value + 1),
        _clock_mistake("a minute earlier", lambda value, rng: value - 1),
        _clock_mistake("an hour later", lambda value, rng: value + 60),
        _clock_mistake("an hour earlier", lambda value, rng: value - 60),
        _clock_mistake("half a day off", lambda value, rng: value + 720),
        _clock_mistake("some minutes off", lambda value, rng: value + rng.randint(2, 59)),
        _clock_mistake("the minute's digits swapped", _swap_minutes),
    ),
    traps=(
        clock("no colon", "any", "<h><m>"),
        clock("a dot", "any", "<h>.<m>"),
        clock("a comma", "any", "<h>,<m>"),
        clock("the hour alone", "text", "<k> <p>.m."),
        clock("the minute alone", "any", "<m>"),
        clock("before it", "text", "before <k>:<m> <p>.m."),
        clock("after it", "text", "after <k>:<m> <p>.m."),
        clock("from it on", "text", "from <k>:<m> <p>.m. on"),
        clock("not at it", "text", "not at <k>:<m> <p>.m."),
        clock("both halves of the day", "text", "<k>:<m> a.m. or p.m."),
        clock("a sum", "sealed", "<h>:<m> + 1"),
        clock("a span", "text", "<k>:<m> <p>.m. to midnight"),
    ),
    snares=SNARES,
    traits=lambda value: SINGLE,
)


# --- ratios -----------------------------------------------------------------------------------------------------------


def a_ratio(rng: Random) -> tuple[int, int]:
    """Draw two numbers without a common factor, neither 1."""
    while True:
        ratio = Fraction(rng.randint(2, 30), rng.randint(2, 30))
        if ratio.numerator > 1 and ratio.denominator > 1:
            return ratio.numerator, ratio.denominator


def ratio(name: str, stands: Stands, text: str) -> Surface[tuple[int, int]]:
    """A surface of ratios: <a> and <b> the two numbers, <s> their sum."""
    return Surface(name, stands, lambda value, rng: fill(text, a=value[0], b=value[1], s=value[0] + value[1]))


def _ratio_mistake(name: str, change: Callable[[int, int, Random], tuple[int, int]]) -> Mistake[tuple[int, int]]:
    def apply(value: tuple[int, int], rng: Random) -> tuple[int, int] | None:
        a, b = change(*value, rng)
        return (a, b) if a > 0 and b > 0 and a * value[1] != b * value[0] else None

    return Mistake(name, apply)


RATIO: Family[tuple[int, int]] = Family(
    "ratio",
    a_ratio,
    lambda value, rng: Latex(f"{value[0]}:{value[1]}"),
    (
        ratio("a colon", "any", "<a>:<b>"),
        ratio("a colon set apart", "any", "<a> : <b>"),
        ratio("\\colon", "tex", r"<a>\colon <b>"),
        ratio("to", "text", "<a> to <b>"),
        ratio("to in \\text", "tex", r"<a>\text{ to }<b>"),
        ratio("a wide colon", "text", "<a>：<b>"),
        ratio("Chinese", "text", "<a>比<b>"),
        ratio("a name", "tex", "AB:BC = <a>:<b>"),
        ratio("in braces", "tex", "{<a>}:{<b>}"),
    ),
    (
        _ratio_mistake("the other way round", lambda a, b, rng: (b, a)),
        _ratio_mistake("one more before", lambda a, b, rng: (a + 1, b)),
        _ratio_mistake("one more after", lambda a, b, rng: (a, b + 1)),
        _ratio_mistake("one less before", lambda a, b, rng: (a - 1, b)),
        _ratio_mistake("ten times before", lambda a, b, rng: (10 * a, b)),
        _ratio_mistake("a part of the whole", lambda a, b, rng: (a, a + b)),
        _ratio_mistake("some more", lambda a, b, rng: (a + rng.randint(1, 20), b)),
    ),
    traps=(
        ratio("no colon", "any", "<a><b>"),
        ratio("the first alone", "any", "<a>"),
        ratio("the second alone", "any", "<b>"),
        ratio("the sum", "any", "<s>"),
        ratio("a comma", "any", "<a>, <b>"),
        ratio("a dot", "any", "<a>.<b>"),
        ratio("three parts", "any", "<a>:<b>:<s>"),
        ratio("a pair", "tex", "(<a>, <b>)"),
        ratio("a sign before", "tex", "-<a>:<b>"),
        ratio("a product", "tex", r"<a> \times <b>"),
        ratio("or", "text", "<a> or <b>"),
    ),
    snares=SNARES,
    traits=lambda value: SINGLE,
)


# --- other bases ------------------------------------------------------------------------------------------------------


def a_number_with_base(rng: Random) -> tuple[int, int]:
    """Draw a number that has at least two digits in its base, and the base, from 2 to 9."""
    base = rng.randint(2, 9)
    return rng.randint(max(base, 5), base ** rng.randint(3, 5)), base


def base_form(name: str, stands: Stands, text: str) -> Surface[tuple[int, int]]:
    """A surface of numbers with a base: <d> the digits in the base, <b> the base, <n> the number in decimal."""
    return Surface(name, stands, lambda value, rng: fill(text, d=in_base(*value), b=value[1], n=value[0]))


def _based_mistake(name: str, change: Callable[[int, int, Random], tuple[int, int]]) -> Mistake[tuple[int, int]]:
    def apply(value: tuple[int, int], rng: Random) -> tuple[int, int] | None:
        number, base = change(*value, rng)
        return (number, base) if number > 0 and 2 <= base <= 9 and number != value[0] else None

    return Mistake(name, apply)


def _swap_digits(number: int, base: int, rng: Random) -> tuple[int, int]:
    digits = in_base(number, base)
    i = rng.randrange(len(digits) - 1)
    return int(digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :], base), base


def _same_digits(number: int, base: int, rng: Random) -> tuple[int, int]:
    """Return the same digits read in a larger base, with that base."""
    rival = rng.randint(base + 1, 9) if base < 9 else base
    return int(in_base(number, base), rival), rival


BASE: Family[tuple[int, int]] = Family(
    "number in a base",
    a_number_with_base,
    lambda value, rng: Latex(rng.choice((f"{in_base(*value)}_{value[1]}", f"{in_base(*value)}_{{{value[1]}}}"))),
    (
        base_form("a subscript", "tex", "<d>_<b>"),
        base_form("a braced subscript", "tex", "<d>_{<b>}"),
        base_form("parentheses", "tex", "(<d>)_{<b>}"),
        base_form("braces", "tex", "{<d>}_{<b>}"),
        base_form("a name", "tex", "x = <d>_{<b>}"),
        base_form("\\left and \\right", "tex", r"\left(<d>\right)_{<b>}"),
        base_form("after the box", "reply", r"$\boxed{<d>}_{<b>}$"),
        base_form("after the box in a sentence", "reply", r"The answer is $\boxed{<d>}_<b>$."),
        base_form("a subscript in \\text", "tex", r"<d>_{\text{<b>}}"),
    ),
    (
        _based_mistake("one more", lambda number, base, rng: (number + 1, base)),
        _based_mistake("one less", lambda number, base, rng: (number - 1, base)),
        _based_mistake("another place", lambda number, base, rng: (number * base, base)),
        _based_mistake("two digits swapped", _swap_digits),
        _based_mistake("another base", _same_digits),
        _based_mistake("some more", lambda number, base, rng: (number + rng.randint(2, 50), base)),
    ),
    traps=(
        base_form("no base", "any", "<d>"),
        base_form("the value in tens", "any", "<n>"),
        base_form("the digits in tens", "tex", "<d>_{10}"),
        base_form("base sixteen", "tex", "<d>_{16}"),
        base_form("a power", "tex", "<d>^{<b>}"),
        base_form("the base in front", "tex", "<b>_{<d>}"),
        base_form("a sign before", "tex", "-<d>_{<b>}"),
        base_form("a comma", "any", "<d>, <b>"),
        base_form("a digit too many", "tex", "<d>0_{<b>}"),
        base_form("the base twice", "tex", "<d>_{<b><b>}"),
    ),
    snares=SNARES,
    traits=lambda value: SINGLE,
)

CLOCKS = (TIME, RATIO, BASE)
