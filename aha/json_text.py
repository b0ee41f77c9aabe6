"""JSON from anywhere, read strictly and within a bound of memory: the one reader of the package.

Names in an object are unique, numbers are finite and fit a float, nesting is no deeper than that of any record, and
the memory that a text would take is estimated before it is parsed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

DEEPEST = 64  # levels, so that code that walks a value may recurse
LONGEST_NUMBER = 308  # digits: a longer number is no float
PYTHON_DIGITS = 4_300  # the most digits of a whole number that Python reads
MOST_MEMORY = 256 << 20  # bytes of the values, as estimated from the text
A_BRACKET, A_COMMA = 216, 72  # the most bytes of an object or a list, and of a value between two commas beyond its text
_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)  # a string, whose commas and brackets make no values
STRIDE = 77
_LONG_NUMBER = re.compile(rf"\d{{{LONGEST_NUMBER // STRIDE}}}")  # of every 77th letter: a number that is too long has so many digits


class NotJson(ValueError):
    """The error of a text that is not accepted as JSON; it says why, in words for a person."""


def parse_json(text: str | bytes, most: int = MOST_MEMORY, *, number: Callable[[str], Any] = float, digits: int = LONGEST_NUMBER) -> Any:
    """Return the value of a JSON text. NotJson for any other text, or one that would take more than `most` bytes. `number` converts numbers
    with a point or an exponent; a whole number has at most `digits` digits."""
    letters = _letters(text)
    brackets = _brackets(letters)
    if _memory(letters, len(letters)) > most and _memory(_TEXT.sub('""', letters), len(letters)) > most:
        raise NotJson(f"JSON that would take more than {most >> 20:,} MiB of memory")
    try:
        value = _decode(letters, number, digits)
    except json.JSONDecodeError as error:
        if not letters.strip():
            raise NotJson("empty, where JSON is needed") from None
        raise NotJson(f"not JSON at character {error.pos + 1:,} ({error.msg})") from None
    except RecursionError:
        raise NotJson(f"JSON nested deeper than {DEEPEST} levels") from None
    if brackets > DEEPEST and _too_deep(value):
        raise NotJson(f"JSON nested deeper than {DEEPEST} levels")
    return value


def beyond_text(text: str | bytes) -> int:
    """Return the most bytes that the values of a text may take beyond those of the text."""
    return _memory(_TEXT.sub('""', _letters(text)), 0)


def _memory(text: str, size: int) -> int:
    """Return the most bytes that the values of a text may take."""
    return size + A_BRACKET * _brackets(text) + A_COMMA * text.count(",")


def _brackets(text: str) -> int:
    return text.count("{") + text.count("[")


def _letters(text: str | bytes) -> str:
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 at byte {error.start + 1:,}") from None


def _decode(text: str, number: Callable[[str], Any], digits: int) -> Any:
    """Decode a text; whole numbers are checked one by one only if the text may hold one that is too long."""

    def real(numeral: str) -> Any:
        value = float(numeral)
        if not math.isfinite(value) or len(numeral) > 2 * LONGEST_NUMBER:
            raise NotJson(f"{numeral[:20]}: a number that no float can hold")
        return value if number is float else number(numeral)

    long = {"parse_int": lambda numeral: _whole(numeral, digits)} if _LONG_NUMBER.search(text[::STRIDE]) else {}
    return json.loads(text, parse_constant=_no_constant, parse_float=real, object_pairs_hook=_once, **long)  # type: ignore[arg-type]


def _whole(text: str, digits: int) -> int:
    if len(text) > digits:
        raise NotJson(f"a number of {len(text):,} digits: at most {digits:,} are read")
    return int(text)


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # add gives None
        raise NotJson(f"field {twice[:40]!r} is there twice")
    return fields


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node) if isinstance(child, dict | list)]
        if not level:
            return False
    return True
