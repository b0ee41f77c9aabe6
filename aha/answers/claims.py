"""Where an answer says what it finally claims: the last boxes, else after the last `####`, else after the last "answer:", else anywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

How = Literal["auto", "box", "line", "number", "whole"]

_BOX = re.compile(r"\\{1,2}f?boxed(?![A-Za-z])[ \t]*|\\{1,2}fbox(?![A-Za-z])[ \t]*")
_BARE = re.compile(r"-?[0-9]+|[A-Za-z]")  # the 2 of `\boxed 2`
_BRACE = re.compile(r"\\[\\{}]|[{}]")  # an escaped brace is a letter
_HASHES = "####"
_SAID = re.compile(
    r"(?i)(?:\banswer\b(?:[ \t]+is\b)?|(?:答案|答)(?:是|为)?)"
    r"(?:[ \t]*(?:\*\*)?[:：](?:[ \t]*\*\*)?|(?<=is)|(?<=[是为]))[ \t]*(?:that[ \t]+)?"
)
_SHORT = re.compile(r"\A[ \t]*A:[ \t]*(?=\S)|(?<=\n)[ \t]*A:[ \t]*(?=\S)")
_USUALLY = 400  # characters from the end in which the closing statement stands
_TURN = re.compile(r"<\|(?:im_start|im_end|endoftext|eot_id|end_of_text|end)\|>|</s>|<｜end▁of▁sentence｜>")

_PART = (
    r"(?:for\s+)?(?:(?:part|case|question)\s*)?\((?:[a-h]|[ivx]{1,4}|[1-9])\)\s*:?"
    r"|(?:for\s+)?(?:part|case)\s+(?:[a-h]|[1-9])\b:?|第[一二三四1-4][问题][:：]?"
)
_NAME = r"[A-Za-z](?:_\{?[0-9A-Za-z]\}?)?\s*=(?!=)"
JOINT = re.compile(
    r"(?i)(?:\s|[$,;&、，；]|\\[()\[\],;:! ]|\\q?quad\b|\\(?:text|textrm|mbox|mathrm)\s*\{|\}|\b(?:and|or|respectively)\b"
    rf"|[和或与及]|\+{{2,}}|{_PART}|{_NAME})*"
)
_LONGEST_JOINT = 120
SAYS_MORE = re.compile(r"(?i)[,;、，；&]|\b(?:and|or)\b|[和或与及]|\+\+")
_SUFFIX = re.compile(r"_(?:\{[^{}\n]{1,20}\}|[0-9]{1,2})|\^\s*\{?\s*\\circ\s*\}?|°|[ \t]?\\?%")


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
    if "box" not in text:
        return []
    at, found = 0, list[tuple[str, int, int]]()
    closing: dict[int, int] | None = None
    while (near := text.find("box", at)) >= 0 and (match := _BOX.search(text, max(at, near - 3))):
        at = match.end()
        end = (closing.get(at) if closing is not None else _close(text, at)) if text[at : at + 1] == "{" else None
        if end is None and closing is None:  # from now on each brace is looked at once only
            closing = _closing(text)
        if end is not None:
            found.append((text[at + 1 : end], match.start(), end + 1))
        elif bare := _BARE.match(text, at):
            found.append((bare.group(), match.start(), bare.end()))
        at = max(at, found[-1][2] if found else 0)
    return found


def _close(text: str, at: int) -> int | None:
    """The place of the brace that closes the one at a place."""
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


def last_boxes(text: str) -> list[str]:
    """The boxes of the closing statement, each different one once: those that only commas, "and", part labels or blanks join to the last.

    A base, a percent sign or degrees right after a box belong to it."""
    if "box" not in text:
        return []
    group, begun = _closing_boxes(text[-_USUALLY:])
    if not (group and begun) and len(text) > _USUALLY:
        group, _ = _closing_boxes(text)
    return list(dict.fromkeys(each.strip() for each in group))


def _closing_boxes(text: str) -> tuple[list[str], bool]:
    """The boxes, and whether what stands before them in the text shows that there are no more."""
    found, group = boxes(text), list[str]()
    for place in range(len(found) - 1, -1, -1):
        content, start, end = found[place]
        suffix = _SUFFIX.match(text, end)
        group.insert(0, _opened(content) + (suffix.group() if suffix else ""))
        if not _joins(text[found[place - 1][2] if place else 0 : start]):
            return group, True
    return group, False


def _opened(content: str) -> str:
    """What is in a box that is all there is in a box."""
    if "box" not in content:
        return content
    inside = boxes(content)
    return inside[0][0] if len(inside) == 1 and not (content[: inside[0][1]] + content[inside[0][2] :]).strip() else content


def _joins(between: str) -> bool:
    suffix = _SUFFIX.match(between)
    between = between[suffix.end() :] if suffix else between
    if len(between) > _LONGEST_JOINT or not JOINT.fullmatch(between):
        return False
    return bool(SAYS_MORE.search(between)) or not re.search(r"\n\s*\n", between)


def answer_part(text: str) -> str:
    """What follows the thinking, without the turns after it; nothing where the thinking never ends."""
    if "<" not in text:
        return text
    _, closed, rest = text.rpartition("</think>")
    text = rest if closed else "" if "<think>" in text else text
    if turn := _TURN.search(text, len(text) - len(text.lstrip()) + 1):
        text = text[: turn.start()]
    return text


def claim(text: str, how: How = "auto") -> Claim:
    """The final claim of an answer: wherever it stands, or only where a protocol wants it: in a box, on an `Answer:` line, at the end."""
    if how == "whole":
        return Claim(text.strip(), marked=True)
    text = answer_part(text)
    if how in ("auto", "box") and (found := last_boxes(text)):
        return Claim(", ".join(found), marked=True)
    said = _announced(text) if how in ("auto", "line") else None
    line = _first_line(text[said.end() :]) if said else ""
    if how == "auto" and (hashes := text.rfind(_HASHES)) > (said.start() if said and line else -1):
        return Claim(_first_line(text[hashes + len(_HASHES) :]), marked=True)
    if line:
        return Claim(line, marked=True)
    return Claim("" if how in ("box", "line") else text.strip(), marked=False)


def _announced(text: str) -> re.Match[str] | None:
    """The last "answer:", "answer is", 答案是; or the `A:` that the last line begins with."""
    if found := _SHORT.search(text, text.rstrip().rfind("\n") + 1):
        return found
    lowered, end = text.lower(), len(text)
    while (at := max(lowered.rfind("answer", 0, end), lowered.rfind("答", 0, end))) >= 0:
        if (at == 0 or not text[at - 1].isalnum()) and (found := _SAID.match(text, at)):
            return found
        end = at
    return None


def _first_line(text: str) -> str:
    """The line, or the formula that is set apart; a brace that closes `\\text{Answer: }` is none of it."""
    text = text.lstrip().removeprefix("}").strip()
    for opening, closing in (("\\[", "\\]"), ("$$", "$$")):
        if text.startswith(opening) and not text.partition("\n")[0].removeprefix(opening).strip():
            return text.removeprefix(opening).partition(closing)[0].strip()
    return text.partition("\n")[0].strip()
