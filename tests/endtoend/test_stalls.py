"""A real run that no longer moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.endtoend.conftest import Warm, differing, result_of
from tests.endtoend.test_stops import STANDS
from tests.endtoend.world import write_recipe

STALL_S = 10.0


@pytest.mark.slow
def test_a_run_that_stands_ends_itself_with_every_stack_in_a_file_and_goes_on(
    warm: Warm, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    flag, root = tmp_path / "stand", tmp_path / "run"
    flag.touch()
    recipe = write_recipe(tmp_path / "stands.py", warm.model, more=STANDS.replace("{flag!r}", repr(str(flag))))
    words = ("run", recipe, "--no-preflight", "--out")
    command = warm.start(*words, root, "--stall-s", STALL_S)
    assert command.code == 70, command.said
    last = command.said.splitlines()[-1]
    assert last.startswith("aha: no progress for 10 s while: rollout 2 done; every thread's stack is in ")
    stacks = next(root.glob("stall-*.txt")).read_text()
    assert "stands.py" in stacks and "in _ask" in stacks
    tell(f"stall: exit 70 {command.seconds:.1f} s after the start, stacks of {stacks.count('hread 0x')} threads")
    flag.unlink()
    next(root.glob("stall-*.txt")).unlink()
    warm.run(*words, root)
    warm.run(*words, tmp_path / "whole")
    assert differing(result_of(root), result_of(tmp_path / "whole")) == []
