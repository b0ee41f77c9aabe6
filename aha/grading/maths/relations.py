"""Whether two equations or inequalities say the same: one a multiple of the other, or true at the same points."""

from __future__ import annotations

from fractions import Fraction

from aha.answers.formulas import Call, Node, symbols
from aha.grading.maths.functions import Beyond, Opaque, Undefined, Value, inexact, numbers
from aha.grading.maths.scalars import equal, pairs, same_value, sample
from aha.grading.maths.settings import Settings
from aha.grading.maths.values import At

_OPPOSITES = {"<": ">", ">": "<", "le": "ge", "ge": "le"}
_POINTS = 3


def relations(gold: Node, claim: Node, settings: Settings) -> bool | None:
    """Whether the claim says what the reference says; `None` where neither multiples nor solutions tell."""
    assert isinstance(gold, Call) and isinstance(claim, Call)
    alike = gold.name == claim.name and len(gold.args) == len(claim.args)
    if alike and all(equal(first, second, settings) for first, second in zip(gold.args, claim.args, strict=True)):
        return True
    if claim.name == "=" and len(claim.args) > 2:
        return False  # x = 7 = 11: a chain whose values differ says nothing true
    if len(gold.args) != 2 or len(claim.args) != 2:
        return None
    names = sorted(symbols(gold) | symbols(claim))
    if not names or (settings.strict and symbols(gold) != symbols(claim)):
        return False if settings.strict else None
    ratio = proportion(_difference(gold), _difference(claim), names)
    if ratio is not None and not isinstance(ratio, numbers().mpc):
        return claim.name == (_OPPOSITES.get(gold.name, gold.name) if ratio < 0 else gold.name)
    return _solutions_agree(_difference(gold), _difference(claim), names) if gold.name == claim.name == "=" else None


def _difference(relation: Call) -> Node:
    return Call("+", (relation.args[0], Call("neg", (relation.args[1],))))


def proportion(gold: Node, claim: Node, names: list[str]) -> Value | None:
    """The constant that said is of gold times everywhere; `None` where there is none but zero."""
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
    """Whether each is zero where the other is, at some points; `None` where one is linear in no variable: its zeros are not found."""
    verdicts = [_zero_where(first, second, names, place) for first, second in ((gold, claim), (claim, gold)) for place in range(_POINTS)]
    return False if False in verdicts else None if None in verdicts else True


def _zero_where(first: Node, second: Node, names: list[str], place: int) -> bool | None:
    """Whether the other is zero where the first one is, at the place-th point in all variables but one."""
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
