"""Numbers with what they are numbers of: units, percent, degrees, a base, a ratio."""

from __future__ import annotations

from collections.abc import Sequence

from aha.answers.formulas import Call, Node, Num, Sym, is_call, nodes
from aha.answers.units import Unit, unit
from aha.grading.maths.scalars import equal
from aha.grading.maths.settings import Settings


def quantities(gold: Node, claim: Node, settings: Settings) -> bool | None:
    """Numbers with what they are numbers of. A unit may be left out, and a percent sign; degrees and the base may not."""
    if is_call(gold, "compound") or is_call(claim, "compound"):
        return _compounds(gold, claim, settings)
    said = claim
    (gold, gold_unit), (claim, claim_unit) = measured(gold), measured(claim)
    if _nonsense(claim, claim_unit, said):
        return False
    if (gold_unit and is_call(claim, "%", "°")) or (claim_unit and is_call(gold, "%", "°")):
        return False
    if gold_unit and claim_unit:
        if gold_unit.kinds != claim_unit.kinds:
            return False
        if gold_unit.size != claim_unit.size:
            gold, claim = _times(gold, gold_unit), _times(claim, claim_unit)
    if is_call(gold, "base") or is_call(claim, "base"):
        return _based(gold, claim)
    if isinstance(gold, Call) and isinstance(claim, Call) and gold.name == claim.name == ":":
        return _ratios(gold.args, claim.args, settings)
    if is_call(claim, ":") and not is_call(gold, "/", ":"):
        return False  # a ratio is no number, unless one that is written as a fraction
    readings: list[tuple[Node, Node]] = [(gold, claim)]
    match gold, claim:
        case Call("%", (number,)), _ if not any(is_call(part, "%") for part in nodes(claim)):
            readings.append((number, claim))
        case _, Call("°", (number,)) if not is_call(gold, "°") and Sym("pi") not in nodes(gold):
            readings.append((gold, number))
    verdicts = [equal(first, second, settings) for first, second in readings]
    return True if True in verdicts else None if None in verdicts else False


def _nonsense(amount: Node, measure: Unit | None, whole: Node) -> bool:
    """So much infinity, or dollars in percent."""
    return (amount != whole and Sym("oo") in nodes(amount)) or (measure is not None and is_call(amount, "%"))


def _compounds(gold: Node, claim: Node, settings: Settings) -> bool | None:
    """1 h 30 min beside 90 min: both in basic units of one kind, neither without a unit."""
    totals = [_total(node) for node in (gold, claim)]
    (first, kinds), (second, other_kinds) = totals
    return equal(first, second, settings) if kinds and kinds == other_kinds else False


def _total(node: Node) -> tuple[Node, object]:
    parts = node.args if isinstance(node, Call) and node.name == "compound" else (node,)
    sizes = [measured(part) for part in parts]
    kinds = {measure.kinds if measure else None for _, measure in sizes}
    if len(kinds) != 1 or None in kinds:
        return node, None
    amounts = [_times(amount, measure) for amount, measure in sizes if measure]
    return (amounts[0] if len(amounts) == 1 else Call("+", tuple(amounts))), kinds.pop()


def measured(node: Node) -> tuple[Node, Unit | None]:
    """The number apart from its unit; percent and degrees in words as the signs."""
    words = list[str]()
    while isinstance(node, Call) and node.name == "unit" and isinstance(node.args[1], Sym):
        words.insert(0, node.args[1].name)
        node = node.args[0]
    unit_ = unit(" ".join(words)) if words else None
    for name, sign in (("percent", "%"), ("degree", "°")):
        if unit_ and unit_.kinds == ((name, 1),):
            return Call(sign, (node,)), None
    return node, unit_


def _times(node: Node, measure: Unit) -> Node:
    return Call("*", (node, Num(measure.size)))


def _based(gold: Node, claim: Node) -> bool:
    def plain(node: Node) -> Node:
        if isinstance(node, Call) and node.name == "base" and node.args[1] == Sym("10"):
            return node.args[0]
        return Sym(str(getattr(node, "value", node))) if not is_call(node, "base") else node

    return plain(gold) == plain(claim)


def _ratios(golds: Sequence[Node], claims: Sequence[Node], settings: Settings) -> bool | None:
    """a : b : c and its multiples; term by term where one is nothing, as in times."""
    if len(golds) != len(claims):
        return False
    if any(isinstance(number_, Num) and number_.value == 0 for number_ in (*golds, *claims)):
        verdicts = [equal(first, second, settings) for first, second in zip(golds, claims, strict=True)]
    else:
        verdicts = [
            equal(Call("*", (first, claims[0])), Call("*", (second, golds[0])), settings)
            for first, second in zip(golds[1:], claims[1:], strict=True)
        ]
    return False if False in verdicts else None if None in verdicts else True
