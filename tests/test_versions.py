"""The version of the grader: what changes it and what does not."""

from __future__ import annotations

import time

import pytest

from aha.versions import code_of, grader_version, template_version

CODE = '''
def twice(x: int) -> int:
    """Return two times x."""
    return x + x  # cheap
'''


@pytest.mark.parametrize(
    "text",
    [
        CODE.replace("Return two times x.", "Give back x twice."),
        CODE.replace("  # cheap", ""),
        CODE.replace("return x + x", "return (\n        x\n        + x\n    )"),
        "# a heading\n\n\n" + CODE,
    ],
    ids=["docstring", "comment", "layout", "blank lines"],
)
def test_words_and_layout_are_no_code(text: str) -> None:
    assert code_of(text) == code_of(CODE)


@pytest.mark.parametrize("text", [CODE.replace("x + x", "x * x"), CODE.replace("twice", "double"), CODE + "\nLIMIT = None\n"])
def test_what_is_computed_is_code(text: str) -> None:
    assert code_of(text) != code_of(CODE)


def test_a_constant_none_is_no_absent_value() -> None:
    assert code_of("x = f(None)") != code_of("x = f()") and code_of("return_ = None") != code_of("return_ = 0")


def test_the_tree_of_a_formatted_string_is_written_out_the_same_in_every_python() -> None:
    assert code_of('f"{x}!"') == (
        "Module(body=[Expr(value=JoinedStr(values=[FormattedValue(value=Name(id='x',ctx=Load()),conversion=-1),Constant(value='!')]))])"
    )


def test_versions_are_short_and_differ_and_cost_little() -> None:
    began = time.process_time()
    versions = {grader_version.__wrapped__(), template_version.__wrapped__()}
    assert len(versions) == 2 and {len(version) for version in versions} == {12}
    assert time.process_time() - began < 5
