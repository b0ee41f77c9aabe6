"""The part in which somebody writes a tiny program."""

from __future__ import annotations

import random
from dataclasses import replace

from aha.tasks.chain import THEN
from aha.tasks.corpus.voice import draw_voice
from aha.tasks.demonstrations import WRITE
from aha.tasks.program import ProgramProblems, program_of
from aha.tasks.wider.told import draw_form, write_document


def programs(draw: random.Random) -> str:
    """A question and an attempt, step by step or at once; a third forget every parenthesis, some of the others notice that they did."""
    (problem,) = ProgramProblems().at(0, 0, 1, draw.getrandbits(48))
    task, form = program_of(problem), draw_form(draw)
    voice = replace(draw_voice(draw), language=problem.language)
    forgetful = draw.random() < 1 / 3
    expression, tries = task.expressions()[0], [f"`{task.expressions()[0]}`"]
    for (operator, operand), right in zip(task.steps, task.expressions()[1:], strict=True):
        careless = f"{expression} {operator} {operand}"
        slip = f"`{careless}` {voice.word('wait', draw)} " if not forgetful and careless != right and draw.random() < 0.2 else ""
        expression = careless if forgetful else right
        tries.append(f"{slip}`{expression}`")
    thought_language = draw.choice(("en", "zh")) if voice.mixed else voice.language
    thought = THEN[thought_language].join(tries) if draw.random() < 3 / 4 else ""
    if form == "turn" and thought:
        thought = f"{WRITE[thought_language]} {thought}"
    return write_document(problem.question, thought, f"```\ndef f({task.parameters}):\n    return {expression}\n```", form)
