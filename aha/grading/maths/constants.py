"""What of a constant is a fraction, a fraction of π, or a sum of logarithms of primes."""

from __future__ import annotations

from fractions import Fraction

from aha.answers.formulas import Call, Node, Num, Sym
from aha.grading.maths.functions import Beyond, Opaque, Undefined
from aha.grading.maths.values import At

LARGEST_PRIME = 100_000


def rational(node: Node) -> Fraction | None:
    """Return the exact value of a node where it is a fraction; None where it is none."""
    try:
        value = At({}).of(node)
    except (Undefined, Opaque, Beyond):
        return None
    return value if isinstance(value, Fraction) else None


def turns(node: Node, unit: str = "") -> Fraction | None:
    """How many times π it is, or π i, where it is a rational number of times; `None` for anything else."""
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
    """The logarithm as a sum of logarithms of primes, so often each (of 1: what is no logarithm any more); `None` where it is no such."""
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
        case Call("/", (one, other)):
            parts = [_factors(one, share), _factors(other, -share)]
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
    """Its prime factors; `None` where one of them is large."""
    primes, prime = list[int](), 2
    while prime * prime <= number and prime < LARGEST_PRIME:
        while number % prime == 0:
            primes.append(prime)
            number //= prime
        prime += 1 if prime == 2 else 2
    if number > LARGEST_PRIME * LARGEST_PRIME:
        return None
    return [*primes, number] if number > 1 else primes
