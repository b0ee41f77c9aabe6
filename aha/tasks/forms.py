"""Problems read from rows: the column of the question, the column of the answer, and the form of the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from aha.errors import BadInput
from aha.json_text import NotJson, parse_json
from aha.lazy import lazy_pattern
from aha.tasks.chats import ABSENT, SYSTEM_FIELDS, at_path, blank, messages_in, prompt_like, usual, weighed_turns, with_beside
from aha.tasks.golds import LONGEST_TEXT, OPTIONS, Bad, Kind, contradiction, reference_of, text_of, with_options
from aha.tasks.reading import DataRow, RefusedRow
from aha.types import Asserts, Calls, Choice, Code, Countdown, Judged, Language, Message, Open, Problem, Reference, Stdio, Text

QUESTIONS = ("question", "problem", "prompt", "query", "instruction")
WITHOUT_ANSWER = ("countdown", "stdio", "calls", "asserts", "open")  # the references of these stand in fields of other names
ANSWERS = ("answer", "final_answer", "ground_truth", "expected_answer", "reward_model.ground_truth", "answerkey", "answer_key", "solution")
WORKED = ("solution", "worked_solution", "reference_solution", "rationale", "explanation")  # columns that may end in an answer of their own
OUR_COLUMNS = ("id", "domain", "language", "kind")  # columns that describe a row and are not shown to the model

TESTS = ("tests", "test", "input_output", "inputs", "outputs", "prompt", "signature", "examples")
READ_BY: Mapping[type, tuple[str, ...]] = {  # columns of which a reference is made, besides the answer's
    Choice: OPTIONS,
    Countdown: ("numbers", "nums", "target"),
    **dict.fromkeys((Stdio, Calls, Asserts), TESTS),
}

_HAN = lazy_pattern(r"[\u3400-\u9fff]")
_WORD = lazy_pattern(r"(?<![\\A-Za-z])[A-Za-z]{2,}")


@dataclass(frozen=True)
class RowForm:
    """The form of a row: its fields by name, or "auto" for the first of the usual names that the row has."""

    question: str
    answer: str
    id: str | None
    language: Literal["auto"] | Language
    kind: Kind
    domain: str
    ignore: tuple[str, ...] = ()
    label: str = ""

    def problem(self, row: DataRow) -> Problem | RefusedRow:
        """Return the row's problem, if its gold answer can be graded; else the reason. BadInput for an unread column that looks like a part
        of the prompt."""
        fields = {name: value for name, value in row.fields.items() if name not in self.ignore} if self.ignore else row.fields
        try:
            column, turns, question = self._question(fields)
            reference = self._reference(fields)
            name = self._id(row)
            beside = list[str]()
            if self.question == "auto" and not turns and not isinstance(reference, Code):
                question, beside = with_beside(fields, column, question)
        except Bad as bad:
            return RefusedRow(row.place, str(bad))
        system, turns = _with_system(fields, turns)
        read = {*OUR_COLUMNS, column.partition(".")[0], *beside, *system, *(("prompt",) if isinstance(reference, Code) else ())}
        self._check_unread(row.place, {key: value for key, value in fields.items() if key not in read}, turns, question, reference)
        language: Language = language_of(question) if self.language == "auto" else self.language
        return Problem(
            name,
            domain_of(reference) if self.domain == "auto" else self.domain,
            with_options(question, reference),
            language,
            reference,
            turns,
        )

    def contradiction(self, row: DataRow) -> str:
        """Return the two answers of a row whose worked solution ends in another one than its gold answer; empty for others."""
        name = self.answer if self.answer != "auto" else usual(row.fields, ANSWERS)
        worked = (row.fields.get(column) for column in WORKED if column not in (name, *self.ignore))
        return next(filter(None, (contradiction(at_path(row.fields, name), text) for text in worked)), "") if name else ""

    def _check_unread(self, place: str, rest: Mapping[str, object], turns: Sequence[Message], question: str, reference: Reference) -> None:
        own_fields = READ_BY.get(type(reference), ())
        suspects = [name for name in rest if name not in own_fields and not blank(rest[name])]
        if not suspects:
            return
        text = "\n".join([*(message.content for message in turns), question])
        for name in suspects:
            if prompt_like(name, rest[name], text):
                raise BadInput(
                    f"{place}: column {name!r} looks like a part of the prompt, and would not be read: name the question's column with "
                    f"--question-field, or leave it out with --ignore {name}"
                )

    def _question(self, fields: Mapping[str, object]) -> tuple[str, tuple[Message, ...], str]:
        """Return the question's column, the turns before the question, and the question: a text, or the last message of a list (which may
        be JSON in a text, as some tools write tables)."""
        name, value = _pick(fields, self.question, QUESTIONS, "question")
        value = messages_in(value, name)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            *turns, last = turns_of(value, name)
            return name, tuple(turns), text_of(name, last.content, LONGEST_TEXT)
        return name, (), text_of(name, value, LONGEST_TEXT)

    def _reference(self, fields: Mapping[str, object]) -> Reference:
        if self.kind in WITHOUT_ANSWER and not (self.kind != "open" and self.answer != "auto"):
            return reference_of("", None, fields, self.kind)
        name, value = _pick(fields, self.answer, ANSWERS, "answer")
        inner = _object(value)
        if self.kind in ("auto", *WITHOUT_ANSWER) and (kind := _kind_of(inner)) is not None:
            return reference_of(name, None, inner, kind)
        return reference_of(name, value, fields, self.kind)

    def _id(self, row: DataRow) -> str:
        if self.id is None:
            return f"{self.label}/{row.name}" if self.label else row.name
        value = _present(row.fields, self.id, "id")
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else text_of(self.id, value, 200)


def domain_of(reference: Reference) -> str:
    """Return the domain of a problem that names none, by the kind of its answer, so that the rewards for this kind apply."""
    match reference:
        case Stdio() | Calls() | Asserts():
            return "code"
        case Choice() | Text() | Judged():
            return "stem"
        case Open():
            return "general"
    return "math"


def language_of(question: str) -> Language:
    """Return Chinese if there are more Chinese characters than English words, LaTeX commands left out; else English."""
    return "zh" if len(_HAN.findall(question)) > len(_WORD.findall(question)) else "en"


def _pick(fields: Mapping[str, object], chosen: str, usual_names: tuple[str, ...], purpose: str) -> tuple[str, object]:
    if chosen != "auto":
        return chosen, _present(fields, chosen, purpose)
    present = [name for name in usual_names if at_path(fields, name) not in (None, ABSENT)]
    other_case = usual(fields, usual_names)
    if not present and other_case is not None:
        present = [other_case]
    if not present and (null := [name for name in usual_names if name in fields]):
        raise Bad(f"a row without {'an' if purpose == 'answer' else 'a'} {purpose}: field {null[0]!r} is null")
    if not present:
        raise Bad(f"no {purpose} field: there {_question_with_options(fields)}, none of {', '.join(usual_names)}; give --{purpose}-field")
    return present[0], at_path(fields, present[0])


def _with_system(fields: Mapping[str, object], turns: tuple[Message, ...]) -> tuple[tuple[str, ...], tuple[Message, ...]]:
    """Return the column of the system message, if the turns have no such message, and the turns with it."""
    name = usual(fields, SYSTEM_FIELDS)
    value = None if name is None else fields[name]
    if name is None or not isinstance(value, str) or any(message.role == "system" for message in turns):
        return (), turns
    return (name,), (Message("system", value), *turns)


def _object(value: object) -> Mapping[str, object]:
    """Return the object that an answer is, or holds as JSON text; an empty one if it is neither."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        with suppress(NotJson):
            value = parse_json(value, number=Decimal)
    return value if isinstance(value, dict) else {}


def _kind_of(answer: Mapping[str, object]) -> Kind | None:
    """Return the kind of an answer that is an object: a countdown's numbers and target, or tests side by side; None for others."""
    if "target" in answer and not {"numbers", "nums"}.isdisjoint(answer):
        return "countdown"
    if isinstance(answer.get("inputs"), list) and isinstance(answer.get("outputs"), list):
        return "calls" if answer.get("fn_name") else "stdio"
    return None


def _present(fields: Mapping[str, object], name: str, purpose: str) -> object:
    value = at_path(fields, name)
    if value is ABSENT:
        raise Bad(f"no field {name!r} for the {purpose}: there {_question_with_options(fields)}; name one of these with --{purpose}-field")
    if value is None:
        raise Bad(f"a row without {'a' if purpose == 'question' else 'an'} {purpose}: field {name!r} is null")
    return value


def _question_with_options(fields: Mapping[str, object]) -> str:
    names = [repr(name[:40]) for name in list(fields)[:20]]
    return f"are {', '.join(names)}" if names else "are no fields at all"


def turns_of(value: object, name: str) -> tuple[Message, ...]:
    """Return the messages of a prompt that is a list of them. Bad if it is no such list, or the last is not the user's."""
    messages = tuple(message for message, _ in weighed_turns(value, name))
    if not messages:
        raise Bad(f"field {name!r} has no message: somebody has to ask")
    if messages[-1].role != "user":
        raise Bad(f"field {name!r}: its last message is not the user's: somebody has to ask")
    return messages
