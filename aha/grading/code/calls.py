"""Functions and methods that are called with JSON and return JSON, as LeetCode and LiveCodeBench test them.

Calling what an answer defines: the sandbox is given calls and gives back values; nobody in there knows what would be right.
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

MOST_LATE = 3  # tests that ran out of time, after which the others are not tried


@dataclass(frozen=True)
class CallValue:
    """What a call gave back: the value, and its JSON as it was sent."""

    value: object
    text: str


@dataclass(frozen=True)
class CallFailure:
    """A call that gave nothing back. `exception`: the exception's kind and words, where it was one."""

    trial: Trial
    exception: tuple[str, str] | None = None


CallResult = CallValue | CallFailure


@dataclass(frozen=True)
class AnswerCode:
    """Code to call: its pieces in order, the function's name (`f` or `Solution.f`), and lines of the tests that make arguments."""

    sources: tuple[str, ...]
    entry: str
    support: str = ""


def limits(seconds: float, memory_mb: int, expected_bytes: int = 0) -> Limits:
    """The clock is a backstop far beyond the CPU limit; output may be several times as long as the expected one."""
    return Limits(cpu_s=seconds, wall_s=5 * max(1.0, seconds), memory_mb=memory_mb, output_bytes=max(1 << 20, 4 * expected_bytes))


def run(sandbox: Sandbox, job: Job) -> Outcome:
    """An outcome; a failure of the sandbox's own is tried once more."""
    outcome = sandbox.run(job)
    return sandbox.run(job) if outcome.verdict == "INFRA" else outcome


def run_calls(
    answer: AnswerCode, calls: Sequence[Any], sandbox: Sandbox, bounds: Limits, enough: Callable[[Sequence[CallResult]], bool]
) -> tuple[CallResult, ...]:
    """What each call gave, in order, until `enough`.

    One run makes as many calls as its limits, which are those of one test, leave room for; the call that was cut off comes first in the
    next. So each has at least a whole test's limits, and only what it cannot do with them to itself counts against it."""
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
    """How loading went (`None`: it never ended), and the calls that were answered, up to the first that was not."""
    records = {place: _result_from(word, rest) for place, word, rest in _records(outcome.stdout, mark.encode())}
    results = list[CallResult]()
    while len(results) < most and (record := records.get(str(len(results)))) is not None:
        results.append(record)
    return records.get("load"), results


def _records(stdout: bytes, mark: bytes) -> Iterator[tuple[str, str, str]]:
    """Each whole record; of several for one place the last counts."""
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
    """Why a run that should have answered did not."""
    verdict: Verdict = "RE" if outcome.verdict == "OK" else outcome.verdict
    return Trial(verdict, shorten(outcome.reason or "it ended before it answered")[1:-1])


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
