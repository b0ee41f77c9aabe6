"""LaTeX answers, as far as exact comparison goes: equal as rationals, or equal as normalised strings.

Two rationals that differ are Wrong, and so are two different words. Two different pieces of mathematics are neither: that takes a judge
of equivalence, so this abstains.
"""

from __future__ import annotations

import re

from aha.answers.claims import claim
from aha.answers.latex import TEXT, normal
from aha.answers.numbers import SEVERAL, SEVERAL_BOXES, TWO_AT_ONCE, Value, one_number, rational
from aha.types import Abstained, Grade, Latex, Right, Wrong

LONGEST_CLAIM = 300

_UNITS = re.compile(r"(?:\\[, ]|~|\s)*\\(?:text|textrm|mbox|mathrm)\s*\{(?![^{}]*\b(?:or|and)\b)[^{}]*\}(?:\^\{?[23]\}?)?[.\s]*$")
_MATHEMATICS = re.compile(r"[0-9^=<>+*/|]|\\[A-Za-z]")


def grade_latex(reference: Latex, answer: str) -> Grade:
    """Right only on equality; Wrong where both are rationals or words that differ, or where no mathematics is claimed."""
    gold, said = _UNITS.sub("", reference.value), claim(answer).text
    short = 0 < len(said) <= LONGEST_CLAIM
    if not short and rational(gold) is None:
        return Wrong("no answer of a readable length")
    if short and (normal(said) in (normal(reference.value), normal(gold)) or normal(_UNITS.sub("", said)) == normal(gold)):
        return Right()
    if (exact := rational(gold)) is not None:
        match _number(answer):
            case Value() as value:
                return Right() if value.equals(exact) else Wrong(f"is a number other than {gold}")
            case Wrong() as several:
                return several
    return _unequal(reference.value, said) if short else Wrong(f"too long to be {gold}")


def _number(answer: str) -> Value | Wrong | None:
    """The number an answer claims: in itself, after the name of a variable, beside units, or last in prose without a mark.

    Wrong where it claims several; `None` where it claims something else."""
    said = claim(answer)
    if (value := rational(normal(said.text))) is not None:
        return value
    found = one_number(answer)
    in_words = not said.marked or _has_words(said.text)
    return found if found in (SEVERAL, SEVERAL_BOXES, TWO_AT_ONCE) or (isinstance(found, Value) and in_words) else None


def _has_words(text: str) -> bool:
    return re.search(r"[A-Za-z]{3,}|[\u4e00-\u9fff]", re.sub(r"\\(?!text)[A-Za-z]+", " ", text)) is not None


def _unequal(gold: str, said: str) -> Grade:
    """Two texts that are not the same: Wrong where either is mere words, else Abstained."""
    gold_words, said_words = (re.sub(r"[^a-z\u4e00-\u9fff]", "", normal(text).lower()) for text in (gold, said))
    if not _MATHEMATICS.search(TEXT.sub(r"\1", gold)):
        return Right() if gold_words == said_words else Wrong(f"is not {gold}")
    if not _MATHEMATICS.search(TEXT.sub(r"\1", said)):
        return Wrong(f"says nothing that could be {gold}")
    return Abstained(f"whether {said!r} equals {gold!r} needs mathematical equivalence")
