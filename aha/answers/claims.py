"""Where an answer says what it finally claims: the last boxes, else after the last `####`, else after the last "answer:", else anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

How = Literal["auto", "box", "line", "number", "whole"]

_BOX = re.compile(r"\\{1,2}f?boxed(?![A-Za-z])[ \t]*|\\{1,2}fbox(?![A-Za-z])[ \t]*")
_BARE = re.compile(r"-?[0-9]+|[A-Za-z]")  # the 2 of `\boxed 2`
_HASHES = "####"
_SAID = re.compile(
    r"(?i)(?:\banswer\b(?:[ \t]+is\b)?|(?:答案|答)(?:是|为)?)"
    r"(?:[ \t]*(?:\*\*)?[:：](?:[ \t]*\*\*)?|(?<=is)|(?<=[是为]))[ \t]*(?:that[ \t]+)?"
)
_TURN = re.compile(r"<\|(?:im_start|im_end|endoftext|eot_id|end_of_text|end)\|>|</s>|<｜end▁of▁sentence｜>")
_SENTENCE = re.compile(r"(?<![ap]\.m)(?<!\b[A-Za-z])[.。!?](?=\s+[A-Z\u4e00-\u9fff]|\s*$)|。")

_PART = (
    r"(?:for\s+)?(?:(?:part|case|question)\s*)?\((?:[a-h]|[ivx]{1,4}|[1-9])\)\s*:?"
    r"|(?:for\s+)?(?:part|case)\s+(?:[a-h]|[1-9])\b:?|第[一二三四1-4][问题][:：]?"
)
_NAME = r"[A-Za-z](?:_\{?[0-9A-Za-z]\}?)?\s*=(?!=)"
_JOINT = re.compile(
    r"(?i)(?:\s|[$,;&、，；]|\\[()\[\],;:! ]|\\q?quad\b|\\(?:text|textrm|mbox|mathrm)\s*\{|\}|\b(?:and|or|respectively)\b"
    rf"|[和或与及]|\+{{2,}}|{_PART}|{_NAME})*"
)
_LONGEST_JOINT = 120
_SAYS_MORE = re.compile(r"(?i)[,;、，；&]|\b(?:and|or)\b|[和或与及]|\+\+")
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
    at, found = 0, list[tuple[str, int, int]]()
    closing: dict[int, int] | None = None
    while match := _BOX.search(text, at):
        closing = _closing(text) if closing is None else closing
        at = match.end()
        if at in closing:
            found.append((text[at + 1 : closing[at]], match.start(), closing[at] + 1))
        elif bare := _BARE.match(text, at):
            found.append((bare.group(), match.start(), bare.end()))
        at = max(at, found[-1][2] if found else 0)
    return found


def _closing(text: str) -> dict[int, int]:
    """The place of the closing brace of every opening one that has it; escaped braces are letters."""
    closing, open_at = dict[int, int](), list[int]()
    for brace in re.finditer(r"\\.|[{}]", text, re.S):
        if brace.group() == "{":
            open_at.append(brace.start())
        elif brace.group() == "}" and open_at:
            closing[open_at.pop()] = brace.start()
    return closing


def last_boxes(text: str) -> list[str]:
    """The boxes of the closing statement, each different one once: those that only commas, "and", part labels or blanks join to the last.

    A base, a percent sign or degrees right after a box belong to it."""
    found, group = boxes(text), list[str]()
    for place in range(len(found) - 1, -1, -1):
        content, _, end = found[place]
        content = _opened(content)
        suffix = _SUFFIX.match(text, end)
        group.insert(0, content + (suffix.group() if suffix else ""))
        if place == 0 or not _joins(text[found[place - 1][2] : found[place][1]]):
            break
    return list(dict.fromkeys(each.strip() for each in group))


def _opened(content: str) -> str:
    """What is in a box that is all there is in a box."""
    inside = boxes(content)
    return inside[0][0] if len(inside) == 1 and not (content[: inside[0][1]] + content[inside[0][2] :]).strip() else content


def _joins(between: str) -> bool:
    suffix = _SUFFIX.match(between)
    between = between[suffix.end() :] if suffix else between
    if len(between) > _LONGEST_JOINT or not _JOINT.fullmatch(between):
        return False
    return bool(_SAYS_MORE.search(between)) or not re.search(r"\n\s*\n", between)


def answer_part(text: str) -> str:
    """What follows the thinking, without the turns after it; nothing where the thinking never ends."""
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
    said = list(_SAID.finditer(text)) if how in ("auto", "line") else []
    line = _first_line(text[said[-1].end() :]) if said else ""
    if how == "auto" and (hashes := text.rfind(_HASHES)) > (said[-1].start() if line else -1):
        return Claim(_first_line(text[hashes + len(_HASHES) :]), marked=True)
    if line:
        return Claim(line, marked=True)
    return Claim("" if how in ("box", "line") else text.strip(), marked=False)


def _first_line(text: str) -> str:
    """The line, or the formula that is set apart; a brace that closes `\\text{Answer: }` is none of it."""
    text = text.lstrip().removeprefix("}").strip()
    for opening, closing in (("\\[", "\\]"), ("$$", "$$")):
        if text.startswith(opening) and not text.partition("\n")[0].removeprefix(opening).strip():
            return text.removeprefix(opening).partition(closing)[0].strip()
    return text.partition("\n")[0].strip()


def first_sentence(text: str) -> str:
    """Up to the period that ends it; the whole text where none does."""
    end = _SENTENCE.search(text)
    return text[: end.start()] if end else text


# --- formulas within prose --------------------------------------------------------------------------------------------

_DELIMITER = re.compile(r"\\\$|\$\$|\$|\\[()\[\]]")
_OPENS = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}
_WORDY = re.compile(r"(?:(?<![\\A-Za-z{])[A-Za-z]{2,}[ ,.]+){3}")


def last_formulas(text: str) -> tuple[str, int] | None:
    """The last formula between dollars or brackets, with those before it that only commas, "and" or "or" join, and where it ends."""
    found = list(_formulas(text))
    if not found:
        return None
    group, end = [found[-1][0]], found[-1][2]
    for earlier, later in zip(reversed(found[:-1]), reversed(found[1:]), strict=True):
        between = text[earlier[2] : later[1]]
        if len(between) > 40 or not _SAYS_MORE.search(between) or not _JOINT.fullmatch(between):
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
