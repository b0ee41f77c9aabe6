from __future__ import annotations

import pytest

from aha.grading.code import grade_code, try_answer
from aha.grading.code.asserts import plan_of
from aha.grading.sandbox import Sandbox
from aha.types import Abstained, Asserts, Right, Wrong

ADD = Asserts("add", "assert add(1, 2) == 3\nassert add(10, 20) == 30\nassert add(-1, 1) == 0")
PROMPT = 'def double(x):\n    return 2 * x\n\n\ndef add(a, b):\n    """The sum."""\n'
PROMPTED = Asserts("add", "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert not candidate(0, 0)", PROMPT)


def test_whole_functions_and_completions_of_the_prompt_are_right(sandbox: Sandbox) -> None:
    assert grade_code(PROMPTED, "```python\ndef add(a, b):\n    return double(a) - a + b\n```", sandbox) == Right()
    assert grade_code(PROMPTED, "    return a + b\n", sandbox) == Right()
    assert grade_code(PROMPTED, "```python\nreturn a + b\n```", sandbox) == Right()


def test_a_wrong_function_fails_at_the_first_assertion_that_does_not_hold(sandbox: Sandbox) -> None:
    assert grade_code(ADD, "def add(a, b): return 3", sandbox) == Wrong("test 2 of 3: WA, `add(10, 20) == 30` does not hold of 3")
    assert try_answer(ADD, "def add(a, b): return 3", sandbox, every=True).fraction == 1 / 3


@pytest.mark.parametrize(
    "code", ["import os; os._exit(0)", "import sys; sys.exit(0)", "", "x = 1", "raise SystemExit", "def add(a, b): pass"]
)
def test_ending_quietly_passes_no_assertion(code: str, sandbox: Sandbox) -> None:
    assert isinstance(grade_code(ADD, code, sandbox), Wrong)


def test_an_object_that_equals_everything_equals_nothing_here(sandbox: Sandbox) -> None:
    code = "class T(int):\n    __eq__ = lambda s, o: True\n    __sub__ = lambda s, o: 0\n    __hash__ = None\ndef add(a, b): return T(7)"
    assert isinstance(grade_code(ADD, code, sandbox), Wrong)
    assert isinstance(grade_code(Asserts("add", "assert abs(add(1, 2) - 3) < 1e-6"), code, sandbox), Wrong)


def test_the_arguments_of_a_test_may_be_made_of_the_answers_own_classes(sandbox: Sandbox) -> None:
    tests = "root = Node(1)\nroot.left = Node(2)\nassert depth(root) == 2\nassert depth(Node(5)) == 1"
    code = "class Node:\n    def __init__(self, v): self.v, self.left = v, None\ndef depth(n): return 1 + (depth(n.left) if n.left else 0)"
    assert grade_code(Asserts("depth", tests), code, sandbox) == Right()


LOOPS = "def check(candidate):\n    for x in range(5):\n        assert candidate(x, x + 1) == 2 * x + 1"
HELPED = """
def twice(x):
    return 2 * x

def check(candidate):
    want = twice(3)
    got = candidate(3, 3)
    assert abs(got - want) < 1e-6
"""
CHAINED = """
def check(candidate):
    x = candidate(1, 1)
    assert x == 2
    y = candidate(x, x)
    assert y == 4
    assert candidate(y, 0) == 4
"""
RANDOM = "import random\nfor _ in range(20):\n    a, b = random.random(), random.randint(0, 9)\n    assert add(a, b) == a + b"
RAISES = "try:\n    add('a', 1)\n    assert False\nexcept TypeError:\n    assert True\nassert add(1, 1) == 2"


@pytest.mark.parametrize("tests", [LOOPS, HELPED, CHAINED, RANDOM, RAISES])
def test_tests_of_any_kind_are_replayed_without_the_answer(tests: str, sandbox: Sandbox) -> None:
    reference = Asserts("add", tests)
    assert plan_of(reference) is None
    assert grade_code(reference, "def add(a, b): return a + b", sandbox) == Right()
    for wrong in (
        "def add(a, b): return 0",
        "import os; os._exit(0)",
        "def add(a, b): raise TypeError",
        "raise TypeError",
        "def add(): return 2",
    ):
        assert isinstance(grade_code(reference, wrong, sandbox), Wrong), wrong


def test_a_replayed_test_counts_every_check(sandbox: Sandbox) -> None:
    trials = try_answer(Asserts("add", LOOPS), "def add(a, b): return a + b if a < 2 else 0", sandbox, every=True)
    assert (trials.passed_count, trials.tests) == (2, 5)


def test_tests_that_cannot_be_replayed_abstain(sandbox: Sandbox) -> None:
    for tests in ("for f in [len, abs]:\n    assert add(f, 1) == 2", "assert add(", "class A: pass\nfor x in [A()]:\n    assert add(x, x)"):
        assert isinstance(grade_code(Asserts("add", tests), "def add(a, b): return 2", sandbox), Abstained), tests


def test_no_assertions_say_nothing(sandbox: Sandbox) -> None:
    assert not isinstance(grade_code(Asserts("add", "add(1, 2)"), "def add(a, b): return 2", sandbox), Right)
