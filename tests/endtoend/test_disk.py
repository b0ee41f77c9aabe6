"""The disk fills up, or the run's directory stops taking writes or goes away, in the middle of a real run."""

from __future__ import annotations

import array
import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aha.durable import check_folder
from aha.rundir import Record
from tests.endtoend.conftest import Command, Warm, differing, result_of, rollouts_done, until

ROOM = "size=80m"  # the run wants its reserve of 64 MiB at the start
READ_FLAGS, WRITE_FLAGS, IMMUTABLE = 0x80086601, 0x40086602, 0x10  # ioctls of ext4 and btrfs
GONE = "moved or deleted"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 80 MiB that is ours alone."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", ROOM, "tmpfs", str(folder)], capture_output=True, timeout=10)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True, timeout=10)


def begun(warm: Warm, recipe: Path, root: Path, rollouts: int = 4) -> Command:
    """A run that has done so many rollouts, and goes on."""
    command = warm.start("run", recipe, "--out", root, "--no-preflight")
    assert until(lambda: rollouts_done(root) >= rollouts or command.over)
    assert not command.over, command.said
    return command


def failed_politely(command: Command, says: str) -> str:
    """The one line it ended with."""
    assert command.code == 74, command.said
    last = command.said.splitlines()[-1]
    assert last.startswith("aha: ") and says in last
    assert "Traceback" not in command.said
    return last


def sound(root: Path) -> None:
    checkpoints = Record(root).checkpoints()
    assert checkpoints
    assert [check_folder(each.folder) for each in checkpoints] == [""] * len(checkpoints)


def goes_on(warm: Warm, recipe: Path, root: Path, expected: dict[str, bytes]) -> None:
    warm.run("run", recipe, "--out", root, "--no-preflight")
    assert differing(result_of(root), expected) == []


def fill(disk: Path) -> Path:
    """A file that takes all that is left."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return path


@contextmanager
def frozen(folder: Path) -> Iterator[None]:
    """Nothing can be made in the folder: for root by the file system's immutable flag, which permissions do not bind."""
    if os.geteuid():
        folder.chmod(0o500)
        yield
        folder.chmod(0o700)
        return
    before = _flags(folder)
    _set_flags(folder, before | IMMUTABLE)
    try:
        yield
    finally:
        _set_flags(folder, before)


def _flags(folder: Path) -> int:
    room = array.array("L", [0])
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, READ_FLAGS, room)
    except OSError:
        pytest.skip("this file system knows no immutable folders")
    finally:
        os.close(descriptor)
    return room[0]


def _set_flags(folder: Path, flags: int) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, WRITE_FLAGS, array.array("L", [flags]))
    except OSError:
        pytest.skip("this file system makes no folder immutable")
    finally:
        os.close(descriptor)


@pytest.mark.slow
def test_a_disk_that_fills_up_ends_the_run_with_one_line_and_it_goes_on_when_there_is_room(
    warm: Warm, even: Path, expected: dict[str, bytes], small_disk: Path, tell: Callable[[str], None]
) -> None:
    root = small_disk / "run"
    command = begun(warm, even, root)
    filler = fill(small_disk)
    tell(f"full disk: {failed_politely(command, 'free')}")
    sound(root)
    assert not list(root.rglob("*.aside"))  # what was half-written would only take space
    filler.unlink()
    goes_on(warm, even, root, expected)


@pytest.mark.long
@pytest.mark.parametrize("where", ["groups", "checkpoints"])
def test_a_directory_that_takes_no_writes_ends_the_run_with_one_line(
    where: str, warm: Warm, even: Path, expected: dict[str, bytes], tmp_path: Path, tell: Callable[[str], None]
) -> None:
    root = tmp_path / "run"
    command = begun(warm, even, root)
    with frozen(root / where):
        tell(f"{where} frozen: {failed_politely(command, 'no permission')}")
    sound(root)
    goes_on(warm, even, root, expected)


@pytest.mark.long
def test_a_directory_that_is_moved_ends_the_run_with_one_line_and_it_goes_on_when_it_is_back(
    warm: Warm, even: Path, expected: dict[str, bytes], tmp_path: Path, tell: Callable[[str], None]
) -> None:
    root, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    command = begun(warm, even, root)
    root.rename(elsewhere)
    tell(f"moved: {failed_politely(command, GONE)}")
    sound(elsewhere)
    assert not root.exists()
    elsewhere.rename(root)
    goes_on(warm, even, root, expected)


@pytest.mark.slow
@pytest.mark.usefixtures("expected")
def test_a_finished_run_on_a_full_disk_says_that_it_is_finished(warm: Warm, even: Path, small_disk: Path) -> None:
    root = small_disk / "run"
    shutil.copytree(warm.folder / "whole", root)
    fill(small_disk)
    again = warm.start("run", even, "--out", root, "--no-preflight")
    assert until(lambda: again.over)
    assert again.code == 0 and f"{root} is finished; nothing is left to do." in again.said
    assert "Traceback" not in again.said
