"""Large whole numbers with a short name: powers, factorials, binomial coefficients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, factorial
from random import Random

from aha.specimens.family import Family, Mistake, Stands, Surface
from aha.specimens.near_numbers import NEAR_NUMBERS
from aha.specimens.numbers import fill, group_digits
from aha.specimens.snares import SNARES
from aha.types import Latex

ALL_SNARES = (*NEAR_NUMBERS, *SNARES)


# --- large numbers with a short name ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShortName:
    """A whole number and the ways to write it without its digits."""

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
    """A power, a factorial or a binomial coefficient."""
    return rng.choice((_a_power, _a_factorial, _a_binomial))(rng)


def by_name(name: str, stands: Stands, text: str) -> Surface[ShortName]:
    """<w> one of its names, <n> its digits, <c> with commas."""

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
