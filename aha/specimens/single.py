"""The families whose gold is a single number."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random

from aha.specimens.family import Family, Surface
from aha.specimens.near_numbers import NEAR_NUMBERS
from aha.specimens.number_mistakes import (
    ENDLESS_TRAPS,
    HUNDREDFOLD,
    NUMBER_MISTAKES,
    RECIPROCAL,
    ROUND,
    TINY_MISTAKES,
    VALUE_MISTAKES,
    WHOLE_TRAPS,
)
from aha.specimens.numbers import (
    BELOW_1,
    DECIMAL,
    DIGITS,
    FRACTION,
    LONG,
    NEGATIVE,
    PERCENT,
    PERIODS,
    SINGLE_SIGN,
    SUM,
    WHOLE,
    Exact,
    decimal,
    group_digits,
    of_whole,
    period_of,
    places,
)
from aha.specimens.snares import SNARES
from aha.types import Latex, Number, Reference

Traits = Callable[[Fraction], frozenset[str]]
ALL_SNARES = (*NEAR_NUMBERS, *SNARES)


def traits(*more: str) -> Traits:
    """Return a function that gives the traits of a number that templates ask for: whole, positive, the day of a month."""

    def of(value: Fraction) -> frozenset[str]:
        signs = {"positive"} if value > 0 else set[str]()
        kinds = {"whole", "day"} if value.denominator == 1 and 4 <= value <= 28 else {"whole"} if value.denominator == 1 else set[str]()
        return frozenset({"number", "one", *more} | signs | kinds)

    return of


# --- drawn values -----------------------------------------------------------------------------------------------------


def a_whole(rng: Random) -> Fraction:
    """Draw an integer of size 4 or more, so that no template's function of it is the number itself; some are large or negative."""
    size = rng.choice((28, 99, 99, 99, 999, 999, 9_999, 99_999, 10**9))
    number = rng.randint(4, size)
    if rng.random() < 0.2:
        number = rng.randint(4, 99) * 10 ** rng.randint(1, 6)
    return Fraction(-number if rng.random() < 0.2 else number)


def a_fraction(rng: Random) -> Fraction:
    """Draw a fraction in its lowest terms, of either sign."""
    while True:
        value = Fraction(rng.randint(1, rng.choice((9, 40, 200))), rng.randint(2, rng.choice((9, 12, 99))))
        if value.denominator > 1:
            return -value if rng.random() < 0.25 else value


def a_decimal(rng: Random) -> Fraction:
    """Draw a decimal of one to four places, of either sign."""
    count = rng.randint(1, 4)
    while True:
        value = Fraction(rng.randint(1, 10 ** (count + rng.randint(0, 2))), 10**count)
        if value.denominator > 1:
            return -value if rng.random() < 0.25 else value


def a_mixed_number(rng: Random) -> Fraction:
    """Draw an integer plus a fraction below 1."""
    b = rng.randint(2, 12)
    return Fraction(rng.randint(1, 30)) + Fraction(rng.randint(1, b - 1), b)


def a_repeating_decimal(rng: Random) -> Fraction:
    """Draw a fraction whose decimal repeats."""
    while True:
        value = Fraction(rng.randint(1, 99), rng.choice((3, 6, 7, 9, 11, 12, 15, 22, 33, 37, 99)))
        if places(value) is None:
            return value


def a_power_of_ten(rng: Random) -> Fraction:
    """Draw a mantissa of one or two digits times a power of ten."""
    mantissa = Fraction(rng.randint(11, 99), 10) if rng.random() < 0.6 else Fraction(rng.randint(2, 9))
    exponent = rng.choice([*range(-12, -1), *range(3, 13)])
    return mantissa * (Fraction(10**exponent) if exponent > 0 else Fraction(1, 10**-exponent))


# --- references -------------------------------------------------------------------------------------------------------


def _tex(value: Fraction) -> str:
    sign, a = ("-" if value < 0 else ""), abs(value.numerator)
    return f"{sign}{a}" if value.denominator == 1 else rf"{sign}\frac{{{a}}}{{{value.denominator}}}"


def _whole_gold(value: Fraction, rng: Random) -> Reference:
    n = value.numerator
    return Latex(group_digits(n, rng.choice((",", r",\!"))) if abs(n) >= 1000 and rng.random() < 0.3 else str(n))


def _decimal_gold(value: Fraction, rng: Random) -> Reference:
    return Latex(str(decimal(value)))


def _mixed_gold(value: Fraction, rng: Random) -> Reference:
    i, tail = divmod(value.numerator, value.denominator)
    return Latex(rf"{i}\frac{{{tail}}}{{{value.denominator}}}")


def _repeating_gold(value: Fraction, rng: Random) -> Reference:
    parts = period_of(value)
    return Latex(rf"{parts[0]}\overline{{{parts[1]}}}" if parts else _tex(value))


def _scientific(value: Fraction) -> tuple[str, int]:
    exponent = 0
    while abs(value) >= 10:
        value, exponent = value / 10, exponent + 1
    while abs(value) < 1:
        value, exponent = value * 10, exponent - 1
    return str(decimal(value)).removesuffix(".0"), exponent


def _power_gold(value: Fraction, rng: Random) -> Reference:
    mantissa, exponent = _scientific(value)
    return Latex(rf"{mantissa} \times 10^{{{exponent}}}")


# --- surfaces of one family -------------------------------------------------------------------------------------------


def _in_tens(text: str, shift: int = 0) -> Callable[[Fraction, Random], str | None]:
    def write(value: Fraction, rng: Random) -> str | None:
        if value == 0 or decimal(value) is None or len(str(decimal(value))) > 40:
            return None
        mantissa, exponent = _scientific(value)
        digits = str(decimal(Fraction(mantissa) * Fraction(10) ** shift))
        return text.replace("<m>", digits).replace("<e>", str(exponent - shift))

    return write


POWERS: tuple[Exact, ...] = (
    Surface("\\times", "tex", _in_tens(r"<m> \times 10^{<e>}")),
    Surface("\\cdot", "tex", _in_tens(r"<m>\cdot 10^{<e>}")),
    Surface("a unit", "tex", _in_tens(r"<m> \times 10^{<e>} \text{ m}")),
    Surface("a unit in \\mathrm", "tex", _in_tens(r"<m> \times 10^{<e>}\,\mathrm{m/s}")),
    Surface("a cross", "tex", _in_tens(r"<m> × 10^{<e>}")),
    Surface("e", "any", _in_tens("<m>e<e>")),
    Surface("E", "any", _in_tens("<m>E<e>")),
    Surface("a larger mantissa", "tex", _in_tens(r"<m> \times 10^{<e>}", 1)),
    Surface("a smaller mantissa", "tex", _in_tens(r"<m> \times 10^{<e>}", -1)),
    Surface("written out", "any", lambda value, rng: decimal(value)),
    Surface("a name", "tex", _in_tens(r"x = <m> \times 10^{<e>}")),
)

CALCULATIONS: tuple[Exact, ...] = (
    of_whole("a sum to be done", "any", "<m> + <k>"),
    of_whole("a sum to be done, boxed", "sealed", "<m>+<k>"),
    of_whole("a product to be done", "any", "<n> * <k> / <k>"),
    of_whole("a difference to be done", "any", "<n> + <k> - <k>"),
    of_whole("a division to be done", "sealed", r"<p> \div <k>"),
    of_whole("a root to be taken", "sealed", r"\sqrt{<n>^2}", 4),
    of_whole("an equation without its end", "any", "<m> + <k> ="),
    of_whole("an equation with a question mark", "any", "<m> + <k> = ?"),
)


def _power_traps() -> tuple[Exact, ...]:
    return (
        Surface("the other exponent", "tex", _in_tens(r"<m> \times 10^{-<e>}")),
        Surface("the mantissa alone", "any", lambda value, rng: _scientific(value)[0]),
        Surface("the exponent below", "tex", _in_tens(r"<m> \times 10 <e>")),
        Surface("a power of the mantissa", "tex", _in_tens(r"<m>^{<e>}")),
        Surface("ten times the exponent", "tex", _in_tens(r"<m> \times <e>")),
        Surface("one exponent more", "tex", _in_tens(r"<m> \times 10^{<e> + 1}")),
        Surface("a power of a hundred", "tex", _in_tens(r"<m> \times 100^{<e>}")),
    )


def _right_percent(value: Fraction, rng: Random) -> str | None:
    return f"{value}%" if value.denominator == 1 else None


PLAIN = (DIGITS, FRACTION[0], FRACTION[3], DECIMAL[0])

NUMBERS: tuple[Family[Fraction], ...] = (
    Family(
        "whole number",
        a_whole,
        _whole_gold,
        WHOLE,
        (*NUMBER_MISTAKES, *RECIPROCAL, *HUNDREDFOLD),
        (*FRACTION, *DECIMAL, *PERIODS),
        WHOLE_TRAPS,
        snares=ALL_SNARES,
        plain=PLAIN,
        traits=traits("whole share"),
    ),
    Family(
        "count",
        a_whole,
        lambda value, rng: Number(str(value)),
        (*WHOLE, Surface("per cent", "any", _right_percent), Surface("per cent in LaTeX", "tex", lambda value, rng: rf"{value}\%")),
        (*NUMBER_MISTAKES, *RECIPROCAL),
        (*FRACTION, *DECIMAL, *PERIODS),
        (*WHOLE_TRAPS, *CALCULATIONS),
        snares=ALL_SNARES,
        plain=PLAIN,
        traits=traits(),
    ),
    Family(
        "fraction",
        a_fraction,
        lambda value, rng: Latex(_tex(value)),
        (*FRACTION, *NEGATIVE, *BELOW_1, *SINGLE_SIGN, *DECIMAL, *PERIODS, *LONG, *SUM, *PERCENT),
        (*NUMBER_MISTAKES, *RECIPROCAL, *ROUND, *HUNDREDFOLD),
        (DIGITS,),
        ENDLESS_TRAPS,
        snares=ALL_SNARES,
        plain=PLAIN,
        traits=traits("whole share"),
    ),
    Family(
        "fraction as a number",
        a_fraction,
        lambda value, rng: Number(str(value)),
        (*FRACTION, *NEGATIVE, *BELOW_1, *SINGLE_SIGN, *DECIMAL, *PERIODS, *LONG),
        (*NUMBER_MISTAKES, *RECIPROCAL, *ROUND),
        (DIGITS,),
        (*ENDLESS_TRAPS, *SUM[:1]),
        snares=ALL_SNARES,
        plain=PLAIN,
        traits=traits(),
    ),
    Family(
        "decimal",
        a_decimal,
        _decimal_gold,
        (*DECIMAL, *FRACTION, *NEGATIVE, *BELOW_1, *SUM, *PERCENT),
        (*NUMBER_MISTAKES, *RECIPROCAL, *ROUND, *HUNDREDFOLD),
        (DIGITS, *PERIODS),
        (),
        snares=ALL_SNARES,
        plain=PLAIN,
        traits=traits("whole share"),
    ),
    Family(
        "decimal as a number",
        a_decimal,
        lambda value, rng: Number(str(decimal(value))),
        (*DECIMAL, *FRACTION, *NEGATIVE, *BELOW_1, *PERCENT),
        (*NUMBER_MISTAKES, *RECIPROCAL, *ROUND),
        (DIGITS, *PERIODS),
        SUM[:1],
        snares=ALL_SNARES,
        plain=PLAIN,
        traits=traits(),
    ),
    Family(
        "mixed number",
        a_mixed_number,
        _mixed_gold,
        (*FRACTION, *DECIMAL, *PERIODS, *LONG),
        (*NUMBER_MISTAKES, *RECIPROCAL, *ROUND, *HUNDREDFOLD),
        (DIGITS,),
        ENDLESS_TRAPS,
        snares=ALL_SNARES,
        plain=PLAIN,
        traits=traits("whole share"),
    ),
    Family(
        "repeating decimal",
        a_repeating_decimal,
        _repeating_gold,
        (*PERIODS, *FRACTION, *LONG),
        (*VALUE_MISTAKES, *TINY_MISTAKES, *ROUND, *HUNDREDFOLD),
        (DIGITS, *DECIMAL),
        ENDLESS_TRAPS,
        snares=ALL_SNARES,
        plain=PLAIN,
        traits=traits("whole share"),
    ),
    Family(
        "power of ten",
        a_power_of_ten,
        _power_gold,
        POWERS,
        (*VALUE_MISTAKES[:8], *HUNDREDFOLD),
        (),
        _power_traps(),
        snares=ALL_SNARES,
        plain=(*POWERS[:2], POWERS[5], POWERS[9]),
        traits=traits("whole share"),
    ),
)
