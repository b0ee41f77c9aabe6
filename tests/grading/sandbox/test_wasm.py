from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from aha.grading.sandbox import Job, Limits, open_sandbox
from aha.grading.sandbox.wasm import FUEL_PER_CPU_S, FUEL_PER_S, FuelBudget, WasmSandbox, why_not

REASON = why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"wasm: {REASON}")
LIMITS = Limits(cpu_s=1.0, wall_s=2.5, memory_mb=256, output_bytes=100_000)
ADD = "print(sum(map(int, input().split())))"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[WasmSandbox]:
    opened = WasmSandbox(workers=2)
    yield opened
    opened.close()


def ended(sandbox: WasmSandbox, source: str, stdin: bytes = b"", limits: Limits = LIMITS):
    return sandbox.run(Job(source, stdin, limits=limits))


# --- a program as a person would run it -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        ADD,
        "import sys\na, b = sys.stdin.read().split()\nsys.stdout.write(str(int(a) + int(b)) + '\\n')",
        "print(sum(map(int, open(0).read().split())))",
        "import os\nprint(sum(map(int, os.read(0, 100).split())))",
        "import sys\nfor line in sys.stdin:\n    print(eval(line.replace(' ', '+')))",
        "if __name__ == '__main__':\n    import fractions\n    print(sum(map(fractions.Fraction, input().split())))",
        "import threading\nthreading.stack_size(1 << 26)\nprint(sum(map(int, input().split())))",
        "import atexit, functools\natexit.register(functools.partial(print, sum(map(int, input().split()))))",
    ],
)
def test_a_program_reads_stdin_and_writes_stdout_in_every_usual_way(sandbox: WasmSandbox, source: str):
    outcome = ended(sandbox, source, b"1 2\n")
    assert (outcome.verdict, outcome.stdout, outcome.stderr, outcome.exit_code) == ("OK", b"3\n", b"", 0)


def test_the_library_is_there_also_what_was_not_loaded_before(sandbox: WasmSandbox):
    source = "import re, json, heapq, bisect, itertools, datetime, decimal\nimport tarfile, plistlib, mailbox\nprint(plistlib.__name__)"
    assert ended(sandbox, source).stdout == b"plistlib\n"


@pytest.mark.parametrize(
    ("source", "code"), [("import sys\nsys.exit(4)", 4), ("raise SystemExit('no')", 1), ("1 / 0", 1), ("import os\nos._exit(1)", 1)]
)
def test_an_exit_code_that_is_not_zero_is_a_runtime_error(sandbox: WasmSandbox, source: str, code: int):
    outcome = ended(sandbox, source)
    assert (outcome.verdict, outcome.exit_code) == ("RE", code)


def test_a_traceback_shows_the_line_and_nothing_of_ours(sandbox: WasmSandbox):
    outcome = ended(sandbox, "def f(x):\n    return 1 / x\nf(0)")
    assert outcome.reason == "ZeroDivisionError: division by zero"
    assert outcome.stderr.startswith(b'Traceback (most recent call last):\n  File "main.py", line 3, in <module>\n    f(0)\n')
    assert b"guest" not in outcome.stderr


def test_bytes_that_are_no_text_come_back_as_they_are(sandbox: WasmSandbox):
    data = bytes(range(256))
    assert ended(sandbox, "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())", data).stdout == data


def test_a_source_that_is_no_text_is_the_programs_mistake(sandbox: WasmSandbox):
    assert ended(sandbox, "print('\ud800')").verdict == "RE"


# --- limits -----------------------------------------------------------------------------------------------------------


def test_the_budget_is_the_cpu_limit_or_four_fifths_of_the_wall_limit():
    assert FuelBudget.of(Limits(cpu_s=1.0, wall_s=60.0)).fuel == FUEL_PER_CPU_S
    assert FuelBudget.of(Limits(cpu_s=60.0, wall_s=10.0)).fuel == 8 * FUEL_PER_S


def test_a_loop_without_an_end_is_too_slow(sandbox: WasmSandbox):
    outcome = ended(sandbox, "while True: pass", limits=Limits(cpu_s=0.1, wall_s=2.5))
    assert (outcome.verdict, outcome.reason) == ("TLE", "more than 0.1 s of CPU time")
    assert outcome.cpu_s == pytest.approx(0.1, rel=1e-3)


def test_sleeping_is_counted_and_nobody_waits(sandbox: WasmSandbox):
    started = time.monotonic()
    assert ended(sandbox, "import time\ntime.sleep(2)\nprint(time.monotonic() >= 2)").stdout == b"True\n"
    outcome = ended(sandbox, "import time\nfor _ in range(3): time.sleep(1)")
    assert (outcome.verdict, outcome.reason) == ("TLE", "slept past its time")
    assert time.monotonic() - started < 2


def test_a_program_that_asks_the_time_all_the_time_ends(sandbox: WasmSandbox):
    started = time.monotonic()
    assert ended(sandbox, "import time\nend = time.time() + 100\nwhile time.time() < end: pass", limits=Limits(0.3, 1.0)).verdict == "TLE"
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("source", ["b'x' * (300 << 20)", "x = []\nwhile True: x.append(b'x' * (1 << 20))"])
def test_too_much_memory_is_named_as_such(sandbox: WasmSandbox, source: str):
    outcome = ended(sandbox, source)
    assert (outcome.verdict, outcome.reason) == ("MLE", "more than 256 MiB")


def test_memory_within_the_limit_is_there_and_is_measured(sandbox: WasmSandbox):
    outcome = ended(sandbox, "x = b'x' * (100 << 20)\nprint(len(x))")
    assert outcome.verdict == "OK" and 100 < outcome.memory_mb < 160


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_beyond_the_cap_is_cut(sandbox: WasmSandbox, stream: str):
    outcome = ended(sandbox, f"import sys\nwhile True: print('y' * 999, file=sys.{stream})")
    assert outcome.verdict == "OLE"
    assert len(getattr(outcome, stream)) == LIMITS.output_bytes


def test_output_up_to_the_cap_is_whole(sandbox: WasmSandbox):
    outcome = ended(sandbox, f"import sys\nsys.stdout.write('y' * {LIMITS.output_bytes})")
    assert (outcome.verdict, len(outcome.stdout)) == ("OK", LIMITS.output_bytes)


def test_a_recursion_that_never_ends_harms_nobody(sandbox: WasmSandbox):
    assert ended(sandbox, "def f(n): return f(n + 1)\nf(0)").reason == "RecursionError: maximum recursion depth exceeded"
    assert ended(sandbox, "import json\njson.loads('[' * 10**6)").verdict == "RE"


# --- what is not there ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np",
        "from scipy.special import comb",
        "import threading\nthreading.Thread(target=print).start()",
        "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(2).submit(print)",
        "import asyncio\nasync def main(): pass\nasyncio.run(main())",
        "import sys, functools\nsys.setrecursionlimit(10**6)\nf = functools.lru_cache(lambda n: n and f(n - 1))\nf(20000)",
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_program_that_needs_more_than_there_is_is_not_wrong(sandbox: WasmSandbox, source: str):
    outcome = ended(sandbox, source)
    assert outcome.verdict == "INFRA"
    assert outcome.reason.startswith("it needs what the wasm tier does not have: ")


def test_a_module_that_is_nowhere_is_the_programs_mistake(sandbox: WasmSandbox):
    assert ended(sandbox, "import nonsense").reason == "ModuleNotFoundError: No module named 'nonsense'"


@pytest.mark.parametrize(
    "source",
    [
        "raise ImportError('numpy')",
        "raise ModuleNotFoundError(\"No module named 'numpy'\", name='numpy')",
        "try:\n    import numpy\nexcept ImportError:\n    raise ImportError('numpy', name='numpy')",
        'raise RuntimeError("can\'t start new thread")',
        'raise RuntimeError("can\'t start an event loop")',
        "import sys\nsys.setrecursionlimit(10**6)\nraise RecursionError('Stack overflow (used 1008 kB)')",
        'def pauses(): yield\nnext(made := pauses())\nmade.throw(RuntimeError("can\'t start new thread"))',
    ],
)
def test_a_program_that_only_says_that_something_is_missing_is_wrong(sandbox: WasmSandbox, source: str):
    assert ended(sandbox, source).verdict == "RE"


def test_another_language_is_not_run_and_not_wrong(sandbox: WasmSandbox):
    outcome = sandbox.run(Job("int main() {}", language="cpp"))
    assert (outcome.verdict, outcome.reason) == ("INFRA", "the wasm tier runs Python only, and this is cpp")


# --- the same again ---------------------------------------------------------------------------------------------------

VARYING = """
import os, random, time, uuid
print({"a", "b", "c", "d"}, hash("x"), random.random(), random.Random().random(), os.urandom(4), uuid.uuid4(), time.time(), id(object()))
"""


def test_the_same_program_gives_the_same_output_and_fuel_whatever_runs_beside_it(sandbox: WasmSandbox):
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda _: ended(sandbox, VARYING), range(50)))
    assert len({outcome.stdout for outcome in outcomes}) == 1
    assert len({outcome.cpu_s for outcome in outcomes}) == 1
    assert {outcome.verdict for outcome in outcomes} == {"OK"}


def test_a_cpu_verdict_does_not_waver_at_its_limit(sandbox: WasmSandbox):
    source = "for i in range(20000): pass"
    need_s = ended(sandbox, source).cpu_s
    for share, verdict in ((1 - 1e-5, "TLE"), (1 + 1e-5, "OK")):
        assert {ended(sandbox, source, limits=Limits(cpu_s=need_s * share, wall_s=30.0)).verdict for _ in range(25)} == {verdict}


@pytest.mark.long
def test_a_crash_with_memory_all_but_full_ends_the_same_way(sandbox: WasmSandbox):
    """The stack overflows while a million frames are taken down: what the host measures of memory wavers, the verdict may not."""
    source = "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nf(0)"
    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(lambda _: ended(sandbox, source).verdict, range(12)))) == 1


def test_nothing_of_one_program_reaches_the_next(sandbox: WasmSandbox):
    ended(sandbox, "import builtins, sys\nbuiltins.print = None\nsys.leak = 1\nopen = None")
    assert ended(sandbox, "import sys\nprint(hasattr(sys, 'leak'))").stdout == b"False\n"


def test_there_is_no_environment_and_no_file(sandbox: WasmSandbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AHA_TEST_KEY", "CANARY")
    source = "import os\nprint(dict(os.environ))\nfor path in ('/', '.', '/python', '/etc'):\n    print(os.path.exists(path))"
    assert ended(sandbox, source).stdout.split(b"\n")[:-1] == [b"{}"] + [b"False"] * 4


# --- workers ----------------------------------------------------------------------------------------------------------


def workers() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "wasm/worker.py" in " ".join(each.cmdline())]


def test_a_worker_that_was_killed_is_replaced_and_the_program_run_again():
    before = workers()
    sandbox = WasmSandbox(workers=1)
    assert ended(sandbox, ADD, b"1 2").verdict == "OK"
    (worker,) = [each for each in workers() if each not in before]
    worker.kill()
    worker.wait(timeout=10)
    assert ended(sandbox, ADD, b"1 2").stdout == b"3\n"
    sandbox.close()
    assert workers() == before


def test_a_program_whose_worker_is_killed_again_and_again_is_not_wrong():
    before = set(workers())
    sandbox = WasmSandbox(workers=1)
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.02):
            for each in set(workers()) - before:
                os.kill(each.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        outcome = ended(sandbox, ADD, b"1 2")
    finally:
        over.set()
        thread.join(timeout=10)
        sandbox.close()
    assert outcome.verdict == "INFRA"
    assert outcome.reason.startswith("the wasm tier failed: ")


def test_a_child_that_was_forked_has_workers_of_its_own(sandbox: WasmSandbox):
    assert ended(sandbox, ADD, b"1 2").stdout == b"3\n"
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.write(tell, ended(sandbox, ADD, b"3 4").stdout)
        sandbox.close()
        os._exit(0)
    os.close(tell)
    assert ended(sandbox, ADD, b"1 2").stdout == b"3\n"
    with open(told, "rb") as pipe:
        assert pipe.read() == b"7\n"
    assert os.waitpid(child, 0)[1] == 0


def test_the_door_opens_it_by_name():
    sandbox = open_sandbox("wasm", workers=1)
    assert sandbox.tier == "wasm"
    sandbox.close()


@pytest.mark.long
def test_memory_is_flat_over_ten_thousand_programs():
    before = set(workers())
    sandbox = WasmSandbox(workers=2)
    sizes = []
    with ThreadPoolExecutor(2) as pool:
        for _ in range(10):
            assert {outcome.verdict for outcome in pool.map(lambda i: ended(sandbox, ADD, b"1 %d" % i), range(1000))} == {"OK"}
            gc.collect()
            sizes.append(sum(each.memory_info().rss for each in {psutil.Process(), *(set(workers()) - before)}) / 2**20)
    print([round(size) for size in sizes])
    assert sizes[-1] - sizes[0] < 20
    sandbox.close()
