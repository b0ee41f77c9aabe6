"""The many ways to write one sign, folded to ASCII before anything is read.

One string for the many ways to write the same words: case, width, punctuation, articles, thousands separators, numbers as words.

Mathematical signs of Unicode as the LaTeX that means the same: `16√3`, `x²`, `½`, `≤`, `π`, `①`.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 20_000  # characters of an answer that are read, from its end: nobody's final answer is longer

_PLAIN = str.maketrans(
    {
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
        **dict.fromkeys("−–－﹣‐‑", "-"),
        **dict.fromkeys("×·∙⋅∗＊", "*"),
        **dict.fromkeys("÷／∕⁄", "/"),
        "＋": "+",
        "（": "(",
        "）": ")",
        "＝": "=",
        "．": ".",
        "，": ",",
        "％": "%",
        "：": ":",
        "＄": "$",
        "￥": "¥",
        "\u00a0": " ",
        "\u202f": " ",
    }
)
_BLANKS = re.compile(r"\s{20,}")
_COMMANDS = {r"\times": "*", r"\cdot": "*", r"\div": "/", r"\left": "", r"\right": ""}


def plain(text: str) -> str:
    """The text with full-width and typographic digits and signs as ASCII; superscripts and look-alike letters stay as they are."""
    return text.translate(_PLAIN)


def ending(text: str) -> str:
    """The last part of a text that is read, long runs of blanks as a few: what stands before them still counts."""
    text = text if len(text) < 40 else _BLANKS.sub(lambda found: "\n\n" if "\n" in found.group() else "  ", text[-50 * LONGEST :])
    return text[-LONGEST:]


def arithmetic(text: str) -> str:
    """`plain`, and the LaTeX of the four operations as signs."""
    text = plain(text)
    for command, sign in _COMMANDS.items():
        text = text.replace(command, sign)
    return text


INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")

_WRAPPER = re.compile(r"\\(?:text(?:bf|it|rm|sf)?|math(?:rm|bf|it|sf)|mbox|operatorname)\s*\{([^{}]{0,2000})\}")
_MARKUP = re.compile(r"\*\*|__|`|\\[()\[\]]|(?<!\\)\$|\\left(?![a-z])|\\right(?![a-z])|\\[,;!:]")
_APART = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")  # hyphens, dashes, the minus sign
_KEPT = re.compile(r"(?<=[0-9])[.:/](?=[0-9])|(?<![\w.])-(?= ?\.?[0-9])|(?<!\w)\.(?=[0-9])|[#%&@+<>=^|~$€£¥°]")
_THOUSANDS = re.compile(r"(?<![0-9.,])([0-9]{1,3}(?:,[0-9]{3})+)(?![0-9,])")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_HAN_BLANK = re.compile(r"(?<=[\u3400-\u9fff]) | (?=[\u3400-\u9fff])")

_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
VALUES = {word: value for value, word in enumerate(_ONES.split())} | {word: 10 * (i + 2) for i, word in enumerate(_TENS.split())}
_NUMERAL = re.compile(rf"\b(?:(?:{_TENS.replace(' ', '|')}) (?:{'|'.join(_ONES.split()[1:10])})|{'|'.join(VALUES)})\b")


def bare(text: str) -> str:
    """The text without the markup of Markdown and LaTeX around words, wide letters and signs narrow, invisible ones gone."""
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", text[-LONGEST:]))
    for _ in range(3):  # \textbf{\text{C}}
        text = _WRAPPER.sub(r"\1", text)
    return _MARKUP.sub("", text)


def folded(text: str, *, articles: bool = False) -> str:
    """What two texts share that say the same words. Signs that carry meaning stay: of a number, of a percentage, of C++ and C#.
    `articles` stay where a lone "a" may be more than one."""
    text = bare(text).translate(_APART).casefold().replace("’", "'").replace("'", "")
    text = _THOUSANDS.sub(lambda match: match[1].replace(",", ""), text)
    text = "".join(_plain(text)).replace("_", " ")
    text = " ".join(text.split())
    text = (text if articles else " ".join(_ARTICLES.sub(" ", text).split())) or text
    return _HAN_BLANK.sub("", _NUMERAL.sub(_digits, text))


def _plain(text: str) -> list[str]:
    """Letter by letter: punctuation as a blank, a period within an abbreviation (U.S.) as nothing."""
    kept = {match.start() for match in _KEPT.finditer(text)}
    return [
        letter if at in kept or not unicodedata.category(letter).startswith("P") else "" if letter == "." else " "
        for at, letter in enumerate(text)
    ]


def _digits(match: re.Match[str]) -> str:
    return str(sum(VALUES[word] for word in match[0].split()))


_NAMED = """π pi θ theta α alpha β beta γ gamma δ delta ε epsilon λ lambda μ mu ν nu ρ rho σ sigma τ tau φ phi ϕ phi χ chi ψ psi ω omega
Γ Gamma Δ Delta Θ Theta Λ Lambda Π Pi Σ Sigma Φ Phi Ψ Psi Ω Omega ∞ infty ≤ le ⩽ le ≦ le ≥ ge ⩾ ge ≧ ge ≠ ne ≈ approx ≒ approx ≡ equiv
≅ cong ∈ in ∉ notin ∪ cup ∩ cap ± pm ∓ mp
∅ emptyset ∖ setminus ∠ angle △ triangle
 ∥ parallel ⊥ perp ⌊ lfloor ⌋ rfloor ⌈ lceil ⌉ rceil ⟨ langle ⟩ rangle
∫ int ∑ sum ∏ prod ∂ partial ∇ nabla → to ⇒ Rightarrow ∀ forall ∃ exists ′ prime"""
_LIKE = """、 , ； ; 。 . ｡ . ！ ! ＜ < ＞ > ｜ | ∣ | ∶ : ＾ ^ ’ ' ʹ ' “ " ” " ［ [ ］ ] 【 [ 】 ] ｛ \\{ ｝ \\} º ^{\\circ}
˚ ^{\\circ} ° ^{\\circ} ℃ ^{\\circ}C ℉ ^{\\circ}F
ℝ \\mathbb{R} ℤ \\mathbb{Z} ℕ \\mathbb{N} ℚ \\mathbb{Q} ℂ \\mathbb{C} ⅈ i ⅇ e ℯ e 𝑖 i 𝑒 e 𝜋 \\pi ∨ \\lor ∧ \\land"""
_FRACTIONS = "½ 1 2 ⅓ 1 3 ⅔ 2 3 ¼ 1 4 ¾ 3 4 ⅕ 1 5 ⅖ 2 5 ⅗ 3 5 ⅘ 4 5 ⅙ 1 6 ⅚ 5 6 ⅐ 1 7 ⅛ 1 8 ⅜ 3 8 ⅝ 5 8 ⅞ 7 8 ⅑ 1 9 ⅒ 1 10".split()
_RAISED, _LOWERED, _LEVEL = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₙᵢ", "0123456789+-()ni"
_CIRCLED = {chr(0x2460 + place): f"\\textcircled{{{place + 1}}}" for place in range(20)}
_FORMULA_BLANKS = dict.fromkeys("\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u3000\t\r\n\f\v", " ") | dict.fromkeys(
    "\u200b\u2060\ufeff\u2061\u2062", ""
)

_TABLE = str.maketrans(
    dict(zip(_LIKE.split()[::2], _LIKE.split()[1::2], strict=True))
    | {sign: f"\\{name} " for sign, name in zip(_NAMED.split()[::2], _NAMED.split()[1::2], strict=True)}
    | {sign: f"\\frac{{{top}}}{{{under}}}" for sign, top, under in zip(_FRACTIONS[::3], _FRACTIONS[1::3], _FRACTIONS[2::3], strict=True)}
    | _CIRCLED
    | _FORMULA_BLANKS
)
_UP, _DOWN = str.maketrans(_RAISED, _LEVEL), str.maketrans(_LOWERED, _LEVEL)
_UPS, _DOWNS = re.compile(f"[{re.escape(_RAISED)}]+"), re.compile(f"[{re.escape(_LOWERED)}]+")
_ROOT = re.compile(r"([∛∜√]) ?(?:\(([^()√]{1,200})\)|\{([^{}√]{1,200})\}|([0-9]+(?:\.[0-9]+)?|\\?[A-Za-z]+))")
_INDEX = {"√": "", "∛": "[3]", "∜": "[4]"}


def latex(text: str) -> str:
    """`plain`, and every sign above in LaTeX; blanks of all kinds become one kind."""
    text = plain(text)
    if text.isascii():
        return text.translate(_BLANKED)
    text = _UPS.sub(lambda found: f"^{{{found.group().translate(_UP)}}}", text)
    text = _DOWNS.sub(lambda found: f"_{{{found.group().translate(_DOWN)}}}", text).translate(_TABLE)
    text = _ROOT.sub(lambda found: f"\\sqrt{_INDEX[found[1]]}{{{found[2] or found[3] or found[4]}}}", text)
    return text.translate(_BARE_ROOTS)


_BLANKED = str.maketrans(_FORMULA_BLANKS)
_BARE_ROOTS = str.maketrans({sign: f"\\sqrt{index}" for sign, index in _INDEX.items()})
