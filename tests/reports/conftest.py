"""A run of ten rollouts as the tiny world leaves it, made by a writer whose patience grows instead of a model."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from aha.backends.engine_chat import ScriptedBackend
from aha.protocols import Continue, Observer, Sampling
from aha.rundir import Manifest, Retention, RunDir, Setting
from aha.stages.evaluate import Evaluate
from aha.tasks.corpus import check, systematic
from aha.tasks.countdown import CountdownProblems
from aha.tasks.voice import Voice, finish, random_try, write_try
from aha.template import Short
from aha.text import mixes_languages, reflects
from aha.types import Abstained, Completion, Countdown, Group, Part, Problem, Right, Score
from tests.graders import grade

ROLLOUTS, QUESTIONS, SAMPLES, STEPS = 10, 12, 6, 4


def reply_text(numbers: tuple[int, ...], target: int, skill: float, draw: random.Random) -> str:
    """One attempt by a writer of that skill, from 0 (the base) to 1."""
    voice = Voice(
        language=draw.choice(("en", "zh")),
        mixed=draw.random() < 0.2 + 0.3 * skill,
        tagged=draw.random() < 0.5 + 0.48 * skill,
        careless=0.1 if draw.random() < 0.3 else 0.0,
        notices=0.3 + 0.6 * skill,
        checks=draw.random() < 0.1 + 0.4 * skill,
    )
    thought: list[str] = []
    answer = random_try(numbers, draw).answer
    for attempt in systematic(numbers, draw.choice(("+-*", "*+-"))):
        words, hit = write_try(attempt, target, voice, draw)
        thought += words
        if hit and voice.checks:
            words, hit = check(attempt, target, voice, draw)
            thought += words
        if hit:
            answer = attempt.answer
            break
        if draw.random() > 0.75 + 0.235 * skill:
            break
    return finish(voice, thought, answer, draw)


def group(problem: Problem, skill: float, version: int, draw: random.Random) -> Group:
    assert isinstance(problem.reference, Countdown)
    completions, replies, scores = [], [], []
    for _ in range(SAMPLES):
        text = reply_text(problem.reference.numbers, problem.reference.target, skill, draw)
        length = len(text.split()) + 4
        completions.append(Completion(tuple(range(length)), (-0.5,) * length, "stop", version))
        replies.append(Short().read(text, length, "stop"))
        accuracy = float(isinstance(grade(problem.reference, replies[-1].answer), Right))
        form = float(replies[-1].well_formed)
        scores.append(Score(accuracy + form, (Part("accuracy", accuracy, 1.0, "all"), Part("format", form, 1.0, "all"))))
    return Group(problem, tuple(range(12)), tuple(completions), tuple(replies), tuple(scores))


def points(value: float | Abstained) -> float:
    assert not isinstance(value, Abstained)
    return value


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def metrics_of(groups: list[Group], rollout: int, skill: float) -> dict[str, float]:
    scored = [(reply, score) for one in groups for reply, score in zip(one.replies, one.scores, strict=True)]
    accuracy = [points(score.parts[0].value) for _, score in scored]
    right = [float(reply.tokens) for reply, score in scored if score.parts[0].value == 1.0]
    wrong = [float(reply.tokens) for reply, score in scored if score.parts[0].value == 0.0]
    sums = [{score.parts[0].value for score in one.scores} for one in groups]
    return {
        "step": STEPS * (rollout + 1),
        "reward": mean([points(score.total) for _, score in scored]),
        "reward/accuracy": mean(accuracy),
        "reward/format": mean([points(score.parts[1].value) for _, score in scored]),
        "accuracy": mean(accuracy),
        "format": mean([float(reply.well_formed) for reply, _ in scored]),
        "dead_groups": mean([float(len(s) == 1) for s in sums]),
        "dead_right": mean([float(s == {1.0}) for s in sums]),
        "dead_wrong": mean([float(s == {0.0}) for s in sums]),
        "truncated": 0.05 * math.exp(-rollout / 4),
        "length": mean([float(reply.tokens) for reply, _ in scored]),
        "length_right": mean(right),
        "length_wrong": mean(wrong),
        "entropy": 1.1 - 0.5 * skill,
        "kl_ref": 0.04 * rollout**1.2 / 10,
        "kl_old": 0.002 + 0.001 * skill,
        "mismatch_kl": 1e-7,
        "clip_low": 0.01 + 0.01 * skill,
        "clip_high": 0.02 + 0.01 * skill,
        "grad_norm": 0.8 - 0.3 * skill,
        "reflection": mean([float(reflects(reply.text)) for reply, _ in scored]),
        "mixing": mean([float(mixes_languages(reply.thought or reply.text)) for reply, _ in scored]),
    }


MANIFEST = Manifest(
    recipe="zero",
    settings={
        "zero.steps": Setting(40, "ours: six minutes on two cores"),
        "zero.loss.clip_low": Setting(0.2, "paper §2.2.1, Eq. 1"),
        "zero.loss.kl": Setting(0.001, "nature, Methods"),
        "zero.advantages": Setting("mean-and-deviation", "paper Eq. 3"),
        "zero.sampling.temperature": Setting(1.0, "user"),
    },
    seeds={"run": 7},
    versions={"python": "3.11.2", "torch": "2.13.0", "aha": "0.1.0"},
    git_commit="0123456789abcdef0123456789abcdef01234567",
    argv=("aha", "run", "zero", "--out", "runs/demo"),
    created="2026-01-31T12:00:00+00:00",
)


class Silent(Observer):
    """An observer that lets everything go on."""

    def heartbeat(self, what: str) -> None:
        return

    def rollout(self, number, metrics, timings, groups):
        return Continue()


def save(folder: Path) -> None:
    (folder / "config.json").write_text("{}")


def script(model: str, prompt: str, seed: int) -> str:
    """The writer as skilled as the checkpoint that is asked."""
    name = model.rsplit("/", 1)[-1]
    *numbers, target = (int(word) for word in "".join(c if c.isdigit() else " " for c in prompt).split())
    skill = (int(name) + 1) / ROLLOUTS if name.isdecimal() else 0.0
    return reply_text(tuple(numbers), target, skill, random.Random(seed))


EVALUATE = Evaluate("base", problems=60, k=2, curve_problems=40, sampling=Sampling(max_tokens=2000))


def synthesise(root: Path, rollouts: int = ROLLOUTS, evaluated: bool = True, groups: Callable[..., Group] = group) -> Path:
    """A run directory after that many rollouts; finished when it is also evaluated."""
    rundir = RunDir.open(root, MANIFEST, reserve_bytes=0, clock=lambda: 0.0)
    for rollout in range(rollouts):
        skill = rollout / (ROLLOUTS - 1)
        draw = random.Random(rollout)
        asked = [groups(problem, skill, rollout, draw) for problem in CountdownProblems().at(rollout, 0, QUESTIONS, seed=7)]
        timings = {"seconds": 11.0 + skill * 8, "ask_s": 6.0, "learn_s": 5.0, "tokens": 4000.0, "tokens_per_s": 2600.0 + 300 * skill}
        rundir.commit(
            rollout,
            metrics_of(asked, rollout, skill),
            timings,
            asked,
            save=save if rollout % 3 == 0 else None,
            keep=Retention(last=9),
        )
    if evaluated:
        EVALUATE.run(ScriptedBackend(script), rundir, Silent())
    rundir.close()
    return root


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> Path:
    return synthesise(tmp_path_factory.mktemp("runs") / "demo")


@pytest.fixture
def run_of(tmp_path) -> Callable[..., Path]:
    return partial(synthesise, tmp_path / "run")
