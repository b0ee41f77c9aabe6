from __future__ import annotations

import base64
import gzip
import json
import pickle
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from aha.tasks.code import CodeProblem, code_problem, coded_of, is_code
from aha.tasks.reading import DataRow, RefusedRow
from aha.tasks.rows import RowProblems
from aha.types import Asserts, Calls, Problem, Stdio

HUMANEVAL = {
    "task_id": "HumanEval/900",
    "prompt": 'def add(a, b):\n    """The sum."""\n',
    "entry_point": "add",
    "canonical_solution": "    return a + b\n",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
}
MBPP = {
    "task_id": 900,
    "text": "Write a function to add.",
    "code": "def half(x): return x / 2\ndef add(a, b): return a + b",
    "test_setup_code": "import math",
    "test_list": ["assert add(1, 2) == 3", "assert add(2, 2) == 4"],
}
LIVE = {
    "question_id": "901",
    "question_content": "Add two numbers.",
    "starter_code": "class Solution:\n    def addUp(self, a: int, b: int) -> int:\n        ",
    "metadata": '{"func_name": "addUp"}',
    "public_test_cases": '[{"input": "1\\n2", "output": "3", "testtype": "functional"}]',
    "private_test_cases": '[{"input": "[1]\\n\\"a\\"", "output": "null", "testtype": "functional"}]',
}


def coded(fields: Mapping[str, object]) -> CodeProblem:
    found = coded_of(DataRow("here, line 1", "file:1", fields))
    assert isinstance(found, CodeProblem), found
    return found


def refused(fields: Mapping[str, object]) -> str:
    found = coded_of(DataRow("here, line 1", "file:1", fields))
    assert isinstance(found, RefusedRow), found
    return found.reason


def test_a_row_of_humaneval() -> None:
    found = coded(HUMANEVAL)
    assert found.reference == Asserts("add", HUMANEVAL["test"], HUMANEVAL["prompt"])
    assert found.right == (HUMANEVAL["prompt"] + "    return a + b\n",)
    assert found.problem.id == "HumanEval/900" and found.problem.domain == "code" and HUMANEVAL["prompt"] in found.problem.question


def test_a_row_of_mbpp_names_the_function_that_its_tests_call() -> None:
    found = coded(MBPP)
    assert found.reference == Asserts("add", "import math\nassert add(1, 2) == 3\nassert add(2, 2) == 4")
    assert "assert add(2, 2) == 4" in found.problem.question and found.problem.id == "900"


def test_a_function_may_have_the_name_of_a_built_in_one() -> None:
    fields = {
        "prompt": "Sum.",
        "signature": "def sum(a, b):",
        "test": "assert abs(sum(1, 2)) == 3",
        "canonical_solution": "def sum(a, b): return 3",
    }
    reference = coded(fields).reference
    assert isinstance(reference, Asserts) and reference.entry == "sum"


def test_a_method_of_livecodebench_is_called_with_a_line_an_argument() -> None:
    found = coded(LIVE)
    assert found.reference == Calls("Solution.addUp", (("[1, 2]", "3"), ('[[1], "a"]', "null")))
    assert "class Solution" in found.problem.question


def test_hidden_tests_are_unpacked_without_running_a_pickle() -> None:
    tests = json.dumps([{"input": "1 2", "output": "3", "testtype": "stdin"}])
    packed = base64.b64encode(zlib.compress(pickle.dumps(tests))).decode()
    fields = {"question_id": "1", "question_content": "Add.", "public_test_cases": "[]", "private_test_cases": packed, "starter_code": ""}
    assert coded(fields).reference == Stdio((("1 2", "3"),))


def test_a_pickle_that_would_run_something_is_refused_and_does_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    packed = base64.b64encode(zlib.compress(pickle.dumps(Bomb()))).decode()
    reason = refused({"question_content": "Add.", "private_test_cases": packed})
    assert reason == "its hidden tests hold a pickle of something other than a text: such are not loaded"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "packed", ["not base 64!", base64.b64encode(b"not packed").decode(), base64.b64encode(zlib.compress(b"x")).decode()]
)
def test_hidden_tests_that_are_broken_are_refused(packed: str) -> None:
    assert refused({"question_content": "Add.", "private_test_cases": packed}).startswith("its hidden tests cannot be unpacked")


@pytest.mark.parametrize(
    "tests",
    [
        [{"input": "1 2", "output": "3"}],
        '[{"input": "1 2", "output": "3"}]',
        {"inputs": ["1 2"], "outputs": ["3"]},
        '{"inputs": ["1 2"], "outputs": ["3"]}',
        [{"input": ["1 2"], "output": ["3"]}],
    ],
)
def test_pairs_of_input_and_output_in_their_usual_forms(tests: object) -> None:
    found = coded({"problem": "Add.", "tests": tests, "time_limit": 8})
    assert found.reference == Stdio((("1 2", "3"),), seconds=8.0)
    assert "standard input" in found.problem.question


def test_a_named_function_is_called() -> None:
    fields = {"question": "Add.", "input_output": '{"fn_name": "add", "inputs": [[1, 2]], "outputs": [3]}'}
    assert coded(fields).reference == Calls("add", (("[1, 2]", "3"),))


def test_checkers_generators_and_wrong_solutions_come_along() -> None:
    fields = {"problem": "Any.", "tests": [{"input": "1", "output": "2"}], "generated_checker": "print(1)", "solutions": ["print(2)"]}
    found = coded({**fields, "incorrect": ["print(3)"], "generators": ["print(1)"]})
    assert isinstance(found.reference, Stdio) and found.reference.checker == "print(1)"
    assert (found.right, found.wrong, found.generators) == (("print(2)",), ("print(3)",), ("print(1)",))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"problem": "Any.", "tests": []}, "there are no tests in it"),
        ({"tests": [{"input": "1", "output": "2"}]}, "no question: none of "),
        ({"problem": "Any.", "tests": ["1"]}, "a test is 1: an object with input and output is needed"),
        ({"problem": "Any.", "tests": {"inputs": ["1"], "outputs": []}}, "tests are "),
        ({"text": "Any.", "test_list": ["assert ("]}, "its tests do not parse"),
        ({"text": "Any.", "test_list": ["assert True"]}, "no assert calls a function by its name"),
        ({"text": "Any.", "test_list": [3]}, "its tests are not texts"),
        (
            {**LIVE, "public_test_cases": '[{"input": "x y", "output": "3", "testtype": "functional"}]'},
            "a test's arguments or value are no JSON",
        ),
    ],
)
def test_a_row_that_is_no_problem_says_why(fields: dict[str, object], reason: str) -> None:
    assert refused(fields).startswith(reason)


def test_rows_of_other_kinds_are_none_of_these() -> None:
    for fields in (
        {"question": "1+1?", "answer": "2"},
        {"problem": "x", "solution": r"\boxed{2}"},
        {"question": "q", "test": "no", "tests": "no"},
    ):
        assert not is_code(fields)
    assert is_code(HUMANEVAL) and is_code(MBPP) and is_code(LIVE)


def test_a_file_of_problems_is_a_source_of_problems(tmp_path: Path) -> None:
    file = tmp_path / "problems.jsonl"
    file.write_text("\n".join(map(json.dumps, (HUMANEVAL, MBPP, LIVE))), encoding="utf-8")
    problems = RowProblems(str(file)).all()
    assert [type(problem.reference) for problem in problems] == [Asserts, Asserts, Calls]
    assert problems[0] == code_problem(DataRow("", "", HUMANEVAL)) and all(isinstance(problem, Problem) for problem in problems)


def test_a_file_may_be_packed(tmp_path: Path) -> None:

    file = tmp_path / "problems.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(HUMANEVAL).encode()))
    assert len(RowProblems(str(file)).all()) == 1
