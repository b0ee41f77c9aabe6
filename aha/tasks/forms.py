"""A row to a problem: which field asks, which answers, and what form the answer has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Literal

from aha.answers import gradable
from aha.answers.claims import boxed
from aha.answers.numbers import rational
from aha.tasks.reading import Refused, Row
from aha.types import Language, Latex, Number, Problem

Kind = Literal["auto", "number", "latex"]

QUESTIONS = ("question", "problem", "prompt")
ANSWERS = ("answer", "final_answer", "ground_truth", "solution")
LONGEST_QUESTION, LONGEST_ANSWER = 100_000, 2_000

_HAN = re.compile(r"[\u3400-\u9fff]")
_UNSOUND = re.compile("[\0\ud800-\udfff]")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")


class _Bad(Exception):
    """Why a row is no problem; caught where the row's place is known."""


@dataclass(frozen=True)
class Form:
    """How to read a row: its fields by name, or "auto" for the first of the usual names that the row has."""

    question: str
    answer: str
    id: str | None
    language: Literal["auto"] | Language
    kind: Kind
    domain: str

    def problem(self, row: Row) -> Problem | Refused:
        """The row's problem, its gold answer one that can be graded; else why not."""
        try:
            question = self._question(row.fields)
            reference = self._reference(row.fields)
            name = self._id(row)
        except _Bad as bad:
            return Refused(row.place, str(bad))
        language: Language = language_of(question) if self.language == "auto" else self.language
        return Problem(name, self.domain, question, language, reference)

    def _question(self, fields: Mapping[str, object]) -> str:
        name, value = _pick(fields, self.question, QUESTIONS, "question")
        return _text(name, value, LONGEST_QUESTION)

    def _reference(self, fields: Mapping[str, object]) -> Number | Latex:
        name, value = _pick(fields, self.answer, ANSWERS, "answer")
        if isinstance(value, list) and len(value) == 1:  # some sets write a list of one
            value = value[0]
        text, counted = _numeral(name, value), not isinstance(value, str)
        gold, hashed = final(text, name)
        if len(gold) > LONGEST_ANSWER:
            raise _Bad(f"field {name!r} gives an answer of {len(gold):,} characters: at most {LONGEST_ANSWER:,} can be graded")
        number = self.kind == "number" or (self.kind == "auto" and (counted or (hashed and rational(gold) is not None)))
        reference = Number(gold) if number else Latex(gold)
        if not gradable(reference):
            wanted = "a number such as 72, 1,234.5 or 3/4" if number else "LaTeX with balanced braces"
            raise _Bad(f"gold answer {gold[:60]!r} of field {name!r} does not parse: {wanted} is needed")
        return reference

    def _id(self, row: Row) -> str:
        if self.id is None:
            return row.name
        value = _present(row.fields, self.id, "id")
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(self.id, value, 200)


def final(text: str, name: str) -> tuple[str, bool]:
    """The gold answer within a field, and whether it stood after GSM8K's `####`; calculator marks `<<48/2=24>>` stand before it."""
    if "####" in text:
        return text.rpartition("####")[2].strip(), True
    if (inside := boxed(text)) is not None:
        return inside.strip(), False
    if name == "solution":
        raise _Bad("a row without an answer: field 'solution' has neither a closed \\boxed{...} nor '####'")
    text = text.strip()
    return (text.strip("$").strip() if text.count("$") <= 2 else text), False


def language_of(question: str) -> Language:
    """Chinese where there are more Chinese characters than English words, commands of LaTeX left out."""
    return "zh" if len(_HAN.findall(question)) > len(_WORD.findall(question)) else "en"


def _pick(fields: Mapping[str, object], chosen: str, usual: tuple[str, ...], what: str) -> tuple[str, object]:
    if chosen != "auto":
        return chosen, _present(fields, chosen, what)
    found = [name for name in usual if fields.get(name) is not None]
    if not found and (null := [name for name in usual if name in fields]):
        raise _Bad(f"a row without {'an' if what == 'answer' else 'a'} {what}: field {null[0]!r} is null")
    if not found:
        raise _Bad(f"no {what} field: there {_listed(fields)}, none of {', '.join(usual)}; set {what}_field")
    return found[0], fields[found[0]]


def _present(fields: Mapping[str, object], name: str, what: str) -> object:
    if name not in fields:
        raise _Bad(f"no field {name!r} for the {what}: there {_listed(fields)}; set {what}_field to one of these")
    if fields[name] is None:
        raise _Bad(f"a row without {'a' if what == 'question' else 'an'} {what}: field {name!r} is null")
    return fields[name]


def _listed(fields: Mapping[str, object]) -> str:
    names = [repr(name[:40]) for name in list(fields)[:20]]
    return f"are {', '.join(names)}" if names else "are no fields at all"


def _text(name: str, value: object, longest: int) -> str:
    if not isinstance(value, str):
        raise _Bad(f"field {name!r} is of type {type(value).__name__}: a text is needed")
    if not value.strip():
        raise _Bad(f"a row without a text in field {name!r}: it is blank")
    if len(value) > longest:
        raise _Bad(f"field {name!r} has {len(value):,} characters: at most {longest:,} are taken")
    if _UNSOUND.search(value):
        raise _Bad(f"field {name!r} holds a NUL or half a surrogate pair: whole UTF-8 text is needed")
    return value


def _numeral(name: str, value: object) -> str:
    """A text as it is and a number in its digits, unless they would fill a page."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return _text(name, value, LONGEST_QUESTION)
    exact = Decimal(repr(value)) if isinstance(value, float) and isfinite(value) else Decimal(value)
    if not exact.is_finite() or abs(exact.adjusted()) > 100:
        raise _Bad(f"field {name!r} is a number that is not finite or beyond 100 digits")
    return format(exact, "f")
