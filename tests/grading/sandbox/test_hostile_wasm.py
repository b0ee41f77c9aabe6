"""Every program of the hostile folder in the wasm tier, as root and as an ordinary user: contained, and judged as it must be."""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import wasmtime

from aha.grading.sandbox.job import Job, Limits
from aha.grading.sandbox.wasm import WasmSandbox, why_not
from aha.grading.sandbox.wasm.component import component
from tests.grading.sandbox import hostile
from tests.grading.sandbox.hostile import ATTACKS, CANARY, Attack, Trap, needs_hostile
from tests.grading.sandbox.test_hostile_bwrap import MUTANTS, mutant
from tests.house import ROOT

REASON = why_not()
pytestmark = [needs_hostile, pytest.mark.skipif(REASON is not None, reason=f"wasm: {REASON}")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[WasmSandbox]:
    with hostile.opened(WasmSandbox) as opened:
        yield opened


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_an_attack_is_contained(attack: Attack, sandbox: WasmSandbox, made: Trap):
    hostile.assert_contained(sandbox, attack, made, 32)
    assert len(workers()) <= 2, "a process outlived the verdict"
    assert sandbox.run(Job("print(1 + 2)")).stdout == b"3\n", "the next program suffers"


def workers() -> list[psutil.Process]:
    return [each for each in hostile.ours() if each.status() != psutil.STATUS_ZOMBIE and "wasm/worker.py" in " ".join(each.cmdline())]


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else: the other tests ran as an ordinary user here")
def test_every_attack_is_contained_when_the_judge_is_an_ordinary_user(tmp_path: Path):
    python = next((each for each in (os.path.realpath(sys.executable), "/usr/bin/python3") if runs_wasmtime(each)), None)
    if python is None:
        pytest.skip("no interpreter here that an ordinary user may run and that finds wasmtime")
    kept = Path("/tmp") / f"aha-test-{os.getpid()}" / "aha" / "sandbox" / component().name
    kept.parent.mkdir(parents=True)
    try:
        shutil.copy(component(), kept)
        environment = {**os.environ, "AHA_TEST_API_KEY": CANARY, "XDG_CACHE_HOME": str(kept.parents[2]), "PYTHONPATH": libraries()}
        command = [sys.executable, "-m", "tests.grading.sandbox.ordinary_wasm", python]
        said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    finally:
        shutil.rmtree(kept.parents[2])
    assert said.returncode == 0, said.stderr
    came = {row["attack"]: row for row in map(json.loads, said.stdout.splitlines())}
    assert len(came) == len(ATTACKS)
    for attack in ATTACKS:
        row = came[str(attack)]
        assert row["verdict"] in attack.allowed and not row["breach"] and row["untouched"] and row["uid"] != 0, row


def libraries() -> str:
    return str(Path(wasmtime.__file__).parents[1])


def runs_wasmtime(python: str) -> bool:
    command = [python, "-c", "import os; os.setuid(65534); import wasmtime"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": libraries()}
    if not os.access(python, os.X_OK) or not _passable(Path(python)):
        return False
    return subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False).returncode == 0


def _passable(path: Path) -> bool:
    """Whether everybody may go through every folder on the way."""
    return all(each.stat().st_mode & 0o001 for each in (path, *path.parents))


@pytest.mark.long
def test_ten_thousand_mutants_leave_nothing_behind(sandbox: WasmSandbox, made: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    chance, limits = random.Random(7), Limits(cpu_s=0.05, wall_s=1.0, memory_mb=256, output_bytes=100_000)
    judge = psutil.Process()
    sandbox.run(Job("print(1)"))
    gc.collect()
    before, inside = (judge.memory_info().rss, judge.num_fds(), len(workers())), sum(each.memory_info().rss for each in workers())
    outcomes = Counter[str]()
    for _ in range(MUTANTS):
        outcome = sandbox.run(Job(mutant(chance.choice(ATTACKS), chance), f"1 2\n{made.secret}\n".encode(), limits=limits))
        assert outcome.verdict != "INFRA" or outcome.reason.startswith("it needs what the wasm tier does not have"), outcome.reason
        outcomes[outcome.verdict] += 1
    gc.collect()
    grown = (judge.memory_info().rss - before[0]) / 2**20
    grown_inside = (sum(each.memory_info().rss for each in workers()) - inside) / 2**20
    print(f"{MUTANTS} mutants: {dict(outcomes)}; the judge grew by {grown:.1f} MiB, the workers by {grown_inside:.1f} MiB")
    assert made.untouched() and list(tmp_path.iterdir()) == []
    assert grown < 20 and grown_inside < 20
    assert (judge.num_fds(), len(workers())) == before[1:]
