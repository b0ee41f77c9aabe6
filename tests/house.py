"""The house as data: its files, what each imports, and the floors that docs/architecture.md draws."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOR_THE_TYPE_CHECKER = ("torch", "aha.batch", "aha.objectives", "aha.rundir")  # what `protocols` may name under TYPE_CHECKING


@dataclass(frozen=True)
class Import:
    """`module` is as deep as the file says: `from torch import Tensor` imports torch.Tensor."""

    module: str
    line: int
    typing_only: bool


@dataclass(frozen=True)
class Source:
    """One Python file under its module's name."""

    module: str
    text: str
    path: str = "snippet.py"

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def calls(self) -> list[tuple[str, ast.Call]]:
        """The dotted name of what each call calls, and the call."""
        return [(dotted(node.func), node) for node in self.nodes if isinstance(node, ast.Call)]

    @property
    def room(self) -> str:
        return room_of(self.module)

    def at(self, line: int, complaint: str) -> str:
        return f"{self.path}:{line}: {complaint}"


House = Mapping[str, Source]


def room_of(module: str) -> str:
    """The part after `aha`; empty for `aha` itself and for what is not ours."""
    ours, _, rest = module.partition(".")
    return rest.partition(".")[0] if ours == "aha" else ""


def under(module: str, *roots: str) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in roots)


@cache
def the_house(*words: str) -> House:
    """Every Python file of the package, or those that hold one of these words: to read all of them takes seconds."""
    sources = {}
    for file in sorted((ROOT / "aha").rglob("*.py")):
        relative = file.relative_to(ROOT)
        module = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        text = file.read_text(encoding="utf-8")
        if not words or any(word in text for word in words):
            sources[module] = Source(module, text, str(relative))
    return sources


def a_house(files: Mapping[str, str]) -> House:
    """A made-up house, to show that a rule fires."""
    return {module: Source(module, text, f"{module}.py") for module, text in files.items()}


def floors() -> dict[str, int]:
    """Room -> floor, from the table in docs/architecture.md."""
    table = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").partition("```floors\n")[2].partition("```")[0]
    return {room: int(line.split()[0]) for line in table.splitlines() for room in line.split()[1:]}


def imports(source: Source, house: House) -> list[Import]:
    """All imports of a file, at whatever depth; those of `protocols` that only the type checker reads are left out."""
    if house is the_house():
        return _imports_of(source.module)
    return imports_in(source, house)


@cache
def _imports_of(module: str) -> list[Import]:
    return imports_in(the_house()[module], the_house())


def imports_in(source: Source, house: House) -> list[Import]:
    found = list(_imports(source.tree, house, typing_only=False))
    if source.module == "aha.protocols":
        found = [each for each in found if not (each.typing_only and under(each.module, *FOR_THE_TYPE_CHECKER))]
    return found


def _imports(node: ast.AST, house: House, *, typing_only: bool) -> Iterator[Import]:
    match node:
        case ast.Import(names=names):
            yield from (Import(name.name, node.lineno, typing_only) for name in names)
        case ast.ImportFrom(module=str(base), names=names, level=0):
            for name in names:
                deep = f"{base}.{name.name}"
                yield Import(base if under(base, "aha") and deep not in house else deep, node.lineno, typing_only)
        case ast.Call(args=[ast.Constant(value=str(module)), *_]) if called(node) in ("importlib.import_module", "import_module"):
            yield Import(module, node.lineno, typing_only)
        case ast.If(test=test, body=body, orelse=orelse) if dotted(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from _each(body, house, typing_only=True)
            yield from _each(orelse, house, typing_only=typing_only)
            return
    yield from _each(ast.iter_child_nodes(node), house, typing_only=typing_only)


def _each(nodes: Iterable[ast.AST], house: House, *, typing_only: bool) -> Iterator[Import]:
    for node in nodes:
        yield from _imports(node, house, typing_only=typing_only)


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute; a part that is no name stands as `?`, as in `?.get` for `queues[0].get`."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{dotted(value)}.{attr}"
    return "?"


def called(node: ast.AST) -> str:
    """The dotted name of what a call calls; empty for what is no call."""
    return dotted(node.func) if isinstance(node, ast.Call) else ""
