"""Equality of two expressions: exact if both are fractions, else at eighty digits; with variables, at several points."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from zlib import crc32

from aha.answers.formulas import Call, Node, Num, Sym, is_call, nodes, symbols
from aha.grading.maths.algebra import Settings
from aha.grading.maths.functions import Beyond, Opaque, Undefined, Value, inexact, numbers, tiny
from aha.grading.maths.proofs import apart, decision
from aha.grading.maths.values import At

POINTS, TRIES = 4, 10
MOST_SYMBOLS = 24
_ON_WHOLE_NUMBERS = ("!", "factorial", "floor", "ceil", "binom", "gcd", "lcm")


def equal(gold: Node, claim: Node, settings: Settings) -> bool | None:
    """Return whether the two are equal wherever both are defined, or None if these means cannot tell."""
    if gold == claim:
        return True
    names = sorted(symbols(gold) | symbols(claim))
    if len(names) > MOST_SYMBOLS:
        return None
    if names and (_is_infinite(gold) or _is_infinite(claim)):
        return False  # a name plus infinity has the value of infinity, but does not say so
    verdict = _equal(gold, claim, names, settings, None)
    if not verdict and any(_bare_logarithm(part) for tree in (gold, claim) for part in nodes(tree)):
        return _equal(gold, claim, names, settings, 10) or verdict
    return verdict


def _is_infinite(node: Node) -> bool:
    """Return True for infinity, and for a sum, a product or a quotient with it."""
    return node == Sym("oo") or (isinstance(node, Call) and node.name in ("+", "neg", "*", "/", "()") and any(map(_is_infinite, node.args)))


def _bare_logarithm(node: Node) -> bool:
    return isinstance(node, Call) and node.name == "log" and len(node.args) == 1


def _equal(gold: Node, claim: Node, names: list[str], settings: Settings, log_base: int | None) -> bool | None:
    try:
        if not names:
            first, second = (At({}, log_base=log_base).of(node) for node in (gold, claim))
            return _constants(gold, first, claim, second, settings, log_base)
        values = list(pairs(gold, claim, names, log_base))
        verdicts = [same_value(unit, partner) for unit, partner in values]
        if all(verdicts) and not all(isinstance(value, Fraction) for pair in values for value in pair):
            points = ({name: sample(name, place) for name in names} for place in (0, 1))
            verdicts.append(not any(apart(gold, claim, point, log_base) for point in points))
    except (Beyond, Opaque):
        return None
    except Undefined:
        return None if names else False
    if False in verdicts:
        return False
    return None if None in verdicts or len(verdicts) < 2 else True


def pairs(gold: Node, claim: Node, names: list[str], log_base: int | None = None) -> Iterator[tuple[Value, Value]]:
    """Yield the values of both at points where both have one: real ones first, complex ones if there are too few real ones."""
    trees = (gold, claim)
    whole = any(is_call(part, *_ON_WHOLE_NUMBERS) for tree in trees for part in nodes(tree)) or any(_parity(tree) for tree in trees)
    imaginary = any(isinstance(part, Sym) and part.name == "i" for tree in trees for part in nodes(tree))
    count = 0
    for real in (True, False) if not imaginary else (False,):
        for place in range(TRIES):
            point = {name: sample(name, place, whole=whole) for name in names}
            try:
                yield At(point, real=real, log_base=log_base).of(gold), At(point, real=real, log_base=log_base).of(claim)
            except Undefined:
                continue
            count += 1
            if count == (2 * POINTS if whole else POINTS):
                return
        if count >= 2:
            return


def sample(name: str, place: int, *, whole: bool = False) -> Fraction:
    """Return a variable's value at the place-th point, the same in every formula; the first two are positive, the others of either sign."""
    number = crc32(f"{name}/{place}".encode())
    if whole:
        return Fraction(number % 17 + 2)
    size = Fraction(number % 911 + 40, 307)
    return -size if place > 1 and number >> 16 & 1 else size


def _parity(tree: Node) -> bool:
    """Return True if a negative number is raised to a power with a variable in it, as in (-1)^n."""
    return any(
        isinstance(part, Call) and part.name == "^" and is_call(part.args[0], "neg") and symbols(part.args[1]) for part in nodes(tree)
    )


def same_value(first: Value, second: Value) -> bool | None:
    """Return whether two values are equal, or None if they are too close for eighty digits to tell."""
    if isinstance(first, Fraction) and isinstance(second, Fraction):
        return first == second
    ctx = numbers()
    zero = Fraction(0) in (first, second) if isinstance(first, Fraction) or isinstance(second, Fraction) else False
    first, second = inexact(first), inexact(second)
    if first == second == 0:
        return True
    if ctx.isinf(first) or ctx.isinf(second):
        return bool(first == second)
    apart, size = abs(first - second), max(abs(first), abs(second))
    if size < tiny(15) and (zero or size > tiny(-ctx.dps)):
        return False if size <= tiny(-ctx.dps) else None  # the rest of a cancellation is about as small as the last digit
    if apart <= size * tiny(20):
        return True if ctx.mag(size) < ctx.prec - 66 else None  # in larger numbers a difference of one is lost
    return None if apart < size * tiny(ctx.dps * 5 // 8) else False


def _constants(gold: Node, gold_value: Value, claim: Node, claim_value: Value, settings: Settings, log_base: int | None) -> bool | None:
    """Return whether two constants are equal, by proof rather than by digits alone, or as far as a decimal tells; None if unproved."""
    verdict = same_value(gold_value, claim_value)
    if (
        verdict
        and not (isinstance(gold_value, Fraction) and isinstance(claim_value, Fraction))
        and not numbers().isinf(inexact(gold_value))
    ):
        verdict = decision(gold, claim, log_base)
    if verdict is not False:
        return verdict
    if settings.precision is not None:
        return bool(_round(gold_value, settings.precision) == _round(claim_value, settings.precision))
    places = settings.places
    return _decimal_of(gold, gold_value, claim, claim_value, places) or _decimal_of(claim, claim_value, gold, gold_value, places)


def _decimal_of(decimal: Node, value: Value, exact_node: Node, exact: Value, places: int) -> bool:
    """Return True if one side is a decimal of enough places and the other, not a decimal, differs by less than its last place."""
    digits = decimal.args[0] if isinstance(decimal, Call) and decimal.name in ("neg", "%") else decimal
    if (
        not isinstance(digits, Num)
        or digits.places < places
        or digits.value == 0
        or _is_decimal(exact_node)
        or (isinstance(exact, Fraction) and 10**digits.places % exact.denominator == 0)
        or isinstance(exact, numbers().mpc)
    ):
        return False
    last = inexact(Fraction(1, 10**digits.places) / (100 if is_call(decimal, "%") else 1))
    value, exact = inexact(value), inexact(exact)
    cut_off = abs(value) <= abs(exact) < abs(value) + last
    return bool(abs(value - exact) <= last / 2 or (cut_off and value * exact > 0))


def _is_decimal(node: Node) -> bool:
    while isinstance(node, Call) and node.name in ("neg", "%"):
        node = node.args[0]
    return isinstance(node, Num)


def _round(value: Value, places: int) -> Value:
    ctx = numbers()
    value = inexact(value)
    if isinstance(value, ctx.mpc):
        return _round(value.real, places), _round(value.imag, places)
    return value if ctx.isinf(value) else ctx.nint(value * 10**places)


def value_of(node: Node) -> Value | None:
    """Return the real value of a constant, or None if it has none that is real and can be computed."""
    try:
        value = At({}).of(node)
    except (Beyond, Opaque, Undefined):
        return None
    return None if isinstance(value, numbers().mpc) else value
