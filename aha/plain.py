"""The one place that escapes control and invisible characters in texts that come from outside.

Escape sequences, bells, unusual line breaks, letters without width, and marks that change the direction of writing can make a terminal
show another text than the real one. Each is shown as `\\uXXXX`, which within JSON is the same letter again.
"""

from __future__ import annotations

import re

_UNSEEN = (  # Unicode's controls, formats, surrogates and separators of lines, and the letters that are blank
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
_JOINER = r"(?<=[^\x00-\u02ff])[\u200c\u200d](?=[^\x00-\u02ff])"  # in scripts and signs that are written with joiners
_FIND = re.compile(rf"({_JOINER})|[{_UNSEEN}]")
_UNSAFE_OR_STYLE = re.compile(rf"({_JOINER}|\r|\x1b\[[0-9;?]*[A-Za-z])|[{_UNSEEN}]")


def plain(text: str, styled: bool = False) -> str:
    """Return the text with control and invisible characters escaped, except line breaks and tabs. `styled`: codes that colour and place
    text stay as well, for texts of our own."""
    return text if text.isascii() and text.isprintable() else (_UNSAFE_OR_STYLE if styled else _FIND).sub(_escape, text)


def one_line(text: str, most: int | None = None) -> str:
    """Return the text escaped as by `plain`, in one line of at most `most` letters."""
    line = " ".join(plain(text).split())
    return line if most is None or len(line) <= most else f"{line[: most - 1]}…"


def _escape(match: re.Match[str]) -> str:
    letter = match[0]
    if match[1]:
        return letter
    code = ord(letter)
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + ((code - 0x10000) >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
