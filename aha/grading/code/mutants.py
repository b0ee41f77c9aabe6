"""Small mistakes put into a right program, one a mutant: what a test set that is worth its name has to notice."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.USub: ast.UAdd,
}


@dataclass(frozen=True)
class Mutant:
    """A program with one mistake, and the mistake in words."""

    source: str
    change: str


def mutants(source: str, count: int, seed: int = 0) -> list[Mutant]:
    """Up to `count` mutants, none of which reads like the program itself or another mutant; none of what is no Python."""
    try:
        tree = ast.parse(source)
        sites = [(place, variant) for place, node in enumerate(ast.walk(tree)) for variant, _ in enumerate(_mistakes(node))]
        mutants_so_far, sources = list[Mutant](), {ast.unparse(tree)}
        for place, variant in Random(f"mutants {seed}").sample(sites, len(sites)):
            mutant = _mutate(source, place, variant)
            if len(mutants_so_far) < count and mutant.source not in sources:
                sources.add(mutant.source)
                mutants_so_far.append(mutant)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return mutants_so_far


def _mutate(source: str, place: int, variant: int) -> Mutant:
    tree = ast.parse(source)
    node = list(ast.walk(tree))[place]
    line, before = getattr(node, "lineno", 0), ast.unparse(node)
    list(_mistakes(node))[variant]()
    return Mutant(ast.unparse(ast.fix_missing_locations(tree)), f"line {line}: {before[:40]!r} became {ast.unparse(node)[:40]!r}")


def _mistakes(node: ast.AST) -> Iterator[Callable[[], None]]:
    """What can be made wrong in a node, each as a change in place."""
    match node:
        case ast.Compare(ops=ops):
            yield from (_swap(ops, at) for at, op in enumerate(ops) if type(op) in _SWAPS)
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) | ast.UnaryOp(op=op) if type(op) in _SWAPS:
            yield _setting(node, "op", _SWAPS[type(op)]())
        case ast.Constant(value=bool() as value):
            yield _setting(node, "value", not value)
        case ast.Constant(value=int() as value):
            yield _setting(node, "value", value + 1)
            yield _setting(node, "value", value - 1)
        case ast.If(test=test) | ast.IfExp(test=test):
            yield _setting(node, "test", ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.expr()):
            yield _setting(node, "value", ast.Constant(None))
        case ast.Call(args=[_, _, *_]):
            yield _setting(node, "args", [node.args[1], node.args[0], *node.args[2:]])


def _setting(node: ast.AST, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _swap(ops: list[ast.cmpop], at: int) -> Callable[[], None]:
    return lambda: ops.__setitem__(at, _SWAPS[type(ops[at])]())  # type: ignore[call-overload]
