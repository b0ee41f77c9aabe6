"""Golds that are irrational: multiples of pi and square roots.

Large integers with a short name: powers, factorials, binomial coefficients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import comb, factorial
from random import Random

from aha.specimens.family import Family, Mistake, Stands, Surface
from aha.specimens.near_numbers import NEAR_NUMBERS
from aha.specimens.numbers import cut, fill, group_digits, root, round_to
from aha.specimens.snares import SNARES
from aha.types import Latex

PI = Fraction(31415926535897932384626433832795028841971, 10**40)
ALL_SNARES = (*NEAR_NUMBERS, *SNARES)


def number_traits(value: Fraction) -> frozenset[str]:
    """Return the traits of a number that templates ask for."""
    return frozenset({"number", "one", "whole share", *(("positive",) if value > 0 else ())})


def _parts(value: Fraction) -> dict[str, object]:
    a, b = abs(value.numerator), value.denominator
    return {"s": "-" if value < 0 else "", "a": a, "b": b, "c": "" if a == 1 else a}


# --- multiples of pi --------------------------------------------------------------------------------------------------


def a_multiple(rng: Random) -> Fraction:
    """Draw the factor of pi."""
    value = Fraction(rng.randint(1, 40), rng.choice((1, 1, 1, 2, 3, 4, 5, 6, 12)))
    return -value if rng.random() < 0.15 else value


def of_pi(name: str, stands: Stands, text: str, whole: bool | None = None) -> Surface[Fraction]:
    """A surface of multiples of pi: <s> the sign, <a> over <b>, <c> is <a> without a 1; `whole`: only integer multiples, or only others."""

    def write(value: Fraction, rng: Random) -> str | None:
        return None if whole is not None and whole != (value.denominator == 1) else fill(text, **_parts(value))

    return Surface(name, stands, write)


def _pi_decimal(rounds: bool, most: int, least: int) -> Callable[[Fraction, Random], str]:
    return lambda value, rng: (round_to if rounds else cut)(value * PI, rng.randint(least, most))


def _of_fraction(name: str, change: Callable[[Fraction, Random], Fraction]) -> Mistake[Fraction]:
    """A mistake in the factor, whose result is never 0, the value or twice the value."""

    def apply(value: Fraction, rng: Random) -> Fraction | None:
        rival = change(value, rng)
        return None if rival in (0, value, 2 * value) else rival

    return Mistake(name, apply)


FACTOR_MISTAKES = (
    _of_fraction("one more", lambda value, rng: value + 1),
    _of_fraction("one less", lambda value, rng: value - 1),
    _of_fraction("the other sign", lambda value, rng: -value),
    _of_fraction("half", lambda value, rng: value / 2),
    _of_fraction("three times", lambda value, rng: value * 3),
    _of_fraction("the reciprocal", lambda value, rng: 1 / value),
    _of_fraction("another denominator", lambda value, rng: Fraction(value.numerator, value.denominator + rng.randint(1, 3))),
    _of_fraction("another numerator", lambda value, rng: value + Fraction(rng.choice((1, 2, -1)), value.denominator)),
    _of_fraction("ten times", lambda value, rng: value * 10),
)

MULTIPLE: Family[Fraction] = Family(
    "multiple of pi",
    a_multiple,
    lambda value, rng: Latex(fill(r"<s><c>\pi" if value.denominator == 1 else r"<s>\frac{<c>\pi}{<b>}", **_parts(value))),
    (
        of_pi("a factor", "tex", r"<s><c>\pi", True),
        of_pi("a factor set apart", "tex", r"<s><c> \pi", True),
        of_pi("a sign of its own", "any", "<s><c>π", True),
        of_pi("a product", "tex", r"<s>\pi \cdot <a>", True),
        of_pi("a unit", "tex", r"<s><c>\pi\text{ cm}^2", True),
        of_pi("a fraction", "tex", r"<s>\frac{<c>\pi}{<b>}", False),
        of_pi("a display fraction", "tex", r"<s>\dfrac{<c>\pi}{<b>}", False),
        of_pi("a fraction before", "tex", r"<s>\frac{<a>}{<b>}\pi", False),
        of_pi("a slash", "tex", r"<s><c>\pi/<b>", False),
        of_pi("a slash and a sign of its own", "any", "<s><c>π/<b>", False),
        of_pi("a name", "tex", r"x = <s>\frac{<c>\pi}{<b>}", False),
        of_pi("a name, whole", "tex", r"S = <s><c>\pi", True),
        of_pi("an unreduced factor", "tex", r"<s>\frac{<a>0\pi}{<b>0}"),
        Surface("six places or more, rounded", "any", _pi_decimal(True, 14, 6), exact=False),
        Surface("six places or more, cut off", "any", _pi_decimal(False, 14, 6), exact=False),
    ),
    FACTOR_MISTAKES,
    traps=(
        of_pi("no pi", "tex", r"<s>\frac{<a>}{<b>}", False),
        of_pi("no pi, whole", "any", "<s><a>", True),
        of_pi("pi below", "tex", r"<s>\frac{<a>}{<b>\pi}"),
        of_pi("pi squared", "tex", r"<s>\frac{<a>\pi^2}{<b>}"),
        of_pi("pi added", "tex", r"<s>\frac{<a>}{<b>} + \pi"),
        of_pi("e for pi", "tex", r"<s>\frac{<a>e}{<b>}"),
        of_pi("p for pi", "tex", "<s><a>p", True),
        of_pi("a root of pi", "tex", r"<s>\frac{<a>\sqrt{\pi}}{<b>}"),
        of_pi("degrees", "tex", r"<s>\frac{<a>\pi}{<b>}^\circ"),
        of_pi("a variable too", "tex", r"<s>\frac{<a>\pi x}{<b>}"),
        of_pi("22/7", "tex", r"<s>\frac{22 \cdot <a>}{7 \cdot <b>}"),
        of_pi("3.14", "tex", r"<s>\frac{3.14 \cdot <a>}{<b>}"),
        Surface("a short decimal", "any", _pi_decimal(True, 5, 1)),
        Surface("a short decimal, cut off", "any", _pi_decimal(False, 5, 1)),
    ),
    snares=ALL_SNARES,
    plain=(of_pi("a fraction", "tex", r"<s>\frac{<c>\pi}{<b>}", False), of_pi("a factor", "tex", r"<s><c>\pi", True)),
    traits=number_traits,
)


# --- roots ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IrrationalRoot:
    """The number `factor` times the square root of `radicand`, which is square-free."""

    factor: Fraction
    radicand: int

    def __str__(self) -> str:
        return rf"{self.factor}\sqrt{{{self.radicand}}}"


SQUARE_FREE = (2, 3, 5, 6, 7, 10, 11, 13, 14, 15)


def a_root(rng: Random) -> IrrationalRoot:
    """Draw an integer or fractional multiple of a square root."""
    factor = Fraction(rng.randint(1, 20), rng.choice((1, 1, 1, 2, 3, 4, 5)))
    return IrrationalRoot(-factor if rng.random() < 0.15 else factor, rng.choice(SQUARE_FREE))


def root_form(name: str, stands: Stands, text: str, whole: bool | None = None, least: int = 1) -> Surface[IrrationalRoot]:
    """A surface of roots: <s> sign, <a> over <b> the factor, <c> is <a> without a 1, <n> the radicand, <aan> a²n, <an> a·n, <bn> b·n."""

    def write(value: IrrationalRoot, rng: Random) -> str | None:
        if (whole is not None and whole != (value.factor.denominator == 1)) or abs(value.factor.numerator) < least:
            return None
        a, b, n = abs(value.factor.numerator), value.factor.denominator, value.radicand
        return fill(text, **_parts(value.factor), n=n, aan=a * a * n, an=a * n, bn=b * n, aanb=a * a * n * b)

    return Surface(name, stands, write)


def _root_decimal(rounds: bool, least: int, most: int) -> Callable[[IrrationalRoot, Random], str]:
    def write(value: IrrationalRoot, rng: Random) -> str:
        digits = root(value.factor**2 * value.radicand, rng.randint(least, most), rounds)
        return ("-" if value.factor < 0 else "") + digits

    return write


def _root_mistake(name: str, change: Callable[[IrrationalRoot, Random], IrrationalRoot]) -> Mistake[IrrationalRoot]:
    def apply(value: IrrationalRoot, rng: Random) -> IrrationalRoot | None:
        rival = change(value, rng)
        return None if rival.factor == 0 or rival == value or rival == IrrationalRoot(2 * value.factor, value.radicand) else rival

    return Mistake(name, apply)


ROOT: Family[IrrationalRoot] = Family(
    "square root",
    a_root,
    lambda value, rng: Latex(
        fill(
            r"<s><c>\sqrt{<n>}" if value.factor.denominator == 1 else r"<s>\frac{<c>\sqrt{<n>}}{<b>}",
            **_parts(value.factor),
            n=value.radicand,
        )
    ),
    (
        root_form("a root", "tex", r"<s><c>\sqrt{<n>}", True),
        root_form("a root set apart", "tex", r"<s><c> \sqrt{<n>}", True),
        root_form("a product", "tex", r"<s><a> \cdot \sqrt{<n>}", True),
        root_form("a product the other way round", "tex", r"<s>\sqrt{<n>} \cdot <a>", True),
        root_form("a sign of its own", "any", "<s><c>√<n>", True),
        root_form("all below the root", "tex", r"<s>\sqrt{<aan>}", True, 2),
        root_form("a root below", "tex", r"<s>\frac{<an>}{\sqrt{<n>}}", True),
        root_form("a power", "tex", r"<s><a> \cdot <n>^{1/2}", True),
        root_form("a unit", "tex", r"<s><c>\sqrt{<n>}\text{ cm}", True),
        root_form("parentheses for braces", "tex", r"<s><c>\sqrt(<n>)", True),
        root_form("a fraction", "tex", r"<s>\frac{<c>\sqrt{<n>}}{<b>}", False),
        root_form("a display fraction", "tex", r"<s>\dfrac{<c>\sqrt{<n>}}{<b>}", False),
        root_form("a fraction before", "tex", r"<s>\frac{<a>}{<b>}\sqrt{<n>}", False),
        root_form("a slash", "tex", r"<s><c>\sqrt{<n>}/<b>", False),
        root_form("a fraction with a root below", "tex", r"<s>\frac{<an>}{<b>\sqrt{<n>}}", False),
        root_form("a name", "tex", r"x = <s>\frac{<c>\sqrt{<n>}}{<b>}", False),
        root_form("a name, whole", "tex", r"AB = <s><c>\sqrt{<n>}", True),
        Surface("six places or more, rounded", "any", _root_decimal(True, 6, 14), exact=False),
        Surface("six places or more, cut off", "any", _root_decimal(False, 6, 14), exact=False),
    ),
    (
        _root_mistake("one more before", lambda value, rng: IrrationalRoot(value.factor + 1, value.radicand)),
        _root_mistake("another radicand", lambda value, rng: IrrationalRoot(value.factor, rng.choice(SQUARE_FREE))),
        _root_mistake("the other sign", lambda value, rng: IrrationalRoot(-value.factor, value.radicand)),
        _root_mistake("half", lambda value, rng: IrrationalRoot(value.factor / 2, value.radicand)),
        _root_mistake("three times", lambda value, rng: IrrationalRoot(value.factor * 3, value.radicand)),
        _root_mistake("the reciprocal of the factor", lambda value, rng: IrrationalRoot(1 / value.factor, value.radicand)),
        _root_mistake(
            "another denominator",
            lambda value, rng: IrrationalRoot(Fraction(value.factor.numerator, value.factor.denominator + 1), value.radicand),
        ),
        _root_mistake("some more", lambda value, rng: IrrationalRoot(value.factor + rng.randint(2, 9), value.radicand)),
    ),
    traps=(
        root_form("no root", "tex", r"<s>\frac{<an>}{<b>}"),
        root_form("the radicand alone", "any", "<n>"),
        root_form("the factor alone", "tex", r"<s>\frac{<a>}{<b>}", False),
        root_form("a cube root", "tex", r"<s>\frac{<a>\sqrt[3]{<n>}}{<b>}"),
        root_form("a sum", "tex", r"<s>\frac{<a>}{<b>} + \sqrt{<n>}"),
        root_form("a variable too", "tex", r"<s>\frac{<a>\sqrt{<n>}}{<b>}x"),
        root_form("a power", "tex", r"<s>\frac{<a> \cdot <n>^2}{<b>}"),
        root_form("two signs", "tex", r"\pm\frac{<a>\sqrt{<n>}}{<b>}"),
        root_form("a digit too many", "tex", r"<s>\frac{<a>\sqrt{<n><n>}}{<b>}"),
        root_form("pi for the root", "tex", r"<s>\frac{<a>\pi}{<b>}"),
        root_form("times i", "tex", r"<s>\frac{<a>\sqrt{<n>}}{<b>}i"),
        Surface("a short decimal", "any", _root_decimal(True, 1, 5)),
        Surface("a short decimal, cut off", "any", _root_decimal(False, 1, 5)),
    ),
    snares=ALL_SNARES,
    plain=(root_form("a root", "tex", r"<s><c>\sqrt{<n>}", True), root_form("a fraction", "tex", r"<s>\frac{<c>\sqrt{<n>}}{<b>}", False)),
    traits=lambda value: number_traits(value.factor),
)

IRRATIONALS = (MULTIPLE, ROOT)


# --- large numbers with a short name ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShortName:
    """An integer and the ways to write it without its digits."""

    number: int
    names: tuple[str, ...]


def _a_power(rng: Random) -> ShortName:
    base, exponent = rng.randint(2, 9), rng.randint(4, 12)
    number = base**exponent
    return ShortName(
        number, (rf"{base}^{{{exponent}}}", rf"{base} \cdot {base}^{{{exponent - 1}}}", rf"\frac{{{base}^{{{exponent + 1}}}}}{{{base}}}")
    )


def _a_factorial(rng: Random) -> ShortName:
    n = rng.randint(5, 12)
    return ShortName(factorial(n), (f"{n}!", rf"{n} \cdot {n - 1}!", rf"\frac{{{n + 1}!}}{{{n + 1}}}"))


def _a_binomial(rng: Random) -> ShortName:
    n = rng.randint(8, 16)
    k = rng.randint(2, n // 2 - 1)
    names = (
        rf"\binom{{{n}}}{{{k}}}",
        rf"\binom{{{n}}}{{{n - k}}}",
        rf"\dbinom{{{n}}}{{{k}}}",
        rf"C_{{{n}}}^{{{k}}}",
        rf"{{C}}_{{{n}}}^{{{k}}}",
    )
    return ShortName(comb(n, k), (*names, rf"\frac{{{n}!}}{{{k}! \, {n - k}!}}", rf"\mathrm{{C}}_{{{n}}}^{{{k}}}"))


def a_short_name(rng: Random) -> ShortName:
    """Draw a power, a factorial or a binomial coefficient."""
    return rng.choice((_a_power, _a_factorial, _a_binomial))(rng)


def by_name(name: str, stands: Stands, text: str) -> Surface[ShortName]:
    """A surface of such integers: <w> one of its names, <n> its digits, <c> with commas."""

    def write(value: ShortName, rng: Random) -> str | None:
        if "<w>" in text and not value.names:
            return None
        return fill(
            text,
            w=rng.choice(value.names) if value.names else "",
            n=value.number,
            c=group_digits(value.number, ","),
            b=group_digits(value.number, "{,}"),
        )

    return Surface(name, stands, write)


def _rival_number(name: str, change: Callable[[int, Random], int]) -> Mistake[ShortName]:
    def apply(value: ShortName, rng: Random) -> ShortName | None:
        rival = change(value.number, rng)
        return None if rival in (0, 1, -1, value.number, 2 * value.number) else ShortName(rival, ())

    return Mistake(name, apply)


def _rival_name(value: ShortName, rng: Random) -> ShortName | None:
    rival = a_short_name(rng)
    return None if rival.number in (value.number, 2 * value.number) else rival


POWER: Family[ShortName] = Family(
    "power or factorial",
    a_short_name,
    lambda value, rng: Latex(rng.choice((value.names[0], str(value.number)))),
    (
        by_name("a name", "tex", "<w>"),
        by_name("digits", "any", "<n>"),
        by_name("commas", "any", "<c>"),
        by_name("braced commas", "tex", "<b>"),
        by_name("a true equation", "tex", "<w> = <n>"),
        by_name("a letter's equation", "tex", "N = <w>"),
        by_name("a letter's equation to its end", "tex", "N = <w> = <n>"),
        by_name("one decimal place", "any", "<n>.0"),
        by_name("ways", "text", "<n> ways"),
    ),
    (
        _rival_number("one more", lambda n, rng: n + 1),
        _rival_number("one less", lambda n, rng: n - 1),
        _rival_number("ten times", lambda n, rng: n * 10),
        _rival_number("half", lambda n, rng: n // 2),
        _rival_number("some more", lambda n, rng: n + rng.randint(2, 10**4)),
        _rival_number("the other sign", lambda n, rng: -n),
        _rival_number("a digit off", lambda n, rng: n + rng.randint(1, 9) * 10 ** rng.randrange(len(str(n)))),
        Mistake("another power", _rival_name),
    ),
    traps=(
        by_name("a factor too many", "tex", r"2 \cdot <w>"),
        by_name("one too many", "tex", "<w> + 1"),
        by_name("its square", "tex", r"\left(<w>\right)^2"),
        by_name("a false equation", "tex", "<w> = <n>1"),
        by_name("another false equation", "tex", "<n>0 = <w>"),
        by_name("its reciprocal", "tex", r"\frac{1}{<w>}"),
        by_name("a factorial of it", "sealed", r"\left(<n>\right)!"),
        by_name("a power of it", "tex", "{<n>}^{<n>}"),
        by_name("less one part in a million", "tex", r"<n> \cdot (1 - 10^{-9})"),
    ),
    snares=ALL_SNARES,
    plain=(by_name("a name", "tex", "<w>"), by_name("digits", "any", "<n>")),
    traits=lambda value: frozenset({"number", "one", "positive", "whole share"}),
)
