"""kill -9 at random moments of a real run: the same command goes on, and ends with the bits of a run never stopped."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.endtoend.conftest import Command, Warm, differing, result_of, until
from tests.endtoend.world import ANNOTATE, PREFER, PRETRAIN, SFT, write_examples, write_pairs, write_recipe
from tests.house import ROOT

CHAIN = 10  # kills of one run at most


def over(command: Command) -> bool:
    return command.over


def killed_again_and_again(warm: Warm, words: tuple[object, ...], kills: int, draw: random.Random, latest_s: float) -> list[str]:
    """What the run was doing at each kill; it is done afterwards."""
    doing = []
    for _ in range(kills):
        command = warm.start(*words)
        until(partial(over, command), draw.uniform(0.0, latest_s))
        command.send(signal.SIGKILL)
        if command.code != -signal.SIGKILL:
            assert command.code == 0, command.said
            break
        doing.append(command.doing)
    warm.run(*words)
    return doing


def campaign(
    warm: Warm, recipe: Path, folder: Path, kills: int, seed: int, tell: Callable[[str], None], chain: int = CHAIN
) -> Counter[str]:
    """`kills` kills, spread over as many runs as it takes, each compared with one never stopped. About `chain` of them fit into a run; a
    command that takes long to begin its work wants few, or none would fall into the work."""
    words = ("run", recipe, "--no-preflight", "--out")
    whole = warm.run(*words, folder / "whole")
    expected = result_of(folder / "whole")
    latest_s = 2 * whole.seconds / chain
    draw, doing, runs = random.Random(seed), Counter[str](), 0
    while doing.total() < kills:
        out = folder / f"killed-{runs}"
        doing.update(killed_again_and_again(warm, (*words, out), min(CHAIN, kills - doing.total()), draw, latest_s))
        assert differing(result_of(out), expected) == []
        runs += 1
    tell(f"{doing.total()} kills in {runs} runs of {whole.seconds:.1f} s, 0 of {len(expected)} files differ; {dict(doing.most_common())}")
    return doing


@pytest.mark.slow
def test_five_kills_of_an_rl_run_change_no_bit(warm: Warm, even: Path, tmp_path: Path, tell: Callable[[str], None]) -> None:
    assert campaign(warm, even, tmp_path, kills=5, seed=1, tell=tell).total() == 5


@pytest.mark.long
def test_three_kills_of_pretraining_change_no_bit(warm: Warm, tmp_path: Path, tell: Callable[[str], None]) -> None:
    assert campaign(warm, write_recipe(tmp_path / "reading.py", warm.model, PRETRAIN), tmp_path, kills=3, seed=2, tell=tell).total() == 3


LOOKED_AT = """
import gc, threading, time
from tests.endtoend.warm import frame_of

main, over = threading.main_thread().ident, threading.Event()

def watch():
    for _ in range(1_000):
        frame_of(main)
        time.sleep(0.0002)
    over.set()

def make_rubbish(depth):
    if depth:
        return make_rubbish(depth - 1)
    local = threading.local()
    local.itself = [local]

gc.set_threshold(5)
threading.Thread(target=watch, daemon=True).start()
while not over.is_set():
    make_rubbish(5)
"""


@pytest.mark.long
def test_looking_where_a_command_stands_does_not_stop_it() -> None:
    """A resumed command stood for ten minutes while it drew its report: the thread that looks at it had stopped it."""
    subprocess.run([sys.executable, "-c", LOOKED_AT], cwd=ROOT, check=True, timeout=120)


def imitating(warm: Warm, folder: Path) -> Path:
    data = write_examples(folder / "sums.jsonl")
    return write_recipe(folder / "imitating.py", warm.model, SFT.replace("{data!r}", repr(str(data))))


def preferring(warm: Warm, folder: Path) -> Path:
    data = write_pairs(folder / "pairs.jsonl")
    return write_recipe(folder / "preferring.py", warm.model, PREFER.replace("{data!r}", repr(str(data))))


@pytest.mark.long
def test_three_kills_of_fine_tuning_change_no_bit(warm: Warm, tmp_path: Path, tell: Callable[[str], None]) -> None:
    assert campaign(warm, imitating(warm, tmp_path), tmp_path, kills=3, seed=5, tell=tell, chain=2).total() == 3


@pytest.mark.long
def test_two_hundred_kills_of_an_rl_run_land_everywhere_and_change_no_bit(
    warm: Warm, even: Path, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    doing = campaign(warm, even, tmp_path, kills=200, seed=3, tell=tell)
    assert {"sampling", "learning", "recording"} <= doing.keys()  # a checkpoint is written in a hundredth of the time: see tests/rundir


@pytest.mark.long
def test_fifty_kills_of_pretraining_land_everywhere_and_change_no_bit(warm: Warm, tmp_path: Path, tell: Callable[[str], None]) -> None:
    doing = campaign(warm, write_recipe(tmp_path / "reading.py", warm.model, PRETRAIN), tmp_path, kills=50, seed=4, tell=tell)
    assert {"writing documents", "learning", "saving"} <= doing.keys()


@pytest.mark.long
def test_two_hundred_kills_of_fine_tuning_land_everywhere_and_change_no_bit(
    warm: Warm, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    doing = campaign(warm, imitating(warm, tmp_path), tmp_path, kills=200, seed=6, tell=tell, chain=2)
    assert {"learning", "saving"} <= doing.keys()


@pytest.mark.long
def test_twenty_kills_of_annotating_change_no_bit(warm: Warm, tmp_path: Path, tell: Callable[[str], None]) -> None:
    recipe = write_recipe(tmp_path / "annotating.py", warm.model, ANNOTATE)
    doing = campaign(warm, recipe, tmp_path, kills=20, seed=7, tell=tell)
    assert "sampling" in doing
    assert list((tmp_path / "whole/rows").glob("*.jsonl"))


@pytest.mark.long
def test_twenty_kills_of_learning_a_preference_change_no_bit(warm: Warm, tmp_path: Path, tell: Callable[[str], None]) -> None:
    doing = campaign(warm, preferring(warm, tmp_path), tmp_path, kills=20, seed=8, tell=tell)
    assert "learning" in doing
