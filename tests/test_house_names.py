"""Names say what a thing is: at most 1 % of them are a pronoun, or a participle that stands for a noun (`each`, `found`, `asked`).

The last word of a name decides, since it is the one that says what the thing is: `packed_rows` are rows, `rows_found` would be a `found`.
Let through are what the field itself says (`OF_THE_FIELD`), adjectives (what is declared or assigned as true or false: `closed: bool`),
predicates (`is_ready`), `other` in methods like `__eq__`, `left` beside `right`, and names that other packages gave."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from keyword import iskeyword
from typing import NamedTuple

import pytest

from tests.house import House, a_house, the_house, under

PRONOUNS = frozenset(
    """each it its he she they them their theirs this that these those who whom whose what which one ones other others another some any none
    both either neither all own ours mine same such many few several everything anything nothing something everyone anyone someone nobody
    whatever whichever itself themselves here there""".split()
)
IRREGULAR = frozenset(  # participles that do not end in -ed
    """said told found made given shown taken kept held left sent built drawn met meant heard known grown thrown gone begun written spoken
    broken born worn sworn torn bought brought caught fought sought taught felt dealt lent spent bent lost got gotten had been won sung rung
    sunk drunk stuck struck hung dug spun understood stood withdrawn ridden driven risen forgotten proven eaten fallen beaten bitten laid
    paid led fed bled bred fled slept swept wept crept leapt sold wound lain shut hurt""".split()
)
NO_PARTICIPLES = frozenset(  # they only end like one
    """seed need feed speed embed indeed hundred sacred string king thing ring wing bring spring ping during evening morning ceiling
    beginning""".split()
)
OF_THE_FIELD = frozenset(  # what a colleague calls the thing
    """sampling training pretraining learning scaling padding packing masking batching routing embedding encoding decoding reasoning
    thinking checkpointing rating ranking grading judging rendering packed padded masked hidden frozen chosen rejected
    logging threading typing setting heading rounding spacing spelling opening closing ending greeting finding warning timing drawing
    mapping meaning wording loading building listing pending missing seen done expected observed spread""".split()
)
PREDICATES = ("is", "has", "was", "are", "were", "can", "should", "must", "had", "may")
BINDERS = (ast.stmt, ast.arg, ast.NamedExpr, ast.comprehension, ast.withitem, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
TRUTHS = ("any", "all", "bool", "isinstance", "issubclass", "callable", "hasattr")
MOST = 0.01


NAMES_ELSEWHERE = frozenset(  # in backticks in a docstring, and of a file, a metric, a word that a person types or another library
    """past_key_values pathlib zh unknown instruction_id_list kwargs enable_thinking mismatch_kl ess skipped none default at finish short
    save options choices write_example""".split()
)


class Binding(NamedTuple):
    """A name where it is bound, and whether what it is bound to is true or false."""

    name: str
    truth: bool = False


def words(name: str) -> list[str]:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_").split("_")


def stands_for_a_noun(name: str) -> bool:
    *before, last = words(name)
    if name.startswith("__") or (before and before[0] in PREDICATES) or last in OF_THE_FIELD | NO_PARTICIPLES:
        return False
    return last in PRONOUNS | IRREGULAR or (last.endswith("ed") and len(last) > 3) or (last.endswith("ing") and len(last) > 4)


def bindings(tree: ast.Module) -> Iterator[Binding]:
    """Every name that a file binds by def, class, parameter, assignment or import, but for those that it takes from other packages."""
    nodes: list[tuple[ast.AST, ast.AST | None]] = [(tree, None)]
    while nodes:
        node, scope = nodes.pop()
        if isinstance(node, BINDERS):
            for binding in _bound(node):
                if not (binding.name == "other" and _is_dunder(scope)) and not (binding.name == "left" and "right" in _names_within(scope)):
                    yield binding
        inside = node if isinstance(node, SCOPES) else scope
        nodes += [(child, inside) for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context | ast.operator)]


def _bound(node: ast.AST) -> Iterator[Binding]:
    match node:
        case ast.FunctionDef(name=name, returns=returns) | ast.AsyncFunctionDef(name=name, returns=returns):
            yield Binding(name, _says_bool(returns))
        case ast.arg(arg=name, annotation=annotation):
            yield Binding(name, _says_bool(annotation))
        case ast.AnnAssign(target=target, annotation=annotation):
            yield from _stored(target, truth=_says_bool(annotation))
        case ast.Assign(targets=targets, value=value):
            for part in targets:
                yield from _stored(part, truth=_is_truth(value))
        case ast.NamedExpr(target=target, value=value):
            yield from _stored(target, truth=_is_truth(value))
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            ours = isinstance(node, ast.ImportFrom) and under(node.module or "", "aha")
            yield from (Binding(alias.asname or alias.name) for alias in aliases if alias.asname or ours)
        case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield Binding(name)
        case (
            ast.For(target=place)
            | ast.AsyncFor(target=place)
            | ast.comprehension(target=place)
            | ast.withitem(optional_vars=ast.expr() as place)
        ):
            yield from _stored(place)


def _stored(target: ast.expr, *, truth: bool = False) -> Iterator[Binding]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield Binding(node.id if isinstance(node, ast.Name) else node.attr, truth)


def _is_dunder(scope: ast.AST | None) -> bool:
    return isinstance(scope, ast.FunctionDef) and scope.name.startswith("__")


def _names_within(scope: ast.AST | None) -> set[str]:
    return set() if scope is None else {binding.name for node in ast.walk(scope) if isinstance(node, BINDERS) for binding in _bound(node)}


def _says_bool(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation) in ("bool", "bool | None")


def _is_truth(value: ast.expr) -> bool:
    match value:
        case ast.Constant(value=bool()) | ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.BoolOp(values=values):
            return all(map(_is_truth, values))
        case ast.Call(func=ast.Name(id=name)):
            return name in TRUTHS
    return False


def distinct(house: House) -> tuple[set[str], set[str]]:
    """All names of the files, and those of them that stand for a noun."""
    found = {binding for source in house.values() for binding in bindings(source.tree)}
    return {binding.name for binding in found}, {name for name, truth in found if not truth and stands_for_a_noun(name)}


def test_at_most_one_name_in_a_hundred_is_a_pronoun_or_a_participle_that_stands_for_a_noun() -> None:
    names, stand_ins = distinct(the_house())
    assert len(stand_ins) <= MOST * len(names), sorted(stand_ins)


@pytest.mark.parametrize(
    "text",
    [
        "found = f()",
        "def asked(): ...",
        "class Judged: ...",
        "def f(rows_given): ...",
        "for each in rows: pass",
        "self.kept = 1",
        "import numpy as other",
        "from aha.x import said",
        "with f() as opened: pass",
        "[one for one in rows]",
        "if (known := f()): pass",
        "def f(left): ...",
    ],
)
def test_a_name_that_stands_for_a_noun_is_seen(text: str) -> None:
    assert len(distinct(a_house({"aha.attic": text}))[1]) == 1


@pytest.mark.parametrize(
    "text",
    [
        "packed_rows = f()",
        "sampling = f()",
        "def finished() -> bool: ...",
        "closed: bool = f()",
        "changed = before != after",
        "is_frozen = f()",
        "class A:\n    def __eq__(self, other): ...",
        "def f(left, right): ...",
        "from typing import Annotated",
        "import threading",
    ],
)
def test_names_of_the_field_adjectives_and_other_packages_names_are_let_through(text: str) -> None:
    assert distinct(a_house({"aha.attic": text}))[1] == set()


def test_no_class_has_the_name_of_another() -> None:
    classes = Counter(node.name for source in the_house().values() for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef))
    assert [name for name, count in classes.items() if count > 1] == []


def strangers_in_backticks(house: House) -> list[str]:
    """Names in backticks in the docstring of a class or function that stand nowhere in its file: what was renamed and is still said."""
    complaints = []
    for source in house.values():
        names, docstrings, strings = set[str](), list[tuple[int, str]](), list[str]()
        for node in ast.walk(source.tree):
            match node:
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                    names.add(name)
                case ast.alias(name=name):
                    names |= {*name.split("."), node.asname or ""}
                case ast.Constant(value=str(text)):
                    strings.append(text)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
                docstrings.append((node.lineno, ast.get_docstring(node, clean=False) or ""))
        said = Counter(word for text in strings for word in re.findall(r"[a-z_]+", text))
        for _, docstring in docstrings:
            said.subtract(re.findall(r"[a-z_]+", docstring))
        complaints += [
            source.at(line, f"`{name}`")
            for line, docstring in docstrings
            for name in re.findall(r"`([a-z][a-z_]+)`", docstring)
            if name not in names and name not in NAMES_ELSEWHERE and said[name] <= 0 and not iskeyword(name)
        ]
    return complaints


def test_a_name_in_backticks_stands_in_the_file() -> None:
    assert strangers_in_backticks(the_house()) == []
    renamed = a_house({"aha.attic": 'def f(exception: str) -> None:\n    """`raised` says what."""'})
    assert len(strangers_in_backticks(renamed)) == 1
