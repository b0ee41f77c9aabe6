"""The part in which somebody writes a tiny program."""

from __future__ import annotations

import random
from dataclasses import replace

from aha.tasks.chain import THEN
from aha.tasks.corpus.voice import draw_voice
from aha.tasks.demonstrations import WRITE
from aha.tasks.program import ProgramProblems, program_of
from aha.tasks.wider.told import draw_form, told


def programs(draw: random.Random) -> str:
    """A question and an attempt, step by step or at once; a third forget every parenthesis, some of the others notice that they did."""
    (problem,) = ProgramProblems().at(0, 0, 1, draw.getrandbits(48))
    asked, form = program_of(problem), draw_form(draw)
    voice = replace(draw_voice(draw), language=problem.language)
    forgetful = draw.random() < 1 / 3
    said, shown = asked.expressions()[0], [f"`{asked.expressions()[0]}`"]
    for (operator, operand), right in zip(asked.steps, asked.expressions()[1:], strict=True):
        careless = f"{said} {operator} {operand}"
        slip = f"`{careless}` {voice.word('wait', draw)} " if not forgetful and careless != right and draw.random() < 0.2 else ""
        said = careless if forgetful else right
        shown.append(f"{slip}`{said}`")
    spoken = draw.choice(("en", "zh")) if voice.mixed else voice.language
    thought = THEN[spoken].join(shown) if draw.random() < 3 / 4 else ""
    if form == "turn" and thought:
        thought = f"{WRITE[spoken]} {thought}"
    return told(problem.question, thought, f"```\ndef f({asked.parameters}):\n    return {said}\n```", form)
