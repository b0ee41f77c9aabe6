"""The part that is an answer book: the one try that works, written down straight away."""

from __future__ import annotations

import random

from aha.tasks.corpus.searches import check, systematic
from aha.tasks.corpus.voice import Try, draw_voice, finish, prompt, shuffle_key, write_try
from aha.tasks.countdown import OPERATIONS, keys


def write_solution(draw: random.Random) -> str:
    """A question and its solution, as a teacher writes it who found it elsewhere; checked aloud now and then."""
    while True:
        key = draw.choice(keys(3, "train"))
        numbers, target = shuffle_key(key, draw), key[1]
        if solutions := [attempt for attempt in systematic(numbers, "+-*") if value_of(attempt) == target]:
            break
    voice, solution = draw_voice(draw).careful, draw.choice(solutions)
    thought, _ = write_try(solution, target, voice, draw)
    if voice.checks:
        thought = [*thought, *check(solution, target, voice, draw)[0]]
    return prompt(numbers, target, voice.language) + finish(voice, thought, solution.answer, draw)


def value_of(attempt: Try) -> int | None:
    """What a try comes to, `None` if a step leaves 0 to 199."""
    value = attempt.first
    for operator, number in attempt.steps:
        value = OPERATIONS[operator](value, number)
        if not 0 <= value <= 199:
            return None
    return value
