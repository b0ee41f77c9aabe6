"""Endings of replies in many languages: one value instead of another, a check after the claim, words that take it back, and sentences
that say how many there are. The words of each language are in `aha/answers/languages.py`; the code that applies them is here."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from aha.answers import languages
from aha.answers.context import denied_before
from aha.answers.grammar import doubted_in_han, kinds
from aha.answers.languages import LANGUAGES, Language
from aha.answers.rephrasing import VALUE
from aha.answers.units import known_unit
from aha.lazy import lazy_pattern

_CHECK = lazy_pattern(rf"(?is)\n[ \t]*(?:[(]|\*\*|#{{1,4}} ?)?(?:{languages.CHECKS})(?:\*\*)?[ \t]*[:：](?:\*\*)?(?P<result>.*)\Z")
_CHECKED_INLINE = lazy_pattern(r"(?i)(?<=[.!*])\s+(?:let['’]s|let us|to|we can) (?:verify|(?:double-)?check)\b(?P<result>[^\n]{2,200})\Z")
_FAILS = lazy_pattern(rf"(?i)\b(?:{languages.FAILS})\b|n['’]t\b|{languages.FAILS_IN_PART}")
CONFIDENT = (
    r"(?:and\s)?i(?:['’]m|\sam)\s(?:(?:pretty|quite|fairly|very|absolutely|rather)\s)?(?:sure|certain|confident|positive)"
    r"(?:\s(?:of|about)\s(?:it|that|this))?"
)
_REMARK = lazy_pattern(
    r"(?i)\s*\(?(?:\*+)?a (?:common|typical|frequent) (?:mistake|error|slip) (?:is|would be) to [^.\n]{1,120}[.]?\)?\s*\Z"
    rf"|(?:,|\.|\s[—–-])\s{CONFIDENT}[.!]?\s*\Z"
)
_SMILES = lazy_pattern("[\\s\u2600-\u2604\u2606-\u2712\u2714\u2719-\u274b\u2753-\u27bf\ufe0f\U0001f300-\U0001faff]+\\Z")
_SMILES_FIRST = lazy_pattern("\\A[\\s\u2600-\u2604\u2606-\u2712\u2714\u2719-\u274b\u2753-\u27bf\ufe0f\U0001f300-\U0001faff]+(?=\\S)")
_CROSS = lazy_pattern(r"[\s*_$)}\]]*[.。]?\s*(?:❌|✗|✘|🚫|❎)")
_TAKES_BACK = lazy_pattern(f"(?i){languages.TAKES_BACK}")
_ERRATUM = lazy_pattern(rf"(?i)(?:\n|^)[ \t]*(?:[*_#]{{1,4}})?(?:{languages.ERRATA})[*_]{{0,3}}[ \t]*[:：]")
UNDECIDED_WORDS = lazy_pattern(  # the end of a reply that leaves the choice open
    r"(?i)\b(?:(?:are|were|is) not (?:told|said|given|known|stated) (?:which|whether)|(?:cannot|can['’]t"
    r"|could not) (?:tell|say|know) (?:which|whether)"
    r"|(?:depends on|unclear|not clear) which (?:case|of)|we are not told|(?:would )?need (?:more|further) (?:data|information|details))"
    r"\b[^.\n]{0,60}[.!]?\s*\Z|\b(?:is|are) (?:one|some|any) of (?:the following|these)\b[^.\n]{0,80}[.!]?\s*\Z"
    r"|(?:无法|無法|不能|难以|難以)(?:确定|確定|判断|決定|决定)|不(?:确定|確定|知道)|拿不准"
    r"|(?:わから|分から|決められ|判断でき)(?:ない|ません)|모르겠|확실하지 않"
)
_LETTER = lazy_pattern(r"[^\W\d_]")
_CORRECTED_PATTERN = lazy_pattern(
    rf"(?i)(?:[.,;!?\n—–-]|\.\.\.)\s*(?:{languages.CORRECTS})\b(?:[\s,.:;!…—–]+(?:{languages.CORRECTS})\b)*(?P<text>[^.!?\n]{{0,60}})"
)
_INSTEAD = lazy_pattern(rf"(?i)[\s,.:;!…—–]*(?:(?:{languages.IS})\s+)?(?P<value>{VALUE})\W*\Z")
_CLOSES_AFTER = lazy_pattern(
    r"\n[ \t]*\n\s*(?=(?:[*_]{1,2})?(?:So|Thus|Hence|Therefore|In total|Altogether|Also|Insgesamt|Donc|Ainsi|Así que)\b)"
)
_SUPPOSED_PATTERN = lazy_pattern(
    r"(?i)\b(?:(?:in|under) (?:that|this|which|such an?|these|those) (?:cases?|scenario|assumptions?"
    r"|conditions?|circumstances)|if so|otherwise)\b"
    r"[^.\n]*\bwould\b[^.\n]*\Z"
)
_JUDGED_BY_NAME = lazy_pattern(
    r"(?i)[$*\s)]*(?:is|was|must be|cannot be|can['’]t be) (?:\w+ly )?(?:wrong|incorrect|false|too|impossible|not|right\?)"
    r"(?! .{0,40}\bbecause of)"
)
_TOO_LONG, _NEAR = 4_000, 300  # characters after a claim
_OF_A_NAME = lazy_pattern(r"[\w.,]")
_STOPS, _CLOSERS, _WORD_BEFORE = lazy_pattern(r"[.!?\n。]"), lazy_pattern(r"^[$*) ]+"), lazy_pattern(r"[^\W\d_]{2} \Z")


def without_check(text: str) -> str | None:
    """Return a reply that marks no claim without the check, the teaching remark and the emoji at its end; None if its check fails."""
    text = _SMILES_FIRST.sub("", _SMILES.sub("", _REMARK.sub("", text.rstrip()))) if len(text) < _TOO_LONG else text
    if match := _CHECK.search(text, max(0, len(text) - _TOO_LONG)) or _CHECKED_INLINE.search(text, max(0, len(text) - _NEAR)):
        check, *closing = _CLOSES_AFTER.split(match["result"], maxsplit=1)
        if _FAILS.search(check):
            return None
        return f"{text[: match.start()]}\n\n{closing[0]}" if closing and re.search("[0-9]", closing[0]) else text[: match.start()]
    return text


def is_revoked(name: str, rest: str) -> bool:
    """Return True if the text after a claim strikes it out, calls it wrong by name or, in any language, corrects or takes it back."""
    if len(rest) < 2:
        return False
    rest = rest[:_TOO_LONG]
    if _CROSS.match(rest) or _TAKES_BACK.search(rest, 0, _NEAR) or _ERRATUM.search(rest):
        return True
    name = name.strip(" $*().")
    at = rest.find(name) if 0 < len(name) <= 40 else -1
    while at >= 0:
        if not _OF_A_NAME.match(rest[at - 1 : at]) and _JUDGED_BY_NAME.match(rest, at + len(name)):
            return True
        at = rest.find(name, at + 1)
    return False


def is_supposed(head: str) -> bool:
    """Return True if the sentence that leads to a claim says what would be true in a case named before."""
    return "would" in head and _SUPPOSED_PATTERN.search(head) is not None


def correction(rest: str) -> str | None:
    """Return the value that "no, rather" in another language puts in place of a claim, "" if it is unclear which, None without one."""
    corrections = list(_CORRECTED_PATTERN.finditer(rest[:_NEAR]))
    if not corrections:
        return None
    instead = _INSTEAD.match(corrections[-1]["text"])
    return instead["value"] if instead else ""


# --- sentences of other languages: a row of word classes, as in English, and a small grammar over rows --------------------------------

_CLASSES = {  # the letter of each row of a language
    "against": "X",
    "joins": "J",
    "has": "H",
    "gives": "G",
    "names": "N",
    "who": "S",
    "points": "D",
    "leads": "L",
    "light": "P",
    "ends": "E",
}
_COUNT = r"(?:R?\\?[$€£₹₺₽]\s?)?-?[0-9](?:[0-9.,]*[0-9])?(?:/[0-9]{1,9})?(?:\s?(?:€|₽|₺|zł\b|kr\b|\\?%))?"
_TOKEN = lazy_pattern(
    rf"(?P<count>{_COUNT})|(?P<word>(?:[^\W\d_]|[\u0300-\u036f\u064b-\u065f\u0900-\u0963\u0971-\u0dff])+['’]?)|(?P<mark>\S)"
)
_SUM = lazy_pattern(r"(?<![\w.,])((?:[0-9.]+\s?[-+−–*×·:÷/]\s?){1,4}[0-9.]+)\s?=\s?(?=[*\\$€£]{0,4}([0-9][0-9.]*))")
_W = "[wWN]"  # a name or a noun
_OF = rf"(?:P+D*{_W}{{1,2}})"
_LEAD = rf"(?:[LJP,]|S(?=P)|D?N:|PD?{_W}(?=[,HSG])|PS)*"
_ANYONE_FORM = rf"(?:D?S+|(?:D+{_W}{{1,3}}|{_W}{{1,2}}){_OF}?(?:JD?{_W}{{1,2}})?)"
_BEHIND = rf"(?:D?S+|(?:D+{_W}{{1,3}}|[WN]{{1,2}}){_OF}?(?:JD?{_W}{{1,2}})?)"  # a verb
_KNOWN_FORM = rf"(?:S+|S?D*P*NP*(?:D*{_W}|{_OF}|JD*{_W}){{0,3}})"
_NOUN = {"verb first": "[wWNP]{0,2}", "no copula": "[wWNP]{0,2}", "apart": "(?:[wP]?[WN]|[wN])?"}
_TAIL = rf"(?:,?P+[DPS]*{_W}{{0,2}}|[LS]|D{_W})*[EH]{{0,2}}[.!]?"
_ROWS = {
    order: lazy_pattern(
        rf"{_LEAD}(?:{_ANYONE_FORM}?[PLS,]*H+(?:[LPSE]|DP|P+D*{_W}|N(?=v))*|H+[LPS]*{_BEHIND}[LPSD]*|{_KNOWN_FORM}[LPS,]*[GH]+[LP:]*(?:D*N?)|G+[LP]*{_KNOWN_FORM}?[LPD:]*"
        rf"|G+(?:[LPS]|PD*{_W})*|D?P*NP*:|(?:D*[WN])?=|D+N?)v{noun}{_TAIL}"
    )
    for order, noun in _NOUN.items()
} | {"verb last": lazy_pattern(rf"{_LEAD}[wWSNDP]{{0,4}}[LP,]*v[wWN]{{0,2}}[PL]*(?:{_W}P*)?[HG]+[.!]?|{_LEAD}D?P*NP*:?v{_W}?[.!]?")}
_LOOSELY = lazy_pattern(  # any subject and a verb of having; a word of conclusion, or a quantity and a colon, before the number
    rf"[^v]*H[LPSED]*[wWN]?[LPSED]*v[^vJ:;]*|.*L[LPS,:]*v(?:[wWN]{{1,3}}{_TAIL}|[.!]?)|[LJPS,]*L[^v:;X]{{0,40}}v[wWN]{{0,3}}{_TAIL}|D?W{{1,2}}G[LPSD]*[wW]?v[wWN]{{0,2}}{_TAIL}|(?:.*[,،])?D?N[PwW]?v[wWN]{{0,2}}[.!]?|[^v:]*N+:v[wWNP]{{0,3}}[.!]?|[^v]*,G[LPD:]*v[.!]?"
    rf"|[LJP,]*PN[,:]?v[wWN]{{0,3}}[.!]?|[LJP,]*v[wWN]{{1,2}}(?:H+[PLS]*E*|G+[PL]*E+)[.!]?"  # in total 36 euros; 36 apples remain
)
_THERE_ARE = lazy_pattern(r"[LJ,]*(?:P+D*[wWN]){1,2}v[wWN]{1,2}[.!]?")  # В классе 36 учеников
_STATES_AGE = lazy_pattern(rf"{_LEAD}{_ANYONE_FORM}GP*v[wWN]E[.!]?")  # Anna ist 8 Jahre alt
_ABROAD = "\u00c0-\u024f\u0370-\u04ff\u0590-\u06ff\u0900-\u097f\u1e00-\u1eff"  # letters and marks that English does not have
_UNMARKED_NAME = lazy_pattern(rf"\s*(?:\*\*)?(?P<noun>[a-z]*[{_ABROAD}][a-z{_ABROAD}]*)(?:\s[a-z{_ABROAD}]+)?(?:\*\*)?\s*[.!]?\s*")
# Languages without blanks between words: the text before a number and after it.
JAPANESE_LEADS = "全部で|合計で?|合わせて|残りは|したがって、?|よって、?|ゆえに、?|だから、?|1日に?|毎[日週月年時回]|二人で"
JAPANESE_ENDS = (
    "です|になります|となります|だ|である|(?:の[^0-9。の]{1,6})?(?:[をがは]?(?:持っています|持っている|払います|稼ぎます|もらいます|買えます|使います"
    "|残ります|残っています|あります|います|必要です|かかります|食べます|売ります|作ります))"
)
JAPANESE_COUNTS = "ページドル円個人本枚冊匹台回歳分日時間つ"
KOREAN_NOUN = r"[가-힣a-zA-Z]{0,4}(?:의 [가-힣]{1,5})?(?:을|를|이|가|은|는)?"
KOREAN_ENDS = (
    "있습니다|있어요|있다|남습니다|남았습니다|남는다|걸립니다|걸린다|법니다|벌었습니다|냅니다"
    "|내야 합니다|지불합니다|갖게 됩니다|갖습니다|필요합니다|됩니다|된다"
    "|샀습니다|팔았습니다|받습니다|가지고 있습니다|번다|벌었다|남았다|걸렸다|낸다|받는다|샀다|팔았다|필요하다|갖는다|가진다|먹었다"
)
KOREAN_AGAINST = (
    "이상|이하|미만|초과|약 |대략|정도|쯤|않|아니|못|만약|만일|면 |절반|퍼센트|%"
    "|보다|부족|모자|더 |덜 |거의|적어도|최대|최소|틀|잘못|아마|없"
)
THAI_LEADS = "เหลือ|มี|จ่าย|ต้องการ|ทั้งหมด|ใช้เวลา"
THAI_AGAINST = "ไม่|อย่าง|ประมาณ|เกือบ|ถ้า|หาก|กว่า|ครึ่ง|ล้าน|พัน|หมื่น|แสน|ร้อย|เท่า|อาจ|คิดว่า|บอกว่า|สมมติ|เปอร์|ผิด|หรือ|และ|เกิน"

_JAPANESE = lazy_pattern(
    rf"(?:[^0-9。\n]{{0,12}}[、,は])?(?:{JAPANESE_LEADS})\s?(?P<count>{_COUNT})\s?(?P<noun>[{JAPANESE_COUNTS}]{{0,3}})"
    rf"(?:{JAPANESE_ENDS})[。.]?\s*\Z"
)
_THAI = lazy_pattern(rf"\s*[\u0e00-\u0e7f ]{{0,40}}?(?:{THAI_LEADS})\s?(?P<count>{_COUNT})(?P<noun>\s?[\u0e00-\u0e7f]{{0,12}})[.]?\s*\Z")
_KOREAN = lazy_pattern(rf"[^0-9.\n]{{0,30}}(?<!제)(?<!제 )(?P<count>{_COUNT})\s?(?P<noun>{KOREAN_NOUN})\s?(?:{KOREAN_ENDS})[.]?\s*\Z")
_KOREAN_AGAINST = lazy_pattern(KOREAN_AGAINST)
_THAI_AGAINST = lazy_pattern(THAI_AGAINST)


class _Words:
    """The words of one language with their classes."""

    def __init__(self, language: Language) -> None:
        self.order, self.classes, self.stems = language.order, dict[str, str](), list[tuple[str, str]]()
        self.endings = list[tuple[str, str]]()
        for row, letter in _CLASSES.items():
            for word in getattr(language, row).split():
                if word.startswith("*"):
                    self.endings.append((word[1:], letter))
                elif word.endswith("*"):
                    self.stems.append((word[:-1], letter))
                else:
                    self.classes.setdefault(word, letter)

    def letter(self, word: str) -> str:
        """Return the class of a lower-case word, or "" if the language's table does not have it."""
        entry = self.classes.get(word)
        if entry is None and word[0] in "فو":  # prefixes: "so" and "and"
            entry = self.classes.get(word[1:])
        if entry is None:
            entry = next((letter for stem, letter in self.stems if word.startswith(stem)), None)
        return entry or next((letter for ending, letter in self.endings if word.endswith(ending) and len(word) > len(ending) + 1), "")


@lru_cache(maxsize=1)
def _all_words() -> list[_Words]:
    return [_Words(language) for language in LANGUAGES.values()]


@lru_cache(maxsize=10_000)
def _word_classes(word: str) -> str:
    """Return the word's class in each language, a blank where it has none, followed by "e" if English has the word, else a blank."""
    low = word.lower().replace("’", "'")
    in_english = low in languages.ENGLISH or (len(low) > 1 and low.isascii() and kinds(low) not in "wsdgLxv")
    return "".join([language.letter(low) or " " for language in _all_words()]) + ("e" if in_english else " ")


def _is_verb(sentence: str, letter: re.Match[str]) -> bool:
    """Return True if a letter that stands alone is a word rather than a name in a formula: "Zoé a 8 pommes"."""
    return (
        letter.group().islower()
        and not any(sign in sentence for sign in "=\\^")
        and _WORD_BEFORE.search(sentence[: letter.start()]) is not None
    )


_CLAUSE = lazy_pattern(r"(?:.*[,;:](?=P?[LJ]))?")  # up to the last clause that begins with a conclusion
_NAMED_PATTERN = lazy_pattern(rf"(?i)(?:{languages.NAMELY})[\s:,*$]*7\s*\Z")
_PHRASES = [(lazy_pattern(phrase), word) for phrase, word in languages.PHRASES]
_FORMULA = lazy_pattern(r"(?<!\\)\$[^$\n]{1,200}(?<!\\)\$(?![0-9])|\\\([^\n]{1,200}?\\\)|\\\[[^$]{1,300}?\\\]")
_LAST_FORMULA = lazy_pattern(r"(?P<formula>\$[^$\n]{1,200}\$|\\\([^\n]{1,200}?\\\))\s*[.]?\s*\Z")
_LONGEST = 400
VIETNAMESE, LONGEST_VIETNAMESE = list(LANGUAGES).index("Vietnamese"), 7  # its place, and the letters of its longest words


def _plain_statement(sentence: str) -> tuple[str, str] | Literal["English", "against", "unclear"]:
    """Return the count and noun of a sentence in another language that says how many there are and nothing else. Return "against" if a
    word in it takes the count away, "unclear" if one may, "English" for English."""
    if not languages.ONLY_ENGLISH.isdisjoint(sentence.lower().split()):
        return "English"
    sentence = _CORRECTS.sub("", sentence)
    for phrase, word in _PHRASES:
        sentence = phrase.sub(word, sentence)
    sentence = _SUM.sub(_without_true_sum, _FORMULA.sub(" Q ", sentence.replace("**", "").replace("__", "").strip()))
    tokens = list(_TOKEN.finditer(_COMMAND.sub(" ", sentence[-_LONGEST:])))
    least = 3 if "\\" in sentence or "^" in sentence else 2  # letters of a word; formulas have shorter names
    words = [
        _word_classes(word)
        for token in tokens
        if (word := token["word"]) and (len(word) >= least or not word.isascii() or _is_verb(sentence, token))
    ]
    best, places = 0, list[int]()
    for place in range(len(LANGUAGES)):
        score = sum(letters[place] != " " for letters in words)
        best, places = (score, [place]) if score > best else (best, [*places, place] if score == best else places)
    if best <= sum(letters[-1] != " " for letters in words):
        return "English"
    longest = max((len(token["word"]) for token in tokens if token["word"]), default=0)
    if longest > LONGEST_VIETNAMESE and len(places) > 1:
        places = [place for place in places if place != VIETNAMESE]
    orders = [language.order for language in LANGUAGES.values()]
    rows = [(_row(tokens, place, apart=orders[place] == "apart"), orders[place]) for place in places]
    if "?" in sentence or any("X" in row for row, _ in rows):
        return "against"
    rows = [(row[_CLAUSE.match(row).end() :], order) for row, order in rows]  # type: ignore[union-attr]
    rows += [(last, order) for row, order in rows if (last := re.split("[:;]", row)[-1]) != row and ("H" in last or "G" in last)]
    if not any(
        pattern.fullmatch(row)
        for row, order in rows
        for pattern in (_ROWS[order], _STATES_AGE, _LOOSELY, *([_THERE_ARE] if order == "no copula" else []))
    ) and not _NAMED_PATTERN.search(sentence):
        return "unclear"
    place = max(place for place, token in enumerate(tokens) if token["count"])
    after = [token["word"] for token in tokens[place + 1 :] if token["word"]]
    return tokens[place].group().removeprefix("R"), after[0] if after else ""


def _row(tokens: list[re.Match[str]], place: int, *, apart: bool) -> str:
    letters = list[str]()
    for token in tokens:
        if word := token["word"]:
            entry = _word_classes(word)[place].strip()
            if entry in ("H", "G", "E") and apart and letters and word[0].isupper():
                entry = ""
            letters.append(entry or ("W" if word[0].isupper() or word[0].lower() == word[0].upper() else "w"))
        else:
            letters.append("v" if token["count"] else {"，": ",", "।": "."}.get(token.group(), token.group()))
    return "".join(letters)


def _without_true_sum(match: re.Match[str]) -> str:
    """Return an empty string for "3 + 5 =" before 8, or the calculation itself if its result is not what follows."""
    value, sign = Fraction(0), "+"
    terms = list[Fraction]()
    for part in re.findall(r"[0-9.]+|[-+−–*×·:÷/]", match[1]):
        if part[0] not in "0123456789.":
            sign = part
            continue
        try:
            number = Fraction(part.rstrip("."))
            if sign in "+-−–":
                terms.append(number if sign == "+" else -number)
            else:
                terms[-1] = terms[-1] * number if sign in "*×·" else terms[-1] / number
        except (ValueError, ZeroDivisionError):
            return match.group()
    value = sum(terms, Fraction(0))
    return "" if value == Fraction(match[2].rstrip(".")) else match.group()


_DECIMAL_COMMA = lazy_pattern(r"(?<![0-9.,])([0-9]{1,9}),([0-9]{1,2}|[0-9]{4,9})(?![0-9.,])")  # 2,5; three digits may be thousands


def plain_count(sentence: str, *, marked: bool) -> str | None:
    """Return the sentence as "The answer is …" if it is in another language and plainly says how many there are, as it is if it is
    English, and None if it says something else."""
    if not sentence.isascii() and (match := _JAPANESE.match(sentence) or _KOREAN.match(sentence) or _THAI.match(sentence)):
        against = _THAI_AGAINST.search(sentence) or _KOREAN_AGAINST.search(sentence)
        statement: tuple[str, str] | str = "unclear" if against else (match["count"], match["noun"].strip())
    elif (formula := _LAST_FORMULA.search(sentence)) and not isinstance(_plain_statement(f"{sentence[: formula.start()]} 7."), str):
        return f"The answer is {formula['formula']}"
    else:
        statement = _plain_statement(sentence)
    if isinstance(statement, str):
        statement = _count_and_noun(sentence, marked=marked) or statement
    if isinstance(statement, str):
        return sentence if statement == "English" else None
    count, noun = statement
    count = _DECIMAL_COMMA.sub(r"\1.\2", count)
    return f"The answer is {count}{f' {noun}' if noun.isascii() and known_unit(noun) else ''}"


def _count_and_noun(sentence: str, *, marked: bool) -> tuple[str, str] | None:
    """Return the count before a noun with letters that English does not have, as after "Ответ:", or None. Unless the claim is `marked`, the
    noun is a single word."""
    match = re.match(rf"\s*(?:\*\*)?(?P<count>{_COUNT})", sentence)
    noun = _UNMARKED_NAME.fullmatch(sentence, match.end()) if match else None
    if match is None or noun is None:
        return None
    words = noun.group().lower().strip(" *.!").split()
    if not marked and len(words) > 1:
        return None
    return None if any(language.letter(word) in ("X", "J") for language in _all_words() for word in words) else (match["count"], "")


_HAN = lazy_pattern("[\u3040-\u9fff\uac00-\ud7af]")
_CORRECTS = lazy_pattern(rf"(?i)\A\W*(?:(?:{languages.CORRECTS})\b[\s,.:;!…—–]*)+")
_COMMAND = lazy_pattern(r"\\[A-Za-z]+")


def other_language(
    text: str, start: int, end: int | None = None, *, boxed: bool = False, announced: bool = False
) -> Literal["English", "stated", "unclear"]:
    """Return "English", or "stated" or "unclear" for a claim in a sentence of another language. A boxed claim is stated unless a known
    word takes it away, since few people box what they do not claim. A claim after a word for "answer" is stated in a
    language without a table, unless it holds a known negation."""
    head = text[max(0, start - _NEAR) : start]
    opens = _formula_start(head)
    before = head[:opens].rstrip(' *\n(["“«„' + announced * "-–—")
    before = before[max(before.rfind(stop) for stop in ".!?\n") + 1 :]
    if len(before.strip(" *_:#(")) < 2 or not languages.ONLY_ENGLISH.isdisjoint(before.lower().split()) or not _LETTER.search(before):
        return "English"
    before = f"{before} Q =" if head[opens:].rstrip().endswith("=") else before
    rest = "" if end is None else _STOPS.split(text[end : end + _NEAR], maxsplit=1)[0]
    if _THAI_AGAINST.search(before):
        return "unclear"
    if (boxed or announced) and not languages.NEGATIONS.isdisjoint(before.lower().split()):
        return "unclear"
    if boxed and _HAN.search(before):
        return "unclear" if doubted_in_han(before, rest) or (end is not None and text.startswith(("?", "？"), end)) else "stated"
    statement = _plain_statement(f"{before} 7{_CLOSERS.sub(' ', rest)}")
    if boxed and statement == "unclear":
        return "stated"
    alone = announced and _ONE_WORD.fullmatch(before)
    if (boxed or announced) and statement == "English" and (alone or not before.isascii()) and not _HAN.search(before):
        return "stated"
    return "English" if statement == "English" else "unclear" if isinstance(statement, str) else "stated"


def _formula_start(head: str) -> int:
    """Return the start of the formula that is open at the end of a text, or the text's length if none is."""
    if head.endswith("$$") or head.count("$") % 2:
        return len(head[: head.rfind("$")].rstrip("$"))
    opens = max(head.rfind("\\("), head.rfind("\\["))
    return opens if opens > max(head.rfind("\\)"), head.rfind("\\]")) else len(head)


def is_denied(text: str, start: int, end: int | None = None, *, boxed: bool = False, announced: bool = False) -> bool:
    """Return True if the sentence around a claim does not state it, in any language; `boxed` and `announced` as in `other_language`."""
    abroad = other_language(text, start, end, boxed=boxed, announced=announced)
    return denied_before(text, start, end) if abroad == "English" else abroad == "unclear"


_ONE_WORD = lazy_pattern(r"(?i)\W*(?!an)[^\W\d_]{2,}(?: (?!is|in|to|of|no|as|or)[^\W\d_]{1,6})?\s?[:：]?\W*")  # Vastaus:
_FORMULAS = lazy_pattern(r"\s*(?:(?:\$[^$\n]{1,200}\$|\\\([^\n]{1,200}?\\\)|[-+*/=·×÷0-9()])[.,\s✓✔✅]*)+")
_CHECK_AFTER = lazy_pattern(rf"(?i)\s*[.$*)\\]*\s*\n\s*[*_]{{0,2}}(?:{languages.CHECKS})[*_]{{0,2}}\s?[:：][*_]{{0,2}}(?P<result>[^\n]*)\Z")


def without_formal_check(rest: str) -> str:
    """Return the text after a claim, or an empty string if it is only a check made of formulas."""
    match = _CHECK_AFTER.match(rest)
    return "" if match and _FORMULAS.fullmatch(match["result"]) and not re.search(r"\\ne|≠", match["result"]) else rest
