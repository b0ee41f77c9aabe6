"""kill -9 at random moments of a real sampling run: no row is lost, none is there twice, and the bytes are those of a run never stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.endtoend.conftest import Warm
from tests.endtoend.test_kills import campaign
from tests.endtoend.world import write_recipe

SAMPLE = """
from dataclasses import dataclass
from aha.protocols import Compute, Sampling
from aha.recipes import Recipe
from aha.stages.sample import Sample
from aha.tasks.countdown import CountdownProblems
from aha.tasks.filters import Readable
from aha.tasks.mixture import Mix
from aha.types import Reply
from aha.rewards import Accuracy
from contextlib import contextmanager

@dataclass(frozen=True)
class Whole:
    # Every reply of a model that was taught nothing is well formed: what it said first was its thought.
    def prompt(self, question):
        return "User: " + question
    def read(self, text, tokens, finished):
        return Reply(text, text[:20], text[20:] or "x", tokens, "stop")

@dataclass(frozen=True)
class Even(Accuracy):
    # 1 where the letters of a reply add up to an even number.
    @contextmanager
    def open(self, backend):
        yield lambda problem, replies: [float(sum(map(ord, reply.text)) % 2) for reply in replies]

ANY = Readable(language=None, paragraph=None, repeated=None)
STAGE = Sample(
    model={model!r}, problems=CountdownProblems(), questions=64, template=Whole(), sampling=Sampling(max_tokens=40), samples=4, at_once=2,
    cap=2, truth=Even(), readable=ANY, chunk=4, shard_rows=25, mix=Mix(rows=80),
)

def recipe():
    return Recipe("sampled", "a run to be disturbed", (("sample", STAGE),), compute=Compute(device="cpu", threads=1))
"""


@pytest.fixture(scope="module")
def recipe(warm: Warm) -> Path:
    return write_recipe(warm.folder / "sampled.py", warm.model, SAMPLE)


def ids(root: Path) -> list[str]:
    return [json.loads(line)["id"] for path in sorted((root / "rows").glob("*.jsonl")) for line in path.read_text().splitlines()]


def check(folder: Path) -> None:
    expected = ids(folder / "whole")
    assert len(expected) == len(set(expected)) == 80
    for root in sorted(folder.glob("killed-*")):
        assert ids(root) == expected


@pytest.mark.long
def test_five_kills_of_a_sampling_run_change_no_byte(warm: Warm, recipe: Path, tmp_path: Path, tell: Callable[[str], None]) -> None:
    assert campaign(warm, recipe, tmp_path, kills=5, seed=5, tell=tell).total() == 5
    check(tmp_path)


@pytest.mark.long
def test_two_hundred_kills_of_a_sampling_run_land_everywhere(warm: Warm, recipe: Path, tmp_path: Path, tell: Callable[[str], None]) -> None:
    doing = campaign(warm, recipe, tmp_path, kills=200, seed=6, tell=tell)
    assert {"sampling", "recording", "saving"} <= doing.keys()
    check(tmp_path)
