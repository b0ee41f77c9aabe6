"""The tiny world's rewriter: a raw chain of thought becomes a readable one with a summary (paper §2.3.1; nature B.3.2, Listing 1).

It works by rule, as a person would who changes no reasoning: first person, the language of the question, every try, slip and false start in
its place. A chain that cannot be rewritten faithfully makes no cold-start example, so `rewrite` returns None for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aha.lazy import lazy_pattern
from aha.tasks.voice import WORDS
from aha.text import language_share
from aha.types import Calls, Countdown, Language, Number, Problem

LEADS: dict[Language, str] = {"en": "I try", "zh": "我们试"}
FIRST_WORDS = lazy_pattern(r"\s*(?:I try|我们试)\s*")
SUMMARIES: dict[Language, str] = {
    "en": "I get {result}. The answer is \\boxed{ {answer}}",
    "zh": "所以我得到 {result}。答案是 \\boxed{ {answer}}",
}
MEANINGS = {word: name for name, words in WORDS.items() for word in words.values()}
VERDICTS = ("yes", "no", "low", "high")

_PIECE = lazy_pattern(rf"\s*(\d+|[-+*/=()]|{'|'.join(sorted(MEANINGS, key=len, reverse=True))})(?![A-Za-z])")
_WORD = lazy_pattern(r"(?<![A-Za-z])(?:" + "|".join(sorted(MEANINGS, key=len, reverse=True)) + r")(?![A-Za-z])")
_BOX = lazy_pattern(r"\\boxed\{\s*(.*?)\s*\}")


def rewrite(problem: Problem, thought: str, answer: str) -> tuple[str, str] | None:
    """Return thought and summary in the language of the problem, or `None` if the chain cannot be kept faithfully: it holds words that are
    not of the tiny world, or its result is not the given answer. Whether the answer is right is decided by a grader."""
    match problem.reference:
        case Countdown(target=target):
            return _search(thought, _without_box(answer), str(target), problem.language)
        case Number() | Calls():
            text = _one_language(thought, problem.language)
            return None if text is None else (text, answer.strip())
        case _:
            text = _one_language(thought, problem.language)
            good = language_share(answer, problem.language) == 1.0
            return (text, answer.strip()) if text is not None and good else None


def summary(result: str, answer: str, language: Language) -> str:
    """Return the closing sentence: the result, and the answer in a box."""
    return SUMMARIES[language].replace("{result}", result).replace("{answer}", answer)


def _without_box(answer: str) -> str:
    """Return the answer itself, without the box around it."""
    boxes = _BOX.findall(answer)
    return str(boxes[-1]) if boxes else answer.strip()


# --- a search -----------------------------------------------------------------------------------------------------------


def _search(thought: str, answer: str, result: str, language: Language) -> tuple[str, str] | None:
    pieces = _pieces(FIRST_WORDS.sub(" ", thought, count=1))
    if pieces is None or last_chain(pieces) != flat(answer):
        return None
    words = [WORDS[piece][language] if piece in WORDS else piece for piece in pieces]
    return " ".join([LEADS[language], *words]), summary(result, answer, language)


def _pieces(text: str) -> list[str] | None:
    """Return numbers, signs and the names of words in `WORDS`, whatever their language; `None` if there is anything else."""
    pieces, at = list[str](), 0
    text = text.strip()
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None:
            return None
        pieces.append(MEANINGS.get(match[1], match[1]))
        at = match.end()
    return pieces


def flat(answer: str) -> list[str]:
    """Return the numbers and operators of an answer in order, without parentheses."""
    return re.findall(r"\d+|[-+*/]", answer)


@dataclass
class _Try:
    """The state of a try while it is read: the numbers and operators so far, and how many of them came before the last step."""

    chain: list[str]
    before: int = 0


def last_chain(pieces: Sequence[str]) -> list[str]:
    """Return the last try's numbers and operators in order, with noticed slips corrected; empty if no try was finished."""
    last = list[str]()
    for attempt in _tries(pieces):
        last = attempt
    return last


def _tries(pieces: Sequence[str]) -> Iterator[list[str]]:
    now, at = _Try([]), 0
    while at < len(pieces):
        piece = pieces[at]
        if piece in VERDICTS or piece in ("so", "check"):
            if len(now.chain) > 1 and piece in VERDICTS:
                yield now.chain
            now = _Try([])
        elif piece == "wait" and now.chain:
            del now.chain[now.before :]  # the step is repeated, beginning with the value so far, which is no number of the question
            at += 1 if now.before else 0
        elif piece == "=":
            at += 1  # the next piece is a value
        else:
            now.before = len(now.chain) if piece in "+-*/" else now.before
            now.chain.append(piece)
        at += 1
    if len(now.chain) > 1:
        yield now.chain


# --- other thoughts -----------------------------------------------------------------------------------------------------


def _one_language(thought: str, language: Language) -> str | None:
    """Return the thought with each word of the tiny world in `language`; `None` if a word of another language remains."""
    translation = _WORD.sub(lambda match: WORDS[MEANINGS[match[0]]][language], thought).strip()
    return translation if language_share(translation, language) == 1.0 else None
