"""Numbers and functions for formulas: exact fractions as long as they stay exact, else eighty digits."""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

Value = Any  # Fraction, or a real or complex number of mpmath

DIGITS = 80
HIGHEST = 10**9  # binary exponent of an inexact number
FACTORIALS = 1_000

_local = threading.local()


class Beyond(Exception):
    """Raised for a number that is too large to be computed."""


class Undefined(Exception):
    """Raised if there is no value at this point: a division by zero, the logarithm of a negative number if only reals are meant."""


class Opaque(Exception):
    """Raised for an operation that has no value here."""


def numbers() -> Any:
    """Return this thread's mpmath context, at eighty digits or as many as `digits` sets."""
    if not hasattr(_local, "context"):
        import mpmath

        _local.context = mpmath.MPContext()
        _local.context.dps = DIGITS
    return _local.context


@contextmanager
def digits(count: int) -> Iterator[None]:
    """Compute with this many digits within the block."""
    context = numbers()
    context.dps = count
    try:
        yield
    finally:
        context.dps = DIGITS


def tiny(spare: int) -> Any:
    """Return 10 ** (`spare` - number of digits): the relative error if the last `spare` digits are lost."""
    context = numbers()
    return context.mpf(10) ** (spare - context.dps)


def inexact(value: Value) -> Value:
    """Return a fraction as a number of eighty digits; any other value unchanged."""
    return numbers().mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def both_values(operation: Callable[[Any, Any], Any], first: Value, second: Value) -> Value:
    """Return the result of an operation on two values, exact if both are exact."""
    if isinstance(first, Fraction) and isinstance(second, Fraction):
        return operation(first, second)
    return operation(inexact(first), inexact(second))


def laplace(rows: list[list[Value]]) -> Value:
    """Return a determinant by expansion along its first row."""
    if len(rows) == 1:
        return rows[0][0]
    total: Value = Fraction(0)
    for place, head in enumerate(rows[0]):
        minor = laplace([row[:place] + row[place + 1 :] for row in rows[1:]])
        term = both_values(ARITHMETIC["*"], head, minor)
        total = both_values(ARITHMETIC["+"], total, -term if place % 2 else term)
    return total


def reals(choose: Callable[[Any], Any], args: list[Value]) -> Value:
    """Return the largest or smallest of real values; raise Undefined if one is complex."""
    if any(isinstance(arg, numbers().mpc) for arg in args):
        raise Undefined
    return choose(args)


def _whole(value: Value) -> int:
    if not isinstance(value, Fraction | numbers().mpc) and numbers().mag(value) > DIGITS:
        raise Beyond
    if not isinstance(value, Fraction) or value.denominator != 1:
        raise Undefined
    return value.numerator


def _factorial(value: Value) -> Value:
    number = _whole(value)
    if number < 0:
        raise Undefined
    if number > HIGHEST // 100:
        raise Beyond
    return Fraction(math.factorial(number)) if number <= FACTORIALS else numbers().factorial(number)


def _binomial(top: Value, under: Value) -> Value:
    n, k = _whole(top), _whole(under)
    if n < 0 or k < 0:
        raise Undefined
    if n > 10 * FACTORIALS:
        raise Beyond
    return Fraction(math.comb(n, k))


def _floor(value: Value) -> Value:
    if isinstance(value, Fraction):
        return Fraction(math.floor(value))
    ctx = numbers()
    if isinstance(value, ctx.mpc) or ctx.isinf(value) or ctx.mag(value) > 200:
        raise Undefined
    near = ctx.nint(value)
    return Fraction(int(near if abs(value - near) < tiny(20) else ctx.floor(value)))


def _common(function: Callable[..., int]) -> Callable[..., Value]:
    return lambda *args: Fraction(function(*(_whole(arg) for arg in args)))


_PLAIN = "sin cos tan cot sec csc exp sinh cosh tanh coth erf".split()
_INVERSE = "sin cos tan cot sec csc".split()

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "*": operator.mul}
WHOLE: dict[str, tuple[int, Callable[..., Value]]] = {  # functions of whole numbers, with the number of their arguments (0: any)
    "!": (1, _factorial),
    "factorial": (1, _factorial),
    "binom": (2, _binomial),
    "floor": (1, _floor),
    "ceil": (1, lambda value: -_floor(-value)),
    "gcd": (0, _common(math.gcd)),
    "lcm": (0, _common(math.lcm)),
}
FUNCTIONS: dict[str, str] = {  # functions of one number, by mpmath's name
    **{name: name for name in _PLAIN},
    **{f"arc{name}": f"a{name}" for name in _INVERSE},
    "Re": "re",
    "Im": "im",
    "arg": "arg",
    "sgn": "sign",
}
