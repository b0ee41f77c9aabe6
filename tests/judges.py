"""Judges without a model: one that reads as it was asked to, one that believes whatever stands outside of the marks."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from aha.protocols import Sampling
from aha.rewards.judge import Judge, LiveJudge
from aha.types import ChatReply, Conversation, Judged, Problem, Reply
from tests.graders import GRADERS

Judging = Callable[[str], str]


def verdict(correct: bool) -> str:
    return json.dumps({"analysis": "compared", "correctness": "correct" if correct else "incorrect"})


def blocks(prompt: str) -> dict[str, str]:
    """What stands between the fences, as it was before it was marked and spelled out."""
    [fence] = set(re.findall(r"(?m)^BEGIN question (\w+)$", prompt))
    found = re.findall(rf"(?ms)^BEGIN (\w+) {fence}\n(.*?)\nEND \1 {fence}$", prompt)
    assert [name for name, _ in found] == ["question", "reference", "answer"]
    return {name: html.unescape("\n".join(line.removeprefix("| ") for line in text.split("\n"))) for name, text in found}


def honest(prompt: str) -> str:
    """Correct where the answer is the reference."""
    inside = blocks(prompt)
    return verdict(inside["answer"].strip() == inside["reference"].strip())


def outside(prompt: str) -> str:
    """All but the marked lines, the fence's code left out."""
    fence = re.findall(r"(?m)^BEGIN question (\w+)$", prompt)[0]
    return "\n".join(line for line in prompt.replace(fence, "").split("\n") if not line.startswith("| "))


@dataclass
class Scripted:
    """A chat that says what `judging` says of the last message. `asked`: all that it was asked."""

    judging: Judging
    asked: list[str] = field(default_factory=list)

    def reply(self, conversations: Sequence[Conversation], sampling: Sampling) -> Iterator[tuple[int, list[ChatReply]]]:
        for index, conversation in enumerate(conversations):
            self.asked.append(conversation.messages[-1].content)
            text = self.judging(self.asked[-1])
            yield index, [ChatReply(text, "a thought", len(text), "stop")]

    def close(self) -> None:
        pass


def live(chat: Scripted, **settings: object) -> LiveJudge:
    return LiveJudge(Judge("scripted", **settings), GRADERS, chat)  # type: ignore[arg-type]


def judged(value: str, question: str = "Who wrote it?") -> Problem:
    return Problem("p1", "general", question, "en", Judged(value))


def reply(answer: str | None, thought: str | None = "hm") -> Reply:
    return Reply(f"<think>{thought}</think>{answer}", thought, answer, 9, "stop")
