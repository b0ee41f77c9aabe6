from __future__ import annotations

import ast

from aha.grading.code.asserts import asserts_in, plan_of
from aha.types import Asserts


def calls(tests: str, entry: str = "f") -> tuple[str, ...] | None:
    plan = plan_of(Asserts(entry, tests))
    return None if plan is None else plan.calls


def test_what_calls_the_answer_goes_in_and_what_it_is_compared_with_does_not() -> None:
    plan = plan_of(Asserts("f", "assert f([1, 2]) == 'secret', 'message'\nassert not f(3)"))
    assert plan is not None and plan.calls == ("f([1, 2])", "f(3)") and plan.support == ""
    assert [ast.unparse(each.test) for each in plan.assertions] == ["<0> == 'secret'", "not <1>"]


def test_humanevals_check_is_the_body_that_counts() -> None:
    tests = "METADATA = {'a': 1}\n\ndef check(candidate):\n    # words\n    assert candidate(1) == 2\n    assert True, 'words'\n\ncheck(f)"
    plan = plan_of(Asserts("f", tests))
    assert plan is not None and plan.calls == ("candidate(1)",) and len(plan.assertions) == 2


def test_lines_that_make_arguments_go_in_and_those_that_make_expected_values_stay_out() -> None:
    plan = plan_of(Asserts("f", "import math\nroot = Node(1)\nroot.left = Node(2)\nwant = 7\nassert f(root) == 3"))
    assert plan is not None and plan.support == "import math\nroot = Node(1)\nroot.left = Node(2)"


def test_a_line_that_both_sides_need_has_no_plan() -> None:
    assert calls("pairs = [(1, 2)]\nassert f(pairs[0][0]) == pairs[0][1]") is None


def test_loops_helpers_and_unknown_comparisons_have_no_plan() -> None:
    assert calls("for x in range(3):\n    assert f(x) == x") is None
    assert calls("x = f(1)\nassert x == 2") is None
    assert calls("assert almost(f(1), 2)") is None
    assert calls("assert all(f(x) == x for x in range(3))") is None
    assert calls("assert f is not None") is None


def test_a_call_within_a_call_goes_in_whole() -> None:
    assert calls("assert f(f(1), g=len('abc')) == 2") == ("f(f(1), g=len('abc'))",)


def test_a_function_with_the_name_of_a_built_in_one_is_the_answers() -> None:
    assert calls("assert sum(10, 15) == 6", "sum") == ("sum(10, 15)",)


def test_tests_that_do_not_parse_have_neither_plan_nor_count() -> None:
    for tests in ("assert f(", "(" * 5000, "\0"):
        assert calls(tests) is None and asserts_in(Asserts("f", tests)) == 0
