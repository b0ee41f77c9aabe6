"""Numbers as people write them, compared as exact rationals; no float is ever made.

`72`, `-3`, `−3`, `1,234.50`, `$18`, `3/4`, `1 1/2`, `25%`, `72 clips`. A percent sign is read both ways: 25 % equals 25 (as answers to
"what percentage?" are written) and 0.25. An answer that offers several different numbers is wrong, and so is a sum left undone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from aha.answers.boxes import boxes
from aha.answers.claims import claim
from aha.answers.symbols import arithmetic
from aha.types import Wrong

SEVERAL, SEVERAL_BOXES = Wrong("several different numbers"), Wrong("several boxes with different content")
TWO_AT_ONCE, BOUND = Wrong("stands for two numbers at once"), Wrong("a bound or a denial, not a number")

_WHOLE = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,40}(?![0-9])|[0-9]{1,400})"
_DECIMAL = rf"(?:{_WHOLE}(?:\.[0-9]{{1,400}})?|\.[0-9]{{1,400}})"
_SIGNED = rf"(?:(?<![\w.)\]])[-+][$€£¥￥]?|[$€£¥￥][-+]?|(?<![A-Za-z0-9_^])(?<!\^\{{)(?<![0-9][.,])){_DECIMAL}"
_NUMBER = re.compile(rf"(?P<top>{_SIGNED})(?:(?: (?P<over>[0-9]{{1,9}}))? ?/ ?(?P<under>[0-9]{{1,400}}))?(?P<percent> ?%)?")

_SAME = re.compile(r"(?i)[\s,;、，；|$]*(?:\b(?:or|and)\b|或者?|和)?[\s$]*(?:[a-z]\s*=)?[\s$]*")
_OR = re.compile(r"(?i)\bor\b|或")
_UNDONE = re.compile(r"\s*[-+*/^]+\s*\(?\s*\$?|\s*\)\s*[-+*/^]*\s*\(?\s*")
_FUNCTION = r"\\(?:sqrt|[dtc]?frac|d?binom|log|ln|sin|cos|tan|exp|pi|sum)(?![A-Za-z])"
_GOES_ON = re.compile(rf"\s*(?:[*/^]|[-+]\s*(?:[(\\]|[A-Za-z]\b)|{_FUNCTION})|[nxyz](?![A-Za-z])|\s*\}}\s*(?:\{{|{_FUNCTION})")
_GOES_BEFORE = re.compile(rf"(?:{_FUNCTION}|\^)[^=≈\n$A-Za-z]*$")
_BOUND = re.compile(  # "at least 3", "not 3"
    r"(?i)(?:\b(?:not|at (?:least|most)|(?:more|less|fewer|greater|larger|smaller|other) than|(?:any|every|no)thing but|except|above|below)"
    r"|n't(?: be)?|\\(?:geq?|leq?|neq?|geqslant|leqslant|gt|lt|not)|(?<![<>])[<>≤≥≠]=?|!=|不是|不等于|大于|小于|至少|至多|不)\s*[$(]?\s*$"
)
_OR_MORE = re.compile(r"(?i)\s*(?:[$)}]\s*)?(?:or (?:more|less|fewer|above|below|greater|larger|smaller)\b|\+\s*(?:[.。$]|$)|以上|以下)")
_BOLD = re.compile(r"(?<![0-9A-Za-z)])\*\*([^*\n]{1,200})\*\*")


@dataclass(frozen=True)
class Value:
    """An exact value; `percent` where it was written with the sign."""

    exact: Fraction
    percent: bool = False

    def equals(self, other: Value) -> bool:
        if self.exact == other.exact:
            return True
        written, bare = (self, other) if self.percent else (other, self)
        return written.percent and not bare.percent and written.exact / 100 == bare.exact


def tidy(text: str) -> str:
    """The LaTeX around plain numbers taken away: `\\$1{,}234\\%`, `10\\,000`, `\\text{ clips}`, `\\frac{3}{4}`."""
    text = _BOLD.sub(r"\1", arithmetic(text)).replace(r"\!", "").replace("{,}", ",").replace(r"\$", "$").replace(r"\%", "%")
    text = re.sub(r"(?<=[0-9])(?:\\,|\\ )(?=[0-9]{3}(?![0-9]))", "", text).replace(r"\,", " ").replace("\\ ", " ")
    text = re.sub(r"(?<=[0-9])\s*\\[dtc]?frac\s*\{([0-9]{1,400})\}\s*\{([0-9]{1,400})\}", r" \1/\2", text)
    text = re.sub(r"\\[dtc]?frac\s*\{(-?[0-9]{1,400})\}\s*\{([0-9]{1,400})\}", r"\1/\2", text)
    text = re.sub(r"\\(?:text|mbox|mathrm|textbf|mathbf)\s*\{([^{}]{0,200})\}", r"\1", text)
    text = re.sub(r"\\[dtc]?frac\s*([0-9])\s*([0-9])(?![0-9])", r"\1/\2", text)
    return re.sub(r"(\\[A-Za-z]+)(?=[0-9])", r"\1 ", text)


def _value(match: re.Match[str]) -> Value | None:
    """`None` for a division by zero and for a mixed number with a fractional whole part."""
    top = Fraction(re.sub(r"[,$€£¥￥+]", "", match["top"]))
    under = int(match["under"] or 1)
    if under == 0:
        return None
    if match["over"] is None:
        return Value(top / under, match["percent"] is not None)
    if top.denominator != 1:
        return None
    part = Fraction(int(match["over"]), under)
    return Value(top - part if match["top"].startswith("-") else top + part, match["percent"] is not None)


def rational(text: str) -> Value | None:
    """The value of a text that is one number and nothing else (currency, percent and a final period aside)."""
    text = tidy(text).replace("$", "").strip().removesuffix(".").strip()
    text = text[1:-1] if re.fullmatch(r"\([^(),]*\)", text) else text
    match = _NUMBER.fullmatch(re.sub(r"^([-+]) +", r"\1", text.strip()))
    return _value(match) if match else None


def last_number(text: str) -> Value | Wrong:
    """The number a text ends on, whatever words stand around it; Wrong for none, for alternatives and for a sum left undone."""
    text = tidy(text)
    found = list(_NUMBER.finditer(text))
    if not found:
        return Wrong("no number in the answer")
    last = _value(found[-1])
    if last is None:
        return Wrong("the last number divides by zero")
    if "±" in text or r"\pm" in text:
        return TWO_AT_ONCE
    return _alone(text, found, last)


def _alone(text: str, found: list[re.Match[str]], last: Value) -> Value | Wrong:
    """The last number, unless it is one of several alternatives or an operand."""
    for earlier, later in zip(reversed(found[:-1]), reversed(found[1:]), strict=True):
        between = text[earlier.end() : later.start()]
        if later is found[-1] and _UNDONE.fullmatch(between):
            return Wrong("a calculation, not a number")
        if not (_SAME.fullmatch(between) or _OR.search(between)):
            break
        other = _value(earlier)
        if other is None or not other.equals(last):
            return SEVERAL
    first = found[-1].start()
    if _GOES_ON.match(text, found[-1].end()) or _GOES_BEFORE.search(text[max(0, first - 30) : first]):
        return Wrong("a calculation, not a number")
    if _BOUND.search(text[max(0, first - 30) : first]) or _OR_MORE.match(text, found[-1].end()):
        return BOUND
    return last


def one_number(answer: str) -> Value | Wrong:
    """The single number an answer claims."""
    if _boxes_differ(answer):
        return SEVERAL_BOXES
    said = claim(answer)
    return rational(said.text) or last_number(said.text)


def _boxes_differ(answer: str) -> bool:
    """Whether the last box is offered beside another one, as in `\\boxed{7} or \\boxed{8}`."""
    found = boxes(answer)
    if len(found) < 2:
        return False
    (before, _, end), (last, start, _) = found[-2:]
    between = answer[end:start]
    return before.strip() != last.strip() and bool(_SAME.fullmatch(between) or _OR.search(between))
