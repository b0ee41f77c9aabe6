"""The answers that need no reading: the same text, or plain numbers on both sides."""

from __future__ import annotations

import re
from fractions import Fraction

_PLAIN = re.compile(
    r"(?:\$|\\\$)?(?P<sign>-?)(?:(?P<whole>[0-9]{1,3}(?:(?:,|\{,\}|,?\\!)[0-9]{3})+|[0-9]{1,30})(?P<places>\.[0-9]{1,5})?(?P<percent>\\?%)?"
    r"|(?P<top>[0-9]{1,30})/(?P<under>[0-9]{1,30})"
    r"|(?P<mixed>[0-9]{1,30}(?= ?\\))? ?\\[dt]?frac\{(?P<above>-?[0-9]{1,30})\}\{(?P<below>[0-9]{1,30})\})\.?\$?"
)
PLACES = 5  # after the point; more may round a fraction
_SEPARATORS = re.compile(r"[^0-9]+")
_WELL_FORMED = re.compile(
    r"(?:[-+0-9A-Za-z()\[\],.^_/*=<> ]|\\[dt]?frac\{[^{}]{1,40}\}\{[^{}]{1,40}\}|\\(?:sqrt|text)\{[^{}]{1,40}\}|\\pi|\\circ){1,200}"
)


def plainly(gold: str, said: str) -> bool | None:
    """Whether the two are one, where that needs no more than a look; `None` where they have to be read."""
    if gold == said and _WELL_FORMED.fullmatch(gold) and (gold[-1].isalnum() or gold[-1] in ")]}"):
        return True if sum(map(gold.count, "([")) == sum(map(gold.count, ")]")) else None
    one = _number(gold)
    other = _number(said) if one is not None else None
    if one is None or other is None:
        return None
    (value, percent), (claimed, in_percent) = one, other
    if percent == in_percent:
        return value == claimed
    return claimed in (value, value / 100) if percent else claimed / 100 == value


def _number(text: str) -> tuple[Fraction, bool] | None:
    """A whole number, a decimal of few places or a fraction, and whether in percent; `None` for anything else."""
    found = _PLAIN.fullmatch(text)
    if found is None:
        return None
    if found["percent"] and "$" in text.strip("$"):
        return None
    top, under = found["top"] or found["above"], found["under"] or found["below"]
    if top is None:
        whole = found["whole"] if found["whole"].isdigit() else _SEPARATORS.sub("", found["whole"])
        value = Fraction(whole + (found["places"] or "")) if found["places"] else Fraction(int(whole))
    elif int(under) == 0 or (found["mixed"] and not 0 < int(top) < int(under)):
        return None
    else:
        value = Fraction(int(top), int(under)) + int(found["mixed"] or 0)
    return -value if found["sign"] else value, found["percent"] is not None
