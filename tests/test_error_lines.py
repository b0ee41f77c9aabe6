"""Every line with which the product refuses or gives up, in one file that a person reads: tests/golden/error_lines.txt.

To write it anew after a line was added or changed: `python -m tests.test_error_lines`. A gap in a line stands as `{}`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from aha import errors
from tests.house import dotted, the_house

GOLDEN = Path(__file__).parent / "golden/error_lines.txt"
KINDS = {name: kind.exit_code for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.AhaError)}
EMPTY = {"", "{}"}


def text_of(node: ast.expr) -> str:
    """The text of a message, with its gaps; `{}` where all of it is computed."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text_of(left) + text_of(right)
        case ast.Call(args=[inner, *_]) if dotted(node.func) in ("mask", "one_line", "plain"):
            return text_of(inner)
        case ast.IfExp(body=one, orelse=other):
            return text_of(one) if text_of(one) not in EMPTY else text_of(other)
    return "{}"


def lines_in(tree: ast.AST) -> Iterator[str]:
    """One of each exception of ours that is made, `exit code, kind: text`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (kind := dotted(node.func)) in KINDS and node.args:
            text = " ".join(text_of(node.args[0]).replace("{}{}", "{}").split())
            if text.replace("{}", "").strip(" :;,.()"):
                yield f"{KINDS[kind]} {kind}: {text}"


def error_lines() -> list[str]:
    """All of them, each once."""
    return sorted({line for source in the_house().values() for line in lines_in(source.tree)})


def test_every_line_with_which_the_product_gives_up_is_in_the_golden_file() -> None:
    now, then = set(error_lines()), set(GOLDEN.read_text(encoding="utf-8").splitlines())
    told = "read the difference; where it is meant: python -m tests.test_error_lines"
    assert (sorted(now - then), sorted(then - now)) == ([], []), told


def test_each_is_one_line_that_says_more_than_that_something_is_wrong() -> None:
    lines = error_lines()
    assert len(lines) > 200
    assert [line for line in lines if len(line.partition(": ")[2]) < 8 or "Traceback" in line] == []


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ('raise BadInput(f"{path}: it is a file")', "2 BadInput: {}: it is a file"),
        ('raise DiskTrouble("no " + "room")', "74 DiskTrouble: no room"),
        ('raise EndpointDown(mask(f"{who}: away"))', "75 EndpointDown: {}: away"),
        ('return BadInput(f"a\\n" f"b {c}{d}")', "2 BadInput: a b {}"),
    ],
)
def test_a_line_is_read_from_the_code_that_makes_it(code: str, line: str) -> None:
    assert list(lines_in(ast.parse(f"def f():\n    {code}"))) == [line]


def test_a_message_that_is_computed_elsewhere_is_left_out() -> None:
    assert list(lines_in(ast.parse('raise BadInput(str(error)); raise BadInput(f"{path}: {error}")'))) == []


if __name__ == "__main__":
    GOLDEN.write_text("".join(f"{line}\n" for line in error_lines()), encoding="utf-8")
