"""From two texts to a verdict: words against words, times against times, trees against trees, and a last number or formula in prose."""

from __future__ import annotations

import re
from fractions import Fraction
from zlib import crc32

from aha.answers.claims import Claim
from aha.answers.formulas import BRACKETS, LISTS, RELATIONS, Call, Node, Num, symbols
from aha.answers.numbers import Value, last_number, rational
from aha.answers.prose import ending, first_sentence, last_formulas
from aha.answers.reading import Reading, is_degrees, other_readings, read, same_words
from aha.answers.replies import answer_part
from aha.answers.words import bare, folded
from aha.grading.maths.functions import Beyond, Opaque, Undefined
from aha.grading.maths.same import same
from aha.grading.maths.scalars import value_of
from aha.grading.maths.settings import Settings
from aha.grading.maths.values import At

LONGEST_FORMULA = 300
_DEGREES = re.compile(r"\\circ|°|\b[Dd]egrees?\b|[0-9]\s*度|度数")
_DECIMAL_COMMA = re.compile(r"(?<![0-9.,])([0-9]+),([0-9]{1,2}|[0-9]{4,})(?![0-9,])")
_DENIED = re.compile(r"(?i)\b(?:and |but )?not\s+(?:\$[^$\n]{1,80}\$|-?[0-9][0-9.,/]*)\s*\)?\s*\.?\s*$")  # "5, not 11"
_NUMBERS = re.compile(r"[0-9][0-9.,]*")
_AFTER_COMMA = {True: "[0-9]{2}", False: "[0-9]{1,2}|[0-9]{4,}"}  # three digits are thousands, one may be a list
_BRACES = re.compile(r"[{}\s]")
_LETTERS = re.compile(r"\(?[A-Za-z]{1,3}\)?\.?")
_STRUCTURES = (*LISTS, *BRACKETS, *RELATIONS, "set", "matrix", "row", "unit", "cup", "cap", "setminus", "such")


def verdict(gold: Reading, claimed: Claim, answer: str, settings: Settings) -> bool | None:
    """Whether the claim says what the reference says; `None` where only algebra can tell."""
    said = read(claimed.text) if claimed.marked or len(claimed.text) <= LONGEST_FORMULA else Reading(claimed.text)
    if gold.text == said.text or (gold.cleaned == said.cleaned and gold.cleaned):
        return True
    if (decided := _without_algebra(gold, said)) is not None:
        return decided
    if gold.exotic and said.exotic and _BRACES.sub("", gold.cleaned) == _BRACES.sub("", said.cleaned):
        return True
    if said.node is None:
        spoken = _in_prose(gold, claimed, settings)
        return None if said.exotic and not spoken and len(claimed.text) <= LONGEST_FORMULA else spoken
    if gold.node is None:
        return None
    node = said.node
    if is_degrees(gold.node) and not is_degrees(node) and _speaks_of_degrees(answer, claimed.text):
        node = Call("°", (node,))
    found = _compared(gold, node, settings)
    if found is True or (found is not None and symbols(gold.node)):
        return found
    pairs = [(other, node) for other in _others(gold, said, of_reference=True)]
    pairs += [(gold.node, other) for other in _others(said, gold, of_reference=False)]
    return True if any(same(*pair, settings) for pair in pairs) else found


def _others(reading: Reading, against: Reading, *, of_reference: bool) -> list[Node]:
    """Other readings of one side: a decimal comma where the other side is a decimal, a unit of one letter where the answer adds one."""
    if against.node is None or symbols(against.node):
        return []
    digits = _AFTER_COMMA[of_reference] if isinstance(against.node, Num) and against.node.places else ""
    return other_readings(reading, digits)


def _without_algebra(gold: Reading, said: Reading) -> bool | None:
    """The verdict on times and words."""
    if gold.clock or said.clock:
        return _clocks(gold, said)
    if gold.spelled and (gold.words or _LETTERS.fullmatch(bare(gold.text).strip())) and same_words(gold, said):
        return True
    if gold.phrase:
        return folded(bare(said.text)) == gold.phrase
    if gold.words:
        numeral = gold.node is not None and not symbols(gold.node)
        return None if numeral else False
    if said.words and (said.node is None or any(name.startswith("text:") for name in symbols(said.node))):
        return False if not gold.exotic else None
    return None


def _clocks(gold: Reading, said: Reading) -> bool:
    if gold.clock and said.clock:
        return gold.clock == said.clock
    time, other = (said.clock, gold) if said.clock else (gold.clock, said)
    assert time is not None
    named = (Num(Fraction(time.hour)), Num(Fraction(time.minute)))
    return (
        other is gold
        and isinstance(gold.node, Call)
        and gold.node.name == ":"
        and tuple(Num(each.value) if isinstance(each, Num) else each for each in gold.node.args) == named
    )


def _speaks_of_degrees(answer: str, claimed: str) -> bool:
    return bool(_DEGREES.search(answer_part(answer).replace(claimed, " ")))


def _compared(gold: Reading, node: Node, settings: Settings) -> bool | None:
    assert gold.node is not None
    found = same(gold.node, node, settings)
    return False if found is None and not _reachable(node) and _reachable(gold.node) else found


def _reachable(node: Node) -> bool:
    """Whether every number in it can be computed."""
    if isinstance(node, Call) and all(name in _STRUCTURES for name in node.name.split(" ")):
        return all(_reachable(each) for each in node.args)
    try:
        At({name: Fraction(crc32(name.encode()) % 89 + 11, 37) for name in symbols(node)}).of(node)
    except (Undefined, Opaque):
        return True
    except Beyond:
        return False
    return True


# --- prose ------------------------------------------------------------------------------------------------------------


def _in_prose(gold: Reading, claimed: Claim, settings: Settings) -> bool | None:
    """The last formula or number of a sentence; a box may hold prose around one number only."""
    text = ending(first_sentence(claimed.text) if claimed.marked else claimed.text)
    if denied := _DENIED.search(text, max(0, len(text) - 120)):
        text = text[: denied.start()].rstrip(" ,;(")
    number = _number_of(gold)
    formula = last_formulas(text)
    if formula and not _NUMBERS.search(text, formula[1]):
        said = read(formula[0])
        if said.node is not None and gold.node is not None:
            found = _compared(gold, said.node, settings)
            if found is not False or number is None:
                return found
        elif said.words and gold.words:
            return same_words(gold, said)
    if number is None:
        return False if gold.node is not None or gold.words else None
    return _last_number(number, text, claimed)


def _number_of(gold: Reading) -> tuple[Fraction, bool, bool] | None:
    """A reference that is one number: its value, whether in percent, whether with places after a point."""
    node = gold.node
    while isinstance(node, Call) and node.name in ("unit", "°"):
        if node.name == "°":
            return None
        node = node.args[0]
    percent = isinstance(node, Call) and node.name == "%"
    if percent and isinstance(node, Call):
        node = node.args[0]
    value = value_of(node) if node is not None and not symbols(node) else None
    return (value, percent, value.denominator != 1) if isinstance(value, Fraction) else None


def _last_number(gold: tuple[Fraction, bool, bool], text: str, claimed: Claim) -> bool:
    exact, percent, broken = gold
    text = _DECIMAL_COMMA.sub(r"\1.\2", text) if broken else text
    if claimed.marked and len(set(_NUMBERS.findall(text))) > 1 and "\\" in text:
        return False
    said = rational(text) or last_number(text)
    if not isinstance(said, Value):
        return False
    if said.percent:
        return said.exact / 100 == exact if not percent else said.exact == exact
    return said.exact == exact or (percent and said.exact == exact / 100)
