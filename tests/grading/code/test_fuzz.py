from __future__ import annotations

import ast

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from aha.grading.code import grade_code
from aha.grading.code.reading import code_of
from aha.grading.code.trials import can_judge, holds
from aha.grading.sandbox import Sandbox
from aha.types import Asserts, Calls, Code, Stdio, Wrong
from tests.counts import examples

PIECES = (
    "def f(x):\n",
    "    return x",
    "\n",
    "```python\n",
    "```\n",
    "print(",
    "input())",
    "class Solution:",
    "\0",
    "\ud800",
    "é",
    "return",
    "f = 1",
)
REFERENCES: tuple[Code, ...] = (Stdio((("5", "714"),)), Calls("f", (("[5]", "714"),)), Asserts("f", "assert f(5) == 714"))
PROGRAMS = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map("".join)


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PROGRAMS)
def test_whatever_a_model_writes_has_a_grade_and_none_is_right_by_chance(sandbox: Sandbox, answer: str) -> None:
    for reference in REFERENCES:
        assert isinstance(grade_code(reference, answer, sandbox), Wrong)


@given(PROGRAMS)
def test_reading_never_fails_and_what_is_read_can_be_sent(answer: str) -> None:
    for reference in REFERENCES:
        code = code_of(reference, answer)
        assert code.encode().decode() == code


@pytest.mark.parametrize("value", [None, [], {}, "", 10**1000, float("nan"), {(): ()}, [[[]]], b"", 1j, frozenset()])
def test_whatever_was_said_an_assertion_holds_or_does_not(value: object) -> None:
    for test in ("<0> == 3", "<0> < 3", "abs(<0> - 3) < 1", "set(<0>) == {3}", "<0>[0] ** 99 == 3", "3 in <0>", "round(<0>, 2) == 3"):
        tree = ast.parse(test.replace("<0>", "said"), mode="eval").body
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id == "said":
                node.id = "<0>"
        assert can_judge(tree) and not holds(tree, {"<0>": value})
