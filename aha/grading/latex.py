"""LaTeX answers, as far as exact comparison goes: equal as rationals, or equal as normalised strings.

Two rationals that differ are Wrong. Two different pieces of mathematics are neither: that takes a judge of equivalence, so this abstains.
Words and prose are compared as they stand.
"""

from __future__ import annotations

import re

from aha.grading.answers import claim
from aha.grading.numbers import Value, last_number, one_number, rational
from aha.grading.symbols import plain
from aha.types import Abstained, Grade, Latex, Right, Wrong

LONGEST_CLAIM = 300

_DROPPED = re.compile(r"\\left(?![a-z])|\\right(?![a-z])|\\[!,;:> ]|\\displaystyle|\^\s*\\circ|\^\s*\{\s*\\circ\s*\}|\\degree|[°$\s~]")
_TEXT = re.compile(r"\\(?:text|mbox|textbf|textit|mathrm|mathbf|operatorname)\s*\{([^{}]{0,300})\}")
_FRAC = re.compile(r"\\[dtc]frac")
_BARE_FRAC = re.compile(r"\\frac(?:([0-9])([0-9])|([0-9])(\{[^{}]{1,300}\})|(\{[^{}]{1,300}\})([0-9]))")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_WORD = re.compile(r"[A-Za-z]{3,}|[\u4e00-\u9fff]{2,}")


def normal(text: str) -> str:
    """One string for the ways to typeset one formula: no blanks, no size commands, one kind of fraction, no text boxes, no final period."""
    text = _TEXT.sub(r"\1", plain(text).replace("\\$", "").replace("\\%", "%"))
    text = _FRAC.sub(r"\\frac", _DROPPED.sub("", text)).replace("\\{", "{").replace("\\}", "}").replace("{,}", ",")
    text = _BARE_FRAC.sub(_braced, text).rstrip(".")
    text = re.sub(r"([\^_])\{([A-Za-z0-9])\}", r"\1\2", text)
    return re.sub(r"\\sqrt([0-9a-z])", r"\\sqrt{\1}", text)


def _braced(match: re.Match[str]) -> str:
    top, under = (group if group.startswith("{") else f"{{{group}}}" for group in match.groups() if group is not None)
    return f"\\frac{top}{under}"


def _after_name(text: str) -> str:
    """The right side of `x = …`, where the left is one letter."""
    return re.sub(r"^[A-Za-z](?:_?[0-9A-Za-z])?(?:\([a-z]\))?=(?!=)", "", text)


def _is_words(text: str) -> bool:
    """Whether the text says something in words rather than in mathematics."""
    return bool(_WORD.search(_COMMAND.sub(" ", text)))


def parses(reference: Latex) -> bool:
    """Whether a gold answer can be compared with at all: something stands there, and its braces balance."""
    inside = reference.value.replace("\\{", "").replace("\\}", "")
    return bool(normal(reference.value)) and inside.count("{") == inside.count("}")


def grade_latex(reference: Latex, answer: str) -> Grade:
    """Right only on equality; Wrong where both are rationals or words that differ, or nothing mathematical is claimed."""
    said = claim(answer)
    gold = rational(reference.value)
    if (same := normal(said.text)) and _after_name(same) == _after_name(normal(reference.value)):
        return Right()
    if gold is not None and (value := rational(_after_name(normal(said.text))) or _only_number(answer, said.marked)):
        return Right() if value.equals(gold) else Wrong(f"is a number other than {reference.value}")
    return _undecided(reference.value, said.text)


def _only_number(answer: str, marked: bool) -> Value | None:
    """The number in prose without a mark, or beside units."""
    value = one_number(answer)
    unmarked = not marked or _is_words(claim(answer).text)
    return value if isinstance(value, Value) and unmarked else None


def _undecided(gold: str, said: str) -> Grade:
    if not said or len(said) > LONGEST_CLAIM:
        return Wrong("no answer of a readable length")
    if _is_words(gold) or _is_words(normal(_TEXT.sub(r" \1 ", said))):
        same = re.sub(r"[^a-z0-9]", "", normal(gold).lower()) == re.sub(r"[^a-z0-9]", "", normal(said).lower())
        return Right() if same and normal(gold).isalpha() else Wrong(f"is not {gold}")
    if isinstance(last_number(said), Value) and rational(gold) is not None and rational(said) is not None:
        return Wrong(f"is not {gold}")
    return Abstained(f"whether {said!r} equals {gold!r} needs mathematical equivalence")
