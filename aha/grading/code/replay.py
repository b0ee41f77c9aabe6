"""Tests with loops, helpers or comparisons of their own: they run in the sandbox too, but never together with the answer.

The tests run alone and write down what they would call the answer with; the answer runs alone and is called with that; the tests run
alone again, with what it returned. If they now want further calls, once more. What the answer returned is data by then.
"""

from __future__ import annotations

import ast
import json
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aha.grading.code.caller import AnswerCode, CallFailure, CallResult, CallValue, limits, run, run_calls
from aha.grading.code.calls import up_to_failure
from aha.grading.code.guest import program
from aha.grading.code.plan import UNREADABLE, asserts_in, parse_source, statements
from aha.grading.code.reading import sources
from aha.grading.code.trials import Trial, Trials, shorten
from aha.grading.sandbox.job import Job, Sandbox
from aha.types import Asserts

MOST_ROUNDS = 6
_CHECK = "__aha_check"


@dataclass(frozen=True)
class _Replay:
    """One run of the tests: each check in order, the calls for which there is no answer yet, and the exception that ended them."""

    checks: tuple[bool, ...]
    next_call: tuple[Any, ...]
    error: str | None


class _Untestable(Exception):
    """Why these tests cannot say anything of an answer."""


def replay(reference: Asserts, answer: AnswerCode, sandbox: Sandbox, every: bool) -> Trials:
    """One trial a check. Tests that cannot be replayed are not the answer's fault: INFRA, so that the grade is Abstained."""
    results = list[tuple[Any, CallResult]]()
    try:
        for _ in range(MOST_ROUNDS):
            replay = _replay_with(reference, results, sandbox)
            if not replay.next_call:
                return _trials(replay, [result for _, result in results], every)
            bounds = limits(reference.seconds, reference.memory_mb, len(reference.tests))
            answers = run_calls(
                answer,
                replay.next_call,
                sandbox,
                bounds,
                lambda answers_so_far: not every and any(isinstance(answer_result, CallFailure) for answer_result in answers_so_far),
            )
            if failure := next((result for result in answers if isinstance(result, CallFailure) and _final(result)), None):
                return Trials((failure.trial,), max(1, asserts_in(reference)))
            results += zip(replay.next_call, answers, strict=False)
            results += [(call, CallFailure(Trial("RE", "not called any more"))) for call in replay.next_call[len(answers) :]]
    except _Untestable as reason:
        return Trials((Trial("INFRA", f"the tests cannot be replayed: {reason}"),), max(1, asserts_in(reference)))
    return Trials((Trial("INFRA", "the tests ask for ever more calls"),), max(1, asserts_in(reference)))


def _final(failure: CallFailure) -> bool:
    """Whether no test can pass any more: the program never loaded, or the sandbox failed. An exception may be what a test wants."""
    return failure.exception is None and failure.trial.verdict != "WA"


def _trials(replay: _Replay, results: list[CallResult], every: bool) -> Trials:
    first = next((result.trial for result in results if isinstance(result, CallFailure)), None)
    why = f"{first.verdict}, {first.reason}" if first else "an assertion does not hold"
    checks = [Trial("OK") if check else Trial("WA", why) for check in replay.checks]
    if replay.error is not None or not checks:
        checks.append(first or Trial("WA", f"the tests ended by {shorten(replay.error or 'checking nothing')[1:-1]}"))
    return Trials(up_to_failure(checks, every), len(checks))


def _replay_with(reference: Asserts, results: list[tuple[Any, CallResult]], sandbox: Sandbox) -> _Replay:
    tests, function = _instrument(reference)
    mark = f"<{secrets.token_hex(8)}>"
    prompt = sources(reference.prompt, reference.entry, f"{reference.entry} = None\n")[0] if reference.prompt.strip() else ""
    request = {
        "mark": mark,
        "entry": reference.entry,
        "prompt": prompt,
        "tests": tests,
        "function": function,
        "known": [[call, _result_fields(result)] for call, result in results],
    }
    bounds = limits(
        reference.seconds, reference.memory_mb, 8 * sum(len(result.text) for _, result in results if isinstance(result, CallValue))
    )
    outcome = run(sandbox, Job(program("examiner"), json.dumps(request).encode(), "python", bounds))
    report = next((line for line in outcome.stdout.split(b"\n") if line.startswith(f"{mark} report ".encode())), None)
    if report is None:
        raise _Untestable(f"{outcome.verdict}, {shorten(outcome.reason)[1:-1]}")
    data = json.loads(report.partition(b" report ")[2])
    if data["trouble"]:
        raise _Untestable(str(data["trouble"]))
    return _Replay(tuple(data["checks"]), tuple(data["needed"]), data["ended"])


def _result_fields(result: CallResult) -> tuple[str, Any]:
    """What a call gave, for the tests: a value, an exception, or something that equals nothing."""
    if isinstance(result, CallValue):
        return "value", json.loads(result.text)
    return ("raised", result.exception) if result.exception else ("other", None)


@lru_cache(maxsize=1024)
def _instrument(reference: Asserts) -> tuple[str, str | None]:
    """The tests with each `assert X` as a check that goes on when X fails, and the function that holds them, if one does."""
    try:
        module = parse_source(reference.tests)
        before, body = statements(module)
        function = next((node for node in module.body if isinstance(node, ast.FunctionDef) and node.body is body), None)
        whole = ast.Module([*before, function], []) if function else module
        text = ast.unparse(ast.fix_missing_locations(_Checks().visit(whole)))
    except UNREADABLE as error:
        raise _Untestable(f"{type(error).__name__} where they are read") from error
    return text, function.name if function else None


class _Checks(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        no_arguments = ast.arguments([], [], None, [], [], None, [])
        return ast.Expr(ast.Call(ast.Name(_CHECK, ast.Load()), [ast.Lambda(no_arguments, node.test)], []))
