"""What a run is, and what makes two of them the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aha.rundir.manifest import Plain, Setting, describe, git_commit
from tests.runs import MANIFEST


def test_a_manifest_says_when_and_with_what() -> None:
    manifest = describe("zero", {"lr": Setting(0.1, "paper")}, seeds={"run": 3}, argv=["aha", "run"], clock=lambda: 0.0)
    assert manifest.created == "1970-01-01T00:00:00+00:00"
    assert manifest.versions["python"] == sys.version.split()[0]
    assert (manifest.seeds, manifest.argv) == ({"run": 3}, ("aha", "run"))


@pytest.mark.parametrize(("old", "new"), [(1, 2), (1, True), (0, False), (None, 0), ("1", 1), ([1, 2], [2, 1]), (0.1, 0.1 + 1e-17 * 2)])
def test_values_that_differ_are_told_apart(old: Plain, new: Plain) -> None:
    before = describe("zero", {"a": Setting(old)}, seeds={}, argv=[])
    after = describe("zero", {"a": Setting(new)}, seeds={}, argv=[])
    assert before.differences(after) == ([f"a: {old!r} -> {new!r}"] if repr(old) != repr(new) else [])


def test_one_is_one_point_zero() -> None:
    before = describe("zero", {"a": Setting(1)}, seeds={}, argv=[])
    assert before.differences(describe("zero", {"a": Setting(1.0)}, seeds={}, argv=[])) == []


def test_what_is_free_is_free_with_all_below_it_and_nothing_beside_it() -> None:
    before = describe("zero", {"rl.compute.rows": Setting(1), "rl.computer": Setting(1)}, seeds={}, argv=[])
    after = describe("zero", {"rl.compute.rows": Setting(2), "rl.computer": Setting(2)}, seeds={}, argv=[])
    assert before.differences(after, frozenset({"rl.compute"})) == ["rl.computer: 1 -> 2"]


def test_a_manifest_equals_itself() -> None:
    assert MANIFEST.differences(MANIFEST) == []


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def test_the_commit_is_named_and_whether_files_differ_from_it(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert git_commit(tmp_path) is None
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_commit(tmp_path) == commit
    (tmp_path / "a").write_text("2")
    assert git_commit(tmp_path) == f"{commit}-dirty"


def test_a_file_that_changed_in_the_second_of_its_commit_is_seen_later(tmp_path: Path) -> None:
    """Git reads a file of the same size again only if it is not older than the index, of which a copy is looked at."""
    git(tmp_path, "init", "-q")
    file, index, before = tmp_path / "a", tmp_path / ".git/index", (1_700_000_000, 1_700_000_000)
    file.write_text("1")
    os.utime(file, before)
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "one")
    file.write_text("2")
    os.utime(file, before)
    os.utime(index, before)
    assert str(git_commit(tmp_path)).endswith("-dirty")
