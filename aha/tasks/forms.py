"""A row to a problem: which field asks, which answers, and what form the answer has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aha.tasks.golds import LONGEST_TEXT, Bad, Kind, reference_of, text_of, with_options
from aha.tasks.reading import RefusedRow, Row
from aha.types import Language, Problem, Reference

QUESTIONS = ("question", "problem", "prompt")
WITHOUT_ANSWER = ("countdown", "stdio", "calls", "asserts", "open")  # their references stand in fields of other names
ANSWERS = ("answer", "final_answer", "ground_truth", "solution")

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")


@dataclass(frozen=True)
class Form:
    """How to read a row: its fields by name, or "auto" for the first of the usual names that the row has."""

    question: str
    answer: str
    id: str | None
    language: Literal["auto"] | Language
    kind: Kind
    domain: str

    def problem(self, row: Row) -> Problem | RefusedRow:
        """The row's problem, its gold answer one that can be graded; else why not."""
        try:
            question = self._question(row.fields)
            reference = self._reference(row.fields)
            name = self._id(row)
        except Bad as bad:
            return RefusedRow(row.place, str(bad))
        language: Language = language_of(question) if self.language == "auto" else self.language
        return Problem(name, self.domain, with_options(question, reference), language, reference)

    def _question(self, fields: Mapping[str, object]) -> str:
        name, value = _pick(fields, self.question, QUESTIONS, "question")
        return text_of(name, value, LONGEST_TEXT)

    def _reference(self, fields: Mapping[str, object]) -> Reference:
        if self.kind in WITHOUT_ANSWER:
            return reference_of("", None, fields, self.kind)
        name, value = _pick(fields, self.answer, ANSWERS, "answer")
        return reference_of(name, value, fields, self.kind)

    def _id(self, row: Row) -> str:
        if self.id is None:
            return row.name
        value = _present(row.fields, self.id, "id")
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else text_of(self.id, value, 200)


def language_of(question: str) -> Language:
    """Chinese where there are more Chinese characters than English words, commands of LaTeX left out."""
    return "zh" if len(_HAN.findall(question)) > len(_WORD.findall(question)) else "en"


def _pick(fields: Mapping[str, object], chosen: str, usual: tuple[str, ...], purpose: str) -> tuple[str, object]:
    if chosen != "auto":
        return chosen, _present(fields, chosen, purpose)
    present = [name for name in usual if fields.get(name) is not None]
    if not present and (null := [name for name in usual if name in fields]):
        raise Bad(f"a row without {'an' if purpose == 'answer' else 'a'} {purpose}: field {null[0]!r} is null")
    if not present:
        raise Bad(f"no {purpose} field: there {_question_with_options(fields)}, none of {', '.join(usual)}; set {purpose}_field")
    return present[0], fields[present[0]]


def _present(fields: Mapping[str, object], name: str, purpose: str) -> object:
    if name not in fields:
        raise Bad(f"no field {name!r} for the {purpose}: there {_question_with_options(fields)}; set {purpose}_field to one of these")
    if fields[name] is None:
        raise Bad(f"a row without {'a' if purpose == 'question' else 'an'} {purpose}: field {name!r} is null")
    return fields[name]


def _question_with_options(fields: Mapping[str, object]) -> str:
    names = [repr(name[:40]) for name in list(fields)[:20]]
    return f"are {', '.join(names)}" if names else "are no fields at all"
