"""What the doctor shows of a reply."""

from __future__ import annotations

from aha.types import Problem, Reply

EXCERPT_LENGTH = 300  # characters of a sample that a terminal line still holds
RULES = (("<think>", "</think>"), ("<answer>", "</answer>"))


def form_error(text: str) -> str:
    """The first rule of the template that a reply breaks, as far as its text tells."""
    for mark, end_mark in RULES:
        if text.count(mark) > 1 or text.count(end_mark) > 1:
            return f"{mark} … {end_mark} stands more than once"
        if end_mark not in text:
            return f"{mark} is never closed" if mark in text else f"there is no {mark} … {end_mark}"
    return "the order of the tags, an empty answer, or text outside of them"


def excerpt(seen: tuple[Problem, Reply], label: str) -> str:
    """The reply in one line, with the problem it answers."""
    problem, reply = seen
    return f"The first reply{f' {label}' if label else ''}, to {problem.id}: {clip(reply.text)!r}"


def clip(text: str) -> str:
    """Both ends of a text that is too long for a line."""
    return text if len(text) <= EXCERPT_LENGTH else f"{text[: EXCERPT_LENGTH // 2]} … {text[-EXCERPT_LENGTH // 2 :]}"
