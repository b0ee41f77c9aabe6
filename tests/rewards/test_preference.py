"""What a learned preference pays, and which part of a reply it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp

import pytest

from aha.backends.engine_chat import ScriptedBackend
from aha.errors import BadInput
from aha.protocols import Scorer
from aha.rewards import Harmless, Helpful, Rewards, all_scenarios, reasoning_rewards
from aha.rewards.rules import chance
from aha.types import Abstained, Conversation, Number, Open, Problem, Reply

HELLO = Problem("g", "greeting", "Hello", "en", Open())


@dataclass
class Letters:
    """Scores what it is shown by its letters, and keeps it."""

    seen: list[Conversation] = field(default_factory=list)

    def score(self, conversations: Sequence[Conversation]) -> list[float]:
        self.seen += conversations
        return [float(len(each.messages[-1].content)) for each in conversations]


@dataclass(frozen=True)
class Backend(ScriptedBackend):
    """With a scorer of two."""

    script: object = None  # type: ignore[assignment]
    letters: Letters = field(default_factory=Letters)

    def scorer(self, model: str) -> Scorer:
        assert model in ("helpful-model", "harmless-model")
        return self.letters


def reply(thought: str | None, answer: str | None) -> Reply:
    return Reply(f"<think>{thought}</think>{answer}", thought, answer, 9, "stop")


def paid(reward: Helpful | Harmless, *replies: Reply) -> tuple[list[float | Abstained], Letters]:
    backend = Backend()
    with reward.open(backend) as live:
        return live(HELLO, replies), backend.letters


def test_helpfulness_sees_the_question_and_the_summary_and_nothing_else() -> None:
    values, letters = paid(Helpful("helpful-model"), reply("short", "Hi"), reply("a thought much longer than that", "Hi"), reply("", "Hi!"))
    assert [[message.content for message in each.messages] for each in letters.seen] == [["Hello", "Hi"], ["Hello", "Hi"], ["Hello", "Hi!"]]
    assert values == pytest.approx([1 / (1 + exp(-2)), 1 / (1 + exp(-2)), 1 / (1 + exp(-3))])


def test_harmlessness_sees_everything() -> None:
    values, letters = paid(Harmless("harmless-model"), reply("bad", "Hi"), reply(None, None))
    assert [each.messages[-1].content for each in letters.seen] == ["<think>bad</think>Hi", "<think>None</think>None"]
    assert values == pytest.approx([1 / (1 + exp(-20)), 1 / (1 + exp(-23))])


def test_a_reply_without_a_summary_is_shown_to_nobody_and_earns_nothing() -> None:
    values, letters = paid(Helpful("helpful-model"), reply(None, None), reply("so", "Hello"), reply(None, None))
    assert len(letters.seen) == 1 and values == [0.0, pytest.approx(1 / (1 + exp(-5))), 0.0]


@pytest.mark.parametrize(("score", "value"), [(0.0, 0.5), (1e6, 1.0), (-1e6, 0.0)])
def test_a_score_pays_from_0_to_1(score: float, value: float) -> None:
    assert chance(score) == value


# --- who is paid for what ---------------------------------------------------------------------------------------------


def everything() -> Rewards:
    return all_scenarios("helpful-model", "harmless-model", ("maths",), ("greeting",), ("harm",))


def names(rewards: Rewards, domain: str) -> list[str]:
    return [part.name for part in rewards.parts if part.covers(Problem("p", domain, "?", "en", Open()))]


def test_each_prompt_is_judged_by_what_its_domain_needs() -> None:
    assert names(everything(), "maths") == ["accuracy", "format", "language"]
    assert names(everything(), "greeting") == ["format", "language", "helpful"]
    assert names(everything(), "harm") == ["format", "language", "harmless"]
    assert [(part.name, part.sees) for part in everything().parts] == [
        *(("accuracy", "summary"), ("format", "all"), ("language", "thought")),
        *(("helpful", "summary"), ("harmless", "all")),
    ]


def test_a_total_is_the_sum_of_what_covers_the_prompt() -> None:
    replies = [reply("so wait", "Hello"), reply("so 等等", "Hello")]
    with everything().open(Backend()) as live:
        general = live(HELLO, replies)
        checked = live(Problem("m", "maths", "2 + 4?", "en", Number("6")), [reply("so 等等", "6")])
    assert [score.total for score in general] == pytest.approx([1 + 1 + 1 / (1 + exp(-5)), 1 + 0.5 + 1 / (1 + exp(-5))])
    assert [score.total for score in checked] == [1 + 1 + 0.5]


def test_the_first_stage_sums_rules_and_language_directly() -> None:
    assert [(part.name, part.weight) for part in reasoning_rewards().parts] == [("accuracy", 1.0), ("format", 1.0), ("language", 1.0)]


def test_a_domain_of_two_kinds_is_refused() -> None:
    with pytest.raises(BadInput, match="domain 'harm' is named twice"):
        all_scenarios("h", "s", ("maths",), ("greeting", "harm"), ("harm",))
