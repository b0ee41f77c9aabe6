"""Sentences in plainer words: comparisons, explanations and repetitions of the number are removed, and a count that is a subject is stated.

Each pattern is a way to say "the answer is N" in other words: as a difference, as a subject, once in two units, with a remark behind it."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache

from aha.answers import languages
from aha.answers.context import is_attempt, row, suspect, takes_away
from aha.answers.formulas import SPAN
from aha.answers.grammar import is_remark_understood, kinds, misleads
from aha.answers.lexicon import BRACED_BOX, OF_A_PART, SAYS_MORE, SIDE_BY_SIDE
from aha.answers.numerals import count_of, english
from aha.answers.units import known_unit
from aha.lazy import lazy_pattern

_CLOSE_TO_THE_END, _LONGEST_END, VALUE = 300, 4_000, r"[*$\\(]{0,3}-?[0-9][0-9.,/]*[0-9]?[*$\\)%°€]{0,3}"
_ANY_LETTER, _TO = lazy_pattern(r"[^\W\d_]"), lazy_pattern(r"\bto\b")
_CONTRAST = lazy_pattern(  # "isn't 32 but 64"
    "(?i)"
    + "|".join(rf"{no}({verb}){negation} {VALUE}(?: [a-z]+)?,? {but}(?={VALUE})" for no, verb, negation, but in languages.CONTRASTS)
    + rf"|不(是){VALUE}[，,]?而是(?={VALUE})"
)
_NOT_AFTER = lazy_pattern(rf"(?i)(?<=[0-9*$€}}]),\s(?:{languages.NOT_AFTER})\s{VALUE}(?:\s[^\W\d_]+)?(?=[.!]?\s*(?:\n|\Z))")
_DIGIT, _OTHER_DIGIT = map(lazy_pattern, (r"(?![0-9])\d|(?<=\d)[٫٬](?=\d)", r"[^\x00-\x7f](?<=[\d٫٬])"))
_AMOUNT = r"(?=\s?(?:€|EUR\b|[Ee]uros?\b|zł\b|₺|kr\b|₽))"
_MAY_BE_MONEY = lazy_pattern("[€₺₽ł\u202f\u00a0'’](?:(?<=[€₺₽ł])|(?<=[0-9].)(?=[0-9]{3}))")  # currencies, separators of thousands
_POINTS = lazy_pattern(rf"(?<![\d.,])([0-9]{{1,3}}(?:\.[0-9]{{3}})+)(?![\d.]){_AMOUNT}")
_COMMA = lazy_pattern(rf"(?<![\d.,])([0-9]{{1,3}}(?:\.[0-9]{{3}})+|[0-9]{{1,9}}),([0-9]{{2}}){_AMOUNT}")
_AMOUNTS = lazy_pattern(rf"[0-9]{_AMOUNT}")
_SET_APART = lazy_pattern("[\u202f\u00a0'’](?<=[0-9].)(?=[0-9]{3}(?![0-9]))")
_BLANK_APART = lazy_pattern(rf" (?<=[0-9] )(?=[0-9]{{3}}(?: [0-9]{{3}})*(?![0-9]){_AMOUNT})")
_PREFIXED_PATTERN = lazy_pattern(r"(?:Rp|R\$) ?([0-9]{1,3}(?:\.[0-9]{3})+)(?:,([0-9]{2}))?(?![0-9])")
_MONEY_WORDS, _SAYS_NOT = ("uro", "EUR", "kr", "Rp", "R$"), ("not ", "n't ", "n’t ", "Not ")
_SAYS_BUT = ("sondern", "mais", "sino", "而是", " ma ", "mas ", " а ")
_TWICE = lazy_pattern(r"(?i)\b([a-z]+(?:[- ][a-z]+)?) \(([0-9]{1,9})\)")  # four (4)
_NO_CENTS = lazy_pattern(r"(?<=[0-9])[.,](?:–|—|-{1,2})(?=\s|\Z)")  # 1500.–
_IN_BRACKETS = lazy_pattern(r" \([0-9]{1,9}\)")
_MATRIX = lazy_pattern(r"\\begin\{[bpvBV]?matrix\}.{1,2000}?\\end\{[bpvBV]?matrix\}", re.S)  # of several lines
_FENCE = lazy_pattern(r"(?m)^[ \t]*```[A-Za-z]*[ \t]*$")  # a fence of code, TeX or plain text
_ABOUT = lazy_pattern(r"(\A|[\s:*(])~\s?(?=\\?[$€£¥]?[0-9])")  # in plain text; between a box's braces a tilde is a blank
_STRUCK_PATTERN = lazy_pattern(r"~~(?=\S)[^~\n]{1,200}~~(?=\W*\w)")  # struck out, with something in its place
_OFFERS = lazy_pattern(  # a question to the reader behind the answer
    r"(?i)(?<=[.!}$*)\n])[\s*_-]*(?:is there anything else|do you (?:want|need|have)|would you like|(?:can|may|could) i help|shall i"
    r"|(?:any|do you have any) (?:other |more |further )?questions|need (?:any )?(?:more |further )?help|want me to)\b[^?.\n]{0,120}\?\s*\Z"
)


def in_plain_signs(text: str) -> str:
    """Return the text with a tilde before a number as the sign of an approximation, and without an offer of more help at its end."""
    text = BRACED_BOX.sub(r"\1", text) if "{\\boxed" in text else text
    text = _ABOUT.sub(r"\1≈", _STRUCK_PATTERN.sub("", text)) if "~" in text else text
    return _OFFERS.sub("", text) if text.rstrip()[-1:] == "?" else text


def in_one_form(text: str) -> str:
    """Return the text with ASCII digits, money with a decimal point, a matrix on one line, and one value for "not 3 but 4"; only the end of
    the text, where a claim may stand, is changed."""
    end = text[-_LONGEST_END:]
    return text[:-_LONGEST_END] + _in_one_form(_TRUE_IN_BRACKETS.sub(_without_true_sum, end) if ")" in end[-3:] else end)


def _in_one_form(text: str) -> str:
    text = _NO_CENTS.sub("", text) if "–" in text or ".-" in text or ",-" in text else text
    if " (" in text and _IN_BRACKETS.search(text):
        text = _TWICE.sub(lambda match: match[2] if english(match[1].lower().replace("-", " ")) == int(match[2]) else match.group(), text)
    if "```" in text:
        text = _FENCE.sub("", text)
    if "matrix}" in text:
        text = _MATRIX.sub(lambda match: match.group().replace("\n", " "), text)
    if not text.isascii() and _OTHER_DIGIT.search(text) and _ANY_LETTER.search(text):
        text = _DIGIT.sub(_in_ascii, text)
    if ", n" in text or ", e n" in text or ", y n" in text or ", p" in text or ", und" in text or ", не" in text or ", а не" in text:
        text = text[:-_CLOSE_TO_THE_END] + _NOT_AFTER.sub("", text[-_CLOSE_TO_THE_END:])
    if any(map(text.__contains__, _MONEY_WORDS)) or (not text.isascii() and _MAY_BE_MONEY.search(text)):
        text = _with_points(text)
    denies = "but" in text and any(map(text.__contains__, _SAYS_NOT))
    abroad = any(map(text.__contains__, _SAYS_BUT))
    if not ((denies or abroad) and _turns_to_a_value(text)):
        return text
    text = (
        _CONTRAST.sub(lambda hit: f"{next(filter(None, hit.groups()))} ", text)
        if abroad or "not " in text or "n't " in text or "n’t " in text
        else text
    )
    return _NOT_BUT.sub(" ", text) if denies and ("Not " in text or "not " in text) else text


_VALUE_NEXT = lazy_pattern(r" [*$\\(€£]{0,3}-?[0-9]")
_BUTS = ("but", "rather", "instead", "sondern", "mais", "sino", "ma", "mas", "sim", "а")


def _turns_to_a_value(text: str) -> bool:
    """Return True if a value stands behind a word that contrasts it with another one, as it does in each "not 3 but 4"."""
    heads = (text[max(0, hit.start() - 7) : hit.start()] for hit in _VALUE_NEXT.finditer(text))
    return "而是" in text or any(head.casefold().endswith(_BUTS) for head in heads)


def _in_ascii(match: re.Match[str]) -> str:
    """Return a digit of any script in ASCII; a decimal separator between such digits becomes a point, a thousands separator nothing."""
    return "." if match.group() == "٫" else "" if match.group() == "٬" else str(unicodedata.decimal(match.group()))


def _with_points(text: str) -> str:
    """Return the text with amounts of money such as 1.250,50 € as 1250.50 and 1.250 € as 1250, since no amount has three decimals."""
    text = _SET_APART.sub("", text)
    text = _PREFIXED_PATTERN.sub(lambda match: f"{match[1].replace('.', '')}{f'.{match[2]}' if match[2] else ''}", text)
    if not _AMOUNTS.search(text):
        return text
    text = _COMMA.sub(lambda match: f"{match[1].replace('.', '')}.{match[2]}", _BLANK_APART.sub("", text))
    return _POINTS.sub(lambda match: match[1].replace(".", ""), text)


# --- sentences ------------------------------------------------------------------------------------------------------------------

_NOUNS = r"(?:(?!than\b|to\b)[a-z][a-z-]*)"
_NAMED_FORM = r"(?:(?:the|a|an|his|her|their|its|my|your)\s)?[A-Za-z][a-z'’-]*(?:\s(?!than|that|as)[a-z'’-]+){0,2}"
_COUNT = r"(?:[$€£]?[0-9][0-9.,]*(?:\s?(?:°|%|[a-z]{1,12}))?)"
_DIFFERS = lazy_pattern(  # 21 more boys than girls, 2 years older than Al
    rf"(?P<count>{_COUNT})\*{{0,2}}\s(?:(?:more|fewer|less)(?P<noun>\s{_NOUNS}(?:\s{_NOUNS})?)|(?!never|other|rather|over|under|after|further)[a-z]+er"
    rf"|further|(?<=[a-z]\s)(?:more|fewer|less))\sthan\s(?P<other>{_NAMED_FORM})(?=[.!]?\s*\Z)"
)
_LACKS = lazy_pattern(
    rf"({_COUNT})\*{{0,2}}\smore(\s{_NOUNS})?\sto\s(?!be\b)[a-z]+(?:(?:\s[a-z]+){{1,4}}|(?:\s[a-z]+){{0,4}}\s[$€£]?[0-9][0-9,]*)(?=[.!]?\s*\Z)"
)
_ASIDE = lazy_pattern(
    r"(?i)\A\W*(?:so,? )?(?:not (?:counting|including)|excluding)\s[^,.;:0-9$]{1,40},\s(?=(?:there|he|she|they|we|it|the)\b)"
)
_TO_GO = lazy_pattern(
    r"(?<=[a-z])\sto\s(?:go|spare|walk|drive|travel|read|do|fill|finish|sell|pay|make|cover|run|climb|save|spend)(?=[.!]?\W*\Z)"
)
_ENDS_WITH = lazy_pattern(
    r"(?i)\b(?:(?:starts?|started|begins?|began) (?:out )?with|(?:adds?|added) up to|(?:ends?|winds?) up with"
    r"|(?:is|are|was|were) left with|(?:leaves?|left) (?:[A-Z][a-z]+|him|her|them|us|me|you|it|the [a-z]+) with|lands? on|ends? (?:up )?at"
    r"|(?:comes?|came|works?|worked) out (?:as|at|to(?: be)?)|turns? out (?:as|to be)"
    r"|finish(?:es)? (?:with|on))(?=[\s*$]+[0-9$])"
)
_SPARE = lazy_pattern(
    r"(?i),?\s(?:and|with)\s(?:no|none|nothing)(?:\s[a-z]+){0,3}\s(?:(?:is|are|was|were)\s)?(?:left(?:\sover)?|remaining|over|wasted|unused|missing)(?=[.!]?\s*\Z)"
    r"|,?\s[—–-]+\sno more,?(?: and| nor)? no less(?=[.!]?\s*\Z)"
    r"|\s\([$€£]?[0-9][0-9.,]*(?:\s[a-z]+){0,2}\s(?:per|for each|in each|on each)\s[a-z]+\)(?=[.!]?\s*\Z)"
    rf"|,\swhich (?:is|was)\s{VALUE}(?:\s[a-z]+){{0,2}}\s(?:more|less|fewer|[a-z]+er)\sthan\s[^.0-9]{{1,60}}(?=[.!]?\s*\Z)"
    rf"|,?\s(?:rather than|instead of)\s{VALUE}(?:\s[a-z]+)?(?=[.!]?\s*\Z)"
    r"|,\si\.e\.,?\s(?:half\s)?(?:an?|one|two|three)\s[a-z]+(?:\sand\s(?:an?|three)\s[a-z]+)?(?=[.!]?\s*\Z)"
    r"|\s\((?:that is|i\.e\.),?[^()\n]{1,40}\)(?=[.!]?\s*\Z)"
    r"|\s\((?:not (?:counting|including)|excluding|leaving out)\s(?![^()]*\b(?:answer|result|wrong)\b)[^()\n]{1,60}\)(?=[.!]?\s*\Z)"
)
_NEGATIVE = lazy_pattern(r"(?i)(\b(?:is|was|are|be|reads?|reaches|equals|to|of|at)\s|[:=]\s*)(?:minus|negative)\s(?=[$\d])")
_BELOW_ZERO = lazy_pattern(r"([0-9][0-9.]*(?:\s?(?:°\s?[CF]?|degrees?(?: [CF][a-z]*)?))?) below zero")
_NO_OTHER_PATTERN = lazy_pattern(
    r"(?i)\b(?:half|twice|that|those|what|all|each|any|double|both|expected|needed|before|usual|possible|allowed|least|most|number|answer)\b"
)
_NO_SUBJECT = lazy_pattern(r"(?i)\b(?:answer|result|value|total|number|it|solution|might|may|could|would|should|if|perhaps|maybe)\b")
_MEASURED_PATTERN = lazy_pattern(
    r"(?:Final|Total|New|Resulting) (?!guess|estimate|hunch|idea|try)[a-z]+: (?=-?[0-9][0-9.,]*\s?([a-z]{1,12}|[°%]))"
)
_TOTALS = lazy_pattern(r"(?i)\bno total,?(?= (?:s[ãa]o|há|temos))")
_REALS = lazy_pattern(r"(?i)\A\s*(?:all|the) real (?:numbers|values)[^.;$]{0,40}?,?\s(?:i\.e\.|that is|namely),?\s(?=\$)")
_IS_MINE = lazy_pattern(
    r"(?i),?\s(?:and\s)?(?:that|this|it|which)(?:['’]s|\sis)\s(?:my|the|our)\s(?:final\s|correct\s)?(?:answer|result)(?=[.!]?\s*\Z)"
)
_IT_IS = lazy_pattern(  # so 12 apples it is
    r"(?i)\A\W*(?:(?:so|then|thus|well|ok(?:ay)?),?\s|(?:since|because)\s[^.;,\n]{1,60},\s)?(?P<said>[-−+]?[*$€£]{0,3}[0-9½¼¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞π√.](?:[^A-Za-z\n]|(?<=[0-9])e(?=[-0-9]))*?(?:\s[a-z]{2,}){0,2})"
    r"\sit\sis(?:,?\sthen)?[.!]*\s*\Z"
)
_NOT_BUT = lazy_pattern(rf"(?i)(?:\A|(?<=[.!?\n]))\s*not {VALUE}(?:\s[a-z]+)?,? but (?=[*$€£]{{0,3}}-?[0-9])")
_IN_SHORT = lazy_pattern(
    r"(?i)\A\W*(?:to sum up|in (?:summary|short|conclusion|the end)|to conclude|all in all|summing up"
    r"|(?:according to|per|by|based on|from|following) (?:my|the|this|these|our|that) (?:above )?"
    r"(?:calculations?|computations?|count|reasoning|analysis|work|steps)),\s"
)
_IS_ZERO = lazy_pattern(
    r"(?i)\A\W*(?:(?:so|thus|hence|therefore),?\s)?(?:(?:none|nothing)(?:\sof\s(?:them|it|the\s[a-z]+))?|there\s(?:are|is)\sno\s[a-z]+|no\s[a-z]+)"
    r"(?:\s(?:is|are|was|were|will\sbe))?\s(?:left(?:\sover)?|remains?|remaining)[.!]*\s*\Z"
)
_REPLIES = lazy_pattern(r"(?i)\A\W*(?:no|nope|yes|yeah|yep|ok(?:ay)?|right|well),\s(?=(?:it|that|the|there|so|he|she|they|we|i)\b)")
_OF_THOSE_PATTERN = lazy_pattern(r"(?<=[0-9*])\sof\s(?:those|them|these)(?=[.!]?\s*\Z)")
_SOUGHT_PATTERN = lazy_pattern(  # what we need to report is
    r"(?i)\b(?:what\s(?:we|i)\s(?:need|want|have)(?:\sto\s[a-z]+)?|what\s(?:is|was)\s(?:asked|wanted|sought)(?:\sfor)?"
    r"|(?:the\s)?(?:number|value|figure|quantity|amount)\s(?:that\s)?(?:we|i)(?:['’]re|\sare|\swere)?\s(?:want|need|seek|looking\sfor|asked\sfor|after))"
    r"\sis(?=[\s*$]+[-0-9$])"
)
_THAT_IS = lazy_pattern(r"(?i)(?<=\S\s)\b(?:that is to say|in other words|or equivalently)\b,?|\bi\.e\.,?")
_LEAD = (
    r"(?:(?:So|Thus|Hence|Therefore|Then|Altogether|Overall|Finally|Consequently|In\s(?:all|total|the end)|All in all|At the end"
    r"|It follows that"
    r"|(?:We|I)\s(?:therefore\s|thus\s)?(?:conclude|see|find)\sthat),?\s)?"
)
_FIGURE = r"(?:[$€£]?[0-9][0-9,]*(?:\.[0-9]+)?)"
_SUBJECT = lazy_pattern(rf"(?s)\W{{0,3}}{_LEAD}\*{{0,2}}(?P<count>{_FIGURE})(?P<said>\s[a-z][^0-9$?;:=()]{{3,100}}?)[.!]?\s*")
_HAVE_TO = lazy_pattern(r"\b(?:have|has|need|needs) to\b")
_SUBJECT_ROW = lazy_pattern(  # guests stayed, clips were sold, marbles are in
    r"(?:[wsnja]{1,3}|b(?=[wsnjat]{0,3}M?[jt]*i))[wsnja]{0,2}M?[jt]*(?:(?<=M)w|i[jt]*(?:[bduq]|l)|i[jt]+$|[bdy]|u(?!$))"
)
_AT_FIRST = lazy_pattern(
    r"(?i)\b(?:first|initially|originally|yesterday|before|earlier|previously|once|already|supposed|meant|only|should|must|ought|too)\b"
)
_HARMLESS = lazy_pattern(r"(?i)\b(?:over the|until (?:the|midnight|noon|then|[A-Z][a-z]+day)|in all)\b")
_INTRODUCES = lazy_pattern(  # Dividing 35 by 7, every child gets
    r"\W{0,3}(?:[A-Z][a-z]{2,}ing|After|Since|Because|Given|As|From|Out of|Of)\b(?P<why>[^,.;:?]{2,120}),\s(?P<rest>[A-Za-z0-9][^,;:?]*)"
)
_FIGURES = lazy_pattern(r"(?<![A-Za-z_^{\d.,])[$€£]?[0-9][0-9,]*(?:\.[0-9]+)?")
_LABEL_FIRST = lazy_pattern(  # **Total cost: $160** — made up of
    rf"\W{{0,3}}\*\*(?P<label>[A-Z][A-Za-z]+(?:\s[a-z]+){{0,3}}):\s(?P<count>\\?{_FIGURE}(?:\s[a-z]{{1,12}}){{0,2}})\*\*\s+[—–]\s(?P<rest>[^?]{{3,200}})"
)
_RESULTS = lazy_pattern(  # Subtracting 6 from 20 leaves her with 14 cups
    r"\W{0,3}(?!Rounding|Guessing|Estimating|Approximating|Mis|Forgetting|Ignoring|Neglecting|Assuming|Supposing|Trying|Testing|Pretending|Imagining)"
    r"[A-Z][a-z]{2,}ing\b(?P<why>[^.;:?]{2,120}?)\s(?:leaves|gives|yields|makes|brings|produces|comes to|results in)\s"
    rf"(?:(?:us|her|him|them|me|you)\s)?(?:with\s|to\s|a total of\s"
    rf"|exactly\s)*(?P<said>\*{{0,2}}{_FIGURE}\*{{0,2}}(?:\s[a-z]+){{0,4}}[.!]?\s*)"
)
_LABELLED_TOTAL = lazy_pattern(
    rf"\W{{0,3}}(?:(?:Final|Grand|Overall|Combined)\s(?:tally|total|sum|count|score|amount|cost|price|result)|Total|Result|Sum)\*{{0,2}}:\*{{0,2}}\s(?P<said>{_FIGURE}(?:\s[a-z]+){{0,3}}[.!]?\s*)"
)
_WITHOUT_IT_PATTERN = lazy_pattern(r"\A\W{0,3}Without (?:them|it|these|those|him|her),?\s")

_SO = lazy_pattern(r"(?s).*\b(?:so|thus|hence|therefore|which means|meaning)(?: that)?,?\s(?=[0-9*])")
_IS_SOUGHT = lazy_pattern(  # 65 is the sum we were after
    rf"\*{{0,2}}(?P<said>{_FIGURE})\*{{0,2}}\sis\s(?:what\s(?:we|i)\s(?:want|need|sought|(?:are|were|was|am)\s(?:after|asked|looking))(?:ed)?(?:\sfor)?"
    r"|(?:the|our)\s(?:number|sum|total|value|amount|answer|result|figure|count)"
    r"(?:\sof\sthe\s[a-z]+(?:\s[a-z]+){0,3}|\s(?:that\s)?(?:we|i)\s(?:were|are|was|am|want|wanted|need|needed|seek|sought)(?:\s(?:after|asked|looking|seeking))?(?:\sfor)?)?)[.!]?\s*"
)
_IN_A_MONTH = lazy_pattern(
    r"\s(?:in|during|by|since|for) (?:January|February|March|April|May|June|July|August|September|October|November|December)(?=[.!]?\s*\Z)"
)
_OVER_ALL_PATTERN = lazy_pattern(r"\bover (?=(?:the|all|these|those|both|his|her|their)\s)")
_OF_THE_ANSWER = lazy_pattern(r"\W{0,3}[A-Z][a-z]+ing the (?:answer|result|solution)\b[^.;]*\b(?:gives|yields|leaves|is)\b")
_ON_DAYS = lazy_pattern(r"\son [A-Z][a-z]+ and [A-Z][a-z]+(?: combined| together)?(?=[.!]?\s*\Z)")

_OF_THE = lazy_pattern(rf"(?P<count>{_FIGURE})\sof\sthe(?:\s{_FIGURE})?(?=\s[a-z]+\s[a-z])")
_AND_HAS = lazy_pattern(r"(?i),?\sand\s(?:still\s|then\s)?(?:has|have|is|are|was|were|gets?|keeps?|will)\b(?P<rest>[^0-9$;?]*)\Z")


def _stated_result(sentence: str) -> str | None:
    """Return the result of a calculation that is the subject, or the number labelled as a total; None for other sentences."""
    hit = _RESULTS.fullmatch(sentence) or _LABELLED_TOTAL.fullmatch(sentence) or _IS_SOUGHT.fullmatch(sentence)
    if hit is None or suspect(hit["said"], gerunds=False) or SAYS_MORE.search(hit["said"]):
        return None
    why = _TO.sub(" ", hit.groupdict().get("why") or "")
    return None if suspect(why, gerunds=False) or SAYS_MORE.search(why) else hit["said"]


def _stated_count(sentence: str) -> str | None:
    """Return the number of a sentence whose subject is a count and whose predicate says what was counted; None for others."""
    hit = _SUBJECT.fullmatch(sentence)
    if hit is None or not sentence.isascii():
        return None
    statement = _HAVE_TO.sub("will", _HARMLESS.sub("", hit["said"].replace("*", "")))
    if (
        suspect(statement, gerunds=False)
        or SAYS_MORE.search(statement)
        or _AT_FIRST.search(statement)
        or not _SUBJECT_ROW.match(kinds(statement))
    ):
        return None
    noun = statement.split()[0]
    return f"{hit['count']} {noun}" if known_unit(noun) else hit["count"]


def _after_introduction(sentence: str) -> str:
    """Return the sentence without the calculation that it opens with if the rest has exactly one number, else the whole."""
    hit = _INTRODUCES.fullmatch(sentence)
    if (
        hit is None
        or not (len(hit["why"].split()) < 3 or _FIGURES.search(hit["why"]))
        or len(_FIGURES.findall(hit["rest"])) != 1
        or "$" in sentence
        or "\\" in sentence
    ):
        return sentence
    why = _TO.sub(" ", hit["why"])
    return sentence if suspect(why, gerunds=False) or SAYS_MORE.search(why) else hit["rest"]


_TWO_VALUES = lazy_pattern(
    rf"(?P<first>{_FIGURE})(?P<unit>(?:\s[a-z]+)?),?\sthat is,?\s\W{{0,3}}(?P<second>{_FIGURE})(?P<second_unit>(?:\s[a-z]+)?)[.!]?\s*\Z"
)


def _says_two_values(sentence: str) -> bool:
    """Return True if a sentence repeats its number as another one of the same unit: thirteen, that is 14."""
    hit = _TWO_VALUES.search(count_of(sentence)) if "that is" in sentence else None
    if hit is None or hit["unit"] not in ("", hit["second_unit"]) or len(_FIGURES.findall(count_of(sentence))) > 2:
        return False
    return hit["first"].strip("$€£").replace(",", "") != hit["second"].strip("$€£").replace(",", "")


_AMOUNT_OF = r"\\?[$€£]?[0-9][0-9,]*(?:\.[0-9]+)?%?(?:/[a-z]+)?(?:\s(?!x\b|is\b|are\b)[a-z]{1,14}(?:/[a-z]+)?){0,2}"
_OPERATOR, IS_RESULT = r"\s?[-+−–*×x·÷/]\s?", "⇒"
_SUM = lazy_pattern(
    rf"(?<![\w.,$)])(?<![-+*/×·÷^=] )(?P<sum>{_AMOUNT_OF}(?:{_OPERATOR}{_AMOUNT_OF}){{1,6}})"
    r"\s?=\s?(?=\\?\$?(?P<result>[0-9](?:[0-9,.]*[0-9])?))"
)
_STEP = lazy_pattern(r"(?P<sign>[-+−–*×x·÷/]?)\s?\\?[$€£]?(?P<number>[0-9][0-9,]*(?:\.[0-9]+)?)")

_OPERATES = lazy_pattern(
    r"(?i)\b(?:add|subtract|multipl|divid|halv|doubl|tripl|squar|half|twice|about|around|roughly|approximately|answer|guess)[a-z]*(?:\s(?:by|of|to|from))?\W*\Z"
    r"|\b(?:step|line|page|stage|case|row|part|theorem|lemma|corollary|proposition|claim|equation|eq|figure|table|section|chapter"
    r"|exercise|problem|question|item|example|remark)\W*\Z"
    r"|\b(?:an?|any|some|every|each|no|one)\s(?:[a-z]+\s)?(?:number|integer|digit|value)s?\b(?!\sof\b)|\bso far\b|\bignor"
    r"|\b(?:would|could|might|should)(?:n['’]t)? have\b"
)


def leads_to_sum(head: str) -> bool:
    """Return True if the words before a true calculation leave its result as it is; the verb may be any but one that goes on computing."""
    if any(pattern.search(head) for pattern in (OF_A_PART, _AT_FIRST, _OPERATES)):
        return False
    return not (takes_away(row(head)) or is_attempt(head) or misleads(kinds(head.rstrip(" ,"))))


_TRUE_IN_BRACKETS = lazy_pattern(  # 27 (35 - 8)
    r"(?<![\w.,])(?P<result>[0-9](?:[0-9,.]*[0-9])?)(?P<noun>\s(?!and|or)[a-z]+)?\s\((?:=\s)?(?P<sum>[0-9]+(?:[,.][0-9]+)*(?:\s?[-+−–*×x·÷/]\s?[0-9]+(?:[,.][0-9]+)*){1,6})\)(?=[.!]?\s*\Z)"
)


def _without_true_sum(match: re.Match[str]) -> str:
    """Return a number and its noun without the calculation in brackets that comes to it, or the whole if it does not."""
    return match.group() if _without_sum(match) else f"{match['result']}{match['noun'] or ''}"


def _without_sum(match: re.Match[str]) -> str:
    """Return an empty string for a calculation of amounts, such as "15 pages - 5 pages =", that comes to the number after it; else the
    calculation itself."""
    terms = list[Fraction]()
    for step in _STEP.finditer(match["sum"]):
        number = Fraction(step["number"].replace(",", ""))
        if step["sign"] in "*×x·÷/" and step["sign"] and terms:
            if step["sign"] in "÷/" and not number:
                return match.group()
            terms[-1] = terms[-1] / number if step["sign"] in "÷/" else terms[-1] * number
        else:
            terms.append(-number if step["sign"] in "-−–" and step["sign"] else number)
    return "" if sum(terms, Fraction(0)) == Fraction(match["result"].replace(",", "")) else match.group()


_PARENTHESIS, _DIGITS_BEFORE = map(lazy_pattern, (r"\((?![^()]*(?:\bor\b|[0-9]|\$|\bnot\b))[^()]*\)", r"([0-9]+)[*\s]*\Z"))


def without_asides(sentence: str) -> str:
    """Return the sentence without remarks in parentheses that leave its number as it is."""
    formulas = [span.span() for span in SPAN.finditer(sentence)]
    return _PARENTHESIS.sub(lambda hit: hit.group() if any(a < hit.start() < b - 2 for a, b in formulas) else _aside(hit), sentence)


def _aside(match: re.Match[str]) -> str:
    """Return a blank, or the remark itself if it may take the claim away, as "(wrong)" and another number do."""
    if (number := count_of(match.group())) != match.group():
        said_twice = _DIGITS_BEFORE.search(match.string, 0, match.start())
        return " " if said_twice and said_twice[1] in number else f" and {number} "
    remark = match.group()
    unclear = suspect(remark, gerunds=False) or (SAYS_MORE.search(remark) and not is_remark_understood(remark[1:-1]))
    return remark if unclear else " "


@lru_cache(maxsize=8)  # the last sentences are read more than once
def in_plain_words(sentence: str, *, sums: bool = False) -> str:
    """Return the sentence without what only compares, explains or repeats its number; "" for two values or steps after the answer. With
    `sums`, a sign before the result of a true calculation states it, whatever the verb is."""
    if "=" in sentence and "\\" not in sentence.replace("\\$", ""):
        sentence = _SUM.sub((lambda hit: _without_sum(hit) or f"{IS_RESULT} ") if sums else _without_sum, sentence)
    sentence = sentence.replace("'re left", " are left").replace("’re left", " are left")
    differs = _DIFFERS.search(sentence) if " than " in sentence else None
    if differs and not (
        _NO_SUBJECT.search(sentence[: differs.start()]) or _NO_OTHER_PATTERN.search(differs["other"]) or SAYS_MORE.search(differs["other"])
    ):
        sentence = f"{sentence[: differs.start()]}{differs['count']}{differs['noun'] or ''}"
    sentence = _ASIDE.sub("", _TO_GO.sub("", sentence)) if " to " in sentence or "ing" in sentence else sentence
    sentence = _SPARE.sub("", _LACKS.sub(r"\1\2", sentence)) if " " in sentence else sentence
    sentence = _REALS.sub("", _TOTALS.sub("Total", _ENDS_WITH.sub("has", sentence)))
    sentence = _NEGATIVE.sub(r"\1-", sentence)
    sentence = _BELOW_ZERO.sub(r"-\1", sentence) if " below zero" in sentence else sentence
    sentence = _THAT_IS.sub("that is", _SOUGHT_PATTERN.sub("the answer is", _OF_THOSE_PATTERN.sub("", _IS_MINE.sub("", sentence))))
    sentence = _IT_IS.sub(r"The answer is \g<said>", _REPLIES.sub("", _IN_SHORT.sub("", sentence)))
    sentence = _IS_ZERO.sub("The answer is 0", _TRUE_IN_BRACKETS.sub(_without_true_sum, sentence))
    if _OF_THE_ANSWER.match(sentence) or _says_two_values(sentence) or SIDE_BY_SIDE.search(sentence.replace(f"{IS_RESULT} ", "")):
        return ""
    sentence = _ON_DAYS.sub("", _WITHOUT_IT_PATTERN.sub("", sentence))
    sentence = _OVER_ALL_PATTERN.sub(
        "in ", _IN_A_MONTH.sub("", sentence.replace("left-over", "remaining").replace(" left over", " remaining"))
    )
    if (behind := _AND_HAS.search(sentence)) and not (suspect(behind["rest"], gerunds=False) or SAYS_MORE.search(behind["rest"])):
        sentence = sentence[: behind.start()]
    sentence = _OF_THE.sub(r"\g<count>", sentence) if _OF_THE.match(sentence) else sentence
    last = _SO.match(sentence)
    if (count := _stated_count(sentence[last.end() :] if last else sentence) or _stated_result(sentence)) is not None:
        return f"The answer is {count}"
    label_match = _LABEL_FIRST.fullmatch(sentence)
    if label_match and not (
        suspect(label_match["label"]) or suspect(label_match["rest"], gerunds=False) or SAYS_MORE.search(label_match["rest"])
    ):
        return f"The answer is {label_match['count']}"
    if (rest := _after_introduction(sentence)) != sentence:
        return f"The answer is {count}" if (count := _stated_count(rest)) is not None else rest
    measured = _MEASURED_PATTERN.match(sentence)
    return f"The answer is {sentence[measured.end() :]}" if measured and known_unit(measured[1]) else sentence
