from __future__ import annotations

import ast
import time

import pytest

from aha.grading.code.trials import can_judge, holds


def judged(test: str, **said: object) -> bool:
    """With `a`, `b` standing for what was said."""
    tree = ast.parse(test, mode="eval").body
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in said:
            node.id = f"<{node.id}>"
    assert can_judge(tree), test
    return holds(tree, {f"<{name}>": value for name, value in said.items()})


@pytest.mark.parametrize(
    "test",
    [
        "a == [1, 2]",
        "[1, 2] == a",
        "not not a",
        "a is not None",
        "tuple(a) == tuple([1, 2])",
        "set(a) == {2, 1}",
        "sorted(a) == [1, 2] and len(a) == 2",
        "abs(sum(a) - 3.0 / 1) < 1e-6",
        "math.isclose(a[0], 1.0000001, rel_tol=0.001)",
        "1 < max(a) <= 2",
        "a in ([1, 2], [3])",
        "a == [1] + [2] * 1",
        "int(a[1]) == 2 and round(a[0]) == 1",
        "a == [0 + 1, 2 ** 1]",
    ],
)
def test_what_python_finds_true_of_a_list_is_true(test: str) -> None:
    assert judged(test, a=[1, 2])
    assert not judged(test, a=None)


def test_equality_is_pythons() -> None:
    assert judged("a == True", a=1) and judged("a == 2", a=2.0)
    assert not judged("a is True", a=1) and not judged("a == [1, 2]", a=(1, 2)) and not judged("a == a", a=float("nan"))


def test_what_python_would_raise_on_is_no_pass() -> None:
    for test in ("a < 3", "abs(a - 1) < 2", "a[0] == 1", "len(a) == 0", "1 / a > 0", "set(a) == {1}"):
        assert not judged(test, a=None), test


@pytest.mark.parametrize(
    "test", ["f(a)", "a.b", "[x for x in a]", "lambda: a", "a if a else a", "f'{a}'", "'%s' % a == 'x'", "a is 3", "..."]
)
def test_more_of_python_than_that_is_not_read(test: str) -> None:
    assert not can_judge(ast.parse(test, mode="eval").body)


def test_values_made_to_be_slow_end_at_once() -> None:
    began = time.process_time()
    huge, wide = 1 << 4_000_000, "x" * 1_000_000
    for test in ("a ** a == 1", "a * a == 1", "2 ** a == 1", "a ** 9 == 1", "b * a == 1", "b * 1000000 == 1", "int(b) == 1"):
        assert not judged(test, a=huge, b=wide), test
    assert time.process_time() - began < 2.0
