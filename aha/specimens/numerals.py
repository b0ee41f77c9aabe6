"""Exact numbers written out: digits, decimals that end, repeat or are cut, words, and Chinese numerals."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_DIGITS = "零一二三四五六七八九"


def words(number: int) -> str:
    """English words for 0 to 999,999."""
    units, tens = _UNITS.split(), _TENS.split()
    if number < 20:
        return units[number]
    if number < 100:
        return tens[number // 10 - 2] + (f"-{units[number % 10]}" if number % 10 else "")
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    tail = number % size
    return f"{words(number // size)} {name}" + (f" {words(tail)}" if tail else "")


def chinese(number: int) -> str:
    """Chinese numerals for 0 to 9,999."""
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
    """The digits in full width, as East Asian keyboards write them."""
    return "".join(chr(ord(sign) + 0xFEE0) if sign in "0123456789.-" else sign for sign in text)


def group_digits(number: int, mark: str) -> str:
    """The mark between every three digits."""
    return f"{number:,}".replace(",", mark)


def _apart(denominator: int) -> tuple[int, int]:
    """The digits before a period begins, and the factor of the denominator that makes the period."""
    twos = fives = 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    return max(twos, fives), denominator


def places(value: Fraction) -> int | None:
    """How many decimal places a value has, `None` where they never end."""
    count, tail = _apart(value.denominator)
    return count if tail == 1 else None


def cut(value: Fraction, count: int) -> str:
    """The decimal with so many places, the rest cut off."""
    digits = str(abs(value.numerator) * 10**count // value.denominator).rjust(count + 1, "0")
    sign = "-" if value < 0 and int(digits) else ""
    return f"{sign}{digits[:-count]}.{digits[-count:]}" if count else sign + digits


def round_to(value: Fraction, count: int) -> str:
    """The decimal with so many places, the last one rounded half away from zero."""
    half = Fraction(1, 2 * 10**count)
    return cut(value + (half if value >= 0 else -half), count)


def decimal(value: Fraction) -> str | None:
    """The decimal that ends, `None` where it does not."""
    count = places(value)
    return None if count is None else cut(value, count)


def period_of(value: Fraction) -> tuple[str, str] | None:
    """Digits up to the period (`0.1` of 1/6) and the period (`6`); `None` where it ends, or the period is longer than six."""
    before, tail = _apart(value.denominator)
    length = next((length for length in range(1, 7) if (10**length - 1) % tail == 0), None)
    if tail == 1 or length is None:
        return None
    digits = cut(abs(value), before + length)
    end = len(digits) - length
    return ("-" if value < 0 else "") + digits[:end], digits[end:]


def in_base(number: int, base: int) -> str:
    """The digits of a number from 0 on in a base from 2 to 9."""
    digits = ""
    while number:
        digits = "0123456789"[number % base] + digits
        number //= base
    return digits or "0"


def root(value: Fraction, count: int, rounds: bool) -> str:
    """The square root of a value of at least 0 as a decimal of so many places, rounded or cut off."""
    digits = isqrt(value.numerator * 10 ** (2 * count + 4) // value.denominator)
    return (round_to if rounds else cut)(Fraction(digits, 10 ** (count + 2)), count)
