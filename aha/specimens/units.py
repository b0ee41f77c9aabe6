"""Golds with units: a single unit, or two that are added up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from aha.specimens.family import SINGLE, Family, Mistake, Stands, Surface
from aha.specimens.number_mistakes import DIGIT_MISTAKES, VALUE_MISTAKES
from aha.specimens.numbers import decimal, fill
from aha.specimens.shares import as_decimal, short
from aha.specimens.snares import SNARES
from aha.types import Latex, Reference

# --- one unit ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UnitMeasure:
    """A unit: its sign in plain text and in LaTeX, its plural name, and its size in the smallest unit of the dimension."""

    sign: str
    tex: str
    words: str
    size: Fraction

    def __str__(self) -> str:
        return self.sign


def _measure(sign: str, words: str, size: int | Fraction, tex: str = "") -> UnitMeasure:
    return UnitMeasure(sign, tex or sign, words, Fraction(size))


DIMENSIONS: tuple[tuple[UnitMeasure, ...], ...] = (
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
    """An amount of a unit; `dimension` is the unit's index among the dimensions."""

    amount: Fraction
    unit: UnitMeasure
    dimension: int

    @property
    def digits(self) -> str:
        return as_decimal(self.amount)

    @property
    def size(self) -> Fraction:
        return self.amount * self.unit.size


def a_quantity(rng: Random) -> Quantity:
    """Draw an amount of one unit."""
    dimension = rng.randrange(len(DIMENSIONS))
    amount = Fraction(rng.randint(4, 99)) if rng.random() < 0.7 else Fraction(rng.randint(11, 999), 10)
    return Quantity(amount, rng.choice(DIMENSIONS[dimension]), dimension)


def _tex_unit(unit: UnitMeasure, command: str = "text", gap: str = " ") -> str:
    return rf"\{command}{{{gap}{unit.tex}}}".replace(r"\text{}", "")


def quantity_form(name: str, stands: Stands, text: str) -> Surface[Quantity]:
    """A surface of quantities: <d> digits, <u> the sign, <t> the unit in \\text, <r> in \\mathrm, <w> its name."""

    def write(value: Quantity, rng: Random) -> str | None:
        if decimal(value.amount) is None:
            return None
        unit = value.unit
        parts = {"d": value.digits, "u": unit.sign, "t": _tex_unit(unit), "r": _tex_unit(unit, "mathrm", ""), "w": unit.words}
        return fill(text, **parts)

    return Surface(name, stands, write)


def _other_unit(text: str) -> Callable[[Quantity, Random], str | None]:
    """A writer of the same quantity in another unit of its dimension."""

    def write(value: Quantity, rng: Random) -> str | None:
        unit = rng.choice(DIMENSIONS[value.dimension])
        amount = value.size / unit.size
        digits = decimal(amount)
        if unit == value.unit or digits is None or len(digits) > 10:
            return None
        return fill(text, d=as_decimal(amount), u=unit.sign, t=_tex_unit(unit), w=unit.words)

    return write


def _wrong_unit(text: str, same_dimension: bool) -> Callable[[Quantity, Random], str | None]:
    """A writer of the same number with another unit."""

    def write(value: Quantity, rng: Random) -> str | None:
        if same_dimension:
            dimension = value.dimension
        else:
            dimension = (value.dimension + rng.randint(1, len(DIMENSIONS) - 1)) % len(DIMENSIONS)
        unit = rng.choice(DIMENSIONS[dimension])
        if unit == value.unit or decimal(value.amount) is None or {unit.sign, value.unit.sign} == {"mL", "cm³"}:  # these two are equal
            return None
        return fill(text, d=value.digits, u=unit.sign, t=_tex_unit(unit), w=unit.words)

    return write


def _converted_bare(value: Quantity, rng: Random) -> str | None:
    unit = rng.choice(DIMENSIONS[value.dimension])
    amount = value.size / unit.size
    return None if unit == value.unit or decimal(amount) is None or amount == value.amount else as_decimal(amount)


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
        quantity_form("\\text", "tex", "<d><t>"),
        quantity_form("\\text set apart", "tex", "<d> <t>"),
        quantity_form("\\mathrm", "tex", r"<d>\,<r>"),
        quantity_form("\\mathrm and a tie", "tex", r"<d>~<r>"),
        quantity_form("a sign", "any", "<d> <u>"),
        quantity_form("a sign, close", "any", "<d><u>"),
        quantity_form("words", "text", "<d> <w>"),
        quantity_form("words in \\text", "tex", r"<d> \text{ <w>}"),
        quantity_form("no unit", "any", "<d>"),
        quantity_form("a name", "tex", "x = <d><t>"),
        quantity_form("a unit after the box", "reply", r"$\boxed{<d>}<t>$"),
        quantity_form("words after the box", "reply", r"The answer is $\boxed{<d>}$ <w>."),
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
        quantity_form("the unit alone", "tex", "<t>"),
        quantity_form("the unit's name alone", "text", "some <w>"),
        quantity_form("thousands", "text", "<d> thousand <w>"),
        quantity_form("millions", "tex", r"<d> \text{ million <w>}"),
        quantity_form("per cent", "tex", r"<d>\%"),
        quantity_form("a variable", "tex", "<d>q"),
        quantity_form("at least", "text", "at least <d> <w>"),
        quantity_form("more than", "sealed", "> <d><t>"),
        quantity_form("a sign before", "tex", "-<d><t>"),
    ),
    snares=SNARES,
    traits=lambda value: SINGLE,
)


# --- two units --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UnitPair:
    """A larger and a smaller unit, each with its sign and its names for one and for several; `size` small units make a large one."""

    large: tuple[str, str, str]
    small: tuple[str, str, str]
    size: int
    chinese: tuple[str, str] = ("", "")


UNIT_PAIRS: tuple[UnitPair, ...] = (
    UnitPair(("h", "hour", "hours"), ("min", "minute", "minutes"), 60, ("小时", "分钟")),
    UnitPair(("min", "minute", "minutes"), ("s", "second", "seconds"), 60, ("分钟", "秒")),
    UnitPair(("ft", "foot", "feet"), ("in", "inch", "inches"), 12),
    UnitPair(("lb", "pound", "pounds"), ("oz", "ounce", "ounces"), 16),
    UnitPair(("m", "meter", "meters"), ("cm", "centimeter", "centimeters"), 100, ("米", "厘米")),
    UnitPair(("kg", "kilogram", "kilograms"), ("g", "gram", "grams"), 1000, ("千克", "克")),
    UnitPair(("days", "day", "days"), ("hours", "hour", "hours"), 24),
)


@dataclass(frozen=True)
class Compound:
    """A quantity in two units, as its total in small units."""

    total: int
    unit_pair: UnitPair

    @property
    def parts(self) -> tuple[int, int]:
        return divmod(self.total, self.unit_pair.size)


def a_compound(rng: Random) -> Compound:
    """Draw a quantity in two units, with neither part 0."""
    unit_pair = rng.choice(UNIT_PAIRS)
    return Compound(rng.randint(1, 9) * unit_pair.size + rng.randint(1, unit_pair.size - 1), unit_pair)


def compound(name: str, stands: Stands, text: str) -> Surface[Compound]:
    """A surface of such quantities: <a> large <A> and <b> small <B> by name, <la> and <lb> by sign, <n> small in all, <q> large as a
    decimal, <i> and <f> large as a mixed number, <ca> and <cb> by Chinese name."""

    def write(value: Compound, rng: Random) -> str | None:
        unit_pair = value.unit_pair
        a, b = value.parts
        large = Fraction(value.total, unit_pair.size)
        digits = decimal(large)
        if a < 1 or b < 1 or ("<q>" in text and (digits is None or len(digits) > 8)) or ("<ca>" in text and not unit_pair.chinese[0]):
            return None
        names = {
            "A": unit_pair.large[1 if a == 1 else 2],
            "B": unit_pair.small[1 if b == 1 else 2],
            "As": unit_pair.large[2],
            "Bs": unit_pair.small[2],
        }
        signs = {"la": unit_pair.large[0], "lb": unit_pair.small[0], "ca": unit_pair.chinese[0], "cb": unit_pair.chinese[1]}
        tail = large - a
        fraction = rf"\frac{{{tail.numerator}}}{{{tail.denominator}}}"
        return fill(text, a=a, b=b, n=value.total, q=digits, f=fraction, **names, **signs)

    return Surface(name, stands, write)


def _parts_as_decimal(value: Compound, rng: Random) -> str | None:
    """Write 1 hour 30 minutes as 1.30 hours."""
    a, b = value.parts
    digits = f"{a}.{b}"
    return None if Fraction(digits) == Fraction(value.total, value.unit_pair.size) else f"{digits} {value.unit_pair.large[2]}"


def _compound_gold(value: Compound, rng: Random) -> Reference:
    a, b = value.parts
    large, small = value.unit_pair.large, value.unit_pair.small
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
    def apply(value: Compound, rng: Random) -> Compound | None:
        rival = Compound(change(value, rng), value.unit_pair)
        return rival if rival.total not in (0, value.total) and all(part > 0 for part in rival.parts) else None

    return Mistake(name, apply)


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
        _compound_mistake("a large unit more", lambda value, rng: value.total + value.unit_pair.size),
        _compound_mistake("a large unit less", lambda value, rng: value.total - value.unit_pair.size),
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
    traits=lambda value: SINGLE,
)

UNITS = (QUANTITY, COMPOUND)
