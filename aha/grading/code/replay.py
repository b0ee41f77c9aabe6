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

from aha.grading.code.caller import Answer, Failed, Returned, Said, call_all, limits, run
from aha.grading.code.calls import up_to_failure
from aha.grading.code.guest import program
from aha.grading.code.plan import UNREADABLE, asserts_in, parsed, statements
from aha.grading.code.reading import sources
from aha.grading.code.trials import Trial, Trials, shown
from aha.grading.sandbox.job import Job, Sandbox
from aha.types import Asserts

MOST_ROUNDS = 6
_CHECK = "__aha_check"


@dataclass(frozen=True)
class _Seen:
    """One run of the tests: each check in order, the calls for which there is no answer yet, and the exception that ended them."""

    checks: tuple[bool, ...]
    needed: tuple[Any, ...]
    ended: str | None


class _Untestable(Exception):
    """Why these tests cannot say anything of an answer."""


def replay(reference: Asserts, answer: Answer, sandbox: Sandbox, every: bool) -> Trials:
    """One trial a check. Tests that cannot be replayed are not the answer's fault: INFRA, so that the grade is Abstained."""
    known = list[tuple[Any, Said]]()
    try:
        for _ in range(MOST_ROUNDS):
            seen = _examined(reference, known, sandbox)
            if not seen.needed:
                return _trials(seen, [said for _, said in known], every)
            bounds = limits(reference.seconds, reference.memory_mb, len(reference.tests))
            said = call_all(answer, seen.needed, sandbox, bounds, lambda some: not every and any(isinstance(one, Failed) for one in some))
            if broken := next((each for each in said if isinstance(each, Failed) and _final(each)), None):
                return Trials((broken.trial,), max(1, asserts_in(reference)))
            known += zip(seen.needed, said, strict=False)
            known += [(call, Failed(Trial("RE", "not called any more"))) for call in seen.needed[len(said) :]]
    except _Untestable as reason:
        return Trials((Trial("INFRA", f"the tests cannot be replayed: {reason}"),), max(1, asserts_in(reference)))
    return Trials((Trial("INFRA", "the tests ask for ever more calls"),), max(1, asserts_in(reference)))


def _final(failed: Failed) -> bool:
    """Whether no test can pass any more: the program never loaded, or the sandbox failed. An exception may be what a test wants."""
    return failed.raised is None and failed.trial.verdict != "WA"


def _trials(seen: _Seen, said: list[Said], every: bool) -> Trials:
    first = next((each.trial for each in said if isinstance(each, Failed)), None)
    why = f"{first.verdict}, {first.reason}" if first else "an assertion does not hold"
    checks = [Trial("OK") if check else Trial("WA", why) for check in seen.checks]
    if seen.ended is not None or not checks:
        checks.append(first or Trial("WA", f"the tests ended by {shown(seen.ended or 'checking nothing')[1:-1]}"))
    return Trials(up_to_failure(checks, every), len(checks))


def _examined(reference: Asserts, known: list[tuple[Any, Said]], sandbox: Sandbox) -> _Seen:
    tests, function = _instrumented(reference)
    mark = f"<{secrets.token_hex(8)}>"
    prompt = sources(reference.prompt, reference.entry, f"{reference.entry} = None\n")[0] if reference.prompt.strip() else ""
    given = {
        "mark": mark,
        "entry": reference.entry,
        "prompt": prompt,
        "tests": tests,
        "function": function,
        "known": [[call, _told(said)] for call, said in known],
    }
    bounds = limits(reference.seconds, reference.memory_mb, 8 * sum(len(said.text) for _, said in known if isinstance(said, Returned)))
    outcome = run(sandbox, Job(program("examiner"), json.dumps(given).encode(), "python", bounds))
    report = next((line for line in outcome.stdout.split(b"\n") if line.startswith(f"{mark} report ".encode())), None)
    if report is None:
        raise _Untestable(f"{outcome.verdict}, {shown(outcome.reason)[1:-1]}")
    data = json.loads(report.partition(b" report ")[2])
    if data["trouble"]:
        raise _Untestable(str(data["trouble"]))
    return _Seen(tuple(data["checks"]), tuple(data["needed"]), data["ended"])


def _told(said: Said) -> tuple[str, Any]:
    """What a call gave, for the tests: a value, an exception, or something that equals nothing."""
    if isinstance(said, Returned):
        return "value", json.loads(said.text)
    return ("raised", said.raised) if said.raised else ("other", None)


@lru_cache(maxsize=1024)
def _instrumented(reference: Asserts) -> tuple[str, str | None]:
    """The tests with each `assert X` as a check that goes on when X fails, and the function that holds them, if one does."""
    try:
        module = parsed(reference.tests)
        before, body = statements(module)
        function = next((node for node in module.body if isinstance(node, ast.FunctionDef) and node.body is body), None)
        whole = ast.Module([*before, function], []) if function else module
        text = ast.unparse(ast.fix_missing_locations(_Checks().visit(whole)))
    except UNREADABLE as error:
        raise _Untestable(f"{type(error).__name__} where they are read") from error
    return text, function.name if function else None


class _Checks(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        nothing = ast.arguments([], [], None, [], [], None, [])
        return ast.Expr(ast.Call(ast.Name(_CHECK, ast.Load()), [ast.Lambda(nothing, node.test)], []))
