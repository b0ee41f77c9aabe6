"""From two texts to a verdict: words against words, times against times, trees against trees, and a last number or formula in prose."""

from __future__ import annotations

import re
from fractions import Fraction
from zlib import crc32

from aha.answers.claims import Claim, last_line
from aha.answers.formulas import BRACKETS, LISTS, RELATIONS, Call, Node, Num, is_call, nodes, symbols
from aha.answers.numbers import NumberValue, bare_number, plain_number
from aha.answers.reading import Reading, is_degrees, other_readings, read, same_words
from aha.answers.replies import answer_part
from aha.answers.sentences import claimed_formula
from aha.answers.words import bare, folded
from aha.grading.maths.claims import wordy
from aha.grading.maths.functions import Beyond, Opaque, Undefined
from aha.grading.maths.same import same
from aha.grading.maths.settings import Settings
from aha.grading.maths.values import At
from aha.types import Wrong

LONGEST_FORMULA = 300
_DEGREES = re.compile(r"\\circ|°|\b[Dd]egrees?\b|[0-9]\s*度|度数")
_DECIMAL_COMMA = re.compile(r"(?<![0-9.,])([0-9]+),([0-9]{1,2}|[0-9]{4,})(?![0-9,])")
_SAYS = re.compile(r"(?i)([^.\n=]{0,120}?)\b(?:is|are|was|will be|must be|should be|equals)\s+(?:an?\s+|the\s+)?([^.\n]{1,60}?)[.!]?")
_FIRST = re.compile(r"(?<=[0-9)\]}$%°π∞\u3400-\u9fff])[.。]\s+(?=[A-Z])")
_DENIES = re.compile(r"(?i)\b(?:not|never|no|if|whether|or|wrong|incorrect|false|doubt|disagree)\b|n['’]t\\b")
_DENIED = re.compile(r"(?i)\b(?:and |but )?not\s+(?:\$[^$\n]{1,80}\$|-?[0-9][0-9.,/]*)\s*\)?\s*\.?\s*$")  # "5, not 11"
_NUMBERS = re.compile(r"[0-9][0-9.,]*")
_AFTER_COMMA = {True: "[0-9]{2}", False: "[0-9]{1,2}|[0-9]{4,}"}  # three digits are thousands, one may be a list
_BRACES = re.compile(r"[{}\s]")
_LETTERS = re.compile(r"\(?[A-Za-z]{1,3}\)?\.?")
LONGEST_HEDGE, MOST_LINES = 60, 12
_HEDGED = re.compile(
    r"(?i)\W*(?:about|around|roughly|approximately|approx\.?|some|maybe|perhaps|probably|possibly)\s+"
    r"-?[$\\]*[0-9][0-9,]*(?:\s[^0-9]*)?\.?"
)
_OTHER_SETS = re.compile(r"(?i)[,;]\s*(?:the )?(?:empty set|all reals?\b|no solution|nothing|infinity)")
_OF_24 = re.compile(r"([01][0-9]|2[0-3]) ?: ?([0-5][0-9])")
_COMPUTED = ("int", "iint", "oint", "sum", "prod", "lim")
_RATIO = re.compile(r"((?:[0-9]{1,12}(?:\.[0-9]{1,12})?\s*to\s*){1,3}[0-9]{1,12}(?:\.[0-9]{1,12})?)")
_UNDONE = ("+", "*", "/", "^", "!", "binom", "root", "sum", "log", "sin", "cos", "tan", "gcd", "lcm", "max", "min")
_STRUCTURES = (*LISTS, *BRACKETS, *RELATIONS, "set", "matrix", "row", "unit", "cup", "cap", "setminus", "such")


def verdict(gold: Reading, claimed: Claim, answer: str, settings: Settings) -> bool | None:
    """Whether the claim says what the reference says; `None` where only algebra can tell."""
    if gold.node is not None and (every := by_lines(claimed)) is not None:
        return _compared(gold, every, settings)
    if (line := last_line(claimed)) is not None:
        found = _verdict(gold, Claim(line, marked=True), answer, settings)
        if found or read(line).node is not None:
            return found
    return _verdict(gold, claimed, answer, settings)


def by_lines(claimed: Claim) -> Node | None:
    """A reply of nothing but formulas, one a line, none of them a calculation on the way to the last, as the list of them; else `None`."""
    lines = [line.strip() for line in claimed.text.strip().split("\n") if line.strip()]
    if claimed.marked or not 1 < len(lines) < MOST_LINES or "\\begin" in claimed.text or claimed.text.lstrip().startswith(("$$", "\\[")):
        return None
    found = [each for each in (read(line).node for line in lines) if each is not None]
    if len(found) < len(lines) or any(map(wordy, found)) or all(is_call(each, "=") and not symbols(each) for each in found[:-1]):
        return None
    return Call("list", tuple(found))


def unsure(claimed: Claim) -> bool:
    """Whether a claim asks, or says "about" before a whole number: it is not understood to its last character."""
    text = claimed.text.strip(" \n$*_`)]}")
    asks = text.endswith("?") and (claimed.boxes > 0 or not claimed.marked)
    return asks or (len(text) < LONGEST_HEDGE and _HEDGED.fullmatch(text) is not None)


def _verdict(gold: Reading, claimed: Claim, answer: str, settings: Settings) -> bool | None:
    if unsure(claimed):
        return False
    said = read(claimed.text) if claimed.marked or len(claimed.text) <= LONGEST_FORMULA else Reading(claimed.text)
    if said.node is None and claimed.marked and not claimed.boxes and (end := _FIRST.search(claimed.text)):
        first = read(claimed.text[: end.start()])
        said = first if first.node is not None and not first.spelled else said
    if gold.text == said.text or (gold.cleaned == said.cleaned and gold.cleaned):
        return True
    if gold.words and _says_words(gold, claimed):
        return True
    if (decided := _without_algebra(gold, said)) is not None:
        return decided
    if gold.exotic and said.exotic and _BRACES.sub("", gold.cleaned) == _BRACES.sub("", said.cleaned):
        return True
    if isinstance(gold.node, Call) and gold.node.name == ":" and (ratio := _ratio_in_words(claimed.text)) is not None:
        return _compared(gold, ratio, settings)
    if said.node is None or (gold.node and not symbols(gold.node) and wordy(said.node)):
        spoken = _in_prose(gold, claimed, settings)
        return None if _computed(gold, said) and not spoken and len(claimed.text) <= LONGEST_FORMULA else spoken
    if gold.node is None:
        return None
    node = said.node
    if is_degrees(gold.node) and _plain_number(node) and _speaks_of_degrees(answer, claimed.text):
        node = _in_degrees(node)
    found = _compared(gold, node, settings)
    units = _spelled_units(gold)
    if found is True or (found is not None and symbols(gold.node) and not units):
        return found
    pairs = [(other, mine) for other in units for mine in (node, *other_readings(said, ""))]
    pairs += [(other, node) for other in _others(gold, said, of_reference=True)]
    pairs += [(gold.node, other) for other in (*_others(said, gold, of_reference=False), *_exclaimed(said, claimed))]
    return True if any(same(*pair, settings) for pair in pairs) else found


def _computed(gold: Reading, said: Reading) -> bool:
    """Whether an exotic claim may be a value that algebra computes; beside a reference that was read, no other sign is."""
    return said.exotic and (gold.exotic or said.why.removeprefix("\\") in _COMPUTED)


def _ratio_in_words(text: str) -> Node | None:
    """`3 to 1` and `3\\text{ to }1`, which is a ratio where one is asked for and a range anywhere else."""
    found = _RATIO.fullmatch(bare(text.strip(" $*_.。\n")).strip(" .。"))
    return None if found is None else Call(":", tuple(Num(Fraction(each)) for each in re.split(r"\s*to\s*", found[1])))


def _spelled_units(gold: Reading) -> list[Node]:
    """The reference with its last letters as a unit, where a blank or a command stands before them: `2 L`, `3 \\Omega`."""
    spaced = re.search(r"[0-9}] *(?: |\\)\s*(?:[mgshLNJWVKCAFT]|\\mu|\\Omega)", gold.cleaned)
    return [node for node in other_readings(gold, "") if is_call(node, "unit")] if spaced else []


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
    if (gold.clock or said.clock) and (afternoon := _afternoon(gold, said)) is not None:
        return afternoon
    time, other = (said.clock, gold) if said.clock else (gold.clock, said)
    assert time is not None
    named = (Num(Fraction(time.hour)), Num(Fraction(time.minute)))
    return (
        other is gold
        and isinstance(gold.node, Call)
        and gold.node.name == ":"
        and tuple(Num(each.value) if isinstance(each, Num) else each for each in gold.node.args) == named
    )


def _afternoon(gold: Reading, said: Reading) -> bool | None:
    """15:30 is 3:30 p.m. and 09:30 is 9:30 a.m.; `None` where neither side counts to 24, with two digits for the hour."""
    time, other = (gold.clock, said.cleaned) if gold.clock else (said.clock, gold.cleaned)
    written = _OF_24.fullmatch(bare(other).strip())
    if time is None or written is None or time.second:
        return None
    return (time.hour % 12 + 12 * (time.half == "p"), time.minute) == (int(written[1]), int(written[2]))


def _plain_number(node: Node) -> bool:
    """Whether it is one number without a degree or another unit."""
    return not is_call(node, *LISTS, "set") and not any(is_call(each, "°", "unit") for each in nodes(node))


def _in_degrees(node: Node) -> Node:
    """The number, or the value of what it is said to be, in degrees."""
    if isinstance(node, Call) and node.name == "=":
        return Call("=", (*node.args[:-1], _in_degrees(node.args[-1])))
    return Call("°", (node,))


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


def _says_words(gold: Reading, claimed: Claim) -> bool:
    """Whether the last line says of something that it is what the reference says: "it will be a Monday"."""
    says = _SAYS.fullmatch(claimed.text.strip().rpartition("\n")[2])
    return says is not None and not _DENIES.search(says[1]) and folded(bare(says[2])) == gold.words


def _in_prose(gold: Reading, claimed: Claim, settings: Settings) -> bool | None:
    """The formula that a sentence claims, or what it says that something is: "it will be a Monday"."""
    formula = claimed_formula(claimed.text, marked=claimed.marked, boxed=claimed.boxes > 0) if claimed.boxes < 2 else None
    if formula is None or gold.node is None or _OTHER_SETS.search(claimed.text[-200:]):
        return False if gold.node is not None or gold.words else None
    said = read(formula)
    if said.node is None:
        return None if _computed(gold, said) else False
    found = _compared(gold, said.node, settings)
    if found is True:
        return True
    pairs = [(gold.node, other) for other in (*_others(said, gold, of_reference=False), *_exclaimed(said, claimed))]
    pairs += [(other, said.node) for other in _others(gold, said, of_reference=True)]
    return True if any(same(*pair, settings) for pair in pairs) else found


def is_value(text: str) -> bool:
    """Whether a claim is no calculation: nothing in it is left to be done but fractions, roots and products with a constant."""
    node = read(text).node
    if node is None or symbols(node):
        return True
    if bare_number(node) is not None:
        return True
    return not any(isinstance(each, Call) and each.name in _UNDONE and not _irrational(each) for each in nodes(node))


def _irrational(node: Node) -> bool:
    """Whether an operation has a part that is no rational number, as 1 + √2 and 2π have."""
    try:
        return not isinstance(At({}).of(node), Fraction)
    except (Undefined, Opaque, Beyond):
        return False


# --- numbers ----------------------------------------------------------------------------------------------------------


def number_claimed(claimed: Claim) -> NumberValue | Wrong:
    """The bare number that an answer claims: of a formula read whole, else of a sentence; Wrong for anything else, with why."""
    if by_lines(claimed) is not None:
        return Wrong("several different numbers")
    if (line := last_line(claimed)) is not None and isinstance(alone := number_claimed(Claim(line, marked=True)), NumberValue):
        return alone
    if unsure(claimed):
        return Wrong("a question or a guess, not a claim")
    text = claimed.text
    if (value := plain_number(_ended(text))) is not None:
        return value
    reading = read(text)
    node = reading.node
    if node is None or wordy(node):
        formula = claimed_formula(text, marked=claimed.marked, boxed=claimed.boxes > 0) if not reading.clock and claimed.boxes < 2 else None
        if formula is None:
            return Wrong("no number that is claimed in words that are understood")
        reading = read(formula)
        node = reading.node
    nodes = [node, *other_readings(reading, ""), *_exclaimed(reading, claimed)] if node is not None else []
    if any(isinstance(each, Call) and each.name in ("list", "parts", "or", "and", "set") for each in nodes[:1]):
        return _one_of(nodes[0])
    for each in nodes:
        if (value := bare_number(each)) is not None:
            return value
    return Wrong("more than a bare number, or less")


def _ended(text: str) -> str:
    """Without the marks around a number and the period after it; three dots are no period."""
    text = text.strip(" $*")
    return text.removesuffix(".").rstrip(" $*") if not text.endswith("..") else text


def _exclaimed(reading: Reading, claimed: Claim) -> list[Node]:
    """The claim without the exclamation mark that ends its sentence; in a box it is a factorial."""
    if (
        claimed.boxes
        or not re.search(r"[0-9A-Za-z]!\Z", reading.cleaned)
        or re.search(r"!\s*(?:\$|\\[)\]])", claimed.text)
        or (not claimed.marked and reading.text.strip() == claimed.text.strip())
    ):
        return []
    node = read(reading.cleaned.rstrip("!")).node
    return [] if node is None else [node]


def _one_of(node: Node) -> NumberValue | Wrong:
    """The value that all of a list are, as in `72 or 72.0`."""
    if not is_call(node, "or") or not isinstance(node, Call):
        return Wrong("several different numbers")
    found = {value.exact if value else None: value for value in (bare_number(each) for each in node.args)}
    (value, *others) = found.values()
    return Wrong("several different numbers") if value is None or others else value
