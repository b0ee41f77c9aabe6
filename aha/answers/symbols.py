"""Normalization of signs, words and formulas. Look-alike signs become ASCII; mathematical signs of Unicode become LaTeX: `16√3`, `x²`, `½`,
`≤`, `π`, `①`. LaTeX gets one form: no sizes, styles or marks, mixed numbers as sums, repeating decimals as fractions.

Texts with the same words get one string, whatever their case, width, punctuation, articles, thousands separators and numerals."""

from __future__ import annotations

import re
import unicodedata

from aha.answers.units import measures
from aha.lazy import lazy_pattern

LONGEST = 20_000  # characters that are read at the end of an answer; no final answer is longer

_PLAIN = str.maketrans(
    {
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
        **dict.fromkeys("−–－﹣‐‑", "-"),
        **dict.fromkeys("×·∙⋅∗＊", "*"),
        **dict.fromkeys("÷／∕⁄", "/"),
        "\u00b5": "μ",
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
_BLANKS = lazy_pattern(r"\s{20,}")
_COMMANDS = {r"\times": "*", r"\cdot": "*", r"\div": "/", r"\left": "", r"\right": ""}


def plain(text: str) -> str:
    """Return the text with full-width and typographic digits and signs as ASCII; superscripts and look-alike letters are unchanged."""
    return text.translate(_PLAIN)


def ending(text: str) -> str:
    """Return the last `LONGEST` characters of a text, the only ones that are read, after long runs of blanks are shortened."""
    text = text if len(text) < 40 else _BLANKS.sub(lambda hit: "\n\n" if "\n" in hit.group() else "  ", text[-50 * LONGEST :])
    return text[-LONGEST:]


def arithmetic(text: str) -> str:
    """Return `plain` text with the LaTeX of the four operations as signs."""
    text = plain(text)
    for command, sign in _COMMANDS.items():
        text = text.replace(command, sign)
    return text


INVISIBLE = lazy_pattern("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")

_WRAPPER = lazy_pattern(r"\\(?:text(?:bf|it|rm|sf)?|math(?:rm|bf|it|sf)|mbox|operatorname)\s*\{([^{}]{0,2000})\}")
_MARKUP = lazy_pattern(r"\*\*|__|`|\\[()\[\]]|(?<!\\)\$|\\left(?![a-z])|\\right(?![a-z])|\\[,;!:]")
_APART = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")  # hyphens, dashes, the minus sign
_KEPT_PATTERN = lazy_pattern(r"(?<=[0-9])[.:/](?=[0-9])|(?<![\w.])-(?= ?\.?[0-9])|(?<!\w)\.(?=[0-9])|[#%&@+<>=^|~$€£¥°]")
_THOUSANDS = lazy_pattern(r"(?<![0-9.,])([0-9]{1,3}(?:,[0-9]{3})+)(?![0-9,])")
_ARTICLES = lazy_pattern(r"\b(?:a|an|the)\b")
_HAN_BLANK = lazy_pattern(r"(?<=[\u3400-\u9fff]) | (?=[\u3400-\u9fff])")

_ONES_FORM = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
VALUES = {word: value for value, word in enumerate(_ONES_FORM.split())} | {word: 10 * (i + 2) for i, word in enumerate(_TENS.split())}
_NUMERAL = lazy_pattern(rf"\b(?:(?:{_TENS.replace(' ', '|')}) (?:{'|'.join(_ONES_FORM.split()[1:10])})|{'|'.join(VALUES)})\b")


def bare(text: str) -> str:
    """Return the text without Markdown and LaTeX markup around words, with wide characters made narrow and invisible ones removed."""
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", text[-LONGEST:]))
    for _ in range(3):  # \textbf{\text{C}}
        text = _WRAPPER.sub(r"\1", text)
    return _MARKUP.sub("", text)


_ESCAPED_PATTERN = lazy_pattern(r"\\+\$")


def fold(text: str, *, articles: bool = False) -> str:
    """Return a string that texts with the same words share. Signs with a meaning are kept: of a number, of a percentage, of C++ and C#.
    `articles` keeps a, an and the, for texts in which a lone "a" may be a letter."""
    text = bare(_ESCAPED_PATTERN.sub("$", text)).translate(_APART).casefold().replace("’", "'").replace("'", "")
    text = _THOUSANDS.sub(lambda match: match[1].replace(",", ""), text)
    text = "".join(_plain(text)).replace("_", " ")
    text = " ".join(text.split())
    text = (text if articles else " ".join(_ARTICLES.sub(" ", text).split())) or text
    return _HAN_BLANK.sub("", _NUMERAL.sub(_digits, text))


def _plain(text: str) -> list[str]:
    """Return the characters of a text: punctuation without a meaning becomes a blank, a period (as in U.S.) nothing."""
    remainder = {match.start() for match in _KEPT_PATTERN.finditer(text)}
    return [
        letter if at in remainder or not unicodedata.category(letter).startswith("P") else "" if letter == "." else " "
        for at, letter in enumerate(text)
    ]


def _digits(match: re.Match[str]) -> str:
    return str(sum(VALUES[word] for word in match[0].split()))


_NAMES = """π pi θ theta α alpha β beta γ gamma δ delta ε epsilon λ lambda μ mu ν nu ρ rho σ sigma τ tau φ phi ϕ phi χ chi ψ psi ω omega
Γ Gamma Δ Delta Θ Theta Λ Lambda Π Pi Σ Sigma Φ Phi Ψ Psi Ω Omega ∞ infty ≤ le ⩽ le ≦ le ≥ ge ⩾ ge ≧ ge ≠ ne ≈ approx ≒ approx ≡ equiv
≅ cong ∈ in ∉ notin ∪ cup ∩ cap ± pm ∓ mp
∅ emptyset ∖ setminus ∠ angle △ triangle
 ∥ parallel ⊥ perp ⌊ lfloor ⌋ rfloor ⌈ lceil ⌉ rceil ⟨ langle ⟩ rangle
∫ int ∑ sum ∏ prod ∂ partial ∇ nabla → to ⇒ Rightarrow ∀ forall ∃ exists ′ prime"""
_LIKE = """、 , ； ; 。 . ｡ . ！ ! ＜ < ＞ > ｜ | ∣ | ∶ : ＾ ^ ’ ' ʹ ' “ " ” " « " » " „ " ［ [ ］ ] 【 [ 】 ] ｛ \\{ ｝ \\} º ^{\\circ}
˚ ^{\\circ} ° ^{\\circ} ℃ ^{\\circ}C ℉ ^{\\circ}F
ℝ \\mathbb{R} ℤ \\mathbb{Z} ℕ \\mathbb{N} ℚ \\mathbb{Q} ℂ \\mathbb{C} ⅈ i ⅇ e ℯ e 𝑖 i 𝑒 e 𝜋 \\pi ∨ \\lor ∧ \\land"""
_FRACTIONS = "½ 1 2 ⅓ 1 3 ⅔ 2 3 ¼ 1 4 ¾ 3 4 ⅕ 1 5 ⅖ 2 5 ⅗ 3 5 ⅘ 4 5 ⅙ 1 6 ⅚ 5 6 ⅐ 1 7 ⅛ 1 8 ⅜ 3 8 ⅝ 5 8 ⅞ 7 8 ⅑ 1 9 ⅒ 1 10".split()
_RAISED_WORDS, _LOWERED_WORDS, _LEVEL = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₙᵢ", "0123456789+-()ni"
_CIRCLED_TABLE = {chr(0x2460 + place): f"\\textcircled{{{place + 1}}}" for place in range(20)}
_FORMULA_BLANKS = dict.fromkeys("\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u3000\t\r\n\f\v", " ") | dict.fromkeys(
    "\u200b\u2060\ufeff\u2061\u2062", ""
)

_TABLE = str.maketrans(
    dict(zip(_LIKE.split()[::2], _LIKE.split()[1::2], strict=True))
    | {sign: f"\\{name} " for sign, name in zip(_NAMES.split()[::2], _NAMES.split()[1::2], strict=True)}
    | {sign: f"\\frac{{{top}}}{{{under}}}" for sign, top, under in zip(_FRACTIONS[::3], _FRACTIONS[1::3], _FRACTIONS[2::3], strict=True)}
    | _CIRCLED_TABLE
    | _FORMULA_BLANKS
    | {"¢": "\\text{ cents}"}
)
_UP, _DOWN = str.maketrans(_RAISED_WORDS, _LEVEL), str.maketrans(_LOWERED_WORDS, _LEVEL)
_UPS, _DOWNS = lazy_pattern(f"[{re.escape(_RAISED_WORDS)}]+"), lazy_pattern(f"[{re.escape(_LOWERED_WORDS)}]+")
_ROOT = lazy_pattern(r"([∛∜√]) ?(?:\(([^()√]{1,200})\)|\{([^{}√]{1,200})\}|([0-9]+(?:\.[0-9]+)?|\\?[A-Za-z]+))")
_INDEX = {"√": "", "∛": "[3]", "∜": "[4]"}


def latex(text: str) -> str:
    """Return `plain` text with mathematical signs of Unicode as LaTeX and blanks of all kinds as one kind."""
    text = plain(text)
    if text.isascii():
        return text.translate(_BLANKED_TABLE)
    text = _UPS.sub(lambda hit: f"^{{{hit.group().translate(_UP)}}}", text)
    text = _DOWNS.sub(lambda hit: f"_{{{hit.group().translate(_DOWN)}}}", text).translate(_TABLE)
    text = _ROOT.sub(lambda hit: f"\\sqrt{_INDEX[hit[1]]}{{{hit[2] or hit[3] or hit[4]}}}", text)
    return text.translate(_BARE_ROOTS)


_BLANKED_TABLE = str.maketrans(_FORMULA_BLANKS)
_BARE_ROOTS = str.maketrans({sign: f"\\sqrt{index}" for sign, index in _INDEX.items()})


_DOUBLED_PATTERN = lazy_pattern(
    r"(?<!\\)\\\\(?=(?:boxed|[dt]?frac|sqrt|left|right|text|mathrm|mathbf|pi|infty|cdot|times|cup|cap|pm|le|ge|leq|geq|ne|neq|in|begin|end|quad|circ"
    r"|sin|cos|tan|log|ln|theta|alpha|binom|[(){}\[\]%])(?![a-z]))"
)
_GROUPED_PATTERN = lazy_pattern(r"(?<=[0-9])(?: ?\{ ?, ?\}|,?\\!|\\,|\\ |~)\s*(?=[0-9]{3}(?![0-9]))")
_OVER = lazy_pattern(r"\{([^{}]{1,100}?)\\over(?![a-z])([^{}]{1,100})\}")  # plain TeX
_CENTS = lazy_pattern(r"(?<![0-9.,])(?=€|EUR|[0-9]+,[0-9]{2}\s?(?:€|EUR))((?:€|EUR)?\s?[0-9]{1,15}),([0-9]{2})(?![0-9,])")  # 12,50 €
_CODE = lazy_pattern(r"\b(?:US\$?|USD|U\.S\.|EUR|GBP)\s?(?=[¤$]?[0-9])|\b(?:US|U\.S\.) (?=dollars?\b)")
_SIGNS_BEFORE = {"₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₫": "VND", "₱": "PHP", "₦": "NGN", "₪": "ILS", "฿": "THB", "₴": "UAH"}
_CODES_BEFORE = tuple(
    "CHF INR Rs. Rs KRW RUB TRY VND PHP NGN ILS THB UAH CNY RMB JPY SEK NOK DKK PLN MXN BRL ZAR IDR Rp AUD CAD SGD HKD NZD "
    "R$ HK$ NT$ NZ$ A$ C$ S$ R\\$ HK\\$ NT\\$ NZ\\$ A\\$ C\\$ S\\$".split()
)
_LIKE_A_CODE = lazy_pattern(r"[A-Z](?:[A-Zps]|\\?\$)")  # how each code begins
_APART_IN_MONEY = lazy_pattern("[ '’]")
_MONEY_FIRST = lazy_pattern(
    rf"(?P<minus>(?<!\w)[-−]\s?)?(?:(?<![A-Za-z0-9])(?P<code>{'|'.join(map(re.escape, _CODES_BEFORE))})"
    rf"|(?P<sign>[{''.join(_SIGNS_BEFORE)}]))\s?"
    r"(?P<amount>[0-9](?:[0-9.,]|[ '’](?=[0-9]{3}(?![0-9])))*(?<![.,]))(?![A-Za-z0-9^_])"
    r"(?P<scale>\s(?:hundred|thousand|million|billion|lakh|crore)s?\b)?"
)
_EACH_DAY = lazy_pattern(r"(?<=[0-9])\s?/\s?(?=(?:day|week|month|year|hour|person|night|item)s?\b)")
_A_MINUTE = lazy_pattern(r"(?<=[A-Za-z])\s?/\s?min(?![a-z({_\\])")  # min is a function elsewhere
_SQUARE = lazy_pattern(
    r"(?<=[0-9])(?P<gap>\s?)(?:(?P<unit>[kcdm]?m|ft|in|yd)(?P<power>[23])(?![0-9A-Za-z^])|(?P<word>sq|cu)\.?\s?(?=(?:[kcdm]?m|ft|in|yd)\b))"
)
_OVER_O = lazy_pattern(r"(?<=[0-9])\s*\^\s*(?:\{\s*o\s*\}|o(?![A-Za-z])|\\(?:text|mathrm)\{o\})")  # 45^o
_SLASH_FRACTION = lazy_pattern(r"\^(?:\{([0-9]{1,9})\}|([0-9]))\s?/\s?_(?:\{([0-9]{1,9})\}|([0-9]))")  # ^3/_8
_UNION = lazy_pattern(r"(?<=[\])])\s*U\s*(?=[\[(\]])")  # (0, 1] U [2, 3)
_JOINED_SETS = lazy_pattern(r"\\(cup|cap|in|setminus)(?=[\[\]])")
_SIGNS_OF_MONEY = {"E": "€", "G": "£", "U": "¤"}
_ORDINAL = lazy_pattern(  # 12^{\text{th}}
    r"(?<=[0-9])\s*(?:\^\s*)?(?P<brace>\{\s*)?\\(?:text\w{0,2}|mathrm|mbox)\s*\{\s*-?(?:th|st|nd|rd)\s*\}(?(brace)\s*\})"
)
_BOLD = lazy_pattern(r"(?<![0-9A-Za-z)*])\*\*([^*\n]{1,200})\*\*(?!\*)")
_STYLE = lazy_pattern(
    r"\\(?:textcolor|colorbox|color)\s*\{[^{}]{0,30}\}|\\bbox\s*\[[^\]]{0,60}\]"
    r"|\\(?:large|Large|LARGE|huge|Huge|small|tiny|normalsize|scriptstyle|sf|tt|boldmath|mathstrut|ensuremath|mathop|mathord|middle)(?![A-Za-z])"
    r"|\\(?:begin|end)\s*\{(?:aligned|align\*?|gathered|equation\*?|split)\}"
)
_ALIGNS = lazy_pattern(r"&\s*(?=[=<>]|\\[lg]eq?(?![a-z]))")
_TEXTS = lazy_pattern(r"\\(?:texttt|textsc|textmd|emph|underline|mathtt|hbox|mathcal(?=\s*\{[-0-9]))(?=\s*\{)")
_NESTED_PATTERN = lazy_pattern(r"\\text\w{0,6}\s*\{\s*\\text\w{0,6}\s*\{([^{}]{0,300})\}\s*\}")
_CHECKED_PATTERN = lazy_pattern(
    r"(?:\s|\\[,;:! ]|\\q?quad|~|\\(?:checkmark|blacksquare|square|Box|qed)(?![A-Za-z])|[\u2713\u2714\u2705\u220e\u25a0])+\Z"
)
_BRACED_PATTERN = lazy_pattern(r"(?<![A-Za-z])\{\s*(\\(?:log|ln|lg|sin|cos|tan)|\\(?:mathrm|text)\{[CAP]\}|[A-Za-z])\s*\}(?=\s*_)")
_BRACED_LOG = lazy_pattern(r"\{\s*(\\log\s*_\s*(?:\{[^{}]{1,20}\}|[0-9a-z]))\s*\}")
_TIMES_TEN = lazy_pattern(r"(?<=[0-9])(?:\s*[xX]\s*(?=10\s*\^)|\s+[xX]\s+(?=[0-9]))")
_DOTTED_PATTERN = lazy_pattern(r"([0-9]{0,30})\.([0-9]{0,30}?)\\dot\s*\{?([0-9])\}?(?:([0-9]{0,20})\\dot\s*\{?([0-9])\}?)?")
_BRACKETED_PATTERN = lazy_pattern(r"(?<![0-9A-Za-z])([0-9]{1,30})\.([0-9]{0,30})\(([0-9]{1,30})\)(?![0-9A-Za-z^])")
_GOES_ON = lazy_pattern(
    r"([0-9]{1,30})\.([0-9]{0,12}?)(?:([0-9]{1,12}?)\3{2,12}|([0-9]{2,12}?)\4)(?:\.\.\.|\\[lc]?dots(?![A-Za-z]))(?=[\s}]*\Z)"
)
_THOUSANDS_OF_MONEY = lazy_pattern(r"(?<=[¤€£¥])\s*([0-9][0-9.,]*)\s*([kKMB]|bn|mn)\b")
_MONEY = {"k": "thousand", "K": "thousand", "M": "million", "mn": "million", "B": "billion", "bn": "billion"}
_REPEATING_PATTERN = lazy_pattern(r"([0-9]{0,30})\.([0-9]{0,30})(?:\\(?:overline|bar)\s*\{([0-9]{1,30})\}|\\dot\s*\{([0-9]{2,30})\})")
_RATE = lazy_pattern(
    r"([0-9}]\s*)\\frac\s*\{\s*(?:\\(?:text|mathrm)\{)?\s*([A-Za-z]{1,4})\s*\}{1,2}\s*\{\s*(?:\\(?:text|mathrm)\{)?\s*([A-Za-z]{1,4})\s*\}{1,2}"
)
_MONEY_SIGN = lazy_pattern(r"\\(?:text\w{0,2}|mathrm|mbox)\s*\{\s*(\\\$|[€£¥])\s*\}")
_CELSIUS = lazy_pattern(r"\\(?:text\w{0,2}|mathrm|mbox)\s*\{\s*\^\{\\circ\}\s*([CF])\s*\}")
_RAISED_UNIT = lazy_pattern(r"(\\(?:text|textrm|mathrm|operatorname|mbox)\s*\{[^{}]{0,40}\^)\s*\{\s*(-?\s*[0-9])\s*\}")
_ROW_GAP = lazy_pattern(r"\\\\\s*\[\s*-?[0-9.]+\s*(?:pt|em|ex|mm|cm|in)\s*\]|\\(?:cr|tabularnewline|newline)(?![A-Za-z])")
_CHOSEN = lazy_pattern(
    r"(?<![A-Za-z0-9)}])(?:\{\s*\})?\s*[_^]\s*(?:\{\s*([0-9]{1,6})\s*\}|([0-9]))\s*(?:\\(?:mathrm|text|rm)\s*)?\{?\s*([CP])\s*\}?\s*_\s*"
    r"(?:\{\s*([0-9]{1,6})\s*\}|([0-9]))"
)
_MIXED_PATTERN = lazy_pattern(r"(?<![0-9.,/^_])([0-9]{1,30})\s+([0-9]{1,30})\s*/\s*([0-9]{1,30})(?![0-9])")
_SIZES = lazy_pattern(
    r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits|hfill|hline|strut|rm|bf|it|tag\{[^{}]{0,20}\})(?![a-zA-Z])|\\!|\\[()\[\]]"
)
_BLANK = lazy_pattern(r"(?<!\\)\\[,;:> ]|\\q?quad|~|\\(?:hspace|vspace|phantom|hphantom)\*?\{[^{}]{0,20}\}")
_PRICE = lazy_pattern(r"\$(?=\s?\.?[0-9])(?![^$]{0,300}\$)")
_MODULE = lazy_pattern(r"\b(?:np|math)\.(?=[a-z])")
_CIRCLED_SIGNS = lazy_pattern(r"(\\textcircled\s*\{[^{}]{1,4}\})\s*(?=\\textcircled)")
_TURNED_BRACKETS = lazy_pattern(
    r"(?<![A-Za-z0-9}\\])([\[\]])\s*([^,;\[\]{}()]{1,30})\s*[,;]\s*([^,;\[\]{}()]{1,30})\s*([\[\]])(?![A-Za-z0-9{])"
)
_SIGN = lazy_pattern(r"\\[A-Za-z]+|[0-9]+(?:\.[0-9]+)?|[^\s{}]")


def clean(text: str) -> str:
    """Return a formula in one form of LaTeX: no sizes, no formula delimiters, no thousands separators of TeX, mixed numbers as sums."""
    text = _with_round_brackets(_CHECKED_PATTERN.sub("", latex(text)).replace("…", "..."))
    if "\\" in text:
        if _STYLE.search(text):
            text = _STYLE.sub(" ", text)
        text = _TEXTS.sub(r"\\text", text)
        while "\\text" in text and _NESTED_PATTERN.search(text):
            text = _NESTED_PATTERN.sub(r"\\text{\1}", text)
    text = _in_usual_form(text)
    text = _ALIGNS.sub("", text) if "&" in text else text
    if "_" in text and ("C" in text or "P" in text):
        text = _CHOSEN.sub(_chosen, text)
    if "{" in text and "_" in text:
        text = _BRACED_LOG.sub(r"\1", _BRACED_PATTERN.sub(r"\1", text))
    if "\\" in text:
        text = _ORDINAL.sub(r"\\text{ ordinal}", text) if "th}" in text or "st}" in text or "nd}" in text or "rd}" in text else text
        text = _OVER.sub(r"\\frac{\1}{\2}", _DOUBLED_PATTERN.sub(r"\\", text)) if "\\\\" in text or "\\over" in text else text
        text = _RATE.sub(lambda hit: f"{hit[1]}\\text{{ {hit[2]}/{hit[3]}}}" if measures(hit[2]) and measures(hit[3]) else hit[0], text)
        text = _CELSIUS.sub(r"^{\\circ}\1", _MONEY_SIGN.sub(r"\1", text))
        text = _raised_units(text) if "^" in text else text
        text = _GROUPED_PATTERN.sub("", text)
    text = _BOLD.sub(r"\1", text) if "**" in text else text
    text = _GROUPED_PATTERN.sub("", text).replace("{,}", ".").replace("{:}", ":") if "{" in text or "~" in text else text
    text = money_behind(text)
    if "$" in text:
        text = text.replace("\\$", "¤")
        text = _PRICE.sub("¤", text) if text.count("$") % 2 else text
    if "\\" in text or "$" in text or "~" in text:
        text = text.replace("\\%", "%").replace("\\#", "#").replace("\\_", "_").replace("\\&", "&").replace("$", " ")
        text = _CIRCLED_SIGNS.sub(r"\1,", _BLANK.sub(" ", _REPEATING_PATTERN.sub(_repeat, _SIZES.sub("", text))))
    text = _CODE.sub(_sign_of, _CENTS.sub(r"\1.\2", text)) if "US" in text or "EUR" in text or "€" in text or "GBP" in text else text
    text = _SQUARE.sub(_with_power, text) if "2" in text or "3" in text or "sq" in text or "cu" in text else text
    text = _A_MINUTE.sub("/minute", _EACH_DAY.sub(" per ", text)) if "/" in text else text
    text = text.replace("per cent", "percent") if "per cent" in text else text
    text = _MIXED_PATTERN.sub(r"(\1+\2/\3)", text) if "/" in text else text
    if "¤" in text or "€" in text or "£" in text or "¥" in text:
        text = _THOUSANDS_OF_MONEY.sub(lambda hit: f"{hit[1]} {_MONEY[hit[2]]}", text)
    if "x" in text or "X" in text:
        text = _TIMES_TEN.sub(r"\\times ", text)
    if "." in text:
        text = _BRACKETED_PATTERN.sub(
            _repeat, _GOES_ON.sub(_repeat, _DOTTED_PATTERN.sub(_repeated_dots, text) if "\\dot" in text else text)
        )
    return (_MODULE.sub("", text) if "." in text else text).strip()


def _in_usual_form(text: str) -> str:
    """Return the text with degrees, fractions and comparisons that are typed in an unusual way, and with rows and pieces in one form."""
    text = _OVER_O.sub(r"^{\\circ}", text) if "^o" in text or "^{o" in text or "{o}" in text else text
    text = _FACTORIAL_EQUALS.sub("! =", text) if "!=" in text else text
    text = _SLASH_FRACTION.sub(r"\\frac{\1\2}{\3\4}", text) if "/_" in text else text
    text = text.replace("&lt;", "<").replace("&gt;", ">") if "&lt;" in text or "&gt;" in text else text
    return in_pieces(_ROW_GAP.sub(r"\\\\", text)) if "\\begin" in text else text


_FACTORIAL_EQUALS = lazy_pattern(r"(?<=[0-9])!=(?!=)")
_CASES = lazy_pattern(r"\\begin\s*\{d?cases\}.*?\\end\s*\{d?cases\}", re.S)
_COMMA_BEFORE = lazy_pattern(r"\s*[,;:]?\s*&\s*")
_ROW_ENDS = lazy_pattern(r"\s*[,;.]\s*(?=\\\\|\\end\b)")
_IN_CASE = lazy_pattern(  # \\text{if } x > 0, \\text{if $x>0$}
    r"\\(?:text\w{0,2}|mathrm|mbox)\s*\{\s*(?:if|for|when|where)\s*(?:\$([^$]*)\$|([-0-9a-z\s<>=.]*?))\s*\}|(?<![A-Za-z\\{])(?:if|for|when)(?=\s)"
)
_OTHERWISE = lazy_pattern(
    r"\\(?:text\w{0,2}|mathrm|mbox)\s*\{\s*(?:if )?(?:otherwise|else|elsewhere|other)\s*\}|(?<![A-Za-z{ ])\s*(?:otherwise|else)\b"
)


def in_pieces(text: str) -> str:
    """Return a function in pieces with bare conditions: no "if", and one word for "otherwise"."""
    return _CASES.sub(lambda hit: _piece(hit.group()), text) if "cases" in text else text


def _piece(text: str) -> str:
    text = _OTHERWISE.sub(r" \\text{otherwise}", _COMMA_BEFORE.sub(" & ", _ROW_ENDS.sub(" ", text.replace("dcases", "cases"))))
    return _IN_CASE.sub(lambda hit: f" {hit[1] or hit[2] or ''} ", text)


def money_behind(text: str) -> str:
    """Return the text with the signs and codes of currencies that stand before an amount behind it: ₹1,200, CHF 12 and R$5."""
    if text.isascii() and not (_LIKE_A_CODE.search(text) and any(code in text for code in _CODES_BEFORE)):
        return text
    return _MONEY_FIRST.sub(_behind, text)


def _behind(hit: re.Match[str]) -> str:
    code = _SIGNS_BEFORE[hit["sign"]] if hit["sign"] else hit["code"].rstrip(".").replace("\\", "")
    code = "USD" if code.endswith("$") and code != "R$" else {"Rs": "INR", "R$": "BRL", "Rp": "IDR", "RMB": "CNY"}.get(code, code)
    return f"{'-' if hit['minus'] else ''}{_APART_IN_MONEY.sub('', hit['amount'])}{hit['scale'] or ''} {code}"


def _with_power(hit: re.Match[str]) -> str:
    """Return a power of a unit in LaTeX: m2, sq. m."""
    if hit["word"]:
        return " square " if hit["word"] == "sq" else " cubic "
    return f"{hit['gap']}{hit['unit']}^{hit['power']}"


def _sign_of(code: re.Match[str]) -> str:
    """Return the sign of a currency for its code before a figure; nothing before a sign or the word."""
    return _SIGNS_OF_MONEY[code.group()[0]] if code.string[code.end() : code.end() + 1].isdigit() else ""


def _with_round_brackets(text: str) -> str:
    if "[" not in text and "]" not in text and "U" not in text:
        return text
    return _TURNED_BRACKETS.sub(_interval, _JOINED_SETS.sub(r"\\\1 ", _UNION.sub(r"\\cup ", text)))


def _interval(hit: re.Match[str]) -> str:
    """Return `[0;1[` and `]0,1]` with round brackets in place of those that are turned outwards."""
    opens, low, high, closes = hit.groups()
    if opens == "[" and closes == "]" and ";" not in hit.group():
        return hit.group()
    return f"{'[' if opens == '[' else '('}{low},{high}{']' if closes == ']' else ')'}"


def _repeat(hit: re.Match[str]) -> str:
    """Return a repeating decimal as a fraction: 0.1\\overline{6} as 15/90."""
    whole, fixed_part, again = hit[1] or "0", hit[2], hit[3] or hit[4]
    under = 10 ** len(fixed_part) * (10 ** len(again) - 1)
    return f"\\frac{{{int(whole + fixed_part + again) - int(whole + fixed_part)}}}{{{under}}}"


def _raised_units(text: str) -> str:
    """Return the text with powers of units without braces: `\\mathrm{m\\,s^{-2}}` as `\\mathrm{m s^-2}`."""
    text = _BLANK.sub(" ", text)
    while _RAISED_UNIT.search(text):
        text = _RAISED_UNIT.sub(r"\1\2", text)
    return text


def _chosen(hit: re.Match[str]) -> str:
    """Return `{}_{10}C_3` or `^{10}C_3` as a binomial; with P, as a number of arrangements."""
    n, k = hit[1] or hit[2], hit[4] or hit[5]
    return f"\\binom{{{n}}}{{{k}}}" if hit[3] == "C" else f"A_{{{n}}}^{{{k}}}"


def _repeated_dots(hit: re.Match[str]) -> str:
    """Return a repeating decimal with dots as a fraction: 0.1\\dot{6} as 15/90, 0.\\dot{1}4285\\dot{7} as 1/7."""
    if hit.string[hit.end() : hit.end() + 1].isdigit():
        return hit.group()
    again = hit[3] + (f"{hit[4]}{hit[5]}" if hit[5] else "")
    whole, fixed_part = hit[1] or "0", hit[2]
    return f"\\frac{{{int(whole + fixed_part + again) - int(whole + fixed_part)}}}{{{10 ** len(fixed_part) * (10 ** len(again) - 1)}}}"


def spelled(text: str) -> list[str]:
    """Return the signs of a formula without blanks, sizes and dollars, which two ways to type one formula share."""
    return _SIGN.findall(clean(text.strip().rstrip(".。．")).replace("\\cdot", "\\times").replace("*", "\\times "))
