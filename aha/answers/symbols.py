"""The many ways to write one sign, folded to ASCII before anything is read."""

from __future__ import annotations

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
_COMMANDS = {r"\times": "*", r"\cdot": "*", r"\div": "/", r"\left": "", r"\right": ""}


def plain(text: str) -> str:
    """The text with full-width and typographic digits and signs as ASCII; superscripts and look-alike letters stay as they are."""
    return text.translate(_PLAIN)


def arithmetic(text: str) -> str:
    """`plain`, and the LaTeX of the four operations as signs."""
    text = plain(text)
    for command, sign in _COMMANDS.items():
        text = text.replace(command, sign)
    return text
