"""The grade of an answer by its code: the code is extracted and tried by the kind of tests that the reference has.

Programs from stdin to stdout run once per test, and the words are compared outside the sandbox. If several outputs are valid, a checker
decides in a run of its own.
"""

from __future__ import annotations

import json

from aha.grading.code.asserts import asserts_in, try_asserts
from aha.grading.code.calls import MOST_LATE, limits, run, try_calls
from aha.grading.code.guest import program
from aha.grading.code.reading import LONGEST_CODE, code_of, published_code_of
from aha.grading.code.trials import Trial, Trials, output_differs, shorten
from aha.grading.sandbox.job import Job, Outcome, Sandbox
from aha.types import Asserts, Calls, Code, Grade, Stdio

_YES = ("1", "yes", "ok", "true", "right", "accepted", "ac")
_NO = ("0", "no", "false", "wrong", "rejected", "wa")


def try_stdio(reference: Stdio, code: str, sandbox: Sandbox, every: bool) -> Trials:
    """Return the trials of the tests in order, up to the first failure unless `every`; a program that does not compile fails them all."""
    trials = list[Trial]()
    for stdin, expected in reference.tests:
        trials.append(_run_test(reference, code, stdin, expected, sandbox))
        has_failed = trials[-1].verdict != "OK"
        hopeless = trials[-1].verdict in ("CE", "INFRA") or sum(trial.verdict == "TLE" for trial in trials) >= MOST_LATE
        if has_failed and (hopeless or not every):
            break
    return Trials(tuple(trials), len(reference.tests))


def _run_test(reference: Stdio, code: str, stdin: str, expected: str, sandbox: Sandbox) -> Trial:
    bounds = limits(reference.seconds, reference.memory_mb, len(expected))
    outcome = run(sandbox, Job(code, stdin.encode("utf-8", "replace"), reference.language, bounds))
    if outcome.verdict != "OK":
        return Trial(outcome.verdict, _why(outcome))
    if reference.checker is not None:
        return _check(reference, stdin, outcome.stdout, expected, sandbox)
    differs = output_differs(outcome.stdout, expected, reference.tolerance)
    return Trial("OK") if differs is None else Trial("WA", differs)


def _why(outcome: Outcome) -> str:
    """Return the last line of the program's stderr, or the sandbox's reason."""
    last = outcome.stderr.rstrip().rpartition(b"\n")[2]
    words = last.decode("utf-8", "replace") if outcome.verdict in ("RE", "CE") and last else outcome.reason
    return shorten(words)[1:-1]


def _check(reference: Stdio, stdin: str, output: bytes, expected: str, sandbox: Sandbox) -> Trial:
    """Return the trial that the checker decides. If it says nothing, the output is wrong if the checker accepts the expected one; otherwise
    the checker itself failed (INFRA)."""
    match _ask(reference, stdin, output.decode("utf-8", "surrogateescape"), expected, sandbox):
        case True:
            return Trial("OK")
        case False:
            return Trial("WA", "the checker refuses it")
        case _ if _ask(reference, stdin, expected, expected, sandbox):
            return Trial("WA", "the checker cannot read it")
    return Trial("INFRA", "the checker says nothing of the expected output either")


def _ask(reference: Stdio, stdin: str, output: str, expected: str, sandbox: Sandbox) -> bool | None:
    request = json.dumps({"checker": reference.checker, "input": stdin, "output": output, "expected": expected}).encode()
    outcome = run(sandbox, Job(program("checker"), request, "python", limits(reference.seconds, reference.memory_mb)))
    words = outcome.stdout.decode("utf-8", "replace").split()
    word = words[-1].lower().rstrip(".") if words and outcome.verdict == "OK" else ""
    if word in _YES or word in _NO:
        return word in _YES
    try:
        return float(word) >= 1
    except ValueError:
        return None


def grade_code(reference: Code, answer: str, sandbox: Sandbox, *, by_protocol: bool = False) -> Grade:
    """Return Right if the answer's code passes every test; stop at the first failure. `by_protocol`: extract the code as published
    benchmarks do."""
    program = published_code_of(reference, answer) if by_protocol else code_of(reference, answer)
    return try_code(reference, program, sandbox).grade


def try_answer(reference: Code, answer: str, sandbox: Sandbox, *, every: bool = False) -> Trials:
    """Return the trial of each test. `every`: go on after the first failure, for the fraction passed."""
    return try_code(reference, code_of(reference, answer), sandbox, every=every)


def try_code(reference: Code, code: str, sandbox: Sandbox, *, every: bool = False) -> Trials:
    """Return the trials of code that stands alone, as `try_answer` does."""
    if not code.strip() or len(code) > LONGEST_CODE:
        return Trials((Trial("RE", f"code of {len(code):,} characters" if code.strip() else "no code in the answer"),), tests_of(reference))
    match reference:
        case Stdio():
            return try_stdio(reference, code, sandbox, every)
        case Calls():
            return try_calls(reference, code, sandbox, every)
        case Asserts():
            return try_asserts(reference, code, sandbox, every)


def tests_of(reference: Code) -> int:
    """Return the number of tests; for assertions, the number written."""
    return asserts_in(reference) if isinstance(reference, Asserts) else len(reference.tests)
