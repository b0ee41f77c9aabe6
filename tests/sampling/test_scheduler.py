"""Continuous batching without a model: who is in the batch when, and that every reply is the one that its row alone would get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.errors import BadInput
from aha.sampling.scheduler import (
    EnteringRow,
    FinishedRow,
    RowRequest,
    RowSettings,
    SampledToken,
    Scheduler,
    SchedulerLimits,
    Tokens,
    WorkerStep,
)
from aha.types import Completion
from tests.counts import examples

VOCABULARY = 11


def token_of(prompt: Tokens, seed: int, position: int) -> int:
    return (31 * seed + 7 * position + 3 * sum(prompt) + seed * position) % VOCABULARY


def alone(request: RowRequest) -> Completion:
    """The reply as one would write it down."""
    tokens: list[int] = []
    while len(tokens) < request.settings.max_tokens:
        tokens.append(token_of(request.prompt, request.seed, len(tokens)))
        if tokens[-1] in request.settings.stop and len(tokens) > request.settings.min_tokens:
            return Completion(tuple(tokens), tuple(float(-token) for token in tokens), "stop", 7)
    return Completion(tuple(tokens), tuple(float(-token) for token in tokens), "length", 7)


@dataclass
class Reading:
    prefixes: list[Tokens]
    left: int


@dataclass
class Counter:
    """A worker that computes tokens from (prompt, seed, position), and checks what it is told. `batches`: the rows of each step."""

    reads: list[Tokens] = field(default_factory=list)
    batches: list[list[RowRequest]] = field(default_factory=list)
    most: int = 0
    version: int = 7
    _rows: list[tuple[RowRequest, int]] = field(default_factory=list)

    def read(self, prefixes: Sequence[Tokens], tokens: int | None) -> Any:
        self.reads += prefixes
        longest = max(map(len, prefixes), default=0)
        return Reading(list(prefixes), 1 if tokens is None else -(-longest * len(prefixes) // tokens) or 1)

    def go_on(self, reading: Reading) -> bool:
        assert reading.left > 0
        reading.left -= 1
        return reading.left == 0

    def enter(self, rows: Sequence[EnteringRow]) -> None:
        for row in rows:
            assert row.prefix_job.left == 0
            assert row.prefix_job.prefixes[row.place] == (*row.request.prompt, *row.tokens)[:-1]
            self._rows.append((row.request, len(row.tokens)))

    def keep(self, rows: Sequence[int]) -> None:
        self._rows = [self._rows[place] for place in rows]

    def step(self, steps: int) -> WorkerStep:
        assert self._rows
        self.most = max(self.most, sum(len(request.prompt) + said + steps for request, said in self._rows))
        tokens = []
        for _ in range(steps):
            self.batches.append([request for request, _ in self._rows])
            tokens.append([token_of(request.prompt, request.seed, said) for request, said in self._rows])
            self._rows = [(request, said + 1) for request, said in self._rows]
        return WorkerStep(tokens, [[float(-token) for token in step] for step in tokens])


def run(scheduler: Scheduler) -> dict[int, Completion]:
    """Every reply, each told once."""
    finished: dict[int, Completion] = {}
    for _ in range(10_000):
        if scheduler.idle:
            return finished
        for event in scheduler.step():
            if isinstance(event, FinishedRow):
                assert event.row not in finished
                finished[event.row] = event.completion
    raise AssertionError("it never ends")


def request(prompt: Tokens = (1, 2), seed: int = 0, **how: Any) -> RowRequest:
    return RowRequest(prompt, seed, RowSettings(**how))


PROMPTS = st.lists(st.integers(0, 3), min_size=1, max_size=5).map(tuple)
HOW = st.builds(
    RowSettings, max_tokens=st.integers(1, 9), min_tokens=st.integers(0, 3), stop=st.sets(st.integers(0, 10), max_size=3).map(tuple)
)
REQUESTS = st.lists(st.builds(RowRequest, PROMPTS, st.integers(0, 9), HOW), max_size=12)
LIMITS = st.builds(
    SchedulerLimits,
    rows=st.integers(1, 5),
    cache_tokens=st.none() | st.integers(14, 60),
    steps=st.integers(1, 3),
    prefill_tokens=st.none() | st.integers(1, 8),
)


@examples(300)
@given(REQUESTS, LIMITS)
def test_every_row_gets_the_reply_that_it_gets_alone_within_the_limits(requests: list[RowRequest], limits: SchedulerLimits) -> None:
    worker = Counter()
    scheduler = Scheduler(worker, limits)
    numbers = [scheduler.add(each) for each in requests]
    assert run(scheduler) == dict(zip(numbers, map(alone, requests), strict=True))
    assert all(len(batch) <= limits.rows for batch in worker.batches)
    if limits.cache_tokens is not None and not any(len(batch) == 1 for batch in worker.batches):
        assert worker.most <= limits.cache_tokens


@examples(100)
@given(REQUESTS, LIMITS)
def test_the_same_rows_make_the_same_batches(requests: list[RowRequest], limits: SchedulerLimits) -> None:
    workers = Counter(), Counter()
    for worker in workers:
        scheduler = Scheduler(worker, limits)
        for each in requests:
            scheduler.add(each)
        run(scheduler)
    assert workers[0].batches == workers[1].batches and workers[0].reads == workers[1].reads


@examples(200)
@given(REQUESTS, LIMITS, st.lists(st.tuples(st.integers(0, 20), st.integers(0, 11)), max_size=8))
def test_whoever_is_let_go_hears_nothing_more_and_harms_nobody(
    requests: list[RowRequest], limits: SchedulerLimits, cancelled: list[tuple[int, int]]
) -> None:
    scheduler = Scheduler(Counter(), limits)
    numbers = [scheduler.add(each, live=True) for each in requests]
    gone: set[int] = set()
    heard: dict[int, list[int]] = {number: [] for number in numbers}
    finished: dict[int, Completion] = {}
    step = 0
    while not scheduler.idle:
        for when, place in cancelled:
            if when == step and place < len(numbers):
                gone.add(numbers[place])
                scheduler.cancel(numbers[place])
        for event in scheduler.step():
            assert event.row not in gone
            if isinstance(event, SampledToken):
                heard[event.row].append(event.token)
            else:
                finished[event.row] = event.completion
        step += 1
        assert step < 1_000
    for number, each in zip(numbers, requests, strict=True):
        if number in finished:
            assert finished[number] == alone(each) and tuple(heard[number]) == finished[number].tokens
        else:
            assert number in gone


@examples(100)
@given(st.lists(st.tuples(st.integers(0, 12), st.builds(RowRequest, PROMPTS, st.integers(0, 9), HOW)), max_size=10), LIMITS)
def test_rows_that_come_while_others_run_are_answered_too(arrivals: list[tuple[int, RowRequest]], limits: SchedulerLimits) -> None:
    scheduler = Scheduler(Counter(), limits)
    expected: dict[int, Completion] = {}
    finished: dict[int, Completion] = {}
    for step in range(400):
        for when, each in arrivals:
            if when == step:
                expected[scheduler.add(each)] = alone(each)
        finished |= {event.row: event.completion for event in scheduler.step() if isinstance(event, FinishedRow)}
    assert scheduler.idle and finished == expected


def test_a_prompt_is_read_once_for_all_its_rows_even_where_they_enter_one_by_one() -> None:
    worker = Counter()
    scheduler = Scheduler(worker, SchedulerLimits(rows=2))
    for seed in range(8):
        scheduler.add(request((1, 2, 3), seed, max_tokens=3 + seed % 3))
    scheduler.add(request((3, 2), 0))
    run(scheduler)
    assert worker.reads == [(1, 2), (3,)]


def test_a_slot_is_filled_at_the_next_token() -> None:
    worker = Counter()
    scheduler = Scheduler(worker, SchedulerLimits(rows=2))
    for seed, length in enumerate((2, 6, 4)):
        scheduler.add(request(seed=seed, max_tokens=length))
    run(scheduler)
    assert [[each.seed for each in batch] for batch in worker.batches] == [[0, 1]] * 2 + [[1, 2]] * 4


def test_a_short_row_that_comes_late_ends_after_as_many_steps_as_it_has_tokens() -> None:
    scheduler = Scheduler(Counter(), SchedulerLimits(rows=65, prefill_tokens=256))
    for seed in range(64):
        scheduler.add(request(seed=seed, max_tokens=400))
    for _ in range(50):
        scheduler.step()
    late, before = scheduler.add(request((1,) * 200, max_tokens=4)), scheduler.steps
    while not any(isinstance(event, FinishedRow) and event.row == late for event in scheduler.step()):
        pass
    assert scheduler.steps - before == 4


def test_a_long_prompt_is_read_between_the_tokens_of_others() -> None:
    worker = Counter()
    scheduler = Scheduler(worker, SchedulerLimits(rows=4, prefill_tokens=10))
    scheduler.add(request(seed=1, max_tokens=40))
    scheduler.step()
    scheduler.add(request((2,) * 101, seed=2, max_tokens=5))
    run(scheduler)
    assert [len(batch) for batch in worker.batches][:12] == [1] * 10 + [2, 2]


def test_rows_that_overflow_the_cache_wait_and_go_on_from_what_they_have() -> None:
    worker = Counter()
    scheduler = Scheduler(worker, SchedulerLimits(rows=4, cache_tokens=80))
    requests = [request((1, 2, seed), seed, max_tokens=60) for seed in range(4)]
    numbers = [scheduler.add(each) for each in requests]
    assert run(scheduler) == dict(zip(numbers, map(alone, requests), strict=True))
    assert worker.most <= 80 and len(worker.reads) > 4


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (request((1,) * 30, max_tokens=31), "the cache holds 60 tokens"),
        (request((), max_tokens=3), "0 tokens"),
        (request(max_tokens=0), "max_tokens 0"),
    ],
)
def test_a_row_that_can_never_run_is_refused(bad: RowRequest, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Scheduler(Counter(), SchedulerLimits(cache_tokens=60)).add(bad)


def test_a_stop_token_ends_a_row_only_after_its_least_length() -> None:
    each = request((0,), 1, max_tokens=30, min_tokens=5, stop=tuple(range(VOCABULARY)))
    scheduler = Scheduler(Counter())
    number = scheduler.add(each)
    completion = run(scheduler)[number]
    assert (len(completion.tokens), completion.finished) == (6, "stop")
