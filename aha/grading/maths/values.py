"""Values of formulas at a point: an exact fraction as long as it stays one, else eighty digits.

Every operation is bounded: a number that would grow too large raises instead of being computed, so a tower of powers costs nothing.

Also the parts of a constant: a fraction, a fraction of π, or a sum of logarithms of primes."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from fractions import Fraction
from typing import cast
from zlib import crc32

from aha.answers.formulas import Call, Node, Num, Sym
from aha.grading.maths.functions import (
    ARITHMETIC,
    FACTORIALS,
    FUNCTIONS,
    HIGHEST,
    WHOLE,
    Beyond,
    Opaque,
    Undefined,
    Value,
    both_values,
    inexact,
    laplace,
    numbers,
    reals,
    tiny,
)

MOST_BITS = 20_000  # bits of an exact number
MOST_WORK = 2_000_000  # bits handled in one evaluation


class At:
    """Values at one point. `real`: roots and logarithms of negative numbers are undefined. `log_base`: the default base of `log`."""

    def __init__(self, point: Mapping[str, Fraction], *, real: bool = False, log_base: int | None = None) -> None:
        self.point, self.real, self.log_base, self.work = point, real, log_base, 0

    def of(self, node: Node) -> Value:
        """Return the value of a node; raise Undefined, Beyond or Opaque if it has none."""
        match node:
            case Num(value):
                return value
            case Sym(name):
                return self._symbol(name)
        return self._check(self._call(node))

    def _symbol(self, name: str) -> Value:
        if name in self.point:
            return self.point[name]
        ctx = numbers()
        constants = {"pi": ctx.pi, "e": ctx.e, "i": ctx.j, "oo": ctx.inf}
        if name not in constants:
            raise Opaque(name)
        return +constants[name] if name in ("pi", "e") else constants[name]

    def _finite(self, value: Value) -> Value:
        """Return an operand unchanged; raise Undefined if it is infinite."""
        if not isinstance(value, Fraction) and numbers().isinf(value):
            raise Undefined
        return value

    def _check(self, value: Value) -> Value:
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
        if name in ARITHMETIC:
            total = self._finite(self.of(node.args[0]))
            for arg in node.args[1:]:
                total = self._check(both_values(ARITHMETIC[name], total, self._finite(self.of(arg))))
            return total
        if name == "determinant":
            return self._determinant(cast(Call, node.args[0]))
        return self._apply(name, [self.of(item) if name == "neg" else self._finite(self.of(item)) for item in node.args])

    def _apply(self, name: str, args: list[Value]) -> Value:
        match name, args:
            case "neg", [value]:
                return -value
            case (("/" | ":"), [top, under]):
                return self._quotient(top, under)
            case "^", [base, exponent]:
                return self._power(base, exponent)
            case "root", [value, index]:
                return self._root(value, index)
            case (("sqrt" | "cbrt"), [value]):
                return self._root(value, Fraction(2 if name == "sqrt" else 3))
            case "scaled", [value, factor]:
                return both_values(operator.mul, value, factor)
            case "%", [value]:
                return both_values(operator.truediv, value, Fraction(100))
            case "°", [value]:
                return both_values(operator.truediv, both_values(operator.mul, value, self._symbol("pi")), Fraction(180))
        if name in WHOLE and args and WHOLE[name][0] in (0, len(args)):
            return WHOLE[name][1](*args)
        return self._unknown(name, args) if name.startswith("apply:") else self._function(name, args)

    def _quotient(self, top: Value, under: Value) -> Value:
        if under == 0 or (not isinstance(under, Fraction) and abs(under) < tiny(10)):
            raise Undefined
        return both_values(operator.truediv, top, under)

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
        if self.real and (isinstance(base, ctx.mpc) or base < 0):
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
            return self._power(value, both_values(operator.truediv, Fraction(1), index))
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
            return reals(max if name == "max" else min, args)
        if len(args) != 1:
            raise Opaque(name)
        value = inexact(args[0])
        if name == "abs":
            return abs(args[0])
        if (function := FUNCTIONS.get(name)) is None:
            raise Opaque(name)
        if value != 0 and ctx.mag(value) > (30 if name in ("exp", "sinh", "cosh", "tanh", "coth") else 200):
            raise Beyond
        try:
            result = getattr(ctx, function)(value)
        except (ZeroDivisionError, ValueError):
            raise Undefined from None
        if self.real and isinstance(result, ctx.mpc) and not isinstance(value, ctx.mpc):
            raise Undefined
        return result

    def _logarithm(self, name: str, args: list[Value]) -> Value:
        ctx = numbers()
        base = args[1] if len(args) == 2 else {"ln": None, "lg": Fraction(10), "log": self.log_base and Fraction(self.log_base)}[name]
        if args[0] == 0 or base in (0, 1) or (self.real and self._below_zero(args[0])):
            raise Undefined
        result = ctx.log(inexact(args[0]))
        return result / ctx.log(inexact(base)) if base is not None else result

    def _unknown(self, name: str, args: list[Value]) -> Value:
        """Return the value of an undefined function, taken as a smooth one that depends only on its name."""
        ctx = numbers()
        total = ctx.mpf(crc32(name.encode()) % 1009) / 1009
        for place, arg in enumerate(args):
            if not isinstance(arg, Fraction) and ctx.mag(arg) > 200:
                raise Beyond
            total += inexact(arg) * (crc32(f"{name}{place}".encode()) % 97 + 3) / 41
        return ctx.sin(total) + 2

    def _determinant(self, matrix: Call) -> Value:
        rows = [[self.of(cell) for cell in cast(Call, row).args] for row in matrix.args]
        if len(rows) != len(rows[0]) or len(rows) > 4:
            raise Opaque("determinant")
        return laplace(rows)


LARGEST_PRIME = 100_000


def rational(node: Node) -> Fraction | None:
    """Return the exact value of a node if it is a fraction, otherwise None."""
    try:
        value = At({}).of(node)
    except (Undefined, Opaque, Beyond):
        return None
    return value if isinstance(value, Fraction) else None


def turns(node: Node, unit: str = "") -> Fraction | None:
    """Return the factor if the node is a rational number times π (and times `unit`, such as i, if given), or None."""
    values = list[Fraction]()
    for size in (1, 2, 3):
        for factor in (1, 2, 3) if unit else (1,):
            try:
                value = At({"pi": Fraction(size)} | ({unit: Fraction(factor)} if unit else {})).of(node)
            except (Undefined, Opaque, Beyond):
                return None
            if not isinstance(value, Fraction):
                return None
            values.append(value / size / factor)
    return values[0] if len(set(values)) == 1 else None


def logs(node: Node) -> list[tuple[int, Fraction]] | None:
    """Return the logarithm of a node as (prime, factor) pairs of a sum of logarithms of primes, with prime 1 for the part that is a plain
    number; None if it is no such sum."""
    total = dict[int, Fraction]()
    for base, share in _factors(node, Fraction(1)) or [(0, Fraction(0))]:
        if base <= 0:
            return None
        total[base] = total.get(base, Fraction(0)) + share
    return list(total.items())


def _factors(node: Node, share: Fraction) -> list[tuple[int, Fraction]] | None:
    if (value := rational(node)) is not None:
        if value <= 0:
            return None
        top, under = _primes(value.numerator), _primes(value.denominator)
        if top is None or under is None:
            return None
        return [(1, Fraction(0)), *((prime, share) for prime in top), *((prime, -share) for prime in under)]
    match node:
        case Sym("e"):
            return [(1, share)]
        case Call("*", args):
            parts = [_factors(arg, share) for arg in args]
        case Call("/", (first, second)):
            parts = [_factors(first, share), _factors(second, -share)]
        case Call("root", (inside, Num(degree))):
            parts = [_factors(inside, share / degree)]
        case Call("sqrt", (inside,)):
            parts = [_factors(inside, share / 2)]
        case Call("^", (base, exponent)) if (power := rational(exponent)) is not None:
            parts = [_factors(base, share * power)]
        case _:
            return None
    return [pair for part in parts for pair in part or [(0, share)]]


def _primes(number: int) -> list[int] | None:
    """Return the prime factors of a number, or None if one of them may be too large."""
    primes, prime = list[int](), 2
    while prime * prime <= number and prime < LARGEST_PRIME:
        while number % prime == 0:
            primes.append(prime)
            number //= prime
        prime += 1 if prime == 2 else 2
    if number > LARGEST_PRIME * LARGEST_PRIME:
        return None
    return [*primes, number] if number > 1 else primes
