"""What may stand around a claim: a sentence is a row of word classes, and a small grammar over rows says which take the claim away.

Every closed class of English that can change what a claim says has a letter (denials, conditions, bounds, operations, what others say,
…); a number or a formula is `v`, any other word `w`. A claim stands where its own clause states it and nothing after it takes it back."""

from __future__ import annotations

import re

_CLASSES = {
    "n": "not never no nor neither none nothing nobody cannot hardly scarcely barely",  # denies
    "h": "could might may maybe perhaps possibly",  # does not state
    "H": "would",
    "i": "if suppose supposing assume assumes assuming whether imagine pretend provided",  # states under a condition
    "q": "let test testing try tries trying consider considering",  # tries
    "u": "unless except",  # takes back wherever it stands
    "k": "but however although though yet while whereas instead rather otherwise nevertheless nonetheless",  # turns
    "x": "wait hmm hm oops sorry actually correction apologies reconsider",  # takes back
    "r": "because since as for given when where by using from with after achieved attained obtained found in at on",  # explains
    "t": "so thus hence therefore then consequently finally implies giving making leaving meaning",  # goes on
    "&": "and",
    "b": "is are was has have had equals gives gave get gets got yields find finds makes it's that's we're costs",  # states
    "c": "be been equal give yield make mean",  # states, after another verb
    "s": "think thinks thought believe believes believed claim claims claimed say says said guess guesses guessed suggest suggests argue "
    "argues suspect suspects expect expects insist insists write writes wrote pick picks picked choose chooses chose put puts enter "
    "enters mark marks swears conjecture feel feels hope hopes",  # states what may be or what somebody else states
    "g": "refuse refuses forget ignore avoid exclude eliminate eliminates eliminated reject "
    "rejects rejected discard dismiss rule ruled refute disregard skip",  # turns away from
    "D": "doubt doubts deny denies disagree disagrees",
    "f": "we i us our my",
    "p": "it this that these which those above",
    "a": "answer answers solution result choice option",
    "j": "wrong incorrect incorrectly false mistake mistaken mistakenly misprint error erroneous nonsense typo invalid bogus unsure "
    "uncertain absurd impossible untrue inaccurate trap bait distractor decoy tempting lie joke placeholder flawed",
    "z": "previous earlier initial naive lazy unlikely published",
    "y": "right correct sure certain true yes indeed",
    "l": "most more less fewer greater larger smaller higher lower over below under short almost nearly close off too",
    "d": "half twice double thrice minus times plus log ln sin cos tan reciprocal inverse",
    "Q": "squared cubed multiplied divided factorial",
    "e": "a an the exactly just only simply clearly precisely",
    "o": "of to than",
}
_CLASS = {word: letter for letter, words in _CLASSES.items() for word in words.split()}
_TOKEN = re.compile(
    r"\$\$[^$]{1,300}\$\$|\$[^$\n]{1,300}\$|\\\(.{1,300}?\\\)|\\\[.{1,300}?\\\]|[A-Za-z]+(?:['’][a-z]+)?|-?[0-9]+(?:[.,/:][0-9]+)*"
    r"|\\[A-Za-z]+|[.,;:?!=()—–]|不是?|≠",
    re.S,
)
_MARKS = {"≠": "n", "不": "n", "不是": "n", "—": ",", "–": ",", "(": ",", ")": ",", "\\text": "", "\\textbf": "", "\\boxed": ""}

_BEFORE = (
    r"[do]?d[eo]*$",  # half of it
    r"n[^b=,;:ktv]*$|nv(?:w?v)*n?$",  # not it
    r"h(?:n?w?ce*|e)?$",  # might be it
    r"(?<![&e])i(?!.*fb)[^,;:kt]*$|q[^b,;:ktf]*$",  # if it is
    r"(?<!f)s(?:p?[ewyf]{0,3}[ap][^,;:kt]*|e*)$",  # some say that it is
    r"[gD][^,;:kt]*$",  # I doubt that it is
    r"[jz]w{0,2}a[^,;kt]*$|j[:e]*$",  # the wrong answer is
    r"[dlor]e?(?<!of)ab[^,;kt]*$",  # the bound for the answer is
)
_AFTER = (
    r"^,?Q|^dv",  # it squared
    r"^lo[ve]|^kl",  # it or more
    r"^b(?![eyaptwrf])|^b[^.,;:]*[nhsji]|^[nhH]|^w{1,3}(?:b|(?=n))[^.,]*(?:ny|j)",  # it is not
    r"^[^.]*u",  # it unless
    r"^[^.?!]*k(?!n|vbn)(?:[^.?!r]|r(?=b))*v",  # it, but that
    r"^[w,]{0,3}i",  # it if
    r"^w{0,3}\?(?!y)",  # it?
    r"^[^.?!r]*,t[^.r?!]*v",  # it, so that
)
_LATER = (
    r"[.?!][kt]?,?x",  # wait
    r"[.?!]k(?!o)[^.?!]*[vj]",  # but that
    r"[.?!,][kt]?[,e]{0,2}[pfa][^.?!v,]{0,4}(?:ne?w?y|j(?!o)|n?D|ns(?=[p.]))",  # this is wrong
)
_ENDS = (". ", ".\n", ".$ ", ".$\n", "? ", "! ", "\n\n", ".**", "。", ".) ")
_ROOM, _LONGEST = 300, 4_000  # characters that are looked at before a claim and after it
_WORDS = re.compile(r"[a-z]+(?:['’][a-z]+)?")
_before, _after, _later = (re.compile("|".join(patterns)) for patterns in (_BEFORE, _AFTER, _LATER))
_SUSPECT = frozenset(word for word, letter in _CLASS.items() if letter in "nhHiqukxsgDjzldQ")


def suspect(text: str) -> bool:
    """Whether a word stands in the text that can take a claim away: where none does, nothing has to be looked at."""
    return not _SUSPECT.isdisjoint(words := _WORDS.findall(text.lower())) or any(word.endswith(("n't", "n’t")) for word in words)


def denied_before(text: str, start: int) -> bool:
    """Whether the sentence that leads to a claim denies it, doubts it, supposes it or says it of something else."""
    head = text[max(0, start - _ROOM) : start].rstrip(" $\\([{*_\n")
    begins = max(at + len(end) if (at := head.rfind(end)) >= 0 else 0 for end in _ENDS)
    sentence = head[begins:]
    if not re.search("[A-Za-z]{2}", sentence) and (lead := head[:begins].rstrip())[-1:] not in (".", "!", "?", "。"):
        sentence = lead[max(lead.rfind(end) for end in (*_ENDS, "\n")) + 1 :] + sentence
    return (suspect(sentence) or "nswer" in sentence) and _before.search(row(sentence)) is not None


def denied_after(text: str, end: int) -> bool:
    """Whether what follows a claim in its sentence makes another claim of it."""
    rest = _plain(text[end : end + _LONGEST])
    return (suspect(rest) or "?" in rest[:40]) and (_after.search(tokens := row(rest)) or _later.search(tokens)) is not None


def taken_back(rest: str) -> bool:
    """Whether a sentence after the claim takes it back."""
    rest = _plain(rest[:_LONGEST])
    return suspect(rest) and _later.search(row(rest)) is not None


def _plain(rest: str) -> str:
    rest = rest.lstrip(" $})]*_\\\n")
    return re.sub(r"\[asy\].*?(?:\[/asy\]|\Z)", "", rest, flags=re.S) if "[asy]" in rest else rest


def row(text: str) -> str:
    """The classes of a text's words, one letter each."""
    return "".join(map(_letter, _TOKEN.findall(text)))


def _letter(token: str) -> str:
    first = token[0]
    if first.isalpha():
        low = token.lower().replace("’", "'")
        return _CLASS.get(low) or ("n" if low.endswith("n't") else "w" if len(low) > 1 else "v")
    return _MARKS.get(token, token if first in ".,;:?!=" else "v")
