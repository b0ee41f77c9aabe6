"""Recursive descent parser from formulas to trees: lists of relations of sums of products of powers. It computes nothing."""

from __future__ import annotations

from fractions import Fraction

from aha.answers.formulas import BRACKETS, RELATIONS, Call, Node, Num, Sym, Unreadable, is_call
from aha.answers.lexing import Token, tokens
from aha.answers.operands import CIRC, CURRENCY, END, Operands
from aha.answers.units import measures, unit

_SEPARATORS = (",", ";", "and", "or")


def parse(text: str, *, letters: bool = False) -> Node:
    """Return the tree of a clean text; raise Unreadable if it is not a formula. `letters` reads single letters after a number as units."""
    parser = _Parser(_alternatives(tokens(text, letters=letters)))
    node = parser.statement()
    if parser.at < len(parser.tokens):
        raise Unreadable(f"{parser.here.text!r} was not expected")
    return node


_INEQUALITIES = ("<", ">", "le", "ge")


def _alternatives(hit: list[Token]) -> list[Token]:
    """Return the tokens of x < 2 \\cup x > 5 as of alternatives; any others unchanged."""
    if not any(token.text == "cup" for token in hit) or not any(token.text in _INEQUALITIES for token in hit):
        return hit
    sides = "".join(
        "u" if token.text == "cup" else "<" if token.text in _INEQUALITIES else "(" if token.kind == "sign" and token.text in "([{" else "."
        for token in hit
    )
    if "(" in sides or not all("<" in side for side in sides.split("u")):
        return hit
    return [Token("sign", "or", token.after_blank) if token.text == "cup" else token for token in hit]


class _Parser(Operands):
    # --- claims, relations, sets --------------------------------------------------------------------------------------

    def statement(self) -> Node:
        """Parse one claim, or several separated by commas, semicolons, `and` or `or`."""
        parts, kinds = [[self.relation()]], [set[str]()]
        while self.sees(*_SEPARATORS):
            signs = set[str]()
            while self.sees(*_SEPARATORS):
                signs.add(self.next().text)
            if self.at == len(self.tokens):
                if not signs <= {",", ";"}:
                    raise Unreadable("nothing behind and")
                break
            if ";" in signs:
                parts.append([])
                kinds.append(set())
            else:
                kinds[-1] |= signs
            parts[-1].append(self.relation())
        groups = [_together(hit, signs) for hit, signs in zip(parts, kinds, strict=True)]
        return groups[0] if len(groups) == 1 else Call("parts", tuple(groups))

    def relation(self) -> Node:
        """Parse the sides between relation signs; `a < x < b` is one relation with three sides, named by its signs."""
        return self.deeper(self._relation)

    def _relation(self) -> Node:
        while self.sees("approx"):  # ≈ 8.24
            self.next()
        sides, signs = [self.union()], list[str]()
        while self.sees(*RELATIONS) and not (self.sees("mid") and self.in_bars):
            signs.append(self.next().text)
            sides.append(self.union())
        return Call(" ".join(signs), tuple(sides)) if signs else sides[0]

    def union(self) -> Node:
        left = self.ratio()
        while self.sees("cup", "cap", "setminus"):
            left = Call(self.next().text, (left, self.ratio()))
        return left

    def ratio(self) -> Node:
        sides = [self.sum()]
        while self.sees(":") and not self.in_bars:
            self.next()
            sides.append(self.sum())
        node = Call(":", tuple(sides)) if len(sides) > 1 else sides[0]
        return self.measured(node)

    def measured(self, node: Node) -> Node:
        """Return the node with the unit that follows it, if any: words up to the next sign, with `^2` and `/` within them."""
        words = list[str]()
        while self.here.kind == "unit" or self.sees(*CURRENCY) or (words and self._unit_goes_on(words)):
            words.append(self.next().text)
        whole = Call("unit", (node, Sym(" ".join(words)))) if words else node
        if words and self.here.kind == "number" and measures(words[0]):  # 5 ft 6 in
            rest = self.measured(self.power())
            if not is_call(rest, "unit", "compound") or not isinstance(rest, Call):
                raise Unreadable("a number after a unit")
            return Call("compound", (whole, *(rest.args if rest.name == "compound" else (rest,))))
        return whole

    def _unit_goes_on(self, words: list[str]) -> bool:
        after = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else END
        if self.sees("-") and self.tokens[self.at - 1].text in ("^", "{") and after.kind == "number":
            return True
        if self.sees("}"):
            return "{" in words and words.count("{") > words.count("}")
        if self.sees("{") or self.here.kind == "number":
            return self.tokens[self.at - 1].text in ("^", "{", "-")
        return (
            (self.sees("^") and after.text in ("2", "3", "{", "-"))
            or (self.sees("/") and after.kind in ("unit", "symbol", "word"))
            or (self.here.kind in ("symbol", "word") and self.tokens[self.at - 1].text == "/")
        )

    # --- sums, products, powers ---------------------------------------------------------------------------------------

    def sum(self) -> Node:
        terms = [self.with_sign()]
        while self.sees("+", "-", "pm", "mp"):
            sign = self.next().text
            term = _negative(self.product()) if sign in "+-" and self.sees("-") and self.next() else self.product()
            if sign in ("pm", "mp"):
                before = terms[0] if len(terms) == 1 else Call("+", tuple(terms))
                terms = [Call("±" if sign == "pm" else "∓", (before, term))]
            else:
                terms.append(term if sign == "+" else Call("neg", (term,)))
        return terms[0] if len(terms) == 1 else Call("+", tuple(terms))

    def with_sign(self) -> Node:
        if self.sees("pm", "mp"):
            sign = "±" if self.next().text == "pm" else "∓"
            return Call(sign, (Num(Fraction(0)), self.product()))
        if self.sees("+"):
            self.next()
            return self.signed_once()
        if self.sees("-"):
            self.next()
            return _negative(self.signed_once())
        return self.product()

    def signed_once(self) -> Node:
        if self.sees("+", "-"):
            raise Unreadable("two signs in a row")
        return self.product()

    def product(self) -> Node:
        left = self.power()
        while True:
            if self.sees("*", "/", "div"):
                sign = self.next().text
                negative = self.sees("-") and bool(self.next())
                right = self.power()
                right = Call("neg", (right,)) if negative else right
                left = Call(sign, (left, right)) if sign != "div" else Call("*", (left, Call("/", (Num(Fraction(1)), right))))
            elif self.starts_operand():
                left = self.beside(left)
            else:
                return left

    def beside(self, left: Node) -> Node:
        """Parse the operand next to `left` and combine them: a mixed number, else a product; raise Unreadable for two numbers."""
        is_number, was_number = self.here.kind == "number", isinstance(left, Num)
        right = self.power()
        if is_call(right, *BRACKETS):
            return _named_point(left, right)
        if was_number and _proper(right) and isinstance(left, Num) and left.value.denominator == 1:
            return Call("+", (left, right))
        if was_number and isinstance(right, Call) and right.name in ("%", "°") and _proper(right.args[0]):
            return Call(right.name, (Call("+", (left, right.args[0])),))
        if is_number and (was_number or _ends_in_number(left)):
            raise Unreadable("two numbers side by side")
        return Call("*", (left, right))

    def power(self) -> Node:
        """Parse an operand and what is attached after it: powers, factorials, percent, degrees, primes."""
        node = self.operand()
        while True:
            if self.sees("^"):
                self.next()
                node = self.power_of(node)
            elif self.sees("_") and isinstance(node, Num) and node.value.denominator == 1:
                self.next()
                node = Call("base", (Sym(str(node.value)), Sym(self.raw())))
            elif self.here.kind == "scale":
                node = Call("scaled", (node, Num(Fraction(self.next().text))))
            elif self.sees("!", "%", "°", "'", "prime"):
                sign = self.next().text
                node = Call("%" if sign == "%" else sign.replace("prime", "'"), (node,))
            else:
                return node

    def power_of(self, node: Node) -> Node:
        if self.sees("circ", "°", "prime", "'") or (self.sees("{") and self.tokens[self.at + 1 : self.at + 2] == [CIRC]):
            braces = self.sees("{") and bool(self.next())
            sign = self.next().text
            if braces:
                self.expect("}")
            if self.here.kind in ("symbol", "unit") and self.here.text.strip() in ("C", "F"):
                return Call("unit", (node, Sym("celsius" if self.next().text.strip() == "C" else "fahrenheit")))
            return Call("°" if sign in ("circ", "°") else "'", (node,))
        return Call("^", (node, self.exponent()))

    def exponent(self) -> Node:
        """Parse an exponent; 2^3^2 is 2^(3^2)."""
        return self.deeper(self._exponent)

    def _exponent(self) -> Node:
        if self.sees("-", "+"):
            negative = self.next().text == "-"
            return Call("neg", (self.exponent(),)) if negative else self.exponent()
        node = self.operand()
        return self.power_of(node) if self.sees("^") and self.next() else node


def _together(hit: list[Node], signs: set[str]) -> Node:
    """Return the parts between two semicolons as one node: a single part, a quantity in several units, or a list."""
    if len(hit) == 1:
        return hit[0]
    if "or" not in signs and (whole := _in_parts(hit)) is not None:
        return whole
    return Call("or" if "or" in signs else "and" if "and" in signs else "list", tuple(hit))


def _in_parts(hit: list[Node]) -> Node | None:
    """Return 1 hour and 30 minutes or 5 feet, 6 inches as one quantity: units of one kind that grow smaller, with less than one of the
    unit before; None for anything else."""
    last, kinds = Fraction(0), set[object]()
    for item in hit:
        measure = unit(item.args[1].name) if isinstance(item, Call) and item.name == "unit" and isinstance(item.args[1], Sym) else None
        if measure is None or not isinstance(item, Call) or not isinstance(amount := item.args[0], Num):
            return None
        if last and amount.value * measure.size >= last:
            return None
        last = measure.size
        kinds.add(measure.kinds)
    return Call("compound", tuple(hit)) if len(kinds) == 1 else None


def _proper(node: Node) -> bool:
    """Return True for a fraction of whole numbers between 0 and 1, as in mixed numbers."""
    match node:
        case Call("/", (Num(top), Num(under))):
            return 0 < top < under and top.denominator == under.denominator == 1
    return False


def _ends_in_number(node: Node) -> bool:
    while isinstance(node, Call) and node.name in ("*", "neg"):
        node = node.args[-1]
    return isinstance(node, Num)


def _negative(node: Node) -> Node:
    """Return the negated node; a minus before a price or a number in another base becomes part of the number."""
    match node:
        case Call("unit", (amount, measure)):
            return Call("unit", (_negative(amount), measure))
        case Call("base", (Sym(digits), base)):
            return Call("base", (Sym(f"-{digits}"), base))
    return Call("neg", (node,))


def _named_point(left: Node, right: Node) -> Node:
    """Read P(2, 3) as a point, p(2, 3) as a function's value and t(0, 4] as membership; raise Unreadable for any other interval."""
    if isinstance(left, Sym) and is_call(right, "(]", "[)"):
        return Call("in", (left, right))
    if is_call(right, "()") and isinstance(left, Sym) and isinstance(right, Call):
        return right if left.name[:1].isupper() else Call(f"apply:{left.name}", right.args)
    raise Unreadable("an interval beside something else")
