"""The pool: answers out of processes that are killed, stopped, forked away from and left alone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import psutil
import pytest

from aha.errors import BadInput
from aha.grading.pool import Pool
from aha.types import Abstained, Latex, Number, Right, Wrong
from tests.grading.pool.processes import alive, until, workers, zygotes

GOLD, SAME, OTHER = Latex("(x+1)^2"), "x^2 + 2x + 1", "x^2 + 2x + 2"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(workers=2) as opened:
        yield opened
    assert until(lambda: not zygotes(opened), 5.0)


def graded(pool: Pool) -> None:
    assert (pool.grade(GOLD, SAME), type(pool.grade(GOLD, OTHER))) == (Right(), Wrong)


def test_what_needs_algebra_is_right_or_wrong(pool: Pool) -> None:
    graded(pool)
    assert pool.grade(Number("72"), "72") == Right()


def test_a_worker_that_is_killed_costs_nobody_an_answer(pool: Pool) -> None:
    pool.warm()
    lost = pool.counts.lost_workers
    for each in range(5):
        (victim, *_) = workers(pool)
        victim.send_signal((signal.SIGKILL, signal.SIGTERM)[each % 2])
        assert until(lambda gone=victim: not alive(gone))  # type: ignore[misc]
        graded(pool)
    assert pool.counts.lost_workers > lost


def test_a_worker_that_is_stopped_is_noticed_at_the_deadline_and_its_answer_given_by_another(pool: Pool) -> None:
    pool.warm()
    stopped = workers(pool)
    for worker in stopped:
        worker.suspend()
    began = time.monotonic()
    graded(pool)
    assert 1.9 < time.monotonic() - began < 30
    assert sum(map(alive, stopped)) < len(stopped)


def test_the_process_that_forks_is_made_again_when_it_is_killed_or_stopped(pool: Pool) -> None:
    for hurt in (psutil.Process.kill, psutil.Process.suspend):
        pool.warm()
        (zygote,) = zygotes(pool)
        for worker in workers(pool):
            worker.kill()
        hurt(zygote)
        graded(pool)
        (again,) = zygotes(pool)
        assert again.pid != zygote.pid and not alive(zygote)


def history(pool: Pool, steps: int) -> list[str]:
    """What a run of so many steps, four answers each, has written down."""
    with ThreadPoolExecutor(4) as threads:
        golds = [(Latex(f"(x+{n})^2"), f"x^2 + {2 * n}x + {n * n + n % 2}") for n in range(1, 4 * steps + 1)]
        return [f"{n} {type(grade).__name__}" for n, grade in enumerate(threads.map(lambda pair: pool.grade(*pair), golds))]


@pytest.mark.parametrize("steps", [10, pytest.param(100, marks=pytest.mark.long)])
def test_a_run_whose_workers_are_killed_and_stopped_at_every_step_writes_the_same_history(pool: Pool, steps: int) -> None:
    draw, done, hurt = Random(steps), threading.Event(), list[str]()

    def harm() -> None:
        while len(hurt) < steps and not done.wait(draw.random() * 0.3):
            victims = [*workers(pool), *(zygotes(pool) if draw.random() < 0.1 else [])]
            for victim in draw.sample(victims, min(1, len(victims))):
                number = draw.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
                with contextlib.suppress(psutil.NoSuchProcess):
                    victim.send_signal(number)
                    hurt.append(number.name)

    thread = threading.Thread(target=harm)
    thread.start()
    try:
        seen = [history(pool, steps)]
        while len(hurt) < steps:
            seen.append(history(pool, steps))
    finally:
        done.set()
        thread.join(timeout=60)
    assert {tuple(each) for each in seen} == {tuple(f"{n - 1} {'Wrong' if n % 2 else 'Right'}" for n in range(1, 4 * steps + 1))}
    print(f"{len(hurt)} kills and stops over {len(seen) * steps} steps of 4 answers: 0 grades differ; {pool.counts}")


def test_many_threads_share_few_workers(pool: Pool) -> None:
    golds = [(Latex(f"(x+{n})^2"), f"x^2 + {2 * n}x + {n * n + n % 2}") for n in range(1, 41)]
    with ThreadPoolExecutor(8) as threads:
        grades = list(threads.map(lambda pair: pool.grade(*pair), golds))
    assert [type(grade) for grade in grades] == [Wrong if n % 2 else Right for n in range(1, 41)]
    assert len(workers(pool)) <= 2


def test_a_forked_child_has_processes_of_its_own_and_leaves_none(pool: Pool) -> None:
    graded(pool)
    before = {process.pid for process in zygotes(pool)}
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            graded(pool)
            os.write(writing, b"%d" % zygotes(pool)[0].pid)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    os.close(writing)
    theirs = int(os.read(reading, 20))
    os.close(reading)
    assert os.waitstatus_to_exitcode(status) == 0
    assert theirs not in before and until(lambda: not psutil.pid_exists(theirs))
    assert {process.pid for process in zygotes(pool)} == before
    graded(pool)


def test_a_fork_while_other_threads_grade_does_not_stand_still(pool: Pool) -> None:
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            pool.grade(GOLD, SAME)

    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            threads.submit(work)
        try:
            for _ in range(5):
                child = os.fork()
                if child == 0:
                    os._exit(0 if pool.counts.grades == 0 else 1)  # takes the lock
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        finally:
            over.set()


@pytest.mark.parametrize("answer", ["\ud800", "\0", "x" * 1_000_000, "{" * 100_000, "\\boxed{" * 30_000, "９" * 50_000, "\n" * 99_999, ""])
def test_any_text_travels_and_comes_back_as_a_grade(pool: Pool, answer: str) -> None:
    assert isinstance(pool.grade(GOLD, answer), Wrong | Abstained)


def test_descriptors_threads_and_processes_stay_as_few(pool: Pool) -> None:
    graded(pool)
    descriptors, threads = psutil.Process().num_fds() - len(workers(pool)), threading.active_count()
    for n in range(700):  # more than a worker's life
        pool.grade(Latex(f"(x+{n})^2"), SAME)
    assert psutil.Process().num_fds() - len(workers(pool)) == descriptors
    assert threading.active_count() == threads and len(workers(pool)) <= 2


# --- limits and secrets -----------------------------------------------------------------------------------------------


def test_a_worker_has_a_gibibyte_writes_no_file_and_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-4f1d")
    with Pool(workers=1) as pool:
        pool.warm()
        (worker,) = workers(pool)
        limits = Path(f"/proc/{worker.pid}/limits")
        assert until(lambda: "Max address space         1073741824           1073741824" in limits.read_text())  # its first act
        assert until(lambda: "Max file size             0                    0" in limits.read_text())
        assert "canary-4f1d" not in Path(f"/proc/{worker.pid}/environ").read_bytes().decode()


@pytest.mark.parametrize("settings", [{"workers": 0}, {"deadline_s": 0.0}, {"memory_mb": 10}])
def test_a_pool_that_cannot_be_is_refused(settings: dict[str, int]) -> None:
    with pytest.raises(BadInput, match="at least 1 worker, more than 0 s and 256 MiB are needed"):
        Pool(**settings)


# --- its end ----------------------------------------------------------------------------------------------------------


def test_a_closed_pool_abstains_and_leaves_no_process() -> None:
    pool = Pool(workers=2)
    pool.warm()
    mine = [*zygotes(pool), *workers(pool)]
    pool.close()
    assert len(mine) == 2 and until(lambda: not any(map(alive, mine)), 5.0)
    assert pool.grade(GOLD, SAME) == Abstained("could not be graded: the pool is closed")


def test_closing_lets_go_of_who_waits() -> None:
    pool = Pool(workers=1)
    pool.warm()
    for worker in workers(pool):
        worker.suspend()
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(pool.grade, GOLD, SAME) for _ in range(3)]
        time.sleep(0.2)
        began = time.monotonic()
        pool.close()
        assert [type(each.result(timeout=20)) for each in waiting] == [Abstained] * 3
        assert time.monotonic() - began < 10


SCRIPT = """
import sys, threading, time
from aha.grading.pool import Pool
from aha.types import Latex
pool = Pool(workers=2)
opener = threading.Thread(target=pool.warm)  # a thread that ends must not take its processes along
opener.start(); opener.join(60)
time.sleep(0.1)
assert type(pool.grade(Latex("(x+1)^2"), "x^2+2x+1")).__name__ == "Right"
print("ready", flush=True)
if sys.argv[1] == "wait":
    threading.Thread(target=lambda: [pool.grade(Latex(f"(x+{n})^2"), "x^2") for n in range(100_000)], daemon=True).start()
    time.sleep(600)
"""


@pytest.mark.parametrize("way", ["wait", "leave"])
def test_no_process_is_left_when_its_owner_is_killed_or_leaves_without_closing(tmp_path: Path, way: str) -> None:
    script = tmp_path / "owner.py"
    script.write_text(SCRIPT)
    owner = subprocess.Popen([sys.executable, script, way], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert owner.stdout is not None and owner.stdout.readline() == "ready\n"
    seen = psutil.Process(owner.pid).children(recursive=True) if way == "wait" else []
    if way == "wait":
        assert len(seen) >= 2
        owner.kill()
    owner.wait(timeout=60)
    owner.stdout.close()
    assert until(lambda: not any(map(alive, seen)), 5.0)
    assert until(lambda: not [p for p in psutil.process_iter() if alive(p) and str(owner.pid) in words(p)[-1:]], 5.0)


def words(process: psutil.Process) -> list[str]:
    try:
        found: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return found if "aha.grading.pool.zygote" in found else []
