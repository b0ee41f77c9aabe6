"""Words, sentences and capitals as IFEval counts them."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"\w+(?:[-.'’&]\w+)*\.?")
_END = re.compile(r"[.!?]+[\"'”’)\]*_]*(?=\s|$)|[。！？]+[”’」』）]*")
_ABBREVIATED = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|sr|jr|st|vs|etc|inc|ltd|co|corp|no|vol|fig|approx|dept|est|gen|gov|rep|sen|capt|lt|col|rev|hon"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|e\.g|i\.e|a\.m|p\.m|u\.s|u\.k|ph\.d)|(?:^|[\s(\"'])(?:[a-hj-z]|\d{1,3}))\.$",
    re.IGNORECASE,
)
_LOOKS_BACK = 16  # characters; longer than any abbreviation


def count_words(text: str) -> int:
    """Runs of letters, digits and underscores."""
    return len(_WORD.findall(text))


def count_sentences(text: str) -> int:
    """Ends of sentences, and what follows the last one. An abbreviation, an initial or a list's number ends none where the text goes on in
    the same line."""
    text = text.strip()
    sentences, begun = 0, 0
    for end in _END.finditer(text):
        if not _goes_on(text, end.start(), end.end()):
            sentences, begun = sentences + 1, end.end()
    return sentences + bool(_WORD.search(text, begun))


def count_capitals(text: str) -> int:
    """Words all of whose letters are capitals."""
    return sum(token.isupper() for token in _TOKEN.findall(text))


def _goes_on(text: str, stop: int, end: int) -> bool:
    rest = text[end : end + 2]
    if text[stop] != "." or not rest:
        return False
    follows = text[end:].lstrip()[:1]
    return follows.islower() or bool(_ABBREVIATED.search(text[max(0, stop - _LOOKS_BACK) : stop + 1]) and "\n" not in rest)
