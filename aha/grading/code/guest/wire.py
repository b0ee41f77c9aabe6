"""The encoding of values between the sandbox and the grader: any value of the built-in types to JSON, and back."""

from __future__ import annotations

import builtins
import json.encoder
from collections.abc import Callable, Iterable
from typing import Any

# A program that patches builtins afterwards patches nothing that is used here.
globals().update({name: value for name, value in vars(builtins).items() if not name.startswith("__")})

quote = json.encoder.encode_basestring_ascii
DEEPEST = 100


class UnsupportedValue(Exception):
    """A value that cannot be encoded; the message says which."""


def with_tag(tag: str, text: str) -> str:
    """Return JSON that names the type of `text`, which is JSON itself."""
    return '{"' + tag + '":' + text + "}"


def as_list(items: Iterable[Any], depth: int) -> str:
    """Return the items as a JSON list."""
    return "[" + ",".join([encode(item, depth + 1) for item in items]) + "]"


def encode(value: Any, depth: int = 0) -> str:
    """Return a value as JSON. Its class comes from type(), and methods of the built-in classes read it, so a subclass is never asked about
    itself."""
    kind = type(value)
    if depth > DEEPEST:
        raise UnsupportedValue("a value nested too deep")
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value is True else "false"
    if issubclass(kind, int):
        whole = int.__int__(value)
        return int.__repr__(whole) if int.bit_length(whole) < 10_000 else with_tag("int", '"' + hex(whole) + '"')
    if issubclass(kind, float):
        exact = float.__float__(value)
        return float.__repr__(exact) if exact - exact == 0 else with_tag("float", '"' + float.__repr__(exact) + '"')
    if issubclass(kind, str):
        return quote(str.__str__(value))
    if issubclass(kind, list):
        return as_list(list.__iter__(value), depth)
    if issubclass(kind, tuple):
        return with_tag("tuple", as_list(tuple.__iter__(value), depth))
    if issubclass(kind, dict):
        return with_tag(
            "dict", "[" + ",".join(["[" + encode(k, depth + 1) + "," + encode(v, depth + 1) + "]" for k, v in dict.items(value)]) + "]"
        )
    if issubclass(kind, set):
        return with_tag("set", as_list(set.__iter__(value), depth))
    if issubclass(kind, frozenset):
        return with_tag("frozenset", as_list(frozenset.__iter__(value), depth))
    if issubclass(kind, bytes):
        return with_tag("bytes", '"' + bytes.hex(value) + '"')
    if issubclass(kind, complex):
        return with_tag("complex", as_list([complex.__complex__(value).real, complex.__complex__(value).imag], depth))
    if kind.__module__ == "numpy" and hasattr(value, "tolist") and kind.__name__ != "ndarray":
        return encode(value.tolist(), depth + 1)
    raise UnsupportedValue("a value of type " + str(kind.__name__))


DECODERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda part: int(part, 16),
    "float": float,
    "tuple": lambda part: tuple([decode(item) for item in part]),
    "dict": lambda part: {decode(key): decode(value) for key, value in part},
    "set": lambda part: {decode(item) for item in part},
    "frozenset": lambda part: frozenset([decode(item) for item in part]),
    "bytes": bytes.fromhex,
    "complex": lambda part: complex(*[decode(item) for item in part]),
}


def decode(data: Any) -> Any:
    """Return the value that parsed JSON stands for."""
    if type(data) is list:
        return [decode(item) for item in data]
    if type(data) is dict:
        for tag, part in data.items():
            return DECODERS[tag](part)
    return data
