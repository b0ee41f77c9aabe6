"""Asking: seeds by place, prompts by template, replies without their stop token."""

from __future__ import annotations

import random

from aha.backends.engine_chat import Bytes, ScriptedBackend, ScriptedEngine
from aha.protocols import Sampling
from aha.rewards import paper
from aha.sampling.rollouts import prompt_tokens, read_reply, seed_for
from aha.stages.ask import GroupSampler, summarise
from aha.tasks.countdown import problem
from aha.template import Short
from aha.types import Completion, Countdown, Group

ASKED = problem(((6, 8, 10), 58), "en", random.Random(0))
RIGHT = " <think> 8 * 6 = 48 + 10 = 58 yes</think>\n<answer> ( 8 * 6 ) + 10</answer>"
WRONG = " <think> wait 8 - 6 = 2 + 10 = 12 no</think>\n<answer> ( 8 - 6 ) + 10</answer>"
BARE = " so ( 8 * 6 ) + 10"


def groups_of(*texts: str) -> list[Group]:
    said = iter(texts)
    engine = ScriptedEngine(lambda prompt, seed: next(said))
    with paper().open(ScriptedBackend(lambda model, prompt, seed: "")) as rewards:
        asker = GroupSampler(engine, Bytes(), Short(), rewards, Sampling(max_tokens=200), len(texts), lambda what: None)
        return asker.groups([ASKED], (0, 0, 0))


def test_a_seed_is_a_function_of_its_place_and_of_the_order_of_its_parts() -> None:
    assert seed_for(0, 1, 2) == seed_for(0, 1, 2)
    assert len({seed_for(a, b, c) for a in range(20) for b in range(20) for c in range(20)}) == 8000
    assert all(0 <= seed_for(i) < 2**63 for i in range(1000))


def test_the_prompt_is_the_templates_text_as_tokens() -> None:
    tokens = Bytes()
    assert tokens.decode(prompt_tokens(Short(), "Use 1 to make 1.", tokens)) == "User: Use 1 to make 1.\nAssistant:"


def test_a_reply_is_read_without_the_token_that_ended_it() -> None:
    tokens = Bytes()
    ids = [*tokens.encode(RIGHT), tokens.stop[0]]
    reply = read_reply(Short(), Completion(tuple(ids), (0.0,) * len(ids), "stop", 0), tokens)
    assert (reply.text, reply.answer, reply.tokens) == (RIGHT, "( 8 * 6 ) + 10", len(ids))


def test_replies_are_paid_for_accuracy_and_format_alike() -> None:
    (group,) = groups_of(RIGHT, WRONG, BARE)
    assert isinstance(ASKED.reference, Countdown) and set(ASKED.reference.numbers) == {6, 8, 10}
    assert [score.total for score in group.scores] == [2.0, 1.0, 0.0]


def test_a_rollout_in_numbers() -> None:
    metrics = summarise(groups_of(RIGHT, WRONG, BARE, BARE))
    assert metrics["accuracy"] == metrics["reward/accuracy"] == 0.25
    assert metrics["format"] == 0.5 and metrics["reward"] == 0.75
    assert metrics["reflection"] == 0.25 and metrics["dead_groups"] == 0.0
    assert metrics["length_right"] == len(RIGHT.encode()) + 1
