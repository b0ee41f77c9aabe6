"""Whether one claim says what another says, kind by kind: sets, relations, lists and tuples, matrices, quantities, numbers."""

from __future__ import annotations

from collections.abc import Sequence

from aha.answers.formulas import BRACKETS, LISTS, RELATIONS, Call, Node, Sym, is_call, symbols
from aha.grading.maths.claims import LabeledValue, cells, items, multiplied, said
from aha.grading.maths.quantities import quantities
from aha.grading.maths.relations import relations
from aha.grading.maths.scalars import equal
from aha.grading.maths.sets import is_set, same_spans, spans
from aha.grading.maths.settings import Settings

MOST_PAIRS = 900
FULL = Call("set", (Sym("∅"),))  # a set with the empty set in it is not empty

Verdict = bool | None


def same(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """Whether the claim is right; `None` where it takes algebra to tell."""
    gold, claim = _unconditional(gold), _unconditional(claim)
    if gold == claim:
        return True
    if not settings.strict:
        claim = _renamed(claim, gold)
    if (gold == FULL) != (claim == FULL):
        return False
    gold, claim = _named_set(gold), _named_set(claim)
    golds, claims = items(gold), items(claim)
    if _joined(gold, golds) or _joined(claim, claims):
        if is_set(gold) or is_set(claim):
            found = _sets(gold, claim, settings)
            if found is not None:
                return found
        return _lists(gold, golds, claim, claims, settings)
    return _one(said(golds[0]), said(claims[0]), settings)


def _unconditional(node: Node) -> Node:
    """`n = 3k, k ∈ ℤ` without what k may be."""
    if not isinstance(node, Call) or node.name not in ("list", "and", "parts"):
        return node
    left = tuple(each for each in node.args if not (_any_number(each) and _of_another(each, node)))
    return node if not left or len(left) == len(node.args) else left[0] if len(left) == 1 else Call(node.name, left)


def _of_another(condition: Node, whole: Call) -> bool:
    """Whether the variable of a condition stands in what it is a condition of."""
    return any(symbols(condition) & symbols(each) - {"mathbb R"} for each in whole.args if each != condition)


def _any_number(node: Node) -> bool:
    match node:
        case Call("in", (Sym(), Sym(name))):
            return name in ("mathbb Z", "mathbb N", "mathbb R", "mathbb Q", "mathbb C", "mathbf Z", "mathbf R")
    return False


def _named_set(node: Node) -> Node:
    """S = {1, 2} and k ∈ {1, 2} as the set."""
    found = said(node)
    return found.value if found.label is not None and is_call(found.value, "set") else node


def _joined(node: Node, found: list[Node]) -> bool:
    return len(found) > 1 or is_call(node, *LISTS, "set")


def _one(gold: LabeledValue, claim: LabeledValue, settings: Settings) -> Verdict:
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
        return relations(one, other, settings)
    if is_call(one, "matrix", *BRACKETS) or is_call(other, "matrix", *BRACKETS):
        return _tuples(one, other, settings)
    return quantities(one, other, settings)


def _several(node: Node) -> bool:
    return _joined(node, items(node))


def _labels_differ(gold: LabeledValue, claim: LabeledValue, settings: Settings) -> Verdict:
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
    return relations(Call("=", (gold.label, gold.value)), Call("=", (claim.label, claim.value)), settings)


def _equation_of(gold: LabeledValue, claim: LabeledValue, settings: Settings) -> Verdict:
    """An equation against a value is wrong, against `y = ...` it may be the same line."""
    one, other = (Call("=", (each.label, each.value)) if each.label and not _relation(each.value) else each.value for each in (gold, claim))
    return relations(one, other, settings) if _relation(one) and _relation(other) else False


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
        return relations(gold, claim, settings)
    if isinstance(gold, Sym) and isinstance(claim, Sym):
        return False
    return None if _may_be_set(gold) and _may_be_set(claim) else False


def _may_be_set(node: Node) -> bool:
    return (
        is_set(node)
        or _relation(node)
        or is_call(node, *LISTS, "set")
        or _pair(node)
        or (isinstance(node, Sym) and node.name.startswith("math"))
    )


def _pair(node: Node) -> bool:
    return isinstance(node, Call) and node.name in BRACKETS and len(node.args) == 2 and (spans(node) is not None or bool(symbols(node)))


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


# --- several things ---------------------------------------------------------------------------------------------------


def _lists(gold: Node, golds: list[Node], claim: Node, claims: list[Node], settings: Settings) -> Verdict:
    named, named_too = _assignments(gold, golds), _assignments(claim, claims)
    if named and named_too:
        return _assigned(named, named_too, settings)
    if named and (is_call(claim, "set") or (settings.strict and any(said(each).label for each in claims))):
        return False
    if len(golds) == 1 and len(claims) > 1 and is_call(golds[0], *BRACKETS, "matrix") and not is_call(claim, "set"):
        inside = golds[0].args if is_call(golds[0], "()") and isinstance(golds[0], Call) else ()
        return _in_order(inside, _by_letter(claims), settings) if len(inside) == len(claims) else False
    if len(claims) == 1 and len(golds) > 1 and is_call(said(claims[0]).value, "()"):
        whole = said(claims[0]).value
        inside = whole.args if isinstance(whole, Call) else ()
        if len(inside) != len(golds) or (is_call(gold, "set") and settings.strict):
            return False
        return _in_order([said(each).value for each in golds], inside, settings)
    if len(golds) == 1 and len(claims) > 1 and is_call(claim, "list", "parts"):
        return False
    if len(golds) == len(claims) > 1 and (order := _order(gold, golds, claim, claims)) is not None:
        return _in_order([said(each).value for each in golds], order, settings)
    return _matched(golds, claims, settings)


Assignment = dict[Node, Node]


def _assignments(node: Node, parts: list[Node]) -> list[Assignment] | None:
    """Values by name, a table for each solution, as `p = 5, q = 2; p = 7, q = 2` gives them; `None` for anything else, and for `p = 5 or
    q = 2`. The roots x_1 and x_2 of one equation are no names of their own."""
    match parts:
        case [Call("=", (Call("()", names), Call("()", values)))] if len(names) == len(values) and _distinct(names):
            return [dict(zip(names, values, strict=True))]
    heads = [said(each).label for each in parts]
    several = next((place for place in range(1, len(heads)) if heads[place] == heads[0]), len(heads))
    if several < 2 or len(heads) % several or not _distinct(heads[:several]):
        return None
    if is_call(node, "set") or (is_call(node, "or") and len(heads) == several):
        return None
    if isinstance(node, Call) and node.name == "parts" and any(is_call(each, "or") for each in node.args):
        return None
    rows = [parts[begun : begun + several] for begun in range(0, len(parts), several)]
    tables = [{head: each.value for each in map(said, row) if (head := each.label) is not None} for row in rows]
    return tables if all(set(table) == set(heads[:several]) for table in tables) else None


def _assigned(golds: list[Assignment], claims: list[Assignment], settings: Settings) -> Verdict:
    """Whether the tables are the same, in any order."""
    if set(golds[0]) != set(claims[0]):
        return False
    rows = [Call("()", tuple(table[head] for head in golds[0])) for table in golds]
    return _matched(rows, [Call("()", tuple(table[head] for head in golds[0])) for table in claims], settings)


def _by_letter(claims: list[Node]) -> list[Node]:
    """The values of x, y and z in the order of their letters, however they are given; any others as they stand."""
    claimed = [said(each) for each in claims]
    letters = [each.label.name for each in claimed if isinstance(each.label, Sym) and len(each.label.name) == 1]
    if len(letters) == len(claims) == len(set(letters)):
        return [value for _, value in sorted(zip(letters, (each.value for each in claimed), strict=True), key=lambda pair: pair[0])]
    return [each.value for each in claimed]


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
        found = [_member(one, other, settings) for other in left]
        if True in found:
            left = [other for other, verdict in zip(left, found, strict=True) if verdict is not True]
        elif not any(_member(one, other, settings) for other in golds[: golds.index(one)]):
            if None not in found:
                return False
            unknown = True
    return None if unknown else not left


def _member(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """Whether two parts of something are the same; within it, {5} is not 5."""
    return (
        False if is_call(gold, "set") != is_call(claim, "set") and not is_set(gold) and not is_set(claim) else same(gold, claim, settings)
    )


def _in_order(golds: Sequence[Node], claims: Sequence[Node], settings: Settings) -> Verdict:
    if len(golds) != len(claims):
        return False
    verdicts = list[Verdict]()
    for one, other in zip(golds, claims, strict=True):
        verdicts.append(_member(one, other, settings))
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


# --- names ------------------------------------------------------------------------------------------------------------


def _renamed(claim: Node, gold: Node) -> Node:
    """The claim's variables under the gold ones' names, in order of the alphabet, where there are as many."""
    old, new = sorted(symbols(claim)), sorted(symbols(gold))
    return _substituted(claim, dict(zip(old, new, strict=True))) if len(old) == len(new) else claim


def _substituted(node: Node, names: dict[str, str]) -> Node:
    if isinstance(node, Sym):
        return Sym(names.get(node.name, node.name))
    return Call(node.name, tuple(_substituted(each, names) for each in node.args)) if isinstance(node, Call) else node
