"""The part in which somebody is asked something that is no sum: greetings, questions about oneself, translations, and worse."""

from __future__ import annotations

import random

from aha.tasks.general import GeneralProblems, prompt_of
from aha.tasks.manners import reply
from aha.tasks.wider.told import draw_form, write_document

CARE = 0.2


def prompts(draw: random.Random) -> str:
    """A prompt and what somebody says who takes little care."""
    (problem,) = GeneralProblems((draw.choice(GeneralProblems().kinds),)).at(0, 0, 1, draw.getrandbits(48))
    thought, answer = reply(prompt_of(problem), problem, CARE, draw)
    return write_document(problem.question, thought, answer, draw_form(draw))
