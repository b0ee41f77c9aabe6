"""Proofs that two numbers are equal or different. Numbers with disjoint enclosures are different. Radicals whose difference is smaller
than the least such a difference can be are equal (the separation bound of Burnikel, Funke, Mehlhorn, Schirra and Schmitt, "A separation
bound for real algebraic expressions", 2009). π, e and logarithms of primes are tried as variables, in which both sides have to be the
same expression."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from zlib import crc32

from aha.answers.formulas import Call, Node, Num, Sym, is_call, nodes
from aha.grading.maths.functions import Beyond, Opaque, Undefined
from aha.grading.maths.values import logs, rational, turns

PRECISIONS = 320, 1_280, 5_120  # bits
MOST_BITS = 40_000  # bits of an enclosure that a bound may require
MOST_SEEN = 6
SAMPLES = 3  # places at which two expressions of π, e and logarithms are compared
MOST_TURNS = 360  # the largest denominator tried for an angle as a fraction of π
E, PI = Sym("e"), Sym("pi")
FUNCTIONS = "sin cos tan cot sec csc exp sinh cosh tanh coth".split()
INVERSE = {"arcsin": "sin", "arccos": "cos", "arctan": "tan"}
ONE_VALUE, TWO = Num(Fraction(1)), Num(Fraction(2))


class Unproved(Exception):
    """Raised if equality is beyond these methods."""


def decision(gold: Node, claim: Node, log_base: int | None = None) -> bool | None:
    """Return whether two constants are equal, or None if they are too close to distinguish and nothing proves them equal."""
    if apart(gold, claim, {}, log_base):
        return False
    first, second = _exponential(gold, log_base), _exponential(claim, log_base)
    try:
        if first is not None and second is not None and _real(gold, log_base) and _real(claim, log_base):
            return _identical(first, second, log_base)
        return _identical(gold, claim, log_base)
    except (Unproved, Undefined, Opaque, Beyond, OverflowError, ValueError, ZeroDivisionError):
        return None


def _real(node: Node, log_base: int | None) -> bool:
    return bool(Enclosure(PRECISIONS[0], {}, log_base).of(node).ball.imag.is_zero())


def _exponential(node: Node, log_base: int | None) -> Node | None:
    """Return e to the power of a node that is a sum of logarithms, without e: 9/5 for 2 ln 3 - ln 5; None for any other node."""
    match node:
        case Call("ln", (inside,)):
            return inside
        case Call("log", (inside,)) if log_base is None:
            return inside
        case Call("neg", (part,)):
            parts, share = [_exponential(part, log_base)], Num(Fraction(-1))
        case Call("+", args):
            powers = [_exponential(arg, log_base) for arg in args]
            return None if None in powers else Call("*", tuple(power for power in powers if power is not None))
        case Call("*", (Num() as share, part)) | Call("*", (part, Num() as share)):
            parts = [_exponential(part, log_base)]
        case Call("/", (part, Num(under))) if under:
            parts, share = [_exponential(part, log_base)], Num(1 / under)
        case Call("*", (Call("/", (Num(top), Num(under))), part)) if under:
            parts, share = [_exponential(part, log_base)], Num(top / under)
        case _:
            return None
    return None if parts[0] is None else Call("^", (parts[0], share))


def apart(gold: Node, claim: Node, point: Mapping[str, Fraction], log_base: int | None = None) -> bool:
    """Return True if enclosures of the two at a point are disjoint at some precision, up to the bits that the numbers in them call for."""
    need = sum(_bits(part) for tree in (gold, claim) for part in nodes(tree))
    for bits in (*PRECISIONS, *((min(4 * need, MOST_BITS),) if 4 * need > PRECISIONS[-1] else ())):
        at = Enclosure(bits, point, log_base)
        try:
            if not at.of(gold).ball.overlaps(at.of(claim).ball):
                return True
        except (Unproved, Undefined, Opaque, Beyond, OverflowError, ValueError, ZeroDivisionError):
            return False
    return False


def _bits(node: Node) -> int:
    """Return the number of bits of a number or of a power of two numbers; 0 for any other node."""
    match node:
        case Num(value):
            return value.numerator.bit_length() + value.denominator.bit_length()
        case Call("^", (base, Num(exponent))) if abs(exponent) < MOST_BITS:
            return int(abs(exponent)) * max((_bits(part) for part in nodes(base)), default=0)
        case Call("^", (base, Call("neg", (exponent,)))):
            return _bits(Call("^", (base, exponent)))
    return 0


def _identical(gold: Node, claim: Node, log_base: int | None) -> bool | None:
    """Return True if the two are equal whatever π, e and logarithms of primes are, False if they differ without any of these, else None."""
    difference, seen = Call("+", (gold, Call("neg", (claim,)))), list[tuple[str, Node]]()
    for place in range(SAMPLES):
        bits = PRECISIONS[0]
        while True:
            at = Enclosure(bits, {}, log_base, place, seen)
            ball = at.of(difference)
            if not ball.ball.contains(0):
                return None if at.variables else False
            least = math.ceil(ball.least(MOST_BITS))
            if ball.ball.abs_upper() * 2**least < 1:
                break
            bits = max(2 * bits, least + 64)
            if bits > 4 * MOST_BITS:
                raise Unproved
        if not at.variables:
            return True
    return True


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A ball that holds the number. For an algebraic number, `above` and `below` are bounds in log2 of the conjugates of its numerator and
    denominator, and `roots` holds the degree of each different root in it."""

    ball: Any
    above: float = 0.0
    below: float = 0.0
    roots: Mapping[object, int] = field(default_factory=dict)

    def least(self, most: float) -> float:
        """Return b such that the number is zero or at least 2**-b in size; raise Unproved if b is larger than `most`."""
        degree = math.prod(self.roots.values())
        bits = (degree - 1) * self.above + self.below + 8
        if bits > most:
            raise Unproved
        return bits


class Enclosure:
    """Enclosures of numbers at `bits` bits. With `sample`, the sample-th rational numbers near π, e and logs of primes stand for them."""

    def __init__(
        self,
        bits: int,
        point: Mapping[str, Fraction],
        log_base: int | None = None,
        sample: int | None = None,
        seen: list[tuple[str, Node]] | None = None,
    ) -> None:
        self.bits, self.point, self.log_base, self.sample = bits, point, log_base, sample
        self.variables = set[str]()
        self.seen = [] if seen is None else seen  # functions treated as variables, with their arguments

    def of(self, node: Node) -> Enclosed:
        """Return the enclosure of a node; raise Unproved, Undefined, Opaque or Beyond if it has none."""
        import flint

        before = flint.ctx.prec
        flint.ctx.prec = self.bits + 32
        try:
            return self._of(node)
        finally:
            flint.ctx.prec = before

    def _of(self, node: Node) -> Enclosed:
        match node:
            case Num(value):
                return self._fraction(value)
            case Sym("pi" | "e" as name):
                return self._variable(name)
            case Sym("i"):
                return self._root(self._fraction(Fraction(-1)), 2, "i")
            case Sym(name) if name in self.point:
                return self._fraction(self.point[name])
            case Sym():
                raise Opaque
        assert isinstance(node, Call)
        return self._call(node.name, node.args, node)

    def _fraction(self, value: Fraction) -> Enclosed:
        import flint

        ball = flint.acb(flint.arb(flint.fmpq(value.numerator, value.denominator)))
        return Enclosed(ball, math.log2(max(abs(value.numerator), 1)), math.log2(value.denominator))

    def _variable(self, name: str) -> Enclosed:
        import flint

        if self.sample is None:
            constants = {"pi": flint.arb.pi, "e": flint.arb.const_e}
            return Enclosed(flint.acb(constants[name]() if name in constants else flint.arb(int(name)).log()))
        near = {"pi": math.pi, "e": math.e}
        return self._near(name, near[name] if name in near else math.log(int(name)))

    def _near(self, name: str, size: float) -> Enclosed:
        self.variables.add(name)
        return self._fraction(Fraction(size).limit_denominator(1_000) + Fraction(crc32(f"{name} {self.sample}".encode()) % 997, 10**7))

    def _call(self, name: str, args: tuple[Node, ...], node: Node) -> Enclosed:
        match name, args:
            case "neg", (part,):
                ball = self._of(part)
                return Enclosed(-ball.ball, ball.above, ball.below, ball.roots)
            case "+", _:
                return self._sum([self._of(part) for part in args])
            case (("*" | "scaled"), _):
                return self._product([self._of(part) for part in args])
            case (("/" | ":"), (top, under)):
                return self._quotient(self._of(top), self._of(under))
            case "%", (part,):
                return self._quotient(self._of(part), self._fraction(Fraction(100)))
            case "°", (part,):
                return self._quotient(self._product([self._of(part), self._variable("pi")]), self._fraction(Fraction(180)))
            case "^", (base, exponent):
                return self._power(base, exponent)
        return self._constant(name, args, node)

    def _constant(self, name: str, args: tuple[Node, ...], node: Node) -> Enclosed:
        match name, args:
            case "root", (part, Num(degree)) if degree.denominator == 1 and 1 < degree < 100:
                return self._root(self._of(part), int(degree), node)
            case (("sqrt" | "cbrt"), (part,)):
                return self._root(self._of(part), 2 if name == "sqrt" else 3, node)
            case (("ln" | "log" | "lg"), _):
                return self._logarithm(name, args)
            case "exp", (exponent,):
                return self._power(E, exponent)
            case "abs", (part,):
                return self._size(self._of(part))
        return self._function(name, args, node)

    # --- the four operations and roots --------------------------------------------------------------------------------

    def _sum(self, parts: list[Enclosed]) -> Enclosed:
        total = parts[0]
        for part in parts[1:]:
            above = max(total.above + part.below, total.below + part.above) + 1
            total = Enclosed(total.ball + part.ball, above, total.below + part.below, {**total.roots, **part.roots})
        return total

    def _product(self, parts: list[Enclosed]) -> Enclosed:
        product = parts[0]
        for part in parts[1:]:
            roots = {**product.roots, **part.roots}
            product = Enclosed(product.ball * part.ball, product.above + part.above, product.below + part.below, roots)
        return product

    def _quotient(self, top: Enclosed, under: Enclosed) -> Enclosed:
        if under.ball.contains(0):
            raise Unproved
        return Enclosed(top.ball / under.ball, top.above + under.below, top.below + under.above, {**top.roots, **under.roots})

    def _root(self, of: Enclosed, degree: int, key: object) -> Enclosed:
        ball, negative = of.ball, False
        if degree % 2 and ball.imag.is_zero() and ball.real < 0:
            ball, negative = -ball, True
        elif ball.contains(0) and not ball.is_zero():
            raise Unproved
        elif ball.imag.contains(0) and not ball.imag.is_zero() and not ball.real > 0:
            raise Unproved  # the side of the branch cut is unknown
        if ball.is_zero():
            return of
        root = ball.real.root(degree) if ball.imag.is_zero() and ball.real > 0 else (ball.log() / degree).exp()
        if ball.imag.is_zero() and degree == 2 and ball.real < 0:
            root = type(ball)(0, (-ball.real).sqrt())
        root = type(ball)(root)
        above, below = (
            ((of.above + (degree - 1) * of.below) / degree, of.below)
            if of.above >= of.below
            else (of.above, ((degree - 1) * of.above + of.below) / degree)
        )
        return Enclosed(-root if negative else root, above, below, {**of.roots, key: degree})

    def _size(self, of: Enclosed) -> Enclosed:
        if not of.ball.imag.is_zero():
            if self.sample is None:
                return Enclosed(type(of.ball)(abs(of.ball)))
            raise Unproved
        if of.ball.real > 0 or of.ball.is_zero():
            return of
        if of.ball.real < 0:
            return Enclosed(-of.ball, of.above, of.below, of.roots)
        raise Unproved

    def _power(self, base: Node, exponent: Node) -> Enclosed:
        power = rational(exponent)
        if power is not None:
            ball = self._of(base)
            if power.denominator != 1:
                if power.denominator > 100:
                    raise Unproved
                ball = self._root(ball, power.denominator, Call("root", (base, Num(Fraction(power.denominator)))))
            if abs(power.numerator) * (ball.above + ball.below + 1) > 4 * MOST_BITS:
                raise Unproved
            times = abs(power.numerator)
            raw = Enclosed(ball.ball**times, times * ball.above, times * ball.below, ball.roots)
            return raw if power.numerator >= 0 else self._quotient(self._fraction(Fraction(1)), raw)
        if base == E and (share := turns(exponent, "i")) is not None:
            return self._sum([self._turn("cos", share), self._product([self._of(Sym("i")), self._turn("sin", share)])])
        if self.sample is None:
            return Enclosed((self._of(exponent).ball * (self._of(base).ball.log() if base != E else 1)).exp())
        if is_call(exponent, "ln") and base == E and isinstance(exponent, Call):
            return self._of(exponent.args[0])
        return self._repeat(f"{base} to the", exponent, Call("^", (base, exponent)))

    def _repeat(self, name: str, of: Node, node: Node) -> Enclosed:
        """Return a variable for a function of which nothing is known; the same one if the arguments are proved to be the same."""
        places = (at for at, (name_, inside) in enumerate(self.seen) if name_ == name and _identical(inside, of, self.log_base) is True)
        place = next(places, len(self.seen))
        if place >= MOST_SEEN:
            raise Unproved
        if place == len(self.seen):
            self.seen.append((name, of))
        size = Enclosure(self.bits, {}, self.log_base).of(node).ball
        if not size.imag.is_zero() or not abs(size.real) < 1e30:
            raise Unproved
        return self._near(f"number {place}", float(size.real.mid()))

    # --- logarithms, angles and other functions -----------------------------------------------------------------------

    def _logarithm(self, name: str, args: tuple[Node, ...]) -> Enclosed:
        base: Node | None = args[1] if len(args) == 2 else {"ln": None, "lg": Num(Fraction(10))}.get(name)
        if name == "log" and len(args) == 1 and self.log_base:
            base = Num(Fraction(self.log_base))
        top = self._natural(args[0])
        return top if base is None else self._quotient(top, self._natural(base))

    def _natural(self, node: Node) -> Enclosed:
        if self.sample is None:
            ball = self._of(node).ball
            if ball.contains(0) or (ball.imag.contains(0) and not ball.imag.is_zero() and not ball.real > 0):
                raise Unproved
            return Enclosed(type(ball)(ball.real.log()) if ball.imag.is_zero() and ball.real > 0 else ball.log())
        if (primes := logs(node)) is None:
            return self._repeat("ln", node, Call("ln", (node,)))
        parts = [
            self._product([self._fraction(share), self._of(ONE_VALUE) if prime == 1 else self._variable(str(prime))])
            for prime, share in primes
        ]
        return self._sum([self._fraction(Fraction(0)), *parts])

    def _turn(self, name: str, turns: Fraction) -> Enclosed:
        """Return the sine or cosine of `turns` times π: half an algebraic integer of a cyclotomic field, with conjugates of at most 2."""
        import flint

        part = flint.fmpq(turns.numerator, turns.denominator)
        ball = flint.arb.cos_pi_fmpq(part) if name == "cos" else flint.arb.sin_pi_fmpq(part)
        return Enclosed(flint.acb(ball), 1.0, 1.0, {("unity", 4 * turns.denominator): 4 * turns.denominator})

    def _function(self, name: str, args: tuple[Node, ...], node: Node) -> Enclosed:
        value = rational(node)
        if value is not None:
            return self._fraction(value)
        if len(args) != 1:
            raise Unproved
        if name in ("sin", "cos", "tan", "cot", "sec", "csc") and (share := turns(args[0])) is not None:
            sine, cosine = self._turn("sin", share), self._turn("cos", share)
            match name:
                case "sin" | "cos":
                    return sine if name == "sin" else cosine
                case "tan" | "cot":
                    return self._quotient(sine, cosine) if name == "tan" else self._quotient(cosine, sine)
            return self._quotient(self._fraction(Fraction(1)), cosine if name == "sec" else sine)
        if self.sample is None:
            return self._function_value(name, self._of(args[0]))
        if name in INVERSE:
            share = self._angle(name, args[0])
            if share is not None:
                return self._product([self._fraction(share), self._variable("pi")])
        return self._repeat(name, args[0], node)

    def _function_value(self, name: str, of: Enclosed) -> Enclosed:
        import flint

        method = name if name in FUNCTIONS else f"a{name.removeprefix('arc')}" if name in INVERSE else ""
        if not method:
            raise Unproved
        real = of.ball.imag.is_zero() and (name not in ("arcsin", "arccos") or abs(of.ball.real) < 1)
        result = getattr(of.ball.real if real else of.ball, method)()
        if not result.is_finite():
            raise Unproved
        return Enclosed(flint.acb(result))

    def _angle(self, name: str, of: Node) -> Fraction | None:
        """Return the fraction of π that an angle is, as its sine, cosine or tangent proves, or None."""
        size = Enclosure(self.bits, {}).of(Call(name, (of,))).ball
        if not size.imag.is_zero():
            raise Unproved
        share = Fraction(float(size.real.mid()) / math.pi).limit_denominator(MOST_TURNS)
        angle = Call("*", (Num(abs(share)), PI))
        if _identical(Call(INVERSE[name], (Call("neg", (angle,)) if share < 0 else angle,)), of, self.log_base) is not True:
            return None
        return share
