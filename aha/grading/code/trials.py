"""The trials of an answer's tests, one per test that was run, and the comparison of its outputs and values, outside the sandbox.

Values from the sandbox are read from JSON. An untrusted program wrote them, so the result is data of built-in types, or MalformedValue.

Asserted expressions are evaluated as syntax trees over such values, in a small part of Python; no code of the answer runs here. If Python
would raise an exception, the assertion fails.
"""

from __future__ import annotations

import ast
import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from aha.grading.sandbox.job import Verdict
from aha.types import Abstained, Grade, Right, Wrong

MOST_CHARACTERS = 60


@dataclass(frozen=True)
class Trial:
    """The result of one test. `reason` is for people: printable, short, and about the answer only."""

    verdict: Verdict | Literal["WA"]
    reason: str = ""


@dataclass(frozen=True)
class Trials:
    """The results of an answer's tests. `trials`: the tests that were run, in order. `tests`: the number of all; tests that were not run
    count as not passed."""

    trials: tuple[Trial, ...]
    tests: int

    @property
    def passed_count(self) -> int:
        return sum(trial.verdict == "OK" for trial in self.trials)

    @property
    def grade(self) -> Grade:
        """Return Right if every test passed, or Wrong for the first that failed; Abstained if the sandbox failed before any test did."""
        for number, trial in enumerate(self.trials, start=1):
            if trial.verdict == "INFRA":
                return Abstained(f"test {number} of {self.tests} could not be run: {trial.reason}")
            if trial.verdict != "OK":
                return Wrong(f"test {number} of {self.tests}: {trial.verdict}{trial.reason and f', {trial.reason}'}")
        if not self.tests:
            return Abstained("there are no tests")
        return Right() if len(self.trials) == self.tests else Abstained(f"{len(self.trials)} of {self.tests} tests were run")

    @property
    def fraction(self) -> float | Abstained:
        """The share of tests passed; Abstained if one could not be run."""
        failure = next((trial for trial in self.trials if trial.verdict == "INFRA"), None)
        if failure or not self.tests:
            return Abstained(failure.reason if failure else "there are no tests")
        return self.passed_count / self.tests


def shorten(value: object) -> str:
    """Return a value for people: short printable ASCII. Texts and bytes are cut before they are written out."""
    text = ascii(value[: MOST_CHARACTERS + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."


MOST_KEYS = 4096  # keys, which an untrusted program may have made to collide
_SMALL = 1 << 60


class MalformedValue(ValueError):
    """The text from the sandbox is not an encoded value."""


def value_of(text: str) -> object:
    """Return the value in a record. MalformedValue for anything but what our own writer makes of built-in types."""
    try:
        return decode_value(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise MalformedValue(type(error).__name__) from error


def decode_value(data: Any) -> object:
    """Return a value from parsed JSON, in which an object with one key is a tag and its value."""
    if isinstance(data, list):
        return [decode_value(item) for item in data]
    if isinstance(data, dict):
        ((tag, part),) = data.items()
        return _UNTAG[tag](part)
    return data


def safe_keys(items: Sequence[object]) -> Sequence[object]:
    """Return the items if a table of them is sure to be built in linear time; MalformedValue otherwise."""
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
    """Return JSON for a value that was read here, or for a test's arguments."""
    match value:
        case list():
            return [encode_value(item) for item in value]
        case tuple():
            return {"tuple": [encode_value(item) for item in value]}
        case dict():
            return {"dict": [[encode_value(key), encode_value(item)] for key, item in value.items()]}
    return value


LONGEST_NUMBER = 400

_DECIMAL = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def output_differs(output: bytes, expected: str, tolerance: float | None) -> str | None:
    """Return `None` if both have the same words in the same number, apart from ASCII white space; otherwise the first difference."""
    output_words, expected_words = output.split(), expected.encode("utf-8", "replace").split()
    for place, (actual, wanted_word) in enumerate(zip(output_words, expected_words, strict=False), start=1):
        if actual != wanted_word and not (tolerance is not None and _near(actual, wanted_word, tolerance)):
            return f"word {place} is {ascii(actual[:40])[1:]}, not {ascii(wanted_word[:40])[1:]}"
    return None if len(output_words) == len(expected_words) else f"{len(output_words)} words, not {len(expected_words)}"


def _near(left: bytes, right: bytes, tolerance: float) -> bool:
    """Compare two numbers: integers must be equal; an integer and a decimal may differ by the absolute tolerance, however large they
    are."""
    if not all(len(word) <= LONGEST_NUMBER and _DECIMAL.fullmatch(word) for word in (left, right)):
        return False
    whole = sum(word.lstrip(b"+-").isdigit() for word in (left, right))
    return int(left) == int(right) if whole == 2 else close(float(left), float(right), tolerance, relative=not whole)


def close(left: float, right: float, tolerance: float, *, relative: bool = True) -> bool:
    """Return True if `left` is within the tolerance of `right`, absolutely or `relative` to it; NaN and infinities are close to nothing."""
    return isfinite(left) and isfinite(right) and abs(left - right) <= tolerance * (max(1.0, abs(right)) if relative else 1.0)


def same_json(actual: object, expected: object, tolerance: float | None) -> bool:
    """Return True if both are equal as JSON: a tuple is a list, 2 is 2.0, an integer key is its digits; a truth value is no number, NaN
    equals nothing."""
    match expected:
        case None | bool() | str():
            return type(actual) is type(expected) and actual == expected
        case int() | float():
            return isinstance(actual, int | float) and not isinstance(actual, bool) and _same_number(actual, expected, tolerance)
        case list() if isinstance(actual, list | tuple) and len(actual) == len(expected):
            return all(same_json(item, expected_item, tolerance) for item, expected_item in zip(actual, expected, strict=True))
        case dict() if isinstance(actual, dict) and len(actual) == len(expected):
            by_key = {_key(key): value for key, value in actual.items()}
            return by_key.keys() == expected.keys() and all(same_json(by_key[key], value, tolerance) for key, value in expected.items())
    return False


def _same_number(actual: float, expected: float, tolerance: float | None) -> bool:
    whole = isinstance(actual, int) + isinstance(expected, int)
    if actual == expected or tolerance is None or whole == 2:
        return actual == expected
    try:
        return close(float(actual), float(expected), tolerance, relative=not whole)
    except OverflowError:  # a whole number beyond floats
        return False


def _key(key: object) -> object:
    """Return an integer key as JSON writes it; other keys are unchanged."""
    return str(key) if type(key) is int and key.bit_length() < 10_000 else key


MOST = 100_000  # bits of a whole number, items of a repeated sequence

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda value, right: value in right,
    ast.NotIn: lambda left, right: left not in right,
}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "bool": bool,
    "float": float,
    "frozenset": lambda items=(): frozenset(safe_keys(list(items))),
    "int": int,
    "len": len,
    "list": list,
    "math.fabs": math.fabs,
    "math.isclose": math.isclose,
    "max": max,
    "min": min,
    "round": round,
    "set": lambda items=(): set(safe_keys(list(items))),
    "sorted": sorted,
    "sum": sum,
    "tuple": tuple,
}
_SINGLE = (None, True, False)

RAISES = (ArithmeticError, TypeError, ValueError, LookupError, RecursionError, MemoryError)


def can_judge(node: ast.expr) -> bool:
    """Return True if the whole expression is in the part of Python that is read here."""
    match node:
        case ast.Constant():
            return not isinstance(node.value, type(...))
        case ast.Name(id=name):
            return name.startswith("<")
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) | ast.BoolOp(values=parts):
            return all(map(can_judge, parts))
        case ast.Dict(keys=keys, values=values):
            return all(key is not None and can_judge(key) for key in keys) and all(map(can_judge, values))
        case ast.UnaryOp(op=op, operand=operand):
            return type(op) in _UNARY and can_judge(operand)
        case ast.BinOp(left=ast.Constant(value=str() | bytes()), op=ast.Mod()):
            return False
        case ast.BinOp(left=left, op=op, right=right):
            return type(op) in _BINARY and can_judge(left) and can_judge(right)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            singles = [isinstance(comparator, ast.Constant) and comparator.value in _SINGLE for comparator in comparators]
            is_known = all(single or not isinstance(op, ast.Is | ast.IsNot) for op, single in zip(ops, singles, strict=True))
            return is_known and all(type(op) in _COMPARE for op in ops) and can_judge(left) and all(map(can_judge, comparators))
        case ast.Subscript(value=value, slice=place):
            return can_judge(value) and can_judge(place)
        case ast.Call(func=func, args=args, keywords=keywords):
            is_known = ast.unparse(func) in _FUNCTIONS and all(keyword.arg in ("rel_tol", "abs_tol", "ndigits") for keyword in keywords)
            return is_known and all(map(can_judge, [*args, *(keyword.value for keyword in keywords)]))
    return False


def holds(test: ast.expr, values: Mapping[str, object]) -> bool:
    """Return True if the expression is true with these values for its names; False if it raises."""
    try:
        return bool(_value(test, values))
    except RAISES:
        return False


def _value(node: ast.expr, variables: Mapping[str, object]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return variables[name]
        case ast.Tuple(elts=parts):
            return tuple(_operands(parts, variables))
        case ast.List(elts=parts):
            return _operands(parts, variables)
        case ast.Set(elts=parts):
            return set(safe_keys(_operands(parts, variables)))
        case ast.Dict(keys=keys, values=values):
            return dict(zip(safe_keys(_operands([key for key in keys if key], variables)), _operands(values, variables), strict=True))
        case ast.Subscript(value=value, slice=place):
            return _value(value, variables)[_value(place, variables)]
    return _operation(node, variables)


def _operation(node: ast.expr, variables: Mapping[str, object]) -> Any:
    match node:
        case ast.BoolOp(op=op, values=parts):
            return _conjunction(isinstance(op, ast.And), parts, variables)
        case ast.UnaryOp(op=unary, operand=operand):
            return _UNARY[type(unary)](_value(operand, variables))
        case ast.BinOp(left=left, op=binary, right=right):
            return _arithmetic(binary, _value(left, variables), _value(right, variables))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            values = _operands([left, *comparators], variables)
            return all(_COMPARE[type(op)](value, next_value) for op, value, next_value in zip(ops, values, values[1:], strict=False))
        case ast.Call(func=func, args=args, keywords=keywords):
            return _FUNCTIONS[ast.unparse(func)](
                *_operands(args, variables), **{str(keyword.arg): _value(keyword.value, variables) for keyword in keywords}
            )
    raise TypeError(type(node).__name__)


def _operands(nodes: Sequence[ast.expr], values: Mapping[str, object]) -> list[Any]:
    return [_value(node, values) for node in nodes]


def _conjunction(conjunction: bool, parts: Sequence[ast.expr], values: Mapping[str, object]) -> Any:
    """Return the value of `and` or `or`: that of the first part that settles it, else of the last."""
    value = None
    for part in parts:
        value = _value(part, values)
        if bool(value) is not conjunction:
            break
    return value


def _arithmetic(op: ast.operator, left: Any, right: Any) -> Any:
    """Return the result of an operation, but raise if it could be too large to compute at once."""
    if isinstance(op, ast.Pow) and _size(left) * abs(right) > MOST:
        raise OverflowError("too large a power")
    if isinstance(op, ast.Mult) and _size(left) * _size(right) > MOST * MOST:
        raise OverflowError("too large a product")
    if isinstance(op, ast.Mult) and not _numbers(left, right) and _length_of_product(left, right) > MOST:
        raise OverflowError("too long a sequence")
    if isinstance(op, ast.Mod) and not _numbers(left, right):
        raise TypeError("only numbers have remainders here")
    return _BINARY[type(op)](left, right)


def _numbers(*values: object) -> bool:
    return all(isinstance(value, int | float | complex) for value in values)


def _size(value: object) -> int:
    return value.bit_length() if isinstance(value, int) else 1


def _length_of_product(left: Any, right: Any) -> int:
    sequence, times = (right, left) if isinstance(left, int) else (left, right)
    return len(sequence) * abs(int(times))
