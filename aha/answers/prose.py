"""Formulas and sentences within prose: where the last formula stands, and which ones before it belong to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aha.answers.claims import JOINT, SAYS_MORE

LONGEST = 600

_SENTENCE = re.compile(r"(?<![ap]\.m)(?<!\b[A-Za-z])[.。!?](?=\s+[A-Z\u4e00-\u9fff]|\s*$)|。")
_DELIMITER = re.compile(r"\\\$|\$\$|\$|\\[()\[\]]")
_OPENS = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}
_WORDY = re.compile(r"(?:(?<![\\A-Za-z{])[A-Za-z]{2,}[ ,.]+){3}")


def ending(text: str) -> str:
    """The last part of a long text, from the start of a word and outside of a formula between dollars."""
    if len(text) <= LONGEST:
        return text
    at = len(text) - LONGEST
    at = max(text.find("$", at) + 1, at) if text.count("$", 0, at) % 2 else at
    return text[at:].partition(" ")[2] or text[at:]


def first_sentence(text: str) -> str:
    """Up to the period that ends it; the whole text where none does."""
    end = _SENTENCE.search(text)
    return text[: end.start()] if end else text


def last_formulas(text: str) -> tuple[str, int] | None:
    """The last formula between dollars or brackets, with those before it that only commas, "and" or "or" join, and where it ends."""
    found = list(_formulas(text))
    if not found:
        return None
    group, end = [found[-1][0]], found[-1][2]
    for earlier, later in zip(reversed(found[:-1]), reversed(found[1:]), strict=True):
        between = text[earlier[2] : later[1]]
        if len(between) > 40 or not SAYS_MORE.search(between) or not JOINT.fullmatch(between):
            break
        group.insert(0, earlier[0])
    return " , ".join(group), end


def _formulas(text: str) -> Iterator[tuple[str, int, int]]:
    """Content, start and end; a dollar before a price opens nothing."""
    marks = [mark for mark in _DELIMITER.finditer(text) if mark.group() != "\\$"]
    at = 0
    while at + 1 < len(marks):
        opening, closing = marks[at], marks[at + 1]
        content = text[opening.end() : closing.start()]
        if _OPENS.get(opening.group()) == closing.group() and not _WORDY.search(content[:500]):
            yield content, opening.start(), closing.end()
            at += 2
        else:
            at += 1
