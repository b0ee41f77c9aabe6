"""Programming problems as data sets write them, each with its tests: HumanEval, MBPP, LiveCodeBench, and the pairs of input and output of
Codeforces, APPS and TACO collections."""

from __future__ import annotations

import ast
import base64
import binascii
import builtins
import json
import math
import pickletools
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aha.json_text import PYTHON_DIGITS, NotJson, parse_json
from aha.lazy import lazy_pattern
from aha.tasks.golds import joined_lines
from aha.tasks.reading import DataRow, RefusedRow
from aha.types import Asserts, Calls, Code, Problem, Stdio

PAIRS = ("tests", "official_tests", "test_cases", "input_output", "public_tests")
QUESTIONS = ("question_content", "problem", "question", "description", "text", "prompt")
IDS = ("task_id", "question_id", "id", "contest_id")
RIGHT = ("code", "canonical_solution", "solutions", "solution", "correct", "correct_solutions")
WRONG = ("incorrect", "incorrect_solutions")
GENERATORS = ("generators",)
MOST_UNPACKED_BYTES = 200_000_000

BLOCK = "Put the code in one ```python block at the end."
STDIO = f"Write a program that reads standard input and writes standard output. {BLOCK}"
FUNCTION = f"Write the whole function. {BLOCK}"
STARTER = "Complete this starter code:"

_DEFINITION = lazy_pattern(r"^[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)", re.MULTILINE)
_PLAIN_TEXT = {"PROTO", "FRAME", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "MEMOIZE", "BINPUT", "LONG_BINPUT", "STOP"}

Fields = Mapping[str, Any]


class _Bad(Exception):
    """The reason why a row cannot be used as a problem."""


@dataclass(frozen=True)
class CodeProblem:
    """A programming problem with the other programs of its row: right solutions, wrong solutions, and generators of inputs."""

    problem: Problem
    reference: Code
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    generators: tuple[str, ...]
    fields: Fields


def is_code(fields: Fields) -> bool:
    """Return True if the row has the fields of one of these forms."""
    asserted = isinstance(fields.get("test"), str) and bool(fields.keys() & {"entry_point", "canonical_solution", "signature"})
    listed = "test_list" in fields or "private_test_cases" in fields or "public_test_cases" in fields
    sides = isinstance(fields.get("inputs"), list) and isinstance(fields.get("outputs"), list) and not fields.keys().isdisjoint(QUESTIONS)
    return asserted or listed or sides or any(isinstance(_parse(fields.get(name)), list | dict) for name in PAIRS)


def code_problem(row: DataRow) -> Problem | RefusedRow:
    """Return the row's problem, or the reason why it has none."""
    problem_row = coded_of(row)
    return problem_row.problem if isinstance(problem_row, CodeProblem) else problem_row


def coded_of(row: DataRow) -> CodeProblem | RefusedRow:
    """Return the row's problem with its known solutions, or the reason why it has none."""
    fields = row.fields
    try:
        right = tuple(_solutions(fields, RIGHT))
        reference, question = _read(fields, right)
        if not _tested(reference) and "generators" not in fields:
            raise _Bad("there are no tests in it")
    except _Bad as bad:
        return RefusedRow(row.place, str(bad))
    if isinstance(reference, Asserts) and reference.prompt:
        right = tuple(
            program if re.search(rf"^def {reference.entry}\b", program, re.MULTILINE) else reference.prompt + program for program in right
        )
    name = next((str(fields[field]) for field in IDS if isinstance(fields.get(field), str | int)), row.name)
    problem = Problem(name, "code", question, "en", reference)
    wrong, generators = (tuple(_solutions(fields, names)) for names in (WRONG, GENERATORS))
    return CodeProblem(problem, reference, right, wrong, generators, fields)


def _tested(reference: Code) -> bool:
    return "assert" in reference.tests if isinstance(reference, Asserts) else bool(reference.tests)


def _solutions(fields: Fields, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = _parse(fields.get(name)) if str(fields.get(name))[:1] == "[" else fields.get(name)
        programs = value if isinstance(value, list) else value.get("solution", []) if isinstance(value, dict) else [value]
        yield from (program for program in programs if isinstance(program, str) and program.strip())


def _read(fields: Fields, right: Sequence[str]) -> tuple[Code, str]:
    if isinstance(fields.get("test"), str) and isinstance(fields.get("entry_point"), str):
        prompt = str(fields.get("prompt", ""))
        return Asserts(fields["entry_point"], fields["test"], prompt), f"Complete this function.\n\n```python\n{prompt}```\n\n{FUNCTION}"
    if "test_list" in fields or isinstance(fields.get("test"), str):
        return _mbpp(fields, right)
    pairs = _pairs(fields)
    question = _question(fields)
    if (entry := _entry_of_method(fields, pairs)) is not None:
        starter = str(fields.get("starter_code", ""))
        advice = f"\n\n{STARTER}\n\n```python\n{starter}\n```" if starter.strip() else f"\n\nThe function is called `{entry}`."
        wrapped = all("fn_name" in pair and isinstance(pair["output"], list) and len(pair["output"]) == 1 for pair in pairs)
        calls = tuple(_json_pair(pair) for pair in pairs)
        return Calls(entry, calls, _tolerance(fields), _seconds(fields), wrapped=wrapped), f"{question}{advice}\n\n{BLOCK}"
    checker = next((fields[name] for name in ("checker", "generated_checker") if isinstance(fields.get(name), str)), None)
    tests = tuple((joined_lines(pair["input"]), joined_lines(pair["output"])) for pair in pairs)
    return Stdio(
        tests, tolerance=_tolerance(fields), checker=checker, seconds=_seconds(fields), memory_mb=_memory(fields)
    ), f"{question}\n\n{STDIO}"


def _question(fields: Fields) -> str:
    for name in QUESTIONS:
        if isinstance(fields.get(name), str) and fields[name].strip():
            return str(fields[name]).strip()
    raise _Bad(f"no question: none of {', '.join(QUESTIONS)} is a text")


def _tolerance(fields: Fields) -> float | None:
    """Return the tolerance of the row, in it or beside its tests; None compares numbers as they are written."""
    places = [fields, *(_parse(fields.get(name)) for name in ("metadata", *PAIRS))]
    value = next((place["tolerance"] for place in places if isinstance(place, Mapping) and place.get("tolerance") is not None), None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 < value < 1:
        raise _Bad(f"tolerance is {str(value)[:40]!r}: a number between 0 and 1 is needed")
    return float(value)


def _seconds(fields: Fields) -> float:
    """Return the time limit in seconds, at least the default: Python is slower than the languages that limits are set for."""
    limit = fields.get("time_limit")
    return max(6.0, float(limit)) if isinstance(limit, int | float | Decimal) and math.isfinite(limit) else 6.0


def _memory(fields: Fields) -> int:
    limit = fields.get("memory_limit")
    return min(4096, max(512, int(limit))) if isinstance(limit, int | float | Decimal) and math.isfinite(limit) else 512


# --- asserts ------------------------------------------------------------------------------------------------------------


def _mbpp(fields: Fields, right: Sequence[str]) -> tuple[Code, str]:
    rows = fields.get("test_list", fields.get("test"))
    asserts = rows if isinstance(rows, list) else [rows]
    before = [fields.get("test_setup_code", ""), *(fields.get("test_imports") or [])]
    if not all(isinstance(part, str) for part in [*asserts, *before]):
        raise _Bad("its tests are not texts")
    tests = "\n".join(part for part in [*before, *asserts] if part.strip())
    try:
        entry = _entry_in(tests, [*right, str(fields.get("signature", ""))])
    except ValueError as error:
        raise _Bad(f"its tests do not parse ({error})") from error
    if entry is None:
        raise _Bad("no assert calls a function by its name")
    signature = f"\n\n```python\n{fields['signature']}\n```" if fields.get("signature") else ""
    question = f"{_question(fields)}{signature}\n\nIt is to pass these tests:\n\n```python\n" + "\n".join(asserts) + f"\n```\n\n{FUNCTION}"
    return Asserts(entry, tests), question


def _entry_in(tests: str, texts: Sequence[str] = ()) -> str | None:
    """Return the function under test: the first that the asserts call and one of the texts defines, else the first that is not a builtin.
    ValueError if the tests do not parse."""
    try:
        asserts = [node.test for node in ast.walk(ast.parse(tests)) if isinstance(node, ast.Assert)]
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(type(error).__name__) from error
    callees = [
        node.func.id for test in asserts for node in ast.walk(test) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    definitions = {name for text in texts for name in _DEFINITION.findall(text)}
    candidates = [name for name in callees if name in definitions] or [name for name in callees if not hasattr(builtins, name)]
    return next(iter([*candidates, *callees]), None)


# --- pairs --------------------------------------------------------------------------------------------------------------


def _pairs(fields: Fields) -> list[dict[str, Any]]:
    """Return each test with `input` and `output`, including LiveCodeBench's hidden ones."""
    if "public_test_cases" in fields or "private_test_cases" in fields:
        rows = [*_rows(fields.get("public_test_cases")), *_rows(_unpack(fields.get("private_test_cases")))]
    elif isinstance(fields.get("inputs"), list) and isinstance(fields.get("outputs"), list):
        rows = _rows({name: fields.get(name) for name in ("inputs", "outputs", "fn_name")})
    else:
        rows = _rows(next((fields[name] for name in PAIRS if isinstance(_parse(fields.get(name)), list | dict)), []))
    for pair in rows:
        if not isinstance(pair, dict) or not {"input", "output"} <= pair.keys():
            raise _Bad(f"a test is {str(pair)[:60]}: an object with input and output is needed")
    return rows


def _rows(value: object) -> list[Any]:
    """Return a list of pairs, also from an object with lists of inputs and outputs side by side."""
    match _parse(value):
        case None | "":
            return []
        case list() as pairs:
            return pairs
        case {"inputs": [*inputs], "outputs": [*outputs], **rest} if len(inputs) == len(outputs):
            entry = {"fn_name": rest["fn_name"]} if rest.get("fn_name") else {}
            return [{"input": input_, "output": output, **entry} for input_, output in zip(inputs, outputs, strict=True)]
        case {"input": [*inputs], "output": [*outputs]} if len(inputs) == len(outputs):
            return [{"input": input_, "output": output} for input_, output in zip(inputs, outputs, strict=True)]
    raise _Bad(f"tests are {str(value)[:60]!r}: a list of objects with input and output is needed")


def _parse(value: object) -> Any:
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            return parse_json(value, digits=PYTHON_DIGITS)
        except NotJson:
            return value
    return value


def _unpack(value: object) -> object:
    """Return LiveCodeBench's hidden tests: JSON, or JSON as a text that was pickled, compressed and written in base 64. The pickle is read
    as a list of instructions and never run; one that does more than make a text is refused."""
    if not isinstance(value, str) or not value.strip() or value.strip()[0] in "[{":
        return value
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(value, validate=True), MOST_UNPACKED_BYTES)
        steps = [(step.name, argument) for step, argument, _ in pickletools.genops(data)]
    except (binascii.Error, zlib.error, ValueError) as error:
        raise _Bad(f"its hidden tests cannot be unpacked ({type(error).__name__})") from error
    texts = [argument for _, argument in steps if isinstance(argument, str)]
    if len(texts) != 1 or any(name not in _PLAIN_TEXT for name, _ in steps):
        raise _Bad("its hidden tests hold a pickle of something other than a text: such are not loaded")
    return texts[0]


def _entry_of_method(fields: Fields, pairs: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the function or method to call, or None if the tests are of another kind."""
    about = _parse(fields.get("metadata"))
    entry_name = next((pair["fn_name"] for pair in pairs if pair.get("fn_name")), None) or fields.get("fn_name")
    entry_name = entry_name or (about.get("func_name") if isinstance(about, dict) else None)
    starter = str(fields.get("starter_code", ""))
    functional = any(pair.get("testtype") in ("functional", "function_call") or pair.get("type") == "function_call" for pair in pairs)
    if not entry_name and functional:
        entry_name = next(iter(_DEFINITION.findall(starter)), None)
    if not entry_name:
        return None
    return f"Solution.{entry_name}" if "class Solution" in starter or (functional and not starter.strip()) else str(entry_name)


def _json_pair(pair: Mapping[str, Any]) -> tuple[str, str]:
    """Return arguments and value as JSON. LiveCodeBench writes one argument per line, others a list of them."""
    stdin, stdout = pair["input"], pair["output"]
    try:
        args = [parse_json(line, digits=PYTHON_DIGITS) for line in stdin.split("\n") if line.strip()] if isinstance(stdin, str) else stdin
        value = parse_json(stdout, digits=PYTHON_DIGITS) if isinstance(stdout, str) and pair.get("testtype") == "functional" else stdout
    except NotJson as error:
        raise _Bad(f"a test's arguments or value are no JSON ({str(stdin)[:40]!r})") from error
    if not isinstance(args, list):
        args = [args]
    return json.dumps(args, default=float), json.dumps(value, default=float)
