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
_NUMBER_FORM = re.compile(
    r"(?:[-+0-9A-Za-z()\[\],.^_/*=<> ]|\\[dt]?frac\{[^{}]{1,40}\}\{[^{}]{1,40}\}|\\(?:sqrt|text)\{[^{}]{1,40}\}|\\pi|\\circ){1,200}"
)


def plainly(gold: str, claim_text: str) -> bool | None:
    """Whether the two are one, where that needs no more than a look; `None` where they have to be read."""
    if gold == claim_text and _NUMBER_FORM.fullmatch(gold) and (gold[-1].isalnum() or gold[-1] in ")]}"):
        return True if sum(map(gold.count, "([")) == sum(map(gold.count, ")]")) else None
    gold_number = _number(gold)
    claim_number = _number(claim_text) if gold_number is not None else None
    if gold_number is None or claim_number is None:
        return None
    (value, percent), (claim_value, in_percent) = gold_number, claim_number
    if percent == in_percent:
        return value == claim_value
    return claim_value in (value, value / 100) if percent else claim_value / 100 == value


def _number(text: str) -> tuple[Fraction, bool] | None:
    """A whole number, a decimal of few places or a fraction, and whether in percent; `None` for anything else."""
    match = _PLAIN.fullmatch(text)
    if match is None:
        return None
    if match["percent"] and "$" in text.strip("$"):
        return None
    top, under = match["top"] or match["above"], match["under"] or match["below"]
    if top is None:
        whole = match["whole"] if match["whole"].isdigit() else _SEPARATORS.sub("", match["whole"])
        value = Fraction(whole + (match["places"] or "")) if match["places"] else Fraction(int(whole))
    elif int(under) == 0 or (match["mixed"] and not 0 < int(top) < int(under)):
        return None
    else:
        value = Fraction(int(top), int(under)) + int(match["mixed"] or 0)
    return -value if match["sign"] else value, match["percent"] is not None
