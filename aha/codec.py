"""Values to JSON and back, exactly: a value of a frozen dataclass, read by its type hints, equals the one that was written.

A class in a union is tagged with its name under "type". A float that is not finite is written as its name.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from aha.errors import BadInput

NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
SCALARS: dict[Any, type] = {str: str, int: int, bool: bool, type(None): type(None)}


class Codec(NamedTuple):
    """The encoding of a type. `fits` tells the members of a union apart by the JSON form, `is_of_type` by the value."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    is_of_type: Callable[[Any], bool]
    fits: Callable[[Any], bool]


def encode(value: object, hint: Any) -> Any:
    """Return a value of type `hint` as plain JSON values."""
    return codec(hint).encode(value)


def decode(data: object, hint: Any) -> Any:
    """Return the value of type `hint` in JSON data. BadInput names the field that does not match its type."""
    return codec(hint).decode(data)


def check_fields(data: Any, hints: Mapping[str, Any], needs: Collection[str] = ()) -> dict[str, Any]:
    """Return an object with the fields in `hints` decoded. BadInput names a field that is missing or of another type."""
    if not isinstance(data, dict):
        raise _wrong(data, "an object")
    if absent := [name for name in needs if name not in data]:
        raise BadInput(f"it has no {absent[0]}")
    return {**data, **{name: _at(name, codec(hint).decode, data[name]) for name, hint in hints.items() if name in data}}


@cache
def codec(hint: Any) -> Codec:
    """Return the codec of a type; each is made once."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _within(args)
    if hint is Any:
        return _codec_if(lambda value: True, "anything")
    if hint is float:
        return Codec(_encode_float, _decode_float, _is_float, lambda data: _is_float(data) or str(data) in NOT_FINITE)
    if hint in SCALARS:
        return _scalar(SCALARS[hint])
    if origin is Literal:
        return _codec_if(lambda value: value in args, f"one of {', '.join(map(str, args))}")
    if origin in (Union, types.UnionType):
        return _union(args)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return _sequence(args[0], tuple)
    if origin is tuple and args:
        return _fixed_tuple(args)
    if origin in (list, Sequence):
        return _sequence(args[0], list)
    if origin in (dict, Mapping):
        return _mapping_codec(args[1])
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint)
    raise TypeError(f"{hint}: no JSON form is known for it")


def _wrong(data: object, expectation: str) -> BadInput:
    return BadInput(f"{str(data)[:60]!r} where {expectation} should be")


def _scalar(kind: type) -> Codec:
    return _codec_if(lambda value: type(value) is kind, f"a value of type {kind.__name__}")


def _codec_if(good: Callable[[Any], bool], expectation: str) -> Codec:
    def check(value: Any) -> Any:
        if not good(value):
            raise _wrong(value, expectation)
        return value

    return Codec(check, check, good, good)


def _within(args: tuple[Any, ...]) -> Codec:
    """Return the codec of a whole number in the range given beside its type. Other bounds are those of a setting, which is checked where it
    is made: a file keeps what it was written with."""
    of, numbers = args
    if not isinstance(numbers, range):
        return codec(of)
    assert of is int, f"{args}: no JSON form is known for it"
    return _codec_if(lambda value: type(value) is int and value in numbers, f"a whole number from {numbers[0]} on")


def _is_float(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _encode_float(value: Any) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else next(name for name, constant in NOT_FINITE.items() if repr(constant) == repr(number))


def _decode_float(data: Any) -> float:
    if isinstance(data, str) and data in NOT_FINITE:
        return NOT_FINITE[data]
    if not _is_float(data):
        raise _wrong(data, "a number")
    try:
        return float(data)
    except OverflowError:
        raise _wrong(data, "a number that a float can hold") from None


def _sequence(hint: Any, kind: type) -> Codec:
    item = codec(hint)

    def read(data: Any) -> Any:
        if not isinstance(data, list):
            raise _wrong(data, "a list")
        return kind(map(item.decode, data))

    return Codec(
        lambda value: list(map(item.encode, value)), read, lambda value: isinstance(value, kind), lambda data: isinstance(data, list)
    )


def _fixed_tuple(hints: tuple[Any, ...]) -> Codec:
    """Return the codec of a tuple of fixed length, with a type for each element."""
    items = [codec(hint) for hint in hints]

    def read(data: Any) -> Any:
        if not isinstance(data, list) or len(data) != len(items):
            raise _wrong(data, f"a list of {len(items)}")
        return tuple(item.decode(part) for item, part in zip(items, data, strict=True))

    return Codec(
        lambda value: [item.encode(part) for item, part in zip(items, value, strict=True)],
        read,
        lambda value: isinstance(value, tuple) and len(value) == len(items),
        lambda data: isinstance(data, list) and len(data) == len(items),
    )


def _mapping_codec(hint: Any) -> Codec:
    item = codec(hint)

    def read(data: Any) -> Any:
        if not isinstance(data, dict):
            raise _wrong(data, "an object")
        return {key: _at(key, item.decode, value) for key, value in data.items()}

    return Codec(
        lambda value: {key: item.encode(part) for key, part in value.items()},
        read,
        lambda value: isinstance(value, Mapping),
        lambda data: isinstance(data, dict) and "type" not in data,
    )


def _dataclass(cls: Any, tag: str | None = None) -> Codec:
    hints = get_type_hints(cls, include_extras=True)
    parts = {field.name: codec(hints[field.name]) for field in dataclasses.fields(cls)}
    needs = {field.name for field in dataclasses.fields(cls) if field.default is field.default_factory is dataclasses.MISSING}
    tag_field = {"type": tag} if tag else {}

    def write(value: Any) -> dict[str, Any]:
        return {**tag_field, **{name: part.encode(getattr(value, name)) for name, part in parts.items()}}

    def read(data: Any) -> Any:
        names = data.keys() - tag_field.keys() if isinstance(data, dict) else None
        if names is None or names - parts.keys() or needs - names:
            raise _wrong(data, f"an object with the fields of {cls.__name__} ({', '.join(parts)})")
        try:
            return cls(**{name: _at(name, parts[name].decode, data[name]) for name in parts if name in names})
        except ValueError as error:
            raise BadInput(str(error)) from None

    return Codec(write, read, lambda value: type(value) is cls, lambda data: isinstance(data, dict) and data.get("type") == tag)


def _at(name: str, read: Callable[[Any], Any], data: Any) -> Any:
    try:
        return read(data)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None


def _name(hint: Any) -> str:
    return str(getattr(hint, "__name__", hint))


def _union(hints: tuple[Any, ...]) -> Codec:
    members = [_dataclass(hint, _name(hint)) if dataclasses.is_dataclass(hint) else codec(hint) for hint in hints]
    expectation = " or ".join(map(_name, hints))

    def write(value: Any) -> Any:
        for member in members:
            if member.is_of_type(value):
                return member.encode(value)
        raise _wrong(value, expectation)

    def read(data: Any) -> Any:
        for member in members:
            if member.fits(data):
                return member.decode(data)
        raise _wrong(data, expectation)

    return Codec(write, read, lambda value: any(m.is_of_type(value) for m in members), lambda data: any(m.fits(data) for m in members))


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Return one line for each path whose value differs, `path: before -> after`."""
    paths = [*before, *(path for path in after if path not in before)]
    return [f"{path}: {_display(before, path)} -> {_display(after, path)}" for path in paths if not _is_equal(before, after, path)]


def _is_equal(before: Mapping[str, object], after: Mapping[str, object], path: str) -> bool:
    return path in before and path in after and before[path] == after[path]


def _display(values: Mapping[str, object], path: str) -> str:
    return repr(values[path]) if path in values else "nothing"
