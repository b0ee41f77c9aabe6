"""The positive grammar of a claim: a claim counts only if what leads to it and what is said of it is understood.

`context` knows the words that take a claim away. This grammar works the other way round. Between a claim and the verb, the equality sign
or the start of the clause that states it, only words known to leave it as it is may stand. The verb must be known; if the subject is a
calculation or a solver, so must the subject. What is said of the claim afterwards (its predicate if it is a subject, "which …", or "this
…" in a later sentence) must be known. Any other word may stand elsewhere: among those that say whose number it is, or why."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from aha.answers import lexicon
from aha.answers.lexicon import SCALES
from aha.answers.symbols import VALUES
from aha.answers.units import measures
from aha.lazy import lazy_pattern

T = TypeVar("T")
_TOKEN = lazy_pattern(
    r"\n\s*\n|[A-Za-z\u00c0-\u024f]+(?:['’][a-z]+)?|-?[0-9]+(?:[.,/:][0-9]+)*|\\[A-Za-z]+|[.,;:?!=()—–→⇒≈≡∴]|[\u0370-\u04ff]+"
    r"|[\u3040-\u9fff\uac00-\ud7af]+"
)
_LETTERS = {
    "T": "that",
    "h": "which who whose",
    "c": "where when since because while",
    "t": "so thus hence therefore then but however yet",
    "&": "and",
    "O": "or",
    "o": "to",
    "M": "will would can could may might must shall should does do did cannot",
    "f": "we i you us let's",
    "p": "it this these those",
    "a": lexicon.ANSWERS,
    "i": lexicon.IS,
    "u": lexicon.UPHOLDS,
    "n": lexicon.SUBJECTS,
    "j": lexicon.KINDS,
    "e": lexicon.POINTS,
    "q": lexicon.LEADS,
    "l": lexicon.LIGHT,
    "y": lexicon.SOLVES,
    "b": lexicon.VERBS,
    "v": f"{' '.join(word for word in VALUES if word != 'one')} {' '.join(SCALES)} dozen",
}
_LETTER = {word: letter for letter, words in reversed(_LETTERS.items()) for word in words.split()}
_FORMS_OF = "uybna"  # the classes that also contain the other forms of a word; the first match counts
_BY_FORM = {word: letter for letter in reversed(_FORMS_OF) for word in _LETTERS[letter].split()}
_MARKS = {"—": ",", "–": ",", "(": ",", ")": ",", "→": "=", "⇒": "=", "≈": "=", "≡": "=", "∴": "t", "!": ".", "?": "."}
_COMMANDS = {
    **dict.fromkeys("text textbf mathrm boxed quad qquad left right bf".split(), ""),
    **dict.fromkeys("implies approx equiv Rightarrow rightarrow longrightarrow Longrightarrow to simeq cong iff in sim".split(), "="),
    "therefore": "t",
    "because": "c",
}
_TAKES_AWAY = lazy_pattern(r"(?:over|under|mis|dis|non|un|im|ir|pseudo|mal|anti|counter)[a-z]{3}")
_STATED_PATTERN = lazy_pattern(
    r".*(?:剩下|留下|得到|[合总共]计|花费|耗费|卖出|花掉|支出|[读看买卖做走跑吃写种画赚挣收是为為はがを有得即共于은는이가을를총需要约剩余花付用了达成值选選择答解案え답]|所以|因此|따라서|모두)\Z",
    re.S,
)
_DOUBTED_IN_HAN = lazy_pattern(
    r"(?:天真|草率|粗略|初步|本来可|本可|本应|本该|原本可|差点|险些|有人|认为|以为|想|打算|希望|计划|准备|误|错|假设|如果|若|可能|也许|很多人|许多人|不少人|看起来|看似|乍一看|并非|未必|誤|間違|もし|かも|思|만약|틀)[^,，。、]*\Z"
)
_AGAINST_IN_HAN = lazy_pattern(
    r"(?:天真|草率|粗略|初步|不是|不等于|不为|并不|没有|不能|不會|不会|少于|多于|大于|小于|超过|不足|至少|至多|最多|最少|大约|约为|接近|除了|以上|以下|未満|ではな|じゃな|約|아니|않|못|이하|이상|미만|초과|약)[^,，。、]*\Z"
)
_DENIED_IN_HAN = lazy_pattern(
    r"[^。.\n]{0,12}(?:错|误|誤|間違|不正|不对|不成立|ではな|でな|ではあり|じゃな|とは限|より(?:大|小|多|少)|以[上下]|未満"
    r"|틀|아니|아닙|ません|ない|지 않|보다|이상|이하|미만|초과|정도|쯤)"
)


_KEPT_WORDS, _LONGEST_KEPT_WORDS = 5_000, 20


class LookupTable(dict[str, T]):
    """A mapping from a word to what a function returns for it; that of short words is kept, up to a number."""

    def __init__(self, look: Callable[[str], T]) -> None:
        self.look = look

    def __missing__(self, word: str) -> T:
        entry = self.look(word)
        if len(self) < _KEPT_WORDS and len(word) < _LONGEST_KEPT_WORDS:
            self[word] = entry
        return entry


def _kind_of(token: str) -> str:
    first = token[0]
    if first == "\n":
        return "."
    if first == "\\" or first.isdigit() or first == "-":
        return _COMMANDS.get(token[1:], "v")
    if token in _MARKS or not first.isalpha():
        return _MARKS.get(token, token)
    if first >= "\u3040":
        return "&" if token[-1] in "和与及或と" else "b" if _STATED_PATTERN.match(token) else "w"
    if token.isupper() and 1 < len(token) <= 3:
        return "v"  # a name of points
    return _kind(token.lower().replace("’", "'"))


_KIND = LookupTable(_kind_of)
kind_of = _KIND.__getitem__


def _kind(word: str) -> str:
    if len(word) == 1 and word not in ("a", "i"):
        return "v"
    if entry := _LETTER.get(word):
        return entry
    plain, _, ending = word.partition("'")
    if ending in ("s", "re", "ll", "d", "m", "ve") and (owner := _LETTER.get(plain, "w")) in "pfTtlja":
        return "f" if owner == "f" else "i"
    if word[0] > "\u036f":
        return "x"
    if word[-1] in "sdg" and (letters := [_BY_FORM[form] for form in plain_forms(word) if form in _BY_FORM]):
        return min(letters, key=_FORMS_OF.index)
    return _unknown(word)


def _unknown(word: str) -> str:
    """Return the kind of an unknown word by its ends: s, d, g, L for overlooks, scrapped, ignoring, naively; x for miscounts; else w."""
    if word[0] in "oumdnipac" and _TAKES_AWAY.match(word):
        return "x"
    if word[-1] == "s":
        return "w" if word[-2:] in ("ss", "us") else "s"
    return "L" if word.endswith("ly") else "g" if word.endswith("ing") else "d" if word.endswith("ed") else "w"


_ENDINGS = {"s": ("s", "es"), "d": ("ed", "d"), "g": ("ing",)}


def plain_forms(word: str) -> list[str]:
    """Return the plain forms that a form of a verb or noun may come from: tries, fitted, making."""
    hit = list[str]()
    for ending in _ENDINGS.get(word[-1:], ()):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            stem = word.removesuffix(ending)
            hit += [stem, f"{stem}e"] if ending == "ing" else [stem]
            hit += [stem[:-1]] if stem[-1:] == stem[-2:-1] else []
            hit += [f"{stem[:-1]}y"] if stem.endswith("i") else []
    return hit


_MATHS = lazy_pattern(
    r"(?<!\\)(\$\$?)(?:(?!\1).)*(\1|\Z)|\\\[.*?(\\\]|\Z)|\\\(.*?(\\\)|\Z)"
    r"|\\begin\{(align|equation|gather|eqnarray|aligned|split|array)\*?\}.*?(\\end\{\5\*?\}|\Z)",
    re.S,
)
_SPOKEN_PATTERN = lazy_pattern(r"(?<![\\A-Za-z{^_])[A-Za-z]{2,},?\s+[A-Za-z]{2,}")
_EQUATES = lazy_pattern(
    r"(?:[=≈≡→⇒:&]|\\(?:approx|equiv|in|to|implies|iff|sim|simeq|cong|[rR]ightarrow|long[rR]ightarrow|Longrightarrow))[\s&\\,;:({$]*\Z"
)
_FRACTION = lazy_pattern(
    r"\\[dt]?frac\{\\(?:text|mathrm)\s*\{[^{}]*\}\}\s*\{\\(?:text|mathrm)\s*\{[^{}]*\}\}"
)  # a fraction of words: favourable over all cases
_INDEX, _WORDS = lazy_pattern(r"_\s*\{?\s*\\(?:text\w*|mbox|mathrm)\s*\{[^{}]*\}"), lazy_pattern("[A-Za-z]+")
_IN_TEXT = lazy_pattern(r"\\(?:text\w*|mbox|mathrm)\s*\{([^{}]*)\}?")


def kinds(text: str) -> str:
    """Return the kinds of a text's words, one letter each; a formula is a value."""
    if "$" in text or "\\" in text:
        text = _MATHS.sub(_show, text)
    return "".join([_KIND[token] for token in _TOKEN.findall(text)])


def _show(hit: re.Match[str]) -> str:
    """Return the words that replace a formula: a value or, for a formula that is open at the end, what leads to the claim in it."""
    formula = hit.group()
    if any(hit.group(2, 3, 4, 6)):
        return " 0 "
    formula = _FRACTION.sub("0", formula) if "frac{\\" in formula else formula
    speech = " ".join(words for words in _IN_TEXT.findall(_INDEX.sub("", formula)) if not all(map(measures, _WORDS.findall(words))))
    if speech or _SPOKEN_PATTERN.search(formula):
        equals = " =" if _EQUATES.search(formula) else ""
        return f" 0 {speech}{equals}" if speech else f" {formula.lstrip('$')}"
    return " 0 = " if _EQUATES.search(formula) else " 0 " if formula.strip("$\\[(&{ \n") else " "


_W = "[wsdgLx]"  # any unknown word
_LIGHT = "[ljnaopfveq]*"
_GOVERNED_PATTERN = lazy_pattern(rf"(?:(?:^|[=:;.tbiuyTMc&,Ov])|[biuy][^,;:.tTchM=&dgLx]*q|eal|qe[na]l|[biuy]e[wsj]{{0,2}}[na]l){_LIGHT}$")
_GIVEN_PATTERN = lazy_pattern(r"[biuy]e?[ws]{1,2}$")  # takes the lion 12 minutes
_CLAUSE = lazy_pattern(r".*(?:[.;]|[,:&]t)", re.S)
_BEFORE = lazy_pattern(
    rf"(?:^|[.;:])[^v=biuy]*{_W}[^v=biuy]*,{_LIGHT}$"  # in one reader's view, it
    rf"|(?:[Mfpjt,]|^){_W}v=$|(?<![by]){_W}{_W}v=$"  # a student would proclaim x =
    rf"|(?<!l){_W}[jn]{{0,2}}a(?=[biu=vM]|$)"  # the naive count is
    rf"|{_W}T(?:e?[jn]*a|p[iM]|v)"  # rumour holds that the answer
    rf"|^t?,?(?:L,|g)"  # naively, ; ignoring the tax
    rf"|{_W}[bu]T(?:e?[jn]*a|p|v)|[bu]pT|i[jL]*[dg]o[iub]"  # rumour holds that; legend has it that; it is rumoured to be
    rf"|(?:^|[.;,])e?[jn]*(?!s:){_W}[^biuylqvna:]*:[^:]*$|{_W}[jn]{{0,2}}a:{_LIGHT}$"  # gut feeling:
    rf"|f[Mj]*L[buy]{_LIGHT}=?$"  # I carelessly get
)
_SOLVED_PATTERN = lazy_pattern(
    rf"(?:^|[,;:.tTc])(?!j*b[^,;:.]*oy|t?,?b[^,;:.]*y|[^,;:.tTc]*f)[^,;:.tTc]*{_W}[^,;:.tTc]*(?<![iu])y{_LIGHT}=?$"
)  # a hasty solver gets
_STATES = lazy_pattern(r"[biu=y:q][^.;]*$")


def leads(sentence: str, *, counts: bool = False) -> str:
    """Return how a sentence leads to the claim after it: "states" by a verb or a sign, "opens" without one so far, "" if it is not
    understood. `counts` is True if a noun follows the claim."""
    return "" if _DOUBTED_IN_HAN.search(sentence) else leads_of_kinds(kinds(sentence), counts=counts)


@lru_cache(maxsize=2_000)
def leads_of_kinds(row: str, *, counts: bool = False) -> str:
    """Return the same as `leads`, given the kinds of the sentence's words."""
    if not _GOVERNED_PATTERN.search(row) and not (counts and _GIVEN_PATTERN.search(row)):
        return ""
    if cut := _CLAUSE.match(row):
        row = row[cut.end() :]
    if _BEFORE.search(row) or (not counts and _SOLVED_PATTERN.search(row)):
        return ""
    return "states" if _STATES.search(row) else "opens"


IN_FEWER_WORDS = (
    ("out to be", "is"),
    ("works out", "comes"),
    ("given by", "equal"),
    ("out as", "to"),
    ("out to", "to"),
    ("has to be", "be"),
)


def misleads(row: str) -> bool:
    """Return True if the kinds of the words before a claim say that it is of another sort: "the naive count", "rumour holds that"."""
    return _BEFORE.search(row) is not None


_OPENS = lazy_pattern(r"[wsnajb]{0,3}(?:$|[.;:,&tchloqO=v]|[iu]|pi)|[wnaj]*[eT]")  # what may follow a claim that begins its clause
_PREDICATE = lazy_pattern(
    rf"[wsnajb]{{0,3}}i[jt]*(?:o|e?(?:j*f|(?!j+{_W}[na]))j*(?:{_W}|M))|[wnj]*s[epTwdgLxMf]|[xdgLy]|[wsnj]{{0,2}}(?:M(?!ib)|b(?![.,;lqo]|$|[iu]))|[wnj]*[wx][eTp]"
)
_NOT_SAID_PATTERN = lazy_pattern(
    rf"^[jt]*L|^[wsn]{{0,2}}&j*[byusdgx]|^[^.]*,(?:[&tj]*[gLd]|h[jM]*{_W})"  # it naively; , ignoring; , which overlooks
    rf"|(?:[.;][t&,j]*(?:[pT][an]?|e?j*a)|^[^.]*,[t&]*[hT])[jMt,]*(?:[sdxLg](?!,)|M+j*w)"  # this overlooks
    rf"|[.;][t&,j]*[pT][jMt,]*[by](?![^.;]*v)"  # this leaves out
    rf"|^[^.]*\.,*(?:{_W}{{1,2}}(?:[.,:;]|$)|{_W}[pT])"  # Nope.
    rf"|[.;,][&t,j]*f[jMoue]*[xd]|[.;][&t,j]*f[jM]*w[pT](?:[.,]|$)"  # I overlooked; I retract this
)
_OBLIGES = lazy_pattern(
    r"(?i)\b(?:we|i|you)\s+(?:(?:now|also|still|then|therefore|thus)\s+)*(?:need to|must|have to|should|ought to|forgot|left out)\b"
    r"(?![^.\n]{0,25}(?:check|verif|show|prove|know|find|make sure))"
    r"|\b(?:one|we|you|i)\s+(?:(?:still|then|now|also)\s+)*(?:has|have|needs?)\s+(?:(?:still|then|now|also)\s+)*to\s+(?:be\s+)?"
    r"(?:add|subtract|multipl|divid|doubl|halv|squar|take)"
    r"|\b(?:this|that|it|which|the (?:answer|result|value|count|number|total))\b[^.\n]{0,20}"
    r"\b(?:must|should|needs? to|has to|remains? to|ought to) (?:still )?be \w+(?:ed|n|t)\b|\b(?:still|yet) to\b|\bit remains to\b"
)


def doubted_in_han(before: str, rest: str) -> bool:
    """Return True if a Chinese, Japanese or Korean sentence doubts or denies what stands between its two parts."""
    return bool(_DOUBTED_IN_HAN.search(before) or _DENIED_IN_HAN.match(rest) or _AGAINST_IN_HAN.search(before))


_SIGNED_PATTERN = lazy_pattern(  # signatures, addresses and links
    r"(?m)(?:^[ \t]*-|(?:^[ \t]*|[.\s])(?:~|-(?=[A-Z]|[a-z]\w+\s*\Z)|–|-\s(?=\w+(?:\s?\([^()\n]{1,40}\))?$)))\s?"
    r"[\w.]{1,40}(?: [\w.]{1,40}){0,2}(?: ?\([^()\n]{0,60}\))?"
    r"[ \t]{0,9}(?=[~-]|$)|(?:[Ss]olution|[Ee]dit|[Ee]dited|[Ww]ritten)"
    r" by (?:[A-Z][\w.]{0,20} ?){1,4}$|https?://\S+"
)
_SIGNED_BY_MAIL = lazy_pattern(rf"{_SIGNED_PATTERN.pattern}|(?<![\w.])[\w.]{{1,40}}@[\w.]{{1,40}}(?:, \w{{1,20}})?")


_MAY_BE_SIGNED = lazy_pattern(r"[~–@]|n by |t by |d by |://|-(?=[A-Z\s])|(?m:^[ \t]*-)")
_REMARK = lazy_pattern(
    r"[\s.,;]{0,4}\((?P<aside>[a-z][^()\n$0-9\\]{1,99})\)"
    r"|\s*[.,;—–-]*\s*(?:[Tt]his|[Tt]hat|[Ii]t|which)(?:\s(?:is|was)|['’]s)\s(?P<noun>[^.,;:\n$0-9\\(]{2,60})(?:[.,;!(]|\Z)"
)
_IT_IS = lazy_pattern(r"(?i)\A\s*(?:(?:this|that|it|which)(?:\s(?:is|was)|['’]s)\s)?")
_EXPLAINED_PATTERN = lazy_pattern(r"[tj]*(?:[chqofO=&yubMvip]|e?j*[an]$)|[jdewn]*[nsaL]$|j+$")
_INDEFINITE = lazy_pattern(r"(?i)(?:[a-z]+\s){0,2}an?\s")
_ABOUT = lazy_pattern(r"(?i)\b(?:about|around|roughly|approximately|approx)\b")
_BOUNDS = lazy_pattern(
    r"(?i)\s*(?:at (?:least|most|best|worst)|or (?:more|less|fewer|so|above|below)|and (?:up|above|below)|no (?:more|less|fewer))\b"
)
_PLURALS = frozenset("people children men women feet mice geese teeth".split())


def is_remark_understood(words: str) -> bool:
    """Return True if a remark in parentheses behind a claim explains it or names its things, a unit or an answer. A single noun of another
    kind may say that the claim is only an estimate or a bound."""
    words = _IT_IS.sub("", words)
    row = kinds(words).rstrip(".")
    if _ABOUT.search(words) or _BOUNDS.match(words) or words.startswith("to be ") or (_INDEFINITE.match(words) and row.endswith("w")):
        return False
    last = _WORDS.findall(words)[-1:]
    return bool(_EXPLAINED_PATTERN.match(row)) or all(measures(word) or word in _PLURALS for word in last)


def _remarks(rest: str) -> bool:
    """Return True if a remark directly behind a claim, "(…)" or "this is a …", is understood, or if there is none."""
    hit = _REMARK.match(rest)
    if hit is None:
        return True
    if aside := hit["aside"]:
        return is_remark_understood(aside)
    return not (_INDEFINITE.match(hit["noun"]) and kinds(hit["noun"]).endswith("w"))


_DUTY_WORDS = "must should need have has ought forgot left remain still yet".split()  # each match of `_OBLIGES` contains one of these


def upholds(rest: str, *, opens: bool) -> bool:
    """Return True if the text after a claim is understood to leave it as it is; `opens` is True if the claim begins its clause."""
    if _DENIED_IN_HAN.match(rest):
        return False
    signature = (_SIGNED_BY_MAIL if "@" in rest else _SIGNED_PATTERN) if _MAY_BE_SIGNED.search(rest) else None
    row = kinds(signature.sub("", rest) if signature else rest)
    if opens and (_PREDICATE.match(row) or not _OPENS.match(row)):
        return False
    if _NOT_SAID_PATTERN.search(row) or not _remarks(rest):
        return False
    low = rest.lower()
    return not (any(word in low for word in _DUTY_WORDS) and _OBLIGES.search(rest))


_CHOICE_WORDS = frozenset(
    "that it this these so thus hence therefore then consequently accordingly is be being would must should has have to i we pick"
    " choose select answer respond reply go say with for as my mine our the correct right best final most likely surely clearly"
    " certainly definitely obviously evidently undoubtedly option choice letter ans verdict conclusion conclude result selected"
    " selection chosen solution response match matches fit fits correspond corresponds equal equals agrees leads points based on"
    " above analysis reasoning evidence all together in short summary only one and of us here now well yes done just simply indeed"
    "     last s d ll ve which question from among options given"
    " careful thought consideration settle settled elimination by process holds true vote makes make key statement item alternative"
    " going choosing remaining"
    " picking opt marking mark selecting answering m"
    " output prediction return guess looks like".split()
)
_ORDINALS = {word: place for place, word in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split())}
_ORDINAL_OPTION = lazy_pattern(rf"(?i)\b({'|'.join(_ORDINALS)})\s(?:option|choice|answer|alternative|one)\b")
_CHOICE_TOKEN = lazy_pattern(r"\([a-z]\)|[^\W_]+|\S")
_CHOICE_SIGNS = frozenset(".,:;!()[]*\"'’“”-–—>→➜➔⇒∴=✅✓")
_NOT_THE_FIRST = lazy_pattern(r"(?i)\b(?:(?:my|our|your) (?:second|third|next)|alternative) (?:option|choice|answer)\b")
_FIRST_THOUGHT = lazy_pattern(r"(?i)\A.*\bI\s(?:\w+\s)?(?:thought|considered|believed|assumed|guessed|suspected|leaned)\b.*?,?\sbut\s")
_CHOICE_CLAUSE = lazy_pattern(r"(?<!(?<![A-Za-z])[A-Z])[.;!。；]\s|,\s(?:so|thus|hence|therefore|but)\s")


def plainly_chosen(line: str, letters: str, options: Sequence[str]) -> str | None:
    """Return the option that the last sentence of a line names by letter, text or place, if its other words only announce a choice."""
    sentence = lexicon.OPENING.sub("", _FIRST_THOUGHT.sub("", _CHOICE_CLAUSE.split(line.strip(" .*"))[-1]))
    if _NOT_THE_FIRST.search(sentence):
        return None
    for option, letter in sorted(zip(options, letters, strict=False), key=lambda pair: -len(pair[0])):
        if len(option) > 2:
            sentence = re.sub(rf"(?i)(?<![\w.+−-])(?<![:=] [-−] ){re.escape(option)}(?!\w)", f"({letter.lower()})", sentence)
    sentence = _ORDINAL_OPTION.sub(lambda hit: f" {chr(65 + _ORDINALS[hit[1].lower()])} ", sentence)
    tokens = _CHOICE_TOKEN.findall(sentence)
    choices = [
        token.strip("()").upper()
        for token, follower in zip(tokens, [*tokens[1:], ""], strict=False)
        if re.fullmatch(r"[A-Z]|\([a-z]\)", token)
        and not (token == "I" and ((follower.isalpha() and follower not in ("and", "or", "nor")) or follower in ("'", "’")))
    ]
    is_plain = all(
        token.lower() in _CHOICE_WORDS or token in _CHOICE_SIGNS or re.fullmatch(r"[A-Z]|\([a-z]\)", token) is not None for token in tokens
    )
    return choices[0] if is_plain and len({*choices}) == 1 and choices[0] in letters else None


def without_texts(statement: str, letters: str, options: Sequence[str]) -> str:
    """Return a statement without the options' own texts behind their letters: (A) red and (D) grey."""
    for letter, option in zip(letters, options, strict=False):
        if len(option) > 1 and option in statement:
            statement = re.sub(rf"(?<![A-Za-z])({letter}[).:]{{0,2}})\s?[-–—]?\s?{re.escape(option)}(?!\w)", r"\1", statement)
    return statement


_NOT_IT = r"(?<=[A-J)\]]),? (?:(?:and |but )?not|instead of|rather than) (?:the |(?:option |choice ))?"
_RIVAL_LETTER = lazy_pattern(_NOT_IT.replace("A-J", r"\w") + r"(?:[(\[][A-J][)\]]|[A-J]{1,5}(?=[.):]\s|\W*\Z)[.:)]?)[ .\w]{0,40}\Z")


def without_rival(statement: str, options: Sequence[str]) -> str:
    """Return a statement without another option, by letter or by its own text, that it is said not to be: A, not (C); A, not blue."""
    statement = _RIVAL_LETTER.sub("", statement)
    for option in options if " not " in statement else ():
        if option in statement:
            statement = re.sub(rf"{_NOT_IT}{re.escape(option)}\W*\Z", "", statement)
    return statement
