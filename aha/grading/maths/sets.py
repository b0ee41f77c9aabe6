"""Sets of reals as ordered intervals: from brackets, unions, inequalities, set-builders and the reals without some points.

Also relations: two equations or inequalities agree if one is a multiple of the other, or if they are true at the same points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

from aha.answers.formulas import BRACKETS, Call, Node, Sym, bare, is_call, symbols
from aha.grading.maths.algebra import Settings
from aha.grading.maths.functions import Beyond, Opaque, Undefined, Value, inexact, numbers
from aha.grading.maths.scalars import equal, pairs, same_value, sample, value_of
from aha.grading.maths.values import At

_MIRRORS = {"<": ">", ">": "<", "le": "ge", "ge": "le"}
_ORDER = tuple(_MIRRORS)
_INFINITY = Sym("oo")
_REALS = ("mathbb R", "mathbf R", "R")


@dataclass(frozen=True)
class Span:
    """An interval from `low` to `high`, each end in or out; a point if the ends are equal."""

    low: Value
    high: Value
    low_in: bool
    high_in: bool

    @property
    def empty(self) -> bool:
        verdict = same_value(self.low, self.high)
        return bool(not verdict and inexact(self.low) > inexact(self.high)) or bool(verdict and not (self.low_in and self.high_in))


Spans = list[Span]


def spans(node: Node) -> Spans | None:
    """Return the set a node stands for as ordered intervals without overlaps, or None if it cannot be written so."""
    spans = _spans(bare(node))
    return None if spans is None else _union(spans)


def same_spans(gold: Spans, claim: Spans) -> bool | None:
    """Return whether two ordered sets have the same ends, or None if that cannot be decided."""
    if len(gold) != len(claim):
        return False
    verdicts = [
        (first.low_in == second.low_in and first.high_in == second.high_in)
        and _all(same_value(first.low, second.low), same_value(first.high, second.high))
        for first, second in zip(gold, claim, strict=True)
    ]
    return _all(*verdicts)


def _all(*hit: bool | None) -> bool | None:
    return False if False in hit else None if None in hit else True


def is_set(node: Node) -> bool:
    """Return True if the node can only be meant as a set of reals; a pair in round brackets may be a point."""
    if isinstance(node, Sym):
        return node.name in (*_REALS[:2], "∅")
    return isinstance(node, Call) and (
        node.name in ("cup", "cap", "setminus", "such", "[)", "(]")
        or (node.name == "[]" and len(node.args) == 2)
        or _is_order(node)
        or (node.name in ("or", "and", "list") and all(_is_order(arg) for arg in node.args))
        or (node.name == "or" and any(map(_is_order, node.args)) and all(_is_order(arg) or is_call(arg, "=") for arg in node.args))
        or (node.name == "()" and any(arg in (_INFINITY, Call("neg", (_INFINITY,))) for arg in node.args))
    )


def _is_order(node: Node) -> bool:
    return isinstance(node, Call) and all(name in (*_ORDER, "ne") for name in node.name.split(" "))


def _spans(node: Node) -> Spans | None:
    if isinstance(node, Sym) and node.name in _REALS:
        return [_whole_line()]
    if node == Sym("∅"):
        return []
    if not isinstance(node, Call):
        return None
    if node.name in BRACKETS:
        return _bracket(node)
    if node.name == "set":
        points = [value_of(arg) for arg in node.args]
        return None if None in points else [Span(value, value, True, True) for value in points]
    if node.name in ("cup", "or", "cap", "and", "list", "setminus"):
        return _combination(node)
    if node.name == "such":
        return _spans(node.args[0])
    if node.name == "=" and isinstance(node.args[0], Sym) and (point := value_of(node.args[1])) is not None:
        return [Span(point, point, True, True)]
    return _inequality(node) if _is_order(node) else None


def _combination(node: Call) -> Spans | None:
    if node.name in ("and", "list", "or") and not all(_is_order(arg) or is_call(arg, "in", "=") for arg in node.args):
        return None  # sets side by side are several sets
    parts = [_spans(arg) for arg in node.args if not _membership(arg)]
    known_spans = [part for part in parts if part is not None]
    if len(known_spans) != len(parts) or not known_spans:
        return None
    common = known_spans[0]
    for part in known_spans[1:]:
        if node.name in ("cup", "or"):
            common = common + part
        elif node.name == "setminus":
            common = _common(common, _complement(_union(part)))
        else:
            common = _common(common, part)
    return common


def _membership(node: Node) -> bool:
    """Return True for `x ∈ ℝ`, which adds nothing to another condition."""
    return isinstance(node, Call) and node.name == "in" and _spans(node.args[1]) == [_whole_line()]


def _bracket(node: Call) -> Spans | None:
    if len(node.args) != 2:
        return None
    low, high = (value_of(arg) for arg in node.args)
    if low is None or high is None:
        return None
    infinite = numbers().isinf
    span = Span(low, high, node.name[0] == "[" and not infinite(inexact(low)), node.name[1] == "]" and not infinite(inexact(high)))
    return None if span.empty else [span]


def _inequality(node: Call) -> Spans | None:
    """Return the set of a linear inequality in one variable, such as `2x > 4`, `0 < f(x) < 1` or `x ≠ 5`, or None."""
    signs = node.name.split(" ")
    match node:
        case Call("<" | "le", (Call("abs", (inside,)), limit)) | Call(">" | "ge", (limit, Call("abs", (inside,)))):
            sign = _MIRRORS.get(signs[0], "") if signs[0] in (">", "ge") else signs[0]
            return _inequality(Call(f"{sign} {sign}", (Call("neg", (limit,)), inside, limit)))
    if len(signs) == 1:
        return _half_line(node.args[0], signs[0], node.args[1])
    if len(signs) != 2 or "ne" in signs:
        return None
    first, second = (_half_line(node.args[at], signs[at], node.args[at + 1]) for at in (0, 1))
    return None if first is None or second is None else _common(first, second)


def _half_line(left: Node, sign: str, right: Node) -> Spans | None:
    if is_call(left, "apply:f", "apply:g", "apply:h") or is_call(right, "apply:f", "apply:g", "apply:h"):
        left, right = (Sym("f") if is_call(side, "apply:f", "apply:g", "apply:h") else side for side in (left, right))
    names = symbols(left) | symbols(right)
    if len(names) != 1:
        return None
    name = names.pop()
    try:
        at = [_difference(left, right, name, place) for place in (0, 1, 8, -5)]
    except (Undefined, Beyond, Opaque):
        return None
    slope = at[1] - at[0]
    linear = same_value(at[2] - at[0], slope * 8) and same_value(at[3] - at[0], slope * -5)
    if same_value(slope, Fraction(0)) is not False or not linear:
        return None
    root = -at[0] / slope
    if isinstance(root, numbers().mpc) or isinstance(slope, numbers().mpc):
        return None
    if sign == "ne":
        return _complement([Span(root, root, True, True)])
    sign = _MIRRORS[sign] if slope < 0 else sign
    is_closed = sign in ("le", "ge")
    line = _whole_line()
    return [replace(line, high=root, high_in=is_closed)] if sign in ("<", "le") else [replace(line, low=root, low_in=is_closed)]


def _difference(left: Node, right: Node, name: str, place: int) -> Value:
    first, second = (At({name: Fraction(place)}, real=True).of(side) for side in (left, right))
    return first - second if isinstance(first, Fraction) and isinstance(second, Fraction) else inexact(first) - inexact(second)


def _whole_line() -> Span:
    infinity = numbers().inf
    return Span(-infinity, infinity, False, False)


def _complement(spans: Spans) -> Spans:
    line, low, low_in = list[Span](), _whole_line().low, False
    for span in spans:
        line.append(Span(low, span.low, low_in, not span.low_in))
        low, low_in = span.high, not span.high_in
    line.append(Span(low, _whole_line().high, low_in, False))
    return [span for span in line if not span.empty]


def _common(first: Spans, second: Spans) -> Spans:
    common = []
    for a in first:
        for b in second:
            low, low_in = max(((a.low, not a.low_in), (b.low, not b.low_in)), key=_key)
            high, high_in = min(((a.high, a.high_in), (b.high, b.high_in)), key=_key)
            common.append(Span(low, high, not low_in, high_in))
    return [span for span in common if not span.empty]


def _key(end: tuple[Value, bool]) -> tuple[Value, bool]:
    return inexact(end[0]), end[1]


def _union(spans: Spans) -> Spans:
    union = list[Span]()
    for span in sorted((item for item in spans if not item.empty), key=lambda span_: (inexact(span_.low), not span_.low_in)):
        last = union[-1] if union else None
        if last is None or inexact(last.high) < inexact(span.low) or (last.high == span.low and not (last.high_in or span.low_in)):
            union.append(span)
            continue
        high, high_in = max(((last.high, last.high_in), (span.high, span.high_in)), key=_key)
        union[-1] = replace(last, high=high, high_in=high_in)
    return union


_OPPOSITES = {"<": ">", ">": "<", "le": "ge", "ge": "le"}
_POINTS = 3


def relations(gold: Node, claim: Node, settings: Settings) -> bool | None:
    """Return whether the claim states the relation of the reference, or None if neither multiples nor solutions tell."""
    assert isinstance(gold, Call) and isinstance(claim, Call)
    alike = gold.name == claim.name and len(gold.args) == len(claim.args)
    if alike and all(equal(first, second, settings) for first, second in zip(gold.args, claim.args, strict=True)):
        return True
    if claim.name == "=" and len(claim.args) > 2:
        return False  # x = 7 = 11: a chain whose values differ is false
    if len(gold.args) != 2 or len(claim.args) != 2:
        return None
    names = sorted(symbols(gold) | symbols(claim))
    if not names or (settings.strict and symbols(gold) != symbols(claim)):
        return False if settings.strict else None
    ratio = proportion(_relation_difference(gold), _relation_difference(claim), names)
    if ratio is not None and not isinstance(ratio, numbers().mpc):
        return claim.name == (_OPPOSITES.get(gold.name, gold.name) if ratio < 0 else gold.name)
    return _solutions_agree(_relation_difference(gold), _relation_difference(claim), names) if gold.name == claim.name == "=" else None


def _relation_difference(relation: Call) -> Node:
    return Call("+", (relation.args[0], Call("neg", (relation.args[1],))))


def proportion(gold: Node, claim: Node, names: list[str]) -> Value | None:
    """Return the constant factor between `claim` and `gold`, the same everywhere; None if only zero is one."""
    ratios = []
    try:
        for first, second in pairs(gold, claim, names):
            if first == 0 or second == 0:
                return None
            ratios.append(
                second / first if isinstance(first, Fraction) and isinstance(second, Fraction) else inexact(second) / inexact(first)
            )
    except (Beyond, Opaque):
        return None
    constant = len(ratios) >= 2 and all(same_value(ratios[0], ratio) for ratio in ratios[1:])
    return ratios[0] if constant else None


def _solutions_agree(gold: Node, claim: Node, names: list[str]) -> bool | None:
    """Return whether each is zero where the other is, at some points; None if one is linear in no variable: its zeros are unknown."""
    verdicts = [_zero_where(first, second, names, place) for first, second in ((gold, claim), (claim, gold)) for place in range(_POINTS)]
    if None in verdicts or False in verdicts:
        return False if False in verdicts else None
    return not any(_has_own_zero(*pair, names, name) for name in names for pair in ((gold, claim), (claim, gold)))


_MOST_POWERS = 3  # of a factor that one equation may have and the other has not
_PLACES = [Fraction(number, 7) for number in (3, -5, 11, -13, 17, 23, -29)]
_ROOTS = sorted({Fraction(top, under) for top in range(-12, 13) for under in (1, 2, 3, 4)})


def _has_own_zero(first: Node, second: Node, names: list[str], name: str) -> bool:
    """Return True if `second` has a factor in this variable that is zero at a point where `first` is defined and is not zero: (y - x) x = 0
    for y = x. Only factors that are polynomials with rational roots are seen."""
    point = {each: sample(each, 0) for each in names}

    def at(node: Node, value: Fraction) -> Value:
        return At({**point, name: value}, real=True).of(node)

    try:
        values = [(at(first, place), at(second, place)) for place in _PLACES]
        if not all(isinstance(one, Fraction) and isinstance(other, Fraction) and one for one, other in values):
            return False
        factors = [other / one for one, other in values if isinstance(one, Fraction) and isinstance(other, Fraction)]
    except (Undefined, Beyond, Opaque):
        return False
    known = list(zip(_PLACES, factors, strict=True))[: _MOST_POWERS + 1]
    if any(_through(known, place) != factor for place, factor in zip(_PLACES, factors, strict=True)) or len(set(factors)) == 1:
        return False

    def is_zero_alone(root: Fraction) -> bool:
        try:
            return bool(at(first, root) != 0)
        except (Undefined, Beyond, Opaque):
            return False

    start, slope = _through(known, Fraction(0)), _through(known, Fraction(1)) - _through(known, Fraction(0))
    roots = [*_ROOTS, -start / slope] if slope else _ROOTS  # the last one is that of a factor of first degree
    return any(_through(known, root) == 0 and is_zero_alone(root) for root in roots)


def _through(points: Sequence[tuple[Fraction, Fraction]], place: Fraction) -> Fraction:
    """Return the value at a place of the polynomial through these points (Lagrange)."""
    return sum((value * prod((place - other) / (own - other) for other, _ in points if other != own) for own, value in points), Fraction(0))


def _zero_where(first: Node, second: Node, names: list[str], place: int) -> bool | None:
    """Return whether `second` is zero where `first` is, at the place-th point in all variables but one; None if no zero is found."""
    for name in names:
        point = {name: sample(name, place) for name in names}

        def at(node: Node, value: Fraction, name: str = name, point: dict[str, Fraction] = point) -> Value:
            return At({**point, name: value}, real=True).of(node)

        try:
            start, slope, check = at(first, Fraction(0)), at(first, Fraction(1)), at(first, Fraction(5, 2))
            if not all(isinstance(number, Fraction) for number in (start, slope, check)) or slope == start:
                continue
            if (check - start) * 2 != (slope - start) * 5:
                continue
            return same_value(at(second, -start / (slope - start)), Fraction(0))
        except Undefined:
            continue
        except (Beyond, Opaque):
            return None
    return None
