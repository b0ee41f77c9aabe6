"""One string for the many ways to typeset one formula, so that what is the same on paper compares equal."""

from __future__ import annotations

import re

from aha.answers.symbols import plain
from aha.types import Latex

_DROPPED = re.compile(r"\\left(?![a-z])|\\right(?![a-z])|\\[!,;:> ]|\\displaystyle|\^\s*\\circ|\^\s*\{\s*\\circ\s*\}|\\degree|[°$\s~]")
TEXT = re.compile(r"\\(?:text|textrm|mbox|textbf|textit|mathrm|mathbf|operatorname)\s*\{([^{}]{0,300})\}")
_FRAC = re.compile(r"\\[dtc]frac")
_BARE_FRAC = re.compile(r"\\frac\s*(?:([0-9])\s*([0-9])|([0-9])\s*(\{[^{}]{1,300}\})|(\{[^{}]{1,300}\})\s*([0-9]))")
_TWO_NUMBERS = re.compile(r"(?<=[0-9])[\s~]+(?=[0-9])")


def normal(text: str) -> str:
    """One string for the ways to typeset one formula: no blanks, no size commands, one kind of fraction, no text boxes, no final period."""
    text = TEXT.sub(r"\1", plain(text).replace("\\$", "").replace("\\%", "%"))
    text = _BARE_FRAC.sub(_braced, _FRAC.sub(r"\\frac", text))
    text = _DROPPED.sub("", _TWO_NUMBERS.sub(";", text)).replace("\\{", "{").replace("\\}", "}").replace("{,}", ",").rstrip(".")
    text = re.sub(r"([\^_])\{([A-Za-z0-9])\}", r"\1\2", text)
    text = re.sub(r"\\sqrt([0-9a-z])", r"\\sqrt{\1}", text)
    return re.sub(r"^[A-Za-z](?:_?[0-9A-Za-z])?(?:\([a-z]\))?=(?!=)", "", text)  # x = 3 claims 3


def _braced(match: re.Match[str]) -> str:
    top, under = (group if group.startswith("{") else f"{{{group}}}" for group in match.groups() if group is not None)
    return f"\\frac{top}{under}"


def parses(reference: Latex) -> bool:
    """Whether a gold answer can be compared with at all: something stands there, and its braces balance."""
    inside = reference.value.replace("\\{", "").replace("\\}", "")
    return bool(normal(reference.value)) and inside.count("{") == inside.count("}")
