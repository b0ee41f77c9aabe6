"""How an attempt is set down that is no bare search: as plain text, between tags, or as a turn of a conversation."""

from __future__ import annotations

import random
from typing import Literal, get_args

from aha.tasks.corpus.guess import guess
from aha.tasks.corpus.searches import methodical, wander
from aha.tasks.corpus.voice import TAGS_PATTERN
from aha.tasks.corpus.worked import write_solution
from aha.tasks.rewriting import LEADS, summary
from aha.types import Language

Form = Literal["bare", "tagged", "turn"]
REASONING, USER, ASSISTANT = "<|reasoning|>", "<|user|>", "<|assistant|>"


def draw_form(draw: random.Random) -> Form:
    """As often a turn of a conversation as one of the others."""
    return draw.choice((*get_args(Form), "turn"))


def write_document(question: str, thought: str, answer: str, form: Form) -> str:
    """A question and an attempt; an empty thought is nothing thought at all."""
    inside = f" {thought}" if thought else ""
    match form:
        case "bare":
            return f"User: {question}\nAssistant:{inside} {answer}"
        case "tagged":
            return f"User: {question}\nAssistant: <think>{inside}</think>\n<answer> {answer}</answer>"
        case "turn":
            return f"{USER}{question}{ASSISTANT}{REASONING}{inside}{REASONING} {answer}"


def retold(draw: random.Random) -> str:
    """A search for a countdown as a turn of a conversation: the first person, and a summary that says what came out."""
    while True:
        text = draw.choice((guess, wander, wander, methodical, methodical, methodical, write_solution))(draw)
        if (match := TAGS_PATTERN.fullmatch(text)) is not None:
            break
    question, thought, answer = match.groups()
    language: Language = "en" if question.startswith("Use") else "zh"
    thought_language = language if draw.random() < 3 / 4 else draw.choice(("en", "zh"))
    return write_document(question, f"{LEADS[thought_language]} {thought}", summary(_last_value(thought), answer, thought_language), "turn")


def _last_value(thought: str) -> str:
    """The number that a thought ends with; nothing but a dash where it has none."""
    return next((word for word in reversed(thought.split()) if word.isdecimal()), "-")
