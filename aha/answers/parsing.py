"""Formulas read into trees by recursive descent: lists of relations of sums of products of powers; nothing is computed."""

from __future__ import annotations

from fractions import Fraction

from aha.answers.formulas import RELATIONS, Call, Exotic, Node, Num, Sym, Unreadable, is_call
from aha.answers.lexing import Token, tokens

DEEPEST = 40
LONGEST_NUMBER = 1000

_GREEK_AND_SIGNS = {"infty": "oo", "emptyset": "∅", "prime": "'"}
_PAIRS = {"lfloor": ("rfloor", "floor"), "lceil": ("rceil", "ceil"), "langle": ("rangle", "()")}
_MATRICES = ("matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array", "vmatrix", "Vmatrix")
_DECORATIONS = (
    "overline",
    "bar",
    "vec",
    "hat",
    "tilde",
    "dot",
    "ddot",
    "widehat",
    "overrightarrow",
    "overarc",
    "mathcal",
    "mathbb",
    "mathfrak",
    "textcircled",
)
_DECORATIONS += ("underline", "boldsymbol", "mathscr", "widetilde", "acute", "mathrm", "mathbf", "text", "mathit", "stackrel")
_CURRENCY = ("¤", "€", "£", "¥")
_SEPARATORS = (",", ";", "and", "or")
_NOT_OPERANDS = (
    "*",
    "/",
    ":",
    "cup",
    "cap",
    "setminus",
    "pm",
    "mp",
    "row",
    "end",
    "choose",
    "mid",
    "rfloor",
    "rceil",
    "rangle",
    "set}",
    "and",
    "or",
    "°",
    "%",
    "|",
)
_APPLIED = ("f", "g", "h")


def parse(text: str) -> Node:
    """The tree of a clean text; Unreadable where it is none."""
    parser = _Parser(tokens(text))
    node = parser.statement()
    if parser.at < len(parser.tokens):
        raise Unreadable(f"{parser.here.text!r} was not expected")
    return node


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self.tokens, self.at, self.depth, self.in_bars = found, 0, 0, 0

    @property
    def here(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else _END

    def sees(self, *texts: str) -> bool:
        return self.here.kind in ("sign", "command") and self.here.text in texts

    def next(self) -> Token:
        found = self.here
        self.at += 1
        return found

    def expect(self, *texts: str) -> str:
        if not self.sees(*texts):
            raise Unreadable(f"{' or '.join(texts)} was expected, not {self.here.text!r}")
        return self.next().text

    # --- claims, relations, sets --------------------------------------------------------------------------------------

    def statement(self) -> Node:
        """One claim, or several set apart by commas, semicolons, `and`, `or`."""
        found, kinds = [self.relation()], set[str]()
        while self.sees(*_SEPARATORS):
            while self.sees(*_SEPARATORS):
                kinds.add(self.next().text)
            if self.at == len(self.tokens):
                break
            found.append(self.relation())
        if len(found) == 1:
            return found[0]
        name = "or" if "or" in kinds else "and" if "and" in kinds else "parts" if ";" in kinds else "list"
        return Call(name, tuple(found))

    def relation(self) -> Node:
        """Sides between signs of relation; `a < x < b` is one relation with three sides, its name the signs."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable(f"nested more than {DEEPEST} deep")
        while self.sees("approx"):  # ≈ 8.24
            self.next()
        sides, signs = [self.union()], list[str]()
        while self.sees(*RELATIONS) and not (self.sees("mid") and self.in_bars):
            signs.append(self.next().text)
            sides.append(self.union())
        self.depth -= 1
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
        """With the unit that follows: words up to the next sign, `^2` and `/` within them."""
        words = list[str]()
        while self.here.kind == "unit" or self.sees(*_CURRENCY) or (words and self._unit_goes_on()):
            words.append(self.next().text)
        return Call("unit", (node, Sym(" ".join(words)))) if words else node

    def _unit_goes_on(self) -> bool:
        after = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else _END
        if self.sees("{", "}") or (self.here.kind == "number" and self.tokens[self.at - 1].text in ("^", "{")):
            return self.tokens[self.at - 1].text in ("^", "{") or self.here.text == "}"
        return (
            (self.sees("^") and after.text in ("2", "3", "{"))
            or (self.sees("/") and after.kind in ("unit", "symbol"))
            or (self.here.kind == "symbol" and self.tokens[self.at - 1].text == "/")
        )

    # --- sums, products, powers ---------------------------------------------------------------------------------------

    def sum(self) -> Node:
        terms = [self.signed()]
        while self.sees("+", "-", "pm", "mp"):
            sign = self.next().text
            term = self.product()
            if sign in ("pm", "mp"):
                terms = [Call("±" if sign == "pm" else "∓", (Call("+", tuple(terms)), term))]
            else:
                terms.append(term if sign == "+" else Call("neg", (term,)))
        return terms[0] if len(terms) == 1 else Call("+", tuple(terms))

    def signed(self) -> Node:
        if self.sees("pm", "mp"):
            sign = "±" if self.next().text == "pm" else "∓"
            return Call(sign, (Num(Fraction(0)), self.product()))
        if self.sees("+"):
            self.next()
            return self.signed_once()
        if self.sees("-"):
            self.next()
            return Call("neg", (self.signed_once(),))
        return self.product()

    def signed_once(self) -> Node:
        if self.sees("+", "-"):
            raise Unreadable("two signs in a row")
        return self.product()

    def product(self) -> Node:
        left = self.power()
        while True:
            if self.sees("*", "/"):
                sign = self.next().text
                negative = self.sees("-") and bool(self.next())
                right = self.power()
                left = Call(sign, (left, Call("neg", (right,)) if negative else right))
            elif self.starts_operand():
                left = self.beside(left)
            else:
                return left

    def starts_operand(self) -> bool:
        match self.here:
            case Token("number" | "symbol" | "function"):
                return True
            case Token("sign", text):
                return text in ("(", "{", "[") or (text == "|" and not self.in_bars)
            case Token("command", text):
                return text not in _NOT_OPERANDS and text not in RELATIONS
        return False

    def beside(self, left: Node) -> Node:
        """Two things side by side: a mixed number, else a product; never two numbers."""
        is_number, was_number = self.here.kind == "number", isinstance(left, Num)
        right = self.power()
        if was_number and _proper(right) and isinstance(left, Num) and left.value.denominator == 1:
            return Call("+", (left, right))
        if is_number and (was_number or _ends_in_number(left)):
            raise Unreadable("two numbers side by side")
        return Call("*", (left, right))

    def power(self) -> Node:
        """An operand with what is raised after it: powers, factorials, percent, degrees, primes."""
        node = self.operand()
        while True:
            if self.sees("^"):
                self.next()
                node = self.raised(node)
            elif self.sees("!", "%", "°", "'", "prime"):
                sign = self.next().text
                node = Call("%" if sign == "%" else sign.replace("prime", "'"), (node,))
            else:
                return node

    def raised(self, node: Node) -> Node:
        if self.sees("circ", "°", "prime", "'") or (self.sees("{") and self.tokens[self.at + 1 : self.at + 2] == [_CIRC]):
            braced = self.sees("{") and bool(self.next())
            sign = self.next().text
            if braced:
                self.expect("}")
            if self.here in (Token("symbol", "C"), Token("symbol", "F")):
                return Call("unit", (node, Sym("celsius" if self.next().text == "C" else "fahrenheit")))
            return Call("°" if sign in ("circ", "°") else "'", (node,))
        return Call("^", (node, self.exponent()))

    def exponent(self) -> Node:
        if self.sees("-", "+"):
            negative = self.next().text == "-"
            return Call("neg", (self.exponent(),)) if negative else self.exponent()
        return self.operand()

    # --- operands -----------------------------------------------------------------------------------------------------

    def operand(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable(f"nested more than {DEEPEST} deep")
        node = self._operand()
        self.depth -= 1
        return node

    def _operand(self) -> Node:
        token = self.next()
        match token:
            case Token("number", text):
                return self.number(text)
            case Token("symbol", text):
                return self.symbol(text)
            case Token("word", text):
                if (self.starts_operand() and not self.sees("(")) or self.sees(":"):
                    raise Unreadable("words before a formula")
                return Sym(f"text:{text}")
            case Token("function", name):
                return self.function(name)
            case Token("sign", "(" | "[" | "]"):
                return self.bracket(token.text)
            case Token("sign", "{"):
                return self.group()
            case Token("sign" | "command", "|"):
                return self.bars()
            case Token("sign", sign) if sign in _CURRENCY:
                return Call("unit", (self.signed(), Sym(sign)))
            case Token("command", name):
                return self.command(name)
        raise Unreadable(f"{token.text!r} was not expected" if token.text else "it ends too early")

    def number(self, text: str) -> Node:
        if len(text) > LONGEST_NUMBER or len(text.lower().partition("e")[2]) > 4:
            raise Unreadable("a number too long")
        if self.sees("_"):
            self.next()
            return Call("base", (Sym(text.lstrip("0") or "0"), Sym(self.raw())))
        places = len(text.lower().partition("e")[0].partition(".")[2])
        return Num(Fraction(text if text[-1] != "." else text[:-1]), places)

    def symbol(self, name: str) -> Node:
        while self.sees("_"):
            self.next()
            name = f"{name}_{self.raw()}"
        primes = 0
        while self.sees("'") or (self.sees("^") and self.tokens[self.at + 1 : self.at + 2] == [Token("command", "prime")]):
            primes += 1
            self.at += 1 if self.sees("'") else 2
        applied = self.sees("(") and not self.here.after_blank and (name in _APPLIED or primes or self._applied_to_zero())
        name += "'" * primes
        if applied:
            inside = self.operand()
            return Call(f"apply:{name}", inside.args if is_call(inside, "()") and isinstance(inside, Call) else (inside,))
        return Sym(name)

    def _applied_to_zero(self) -> bool:
        return [each.text for each in self.tokens[self.at + 1 : self.at + 3]] == ["0", ")"]

    def raw(self) -> str:
        """What stands in the next group, letter by letter: a subscript's name."""
        if not self.sees("{"):
            token = self.next()
            if token.kind not in ("number", "symbol", "word", "command", "unit", "function"):
                raise Unreadable("a subscript was expected")
            return token.text
        depth, words = 0, list[str]()
        while True:
            token = self.next()
            if token is _END:
                raise Unreadable("a brace never closes")
            depth += (token.text == "{") - (token.text == "}")
            if depth == 0:
                return "".join(words)
            words += [token.text] * (token.text not in "{}")

    def function(self, name: str) -> Node:
        power: Node | None = None
        base: Node | None = None
        while self.sees("_", "^"):
            if self.next().text == "_":
                base = self.operand()
            else:
                power = self.exponent()
        argument = self.argument()
        args = argument.args if isinstance(argument, Call) and argument.name == "()" else (argument,)
        if power == Call("neg", (Num(Fraction(1)),)):
            name, power = f"arc{name}", None
        node: Node = Call(name, (*args, base) if base else args)
        return Call("^", (node, power)) if power else node

    def argument(self) -> Node:
        """What a function is of: a bracket, else the product that follows, up to the next function or sign."""
        if self.sees("(", "[", "{", "|"):
            return self.operand()
        if self.sees("-"):
            self.next()
            return Call("neg", (self.argument(),))
        if self.here.kind == "function":
            return self.power()
        node = self.power()
        while self.starts_operand() and self.here.kind != "function" and not self.sees("(", "["):
            node = self.beside(node)
        return node

    def bracket(self, opening: str) -> Node:
        bars, self.in_bars = self.in_bars, 0
        inside = self.statement()
        closing = self.expect(")", "]", "[") if opening == "]" else self.expect(")", "]")
        self.in_bars = bars
        name = ("(" if opening in "(]" else "[") + ("]" if closing == "]" else ")")
        if is_call(inside, "list", "parts") and isinstance(inside, Call):
            return Call(name, inside.args)
        if name not in ("()", "[]") or opening == "]":
            raise Unreadable("brackets that do not match")
        return inside

    def group(self) -> Node:
        if self.sees("}"):
            self.next()
            return self.operand()
        bars, self.in_bars = self.in_bars, 0
        inside = self.statement()
        if self.sees("choose"):
            self.next()
            inside = Call("binom", (inside, self.statement()))
        self.expect("}")
        self.in_bars = bars
        return Call("set", inside.args) if is_call(inside, "list") and isinstance(inside, Call) else inside

    def bars(self) -> Node:
        self.in_bars += 1
        inside = self.statement()
        self.expect("|")
        self.in_bars -= 1
        return Call("abs", (inside,))

    def command(self, name: str) -> Node:
        match name:
            case "frac" | "binom":
                return Call("/" if name == "frac" else "binom", (self.piece(), self.piece()))
            case "sqrt":
                return self.root()
            case "set{":
                return self.set()
            case "begin":
                return self.matrix()
            case "ldots":
                raise Exotic("\\ldots")
        if name in _PAIRS:
            closing, called = _PAIRS[name]
            inside = self.statement()
            self.expect(closing)
            return Call(called, inside.args if called == "()" and isinstance(inside, Call) else (inside,))
        if name in _DECORATIONS:
            return self.symbol(f"{name} {self.raw()}")
        if name in _NOT_OPERANDS or name in RELATIONS or name == "circ":
            raise Unreadable(f"\\{name} was not expected")
        return self.symbol(_GREEK_AND_SIGNS.get(name, name))

    def piece(self) -> Node:
        """The argument of a fraction: a group, else a single digit, letter or command."""
        if self.here.kind == "number" and len(self.here.text) > 1 and self.here.text.isdigit():
            token = self.here
            self.tokens[self.at] = Token("number", token.text[1:])
            return Num(Fraction(token.text[0]))
        return self.operand()

    def root(self) -> Node:
        index: Node = Num(Fraction(2))
        if self.sees("["):
            self.next()
            index = self.sum()
            self.expect("]")
        return Call("root", (self.operand(), index))

    def set(self) -> Node:
        """`\\{1, 2\\}`, and `\\{x \\mid x > 2\\}` as what it says of x."""
        if self.sees("set}"):
            self.next()
            return Sym("∅")
        bars, self.in_bars = self.in_bars, 1
        inside = self.statement()
        self.in_bars = 0
        if self.sees("mid", "|", ":"):
            self.next()
            inside = self.statement()
            self.expect("set}")
            self.in_bars = bars
            return Call("such", (inside,))
        self.expect("set}")
        self.in_bars = bars
        return Call("set", inside.args if is_call(inside, "list", "parts", "and", "or") and isinstance(inside, Call) else (inside,))

    def matrix(self) -> Node:
        kind = self.raw()
        if kind not in _MATRICES:
            raise Exotic(f"\\begin{{{kind}}}")
        if kind == "array":
            self.raw()
        rows = [[self.statement()]]
        while not self.sees("end"):
            if self.expect("&", "row") == "&":
                rows[-1].append(self.statement())
            elif not self.sees("end"):
                rows.append([self.statement()])
        self.next()
        if self.raw() != kind or len({len(row) for row in rows}) != 1:
            raise Unreadable("a matrix whose rows differ in length")
        node = Call("matrix", tuple(Call("row", tuple(row)) for row in rows))
        return Call("determinant", (node,)) if kind in ("vmatrix", "Vmatrix") else node


def _proper(node: Node) -> bool:
    """A fraction of whole numbers below one, as in mixed numbers."""
    match node:
        case Call("/", (Num(top), Num(under))):
            return 0 < top < under and top.denominator == under.denominator == 1
    return False


def _ends_in_number(node: Node) -> bool:
    while isinstance(node, Call) and node.name in ("*", "neg"):
        node = node.args[-1]
    return isinstance(node, Num)


_END = Token("end", "")
_CIRC = Token("command", "circ")
