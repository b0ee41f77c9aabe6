"""A second command on the directory of a run that is at work."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.endtoend.conftest import Warm, until
from tests.endtoend.test_stops import STANDS
from tests.endtoend.world import write_recipe


@pytest.mark.long
def test_the_second_run_in_a_directory_is_refused_at_once_and_changes_nothing(
    warm: Warm, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    flag, root = tmp_path / "stand", tmp_path / "run"
    flag.touch()
    recipe = write_recipe(tmp_path / "stands.py", warm.model, more=STANDS.replace("{flag!r}", repr(str(flag))))
    words = ("run", recipe, "--out", root, "--no-preflight")
    first = warm.start(*words)
    assert until(lambda: (root / "timings.jsonl").exists() and (root / "timings.jsonl").read_bytes().count(b"\n") == 3)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*") if path.is_file()}
    second = warm.start(*words)
    assert second.code == 2
    assert second.said.splitlines()[-1] == (
        f"aha: {root}: process {first.pid} on {socket.gethostname()} is at work in it; wait for it to end, or choose another directory"
    )
    tell(f"the second run ended {second.seconds:.2f} s after its start, imports apart, having used {second.cpu_s:.2f} s of CPU")
    assert second.doing in ("starting", "reading input", "opening")  # no model was loaded for it
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*") if path.is_file()} == before
    first.send(signal.SIGKILL)
    assert first.code == -signal.SIGKILL
    flag.unlink()
    warm.run(*words)  # what a dead owner held is free
