from __future__ import annotations

from dataclasses import replace

import pytest

from aha.grading.code import grade_code, try_answer
from aha.grading.code.calls import limits
from aha.grading.sandbox import Job, Sandbox
from aha.types import Calls, Grade, Right, Wrong

ADD = Calls("add", (("[1, 2]", "3"), ("[10, 20]", "30"), ("[-1, 1]", "0")))


def returned(value: str, expected: str, sandbox: Sandbox, *, tolerance: float | None = None) -> Grade:
    return grade_code(Calls("f", (("[]", expected),), tolerance), f"def f(): return {value}", sandbox)


def test_a_function_and_a_method_are_called_with_json(sandbox: Sandbox) -> None:
    assert grade_code(ADD, "def add(a, b): return a + b", sandbox) == Right()
    method = "class Solution:\n    def add(self, a: int, b: int) -> int:\n        return a + b"
    assert grade_code(replace(ADD, entry="Solution.add"), method, sandbox) == Right()


def test_arguments_may_be_named_or_a_single_value(sandbox: Sandbox) -> None:
    assert grade_code(Calls("add", (('{"b": 1, "a": 5}', "4"),)), "def add(a, b): return a - b", sandbox) == Right()
    assert grade_code(Calls("up", (('"abc"', '"ABC"'),)), "def up(s): return s.upper()", sandbox) == Right()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("(1, [2, (3,)])", "[1, [2, [3]]]"),
        ("{1: 'a'}", '{"1": "a"}'),
        ("2.0", "2"),
        ("None", "null"),
        ("10**30", "1" + "0" * 30),
        ("'é\\n'", '"é\\n"'),
    ],
)
def test_what_is_the_same_as_json_is_right(value: str, expected: str, sandbox: Sandbox) -> None:
    assert returned(value, expected, sandbox) == Right()


@pytest.mark.parametrize(
    ("value", "expected"),
    [("True", "1"), ("1", "true"), ("'3'", "3"), ("[3]", "3"), ("{3}", "[3]"), ("float('nan')", "3"), ("iter([3])", "[3]"), ("None", "0")],
)
def test_what_only_looks_the_same_is_wrong(value: str, expected: str, sandbox: Sandbox) -> None:
    assert isinstance(returned(value, expected, sandbox), Wrong)


def test_a_tolerance_is_for_floats_and_nan_is_within_none(sandbox: Sandbox) -> None:
    assert returned("0.1 + 0.2", "0.3", sandbox, tolerance=1e-6) == Right()
    assert isinstance(returned("float('nan')", "0.3", sandbox, tolerance=1e9), Wrong)
    assert isinstance(returned("float('inf')", "0.3", sandbox, tolerance=1e9), Wrong)


def test_an_answer_may_leave_its_usual_imports_to_the_judge(sandbox: Sandbox) -> None:
    code = "class Solution:\n    def f(self, a: List[int]) -> Optional[int]:\n        return Counter(a).most_common(1)[0][0]"
    assert grade_code(Calls("Solution.f", (("[[1, 2, 2]]", "2"),)), code, sandbox) == Right()


def test_what_a_call_changes_in_its_arguments_is_the_answers_own_affair(sandbox: Sandbox) -> None:
    shared = Calls("f", (("[[1, 2]]", "2"), ("[[1, 2]]", "2")))
    assert grade_code(shared, "def f(x):\n    n = len(x)\n    x.clear()\n    return n", sandbox) == Right()


def test_what_an_answer_prints_is_not_what_it_returns(sandbox: Sandbox) -> None:
    assert grade_code(ADD, "print(3)\ndef add(a, b):\n    print(a + b, end='')\n    return a + b", sandbox) == Right()
    assert isinstance(grade_code(ADD, "def add(a, b): print(a + b)", sandbox), Wrong)


def test_each_failure_has_its_reason(sandbox: Sandbox) -> None:
    assert grade_code(ADD, "def add(a, b): return a // 0", sandbox) == Wrong(
        "test 1 of 3: RE, ZeroDivisionError: integer division or modulo by zero"
    )
    assert grade_code(ADD, "def plus(a, b): return a + b", sandbox) == Wrong("test 1 of 3: RE, NameError: it defines no add")
    assert grade_code(ADD, "import os; os._exit(0)", sandbox) == Wrong("test 1 of 3: RE, it ended before it answered")
    assert "test 1 of 3: RE, SyntaxError: " in str(grade_code(ADD, "def add(a, b) return", sandbox))
    assert grade_code(ADD, "def add(a, b): return (x for x in [3])", sandbox) == Wrong(
        "test 1 of 3: WA, it returned a value of type generator"
    )
    assert grade_code(ADD, "", sandbox) == Wrong("test 1 of 3: RE, no code in the answer")


def test_a_call_that_ends_its_process_takes_no_other_with_it(sandbox: Sandbox) -> None:
    trials = try_answer(ADD, "import os\ndef add(a, b): return os._exit(0) if a == 10 else a + b", sandbox, every=True)
    assert [trial.verdict for trial in trials.trials] == ["OK", "RE", "OK"] and trials.fraction == 2 / 3


def test_every_call_has_a_whole_tests_time(sandbox: Sandbox) -> None:
    """Three calls of 0.2 s each: more than 0.4 s together, and none of them too slow by itself."""
    slow = "import time\ndef f(n):\n    end = time.process_time() + 0.2\n    while time.process_time() < end: pass\n    return n"
    if sandbox.tier == "wasm":
        slow = "def f(n):\n    for _ in range(1_600_000): pass\n    return n"
    three = Calls("f", tuple((f"[{n}]", str(n)) for n in range(3)), seconds=0.4)
    assert grade_code(three, slow, sandbox) == Right()


def test_an_endless_call_is_late_and_the_calls_before_it_stand(sandbox: Sandbox) -> None:
    code = "def add(a, b):\n    while a == 10: pass\n    return a + b"
    trials = try_answer(replace(ADD, seconds=0.4), code, sandbox, every=True)
    assert [trial.verdict for trial in trials.trials] == ["OK", "TLE", "OK"]


def test_expected_values_never_enter_the_sandbox(sandbox: Sandbox) -> None:
    class Watching:
        tier = sandbox.tier
        seen = b""

        def run(self, job: Job) -> object:
            self.seen += job.source.encode() + job.stdin
            return sandbox.run(job)

        def close(self) -> None:
            pass

    watching = Watching()
    assert grade_code(Calls("f", (("[6]", "714253"),)), "def f(n): return n", watching) == Wrong(  # type: ignore[arg-type]
        "test 1 of 1: WA, it returned 6"
    )
    assert b"[6]" in watching.seen and b"714253" not in watching.seen


def test_output_may_be_several_times_as_long_as_what_is_expected() -> None:
    assert limits(6.0, 512, 10_000_000).output_bytes == 40_000_000
