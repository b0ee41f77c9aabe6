"""The part in which somebody answers at once, and is nearly always wrong."""

from __future__ import annotations

import random

from aha.tasks.corpus.voice import draw_voice, finish, prompt, random_try, shuffle_key
from aha.tasks.countdown import keys


def guess(draw: random.Random) -> str:
    """A question and a first idea, unchecked; with three numbers mostly, with four now and then."""
    key = draw.choice(keys(4 if draw.random() < 0.1 else 3, "train"))
    numbers, voice = shuffle_key(key, draw), draw_voice(draw)
    thought = [voice.word("so", draw)] if voice.tagged else []
    return prompt(numbers, key[1], voice.language) + finish(voice, thought, random_try(numbers, draw).answer, draw)
