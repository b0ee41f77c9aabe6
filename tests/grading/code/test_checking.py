from __future__ import annotations

from aha.grading.code import unfit
from aha.grading.code.quality import idle_programs
from aha.grading.sandbox import Sandbox
from aha.types import Asserts, Calls, Stdio

ADD = Stdio((("1 2\n", "3\n"), ("10 20\n", "30\n")))
RIGHT = "print(sum(map(int, input().split())))"


def test_a_problem_whose_solution_passes_and_whose_idle_programs_fail_is_fit(sandbox: Sandbox) -> None:
    assert unfit(ADD, [RIGHT], sandbox) == []
    assert unfit(Calls("add", (("[1, 2]", "3"),)), ["def add(a, b): return a + b"], sandbox) == []
    assert unfit(Asserts("add", "assert add(1, 2) == 3"), ["def add(a, b): return a + b"], sandbox) == []


def test_a_solution_that_fails_is_told(sandbox: Sandbox) -> None:
    assert unfit(ADD, ["print(3)"], sandbox) == ["its own solution does not pass: test 2 of 2: WA, word 1 is '3', not '30'"]


def test_tests_that_an_idle_program_passes_are_told(sandbox: Sandbox) -> None:
    assert unfit(Stdio((("5", " \n"),)), ["pass"], sandbox) == ["a program that prints nothing passes"]
    assert unfit(Stdio((("5", "5"),)), ["print(input())"], sandbox) == ["a program that prints its input passes"]
    assert unfit(Stdio((("5", "YES"), ("6", "YES"))), [], sandbox) == ["a program that prints YES passes"]
    assert unfit(Calls("f", (("[5]", "null"),)), [], sandbox) == ["a function that returns nothing passes"]
    assert unfit(Asserts("f", "assert f(5) == 5"), [], sandbox) == ["a function that returns its argument passes"]


def test_tests_that_cannot_be_run_are_told_once(sandbox: Sandbox) -> None:
    (complaint,) = unfit(Asserts("f", "assert f("), [], sandbox)
    assert complaint.startswith("it cannot be tested: ")


def test_methods_and_cpp_have_idle_programs_too() -> None:
    assert all("class Solution" in code for _, code in idle_programs(Calls("Solution.f", ())))
    assert all("int main" in code for _, code in idle_programs(Stdio((), language="cpp")))
