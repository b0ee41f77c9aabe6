"""What a formula comes to at a point: an exact fraction as long as it stays one, else eighty digits of it.

Every operation is bounded: a number that would grow beyond reach raises instead of being computed, so a tower of powers costs nothing.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, cast
from zlib import crc32

from aha.answers.formulas import Call, Node, Num, Sym

Value = Any  # Fraction, or a real or complex number of mpmath

DIGITS = 80
MOST_BITS = 20_000  # of an exact number
MOST_WORK = 2_000_000  # bits handled in one evaluation
HIGHEST = 10**9  # binary exponent of an inexact number
FACTORIALS = 1_000

_here = threading.local()


class Beyond(Exception):
    """A number too large to be computed."""


class Undefined(Exception):
    """No value at this point: a division by zero, the logarithm of a negative number where only reals are meant."""


class Opaque(Exception):
    """An operation that has no value here."""


def numbers() -> Any:
    """mpmath's arithmetic at eighty digits, this thread's own."""
    if not hasattr(_here, "context"):
        import mpmath

        _here.context = mpmath.MPContext()
        _here.context.dps = DIGITS
    return _here.context


class At:
    """Values at one point. `real`: roots and logarithms of negative numbers have none. `log_base`: of a logarithm without a base."""

    def __init__(self, point: Mapping[str, Fraction], *, real: bool = False, log_base: int | None = None) -> None:
        self.point, self.real, self.log_base, self.work = point, real, log_base, 0

    def of(self, node: Node) -> Value:
        """The value of a node; Undefined, Beyond or Opaque where there is none."""
        match node:
            case Num(value):
                return value
            case Sym(name):
                return self._symbol(name)
        return self._checked(self._call(node))

    def _symbol(self, name: str) -> Value:
        if name in self.point:
            return self.point[name]
        ctx = numbers()
        constants = {"pi": ctx.pi, "e": ctx.e, "i": ctx.j, "oo": ctx.inf}
        if name not in constants:
            raise Opaque(name)
        return +constants[name] if name in ("pi", "e") else constants[name]

    def _checked(self, value: Value) -> Value:
        if isinstance(value, Fraction):
            bits = max(value.numerator.bit_length(), value.denominator.bit_length())
            self.work += bits
            if self.work > MOST_WORK:
                raise Beyond
            return value if bits <= MOST_BITS else inexact(value)
        ctx = numbers()
        if ctx.isnan(value):
            raise Undefined
        if not ctx.isinf(value) and value != 0 and abs(ctx.mag(value)) > HIGHEST:
            raise Beyond
        if isinstance(value, ctx.mpc) and value.imag == 0:
            return value.real
        return value

    def _call(self, node: Call) -> Value:
        name = node.name
        if name in ("+", "*"):
            total = self.of(node.args[0])
            for each in node.args[1:]:
                total = self._checked(_both(_ARITHMETIC[name], total, self.of(each)))
            return total
        args = [self.of(each) for each in node.args] if name != "determinant" else []
        match name, args:
            case "neg", [value]:
                return -value
            case (("/" | ":"), [top, under]):
                return self._divided(top, under)
            case "^", [base, exponent]:
                return self._power(base, exponent)
            case "root", [value, index]:
                return self._root(value, index)
            case "sqrt", [value]:
                return self._root(value, Fraction(2))
            case "cbrt", [value]:
                return self._root(value, Fraction(3))
            case "%", [value]:
                return _both(lambda one, other: one / other, value, Fraction(100))
            case "°", [value]:
                return inexact(value) * numbers().pi / 180
            case "determinant", []:
                return self._determinant(cast(Call, node.args[0]))
        if name in _WHOLE and (len(args) == _PLACES.get(name, len(args)) > 0):
            return _WHOLE[name](*args)
        if name.startswith("apply:"):
            return self._unknown(name, args)
        return self._function(name, args)

    def _divided(self, top: Value, under: Value) -> Value:
        if under == 0 or (not isinstance(under, Fraction) and abs(under) < numbers().mpf(10) ** (10 - DIGITS)):
            raise Undefined
        return _both(lambda one, other: one / other, top, under)

    def _power(self, base: Value, exponent: Value) -> Value:
        if isinstance(exponent, Fraction) and exponent.denominator == 1:
            return self._whole_power(base, exponent.numerator)
        if base == 0:
            raise Undefined
        if isinstance(exponent, Fraction) and exponent.denominator <= FACTORIALS and self._below_zero(base):
            if exponent.denominator % 2:
                return self._whole_power(self._root(base, Fraction(exponent.denominator)), exponent.numerator)
            if self.real:
                raise Undefined
        ctx = numbers()
        base, exponent = inexact(base), inexact(exponent)
        if ctx.isinf(base) or ctx.isinf(exponent) or ctx.mag(exponent) + ctx.mag(abs(ctx.log(base)) + 1) > HIGHEST.bit_length():
            raise Beyond
        if self.real and base < 0:
            raise Undefined
        return ctx.power(base, exponent)

    def _whole_power(self, base: Value, exponent: int) -> Value:
        if base == 0 and exponent <= 0:
            raise Undefined
        if isinstance(base, Fraction):
            bits = max(base.numerator.bit_length(), base.denominator.bit_length())
            if bits <= 1 or bits * abs(exponent) <= MOST_BITS:
                return base ** (exponent if bits > 1 else exponent % 2 or 2)
        base = inexact(base)
        if abs(exponent) * (abs(numbers().mag(base)) + 1) > HIGHEST:
            raise Beyond
        return base**exponent

    def _root(self, value: Value, index: Value) -> Value:
        if not isinstance(index, Fraction) or index.denominator != 1 or not 1 <= index <= FACTORIALS:
            if index == 0:
                raise Undefined
            return self._power(value, _both(lambda one, other: one / other, Fraction(1), index))
        degree = index.numerator
        if isinstance(value, Fraction) and degree == 2 and value >= 0:
            top, under = math.isqrt(value.numerator), math.isqrt(value.denominator)
            if Fraction(top * top, under * under) == value:
                return Fraction(top, under)
        if self._below_zero(value):
            if degree % 2:
                return -numbers().root(inexact(-value), degree)
            if self.real:
                raise Undefined
        return numbers().root(inexact(value), degree) if degree != 2 else numbers().sqrt(inexact(value))

    def _below_zero(self, value: Value) -> bool:
        return not isinstance(value, numbers().mpc) and value < 0

    def _function(self, name: str, args: list[Value]) -> Value:
        ctx = numbers()
        if name in ("log", "ln", "lg"):
            return self._logarithm(name, args)
        if name in ("max", "min") and args:
            return _reals(max if name == "max" else min, args)
        if len(args) != 1:
            raise Opaque(name)
        value = inexact(args[0])
        if name == "abs":
            return abs(args[0])
        if (function := _FUNCTIONS.get(name)) is None:
            raise Opaque(name)
        if value != 0 and ctx.mag(value) > (30 if name in ("exp", "sinh", "cosh", "tanh", "coth") else 200):
            raise Beyond
        try:
            found = function(ctx, value)
        except (ZeroDivisionError, ValueError):
            raise Undefined from None
        if self.real and isinstance(found, ctx.mpc) and not isinstance(value, ctx.mpc):
            raise Undefined
        return found

    def _logarithm(self, name: str, args: list[Value]) -> Value:
        ctx = numbers()
        base = args[1] if len(args) == 2 else {"ln": None, "lg": Fraction(10), "log": self.log_base and Fraction(self.log_base)}[name]
        if args[0] == 0 or base in (0, 1) or (self.real and self._below_zero(args[0])):
            raise Undefined
        found = ctx.log(inexact(args[0]))
        return found / ctx.log(inexact(base)) if base is not None else found

    def _unknown(self, name: str, args: list[Value]) -> Value:
        """A function nobody defined, as some smooth one that its name alone decides."""
        ctx = numbers()
        total = ctx.mpf(crc32(name.encode()) % 1009) / 1009
        for place, each in enumerate(args):
            if not isinstance(each, Fraction) and ctx.mag(each) > 200:
                raise Beyond
            total += inexact(each) * (crc32(f"{name}{place}".encode()) % 97 + 3) / 41
        return ctx.sin(total) + 2

    def _determinant(self, matrix: Call) -> Value:
        rows = [[self.of(cell) for cell in cast(Call, row).args] for row in matrix.args]
        if len(rows) != len(rows[0]) or len(rows) > 4:
            raise Opaque("determinant")
        return _laplace(rows)


def inexact(value: Value) -> Value:
    """A fraction at eighty digits; anything else as it is."""
    return numbers().mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def _both(operation: Callable[[Any, Any], Any], one: Value, other: Value) -> Value:
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return operation(one, other)
    return operation(inexact(one), inexact(other))


def _laplace(rows: list[list[Value]]) -> Value:
    if len(rows) == 1:
        return rows[0][0]
    total: Value = Fraction(0)
    for place, head in enumerate(rows[0]):
        minor = _laplace([row[:place] + row[place + 1 :] for row in rows[1:]])
        term = _both(_ARITHMETIC["*"], head, minor)
        total = _both(_ARITHMETIC["+"], total, -term if place % 2 else term)
    return total


def _reals(choose: Callable[[Any], Any], args: list[Value]) -> Value:
    if any(isinstance(each, numbers().mpc) for each in args):
        raise Undefined
    return choose(args)


def _whole(value: Value) -> int:
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
    return Fraction(int(near if abs(value - near) < ctx.mpf(10) ** (20 - DIGITS) else ctx.floor(value)))


def _common(function: Callable[..., int]) -> Callable[..., Value]:
    return lambda *args: Fraction(function(*(_whole(each) for each in args)))


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": lambda one, other: one + other, "*": lambda one, other: one * other}
_WHOLE: dict[str, Callable[..., Value]] = {
    "!": _factorial,
    "factorial": _factorial,
    "binom": _binomial,
    "floor": _floor,
    "ceil": lambda value: -_floor(-value),
    "gcd": _common(math.gcd),
    "lcm": _common(math.lcm),
}
_PLACES = {"!": 1, "factorial": 1, "floor": 1, "ceil": 1, "binom": 2}
_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    **{name: lambda ctx, value, name=name: getattr(ctx, name)(value) for name in ("sin", "cos", "tan", "cot", "sec", "csc", "exp")},
    **{name: lambda ctx, value, name=name: getattr(ctx, name)(value) for name in ("sinh", "cosh", "tanh", "coth", "erf")},
    **{f"arc{name}": lambda ctx, value, name=f"a{name}": getattr(ctx, name)(value) for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    "Re": lambda ctx, value: ctx.re(value),
    "Im": lambda ctx, value: ctx.im(value),
    "arg": lambda ctx, value: ctx.arg(value),
    "sgn": lambda ctx, value: ctx.sign(value),
}
