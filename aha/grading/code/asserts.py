"""Functions tested by assert statements, as in HumanEval and MBPP: the calls run in the sandbox and are compared outside if the tests allow
it; otherwise the tests are replayed.

Assert statements are taken apart: calls of the answer go into the sandbox, the values they are compared with stay outside.

assert f([1, 2]) == 3        ->   call f([1, 2]) inside; is `<0> == 3` outside
root = Node(1)               ->   goes in if a call's arguments need it; no comparison may need it too
for x in cases: assert ...   ->   no plan: the tests are replayed with recorded values instead

Tests with loops, helpers or comparisons of their own run in the sandbox too, but never together with the answer.

The tests run alone and record the calls they would make; the answer runs alone and gets these calls; the tests run alone again with the
values that it returned, and so on while they want further calls. These values are plain data.
"""

from __future__ import annotations

import ast
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any

from aha.grading.code.calls import AnswerCode, CallFailure, CallResult, CallValue, limits, run, run_calls, up_to_failure
from aha.grading.code.guest import program
from aha.grading.code.reading import sources
from aha.grading.code.trials import Trial, Trials, can_judge, holds, shorten
from aha.grading.sandbox.job import Job, Sandbox
from aha.lazy import lazy_pattern
from aha.types import Asserts

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_PARSE_LOCK = Lock()

IMPORT = ast.Import | ast.ImportFrom

_CALL_NAME = lazy_pattern(r"<\d+>")


@dataclass(frozen=True)
class Assertion:
    """An assertion of a plan. `test`: the asserted expression, in which the name `<n>` stands for call n. `calls`: the numbers of its
    calls."""

    test: ast.expr
    calls: tuple[int, ...]
    words: str


@dataclass(frozen=True)
class AssertPlan:
    """The calls to make, as expressions; the lines that make their arguments; the assertions about the returned values."""

    calls: tuple[str, ...]
    support: str
    assertions: tuple[Assertion, ...]


@dataclass
class _Draft:
    """A plan in the making. `lines`: statements other than asserts, which may be needed inside; `late`: those after the first assert."""

    names: frozenset[str]
    calls: list[str] = field(default_factory=list)
    assertions: list[Assertion] = field(default_factory=list)
    lines: list[ast.stmt] = field(default_factory=list)
    late: list[ast.stmt] = field(default_factory=list)


def parse_source(source: str) -> ast.Module:
    """Call `ast.parse` in one thread at a time: CPython before 3.12 counts its depth for all threads together, and another compilation may
    spoil the count (SystemError), so it is retried."""
    with _PARSE_LOCK:
        for _ in range(3):
            with suppress(SystemError):
                return ast.parse(source)
        return ast.parse(source)


@lru_cache(maxsize=4096)
def plan_of(reference: Asserts) -> AssertPlan | None:
    """Return the plan of straight-line asserts; `None` if the tests have loops or comparisons that are not understood."""
    try:
        return _plan(reference)
    except UNREADABLE:
        return None


@lru_cache(maxsize=4096)
def asserts_in(reference: Asserts) -> int:
    """Return the number of assert statements; 0 if the tests cannot be parsed."""
    try:
        return sum(isinstance(node, ast.Assert) for node in ast.walk(parse_source(reference.tests)))
    except UNREADABLE:
        return 0


def _plan(reference: Asserts) -> AssertPlan | None:
    before, body = statements(parse_source(reference.tests))
    draft = _Draft(frozenset({reference.entry, "candidate"}))
    draft.lines += before
    for statement in body:
        if not _place(statement, draft):
            return None
    support = _support(draft)
    return None if support is None or not draft.assertions else AssertPlan(tuple(draft.calls), support, tuple(draft.assertions))


def statements(module: ast.Module) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """Return the statements before the tests, and the tests: the body of `check`, or the whole module."""
    check = next((node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "check"), None)
    if check is None or not check.args.args:
        return [], module.body
    return [node for node in module.body if node is not check and not _calls_check(node)], check.body


def _calls_check(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="check"))):
            return True
    return False


def _place(statement: ast.stmt, draft: _Draft) -> bool:
    """Add a statement to the draft; return False if the plan cannot hold it."""
    match statement:
        case ast.Assert(test=test):
            return _assertion(test, draft)
        case ast.Pass() | ast.Expr(value=ast.Constant() | ast.Name()):
            return True
        case (
            ast.Import()
            | ast.ImportFrom()
            | ast.Assign()
            | ast.AnnAssign()
            | ast.AugAssign()
            | ast.Expr()
            | ast.FunctionDef()
            | ast.ClassDef()
        ):
            (draft.late if draft.assertions else draft.lines).append(statement)
            return not draft.names & _names(statement)
    return False


def _assertion(test: ast.expr, draft: _Draft) -> bool:
    first, words = len(draft.calls), ast.unparse(test)
    over = _Probes(draft).visit(test)
    if not can_judge(over) or any(name in draft.names for name in _names(over)):
        return False
    draft.assertions.append(Assertion(over, tuple(range(first, len(draft.calls))), words))
    return True


class _Probes(ast.NodeTransformer):
    """A transformer that takes calls of the answer out of an expression, outermost first."""

    def __init__(self, draft: _Draft) -> None:
        self.draft = draft

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id in self.draft.names:
            self.draft.calls.append(ast.unparse(node))
            return ast.Name(f"<{len(self.draft.calls) - 1}>", ast.Load())
        self.generic_visit(node)
        return node


def _support(draft: _Draft) -> str | None:
    """Return every import, which answers rely on, and the statements that the calls need, in order. Return `None` if a comparison needs one
    of these too, or one comes after the first assert."""
    names = {name for call in draft.calls for name in _names(parse_source(call))} - draft.names
    statements = list[ast.stmt]()
    for statement in reversed(draft.lines):
        if isinstance(statement, IMPORT) or names & set(_bound_names(statement)):
            statements.insert(0, statement)
            names |= _names(statement)
    compared_names = {name for assertion in draft.assertions for name in _names(assertion.test) if not _CALL_NAME.fullmatch(name)}
    common = compared_names & {name for statement in statements if not isinstance(statement, IMPORT) for name in _bound_names(statement)}
    late = names & {name for statement in draft.late for name in _bound_names(statement)}
    return None if common or late else "\n".join(map(ast.unparse, statements))


def _names(node: ast.AST) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def _bound_names(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement binds, or whose value it may change."""
    match statement:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from ((name.asname or name.name).partition(".")[0] for name in names)
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from _roots(targets)
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            yield from _roots([target])
        case ast.Expr(value=value):
            yield from _names(value)


def _roots(targets: Sequence[ast.expr]) -> Iterator[str]:
    for target in targets:
        yield from _names(target)


MOST_ROUNDS = 6
_CHECK = "__aha_check"


@dataclass(frozen=True)
class _Replay:
    """One run of the tests: each check in order, the calls that have no answer yet, and the exception that ended the tests."""

    checks: tuple[bool, ...]
    next_call: tuple[Any, ...]
    error: str | None


class _Untestable(Exception):
    """The tests cannot be replayed; the message says why."""


def replay(reference: Asserts, answer: AnswerCode, sandbox: Sandbox, every: bool) -> Trials:
    """Return one trial per check. Tests that cannot be replayed are not the answer's fault: INFRA, so that the grade is Abstained."""
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
    """Return True if no test can pass any more: the program never loaded, or the sandbox failed. A test may want an exception."""
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
    """Return a call's result for the tests: a value, an exception, or a stand-in that equals nothing."""
    if isinstance(result, CallValue):
        return "value", json.loads(result.text)
    return ("raised", result.exception) if result.exception else ("other", None)


@lru_cache(maxsize=1024)
def _instrument(reference: Asserts) -> tuple[str, str | None]:
    """Return the tests with each `assert X` as a check that goes on when X fails, and the name of the function that holds them, if any."""
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


def try_asserts(reference: Asserts, code: str, sandbox: Sandbox, every: bool) -> Trials:
    """Return one trial per assertion; in a replay, one each time that an assertion is checked."""
    pieces = tuple(sources(reference.prompt, reference.entry, code))
    plan = plan_of(reference)
    if plan is None:
        return replay(reference, AnswerCode(pieces, reference.entry), sandbox, every)
    return _run_plan(reference, plan, AnswerCode(pieces, reference.entry, plan.support), sandbox, every)


def _run_plan(reference: Asserts, plan: AssertPlan, answer: AnswerCode, sandbox: Sandbox, every: bool) -> Trials:
    def trials(results: Sequence[CallResult]) -> list[Trial]:
        values = {f"<{number}>": result for number, result in enumerate(results)}
        return [trial for assertion in plan.assertions if (trial := _trial_of(assertion, values)) is not None]

    def enough(results: Sequence[CallResult]) -> bool:
        return not every and any(trial.verdict != "OK" for trial in trials(results))

    results = run_calls(answer, plan.calls, sandbox, limits(reference.seconds, reference.memory_mb, len(reference.tests)), enough)
    return Trials(up_to_failure(trials(results), every), len(plan.assertions))


def _trial_of(assertion: Assertion, results: Mapping[str, CallResult]) -> Trial | None:
    """Return the trial of an assertion, or `None` while a call that it needs has not been made."""
    operands = [results.get(f"<{number}>") for number in assertion.calls]
    for operand in operands:
        if isinstance(operand, CallFailure):
            return operand.trial
    if None in operands:
        return None
    values = {name: result.value for name, result in results.items() if isinstance(result, CallValue)}
    if holds(assertion.test, values):
        return Trial("OK")
    texts = ", ".join(shorten(operand.text)[1:-1] for operand in operands if isinstance(operand, CallValue))
    return Trial("WA", f"`{shorten(assertion.words)[1:-1]}` does not hold of {texts or 'nothing'}")
