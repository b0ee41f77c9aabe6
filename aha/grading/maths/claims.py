"""The statement in a claim: `x = 5 + 1 = 6` states 6 for x, `x ∈ S` states S, `± 2` is two values, a product of matrices is one matrix.

Also quantities: numbers with units, percent, degrees, a base or a ratio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from aha.answers.formulas import LISTS, RELATIONS, Call, Node, Num, Sym, is_call, nodes, symbols, with_signs
from aha.answers.numbers import bare_number
from aha.answers.units import Unit, unit
from aha.grading.maths.algebra import DEFAULT, Settings
from aha.grading.maths.functions import Beyond, Opaque, Undefined, inexact, numbers
from aha.grading.maths.scalars import equal
from aha.grading.maths.values import At

_ORDINAL = unit("ordinal")  # 12th is no 12
EQUALITIES = ("=", "approx")
_NAMING = ("det", "dim", "deg", "arg", "max", "min")  # functions that may name a value


@dataclass(frozen=True)
class LabeledValue:
    """A value and the name it is the value of, if one is given."""

    value: Node
    label: Node | None = None


def statement(node: Node) -> LabeledValue:
    """Return the value, with its name if any, that a chain of equations, a membership or a bare value states."""
    if not isinstance(node, Call):
        return LabeledValue(node)
    if node.name == "in" and is_label(node.args[0]):
        return LabeledValue(node.args[1], node.args[0])
    signs = node.name.split(" ")
    if any(sign not in EQUALITIES for sign in signs):
        return LabeledValue(node)
    sides = list(node.args)
    while len(signs) > 1 and signs[-1] == "approx":
        signs.pop()
        sides.pop()
    first, last = sides[0], sides[-1]
    if is_label(first) or (is_call(first, "^") and is_call(last, "matrix")):
        if (
            len(sides) > 2
            and not any(_counts(side) for side in sides[1:])
            and any(not is_label(side) and equal(side, last, DEFAULT) is False for side in sides[1:-1])
        ):
            return LabeledValue(Call("=", tuple(sides)))  # x = 8 = 7
        return LabeledValue(last, first)
    if is_label(last):
        return LabeledValue(first, last)
    if signs == ["approx"] and _rounds_to(first, _without_unit(last)):
        return LabeledValue(first)
    if all(equal(_without_unit(side), _without_unit(last), DEFAULT) for side in sides[:-1]):
        return LabeledValue(last)
    if any(not equal(side, last, DEFAULT) and not equal(side, first, DEFAULT) for side in sides[1:-1]):
        return LabeledValue(Call("=", tuple(sides)))  # y - 8 = 3x = -7x
    return LabeledValue(Call("=", (first, last)))  # false, or of unknowns


def _rounds_to(exact: Node, decimal: Node) -> bool:
    """Return True if a decimal equals a value to within its last digit: 6 pi and 18.85."""
    if not isinstance(decimal, Num) or not decimal.places:
        return False
    try:
        value = inexact(At({}).of(exact))
        near = numbers().mpf(decimal.value.numerator) / decimal.value.denominator
        return bool(abs(value - near) <= numbers().mpf(1) / 10**decimal.places)
    except (Beyond, Opaque, Undefined, TypeError, ValueError):
        return False


def wordy(node: Node) -> bool:
    """Return True if the node has words in it other than the name of its value, as the first of `Area = 5` are."""
    return _has_words(node) and any(_has_words(statement(item).value) for item in items(node))


def _has_words(node: Node) -> bool:
    return any(name.startswith("text:") for name in symbols(node))


def _counts(node: Node) -> bool:
    """Return True if something is added up, which may be an intermediate step."""
    return any(is_call(part, "+") for part in nodes(node))


def _without_unit(node: Node) -> Node:
    """Return the node without units."""
    if not isinstance(node, Call):
        return node
    return _without_unit(node.args[0]) if node.name == "unit" else Call(node.name, tuple(map(_without_unit, node.args)))


def is_label(node: Node) -> bool:
    """Return True if a side only names something: a variable, f(3), P(X = 3), AB, V_1 : V_2, NO/BO, (x, y), a + b; nothing else with a
    number in it."""
    match node:
        case Call(name) if name.startswith("apply:"):
            return True
        case Call("*", (Sym(), Call(name))) if name.split(" ")[0] in RELATIONS:
            return True  # the probability of an event
        case Call("*", (Call("^", (Sym("f" | "g" | "h"), Call("neg", (Num(value),)))), _)) if value == 1:
            return True  # a value of the inverse function
        case Call("*", (Call("/", (Sym("d"), Call("*", (Sym("d"), Sym())))), *_)):
            return True  # the derivative of a formula
        case Call("max" | "min", (Call(name), *_)) if name.startswith("apply:"):
            return True
        case Call("^", (Sym(name), Call("neg", (Num(value),)))) if name.isupper() and value == 1:
            return True  # the inverse of a matrix
    if not symbols(node) or is_call(node, "neg"):
        return False
    if is_call(node, "abs") and isinstance(node, Call) and isinstance(node.args[0], Sym) and node.args[0].name in "xyt":
        return False  # |x| = 7 has two solutions
    plain = ("*", "/", ":", "()", "+", "cup", "cap", "neg", "abs", "sin", "cos", "tan", "unit", "°", "list", *_NAMING)
    for part in nodes(node):
        if isinstance(part, Num) or (isinstance(part, Call) and part.name not in plain and not part.name.startswith("apply:")):
            return False
    return True


def items(node: Node) -> list[Node]:
    """Return the members of a list or set, with both values of a ±, or the node alone."""
    parts = node.args if isinstance(node, Call) and node.name in (*LISTS, "set") else (node,)
    hit = list[Node]()
    for part in parts:
        if is_call(part, *LISTS) and isinstance(part, Call):
            hit += items(part)
        else:
            hit += with_signs(part)
    return _with_heads(hit)


def _with_heads(parts: list[Node]) -> list[Node]:
    """Return `x = 4, -8, -10` as three equations for x; any other parts unchanged."""
    heads = [statement(part).label for part in parts]
    if len(parts) < 2 or heads[0] is None or any(head is not None for head in heads[1:]) or not is_call(parts[0], "="):
        return parts
    return [part if head is not None else Call("=", (heads[0], part)) for part, head in zip(parts, heads, strict=True)]


def multiply(node: Node) -> Node:
    """Return a product, sum or multiple of matrices as one matrix; any other node unchanged."""
    if not isinstance(node, Call) or node.name not in ("*", "+", "neg", "/", "^"):
        return node
    args = [multiply(arg) for arg in node.args]
    match node.name, args:
        case "^", [Call("()" | "[]", parts), Sym("T" | "top" | "text:T" | "intercal")] if len(parts) > 1:
            return Call("matrix", tuple(Call("row", (part,)) for part in parts))  # (1, 2)^T
    if not any(is_call(arg, "matrix") for arg in args):
        return node
    match node.name, args:
        case "neg", [Call("matrix") as first]:
            return _map_cells(first, lambda cell: Call("neg", (cell,)))
        case "*", [Call("matrix") as first, Call("matrix") as second]:
            return _product(first, second) or node
        case "*", [Call("matrix") as first, factor] | [factor, Call("matrix") as first]:
            return _map_cells(first, lambda cell: Call("*", (cell, factor)))
        case "/", [Call("matrix") as first, factor]:
            return _map_cells(first, lambda cell: Call("/", (cell, factor)))
        case "^", [Call("matrix") as first, Sym("T" | "top")]:
            return Call("matrix", tuple(Call("row", column) for column in zip(*cells(first), strict=True)))
        case "+", [Call("matrix") as first, *rest] if all(is_call(arg, "matrix") and _shape(arg) == _shape(first) for arg in rest):
            grids = [cells(arg) for arg in args]
            rows = (tuple(Call("+", column) for column in zip(*row, strict=True)) for row in zip(*grids, strict=True))
            return Call("matrix", tuple(Call("row", row) for row in rows))
    return node


def cells(matrix: Node) -> list[tuple[Node, ...]]:
    """Return the rows of a matrix."""
    return [row.args for row in matrix.args if isinstance(row, Call)] if isinstance(matrix, Call) else []


def _shape(matrix: Node) -> tuple[int, int]:
    rows = cells(matrix)
    return len(rows), len(rows[0])


def _map_cells(matrix: Node, change: Callable[[Node], Node]) -> Node:
    return Call("matrix", tuple(Call("row", tuple(change(cell) for cell in row)) for row in cells(matrix)))


def _product(first: Node, second: Node) -> Node | None:
    (height, inner), (outer, width) = _shape(first), _shape(second)
    if inner != outer or height * width * inner > 200:
        return None
    left, right = cells(first), list(zip(*cells(second), strict=True))
    rows = (tuple(Call("+", tuple(Call("*", pair) for pair in zip(row, column, strict=True))) for column in right) for row in left)
    return Call("matrix", tuple(Call("row", row) for row in rows))


def quantities(gold: Node, claim: Node, settings: Settings) -> bool | None:
    """Return whether two quantities are equal, None if unknown. A unit or a percent sign may be left out; degrees and the base may not."""
    if is_call(gold, "compound") or is_call(claim, "compound"):
        return _compounds(gold, claim, settings)
    statement = claim
    (gold, gold_unit), (claim, claim_unit) = measured(gold), measured(claim)
    if _nonsense(claim, claim_unit, statement) or (claim_unit == _ORDINAL and not gold_unit):
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
        return False  # a ratio is not a number, except where the reference is a fraction
    readings: list[tuple[Node, Node]] = [(gold, claim)]
    match gold, claim:
        case Call("%", (number,)), _ if not any(is_call(part, "%") for part in nodes(claim)):
            readings.append((number, claim))
        case _, Call("°", (number,)) if not is_call(gold, "°") and Sym("pi") not in nodes(gold):
            readings.append((gold, number))
    verdicts = [equal(first, second, settings) for first, second in readings]
    return True if True in verdicts else None if None in verdicts else False


def _nonsense(amount: Node, measure: Unit | None, whole: Node) -> bool:
    """Return True for an infinite amount of a unit, or a percentage of a unit such as dollars."""
    return (amount != whole and Sym("oo") in nodes(amount)) or (measure is not None and is_call(amount, "%"))


def _compounds(gold: Node, claim: Node, settings: Settings) -> bool | None:
    """Compare 1 h 30 min with 90 min in basic units of one kind; False if the kinds differ or one side has no unit."""
    if not is_call(gold, "compound", "unit") and (dollars := bare_number(claim)) is not None:
        return equal(gold, Num(dollars.exact), settings)
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
    """Return the number and its unit apart; percent and degrees in words become signs on the number."""
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
    """Return whether a : b : c and the claim are multiples of each other, or equal term by term if a term is zero, as in times."""
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


def are_congruent(gold: Node, claim: Node) -> bool:
    """Return True if two congruences have one modulus and the same residues; a name may be missing, but not be another."""
    match gold, claim:
        case Call("mod", (gold_residue, Num(modulus))), Call("mod", (claim_residue, Num(claim_modulus))) if modulus == claim_modulus > 0:
            (names, residues), (claim_names, claim_residues) = (_residues(node, modulus) for node in (gold_residue, claim_residue))
            return None not in residues and residues == claim_residues and (not names or not claim_names or names == claim_names)
    return False


def _residues(node: Node, modulus: Fraction) -> tuple[set[Node], set[Fraction | None]]:
    """Return the names and the least residues of x \\equiv 1, 3."""
    names, residues = set[Node](), set[Fraction | None]()
    for item in items(node):
        if isinstance(item, Call) and item.name == "equiv":
            names.add(item.args[0])
            item = item.args[-1]
        number = bare_number(item)
        residues.add(number.exact % modulus if number is not None and number.exact.denominator == 1 else None)
    return names, residues


def are_one_segment(gold: Node, claim: Node | None) -> bool:
    """Return True if the reference is a segment \\overline{BE} and the claim names its two ends: \\overline{EB}, BE or \\text{BE}."""
    match gold:
        case Sym(name) if name.startswith("overline "):
            ends = _two_points(name.removeprefix("overline "))
        case _:
            return False
    match claim:
        case Sym(name):
            return ends is not None and ends == _two_points(name.removeprefix("overline ").removeprefix("text:").removeprefix("text "))
        case Call("*", (Sym(first), Sym(second))):
            return ends is not None and ends == _two_points(first + second)
    return False


def _two_points(letters: str) -> frozenset[str] | None:
    letters = letters.removeprefix("text:")
    return frozenset(letters) if len({*letters}) == 2 == len(letters) and letters.isalpha() and letters.isupper() else None


def noun(part: Node) -> str:
    """Return the noun that a value is counted in, or the word of an extreme, as in "4 men" and "max 7"; "" for others and for units."""
    match part:
        case Call("unit", (_, Sym(name))) if unit(name) is None:
            return name.lower().removesuffix("s")
        case Call("min" | "max" as name, (Num(),)):
            return name
    return ""


def by_noun(nouns: Sequence[str], claims: Sequence[Node]) -> Sequence[Node]:
    """Return the claims in the order of the reference's nouns; in their own order if they share none of them."""
    own = list(map(noun, claims))
    return [claims[own.index(each)] for each in nouns if each in own] if set(own) & set(nouns) else claims


def condition(node: Node) -> Node:
    """Return a condition in words, such as "n is odd", as one name, so that other words are another condition; else the node."""
    match node:
        case Call("unit", (Sym(name), Sym(words))) if unit(words) is None:
            return Sym(f"{name} {' '.join(word for word in words.lower().split() if word not in ('is', 'are', 'an', 'a'))}")
    return node


def as_matrix(node: Node) -> Node:
    """Return `[[1, 2], [3, 4]]` as the matrix with these rows; any other node unchanged."""
    rows = node.args if isinstance(node, Call) and node.name in ("()", "[]") else ()
    if len(rows) < 2 or not all(is_call(row, "()", "[]") for row in rows):
        return node
    parts = [row.args for row in rows if isinstance(row, Call)]
    return Call("matrix", tuple(Call("row", part) for part in parts)) if len({*map(len, parts)}) == 1 else node


def components(node: Node) -> Sequence[Node]:
    """Return the components of a tuple, a column or a row; empty for anything else."""
    if is_call(node, "matrix"):
        rows = cells(node)
        return [row[0] for row in rows] if len(rows[0]) == 1 else rows[0] if len(rows) == 1 else ()
    return node.args if isinstance(node, Call) and node.name in ("()", "[]") else ()


def speaks_of_odds(text: str, answer: str) -> bool:
    """Return True if a claim names odds, or is a ratio in an answer whose end does."""
    return "odds" in text or (":" in text and "odds" in answer[-_NEAR:])


_NEAR = 300  # characters at the end of an answer that tell what its claim is
