"""Readings of a claim: a tree if it is mathematics, words if it is words, or a time of day."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from aha.answers.formulas import Call, Exotic, Node, Sym, Unreadable
from aha.answers.numerals import english, in_digits
from aha.answers.parsing import parse
from aha.answers.replies import closes
from aha.answers.symbols import bare, clean, fold
from aha.lazy import lazy_pattern

LONGEST_CLAIM = 1_000

_MAY_BE_WORDS = lazy_pattern(r"(?<![A-Za-z\\])[A-Za-z]|[\u3400-\u9fff\uff00-\uffef]|\\(?:text|math|mbox|operatorname)")
_LETTER_COMMANDS = lazy_pattern(r"\\(?:Omega|mu|AA)")
_CLOCK = lazy_pattern(r"([0-9]{1,2})\s*(?::\s*([0-5][0-9]))?(?:\s*:\s*([0-5][0-9]))?\s*([apAP])\.?\s?[mM]\b\.?")
_WRAPPED_PATTERN = lazy_pattern(
    r"\\(?:text(?:bf|it|rm|sf|normal|up)?|math(?:rm|bf|it|sf)|mbox|operatorname)\s*\{[^{}]*[A-Za-z\u3400-\u9fff][^{}]*\}"
)
_WORDS = lazy_pattern(r"[A-Za-z\u3400-\u9fff][A-Za-z\u3400-\u9fff\s,.;:'’\"!?()\-，。；：、！？（）“”]*")
_NAMES = ("pi", "infinity", "infty", "inf", "oo", "ln", "sin", "cos", "tan", "log", "exp")
_BOX_OF_TEXT = lazy_pattern(r"\\(?:text\w{0,6}|math(?:rm|bf|it|sf)|mbox|bold|boldsymbol|bm)\s*\{")
_BOLD_ENDS = lazy_pattern(r"\A\s*\*{2,3}(?=\S)|(?<=\S)\*{2,3}[.。]?\s*\Z")
_QUOTED_PATTERN = lazy_pattern(r"\s*(?:'[^'’]{1,60}'|‘[^'’]{1,60}’)\s*")
_CHOSEN = lazy_pattern(r"([CP])\(([0-9]{1,6}), ?([0-9]{1,6})\)|([0-9]{1,6}) ?C ?([0-9]{1,6})")
_MIXED_PATTERN = lazy_pattern(r"([0-9]{1,9}) and ([0-9]{1,9})\s?/\s?([0-9]{1,9})")  # 3 and 1/4
_GROUPED_IN_BRACKETS = lazy_pattern(r"[\[(](-?[0-9]{1,3}(?:,[0-9]{3})+)[\])]")  # [1,287]
_THOUSANDS = lazy_pattern(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([kKM])")
_SPACED_UNIT = lazy_pattern(r"[0-9] ?[A-Za-z]+ [0-9]")
_CONDITION = lazy_pattern(r"\b(?:where|for all|for any|for every|for each)\b")
_CAPITAL = lazy_pattern("[A-Z]")
SEVERAL_LETTERS = lazy_pattern(r"\(?[A-Z]\)?(?:(?:[\s,;&、，]|and|和)+\(?[A-Z]\)?)+\.?")
_BASED_PATTERN = lazy_pattern(r"(?i:(-?[0-9A-F]*(?:[0-9][A-F]|[A-F][0-9])[0-9A-F]*))_\{?([0-9]{2})\}?\.?")
_IMAGINARY = lazy_pattern(r"(?<![A-Za-z\\])j(?![A-Za-z])")
_GOES_ON = lazy_pattern(r"(?:(?<![mM])\.\.|\.\.\.|…|\\[lc]?dots)[\s$.*)\]]*\Z")
_PHANTOM = lazy_pattern(r"\\[hv]?phantom(?![A-Za-z])\s*(?:\{[^{}]*\}|\\[A-Za-z]+|[^\s\\{}])")  # blank space
_STRUCK_PATTERN = lazy_pattern(r"~~|\\(?:[hv]?phantom|[bx]?cancel|sout)(?![A-Za-z])")
_SETS = lazy_pattern(
    r"(?i)(?:(?:(?:so|thus|hence|therefore),? )?the (?:set|solution|domain|range)(?: of (?:\w|\w\(\w\)|the function))? (?:of|is) )?"
    r"(?:all|any|every)?\s*(real numbers?|reals|real values?(?: of \w)?|real \w|integers)"
    r"(?:\s*,?\s*(?:(?:except(?: for)?|other than|excluding|but)\s+(?:\w\s*=\s*)?|\\neq?|≠)"
    r"([^A-Za-z]+(?: and [^A-Za-z]+)*|[^A-Za-z]*\\[a-z]+[^A-Z]*))?"
)
_NO_SOLUTION = lazy_pattern(
    r"(?i)(?:(?:so|thus|hence|therefore),? )?(?:there (?:is|are) |(?:(?:the|this|our) [a-z]+(?: of equations)?|it) has )?"
    r"no (?:real |integer |such )?solutions?(?: exists?)?"
)
_NOTHING_WORDS = ("no solution", "no solutions", "no real solution", "no real solutions", "empty", "empty set", "无解", "空集")
_LETTER = lazy_pattern(r"\(?([A-Z])(?:\)|[.:])(?:\s|$)|\(?([A-Z])\)?\.?$")
_I_ALONE = lazy_pattern(r"(?<![A-Za-z])i(?![A-Za-z])")
_RUNS = lazy_pattern("[A-Za-z]+|[\u3400-\u9fff]+")
_SPEECH, _SIGNS = lazy_pattern("[A-Za-z\u3400-\u9fff]{2}"), lazy_pattern(r"[=+*/^<>_\\|{}]")


@dataclass(frozen=True)
class Clock:
    """A time of day; `half` is a, p or empty."""

    hour: int
    minute: int
    second: int
    half: str


@dataclass(frozen=True)
class Reading:
    """A claim and its readings. `words` holds text that is words for sure; `exotic` is True if only computer algebra might read it."""

    text: str
    cleaned: str = ""
    node: Node | None = None
    words: str = ""
    spelled: bool = False  # True if it has letters outside commands
    clock: Clock | None = None
    exotic: bool = False
    why: str = ""
    phrase: str = ""  # words and figures, as in October 30

    @property
    def readable(self) -> bool:
        return self.node is not None or bool(self.words or self.phrase) or self.clock is not None or self.exotic


@lru_cache(maxsize=1024)
def read(text: str) -> Reading:
    """Return the reading of a claim; it never raises."""
    if len(text) > LONGEST_CLAIM:
        return Reading(text[:LONGEST_CLAIM], why=f"longer than {LONGEST_CLAIM:,} characters")
    if text.isdecimal() and text.isascii():
        return Reading(text, text, parse(text))
    text = _PHANTOM.sub("", text) if "phantom" in text else text
    if _STRUCK_PATTERN.search(text):
        return Reading(text, why="it is crossed out")
    text = _BOLD_ENDS.sub("", text) if "**" in text else text
    text = text.strip()[1:-1] if _QUOTED_PATTERN.fullmatch(text) else text
    text = _BASE_IN_WORDS.sub(_in_figures, text) if "_" in text else text
    text = _IN_BASE.sub(r"\1_{\2}", text) if "base" in text else text
    text = _SIGN_IN_TEXT.sub(r"\1", text) if "{" in text else text
    text = _CONDITIONAL.sub(r"\1,", text) if "|" in text or "\\mid" in text else text
    text = _IN_BRACKETS.sub(r", \1", text) if "\\in" in text else text
    text = _IS_INTEGER.sub(lambda hit: f", {hit[1] or hit[2]} \\in \\mathbb{{Z}}", text) if "nteger" in text else text
    text = _LESS_A_SET.sub(r"\1\\setminus", text) if "mathbb" in text else text
    text = _CHOSEN_OF.sub(_chosen, text) if "C" in text and text.strip("$ ")[0] == "C" else text
    text = _PART_OF.sub(r"\1/\2", text) if " in " in text or " out of " in text else text
    cleaned = _unwrap(_tidy(in_latex(_unwrap(_tidy(text)))))
    if not cleaned:
        return Reading(text, why="nothing")
    if "mod" in cleaned and (congruence := _congruence(cleaned)) is not None:
        return Reading(text, cleaned, congruence)
    if _GOES_ON.search(text) and _GOES_ON.search(clean(text)):
        return Reading(text, cleaned, exotic="," in cleaned or ":" in cleaned, why="it goes on")
    if "或" in text and _OR_NUMERAL.search(text):
        return Reading(text, cleaned, why="another value behind 或")
    tree = _letters_of(text, cleaned) if _MAY_BE_WORDS.search(text) else Reading(text, cleaned)
    if tree.clock or tree.node:
        return tree
    digits = in_digits(cleaned) if tree.spelled else cleaned
    try:
        node = parse(digits)
    except Exotic as exotic:
        return replace(tree, exotic=True, why=str(exotic))
    except Unreadable as unreadable:
        if (measured := _in_units(digits)) is not None:
            return replace(tree, node=measured)
        return replace(tree, why=str(unreadable), phrase=_phrase(text))
    figures = isinstance(node, Sym) and node.name.startswith("text:") and not tree.words
    return replace(tree, node=node, phrase=_phrase(text) if figures else "")


_OR_NUMERAL = lazy_pattern("[0-9][^0-9，。,或]{0,4}或者?[零〇一二两三四五六七八九十百千万亿]")  # 14个或十五个
_IN_BASE = lazy_pattern(  # 1011 in base 2, 1011_{\text{base }2}
    r"(?<![\w.,])([0-9]{1,60})(?:\s|\\ )*(?:_\s*\{?\s*)?"
    r"(?:\\text\s*\{\s*)?\(?(?:in )?base[\s-]*\}?\s*(?:\\text\s*\{)?([0-9]{1,2})\)?\s*\}{0,2}(?=[\s.$*)]*\Z)"
)
_SIGN_IN_TEXT = lazy_pattern(r"\\(?:text(?:rm)?|mbox|mathrm)\s*\{\s*([-–—+*/:=<>!~^]+)\s*\}")  # 16\\text{-}18
_CONDITIONAL = lazy_pattern(r"(?<=[PEr]\()([^()|]{1,30})(?:\||\\(?:mid|vert)(?![a-z]))(?=[^()|]{1,30}\)\s*=)")  # P(A|B)
_IN_BRACKETS = lazy_pattern(  # k\\pi (k \\in \\mathbb{Z})
    r"(?:\s|\\[,;:! ]|\\q?quad|~|,)*\((?:\\text\s*\{\s*(?:for|where)\s*\})?"
    r"\s*([a-z]\s*\\in\s*\\mathbb\s*\{?[A-Z]\}?(?:\^[+*])?)\s*\)(?=[\s$.]*\Z)"
)
_IS_INTEGER = lazy_pattern(  # n\\pi, where n is an integer
    r"\$?,?\s*(?:where|with|for)\s+(?:(?:some|any|every|all|each)\s+)?(?:\$?([a-z])\$?\s+(?:is|being)\s+(?:an?|any)\s+(?:arbitrary\s)?integer"
    r"|integers?\s+\$?([a-z])\$?)[\s.$]*\Z"
)
_LESS_A_SET = lazy_pattern(r"(\\mathbb\s*\{?[RCQZN]\}?)\s*[-−](?=\s*\\\{)")  # \\mathbb R - \\{0\\}
_CHOSEN_OF = lazy_pattern(  # C(n, 2) and C_n^2
    r"\A[\s$]*C(?:\(([mnkr](?:[+-][0-9])?), ?([0-9mnkr])\)|_\{?([mnkr](?:[+-][0-9])?)\}?\^\{?([0-9mkr])\}?)[\s$.]*\Z"
)
_PART_OF = lazy_pattern(r"\A\W*([0-9]{1,9}) (?:in|out of) ([0-9]{1,9})\W*\Z")  # 1 in 6
_BASE_IN_WORDS = lazy_pattern(r"(?<=[0-9])_\s*\{?\s*(?:\\(?:text|mathrm|mbox|rm)\w*\s*\{\s*)?([a-z]{3,9})\s*\}{0,2}(?=[\s.$]*\Z)")


def _chosen(match: re.Match[str]) -> str:
    return f"\\binom{{{match[1] or match[3]}}}{{{match[2] or match[4]}}}"


def _in_figures(match: re.Match[str]) -> str:
    """Return the base of a number in words, as in 12_{\\text{eight}}, in figures."""
    base = english(match[1])
    return match.group() if base is None else f"_{{{base}}}"


def _in_units(text: str) -> Node | None:
    """Return a quantity in single-letter units, as in 2 min 30 s, or None if the text is not such a quantity."""
    if not _SPACED_UNIT.search(text):
        return None
    try:
        node = parse(text, letters=True)
    except Unreadable:
        return None
    return node if isinstance(node, Call) and node.name in ("unit", "compound") else None


def _unwrap(text: str) -> str:
    """Return the content of a text box around the whole text unless it is a plain word: `\\text{5 kg}`, `\\mathbf{x = 3}`."""
    for _ in range(3):
        hit = _BOX_OF_TEXT.match(text)
        if hit is None or closes(text, hit.end() - 1) != len(text) - 1:
            return text
        inside = text[hit.end() : -1].strip()
        if inside.isalpha() and inside.isascii() and in_digits(inside) == inside:
            return text
        text = _tidy(inside)
    return text


def _letters_of(text: str, cleaned: str) -> Reading:
    """Read a claim with letters: a time, a number with letters as digits, words, or a formula that is still to be parsed."""
    plain = bare(text).strip(" \n*_.")
    if hit := _CLOCK.fullmatch(bare(cleaned).strip().strip("{} ")):
        hour, minute, second = (int(part or 0) for part in hit.group(1, 2, 3))
        return Reading(text, cleaned, clock=Clock(hour, minute, second, hit[4].lower()))
    if base_match := _BASED_PATTERN.fullmatch(plain.replace(" ", "")):
        return Reading(text, cleaned, Call("base", (Sym(base_match[1].upper()), Sym(base_match[2]))))
    words = _words(text, plain)
    return Reading(text, cleaned, Sym("∅")) if words in _NOTHING_WORDS else Reading(text, cleaned, words=words, spelled=True)


def other_readings(tree: Reading, decimal_comma: str) -> list[Node]:
    """Return other trees a claim may mean: `2,74` as a decimal if the digits match `decimal_comma`, the m of `5 m` as a unit."""
    cleaned = tree.cleaned
    hit = list[str]()
    if decimal_comma and re.fullmatch(rf"[^0-9,()\[\]{{}}]*[0-9]+,(?:{decimal_comma})[^0-9,()\[\]{{}}]*", cleaned):
        hit.append(cleaned.replace(",", "."))
    if "j" in cleaned and _IMAGINARY.search(cleaned) and not _I_ALONE.search(cleaned):
        hit.append(_IMAGINARY.sub("i", cleaned))
    if (chosen := _CHOSEN.fullmatch(cleaned)) is not None:
        n, k = chosen[2] or chosen[4], chosen[3] or chosen[5]
        hit.append(f"\\binom{{{n}}}{{{k}}}" if chosen[1] != "P" else f"A_{{{n}}}^{{{k}}}")
    if (mixed_number := _MIXED_PATTERN.fullmatch(cleaned)) and int(mixed_number[2]) < int(mixed_number[3]):
        hit.append(f"({mixed_number[1]}+{mixed_number[2]}/{mixed_number[3]})")
    if grouped := _GROUPED_IN_BRACKETS.fullmatch(cleaned):
        hit.append(grouped[1])
    if thousands := _THOUSANDS.fullmatch(cleaned):
        hit.append(f"{thousands[1]} {'million' if thousands[2] == 'M' else 'thousand'}")
    nodes, readings = list[Node](), [(text, False) for text in hit]
    if cleaned not in hit and (_MAY_BE_WORDS.search(cleaned) or _LETTER_COMMANDS.search(cleaned)):  # else single letters make no difference
        readings.append((cleaned, True))
    for item, letters in readings:
        try:
            nodes.append(parse(item, letters=letters))
        except Unreadable:
            continue
    return [node for node in nodes if node != tree.node]


def in_latex(text: str) -> str:
    """Return a phrase that names a set, such as "all real numbers except 3" or "x is greater than 2", as LaTeX; any other unchanged."""
    if not _NAMES_A_SET.search(text):
        return text
    plain = bare(text).strip().rstrip(".")
    if (bounds := _BOUNDED_PATTERN.fullmatch(plain) or _BETWEEN.fullmatch(plain)) is not None:
        return _interval(bounds) or text
    first, joint, second = plain.rpartition(" or ")
    if (
        joint
        and (low := _BOUNDED_PATTERN.fullmatch(first))
        and (high := _BOUNDED_PATTERN.fullmatch(f"x is {second.removeprefix('x is ')}"))
    ):
        return f"{_interval(low)}\\cup{_interval(high)}"
    if plain.lower() == "infinitely many":
        return "\\infty"
    if not (name_of := _SETS.fullmatch(plain)):
        return "\\emptyset" if _NO_SOLUTION.fullmatch(plain) else text
    base = "\\mathbb{Z}" if name_of[1].lower().startswith("integer") else "\\mathbb{R}"
    return f"{base}\\setminus\\{{{name_of[2].replace(' and ', ',')}\\}}" if name_of[2] else base


_NAMES_A_SET = lazy_pattern(r"(?i)real|solution|integers|infinitely| than |\bat (?:least|most) |clusive|strictly")
_MORE, _LESS = r"(?:greater|larger|more|bigger)", r"(?:less|smaller|fewer)"
_SUBJECT = (
    r"(?:(?:so|thus|hence|therefore),? )?(?:(?P<name>[A-Za-z]) (?:is|lies|ranges|varies|(?:must|can|may) (?:be|lie))"
    r"|(?:all|any|every) (?:real )?(?:numbers?|values?|reals?)(?: of)?(?: [a-z])?(?: that (?:are|is|lies?)| lying)?) "
)
_END = r"([-−]?(?:[0-9]|\\|\.)(?:(?! or | and )[^,;<>=]){0,40}?)"
_BOUNDED_PATTERN = lazy_pattern(
    rf"(?i){_SUBJECT}(?:(?P<ge>{_MORE} than or equal to|at least|no {_LESS} than)|(?P<le>{_LESS} than or equal to|at most|no {_MORE} than)"
    rf"|(?P<gt>(?:strictly )?{_MORE} than)|(?P<lt>(?:strictly )?{_LESS} than)) {_END}"
)
_BETWEEN = lazy_pattern(
    rf"(?i)(?:{_SUBJECT})?(?P<open>strictly )?(?:between|from) {_END} (?:and|to) {_END}"
    r"(?:,? \(?(?:(?P<shut>(?:both )?inclusive)|exclusive)\)?)?"
)


def _interval(hit: re.Match[str]) -> str:
    """Return the interval of numbers that are greater than one bound, less than one, or between two; "" if it is not said whether the two
    belong to it."""
    parts = hit.groupdict()
    if "shut" not in parts:
        end = hit[hit.lastindex or 0]
        if parts["ge"] or parts["gt"]:
            return f"{'[' if parts['ge'] else '('}{end},\\infty)"
        return f"(-\\infty,{end}{']' if parts['le'] else ')'}"
    exclusive = parts["open"] is not None or "exclusive" in hit.group().lower()
    if exclusive == (parts["shut"] is not None):
        return ""
    low, high = (part for place, part in enumerate(hit.groups(), 1) if place not in hit.re.groupindex.values())
    return f"({low},{high})" if exclusive else f"[{low},{high}]"


_CONGRUENCE = lazy_pattern(  # x \\equiv 3 \\pmod 7, 3 (mod 7)
    r"(?P<residue>.+?)[\s,]*(?:\(\s*(?:\\text\s*\{\s*mod\s*\}|\\[bp]?mod|mod)|\\pmod|\\mod|(?P<operator>\\bmod|mod))"
    r"\s*\{?\s*(?P<modulus>[0-9]{1,9}|[a-z])\s*\}?\s*\)?"
)


def _congruence(text: str) -> Node | None:
    """Return a congruence as its residue, perhaps with a name, and its modulus; None for anything else, such as the operation 17 mod 5."""
    hit = _CONGRUENCE.fullmatch(text)
    if hit is None or (hit["operator"] and "\\equiv" not in hit["residue"]):
        return None
    try:
        return Call("mod", (parse(hit["residue"]), parse(hit["modulus"])))
    except Unreadable:
        return None


def _tidy(text: str) -> str:
    """Return the clean text without marks around it or the condition after it: `f(x) = 2x for all x` becomes f(x) = 2x."""
    cleaned = clean(text)
    if condition := _CONDITION.search(cleaned):
        cleaned = cleaned[: condition.start()].rstrip(" ,;(").removesuffix("\\text{").removesuffix("\\mbox{")
    opens = '*: \n"`' if cleaned.startswith("_{") else '*_: \n"`'
    return cleaned.lstrip(opens).rstrip(' .,;:*_\n"`').removesuffix("\\\\").rstrip(" .,;:*_\n")


_NOT_THERE = "does not exist"
_ABSENT = lazy_pattern(
    r"(?:so |thus |hence |therefore )?(?:(?:this )?(?:limit|answer|value|derivative|integral) |it )?(?:does not|doesnt) exist|dne"
)


def _words(text: str, plain: str) -> str:
    """Return the folded text if its letters cannot be variables (a text box, several words, four letters or more), else ""."""
    if not _WORDS.fullmatch(plain) or plain.lower() in _NAMES:
        return ""
    runs = _RUNS.findall(plain)
    longest = max(map(len, runs))
    if _WRAPPED_PATTERN.search(text) or longest >= 4 or not plain.isascii():
        words = fold(plain) or plain
        return _NOT_THERE if _ABSENT.fullmatch(words) else words
    if plain == "DNE":
        return _NOT_THERE
    if longest == 3 and (len(set(plain)) < 3 or len(runs) > 1 or re.search(r"[aeiou]", plain[1:].lower())):
        return fold(plain)
    return ""


def _phrase(text: str) -> str:
    """Return the folded text if it is words, perhaps with figures, without a sign of mathematics; else ""."""
    plain = bare(text).strip()
    return month_first(fold(plain)) if _SPEECH.search(plain) and not _SIGNS.search(plain) else ""


_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = rf"(?P<month>{'|'.join(f'{name[:3]}(?:{name[3:]})?' for name in _MONTHS)}|sept)"
_DAY_FIRST, _MONTH_FIRST = (
    lazy_pattern(rf"(?:the )?(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?(?: day)?(?: of)? {_MONTH}(?P<year> [0-9]{{4}})?"),
    lazy_pattern(rf"{_MONTH} (?:the )?(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?(?P<year> [0-9]{{4}})?"),
)


def month_first(text: str) -> str:
    """Return a folded date with its month first: "14th of jul" as "july 14"; any other text unchanged."""
    hit = _DAY_FIRST.fullmatch(text) or _MONTH_FIRST.fullmatch(text)
    if hit is None:
        return text
    month = next(name for name in _MONTHS if name.startswith(hit["month"][:3]))
    return f"{month} {int(hit['day'])}{hit['year'] or ''}"


_GAPS = lazy_pattern(r"\\ |(?<!~)~(?!~)|\\q?quad(?![a-z])")


def same_words(gold: Reading, statement: Reading) -> bool:
    """Return True if two texts say the same words; a single letter may be bracketed, or stand before the option it names."""
    first, partner = (_GAPS.sub(" ", bare(reading.text)).strip() for reading in (gold, statement))
    letter, claim_text = _LETTER.match(first), _LETTER.match(partner)
    if letter and letter.end() == len(first):
        return claim_text is not None and (letter[1] or letter[2]) == (claim_text[1] or claim_text[2])
    if len(first) == 1:
        return first == partner.strip("().。")
    if SEVERAL_LETTERS.fullmatch(first) or SEVERAL_LETTERS.fullmatch(partner):
        return bool(SEVERAL_LETTERS.fullmatch(first) and SEVERAL_LETTERS.fullmatch(partner)) and set(_CAPITAL.findall(first)) == set(
            _CAPITAL.findall(partner)
        )
    return fold(first) == fold(partner) or gold.words == statement.words == _NOT_THERE


def is_degrees(node: Node) -> bool:
    """Return True if the claim is an angle in degrees."""
    return isinstance(node, Call) and node.name == "°"
