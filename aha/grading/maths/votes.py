"""The canonical form of a claim, by which samples vote: two claims of one value are one vote, whatever the reference.

A name before a single value is dropped. Percent, degrees, units and the base belong to the form, and so do the places of a decimal that is
long enough to round another value. A claim without a value that can be written down votes by its text."""

from __future__ import annotations

from fractions import Fraction

from aha.answers.claims import Claim
from aha.answers.formulas import Call, Node, Num, Sym, is_call, nodes, symbols
from aha.answers.numbers import bare_number
from aha.answers.reading import read
from aha.answers.sentences import claimed_formula
from aha.answers.symbols import fold
from aha.grading.maths.algebra import DEFAULT
from aha.grading.maths.claims import measured, statement
from aha.grading.maths.functions import Beyond, Opaque, Undefined, Value, inexact, numbers
from aha.grading.maths.scalars import sample
from aha.grading.maths.sets import is_set, spans
from aha.grading.maths.values import At
from aha.lazy import lazy_pattern

DIGITS, POINTS = 40, 5
SHORT = 20  # letters of a decimal that ends, of a value computed to DIGITS
LONGEST_TEXT = 500

_WORD = lazy_pattern(r"(?i)\W*(?:yes|no|true|false|even|odd|none|both|neither|never|always)\W*")
_MIRROR = {">": "<", "ge": "le"}
_BLANKS = lazy_pattern(r"[\s{}$]+|\\[,;:! ]|\\(?:left|right)(?![a-z])")


def vote(claim: Claim | str, *, evaluated: bool = False) -> str:
    """Return the canonical form of a claim. With `evaluated`, a calculation is not a value and votes apart from its result."""
    text = claim if isinstance(claim, str) else claim.text
    if _WORD.fullmatch(text):
        return fold(text)  # not the product of its letters
    claim_tree = read(text)
    if claim_tree.node is None and not claim_tree.words and not claim_tree.clock and not isinstance(claim, str):
        formula = claimed_formula(text, marked=claim.marked)
        claim_tree = read(formula) if formula is not None else claim_tree
    if claim_tree.clock is not None:
        return f"{claim_tree.clock.hour}:{claim_tree.clock.minute:02}:{claim_tree.clock.second:02} {claim_tree.clock.half}".strip()
    if claim_tree.node is not None and not any(name.startswith("text:") for name in symbols(claim_tree.node)):
        try:
            form = _name_of(claim_tree.node)
        except (Beyond, Opaque, Undefined, RecursionError, ValueError, OverflowError):
            form = None
        if form is not None:
            undone = evaluated and bare_number(claim_tree.node) is None
            return f"calculated {form}" if undone else form
    return fold(text) if claim_tree.words or claim_tree.phrase else _BLANKS.sub("", text)[:LONGEST_TEXT]


def _name_of(node: Node) -> str | None:
    """Return the form of a claim without the name before its value; a name before an expression of unknowns stays."""
    value = statement(node)
    form = _form(value.value)
    name = _form(value.label) if form is not None and value.label is not None and symbols(value.value) else None
    return f"{name} = {form}" if name else form


def _form(node: Node) -> str | None:
    """Return the form of a tree, or None if a part of it has none."""
    if isinstance(node, Call) and node.name in ("unit", "compound", "%", "°"):
        return _quantity(node)
    if isinstance(node, Call) and node.name == "base":
        digits, base = (part.name if isinstance(part, Sym) else "" for part in node.args)
        return _text_of(Fraction(digits)) if base == "10" and digits.lstrip("-").isdigit() else f"{digits}_{base}"
    if is_call(node, "list", "or", "and", "parts", "set", "()", "[]", "[)", "(]", "matrix", "row", "cup", "such") or _relation(node):
        assert isinstance(node, Call)
        return (_relation(node) and _interval(node)) or _list_form(node)
    names = sorted(symbols(node))
    if isinstance(node, Sym) and names:
        return node.name
    if names:
        return _of_variables(node, names)
    if any(is_call(part, "±", "∓", "list", "set", "matrix") for part in nodes(node)):
        return None
    form = _text_of(At({}).of(node))
    places = node.places if isinstance(node, Num) else 0
    return f"{form} at {places} places" if places >= DEFAULT.places else form


def _interval(node: Call) -> str | None:
    """Return the form of the one interval that an inequality of one name stands for, or None."""
    hit = spans(node) if len(symbols(node)) == 1 and is_set(node) else None
    if hit is None or len(hit) != 1:
        return None
    brackets = f"{'[' if hit[0].low_in else '('}{']' if hit[0].high_in else ')'}"
    return f"{brackets}({_text_of(hit[0].low)}; {_text_of(hit[0].high)})"


def _list_form(node: Call) -> str | None:
    """Return the form of a list, an interval, a matrix or a relation. Values with names of their own stand in the order of the names."""
    name, args = _MIRROR.get(node.name, node.name), list(node.args)[:: -1 if node.name in _MIRROR else 1]
    if name in ("list", "or", "and", "parts"):
        values = [statement(part) for part in args]
        labels = [str(value.label) for value in values if isinstance(value.label, Sym)]
        if len({*labels}) == len(values):
            values.sort(key=lambda value: str(value.label))
        args = [value.value for value in values]
    parts = [_form(part) for part in args]
    parts = sorted(parts, key=str) if name == "set" else parts
    return None if None in parts else f"{name}({'; '.join(map(str, parts))})"


def _relation(node: Node) -> bool:
    return isinstance(node, Call) and any(sign in node.name.split(" ") for sign in ("=", "<", ">", "le", "ge", "ne", "in"))


def _quantity(node: Call) -> str | None:
    if node.name == "compound":
        parts = [_quantity(arg) for arg in node.args if isinstance(arg, Call)]
        return None if None in parts else f"compound({'; '.join(map(str, parts))})"
    amount, unit = measured(node)
    if isinstance(amount, Call) and amount.name in ("%", "°"):
        inner = _form(amount.args[0])
        return None if inner is None else f"{inner} {amount.name}"
    if amount is node:
        return None
    if unit is None:
        return _form(amount)
    text = _form(amount)
    return None if text is None else f"{text} of {unit.size} {' '.join(f'{kind}^{power}' for kind, power in unit.kinds)}"


def _of_variables(node: Node, names: list[str]) -> str | None:
    """Return the values at points set by the names alone, whole and fractional, of either sign; None if fewer than two exist."""
    values = [_at({name: sample(name, place, whole=whole) for name in names}, node) for whole in (True, False) for place in range(POINTS)]
    return f"{' '.join(names)}: {'; '.join(values)}" if len(values) - values.count("-") >= 2 else None


def _at(point: dict[str, Fraction], node: Node) -> str:
    try:
        return _text_of(At(point).of(node))
    except Undefined:
        return "-"


def _text_of(value: Value) -> str:
    if isinstance(value, Fraction):
        return str(value)
    context = numbers()
    if isinstance(value, context.mpc):
        return f"{_text_of(value.real)} + {_text_of(value.imag)} i"
    if abs(value) < context.mpf(10) ** (10 - context.dps):
        return "0"
    text = str(context.nstr(inexact(value), DIGITS))
    ends = len(text) < SHORT and text.lstrip("-").replace(".", "").isdigit()
    return str(Fraction(text)) if ends else text  # log_4 8 is 3/2
