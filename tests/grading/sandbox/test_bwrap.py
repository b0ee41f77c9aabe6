"""What a program may do in the bwrap tier, what it may not, and how its end is named."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from aha.grading.sandbox.bwrap import BwrapSandbox
from aha.grading.sandbox.job import Job, Limits, Outcome
from tests.grading.sandbox.here import needs_bwrap, needs_compiler

pytestmark = needs_bwrap
needs_numpy = pytest.mark.skipif(importlib.util.find_spec("numpy") is None, reason="numpy is not installed beside us")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[BwrapSandbox]:
    opened = BwrapSandbox(workers=1)  # one slot, so that each program follows the one before it
    yield opened
    opened.close()


def said(outcome: Outcome) -> str:
    assert outcome.verdict == "OK", f"{outcome.verdict}: {outcome.reason}"
    return outcome.stdout.decode()


def lines(outcome: Outcome) -> list[str]:
    return said(outcome).splitlines()


# --- a program runs as it would anywhere ------------------------------------------------------------------------------


def test_a_program_reads_stdin_and_writes_stdout(sandbox: BwrapSandbox) -> None:
    outcome = sandbox.run(Job("print(sum(map(int, input().split())))", b"1 2\n"))
    assert (outcome.verdict, outcome.stdout, outcome.stderr, outcome.exit_code, outcome.reason) == ("OK", b"3\n", b"", 0, "")
    assert 0 < outcome.cpu_s < 0.5 and 0 < outcome.memory_mb < 100 and outcome.wall_s > 0


@pytest.mark.parametrize(
    "source",
    [
        "import sys; print(sys.stdin.read())",
        "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())",
        "print(open(0).read())",
        "print(open('/dev/stdin').read())",
        "import sys; [print(line, end='') for line in sys.stdin]",
        "open('/dev/stdout', 'w').write(input())",
        "import os; os.write(1, os.read(0, 100))",
        "import os, atexit; text = input(); atexit.register(lambda: os.write(1, text.encode()))",
        "import threading; threading.Thread(target=lambda: print(input())).start()",
        "from __future__ import annotations\ndef main(): print(input(), end='')\nif __name__ == '__main__': main()",
    ],
)
def test_every_usual_way_to_read_and_to_write_works(source: str, sandbox: BwrapSandbox) -> None:
    assert said(sandbox.run(Job(source, b"one line"))).strip() == "one line"


def test_megabytes_go_in_and_come_out(sandbox: BwrapSandbox) -> None:
    data = bytes(range(256)) * 20_000
    limits = Limits(output_bytes=len(data))
    outcome = sandbox.run(Job("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())", data, limits=limits))
    assert outcome.verdict == "OK" and outcome.stdout == data


def test_input_that_is_never_read_stops_nobody(sandbox: BwrapSandbox) -> None:
    assert said(sandbox.run(Job("print(3)", b"x" * 5_000_000))) == "3\n"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("exit()", 0),
        ("import sys; sys.exit(7)", 7),
        ("raise SystemExit('a word')", 1),
        ("raise SystemExit(256 + 3)", 3),
        ("1 / 0", 1),
        ("quit(2)", 2),
        ("import os; os._exit(9)", 9),
        ("import sys; sys.stdout.close(); print()", 1),
        ("def (", 1),
        ("\x00", 1),
        ("\ud800", 1),
    ],
)
def test_a_program_ends_with_the_code_python_would_give(source: str, code: int, sandbox: BwrapSandbox) -> None:
    outcome = sandbox.run(Job(source))
    assert (outcome.exit_code, outcome.verdict) == (code, "RE" if code else "OK")


def test_a_traceback_shows_the_program_and_none_of_ours(sandbox: BwrapSandbox) -> None:
    outcome = sandbox.run(Job("def f():\n    return 1 / 0\n\nf()\n"))
    expected = (
        b'Traceback (most recent call last):\n  File "main.py", line 4, in <module>\n  File "main.py", line 2, in f\nZeroDivisionError'
    )
    assert outcome.stderr.startswith(expected) and outcome.reason == "exit code 1: ZeroDivisionError: division by zero"


def test_chance_and_hashes_are_the_same_every_time(sandbox: BwrapSandbox) -> None:
    job = Job("import random; print(random.random(), hash('word'), list({'a', 'b', 'c', 'd'}))")
    assert said(sandbox.run(job)) == said(sandbox.run(job))


@needs_numpy
def test_numpy_is_there(sandbox: BwrapSandbox) -> None:
    assert said(sandbox.run(Job("import numpy; print(numpy.arange(4).sum())"))) == "6\n"


def test_deep_recursion_in_a_thread_with_a_large_stack_works(sandbox: BwrapSandbox) -> None:
    source = """import sys, threading
sys.setrecursionlimit(200_000)
threading.stack_size(128 << 20)
def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
thread = threading.Thread(target=lambda: print(depth(100_000)))
thread.start(); thread.join()"""
    assert said(sandbox.run(Job(source))) == "100000\n"


# --- how an end is named ----------------------------------------------------------------------------------------------


def test_processor_time_beyond_the_limit_is_tle(sandbox: BwrapSandbox) -> None:
    outcome = sandbox.run(Job("while True: pass", limits=Limits(cpu_s=1.0)))
    assert outcome.verdict == "TLE" and 1.0 <= outcome.cpu_s < 1.3 and outcome.exit_code is None


def test_a_fraction_of_a_second_decides_after_the_end(sandbox: BwrapSandbox) -> None:
    source = "import time\nwhile time.process_time() < 0.3: pass\nprint(3)"
    assert sandbox.run(Job(source, limits=Limits(cpu_s=0.2))).verdict == "TLE"
    assert sandbox.run(Job(source, limits=Limits(cpu_s=0.9))).verdict == "OK"


def test_a_sleeper_is_stopped_by_the_clock(sandbox: BwrapSandbox) -> None:
    outcome = sandbox.run(Job("import time; time.sleep(100)", limits=Limits(wall_s=0.5)))
    assert outcome.verdict == "TLE" and 0.5 <= outcome.wall_s < 2 and outcome.reason.startswith("still there after 0.5")


def test_memory_up_to_the_limit_is_had_and_none_beyond_it(sandbox: BwrapSandbox) -> None:
    limits = Limits(memory_mb=256)
    assert said(sandbox.run(Job("x = bytearray(200 << 20); print(len(x) >> 20)", limits=limits))) == "200\n"
    outcome = sandbox.run(Job("x = bytearray(300 << 20)", limits=limits))
    assert (outcome.verdict, outcome.exit_code) == ("MLE", 1)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_is_cut_where_it_exceeds_the_cap(stream: str, sandbox: BwrapSandbox) -> None:
    limits = Limits(output_bytes=100_000)
    source = "import sys; sys.{}.write('x' * {})"
    assert sandbox.run(Job(source.format(stream, 100_000), limits=limits)).verdict == "OK"
    outcome = sandbox.run(Job(source.format(stream, 100_001), limits=limits))
    assert outcome.verdict == "OLE" and getattr(outcome, stream) == b"x" * 100_000


def test_an_endless_flood_ends_at_once(sandbox: BwrapSandbox) -> None:
    outcome = sandbox.run(Job("while True: print('x' * 1000)", limits=Limits(output_bytes=10_000)))
    assert outcome.verdict == "OLE" and outcome.cpu_s < 1


@pytest.mark.parametrize(("how", "name"), [("import ctypes; ctypes.string_at(0)", "SIGSEGV"), ("import os; os.abort()", "SIGABRT")])
def test_death_by_a_signal_is_a_runtime_error_with_its_name(how: str, name: str, sandbox: BwrapSandbox) -> None:
    outcome = sandbox.run(Job(how))
    assert (outcome.verdict, outcome.reason, outcome.exit_code) == ("RE", f"killed by {name}", None)


# --- C++ --------------------------------------------------------------------------------------------------------------

SUM = "#include <iostream>\nint main() { long a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }"


@needs_compiler
def test_a_cpp_program_is_compiled_and_run(sandbox: BwrapSandbox) -> None:
    assert said(sandbox.run(Job(SUM, b"1 2\n", "cpp"))) == "3\n"
    assert said(sandbox.run(Job(SUM, b"20 22\n", "cpp"))) == "42\n"


@needs_compiler
def test_a_cpp_program_that_does_not_compile_is_ce_with_the_compilers_words(sandbox: BwrapSandbox) -> None:
    outcome = sandbox.run(Job("int main() { return nowhere; }", language="cpp"))
    assert outcome.verdict == "CE" and b"nowhere" in outcome.stderr and outcome.exit_code == 1


@needs_compiler
def test_the_standard_of_2020_is_tried_where_that_of_2017_does_not_do(sandbox: BwrapSandbox) -> None:
    source = '#include <bit>\n#include <cstdio>\nint main() { printf("%d\\n", std::popcount(7u)); }'
    assert said(sandbox.run(Job(source, language="cpp"))) == "3\n"


@needs_compiler
def test_a_cpp_program_lives_behind_the_same_walls(sandbox: BwrapSandbox) -> None:
    source = """#include <cstdio>
#include <unistd.h>
#include <sys/socket.h>
int main() {
    int made[] = {fork(), vfork(), socket(AF_INET, SOCK_STREAM, 0), setuid(0), chroot("/")};
    for (int each : made) printf("%d ", each);
    fflush(stdout);
    execl("/bin/sh", "sh", "-c", "echo a shell; /bin/ls /; echo alone", nullptr);
}"""
    outcome = sandbox.run(Job(source, language="cpp"))
    assert outcome.stdout.startswith(b"-1 -1 -1 -1 -1 ")
    assert b"usr" not in outcome.stdout, "the shell could start another program"


@needs_compiler
@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("volatile long i = 0; while (true) i = i + 1;", "TLE"),
        ("std::vector<char> v(300 << 20, 1); return v[5];", "MLE"),
        ("std::abort();", "RE"),
        ('while (true) puts("more");', "OLE"),
    ],
)
def test_the_ends_of_cpp_programs_are_named_alike(body: str, verdict: str, sandbox: BwrapSandbox) -> None:
    source = f"#include <cstdio>\n#include <cstdlib>\n#include <vector>\nint main() {{ {body} }}"
    limits = Limits(cpu_s=1.0, memory_mb=256, output_bytes=10_000)
    assert sandbox.run(Job(source, language="cpp", limits=limits)).verdict == verdict
