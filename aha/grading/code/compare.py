"""What a program printed or returned against what is expected; outside the sandbox, on plain values."""

from __future__ import annotations

import re
from math import isfinite

LONGEST_NUMBER = 400

_DECIMAL = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def output_differs(output: bytes, expected: str, tolerance: float | None) -> str | None:
    """`None` where both have the same words in the same number, ASCII white space apart; else where they differ first."""
    output_words, expected_words = output.split(), expected.encode("utf-8", "replace").split()
    for place, (actual, wanted_word) in enumerate(zip(output_words, expected_words, strict=False), start=1):
        if actual != wanted_word and not (tolerance is not None and _near(actual, wanted_word, tolerance)):
            return f"word {place} is {ascii(actual[:40])[1:]}, not {ascii(wanted_word[:40])[1:]}"
    return None if len(output_words) == len(expected_words) else f"{len(output_words)} words, not {len(expected_words)}"


def _near(left: bytes, right: bytes, tolerance: float) -> bool:
    """Whole numbers are equal or not; one beside a decimal is as near as the tolerance itself, however large it is."""
    if not all(len(word) <= LONGEST_NUMBER and _DECIMAL.fullmatch(word) for word in (left, right)):
        return False
    whole = sum(word.lstrip(b"+-").isdigit() for word in (left, right))
    return int(left) == int(right) if whole == 2 else close(float(left), float(right), tolerance, relative=not whole)


def close(left: float, right: float, tolerance: float, *, relative: bool = True) -> bool:
    """Within the tolerance of `other`, absolutely or `relative` to it; NaN and infinities are close to nothing."""
    return isfinite(left) and isfinite(right) and abs(left - right) <= tolerance * (max(1.0, abs(right)) if relative else 1.0)


def same_json(actual: object, expected: object, tolerance: float | None) -> bool:
    """Equal as JSON, where a tuple is a list, 2 is 2.0 and a key is the same in digits; a truth value is no number, NaN equals nothing."""
    match expected:
        case None | bool() | str():
            return type(actual) is type(expected) and actual == expected
        case int() | float():
            return isinstance(actual, int | float) and not isinstance(actual, bool) and _same_number(actual, expected, tolerance)
        case list() if isinstance(actual, list | tuple) and len(actual) == len(expected):
            return all(same_json(item, expected_item, tolerance) for item, expected_item in zip(actual, expected, strict=True))
        case dict() if isinstance(actual, dict) and len(actual) == len(expected):
            by_key = {_key(key): value for key, value in actual.items()}
            return by_key.keys() == expected.keys() and all(same_json(by_key[key], value, tolerance) for key, value in expected.items())
    return False


def _same_number(actual: float, expected: float, tolerance: float | None) -> bool:
    whole = isinstance(actual, int) + isinstance(expected, int)
    if actual == expected or tolerance is None or whole == 2:
        return actual == expected
    try:
        return close(float(actual), float(expected), tolerance, relative=not whole)
    except OverflowError:  # a whole number beyond floats
        return False


def _key(key: object) -> object:
    """A whole number as JSON writes it as a key."""
    return str(key) if type(key) is int and key.bit_length() < 10_000 else key
