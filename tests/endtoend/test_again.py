"""The same command once more, a changed one, a manifest, and the same work in another order under another clock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.endtoend.conftest import Warm, differing, result_of

OUT_OF_ORDER = '''
"""The recipe on an engine that hands its groups over in a drawn order, in a run whose clock jumps by hours and days."""
import random, sys
from pathlib import Path
from aha.backends.local_backend import LocalBackend
from aha.doctor import RunMonitor
from aha.commands.choose import choose
from aha.commands.run import manifest
from aha.rundir import RunDir

class Shuffled:
    def __init__(self, inner, seed):
        self.inner, self.draw, self.load = inner, random.Random(seed), inner.load

    def generate(self, asks, sampling):
        done = list(self.inner.generate(asks, sampling))
        self.draw.shuffle(done)
        yield from done

class Machine(LocalBackend):
    def engine(self, model):
        return Shuffled(super().engine(model), int(sys.argv[3]))

def clock(draw=random.Random(int(sys.argv[3]))):
    return 1.8e9 + draw.choice([-86400, -3600, 0, 3600, 86400])

chosen = choose(sys.argv[1])
run = RunDir.open(Path(sys.argv[2]), manifest(chosen, ()), clock=clock)
stage = dict(chosen.recipe.stages)["rl"]
stage.run(Machine(chosen.recipe.compute), run, RunMonitor(lambda signal: None))
run.finish({"stages": ["rl"]})
run.close()
'''


@pytest.mark.long
def test_groups_that_arrive_in_any_order_under_any_clock_are_the_same_run(
    warm: Warm, even: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    script = tmp_path / "out_of_order.py"
    script.write_text(OUT_OF_ORDER)
    for seed in (1,):
        warm.run(script, even, tmp_path / f"shuffled-{seed}", seed)
        assert differing(result_of(tmp_path / f"shuffled-{seed}"), expected) == []


@pytest.mark.long
def test_a_finished_run_says_so_and_a_changed_one_says_what_differs(warm: Warm, even: Path, tmp_path: Path) -> None:
    words = ("run", even, "--out", tmp_path / "run", "--no-preflight")
    warm.run(*words)
    before = result_of(tmp_path / "run")
    again = warm.start(*words)
    assert (again.code, again.said) == (
        0,
        f"{tmp_path / 'run'} is finished; nothing is left to do. To run the same recipe again, give another --out.\n",
    )
    changed = warm.start(*words, "--optim.lr", "0.5")
    assert changed.code == 2
    differs = "it was begun with other settings (rl.optim.lr: 0.001 -> 0.5); set them back, or choose another directory"
    assert changed.said == f"aha: {tmp_path / 'run'}: {differs}\n"
    assert differing(result_of(tmp_path / "run"), before) == []


@pytest.mark.long
def test_a_manifest_repeats_its_run_to_the_bit(warm: Warm, even: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    manifest = warm.folder / "whole/manifest.json"
    warm.run("run", manifest, "--recipe", even, "--out", tmp_path / "repeated", "--no-preflight")
    assert differing(result_of(tmp_path / "repeated"), expected) == []
    old, new = (json.loads(path.read_text()) for path in (manifest, tmp_path / "repeated/manifest.json"))
    assert old["settings"] == new["settings"]
