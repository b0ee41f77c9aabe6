"""The many ways to write one sign, folded to ASCII before anything is read."""

from __future__ import annotations

import re

LONGEST = 20_000  # characters of an answer that are read, from its end: nobody's final answer is longer

_PLAIN = str.maketrans(
    {
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
        **dict.fromkeys("−–－﹣‐‑", "-"),
        **dict.fromkeys("×·∙⋅∗＊", "*"),
        **dict.fromkeys("÷／∕⁄", "/"),
        "＋": "+",
        "（": "(",
        "）": ")",
        "＝": "=",
        "．": ".",
        "，": ",",
        "％": "%",
        "：": ":",
        "＄": "$",
        "￥": "¥",
        "\u00a0": " ",
        "\u202f": " ",
    }
)
_BLANKS = re.compile(r"\s{20,}")
_COMMANDS = {r"\times": "*", r"\cdot": "*", r"\div": "/", r"\left": "", r"\right": ""}


def plain(text: str) -> str:
    """The text with full-width and typographic digits and signs as ASCII; superscripts and look-alike letters stay as they are."""
    return text.translate(_PLAIN)


def ending(text: str) -> str:
    """The last part of a text that is read, long runs of blanks as a few: what stands before them still counts."""
    text = text if len(text) < 40 else _BLANKS.sub(lambda found: "\n\n" if "\n" in found.group() else "  ", text[-50 * LONGEST :])
    return text[-LONGEST:]


def arithmetic(text: str) -> str:
    """`plain`, and the LaTeX of the four operations as signs."""
    text = plain(text)
    for command, sign in _COMMANDS.items():
        text = text.replace(command, sign)
    return text
