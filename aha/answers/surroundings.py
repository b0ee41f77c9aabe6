"""The text around a box that belongs to its claim: a sign, a power, a unit of its formula, a scale word, a denial.

Also claims without the colours, sizes and labels around them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from aha.answers.closings import is_denied
from aha.answers.context import taken_back
from aha.answers.grammar import kinds, leads
from aha.answers.lexicon import QUANTITIES, SCALE
from aha.answers.replies import Box, boxes, closes
from aha.answers.symbols import bare
from aha.answers.units import measures
from aha.lazy import lazy_pattern

_ROOM = 80

_BLANKS = lazy_pattern(
    r"(?:\s|\\[,;:! ]|~|[{*_`\"“”'‘]|&|\\(?:left|right|displaystyle|textstyle|large|Large|LARGE|huge|Huge|bf|rm|bm"
    r"|boldsymbol|mathbf|textbf|text|mbox"
    r"|color\{[^{}]{0,20}\}|textcolor\{[^{}]{0,20}\}|underline|quad|qquad)(?![A-Za-z]))+\Z"
)
_OPENS = lazy_pattern(r"(?:\$|\\[(\[])\Z")
_COMMAND = lazy_pattern(r"\\([A-Za-z]+)\Z")
_WORD = lazy_pattern(r"([A-Za-z'’]+)\Z")
_TEXT_BEFORE = lazy_pattern(r"\\(?:text\w{0,6}|mbox|mathrm)\s*\{([^{}]*)\}\Z")
_QUOTED_PATTERN = lazy_pattern(r"(?:(?:^|\n)[ \t]*|<[/A-Za-z][^<>\n]{0,20}|=)>\Z")
_BULLET = lazy_pattern(r"(?:^|\n)[ \t]*[-*•][ \t]+\Z")
_ACCEPTS = frozenset(
    "approx in to rightarrow longrightarrow Rightarrow Longrightarrow implies iff therefore because equiv cong simeq "
    "doteq colon quad qquad "
    "hfill text end".split()
)
_BOUNDS = frozenset("le leq leqslant leqq ge geq geqslant geqq lt gt ne neq ll gg nless ngtr".split())
_OPERATIONS = frozenset("plus times over twice double half thrice triple than except unlike".split())
_SUSPECT = _OPERATIONS | frozenset("not never nicht than minus negative least most above below under up to between".split())
_INDEX = lazy_pattern(r"(?<![_*\s])_\{\s*\Z")  # a_{
_PART_OF = lazy_pattern(
    r"(?i)\b(?:(?:factors?|divisors?|multiples?|digits|powers?|elements?|members?|subsets?) of"
    r"|ha(?:s|ve) (?:the|an?) (?:[a-z]+ )?(?:factor|divisor|multiple|digit|term))\s*(?:\$|\\[(\[])?\s*\Z"
)
_IN_BASE = lazy_pattern(r"[\s$)\\]*\sin base[\s-]\$?([0-9]{1,2})\b")
_SECOND_UNIT = lazy_pattern(r"\s*([A-Za-z]+)(\s[0-9]+\s?)([A-Za-z]+)(?![A-Za-z^])")  # min 30 s
_DENIES = lazy_pattern(
    r"(?i)(?:\bnot(?: (?:quite|exactly|really)\b[:,]?)?|n['’]t|\bnever|\bnicht|不是|不等于|\bthan|≠)\s*(?:\$|\\[(\[])?\s*\Z"
)
_BOUNDED_PATTERN = lazy_pattern(
    r"(?i)(?:(?:\b(?:is|are|be|was|equals)|[:=]|^|\n)"
    r"\s*(?:strictly |also |just |slightly |well |only )?(?:at (?:least|most)|above"
    r"|(?:more|less|fewer|greater|larger|smaller) than|below|over|under|up to|between)|大于|小于|至少|至多|超过)\s*(?:\$|\\[(\[])?\s*\Z"
)
_LAST_SIDE = lazy_pattern(
    r".*(?:=|≈|\\(?:approx|in|equiv|[rR]ightarrow|implies|to)(?![A-Za-z])|\$|\\[(\[]|&|\\\\|\n|(?<!\\)(?:[:,]\s|;)|\\end\{\w+\}|(?<![A-Za-z\\])[A-Za-z]{3,}\s)",
    re.S,
)
ATTACHMENTS = lazy_pattern(r"_(?:\{[^{}\n]{1,20}\}|[0-9]{1,2})|\^\s*\{?\s*\\circ\s*\}?(?:\s*[CF]\b)?|°[CF]?|[ \t]?\\?%")
_ENDS = lazy_pattern(
    r"(?:\s|\\[,;:! ]|~)*(?:\Z|\$|\\[)\]]|(?:=|≈|\\(?:equiv|approx|cong)(?![A-Za-z]))(?!\s*-?[0-9.,]+\s*(?:[$.,;]|\\"
    r"[)\]]|\Z))|[.,;:](?![0-9])|[&}\])*`\"”'’。，；）？?]|<(?=/?[a-z]+\s?/?>|[|｜])|\\\\|\\end\b|\\q?quad\b|\\tag\b|\\(?:checkmark|blacksquare|square|Box|qed)\b|\n"
    r"|\(?\\[pb]?mod(?![A-Za-z]))"
)
_IN_TEXT = lazy_pattern(r"\\(?:mathrm|text|textrm|mbox|operatorname|rm)\s*\{[^{}]{0,60}\}")
_UNITS = lazy_pattern(
    r"(?:\s|\\[,;:! ]|~|[{}\[\]()/.,·]|\\(?:cdot|mu|Omega|AA|circ|degree|prime|frac)(?![A-Za-z])|\^|-?[0-9]|°|[A-Za-zµμΩÅ])*"
)
_GOES_ON = lazy_pattern(
    r"[ \t]+(?:[=+*/^<>≤≥≠±×·÷]|[-–−](?=\s?[0-9\\(])|\\(?:cdot|times|div|pm|leq?|geq?|neq?|approx|sqrt|pi|to|sim)(?![A-Za-z]))"
)
_QUICK_END = lazy_pattern(r"[.,]?(?:\$|\\[)\]])?[.,]?(?:\s*\Z|\s+\[asy\])")
_MULTIPLE = lazy_pattern(  # 2x =, n/2 =
    r"(?:^|[\s$(\[:,])(?:[-−]?[0-9]+\s?[a-cknt-z]|[a-cknt-z]\s?/\s?[0-9]+|\\[dt]?frac\{[a-cknt-z]\}\{[0-9]+\})\s*=\Z"
)
_NAMES_A_MULTIPLE = lazy_pattern(  # the distance is 2c =, AC = 5x =, sin 2x =
    r"(?:[=+−-]|\b(?:is|are|was|measures?|equals)|(?<!\b[Ww]e )\b(?:had|has)|\\[a-z]{2,6})[\s$(]*[-−]?[0-9]+\s?[a-z]\s*=\Z"
)
_NUMBER_ONLY = lazy_pattern(r"(?:^|\n)\s*[0-9]+\Z")
_JOINED_PATTERN = lazy_pattern(r"(?:\s|\\[,;:! ]|~)*\\text\s*\{\s*(?:or|and|not|but)\b")
_UNIT = lazy_pattern(r"(?:\s|\\[,;:! ]|~)*\\(?:text|textrm|mbox|mathrm|textbf|rm)\s*\{([^{}]{0,60})\}(?:\s*\^\s*\{?[23]\}?)?")
_CLOSES = lazy_pattern(r"\$|\\[)\](\[]")
_SEGMENT = lazy_pattern(r"[^$\n]{1,120}?(?=\$|=|≈|\\(?:approx|simeq|equiv)(?![A-Za-z])|\\[)\]]|\\\\|\\end\b|\n|[,;.。](?:\s|$|\$|\\)|\Z)")
_LETTER = lazy_pattern(r"(?:\\(?:text|textbf|mathrm|mathbf)\s*\{)?\s*\(?[A-Z]\)?\.?\s*\}?")  # the letter of an option
_CLOSERS = r"[\s$*)\]}\\]{0,8}?"
_SCALED_PATTERN = lazy_pattern(rf"(?i){_CLOSERS}[\s-]*({SCALE})\b")
_MORE = lazy_pattern(
    rf"(?i){_CLOSERS}\s*,?\s*\(?\b(or (?:more|less|fewer|above|below|greater|larger|smaller|higher|lower)|and (?:above"
    rf"|below|up)|at (?:least|most))\b|[\s$]*\+[\s$.]*$"
)
_OTHERWISE = lazy_pattern(
    rf"(?i){_CLOSERS}\s*,?\s*\(?\b(?:or|to|through)\b\s+(?:maybe |possibly |perhaps |just )?(?![^\n]{{0,8}}f?box)(\$[^$\n]{{1,60}}\$"
    rf"|\\\([^$\n]{{1,60}}\\\)|-?[0-9][0-9.,/]*)"
)
_SIGN_BEHIND = lazy_pattern(r"[}\s]{0,3}(?:\$|\\\)|\\\])\s?(\\?%|[kK](?![A-Za-z])|(?:bn|mln)\b)")
_UNIT_BEHIND = lazy_pattern(  # in the sentence behind the formula of a box, as in $\\boxed{12}$ square centimetres
    r"[}\s]{0,3}(?:\$|\\\)|\\\])\s{1,2}"
    r"(?P<unit>(?:square |cubic )?(?P<words>[A-Za-zµμΩ°]{1,20}(?:(?:/| per )[A-Za-z]{1,12})?)(?:²|³|\^\{?[23]\}?)?)"
    r"(?=(?:\s(?:long|wide|high|tall|deep|thick|apart|away|each)|\sof\s[a-z]+(?:\s[a-z]+)?)?(?:[.,;:!?)]|\s*\n|\s*\Z))"
)
_UNIT_SIGN = lazy_pattern(r"\\(?:mu|Omega|AA|circ|degree|prime)(?![A-Za-z])")
_UNIT_WORDS = lazy_pattern(r"(?<!\\)\b[A-Za-zµμΩÅ]+")
_UNEQUAL = lazy_pattern(r"(?:^|\s)!=\Z")
_APPLICATION = lazy_pattern(r"[A-Za-z0-9}]\(\Z")
_DASH = lazy_pattern(r"[A-Za-z:*]\s+[-–]\s+\Z")
_FORMULA_END = lazy_pattern(r"(?:\\text\w*\{[^{}]*\}|\\\))[\s&]*\Z")


_TAKEN_OF_NUMBERS = frozenset("derivative integral function polynomial determinant matrix vector limit".split())
_QUANTITIES = "|".join(
    word
    for word in f"{QUANTITIES} value total answer result count cost score figure solution size sort kind form case need use".split()
    if word not in _TAKEN_OF_NUMBERS
)
_OPERATION_BEFORE = lazy_pattern(  # the square root of $\\boxed{7}$, the product of 2 and
    r"(?i)(?:\bthe (?:(?!final |grand |total |same |new |correct |right |overall |exact )[a-z]+ ){0,2}"
    rf"(?!(?<!absolute )(?:{_QUANTITIES})s? of)[a-z]+ of"
    r"|\b(?:root|logarithm|log|reciprocal|inverse|derivative|integral|factorial|floor|ceiling|sine|cosine|tangent|complement) of"
    r"|\b(?:product|sum|average|mean|difference|quotient|ratio|gcd|lcm|maximum|minimum|larger|smaller) of [-$\\(0-9a-z^{})]{1,20} and"
    r"|\b(?:anything|everything|all) (?:but|except|other than)"
    r"|\b(?:days?|weeks?|months?|years?|hours?|minutes?|numbers?|integers?|digits?|letters?|ones?"
    r"|primes?) (?:after|before|following|preceding)"
    r"|\b(?:racine(?: \w+)?|carré|cube|double|triple|moitié|inverse|opposé|logarithme|tiers|quart|cuadrado|cubo|doble|mitad|raíz(?: \w+)?"
    r"|inverso|opuesto|logaritmo|tercio|quadrato|doppio|metà|radice(?: \w+)?|quadrado|dobro|metade|raiz(?: \w+)?) d(?:e|i|el|o|a|')"
    r"|\b(?:Kehrwert|Quadrat|Quadratwurzel|Wurzel|Doppelte|Dreifache|Hälfte|Logarithmus|Drittel|Viertel|Gegenzahl) von)[\s$\\(\[{*]*\Z"
)
_OPERATION_BEHIND = lazy_pattern(  # $\\boxed{7}$ cubed, 是$\\boxed{7}$的平方根
    r"(?i)[\s$)\]}\\*]{0,6}(?:(?:cubed|squared|halved|doubled|tripled|factorial|plus|minus|divided|multiplied|raised)\b"
    r"|(?:over|choose|less|point|times) (?:[$\\(]{0,3}[0-9b-hj-z](?![a-z])|(?:one|two|three|four|five|six|seven|eight|nine|ten|itself)\b)"
    r"|to the (?:power|[a-z]+ power)\b|and a (?:half|third|quarter)\b"
    r"|[的の](?:平方|立方|一半|半分|[两二三四五六七八九十0-9]+倍|倒数|逆数|相反数|绝对值|对数|二乗|三乗|[二三四五六七八九十]分之)"
    r"|[减加乘除][以去上]?\s?[$\\(]{0,3}[0-9一二三四五六七八九十]|의 ?(?:제곱|세제곱|절반|두 ?배|세 ?배|역수))"
)
_GLUED_PATTERN = lazy_pattern(r"[0-9][.,]?\Z|(?:\A|[\s$(\-−+])\.\Z")  # $0.\\boxed{12}$


@dataclass(frozen=True)
class HeldText:
    """The claim of a box with the text around it that belongs to it, and the index where that ends."""

    text: str
    end: int


DENIALS = HeldText("", -1)


def around(text: str, box: Box, *, last: bool = True) -> HeldText:
    """Return the content of a box with the text that belongs to it, or DENIALS if the text around it denies or bounds it. After a box that
    is not the `last`, only a base, a percent sign or degrees are added."""
    content, start, end = box
    content = _open(content).strip()
    head = text[max(0, start - _ROOM) : start]
    sign = before(head, content if last else "")
    if sign is None:
        return DENIALS
    if last and _OPERATION_BEHIND.match(text, end):
        return DENIALS
    hit = ATTACHMENTS.match(text, end)
    after, ends = (hit.group(), hit.end()) if hit else ("", end)
    if last and not hit and not _QUICK_END.match(text, end) and not _LETTER.fullmatch(content):
        after, ends = _after(text, end, inside=_inside(text, start, end))
    if after[:1] in "=≈" and not content.replace(",", "").replace(".", "").isdigit():
        after = ""
    if sign or (after and not ATTACHMENTS.fullmatch(after) and after[0] not in " ,\\"):
        content = f"{{{content}}}"
    return HeldText(f"{sign}{content}{after}".strip(), ends)


def stands_alone(text: str, box: Box) -> bool:
    """Return True if nothing before a box joins it to a formula, denies it, bounds it or only estimates it."""
    return before(text[max(0, box[1] - _ROOM) : box[1]], _open(box[0]).strip()) == ""


_ESTIMATED_PATTERN = lazy_pattern(
    r"(?i)(?:\b(?:about|around|roughly|approximately|approx\.?|circa)|(?P<sign>[≈≃~]|\\(?:approx|simeq|sim)(?![a-z])))[\s$*({\[\\]*\Z"
)
_ESTIMATES = tuple("about round roughly approximately approx approx. circa simeq sim ≈ ≃ ~".split())  # how its words end
_OPENERS = "*({[$\\" + "".join(filter(str.isspace, map(chr, range(0x3001))))
_ROUNDS = lazy_pattern(r"(?i)\b(?:round|near|clos|estimat)|約|四舍五入")
_WHOLE = lazy_pattern(r"[-−]?[0-9][0-9,{}]*")


def _is_estimated(head: str, content: str) -> bool:
    """Return True if the text before a whole number only estimates it, as in "about" and "x ≈"; a value rounded to it is no estimate."""
    hit = _ESTIMATED_PATTERN.search(head)
    if hit is None or not _WHOLE.fullmatch(content.strip()) or _ROUNDS.search(head):
        return False
    return not (hit["sign"] and re.search(r"[0-9]", _side(head[: hit.start()])))


def attachment(text: str) -> int:
    """Return the length of the base, percent sign or degrees at the start of what follows a box."""
    hit = ATTACHMENTS.match(text)
    return hit.end() if hit else 0


def _open(content: str) -> str:
    """Return the content of the inner box if a box holds nothing but a box, else the content itself."""
    if "ox" not in content:
        return content
    hit = boxes(content)
    return hit[0][0] if len(hit) == 1 and not (content[: hit[0][1]] + content[hit[0][2] :]).strip() else content


def before(head: str, content: str = "") -> str | None:
    """Return the operators before a box that belong to its formula, mostly none, or None if the box is denied, is a bound or estimates its
    `content`."""
    bare = head.rstrip()
    if content[:1].isdigit() and _GLUED_PATTERN.search(head):
        return None
    if _OPERATION_BEFORE.search(head):
        return None
    if bare[-1:] == "=" and bare[-2:-1] != "!":
        return None if _MULTIPLE.search(bare) and not _NAMES_A_MULTIPLE.search(bare) else ""
    if content and head[-30:].rstrip(_OPENERS)[-13:].lower().endswith(_ESTIMATES) and _is_estimated(head, content):
        return None
    words = bare.rstrip("$([\\ \n")
    if (bare[-1:] == "$" or bare[-2:] in ("\\(", "\\[")) and not words.endswith(" of"):
        last = words.rpartition(" ")[2].rstrip(":")
        if last.isascii() and last.isalpha() and last.lower() not in _SUSPECT:
            return ""
    return _looked_at(head)


def _looked_at(head: str) -> str | None:
    """Return the same as `before` for text that does not end in the usual `is $` or `=`."""
    if _DENIES.search(head) or _BOUNDED_PATTERN.search(head) or _INDEX.search(head) or _PART_OF.search(head):
        return None
    bare = _BLANKS.sub("", head)
    if words := _TEXT_BEFORE.search(bare):
        bare = _BLANKS.sub("", words[1])
    bare = _BLANKS.sub("", _OPENS.sub("", bare)) if _OPENS.search(bare) else bare
    if not bare or bare[-1] in "=:.,;|$]≈。：，）、？?!…—\\":
        return None if _UNEQUAL.search(bare) else ""
    if bare[-1] == "(":
        return None if _APPLICATION.search(bare) else ""
    if bare[-1] in "<>≤≥≠":
        return "" if _QUOTED_PATTERN.search(bare) else None
    if (command := _COMMAND.search(bare)) and command[1] != "n":
        return None if command[1] in _BOUNDS else "" if command[1] in _ACCEPTS else _side(head)
    if (word := _WORD.search(bare)) and len(word[1]) == 1 and word[1] not in "aA" and _in_formula(head):
        return _side(head)  # $n \\boxed{7}$
    if word:
        low = word[1].lower()
        return "-" if low in ("minus", "negative") else None if low in _OPERATIONS else ""
    if bare.endswith(("++", "\\n")) or (bare[-1] in "-–−" and (_BULLET.search(head) or (_DASH.search(head) and not _in_formula(head)))):
        return ""
    if _NUMBER_ONLY.search(bare) and bare != head:
        return None
    if bare[-1] in ")}" or (bare[-1].isdigit() and bare != head):
        return "" if not _in_formula(head) else _side(head)
    return _side(head) if bare[-1] in "-–−+*/^_±∓×·÷√" or bare[-1].isdigit() else ""


def _in_formula(head: str) -> bool:
    """Return True if the text before a box is a formula that continues into the box."""
    if head.rfind("\\[") > head.rfind("\\]") or head.rfind("\\(") > head.rfind("\\)"):
        return not _FORMULA_END.search(head)
    return not _FORMULA_END.search(head) and head.count("$") % 2 == 1 and not head.rstrip().endswith("$")


def _side(head: str) -> str:
    """Return the part of the formula before the box, from its last equality sign on."""
    hit = _LAST_SIDE.match(head)
    return head[hit.end() :] if hit else head


def _measures(segment: str) -> bool:
    """Return True if the rest of a formula is nothing but units."""
    bare = _IN_TEXT.sub(" ", segment)
    words = _UNIT_WORDS.findall(bare)
    return (
        words[:1] not in (["squared"], ["cubed"])
        and (bool(words) or bare != segment or _UNIT_SIGN.search(segment) is not None)
        and _UNITS.fullmatch(bare) is not None
        and all(map(measures, words))
    )


def _inside(text: str, start: int, end: int) -> bool:
    """Return True if the box stands within a formula, judged by the next delimiter that closes one."""
    close = _CLOSES.search(text, end, end + 200)
    if close is None:
        return False
    return close.group() in ("\\)", "\\]") or (close.group() == "$" and text.count("$", 0, start) % 2 == 1)


def _after(text: str, end: int, *, inside: bool) -> tuple[str, int]:
    """Return the text after a box that belongs to it, and the index where that ends."""
    if _JOINED_PATTERN.match(text, end):
        return "", end
    if (hit := _UNIT.match(text, end)) and _ENDS.match(text, hit.end()):
        return hit.group(), hit.end()
    if (hit := _IN_BASE.match(text, end)) and hit[1] != "10":
        return f"_{{{hit[1]}}}", hit.end()
    if (hit := _SECOND_UNIT.match(text, end)) and measures(hit[1]) and measures(hit[3]):
        return f" {hit.group().strip()}", hit.end()
    if (hit := _SEGMENT.match(text, end)) and _measures(hit.group()):
        return "", hit.end()
    if not _ENDS.match(text, end) and (inside or text[end : end + 1] not in (" ", "\t") or _GOES_ON.match(text, end)):
        hit = _SEGMENT.match(text, end)
        return (hit.group(), hit.end()) if hit else ("", end)
    if hit := _SCALED_PATTERN.match(text, end):
        return f" {hit[1]}", hit.end()
    if hit := _SIGN_BEHIND.match(text, end):
        return hit[1], end
    if (hit := _UNIT_BEHIND.match(text, end)) and all(map(measures, hit["words"].replace("/", " ").replace(" per ", " ").split())):
        return f"\\text{{ {hit['unit']}}}", end
    if hit := _MORE.match(text, end):
        return f" {hit[1] or '+'}", hit.end()
    if hit := _OTHERWISE.match(text, end):
        return f" or {hit[1]}", hit.end()
    return "", end


_INFIX = lazy_pattern(r",|\\(?:over|choose)(?![a-z])")
_STYLED_PATTERN = lazy_pattern(
    r"\\(?:textcolor|colorbox|color)\s*\{[^{}]{0,30}\}|\\bbox\s*\[[^\]]{0,60}\]"
    r"|\\(?:begin|end)\s*\{(?:align|aligned|gather|gathered|equation|split)\*?\}|\\(?:underline|emph|texttt|mathtt|boldsymbol|bm|mathit|large|Large|LARGE|huge|Huge|small|displaystyle)(?![A-Za-z])\s*"
)
_BLANK = r"\s|(?<!~)~(?!~)|\\[,;:! ]|\\(?:q?quad|checkmark|blacksquare|square|Box|qed)(?![A-Za-z])"
_EDGES = lazy_pattern(rf"\A(?:{_BLANK}|\\(?:therefore|implies|[rR]ightarrow|Longrightarrow)(?![A-Za-z]))+|(?:{_BLANK})+\Z")
_ONE_CELL = lazy_pattern(r"\\begin\{(array|matrix)\}(?:(?<=array\})\{[a-z|]{1,4}\})?([^&\\]*(?:\\(?!\\|end)[^&\\]*)*)\\end\{\1\}")
_IS = r"(?:\s+is(?![\w'’])|\s*[:=])"
_LABEL = lazy_pattern(
    rf"(?i)\A\s*(?:\\text\w{{0,2}}\s*\{{\s*(?:(?:the )?(?:final )?answer(?: is)?\s*[:=]?)\s*\}}|(?:the )?(?:final )?answer{_IS})\s*"
)
_NAMED_FORM = lazy_pattern(  # \\text{The point } (2, 1)
    r"(?i)\A\s*\\text\w{0,2}\s*\{\s*(?:(?:the|an?) )?(?:ordered (?:pair|triple)|pair|triple|point|set|interval|line|vector"
    r"|matrix|polynomial|function|equation|solution(?: set)?)"
    r"(?: is)?\s*[:=]?\s*\}\s*(?=[\\(\[{a-zA-Z])"
)
_LABELLED_PATTERN = lazy_pattern(r"(?i)\A\s*(\\text\w{0,2}\s*\{)\s*(?:the )?(?:final )?answer(?:\s+is(?![\w'’])|\s*[:=])\s*(?=[^\s}])")


def without_style(text: str) -> str:
    """Return a claim without colours, sizes, lines and the label "Answer:" around it."""
    if "\\" not in text and "~" not in text and "nswer" not in text:
        return text
    text = _EDGES.sub("", _STYLED_PATTERN.sub("", text))
    text = _ONE_CELL.sub(r"\2", text) if "array" in text or "{matrix" in text else text
    while (whole := text.strip()).startswith("{") and closes(whole, 0) == len(whole) - 1 and not _INFIX.search(_IN_TEXT.sub("", whole)):
        text = whole[1:-1].strip("$ ")
    text = _NAMED_FORM.sub("", text)
    return _LABELLED_PATTERN.sub(r"\1", _LABEL.sub("", text)) if "nswer" in text.lower() else text


_WORD_STARTS = lazy_pattern(r"(?<![\w$\\{'’-])(?=[^\W_]|[$\\])")
_UNSTATED_PATTERN = lazy_pattern(r"(?i)\b(?:not|cannot|hardly|never|no|if|whether|or|wrong|incorrect|false|doubt|disagree)\b|n['’]t\b")
_ARTICLE = lazy_pattern(r"(?i)\b(?:an?|the)\s+\Z")
_IS_SO = lazy_pattern(r"i[^biuy]*\Z|[biuy][^biuy]*q[^biuy]*\Z|=[^biuy]*\Z")  # is, must be, takes place on
_REPRESENTS = lazy_pattern(r"(?i)\b(?:represents?|denotes?|becomes?|remains?|equals)\s+\Z")
_LONGEST_PREDICATE = 12  # words


def states_words(text: str, is_it: Callable[[str], bool]) -> bool:
    """Return True if the last line ends by stating that something is what `is_it` accepts, as in "it will be a Monday"."""
    line = bare(text.strip().rpartition("\n")[2]).rstrip(".! ")
    for start in reversed([hit.start() for hit in _WORD_STARTS.finditer(line)][-_LONGEST_PREDICATE:]):
        if is_it(line[start:]):
            head = _ARTICLE.sub("", line[:start])
            head = _REPRESENTS.sub("is ", head)
            plain = head.isascii() and "=" not in head and "~" not in head and not _UNSTATED_PATTERN.search(head)
            return plain and _IS_SO.search(kinds(head)) is not None and leads(head) == "states" and not is_denied(line, start)
    return False


_YES_NO = lazy_pattern(r"(?i)\s*[*_]{0,2}(yes|no)\b[*_]{0,2}[.,:!;—–-](?=[*_]{0,2}\s)")
_YES_NO_LATER = lazy_pattern(r"(?i)\b(?:no|yes|wait|actually|but|however|unless|not sure|maybe|perhaps|hmm|if)\b|\?")


def opens_with(text: str) -> str:
    """Return the yes or no that a sentence opens with, or an empty string if what follows may take it back."""
    opening = _YES_NO.match(text)
    rest = text[opening.end() :] if opening else ""
    return opening[1].lower() if opening and not _YES_NO_LATER.search(rest) and not taken_back(rest) else ""
