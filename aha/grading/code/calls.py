"""Functions and methods that are called with JSON and return JSON, as LeetCode and LiveCodeBench test them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aha.grading.code.caller import AnswerCode, CallFailure, CallResult, limits, run_calls
from aha.grading.code.compare import same_json
from aha.grading.code.reading import usual_imports
from aha.grading.code.trials import Trial, Trials, shorten
from aha.grading.code.values import encode_value
from aha.grading.sandbox.job import Sandbox
from aha.types import Calls


def try_calls(reference: Calls, code: str, sandbox: Sandbox, every: bool) -> Trials:
    """The tests in order, up to the first that fails unless `every`."""
    tests = [(arguments(text), json.loads(expected)) for text, expected in reference.tests]
    answer = answer_of(reference, code)
    bounds = limits(reference.seconds, reference.memory_mb, max((len(expected) for _, expected in reference.tests), default=0))

    def trials(results: Sequence[CallResult]) -> list[Trial]:
        return [_compare(result, expected, reference) for result, (_, expected) in zip(results, tests, strict=False)]

    def enough(results: Sequence[CallResult]) -> bool:
        return not every and any(trial.verdict != "OK" for trial in trials(results))

    results = run_calls(answer, [call for call, _ in tests], sandbox, bounds, enough)
    return Trials(up_to_failure(trials(results), every), len(tests))


def answer_of(reference: Calls, code: str) -> AnswerCode:
    """The code after the imports that its judges make."""
    return AnswerCode((usual_imports(code), code), reference.entry)


def up_to_failure(trials: Sequence[Trial], every: bool) -> tuple[Trial, ...]:
    """All of them, or those up to and with the first that failed."""
    first = next((place for place, trial in enumerate(trials, start=1) if trial.verdict != "OK"), len(trials))
    return tuple(trials if every else trials[:first])


def arguments(text: str) -> Any:
    """A JSON list gives the arguments in order, an object gives them by name; anything else is the only one."""
    match json.loads(text):
        case dict() as keywords:
            return encode_value(([], keywords))
        case list() as positional:
            return encode_value((positional, {}))
        case single:
            return encode_value(([single], {}))


def _compare(result: CallResult, expected: object, reference: Calls) -> Trial:
    if isinstance(result, CallFailure):
        return result.trial
    is_equal = same_json(result.value, expected, reference.tolerance)
    if not is_equal and reference.wrapped and isinstance(expected, list) and len(expected) == 1:
        is_equal = same_json(result.value, expected[0], reference.tolerance)
    return Trial("OK") if is_equal else Trial("WA", f"it returned {shorten(result.text)[1:-1]}")
