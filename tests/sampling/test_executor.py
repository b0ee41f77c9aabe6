"""Judging beside sampling: when it happens, and that it shows in no result."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import pytest

from aha.backends.engine_chat import Bytes, ScriptedEngine
from aha.errors import BadInput
from aha.protocols import Ask, Sampling
from aha.rewards import Format, RewardPart, Rewards
from aha.sampling.rollouts import SLOW_S, ScoringExecutor, ScoringStats
from aha.stages.ask import GroupSampler
from aha.tasks.countdown import CountdownProblems
from aha.template import Short
from aha.types import Abstained, Completion, Problem, Reply
from tests.runs import pack

PROBLEMS = CountdownProblems().at(0, 0, 12, 0)


@dataclass(frozen=True)
class Slow:
    """Takes a while, another one for each problem, and pays for the length."""

    where: list[str] = field(default_factory=list)

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        self.where.append(threading.current_thread().name)
        time.sleep(SLOW_S * (1.2 + random.Random(problem.id).random()))
        return [Abstained("shy") if reply.tokens % 5 == 0 else float(reply.tokens % 7) for reply in replies]


class Shuffled(ScriptedEngine):
    """Hands its groups over in an order of its own."""

    def __init__(self, order: int) -> None:
        super().__init__(lambda prompt, seed: "x" * (seed % 40))
        self.order = order

    def generate(self, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        found = list(super().generate(asks, sampling))
        random.Random(self.order).shuffle(found)
        yield from found


def asker(reward: Slow | Format, judging: int = 16, order: int = 0) -> GroupSampler:
    rewards = Rewards((RewardPart("r", reward),))
    return GroupSampler(Shuffled(order), Bytes(), Short(), rewards, Sampling(), 4, lambda what: None, threads=judging)


def test_one_two_or_many_scoring_threads_and_any_order_of_arrival_give_the_same_bytes() -> None:
    found = {pack(asker(Slow(), judging, order).groups(PROBLEMS, (0, 0))) for judging, order in ((1, 0), (2, 1), (4, 2), (16, 3))}
    assert len(found) == 1


def test_what_is_quick_is_judged_where_it_arrives() -> None:
    quick = asker(Format())
    quick.groups(PROBLEMS, (0, 0))
    assert not quick.stats.slow and threading.active_count() == len([t for t in threading.enumerate() if "scoring" not in t.name])


def test_after_the_first_slow_group_the_rest_is_judged_by_threads_in_this_rollout_and_the_next() -> None:
    reward = Slow()
    slow = asker(reward)
    slow.groups(PROBLEMS, (0, 0))
    assert reward.where[0] == "MainThread" and all(name.startswith("scoring") for name in reward.where[1:])
    slow.groups(PROBLEMS[:2], (0, 1))
    assert all(name.startswith("scoring") for name in reward.where[1:])


def test_sampling_goes_on_while_groups_are_judged() -> None:
    def late(number: int) -> int:
        time.sleep(0.4)
        return number

    stats = ScoringStats(slow=True)
    began = time.monotonic()
    with ScoringExecutor[int](8, stats) as executor:
        for index in range(8):
            time.sleep(0.1)  # sampling
            executor.submit(index, partial(late, index))
        assert executor.wait(lambda: None) == {index: index for index in range(8)}
    assert stats.scoring_s > 3.2 and stats.alone_s < 1.6 and time.monotonic() - began < 3.2


def test_a_reward_that_raises_in_a_thread_raises_in_the_loop() -> None:
    def fails() -> int:
        raise BadInput("a broken reward")

    with pytest.raises(BadInput, match="a broken reward"), ScoringExecutor[int](2, ScoringStats(slow=True)) as executor:
        executor.submit(0, fails)
        executor.wait(lambda: None)


def test_after_an_error_nothing_is_waited_for_and_nothing_new_begins() -> None:
    begun: list[int] = []
    over = threading.Event()

    def stands(index: int) -> int:
        begun.append(index)
        over.wait(timeout=30)
        return index

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), ScoringExecutor[int](1, ScoringStats(slow=True)) as executor:
        for index in range(5):
            executor.submit(index, lambda index=index: stands(index))  # type: ignore[misc]
        raise KeyboardInterrupt
    over.set()
    assert time.monotonic() - began < 5 and len(begun) <= 2
