"""Verdicts on two texts: words against words, times against times, trees against trees, and the last number or formula in prose."""

from __future__ import annotations

import re
from fractions import Fraction
from zlib import crc32

from aha.answers.claims import Claim, last_line
from aha.answers.context import denied_before, is_attempt, row, takes_away
from aha.answers.formulas import BRACKETS, LISTS, RELATIONS, Call, Node, Num, is_call, nodes, symbols
from aha.answers.numbers import NumberValue, bare_number, plain_number
from aha.answers.reading import SEVERAL_LETTERS, Reading, is_degrees, month_first, other_readings, read, same_words
from aha.answers.replies import answer_part
from aha.answers.sentences import claimed_formula, closing_side
from aha.answers.surroundings import opens_with, states_words
from aha.answers.symbols import bare, fold
from aha.grading.maths.algebra import Settings
from aha.grading.maths.claims import are_one_segment, speaks_of_odds, wordy
from aha.grading.maths.functions import Beyond, Opaque, Undefined
from aha.grading.maths.same import are_same
from aha.grading.maths.values import At
from aha.lazy import lazy_pattern
from aha.types import Wrong

_DEGREES = lazy_pattern(r"\\circ|°|\b[Dd]egrees?\b|[0-9]\s*度|度数")
_LAST_SENTENCE = lazy_pattern(r"[^.!?\n]+\Z")
_TIME = lazy_pattern(r"(?i)\b(?:(?P<at>at)|is|=)\s*[*$]*(?P<clock>[0-9]{1,2}:[0-5][0-9](?:\s?[ap]\.?\s?m\b\.?)?)[*$]*[.!\s]*\Z")
_RATIO_IS = lazy_pattern(rf"(?i)\bratio\b[^.\n0-9]{{0,60}}\b(?:is|was)\s[*$]*({'[0-9]{1,12}(?: to [0-9]{1,12}){1,3}'})[*$]*[.!\s]*\Z")
_FIRST = lazy_pattern(r"(?<=[0-9)\]}$%°π∞\u3400-\u9fff])[.。]\s+(?=[A-Z])")
_REVISES = lazy_pattern(r"(?:Or|Maybe|Perhaps|Possibly|But|No|Actually|Wait|Hmm)\b")
_AFTER_COMMA = {True: "[0-9]{2}", False: "[0-9]{1,2}|[0-9]{4,}"}  # three digits are thousands, one digit may be a list
_DOTS, _BRACES = map(lazy_pattern, (r"\\[lcv]?dots[bc]?(?![a-z])|\.\.\.", r"[{}\s]"))
_LETTERS = lazy_pattern(r"\(?[A-Za-z]{1,3}\)?\.?")
_NEGATED_PATTERN = lazy_pattern(
    r"[\s$]*(?:\\(?:lnot|neg|neq?|not)(?![A-Za-z])|[≠¬]|(?i:not|non|nicht|nie|niet|pas|não|не)\s(?=[-$\\0-9]|[a-z](?:\([a-z]\))?\s*=))"
)
_SAID_OF_IT_PATTERN = lazy_pattern(  # 26 comes close
    r"\W*[0-9][0-9.,]*\s(?:has|comes|does|fails|seems|looks|appears|can|cannot|will|would|could|should|must|may|might)\b"
)
_LETTER_LABEL = lazy_pattern(  # \mathbf{(B)} 2
    r"\s*\\(?:textbf|mathbf|text|mathrm)\s*\{\s*\([A-J]\)\s*\}(?:\\?\s|\\[,;:]|\\q?quad|~)*(?=[-+0-9$\\({])"
)
_LOOSE_MARK = lazy_pattern(  # 12*: no mark-up, which comes in pairs
    r"\A\s*(?:[@#?&](?=\s*[-0-9])|\^(?=\s*[-0-9]+\s*\Z))|[0-9)}]\s*[@#^&]\s*\Z|\A[^*]*[0-9A-Za-z)}]\s*\*\s*\Z|\A\s*\*\s*[-0-9][^*]*\Z"
)
_LOOSE_END = lazy_pattern(r"[0-9)}]\s?[@#^&]\s*\Z|\A[^*]*[0-9)}]\*\s*\Z|\A\*[-0-9][^*]*\Z")
_FIRST_WORD = lazy_pattern(r"\W*([A-Za-z]{5,})\b")
LONGEST_FORMULA, LONGEST_HEDGE, MOST_LINES = 300, 60, 12
_HEADING = lazy_pattern(
    r"(?i)[#*\s]*(?:(?:so|thus|hence|therefore),? )?(?:the )?(?:final )?(?:solutions?|roots|values|zeros)(?: are)?[:：][*\s]*"
)
_BULLET = lazy_pattern(r"(?:[-*•]|[0-9]{1,2}[.)])\s+(?=[$A-Za-z(]|\\(?:[(\[]|text|boxed|mathbf))")
_HEDGE = lazy_pattern(
    r"(?i)\W*(?:(?:about|around|roughly|approximately|approx\.?|some|maybe|perhaps|probably|possibly)\s+|(?:[≈~∼]|\\(?:approx|sim))\s*)"
    r"-?[$\\]*[0-9][0-9,]*(?:\.0+)?(?:\s[^0-9]*)?\.?"
    r"|\W*[A-Za-z](?:_\{?\w{1,4}\}?)?\s*(?:[≈∼]|\\(?:approx|simeq|sim)(?![a-z]))\s*-?[0-9][0-9,]*(?:\.0+)?\W*"
    r"|\W*[0-9][0-9,]*(?:\.0+)?(?:\\ |\s|\\text\w*\{|\()*(?:about|roughly|approximately|approx\.?|or so|more or less)\W*"
)
_OTHER_SETS = lazy_pattern(
    r"(?i)[,;]\s*(?:\\text\w*\s*\{\s*)?(?:the )?(?:empty set|all reals?\b|no solution|nothing|infinity)"
    r"|(?:\A|\b)(?:all reals?(?: numbers)?|the empty set|no solution|nothing)\}?\s*[,;]"
)
_OF_24 = lazy_pattern(r"([01][0-9]|2[0-3]) ?: ?([0-5][0-9])")
_LIMIT_CALLS = ("int", "iint", "oint", "sum", "prod", "lim")
_RATIO = lazy_pattern(r"((?:[0-9]{1,12}(?:\.[0-9]{1,12})?\s*to\s*){1,3}[0-9]{1,12}(?:\.[0-9]{1,12})?)")
_UNDONE = ("+", "*", "/", "^", "!", "binom", "root", "sum", "log", "sin", "cos", "tan", "gcd", "lcm", "max", "min")
_STRUCTURES = (*LISTS, *BRACKETS, *RELATIONS, "set", "matrix", "row", "unit", "cup", "cap", "setminus", "such")


def verdict(gold: Reading, claim: Claim, answer: str, settings: Settings) -> bool | None:
    """Return whether the claim says what the reference says, or None if only algebra can tell."""
    if gold.node is not None and (every := by_lines(claim)) is not None:
        return _compare(gold, every, settings)
    if (label := _LETTER_LABEL.match(claim.text)) and _verdict(gold, claim._replace(text=claim.text[label.end() :]), answer, settings):
        return True
    if (line := last_line(claim)) is not None:
        verdict_ = _verdict(gold, Claim(line, marked=True), answer, settings)
        if verdict_ or read(line).node is not None:
            return verdict_
    return _verdict(gold, claim, answer, settings)


def by_lines(claim: Claim) -> Node | None:
    """Return a reply of one formula per line as the list of them, or None for any other reply, such as the steps of one calculation."""
    lines = [line.strip() for line in claim.text.strip().split("\n") if line.strip()] if not claim.marked else []
    if len(lines) > 2 and _HEADING.fullmatch(lines[0]) and all(map(_BULLET.match, lines[1:])):
        lines = [_BULLET.sub("", line) for line in lines[1:]]
    if not 1 < len(lines) < MOST_LINES or "\\begin" in claim.text or claim.text.lstrip().startswith(("$$", "\\[")):
        return None
    nodes_ = list[Node]()
    for line in lines:
        if (node := read(line).node) is None or wordy(node):
            return None
        nodes_.append(node)
    if all(is_call(node, "=") and not symbols(node) for node in nodes_[:-1]):
        return None
    return Call("list", tuple(nodes_))


def unsure(claim: Claim) -> bool:
    """Return True if a claim asks, negates, or says "about" before a whole number, so that it claims nothing for certain."""
    if _NEGATED_PATTERN.match(claim.text) or (not claim.marked and _SAID_OF_IT_PATTERN.match(claim.text)):
        return True
    if (claim.boxes and _LOOSE_MARK.search(claim.text)) or (not claim.marked and _LOOSE_END.search(claim.text)):
        return True
    if not claim.marked and (first := _FIRST_WORD.match(claim.text)) and row(first[1]) == "h":
        return True
    text = claim.text.strip(" \n$*_`)]}")
    asks = text.endswith("?") and (claim.boxes > 0 or not claim.marked)
    return asks or (len(text) < LONGEST_HEDGE and _HEDGE.fullmatch(text) is not None)


def _verdict(gold: Reading, claim: Claim, answer: str, settings: Settings) -> bool | None:
    odds = speaks_of_odds(claim.text, answer) and gold.node is not None and not is_call(gold.node, ":")  # odds of 1:2 are no chance of 1/2
    if odds or (unsure(claim) and gold.text != claim.text):
        return False
    claim_tree = read(claim.text) if claim.marked or len(claim.text) <= LONGEST_FORMULA else Reading(claim.text)
    if (
        claim_tree.node is None
        and claim.marked
        and not claim.boxes
        and (end := _FIRST.search(claim.text))
        and not _REVISES.match(claim.text, end.end())
    ):
        first = read(claim.text[: end.start()])
        claim_tree = first if first.node is not None and not first.spelled else claim_tree
    if gold.text == claim_tree.text or (gold.cleaned == claim_tree.cleaned and gold.cleaned):
        return True
    if gold.words and _says_words(gold, claim):
        return True
    if (plain_verdict := _without_algebra(gold, claim_tree)) is not None:
        return plain_verdict
    if gold.exotic and claim_tree.exotic and _signs_of(gold.cleaned) == _signs_of(claim_tree.cleaned):
        return True
    if isinstance(gold.node, Call) and gold.node.name == ":" and (ratio := _ratio_in_words(claim.text)) is not None:
        return _compare(gold, ratio, settings)
    if claim_tree.node is None or (gold.node and not symbols(gold.node) and wordy(claim_tree.node)):
        prose_verdict = _in_prose(gold, claim, settings)
        return None if _is_limit_call(gold, claim_tree) and not prose_verdict and len(claim.text) <= LONGEST_FORMULA else prose_verdict
    if gold.node is None:
        return None
    node = claim_tree.node
    if is_degrees(gold.node) and _plain_number(node) and _speaks_of_degrees(answer, claim.text):
        node = _in_degrees(node)
    node_verdict = _compare(gold, node, settings)
    units = _spelled_units(gold)
    if node_verdict is True or (node_verdict is not None and symbols(gold.node) and not units):
        return node_verdict
    pairs = [(gold_node, claim_node) for gold_node in units for claim_node in (node, *other_readings(claim_tree, ""))]
    pairs += [(gold_node, node) for gold_node in _other_readings_of(gold, claim_tree, of_reference=True)]
    pairs += [
        (gold.node, claim_node)
        for claim_node in (*_other_readings_of(claim_tree, gold, of_reference=False), *_factorials(claim_tree, claim))
    ]
    return True if any(are_same(*pair, settings) for pair in pairs) else node_verdict


def _signs_of(text: str) -> str:
    """Return a formula without braces and blanks, with dots of one kind."""
    return _BRACES.sub("", _DOTS.sub(r"\\dots", text))


def _is_limit_call(gold: Reading, claim: Reading) -> bool:
    """Return True if algebra may find a value in an exotic claim: in a limit, sum or integral, or in any if the reference is exotic."""
    return claim.exotic and (gold.exotic or claim.why.removeprefix("\\") in _LIMIT_CALLS)


def _ratio_in_words(text: str) -> Node | None:
    """Return `3 to 1` or `3\\text{ to }1` as a ratio, or None; it is a ratio only where one is asked for, elsewhere a range."""
    match = _RATIO.fullmatch(bare(text.strip(" $*_.。\n")).strip(" .。\n\\[]()"))
    return None if match is None else Call(":", tuple(Num(Fraction(part)) for part in re.split(r"\s*to\s*", match[1])))


def _spelled_units(gold: Reading) -> list[Node]:
    """Return the reference with its last letters as a unit if a blank or a command stands before them: `2 L`, `3 \\Omega`."""
    unit_match = re.search(r"[0-9}] *(?: |\\)\s*(?:[mgshLNJWVKCAFT]|\\mu|\\Omega)", gold.cleaned)
    return [node for node in other_readings(gold, "") if is_call(node, "unit")] if unit_match else []


def _other_readings_of(source: Reading, against: Reading, *, of_reference: bool) -> list[Node]:
    """Return other readings of one side: a decimal comma if the other side is a decimal, a unit of one letter that was added."""
    if against.node is None or symbols(against.node):
        return []
    amount = against.node.args[0] if isinstance(against.node, Call) and against.node.name in ("unit", "%", "°") else against.node
    digits = _AFTER_COMMA[of_reference] if isinstance(amount, Num) and amount.places else ""
    return other_readings(source, digits)


def _without_algebra(gold: Reading, claim: Reading) -> bool | None:
    """Return the verdict on times and words, or None if they do not settle it."""
    if gold.clock or claim.clock:
        return _clocks(gold, claim if claim.clock else _closing_time(claim.text) or claim)
    if (
        gold.spelled
        and (gold.words or _LETTERS.fullmatch(letters := bare(gold.text).strip()) or SEVERAL_LETTERS.fullmatch(letters))
        and same_words(gold, claim)
    ):
        return True
    if gold.node is not None and are_one_segment(gold.node, claim.node):
        return True
    if gold.phrase:
        return month_first(fold(bare(claim.text))) == gold.phrase
    if gold.words:
        numeral = gold.node is not None and not symbols(gold.node)
        return None if numeral else False
    if claim.words and (claim.node is None or any(name.startswith("text:") for name in symbols(claim.node))):
        may_be_numeral = gold.node is not None and not symbols(gold.node)
        return False if not gold.exotic and not may_be_numeral else None
    return None


def _clocks(gold: Reading, claim: Reading) -> bool:
    if gold.clock and claim.clock:
        return gold.clock == claim.clock
    if (gold.clock or claim.clock) and (afternoon := _afternoon(gold, claim)) is not None:
        return afternoon
    time, second = (claim.clock, gold) if claim.clock else (gold.clock, claim)
    assert time is not None
    clock_parts = (Num(Fraction(time.hour)), Num(Fraction(time.minute)))
    return (
        second is gold
        and isinstance(gold.node, Call)
        and gold.node.name == ":"
        and tuple(Num(arg.value) if isinstance(arg, Num) else arg for arg in gold.node.args) == clock_parts
    )


def _afternoon(gold: Reading, claim: Reading) -> bool | None:
    """Compare 15:30 with 3:30 p.m. and 09:30 with 9:30 a.m.; None if neither side is a 24-hour time with two digits for the hour."""
    time, second = (gold.clock, claim.cleaned) if gold.clock else (claim.clock, gold.cleaned)
    digits = _OF_24.fullmatch(bare(second).strip(" {}"))
    if time is None or digits is None or time.second:
        return None
    return (time.hour % 12 + 12 * (time.half == "p"), time.minute) == (int(digits[1]), int(digits[2]))


def _plain_number(node: Node) -> bool:
    """Return True if the node is one number without degrees or another unit."""
    return not is_call(node, *LISTS, "set") and not any(is_call(part, "°", "unit") for part in nodes(node))


def _in_degrees(node: Node) -> Node:
    """Return the number, or the value on the last side of an equation, in degrees."""
    if isinstance(node, Call) and node.name == "=":
        return Call("=", (*node.args[:-1], _in_degrees(node.args[-1])))
    return Call("°", (node,))


def _speaks_of_degrees(answer: str, claim: str) -> bool:
    return bool(_DEGREES.search(answer_part(answer).replace(claim, " ")))


def _compare(gold: Reading, node: Node, settings: Settings) -> bool | None:
    assert gold.node is not None
    verdict_ = are_same(gold.node, node, settings)
    return False if verdict_ is None and not _reachable(node) and _reachable(gold.node) else verdict_


def _reachable(node: Node) -> bool:
    """Return True if every number in the node can be computed."""
    if isinstance(node, Call) and all(name in _STRUCTURES for name in node.name.split(" ")):
        return all(_reachable(arg) for arg in node.args)
    try:
        At({name: Fraction(crc32(name.encode()) % 89 + 11, 37) for name in symbols(node)}).of(node)
    except (Undefined, Opaque):
        return True
    except Beyond:
        return False
    return True


# --- prose ------------------------------------------------------------------------------------------------------------


def _closing_time(text: str) -> Reading | None:
    """Return the time of day that a text ends with, as in "at 10:30 AM", or None."""
    time = _TIME.search(text)
    if time is None:
        return None
    head = _LAST_SENTENCE.search(text[: time.start("clock")])
    leaves = time["at"] and head and not (takes_away(row(head.group())) or is_attempt(head.group()) or "?" in text)  # the train arrives at
    return read(time["clock"]) if leaves or not denied_before(text, time.start("clock")) else None


def _says_words(gold: Reading, claim: Claim) -> bool:
    """Return True if the last line says that something is what the reference says: "it will be a Monday"."""
    if gold.words in ("yes", "no") and (opening := opens_with(claim.text)):
        return opening == gold.words
    return states_words(claim.text, lambda words: fold(bare(words)) == gold.words) or fold(bare(claim.text)) in (
        f"on {gold.words}",
        f"in {gold.words}",
    )


def _in_prose(gold: Reading, claim: Claim, settings: Settings) -> bool | None:
    """Return the verdict on the ratio or formula that a sentence claims, or None if only algebra can tell."""
    if isinstance(gold.node, Call) and gold.node.name == ":" and (said_to_be := _RATIO_IS.search(claim.text)):
        ratio = _ratio_in_words(said_to_be[1])
        return False if ratio is None or denied_before(claim.text, said_to_be.start(1)) else _compare(gold, ratio, settings)
    if gold.node is not None and not claim.marked and (side := closing_side(claim.text)) and (node := read(side).node) is not None:
        return _compare(gold, node, settings)
    formula = claimed_formula(claim.text, marked=claim.marked, boxed=claim.boxes > 0) if claim.boxes < 2 else None
    if formula is None or gold.node is None or _OTHER_SETS.search(claim.text[-200:]):
        return False if gold.node is not None or gold.words else None
    formula_tree = read(formula)
    if formula_tree.node is None:
        return None if _is_limit_call(gold, formula_tree) else False
    formula_verdict = _compare(gold, formula_tree.node, settings)
    if formula_verdict is True:
        return True
    pairs = [
        (gold.node, claim_node)
        for claim_node in (*_other_readings_of(formula_tree, gold, of_reference=False), *_factorials(formula_tree, claim))
    ]
    pairs += [(gold_node, formula_tree.node) for gold_node in _other_readings_of(gold, formula_tree, of_reference=True)]
    return True if any(are_same(*pair, settings) for pair in pairs) else formula_verdict


def is_value(text: str) -> bool:
    """Return True if a claim is not a calculation: only fractions, roots and products with a constant are left to be done."""
    node = read(text).node
    if node is None or symbols(node):
        return True
    if bare_number(node) is not None:
        return True
    return not any(isinstance(part, Call) and part.name in _UNDONE and not _irrational(part) for part in nodes(node))


def _irrational(node: Node) -> bool:
    """Return True if an operation has no rational value, as 1 + √2 and 2π do."""
    try:
        return not isinstance(At({}).of(node), Fraction)
    except (Undefined, Opaque, Beyond):
        return False


# --- numbers ----------------------------------------------------------------------------------------------------------


def number_claim(claim: Claim, *, decimal: bool = False) -> NumberValue | Wrong:
    """Return the bare number that an answer claims, in a formula read as a whole, else in a sentence; else Wrong with the reason. A comma
    may be a decimal one if the reference is a `decimal`."""
    if by_lines(claim) is not None:
        return Wrong("several different numbers")
    if (line := last_line(claim)) is not None:
        line = _BULLET.sub("", line, count=1) if _BULLET.match(line) else line
        alone, node = number_claim(Claim(line, marked=True), decimal=decimal), read(line).node
        if isinstance(alone, NumberValue) or (node is not None and not wordy(node)):
            return alone
    if unsure(claim):
        return Wrong("a question or a guess, not a claim")
    text = claim.text
    if (value := plain_number(_ending_of(text))) is not None:
        return value
    claim_tree = read(text)
    node = claim_tree.node
    if node is None or wordy(node):
        formula = claimed_formula(text, marked=claim.marked, boxed=claim.boxes > 0) if not claim_tree.clock and claim.boxes < 2 else None
        if formula is None:
            return Wrong("no number that is claimed in words that are understood")
        claim_tree = read(formula)
        node = claim_tree.node
    nodes = [node, *other_readings(claim_tree, ""), *_factorials(claim_tree, claim)] if node is not None else []
    if decimal and node is not None and is_call(node, "list"):
        nodes = [*other_readings(claim_tree, _AFTER_COMMA[False]), *nodes]
    if any(isinstance(part, Call) and part.name in ("list", "parts", "or", "and", "set") for part in nodes[:1]):
        return _one_of(nodes[0])
    for part in nodes:
        if (value := bare_number(part)) is not None:
            return value
    return Wrong("more than a bare number, or less")


def _ending_of(text: str) -> str:
    """Return the text without the marks around a number and the period after it; an ellipsis is not a period."""
    text = text.strip(" $*")
    return text.removesuffix(".").rstrip(" $*") if not text.endswith("..") else text


def _factorials(source: Reading, claim: Claim) -> list[Node]:
    """Return the claim without the exclamation mark that ends its sentence; none in a box, where the mark is a factorial."""
    if (
        claim.boxes
        or not re.search(r"[0-9A-Za-z]!{1,9}\Z", source.cleaned)
        or re.search(r"!\s*(?:\$|\\[)\]])", claim.text)
        or (not claim.marked and source.text.strip() == claim.text.strip())
    ):
        return []
    node = read(source.cleaned.rstrip("!")).node
    return [] if node is None else [node]


def _one_of(node: Node) -> NumberValue | Wrong:
    """Return the one value that all alternatives have, as in `72 or 72.0`; Wrong if they differ."""
    if not is_call(node, "or") or not isinstance(node, Call):
        return Wrong("several different numbers")
    numbers = {value.exact if value else None: value for value in (bare_number(arg) for arg in node.args)}
    (value, *rest) = numbers.values()
    return Wrong("several different numbers") if value is None or rest else value
