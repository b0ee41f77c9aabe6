"""Calling what an answer defines: the sandbox is given calls and gives back values; nobody in there knows what would be right."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aha.grading.code.guest import program
from aha.grading.code.trials import Trial, shown
from aha.grading.code.values import Malformed, value_of
from aha.grading.sandbox.job import Job, Limits, Outcome, Sandbox, Verdict

MOST_LATE = 3  # tests that ran out of time, after which the others are not tried


@dataclass(frozen=True)
class Returned:
    """What a call gave back: the value, and its JSON as it was sent."""

    value: object
    text: str


@dataclass(frozen=True)
class Failed:
    """A call that gave nothing back. `raised`: the exception's kind and words, where it was one."""

    trial: Trial
    raised: tuple[str, str] | None = None


Said = Returned | Failed


@dataclass(frozen=True)
class Answer:
    """Code to call: its pieces in order, the function's name (`f` or `Solution.f`), and lines of the tests that make arguments."""

    sources: tuple[str, ...]
    entry: str
    support: str = ""


def limits(seconds: float, memory_mb: int, expected: int = 0) -> Limits:
    """The clock is a backstop far beyond the CPU limit; output may be several times as long as the expected one."""
    return Limits(cpu_s=seconds, wall_s=5 * max(1.0, seconds), memory_mb=memory_mb, output_bytes=max(1 << 20, 4 * expected))


def run(sandbox: Sandbox, job: Job) -> Outcome:
    """An outcome; a failure of the sandbox's own is tried once more."""
    outcome = sandbox.run(job)
    return sandbox.run(job) if outcome.verdict == "INFRA" else outcome


def call_all(
    answer: Answer, calls: Sequence[Any], sandbox: Sandbox, bounds: Limits, enough: Callable[[Sequence[Said]], bool]
) -> tuple[Said, ...]:
    """What each call gave, in order, until `enough`.

    One run makes as many calls as its limits, which are those of one test, leave room for; the call that was cut off comes first in the
    next. So each has at least a whole test's limits, and only what it cannot do with them to itself counts against it."""
    said = list[Said]()
    while len(said) < len(calls) and not enough(said):
        mark = f"<{secrets.token_hex(8)}>"
        outcome = run(sandbox, _job(answer, calls[len(said) :], mark, bounds))
        loaded, new = _read(outcome, mark, len(calls) - len(said))
        said += new
        if isinstance(loaded, Failed) and outcome.verdict != "INFRA":
            said.append(Failed(loaded.trial))
            break
        if loaded is None or outcome.verdict == "INFRA":
            said.append(Failed(_ending(outcome)))
            break
        if not new:
            said.append(Failed(_ending(outcome)))
        if sum(isinstance(each, Failed) and each.trial.verdict == "TLE" for each in said) >= MOST_LATE:
            break
    return tuple(said)


def _job(answer: Answer, calls: Sequence[Any], mark: str, bounds: Limits) -> Job:
    given = {"mark": mark, "entry": answer.entry, "sources": answer.sources, "support": answer.support, "calls": calls}
    return Job(program("caller"), json.dumps(given).encode(), "python", bounds)


def _read(outcome: Outcome, mark: str, most: int) -> tuple[Said | None, list[Said]]:
    """How loading went (`None`: it never ended), and the calls that were answered, up to the first that was not."""
    records = {place: _said(word, rest) for place, word, rest in _records(outcome.stdout, mark.encode())}
    answered = list[Said]()
    while len(answered) < most and (said := records.get(str(len(answered)))) is not None:
        answered.append(said)
    return records.get("load"), answered


def _records(stdout: bytes, mark: bytes) -> Iterator[tuple[str, str, str]]:
    """Each whole record; of several for one place the last counts."""
    for line in stdout.split(b"\n")[:-1]:
        start, _, rest = line.partition(b" ")
        if start == mark:
            place, _, rest = rest.partition(b" ")
            word, _, text = rest.partition(b" ")
            yield place.decode("ascii", "replace"), word.decode("ascii", "replace"), text.decode("ascii", "replace")


def _said(word: str, text: str) -> Said:
    if word == "ok":
        return Returned(None, "null")
    try:
        value = value_of(text)
    except Malformed as malformed:
        return Failed(Trial("RE", f"what it returned cannot be read ({malformed})"))
    if word == "value":
        return Returned(value, text)
    kind, words = ([str(part) for part in value] + ["", ""])[:2] if isinstance(value, list) else ("", "")
    if word == "uncarried":
        return Failed(Trial("WA", f"it returned {words[:80]}"))
    return Failed(Trial("RE", f"{shown(kind)[1:-1]}: {shown(words)[1:-1]}"), (kind, words))


def _ending(outcome: Outcome) -> Trial:
    """Why a run that should have answered did not."""
    verdict: Verdict = "RE" if outcome.verdict == "OK" else outcome.verdict
    return Trial(verdict, shown(outcome.reason or "it ended before it answered")[1:-1])
