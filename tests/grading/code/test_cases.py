"""Answers in the forms that public reports tell of, and others of the same kinds, through the reader of rows and the sandbox."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aha.grading.code import code_of, grade_code
from aha.grading.sandbox.job import Sandbox
from aha.tasks.code import CodeProblem, coded_of
from aha.tasks.golds import reference_of
from aha.tasks.reading import DataRow
from aha.types import Abstained, Asserts, Calls, Code, Right, Stdio

HOW = "the words of the problem"
BIG = 10**30
SUM = {"input_output": {"inputs": ["2\n3 4\n"], "outputs": ["7\n"]}}
CHECKER = "import json, sys\nprint(int(int(json.load(sys.stdin)['output']) >= 9))"
METHOD = {"starter_code": "class Solution:\n    def {}(self, a):\n        pass\n", "tolerance": Decimal("1e-6")}


def method(name: str, tests: list[tuple[object, object]]) -> dict[str, Any]:
    return {
        **METHOD,
        "starter_code": METHOD["starter_code"].format(name),  # type: ignore[attr-defined]
        "metadata": json.dumps({"func_name": name}),
        "public_test_cases": [
            {"input": "\n".join(map(json.dumps, given)), "output": json.dumps(wanted), "testtype": "functional"}  # type: ignore[call-overload]
            for given, wanted in tests
        ],
    }


PROBLEMS: dict[str, dict[str, Any]] = {
    "buf": {"tests": [{"input": "3\n1 2 3\n", "output": "6\n"}]},
    "outbuf": {"tests": [{"input": "3\n1 2 3\n", "output": "6\n"}]},
    "float": {"tests": [{"input": "3\n", "output": "0.333333333333\n"}], "tolerance": Decimal("1e-6")},
    "bigint": {"tests": [{"input": "5000\n", "output": "7" + "0" * 5000}]},
    "bigint1": {"tests": [{"input": f"{BIG}\n", "output": f"{BIG + 1}\n"}], "tolerance": Decimal("1e-6")},
    "bigint2": {"tests": [{"input": f"{BIG}\n", "output": f"{BIG - 1}\n"}], "tolerance": Decimal("1e-6")},
    "bigint3": {"tests": [{"input": f"{BIG + 1}\n", "output": f"{BIG + 1}\n"}], "tolerance": Decimal("1e-6")},
    "call": method("half", [([[1, 2, 5]], [0.5, 1.0, 2.5])]),
    "callint": method("inc", [([1_000_000], 1_000_001)]),
    "callbool": method("odd", [([3, "a"], True), ([4, "b"], False)]),
    "fence": SUM,
    "trail": SUM,
    "ck": {"tests": [{"input": "3 4\n", "output": "9"}], "checker": CHECKER},
    "ws": {"tests": [{"input": "", "output": "1 2 3\nok\n"}]},
    "li": {"input_output": {"inputs": [["1", "2"]], "outputs": [["3"]]}},
    "fn": {"input_output": {"fn_name": "add", "inputs": [[1, 2]], "outputs": [3]}},
    "fn2": {"input_output": json.dumps({"fn_name": "add", "inputs": [[1, 2]], "outputs": [[3]]})},
    "ex": {"tests": [{"input": "hi\n", "output": "hi\n"}]},
}


def reference(fields: dict[str, Any]) -> Code:
    read = coded_of(DataRow("here", "here", {"question": HOW, **fields}))
    assert isinstance(read, CodeProblem), read
    return read.reference


def cases() -> list[dict[str, Any]]:
    data = os.environ.get("AHA_DATA")
    path = Path(data).parent / "cases" / "code.jsonl" if data else None
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path and path.is_file() else []


ANSWERS = [each["input"] | {"right": each["right"]} for each in cases() if "problem" in each["input"]]
needs_cases = pytest.mark.skipif(not ANSWERS, reason="the public cases are not beside $AHA_DATA")


@needs_cases
def test_every_public_case_has_its_verdict(sandbox: Sandbox) -> None:
    wrong = []
    for case in ANSWERS:
        grade = grade_code(reference(PROBLEMS[case["problem"]]), case["answer"], sandbox)
        if isinstance(grade, Right) is not case["right"] or isinstance(grade, Abstained):
            wrong.append((case, grade))
    assert wrong == []


# --- the same kinds, made up ------------------------------------------------------------------------------------------

READING = "n = input()\nprint(sum(map(int, input().split())))"
INDENTED = "\n".join(f"    {line}" for line in READING.split("\n"))
SAMPLES = (
    "",
    "\n```\n2\n3 4\n```\n",
    "\n```text\n7\n```",
    "\n```bash\npython main.py\n```",
    "\n```\n>>> run()\n7\n```",
    "\n```python\nprint(7 + 1)\n```",
    "\n```python\nimport subprocess\nprint(subprocess.run(['python', 'a.py'], input='2', stdin=None))\n```",
)


def fenced(fence: str, tag: str, indent: str, closed: bool, code: str = READING) -> str:
    lines = [f"{fence}{tag}", *code.split("\n"), *([fence] if closed else [])]
    return "\n".join(indent + line for line in lines)


FORMS = [
    *(
        fenced(fence, tag, indent, True)
        for fence in ("```", "~~~", "````")
        for tag in ("", "python", "Python3", "py")
        for indent in ("", "   ")
    ),
    "1. Code:\n" + fenced("```", "python", "   ", True),
    "- " + fenced("```", "python", "  ", True).lstrip(),
    fenced("```", "python", "> ", True),
    fenced("```", "python", "\t", True),
    fenced("```", "python", "", True, INDENTED),
    f"Here it is: ```python\n{READING}\n```",
    f"```python title=main.py\n{READING}\n```",
    f"```python\n```python\n{READING}\n```\n```",
]


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_program_is_found_in_every_form_of_fence_whatever_sample_follows(sample: str, sandbox: Sandbox) -> None:
    task = reference(SUM)
    assert {code_of(task, f"We add.\n{form}{sample}").strip() for form in FORMS} == {READING}


def test_a_fence_that_is_never_closed_ends_with_the_answer() -> None:
    task = reference(SUM)
    answers = [f"```python\n{READING}", f"~~~\n{READING}\n", f"{READING}\n```", f"```python\n{READING}\n```\nIt adds.\n```"]
    answers += [f"{READING}\n{rest}" for rest in ("```\nIt adds.", "```\nFor example\n```\n7\n```", "[DONE]\n\nIt adds.")]
    assert {code_of(task, answer).strip() for answer in answers} == {READING}


@pytest.mark.parametrize("before", ["", "Here is the code:\n\n", "Sure!\n\nI read the line, then add.\n"])
@pytest.mark.parametrize("after", ["", "\n\nIt adds the numbers.", "\n\nExplanation:\n1. Read.\n2. Add."])
def test_sentences_around_code_without_a_fence_are_no_code(before: str, after: str) -> None:
    upper = "N, m = 2, 3\n" + READING
    assert code_of(reference(SUM), f"{before}{upper}{after}").strip() == upper
    quoting = f'TEXT = """\nHere is a line.\n"""\n{READING}'
    assert code_of(reference(SUM), quoting).strip() == quoting


WRAPPERS = ["[PYTHON]\n{}\n[/PYTHON]", "Sure:\n[BEGIN]\n{}\n[DONE]\nDone.", "<code>\n{}\n</code>", "Answer:\n<answer>{}</answer>"]
WRAPPERS += ["{}<|im_end|>", "{}</s>", "```python\n{}\n```<|eot_id|>", "python\n{}", "```\npython\n{}\n```", "```python\n  {}\n```"]
WRAPPERS += ["[PYTHON]\n{}\n[/PYTHON]\n[TESTS]\nassert add(1, 2)\n[/TESTS]"]


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_code_is_found_within_the_tags_and_tokens_of_completions(wrapper: str) -> None:
    code = "def add(a, b): return a + b"
    for task in (Asserts("add", "assert add(1, 2) == 3"), Calls("add", (("[1, 2]", "3"),))):
        assert code_of(task, wrapper.format(code)).strip() == code
    assert code_of(Asserts("add", "", "def add(a, b):\n"), "    return a + b\n\nExplanation: it adds.") == "    return a + b\n"


@pytest.mark.parametrize("rest", ["```\nIt adds.", "```\nFor example\n```python\n>>> add(1, 2)\n```", "[DONE]\nIt adds.", "[/PYTHON]"])
def test_a_function_whose_fence_stood_in_the_prompt_is_the_text_before_the_next_one(rest: str) -> None:
    code = "from math import gcd\n\ndef add(a, b):\n    return a + b"
    for task in (Asserts("add", "assert add(1, 2) == 3"), Calls("add", (("[1, 2]", "3"),))):
        assert code_of(task, f"{code}\n{rest}").strip() == code


@pytest.mark.parametrize(("written", "asked"), [("add", "Solution.add"), ("Solution.add", "add"), ("self", "Solution.add")])
def test_a_function_and_a_method_stand_for_each_other(written: str, asked: str, sandbox: Sandbox) -> None:
    codes = {
        "add": "def add(a, b):\n    return a + b",
        "self": "def add(self, a, b):\n    return a + b",
        "Solution.add": "class Solution:\n    def add(self, a, b):\n        return a + b",
    }
    task = Calls(asked, (("[1, 2]", "3"), ('{"a": 1, "b": 3}', "4")))
    assert grade_code(task, f"```python\n{codes[written]}\n```\nSo:\n```python\nprint(add(1, 2))\n```", sandbox) == Right()


def test_a_value_in_a_list_of_its_own_is_the_value_where_the_form_wraps_it(sandbox: Sandbox) -> None:
    sides = {"inputs": [[1, 2]], "outputs": [[3]], "fn_name": "add"}
    for task in (
        reference({"input_output": sides}),
        reference(sides),
        reference_of("here", None, {"tests": sides}, "calls"),
        reference_of("here", None, sides, "calls"),
    ):
        assert isinstance(task, Calls)
        assert [
            isinstance(grade_code(task, f"def add(a, b): return {value}", sandbox), Right)
            for value in ("a + b", "[a + b]", "[[a + b]]", "a")
        ] == [
            True,
            True,
            False,
            False,
        ]
    plain = Calls("add", (("[1, 2]", "[3]"),))
    assert not isinstance(grade_code(plain, "def add(a, b): return a + b", sandbox), Right)


def test_a_call_of_its_own_after_a_function_does_not_matter(sandbox: Sandbox) -> None:
    task = Asserts("f", "assert f(5) == 6")
    for answer in ("```python\ndef f(x): return x + 1\nprint(f(5))\n```", "~~~\ndef f(x): return x + 1\n~~~\n```python\nprint(f(5))\n```"):
        assert grade_code(task, answer, sandbox) == Right()


def test_tests_as_a_text_of_json_are_read() -> None:
    row = {"input_output": '{"inputs": ["1\\n"], "outputs": [["2", "3"]]}'}
    assert reference_of("here", None, row, "stdio") == Stdio((("1\n", "2\n3"),))


def test_floats_in_tests_of_calls_are_graded(sandbox: Sandbox) -> None:
    tests = [[[Decimal("3.0")], Decimal("1.5")], [[[Decimal("0.1")]], [Decimal("0.05")]]]
    task = reference_of("here", None, {"tests": tests, "entry": "half"}, "calls")
    assert isinstance(task, Calls)
    code = "def half(x): return [each / 2 for each in x] if isinstance(x, list) else x / 2"
    assert grade_code(task, code, sandbox) == Right()


@pytest.mark.parametrize(
    ("printed", "expected", "right"),
    [
        ("1000000", "1000001", False),
        ("1000001007", "1000000007", False),
        ("1000000.5", "1000001", False),
        ("1.9999999", "2", True),
        ("2", "2.0000001", True),
        ("1000000.1", "1000000.4", True),
        ("007", "7", True),
        ("8", "7", False),
    ],
)
def test_a_tolerance_is_never_for_whole_numbers(printed: str, expected: str, right: bool, sandbox: Sandbox) -> None:
    assert isinstance(grade_code(Stdio((("", expected),), tolerance=1e-6), f"print({printed!r})", sandbox), Right) is right
    if not printed.startswith("00"):
        called = Calls("f", (("[]", expected),), tolerance=1e-6)
        assert isinstance(grade_code(called, f"def f(): return {printed}", sandbox), Right) is right


def test_whole_numbers_of_any_length_are_printed_and_read(sandbox: Sandbox) -> None:
    task = Stdio((("9" * 6000, "1" + "0" * 6000),))
    assert grade_code(task, "print(int(input()) + 1)", sandbox) == Right()
