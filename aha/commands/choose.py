"""The recipe to run, from a name, a recipe file or a manifest.
Python files that a person names on the command line are the only code, besides the package's own, that a command runs.
The bytes are read once: the bytes that are hashed are those that run, and no cached byte code beside the file is used."""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import cast

from aha.commands.arguments import EXAMPLE_FLAGS, NEEDS, CliArgs, no_problems
from aha.durable.reading import read_file
from aha.errors import AhaError, BadInput, DiskTrouble
from aha.protocols import Backend, Compute, Stage
from aha.recipes import RECIPES
from aha.recipes.assembly import assemble, own_code
from aha.recipes.recipe import Recipe, placeholders
from aha.rewards.own import error_text, no_exit
from aha.rundir import Frame, Manifest, RecipeFile, read_manifest
from aha.settings import check_types, flatten, nearest
from aha.stages.rl import Rl

PACKAGE = Path(__file__).parent.parent
LARGEST = 4 * 1024 * 1024  # bytes of a Python file
_LOADED_FILES: set[str] = set()  # the person's own files that this process runs


@dataclass(frozen=True)
class File:
    """A recipe file as it was read."""

    path: str
    data: bytes

    @classmethod
    def read(cls, path: str) -> File:
        """Return the file. BadInput if it cannot be read."""
        try:
            return cls(path, read_file(Path(path).expanduser(), LARGEST))
        except DiskTrouble as error:
            reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else str(error)
            raise BadInput(f"{path}: {reason}; a recipe file is Python that defines `recipe`") from None

    @property
    def text(self) -> str:
        return importlib.util.decode_source(self.data)

    @property
    def recipe_file(self) -> RecipeFile:
        """The path and hash of the file for a manifest."""
        return RecipeFile(self.path, hashlib.sha256(self.data).hexdigest())

    def recipe(self) -> Recipe:
        """Return the Recipe that the file defines as `recipe`, or that a function of this name returns."""
        entry = getattr(load_module("recipe", self.path, self.data), "recipe", None)
        with _own_code():
            recipe = entry() if callable(entry) else entry
        if not isinstance(recipe, Recipe):
            raise BadInput(f"{self.path}: `recipe` has to be a Recipe or a function that returns one; it is {type(recipe).__name__}")
        check_types(recipe.tree, self.path)
        return recipe

    def check(self, manifest: Manifest, path: str, changed: bool) -> None:
        """Raise BadInput if the run at `path` was made from another file, unless `changed` allows it."""
        sha256 = self.recipe_file.sha256
        if manifest.recipe_sha256 is None:
            raise BadInput(f"--recipe {self.path}: {path} is a run of {manifest.recipe}, a recipe of ours: leave --recipe out")
        if sha256 != manifest.recipe_sha256 and not changed:
            raise BadInput(
                f"--recipe {self.path}: its sha256 is {sha256[:12]} and {path} was made from {manifest.recipe_sha256[:12]}: "
                "give the file as it was, or --changed-recipe to take this one"
            )


def load_module(kind: str, path: str, data: bytes) -> ModuleType:
    """Run a person's own Python file and return its module. BadInput if it is not valid Python."""
    _LOADED_FILES.add(path)
    name = f"aha_{kind}_{Path(path).stem}"
    spec = importlib.util.spec_from_loader(name, _Loader(path, data))
    assert spec is not None  # every loader that is not a package has one
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up their module here
    assert spec.loader is not None
    with _own_code(path):
        spec.loader.exec_module(module)
    return module


@contextmanager
def _own_code(path: str = "") -> Iterator[None]:
    """Raise BadInput, in one line, for an error of a person's own code, and for a file at `path` that is no Python."""
    try:
        with no_exit():
            yield
    except AhaError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, SyntaxError) and error.filename == path:
            raise BadInput(f"{path}, line {error.lineno}: {error.msg}") from error
        if line := own_mistake(error, anywhere=True):
            raise BadInput(line) from error
        if path and isinstance(error, UnicodeDecodeError):
            raise BadInput(f"{path}: {error}") from error
        raise


def own_mistake(error: BaseException, anywhere: bool = False) -> str:
    """Return the error of a person's own file, or of a library that it called, in one line; empty if the error is in our code. `anywhere`:
    also return errors in our code if a person's file called it."""
    frames = traceback.extract_tb(error.__traceback__)
    last_own_frame = max((place for place, frame in enumerate(frames) if frame.filename in _LOADED_FILES), default=-1)
    last_package_frame = max((place for place, frame in enumerate(frames) if frame.filename.startswith(str(PACKAGE))), default=-1)
    if last_own_frame < 0 or (last_package_frame > last_own_frame and not anywhere):
        return ""
    return f"{frames[last_own_frame].filename}, line {frames[last_own_frame].lineno}: {type(error).__name__}: {error_text(error)}"


class _Loader(importlib.abc.ExecutionLoader):
    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.data = path, data

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self.data)

    def get_filename(self, fullname: str) -> str:
        return self.path

    def is_package(self, fullname: str) -> bool:
        return False


NO_ARGUMENTS = CliArgs()


@dataclass(frozen=True)
class ResolvedRecipe:
    """A recipe with a person's settings in it. For a recipe of their own: the file that defined it, its text, and whether a run begun with
    another file may be resumed with it."""

    recipe: Recipe
    file: RecipeFile | None = None
    source: str | None = None
    is_changed: bool = False


@dataclass(frozen=True)
class RunOptions:
    """The options of a run that change nothing about what is learned. `backend` None: this process alone. For recipes of stages: the last
    stage to run, `until`; the `first` that is run again; and `dry`, to show what there is to do."""

    out: Path | None = None
    stall_s: float = 1800.0
    preflight: bool = True
    argv: tuple[str, ...] = ()
    backend: Backend | None = None
    log: str | None = None
    until: str | None = None
    first: str | None = None
    dry: bool = False


def choose(target: str, args: CliArgs = NO_ARGUMENTS) -> ResolvedRecipe:
    """Return the recipe of that name or in that file, with the arguments of the command line. BadInput if a value is missing, refused or
    unknown."""
    choice = _find_recipe(target, args)
    recipe = choice.recipe.real() if choice.recipe.real is not None and args.model is not None else choice.recipe
    _refuse(recipe, "model", args.model)
    _refuse(recipe, "problems", args.problems)
    if args.problems is not None:
        recipe = recipe.supply(args.problems)
    if args.model is not None:
        recipe = recipe.put(dict.fromkeys(recipe.models or _no_model(recipe), args.model))
    if args.reading and not _imitates(recipe):
        raise BadInput(no_problems(args.reading[0][0]))
    recipe = recipe.change([(EXAMPLE_FLAGS[flag], value) for flag, value in args.reading])
    return replace(choice, recipe=recipe.change(args.settings).with_correction(), is_changed=args.changed_file)


def complete(recipe: Recipe) -> None:
    """Raise BadInput if the recipe still needs a model, examples, problems or another value from the person, or if a stage would learn
    nothing."""
    for path, flag in placeholders(flatten(recipe.tree)).items():
        raise BadInput(f"recipe {recipe.name} needs {NEEDS.get(flag, f'a value for {path}: give it with --{flag} VALUE')}")
    for name, stage in recipe.stages:
        if not str(getattr(stage, "model", "@")).strip():
            raise BadInput("--model '': the name is empty, as a variable that is not set; give the folder of a model, or a hub name")
        if getattr(getattr(stage, "optim", None), "lr", 1.0) == 0:
            raise BadInput(f"--{name}.optim.lr 0: no weight would ever change; a rate is above 0, as 3e-6")
        if isinstance(stage, Rl) and stage.partial and recipe.compute.engine != "torch":
            raise BadInput(
                f"--{name}.partial true: engine {recipe.compute.engine} takes no weights while it samples; leave out one of them"
            )


def main_rl(recipe: Recipe) -> Rl | None:
    """Return the stage that the doctor can examine: the leading one if it is RL, else the first RL stage; None if there is none."""
    stages = dict(recipe.stages)
    order = [stages[recipe.lead_stage], *stages.values()]
    return next((stage for stage in order if isinstance(stage, Rl)), None)


def _refuse(recipe: Recipe, kind: str, value: object) -> None:
    demand = recipe.model if kind == "model" else recipe.problems
    if value is None or demand != "refused":
        return
    if kind == "problems" and _imitates(recipe):
        raise BadInput(f"recipe {recipe.name} imitates examples and asks no problems: give them with --data FILE.jsonl")
    raise BadInput(f"recipe {recipe.name} brings its own {kind}: leave --{kind} out, or train with your own: aha run r1-zero")


def _imitates(recipe: Recipe) -> bool:
    """Return True if the recipe learns from examples that a person gives."""
    return recipe.problems == "refused" and any(path.endswith(".data") for path in flatten(recipe.tree)) and not recipe.apart


def _no_model(recipe: Recipe) -> list[str]:
    raise BadInput(f"--model: no stage of recipe {recipe.name} has a model")


def _find_recipe(target: str, args: CliArgs) -> ResolvedRecipe:
    if target in RECIPES and args.file is None:
        return ResolvedRecipe(RECIPES[target]())
    path = Path(target).expanduser()
    path = path / "manifest.json" if path.is_dir() else path
    if path.suffix != ".json" and args.file is not None:
        raise BadInput(f"--recipe: it goes with a run's manifest.json, and {target} is not one")
    if path.suffix in (".yaml", ".yml", ".toml", ".ini", ".cfg"):
        raise BadInput(f"{target}: settings are read from no such file: a recipe is a Python file, and a setting is written --path value")
    if path.suffix not in (".py", ".json"):
        raise BadInput(f"{target}: no recipe has this name; there are {', '.join(RECIPES)}{nearest(target, list(RECIPES))}")
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file; give a recipe's name, a recipe file, or a run's manifest.json")
    if path.suffix == ".py":
        file = File.read(str(path))
        return ResolvedRecipe(file.recipe(), file.recipe_file, file.text)
    return recipe_of_manifest(read_manifest(path), str(path), args)


# --- manifests, which are data: none of it is ever run -----------------------------------------------------------------------


def recipe_of_manifest(manifest: Manifest, path: str, args: CliArgs = NO_ARGUMENTS) -> ResolvedRecipe:
    """Return the recipe of a run from its manifest: settings and sources. BadInput if a setting is code and its file is not named."""
    file = None if args.file is None else File.read(args.file)
    if file is not None:
        file.check(manifest, path, args.changed_file)
    base = file.recipe() if file is not None else _same_name(manifest)
    frame = manifest.frame or (None if base is None else frame_of(base))
    if file is None and manifest.recipe_sha256 is not None and (frame is None or frame.code):
        raise BadInput(_wants_file(manifest, path))
    if frame is None:
        raise BadInput(f"{path}: it is a run of recipe {manifest.recipe}, which this version does not have; it has {', '.join(RECIPES)}")
    _check_keys(manifest, args)
    if base is not None and frame_of(base).stages != frame.stages:
        base = None
    values = {name: setting.value for name, setting in manifest.settings.items()}
    try:
        tree = assemble(values, frame.stages, base)
    except BadInput as error:
        raise BadInput(f"{path}: {str(error).removeprefix('--')}") from None
    compute = cast(Compute, tree.pop("compute"))
    stages = tuple(cast(dict[str, Stage], tree).items())
    if base is None:
        about = f"repeated from {path}"
        base = Recipe(manifest.recipe, about, stages, main=frame.main, follows=frame.follows, apart=frame.apart)
    sources = {name: setting.source for name, setting in manifest.settings.items()}
    recipe = replace(base, stages=stages, compute=compute, sources=sources)
    return ResolvedRecipe(
        recipe, manifest.recipe_file if file is None else file.recipe_file, manifest.source if file is None else file.text
    )


def frame_of(recipe: Recipe) -> Frame:
    """Return the parts of a recipe that are not settings, for its manifest."""
    kinds = {name: type(stage).__name__ for name, stage in recipe.stages}
    return Frame(kinds, recipe.main, dict(recipe.follows), recipe.apart, own_code(recipe))


def _same_name(manifest: Manifest) -> Recipe | None:
    return RECIPES[manifest.recipe]() if manifest.recipe_sha256 is None and manifest.recipe in RECIPES else None


def _wants_file(manifest: Manifest, path: str) -> str:
    code = f"setting {manifest.frame.code[0]} is code of" if manifest.frame is not None else "it was written by 0.1 from"
    name = "its recipe file" if manifest.recipe_file is None else f"the recipe file {manifest.recipe_file.path}"
    return (
        f"{path}: {code} {name} (sha256 {str(manifest.recipe_sha256)[:12]}), and a manifest runs nothing: name that file with --recipe FILE"
    )


def _check_keys(manifest: Manifest, args: CliArgs) -> None:
    """Raise BadInput if a manifest, which may be a stranger's, chooses the variable whose key is sent to a server."""
    own_names = {path.replace("-", "_") for path, _ in args.settings}
    for path, setting in manifest.settings.items():
        plain = path.replace("-", "_")
        if path.rpartition(".")[2] == "key_variable" and setting.value and not {plain, plain.partition(".")[2]} & own_names:
            flag = f"--{path} {setting.value}"
            raise BadInput(f"{path}: a manifest cannot choose which key is sent to a server; where it shall be, say so yourself: {flag}")
