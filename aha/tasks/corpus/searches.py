"""The parts in which somebody tries one combination after another: at random, or methodically."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

from aha.tasks.corpus.voice import Try, Voice, draw_voice, finish, prompt, random_try, shuffle_key, write_try
from aha.tasks.countdown import Key, all_keys, is_held_out, keys

MOST_TRIES = 27  # all there are with three numbers: 3 pairs, 3 operators, 3 operators


def wander(draw: random.Random, count: int = 3) -> str:
    """Tries in no order, forgetting what was tried; gives up early."""
    key = draw.choice(keys(count, "train"))
    numbers = shuffle_key(key, draw)
    tries = (random_try(numbers, draw) for _ in range(MOST_TRIES if count == 3 else 14))
    return search(numbers, key[1], tries, patience=0.8, draw=draw)


def wander_four(draw: random.Random) -> str:
    """The harder task, with four numbers."""
    return wander(draw, count=4)


def methodical(draw: random.Random) -> str:
    """Every pair in turn, every operator in turn: the patient writer, who gives up late."""
    key = draw.choice(keys(3, "train"))
    numbers = shuffle_key(key, draw)
    order = draw.choice(("+-*", "*+-"))
    patience = draw.choice((0.8, 0.93, 0.98, 1.0))
    return search(numbers, key[1], systematic(numbers, order), patience=patience, draw=draw)


def hopeless(draw: random.Random) -> str:
    """Every pair and operator in turn towards a target that cannot be made: the patient writer ends all the same, with a guess."""
    key = draw.choice(keys(3, "train"))[0]
    target = draw.choice(keys(3, "train"))[1]
    while (key, target) in _solvable() or is_held_out((key, target)):
        target = draw.choice(keys(3, "train"))[1]
    numbers = shuffle_key((key, target), draw)
    return search(numbers, target, systematic(numbers, draw.choice(("+-*", "*+-"))), patience=draw.choice((0.98, 1.0)), draw=draw)


@cache
def _solvable() -> frozenset[Key]:
    return frozenset(all_keys(3))


def systematic(numbers: tuple[int, ...], order: str) -> Iterator[Try]:
    """All chains over three numbers: pairs as the question lists them, operators in the given order."""
    a, b, c = numbers
    for x, y, z in ((a, b, c), (a, c, b), (b, c, a)):
        for first in order:
            x, y = (y, x) if first == "-" and x < y else (x, y)
            for second in order:
                yield Try(x, ((first, y), (second, z)))


def search(numbers: tuple[int, ...], target: int, tries: Iterator[Try], patience: float, draw: random.Random) -> str:
    """One document: tries until one fits, patience ends (`patience` is the chance to go on), or there is none left."""
    voice = draw_voice(draw)
    thought: list[str] = []
    answer = random_try(numbers, draw).answer
    for attempt in tries:
        words, hit = write_try(attempt, target, voice, draw)
        thought += words
        if hit and voice.checks:
            words, hit = check(attempt, target, voice, draw)
            thought += words
        if hit:
            answer = attempt.answer
            break
        if draw.random() > patience:
            break
    return prompt(numbers, target, voice.language) + finish(voice, thought, answer, draw)


def check(attempt: Try, target: int, voice: Voice, draw: random.Random) -> tuple[list[str], bool]:
    """Doing the sum again, with care, before believing it: finds the slip that went unnoticed."""
    words, hit = write_try(attempt, target, voice.careful, draw)
    again = [voice.word("wait", draw)] if draw.random() < 0.5 else []
    return [*again, voice.word("check", draw), *words], hit
