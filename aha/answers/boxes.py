"""Boxes in a text: `\\boxed{…}` and its kin, balanced, the mentions of a box left out."""

from __future__ import annotations

import re

_BOX = re.compile(
    r"\\{1,2}(?:f?boxed|fbox|framebox)(?![A-Za-z])[ \t]*(?:\[[^\]{}]{0,20}\][ \t]*)?"
    r"|(?<![A-Za-z\\])(?:b|\x08)?oxed[ \t]*(?=\{)"  # the backslash, or \b, lost on the way
)
_AROUND = 8, 40  # characters before and after the "ox" of a box's name in which its name stands
_BARE = re.compile(r"-?[0-9]+|[A-Za-z](?![A-Za-z])")  # the 2 of `\boxed 2`
_BRACE = re.compile(r"\\[\\{}]|[{}]")  # an escaped brace is a letter
_MENTION = re.compile(
    r"(?i)(?:\s|\\[,;:! ]|~|\$|\\quad)*(?:(?:\\(?:text|textbf|mathrm|mathbf)\s*\{)?\s*(?:\.\.\.|…|\\[lc]?dots|_+|\?"
    r"|(?:the |your |my |final |numerical |correct )*(?:answer|result|solution)(?: here)?)?\s*\}?)(?:\s|\\[,;:! ]|~|\$)*"
)

Box = tuple[str, int, int]


def boxed(text: str) -> str | None:
    """What stands in the last box, its braces balanced; `None` without a box or where it never closes."""
    found = boxes(text)
    return found[-1][0] if found else None


def boxes(text: str) -> list[Box]:
    """Content, start and end of every box that closes and stands in no other."""
    at, found = 0, list[Box]()
    closing: dict[int, int] | None = None
    while (near := text.find("ox", at)) >= 0:
        if text.startswith("\\boxed{", near - 2):
            end = closing.get(near + 4) if closing is not None else closes(text, near + 4)
            if end is not None:
                found.append((text[near + 5 : end], near - 2 - (text[near - 3 : near - 2] == "\\"), end + 1))
                at = end + 1
                continue
        if text[near + 2 : near + 4] != "ed" and text[near - 2 : near] not in ("fb", "eb"):  # approx
            at = near + 2
            continue
        match = _BOX.search(text, max(at, near - _AROUND[0]), near + _AROUND[1])
        if match is None:
            at = near + 2
            continue
        at = match.end()
        end = (closing.get(at) if closing is not None else closes(text, at)) if text[at : at + 1] == "{" else None
        if end is None and closing is None:  # from now on each brace is looked at once only
            closing = _closing(text)
        if end is not None:
            found.append((text[at + 1 : end], match.start(), end + 1))
        elif bare := _BARE.match(text, at):
            found.append((bare.group(), match.start(), bare.end()))
        at = max(at, found[-1][2] if found else 0)
    return found


def is_mention(content: str) -> bool:
    """Whether a box says where an answer goes and holds none: `\\boxed{}`, `\\boxed{...}`, `\\boxed{answer}`."""
    return len(content) < 60 and not content[:1].isdigit() and _MENTION.fullmatch(content) is not None


def closes(text: str, at: int) -> int | None:
    """The place of the brace that closes the one at a place."""
    near = text.find("}", at)
    if near >= 0 and text.find("{", at + 1, near) < 0 and text[near - 1] != "\\":
        return near  # nothing nested, as in most boxes
    depth = 0
    for brace in _BRACE.finditer(text, at):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return brace.start()
    return None


def _closing(text: str) -> dict[int, int]:
    """The place of the closing brace of every opening one that has it; escaped braces are letters."""
    closing, open_at = dict[int, int](), list[int]()
    for brace in _BRACE.finditer(text):
        if brace.group() == "{":
            open_at.append(brace.start())
        elif brace.group() == "}" and open_at:
            closing[open_at.pop()] = brace.start()
    return closing
