"""Comparison of two claims by kind: sets, relations, lists and tuples, matrices, quantities, numbers."""

from __future__ import annotations

from collections.abc import Sequence

from aha.answers.formulas import BRACKETS, LISTS, RELATIONS, Call, Node, Sym, is_call, nodes, symbols
from aha.grading.maths.algebra import Settings
from aha.grading.maths.claims import (
    LabeledValue,
    are_congruent,
    are_one_segment,
    as_matrix,
    by_noun,
    cells,
    components,
    condition,
    items,
    multiply,
    noun,
    quantities,
    statement,
)
from aha.grading.maths.scalars import equal
from aha.grading.maths.sets import is_set, relations, same_spans, spans

MOST_PAIRS = 900
FULL = Call("set", (Sym("∅"),))  # the set that contains the empty set is not empty

Verdict = bool | None


def are_same(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """Return whether the claim is right, or None if it takes algebra to tell."""
    if isinstance(gold, Call) and isinstance(claim, Call) and (new := _index(gold.args)) and new not in symbols(claim):
        index = _index(claim.args)
        old = {index} if index else symbols(statement(claim).value) - symbols(gold)
        claim = _substitute(claim, dict.fromkeys(old, new)) if len(old) == 1 else claim
    claim = _with_constant_of(gold, claim)
    gold, claim = _equal_names(_unconditional(gold)), _equal_names(_unconditional(claim))
    if gold == claim:
        return True
    if is_call(gold, "mod") or is_call(claim, "mod"):
        return are_congruent(gold, claim)
    if are_one_segment(gold, claim):
        return True
    if not settings.strict:
        claim = _rename(claim, gold)
    if (gold == FULL) != (claim == FULL):
        return False
    gold, claim = _named_set(gold), _named_set(claim)
    golds, claims = items(gold), items(claim)
    if _is_join(gold, golds) or _is_join(claim, claims):
        if is_set(gold) or is_set(claim):
            verdict = _sets(gold, claim, settings)
            if verdict is not None:
                return verdict
        return _lists(gold, golds, claim, claims, settings)
    return _same_value_of(statement(golds[0]), statement(claims[0]), settings)


_CONSTANTS = ("C", "c", "K", "k")


def _with_constant_of(gold: Node, claim: Node) -> Node:
    """Return an indefinite integral's claim with the reference's name for the constant that is added: c, k or K for C."""
    names = [_free_constant(node) for node in (gold, claim)]
    if names[0] != "C" or names[1] in ("", "C") or "C" in symbols(claim):
        return claim
    return _substitute(claim, {names[1]: "C"})


def _free_constant(node: Node) -> str:
    """Return the name of the constant that is a term of a sum and stands nowhere else in it, or ""."""
    last = node.args[-1] if isinstance(node, Call) and node.name == "=" else node
    terms = last.args if isinstance(last, Call) and last.name == "+" else ()
    names = [term.name for term in terms if isinstance(term, Sym) and term.name in _CONSTANTS]
    return names[0] if len(names) == 1 and sum(item == Sym(names[0]) for item in nodes(last)) == 1 else ""


def _equal_names(node: Node) -> Node:
    """Return a = b = 1 as the list of a = 1 and b = 1; any other node unchanged."""
    if not isinstance(node, Call) or not node.name.startswith("= =") or set(node.name.split()) != {"="}:
        return node
    *names, value = node.args
    if not all(isinstance(name, Sym) for name in names) or symbols(value) or len({*names}) < len(names):
        return node
    return Call("list", tuple(Call("=", (name, value)) for name in names))


def _unconditional(node: Node) -> Node:
    """Return `n = 3k, k ∈ ℤ` without the condition on k."""
    if not isinstance(node, Call) or node.name not in ("list", "and", "parts"):
        return node
    args = tuple(arg for arg in node.args if not ((_any_number(arg) or _excludes_point(arg, node)) and _is_of_other(arg, node)))
    return node if not args or len(args) == len(node.args) else args[0] if len(args) == 1 else Call(node.name, args)


def _excludes_point(condition: Node, whole: Call) -> bool:
    """Return True for the x ≠ 2 beside one expression in x, which is not simplified there."""
    first = whole.args[0]
    return len(whole.args) == 2 and is_call(condition, "ne") and is_call(first, "/", "*", "+", "^") and not _relation(first)


def _is_of_other(condition: Node, whole: Call) -> bool:
    """Return True if the variable of a condition stands in another part, which it is a condition of."""
    return any(symbols(condition) & symbols(arg) - {"mathbb R"} for arg in whole.args if arg != condition)


def _any_number(node: Node) -> bool:
    match node:
        case Call("in", (Sym(), Sym(name))):
            return name in ("mathbb Z", "mathbb N", "mathbb R", "mathbb Q", "mathbb C", "mathbf Z", "mathbf R")
    return False


def _named_set(node: Node) -> Node:
    """Return S = {1, 2} and k ∈ {1, 2} as the set; any other node unchanged."""
    part = statement(node)
    return part.value if part.label is not None and is_call(part.value, "set") else node


def _is_join(node: Node, parts: list[Node]) -> bool:
    return len(parts) > 1 or is_call(node, *LISTS, "set")


def _same_value_of(gold: LabeledValue, claim: LabeledValue, settings: Settings) -> Verdict:
    """Compare two single claims: a relation with a relation, otherwise value with value."""
    if gold.label and claim.label and gold.label != claim.label:
        return _labels_differ(gold, claim, settings)
    gold_value, claim_value = multiply(gold.value), multiply(claim.value)
    if is_call(gold_value, "matrix") or is_call(claim_value, "matrix"):
        gold_value, claim_value = as_matrix(gold_value), as_matrix(claim_value)
    if _has_several(gold_value) or _has_several(claim_value):
        return are_same(gold_value, claim_value, settings)
    if is_set(gold_value) or is_set(claim_value):
        return _sets(gold_value, claim_value, settings)
    if _relation(gold_value) or _relation(claim_value):
        if not (_relation(gold_value) and _relation(claim_value)):
            return _equation_of(gold, claim, settings)
        return relations(gold_value, claim_value, settings)
    if is_call(gold_value, "pieces") or is_call(claim_value, "pieces"):
        return _pieces(gold_value, claim_value, settings)
    if is_call(gold_value, "matrix", *BRACKETS) or is_call(claim_value, "matrix", *BRACKETS):
        return _tuples(gold_value, claim_value, settings)
    return quantities(gold_value, claim_value, settings)


def _has_several(node: Node) -> bool:
    return _is_join(node, items(node))


def _labels_differ(gold: LabeledValue, claim: LabeledValue, settings: Settings) -> Verdict:
    """Compare claims with different names: f(n) = 2n and f(x) = 2x are one function, y = 2x and x = y/2 one line; x = 3 is not y = 3."""
    assert gold.label is not None and claim.label is not None
    match gold.label, claim.label:
        case Call(first, (Sym(old),)), Call(second, (Sym(new),)) if first == second and first.startswith("apply:"):
            return are_same(gold.value, _substitute(claim.value, {new: old}), settings)
        case (Call(name, (Sym(old),)), Sym("y")) | (Sym("y"), Call(name, (Sym(old),))) if name.startswith("apply:") and old in symbols(
            gold.value
        ):
            return are_same(gold.value, claim.value, settings)
        case Call(first, _), Call(second, _) if first != second and first.startswith("apply:") and second.startswith("apply:"):
            return False
    if equal(gold.label, claim.label, settings):
        return are_same(gold.value, claim.value, settings)
    if is_call(gold.value, *RELATIONS) or is_call(claim.value, *RELATIONS) or is_set(gold.value) or is_set(claim.value):
        return are_same(gold.value, claim.value, settings) if not settings.strict else False
    if any(isinstance(label, Sym) and label.name.startswith("text:") for label in (gold.label, claim.label)):
        return are_same(gold.value, claim.value, settings)
    if not symbols(gold.value) and not symbols(claim.value) and isinstance(gold.label, Sym) and isinstance(claim.label, Sym):
        return False
    return relations(Call("=", (gold.label, gold.value)), Call("=", (claim.label, claim.value)), settings)


def _equation_of(gold: LabeledValue, claim: LabeledValue, settings: Settings) -> Verdict:
    """Compare an equation with a value, which is wrong, or with `y = ...`, which may be the same line."""
    first, second = (
        Call("=", (side.label, side.value)) if side.label and not _relation(side.value) else side.value for side in (gold, claim)
    )
    return relations(first, second, settings) if _relation(first) and _relation(second) else False


def _relation(node: Node) -> bool:
    return isinstance(node, Call) and all(name in RELATIONS for name in node.name.split(" "))


# --- sets and relations -----------------------------------------------------------------------------------------------


def _sets(gold: Node, claim: Node, settings: Settings) -> Verdict:
    if _inequalities(claim) and not _inequalities(gold) and not settings.relations:
        return False
    if _inequalities(claim) and _inequalities(gold) and settings.strict and symbols(gold) != symbols(claim):
        return False
    gold_spans, claim_spans = spans(gold), spans(claim)
    if gold_spans is not None and claim_spans is not None:
        return same_spans(gold_spans, claim_spans) or _near(gold, claim, settings)
    match gold, claim:
        case Call(name, ends), Call(other_name, other_ends) if name == other_name and name in (*BRACKETS, "cup", "setminus"):
            return _match_members(ends, other_ends, settings) if name == "cup" else _in_order(ends, other_ends, settings)
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
    """Compare two intervals end by end, so that a decimal of an end counts."""
    match gold, claim:
        case Call(name, ends), Call(other_name, other_ends) if name == other_name and name in BRACKETS:
            return _in_order(ends, other_ends, settings)
    return False


def _inequalities(node: Node) -> bool:
    return is_set(node) and (
        _relation(node) or (is_call(node, *LISTS) and isinstance(node, Call) and all(_relation(arg) for arg in node.args))
    )


# --- several things ---------------------------------------------------------------------------------------------------


def _lists(gold: Node, golds: list[Node], claim: Node, claims: list[Node], settings: Settings) -> Verdict:
    gold_names, named_too = _assignments(gold, golds), _assignments(claim, claims)
    if gold_names and named_too:
        return _same_assignments(gold_names, named_too, settings)
    if gold_names and (is_call(claim, "set") or (settings.strict and any(statement(part).label for part in claims))):
        return False
    whole = statement(golds[0]).value
    if len(golds) == 1 and len(claims) > 1 and is_call(whole, *BRACKETS, "matrix") and not is_call(claim, "set"):
        inside = whole.args if is_call(whole, "()") and isinstance(whole, Call) and not is_call(claim, "or") else ()
        return _in_order(inside, _by_letter(claims), settings) if len(inside) == len(claims) else False
    if len(claims) == 1 and len(golds) > 1 and is_call(statement(claims[0]).value, "()"):
        whole = statement(claims[0]).value
        inside = whole.args if isinstance(whole, Call) else ()
        if len(inside) != len(golds) or (is_call(gold, "set") and settings.strict):
            return False
        return _in_order([statement(part).value for part in golds], inside, settings)
    if len(golds) == 1 and len(claims) > 1 and is_call(claim, "list", "parts"):
        return False
    if len(golds) == len(claims) > 1 and (nouns := list(map(noun, golds))) and all(nouns) and len(set(nouns)) == len(nouns):
        return _in_order(golds, by_noun(nouns, claims), settings)
    if len(golds) == len(claims) > 1 and (order := _order(gold, golds, claim, claims)) is not None:
        return _in_order([statement(part).value for part in golds], order, settings)
    return _match_members(golds, claims, settings)


_COUNTABLE = (Sym("mathbb Z"), Sym("mathbb N"), Sym("mathbf Z"))


def _index(parts: Sequence[Node]) -> str | None:
    """Return the name of the whole number that counts the members of a family, as n in `n pi, n in Z`, or None."""
    hit = [part.args[0] for part in parts if isinstance(part, Call) and _any_number(part) and part.args[1] in _COUNTABLE]
    return hit[0].name if len(hit) == 1 and isinstance(hit[0], Sym) else None


Assignment = dict[Node, Node]


def _assignments(node: Node, parts: list[Node]) -> list[Assignment] | None:
    """Return the values by name, one table per solution, as in `p = 5, q = 2; p = 7, q = 2`; None for anything else, and for `p = 5 or
    q = 2`. The roots x_1 and x_2 of one equation are not different names."""
    match parts:
        case [Call("=", (Call("()", names), Call("()", values)))] if len(names) == len(values) and _distinct(names):
            return [dict(zip(names, values, strict=True))]
    heads = [statement(part).label for part in parts]
    width = next((place for place in range(1, len(heads)) if heads[place] == heads[0]), len(heads))
    if width < 2 or len(heads) % width or not _distinct(heads[:width]):
        return None
    if is_call(node, "set") or (is_call(node, "or") and len(heads) == width):
        return None
    if isinstance(node, Call) and node.name == "parts" and any(is_call(arg, "or") for arg in node.args):
        return None
    rows = [parts[start : start + width] for start in range(0, len(parts), width)]
    tables = [{head: part.value for part in map(statement, row) if (head := part.label) is not None} for row in rows]
    return tables if all(set(table) == set(heads[:width]) for table in tables) else None


def _same_assignments(golds: list[Assignment], claims: list[Assignment], settings: Settings) -> Verdict:
    """Return whether the tables are the same in any order, or None if that cannot be decided."""
    if set(golds[0]) != set(claims[0]):
        return False
    rows = [Call("()", tuple(table[head] for head in golds[0])) for table in golds]
    return _match_members(rows, [Call("()", tuple(table[head] for head in golds[0])) for table in claims], settings)


def _by_letter(claims: list[Node]) -> list[Node]:
    """Return the values of x, y and z in the order of their letters if each has its own letter, otherwise in the given order."""
    values = [statement(part) for part in claims]
    letters = [value.label.name for value in values if isinstance(value.label, Sym) and len(value.label.name) == 1]
    if len(letters) == len(claims) == len(set(letters)):
        return [value for _, value in sorted(zip(letters, (value.value for value in values), strict=True), key=lambda pair: pair[0])]
    return [value.value for value in values]


def _order(gold: Node, golds: list[Node], claim: Node, claims: list[Node]) -> list[Node] | None:
    """Return the values of the claims in the reference's order if order matters (by name, or for `5; 10` and `AB = 4, CD = 5`), or None."""
    heads, claim_heads = ([statement(part).label for part in nodes_] for nodes_ in (golds, claims))
    if _distinct(heads) and all(claim_heads) and set(heads) == set(claim_heads):
        return [statement(claims[claim_heads.index(head)]).value for head in heads]
    if is_call(gold, "parts") or (_distinct(heads) and not any(claim_heads)):
        return [statement(part).value for part in claims] if not is_call(claim, "set") else None
    return None


def _distinct(heads: Sequence[Node | None]) -> bool:
    """Return True if every part has its own name; x_1 and x_2 are the roots of one equation and share theirs."""
    names = [head.name.partition("_")[0] if isinstance(head, Sym) else head for head in heads]
    return all(heads) and len(set(names)) == len(names)


def _match_members(golds: Sequence[Node], claims: Sequence[Node], settings: Settings) -> Verdict:
    """Return whether each member of one side is among the other's, and the other way round; None if that cannot be decided."""
    if len(golds) * len(claims) > MOST_PAIRS:
        return None
    rest, unknown = list(claims), False
    for gold in golds:
        verdicts = [_member(gold, claim, settings) for claim in rest]
        if True in verdicts:
            rest = [claim for claim, verdict in zip(rest, verdicts, strict=True) if verdict is not True]
        elif not any(_member(gold, rival, settings) for rival in golds[: golds.index(gold)]):
            if None not in verdicts:
                return False
            unknown = True
    return None if unknown else not rest


def _member(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """Compare two members of a list or set, in which {5} is not 5."""
    return (
        False
        if is_call(gold, "set") != is_call(claim, "set") and not is_set(gold) and not is_set(claim)
        else are_same(gold, claim, settings)
    )


def _in_order(golds: Sequence[Node], claims: Sequence[Node], settings: Settings) -> Verdict:
    if len(golds) != len(claims):
        return False
    verdicts = list[Verdict]()
    for gold, claim in zip(golds, claims, strict=True):
        verdicts.append(_member(gold, claim, settings))
        if verdicts[-1] is False:
            return False
    return None if None in verdicts else True


def _tuples(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """Compare tuples and matrices; a vector may be written as either."""
    if is_call(gold, "matrix") and is_call(claim, "matrix"):
        gold_cells, claim_cells = cells(gold), cells(claim)
        return (
            _in_order([cell for row in gold_cells for cell in row], [cell for row in claim_cells for cell in row], settings)
            if ((len(gold_cells), len(gold_cells[0])) == (len(claim_cells), len(claim_cells[0])))
            else False
        )
    golds, claims = components(gold), components(claim)
    return _in_order(golds, claims, settings) if golds and claims else False


def _pieces(gold: Node, claim: Node, settings: Settings) -> Verdict:
    """Compare two functions in pieces: the same values under the same conditions, in any order. Only algebra compares one with |x|."""
    if not (isinstance(gold, Call) and isinstance(claim, Call) and gold.name == claim.name == "pieces"):
        return None if symbols(gold) and symbols(claim) else False
    golds, claims = (
        [Call("()", tuple(map(condition, piece.args))) for piece in side.args if isinstance(piece, Call)] for side in (gold, claim)
    )
    return _match_members(golds, claims, settings)


# --- names ------------------------------------------------------------------------------------------------------------


def _rename(claim: Node, gold: Node) -> Node:
    """Return the claim with its variables renamed to those of the reference, in alphabetical order, if there are as many."""
    old, new = sorted(symbols(claim)), sorted(symbols(gold))
    return _substitute(claim, dict(zip(old, new, strict=True))) if len(old) == len(new) else claim


def _substitute(node: Node, names: dict[str, str]) -> Node:
    if isinstance(node, Sym):
        return Sym(names.get(node.name, node.name))
    return Call(node.name, tuple(_substitute(arg, names) for arg in node.args)) if isinstance(node, Call) else node
