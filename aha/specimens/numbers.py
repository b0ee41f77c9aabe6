"""A single exact number on every surface.

Exact numbers are written as digits, as decimals that end, repeat or are cut, as words, and as Chinese numerals.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isqrt
from random import Random

from aha.specimens.family import Stands, Surface

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_DIGITS = "零一二三四五六七八九"


def words(number: int) -> str:
    """Return the English words for 0 to 999,999."""
    units, tens = _UNITS.split(), _TENS.split()
    if number < 20:
        return units[number]
    if number < 100:
        return tens[number // 10 - 2] + (f"-{units[number % 10]}" if number % 10 else "")
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    tail = number % size
    return f"{words(number // size)} {name}" + (f" {words(tail)}" if tail else "")


def chinese(number: int) -> str:
    """Return the Chinese numerals for 0 to 9,999."""
    if number < 10:
        return _DIGITS[number]
    if number < 20:
        return "十" + (_DIGITS[number % 10] if number % 10 else "")
    size, name = next((size, name) for size, name in ((1000, "千"), (100, "百"), (10, "十")) if number >= size)
    tail = number % size
    if not tail:
        return _DIGITS[number // size] + name
    gap = "零" if tail * 10 < size else ""
    return _DIGITS[number // size] + name + gap + ("一" if 10 <= tail < 20 else "") + chinese(tail)


def wide(text: str) -> str:
    """Return the digits in full width, as East Asian keyboards write them."""
    return "".join(chr(ord(sign) + 0xFEE0) if sign in "0123456789.-" else sign for sign in text)


def group_digits(number: int, mark: str) -> str:
    """Return the number with the mark between every three digits."""
    return f"{number:,}".replace(",", mark)


def _apart(denominator: int) -> tuple[int, int]:
    """Return the number of digits before a period begins, and the factor of the denominator that makes the period."""
    twos = fives = 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    return max(twos, fives), denominator


def places(value: Fraction) -> int | None:
    """Return the number of decimal places of a value, `None` if they never end."""
    count, tail = _apart(value.denominator)
    return count if tail == 1 else None


def cut(value: Fraction, count: int) -> str:
    """Return the decimal with so many places, the rest cut off."""
    digits = str(abs(value.numerator) * 10**count // value.denominator).rjust(count + 1, "0")
    sign = "-" if value < 0 and int(digits) else ""
    return f"{sign}{digits[:-count]}.{digits[-count:]}" if count else sign + digits


def round_to(value: Fraction, count: int) -> str:
    """Return the decimal with so many places, the last one rounded half away from zero."""
    half = Fraction(1, 2 * 10**count)
    return cut(value + (half if value >= 0 else -half), count)


def decimal(value: Fraction) -> str | None:
    """Return the decimal if it ends, else `None`."""
    count = places(value)
    return None if count is None else cut(value, count)


def period_of(value: Fraction) -> tuple[str, str] | None:
    """Return the digits up to the period (`0.1` for 1/6) and the period (`6`); `None` if the decimal ends or the period is longer than
    six."""
    before, tail = _apart(value.denominator)
    length = next((length for length in range(1, 7) if (10**length - 1) % tail == 0), None)
    if tail == 1 or length is None:
        return None
    digits = cut(abs(value), before + length)
    end = len(digits) - length
    return ("-" if value < 0 else "") + digits[:end], digits[end:]


def in_base(number: int, base: int) -> str:
    """Return the digits of a number from 0 on in a base from 2 to 9."""
    digits = ""
    while number:
        digits = "0123456789"[number % base] + digits
        number //= base
    return digits or "0"


def root(value: Fraction, count: int, rounds: bool) -> str:
    """Return the square root of a value of at least 0 as a decimal of so many places, rounded or cut off."""
    digits = isqrt(value.numerator * 10 ** (2 * count + 4) // value.denominator)
    return (round_to if rounds else cut)(Fraction(digits, 10 ** (count + 2)), count)


THINGS = "apples books students marbles ways people coins tickets pages minutes".split()
NAMES = ("x", "n", "x_1", "a_{10}", "S", "m+n", "f(3)", "P(A)", r"\text{Area}", "|AB|", r"\angle ABC", "N", "k", r"\alpha", r"\text{total}")
VULGAR = {Fraction(1, 2): "½", Fraction(1, 4): "¼", Fraction(3, 4): "¾", Fraction(1, 3): "⅓", Fraction(2, 3): "⅔", Fraction(1, 8): "⅛"}

Exact = Surface[Fraction]
Writes = Callable[[Fraction, Random], str | None]


def whole(value: Fraction) -> int | None:
    """Return the value as an integer, or None if it is not one."""
    return value.numerator if value.denominator == 1 else None


def fill(text: str, **parts: object) -> str:
    """Return the text with each <name> in it replaced."""
    for name, part in parts.items():
        text = text.replace(f"<{name}>", str(part))
    return text


# --- whole numbers ----------------------------------------------------------------------------------------------------


def of_whole(name: str, stands: Stands, text: str, least: int | None = None, most: int | None = None) -> Exact:
    """A surface of integers within bounds: <n> the number, <a> its size, <t> a thing, <x> a name, <k> a small number, <m> n - k, <p> n
    times k."""

    def write(value: Fraction, rng: Random) -> str | None:
        n = whole(value)
        if n is None or (least is not None and n < least) or (most is not None and n > most):
            return None
        k = rng.randint(2, 9)
        return fill(text, n=n, a=abs(n), t=rng.choice(THINGS), x=rng.choice(NAMES), k=k, m=n - k, p=n * k)

    return Surface(name, stands, write)


def if_whole(name: str, stands: Stands, write: Callable[[int], str | None], least: int | None = None, most: int | None = None) -> Exact:
    """A surface of integers within bounds that a function writes."""

    def write_whole(value: Fraction, rng: Random) -> str | None:
        n = whole(value)
        outside = n is None or (least is not None and n < least) or (most is not None and n > most)
        return None if n is None or outside else write(n)

    return Surface(name, stands, write_whole)


DIGITS = of_whole("digits", "any", "<n>")


def _mantissa(number: int) -> tuple[str, int] | None:
    """Return `3.2` and 4 for 32,000; `None` for a number that does not end in a zero."""
    if number == 0 or number % 10:
        return None
    digits = str(abs(number)).rstrip("0")
    sign = "-" if number < 0 else ""
    return sign + digits[0] + (f".{digits[1:]}" if digits[1:] else ""), len(str(abs(number))) - 1


def _power(text: str) -> Callable[[int], str | None]:
    return lambda n: fill(text, m=parts[0], e=parts[1]) if (parts := _mantissa(n)) else None


def _in(scale: int, text: str) -> Callable[[int], str | None]:
    def write(n: int) -> str | None:
        count = decimal(Fraction(n, scale))
        return fill(text, m=count) if count and len(count) <= 6 else None

    return write


WHOLE: tuple[Exact, ...] = (
    DIGITS,
    of_whole("one decimal place", "any", "<n>.0"),
    of_whole("two decimal places", "any", "<n>.00"),
    of_whole("a plus sign", "any", "+<n>", 1),
    of_whole("a leading zero", "any", "0<n>", 1),
    of_whole("a trailing dot", "sealed", "<n>."),
    of_whole("a minus sign of its own", "any", "−<a>", None, -1),
    of_whole("a minus sign set apart", "sealed", "- <a>", None, -1),
    of_whole("a spoken minus", "text", "minus <a>", None, -1),
    of_whole("a spoken negative", "text", "negative <a>", None, -1),
    of_whole("a negative in \\text", "sealed", r"\text{negative } <a>", None, -1),
    of_whole("a Chinese minus", "text", "负<a>", None, -1),
    of_whole("a name before", "tex", "<x> = <n>"),
    of_whole("a name after", "tex", "<n> = x"),
    of_whole("a calculation with a name", "tex", "<x> = <m> + <k> = <n>", 10),
    of_whole("a true equation", "any", "<m> + <k> = <n>", 10),
    of_whole("an unreduced fraction", "tex", r"\frac{<p>}{<k>}"),
    of_whole("a thing", "text", "<n> <t>", 2),
    of_whole("a thing in \\text", "tex", r"<n> \text{ <t>}", 2),
    of_whole("centimetres", "tex", r"<n>\text{ cm}", 1),
    of_whole("square metres", "tex", r"<n>\,\mathrm{m}^2", 1),
    of_whole("square centimetres in words", "text", "<n> square centimeters", 2),
    of_whole("dollars", "tex", r"\$<n>", 1),
    of_whole("dollars in a sentence", "bare", "$<n>", 1),
    of_whole("dollars in \\text", "tex", r"<n> \text{ dollars}", 2),
    of_whole("euros", "any", "€<n>", 1),
    of_whole("Chinese money", "text", "<n>元", 1),
    of_whole("a Chinese measure word", "text", "<n>个", 1),
    of_whole("degrees", "tex", r"<n>^\circ", 1),
    of_whole("degrees in \\text", "tex", r"<n> \text{ degrees}", 1),
    of_whole("an absolute value", "tex", "|-<n>|", 1),
    of_whole("base ten", "tex", "<n>_{10}", 1),
    of_whole("an answer in \\text", "sealed", r"\text{Answer: } <n>"),
    of_whole("an equation with Answer", "sealed", "Answer = <n>"),
    of_whole("in parentheses", "sealed", "(<n>)"),
    of_whole("in braces", "tex", "{<n>}"),
    of_whole("in \\left and \\right", "tex", r"\left( <n> \right)"),
    if_whole("commas", "any", lambda n: group_digits(n, ",") if abs(n) >= 1000 else None),
    if_whole("braced commas", "tex", lambda n: group_digits(n, "{,}") if abs(n) >= 1000 else None),
    if_whole("thin spaces", "tex", lambda n: group_digits(n, r"\,") if abs(n) >= 1000 else None),
    if_whole("commas drawn close", "tex", lambda n: group_digits(n, r",\!") if abs(n) >= 1000 else None),
    if_whole("dollars with commas", "tex", lambda n: r"\$" + group_digits(n, ",") if n >= 1000 else None),
    if_whole("English words", "text", words, 0, 100),
    if_whole("Chinese numerals", "text", chinese, 0, 9999),
    if_whole("full width", "text", lambda n: wide(str(n)), 0),
    if_whole("a power of ten", "tex", _power(r"<m> \times 10^{<e>}")),
    if_whole("a power of ten with a dot", "tex", _power(r"<m>\cdot10^{<e>}")),
    if_whole("an exponent", "any", _power("<m>e<e>")),
    if_whole("millions", "text", _in(1_000_000, "<m> million"), 500_000),
    if_whole("millions in \\text", "tex", _in(1_000_000, r"<m>\text{ million}"), 500_000),
    if_whole("thousands", "text", _in(1000, "<m> thousand"), 1000, 999_000),
    if_whole("Chinese ten thousands", "text", _in(10_000, "<m>万"), 10_000),
)


# --- fractions and decimals -------------------------------------------------------------------------------------------


def of_fraction(name: str, stands: Stands, text: str, digits: int = 9, only_negative: bool = False) -> Exact:
    """A surface of fractions: <s> the sign, <a> and <b> the parts (at most so many digits), <k> a factor, <i>, <c> the mixed number's
    parts. `only_negative`: only for negative values."""

    def write(value: Fraction, rng: Random) -> str | None:
        a, b = abs(value.numerator), value.denominator
        if b == 1 or len(str(max(a, b))) > digits or (only_negative and value >= 0) or ("<i>" in text and a < b):
            return None
        k = rng.randint(2, 9)
        parts = {"s": "-" if value < 0 else "", "a": a, "b": b, "ka": a * k, "kb": b * k, "i": a // b, "c": a % b}
        return fill(text, x=rng.choice(NAMES), t=rng.choice(THINGS), **parts)

    return Surface(name, stands, write)


def _sum(value: Fraction, rng: Random) -> str | None:
    """Return two fractions that add up to the value."""
    step = Fraction(1, rng.randint(2, 9))
    first = value - step
    if first <= 0 or value.denominator > 99:
        return None
    return rf"\frac{{{first.numerator}}}{{{first.denominator}}} + \frac{{{step.numerator}}}{{{step.denominator}}}"


def _decimal(text: str, zeros: str = "") -> Writes:
    """A writer of decimals: <d> the digits and some zeros, <f> the digits of a value below 1 without the zero before the dot."""

    def write(value: Fraction, rng: Random) -> str | None:
        digits = decimal(value) if value.denominator > 1 else None
        if digits is None or len(digits) > 20 or ("<f>" in text and abs(value) > 1):
            return None
        return fill(text, d=digits + zeros, f=digits.replace("0.", ".", 1), x=rng.choice(NAMES))

    return write


def _percent(text: str) -> Writes:
    def write(value: Fraction, rng: Random) -> str | None:
        digits = decimal(100 * value)
        return None if digits is None or len(digits) > 8 or value.denominator == 1 or abs(value) > 2 else fill(text, d=digits)

    return write


def _period(text: str, longest: int = 6) -> Writes:
    def write(value: Fraction, rng: Random) -> str | None:
        parts = period_of(value)
        if parts is None or len(parts[1]) > longest:
            return None
        start, period = parts
        return fill(text, s=start, p=period, ppp=period * (6 // len(period) + 1), d="".join(rf"\dot{{{digit}}}" for digit in period))

    return write


def _long(rounds: bool) -> Writes:
    def write(value: Fraction, rng: Random) -> str | None:
        return None if places(value) is not None else (round_to if rounds else cut)(value, rng.randint(6, 14))

    return write


FRACTION: tuple[Exact, ...] = (
    of_fraction("a fraction", "tex", r"<s>\frac{<a>}{<b>}"),
    of_fraction("a display fraction", "tex", r"<s>\dfrac{<a>}{<b>}"),
    of_fraction("a text fraction", "tex", r"<s>\tfrac{<a>}{<b>}"),
    of_fraction("a slash", "any", "<s><a>/<b>"),
    of_fraction("a slash set apart", "any", "<s><a> / <b>"),
    of_fraction("an unbraced fraction", "tex", r"<s>\frac<a><b>", 1),
    of_fraction("a half braced fraction", "tex", r"<s>\frac<a>{<b>}", 1),
    of_fraction("\\over", "tex", r"<s>{<a> \over <b>}"),
    of_fraction("an unreduced fraction", "tex", r"<s>\frac{<ka>}{<kb>}"),
    of_fraction("an unreduced slash", "any", "<s><ka>/<kb>"),
    of_fraction("a fraction in \\left and \\right", "tex", r"<s>\left(\frac{<a>}{<b>}\right)"),
    of_fraction("a name before", "tex", r"<x> = <s>\frac{<a>}{<b>}"),
    of_fraction("an answer in \\text", "sealed", r"\text{Answer: } <s>\frac{<a>}{<b>}"),
    of_fraction("a unit", "tex", r"<s>\frac{<a>}{<b>} \text{ cm}"),
    of_fraction("a mixed number", "tex", r"<s><i>\frac{<c>}{<b>}"),
    of_fraction("a mixed number set apart", "tex", r"<s><i> \frac{<c>}{<b>}"),
    of_fraction("a mixed number in text", "any", "<s><i> <c>/<b>"),
    Surface(
        "a Chinese fraction",
        "text",
        lambda value, rng: (
            f"{chinese(value.denominator)}分之{chinese(value.numerator)}"
            if value.denominator > 1 and 0 < value.numerator < 100 and value.denominator < 100
            else None
        ),
    ),
)

NEGATIVE: tuple[Exact, ...] = (
    of_fraction("a negative numerator", "tex", r"\frac{-<a>}{<b>}", only_negative=True),
    of_fraction("a negative denominator", "tex", r"\frac{<a>}{-<b>}", only_negative=True),
)

SINGLE_SIGN: tuple[Exact, ...] = (Surface("a single sign", "any", lambda value, rng: VULGAR.get(value)),)

DECIMAL: tuple[Exact, ...] = (
    Surface("a decimal", "any", _decimal("<d>")),
    Surface("a decimal with zeros", "any", _decimal("<d>", "00")),
    Surface("a decimal with a name", "tex", _decimal("<x> = <d>")),
    Surface("a decimal with a unit", "tex", _decimal(r"<d>\text{ cm}")),
    Surface("a decimal with a unit in words", "text", _decimal("<d> meters")),
    Surface("a decimal in \\mathrm units", "tex", _decimal(r"<d>\,\mathrm{kg}")),
)

BELOW_1: tuple[Exact, ...] = (Surface("a decimal without its zero", "any", _decimal("<f>")),)

PERCENT: tuple[Exact, ...] = (
    Surface("per cent", "any", _percent("<d>%")),
    Surface("per cent in LaTeX", "tex", _percent(r"<d>\%")),
    Surface("per cent set apart", "tex", _percent(r"<d> \%")),
)

SUM: tuple[Exact, ...] = (
    Surface("a sum of fractions", "tex", _sum),
    of_fraction("a division", "tex", r"<s><a> \div <b>"),
)

PERIODS: tuple[Exact, ...] = (
    Surface("a bar over the period", "tex", _period(r"<s>\overline{<p>}")),
    Surface("a bar over one digit", "tex", _period(r"<s>\bar{<p>}", 1)),
    Surface("dots over the period", "tex", _period(r"<s><d>", 2)),
    Surface("parentheses around the period", "any", _period("<s>(<p>)")),
    Surface("three dots", "sealed", _period("<s><ppp>...", 2)),
    Surface("\\ldots", "tex", _period(r"<s><ppp>\ldots", 2)),
    Surface("\\dots", "tex", _period(r"<s><ppp>\dots", 2)),
    Surface("\\cdots", "tex", _period(r"<s><ppp>\cdots", 2)),
    Surface("one sign of three dots", "sealed", _period("<s><ppp>…", 2)),
)

LONG: tuple[Exact, ...] = (
    Surface("six places or more, rounded", "any", _long(True), exact=False),
    Surface("six places or more, cut off", "any", _long(False), exact=False),
)
