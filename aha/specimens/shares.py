"""Golds with a sign beside their number: per cent, degrees, money."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random

from aha.specimens.family import Family, Mistake, Stands, Surface
from aha.specimens.near_numbers import NEAR_NUMBERS
from aha.specimens.number_mistakes import DIGIT_MISTAKES, VALUE_MISTAKES
from aha.specimens.numbers import decimal, fill, group_digits
from aha.specimens.snares import SNARES
from aha.types import Latex

ALL_SNARES = (*NEAR_NUMBERS, *SNARES)


def as_decimal(value: Fraction) -> str:
    """Return a value whose decimal ends, without needless places."""
    return str(value.numerator) if value.denominator == 1 else str(decimal(value))


def positive(value: Fraction) -> frozenset[str]:
    """Return the traits of a number that templates ask for."""
    return frozenset({"number", "one", "positive"}) if value > 0 else frozenset({"number", "one"})


def decimal_form(name: str, stands: Stands, text: str, exact: bool = True) -> Surface[Fraction]:
    """A surface of numbers whose decimal ends: <d> the digits."""
    return Surface(name, stands, lambda value, rng: None if decimal(value) is None else fill(text, d=as_decimal(value)), exact)


def short(mistakes: tuple[Mistake[Fraction], ...], *forbidden: Callable[[Fraction], Fraction]) -> tuple[Mistake[Fraction], ...]:
    """Return the mistakes whose decimals end, without those that give one of the value's `forbidden` other readings."""

    def keep(mistake: Mistake[Fraction]) -> Mistake[Fraction]:
        def change(value: Fraction, rng: Random) -> Fraction | None:
            rival = mistake.change(value, rng)
            bad = rival is None or decimal(rival) is None or any(rival == reader(value) for reader in forbidden)
            return None if bad else rival

        return Mistake(mistake.name, change, mistake.tiny)

    return tuple(keep(mistake) for mistake in mistakes)


# --- per cent ---------------------------------------------------------------------------------------------------------


def a_share(rng: Random) -> Fraction:
    """Draw a percentage from 1.1 to 99.9."""
    return Fraction(rng.randint(4, 99)) if rng.random() < 0.7 else Fraction(rng.randint(11, 999), 10)


PERCENT: Family[Fraction] = Family(
    "per cent",
    a_share,
    lambda value, rng: Latex(rf"{as_decimal(value)}\%"),
    (
        decimal_form("a sign", "any", "<d>%"),
        decimal_form("a sign in LaTeX", "tex", r"<d>\%"),
        decimal_form("a sign set apart", "tex", r"<d> \%"),
        decimal_form("percent", "text", "<d> percent"),
        decimal_form("per cent", "text", "<d> per cent"),
        decimal_form("percent in \\text", "tex", r"<d> \text{ percent}"),
        decimal_form("pct", "text", "<d> pct"),
        decimal_form("Chinese", "text", "百分之<d>"),
        decimal_form("full width", "text", "<d>％"),
        decimal_form("no sign", "any", "<d>"),
        decimal_form("a name", "tex", r"x = <d>\%"),
        decimal_form("a probability", "tex", r"P(A) = <d>\%"),
        Surface("the decimal", "any", lambda value, rng: decimal(value / 100)),
        Surface("the decimal with a name", "tex", lambda value, rng: f"p = {decimal(value / 100)}"),
        Surface("hundredths", "tex", lambda value, rng: rf"\frac{{{value}}}{{100}}" if value.denominator == 1 else None),
    ),
    short((*VALUE_MISTAKES, *DIGIT_MISTAKES), lambda value: value / 100, lambda value: value * 100),
    traps=(
        decimal_form("per mille", "tex", r"<d>\permil"),
        decimal_form("per mille in words", "text", "<d> per mille"),
        decimal_form("twice the sign", "tex", r"<d>\%\%"),
        Surface("the decimal as per cent", "any", lambda value, rng: f"{decimal(value / 100)}%"),
        decimal_form("dollars", "tex", r"\$<d>\%"),
        decimal_form("a fraction below one", "tex", r"\frac{1}{<d>\%}"),
        decimal_form("more than", "text", "more than <d>%"),
        decimal_form("the rest of two hundred", "text", "200% - <d>%"),
        decimal_form("less than", "text", "less than <d>%"),
    ),
    snares=ALL_SNARES,
    plain=(decimal_form("a sign", "any", "<d>%"), decimal_form("a sign in LaTeX", "tex", r"<d>\%")),
    traits=positive,
)


# --- degrees ----------------------------------------------------------------------------------------------------------


def an_angle(rng: Random) -> Fraction:
    """Draw an angle of 4 to 359 degrees."""
    return Fraction(rng.choice((rng.randint(4, 359), rng.choice((15, 30, 36, 45, 60, 72, 75, 90, 105, 120, 135, 144, 150)))))


def _of_an_angle(name: str, rival: int) -> Mistake[Fraction]:
    return Mistake(name, lambda value, rng: rival - value if rival - value not in (0, value, 2 * value, 1, -1) else None)


DEGREES: Family[Fraction] = Family(
    "degrees",
    an_angle,
    lambda value, rng: Latex(rng.choice((rf"{value}^\circ", rf"{value}^{{\circ}}", rf"{{{{{value}}}^{{\circ }}}}"))),
    (
        decimal_form("\\circ", "tex", r"<d>^\circ"),
        decimal_form("braced \\circ", "tex", r"<d>^{\circ}"),
        decimal_form("doubly braced", "tex", r"{{<d>}^{\circ }}"),
        decimal_form("a sign", "any", "<d>°"),
        decimal_form("degrees", "text", "<d> degrees"),
        decimal_form("degrees in \\text", "tex", r"<d> \text{ degrees}"),
        decimal_form("degrees in \\text, close", "tex", r"<d>\text{ degrees}"),
        decimal_form("\\degree", "tex", r"<d>\degree"),
        decimal_form("one decimal place", "tex", r"<d>.0^\circ"),
        decimal_form("an angle's name", "tex", r"\angle ABC = <d>^\circ"),
        decimal_form("a name", "tex", r"x = <d>^\circ"),
        decimal_form("Chinese", "text", "<d>度"),
        decimal_form("a sign after the box", "reply", r"$\boxed{<d>}^\circ$"),
        decimal_form("degrees after the box", "reply", r"The angle is $\boxed{<d>}$ degrees."),
        decimal_form("degrees before the box", "reply", r"The angle in degrees is $\boxed{<d>}$."),
        decimal_form("the work in degrees", "reply", r"The sum is $180^\circ$, so the angle is $\boxed{<d>}$."),
    ),
    (
        *short((*VALUE_MISTAKES, *DIGIT_MISTAKES)),
        _of_an_angle("the other angle of 180", 180),
        _of_an_angle("the other angle of 90", 90),
        _of_an_angle("the other angle of 360", 360),
    ),
    traps=(
        decimal_form("no sign", "any", "<d>"),
        decimal_form("no sign, with a name", "tex", "x = <d>"),
        decimal_form("minutes of arc", "sealed", "<d>'"),
        decimal_form("seconds of arc", "sealed", "<d>''"),
        decimal_form("per cent", "tex", r"<d>\%"),
        decimal_form("radians", "text", "<d> radians"),
        decimal_form("radians in \\text", "tex", r"<d> \text{ radians}"),
        decimal_form("rad", "tex", r"<d>\,\mathrm{rad}"),
        decimal_form("degrees and minutes", "tex", r"<d>^\circ 30'"),
        decimal_form("its sine", "tex", r"\sin <d>^\circ"),
        decimal_form("times pi", "tex", r"<d>\pi"),
        decimal_form("a part of pi", "tex", r"\frac{\pi}{<d>}"),
        decimal_form("centimetres", "tex", r"<d>\text{ cm}"),
    ),
    snares=ALL_SNARES,
    plain=(decimal_form("\\circ", "tex", r"<d>^\circ"), decimal_form("a sign", "any", "<d>°")),
    traits=positive,
)


# --- money ------------------------------------------------------------------------------------------------------------


def an_amount(rng: Random) -> Fraction:
    """Draw an amount of dollars, often with cents."""
    dollars = rng.randint(4, rng.choice((99, 999, 9_999)))
    return Fraction(dollars) if rng.random() < 0.3 else Fraction(100 * dollars + rng.randint(1, 99), 100)


def _price(value: Fraction, mark: str = "") -> str | None:
    """Return an amount as 18.90, if it is not finer than cents."""
    cents = value * 100
    if cents.denominator > 1 or value < 0:
        return None
    return f"{group_digits(cents.numerator // 100, mark)}.{cents.numerator % 100:02d}"


def price(name: str, stands: Stands, text: str, mark: str = "") -> Surface[Fraction]:
    """A surface of amounts: <p> dollars and cents, <d> dollars alone, <c> cents alone, <t> cents in all; <c>... at the end requires
    cents."""

    def write(value: Fraction, rng: Random) -> str | None:
        amount = _price(value, mark)
        if amount is None or (mark and value < 1000):
            return None
        whole, cents = divmod((value * 100).numerator, 100)
        return None if "<c>" in text and not cents else fill(text.removesuffix("<c>..."), p=amount, d=whole, c=cents, t=100 * whole + cents)

    return Surface(name, stands, write)


MONEY: Family[Fraction] = Family(
    "money",
    an_amount,
    lambda value, rng: Latex(rf"\${value}" if value.denominator == 1 else rf"\${_price(value)}"),
    (
        price("a sign", "tex", r"\$<p>"),
        price("a sign in a sentence", "bare", "$<p>"),
        price("no sign", "any", "<p>"),
        decimal_form("no sign, no needless places", "any", "<d>"),
        price("dollars", "text", "<p> dollars"),
        price("dollars in \\text", "tex", r"<p> \text{ dollars}"),
        price("USD", "text", "<p> USD"),
        price("cents", "text", "<t> cents"),
        price("cents in \\text", "tex", r"<t>\text{ cents}"),
        price("dollars and cents", "text", "<d> dollars and <c> cents"),
        price("a sign and commas", "tex", r"\$<p>", ","),
        price("a sign and braced commas", "tex", r"\$<p>", "{,}"),
        price("a name", "tex", r"x = \$<p>"),
        price("a sign in \\text", "tex", r"\text{\$}<p>"),
    ),
    short((*VALUE_MISTAKES, *DIGIT_MISTAKES)),
    traps=(
        price("euros", "any", "€<p>"),
        price("euros in words", "text", "<p> euros"),
        price("pounds", "any", "£<p>"),
        price("yen", "text", "<p> yen"),
        price("cents without a word", "any", "<t>"),
        price("cents as dollars", "tex", r"\$<t>"),
        price("dollars as cents", "text", "<p> cents"),
        price("the dollars alone", "text", "<d> dollars<c>..."),
        price("the cents alone", "text", "<c> cents"),
        price("millions", "tex", r"\$<p>\text{ million}"),
        price("thousands", "text", "<p> thousand dollars"),
        price("per cent", "tex", r"\$<p>\%"),
        price("a colon", "any", "<d>:<c>"),
        price("a comma for the dot and a space", "any", "<d>, <c>"),
    ),
    snares=ALL_SNARES,
    plain=(price("no sign", "any", "<p>"),),
    traits=positive,
)

SHARES = (PERCENT, DEGREES, MONEY)
