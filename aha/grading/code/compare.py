"""What a program printed or returned against what is expected; outside the sandbox, on plain values."""

from __future__ import annotations

import re
from math import isfinite

LONGEST_NUMBER = 400

_DECIMAL = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def output_differs(said: bytes, expected: str, tolerance: float | None) -> str | None:
    """`None` where both have the same words in the same number, ASCII white space apart; else where they differ first."""
    ours, theirs = said.split(), expected.encode("utf-8", "replace").split()
    for place, (one, other) in enumerate(zip(ours, theirs, strict=False), start=1):
        if one != other and not (tolerance is not None and _near(one, other, tolerance)):
            return f"word {place} is {ascii(one[:40])[1:]}, not {ascii(other[:40])[1:]}"
    return None if len(ours) == len(theirs) else f"{len(ours)} words, not {len(theirs)}"


def _near(one: bytes, other: bytes, tolerance: float) -> bool:
    """Whole numbers are equal or not; one beside a decimal is as near as the tolerance itself, however large it is."""
    if not all(len(word) <= LONGEST_NUMBER and _DECIMAL.fullmatch(word) for word in (one, other)):
        return False
    whole = sum(word.lstrip(b"+-").isdigit() for word in (one, other))
    return int(one) == int(other) if whole == 2 else close(float(one), float(other), tolerance, relative=not whole)


def close(one: float, other: float, tolerance: float, *, relative: bool = True) -> bool:
    """Within the tolerance of `other`, absolutely or `relative` to it; NaN and infinities are close to nothing."""
    return isfinite(one) and isfinite(other) and abs(one - other) <= tolerance * (max(1.0, abs(other)) if relative else 1.0)


def same_json(said: object, expected: object, tolerance: float | None) -> bool:
    """Equal as JSON, where a tuple is a list, 2 is 2.0 and a key is the same in digits; a truth value is no number, NaN equals nothing."""
    match expected:
        case None | bool() | str():
            return type(said) is type(expected) and said == expected
        case int() | float():
            return isinstance(said, int | float) and not isinstance(said, bool) and _same_number(said, expected, tolerance)
        case list() if isinstance(said, list | tuple) and len(said) == len(expected):
            return all(same_json(one, other, tolerance) for one, other in zip(said, expected, strict=True))
        case dict() if isinstance(said, dict) and len(said) == len(expected):
            keyed = {_key(key): value for key, value in said.items()}
            return keyed.keys() == expected.keys() and all(same_json(keyed[key], value, tolerance) for key, value in expected.items())
    return False


def _same_number(said: float, expected: float, tolerance: float | None) -> bool:
    whole = isinstance(said, int) + isinstance(expected, int)
    if said == expected or tolerance is None or whole == 2:
        return said == expected
    try:
        return close(float(said), float(expected), tolerance, relative=not whole)
    except OverflowError:  # a whole number beyond floats
        return False


def _key(key: object) -> object:
    """A whole number as JSON writes it as a key."""
    return str(key) if type(key) is int and key.bit_length() < 10_000 else key
