"""Killed, unplugged or out of room at any moment: the same command ends with the same bytes."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from aha.durable import check_folder
from aha.errors import DiskTrouble
from aha.rundir import Record, RunDir
from tests.counts import ordinary
from tests.faults import FailingDisk, ForgetfulDisk, Killed, KillingDisk
from tests.runs import GROUP, MANIFEST, snapshot, train


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many writes, syncs, renames and removals a run makes."""
    disk = ForgetfulDisk()
    train(tmp_path_factory.mktemp("count") / "run", disk)
    return disk.count


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run that was never stopped leaves."""
    root = tmp_path_factory.mktemp("whole") / "run"
    train(root, ForgetfulDisk())
    return snapshot(root)


def killed(root: Path, disk: KillingDisk, *, power: bool = False) -> list[int]:
    """The rollouts whose checkpoint `commit` had promised when the run died."""
    saved: list[int] = []
    with pytest.raises(Killed):
        train(root, disk, saved=saved)
    if power:
        disk.cut_power(root)
    return saved


def newest_whole(root: Path) -> int:
    """The rollout of the newest checkpoint, every one of which has to be whole; -1 where there is none."""
    checkpoints = Record(root).checkpoints()
    assert [check_folder(checkpoint.folder) for checkpoint in checkpoints] == [""] * len(checkpoints)
    return checkpoints[-1].rollout if checkpoints else -1


def test_a_run_makes_enough_changes_for_the_enumeration_to_mean_something(changes: int) -> None:
    assert changes > 60


MILDER = [pytest.param(torn, power, marks=pytest.mark.long) for torn, power in [(False, False), (True, False), (False, True)]]


@pytest.mark.parametrize("every", ordinary([1, 2], 2))
@pytest.mark.parametrize(("torn", "power"), [(True, True), *MILDER])
def test_killed_at_any_change_it_ends_with_the_same_bytes(
    tmp_path: Path, changes: int, whole: dict[str, bytes], torn: bool, power: bool, every: int
) -> None:
    for at in range(0, changes, every):
        root = tmp_path / str(at)
        saved = killed(root, KillingDisk(at, torn=torn), power=power)
        assert newest_whole(root) >= max(saved, default=-1), at
        train(root, ForgetfulDisk())
        assert snapshot(root) == whole, at


def test_killed_again_at_every_change_while_it_picks_itself_up(tmp_path: Path, changes: int, whole: dict[str, bytes]) -> None:
    for first in range(3, changes, 29):
        for second in range(0, changes, 7):
            root = tmp_path / f"{first}-{second}"
            killed(root, KillingDisk(first, torn=True), power=True)
            disk = KillingDisk(second, torn=True, root=root)
            try:
                train(root, disk)
            except Killed:
                disk.cut_power(root)
            train(root, ForgetfulDisk())
            assert snapshot(root) == whole, (first, second)


RARER = (errno.EIO, errno.EROFS, errno.EDQUOT)


@pytest.mark.parametrize("every", ordinary([1, 2], 2))
@pytest.mark.parametrize("code", [errno.ENOSPC, *(pytest.param(code, marks=pytest.mark.long) for code in RARER)])
def test_a_disk_that_fails_at_any_change_costs_one_line_and_no_checkpoint(
    tmp_path: Path, changes: int, whole: dict[str, bytes], code: int, every: int
) -> None:
    for at in range(1, changes, every):
        root, disk, saved = tmp_path / str(at), FailingDisk(at, code), list[int]()
        told = said_by(root, disk, saved)
        assert told.startswith("RUN") == disk.failed and "\n" not in told, at
        assert newest_whole(root) >= max(saved, default=-1), at
        train(root, ForgetfulDisk())
        assert snapshot(root) == whole, at


def test_a_full_disk_says_how_many_bytes_it_lacks(tmp_path: Path, changes: int) -> None:
    said = {said_by(tmp_path / str(at), FailingDisk(at, errno.ENOSPC)) for at in range(changes)} - {""}
    full = "the disk is full; free some space, then run the same command again: the last checkpoint is kept"
    assert f"RUN/checkpoints/000001: {full} (1,000 bytes needed)" in said
    assert f"RUN/metrics.jsonl: {full} (154 bytes needed)" in said
    assert {line for line in said if "bytes needed" not in line} == {f"RUN: {full}"}  # it had no room for the name of a folder


def said_by(root: Path, disk: FailingDisk, saved: list[int] | None = None) -> str:
    """The line that a run on this disk ends with; empty where it comes to its end."""
    try:
        train(root, disk, saved=saved)
    except DiskTrouble as error:
        return str(error).replace(str(root), "RUN")
    return ""


# --- real file systems ------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 1 MiB until it is remounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, timeout=10, check=False)
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], timeout=10, check=True)


def remount(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], timeout=10, check=True)


def two_rollouts(root: Path) -> None:
    """Two checkpoints of 256 KiB each, written as a learner writes them."""
    run = RunDir.open(root, MANIFEST, reserve_bytes=0)
    try:
        resumed = run.resume()
        for rollout in range(resumed.rollout + 1 if resumed else 0, 2):
            weights = {"w": np.full(65_536, rollout, np.float32)}
            run.commit(rollout, {"step": rollout}, {}, [GROUP], save=lambda folder: save_file(weights, folder / "model.safetensors"))  # noqa: B023
    finally:
        run.close()


def test_a_file_system_of_any_size_that_runs_full_keeps_the_last_checkpoint(small_disk: Path, tmp_path: Path) -> None:
    two_rollouts(tmp_path / "roomy")
    outcomes = set()
    for kib in range(16, 656, 32):
        remount(small_disk, f"size={kib}k")
        root = small_disk / "run"
        with suppress(DiskTrouble):
            two_rollouts(root)
        outcomes.add(newest_whole(root))
        remount(small_disk, "size=4m")
        two_rollouts(root)
        assert snapshot(root) == snapshot(tmp_path / "roomy")
        shutil.rmtree(root)
    assert outcomes == {-1, 0, 1}


def test_what_safetensors_says_of_a_full_disk_is_understood(small_disk: Path) -> None:
    remount(small_disk, "size=128k")
    with pytest.raises(DiskTrouble) as error:
        two_rollouts(small_disk / "run")
    full = "the disk is full; free some space, then run the same command again: the last checkpoint is kept"
    assert str(error.value) == f"{small_disk}/run/checkpoints/000000: {full}"


def test_a_read_only_file_system_is_one_line(small_disk: Path) -> None:
    root = small_disk / "run"
    remount(small_disk, "size=4m")
    two_rollouts(root)
    remount(small_disk, "ro")
    with pytest.raises(DiskTrouble) as error:
        RunDir.open(root, MANIFEST)
    assert (
        str(error.value) == f"{root}: the disk is read-only; make it writable, then run the same command again: the last checkpoint is kept"
    )
    assert newest_whole(root) == 1


@pytest.mark.parametrize("how", ["moved", "deleted", "replaced"])
def test_a_run_whose_directory_goes_away_stops_and_makes_no_new_one(tmp_path: Path, how: str) -> None:
    root = tmp_path / "run"
    run = RunDir.open(root, MANIFEST)
    run.resume()
    run.commit(0, {}, {}, [GROUP])
    root.rename(tmp_path / "elsewhere")
    if how == "deleted":
        shutil.rmtree(tmp_path / "elsewhere")
    if how == "replaced":
        RunDir.open(root, MANIFEST).close()
    before = sorted(os.listdir(tmp_path))
    told = "it was moved or deleted while the run was on; put it back and run the same command again"
    with pytest.raises(DiskTrouble) as error:
        run.commit(1, {}, {}, [GROUP])
    run.close()
    assert str(error.value) == f"{root}: {told}"
    assert sorted(os.listdir(tmp_path)) == before
    assert Record(root).metrics() == []


def test_a_directory_that_goes_away_during_a_save_is_one_line(tmp_path: Path) -> None:
    root = tmp_path / "run"
    run = RunDir.open(root, MANIFEST)
    run.resume()

    def move(folder: Path) -> None:
        root.rename(tmp_path / "elsewhere")

    with pytest.raises(DiskTrouble, match="it is gone; was the run directory moved or deleted"):
        run.commit(0, {}, {}, save=move)
    run.close()
    assert not root.exists()
