"""The corpus of the tiny base model: documents as people leave them, good and bad, from a mixture of parts, each a function.

- `guess`: an immediate answer, nearly always wrong.
- `write_with_mark`: homework with its mark: one try, and whether it is right.
- `wander`, `methodical`, `hopeless`: one combination after another, at random or in order.
- `sums`: a page of sums, arithmetic with no question to answer.
- `verdicts`: other people's results, checked until one is right.
- `write_solution`: an answer book: the one try that works, written down straight away.

To add a part, write a function `(random.Random) -> str` in this file and one line in `MIXTURE`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from aha.tasks.countdown import LARGEST_RESULT, OPERATIONS, Key, all_keys, is_held_out, keys
from aha.tasks.voice import Try, Voice, draw_voice, finish, prompt, random_try, shuffle_key, slip, verdict, write_try
from aha.types import Document


def guess(draw: random.Random) -> str:
    """Write a question and a first idea, unchecked; mostly with three numbers, sometimes with four."""
    key = draw.choice(keys(4 if draw.random() < 0.1 else 3, "train"))
    numbers, voice = shuffle_key(key, draw), draw_voice(draw)
    thought = [voice.word("so", draw)] if voice.tagged else []
    return prompt(numbers, key[1], voice.language) + finish(voice, thought, random_try(numbers, draw).answer, draw)


MOST_TRIES = 27  # all tries with three numbers: 3 pairs, 3 operators, 3 operators


def wander(draw: random.Random, count: int = 3) -> str:
    """Write tries in random order, with repetitions; the writer gives up early."""
    key = draw.choice(keys(count, "train"))
    numbers = shuffle_key(key, draw)
    tries = (random_try(numbers, draw) for _ in range(MOST_TRIES if count == 3 else 14))
    return search(numbers, key[1], tries, patience=0.8, draw=draw)


def wander_four(draw: random.Random) -> str:
    """Write a search for the harder task, with four numbers."""
    return wander(draw, count=4)


def methodical(draw: random.Random) -> str:
    """Write a search that takes every pair and every operator in turn; the writer is patient and gives up late."""
    key = draw.choice(keys(3, "train"))
    numbers = shuffle_key(key, draw)
    order = draw.choice(("+-*", "*+-"))
    patience = draw.choice((0.8, 0.93, 0.98, 1.0))
    return search(numbers, key[1], systematic(numbers, order), patience=patience, draw=draw)


def hopeless(draw: random.Random) -> str:
    """Write a methodical search for a target that cannot be made; it ends with a guess."""
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
    """Yield all chains over three numbers: pairs as the question lists them, operators in the given order."""
    a, b, c = numbers
    for x, y, z in ((a, b, c), (a, c, b), (b, c, a)):
        for first in order:
            x, y = (y, x) if first == "-" and x < y else (x, y)
            for second in order:
                yield Try(x, ((first, y), (second, z)))


def search(numbers: tuple[int, ...], target: int, tries: Iterator[Try], patience: float, draw: random.Random) -> str:
    """Write one document: tries until one fits, patience ends (`patience` is the probability to go on), or none is left."""
    voice = draw_voice(draw)
    thought: list[str] = []
    answer = random_try(numbers, draw).answer
    for attempt in tries:
        words, fits = write_try(attempt, target, voice, draw)
        thought += words
        if fits and voice.checks:
            words, fits = check(attempt, target, voice, draw)
            thought += words
        if fits:
            answer = attempt.answer
            break
        if draw.random() > patience:
            break
    return prompt(numbers, target, voice.language) + finish(voice, thought, answer, draw)


def check(attempt: Try, target: int, voice: Voice, draw: random.Random) -> tuple[list[str], bool]:
    """Write the sum again, carefully, before it is believed; this finds a slip that went unnoticed."""
    words, fits = write_try(attempt, target, voice.careful, draw)
    again = [voice.word("wait", draw)] if draw.random() < 0.5 else []
    return [*again, voice.word("check", draw), *words], fits


def write_solution(draw: random.Random) -> str:
    """Write a question and its solution, as a teacher does who found it elsewhere; sometimes with a check."""
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
    """Return the value of a try, `None` if a step leaves 0 to 199."""
    value = attempt.first
    for operator, number in attempt.steps:
        value = OPERATIONS[operator](value, number)
        if not 0 <= value <= 199:
            return None
    return value


def write_with_mark(draw: random.Random) -> str:
    """Write a question, a try and the teacher's verdict; about as often right as wrong."""
    key = draw.choice(keys(3, "train"))
    numbers, target = shuffle_key(key, draw), key[1]
    solutions = [attempt for attempt in systematic(numbers, "+-*") if value_of(attempt) == target]
    attempt = draw.choice(solutions) if solutions and draw.random() < 1 / 2 else random_try(numbers, draw)
    voice = draw_voice(draw).careful
    words, _ = write_try(attempt, target, voice, draw)
    return prompt(numbers, target, voice.language) + "".join(f" {word}" for word in words)


def sums(draw: random.Random) -> str:
    """Write eight sums, all right, with large operands as often as small ones."""
    return "".join(f" {line}" for line in (_sum(draw) for _ in range(8)))[1:]


def _sum(draw: random.Random) -> str:
    while True:
        operator = draw.choice("+-*")
        left, right = draw.randint(1, LARGEST_RESULT), draw.randint(1, 13)
        result = OPERATIONS[operator](left, right)
        if 0 <= result <= LARGEST_RESULT:
            return f"{left} {operator} {right} = {result}"


def verdicts(draw: random.Random) -> str:
    """Write `= 13 low = 48 high = 17 yes`: each result once, so that only the question says which is right."""
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
    """Return the value of another try, or a near miss."""
    value = value_of(random_try(numbers, draw))
    return slip(target, draw) if value is None or draw.random() < 1 / 3 else value


Writer = Callable[[random.Random], str]


@dataclass(frozen=True)
class CorpusPart:
    """A named writer and its share of the documents."""

    name: str
    write: Writer
    share: float


MIXTURE: tuple[CorpusPart, ...] = (
    CorpusPart("guess", guess, 0.17),
    CorpusPart("wander", wander, 0.19),
    CorpusPart("methodical", methodical, 0.25),
    CorpusPart("hopeless", hopeless, 0.04),
    CorpusPart("worked", write_solution, 0.06),
    CorpusPart("marked", write_with_mark, 0.07),
    CorpusPart("verdicts", verdicts, 0.12),
    CorpusPart("wander-four", wander_four, 0.03),
    CorpusPart("sums", sums, 0.07),
)


def documents(start: int, count: int, seed: int = 0, mixture: tuple[CorpusPart, ...] = MIXTURE) -> Iterator[Document]:
    """Yield documents `start` to `start + count` of an endless corpus; each depends only on its own number and the seed."""
    shares = [part.share for part in mixture]
    for number in range(start, start + count):
        draw = random.Random(f"corpus {seed} {number}")
        (part,) = draw.choices(mixture, shares)
        yield Document(part.write(draw), part.name)
