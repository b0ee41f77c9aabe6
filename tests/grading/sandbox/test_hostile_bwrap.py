"""Every program of the hostile folder in the bwrap tier, as root and as an ordinary user: contained, and judged as it must be."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import psutil
import pytest

from aha.grading.sandbox.bwrap import BwrapSandbox, why_not
from aha.grading.sandbox.job import Job, Limits
from tests.grading.sandbox import hostile
from tests.grading.sandbox.hostile import ATTACKS, CANARY, Attack, Trap, needs_hostile
from tests.house import ROOT

REASON = why_not()
pytestmark = [needs_hostile, pytest.mark.skipif(REASON is not None, reason=f"bwrap: {REASON}")]
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else: the other test runs as an ordinary user here")
MUTANTS, BATCH = 10_000, 100


@pytest.fixture(scope="module")
def sandbox() -> Iterator[BwrapSandbox]:
    with hostile.opened(BwrapSandbox) as opened:
        yield opened


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_an_attack_is_contained(attack: Attack, sandbox: BwrapSandbox, made: Trap) -> None:
    hostile.assert_contained(sandbox, attack, made, 64)
    assert len(living(sandbox)) <= 2 * sandbox.workers, "a process outlived the verdict"
    assert sandbox.run(Job("print(1 + 2)")).stdout == b"3\n", "the next program suffers"


def living(sandbox: BwrapSandbox) -> list[psutil.Process]:
    """bubblewrap and a fork server for each slot that has started; a killed program may take a moment to be reaped."""
    deadline = time.monotonic() + 2
    while len(found := hostile.ours()) > 2 * sandbox.workers and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


@cache
def as_nobody() -> list[dict[str, object]]:
    command = [sys.executable, "-m", "tests.grading.sandbox.ordinary"]
    environment = {**os.environ, "AHA_TEST_API_KEY": CANARY}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    return [json.loads(line) for line in said.stdout.splitlines()]


@is_root
def test_every_attack_is_contained_when_the_judge_is_an_ordinary_user() -> None:
    came = as_nobody()
    if "skip" in came[0]:
        pytest.skip(str(came[0]["skip"]))
    allowed = {str(attack): attack.allowed for attack in ATTACKS}
    assert [each["attack"] for each in came] == list(allowed)
    assert [each for each in came if each["uid"] == 0 or each["breach"] or not each["untouched"]] == []
    assert [each for each in came if each["verdict"] not in allowed[str(each["attack"])]] == []


# --- the long count ---------------------------------------------------------------------------------------------------


def mutant(attack: Attack, chance: random.Random) -> str:
    """The program with a few of its lines dropped, doubled or swapped, its numbers changed, or a word of it replaced by a shorter one."""
    lines = attack.source.split("\n")
    for _ in range(chance.randint(1, 3)):
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(5):
            case 0:
                del lines[at]
                lines = lines or [""]
            case 1:
                lines.insert(at, lines[other % len(lines)])
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                lines[at] = "".join(str(chance.choice((0, -1, 2**31, 2**63, 7))) if each.isdigit() else each for each in lines[at])
            case 4:
                cut = chance.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + chance.choice(("\x00", "(", "\n  ", ";", "é", "os", "1")) + lines[at][cut:]
    return "\n".join(lines)


@pytest.mark.long
def test_ten_thousand_mutants_leave_nothing_behind(sandbox: BwrapSandbox, made: Trap, tmp_path: Path) -> None:
    chance, limits = random.Random(1), Limits(cpu_s=1.0, wall_s=0.5, memory_mb=256, output_bytes=1 << 16)
    stdin = f"1 2\n{made.secret}\n".encode()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda attack: sandbox.run(Job(attack.source, stdin, limits=limits)), ATTACKS))
        judge = psutil.Process()
        before = (judge.memory_info().rss, judge.num_fds(), len(living(sandbox)))
        inside = [process.memory_info().rss for process in living(sandbox)]
        verdicts: Counter[str] = Counter()
        for _ in range(MUTANTS // BATCH):
            jobs = [Job(mutant(chance.choice(ATTACKS), chance), stdin, limits=limits) for _ in range(BATCH)]
            verdicts.update(outcome.verdict for outcome in pool.map(sandbox.run, jobs))
    grown = (judge.memory_info().rss - before[0]) / 2**20
    grown_inside = (sum(process.memory_info().rss for process in living(sandbox)) - sum(inside)) / 2**20
    print(f"{MUTANTS} mutants: {dict(verdicts)}; the judge grew by {grown:.1f} MiB, the fork servers by {grown_inside:.1f} MiB")
    assert verdicts["INFRA"] == 0 and made.untouched() and list(tmp_path.iterdir()) == []
    assert grown < 20 and grown_inside < 20
    assert (judge.num_fds(), len(living(sandbox))) == before[1:]
