"""Words: the final claim equals one of the reference's, to the letter or up to how words are written."""

from __future__ import annotations

import re

from aha.answers.claims import claim, last_line, unstyled
from aha.answers.words import bare, folded
from aha.types import Grade, Right, Text, Wrong

LONGEST_CLAIM = 2_000
_TAIL = re.compile(  # what may follow a claim and takes nothing back
    r"(?i)(?:\.\s+i hope\b[^.\n]*\.?|\.\s+a common mistake is\b[^\n]*|,\s+as (?:was|is|it)\b[^.\n]*\.?"
    r"|[,\s]+(?:(?:and |but )?not)\s[^.\n]*\.?)\Z"
)
_SPACE = re.compile(r"\\(?:q?quad|boldsymbol|bm)(?![A-Za-z])")


def grade_text(reference: Text, answer: str) -> Grade:
    """Right where all of the answer, or what it marks as its final claim, is one of the reference's texts."""
    claim_ = claim(answer)
    final = (last_line(claim_) or claim_.text).strip()
    texts = [
        text
        for text in (answer.strip(), final, _TAIL.sub("", unstyled(bare(_SPACE.sub(" ", final[:LONGEST_CLAIM])))).strip(" {}"))
        if 0 < len(text) <= LONGEST_CLAIM
    ]
    if not texts:
        return Wrong("no answer of a readable length")
    if any(_same(text, value, exact=reference.exact) for text in texts for value in reference.values):
        return Right()
    return Wrong(f"is not {' or '.join(map(repr, reference.values[:3]))}"[:200])


def _same(text: str, value: str, *, exact: bool) -> bool:
    if exact:
        return value.strip() in (text, bare(text))
    return folded(text) == folded(value) != "" or text.casefold() == value.strip().casefold()
