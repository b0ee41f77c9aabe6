"""Sampling runs without a model: what is said follows from the prompt and the seed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aha.backends.engine_chat import Bytes, ScriptedBackend, ScriptedEngine
from aha.backends.local_backend import LocalBackend
from aha.durable import Disk
from aha.protocols import ASK_ONCE, Chat, ChatOptions, Continue, Observer, Sampling
from aha.rundir import RunDir
from aha.stages.assessors import RetryPolicy
from aha.stages.sample import Sample
from aha.tasks.filters import Readable
from aha.types import Number, Problem, Reference
from tests.runs import MANIFEST

ROOM = Sampling(max_tokens=2_000)
AT_ONCE = RetryPolicy(pause_s=0.0)
Say = Callable[[str, int], str]


@dataclass(frozen=True)
class Listed:
    """These problems, whatever the place."""

    problems: tuple[Problem, ...]

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        return list(self.problems[:count])


class Watch(Observer):
    """An observer that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def heartbeat(self, what: str) -> None:
        self.said.append(what)

    def rollout(self, number: int, metrics: object, timings: object, groups: object) -> Continue:
        return Continue()


@dataclass(frozen=True)
class Machine:
    """Models that say what they were told, and real servers."""

    say: Say

    def tokenizer(self, model: str) -> Bytes:
        return Bytes()

    def engine(self, model: str) -> ScriptedEngine:
        return ScriptedEngine(self.say)

    def chat(self, model: str, options: ChatOptions = ASK_ONCE) -> Chat:
        if model.startswith("http"):
            return LocalBackend().chat(model, options)
        return ScriptedBackend(lambda _, prompt, seed: self.say(prompt, seed)).chat(model, options)

    def learner(self, *_: object, **__: object) -> Any:
        raise AssertionError("nothing learns here")

    def scorer(self, model: str) -> Any:
        raise AssertionError("nothing is scored here")

    def with_adapter(self, adaptation: object) -> Any:
        raise AssertionError("nothing is adapted here")


def tagged(thought: str, answer: str) -> str:
    return f"<think>{thought}</think><answer>{answer}</answer>"


def sums(count: int, domain: str = "sums") -> tuple[Problem, ...]:
    """`What is 0 + 1?` and so on."""
    return tuple(Problem(f"{domain}-{n}", domain, f"What is {n} + 1 ({domain})?", "en", Number(str(n + 1))) for n in range(count))


def asked_number(prompt: str) -> int:
    return int(re.findall(r"What is (\d+)", prompt)[-1])


def adds(prompt: str, seed: int) -> str:
    """Right, in words that differ by the seed."""
    n = asked_number(prompt)
    return tagged(f"I count {seed % 97} sheep, then I add one to {n}", str(n + 1))


def problem(question: str, reference: Reference, language: str = "en", domain: str = "sums") -> Problem:
    return Problem(question, domain, question, language, reference)  # type: ignore[arg-type]


EASY = Readable(language=None, paragraph=None, code=True, repeated=None)
STAGE = Sample("model", Listed(sums(8)), questions=8, sampling=ROOM, readable=EASY, rewritten=EASY, near=None, chunk=3, retry=AT_ONCE)


def run(
    root: Path, stage: Sample = STAGE, say: Say = adds, disk: Disk | None = None, backend: Any = None, reserve_bytes: int = 0
) -> dict[str, Any]:
    """From where it stands to its end; its result."""
    rundir = RunDir.open(root, MANIFEST, disk=disk, clock=lambda: 0.0, reserve_bytes=reserve_bytes)
    try:
        stage.run(backend or Machine(say), rundir, Watch())
        return rundir.result
    finally:
        rundir.close()


def rows(root: Path, name: str = "rows") -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted((root / name).glob("*.jsonl")) for line in path.read_text().splitlines()]


def changed(**changes: Any) -> Sample:
    return replace(STAGE, **changes)
