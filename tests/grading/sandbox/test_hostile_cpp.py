"""Hostile programs in C++, and some that attack the compiler, in every tier that runs C++, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest

from aha.grading.sandbox import bwrap
from aha.grading.sandbox.bwrap import BwrapSandbox
from aha.grading.sandbox.job import Job, Limits, Outcome
from aha.grading.sandbox.remote import RemoteSandbox
from aha.grading.sandbox.unsafe import UnsafeSandbox
from aha.serving.sandbox import SandboxServer
from tests.grading.sandbox import cpp, hostile
from tests.grading.sandbox.cpp import COMPILING, HARMLESS, MORE, RUNNING, Came
from tests.grading.sandbox.here import is_root, needs_bwrap, needs_compiler
from tests.grading.sandbox.hostile import CANARY, Attack, Trap
from tests.house import ROOT

pytestmark = [needs_bwrap, needs_compiler]
MIB = 1 << 20


@pytest.fixture(scope="module")
def sandbox() -> Iterator[BwrapSandbox]:
    with cpp.brief_compilers(), hostile.opened(BwrapSandbox) as opened:
        yield opened


@pytest.fixture(scope="module")
def run_once(sandbox: BwrapSandbox, made: Trap) -> tuple[dict[str, Came], list[Outcome]]:
    """Every attack, beside programs that add."""
    before = set(sandbox._live)
    came, neighbours = cpp.beside_neighbours(sandbox, RUNNING + COMPILING, made)
    assert before <= sandbox._live, "a slot was lost"
    return {each.attack.name: each for each in came}, neighbours


@pytest.mark.parametrize("attack", RUNNING + COMPILING, ids=lambda attack: attack.name)
def test_an_attack_is_contained_and_its_verdict_its_own(attack: Attack, run_once: tuple[dict[str, Came], list[Outcome]]) -> None:
    came, _ = run_once
    assert came[attack.name].breach == ""


def test_no_neighbour_is_harmed(run_once: tuple[dict[str, Came], list[Outcome]]) -> None:
    _, neighbours = run_once
    assert [(each.verdict, each.stdout) for each in neighbours] == [("OK", b"3\n")] * 2 * len(RUNNING + COMPILING)


@pytest.mark.long
def test_more_attacks_are_contained_beside_neighbours_that_are_right(sandbox: BwrapSandbox, made: Trap) -> None:
    before = set(sandbox._live)
    came, neighbours = cpp.beside_neighbours(sandbox, MORE, made)
    assert [each.breach for each in came if each.breach] == []
    assert {(each.verdict, each.stdout) for each in neighbours} == {("OK", b"3\n")}
    assert before <= sandbox._live, "a slot was lost"


def test_the_attacks_reach_what_is_there_to_be_reached(sandbox: BwrapSandbox, made: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same programs and a server that leaks: they are no blanks."""
    from tests.grading.sandbox.test_reports import leaking

    leaking(monkeypatch, birth=True, closing=True)
    opened = BwrapSandbox(workers=1)
    came = [cpp.attacked(opened, each, made) for each in HARMLESS]
    opened.close()
    assert [bool(each.breach) for each in came] == [True] * 3


def as_nobody(which: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "tests.grading.sandbox.ordinary", which]
    environment = {**os.environ, "AHA_TEST_API_KEY": CANARY}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    return [json.loads(line) for line in said.stdout.splitlines()]


@is_root
@pytest.mark.long
@pytest.mark.parametrize(("which", "attacks"), [("running", RUNNING), ("compiling", COMPILING)])
def test_every_attack_is_contained_when_the_judge_is_an_ordinary_user(which: str, attacks: list[Attack]) -> None:
    came = as_nobody(which)
    if "skip" in came[0]:
        pytest.skip(str(came[0]["skip"]))
    assert [each["attack"] for each in came] == [str(each) for each in attacks]
    assert [each for each in came if each["uid"] == 0 or each["breach"] or each["neighbours"] != [["OK", "3\n"]] * 2] == []


# --- the other tiers that run C++ -------------------------------------------------------------------------------------


def test_no_verdict_is_forged_where_nothing_is_isolated(made: Trap) -> None:
    with hostile.opened(UnsafeSandbox) as opened:
        came = [cpp.attacked(opened, each, made) for each in HARMLESS]
    assert [each.breach for each in came] == [""] * len(HARMLESS)


def test_no_verdict_is_forged_behind_http(sandbox: BwrapSandbox, made: Trap) -> None:
    with SandboxServer(sandbox, "127.0.0.1", 0, workers=2) as server:
        came, neighbours = cpp.beside_neighbours(RemoteSandbox(f"http://127.0.0.1:{server.port}"), HARMLESS, made)
    assert [each.breach for each in came] == [""] * len(HARMLESS)
    assert {(each.verdict, each.stdout) for each in neighbours} == {("OK", b"3\n")}


# --- a compiler's limits ----------------------------------------------------------------------------------------------

HOARDERS = "for n in 1 2 3 4; do head -c 150000000 /dev/zero | tail -c 140000000 > /dev/null & done; wait; exit 1"
BURNERS = "for n in 1 2 3 4; do (while :; do :; done) & done; wait; exit 1"
WORKERS = "for n in 1 2 3 4 5 6 7 8; do (i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done); done; exit 1"


class Peak:
    """The most memory that the processes in a sandbox hold together while it is open, sampled apart from the product."""

    def __enter__(self) -> Peak:
        self.memory_bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(0.01):
            self.memory_bytes = max(self.memory_bytes, sum(map(_resident, hostile.ours())))


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def compiled_by(command: str, limits: Limits, monkeypatch: pytest.MonkeyPatch, sandbox: type = BwrapSandbox) -> tuple[Outcome, int]:
    """How this command in the place of the compiler ends under these limits, and the most memory it held."""
    for module in (bwrap, sys.modules[UnsafeSandbox.__module__]):
        monkeypatch.setattr(module, "BUILD", command)
        monkeypatch.setattr(module, "COMPILE_LIMITS", limits)
    with hostile.opened(sandbox) as opened, Peak() as peak:
        return opened.run(Job(f"// {command}", language="cpp")), peak.memory_bytes


@pytest.mark.parametrize("tier", [BwrapSandbox, UnsafeSandbox])
def test_the_memory_of_a_compilers_processes_is_limited_together(tier: type, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, peak = compiled_by(HOARDERS, Limits(cpu_s=20, wall_s=20, memory_mb=256), monkeypatch, tier)
    assert (outcome.verdict, "MiB of memory" in outcome.reason) == ("CE", True), outcome.reason
    assert peak < (256 + 256) * MIB


@pytest.mark.parametrize("command", [BURNERS, WORKERS], ids=["side by side", "one after the other"])
@pytest.mark.parametrize("tier", [BwrapSandbox, UnsafeSandbox])
def test_the_time_of_a_compilers_processes_is_limited_together(command: str, tier: type, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, _ = compiled_by(command, Limits(cpu_s=0.6, wall_s=20, memory_mb=256), monkeypatch, tier)
    assert (outcome.verdict, "processor time" in outcome.reason) == ("CE", True), outcome.reason
    assert outcome.cpu_s < 1.0


@pytest.mark.long
@pytest.mark.parametrize("attack", COMPILING, ids=lambda attack: attack.name)
def test_a_compiler_under_attack_stays_within_its_true_limits(attack: Attack, made: Trap) -> None:
    with hostile.opened(BwrapSandbox) as opened, Peak() as peak:
        came = cpp.attacked(opened, attack, made)
    print(f"{attack.name}: {came.verdict} after {came.outcome.cpu_s:.1f} s of processor time, {peak.memory_bytes / MIB:.0f} MiB at most")
    assert came.breach == "" and came.outcome.cpu_s < 21 and peak.memory_bytes < (1024 + 256) * MIB
