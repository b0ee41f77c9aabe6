"""kill -9 at any moment of what makes preference data and learns from it: the same bytes in the end."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aha.backends.engine_chat import ScriptedBackend
from aha.backends.local_backend import LocalBackend
from aha.protocols import Adam, Compute
from aha.rundir import RunDir, describe
from aha.stages.annotate import Annotate, Pairs
from aha.stages.prefer import Prefer
from aha.tasks.examples import write_preference
from aha.tasks.general import GeneralProblems
from aha.template import Delimited
from aha.types import Open, Pair, Problem
from tests.stages.small import Watching, fresh

ROOT = Path(__file__).resolve().parents[2]
KILLS = 2


def annotated(root: Path) -> None:
    def script(model: str, prompt: object, seed: int) -> str:
        time.sleep(0.002)
        return Delimited().write("so", f"{'Hello! How can I help you?' if seed % 2 else 'no no no no no no'} {seed % 50}")

    stage = Annotate(
        "m", GeneralProblems(("greeting", "self"), chinese=0.0), Pairs(margin=0.5), questions=60, samples=4, chunk=2, shard_rows=7
    )
    _run(lambda rundir: stage.run(ScriptedBackend(script), rundir, Watching()), root)


def learned(root: Path) -> None:
    """From rows and a model beside the run, which the first to come writes."""
    stage = Prefer(str(root.parent / "model"), str(root.parent / "pairs.jsonl"), optim=Adam(lr=1e-2), batch=4, held_out=0.0, save_every=3)
    _run(lambda rundir: stage.run(LocalBackend(Compute(device="cpu", threads=1)), rundir, Watching()), root)


def _run(work: Callable[[RunDir], None], root: Path) -> None:
    rundir = RunDir.open(root, describe("test", {}, seeds={}, argv=()))
    try:
        work(rundir)
    finally:
        rundir.close()


def kept(root: Path) -> dict[str, bytes]:
    """All that is to be equal: what knows a clock or an owner is left out."""
    left_out = ("timings.jsonl", "lock", "manifest.json")
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file() and path.name not in left_out}


def killed(work: str, root: Path) -> int:
    """Begun again until it is done, killed `KILLS` times on the way; how often it died."""
    draw, died = random.Random(work), 0
    code = f"from pathlib import Path; from tests.stages.test_preference_kills import {work}; {work}(Path({str(root)!r}))"
    for _ in range(40):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if died < KILLS:
            _wait_for_more(root, process, draw.uniform(0.0, 0.3))
            process.send_signal(signal.SIGKILL)
        died += process.wait(timeout=300) == -signal.SIGKILL
        if process.returncode == 0:
            return died
    raise AssertionError("never done")


def _wait_for_more(root: Path, process: subprocess.Popen[bytes], then_s: float) -> None:
    """Until the run has written more than it had, and a moment."""
    before, end = _lines(root), time.monotonic() + 120
    while _lines(root) == before and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(then_s)


def _lines(root: Path) -> int:
    path = root / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.long
@pytest.mark.parametrize("work", ["annotated", "learned"])
def test_a_run_that_is_killed_again_and_again_comes_to_the_same_bytes(work: str, tmp_path: Path) -> None:
    fresh_model = tmp_path / "model"
    fresh_model.mkdir()
    fresh(fresh_model)
    problems = [Problem(f"p{number}", "general", f"Use {number}", "en", Open()) for number in range(100)]
    rows = [Pair(problem, f"please yes {place % 7}", f"door no {place % 5}") for place, problem in enumerate(problems)]
    (tmp_path / "pairs.jsonl").write_text("".join(f"{write_preference(row)}\n" for row in rows), encoding="utf-8")
    globals()[work](tmp_path / "whole")
    assert killed(work, tmp_path / "cut") >= 2
    assert kept(tmp_path / "cut") == kept(tmp_path / "whole")
