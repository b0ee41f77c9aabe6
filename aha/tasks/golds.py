"""References made from a row's answer: its kind, and a check that it can be graded at all."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Literal, get_args

from aha.answers import LETTERS, gradable
from aha.answers.claims import boxed
from aha.answers.numbers import rational
from aha.json_text import NotJson, parse_json
from aha.lazy import lazy_pattern
from aha.types import Asserts, Calls, Choice, Countdown, Judged, Latex, Number, Open, Reference, Stdio, Text

Kind = Literal["auto", "number", "latex", "choice", "text", "countdown", "stdio", "calls", "asserts", "judged", "open"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OPTIONS = ("options", "choices")
LONGEST_TEXT, LONGEST_GOLD, LONGEST_COMPARED = 100_000, 2_000, 60
CODE_S = Stdio.seconds

_UNSOUND = lazy_pattern("[\0\ud800-\udfff]")
_ASSERTION = lazy_pattern(r"\bassert\s+(?:\(|not\s+|(?:math\.)?isclose\(|(?:set|sorted|list|tuple|round|abs)\()*\s*(\w+)\(")
_ALONE = lazy_pattern(
    r"\s*(?:\$\$([^$]+)\$\$|\$([^$]+)\$|\\\(((?:(?!\\\)).)+)\\\)|\\\[((?:(?!\\\]).)+)\\\])\s*", re.S
)  # a text that is a single formula
_OPTION = lazy_pattern(r"(?i:(option|opt|op|choice|ending|sol)[_ -]?([A-Ja-j]|\d))|([A-J])")
_LETTER = lazy_pattern(r"\(?([A-Z])\)?[.)]?")
_LETTERS = lazy_pattern("[A-Z]{2,10}")  # AD, for a question with two right options
_TEXTS = lazy_pattern(r'\s*\["(?:[^"\\]|\\.)*"(?:\s*,\s*"(?:[^"\\]|\\.)*")*\]\s*', re.S)
MISSING_VALUE = lazy_pattern(r"nan|None|null|N/?A|<NA>|<?no ?input>?", re.I)  # texts that tables write for a missing value
_NO_ANSWER = lazy_pattern(r"not ?found|no answer|proof|see (?:the )?(?:solution|proof|figure|explanation)s?(?: (?:above|below))?\.?", re.I)
_SENTENCES = lazy_pattern(r"\s(?:[a-z]{2,}|\d+)[.!?]\s+[A-Z][a-z]*,?\s+[a-z0-9$\\]")
LONG_FLOATS, SHORTER = (16, 17), 4  # digits
_SEPARATOR = lazy_pattern(r"\s*(?:\band\b|[,;、/&和]|\s)\s*")


class Bad(Exception):
    """The reason why a row is no problem; caught where the row's place is known."""


def reference_of(name: str, value: object, fields: Mapping[str, object], kind: Kind, *, solution: bool = True) -> Reference:
    """Return the reference that field `name` of a row holds; Bad if it cannot be graded. `solution`: a text may be a worked solution that
    ends in `####` or a box.

    "auto": a Choice if the row has options, a Number after GSM8K's `####` or if the answer is a JSON number, else Latex."""
    if isinstance(value, str) and _TEXTS.fullmatch(value):  # a list as JSON in a text
        with suppress(NotJson):
            value = parse_json(value)
    if isinstance(value, list) and len(value) == 1 and kind != "text":  # some sets write a list of one
        value = value[0]
    texts = options_of(fields)
    if kind == "auto" and texts:
        kind = "choice"
    match kind:
        case "choice":
            reference: Reference = _choice(value, texts, fields)
        case "text":
            reference = Text(_texts(name, value), fields.get("exact") is True)
        case "countdown":
            reference = _countdown(name, value, fields)
        case "stdio" | "calls" | "asserts":
            reference = _code(kind, value, fields)
        case "judged":
            reference = Judged(text_of(name, value, LONGEST_TEXT))
        case "open":
            return Open()
        case _:
            return _mathematics(name, value, kind, solution)
    if not gradable(reference):
        raise Bad(f"gold answer {str(value)[:60]!r} of field {name!r} cannot be graded as {kind}")
    return reference


def _mathematics(name: str, value: object, kind: Kind, solution: bool) -> Number | Latex:
    text, is_numeral = _numeral(name, value), not isinstance(value, str)
    gold, has_hashes = final(text, name) if solution or "####" in text else (text.strip(), False)
    if MISSING_VALUE.fullmatch(gold) or _NO_ANSWER.fullmatch(gold):
        raise Bad(f"a row without an answer: field {name!r} holds {gold!r}, which data sets write for none; --kind text takes it as a word")
    if _SENTENCES.search(gold):
        raise Bad(
            f"gold answer {gold[:60]!r} of field {name!r} is a text of several sentences, which no reply equals as mathematics: name the "
            "column of the final answer with --answer-field, or let a model compare (--kind judged)"
        )
    if len(gold) > LONGEST_GOLD:
        raise Bad(f"field {name!r} gives an answer of {len(gold):,} characters: at most {LONGEST_GOLD:,} can be graded")
    number = kind == "number" or (kind == "auto" and (is_numeral or (has_hashes and rational(gold) is not None)))
    reference = Number(gold) if number else Latex(gold)
    if not gradable(reference):
        expectation = "a number such as 72, 1,234.5 or 3/4" if number else "LaTeX with balanced braces"
        raise Bad(f"gold answer {gold[:60]!r} of field {name!r} does not parse: {expectation} is needed")
    return reference


def final(text: str, name: str) -> tuple[str, bool]:
    """Return the gold answer within a field, and True if it stood after GSM8K's `####`, which follows calculator marks such as
    `<<48/2=24>>`."""
    if "####" in text:
        return text.rpartition("####")[2].strip(), True
    if (inside := boxed(text)) is not None:
        return inside.strip(), False
    if (alone := _ALONE.fullmatch(text)) is not None:
        return next(span.strip() for span in alone.groups() if span is not None), False
    if name == "solution" and rational(text.strip()) is None:
        raise Bad("a row without an answer: field 'solution' has neither a closed \\boxed{...} nor '####'")
    text = text.strip()
    in_dollars = text.count("$") == 1 or (text.count("$") == 2 and text[0] == text[-1] == "$")
    return (text.strip("$").strip() if in_dollars else text), False


def contradiction(gold: object, worked: object) -> str:
    """Return both answers, in words, of a row whose worked solution ends in another number or letter than its gold answer; empty if they
    agree, or if one of them is of another form, of which this cannot be told without a grader."""
    if not isinstance(worked, str) or not ("####" in worked or "\\boxed" in worked) or not isinstance(gold, str | int | float | Decimal):
        return ""
    first, second = (final(text, "")[0] for text in (str(gold), worked))
    return f"{first!r} and {second!r}" if isinstance(gold, bool) is False and _differ(first, second) else ""


def _differ(first: str, second: str) -> bool:
    """Return True for two numbers apart by more than the last place that either is written with, and for two letters."""
    if first.strip() == second.strip() or max(len(first), len(second)) > LONGEST_COMPARED:
        return False
    if all(len(text) == 1 and text in LETTERS for text in (first, second)):
        return True
    numbers = [number for text in (first, second) if (number := rational(text)) is not None]
    if len(numbers) < 2 or numbers[0].percent != numbers[1].percent:
        return False
    unit = max((Fraction(1, 10**number.places) for number in numbers if number.places), default=Fraction(0))
    return abs(numbers[0].exact - numbers[1].exact) > unit


def says_no(verdict: object) -> bool:
    """Return True if a verdict, as a truth value, a number or a word, says no."""
    if isinstance(verdict, str):
        return verdict.strip().lower() in ("false", "no", "0", "0.0", "wrong", "incorrect", "rejected", "undesirable", "bad")
    return isinstance(verdict, bool | int | float | Decimal) and verdict == 0


def text_of(name: str, value: object, longest: int) -> str:
    """Return the field's text; Bad for another type, a blank text, and text that is not valid UTF-8."""
    if not isinstance(value, str):
        raise Bad(f"field {name!r} is of type {type(value).__name__}: a text is needed{_inside(name, value)}")
    if not value.strip():
        raise Bad(f"a row without a text in field {name!r}: it is blank")
    if len(value) > longest:
        raise Bad(f"field {name!r} has {len(value):,} characters: at most {longest:,} are taken")
    if _UNSOUND.search(value):
        raise Bad(f"field {name!r} holds a NUL or half a surrogate pair: whole UTF-8 text is needed")
    return value


def _inside(name: str, value: object) -> str:
    """Return how a value that is no text can be used as it is."""
    match value:
        case [str(), *_]:
            return f"; if it lists {len(value)} right answers in words, say --kind text"
        case {**inner} if inner:
            return f"; a field within it is named with a dot, {name}.{next(iter(inner))}"
    return ""


def _numeral(name: str, value: object) -> str:
    """Return a text as it is, and a number in digits; Bad for one that is not finite or is too long. A sum of floats is taken for the short
    decimal that was meant: 0.3 for 0.30000000000000004."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return text_of(name, value, LONGEST_TEXT)
    exact = Decimal(repr(value)) if isinstance(value, float) and isfinite(value) else Decimal(value)
    if not exact.is_finite() or abs(exact.adjusted()) > 100:
        raise Bad(f"field {name!r} is a number that is not finite or beyond 100 digits")
    digits, short = len(exact.as_tuple().digits), Decimal(f"{exact:.15g}").normalize()
    is_sum = digits in LONG_FLOATS and exact != exact.to_integral_value() and len(short.as_tuple().digits) <= digits - SHORTER
    return format(short if is_sum else exact, "f")


# --- choice -----------------------------------------------------------------------------------------------------------


def options_of(fields: Mapping[str, object]) -> dict[str, str]:
    """Return the texts of a row's options by label, in order: from a list, texts by letter, or `text` and `label` side by side."""
    raw_options = next((fields[name] for name in OPTIONS if fields.get(name)), None) or {
        label: fields[column] for label, column in option_columns(fields).items()
    }
    match raw_options:
        case {"text": [*texts], "label": [*labels]} if len(texts) == len(labels):
            pairs = [(str(label), text) for label, text in zip(labels, texts, strict=True)]
        case dict() if raw_options:
            pairs = [(str(label), text) for label, text in raw_options.items()]
        case list():
            pairs = list(zip(LETTERS, raw_options, strict=False))
        case _:
            return {}
    options = {label: str(text) for label, text in pairs if isinstance(text, str | int | Decimal) and not isinstance(text, bool)}
    if len(options) < len(raw_options if isinstance(raw_options, list) else pairs) or not 2 <= len(options) <= len(LETTERS):
        raise Bad(f"its {len(pairs)} options are no list of 2 to {len(LETTERS)} different texts")
    return options


def option_columns(fields: Mapping[str, object]) -> dict[str, str]:
    """Return the columns that hold an option each, by label in order: A, B, C ... or a stem and a letter or number (option_1, opa,
    ending0). Null columns after the last option do not count."""
    columns = defaultdict[str, dict[str, str]](dict)
    for name, value in fields.items():
        if (match := _OPTION.fullmatch(name)) and value is not None:
            columns[(match[1] or "").lower()][(match[2] or match[3]).upper()] = name
    for stem, by_label in columns.items():
        start = min(by_label)
        run = [chr(ord(start) + place) for place in range(len(by_label))]
        if start in ("A", "0", "1") and sorted(by_label) == run and len(run) >= (2 if stem else 3):
            return {label: by_label[label] for label in run}
    return {}


def _choice(value: object, texts: Mapping[str, str], fields: Mapping[str, object]) -> Choice:
    """Return the right option, given by label or letter, by place counted from 0, or by the text of exactly one option."""
    labels, options = list(texts), tuple(texts.values())
    if (places := _places(value, labels, options)) is not None:
        return Choice("".join(LETTERS[place] for place in places), options)
    index = fields.get("answer_index")
    place = _place(value, labels, options)
    if place is None or (isinstance(index, int) and options and index != place):
        why = (
            "it is neither a letter, a place from 0 on nor the text of exactly one option" if place is None else f"answer_index is {index}"
        )
        raise Bad(f"answer {str(value)[:60]!r} of {len(options) or 'unknown'} options: {why}")
    return Choice(LETTERS[place], options)


def _places(value: object, labels: Sequence[str], options: Sequence[str]) -> list[int] | None:
    """Return the places of several right options: a list of them, or their letters (AD; A, D); `None` for any other value."""
    parts = value if isinstance(value, list) else _SEPARATOR.split(value.strip()) if isinstance(value, str) and value not in options else []
    if len(parts) == 1 and isinstance(parts[0], str) and _LETTERS.fullmatch(parts[0]):
        parts = list(parts[0])
    places = {_place(part, labels, options) for part in parts}
    return sorted(place for place in places if place is not None) if len(places) > 1 and None not in places else None


def _place(value: object, labels: Sequence[str], options: Sequence[str]) -> int | None:
    most = len(options) or len(LETTERS)
    if isinstance(value, int) and not isinstance(value, bool) and str(value) not in labels:
        return value if 0 <= value < most else None
    text = str(value).strip()
    if text in labels:
        return labels.index(text)
    if (letter := _LETTER.fullmatch(text)) and LETTERS.index(letter[1]) < most:
        return LETTERS.index(letter[1])
    if options.count(text) == 1:
        return options.index(text)
    return int(text) if re.fullmatch("[0-9]{1,2}", text) and int(text) < most and options else None


def with_options(question: str, reference: Reference) -> str:
    """Return the question followed by its options, unless it contains them already."""
    if not isinstance(reference, Choice) or not reference.options or all(option in question for option in reference.options):
        return question
    lines = [f"{letter}) {option}" for letter, option in zip(LETTERS, reference.options, strict=False)]
    return "\n".join([question.rstrip(), "", *lines])


# --- words, numbers to be combined, code ------------------------------------------------------------------------------


def _texts(name: str, value: object) -> tuple[str, ...]:
    return tuple(text_of(name, item, LONGEST_GOLD) for item in (value if isinstance(value, list) else [value]))


def _countdown(name: str, value: object, fields: Mapping[str, object]) -> Countdown:
    numbers, target = fields.get("numbers", fields.get("nums")), fields.get("target", fields.get("answer") if value is None else value)
    if not isinstance(numbers, list) or not all(isinstance(number, int) for number in numbers) or not numbers:
        raise Bad(f"a countdown needs `numbers`, a list of whole numbers: there is {str(numbers)[:60]}")
    if not re.fullmatch("-?[0-9]{1,12}", str(target)):
        raise Bad(f"a countdown's target is a whole number: `target` is {str(target)[:60]}")
    return Countdown(tuple(numbers), int(str(target)))


def _code(kind: Kind, value: object, fields: Mapping[str, object]) -> Reference:
    """Return the tests: pairs for stdio and calls, a program of assertions (or a list of them) for asserts."""
    tests, entry = (
        fields.get("tests", fields.get("test", fields.get("input_output", value))),
        str(fields.get("entry") or fields.get("entry_point") or ""),
    )
    seconds, close = _positive(fields, "seconds"), _positive(fields, "tolerance")
    if kind == "asserts":
        text = "\n".join(map(str, tests)) if isinstance(tests, list) else text_of("tests", tests, LONGEST_TEXT)
        prompt = str(fields.get("prompt", "")) if entry else ""  # without an entry point it is a task in words
        return Asserts(entry or _entry_point(text, str(fields.get("signature", ""))), text, prompt, seconds=seconds or CODE_S)
    tests, name, in_lists = _side_by_side(tests, fields)
    if not isinstance(tests, list) or not tests:
        raise Bad(f"code of kind {kind} needs `tests`: pairs of input and output, or of arguments and value")
    pairs = tuple(_pair(test, as_json=kind == "calls") for test in tests)
    if kind == "calls":
        return Calls(entry or name, pairs, tolerance=close, seconds=seconds or CODE_S, wrapped=in_lists)
    checker = fields.get("checker")
    language: Literal["cpp", "python"] = "cpp" if fields.get("language") == "cpp" else "python"
    return Stdio(pairs, language, close, str(checker) if checker else None, seconds or CODE_S)


def _side_by_side(tests: object, fields: Mapping[str, object]) -> tuple[object, str, bool]:
    """Return the tests as pairs, the function's name, and True if every output is a list of one, where inputs and outputs are two lists as
    in APPS and TACO."""
    if isinstance(tests, str) and tests.lstrip()[:1] in ("[", "{"):
        with suppress(NotJson):
            tests = parse_json(tests, number=Decimal)
    container = tests if isinstance(tests, Mapping) else fields
    match container.get("inputs"), container.get("outputs"):
        case [*inputs], [*outputs] if len(inputs) == len(outputs):
            name = str(container.get("fn_name") or fields.get("fn_name") or "")
            wrapped = all(isinstance(output, list) and len(output) == 1 for output in outputs)
            return [list(pair) for pair in zip(inputs, outputs, strict=True)], name, wrapped
    return tests, str(fields.get("fn_name") or ""), False


def _entry_point(tests: str, signature: str) -> str:
    """Return the function under test: the first that the assertions call and the signature defines, else the first they call."""
    functions = re.findall(r"\bdef (\w+)\(", signature)
    assertion = _ASSERTION.search(tests)
    first = assertion[1] if assertion else ""
    return next((name for name in re.findall(r"(\w+)\(", tests) if name in functions), first)


def _positive(fields: Mapping[str, object], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 < value < 1e6:
        raise Bad(f"field {name!r} is {str(value)[:40]!r}: a number above 0 is needed")
    return float(value)


def _pair(test: object, *, as_json: bool) -> tuple[str, str]:
    match test:
        case [first, second]:
            pair = first, second
        case {"input": first, "output": second}:
            pair = first, second
        case _:
            raise Bad(f"a test is a pair of input and output, not {str(test)[:60]}")
    if as_json:
        return json.dumps(pair[0], default=float), json.dumps(pair[1], default=float)
    return joined_lines(pair[0]), joined_lines(pair[1])


def joined_lines(value: object) -> str:
    """Return a text, or a list of its lines joined."""
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
