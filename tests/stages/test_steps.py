"""The end of a step: what is saved, and with which words a loop ends there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from aha.errors import FailedBar, Interruption
from aha.protocols import Continue, Observer, Pause, Stop, Verdict
from aha.rundir import RunDir
from aha.stages.steps import StepLog
from aha.types import Group
from tests.runs import MANIFEST


class Says(Observer):
    """These verdicts, one a step."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts, self.heard = list(verdicts), list[object]()

    def begin(self, kind: str, number: int) -> None:
        self.heard.append((kind, number))

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Verdict:
        return self.verdicts[number]

    def end(self, saved: bool) -> None:
        self.heard.append(saved)


def loop(root: Path, observer: Observer, count: int = 10, save_every: int = 4) -> RunDir:
    """Steps to the end, or until one of them is the last."""
    run = RunDir.open(root, MANIFEST)
    try:
        run.resume()
        log = StepLog(run, observer, "step", count, save_every)
        for step in range(count):
            log.begin(step)
            log.end(step, {}, {}, save=lambda folder: None, progress={"step": step + 1})
    finally:
        run.close()
    return run


def test_a_checkpoint_is_due_every_so_often_and_after_the_last_step(tmp_path: Path) -> None:
    observer = Says(*[Continue()] * 10)
    run = loop(tmp_path, observer)
    assert [checkpoint.rollout for checkpoint in run.checkpoints()] == [7, 9]
    assert observer.heard[1::2] == [False, False, False, True, False, False, False, True, False, True]
    assert observer.heard[0] == ("step", 0)


def test_a_pause_saves_the_step_and_names_the_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(Interruption) as error:
        loop(tmp_path, Says(Continue(), Pause(143)))
    assert (str(error.value), error.value.exit_code) == (
        f"stopped after step 2, which is saved: nothing is lost; the same command goes on from {tmp_path}/checkpoints/000001",
        143,
    )


def test_a_stop_saves_the_step_and_gives_its_reason(tmp_path: Path) -> None:
    with pytest.raises(FailedBar) as error:
        loop(tmp_path, Says(Continue(), Continue(), Stop("This cannot learn.")))
    assert str(error.value) == "This cannot learn."
    assert (tmp_path / "checkpoints/000002").is_dir()


def test_a_stop_after_signs_of_a_collapse_names_the_last_sound_checkpoint(tmp_path: Path) -> None:
    sick = ("truncated",)
    verdicts: list[Continue | Stop] = [*[Continue()] * 5, Continue(sick), Stop("All replies are cut.", sick)]
    with pytest.raises(FailedBar) as error:
        loop(tmp_path, Says(*verdicts), save_every=1)
    sound = f"{tmp_path}/checkpoints/000003"
    assert (
        str(error.value) == f"All replies are cut. The last checkpoint before the first sign of it is {sound}: go on from there (--model)."
    )
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["000003", "000005", "000006"]
