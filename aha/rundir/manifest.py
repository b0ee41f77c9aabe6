"""What a run is: everything that its numbers follow from, and where each setting came from."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from aha.redact import learn_from, mask, mask_setting, mask_words

Scalar = str | bool | int | float | None
Plain = Scalar | list[Scalar | list[Scalar]]
PACKAGES = ("aha", "torch", "transformers", "tokenizers", "safetensors", "numpy")


@dataclass(frozen=True)
class Setting:
    """A value, as plain JSON, and who says so (a section of the paper, `default`, `command line`)."""

    value: Plain
    source: str = ""


@dataclass(frozen=True)
class Manifest:
    """`settings` by their path, flat. `source` is the text of a user's own recipe file. `created` is information only. `sandbox`: the tier
    that programs of the model run in, where the problems ask for programs."""

    recipe: str
    settings: Mapping[str, Setting]
    seeds: Mapping[str, int]
    versions: Mapping[str, str]
    git_commit: str | None
    argv: tuple[str, ...]
    created: str
    source: str | None = None
    sandbox: str | None = None

    def differences(self, new: Manifest, free: frozenset[str] = frozenset()) -> list[str]:
        """`path: old -> new` for each setting whose value differs; those at or below a path in `free` may."""
        paths = [*self.settings, *(path for path in new.settings if path not in self.settings)]
        lines = [_difference(path, self.settings.get(path), new.settings.get(path)) for path in paths if not _is_free(path, free)]
        recipe_file = _difference("recipe file", _hashed(self.source), _hashed(new.source))
        sandbox = _difference("sandbox", _named(self.sandbox), _named(new.sandbox))
        return [line for line in [*lines, recipe_file, sandbox] if line]


def describe(
    recipe: str,
    settings: Mapping[str, Setting],
    *,
    seeds: Mapping[str, int],
    argv: Sequence[str],
    source: str | None = None,
    sandbox: str | None = None,
    clock: Callable[[], float] = time.time,
) -> Manifest:
    """The manifest of a run that starts here and now: with the versions installed and the git commit of the working directory, and without
    keys, wherever a person put them."""
    for text in (source or "", *(str(setting.value) for setting in settings.values())):
        learn_from(text)
    created = datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds")
    shown = {path: replace(setting, value=mask_setting(path, setting.value)) for path, setting in settings.items()}
    return Manifest(
        recipe,
        shown,
        dict(seeds),
        versions(),
        git_commit(Path.cwd()),
        mask_words(argv),
        created,
        None if source is None else mask(source),
        sandbox,
    )


def versions() -> dict[str, str]:
    """Python's and the packages' that numbers depend on; those that are not installed are left out."""
    return {"python": platform.python_version(), **{name: found for name in PACKAGES if (found := _version(name))}}


def git_commit(folder: Path) -> str | None:
    """The commit that is checked out, `-dirty` when files differ from it; None outside of a repository."""
    command = ["git", "-C", str(folder), "describe", "--match=", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _is_free(path: str, free: frozenset[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in free)


def _hashed(source: str | None) -> Setting | None:
    return None if source is None else Setting(f"sha256 {hashlib.sha256(source.encode()).hexdigest()[:12]}")


def _named(tier: str | None) -> Setting | None:
    return None if tier is None else Setting(tier)


def _difference(path: str, old: Setting | None, new: Setting | None) -> str:
    return "" if _key(old) == _key(new) else f"{path}: {_said(old)} -> {_said(new)}"


def _key(setting: Setting | None) -> tuple[bool, str]:
    """Equal for 1 and 1.0, not for 1 and True."""
    value = setting and setting.value
    return setting is None, repr(float(value)) if isinstance(value, int) and not isinstance(value, bool) else repr(value)


def _said(setting: Setting | None) -> str:
    return "nothing" if setting is None else repr(setting.value)
