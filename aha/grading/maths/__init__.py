"""Grades of final answers in mathematics: `quick` decides what needs no algebra, `slow` the rest, in a worker process with limits.

Equal texts and plain numbers on both sides are compared without being parsed."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from aha.answers.claims import HASHES, Claim, claim, last_line, own_part
from aha.answers.numbers import NumberValue, rational
from aha.answers.reading import Reading, is_degrees, read
from aha.answers.replies import names_box
from aha.answers.symbols import LONGEST, spelled
from aha.grading.maths.algebra import DEFAULT, Settings, equivalent
from aha.grading.maths.claims import wordy
from aha.grading.maths.functions import digits
from aha.grading.maths.verdicts import is_value, number_claim, verdict
from aha.lazy import lazy_pattern
from aha.types import Abstained, Grade, Latex, Number, Right, Wrong

__all__ = ["DEFAULT", "Settings", "quick", "repeats", "slow"]


_PLAIN = lazy_pattern(
    r"(?:\$|\\\$)?(?P<sign>-?)(?:(?P<whole>[0-9]{1,3}(?:(?:,|\{,\}|,?\\!)[0-9]{3})+|[0-9]{1,30})(?P<places>\.[0-9]{1,5})?(?P<percent>\\?%)?"
    r"|(?P<top>[0-9]{1,30})/(?P<under>[0-9]{1,30})"
    r"|(?P<mixed>[0-9]{1,30}(?= ?\\))? ?\\[dt]?frac\{(?P<above>-?[0-9]{1,30})\}\{(?P<below>[0-9]{1,30})\})\.?\$?"
)
_LONG_DECIMAL = lazy_pattern(r"-?[0-9]{1,30}\.[0-9]{6,40}")
PLACES = 5  # digits after the point; more may be a rounded fraction
_SEPARATORS = lazy_pattern(r"[^0-9]+")
_NUMBER_FORM = lazy_pattern(
    r"(?:[-+0-9A-Za-z()\[\],.^_/*=<> ]|\\[dt]?frac\{[^{}]{1,40}\}\{[^{}]{1,40}\}|\\(?:sqrt|text)\{[^{}]{1,40}\}|\\pi|\\circ){1,200}"
)


def plainly(gold: str, claim_text: str) -> bool | None:
    """Return whether two texts are equal if one look tells (the same text, plain numbers), or None if they have to be parsed."""
    if gold.isdecimal() and claim_text.isdecimal() and gold.isascii() and claim_text.isascii():
        return gold == claim_text or gold.lstrip("0") == claim_text.lstrip("0")
    if gold == claim_text and _NUMBER_FORM.fullmatch(gold) and (gold[-1].isalnum() or gold[-1] in ")]}"):
        return True if sum(map(gold.count, "([")) == sum(map(gold.count, ")]")) else None
    gold_number = _plain_number(gold)
    if gold_number and isinstance(gold_number[0], int) and not gold_number[1] and _LONG_DECIMAL.fullmatch(claim_text):
        return Fraction(claim_text) == gold_number[0]  # a whole number is not rounded
    claim_number = _plain_number(claim_text) if gold_number is not None else None
    if gold_number is None or claim_number is None:
        return None
    (value, percent), (claim_value, in_percent) = gold_number, claim_number
    if percent == in_percent:
        return value == claim_value
    return value in (claim_value, claim_value * 100) if percent else claim_value == value * 100


@lru_cache(maxsize=4_000)
def _plain_number(text: str) -> tuple[Fraction | int, bool] | None:
    """Return a whole number, a decimal of few places or a fraction, and whether it is in percent; None for anything else."""
    match = _PLAIN.fullmatch(text)
    if match is None:
        return None
    if match["percent"] and "$" in text.strip("$"):
        return None
    top, under = match["top"] or match["above"], match["under"] or match["below"]
    if top is None:
        whole = match["whole"] if match["whole"].isdigit() else _SEPARATORS.sub("", match["whole"])
        value: Fraction | int = Fraction(whole + match["places"]) if match["places"] else int(whole)
    elif int(under) == 0 or (match["mixed"] and not 0 < int(top) < int(under)):
        return None
    else:
        value = Fraction(int(top), int(under)) + int(match["mixed"] or 0)
    return -value if match["sign"] else value, match["percent"] is not None


MANY_DIGITS = 2_000, 5_000  # digits, tried if eighty cannot tell two numbers apart


def quick(reference: Latex | Number, answer: str, settings: Settings = DEFAULT) -> Grade | None:
    """Return the grade if exact or numerical comparison settles it within milliseconds, or None if algebra is needed."""
    return _quick(reference, answer, settings, _kept_comparison)


def _quick(
    reference: Latex | Number, answer: str, settings: Settings, compare: Callable[[str, Claim, Settings], bool | None]
) -> Grade | None:
    answer = answer[-LONGEST:]
    if isinstance(reference, Number):
        return _number(reference, answer, settings)
    reply_claim = claim(answer, settings.how)
    if not reply_claim.text:
        return Wrong("no final answer where one is looked for")
    box_and_hashes = reply_claim.boxes and settings.how == "auto" and "#" in answer and HASHES in answer
    if box_and_hashes and _hashed_otherwise(reference.value, answer, settings):
        return Wrong("a box and hashes with another answer")
    if settings.precision is None and settings.places > PLACES and (verdict_ := plainly(reference.value, reply_claim.text)) is not None:
        return _grade_of(verdict_, reference)
    if settings.evaluated and not is_value(reply_claim.text):
        return Wrong("a calculation, not a value")
    gold = _read_reference(reference.value)
    if not gold.readable:
        return Abstained(f"the reference {_quote(reference.value)} cannot be read as mathematics: {gold.why}")
    needs_whole = ":" in reply_claim.text or (gold.node and is_degrees(gold.node))  # the whole answer may mention odds or degrees
    if needs_whole or len(reply_claim.text) > LONGEST_CACHED_CLAIM:
        verdict_ = verdict(gold, reply_claim, answer, settings)
    else:
        verdict_ = compare(reference.value, reply_claim, settings)
    return None if verdict_ is None else _grade_of(verdict_, reference)


def _hashed_otherwise(reference: str, answer: str, settings: Settings) -> bool:
    """Return True if the last line of a reply is hashes with a formula that is not what the reference says."""
    line, _, rest = own_part(answer).rpartition(HASHES)[2].strip().partition("\n")
    node = None if rest or not line or names_box(line) else read(line).node
    return node is not None and not wordy(node) and _kept_comparison(reference, Claim(line, marked=True), settings) is False


@lru_cache(maxsize=1_000)
def _read_reference(value: str) -> Reading:
    return read(claim(value).text)


def _comparison(reference: str, wording: Claim, settings: Settings) -> bool | None:
    return verdict(_read_reference(reference), wording, "", settings)


LONGEST_CACHED_CLAIM = 300  # characters of a claim; comparisons of longer ones are not cached
_kept_comparison = lru_cache(maxsize=4_000)(_comparison)  # the replies of a group repeat the same few claims


def _number(reference: Number, answer: str, settings: Settings) -> Grade:
    """Grade the bare number that is claimed by exact comparison; raise ValueError if the reference is not a number, which the loader of
    problems has to rule out."""
    gold = rational(reference.value)
    if gold is None:
        raise ValueError(f"reference {reference.value!r} is not a number: problems are checked when they are loaded")
    match number_claim(claim(answer, settings.how), decimal=gold.exact.denominator > 1):
        case Wrong() as wrong:
            return wrong
        case NumberValue() as value:
            text = f"{value.exact}{' %' if value.percent else ''}"
            return (
                Right()
                if value.equals(gold) or _rounds(value, gold.exact, settings.places)
                else Wrong(f"equals {text if len(text) <= 40 else f'{text[:37]}...'}, not {reference.value}")
            )


def _rounds(number: NumberValue, gold: Fraction, places: int) -> bool:
    """Return True if a decimal with enough places rounds or truncates a reference that cannot be written as a decimal."""
    value, digits, whole = number.exact, number.places, gold.denominator
    while whole % 2 == 0 or whole % 5 == 0:
        whole //= 2 if whole % 2 == 0 else 5
    if whole == 1 or value == 0 or not places <= digits < 400:
        return False
    if number.percent and abs(value - gold) > 1:
        value, digits = value / 100, digits + 2
    last = Fraction(1, 10**digits)
    return abs(value - gold) <= last / 2 or (abs(value) <= abs(gold) < abs(value) + last and value * gold > 0)


def repeats(reference: Latex, answer: str, question: str, settings: Settings = DEFAULT) -> bool:
    """Return True if the claim is a calculation that stands in the question token by token and is not the reference as written."""
    statement = claim(answer[-LONGEST:], settings.how)
    choice_text = (last_line(statement) or statement.text).strip(" *_$`.。")
    answer_letters = spelled(choice_text)
    if len(answer_letters) < 3 or answer_letters == spelled(reference.value) or is_value(choice_text):
        return False
    question_letters = spelled(question[-LONGEST:])
    return any(
        question_letters[start : start + len(answer_letters)] == answer_letters
        for start in range(len(question_letters) - len(answer_letters) + 1)
        if question_letters[start] == answer_letters[0]
    )


def slow(reference: Latex | Number, answer: str, settings: Settings = DEFAULT) -> Grade:
    """Return the grade. This may run forever or fill the memory, so it belongs in a process with limits."""
    verdict_ = quick(reference, answer, settings)
    if verdict_ is None:
        for count in MANY_DIGITS:
            with digits(count):
                verdict_ = _quick(reference, answer, settings, _comparison)
            if verdict_ is not None:
                break
    if verdict_ is not None:
        return verdict_
    gold, answer_claim = claim(reference.value), claim(answer[-LONGEST:], settings.how)
    match equivalent(gold.text, answer_claim.text, settings):
        case bool(hit):
            return _grade_of(hit, Latex(reference.value))
        case why:
            return Abstained(why)


def _grade_of(right: bool, reference: Latex) -> Grade:
    return Right() if right else Wrong(f"is not {_quote(reference.value)}")


def _quote(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
