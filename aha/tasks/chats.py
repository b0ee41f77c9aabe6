"""Conversations read from rows, in the forms in which people keep questions and replies.

Turns stand in one column (`messages`, ShareGPT's `conversations`, firefly's `conversation` of `human` and `assistant`), or a question and a
reply in two, with further parts of the question beside them: Alpaca's `input`, Dolly's `context`, OpenOrca's `system_prompt`, `system`,
`history`.

Columns are found by a dotted name or by a usual name in any case; an unread column that looks like a part of the prompt is reported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from aha.json_text import NotJson, parse_json
from aha.lazy import lazy_pattern
from aha.tasks.golds import MISSING_VALUE, Bad, says_no, text_of
from aha.tasks.reading import LONGEST_LINE
from aha.template import from_any_marks
from aha.types import Message

ABSENT = object()
EMPTY = ("[]", "{}")  # texts that stand for no value
LABELS = frozenset(
    (
        "id ids uuid idx index hash len length lengths tokens count type source name url language lang category difficulty "
        "license version date score scores level subject topic"
    ).split()
)
PROMPT_WORDS = frozenset(
    (
        "prompt question problem instruction instructions input inputs query context contexts system history passage document "
        "documents background premise hypothesis article paragraph options choices tools functions image images audio audios "
        "video videos table schema persona knowledge hint facts examples fewshot kwargs messages conversations turns"
    ).split()
)
_WORD = lazy_pattern(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def at_path(fields: Mapping[str, object], name: str) -> object:
    """Return the value under a name, or under a dotted name (`reward_model.ground_truth`, `prompt.0.content`) within objects, lists, and
    texts that hold them as JSON; `ABSENT` if there is none."""
    if name in fields:
        return fields[name]
    first, dot, rest = name.partition(".")
    value: object = fields.get(first, ABSENT)
    while dot:
        if isinstance(value, str):
            with suppress(NotJson):
                value = parse_json(value)
        if isinstance(value, Mapping):
            return at_path(value, rest)
        first, dot, rest = rest.partition(".")
        if not isinstance(value, Sequence) or isinstance(value, str) or not first.isdecimal() or int(first) >= len(value):
            return ABSENT
        value = value[int(first)]
    return value


def usual(fields: Mapping[str, object], names: Sequence[str]) -> str | None:
    """Return the first column, in the order of `names`, that has such a name in any case and is not blank."""
    columns = {name.lower().replace("-", "_").replace(" ", "_"): name for name in reversed(list(fields))}
    return next((columns[name] for name in names if name in columns and not blank(fields[columns[name]])), None)


def blank(value: object) -> bool:
    """Return True if a value is empty: null, blanks, an empty list or object, or one of blank values."""
    match value:
        case None:
            return True
        case str():
            return not value.strip()
        case Mapping():
            return all(map(blank, value.values()))
        case list() | tuple():
            return all(map(blank, value))
    return False


def prompt_like(name: str, value: object, read_text: str) -> bool:
    """Return True if an unread column looks like a part of the prompt: it has such a word in its name, and text that is not in
    `read_text`."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in LABELS or PROMPT_WORDS.isdisjoint(words):
        return False
    texts = [text for text in texts_in(value) if text.strip() and not MISSING_VALUE.fullmatch(text.strip()) and text.strip() not in EMPTY]
    return any(text.strip() not in read_text for text in texts)


def texts_in(value: object) -> Iterator[str]:
    """Yield every text within a value; bytes yield their length."""
    match value:
        case str():
            yield value
        case Mapping():
            for inner in value.values():
                yield from texts_in(inner)
        case list() | tuple():
            for inner in value:
                yield from texts_in(inner)
        case bytes():
            yield json.dumps(len(value))


MESSAGES = lazy_pattern(r"""\s*\[\s*\{\s*(?:'role'|"role"|'content'|"content")\s*:""")
Role = Literal["system", "user", "assistant"]
AUTO = "auto"
TURNS = ("messages", "conversations", "conversation")
PROMPT_FIELDS = ("prompt", "question", "problem", "instruction", "query", "input")
BESIDE = ("input", "context", "passage")  # further parts of the question, each in a column of its own
REPLY_FIELDS = ("completion", "solution", "response", "answer", "output", "target")
SYSTEM_FIELDS = ("system", "system_prompt", "system_message")
THOUGHT = ("reasoning_content", "reasoning", "thinking", "complex_cot", "chain_of_thought", "thought", "cot")
VERDICTS = ("label", "is_correct", "correct", "accepted", "desirable")  # of a reply, in preference data and judged samples
WEIGHTS = ("weight", "train", "loss")  # of a message: 1 if it is learned
ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bing", "bard", "model", "bot"), "assistant"),
}
PART = '{"type": "text", "text": "..."}'
UNKNOWN = ("tool_calls", "function_call", "images", "audio")  # of a message: contents that no template here writes
TURN_FIELDS = frozenset({"role", "from", "content", "value", *THOUGHT, *WEIGHTS, *UNKNOWN})


@dataclass(frozen=True)
class ExampleLayout:
    """The layout of a source of examples. `question` and `answer`: columns, by dotted names if they are nested, or "auto" for the known
    forms. `ignore`: columns treated as absent. `replies`: learn only the last reply of a conversation, or all, each in a row of its own;
    weights of messages (OpenAI's `weight`) take precedence. `split`, `subset`: of a folder or data set."""

    question: str = AUTO
    answer: str = AUTO
    ignore: tuple[str, ...] = ()
    replies: Literal["last", "all"] = "last"
    split: str = "train"
    subset: str | None = None


@dataclass(frozen=True)
class RowTurns:
    """The turns of a row, the places of those to be learned, and the columns they were read from, each with its role."""

    messages: tuple[Message, ...]
    targets: tuple[int, ...]
    read: Mapping[str, str]


def chat_of(fields: Mapping[str, object], layout: ExampleLayout) -> RowTurns:
    """Return the turns of a row, checked: there is a question, and the assistant speaks last. Bad, with the reason, for a row of another
    form."""
    present = {name: value for name, value in fields.items() if name not in layout.ignore} if layout.ignore else fields
    if wrong := [name for name in VERDICTS if says_no(present.get(name))]:
        value = str(present[wrong[0]]).lower()
        raise Bad(
            f"field {wrong[0]!r} is {value}: it says that the reply is no good, and it would be imitated; --ignore {wrong[0]} does so"
        )
    turns = _turns_column(present) if layout.question == layout.answer == AUTO else None
    if turns is not None:
        turn_list, read = weighed_turns(present[turns], turns), {turns: "turns"}
    else:
        turn_list, read = _question_and_reply(present, layout)
    turn_list = [*_system(present, [message for message, _ in turn_list], read), *turn_list]
    messages = tuple(message for message, _ in turn_list)
    if not messages:
        raise Bad(f"field {turns!r} has no message: there is nothing to imitate")
    if messages[-1].role != "assistant":
        raise Bad("its last message is not the assistant's: there is nothing to imitate")
    return RowTurns(messages, _targets(turn_list, layout), read)


def _turns_column(fields: Mapping[str, object]) -> str | None:
    """Return the column that holds all turns, even an empty one if there is no question beside it."""
    empty = None if usual(fields, PROMPT_FIELDS) else next((name for name in TURNS if fields.get(name) is not None), None)
    return usual(fields, TURNS) or empty


WeighedTurns = list[tuple[Message, bool | None]]  # with True if the message is to be learned, False if not, None if the row does not say


def _targets(turn_list: WeighedTurns, layout: ExampleLayout) -> tuple[int, ...]:
    """Return the places of the replies to be imitated, each after a question."""
    replies = [place for place, (message, _) in enumerate(turn_list) if message.role == "assistant"]
    if any(weight is not None for _, weight in turn_list):
        replies = [place for place in replies if turn_list[place][1] is not False]
        if not replies:
            raise Bad("each of its assistant's messages has weight 0: there is nothing to imitate")
    elif layout.replies == "last":
        replies = replies[-1:]
    first = next((place for place, (message, _) in enumerate(turn_list) if message.role == "user"), len(turn_list))
    after = tuple(place for place in replies if place > first)
    if not after:
        raise Bad("no message of the user stands before the assistant's: somebody has to ask")
    return after


def _system(fields: Mapping[str, object], messages: Sequence[Message], read: dict[str, str]) -> WeighedTurns:
    """Return the system message in a column of its own, if the turns have none."""
    name = usual(fields, SYSTEM_FIELDS)
    if name is None:
        return []
    text = text_of(name, fields[name], LONGEST_LINE)
    read[name] = "system"
    systems = [message.content for message in messages if message.role == "system"]
    if systems and text not in systems:
        raise Bad(f"field {name!r} and its system message differ: {text[:40]!r} and {systems[0][:40]!r}; which of them is meant?")
    return [] if systems else [(Message("system", text), None)]


def _question_and_reply(fields: Mapping[str, object], layout: ExampleLayout) -> tuple[WeighedTurns, dict[str, str]]:
    """Return the turns of a row with the question and the reply in columns, and the role of each column read."""
    question = _column(fields, layout.question, PROMPT_FIELDS, "question")
    question_turns = _value_turns(fields, question, "user")
    read = {question: "question"}
    if layout.question == AUTO and isinstance(messages_in(fields[question], question), str):
        text, beside = with_beside(fields, question, question_turns[0][0].content)
        question_turns, read = [(Message("user", text), None)], {**read, **dict.fromkeys(beside, "question")}
    history = usual(fields, ("history",))
    if history is not None:
        question_turns = [*weighed_turns(fields[history], history), *question_turns]
        read[history] = "turns"
    answer = _column(fields, layout.answer, REPLY_FIELDS, "answer")
    reply_turns = _value_turns(fields, answer, "assistant")
    thought = usual(fields, THOUGHT)
    if thought is not None and not isinstance(at_path(fields, answer), list):
        read[thought] = "thought"
    return [*question_turns, *reply_turns], {**read, answer: "reply"}


def with_beside(fields: Mapping[str, object], column: str, question: str) -> tuple[str, list[str]]:
    """Return the question of a column, followed by its further parts from columns of their own, and the names of those columns."""
    present = [name for name in (usual(fields, (usual_name,)) for usual_name in BESIDE) if name is not None and name != column]
    beside = [name for name in present if not MISSING_VALUE.fullmatch(str(fields[name]).strip())]  # as tables of Alpaca's rows have
    texts = [text_of(name, fields[name], LONGEST_LINE) for name in beside]
    return "\n\n".join([question, *(text for text in texts if text.strip() not in question)]), beside


def _column(fields: Mapping[str, object], chosen: str, names: tuple[str, ...], purpose: str) -> str:
    if chosen != AUTO:
        if at_path(fields, chosen) in (ABSENT, None):
            raise Bad(f"no field {chosen!r} for the {purpose}: its fields are {_names(fields)}")
        return chosen
    name = usual(fields, names) or next((name for name in names if fields.get(name) is not None), None)
    if name is not None:
        return name
    if "input_ids" in fields:
        raise Bad("it holds tokens (input_ids), which are another model's for all that can be told: give the rows as text")
    if {"chosen", "rejected"} <= fields.keys():
        raise Bad("it is a pair of answers, chosen and rejected: a preference model learns from these; an example has one reply")
    if "text" in fields and purpose == "question":
        raise Bad("it has one text: where the question ends and the reply begins cannot be told; give it prompt and completion")
    if nulls := [name for name in (*names, *(TURNS if purpose == "question" else ())) if name in fields]:
        raise Bad(f"field {nulls[0]!r} is null: a text is needed")
    raise Bad(f"it has neither messages nor {' or '.join(names)}; its fields are {_names(fields)}")


def _names(fields: Mapping[str, object]) -> str:
    return ", ".join(list(fields)[:8]) or "none"


def _value_turns(fields: Mapping[str, object], name: str, role: Literal["user", "assistant"]) -> WeighedTurns:
    """Return the turns of a column that is a list of messages, or one text; the assistant's thought may stand in a column beside it."""
    value = messages_in(at_path(fields, name), name)
    if isinstance(value, list):
        turns = weighed_turns(value, name)
        if not turns:
            raise Bad(f"field {name!r} holds no message")
        return turns
    beside = usual(fields, THOUGHT) if role == "assistant" else None
    thought = None if beside is None else fields[beside]
    if role == "assistant" and thought is None and any(fields.get(key) == "" for key in THOUGHT):
        thought = ""  # an empty chain of thought, which is not the same as none
    return [(_make_message(role, text_of(name, value, LONGEST_LINE), thought), None)]


def weighed_turns(turns: object, name: str) -> WeighedTurns:
    """Return the messages of a list, which may be JSON in a text; empty system messages are left out."""
    messages: WeighedTurns = []
    for turn in elements_of(turns, name):
        messages += _pair(turn, name) if is_pair(turn) else [_message(turn, name)]
    return [(message, weight) for message, weight in messages if message.role != "system" or message.content]


def elements_of(turns: object, name: str) -> list[object]:
    """Return the elements of a column of turns. Bad if it holds no list, as JSON or as it is."""
    if isinstance(turns, str) and turns.lstrip().startswith("["):
        with suppress(NotJson):
            turns = parse_json(turns)
    if isinstance(turns, dict) and {"role", "content"} <= turns.keys():
        turns = _side_by_side(turns, name)
    if not isinstance(turns, list):
        raise Bad(_no_turns(name))
    return turns


def messages_in(value: object, name: str) -> object:
    """Return the value of a column, or the messages in it if it is a text that holds them. Bad if that text is no JSON."""
    if not isinstance(value, str) or not MESSAGES.match(value):
        return value
    try:
        return parse_json(value)
    except NotJson:
        raise Bad(f"field {name!r} holds messages as Python prints them, which is no JSON: write them with json.dumps") from None


def _side_by_side(turns: Mapping[str, object], name: str) -> list[object]:
    """Return the turns of an object that holds a list of roles and a list of contents, as some tools write tables."""
    columns = {key: column for key, column in turns.items() if isinstance(column, list)}
    if columns.keys() != turns.keys() or len({len(column) for column in columns.values()}) != 1:
        raise Bad(_no_turns(name))
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _no_turns(name: str) -> str:
    return f'field {name!r} is no list of objects: [{{"role": "user", "content": "..."}}, ...] is needed'


def is_pair(turn: object) -> bool:
    """Return True if an element is a question with its answer: two texts (`history`), or an object with a text for each role (firefly)."""
    if isinstance(turn, list):
        return len(turn) == 2 and all(isinstance(part, str | None) for part in turn)
    return isinstance(turn, dict) and len(turn) == 2 and {ROLES.get(role) for role in turn} == {"user", "assistant"}


def _pair(turn: object, name: str) -> WeighedTurns:
    user, assistant = turn if isinstance(turn, list) else (_text_of_role(turn, role) for role in ("user", "assistant"))
    return [
        (Message("user", text_of(name, user, LONGEST_LINE)), None),
        (_make_message("assistant", text_of(name, assistant, LONGEST_LINE), None), None),
    ]


def _text_of_role(turn: object, role: str) -> object:
    assert isinstance(turn, dict)  # _is_pair looked
    return next(text for name, text in turn.items() if ROLES.get(name) == role)


def _message(turn: object, name: str) -> tuple[Message, bool | None]:
    """Return one turn, and its own word on whether it is learned. A system message may be empty."""
    if not isinstance(turn, dict):
        raise Bad(_no_turns(name))
    role_name = turn.get("role", turn.get("from"))
    role = ROLES.get(role_name.lower()) if isinstance(role_name, str) else None
    if role_name is None:
        raise Bad(f"a message of field {name!r} has no role: it is one of system, user, assistant")
    if role is None:
        raise Bad(f"a message's role is {str(role_name)[:40]!r}: it is one of system, user, assistant")
    if unknown := [key for key in UNKNOWN if not blank(turn.get(key))]:
        raise Bad(f"a message of the {role} has {unknown[0]!r}, which no template here writes: text alone is learned")
    column = "value" if "value" in turn and "content" not in turn else "content"
    content = _content(turn.get(column), role)
    if role == "system" and content == "":
        return Message("system", ""), None
    thought = next((turn[key] for key in THOUGHT if turn.get(key) is not None), None)
    return _make_message(role, text_of(column, content, LONGEST_LINE), thought), _weight(turn)


def _weight(turn: Mapping[str, object]) -> bool | None:
    name = next((name for name in WEIGHTS if turn.get(name) is not None), None)
    if name is None:
        return None
    value = turn[name]
    if not isinstance(value, bool | int | float | Decimal) or value not in (0, 1):
        raise Bad(f"a message's {name} is {str(value)[:40]!r}: 1, which is learned, or 0, which is only read, is needed")
    return bool(value)


def _content(value: object, role: Role) -> object:
    """Return a text, or the joined texts of a list of parts, as some servers write it; a part whose text is null counts as empty. Bad for
    a part of another kind, such as an image."""
    if not isinstance(value, list):
        return value
    texts: list[str] = []
    for part in value:
        if not isinstance(part, dict):
            raise Bad(f"a message of the {role} has a content of parts, and one is of type {type(part).__name__}: {PART} is needed")
        kind, text = part.get("type"), part.get("text", value)
        if kind != "text" or not isinstance(text, str | None):
            raise Bad(f"a message of the {role} has a part of type {str(kind)[:40]!r}: text alone is learned, written as {PART}")
        texts.append(text or "")
    return "".join(texts) if texts else value


def _make_message(role: Role, content: str, thought: object) -> Message:
    if role != "assistant":
        return Message(role, content)
    if thought is not None:
        if thought == "" or (isinstance(thought, str) and not thought.strip()):
            return Message(role, content, "")
        return Message(role, content, text_of("reasoning_content", thought, LONGEST_LINE))
    visible, inline_thought = from_any_marks(content)
    if inline_thought is not None and not visible:
        raise Bad(
            f"what the assistant said is a thought alone, {content.strip()[:20]!r} …, and nothing stands after it: an answer is needed"
        )
    return Message(role, visible, inline_thought)
