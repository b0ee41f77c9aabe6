"""Ctrl-C on a terminal, and SIGTERM, at random moments of a real run."""

from __future__ import annotations

import os
import pty
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aha.durable import check_folder
from aha.rundir import Record
from tests.endtoend.conftest import Command, Warm, differing, result_of, until
from tests.endtoend.test_sampling_kills import SAMPLE
from tests.endtoend.world import ANNOTATE, PREFER, PRETRAIN, SFT, write_examples, write_pairs, write_recipe

PROMPT_S = 10.0
CTRL_C = b"\x03"
# Before Python has begun and when it is leaving, the signal itself ends it, which a shell calls 130 and 143 as well.
CODES = {signal.SIGINT: {130, -signal.SIGINT}, signal.SIGTERM: {143, -signal.SIGTERM}}

STANDS = """
import time
from pathlib import Path

@dataclass(frozen=True)
class Standing:
    "Questions that never come, as long as the file is there."
    inner: CountdownProblems = CountdownProblems()
    def at(self, rollout, round, count, seed):
        until = time.monotonic() + 600
        while rollout == 3 and Path({flag!r}).exists() and time.monotonic() < until:
            time.sleep(60)
        return self.inner.at(rollout, round, count, seed)

RL = replace(RL, problems=Standing())
"""


class Terminal:
    """A pseudo-terminal with somebody in front of it, who reads what it shows."""

    def __init__(self) -> None:
        self.master, self._slave = pty.openpty()
        self.name, self.shown = os.ttyname(self._slave), b""
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def press(self, key: bytes) -> None:
        os.write(self.master, key)

    def close(self) -> None:
        self._over.set()
        self._reader.join(timeout=5)
        os.close(self._slave)
        os.close(self.master)

    def _read(self) -> None:
        os.set_blocking(self.master, False)
        while not self._over.wait(0.005):
            try:
                self.shown += os.read(self.master, 65536)
            except BlockingIOError:
                continue


@contextmanager
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    try:
        yield made
    finally:
        made.close()


def nobody_left(session: int) -> bool:
    """Whether no process of that session is alive."""
    stats = [path.read_text().rpartition(") ")[2].split() for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]
    return not any(int(fields[3]) == session and fields[0] != "Z" for fields in stats)


def whole(root: Path) -> bool:
    """Whether every file of the run that was stopped is as it was written."""
    record = Record(root)
    assert [check_folder(each.folder) for each in record.checkpoints()] == [""] * len(record.checkpoints())
    return not (root / "manifest.json").exists() or record.problems() in ([], [f"{root / 'result.json'}: gone"])


def nothing_lost(root: Path) -> bool:
    """Whether a checkpoint holds all that was done."""
    record = Record(root)
    return [line["rollout"] for line in record.metrics()[-1:]] == [each.rollout for each in record.checkpoints()[-1:]]


def stopped(warm: Warm, words: tuple[object, ...], number: signal.Signals, after_s: float) -> tuple[str, float]:
    """What it was doing and how long it took to end, waits for a processor left out; empty where it was done before."""
    with terminal() as screen:
        command = warm.start(*words, tty=screen.name if number == signal.SIGINT else None)
        until(lambda: command.over, after_s)
        if command.over:
            assert command.code == 0
            return "", 0.0
        doing = command.doing
        if number == signal.SIGINT:
            screen.press(CTRL_C)
        else:
            command.send(number)
        took, code = command.end_s(), command.code
        if code == 0:
            return "", 0.0
        assert code in CODES[number], (code, doing, screen.shown[-2000:])
    assert until(lambda: nobody_left(command.pid), 2.0)
    return doing, took


def campaign(warm: Warm, recipe: Path, expected: dict[str, bytes], folder: Path, stops: int, seed: int) -> tuple[Counter[str], list[float]]:
    draw, all_doing, all_took, runs = random.Random(seed), Counter[str](), [], 0
    run_s = warm.run("run", recipe, "--out", folder / "timed", "--no-preflight").seconds
    while all_doing.total() < stops:
        words = ("run", recipe, "--out", folder / f"stopped-{runs}", "--no-preflight")
        for _ in range(min(10, stops - all_doing.total())):
            doing, took = stopped(warm, words, draw.choice(list(CODES)), draw.uniform(0.0, run_s / 3))
            if not doing:
                break
            assert whole(folder / f"stopped-{runs}") and nothing_lost(folder / f"stopped-{runs}")
            all_doing[doing] += 1
            all_took.append(took)
            assert took <= PROMPT_S, doing
        warm.run(*words)
        assert differing(result_of(folder / f"stopped-{runs}"), expected) == []
        runs += 1
    return all_doing, all_took


def tell_of(doing: Counter[str], took: list[float], expected: dict[str, bytes]) -> str:
    longest, mean = max(took), sum(took) / len(took)
    return f"{len(took)} stops, longest {longest:.2f} s, mean {mean:.2f} s, 0 of {len(expected)} files differ; {dict(doing)}"


def imitating(warm: Warm, folder: Path) -> Path:
    data = write_examples(folder / "sums.jsonl")
    return write_recipe(
        folder / "imitating.py", warm.model, SFT.replace("{data!r}", repr(str(data))).replace("save_every=4", "save_every=100")
    )


def preferring(warm: Warm, folder: Path) -> Path:
    data = write_pairs(folder / "pairs.jsonl")
    text = PREFER.replace("{data!r}", repr(str(data))).replace("save_every=5", "save_every=100")
    return write_recipe(folder / "preferring.py", warm.model, text)


def stops_of_a_stage(warm: Warm, recipe: Path, folder: Path, stops: int, tell: Callable[[str], None]) -> None:
    words = ("run", recipe, "--no-preflight", "--out", folder / "whole")
    warm.run(*words)
    expected = result_of(folder / "whole")
    doing, took = campaign(warm, recipe, expected, folder, stops=stops, seed=7)
    tell(tell_of(doing, took, expected))
    assert len(took) == stops


@pytest.mark.long
@pytest.mark.parametrize("stage", ["fine-tuning", "preferring", "pretraining", "annotating", "sampling"])
def test_twenty_stops_of_every_other_stage_lose_no_step(stage: str, warm: Warm, tmp_path: Path, tell: Callable[[str], None]) -> None:
    texts = {"pretraining": PRETRAIN.replace("save_every=3", "save_every=100"), "annotating": ANNOTATE, "sampling": SAMPLE}
    if stage in texts:
        recipe = write_recipe(tmp_path / "stage.py", warm.model, texts[stage])
    else:
        recipe = (imitating if stage == "fine-tuning" else preferring)(warm, tmp_path)
    stops_of_a_stage(warm, recipe, tmp_path, 20, tell)


@pytest.mark.long
def test_two_stops_at_random_moments_are_prompt_and_change_no_bit(
    warm: Warm, even: Path, expected: dict[str, bytes], tmp_path: Path, tell: Callable[[str], None]
) -> None:
    doing, took = campaign(warm, even, expected, tmp_path, stops=2, seed=5)
    tell(tell_of(doing, took, expected))
    assert len(took) == 2 and sum(doing.values()) == 2


@pytest.mark.long
def test_a_hundred_stops_at_random_moments_are_prompt_and_change_no_bit(
    warm: Warm, even: Path, expected: dict[str, bytes], tmp_path: Path, tell: Callable[[str], None]
) -> None:
    doing, took = campaign(warm, even, expected, tmp_path, stops=100, seed=6)
    tell(tell_of(doing, took, expected))
    assert {"sampling", "learning"} <= doing.keys()


@pytest.mark.slow
def test_a_second_ctrl_c_ends_a_run_that_stands_within_a_second_and_it_goes_on(
    warm: Warm, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    flag = tmp_path / "stand"
    flag.touch()
    recipe = write_recipe(tmp_path / "stands.py", warm.model, more=STANDS.replace("{flag!r}", repr(str(flag))))
    words = ("run", recipe, "--out", tmp_path / "run", "--no-preflight")
    with terminal() as screen:
        command = warm.start(*words, tty=screen.name)
        assert until(lambda: (tmp_path / "run/groups/000002.parquet").exists())
        time.sleep(0.5)
        screen.press(CTRL_C)
        assert until(lambda: b"ctrl-C again stops at once" in screen.shown, 5.0)
        assert not command.over
        screen.press(CTRL_C)
        took = command.end_s()
        assert command.code == 130
        assert b"lost: rollouts 3 to 4, " in screen.shown and b"goes on from" in screen.shown
    tell(f"the second ctrl-C ended the run after {took:.3f} s")
    assert took <= 1.0
    assert whole(tmp_path / "run")
    flag.unlink()
    assert isinstance(warm.run(*words), Command)
