"""Where an answer says what it finally claims: the last box, else after the last `####`, else after the last "answer:", else anywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BOX = re.compile(r"\\f?boxed(?![A-Za-z])[ \t]*|\\fbox(?![A-Za-z])[ \t]*")
_BARE = re.compile(r"-?[0-9]+|[A-Za-z]")  # the 2 of `\boxed 2`
_HASHES = "####"
_SAID = re.compile(r"(?i)(?:\banswer\b(?:[ \t]+is\b)?|答案(?:是|为)?)(?:[ \t]*[:：]|(?<=is)|(?<=[是为]))[ \t]*")


@dataclass(frozen=True)
class Claim:
    """The text that holds the final answer, and whether it was marked as such (boxed, hashed, announced) or is merely all there is."""

    text: str
    marked: bool


def boxed(text: str) -> str | None:
    """What stands in the last box, its braces balanced; `None` without a box or where it never closes."""
    found = boxes(text)
    return found[-1][0] if found else None


def boxes(text: str) -> list[tuple[str, int, int]]:
    """Content, start and end of every box that closes and stands in no other."""
    closing, found, at = _closing(text), [], 0
    while match := _BOX.search(text, at):
        at = match.end()
        if at in closing:
            found.append((text[at + 1 : closing[at]], match.start(), closing[at] + 1))
        elif bare := _BARE.match(text, at):
            found.append((bare.group(), match.start(), bare.end()))
        at = max(at, found[-1][2] if found else 0)
    return found


def _closing(text: str) -> dict[int, int]:
    """The place of the closing brace of every opening one that has it; escaped braces are letters."""
    closing, open_at, escaped = {}, list[int](), False
    for place, letter in enumerate(text):
        if letter == "{" and not escaped:
            open_at.append(place)
        elif letter == "}" and not escaped and open_at:
            closing[open_at.pop()] = place
        escaped = letter == "\\" and not escaped
    return closing


def claim(text: str) -> Claim:
    """The final claim of an answer."""
    if (inside := boxed(text)) is not None:
        return Claim(inside, marked=True)
    if _HASHES in text:
        return Claim(_first_line(text.rpartition(_HASHES)[2]), marked=True)
    said = list(_SAID.finditer(text))
    if said and (line := _first_line(text[said[-1].end() :])):
        return Claim(line, marked=True)
    return Claim(text.strip(), marked=False)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip()
