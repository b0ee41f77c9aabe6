"""Python files that a person names on the command line: the only code, but the package's own, that a command runs.

The bytes are read once; what is hashed is what is run, and no cached byte code beside the file is.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from aha.durable.reading import read_file
from aha.errors import AhaError, BadInput, DiskTrouble
from aha.recipes.recipe import Recipe
from aha.rewards.own import error_text
from aha.rundir import Manifest, RecipeFile

PACKAGE = Path(__file__).parent.parent
LARGEST = 4 * 1024 * 1024  # bytes of a file of Python
_LOADED_FILES: set[str] = set()  # the files of a person's own that this process runs


@dataclass(frozen=True)
class File:
    """A recipe file as it was read."""

    path: str
    data: bytes

    @classmethod
    def read(cls, path: str) -> File:
        """BadInput where there is none."""
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
        """How a manifest names it."""
        return RecipeFile(self.path, hashlib.sha256(self.data).hexdigest())

    def recipe(self) -> Recipe:
        """What the file's `recipe` is: a Recipe, or a function that returns one."""
        entry = getattr(load_module("recipe", self.path, self.data), "recipe", None)
        try:
            recipe = entry() if callable(entry) else entry
        except AhaError:
            raise
        except (Exception, SystemExit) as error:
            if line := own_mistake(error, anywhere=True):
                raise BadInput(line) from error
            raise
        if not isinstance(recipe, Recipe):
            raise BadInput(
                f"{self.path}: it has to define `recipe`, a Recipe or a function that returns one; it is {type(recipe).__name__}"
            )
        return recipe

    def check(self, manifest: Manifest, path: str, changed: bool) -> None:
        """BadInput where the run at `path` was made from another file, unless that is meant."""
        sha256 = self.recipe_file.sha256
        if manifest.recipe_sha256 is None:
            raise BadInput(f"--recipe {self.path}: {path} is a run of {manifest.recipe}, a recipe of ours: leave --recipe out")
        if sha256 != manifest.recipe_sha256 and not changed:
            raise BadInput(
                f"--recipe {self.path}: its sha256 is {sha256[:12]} and {path} was made from {manifest.recipe_sha256[:12]}: "
                "give the file as it was, or --changed-recipe to take this one"
            )


def load_module(kind: str, path: str, data: bytes) -> ModuleType:
    """The module that a Python file of a person's own defines, run now. BadInput where it is no Python."""
    _LOADED_FILES.add(path)
    name = f"aha_{kind}_{Path(path).stem}"
    spec = importlib.util.spec_from_loader(name, _Loader(path, data))
    assert spec is not None  # a loader that is no package has one
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    assert spec.loader is not None
    try:
        spec.loader.exec_module(module)
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: {error}") from error
    except SyntaxError as error:
        if error.filename != path:
            raise
        raise BadInput(f"{path}, line {error.lineno}: {error.msg}") from error
    except AhaError:
        raise
    except (Exception, SystemExit) as error:
        if line := own_mistake(error, anywhere=True):
            raise BadInput(line) from error
        raise
    return module


def own_mistake(error: BaseException, anywhere: bool = False) -> str:
    """What went wrong in a person's own file, or in a library that it called, in one line; empty where it went wrong in ours. `anywhere`:
    in ours, too, where a person's file called it."""
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
