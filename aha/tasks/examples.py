"""Examples on disk: what `Sample` writes, a person edits and `Sft` imitates, and the plain chat files of other people.

One JSON object a line, or a row of a Parquet file with such columns. Ours: `{"id", "domain", "language", "messages": [{"role", "content",
"reasoning_content"?}], "origin"?}`. Others: `messages` alone, `conversations` of `from` and `value`, or two fields, as `prompt` and
`completion` or `question` and `solution`, each a text or a list of messages. A thought may stand in `reasoning_content`, or as
`<think>...</think>` at the beginning of what was said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, cast

from aha.codec import decode, encode
from aha.errors import BadInput
from aha.tasks.forms import language_of
from aha.tasks.golds import Bad, text_of
from aha.tasks.reading import LONGEST_LINE, RefusedRow, Row, folder_of, rows_of, shards_of
from aha.template import END_THINK, THINK, apart
from aha.types import Conversation, Example, Message, Origin

BadRows = Literal["stop", "skip"]
TURNS = ("messages", "conversations")
PROMPT_FIELDS = ("prompt", "question", "problem", "instruction", "input")
REPLY_FIELDS = ("completion", "solution", "response", "answer", "output")
THOUGHT = ("reasoning_content", "reasoning", "thinking")
ROLES = {"system": "system", "user": "user", "assistant": "assistant", "human": "user", "gpt": "assistant"}
MOST_SKIPPED = 0.01


@dataclass(frozen=True)
class LoadedExamples:
    """The examples of a source, in its order, and the rows that were left out with their reasons."""

    examples: tuple[Example, ...]
    skipped: tuple[RefusedRow, ...]


def read_examples(path: Path | str) -> list[Example]:
    """Every row of a .jsonl or .parquet file, a folder of such shards, a run directory with `rows`, or a Hugging Face data set.

    BadInput names file, line or row, and what is wrong with the first row that is broken."""
    return list(load_examples(str(path)).examples)


def load_examples(source: str, bad_rows: BadRows = "stop", split: str = "train", subset: str | None = None) -> LoadedExamples:
    """`bad_rows` "skip" leaves broken rows out, and stops only when they are more than one in a hundred."""
    examples, skipped, places = list[Example](), list[RefusedRow](), dict[str, str]()
    for row in _rows(source, split, subset):
        example = _example_of(row) if isinstance(row, Row) else row
        if isinstance(example, Example) and example.id in places:
            example = RefusedRow(row.place, f"id {example.id!r} is that of {places[example.id]} too: every row needs its own")
        if isinstance(example, Example):
            places[example.id] = row.place
            examples.append(example)
        elif bad_rows == "stop":
            raise BadInput(str(example))
        else:
            skipped.append(example)
    if skipped and len(skipped) > MOST_SKIPPED * (len(examples) + len(skipped)):
        total = len(examples) + len(skipped)
        raise BadInput(f"{source}: {len(skipped)} of {total} rows are bad, more than 1 %; the first: {skipped[0]}")
    if not examples:
        raise BadInput(f"{source} holds no example: one JSON object a line, with messages that end with the assistant's, is needed")
    return LoadedExamples(tuple(examples), tuple(skipped))


def write_example(example: Example) -> str:
    """One line of JSON without its newline; `read_examples` gives the same value again."""
    row: dict[str, Any] = {"id": example.id, "domain": example.domain, "language": example.language}
    row["messages"] = [_message_json(message) for message in example.conversation.messages]
    if example.origin is not None:
        row["origin"] = encode(example.origin, Origin)
    return json.dumps(row, ensure_ascii=False)


def _message_json(message: Message) -> dict[str, str]:
    plain: dict[str, str] = {"role": message.role, "content": message.content}
    return plain if message.thought is None else plain | {"reasoning_content": message.thought}


# --- files ------------------------------------------------------------------------------------------------------------


def _rows(source: str, split: str, subset: str | None) -> Iterator[Row | RefusedRow]:
    if shards := shards_of(source):
        return (row for shard in shards for row in rows_of(str(shard), split, subset))
    folder = folder_of(source)
    return rows_of(str(folder) if folder.is_dir() else source, split, subset)


# --- one row ----------------------------------------------------------------------------------------------------------


def _example_of(row: Row) -> Example | RefusedRow:
    try:
        messages = _messages(row.fields)
        question = next(message.content for message in reversed(messages) if message.role == "user")
        language = row.fields.get("language")
        return Example(
            id=_name(row),
            domain=_domain(row.fields.get("domain")),
            language="zh" if language == "zh" else "en" if language == "en" else language_of(question),
            conversation=Conversation(messages),
            origin=_origin(row.fields.get("origin")),
        )
    except Bad as reason:
        return RefusedRow(row.place, str(reason))


def _name(row: Row) -> str:
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


def _messages(fields: Mapping[str, object]) -> tuple[Message, ...]:
    """The turns, checked: somebody asks, and the assistant speaks last."""
    turns = next((fields[name] for name in TURNS if fields.get(name) is not None), None)
    if turns is not None:
        checked = [_message(turn) for turn in _check_turns(turns)]
    else:
        prompt_field, reply_field = _field(fields, PROMPT_FIELDS), _field(fields, REPLY_FIELDS)
        checked = [*_turns(fields, prompt_field, "user"), *_turns(fields, reply_field, "assistant")]
    messages = tuple(message for message in checked if message is not None)
    if not messages or messages[-1].role != "assistant":
        raise Bad("its last message is not the assistant's: there is nothing to imitate")
    if not any(message.role == "user" for message in takewhile(lambda message: message is not messages[-1], messages)):
        raise Bad("no message of the user stands before the assistant's: somebody has to ask")
    return messages


def _field(fields: Mapping[str, object], names: tuple[str, ...]) -> str:
    name = next((name for name in names if fields.get(name) is not None), None)
    if name is None:
        raise Bad(f"it has neither messages nor {' or '.join(names)}; its fields are {', '.join(list(fields)[:8]) or 'none'}")
    return name


def _turns(fields: Mapping[str, object], name: str, role: Literal["user", "assistant"]) -> list[Message | None]:
    """A field that is a list of messages, or the text of one; what the assistant thought may stand in a field beside it."""
    value = fields[name]
    if isinstance(value, list):
        return [_message(turn) for turn in _check_turns(value)]
    thought = next((fields[key] for key in THOUGHT if fields.get(key) is not None), None) if role == "assistant" else None
    return [_make_message(role, text_of(name, value, LONGEST_LINE), thought)]


def _check_turns(turns: object) -> list[Mapping[str, object]]:
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise Bad('field \'messages\' is no list of objects: [{"role": "user", "content": "..."}, ...] is needed')
    return turns


def _message(turn: Mapping[str, object]) -> Message | None:
    """One turn; None for a system message that says nothing."""
    role_name = turn.get("role", turn.get("from"))
    role = ROLES.get(role_name) if isinstance(role_name, str) else None
    if role is None:
        raise Bad(f"a message's role is {str(role_name)[:40]!r}: it is one of system, user, assistant")
    content = _content(turn.get("content", turn.get("value")))
    if role == "system" and content == "":
        return None
    thought = next((turn[key] for key in THOUGHT if turn.get(key) is not None), None)
    return _make_message(cast(Literal["system", "user", "assistant"], role), text_of("content", content, LONGEST_LINE), thought)


def _content(value: object) -> object:
    """A text, or the texts of a list of parts, which is how some servers write it."""
    if not isinstance(value, list):
        return value
    texts = [part.get("text") for part in value if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(map(str, texts)) if value and len(texts) == len(value) else value


def _make_message(role: Literal["system", "user", "assistant"], content: str, thought: object) -> Message:
    if role != "assistant":
        return Message(role, content)
    if thought is not None:
        if thought == "" or (isinstance(thought, str) and not thought.strip()):
            return Message(role, content, "")
        return Message(role, content, text_of("reasoning_content", thought, LONGEST_LINE))
    if not content.lstrip().startswith(THINK):
        return Message(role, content)
    visible, inline_thought = apart(content)
    if not visible:
        raise Bad(f"what the assistant said begins with {THINK} and nothing stands after {END_THINK}: an answer is needed")
    return Message(role, visible, inline_thought)
