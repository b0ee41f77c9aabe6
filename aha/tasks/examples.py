"""Examples on disk: the files that `Sample` writes, a person edits and `Sft` imitates, and the plain chat files of others.

One JSON object per line, or a row of a Parquet file with such columns. Ours: `{"id", "domain", "language", "messages": [{"role", "content",
"reasoning_content"?}], "origin"?}`. The forms of others are described in `tasks.chats`. A thought may stand in `reasoning_content`, or as
`<think>...</think>` at the beginning of the reply.

Preferences on disk, and their form for a preference model: pairs of answers, and replies that are safe or not (nature B.3).

One JSON object per line. Ours: the fields of a `Pair` or a `Labelled`. Others: `prompt` (or `question`) with `chosen` and `rejected`, or
with `response` (or `text`, `completion`, `answer`) and `safe` (or `is_safe`, `label`); each text may be a list of messages, whose last
counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from aha.codec import decode, encode
from aha.errors import BadInput
from aha.protocols import Tokenizer
from aha.settings import nearest
from aha.tasks.chats import TURN_FIELDS, ExampleLayout, RowTurns, blank, chat_of, elements_of, is_pair, prompt_like
from aha.tasks.forms import ANSWERS, language_of
from aha.tasks.golds import Bad, contradiction, text_of
from aha.tasks.reading import LONGEST_LINE, DataRow, RefusedRow, check_split, rows_of
from aha.types import Conversation, Example, Labelled, Message, Open, Origin, Pair, Problem

BadRows = Literal["stop", "skip"]
OUR_COLUMNS = ("id", "domain", "language", "origin")  # columns that describe a row and are not shown to the model
GOLDS = tuple(name for name in ANSWERS if name != "solution")  # columns with an answer alone
MOST_SKIPS = 0.01
AS_IT_IS = ExampleLayout()


@dataclass(frozen=True)
class LoadedExamples:
    """The examples of a source, in its order, and the rows that were left out, with the reasons."""

    examples: tuple[Example, ...]
    refusals: tuple[RefusedRow, ...]


@dataclass
class ExampleRows:
    """The rows of a source as examples, read one after another without keeping them. Afterwards `read` holds the role of each column that
    was used, `unread` in how many rows each unused column held something, and `contradictions` the rows whose reply ends in another answer
    than such a column has."""

    source: str
    layout: ExampleLayout = AS_IT_IS
    read: dict[str, set[str]] = field(default_factory=dict)
    unread: Counter[str] = field(default_factory=Counter)
    contradictions: list[str] = field(default_factory=list)
    _places: dict[bytes, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Example | RefusedRow]:
        """Yield each example or unusable row with its reason. BadInput if a prompt-like column is not used, or `ignore` names no column."""
        columns, number = set[str](), 0
        check_split(self.source, self.layout.split, self.layout.subset)
        for row in rows_of(self.source, self.layout.split, self.layout.subset):
            if isinstance(row, RefusedRow):
                yield row
                continue
            columns.update(row.fields)
            for example in self._examples(row):
                number += 1
                yield self._with_our_columns(example, row, number)
        if columns and (absent := [name for name in self.layout.ignore if name not in columns]):
            names = sorted(columns)
            raise BadInput(f"{self.source}: ignore names {absent[0]!r}, and the columns are {', '.join(names)}{nearest(absent[0], names)}")

    def columns(self) -> list[str]:
        """Return lines for people on which column was read as what, and which unused columns held something."""
        roles = {role: [name for name, parts in self.read.items() if role in parts] for parts in self.read.values() for role in parts}
        lines = [", ".join(f"{role} from {' and '.join(names)}" for role, names in roles.items())] if set(self.read) - {"messages"} else []
        unread = ", ".join(f"{name or repr(name)} ({count:,} rows)" for name, count in self.unread.items())
        if self.contradictions:
            seen = f"{len(self.contradictions):,} replies end in another answer than their row's column has"
            lines.append(f"{seen} ({self.contradictions[0]}): they are learned as they are")
        return [*lines, *([f"columns that are not used: {unread}"] if unread else [])]

    def _examples(self, row: DataRow) -> Sequence[Example | RefusedRow]:
        try:
            chat = chat_of(row.fields, self.layout)
            self._notice(row, chat)
            whole = _example_of(row, chat)
        except Bad as reason:
            return [RefusedRow(row.place, str(reason))]
        *earlier, last = chat.targets
        return [_up_to(whole, place, f"{whole.id}/turn-{number}") for number, place in enumerate(earlier, 1)] + [
            _up_to(whole, last, whole.id)
        ]

    def _notice(self, row: DataRow, chat: RowTurns) -> None:
        for name, role in chat.read.items():
            self.read.setdefault(name, set()).add(role)
        others = (name for name, value in row.fields.items() if name not in OUR_COLUMNS and not blank(value))
        unread = [name for name in others if not self._is_read(name, chat)]
        self.unread.update(unread)
        for name in (name for name, role in chat.read.items() if role == "turns"):
            self.unread.update(sorted(_unread_in_turns(row.fields[name], name)))
        reply = chat.messages[-1].content
        golds = [(name, answers) for name in GOLDS if name in unread and (answers := contradiction(row.fields[name], reply))]
        self.contradictions += [f"{row.place}, column {name!r}: {answers}" for name, answers in golds[:1]]
        suspects = [name for name in unread if name not in self.layout.ignore]
        text = "\n".join(message.content for message in chat.messages) if suspects else ""
        for name in suspects:
            if prompt_like(name, row.fields[name], text):
                names = ", ".join(chat.read)
                raise BadInput(
                    f"{row.place}: column {name!r} looks like a part of the prompt, and only {names} would be read: say which columns are "
                    f"(--question-field, --answer-field), or leave it out with --ignore {name}"
                )

    def _is_read(self, name: str, chat: RowTurns) -> bool:
        return name in chat.read or any(read.startswith(f"{name}.") for read in chat.read)

    def _with_our_columns(self, example: Example | RefusedRow, row: DataRow, number: int) -> Example | RefusedRow:
        """Return the example, or a refusal if its row has the id of another one."""
        if isinstance(example, RefusedRow):
            return example
        key = blake2b(example.id.encode("utf-8", "replace"), digest_size=12).digest()
        if key in self._places:
            return RefusedRow(row.place, f"id {example.id!r} is that of example {self._places[key]:,} too: every row needs its own")
        if example.id != row.name:
            self._places[key] = number
        return example


def _unread_in_turns(turns: object, name: str) -> set[str]:
    """Return the fields of the messages in a column that hold something and that nothing here reads, each with the column's name."""
    with suppress(Bad):
        objects = [turn for turn in elements_of(turns, name) if isinstance(turn, dict) and not is_pair(turn)]
        return {f"{name}.{key}" for turn in objects for key, value in turn.items() if key not in TURN_FIELDS and not blank(value)}
    return set()


def read_examples(path: Path | str) -> list[Example]:
    """Return every row of a .jsonl or .parquet file, a folder of such shards, a run directory with `rows`, or a Hugging Face data set.

    BadInput names file, line or row of the first broken row, and what is wrong with it."""
    return list(load_examples(str(path)).examples)


def load_examples(source: str, bad_rows: BadRows = "stop", layout: ExampleLayout = AS_IT_IS) -> LoadedExamples:
    """Return the examples of a source; `bad_rows` "skip" leaves broken rows out. BadInput if more than one in a hundred is broken."""
    examples, refusals = list[Example](), list[RefusedRow]()
    for example in ExampleRows(source, layout):
        if isinstance(example, Example):
            examples.append(example)
        elif bad_rows == "stop":
            raise BadInput(str(example))
        else:
            refusals.append(example)
    if len(refusals) > MOST_SKIPS * (total := len(examples) + len(refusals)):
        raise BadInput(f"{source}: {len(refusals)} of {total} rows are bad, more than 1 %; the first: {refusals[0]}")
    if not examples:
        raise BadInput(no_examples(source))
    return LoadedExamples(tuple(examples), tuple(refusals))


def no_examples(source: str) -> str:
    """Return the message for an empty source."""
    return f"{source} holds no example: one JSON object a line, with messages that end with the assistant's, is needed"


def write_example(example: Example) -> str:
    """Return an example as one line of JSON without its newline; `read_examples` reads the same value back."""
    row: dict[str, Any] = {"id": example.id, "domain": example.domain, "language": example.language}
    row["messages"] = [_message_json(message) for message in example.conversation.messages]
    if example.origin is not None:
        row["origin"] = encode(example.origin, Origin)
    return json.dumps(row, ensure_ascii=False)


def _message_json(message: Message) -> dict[str, str]:
    plain: dict[str, str] = {"role": message.role, "content": message.content}
    return plain if message.thought is None else plain | {"reasoning_content": message.thought}


# --- one row ----------------------------------------------------------------------------------------------------------


def _example_of(row: DataRow, chat: RowTurns) -> Example:
    """Return the whole row as an example; the language is the row's, else that of the last question."""
    question = next(message.content for message in reversed(chat.messages) if message.role == "user")
    language = row.fields.get("language")
    return Example(
        id=_name(row),
        domain=_domain(row.fields.get("domain")),
        language="zh" if language == "zh" else "en" if language == "en" else language_of(question),
        conversation=Conversation(chat.messages),
        origin=_origin(row.fields.get("origin")),
    )


def _up_to(example: Example, place: int, name: str) -> Example:
    """Return the example cut after the reply at a place."""
    return replace(example, id=name, conversation=Conversation(example.conversation.messages[: place + 1]))


def _name(row: DataRow) -> str:
    match row.fields.get("id"):
        case str(name) if name.strip():
            return text_of("id", name, LONGEST_LINE)
        case int(number) if not isinstance(number, bool):
            return str(number)
    return row.name


def _domain(value: object) -> str:
    return text_of("domain", value, LONGEST_LINE) if isinstance(value, str) and value.strip() else "general"


def _origin(value: object) -> Origin | None:
    if not isinstance(value, dict):
        return None
    try:
        text_of("origin", json.dumps(value, ensure_ascii=False, default=str), LONGEST_LINE)
        return cast(Origin, decode(value, Origin))
    except BadInput as error:
        raise Bad(f"field 'origin': {error}") from None


QUESTION_FIELDS = ("prompt", "question", "instruction")
ANSWER_FIELDS = ("response", "text", "completion", "answer")
SAFE = ("safe", "is_safe", "label")
TRUTHS: Mapping[object, bool] = {True: True, False: False, "safe": True, "unsafe": False}  # 1 and 0 equal True and False
Preference = TypeVar("Preference", Pair, Labelled)


def as_conversation(problem: Problem, reply: str) -> Conversation:
    """Return the conversation that a preference model sees: the prompt, and the part of the reply to be judged."""
    return Conversation((*problem.turns, Message("user", problem.question), Message("assistant", reply)))


def scored_tokens(conversation: Conversation, tokenizer: Tokenizer) -> list[int]:
    """Return the tokens of the conversation, up to the end token at which the score is read."""
    *before, last = conversation.messages
    return [*tokenizer.chat(Conversation(tuple(before))), *tokenizer.encode(last.content), tokenizer.end]


def write_preference(value: Pair | Labelled) -> str:
    """Return one line of JSON without its newline; reading it gives the same value again."""
    return json.dumps(encode(value, type(value)), ensure_ascii=False)


def read_pairs(source: str) -> list[Pair]:
    """Return every pair of a file, a folder of shards, a run directory with `rows`, or a data set. BadInput names file and line or row."""
    return [_at(row, lambda row: _read_preference(row, Pair) or _pair(row)) for row in _rows(source)]


def read_safety_rows(source: str) -> list[Labelled]:
    """Return every labelled reply of such a source. BadInput names file and line or row."""
    return [_at(row, lambda row: _read_preference(row, Labelled) or _safety_row(row)) for row in _rows(source)]


def _rows(source: str) -> list[DataRow | RefusedRow]:
    rows = list(rows_of(source, "train", None))
    if not rows:
        raise BadInput(f"{source} holds no row: one JSON object a line is needed")
    return rows


def _at(row: DataRow | RefusedRow, reader: Callable[[DataRow], Preference]) -> Preference:
    if isinstance(row, RefusedRow):
        raise BadInput(str(row))
    try:
        return reader(row)
    except BadInput as error:
        raise BadInput(f"{row.place}: {error}") from None


def _read_preference(row: DataRow, kind: type[Preference]) -> Preference | None:
    """Return the row if it is in our own form, else None."""
    value: Preference | None = decode(dict(row.fields), kind) if isinstance(row.fields.get("problem"), dict) else None
    return value


def _pair(row: DataRow) -> Pair:
    form = 'a pair is {"prompt": ..., "chosen": ..., "rejected": ...}'
    chosen, rejected = (_text(row.fields, (name,), form) for name in ("chosen", "rejected"))
    if chosen.strip() == rejected.strip():
        raise BadInput("`chosen` and `rejected` are the same text, which prefers nothing: leave the row out")
    return Pair(_problem(row, form), chosen, rejected)


def _safety_row(row: DataRow) -> Labelled:
    form = 'a labelled reply is {"prompt": ..., "response": ..., "safe": true or false}'
    reply = _text(row.fields, ANSWER_FIELDS, form)
    safe = next((row.fields[name] for name in SAFE if name in row.fields), None)
    if not isinstance(safe, bool | int | str) or safe not in TRUTHS:
        raise BadInput(f"`safe` is {str(safe)[:40]!r}; {form}")
    return Labelled(_problem(row, form), reply, TRUTHS[safe])


def _problem(row: DataRow, form: str) -> Problem:
    question = _text(row.fields, QUESTION_FIELDS, form)
    return Problem(row.name, "general", question, language_of(question), Open())


def _text(fields: Mapping[str, object], names: tuple[str, ...], form: str) -> str:
    """Return a text, or the content of the last message of a conversation."""
    value = next((fields[name] for name in names if name in fields), None)
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        value = value[-1].get("content")
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"`{names[0]}` is missing or no text; {form}")
    return value
