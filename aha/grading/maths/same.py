"""Whether one claim says what another says, kind by kind: sets, relations, lists and tuples, matrices, quantities, numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from aha.answers.formulas import BRACKETS, LISTS, RELATIONS, Call, Node, Num, Sym, is_call, symbols
from aha.answers.units import Unit, unit
from aha.grading.maths.claims import Said, cells, items, multiplied, said
from aha.grading.maths.scalars import equal, proportion
from aha.grading.maths.sets import is_set, same_spans, spans
from aha.grading.maths.settings import Settings
from aha.grading.maths.values import numbers

MOST_PAIRS = 900

Verdict = bool | None


def same(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """Whether the claim is right; `None` where it takes algebra to tell."""
    if gold == claim:
        return True
    if not settings.strict:
        claim = _renamed(claim, gold)
    golds, claims = items(gold), items(claim)
    if _joined(gold, golds) or _joined(claim, claims):
        if is_set(gold) or is_set(claim):
            found = _sets(gold, claim, settings)
            if found is not None:
                return found
        return _lists(gold, golds, claim, claims, settings)
    return _one(said(golds[0]), said(claims[0]), settings)


def _joined(node: Node, found: list[Node]) -> bool:
    return len(found) > 1 or is_call(node, *LISTS, "set")


def _one(gold: Said, claim: Said, settings: Settings) -> Verdict:
    """One claim against one: a relation against a relation, else value against value."""
    if gold.label and claim.label and gold.label != claim.label:
        return _labels_differ(gold, claim, settings)
    one, other = multiplied(gold.value), multiplied(claim.value)
    if _several(one) or _several(other):
        return same(one, other, settings)
    if is_set(one) or is_set(other):
        return _sets(one, other, settings)
    if _relation(one) or _relation(other):
        if not (_relation(one) and _relation(other)):
            return _equation_of(gold, claim, settings)
        return _relations(one, other, settings)
    if is_call(one, "matrix", *BRACKETS) or is_call(other, "matrix", *BRACKETS):
        return _tuples(one, other, settings)
    return _quantities(one, other, settings)


def _several(node: Node) -> bool:
    return _joined(node, items(node))


def _labels_differ(gold: Said, claim: Said, settings: Settings) -> Verdict:
    """f(n) = 2n and f(x) = 2x are one function; x = 3 and y = 3 are two claims; y = 2x and x = y/2 are one line."""
    assert gold.label is not None and claim.label is not None
    match gold.label, claim.label:
        case Call(one, (Sym(old),)), Call(other, (Sym(new),)) if one == other and one.startswith("apply:"):
            return same(gold.value, _substituted(claim.value, {new: old}), settings)
    if equal(gold.label, claim.label, settings):
        return same(gold.value, claim.value, settings)
    if is_call(gold.value, *RELATIONS) or is_call(claim.value, *RELATIONS) or is_set(gold.value) or is_set(claim.value):
        return same(gold.value, claim.value, settings) if not settings.strict else False
    if any(isinstance(label, Sym) and label.name.startswith("text:") for label in (gold.label, claim.label)):
        return same(gold.value, claim.value, settings)
    if not symbols(gold.value) and not symbols(claim.value) and isinstance(gold.label, Sym) and isinstance(claim.label, Sym):
        return False
    return _relations(Call("=", (gold.label, gold.value)), Call("=", (claim.label, claim.value)), settings)


def _equation_of(gold: Said, claim: Said, settings: Settings) -> Verdict:
    """An equation against a value is wrong, against `y = ...` it may be the same line."""
    one, other = (Call("=", (each.label, each.value)) if each.label and not _relation(each.value) else each.value for each in (gold, claim))
    return _relations(one, other, settings) if _relation(one) and _relation(other) else False


def _relation(node: Node) -> bool:
    return isinstance(node, Call) and all(name in RELATIONS for name in node.name.split(" "))


# --- sets and relations -----------------------------------------------------------------------------------------------


def _sets(gold: Node, claim: Node, settings: Settings) -> Verdict:
    if _inequalities(claim) and not _inequalities(gold) and not settings.relations:
        return False
    if _inequalities(claim) and _inequalities(gold) and settings.strict and symbols(gold) != symbols(claim):
        return False
    one, other = spans(gold), spans(claim)
    if one is not None and other is not None:
        return same_spans(one, other) or _near(gold, claim, settings)
    match gold, claim:
        case Call(name, ends), Call(other_name, others) if name == other_name and name in (*BRACKETS, "cup", "setminus"):
            return _matched(ends, others, settings) if name == "cup" else _in_order(ends, others, settings)
    if _relation(gold) and _relation(claim):
        return _relations(gold, claim, settings)
    if (one is None) != (other is None) and not symbols(gold) and not symbols(claim):
        return False
    return None


def _near(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """Ends that are decimals of the same ends."""
    match gold, claim:
        case Call(name, ends), Call(other, others) if name == other and name in BRACKETS:
            return _in_order(ends, others, settings)
    return False


def _inequalities(node: Node) -> bool:
    return is_set(node) and (
        _relation(node) or (is_call(node, *LISTS) and isinstance(node, Call) and all(_relation(each) for each in node.args))
    )


def _relations(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """The same signs between the same sides, or one difference a constant times the other."""
    assert isinstance(gold, Call) and isinstance(claim, Call)
    if gold.name == claim.name and _in_order(gold.args, claim.args, settings):
        return True
    if len(gold.args) != 2 or len(claim.args) != 2:
        return None
    names = sorted(symbols(gold) | symbols(claim))
    if not names or (settings.strict and symbols(gold) != symbols(claim)):
        return False if settings.strict else None
    ratio = proportion(_difference(gold), _difference(claim), names)
    if ratio is None or isinstance(ratio, numbers().mpc):
        return None
    flipped = {"<": ">", ">": "<", "le": "ge", "ge": "le"}
    return claim.name == (flipped.get(gold.name, gold.name) if ratio < 0 else gold.name)


def _difference(relation: Call) -> Node:
    return Call("+", (relation.args[0], Call("neg", (relation.args[1],))))


# --- several things ---------------------------------------------------------------------------------------------------


def _lists(gold: Node, golds: list[Node], claim: Node, claims: list[Node], settings: Settings) -> Verdict:
    if len(golds) == 1 and len(claims) > 1 and is_call(golds[0], *BRACKETS, "matrix") and not is_call(claim, "set"):
        inside = golds[0].args if is_call(golds[0], "()") and isinstance(golds[0], Call) else ()
        return _in_order(inside, [said(each).value for each in claims], settings) if len(inside) == len(claims) else False
    if len(claims) == 1 and len(golds) > 1 and is_call(said(claims[0]).value, "()"):
        whole = said(claims[0]).value
        inside = whole.args if isinstance(whole, Call) else ()
        if len(inside) != len(golds) or (is_call(gold, "set") and settings.strict):
            return False
        return _in_order([said(each).value for each in golds], inside, settings)
    if len(golds) == len(claims) > 1 and (order := _order(gold, golds, claim, claims)) is not None:
        return _in_order([said(each).value for each in golds], order, settings)
    return _matched(golds, claims, settings)


def _order(gold: Node, golds: list[Node], claim: Node, claims: list[Node]) -> list[Node] | None:
    """The claims in the order of the gold ones where order matters: by name, or as `5; 10` and `AB = 4, CD = 5` are given."""
    heads, others = ([said(each).label for each in found] for found in (golds, claims))
    if _distinct(heads) and all(others) and set(heads) == set(others):
        return [said(claims[others.index(head)]).value for head in heads]
    if is_call(gold, "parts") or (_distinct(heads) and not any(others)):
        return [said(each).value for each in claims] if not is_call(claim, "set") else None
    return None


def _distinct(heads: Sequence[Node | None]) -> bool:
    """Whether every one has its own name; x_1 and x_2 are the roots of one equation and have none."""
    names = [head.name.partition("_")[0] if isinstance(head, Sym) else head for head in heads]
    return all(heads) and len(set(names)) == len(names)


def _matched(golds: Sequence[Node], claims: Sequence[Node], settings: Settings) -> Verdict:
    """Whether each of the one is among the other, and each of the other among the one."""
    if len(golds) * len(claims) > MOST_PAIRS:
        return None
    left, unknown = list(claims), False
    for one in golds:
        found = [same(one, other, settings) for other in left]
        if True in found:
            left = [other for other, verdict in zip(left, found, strict=True) if verdict is not True]
        elif not any(same(one, other, settings) for other in golds[: golds.index(one)]):
            if None not in found:
                return False
            unknown = True
    return None if unknown else not left


def _in_order(golds: Sequence[Node], claims: Sequence[Node], settings: Settings) -> Verdict:
    if len(golds) != len(claims):
        return False
    verdicts = list[Verdict]()
    for one, other in zip(golds, claims, strict=True):
        verdicts.append(same(one, other, settings))
        if verdicts[-1] is False:
            return False
    return None if None in verdicts else True


def _tuples(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """Tuples and matrices; a vector may be written as either."""
    if is_call(gold, "matrix") and is_call(claim, "matrix"):
        one, other = cells(gold), cells(claim)
        return (
            _in_order([each for row in one for each in row], [each for row in other for each in row], settings)
            if ((len(one), len(one[0])) == (len(other), len(other[0])))
            else False
        )
    golds, claims = _components(gold), _components(claim)
    return _in_order(golds, claims, settings) if golds and claims else False


def _components(node: Node) -> Sequence[Node]:
    """Of a tuple, of a column, or of a row."""
    if is_call(node, "matrix"):
        rows = cells(node)
        return [row[0] for row in rows] if len(rows[0]) == 1 else rows[0] if len(rows) == 1 else ()
    return node.args if isinstance(node, Call) and node.name in ("()", "[]") else ()


# --- quantities -------------------------------------------------------------------------------------------------------


def _quantities(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """Numbers with what they are numbers of. A unit may be left out, and a percent sign; degrees and the base may not."""
    (gold, gold_unit), (claim, claim_unit) = _measured(gold), _measured(claim)
    if gold_unit and claim_unit:
        if gold_unit.kinds != claim_unit.kinds:
            return False
        if gold_unit.size != claim_unit.size:
            gold, claim = _times(gold, gold_unit), _times(claim, claim_unit)
    if is_call(gold, "base") or is_call(claim, "base"):
        return _based(gold, claim)
    if is_call(gold, ":") and is_call(claim, ":"):
        return _ratios(gold, claim, settings)
    readings: list[tuple[Node, Node]] = [(gold, claim)]
    match gold, claim:
        case Call("%", (number,)), _ if not is_call(claim, "%"):
            readings.append((number, claim))
        case _, Call("°", (number,)) if not is_call(gold, "°"):
            readings.append((gold, number))
    found = [equal(one, other, settings) for one, other in readings]
    return True if True in found else None if None in found else False


def _measured(node: Node) -> tuple[Node, Unit | None]:
    """The number apart from its unit; percent and degrees in words as the signs."""
    words = list[str]()
    while isinstance(node, Call) and node.name == "unit" and isinstance(node.args[1], Sym):
        words.insert(0, node.args[1].name)
        node = node.args[0]
    found = unit(" ".join(words)) if words else None
    for name, sign in (("percent", "%"), ("degree", "°")):
        if found and found.kinds == ((name, 1),):
            return Call(sign, (node,)), None
    return node, found


def _times(node: Node, measure: Unit) -> Node:
    return Call("*", (node, Num(measure.size)))


def _based(gold: Node, claim: Node) -> bool:
    def plain(node: Node) -> Node:
        if isinstance(node, Call) and node.name == "base" and node.args[1] == Sym("10"):
            return node.args[0]
        return Sym(str(getattr(node, "value", node))) if not is_call(node, "base") else node

    return plain(gold) == plain(claim)


def _ratios(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """a : b : c and its multiples."""
    assert isinstance(gold, Call) and isinstance(claim, Call)
    if len(gold.args) != len(claim.args) or Num(Fraction(0)) in (*gold.args, *claim.args):
        return _in_order(gold.args, claim.args, settings)
    crossed = [
        equal(Call("*", (one, claim.args[0])), Call("*", (other, gold.args[0])), settings)
        for one, other in zip(gold.args[1:], claim.args[1:], strict=True)
    ]
    return False if False in crossed else None if None in crossed else True


# --- names ------------------------------------------------------------------------------------------------------------


def _renamed(claim: Node, gold: Node) -> Node:
    """The claim's variables under the gold ones' names, in order of the alphabet, where there are as many."""
    old, new = sorted(symbols(claim)), sorted(symbols(gold))
    return _substituted(claim, dict(zip(old, new, strict=True))) if len(old) == len(new) else claim


def _substituted(node: Node, names: dict[str, str]) -> Node:
    if isinstance(node, Sym):
        return Sym(names.get(node.name, node.name))
    return Call(node.name, tuple(_substituted(each, names) for each in node.args)) if isinstance(node, Call) else node
