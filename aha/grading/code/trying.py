"""From an answer to a grade: its code is found, and tried by the tests of whatever kind the reference has."""

from __future__ import annotations

from aha.grading.code.asserts import try_asserts
from aha.grading.code.calls import try_calls
from aha.grading.code.plan import asserts_in
from aha.grading.code.reading import LONGEST_CODE, code_of, published_code_of
from aha.grading.code.stdio import try_stdio
from aha.grading.code.trials import Trial, Trials
from aha.grading.sandbox.job import Sandbox
from aha.types import Asserts, Calls, Code, Grade, Stdio


def grade_code(reference: Code, answer: str, sandbox: Sandbox, *, by_protocol: bool = False) -> Grade:
    """Right when the answer's code passes every test; stops at the first that it fails. `published`: the code is where published
    benchmarks look for it."""
    program = published_code_of(reference, answer) if by_protocol else code_of(reference, answer)
    return try_code(reference, program, sandbox).grade


def try_answer(reference: Code, answer: str, sandbox: Sandbox, *, every: bool = False) -> Trials:
    """What became of each test. `every`: also of those after the first that failed, for the fraction passed."""
    return try_code(reference, code_of(reference, answer), sandbox, every=every)


def try_code(reference: Code, code: str, sandbox: Sandbox, *, every: bool = False) -> Trials:
    """As `try_answer`, for code that stands alone."""
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
    """How many tests there are; for assertions, how many are written."""
    return asserts_in(reference) if isinstance(reference, Asserts) else len(reference.tests)
