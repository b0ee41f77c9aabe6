"""The manifest of a run: everything that its numbers follow from, and the origin of each setting.

It also finds the git commit of a directory that anybody may have made: its configuration names programs, and none of them is started.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from aha.redact import learn_from, mask, mask_setting, mask_words

TIMEOUT_S = 5.0
NO_CONFIGURATION = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_OPTIONAL_LOCKS": "0"}
SHA256 = 64  # letters of a commit's name in a SHA-256 repository


def git_commit(folder: Path) -> str | None:
    """Return the checked-out commit, with `-dirty` if files differ from it, `-unchecked` if that cannot be determined; None outside of a
    repository."""
    try:
        output = _git("-C", str(folder), "rev-parse", "--absolute-git-dir", "--git-common-dir", "--show-toplevel", "HEAD")
        git_folder, common, top, commit = output.splitlines()
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    try:
        return f"{commit}-dirty" if _differs(Path(git_folder), Path(folder, common), top, commit) else commit
    except (OSError, subprocess.SubprocessError):
        return f"{commit}-unchecked"


def _differs(git_folder: Path, common: Path, top: str, commit: str) -> bool:
    """Return True if files differ from the commit, by a temporary repository with the same index and objects but no configuration, since
    filters, hooks and monitors in a configuration are programs."""
    with tempfile.TemporaryDirectory(prefix="aha-git-") as beside:
        bare = Path(beside)
        (bare / "refs").mkdir()
        (bare / "objects/info").mkdir(parents=True)
        (bare / "objects/info/alternates").write_text(f"{(common / 'objects').resolve()}\n", encoding="utf-8")
        (bare / "HEAD").write_text(f"{commit}\n", encoding="utf-8")
        if len(commit) == SHA256:
            (bare / "config").write_text("[core]\nrepositoryformatversion = 1\n[extensions]\nobjectformat = sha256\n", encoding="utf-8")
        shutil.copy2(git_folder / "index", bare / "index")  # with its time, by which git knows which files to read
        arguments = ("diff-index", "--quiet", "--ignore-submodules=dirty", "HEAD", "--")
        with suppress(subprocess.CalledProcessError):  # some file has changed; the next command reports it
            _git("--git-dir", beside, "--work-tree", top, "update-index", "-q", "--refresh")
        try:
            _git("--git-dir", beside, "--work-tree", top, *arguments)
        except subprocess.CalledProcessError as error:
            if error.returncode != 1:
                raise
            return True
    return False


def _git(*words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | NO_CONFIGURATION
    command = ["git", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", *words]
    process = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=TIMEOUT_S, check=True, stdin=subprocess.DEVNULL, env=environment
    )
    return process.stdout


Scalar = str | bool | int | float | None
Plain = Scalar | list[Scalar | list[Scalar]]
RECIPE_FILE = "recipe file"  # listed among the paths that may differ if another recipe file is meant
NEW_SETTINGS: Mapping[str, object] = {  # settings that earlier versions did not have, and the value that matches their behaviour
    "lora.rank": 0,
    "lora.alpha": 32.0,
    "lora.targets": [],
    "max_positions": None,
    "reward.reads": "answer",
    "lag": 0,
    "partial": False,
    "keep_groups": None,
    "keep_groups_every": None,
    "problems.ignore": [],
    "problems.label": "",
    "template.domains": ["math"],
    "template.options": [],
    "too_long": "stop",
    "against": [],
}
NEW_VALUES: Mapping[str, tuple[object, object]] = {"problems.domain": ("math", "auto")}  # the old default and the present one
PACKAGES = ("aha", "torch", "transformers", "tokenizers", "safetensors", "numpy")


@dataclass(frozen=True)
class Setting:
    """A value, as plain JSON, and its origin (a section of the paper, `default`, `command line`)."""

    value: Plain
    source: str = ""


@dataclass(frozen=True)
class RecipeFile:
    """A person's own recipe file, as they named it, and the sha256 of its bytes. A manifest holds no code that would be run."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Frame:
    """The part of a recipe that is not a setting: each stage's kind, the main stage, the order of stages, `apart` if stages have
    directories of their own, and the paths of settings that are code of the recipe file."""

    stages: Mapping[str, str]
    main: str = ""
    follows: Mapping[str, tuple[str, float | None]] = field(default_factory=dict)
    apart: bool = False
    code: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """The record of a run's origin. `settings` by their path, flat. `source` is the text of a user's own recipe file, read but never run.
    `created` is information only. `sandbox`: the tier for programs of the model, if the problems ask for programs. `models`: a signature of
    each file of the initial models; earlier versions wrote none. `repeats`: "not repeatable" if the same command gives other tokens.
    Runs of 0.1 have no `recipe_file` and no `frame`."""

    recipe: str
    settings: Mapping[str, Setting]
    seeds: Mapping[str, int]
    versions: Mapping[str, str]
    git_commit: str | None
    argv: tuple[str, ...]
    created: str
    source: str | None = None
    sandbox: str | None = None
    recipe_file: RecipeFile | None = None
    frame: Frame | None = None
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    repeats: str = ""

    @property
    def recipe_sha256(self) -> str | None:
        """The sha256 of the run's recipe file; None for a built-in recipe."""
        if self.recipe_file is not None:
            return self.recipe_file.sha256
        return None if self.source is None else hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()

    def differences(self, new: Manifest, free: frozenset[str] = frozenset()) -> list[str]:
        """Return `path: old -> new` for each setting whose value differs, except those at or below a path in `free`."""
        paths = [*self.settings, *(path for path in new.settings if path not in self.settings)]
        lines = [_difference(path, self.settings.get(path), new.settings.get(path)) for path in paths if not _is_free(path, free)]
        recipe_file = (
            "" if RECIPE_FILE in free else _difference(RECIPE_FILE, _hash_setting(self.recipe_sha256), _hash_setting(new.recipe_sha256))
        )
        sandbox = _difference("sandbox", _tier_setting(self.sandbox), _tier_setting(new.sandbox))
        return [line for line in [*lines, recipe_file, sandbox] if line]

    def other_digits(self, new: Manifest) -> list[str]:
        """Return `name: old -> new` for each version and each setting of `compute` that differs: a run goes on, with other last digits."""
        names = [name for name in {**self.versions, **new.versions} if self.versions.get(name) != new.versions.get(name)]
        lines = [f"{name}: {self.versions.get(name, 'none')} -> {new.versions.get(name, 'none')}" for name in names]
        return [*lines, *(line for line in self.differences(new) if line.startswith("compute."))]

    def changed_models(self, new: Manifest) -> list[str]:
        """Return `model (file, file)` for each model in both manifests whose files have changed."""
        lines = []
        for model in self.models.keys() & new.models.keys():
            old_files, new_files = self.models[model], new.models[model]
            names = sorted(name for name in {*old_files, *new_files} if old_files.get(name) != new_files.get(name))
            lines += [f"{model} ({', '.join(names)})"] if names else []
        return sorted(lines)


def describe(
    recipe: str,
    settings: Mapping[str, Setting],
    *,
    seeds: Mapping[str, int],
    argv: Sequence[str],
    source: str | None = None,
    sandbox: str | None = None,
    recipe_file: RecipeFile | None = None,
    frame: Frame | None = None,
    models: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    repeats: str = "",
    clock: Callable[[], float] = time.time,
) -> Manifest:
    """Return the manifest of a run that starts here and now, with the installed versions and the git commit of the working directory, and
    without keys, wherever a person put them."""
    for text in (source or "", *(str(setting.value) for setting in settings.values())):
        learn_from(text)
    start_time = datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds")
    public = {path: replace(setting, value=mask_setting(path, setting.value)) for path, setting in settings.items()}
    return Manifest(
        recipe,
        public,
        dict(seeds),
        versions(),
        git_commit(Path.cwd()),
        mask_words(argv),
        start_time,
        None if source is None else mask(source),
        sandbox,
        None if recipe_file is None else replace(recipe_file, path=mask(recipe_file.path)),
        frame,
        {mask(model): files for model, files in models.items()},
        repeats,
    )


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that numbers depend on."""
    return {"python": platform.python_version(), **{name: version for name in PACKAGES if (version := _version(name))}}


def _version(package: str) -> str | None:
    from importlib import metadata  # takes as long as this whole module, which settings load as well

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def is_as_before(path: str, value: object) -> bool:
    """Return True if the value of a setting that is new since earlier versions means what these versions did."""
    return any(path == name or path.endswith(f".{name}") for name, before in NEW_SETTINGS.items() if before == value)


def _is_free(path: str, free: frozenset[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in free)


def _hash_setting(sha256: str | None) -> Setting | None:
    return None if sha256 is None else Setting(f"sha256 {sha256[:12]}")


def _tier_setting(tier: str | None) -> Setting | None:
    return None if tier is None else Setting(tier)


def _difference(path: str, old: Setting | None, new: Setting | None) -> str:
    if old is None and new is not None and is_as_before(path, new.value):
        return ""
    if old is not None and new is not None and (old.value, new.value) in [pair for name, pair in NEW_VALUES.items() if path.endswith(name)]:
        return ""
    return "" if _key(old) == _key(new) else f"{path}: {_display(old)} -> {_display(new)}"


def _key(setting: Setting | None) -> tuple[bool, str]:
    """Return a key of a setting's value that is equal for 1 and 1.0, but not for 1 and True."""
    value = setting and setting.value
    return setting is None, repr(float(value)) if isinstance(value, int) and not isinstance(value, bool) else repr(value)


def _display(setting: Setting | None) -> str:
    return "nothing" if setting is None else repr(setting.value)
