"""The part that is marked homework: one try, and whether it is right."""

from __future__ import annotations

import random

from aha.tasks.corpus.searches import systematic
from aha.tasks.corpus.voice import draw_voice, prompt, random_try, shuffle_key, write_try
from aha.tasks.corpus.worked import value_of
from aha.tasks.countdown import keys


def write_with_mark(draw: random.Random) -> str:
    """A question, somebody's try and the teacher's verdict; right as often as wrong."""
    key = draw.choice(keys(3, "train"))
    numbers, target = shuffle_key(key, draw), key[1]
    solutions = [attempt for attempt in systematic(numbers, "+-*") if value_of(attempt) == target]
    attempt = draw.choice(solutions) if solutions and draw.random() < 1 / 2 else random_try(numbers, draw)
    voice = draw_voice(draw).careful
    words, _ = write_try(attempt, target, voice, draw)
    return prompt(numbers, target, voice.language) + "".join(f" {word}" for word in words)
