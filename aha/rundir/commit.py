"""The git commit of a directory that anybody may have made: its configuration names programs, and none of them is started."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

TIMEOUT_S = 5.0
NO_CONFIGURATION = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_OPTIONAL_LOCKS": "0"}
SHA256 = 64  # letters of a commit's name in a repository of that kind


def git_commit(folder: Path) -> str | None:
    """The commit that is checked out, `-dirty` when files differ from it, `-unchecked` where that cannot be told; None outside of a
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
    """Asked of a repository made for it, which has the same index and objects and no configuration: filters, hooks and monitors are
    programs, and which ones is written there."""
    with tempfile.TemporaryDirectory(prefix="aha-git-") as beside:
        bare = Path(beside)
        (bare / "refs").mkdir()
        (bare / "objects/info").mkdir(parents=True)
        (bare / "objects/info/alternates").write_text(f"{(common / 'objects').resolve()}\n", encoding="utf-8")
        (bare / "HEAD").write_text(f"{commit}\n", encoding="utf-8")
        if len(commit) == SHA256:
            (bare / "config").write_text("[core]\nrepositoryformatversion = 1\n[extensions]\nobjectformat = sha256\n", encoding="utf-8")
        shutil.copyfile(git_folder / "index", bare / "index")
        arguments = ("diff-index", "--quiet", "--ignore-submodules=dirty", "HEAD", "--")
        with suppress(subprocess.CalledProcessError):  # some file is not as it was, which the next command says
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
