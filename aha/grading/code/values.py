"""Values that crossed the wall, from JSON to Python. A stranger wrote what is read here: it is data of built-in types, or Malformed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

MOST_KEYS = 4096  # keys that a stranger may have made to collide
_SMALL = 1 << 60


class MalformedValue(ValueError):
    """What was sent is no value."""


def value_of(text: str) -> object:
    """The value in a record. Malformed for anything but what our own writer makes of built-in types."""
    try:
        return decode_value(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise MalformedValue(type(error).__name__) from error


def decode_value(data: Any) -> object:
    """A value from parsed JSON, an object with one key being a tag and its value."""
    if isinstance(data, list):
        return [decode_value(item) for item in data]
    if isinstance(data, dict):
        ((tag, part),) = data.items()
        return _UNTAG[tag](part)
    return data


def safe_keys(items: Sequence[object]) -> Sequence[object]:
    """The items, where a table of them is sure to be built in linear time."""
    if len(items) > MOST_KEYS and not all(type(item) is str or (type(item) is int and abs(item) < _SMALL) for item in items):
        raise MalformedValue(f"{len(items)} keys")
    return items


def _dict(pairs: Any) -> dict[object, object]:
    keys = safe_keys([decode_value(key) for key, _ in pairs])
    return {key: decode_value(value) for key, (_, value) in zip(keys, pairs, strict=True)}


def _items(part: Any) -> list[object]:
    return [decode_value(item) for item in part]


def _float(part: Any) -> float:
    return {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}[part]


_UNTAG: dict[str, Callable[[Any], object]] = {
    "int": lambda part: int(part, 16),
    "float": _float,
    "tuple": lambda part: tuple(_items(part)),
    "dict": _dict,
    "set": lambda part: set(safe_keys(_items(part))),
    "frozenset": lambda part: frozenset(safe_keys(_items(part))),
    "bytes": bytes.fromhex,
    "complex": lambda part: complex(float(_items(part)[0]), float(_items(part)[1])),  # type: ignore[arg-type]
}


def encode_value(value: object) -> Any:
    """JSON for a value that was read here, or of a test's arguments."""
    match value:
        case list():
            return [encode_value(item) for item in value]
        case tuple():
            return {"tuple": [encode_value(item) for item in value]}
        case dict():
            return {"dict": [[encode_value(key), encode_value(item)] for key, item in value.items()]}
    return value
