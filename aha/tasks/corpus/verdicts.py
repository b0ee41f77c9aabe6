"""The part in which somebody goes through other people's results until one is right."""

from __future__ import annotations

import random

from aha.tasks.corpus.voice import draw_voice, prompt, random_try, shuffle_key, slip, verdict
from aha.tasks.corpus.worked import value_of
from aha.tasks.countdown import keys


def verdicts(draw: random.Random) -> str:
    """`= 13 low = 48 high = 17 yes`: each result once, so that only the question says which is right."""
    key = draw.choice(keys(3, "train"))
    numbers, target = shuffle_key(key, draw), key[1]
    voice, tries, text = draw_voice(draw), set[int](), ""
    while target not in tries and len(tries) < 8:
        result = target if draw.random() < 0.4 else _other_target(numbers, target, draw)
        if result not in tries:
            tries.add(result)
            text += f" = {result} {voice.word(verdict(result, target), draw)}"
    return prompt(numbers, target, voice.language) + text


def _other_target(numbers: tuple[int, ...], target: int, draw: random.Random) -> int:
    """What another try comes to, or a near miss."""
    value = value_of(random_try(numbers, draw))
    return slip(target, draw) if value is None or draw.random() < 1 / 3 else value
