"""The families whose gold has a sign or a unit beside its number: per cent, degrees, money, lengths, hours and minutes, ratios, bases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from aha.claims.family import Family, Mistake, Stands, Surface
from aha.claims.near_numbers import NEAR_NUMBERS
from aha.claims.numbers import DIGIT_MISTAKES, VALUE_MISTAKES, filled
from aha.claims.numerals import decimal, grouped, in_base
from aha.claims.snares import SNARES
from aha.types import Latex, Reference

ONE = frozenset({"one"})
SNARED = (*NEAR_NUMBERS, *SNARES)


def _digits(value: Fraction) -> str:
    """A value whose decimal ends, without needless places."""
    return str(value.numerator) if value.denominator == 1 else str(decimal(value))


def positive(value: Fraction) -> frozenset[str]:
    return frozenset({"number", "one", "positive"}) if value > 0 else frozenset({"number", "one"})


def written(name: str, stands: Stands, text: str, exact: bool = True) -> Surface[Fraction]:
    """<d> the digits of a value whose decimal ends."""
    return Surface(name, stands, lambda value, rng: None if decimal(value) is None else filled(text, d=_digits(value)), exact)


def short(mistakes: tuple[Mistake[Fraction], ...], *forbidden: Callable[[Fraction], Fraction]) -> tuple[Mistake[Fraction], ...]:
    """The mistakes whose decimals end, without those that end at one of the value's `forbidden` other readings."""

    def kept(mistake: Mistake[Fraction]) -> Mistake[Fraction]:
        def change(value: Fraction, rng: Random) -> Fraction | None:
            other = mistake.change(value, rng)
            bad = other is None or decimal(other) is None or any(other == reading(value) for reading in forbidden)
            return None if bad else other

        return Mistake(mistake.name, change, mistake.tiny)

    return tuple(kept(mistake) for mistake in mistakes)


# --- per cent ---------------------------------------------------------------------------------------------------------


def a_share(rng: Random) -> Fraction:
    return Fraction(rng.randint(4, 99)) if rng.random() < 0.7 else Fraction(rng.randint(11, 999), 10)


PERCENT: Family[Fraction] = Family(
    "per cent",
    a_share,
    lambda value, rng: Latex(rf"{_digits(value)}\%"),
    (
        written("a sign", "any", "<d>%"),
        written("a sign in LaTeX", "tex", r"<d>\%"),
        written("a sign set apart", "tex", r"<d> \%"),
        written("percent", "text", "<d> percent"),
        written("per cent", "text", "<d> per cent"),
        written("percent in \\text", "tex", r"<d> \text{ percent}"),
        written("pct", "text", "<d> pct"),
        written("Chinese", "text", "百分之<d>"),
        written("full width", "text", "<d>％"),
        written("no sign", "any", "<d>"),
        written("a name", "tex", r"x = <d>\%"),
        written("a probability", "tex", r"P(A) = <d>\%"),
        Surface("the decimal", "any", lambda value, rng: decimal(value / 100)),
        Surface("the decimal with a name", "tex", lambda value, rng: f"p = {decimal(value / 100)}"),
        Surface("hundredths", "tex", lambda value, rng: rf"\frac{{{value}}}{{100}}" if value.denominator == 1 else None),
    ),
    short((*VALUE_MISTAKES, *DIGIT_MISTAKES), lambda value: value / 100, lambda value: value * 100),
    traps=(
        written("per mille", "tex", r"<d>\permil"),
        written("per mille in words", "text", "<d> per mille"),
        written("twice the sign", "tex", r"<d>\%\%"),
        Surface("the decimal as per cent", "any", lambda value, rng: f"{decimal(value / 100)}%"),
        written("dollars", "tex", r"\$<d>\%"),
        written("a fraction below one", "tex", r"\frac{1}{<d>\%}"),
        written("more than", "text", "more than <d>%"),
        written("the rest of two hundred", "text", "200% - <d>%"),
        written("less than", "text", "less than <d>%"),
    ),
    snares=SNARED,
    plain=(written("a sign", "any", "<d>%"), written("a sign in LaTeX", "tex", r"<d>\%")),
    traits=positive,
)


# --- degrees ----------------------------------------------------------------------------------------------------------


def an_angle(rng: Random) -> Fraction:
    return Fraction(rng.choice((rng.randint(4, 359), rng.choice((15, 30, 36, 45, 60, 72, 75, 90, 105, 120, 135, 144, 150)))))


def _of_an_angle(name: str, other: int) -> Mistake[Fraction]:
    return Mistake(name, lambda value, rng: other - value if other - value not in (0, value, 2 * value, 1, -1) else None)


DEGREES: Family[Fraction] = Family(
    "degrees",
    an_angle,
    lambda value, rng: Latex(rng.choice((rf"{value}^\circ", rf"{value}^{{\circ}}", rf"{{{{{value}}}^{{\circ }}}}"))),
    (
        written("\\circ", "tex", r"<d>^\circ"),
        written("braced \\circ", "tex", r"<d>^{\circ}"),
        written("doubly braced", "tex", r"{{<d>}^{\circ }}"),
        written("a sign", "any", "<d>°"),
        written("degrees", "text", "<d> degrees"),
        written("degrees in \\text", "tex", r"<d> \text{ degrees}"),
        written("degrees in \\text, close", "tex", r"<d>\text{ degrees}"),
        written("\\degree", "tex", r"<d>\degree"),
        written("one decimal place", "tex", r"<d>.0^\circ"),
        written("an angle's name", "tex", r"\angle ABC = <d>^\circ"),
        written("a name", "tex", r"x = <d>^\circ"),
        written("Chinese", "text", "<d>度"),
        written("a sign after the box", "reply", r"$\boxed{<d>}^\circ$"),
        written("degrees after the box", "reply", r"The angle is $\boxed{<d>}$ degrees."),
        written("degrees before the box", "reply", r"The angle in degrees is $\boxed{<d>}$."),
        written("the work in degrees", "reply", r"The sum is $180^\circ$, so the angle is $\boxed{<d>}$."),
    ),
    (
        *short((*VALUE_MISTAKES, *DIGIT_MISTAKES)),
        _of_an_angle("the other angle of 180", 180),
        _of_an_angle("the other angle of 90", 90),
        _of_an_angle("the other angle of 360", 360),
    ),
    traps=(
        written("no sign", "any", "<d>"),
        written("no sign, with a name", "tex", "x = <d>"),
        written("minutes of arc", "sealed", "<d>'"),
        written("seconds of arc", "sealed", "<d>''"),
        written("per cent", "tex", r"<d>\%"),
        written("radians", "text", "<d> radians"),
        written("radians in \\text", "tex", r"<d> \text{ radians}"),
        written("rad", "tex", r"<d>\,\mathrm{rad}"),
        written("degrees and minutes", "tex", r"<d>^\circ 30'"),
        written("its sine", "tex", r"\sin <d>^\circ"),
        written("times pi", "tex", r"<d>\pi"),
        written("a part of pi", "tex", r"\frac{\pi}{<d>}"),
        written("centimetres", "tex", r"<d>\text{ cm}"),
    ),
    snares=SNARED,
    plain=(written("\\circ", "tex", r"<d>^\circ"), written("a sign", "any", "<d>°")),
    traits=positive,
)


# --- money ------------------------------------------------------------------------------------------------------------


def an_amount(rng: Random) -> Fraction:
    dollars = rng.randint(4, rng.choice((99, 999, 9_999)))
    return Fraction(dollars) if rng.random() < 0.3 else Fraction(100 * dollars + rng.randint(1, 99), 100)


def _price(value: Fraction, mark: str = "") -> str | None:
    """18.90, where it is no finer than cents."""
    cents = value * 100
    if cents.denominator > 1 or value < 0:
        return None
    return f"{grouped(cents.numerator // 100, mark)}.{cents.numerator % 100:02d}"


def price(name: str, stands: Stands, text: str, mark: str = "") -> Surface[Fraction]:
    """<p> dollars and cents, <d> dollars alone, <c> cents alone, <t> cents in all; <c>... at the end asks for some cents."""

    def write(value: Fraction, rng: Random) -> str | None:
        amount = _price(value, mark)
        if amount is None or (mark and value < 1000):
            return None
        whole, cents = divmod((value * 100).numerator, 100)
        return (
            None if "<c>" in text and not cents else filled(text.removesuffix("<c>..."), p=amount, d=whole, c=cents, t=100 * whole + cents)
        )

    return Surface(name, stands, write)


MONEY: Family[Fraction] = Family(
    "money",
    an_amount,
    lambda value, rng: Latex(rf"\${value}" if value.denominator == 1 else rf"\${_price(value)}"),
    (
        price("a sign", "tex", r"\$<p>"),
        price("a sign in a sentence", "bare", "$<p>"),
        price("no sign", "any", "<p>"),
        written("no sign, no needless places", "any", "<d>"),
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
    snares=SNARED,
    plain=(price("no sign", "any", "<p>"),),
    traits=positive,
)


# --- one unit ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measure:
    """A unit: its sign in plain text and in LaTeX, its name for several, how many of the dimension's smallest it is."""

    sign: str
    tex: str
    words: str
    size: Fraction

    def __str__(self) -> str:
        return self.sign


def _measure(sign: str, words: str, size: int | Fraction, tex: str = "") -> Measure:
    return Measure(sign, tex or sign, words, Fraction(size))


DIMENSIONS: tuple[tuple[Measure, ...], ...] = (
    (
        _measure("mm", "millimeters", 1),
        _measure("cm", "centimeters", 10),
        _measure("m", "meters", 1000),
        _measure("km", "kilometers", 10**6),
    ),
    (_measure("mg", "milligrams", 1), _measure("g", "grams", 1000), _measure("kg", "kilograms", 10**6)),
    (_measure("s", "seconds", 1), _measure("min", "minutes", 60), _measure("h", "hours", 3600)),
    (_measure("mL", "milliliters", 1), _measure("L", "liters", 1000)),
    (_measure("in", "inches", 1), _measure("ft", "feet", 12), _measure("yd", "yards", 36)),
    (
        _measure("cm²", "square centimeters", 1, r"cm}^2\text{"),
        _measure("m²", "square meters", 10_000, r"m}^2\text{"),
    ),
    (
        _measure("cm³", "cubic centimeters", 1, r"cm}^3\text{"),
        _measure("m³", "cubic meters", 10**6, r"m}^3\text{"),
    ),
    (_measure("m/s", "meters per second", Fraction(36, 10)), _measure("km/h", "kilometers per hour", 1)),
    (_measure("Hz", "hertz", 1), _measure("kHz", "kilohertz", 1000)),
    (_measure("J", "joules", 1), _measure("kJ", "kilojoules", 1000)),
)


@dataclass(frozen=True)
class Quantity:
    """So much of a unit; `dimension` is its place among the dimensions."""

    amount: Fraction
    unit: Measure
    dimension: int

    @property
    def digits(self) -> str:
        return _digits(self.amount)

    @property
    def size(self) -> Fraction:
        return self.amount * self.unit.size


def a_quantity(rng: Random) -> Quantity:
    dimension = rng.randrange(len(DIMENSIONS))
    amount = Fraction(rng.randint(4, 99)) if rng.random() < 0.7 else Fraction(rng.randint(11, 999), 10)
    return Quantity(amount, rng.choice(DIMENSIONS[dimension]), dimension)


def _tex_unit(unit: Measure, command: str = "text", gap: str = " ") -> str:
    return rf"\{command}{{{gap}{unit.tex}}}".replace(r"\text{}", "")


def measured(name: str, stands: Stands, text: str) -> Surface[Quantity]:
    """<d> digits, <u> the sign, <t> the unit in \\text, <r> in \\mathrm, <w> its name."""

    def write(value: Quantity, rng: Random) -> str | None:
        if decimal(value.amount) is None:
            return None
        unit = value.unit
        parts = {"d": value.digits, "u": unit.sign, "t": _tex_unit(unit), "r": _tex_unit(unit, "mathrm", ""), "w": unit.words}
        return filled(text, **parts)

    return Surface(name, stands, write)


def _other_unit(text: str) -> Callable[[Quantity, Random], str | None]:
    """The same quantity in another unit of its dimension."""

    def write(value: Quantity, rng: Random) -> str | None:
        unit = rng.choice(DIMENSIONS[value.dimension])
        amount = value.size / unit.size
        digits = decimal(amount)
        if unit == value.unit or digits is None or len(digits) > 10:
            return None
        return filled(text, d=_digits(amount), u=unit.sign, t=_tex_unit(unit), w=unit.words)

    return write


def _wrong_unit(text: str, same_dimension: bool) -> Callable[[Quantity, Random], str | None]:
    """The same number of another unit."""

    def write(value: Quantity, rng: Random) -> str | None:
        if same_dimension:
            dimension = value.dimension
        else:
            dimension = (value.dimension + rng.randint(1, len(DIMENSIONS) - 1)) % len(DIMENSIONS)
        unit = rng.choice(DIMENSIONS[dimension])
        if unit == value.unit or decimal(value.amount) is None:
            return None
        return filled(text, d=value.digits, u=unit.sign, t=_tex_unit(unit), w=unit.words)

    return write


def _converted_bare(value: Quantity, rng: Random) -> str | None:
    unit = rng.choice(DIMENSIONS[value.dimension])
    amount = value.size / unit.size
    return None if unit == value.unit or decimal(amount) is None or amount == value.amount else _digits(amount)


def _amounts(mistakes: tuple[Mistake[Fraction], ...]) -> tuple[Mistake[Quantity], ...]:
    def of(mistake: Mistake[Fraction]) -> Mistake[Quantity]:
        def change(value: Quantity, rng: Random) -> Quantity | None:
            amount = mistake.change(value.amount, rng)
            return None if amount is None else Quantity(amount, value.unit, value.dimension)

        return Mistake(mistake.name, change, mistake.tiny)

    return tuple(of(mistake) for mistake in mistakes)


QUANTITY: Family[Quantity] = Family(
    "quantity",
    a_quantity,
    lambda value, rng: Latex(f"{value.digits}{_tex_unit(value.unit)}"),
    (
        measured("\\text", "tex", "<d><t>"),
        measured("\\text set apart", "tex", "<d> <t>"),
        measured("\\mathrm", "tex", r"<d>\,<r>"),
        measured("\\mathrm and a tie", "tex", r"<d>~<r>"),
        measured("a sign", "any", "<d> <u>"),
        measured("a sign, close", "any", "<d><u>"),
        measured("words", "text", "<d> <w>"),
        measured("words in \\text", "tex", r"<d> \text{ <w>}"),
        measured("no unit", "any", "<d>"),
        measured("a name", "tex", "x = <d><t>"),
        measured("a unit after the box", "reply", r"$\boxed{<d>}<t>$"),
        measured("words after the box", "reply", r"The answer is $\boxed{<d>}$ <w>."),
        Surface("another unit", "any", _other_unit("<d> <u>")),
        Surface("another unit in \\text", "tex", _other_unit("<d><t>")),
        Surface("another unit in words", "text", _other_unit("<d> <w>")),
    ),
    _amounts(short((*VALUE_MISTAKES, *DIGIT_MISTAKES))),
    traps=(
        Surface("another unit, same number", "any", _wrong_unit("<d> <u>", True)),
        Surface("another unit, same number, in \\text", "tex", _wrong_unit("<d><t>", True)),
        Surface("another unit, same number, in words", "text", _wrong_unit("<d> <w>", True)),
        Surface("another dimension", "any", _wrong_unit("<d> <u>", False)),
        Surface("another dimension in \\text", "tex", _wrong_unit("<d><t>", False)),
        Surface("another dimension in words", "text", _wrong_unit("<d> <w>", False)),
        Surface("another unit's number alone", "any", _converted_bare),
        measured("the unit alone", "tex", "<t>"),
        measured("the unit's name alone", "text", "some <w>"),
        measured("thousands", "text", "<d> thousand <w>"),
        measured("millions", "tex", r"<d> \text{ million <w>}"),
        measured("per cent", "tex", r"<d>\%"),
        measured("a variable", "tex", "<d>q"),
        measured("at least", "text", "at least <d> <w>"),
        measured("more than", "sealed", "> <d><t>"),
        measured("a sign before", "tex", "-<d><t>"),
    ),
    snares=SNARES,
    traits=lambda value: ONE,
)


# --- two units --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pairing:
    """A larger and a smaller unit, each with its sign, its name for one and for several; so many of the small in a large."""

    large: tuple[str, str, str]
    small: tuple[str, str, str]
    size: int
    chinese: tuple[str, str] = ("", "")


PAIRINGS: tuple[Pairing, ...] = (
    Pairing(("h", "hour", "hours"), ("min", "minute", "minutes"), 60, ("小时", "分钟")),
    Pairing(("min", "minute", "minutes"), ("s", "second", "seconds"), 60, ("分钟", "秒")),
    Pairing(("ft", "foot", "feet"), ("in", "inch", "inches"), 12),
    Pairing(("lb", "pound", "pounds"), ("oz", "ounce", "ounces"), 16),
    Pairing(("m", "meter", "meters"), ("cm", "centimeter", "centimeters"), 100, ("米", "厘米")),
    Pairing(("kg", "kilogram", "kilograms"), ("g", "gram", "grams"), 1000, ("千克", "克")),
    Pairing(("days", "day", "days"), ("hours", "hour", "hours"), 24),
)


@dataclass(frozen=True)
class Compound:
    """So many small units in all."""

    total: int
    pairing: Pairing

    @property
    def parts(self) -> tuple[int, int]:
        return divmod(self.total, self.pairing.size)


def a_compound(rng: Random) -> Compound:
    pairing = rng.choice(PAIRINGS)
    return Compound(rng.randint(1, 9) * pairing.size + rng.randint(1, pairing.size - 1), pairing)


def compound(name: str, stands: Stands, text: str) -> Surface[Compound]:
    """<a> large <A> and <b> small <B> by name, <la> and <lb> by sign, <n> small in all, <q> large as a decimal, <i> and <f> large as a
    mixed number, <ca> and <cb> by Chinese name."""

    def write(value: Compound, rng: Random) -> str | None:
        pairing = value.pairing
        a, b = value.parts
        large = Fraction(value.total, pairing.size)
        digits = decimal(large)
        if a < 1 or b < 1 or ("<q>" in text and (digits is None or len(digits) > 8)) or ("<ca>" in text and not pairing.chinese[0]):
            return None
        names = {
            "A": pairing.large[1 if a == 1 else 2],
            "B": pairing.small[1 if b == 1 else 2],
            "As": pairing.large[2],
            "Bs": pairing.small[2],
        }
        signs = {"la": pairing.large[0], "lb": pairing.small[0], "ca": pairing.chinese[0], "cb": pairing.chinese[1]}
        rest = large - a
        fraction = rf"\frac{{{rest.numerator}}}{{{rest.denominator}}}"
        return filled(text, a=a, b=b, n=value.total, q=digits, f=fraction, **names, **signs)

    return Surface(name, stands, write)


def _parts_as_decimal(value: Compound, rng: Random) -> str | None:
    """1.30 hours for 1 hour 30 minutes."""
    a, b = value.parts
    digits = f"{a}.{b}"
    return None if Fraction(digits) == Fraction(value.total, value.pairing.size) else f"{digits} {value.pairing.large[2]}"


def _compound_gold(value: Compound, rng: Random) -> Reference:
    a, b = value.parts
    large, small = value.pairing.large, value.pairing.small
    return Latex(
        rng.choice(
            (
                rf"{a}\text{{ {large[0]} }}{b}\text{{ {small[0]}}}",
                rf"{a} \text{{ {large[2]} }} {b} \text{{ {small[2]}}}",
                rf"{value.total} \text{{ {small[2]}}}",
            )
        )
    )


def _compound_mistake(name: str, change: Callable[[Compound, Random], int]) -> Mistake[Compound]:
    def changed(value: Compound, rng: Random) -> Compound | None:
        other = Compound(change(value, rng), value.pairing)
        return other if other.total not in (0, value.total) and all(part > 0 for part in other.parts) else None

    return Mistake(name, changed)


COMPOUND: Family[Compound] = Family(
    "two units",
    a_compound,
    _compound_gold,
    (
        compound("names", "text", "<a> <A> <b> <B>"),
        compound("names joined by and", "text", "<a> <A> and <b> <B>"),
        compound("names and a comma", "text", "<a> <A>, <b> <B>"),
        compound("signs", "text", "<a> <la> <b> <lb>"),
        compound("signs in \\text", "tex", r"<a>\text{ <la> }<b>\text{ <lb>}"),
        compound("names in \\text", "tex", r"<a> \text{ <A> } <b> \text{ <B>}"),
        compound("names joined by and in \\text", "tex", r"<a> \text{ <A> and } <b> \text{ <B>}"),
        compound("the small unit", "text", "<n> <Bs>"),
        compound("the small unit's sign", "text", "<n> <lb>"),
        compound("the small unit in \\text", "tex", r"<n> \text{ <Bs>}"),
        compound("the large unit", "text", "<q> <As>"),
        compound("the large unit in \\text", "tex", r"<q> \text{ <As>}"),
        compound("a mixed number", "tex", r"<a><f> \text{ <As>}"),
        compound("Chinese", "text", "<a><ca><b><cb>"),
        compound("a name", "tex", r"t = <n> \text{ <Bs>}"),
    ),
    (
        _compound_mistake("one more", lambda value, rng: value.total + 1),
        _compound_mistake("one less", lambda value, rng: value.total - 1),
        _compound_mistake("a large unit more", lambda value, rng: value.total + value.pairing.size),
        _compound_mistake("a large unit less", lambda value, rng: value.total - value.pairing.size),
        _compound_mistake("some more", lambda value, rng: value.total + rng.randint(2, 50)),
        _compound_mistake("twice", lambda value, rng: value.total * 2),
    ),
    traps=(
        compound("the large part alone", "text", "<a> <A>"),
        compound("the small part alone", "text", "<b> <B>"),
        compound("the small part alone in \\text", "tex", r"<b> \text{ <B>}"),
        compound("all in the large unit", "text", "<n> <As>"),
        Surface("the parts as a decimal", "text", _parts_as_decimal),
        compound("the parts apart", "text", "<a> <A> or <b> <B>"),
        compound("the parts without units", "any", "<a>, <b>"),
        compound("the small from the large", "text", "<a> <A> minus <b> <B>"),
        compound("twice the large unit", "text", "<a> <A> <b> <As>"),
        compound("bounds", "text", "between <a> <A> and <b> <B>"),
        compound("at least", "text", "at least <n> <Bs>"),
        compound("thousands", "text", "<n> thousand <Bs>"),
        compound("another small unit", "text", "<a> <A> <n> <B>"),
    ),
    snares=SNARES,
    traits=lambda value: ONE,
)


# --- the time of day --------------------------------------------------------------------------------------------------


def a_time(rng: Random) -> int:
    """Minutes since midnight; never within the hours that begin with 12."""
    hour = rng.choice([*range(1, 12), *range(13, 24)])
    return 60 * hour + rng.choice((rng.randint(1, 59), 15, 30, 45))


def clock(name: str, stands: Stands, text: str) -> Surface[int]:
    """<h> the hour of 24, <hh> with its zero, <k> the hour of 12, <m> the minute, <p> a or p, <P> A or P."""

    def write(value: int, rng: Random) -> str | None:
        hour, minute = divmod(value, 60)
        half = "p" if hour >= 12 else "a"
        return filled(text, h=hour, hh=f"{hour:02d}", k=(hour - 1) % 12 + 1, m=f"{minute:02d}", p=half, P=half.upper())

    return Surface(name, stands, write)


def _clock_mistake(name: str, step: Callable[[int, Random], int]) -> Mistake[int]:
    def changed(value: int, rng: Random) -> int | None:
        other = step(value, rng) % 1440
        return other if other != value and other // 60 not in (0, 12) else None

    return Mistake(name, changed)


def _minutes_swapped(value: int, rng: Random) -> int:
    hour, minute = divmod(value, 60)
    swapped = int(f"{minute:02d}"[::-1])
    return 60 * hour + swapped if swapped < 60 else value


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
        _clock_mistake("the minute's digits swapped", _minutes_swapped),
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
    traits=lambda value: ONE,
)


# --- ratios -----------------------------------------------------------------------------------------------------------


def a_ratio(rng: Random) -> tuple[int, int]:
    while True:
        ratio = Fraction(rng.randint(2, 30), rng.randint(2, 30))
        if ratio.numerator > 1 and ratio.denominator > 1:
            return ratio.numerator, ratio.denominator


def ratio(name: str, stands: Stands, text: str) -> Surface[tuple[int, int]]:
    return Surface(name, stands, lambda value, rng: filled(text, a=value[0], b=value[1], s=value[0] + value[1]))


def _ratio_mistake(name: str, change: Callable[[int, int, Random], tuple[int, int]]) -> Mistake[tuple[int, int]]:
    def changed(value: tuple[int, int], rng: Random) -> tuple[int, int] | None:
        a, b = change(*value, rng)
        return (a, b) if a > 0 and b > 0 and a * value[1] != b * value[0] else None

    return Mistake(name, changed)


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
    traits=lambda value: ONE,
)


# --- other bases ------------------------------------------------------------------------------------------------------


def a_based(rng: Random) -> tuple[int, int]:
    """A number that has at least two digits in its base, and the base, from 2 to 9."""
    base = rng.randint(2, 9)
    return rng.randint(max(base, 5), base ** rng.randint(3, 5)), base


def based(name: str, stands: Stands, text: str) -> Surface[tuple[int, int]]:
    return Surface(name, stands, lambda value, rng: filled(text, d=in_base(*value), b=value[1], n=value[0]))


def _based_mistake(name: str, change: Callable[[int, int, Random], tuple[int, int]]) -> Mistake[tuple[int, int]]:
    def changed(value: tuple[int, int], rng: Random) -> tuple[int, int] | None:
        number, base = change(*value, rng)
        return (number, base) if number > 0 and 2 <= base <= 9 and number != value[0] else None

    return Mistake(name, changed)


def _digits_swapped(number: int, base: int, rng: Random) -> tuple[int, int]:
    digits = in_base(number, base)
    i = rng.randrange(len(digits) - 1)
    return int(digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :], base), base


def _same_digits(number: int, base: int, rng: Random) -> tuple[int, int]:
    """The same digits read in another base."""
    other = rng.randint(base + 1, 9) if base < 9 else base
    return int(in_base(number, base), other), other


BASED: Family[tuple[int, int]] = Family(
    "number in a base",
    a_based,
    lambda value, rng: Latex(rng.choice((f"{in_base(*value)}_{value[1]}", f"{in_base(*value)}_{{{value[1]}}}"))),
    (
        based("a subscript", "tex", "<d>_<b>"),
        based("a braced subscript", "tex", "<d>_{<b>}"),
        based("parentheses", "tex", "(<d>)_{<b>}"),
        based("braces", "tex", "{<d>}_{<b>}"),
        based("a name", "tex", "x = <d>_{<b>}"),
        based("\\left and \\right", "tex", r"\left(<d>\right)_{<b>}"),
        based("after the box", "reply", r"$\boxed{<d>}_{<b>}$"),
        based("after the box in a sentence", "reply", r"The answer is $\boxed{<d>}_<b>$."),
        based("a subscript in \\text", "tex", r"<d>_{\text{<b>}}"),
    ),
    (
        _based_mistake("one more", lambda number, base, rng: (number + 1, base)),
        _based_mistake("one less", lambda number, base, rng: (number - 1, base)),
        _based_mistake("another place", lambda number, base, rng: (number * base, base)),
        _based_mistake("two digits swapped", _digits_swapped),
        _based_mistake("another base", _same_digits),
        _based_mistake("some more", lambda number, base, rng: (number + rng.randint(2, 50), base)),
    ),
    traps=(
        based("no base", "any", "<d>"),
        based("the value in tens", "any", "<n>"),
        based("the digits in tens", "tex", "<d>_{10}"),
        based("base sixteen", "tex", "<d>_{16}"),
        based("a power", "tex", "<d>^{<b>}"),
        based("the base in front", "tex", "<b>_{<d>}"),
        based("a sign before", "tex", "-<d>_{<b>}"),
        based("a comma", "any", "<d>, <b>"),
        based("a digit too many", "tex", "<d>0_{<b>}"),
        based("the base twice", "tex", "<d>_{<b><b>}"),
    ),
    snares=SNARES,
    traits=lambda value: ONE,
)

QUANTITIES = (PERCENT, DEGREES, MONEY, QUANTITY, COMPOUND, TIME, RATIO, BASED)
