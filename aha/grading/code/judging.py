"""Is an asserted expression true of what the answer returned? A small part of Python, read as a tree over plain values.

Nothing of the answer runs here: it is values of built-in types by now. What Python would raise on is no pass.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aha.grading.code.trials import safe_keys

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
    """Whether all of the expression is in the part of Python that is read here."""
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
    """Whether the expression is true, the names standing for what was said."""
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
    """The value of `and` or `or`: that of the first part that settles it, else of the last."""
    value = None
    for part in parts:
        value = _value(part, values)
        if bool(value) is not conjunction:
            break
    return value


def _arithmetic(op: ast.operator, left: Any, right: Any) -> Any:
    """An operation whose result is small enough, whatever was said, to be there at once."""
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
