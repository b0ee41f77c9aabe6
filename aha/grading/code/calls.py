"""Functions and methods that are called with JSON and return JSON, as LeetCode and LiveCodeBench test them.

The sandbox is given calls of what an answer defines and returns values; expected values never enter it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aha.grading.code.guest import program
from aha.grading.code.reading import usual_imports
from aha.grading.code.trials import MalformedValue, Trial, Trials, encode_value, same_json, shorten, value_of
from aha.grading.sandbox.job import Job, Limits, Outcome, Sandbox, Verdict
from aha.types import Calls

MOST_LATE = 3  # timeouts after which the other tests are not tried


@dataclass(frozen=True)
class CallValue:
    """The value that a call returned, and its JSON as it was sent."""

    value: object
    text: str


@dataclass(frozen=True)
class CallFailure:
    """A call that returned nothing. `exception`: the class and message of the exception, if there was one."""

    trial: Trial
    exception: tuple[str, str] | None = None


CallResult = CallValue | CallFailure


@dataclass(frozen=True)
class AnswerCode:
    """The code to call: its pieces in order, the function's name (`f` or `Solution.f`), and lines of the tests that make arguments."""

    sources: tuple[str, ...]
    entry: str
    support: str = ""


def limits(seconds: float, memory_mb: int, expected_bytes: int = 0) -> Limits:
    """Return the limits of a run. The wall clock is a backstop far beyond the CPU limit; output may be several times the expected
    length."""
    return Limits(cpu_s=seconds, wall_s=5 * max(1.0, seconds), memory_mb=memory_mb, output_bytes=max(1 << 20, 4 * expected_bytes))


def run(sandbox: Sandbox, job: Job) -> Outcome:
    """Run a job, and once more if the sandbox itself failed."""
    outcome = sandbox.run(job)
    return sandbox.run(job) if outcome.verdict == "INFRA" else outcome


def run_calls(
    answer: AnswerCode, calls: Sequence[Any], sandbox: Sandbox, bounds: Limits, enough: Callable[[Sequence[CallResult]], bool]
) -> tuple[CallResult, ...]:
    """Return the result of each call, in order, until `enough` returns True.

    One run makes as many calls as its limits, which are those of one test, leave room for; the call that was cut off comes first in the
    next run. So each call has at least a whole test's limits, and only a failure within these limits counts against it."""
    results = list[CallResult]()
    while len(results) < len(calls) and not enough(results):
        mark = f"<{secrets.token_hex(8)}>"
        outcome = run(sandbox, _job(answer, calls[len(results) :], mark, bounds))
        is_loaded, new = _read(outcome, mark, len(calls) - len(results))
        results += new
        if isinstance(is_loaded, CallFailure) and outcome.verdict != "INFRA":
            results.append(CallFailure(is_loaded.trial))
            break
        if is_loaded is None or outcome.verdict == "INFRA":
            results.append(CallFailure(_failed_trial(outcome)))
            break
        if not new:
            results.append(CallFailure(_failed_trial(outcome)))
        if sum(isinstance(result, CallFailure) and result.trial.verdict == "TLE" for result in results) >= MOST_LATE:
            break
    return tuple(results)


def _job(answer: AnswerCode, calls: Sequence[Any], mark: str, bounds: Limits) -> Job:
    request = {"mark": mark, "entry": answer.entry, "sources": answer.sources, "support": answer.support, "calls": calls}
    return Job(program("caller"), json.dumps(request).encode(), "python", bounds)


def _read(outcome: Outcome, mark: str, most: int) -> tuple[CallResult | None, list[CallResult]]:
    """Return the result of loading (`None` if it never ended), and the results of calls up to the first without an answer."""
    records = {place: _result_from(word, rest) for place, word, rest in _records(outcome.stdout, mark.encode())}
    results = list[CallResult]()
    while len(results) < most and (record := records.get(str(len(results)))) is not None:
        results.append(record)
    return records.get("load"), results


def _records(stdout: bytes, mark: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield the place, word and text of each complete record. If a place has several, the last counts."""
    for line in stdout.split(b"\n")[:-1]:
        start, _, rest = line.partition(b" ")
        if start == mark:
            place, _, rest = rest.partition(b" ")
            word, _, text = rest.partition(b" ")
            yield place.decode("ascii", "replace"), word.decode("ascii", "replace"), text.decode("ascii", "replace")


def _result_from(word: str, text: str) -> CallResult:
    if word == "ok":
        return CallValue(None, "null")
    try:
        value = value_of(text)
    except MalformedValue as error:
        return CallFailure(Trial("RE", f"what it returned cannot be read ({error})"))
    if word == "value":
        return CallValue(value, text)
    kind, words = ([str(part) for part in value] + ["", ""])[:2] if isinstance(value, list) else ("", "")
    if word == "uncarried":
        return CallFailure(Trial("WA", f"it returned {words[:80]}"))
    return CallFailure(Trial("RE", f"{shorten(kind)[1:-1]}: {shorten(words)[1:-1]}"), (kind, words))


def _failed_trial(outcome: Outcome) -> Trial:
    """Return the trial for a run that should have answered and did not, with the reason."""
    verdict: Verdict = "RE" if outcome.verdict == "OK" else outcome.verdict
    return Trial(verdict, shorten(outcome.reason or "it ended before it answered")[1:-1])


def try_calls(reference: Calls, code: str, sandbox: Sandbox, every: bool) -> Trials:
    """Return the trials of the tests in order, up to the first failure unless `every`."""
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
    """Return the code to call, after the imports that the problem's judges make."""
    return AnswerCode((usual_imports(code), code), reference.entry)


def up_to_failure(trials: Sequence[Trial], every: bool) -> tuple[Trial, ...]:
    """Return the trials up to and including the first failure; all of them if `every`."""
    first = next((place for place, trial in enumerate(trials, start=1) if trial.verdict != "OK"), len(trials))
    return tuple(trials if every else trials[:first])


def arguments(text: str) -> Any:
    """Return a call's arguments, encoded: a JSON list gives them in order, an object by name; any other value is the only argument."""
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
