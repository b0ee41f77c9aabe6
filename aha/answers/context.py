"""Denials around a claim: a sentence becomes a row of word classes, and a small grammar over rows says which take the claim away.

Every closed class of English that can change what a claim says has a letter (denials, conditions, bounds, operations, what others say,
…); a number or a formula is `v`, any other word `w`. A claim stands if its own clause states it and nothing after it takes it back."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from aha.answers.grammar import IN_FEWER_WORDS, LookupTable, kind_of, kinds, leads, leads_of_kinds, upholds
from aha.answers.languages import ONLY_ENGLISH
from aha.answers.lexicon import MAY_BE_DONE, MAY_BE_THAT, OTHER_QUANTITY, RULE_OF
from aha.lazy import lazy_pattern

_CLASSES = {
    "n": "not never no nor neither none nothing nobody cannot hardly scarcely barely differs differ fails fail",  # denies
    "h": "could might may maybe perhaps possibly partially partly supposedly allegedly reportedly presumably apparently seemingly "
    "purportedly conceivably potentially hypothetically theoretically arguably hopefully plausibly",  # does not state
    "H": "would",  # states under a condition, or politely
    "V": "does do did",
    "W": "were had",  # contrary to fact
    "i": "if suppose supposing assume assumes assuming whether imagine pretend provided",  # a condition
    "q": "let test testing try tries trying consider considering",  # tries
    "u": "unless except until",  # takes back wherever it stands
    "k": "but however although though yet while whereas instead rather otherwise nevertheless nonetheless",  # turns
    "x": "wait hold strike oh reflection hmm hm oops sorry scratch actually correction apologies reconsider",  # retracts
    "r": "because since as for given when where by using from with after achieved attained obtained found in at on",  # explains
    "t": (  # goes on
        "so thus hence therefore then consequently finally implies giving making leaving meaning yielding obtaining getting "
        "totaling totalling leading resulting being having remaining"
    ),
    "&": "and",
    "O": "or",
    "M": "has contains",  # has
    "K": "back",  # retracts, with a pronoun
    "b": "is are was have equals gives gave get gets got yields find finds makes it's that's we're costs leaves",  # states
    "c": "be been comes come amounts adds evaluates simplifies leads lead led equal give yield make mean",  # states, after another verb
    "s": (  # states what may be, or what somebody else states
        "think thinks thought believe believes believed claim claims claimed say says said guesses guessed suggest suggests "
        "argue argues suspect suspects expect expects insist insists write writes wrote pick picks picked choose chooses chose "
        "answered submits submitted responded reported put puts enter enters mark marks swears conjecture feel feels hope hopes"
    ),
    "g": (  # turns away from
        "ignored ignoring neglect neglected omit omitted overlooked excluded skipped disregarded "
        "refuse refuses forget forgets forgot ignore avoid exclude eliminate eliminates eliminated reject rejects rejected discard dismiss "
        "rule ruled refute disregard skip"
    ),
    "D": "doubt doubts deny denies disagree disagrees",  # doubts
    "f": "we i us our my i'd we'd i'll let's",
    "p": "it this that these which those above",
    "a": "answer answers solution result",
    "A": "choice option",
    "j": (  # judges, or says that it is a sample
        "wrong incorrect incorrectly false mistake mistaken mistakenly misprint error erroneous nonsense typo guess format "
        "example sample hint invalid bogus unsure uncertain absurd impossible untrue inaccurate trap bait distractor decoy hypothesis "
        "tempting lie joke placeholder flawed"
    ),
    "z": "previous earlier initial naive lazy unlikely published",  # describes an answer other than this one
    "y": "right correct sure certain true yes indeed",  # agrees
    "l": "most more less fewer greater larger smaller higher lower over below under short almost nearly close off too",  # compares
    "P": "minus plus",  # an operation on either side
    "B": "between",
    "d": "half twice double thrice times log ln sin cos tan reciprocal inverse",  # an operation before a number
    "Q": "squared cubed multiplied divided factorial mod",  # an operation after a number
    "e": "a an the each every exactly just only simply clearly precisely",
    "o": "of to than",
    "X": "extraneous",  # not extraneous means right
}
_CLASS = {word: letter for letter, words in _CLASSES.items() for word in words.split()}
TOKEN = lazy_pattern(
    r"\n\s*\n|\$\$[^$]{1,300}\$\$|\$[^$\n]{1,300}\$|\\\(.{1,300}?\\\)|\\\[.{1,300}?\\\]|[A-Za-z]+(?:['’][a-z]+)?|-?[0-9]+(?:[.,/:][0-9]+)*"
    r"|\\[A-Za-z]+|[.,;:?!=()—–]|不是?|≠",
    re.S,
)
_MARKS = {"≠": "n", "不": "n", "不是": "n", "—": ",", "–": ",", "(": ",", ")": ",", "\\text": "", "\\textbf": "", "\\boxed": ""}

_BEFORE = (
    r"[dP][eo]*$|B(?:v&)?e*$",  # half of it
    r"^[t,]*h[ewaAp]{1,4}[bc]e?$|n[^bM=,;:ktv]*$|n[bc]?,?$|ne?[wy]p[^,;kt]*$|nv(?:w?v)*n?$|nbp$",  # not it
    r"h[^bM=,;:kt]*$|he?b[eo]*$|(?:^|[,;:])(?:t,?)?h[wfp]{1,2}[bM][eo]*$|(?:^|[.;:])t?,?[pfae]{0,3}h,?[pfaAebcw]*[v,&]*=$",  # may be
    r"(?<![&e])i(?!.*fb)[^,;:kt]*$|q[^bM,;:ktf]*$|(?:i.*|^)W.*H[^=t]*$|i[^.;]*[gn][^.;]*H[^=t]*$|Hbc[^bM=]*$",  # if it is
    r"(?<!f)(?<!fH)(?<!fHt)(?<!ft)(?<!^)s(?:p?[ewyf]{0,3}[aAp][^,;:kt]*|[eo]*)$|bw?so",  # some say that it is
    r"[gD][^,;:kt&]*$|(?:^|[,;:.])t?,?G[wve]{0,2}(?:[or]e?)?$",  # I doubt that it is
    r"(?<!o)[jz]w{0,2}[aA][^,;kt]*$|j[:e]*$|jb[^,;kt]*$|bjo[^,;kt]*$",  # the wrong answer is
    r"[dlorPB]e?(?<!of)[aA][b&][^,;kt]*$|a[^,;:kt=]*(?<![ca])[or]e?$|(?<!be)aw?oc$|aM|[aA][wv]?[QPdl][^,;kt]*b$",  # the bound is
)
_AFTER = (
    r"^,?[QP]|^dv|^,e?w{0,2}j|^lo[ve]|^kl|^[wc]?,?O|^,?ev|^:p|^r[^.?!]*,&v",  # it squared, it or more
    r"^b(?![eyaptwrf])|^b[^.,;:]*[nhsji]|^V?[nhH]|^we|^,n(?!e?[wA]{0,2},?v|e\b|e[.,])",  # it is not
    r"^,?O[^.]*v|^w{1,3}(?:b|(?=n))[^.,]*(?:ny|j)|^w?c?g",  # it or that
    r"^[^.]*u|^[^.?!]*k(?![no]|v[v,&]*b(?:n|w?j))",  # it unless; it, but that
    r"^[w,]{0,3}i|^w{0,3}\?(?!y)",  # it if; it?
    r"^[^.?!r]*,t[^.r?!]*v",  # it, so that
)
_LATER = (
    r"[.?!][kt]?,?[rn]?x|[,.;]vb[ew]{0,2}y|Op?h|kp?h[w&]*c|[bpa]ne?w?[yaA]|x[,.]?[px]|pK",  # wait; or maybe it is not
    r"[.?!]k(?!o|v[v,&]*b(?:n|w?j))[^.?!]*[vj]",  # but that
    r"[.?!,][kt]?[,e]{0,2}(?:[pa]|f(?!&))[^.?!v,]{0,4}(?:n[ce]{0,2}w?y|j(?!o)|n?D|ns(?=[p.]))",  # this is wrong
)
_ENDS = lazy_pattern(r".*(?:[.?!](?:\$|\)|\*\*|[\"”])?\s|\n\s*\n|。|(?:\$\$|[.?!]\$|\\\]|\\end\{[a-z]{5,8}\*?\})\s?(?=[A-Z]))", re.S)
_STOPS, _MAY_CONCLUDE = map(lazy_pattern, (r"[.!?。](?:\s|$)|\n", r"[0-9$]|\\\("))
_ROOM, LONGEST, _LOOKED_AT = 300, 1_500, 1_000  # characters that are read before a claim, after it and for another conclusion
_ANNOUNCES = lazy_pattern(
    r"\W*(?:(?:[Ss]o|[Tt]hus|[Hh]ence|[Tt]herefore),? )?(?:[Tt]he|[Oo]ur|[Mm]y)? ?(?:[Ff]inal |[Cc]orrect )?[Aa]nswer(?: is)?\W*"
)
_ANNOUNCED_PLAINLY = lazy_pattern(r"(?:(?:So|Thus|Hence|Therefore),? )?[Tt]he (?:final |correct )?answer is")
_SHORT, _CLOSES = map(lazy_pattern, (r"[\W_]*(?:A|(?:[Ff]inal )?[Aa]nswer)[\W_]*", r"(?:[\s$})\]*_]|\\[)\],;!. ])*"))
_ANOTHER_PATTERN = lazy_pattern(  # "the answer is 8", "it must be 8", "edit: 8"
    r"(?i)(?:(?<!ck our )(?<!ck the )(?<!ck this )(?<!fy our )(?<!fy the )\banswer\b\s*[:=]"
    r"|\b(?:answer|result)\b(?: \w+)?\s*(?:is|was|should be|must be|equals)|\bit (?:is|must be|should be|equals)"
    r"|(?:^|[.!?]\s+)(?!check|verif|proof|expla|note|because|step|case|method)[A-Za-z]+(?: [a-z]+){0,2}:)\s*"
    r"(\$[^$\n]{1,80}\$|\\\(.{1,80}?\\\)|-?[0-9][0-9.,/]*)(?![0-9]|\s*(?:[-+/=^]|\*(?!\*)))"
)
_MAY_BE_ANOTHER = lazy_pattern(r":\s*(?:\$|\\\(|-?[0-9])|[Aa]nswer|ANSWER|[Rr]esult|RESULT|[Ii][Tt] (?:is|must|should|equals)")
_SENTENCES, _FIGURES = lazy_pattern(r"(?<=[.!?])\s+|\n+"), lazy_pattern(r"(?<![A-Za-z_^{\d.])[0-9]+(?:\.[0-9]+)?")
_CONCLUDES = lazy_pattern(  # ", thus 3690 seconds"
    r"(?i)(?:\A|[,.;:(!?—]\s*|\band )(?:so|thus|hence|therefore|then|altogether|in (?:all|total)|giving|making|leaving|it (?:is|was)"
    r"|(?:we|you|i|one) (?:gets?|obtains?|have|has|finds?|are left with)|(?:and|but) (?:that|this|it) (?:is|makes)"
    r"|(?:the )?(?:final|total|whole)\b|(?:which|that|this) (?:makes|gives|leaves|yields|means)"
    r"|[^.]{0,60}\b(?:asks? for|asked|looking for|we want|wanted|sought|of the whole)\b"
    r"|(?:the )?(?:correct|right|actual|true|real)\b[^.,;:]{0,30}?(?: is|:))\b[^.;]{0,80}?"
    r"(?:(?<![A-Za-z_^{\d.])\\?\$?(?P<figure>[0-9]+(?:\.[0-9]+)?)|\$(?P<formula>(?:[^$A-Za-z]|\\[a-z]+){1,40})\$|\\\((?P<inline>-?[0-9.,]{1,12})\\\))"
    r"(?!\s?[-+*/=^\\])[$°%]?(?:\s+[a-z]+){0,6}(?:[.!?,]|\s*\Z)"
)
_CHECKS = lazy_pattern(
    r"(?i)\b(?:check\w*|verif\w+|indeed|note|notice|example|instance|cases?|alternatively|another|proof|prove\w*|step|since|because|means|if"
    r"|when|we could)\b|\$[^$\d\\\s,]*[A-Za-z]"
)
_THOUSANDS = lazy_pattern(r"(?<=\d),(?:\\!)?(?=\d{3})")
_COUNTERFACTUAL = lazy_pattern(
    r"(?i)\b(?:should|could|might) have (?:been\b[^.,;]*|(?:got(?:ten)?|obtained|found|answered|written)(?:\W|\b(?:an?|the)\b)*)\Z"
    r"|\b(?:without|but for|absent|ignoring|neglecting|excluding|omitting|barring|leaving (?:out|aside))\b[^.;]*\bwould\b[^,;:.]*\Z"
    r"|\bwould(?:n['’]t)? have (?:\w+ly )?(?:\w+ed|\w+pt|\w+lt|been|\w+[aeo]wn|got|made|had|cost|paid"
    r"|sold|bought|spent|lost|won)\b[^.,;]*\Z"
    r"|(?i:\bso much for\W*\Z)"
)
_ATTEMPT = "estimate|guess|count|calculation|computation|attempt|approximation|tally|try|impression|method|approach|reading|thought|hunch"
_HEDGED_PATTERN = lazy_pattern(  # a first or wrong attempt, before its result
    r"(?i)\b(?:naive|hasty|careless|sloppy|tempting|apparent|superficial|misguided|fallacious|mistaken|simplistic|knee-jerk|ostensible)\b[^,;:.]*\Z"
    rf"|\b(?:first|initial|quick|rough|crude|early|preliminary|tentative|provisional|ballpark|lucky)\s(?:\w+\s)?(?:{_ATTEMPT})\b[^,;:.]*\Z"
    rf"|{MAY_BE_THAT}|\b(?:at|on) (?:a |the )?first (?:glance|sight|look|reading|thought|try)\b[^;:.]*\Z"
    r"|\b(?:it|this|that|there) (?:can|could) be\b(?:\W*(?:the|an?)?\W*| (?![a-z]+(?:ed|en|wn|nd) )[^,;.]{1,40}=\W*)\Z"
    r"|\ban? (?:[a-z]+ ){0,2}(?:bound|estimate|approximation)\b[^,;:.]*\Z|\b(?:second|third|next)[- ](?:best|most)\b[^,;:.]*\Z"
    r"|(?<!of )(?<!of the )\b(?:wrong|incorrect|erroneous|false|bogus|flawed)\s(?:\w+\s)?"
    r"(?:answer|total|sum|value|result|count|number|solution|figure|price|cost|amount|approach|method|way|step|argument|assumption)s?\s"
    r"(?:is|was|(?:would )?(?:gives?|leads?)|comes|yields|equals|makes)\b[^,;:.]*\Z"
)
_HELD_PATTERN = lazy_pattern(  # a belief of others
    r"(?i)\b(?<!i )(?<!we )(?<!i['’]d )(?<!i would )(?:think|thought|believe|claim|claimed|say|said|argue|insist|suspect|swear|assume"
    r"|bet|dream|fear|boast|guess)(?:s|d|ed|es)?\s(?:that\s)?"
    r"(?:(?:[\w'’]+\s){1,4}(?:is|are|has|have|had|was|were|gets?|equals|needs)\b[^,;:.]*|(?:it|that)['’]s\W*)\Z"
)
_NOT_DONE = lazy_pattern(  # hoped to earn, grade this as, such as
    r"(?i)\b(?:hop|want|wish|plann?|expect|intend|aim|tr[yi]|attempt|fail|refus|promis|pretend|threaten)(?:es?|s|ed|ing)?\sto(?:\s[a-z]+){1,3}\W*\Z"
    r"|\b(?:(?:grad(?:e|ing)|treat|mark|score|rate|accept)\s(?:this|me|my)|(?:reference|gold|truth)\s(?:answer|solution|label))\b[^;]*\Z"
    r"|\b(?:supposed|meant) to\b[^,;:.]*\Z|\b(?:wants?|wanted|wish(?:es|ed)? for|dreams? of|hopes? for)\W*\Z"
    r"|\A\W*(?:so |thus )?one of (?:the|these|those|its|his|her)\s(?:[a-z]+\s){0,2}is\W*\Z"
    r"|\b(?:for (?:example|instance)|e\.g\.|such as),?\W*\Z|\b(?:we|i|you|let us|let['’]s|to|first|now|then|next"
    r"|finally|must)(?: (?:then|now|also|must))?,? (?:add|subtract|multiply|divide|halve|double|triple|square|cube)(?: it)?(?: by)?"
    r"(?: (?:these|those|this|that|the|our|all))?\W*\Z|\A\W*(?:add|subtract|multiply by|divide by|halve|double|triple|square)\W*\Z"
)
_ATTEMPTS = frozenset(  # each match of the five patterns contains one of these words
    """close closer closest nearer squared cubed doubled halved tripled root reciprocal opposite supplement complement logarithm half twice
    thrice times bet dream dreams dreamed fear fears boast boasts guess supposed meant one bound estimate approximation should could
    might add halve double triple square cube subtract subtracts subtracted subtracting multiply multiplies multiplied multiplying
    divide divides divided dividing hope hopes hoped hoping want wants wanted wish wishes wished plan plans planned expect expects
    expected intend intends intended aim aims aimed try tries tried attempt attempts attempted fail fails failed refuse refuses
    refused promise promises promised pretend pretends threaten threatened grade grading treat mark score rate accept reference gold
    truth example instance such e would wouldn't wouldn’t much naive hasty careless sloppy tempting apparent superficial misguided
    fallacious mistaken simplistic knee ostensible first initial quick rough crude early preliminary tentative provisional ballpark
    inspired lucky second third next can cannot can't can’t may possible impossible conceivable inconceivable plausible implausible
    chances chance possibility probability risk perhaps maybe wrong incorrect erroneous false bogus flawed think thinks thought
    believe believes believed claim claims claimed say says said argue argues argued insist insists insisted suspect suspects
    suspected swear swears assume assumes assumed""".split()
)
_UNDONE_BEHIND = lazy_pattern(  # or the value is only an example
    r"(?i)\s*,?\s*(?:(?:[a-z]+ ){0,2}at (?:best|worst|a guess)|(?:say, )?for (?:instance|example)|roughly|approximately"
    r"|more or less|at (?:the )?(?:most|least)|per [a-z]+,? (?:and|but)|and (?:also|its|their|another|-?[0-9]))\b"
    r"|\s*[.;]\s+(?:(?:now|then|next|finally|we|so),? ){0,2}(?:must |still )?(?:add|subtract|multiply|divide|double|halve)\b"
    r"|\s*(?:[a-z]+\s+){0,2}(?:short|shy) of\b|\s*(?:for|with|in|under|by) (?:the|an?) (?:\w+ ){0,2}(?:wrong|incorrect|false|mistaken)\b"
)
_LITERALLY = lazy_pattern(
    r"(?i)\b(?:writes?|wrote|picks?|picked|puts?|answers|answered|chooses?|chose|marks?|marked|enters?|entered|ordered)\W*\Z"
)
_SEGMENTS = lazy_pattern(r"(?<=frac)\{[A-Z]{2,3}(?=\})|(?<=\})\{[A-Z]{2,3}(?=\})")
_COMMENTS = lazy_pattern(  # comments on mathematics, not on the answer
    r"[\s.,$)\\\]]*\(?(?:Alternatively|In general|To see that|To see why|Equality (?:is|holds|occurs)"
    r"|An? (?:alternate|alternative) (?:way|solution|method)|In the above calculations|If this algebra|Either point is|The graph)"
)
_NOTHING_OVER = lazy_pattern(
    r"(?i),\s(?:and |with )?(?:no (?:remainder|rest|change|leftovers?)(?: (?:left|over|remains?))?|so nothing(?: at all)?)(?=[.!]?\s*\Z)"
)
_STATIVE = r"(?:be|have|equal|cost|take|need|contain|weigh|remain|leave|last|amount|total)\b"  # it could cost
_WORD, _WORDS, _COULD = map(lazy_pattern, (r"[A-Za-z]{2}", r"[a-z]+(?:['’][a-z]+)?", rf"\bcould(?= (?!{_STATIVE})[a-z]+\W*\Z)"))
_before, _after, _later = (lazy_pattern("|".join(patterns)) for patterns in (_BEFORE, _AFTER, _LATER))
_SUSPECT = frozenset(word for word, letter in _CLASS.items() if letter in "nhHiqukxsgDjzldQPBOGK") | {"precisely", "exactly"}


@lru_cache(maxsize=16)  # the text after a claim is checked more than once
def suspect(text: str, *, gerunds: bool = True) -> bool:
    """Return True if a word in the text can take a claim away; without one, no closer look is needed."""
    low = text.lower()
    return not _SUSPECT.isdisjoint(_WORDS.findall(low)) or "n't" in low or "n’t" in low or (gerunds and "ing" in low)


def denied_before(text: str, start: int, end: int | None = None) -> bool:
    """Return True if the sentence that leads to a claim denies, doubts or supposes it, says it of something else or is not understood.
    Given the claim's `end`, what is said of a claim that begins its clause is checked too."""
    return stance(text, start, end) != "stated"


def stance(text: str, start: int, end: int | None = None) -> Literal["stated", "denied", "unclear"]:
    """Return how the sentence that leads to a claim means it."""
    head = text[max(0, start - _ROOM) : start]
    return "stated" if states_plainly(head) else _stance(text, start, end, head)


def states_plainly(head: str) -> bool:
    """Return True if the sentence that leads to a claim is one line that states it by words alone, as most do; a quick first test."""
    line = head.rstrip(" $\\([{*_\n:")
    if not line[-1:].isalpha() or "~~" in head[-9:]:
        return False
    stop = max(line.rfind(". "), line.rfind("\n\n"), line.rfind("! "), line.rfind("? "), line.rfind(".\n"))
    line = line[stop + 2 :] if stop >= 0 else line
    if "\n" in line:
        above, _, last = line.rpartition("\n")
        last = last.lstrip()
        line = last if last.startswith(_THEREFORE) or (above.endswith("**") and last.startswith("The ")) else line
    return _is_plain(line)


_THEREFORE = ("Therefore, ", "Thus, ", "Hence, ", "So, ")


@lru_cache(maxsize=1_000)
def _is_plain(line: str) -> bool:
    if "nswer" in line:
        return _ANNOUNCED_PLAINLY.fullmatch(line) is not None
    if "$" in line or "\\" in line:
        line = _CLOSED_PATTERN.sub(" 0 ", line)
    if not line.isascii() or _BRACES.search(line):
        return False
    words = line.split()
    if ONLY_ENGLISH.isdisjoint(words) and words[:1] != ["The"]:
        return False
    classes, kinds_of, attempts = zip(*[_PLAIN[word] for word in words], strict=True)
    if takes_away("".join(classes)) or leads_of_kinds("".join(kinds_of)) != "states":
        return False
    return True not in attempts or not is_attempt(line)


@lru_cache(maxsize=2_000)
def takes_away(classes: str) -> bool:
    """Return True if the classes of the words before a claim take it away."""
    return not _SUSPECT_CLASSES.isdisjoint(classes) and _before.search(classes) is not None


_SUSPECT_CLASSES = frozenset("dPBnhiqWHsgDGjzaA")  # each match of `_BEFORE` contains one of these


def _look(word: str) -> tuple[str, str, bool]:
    """Return the classes and kinds of a word, perhaps with a comma, and whether it may be part of an attempt."""
    bare = word.removesuffix(",")
    if bare.isalpha() and bare.isascii():  # no split is needed
        comma = word[len(bare) :]
        return f"{_letter(bare)}{comma}", f"{kind_of(bare)}{comma}", bare.lower() in _ATTEMPTS
    return row(word), kinds(word), not _ATTEMPTS.isdisjoint(_WORDS.findall(word.lower()))


_PLAIN = LookupTable(_look)
_CLOSED_PATTERN = lazy_pattern(r"(?<!\\)\$(?!\$)(?:(?!\\text|\\mbox)[^$\n]){1,100}\$|\\\((?:(?!\\text|\\mbox|\\\))[^\n]){1,100}\\\)")
_BRACES = lazy_pattern(r"[$\\{}]")


def _stance(text: str, start: int, end: int | None, head: str) -> Literal["stated", "denied", "unclear"]:
    begins = _begins(head)
    whole = head[begins:]
    sentence = whole.rstrip(" $\\([{*_\n")
    if not _WORD.search(sentence) and (lead := head[:begins].rstrip())[-1:] not in (".", "!", "?", "。"):
        whole = sentence = lead[max(_begins(lead), lead.rfind("\n") + 1) :] + sentence
    if _SHORT.fullmatch(line := whole.rpartition("\n")[2]):
        whole = line
    above, _, line = sentence.rpartition("\n")
    if above and not above.rstrip()[-1:].isalpha() and above.rstrip()[-1:] not in (":", ",") and _ANNOUNCES.fullmatch(line):
        return "stated"  # on a line of its own below a finished sentence
    rest = "" if end is None else _beside(text[end : end + _ROOM])
    counts = rest[:1].isalpha() and kinds(rest)[:1] in ("w", "s", "n", "a", "b")
    sentence = MAY_BE_DONE.sub("can", sentence) if counts else sentence
    sentence = _COULD.sub("can", _LITERALLY.sub("has", sentence)) if counts else sentence  # he wrote 12 pages, he could buy 30 oranges
    if (suspect(sentence) or ("nswer" in sentence and not _ANNOUNCES.fullmatch(sentence))) and takes_away(row(sentence)):
        return "denied"
    if not _ATTEMPTS.isdisjoint(_WORDS.findall(sentence.lower())) and is_attempt(sentence):
        return "denied"
    if end is not None and "~~" in head[-9:] and "~~" in text[end : end + 9]:
        return "denied"
    lead = leads(whole, counts=rest[:1].isalpha())
    return "stated" if lead == "states" or (lead and (end is None or upholds(rest, opens=True))) else "unclear"


def is_attempt(sentence: str) -> bool:
    """Return True if a sentence says what would be, what a first attempt gives, what others believe or what is hoped for."""
    sentence = sentence.rpartition(" but ")[2]
    return any(pattern.search(sentence) for pattern in (_COUNTERFACTUAL, _HEDGED_PATTERN, OTHER_QUANTITY, _HELD_PATTERN, _NOT_DONE))


def _beside(rest: str) -> str:
    """Return the rest of the sentence in which a claim stands, on its line."""
    is_closed = _CLOSES.match(rest)
    ends = is_closed.end() if is_closed else 0
    stops = _STOPS.search(rest, ends)
    return "" if "\n" in rest[:ends] or "." in rest[:ends] else rest[ends : stops.start() if stops else None]


def _begins(head: str) -> int:
    """Return the index where the last sentence of a text begins."""
    hit = _ENDS.match(head)
    return hit.end() if hit else 0


def may_take_back(rest: str) -> bool:
    """Return True if a quick look finds anything after a claim that can take it away."""
    return suspect(rest) or "?" in rest[:40] or ", and" in rest[:60]


def denied_after(rest: str, claim: str | None = None, *, understood: bool = True) -> bool:
    """Return True if the text after a claim changes it, takes it back or, if `claim` is given, gives another answer. With `understood`,
    text that is not understood counts as a denial."""
    if (
        claim is not None
        and _MAY_BE_ANOTHER.search(rest)
        and any(_bare(second.rpartition("=")[2]) != _bare(claim) for second in _ANOTHER_PATTERN.findall(rest))
    ):
        return True
    plain = _plain(rest)
    if claim is not None and _concludes_otherwise(plain, claim):
        return True
    after = ("\n\n" if "\n\n" in rest[:12] else "") + plain
    if _UNDONE_BEHIND.match(plain):
        return True
    if may_take_back(rest):
        classes = ("." if "\n\n" in rest[:12] else "") + row(plain)
        if _after.search(classes) or _later.search(classes):
            return True
    return understood and not _COMMENTS.match(plain) and not upholds(after, opens=False)


def _concludes_otherwise(rest: str, claim: str) -> bool:
    """Return True if a later sentence concludes with a figure other than the claim's and does not name the claim's."""
    own_words = _FIGURES.findall(_THOUSANDS.sub("", claim))
    if len(own_words) != 1:
        return False
    for sentence in _SENTENCES.split(_THOUSANDS.sub("", rest[:_LOOKED_AT])):
        hit = _CONCLUDES.search(sentence) if _MAY_CONCLUDE.search(sentence) else None
        if (
            hit
            and (hit["figure"] or hit["formula"] or hit["inline"]) != own_words[0]
            and own_words[0] not in _FIGURES.findall(sentence)
            and not _CHECKS.search(sentence)
        ):
            return True
    return False


def _bare(value: str) -> str:
    return value.strip("$\\() .,")


def taken_back(rest: str) -> bool:
    """Return True if a sentence after the claim takes it back."""
    return suspect(rest) and _later.search(row(_plain(rest))) is not None


def _plain(rest: str) -> str:
    rest = rest[_CLOSES.match(rest).end() :]  # type: ignore[union-attr]
    rest = _NOTHING_OVER.sub("", rest) if ", " in rest else rest
    return re.sub(r"\[asy\].*?(?:\[/asy\]|\Z)", "", rest, flags=re.S) if "[asy]" in rest else rest


def row(text: str) -> str:
    """Return the classes of a text's words, one letter each; segments such as NO in \\frac{NO}{BO} are values."""
    text = _SEGMENTS.sub("{0", text) if "frac{" in text else text
    if " by" in text or " out " in text or " to be" in text:
        for words, plain in IN_FEWER_WORDS:
            text = text.replace(words, plain)
    text = RULE_OF.sub(r"\1method", text) if "rule" in text else text
    text = text.replace("\\$", "") if "\\$" in text else text  # a price does not open a formula
    return "".join([_LETTERS[token] for token in TOKEN.findall(text)])


def _letter(token: str) -> str:
    first = token[0]
    if first.isalpha():
        low = token.lower().replace("’", "'")
        return _CLASS.get(low) or ("n" if low.endswith("n't") else "v" if len(low) == 1 else "G" if low.endswith("ing") else "w")
    return "." if first == "\n" else _MARKS.get(token, token if first in ".,;:?!=" else "v")


_LETTERS = LookupTable(_letter)
