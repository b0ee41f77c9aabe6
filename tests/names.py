"""Which names of the package are pronouns, or participles that stand for a noun: `found`, `each`, `asked`.

The last word of a name decides, as it is the one that says what the thing is: `packed_rows` are rows, `rows_found` would be a `found`. A participle
that is an adjective is no noun: what is declared or assigned as a truth (`closed: bool`, `def finished() -> bool`) is let through, and so are
predicates (`is_…`, `has_…`), `other` in methods like `__eq__`, `left` beside `right`, and names that belong to other people's packages.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.house import Source

PRONOUNS = frozenset(
    """each it its he she they them their theirs this that these those who whom whose what which one ones other others another some any none both
    either neither all own ours mine same such many few several everything anything nothing something everyone anyone someone nobody whatever
    whichever itself themselves here there""".split()
)
IRREGULAR = frozenset(
    """said told found made given shown taken kept held left sent built drawn met meant heard known grown thrown gone begun written spoken broken
    born worn sworn torn bought brought caught fought sought taught felt dealt lent spent bent lost got gotten had been won sung rung sunk drunk
    stuck struck hung dug spun understood stood withdrawn ridden driven risen forgotten proven eaten fallen beaten bitten laid paid led fed bled
    bred fled slept swept wept crept leapt sold wound lain shut hurt""".split()
)
NO_PARTICIPLE = frozenset(  # they only end like one
    "seed need feed speed embed indeed hundred sacred string king thing ring wing bring spring ping during evening morning ceiling".split()
)
OF_THE_FIELD = frozenset(  # what a colleague calls the thing
    """sampling training pretraining learning scaling padding packing masking batching routing embedding encoding decoding reasoning thinking
    checkpointing rating ranking grading judging rendering packed padded masked hidden frozen chosen rejected
    logging threading typing setting heading rounding spacing spelling opening closing ending greeting finding warning timing drawing mapping
    meaning wording loading building listing pending missing seen done expected observed spread""".split()
)
PREDICATES = ("is", "has", "was", "are", "were", "can", "should", "must", "had", "may")
TRUTHS = ("any", "all", "bool", "isinstance", "issubclass", "callable", "hasattr")


class Binding(NamedTuple):
    """A name where it is bound, and whether what it is bound to is a truth."""

    name: str
    line: int
    truth: bool = False


def words(name: str) -> list[str]:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_").split("_")


def stands_for_a_noun(name: str) -> bool:
    """Whether the last word of a name is a pronoun, or a participle that no colleague would take for a noun."""
    first, *_, last = ["", *words(name)] if len(words(name)) == 1 else words(name)
    if name.startswith("__") or first in PREDICATES or last in OF_THE_FIELD | NO_PARTICIPLE:
        return False
    return last in PRONOUNS | IRREGULAR or (last.endswith("ed") and len(last) > 3) or (last.endswith("ing") and len(last) > 4)


def bindings(tree: ast.Module) -> Iterator[Binding]:
    """Every name that a file binds by def, class, parameter, assignment or import; not those that it takes from other packages."""
    yield from _bindings(tree, frozenset(), dunder=False)


def _bindings(node: ast.AST, siblings: frozenset[str], *, dunder: bool) -> Iterator[Binding]:
    for child in ast.iter_child_nodes(node):
        inside, within = siblings, dunder
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                inside, within = _stored(child), name.startswith("__")
                yield Binding(name, child.lineno, _says_bool(child.returns))
            case ast.ClassDef(name=name):
                inside = _stored(child)
                yield Binding(name, child.lineno)
            case ast.arg(arg=name) if not (name == "other" and dunder) and not _is_side(name, siblings):
                yield Binding(name, child.lineno, _says_bool(child.annotation))
            case ast.AnnAssign(target=target, annotation=annotation):
                yield from _targets([target], siblings, truth=_says_bool(annotation))
            case ast.Assign(targets=targets, value=value):
                yield from _targets(targets, siblings, truth=_is_truth(value))
            case ast.NamedExpr(target=target, value=value):
                yield from _targets([target], siblings, truth=_is_truth(value))
            case ast.For(target=target) | ast.AsyncFor(target=target) | ast.comprehension(target=target):
                yield from _targets([target], siblings)
            case ast.withitem(optional_vars=ast.expr() as target):
                yield from _targets([target], siblings)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                ours = isinstance(child, ast.ImportFrom) and (child.module or "").split(".")[0] == "aha"
                yield from (Binding(alias.asname or alias.name, alias.lineno) for alias in names if alias.asname or ours)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                if not _is_side(name, siblings):
                    yield Binding(name, child.lineno)
        yield from _bindings(child, inside, dunder=within)


def _targets(targets: Iterable[ast.expr], siblings: frozenset[str], *, truth: bool = False) -> Iterator[Binding]:
    for target in targets:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and not _is_side(node.id, siblings):
                yield Binding(node.id, node.lineno, truth)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                yield Binding(node.attr, node.end_lineno or node.lineno, truth)


def _is_side(name: str, siblings: frozenset[str]) -> bool:
    return name == "left" and "right" in siblings


def _stored(scope: ast.AST) -> frozenset[str]:
    names = {node.id for node in ast.walk(scope) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    captures = {node.name for node in ast.walk(scope) if isinstance(node, ast.MatchAs) and node.name}
    return frozenset(names | captures | {node.arg for node in ast.walk(scope) if isinstance(node, ast.arg)})


def _says_bool(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation) in ("bool", "bool | None", "Callable[[], bool]")


def _is_truth(value: ast.expr) -> bool:
    match value:
        case ast.Constant(value=bool()) | ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.BoolOp(values=values):
            return all(_is_truth(part) for part in values)
        case ast.Call(func=ast.Name(id=name)):
            return name in TRUTHS
    return False


def share_of_stand_ins(sources: Iterable[Source]) -> tuple[set[str], int]:
    """The distinct names that stand for a noun, and how many distinct names there are."""
    bad, total = set[str](), set[str]()
    for source in sources:
        for binding in bindings(source.tree):
            total.add(binding.name)
            if not binding.truth and stands_for_a_noun(binding.name):
                bad.add(binding.name)
    return bad, len(total)
