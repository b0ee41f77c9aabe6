"""The operands of a formula: numbers, names, functions, brackets, fractions, roots, sets, matrices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction

from aha.answers.formulas import RELATIONS, Call, Exotic, Node, Num, Sym, Unreadable, is_call
from aha.answers.lexing import Token

DEEPEST = 40
LONGEST_NUMBER = 1000
CURRENCY = ("¤", "€", "£", "¥")
END, CIRC = Token("end", ""), Token("command", "circ")

_NAMES = {"infty": "oo", "emptyset": "∅"}
_PAIRS = {"lfloor": ("rfloor", "floor"), "lceil": ("rceil", "ceil"), "langle": ("rangle", "()")}
_MATRICES = ("matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array", "vmatrix", "Vmatrix")
_DECORATIONS = (
    "overline bar vec hat tilde dot ddot widehat widetilde overrightarrow overarc underline acute textcircled text "
    "mathcal mathbb mathfrak mathscr mathrm mathbf mathit"
).split()
_NOT_OPERANDS = "* / div : cup cap setminus pm mp row end choose mid rfloor rceil rangle set} and or ° % |".split()
_APPLIED_WORDS = ("f", "g", "h")
_OF_SEVERAL_WORDS = ("max", "min", "gcd", "lcm")


class Operands(ABC):
    """Parser of the operands in `tokens` from position `at`; the subclass parses the sums and relations inside brackets."""

    def __init__(self, hit: list[Token]) -> None:
        self.tokens, self.at, self.depth, self.in_bars, self.in_french = hit, 0, 0, 0, False

    @property
    def here(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else END

    def sees(self, *texts: str) -> bool:
        here = self.tokens[self.at] if self.at < len(self.tokens) else END
        return here.text in texts and here.kind in ("sign", "command")

    def next(self) -> Token:
        hit = self.tokens[self.at] if self.at < len(self.tokens) else END
        self.at += 1
        return hit

    def expect(self, *texts: str) -> str:
        if not self.sees(*texts):
            raise Unreadable(f"{' or '.join(texts)} was expected, not {self.here.text!r}")
        return self.next().text

    @abstractmethod
    def statement(self) -> Node: ...

    @abstractmethod
    def sum(self) -> Node: ...

    @abstractmethod
    def with_sign(self) -> Node: ...

    @abstractmethod
    def power(self) -> Node: ...

    @abstractmethod
    def exponent(self) -> Node: ...

    @abstractmethod
    def beside(self, left: Node) -> Node: ...

    def starts_operand(self) -> bool:
        match self.here:
            case Token("number" | "symbol" | "function"):
                return True
            case Token("sign", text):
                return text in ("(", "{") or (text == "[" and not self.in_french) or (text == "|" and not self.in_bars)
            case Token("command", text):
                return text not in _NOT_OPERANDS and text not in RELATIONS
        return False

    def deeper(self, parse: Callable[[], Node]) -> Node:
        """Return what `parse` returns one level deeper; raise Unreadable below the deepest level, which ends the whole parse."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable(f"nested more than {DEEPEST} deep")
        node = parse()
        self.depth -= 1
        return node

    def operand(self) -> Node:
        return self.deeper(self._operand)

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
            case Token("sign", sign) if sign in CURRENCY:
                return Call("unit", (self.with_sign(), Sym(sign)))
            case Token("command", name):
                return self.command(name)
        raise Unreadable(f"{token.text!r} was not expected" if token.text else "it ends too early")

    def number(self, text: str) -> Node:
        if len(text) > LONGEST_NUMBER or len(text.lower().partition("e")[2]) > 4:
            raise Unreadable("a number too long")
        if self.sees("_"):
            self.next()
            return Call("base", (Sym(text.lstrip("0") or "0"), Sym(self.raw().strip("()"))))
        mantissa, _, exponent = text.lower().partition("e")
        places = max(0, len(mantissa.partition(".")[2]) - int(exponent or 0))
        return Num(Fraction(text if text[-1] != "." else text[:-1]), places)

    def symbol(self, name: str) -> Node:
        while self.sees("_"):
            self.next()
            name = f"{name}_{self.raw()}"
        primes = 0
        while self.sees("'") or (self.sees("^") and self.tokens[self.at + 1 : self.at + 2] == [Token("command", "prime")]):
            primes += 1
            self.at += 1 if self.sees("'") else 2
        application = self.sees("(") and not self.here.after_blank and (name in _APPLIED_WORDS or primes or self._applied_to_zero())
        name += "'" * primes
        if application:
            inside = self.operand()
            return Call(f"apply:{name}", inside.args if is_call(inside, "()") and isinstance(inside, Call) else (inside,))
        if (chosen := self._combinations(name)) is not None:
            return chosen
        return Sym(name)

    def _combinations(self, name: str) -> Node | None:
        """Return C_{10}^{3} as a binomial and A_5^2 as a number of arrangements, or None if the symbol is neither."""
        letter, _, under = name.rpartition("_")
        bare = letter.removeprefix("mathrm ").removeprefix("text ")
        next_token = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else END
        braces = next_token.text == "{" and self.tokens[self.at + 2 : self.at + 4][-1:] == [Token("sign", "}")]
        if bare not in ("C", "A", "P") or not under.isdigit() or not self.sees("^") or not (next_token.kind == "number" or braces):
            return None
        self.next()
        upper = self.operand()
        if not isinstance(upper, Num) or upper.value.denominator != 1:
            raise Unreadable("a choice of no whole number")
        n, k = max(int(under), int(upper.value)), min(int(under), int(upper.value))
        args = (Num(Fraction(n)), Num(Fraction(k)))
        return Call("binom", args) if bare == "C" else Call("/", (Call("!", args[:1]), Call("!", (Num(Fraction(n - k)),))))

    def _applied_to_zero(self) -> bool:
        return [item.text for item in self.tokens[self.at + 1 : self.at + 3]] == ["0", ")"]

    def raw(self) -> str:
        """Return the text of the next group, joined letter by letter: the name in a subscript."""
        if not self.sees("{"):
            token = self.next()
            if token.kind not in ("number", "symbol", "word", "command", "unit", "function"):
                raise Unreadable("a subscript was expected")
            return token.text
        depth, words = 0, list[str]()
        while True:
            token = self.next()
            if token is END:
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
        brackets = ("()", "set") if name in _OF_SEVERAL_WORDS else ("()",)
        args = argument.args if isinstance(argument, Call) and argument.name in brackets else (argument,)
        if power == Call("neg", (Num(Fraction(1)),)):
            name, power = f"arc{name}", None
        node: Node = Call(name, (*args, base) if base else args)
        return Call("^", (node, power)) if power else node

    def argument(self) -> Node:
        """Parse the argument of a function: a bracket, else the product that follows, up to the next function or sign."""
        if self.sees("(", "[", "{", "|", "set{"):
            return self.operand()
        if self.sees("-"):
            self.next()
            return Call("neg", (self.deeper(self.argument),))
        if self.here.kind == "function":
            return self.power()
        node = self.power()
        while self.starts_operand() and self.here.kind != "function" and not self.sees("(", "["):
            node = self.beside(node)
        return node

    def bracket(self, opening: str) -> Node:
        outside, self.in_bars, self.in_french = (self.in_bars, self.in_french), 0, opening == "]"
        inside = self.statement()
        closing = self.expect(")", "]", "[") if opening == "]" else self.expect(")", "]")
        self.in_bars, self.in_french = outside
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
        if not isinstance(inside, Call) or inside.name != "list" or all(is_call(item, "=") for item in inside.args):
            return inside  # braces around `p = 5, q = 2` belong to a colour command
        return Call("set", inside.args)

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
        if name in ("lnot", "neg", "not", "phantom", "hphantom", "vphantom", "cancel", "xcancel", "bcancel", "sout", "nexists"):
            raise Unreadable(f"\\{name} denies")
        if name in _PAIRS:
            closing, call = _PAIRS[name]
            inside = self.statement()
            self.expect(closing)
            return Call(call, inside.args if call == "()" and isinstance(inside, Call) else (inside,))
        if name in _DECORATIONS:
            letters = self.raw()
            if name in ("vec", "hat", "overrightarrow"):  # a vector is named by one letter or by two points
                name = "vec" if len(letters) > 1 else ""
            return self.symbol(f"{name} {letters}".strip())
        if name in _NOT_OPERANDS or name in RELATIONS or name == "circ":
            raise Unreadable(f"\\{name} was not expected")
        return self.symbol(_NAMES.get(name, name))

    def piece(self) -> Node:
        """Parse one argument of a fraction: a group, else a single digit, letter or command."""
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
        """Parse `\\{1, 2\\}` as a set, and `\\{x \\mid x > 2\\}` as its condition on x."""
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

    def system(self) -> Node:
        """Parse relations one below the other, all of which hold, or the pieces of a function with the condition of each; raise Unreadable
        for anything else."""
        hit, conditions = [self.statement()], list[Node]()
        while not self.sees("end"):
            if self.sees("&"):
                self.next()
                conditions.append(self.statement())
                continue
            self.expect("row")
            if not self.sees("end"):
                hit.append(self.statement())
        self.next()
        self.raw()
        if len(conditions) == len(hit) > 1:
            return Call("pieces", tuple(Call("piece", pair) for pair in zip(hit, conditions, strict=True)))
        if len(hit) < 2 or not all(isinstance(item, Call) and item.name in RELATIONS for item in hit):
            raise Unreadable("cases that are no equations")
        return Call("and", tuple(hit))

    def matrix(self) -> Node:
        kind = self.raw()
        if kind == "cases":
            return self.system()
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
