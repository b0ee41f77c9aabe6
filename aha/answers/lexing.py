"""Tokenizer for formulas in LaTeX, plain text or a mixture of both."""

from __future__ import annotations

import re
from typing import NamedTuple

from aha.answers.formulas import Exotic, Unreadable
from aha.answers.grammar import is_remark_understood
from aha.answers.lexicon import AGAINST, PARTS, SAYS_MORE, SCALES, SUSPECT
from aha.answers.numerals import chinese, in_digits
from aha.answers.units import LETTER_UNITS, known_unit, measures
from aha.lazy import lazy_pattern

MOST_TOKENS = 400

FUNCTION_WORDS = {
    name: name for name in "sin cos tan cot sec csc sinh cosh tanh coth ln lg log exp max min gcd lcm arg det deg dim ker Re Im erf".split()
} | {
    **{f"arc{name}": f"arc{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan")},
    "sqrt": "sqrt",
    "cbrt": "cbrt",
    "abs": "abs",
    "floor": "floor",
    "ceil": "ceil",
    "factorial": "factorial",
    "sign": "sgn",
    "sgn": "sgn",
}

_ASIDE = lazy_pattern(r"\(([a-z][^()0-9]{2,99})\)")  # a remark in parentheses
_NO_NOUN = lazy_pattern(r"(?i)\b(?:times\s+[a-z]|per mille|(?:any|every)thing but)")
_RANGE = lazy_pattern(r"(?<=[0-9])--(?=[0-9])")
_DATE = lazy_pattern(r"(?<![0-9])(?:[0-9]{4}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2[0-9]{4})(?![0-9])")
_TOKEN = lazy_pattern(
    r"""(?P<blank>\s+)
    |\\(?:text|textrm|mbox|textbf|textit|textnormal|textsf|textup|mathrm|mathbf|mathit|mathsf|operatorname\*?|bold|boldsymbol|bm)\s*\{(?P<text>[^{}]{0,300})\}
    |\\(?P<command>[A-Za-z]+|[{}|\\])
    |(?P<euro>[0-9]{1,3}(?:[. '][0-9]{3})+,[0-9]+(?![0-9,])|[0-9]{1,3}(?:\.[0-9]{3}){2,}(?![0-9]))
    |(?P<run>[0-9]+(?:,[0-9]+)+(?:\.[0-9]+)?)
    |(?P<spaced>[0-9]{1,3}(?:[ '][0-9]{3})+(?![0-9])(?:\.[0-9]+)?)
    |(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,6}(?![0-9A-Za-z]))?)
    |(?P<word>[A-Za-z]+)
    |(?P<sign>\*\*|<=|>=|!=|==|:=|<<|>>|[-+*/^_(){}\[\]|,;=<>!'%:&.¤€£¥])
    |(?P<han>[\u3400-\u9fff]+)""",
    re.X,
)
_SYNONYMS = {
    **dict.fromkeys(("leq", "leqslant", "leqq"), "le"),
    **dict.fromkeys(("geq", "geqslant", "geqq"), "ge"),
    **dict.fromkeys(("neq",), "ne"),
    **dict.fromkeys(("lt",), "<"),
    **dict.fromkeys(("gt",), ">"),
    **dict.fromkeys(("dfrac", "tfrac", "cfrac", "sfrac", "nicefrac"), "frac"),
    **dict.fromkeys(("dbinom", "tbinom"), "binom"),
    **dict.fromkeys(("cdot", "times", "ast"), "*"),
    **dict.fromkeys(("colon", "ratio"), ":"),
    **dict.fromkeys(("simeq", "thickapprox", "approxeq", "doteq"), "approx"),
    **dict.fromkeys(("lvert", "rvert", "vert", "lVert", "rVert", "Vert", "|"), "|"),
    **dict.fromkeys(("lbrace", "{"), "set{"),
    **dict.fromkeys(("rbrace", "}"), "set}"),
    **dict.fromkeys(("varnothing",), "emptyset"),
    **dict.fromkeys(("smallsetminus", "backslash"), "setminus"),
    **dict.fromkeys(("varphi",), "phi"),
    **dict.fromkeys(("varepsilon",), "epsilon"),
    **dict.fromkeys(("lor", "vee"), "or"),
    **dict.fromkeys(("land", "wedge"), "and"),
    **dict.fromkeys(("degree",), "°"),
    **dict.fromkeys(("dots", "cdots", "dotsc", "dotsb", "vdots"), "ldots"),
    "bigcup": "cup",
    "mod": "bmod",
    "lbrack": "[",
    "rbrack": "]",
    "\\": "row",
}
_SIGNS = {"**": "^", "<=": "le", ">=": "ge", "!=": "ne", "==": "=", ":=": "=", "<<": "<", ">>": ">"}
_WORDS = {
    "and": "and",
    "or": "or",
    "pi": "pi",
    "inf": "infty",
    "infinity": "infty",
    "oo": "infty",
    "pm": "pm",
    "union": "cup",
    "percent": "%",
    "prozent": "%",
}
_PROSE = frozenset(
    (
        "is are was were be the our that which so we he she they you but however although though "
        "yet whereas it this these thus therefore hence for when where if then with has have had not to as "
        "at by on from there here all no only least most than more less about let since because can must will would should gives get "
        "answer answers fails fail failed too"
    ).split()
)
_HAN = {
    **dict.fromkeys(("大于等于", "大于或等于", "不小于"), ("command", "ge")),
    **dict.fromkeys(("小于等于", "小于或等于", "不大于"), ("command", "le")),
    "大于": ("sign", ">"),
    "小于": ("sign", "<"),
    "等于": ("sign", "="),
    "不等于": ("command", "ne"),
    "比": ("sign", ":"),
}
_MYRIADS = {"十": "10", "百": "100", "千": "1000", "万": "10000", "亿": "100000000"}
_JOINED_PATTERN = lazy_pattern(r"[\s,;.]*(and|or|且|或|和|及)?[\s,;.]*")
_EXOTIC = "int iint oint sum prod lim partial nabla bmod pmod ldots forall exists Rightarrow implies iff".split()
_BETWEEN = (
    "frac binom sqrt * / : cup cap setminus pm mp row begin end choose le ge ne < > approx in notin equiv cong sim mid to "
    "set{ lfloor lceil langle | circ angle triangle and or"
).split()
_CLOSE = (")", "]", "}", "set}", "|", "!", "%", "°", "'", "rfloor", "rceil", "rangle")
_GOES_ON = frozenset("0123456789^_({")  # after a word that does not stand alone
_OPENS_ARGUMENT = lazy_pattern(r"\s*[(\[{_^\\]")
_AND_OR = lazy_pattern(r"[\s,;]*\b(and|or)\s+(\S.*)|(\S.*?)\s+(and|or)[\s,;]*")
_ONE_SYMBOL = lazy_pattern(r"-?[0-9][0-9.,]*|[A-Za-z]'?")
_THOUSANDS_FORM = lazy_pattern(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")


class Token(NamedTuple):
    """A token; `kind` is number, symbol, function, unit, word, command, sign or scale; `after_blank` is True if a blank precedes it."""

    kind: str
    text: str
    after_blank: bool = False


def tokens(text: str, *, letters: bool = False) -> list[Token]:
    """Return the tokens of a clean text; raise Unreadable for a character outside mathematics or too many tokens. With `letters`, the m of
    `5 m/s` is a unit."""
    if _RANGE.search(text) or _DATE.search(text) or _NO_NOUN.search(text):
        raise Unreadable("a range, a date or an operation in words")
    lexer = _Lexer(text, letters)
    at = 0
    while at < len(text):
        hit = _TOKEN.match(text, at)
        if hit is None:
            raise Unreadable(f"{text[at]!r} is no sign of a formula")
        at = lexer.take(hit)
        if len(lexer.hit) > MOST_TOKENS:
            raise Unreadable(f"more than {MOST_TOKENS} signs")
    return lexer.hit


class _Lexer:
    def __init__(self, text: str, letters: bool) -> None:
        self.text, self.hit, self.letters = text, list[Token](), letters
        self.blank, self._stands_alone, self.depth, self.listed_until = False, False, 0, 0
        self._argument_follows = self._blank_follows = False
        self.spaced_commas = ", " in text

    def take(self, match: re.Match[str]) -> int:
        kind, text = match.lastgroup or "sign", match.group(match.lastgroup or 0)
        end = match.end()
        self._stands_alone = (self.blank or match.start() == 0) and self.text[end : end + 1] not in _GOES_ON
        self._argument_follows = _OPENS_ARGUMENT.match(self.text[end : end + 2]) is not None
        self._blank_follows = self.text[end : end + 1] == " "
        if kind == "blank":
            self.blank = True
            return end
        match kind:
            case "run":
                end = self._run(match.start(), text)
            case "euro":
                self._add("number", re.sub(r"[. ']", "", text).replace(",", "."))
            case "spaced":
                self._add("number", re.sub(r"[ ']", "", text))
            case "number":
                if text.endswith(".") and self.text[end : end + 1] in ("+", "-", "(", "\\", "^"):
                    raise Unreadable("a point that no digits follow")
                self._add("number", text)
            case "text":
                self._text(text)
            case "command":
                self._command(text)
            case "word":
                self._word(text)
            case "han":
                self._han(text)
            case _:
                self._sign(_SIGNS.get(text, text))
        self.blank = False
        return end

    def _add(self, kind: str, text: str) -> None:
        if kind == "unit" and self.hit and self.hit[-1] == Token("unit", "μ", self.hit[-1].after_blank):
            text = f"μ{self.hit.pop().text and text}"
        self.hit.append(Token(kind, text, self.blank))

    def _run(self, start: int, text: str) -> int:
        """Read digits with commas and return the end: `1,234` is one number; `1,2` and, within brackets, `(312,123)` are several."""
        is_group = _THOUSANDS_FORM.fullmatch(text) and not text.startswith("0,")
        if is_group and start >= self.listed_until and (self.depth == 0 or self.spaced_commas):
            self._add("number", text.replace(",", ""))
            return start + len(text)
        first = re.match(r"[0-9]+", text)
        assert first is not None
        self._add("number", first.group())
        self.listed_until = start + len(text)
        return start + first.end()

    def _after_number(self) -> bool:
        return bool(self.hit) and self.hit[-1].kind in ("number", "unit", "scale")

    def _after_operand(self) -> bool:
        last = self.hit[-1] if self.hit else None
        return last is not None and (
            last.kind in ("number", "symbol", "unit", "scale")
            or last.text in _CLOSE
            or (last.kind == "command" and last.text not in _BETWEEN)
        )

    def _text(self, text: str) -> None:
        words = text.strip().strip("~").strip()
        if join := _JOINED_PATTERN.fullmatch(words):
            return self._add("sign", {"and": "and", "且": "and", "or": "or", "或": "or"}.get(join[1] or "", ",")) if words else None
        if join := _AND_OR.fullmatch(words):
            self._text(join[3] or "")
            self._add("sign", join[1] or join[4])
            return self._text(join[2] or "")
        scale, _, count = words.partition(" ")
        if self._scaled(scale):
            return self._text(count) if count else None
        if scale.lower() in ("minus", "negative") and not self._after_operand():
            self._add("sign", "-")
            return self._text(in_digits(count)) if count else None
        aside = _ASIDE.fullmatch(words)
        if SAYS_MORE.search(words) or (aside and not is_remark_understood(aside[1])):
            raise Unreadable(f"the words {words!r}")
        if words.lower() in ("infinity", "inf"):
            return self._add("command", "infty")
        is_unit = self._after_operand() and (known_unit(words) or words in LETTER_UNITS)
        if not is_unit and (_ONE_SYMBOL.fullmatch(words) or words in FUNCTION_WORDS):
            for inner in tokens(words):
                self._add(inner.kind, inner.text)
            return None
        return self._add("unit" if self._after_operand() else "word", words)

    def _command(self, name: str) -> None:
        if name.startswith(("quad", "qquad")):
            rest = name.removeprefix("q").removeprefix("quad")  # \quadx
            return self._word(rest) if rest else None
        if self.letters and name in ("Omega", "mu", "AA") and self.hit and self.hit[-1].kind in ("number", "unit"):
            return self._add("unit", {"Omega": "Ω", "mu": "μ", "AA": "AA"}[name])
        name = _SYNONYMS.get(name, name)
        if name in _EXOTIC:
            raise Exotic(f"\\{name}")
        if name in FUNCTION_WORDS and name != "sqrt":
            return self._add("function", FUNCTION_WORDS[name])
        self.depth += (name == "set{") - (name == "set}")
        return self._add("command", name)

    def _scaled(self, word: str) -> bool:
        """Add a scale token and return True if the word multiplies or divides the number before it: million, hundredths."""
        low = word.lower().removesuffix("s") if word.lower() not in ("halves",) else "half"
        if not self._after_operand():
            return False
        if low in SCALES or (low in PARTS and word.lower().endswith("s")):
            self._add("scale", f"{SCALES[low]}" if low in SCALES else f"1/{PARTS[low]}")
            return True
        return False

    def _word(self, text: str) -> None:
        low = text.lower()
        if self._scaled(text):
            return None
        if low in ("minus", "negative") and (low == "minus" or not self._after_operand()):
            return self._add("sign", "-")
        if (low in SUSPECT or text in AGAINST) and len(low) > 1 and not (text.isupper() and len(text) < 4):
            raise Unreadable(f"the word {text!r}")
        if self.letters and self._unit_follows(text):
            return self._add("unit", text)
        if low in _PROSE and self._stands_alone and not (text.isupper() and len(text) == 2 and text == self.text):  # the segment BE
            raise Unreadable(f"the word {text!r}")
        if text in FUNCTION_WORDS and known_unit(text) and not self._argument_follows and self._after_number():
            return self._add("unit", text)  # 30 min, not min(3, 5)
        if low in _WORDS or text in FUNCTION_WORDS:
            return self._add(*(("function", FUNCTION_WORDS[text]) if text in FUNCTION_WORDS else ("command", _WORDS[low])))
        speech = len(text) >= 3 and (self.blank or (self.hit and self.hit[-1].kind == "unit")) and re.search("[aeiouy]", low)
        if (self._after_operand() or self._divides_a_unit()) and (known_unit(text) if len(text) > 1 else self.hit[-1].kind == "unit"):
            return self._add("unit", text)
        if self._after_operand() and speech:
            return self._add("unit", text)
        if len(text) >= 4 or (len(text) == 3 and text.istitle() and not self.hit and self._blank_follows):  # Hay 36
            return self._add("word", text)
        for letter in text:
            self._add("symbol", letter)
            self.blank = False
        return None

    def _divides_a_unit(self) -> bool:
        return [token.kind for token in self.hit[-2:]] == ["unit", "sign"] and self.hit[-1].text == "/"  # km/hr

    def _unit_follows(self, text: str) -> bool:
        last = self.hit[-1] if self.hit else None
        before = self.hit[-2].kind if len(self.hit) > 1 and last is not None and last.text in ("/", "*") else ""
        return (
            measures(text)
            and last is not None
            and (text != "K" or self.blank)  # K after a blank is kelvins, else thousands
            and (last.kind in ("number", "unit", "scale") or before == "unit" or last.text in (")", "}"))
        )

    def _han(self, text: str) -> None:
        if (joint := re.match("或者?|[和及与且]", text)) and self._after_operand() and joint.end() < len(text):
            self._han(joint.group())
            return self._han(text[joint.end() :])
        if not self._after_operand() and (numeral := chinese(text)) is not None:
            for inner in tokens(numeral):
                self._add(inner.kind, inner.text)
            return None
        if "分之" in text or (text[0] in "的の折成月" and self._after_operand()):
            raise Unreadable(f"the words {text!r}")
        if text not in _HAN and SAYS_MORE.search(text):
            raise Unreadable(f"the words {text!r}")
        if (relation := _HAN.get(text)) is not None:
            return self._add(*relation)
        if text in ("或", "或者"):
            return self._add("sign", "or")
        if text in ("和", "及", "与", "且"):
            return self._add("sign", "and" if text == "且" else ",")
        if self._after_operand() and text[0] in _MYRIADS and not known_unit(text):
            self._add("scale", _MYRIADS[text[0]])
            return self._han(text[1:]) if text[1:] else None
        return self._add("unit" if self._after_operand() else "word", text)

    def _sign(self, sign: str) -> None:
        self.depth += (sign in "([") - (sign in ")]")
        self._add("sign", sign)
