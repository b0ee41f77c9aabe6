from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from aha.errors import FailedBar
from aha.pipeline import run
from aha.protocols import Backend, Observer
from aha.rundir import Manifest, RunDir
from tests.pipeline.toys import BACKEND, Listening


@dataclass(frozen=True)
class Says:
    words: str

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        observer.heartbeat(self.words)


@dataclass(frozen=True)
class Fails:
    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        raise FailedBar("it cannot")


@dataclass(frozen=True)
class Finishes:
    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        rundir.finish({"pass@1": 0.75})


@dataclass(frozen=True)
class Skips:
    """Steps of whose updates some were not finite."""

    skipped: tuple[float, ...]
    updates: float | None

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        rundir.resume()
        for step, skipped in enumerate(self.skipped[len(rundir.metrics()) :], len(rundir.metrics())):
            metrics = {"loss": 1.0, "skipped": skipped} | ({} if self.updates is None else {"updates": self.updates})
            rundir.commit(step, metrics, {"seconds": 1.0}, (), save=lambda folder: None)


@pytest.fixture
def rundir(tmp_path: Path) -> RunDir:
    return RunDir.open(tmp_path / "run", Manifest("two", {}, {}, {}, None, (), ""), reserve_bytes=0)


def test_stages_run_in_order_and_the_run_is_finished(rundir: RunDir) -> None:
    listening = Listening()
    run([("one", Says("first")), ("two", Says("second"))], BACKEND, rundir, listening)
    assert listening.heard == ["stage one", "first", "stage two", "second"]
    assert rundir.result["stages"] == ["one", "two"]


def test_a_finished_run_is_left_alone(rundir: RunDir) -> None:
    rundir.finish({"done": True})
    listening = Listening()
    run([("one", Says("first"))], BACKEND, rundir, listening)
    assert listening.heard == []


def test_a_stage_that_fails_leaves_the_run_open(rundir: RunDir) -> None:
    with pytest.raises(FailedBar):
        run([("one", Fails()), ("two", Finishes())], BACKEND, rundir, Listening())
    assert not rundir.finished


@pytest.mark.parametrize(
    ("skipped", "updates", "last"),
    [((0, 0), None, 0), ((1, 0), None, 0), ((0, 1), None, 1), ((1, 1), None, 2), ((1,), None, 1), ((0, 2), 4.0, 0), ((0, 4), 4.0, 1)],
)
def test_a_run_whose_last_steps_were_not_finite_does_not_end_well(
    rundir: RunDir, skipped: tuple[float, ...], updates: float | None, last: int
) -> None:
    if not last:
        run([("one", Skips(skipped, updates))], BACKEND, rundir, Listening())
        assert rundir.finished
        return
    for _ in range(2):  # the same command again says the same
        with pytest.raises(
            FailedBar, match=f"the last {last} of {len(skipped)} steps changed nothing, since their loss or gradient was not"
        ):
            run([("one", Skips(skipped, updates))], BACKEND, rundir, Listening())
        assert not rundir.finished and len(rundir.metrics()) == len(skipped)


def test_a_result_that_a_stage_wrote_stands(rundir: RunDir) -> None:
    run([("measure", Finishes())], BACKEND, rundir, Listening())
    assert rundir.result["pass@1"] == 0.75
