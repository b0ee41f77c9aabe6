"""From a name, a recipe file or a manifest to the recipe that will run."""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aha.commands.given import NEEDS, Given
from aha.errors import BadInput
from aha.recipes import RECIPES, Recipe
from aha.recipes.recipe import waiting
from aha.rundir import Manifest, read_manifest
from aha.settings import flatten, nearest
from aha.stages.rl import Rl
from aha.tasks.countdown import CountdownProblems
from aha.tasks.rows import RowProblems

NOTHING = Given()
KINDS = {kind.__name__: kind for kind in (CountdownProblems, RowProblems)}


@dataclass(frozen=True)
class Chosen:
    """A recipe with a person's settings in it, and the text of the file that defined it, where it is their own."""

    recipe: Recipe
    source: str | None = None


def choose(target: str, given: Given = NOTHING) -> Chosen:
    """The recipe of that name or in that file, with what was given. BadInput where something is missing, refused or unknown."""
    chosen = _found(target)
    recipe = chosen.recipe.real() if chosen.recipe.real is not None and given.model is not None else chosen.recipe
    _refuse(recipe, "model", given.model)
    _refuse(recipe, "problems", given.problems)
    if given.problems is not None:
        recipe = recipe.supply(given.problems)
    if given.model is not None:
        recipe = recipe.put(dict.fromkeys(recipe.models or _no_model(recipe), given.model))
    return Chosen(recipe.change(given.settings), chosen.source)


def complete(recipe: Recipe) -> None:
    """BadInput where the recipe still waits for a model, examples, problems or another value of the person's."""
    for path, flag in waiting(flatten(recipe.tree)).items():
        raise BadInput(f"recipe {recipe.name} needs {NEEDS.get(flag, f'a value for {path}: give it with --{flag} VALUE')}")


def main_rl(recipe: Recipe) -> Rl | None:
    """The stage that the doctor can examine: the leading one where it is RL, else the first that is."""
    stages = dict(recipe.stages)
    ordered = [stages[recipe.leading], *stages.values()]
    return next((stage for stage in ordered if isinstance(stage, Rl)), None)


def _refuse(recipe: Recipe, what: str, value: object) -> None:
    demand = recipe.model if what == "model" else recipe.problems
    if value is not None and demand == "refused":
        raise BadInput(f"recipe {recipe.name} brings its own {what}: leave --{what} out, or train with your own: aha run r1-zero")


def _no_model(recipe: Recipe) -> list[str]:
    raise BadInput(f"--model: no stage of recipe {recipe.name} has a model")


def _found(target: str) -> Chosen:
    if target in RECIPES:
        return Chosen(RECIPES[target]())
    path = Path(target).expanduser()
    path = path / "manifest.json" if path.is_dir() else path
    if path.suffix not in (".py", ".json"):
        raise BadInput(f"{target}: no recipe has this name; there are {', '.join(RECIPES)}{nearest(target, list(RECIPES))}")
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file; give a recipe's name, a recipe file, or a run's manifest.json")
    if path.suffix == ".py":
        text = path.read_text(encoding="utf-8")
        return Chosen(written(text, str(path)), text)
    return repeated(read_manifest(path), str(path))


# --- a recipe file ----------------------------------------------------------------------------------------------------


class _Text(importlib.abc.ExecutionLoader):
    """A module from its text: the file of today, or the one that a manifest kept."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path

    def get_source(self, fullname: str) -> str:
        return self.text

    def get_filename(self, fullname: str) -> str:
        return self.path

    def is_package(self, fullname: str) -> bool:
        return False


def written(text: str, path: str) -> Recipe:
    """What the file's `recipe` is: a Recipe, or a function that returns one."""
    name = f"aha_recipe_{Path(path).stem}"
    loader = _Text(text, path)
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None  # a loader that is no package has one
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        loader.exec_module(module)
    except SyntaxError as error:
        raise BadInput(f"{path}, line {error.lineno}: {error.msg}") from error
    made = getattr(module, "recipe", None)
    made = made() if callable(made) else made
    if not isinstance(made, Recipe):
        raise BadInput(f"{path}: it has to define `recipe`, a Recipe or a function that returns one; it is {type(made).__name__}")
    return made


# --- a manifest -------------------------------------------------------------------------------------------------------


def repeated(manifest: Manifest, path: str) -> Chosen:
    """The recipe as that run had it, sources included."""
    if manifest.source is not None:
        recipe = written(manifest.source, path)
    elif manifest.recipe in RECIPES:
        recipe = RECIPES[manifest.recipe]()
    else:
        raise BadInput(f"{path}: it is a run of recipe {manifest.recipe}, which this version does not have; it has {', '.join(RECIPES)}")
    values = {name: setting.value for name, setting in manifest.settings.items()}
    recipe = _with_problems(recipe, values).change(values.items())
    return Chosen(replace(recipe, sources={name: setting.source for name, setting in manifest.settings.items()}), manifest.source)


def _with_problems(recipe: Recipe, values: Mapping[str, object]) -> Recipe:
    """Problems stand in a field of any kind, so that the kind is looked up by its name, and its settings follow."""
    before = flatten(recipe.tree)
    for name, _ in recipe.stages:
        path = f"{name}.problems"
        kind = KINDS.get(str(values.get(path)))
        if kind is RowProblems and before.get(path) != "RowProblems":
            recipe = recipe.put({path: RowProblems(str(values[f"{path}.source"]))})
        elif kind is CountdownProblems and before.get(path) != "CountdownProblems":
            recipe = recipe.put({path: CountdownProblems()})
    return recipe
