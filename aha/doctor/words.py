"""What the doctor shows of a reply."""

from __future__ import annotations

from aha.types import Problem, Reply

SHOWN = 300  # characters of a sample that a terminal line still holds
RULES = (("<think>", "</think>"), ("<answer>", "</answer>"))


def what_is_broken(text: str) -> str:
    """The first rule of the template that a reply breaks, as far as its text tells."""
    for opened, closed in RULES:
        if text.count(opened) > 1 or text.count(closed) > 1:
            return f"{opened} … {closed} stands more than once"
        if closed not in text:
            return f"{opened} is never closed" if opened in text else f"there is no {opened} … {closed}"
    return "the order of the tags, an empty answer, or text outside of them"


def shown(seen: tuple[Problem, Reply], which: str) -> str:
    """The reply in one line, with the problem it answers."""
    problem, reply = seen
    return f"The first reply{f' {which}' if which else ''}, to {problem.id}: {clip(reply.text)!r}"


def clip(text: str) -> str:
    """Both ends of a text that is too long for a line."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} … {text[-SHOWN // 2 :]}"
