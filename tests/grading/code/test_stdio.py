from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from aha.grading.code import grade_code, try_answer
from aha.grading.sandbox import Job, Limits, Outcome, Sandbox, Tier
from aha.types import Abstained, Right, Stdio, Wrong

ADD = Stdio((("1 2\n", "3\n"), ("10 20\n", "30\n"), ("-1 1\n", "0\n")))
RIGHT = "print(sum(map(int, input().split())))"


def verdicts(reference: Stdio, code: str, sandbox: Sandbox, *, every: bool = True) -> list[str]:
    return [trial.verdict for trial in try_answer(reference, code, sandbox, every=every).trials]


def test_a_right_program_passes_every_test(sandbox: Sandbox) -> None:
    assert grade_code(ADD, f"So:\n```python\n{RIGHT}\n```", sandbox) == Right()


def test_the_first_failing_test_ends_it(sandbox: Sandbox) -> None:
    assert verdicts(ADD, "print(3)", sandbox, every=False) == ["OK", "WA"]
    assert grade_code(ADD, "print(3)", sandbox) == Wrong("test 2 of 3: WA, word 1 is '3', not '30'")


def test_the_share_of_tests_passed_needs_all_of_them(sandbox: Sandbox) -> None:
    trials = try_answer(ADD, "a, b = map(int, input().split())\nprint(a + b if a < 5 else 0)", sandbox, every=True)
    assert [trial.verdict for trial in trials.trials] == ["OK", "WA", "OK"] and trials.fraction == 2 / 3


def test_a_program_that_prints_nothing_or_crashes_or_leaves_is_wrong(sandbox: Sandbox) -> None:
    assert verdicts(ADD, "pass", sandbox, every=False) == ["WA"]
    assert verdicts(ADD, "import sys; sys.exit(0)", sandbox, every=False) == ["WA"]
    assert verdicts(ADD, RIGHT + "\nraise SystemExit(3)", sandbox, every=False) == ["RE"]
    assert grade_code(ADD, "print(1 // 0)", sandbox) == Wrong("test 1 of 3: RE, ZeroDivisionError: integer division or modulo by zero")


def test_an_endless_program_is_stopped_and_counted_a_few_times_only(sandbox: Sandbox) -> None:
    many = Stdio(tuple((f"{n}\n", f"{n}\n") for n in range(6)), seconds=0.4)
    assert verdicts(many, "while True: pass", sandbox) == ["TLE", "TLE", "TLE"]
    assert try_answer(many, "while True: pass", sandbox, every=True).fraction == 0.0


def test_a_tolerance_is_for_numbers_only(sandbox: Sandbox) -> None:
    half = Stdio((("", "0.5 yes"),), tolerance=1e-6)
    assert grade_code(half, "print(0.50000001, 'yes')", sandbox) == Right()
    assert isinstance(grade_code(half, "print('nan', 'yes')", sandbox), Wrong)
    assert isinstance(grade_code(half, "print(0.5, 'yes', 'no')", sandbox), Wrong)


CHECKER = """
import json, sys
told = json.load(sys.stdin)
a, b = map(int, told["output"].split())
print(int(a + b == int(told["input"]) and int(told["expected"].split()[0]) > 0))
"""


def test_a_checker_decides_where_several_outputs_are_valid(sandbox: Sandbox) -> None:
    parts = Stdio((("10\n", "1 9\n"), ("7\n", "3 4\n")), checker=CHECKER)
    assert grade_code(parts, "n = int(input()); print(n - 2, 2)", sandbox) == Right()
    assert grade_code(parts, "print(5, 5)", sandbox) == Wrong("test 2 of 2: WA, the checker refuses it")


def test_an_output_that_breaks_the_checker_is_wrong_and_a_broken_checker_abstains(sandbox: Sandbox) -> None:
    parts = Stdio((("10\n", "1 9\n"),), checker=CHECKER)
    assert grade_code(parts, "print('words')", sandbox) == Wrong("test 1 of 1: WA, the checker cannot read it")
    assert isinstance(grade_code(replace(parts, checker="import sys; sys.exit(0)"), "print(5, 5)", sandbox), Abstained)


def test_a_checker_may_read_files_named_by_its_arguments(sandbox: Sandbox) -> None:
    if sandbox.run(Job("open('x', 'w')")).verdict != "OK":
        pytest.skip(f"sandbox {sandbox.tier} has no folder to write in")
    checker = "import sys\nread = [open(path).read().split() for path in sys.argv[1:]]\nprint(int(read[2] == read[1][::-1] == read[0]))"
    turned = Stdio((("1 2\n", "2 1\n"),), checker=checker)
    assert grade_code(turned, "print(1, 2)", sandbox) == Right()
    assert isinstance(grade_code(turned, "print(2, 1)", sandbox), Wrong)


@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler here")
def test_programs_in_cpp_are_compiled(sandbox: Sandbox) -> None:
    if sandbox.tier == "wasm":
        pytest.skip("this tier runs Python only")
    cpp = replace(ADD, language="cpp")
    assert grade_code(cpp, "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }", sandbox) == Right()
    assert verdicts(cpp, "int main() { return", sandbox) == ["CE"]


class Broken:
    """A sandbox that fails every `often`-th program."""

    tier: Tier = "remote"

    def __init__(self, inner: Sandbox, often: int) -> None:
        self.inner, self.often, self.runs = inner, often, 0

    def run(self, job: Job) -> Outcome:
        self.runs += 1
        return Outcome("INFRA", b"3", b"", 0, 0.0, 0.0, 0.0, "no server") if self.runs % self.often == 0 else self.inner.run(job)

    def close(self) -> None:
        pass


def test_a_failure_of_the_sandbox_is_tried_again_and_then_abstains(sandbox: Sandbox) -> None:
    assert grade_code(ADD, RIGHT, Broken(sandbox, 2)) == Right()
    assert grade_code(ADD, RIGHT, Broken(sandbox, 1)) == Abstained("test 1 of 3 could not be run: no server")
    assert try_answer(ADD, RIGHT, Broken(sandbox, 1), every=True).fraction == Abstained("no server")


def test_no_tests_say_nothing(sandbox: Sandbox) -> None:
    assert grade_code(Stdio(()), RIGHT, sandbox) == Abstained("there are no tests")


def test_limits_reach_the_sandbox() -> None:
    class Watching(Broken):
        def run(self, job: Job) -> Outcome:
            self.limits: Limits = job.limits
            return Outcome("OK", b"1", b"", 0, 0.0, 0.0, 0.0)

    watching = Watching(Broken, 1)  # type: ignore[arg-type]
    grade_code(Stdio((("", "1"),), seconds=2.0, memory_mb=99), "x", watching)
    assert (watching.limits.cpu_s, watching.limits.memory_mb) == (2.0, 99) and watching.limits.wall_s == 10
