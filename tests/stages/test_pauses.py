"""Every stage with a loop: ctrl-C after each of its steps loses none of them, and the run ends with the bytes of one never stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aha.backends.engine_chat import ScriptedBackend
from aha.backends.local_backend import LocalBackend
from aha.errors import Interruption
from aha.protocols import Adam, Backend, Compute, Continue, Observer, Pause, Stage
from aha.rundir import Record, RunDir, describe
from aha.stages.annotate import Annotate, Pairs
from aha.stages.prefer import Prefer
from aha.stages.pretrain import Pretrain
from aha.stages.sft import Sft
from aha.tasks.examples import write_preference
from aha.tasks.general import GeneralProblems
from aha.template import Delimited
from aha.types import Group, Open, Pair, Problem
from tests.counts import ordinary
from tests.sample_runs import STAGE, Machine, adds
from tests.stages.small import stage as rl
from tests.stages.test_preference_kills import kept

TORCH = LocalBackend(Compute(device="cpu", threads=1))


@dataclass
class Pressed(Observer):
    """Somebody presses ctrl-C in the first step that is done."""

    steps: int = 0

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue | Pause:
        self.steps += 1
        assert self.steps == 1  # no other step is begun
        return Pause(130)


def script(model: str, prompt: object, seed: int) -> str:
    return Delimited().write("so", f"{'Hello! How can I help you?' if seed % 2 else 'no no no no no no'} {seed % 50}")


def reinforced(model: str, folder: Path) -> tuple[Stage, Backend]:
    return replace(rl(model), steps=8, save_every=10, keep_last=1), TORCH


def imitated(model: str, folder: Path) -> tuple[Stage, Backend]:
    rows = [{"prompt": f"what is {a} + {b} ?", "completion": f"{a + b}"} for a in range(1, 5) for b in range(1, 5)]
    (folder / "sums.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return Sft(model, str(folder / "sums.jsonl"), optim=Adam(lr=1e-2), epochs=1.5, batch=6, save_every=3, stopping=None), TORCH


def preferred(model: str, folder: Path) -> tuple[Stage, Backend]:
    problems = [Problem(f"p{number}", "general", f"Use {number}", "en", Open()) for number in range(12)]
    rows = [Pair(problem, f"please yes {place % 7}", f"door no {place % 5}") for place, problem in enumerate(problems)]
    (folder / "pairs.jsonl").write_text("".join(f"{write_preference(row)}\n" for row in rows), encoding="utf-8")
    return Prefer(model, str(folder / "pairs.jsonl"), optim=Adam(lr=1e-2), batch=4, held_out=0.2, save_every=10), TORCH


def pretrained(model: str, folder: Path) -> tuple[Stage, Backend]:
    return Pretrain(model, chunks=3, chunk_documents=20, step_tokens=400, longest=50, optim=Adam(lr=1e-3), save_every=2), TORCH


def annotated(model: str, folder: Path) -> tuple[Stage, Backend]:
    source = GeneralProblems(("greeting", "self"), chinese=0.0)
    return Annotate("m", source, Pairs(margin=0.5), questions=12, samples=4, chunk=4, shard_rows=3), ScriptedBackend(script)


def sampled(model: str, folder: Path) -> tuple[Stage, Backend]:
    return STAGE, Machine(adds)


def went(made: tuple[Stage, Backend], root: Path, observer: Observer) -> None:
    rundir = RunDir.open(root, describe("test", {}, seeds={}, argv=()), reserve_bytes=0)
    try:
        made[0].run(made[1], rundir, observer)
    finally:
        rundir.close()


class Quiet(Observer):
    """Lets everything go on."""


@pytest.mark.parametrize("stage", ordinary([reinforced, imitated, preferred, pretrained, annotated, sampled], reinforced, sampled))
def test_a_stage_that_is_paused_after_every_step_loses_none(
    stage: Callable[[str, Path], tuple[Stage, Backend]], model: str, tmp_path: Path
) -> None:
    made, root, steps = stage(model, tmp_path), tmp_path / "paused", 0
    went(made, tmp_path / "whole", Quiet())
    while True:
        observer = Pressed()
        try:
            went(made, root, observer)
            break
        except Interruption as error:
            steps += 1
            saved = Record(root).checkpoints()[-1]
            assert saved.rollout == Record(root).metrics()[-1]["rollout"] == steps - 1
            assert str(error).endswith(f"which is saved: nothing is lost; the same command goes on from {saved.folder}")
    assert steps == len(Record(tmp_path / "whole").metrics()) >= 3
    assert kept(root) == kept(tmp_path / "whole")
