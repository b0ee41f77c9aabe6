"""The columns of a row: by a dotted name, by a usual name whatever its case, and those that nobody read although they look like a part of
the prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from aha.json_text import NotJson, parse_json

ABSENT = object()
EMPTY = ("[]", "{}", "null", "None", "nan", "NaN")  # as a text that says nothing is written
LABELS = frozenset(
    {"id", "ids", "uuid", "idx", "index", "hash", "len", "length", "lengths", "tokens", "count", "type", "source", "name", "url"}
)
LABELS |= frozenset(
    {"language", "lang", "category", "difficulty", "license", "version", "date", "score", "scores", "level", "subject", "topic"}
)
PROMPT_WORDS = frozenset(
    {"prompt", "question", "problem", "instruction", "instructions", "input", "inputs", "query", "context", "contexts"}
)
PROMPT_WORDS |= frozenset(
    {"system", "history", "passage", "document", "documents", "background", "premise", "hypothesis", "article", "paragraph"}
)
PROMPT_WORDS |= frozenset(
    {"options", "choices", "tools", "functions", "image", "images", "audio", "audios", "video", "videos", "table", "schema"}
)
PROMPT_WORDS |= frozenset({"persona", "knowledge", "hint", "facts", "examples", "fewshot", "kwargs", "messages", "conversations", "turns"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def at_path(fields: Mapping[str, object], name: str) -> object:
    """Return what stands under a name, or under a dotted one (`reward_model.ground_truth`, `prompt.0.content`) within objects, lists, and
    texts that hold such in JSON; NOTHING where nothing does."""
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
    """Return the first column, in the order of `names`, that is called so in any case and holds something."""
    columns = {name.lower().replace("-", "_").replace(" ", "_"): name for name in reversed(list(fields))}
    return next((columns[name] for name in names if name in columns and not blank(fields[columns[name]])), None)


def blank(value: object) -> bool:
    """Return whether a value holds nothing: null, blanks, an empty list or object, or one of such."""
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
    """Return whether a column that was not read looks like a part of the prompt: by a word of its name, where it holds text that does not
    stand in what is `said`."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in LABELS or PROMPT_WORDS.isdisjoint(words):
        return False
    texts = [text for text in texts_in(value) if text.strip() and text.strip() not in EMPTY]
    return any(text.strip() not in read_text for text in texts)


def texts_in(value: object) -> Iterator[str]:
    """Yield every text within a value; what is neither a text nor holds one is no text."""
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
