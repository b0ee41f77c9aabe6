"""Assert statements taken apart: what calls the answer goes into the sandbox, what it is compared with stays outside.

assert f([1, 2]) == 3        ->   call f([1, 2]) inside; is `<0> == 3` outside
root = Node(1)               ->   goes in where a call's arguments need it; no comparison may need it too
for x in cases: assert ...   ->   no plan: the tests are replayed with recorded values instead
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock

from aha.grading.code.judging import can_judge
from aha.types import Asserts

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_PARSE_LOCK = Lock()

IMPORT = ast.Import | ast.ImportFrom

_CALL_NAME = re.compile(r"<\d+>")


@dataclass(frozen=True)
class Assertion:
    """`test`: the asserted expression, the n-th call of the plan standing as the name `<n>`. `calls`: the numbers of those."""

    test: ast.expr
    calls: tuple[int, ...]
    words: str


@dataclass(frozen=True)
class AssertPlan:
    """The calls to make, as expressions; the lines that make their arguments; the assertions over what they return."""

    calls: tuple[str, ...]
    support: str
    assertions: tuple[Assertion, ...]


@dataclass
class _Draft:
    """A plan in the making. `lines`: statements that are no assert, which may be needed inside."""

    names: frozenset[str]
    calls: list[str] = field(default_factory=list)
    assertions: list[Assertion] = field(default_factory=list)
    lines: list[ast.stmt] = field(default_factory=list)
    late: list[ast.stmt] = field(default_factory=list)


def parse_source(source: str) -> ast.Module:
    """`ast.parse`, one thread at a time: CPython before 3.12 counts its depth for all threads together, and another compilation may spoil
    the count (SystemError), so it is asked again."""
    with _PARSE_LOCK:
        for _ in range(3):
            with suppress(SystemError):
                return ast.parse(source)
        return ast.parse(source)


@lru_cache(maxsize=4096)
def plan_of(reference: Asserts) -> AssertPlan | None:
    """The plan of straight-line asserts; `None` where the tests have loops, or compare in ways that are not understood."""
    try:
        return _plan(reference)
    except UNREADABLE:
        return None


@lru_cache(maxsize=4096)
def asserts_in(reference: Asserts) -> int:
    """How many assert statements there are; 0 where the tests cannot be read."""
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
    """What stands before the tests, and the tests: the body of `check`, or the whole module."""
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
    """Whether the statement found its place in the draft."""
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
    """Takes calls of the answer out of an expression, outermost first."""

    def __init__(self, draft: _Draft) -> None:
        self.draft = draft

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id in self.draft.names:
            self.draft.calls.append(ast.unparse(node))
            return ast.Name(f"<{len(self.draft.calls) - 1}>", ast.Load())
        self.generic_visit(node)
        return node


def _support(draft: _Draft) -> str | None:
    """Every import, which answers rely on, and the statements that the calls need, in order; `None` where a comparison needs one of these
    too, or one comes after the first assert."""
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
    """The names that a statement makes, or whose value it may change."""
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
