"""The part in which somebody does one sum after another, as a question tells them to."""

from __future__ import annotations

import random
from dataclasses import replace

from aha.tasks.chain import ChainProblems, chain_of
from aha.tasks.corpus.voice import Try, draw_voice, slip, write_try
from aha.tasks.demonstrations import WORK
from aha.tasks.rewriting import summary
from aha.tasks.wider.told import draw_form, write_document


def chains(draw: random.Random) -> str:
    """A question and an attempt: a sixth answer at once, the others write every sum down, slips included."""
    (problem,) = ChainProblems().at(0, 0, 1, draw.getrandbits(48))
    task, form = chain_of(problem), draw_form(draw)
    voice = replace(draw_voice(draw), language=problem.language)
    if draw.random() < 1 / 6:
        thought, result = "", str(slip(task.result, draw))
    else:
        words, _ = write_try(Try(task.first, task.steps), task.result, voice, draw)
        thought, result = " ".join(words[:-1]), words[-2]  # the last word judges: here nobody knows what should come out
    if form == "turn":
        thought_language = draw.choice(("en", "zh")) if voice.mixed else voice.language
        return write_document(
            problem.question, f"{WORK[thought_language]} {thought}".strip(), summary(result, result, thought_language), form
        )
    return write_document(problem.question, thought, result if form == "tagged" else f"{voice.word('so', draw)} {result}", form)
