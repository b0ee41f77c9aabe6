"""Numbers as people write them, read as exact rationals; no float is ever made. A formula is a bare number if nothing is left to compute.

`72`, `-3`, `−3`, `1,234.50`, `$18`, `3/4`, `1 1/2`, `25%`, `72 clips`, `3\\times10^2`, `1 million`, `70_{10}`, `x = 72`. A percent sign on
one side only is read both ways: 25% equals 25 (as answers to "what percentage?" are written) and 0.25."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from aha.answers.formulas import Call, Node, Num, Sym, is_call, nodes, symbols
from aha.answers.reading import read
from aha.answers.symbols import fold, latex, spelled
from aha.lazy import lazy_pattern

_PLAIN = lazy_pattern(
    r"(?:\\?[$€£¥])?\s*([-+]?)\s*(?:\\?[$€£¥])?([0-9]{1,3}(?:,[0-9]{3}){1,40}|[0-9]{1,400})(\.[0-9]{1,400})?(?:\s?/\s?([0-9]{1,400}))?(\s?\\?%)?"
)

ORDINAL = Sym("ordinal")
_CENTS = {Sym("cents"), Sym("cent"), Sym("¢")}
_DOLLARS = {Sym("dollars"), Sym("dollar"), Sym("¤"), *_CENTS}
_MONEY = tuple(map(Sym, ("¤", "€", "£", "¥", "percent", "pct", "%")))


@dataclass(frozen=True)
class NumberValue:
    """An exact value; `percent` is True if it has a percent sign, `places` is the number of digits after the point of a decimal."""

    exact: Fraction
    percent: bool = False
    places: int = field(default=0, compare=False)

    def equals(self, second: NumberValue) -> bool:
        if self.exact == second.exact:
            return True
        spelling, bare = (self, second) if self.percent else (second, self)
        return spelling.percent and not bare.percent and spelling.exact / 100 == bare.exact


def plain_number(text: str) -> NumberValue | None:
    """Return the value of a text of digits that one pattern can read, or None if the text has to be parsed."""
    hit = _PLAIN.fullmatch(text)
    if hit is None or (hit[4] and (int(hit[4]) == 0 or hit[3])):
        return None
    whole = Fraction(hit[2].replace(",", "") + (hit[3] or "")) / int(hit[4] or 1)
    return NumberValue(-whole if hit[1] == "-" else whole, hit[5] is not None, len(hit[3] or ".") - 1)


def rational(text: str) -> NumberValue | None:
    """Return the value of a text that is one bare number, or None; a unit, currency, percent sign or final period may stand with it."""
    bare_text = text.strip().strip("$").rstrip(".").strip()
    if (value := plain_number(bare_text)) is not None:
        return value
    node = read(text).node
    count = is_call(node, "unit") and isinstance(node, Call) and node.args[1] not in _MONEY if node is not None else True
    return None if node is None or count else bare_number(node)


def bare_number(node: Node) -> NumberValue | None:
    """Return the number that a tree is if nothing is left to compute, or None."""
    node = _last_side(node)
    percent = False
    if isinstance(node, Call) and node.name == "neg":
        inner = bare_number(node.args[0])
        return None if inner is None else NumberValue(-inner.exact, inner.percent, inner.places)
    if isinstance(node, Call) and node.name == "compound" and {part.args[1] for part in node.args if isinstance(part, Call)} <= _DOLLARS:
        return NumberValue(sum((_in_dollars(part) for part in node.args), Fraction(0)))
    while isinstance(node, Call) and node.name in ("unit", "°", "%", "()", "[]"):
        if node.name in ("()", "[]") and len(node.args) != 1:
            return None
        if percent and node.name == "%":
            return None  # 12%%
        if node.args[1:] == (ORDINAL,):
            return None  # 12th
        percent = percent or node.name == "%" or node.args[1:] in ((Sym("percent"),), (Sym("pct"),))
        node = node.args[0]
    value = _bare(node)
    return None if value is None else NumberValue(value, percent, node.places if isinstance(node, Num) else 0)


def _in_dollars(part: Node) -> Fraction:
    """Return an amount of dollars or cents in dollars."""
    amount, measure = part.args if isinstance(part, Call) else (part, part)
    value = amount.value if isinstance(amount, Num) else Fraction(0)
    return value / 100 if measure in _CENTS else value


def _last_side(node: Node) -> Node:
    """Return the last side of `x = 72` or `48 + 24 = 72`; a false equation is returned unchanged."""
    if not isinstance(node, Call) or any(sign not in ("=", "approx") for sign in node.name.split(" ")):
        return node
    sides = list(node.args)
    name_of = _speaks(sides[0]) or _speaks(sides[-1])
    if _speaks(sides[-1]) and not _speaks(sides[0]):
        sides.reverse()
    if any(_speaks(side) for side in sides[1:]) or (name_of and not _names(sides[0])):
        return node
    steps = any(is_call(item, "+") for side in sides for item in nodes(side))
    if not (name_of and steps) and any(
        _arithmetic(_count(side, sides[-1])) != _arithmetic(_count(sides[-1], sides[-1])) for side in (sides[1:] if name_of else sides)
    ):
        return node
    return sides[0] if isinstance(sides[0], Num) and _bare(sides[-1]) is None and not _speaks(sides[-1]) else sides[-1]  # 27 = 35 - 8


def _count(side: Node, last: Node) -> Node:
    """Return a side without the unit that the last side has: 5 + 6 = 11 km, $14 + $25 = $39."""
    if not (isinstance(last, Call) and last.name == "unit") or not isinstance(side, Call):
        return side
    if side.name == "unit":
        return side.args[0] if side.args[1] == last.args[1] else side
    return Call(side.name, tuple(_count(item, last) for item in side.args))


def _speaks(node: Node) -> bool:
    """Return True if a side contains a variable or the value of a function, such as f(3)."""
    return bool(symbols(node)) or any(isinstance(item, Call) and item.name.startswith("apply:") for item in nodes(node))


def _names(node: Node) -> bool:
    """Return True if a side only names a quantity: x, a + b, f(3), AB/CD; -x, x^2 and 2x are expressions in it."""
    if isinstance(node, Call) and node.name.startswith("apply:"):
        return True
    plain = ("*", "/", ":", "()", "+", "abs", "unit", "°", "list")
    inside = [item for item in nodes(node) if isinstance(item, Call) and not item.name.startswith("apply:")]
    return (
        not is_call(node, "neg")
        and all(item.name in (*plain, "neg") for item in inside)
        and not any(isinstance(item, Num) for item in nodes(node))
    )


def _arithmetic(node: Node) -> Fraction | None:
    """Return the value of a node with only the four operations, percent signs and scale words, or None."""
    if isinstance(node, Num):
        return node.value
    if not isinstance(node, Call) or len(node.args) == 0:
        return None
    if node.name == "unit":
        return _arithmetic(node.args[0])
    if node.name == "^":
        base, power = (_arithmetic(item) for item in node.args)
        small = base is not None and power is not None and power.denominator == 1 and abs(power) <= 64 and base.numerator.bit_length() <= 64
        return base ** int(power) if small and base and power is not None else None
    if node.name not in ("+", "*", "/", "neg", "%", "scaled"):
        return None
    values = [_arithmetic(item) for item in node.args]
    entry = [value for value in values if value is not None]
    if len(entry) < len(values) or (node.name == "/" and entry[1] == 0):
        return None
    total = entry[0]
    for value in entry[1:]:
        total = total + value if node.name == "+" else total / value if node.name == "/" else total * value
    return -total if node.name == "neg" else total / 100 if node.name == "%" else total


def _bare(node: Node) -> Fraction | None:
    match node:
        case Num(value):
            return value
        case Call("neg", (inner,)):
            return None if (hit := _bare(inner)) is None else -hit
        case Call("abs", (inner,)):
            return None if (hit := _bare(inner)) is None else abs(hit)
        case Call("base", (Sym(digits), Sym("10"))):
            return Fraction(digits)
        case Call("/", (top, under)):
            first, second = _bare(top), _bare(under)
            return None if first is None or not second or is_call(top, "/") or is_call(under, "/") else first / second
        case Call("+", (Num(whole), Call("/", (Num(top), Num(under))))) if whole.denominator == 1 and 0 < top < under:
            return whole + top / under
        case Call("*", (factor, Call("^", (Num(ten), power)))) if ten == 10:
            first, second = _bare(factor), _bare(power)
            if first is None or second is None or second.denominator != 1 or abs(second) > 400:
                return None
            return first * Fraction(10) ** int(second)
        case Call("scaled", (factor, Num(scale))):
            return None if (hit := _bare(factor)) is None else hit * scale
        case Call("unit", (inner, _)):
            return _bare(inner)
    return None


def option_keys(text: str) -> Iterator[object]:
    """Yield what the texts of equal options share: the text, the folded words, the number, the signs of a formula."""
    yield text.strip()
    yield fold(text, articles=True)
    value = rational(text) if len(text) < 100 else None
    yield value and (value.exact, value.percent)
    yield tuple(spelled(latex(text))) if len(text) < 200 else None
