from __future__ import annotations

import pytest

from aha.grading.code.reading import (
    LONGEST_CODE,
    between_last_fences,
    blocks,
    code_of,
    defines,
    published_code_of,
    sources,
    usual_imports,
    with_function,
)
from aha.types import Asserts, Calls, Stdio

TWO = "First:\n```python\ndef f(): return 1\n```\nBetter:\n```python\ndef f(): return 2\n```\nDone."


def test_livecodebench_reads_between_the_last_two_lines_with_a_fence() -> None:
    assert between_last_fences(TWO) == "def f(): return 2"


def test_fewer_than_two_fences_hold_nothing_for_livecodebench() -> None:
    assert between_last_fences("```python\nprint(1)") == ""
    assert between_last_fences("print(1)") == ""


def insides(text: str) -> list[str]:
    return [each.text for each in blocks(text)]


def test_a_block_that_is_never_closed_ends_with_the_text() -> None:
    assert insides("```python\na = 1\n```\n```python\nb = 2") == ["a = 1\n", "b = 2\n"]


def test_a_fence_may_follow_words_on_its_line() -> None:
    assert insides("Here: ```py\na = 1```") == ["a = 1\n"]


def test_the_last_block_that_defines_the_function_counts_not_the_example_after_it() -> None:
    assert with_function(f"{TWO}\n```python\nprint(f())\n```", "f") == "def f(): return 2\n"


def test_without_a_definition_the_first_block_counts() -> None:
    assert with_function("```\n    return 1\n```\n```\nf()\n```", "f") == "    return 1\n"


def test_an_answer_without_fences_is_code_as_it_stands() -> None:
    for reference in (Stdio((("1", "1"),)), Calls("f", (("[]", "1"),)), Asserts("f", "assert f() == 1")):
        assert code_of(reference, "    return 1\n") == "    return 1\n"


def test_an_answer_that_was_cut_off_inside_its_block_is_code_up_to_there_but_not_as_published() -> None:
    cut = "Sure:\n```python\ndef f():\n    return"
    for reference in (Stdio((("1", "1"),)), Asserts("f", "assert f() == 1")):
        assert code_of(reference, cut) == "def f():\n    return\n"
    assert published_code_of(Stdio((("1", "1"),)), cut) == ""


def test_half_a_surrogate_pair_does_not_break_the_reading() -> None:
    assert code_of(Stdio((("1", "1"),)), "print('\ud800')") == "print('?')"


@pytest.mark.parametrize("line", ["def f(x):", "async  def f(x):", "class f:", "f = lambda x: x", "f: int = 3"])
def test_a_name_is_defined_at_the_margin(line: str) -> None:
    assert defines(f"import os\n{line}\n", "f")


@pytest.mark.parametrize("line", ["    def f(x):", "def ff(x):", "print(f)", "f(3)", "# def f(x):"])
def test_a_name_that_is_used_or_nested_is_not_defined(line: str) -> None:
    assert not defines(f"import os\n{line}\n", "f")


def test_a_whole_function_comes_after_the_prompt_whose_helpers_stay() -> None:
    prompt = "def helper(): return 1\n\ndef f():\n    '''Docs.'''\n"
    assert sources(prompt, "f", "def f(): return helper()") == [prompt + "\n    pass\n", "def f(): return helper()"]


def test_a_completion_continues_the_prompt_and_is_indented_where_it_was_not() -> None:
    assert sources("def f():\n", "f", "    return 1") == ["def f():\n    return 1"]
    assert sources("def f():\n", "f", "return 1") == ["def f():\n    return 1"]


def test_without_a_prompt_the_code_stands_alone() -> None:
    assert sources("", "f", "def f(): pass") == ["def f(): pass"]


def test_only_what_the_code_names_is_imported_for_it() -> None:
    lines = usual_imports("class Solution:\n    def f(self, a: List[int]) -> int:\n        return gcd(*a) + math.floor(2.5)").split("\n")
    assert "from typing import List" in lines and "from math import floor, gcd" in lines and "import math" in lines
    assert not any("heapq" in line for line in lines)


def test_reading_is_linear_in_the_answer() -> None:
    for text in ("```" * LONGEST_CODE, "``` " * LONGEST_CODE + "x", "```a" * LONGEST_CODE, "\n```\n" * LONGEST_CODE):
        assert all(block.strip() in text for block in insides(text))
        assert between_last_fences(text).strip() in text


@pytest.mark.parametrize("opens", ["<think>", "[THINK]", "<thinking>"])
def test_a_program_in_a_thought_is_none_and_the_one_after_it_counts(opens: str) -> None:
    closes = opens.replace("<", "</").replace("[", "[/")
    task, draft, final = Stdio((("", "1"),)), "```python\nprint(0)\n```", "```python\nprint(1)\n```"
    assert code_of(task, f"{opens}\n{draft}") == ""
    assert code_of(task, f"{opens}{draft}{closes}\n{final}").strip() == "print(1)"
    assert code_of(task, f"{draft}{closes}\n{final}").strip() == "print(1)"
    assert code_of(task, f"```python\nprint('{closes}')\n```").strip() == f"print('{closes}')"


def test_tags_around_a_program_without_a_fence_are_not_code() -> None:
    for text in ("<answer>print(1)</answer>", "<code>print(1)</code>", "[BEGIN]print(1)[DONE]"):
        assert code_of(Stdio((("", "1"),)), text) == "print(1)"
