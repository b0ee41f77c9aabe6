"""A real run that no longer moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.endtoend.conftest import Warm, differing, result_of
from tests.endtoend.test_stops import STANDS
from tests.endtoend.world import write_recipe


@pytest.mark.long
def test_a_run_that_stands_ends_itself_with_every_stack_in_a_file_and_goes_on(
    warm: Warm, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    flag, root = tmp_path / "stand", tmp_path / "run"
    recipe = write_recipe(tmp_path / "stands.py", warm.model, more=STANDS.replace("{flag!r}", repr(str(flag))))
    words = ("run", recipe, "--no-preflight", "--out")
    whole = warm.run(*words, tmp_path / "whole")
    limit_s = max(4, round(whole.seconds))  # on a machine so busy that a whole run takes minutes, silence takes minutes to tell
    flag.touch()
    command = warm.start(*words, root, "--stall-s", limit_s)
    assert command.code == 70, command.said
    last = command.said.splitlines()[-1]
    assert last.startswith(f"aha: no progress for {limit_s} s while: rollout 2 done; every thread's stack is in "), last
    stacks = next(root.glob("stall-*.txt"))
    assert "stands.py" in stacks.read_text() and "in _ask" in stacks.read_text()
    tell(f"stall: exit 70 with a limit of {limit_s} s, {command.seconds:.1f} s after the start")
    flag.unlink()
    stacks.unlink()
    warm.run(*words, root)
    assert differing(result_of(root), result_of(tmp_path / "whole")) == []
