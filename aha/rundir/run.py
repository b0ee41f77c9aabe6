"""A run's directory as its one owner writes it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.codec import encode
from aha.durable import (
    Disk,
    Lock,
    append_journal,
    check_folder,
    disk_errors,
    folder_bytes,
    is_aside,
    publish_folder,
    read_journal,
    remove_folder,
    replace_file,
    seal,
)
from aha.errors import BadInput, DiskTrouble
from aha.rundir.check import write_checksums
from aha.rundir.groups import GROUPS_KEY, GroupWriter, groups_files, outer_damage
from aha.rundir.manifest import Manifest
from aha.rundir.record import JOURNALS, TIMINGS, Record, read_manifest
from aha.rundir.retention import METRICS, PROGRESS, Checkpoint, CheckpointState, Progress, Retention
from aha.types import Group

USUAL = Retention()
RESERVE_BYTES = 64 * 1024 * 1024
BEFORE_THE_MANIFEST = {"lock", ".manifest.json.aside"}


@dataclass(frozen=True)
class ResumePoint:
    """The point from which a run resumes: after `rollout`, the last one done."""

    folder: Path
    rollout: int
    progress: dict[str, int | float | str]


class RunDir(Record):
    """The owner's view of a run's directory. `notes`: the damage that was found, and the repairs. `disk`: for files beside a run's own."""

    def __init__(self, root: Path, lock: Lock, disk: Disk, clock: Callable[[], float]) -> None:
        super().__init__(root)
        self.notes: list[str] = []
        self._lock, self.disk, self._clock = lock, disk, clock
        self._last = -1
        self._regular: int | None = None  # the newest checkpoint that was due
        self._healthy: int | None = None
        self._expected_bytes = 0
        self._writers: dict[int, GroupWriter] = {}

    @classmethod
    def open(
        cls,
        root: Path,
        manifest: Manifest,
        *,
        free: frozenset[str] = frozenset(),
        checkpoint_bytes: int = 0,
        reserve_bytes: int = RESERVE_BYTES,
        disk: Disk | None = None,
        clock: Callable[[], float] = time.time,
    ) -> RunDir:
        """Open a new run, or the existing one if its recipe and settings are equal (those in `free` may differ).

        BadInput: another process owns it, it has another recipe or other settings, or it is not a run. DiskTrouble: too little room."""
        _refuse_strangers(root)
        with disk_errors(root):
            root.mkdir(parents=True, exist_ok=True)
            run = cls(root, Lock(root / "lock"), disk or Disk(), clock)
        with ExitStack() as undo:
            undo.callback(run.close)
            run._begin(manifest, free)
            run.preflight(checkpoint_bytes, reserve_bytes)
            undo.pop_all()
        return run

    @staticmethod
    def is_finished(root: Path, manifest: Manifest, free: frozenset[str] = frozenset()) -> bool:
        """Return True if that very run is finished there; nothing is written. BadInput if another run is there."""
        path = root / "manifest.json"
        if not path.is_file() or not Record(root).finished:
            return False
        _same_run(root, read_manifest(path), manifest, free)
        return True

    def preflight(self, checkpoint_bytes: int = 0, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Raise DiskTrouble if three more checkpoints (one of them kept because it is sound) and the reserve do not fit. The newest
        checkpoint's size counts if it is larger."""
        self._expected_bytes = checkpoint_bytes
        size = self._checkpoint_bytes()
        self._need(3 * size + reserve_bytes, f"three checkpoints of {size:,} and a reserve of {reserve_bytes:,}")

    def resume(self) -> ResumePoint | None:
        """Return the newest intact checkpoint, or None at a run's beginning, and drop all later data.

        DiskTrouble if there are checkpoints but none is intact."""
        self._writers.clear()
        checkpoint, damaged_folders = self._newest_whole()
        if damaged_folders and checkpoint is None:
            raise DiskTrouble(f"no checkpoint is whole: {'; '.join(damaged_folders)}. Bring one back, or begin again in another directory")
        self.notes += damaged_folders
        if checkpoint is None and (count := len(self.metrics())):
            self.notes.append(f"{self.root}: there is no checkpoint; what was done, {count} of it recorded, is done again")
        rollout = checkpoint.rollout if checkpoint else -1
        for later in self.checkpoints():
            if later.rollout > rollout:
                self._set_broken_aside(later)
        self._drop_after(rollout, checkpoint)
        self._last = rollout
        if checkpoint is None:
            return None
        self.notes += filter(None, (check_folder(older.folder, whole=False) for older in self.checkpoints() if older.rollout < rollout))
        self.notes += filter(None, (outer_damage(path, sha256) for path, sha256 in self.groups_sums().items()))
        state = checkpoint.state
        self._regular = max((checkpoint.rollout for checkpoint in self.checkpoints() if not checkpoint.is_extra), default=None)
        self._healthy = state.healthy
        self._retain(state)
        return ResumePoint(checkpoint.folder, rollout, dict(state.progress))

    @property
    def healthy(self) -> Checkpoint | None:
        """The newest checkpoint known to be sound: the rollout after it showed no sign of a collapse."""
        return next((checkpoint for checkpoint in self.checkpoints() if checkpoint.rollout == self._healthy), None)

    def write_group(self, rollout: int, group: Group) -> None:
        """Write the next group of the current rollout to a temporary file, until `commit`, which gets all groups, completes it."""
        if rollout not in self._writers:
            self._writers[rollout] = GroupWriter(self.disk, self.root, rollout)
        self._writers[rollout].add(group)

    def commit(
        self,
        rollout: int,
        metrics: Mapping[str, float],
        timings: Mapping[str, float],
        groups: Sequence[Group] = (),
        *,
        save: Callable[[Path], None] | None = None,
        progress: Progress | None = None,
        keep: Retention = USUAL,
        extra: bool = False,
        sick: bool | None = None,
    ) -> None:
        """Write a rollout to disk: its groups, its line of metrics, a checkpoint if `save` is given, then its timings.

        `extra`: the checkpoint is not due, and is kept only until the next one. `sick`: the rollout shows signs of a collapse, so that the
        newest checkpoint before them is kept whatever `keep` says; None: it was not checked, or no rollout follows. After a failure or a
        crash inside, the previous checkpoint is intact, and `resume` drops the rest."""
        if rollout <= self._last:
            raise ValueError(f"rollout {rollout} is not after {self._last}, the last one done: `resume` says where to go on")
        self._lock.check()
        line: dict[str, Any] = {"rollout": rollout, **encode(metrics, dict[str, float])}
        if groups:
            line[GROUPS_KEY] = self._write_groups(rollout, groups)
        append_journal(self.disk, self.root / METRICS, line)
        self._last = rollout
        if sick is False:
            self._healthy = self._regular
        start = time.monotonic()
        state = CheckpointState(progress or {}, keep, extra, None if sick is None else self._healthy)
        if save is not None:
            self._checkpoint(rollout, save, state)
            self._regular = self._regular if extra else rollout
        save_time = {"save_s": time.monotonic() - start} if save else {}
        timing_line = encode({"at": self._clock(), **timings, **save_time}, dict[str, float])
        append_journal(self.disk, self.root / TIMINGS, {"rollout": rollout, **timing_line})
        if save is not None:
            self._retain(state)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write the result and mark the run as finished. Files without a checksum of their own are listed with one first."""
        self._lock.check()
        write_checksums(self.root, self.disk)
        replace_file(self.disk, self.root / "result.json", seal(result or {"finished": True}, indent=2))

    def close(self) -> None:
        """Release the run for other processes."""
        self._lock.release()

    # --- its beginning ---

    def _begin(self, manifest: Manifest, free: frozenset[str]) -> None:
        path = self.root / "manifest.json"
        previous = read_manifest(path) if path.exists() else None
        is_corrected = (
            previous is not None
            and previous.recipe == manifest.recipe
            and bool(previous.differences(manifest, free) or previous.changed_models(manifest))
            and self._is_blank()
        )
        if previous is not None and not is_corrected:
            _same_run(self.root, previous, manifest, free)
            if previous.recipe_sha256 != manifest.recipe_sha256:
                self.notes.append(f"{self.root}: from here on by the recipe file as it is now")
            if lines := previous.other_digits(manifest):
                self.notes.append(
                    f"{self.root}: goes on with {'; '.join(lines)}: its numbers may differ from those of a run that was not stopped"
                )
        if previous is None or is_corrected or previous.recipe_sha256 != manifest.recipe_sha256:
            replace_file(self.disk, path, seal(encode(manifest, Manifest), indent=2))
        with disk_errors(self.root):
            for name in ("groups", "checkpoints"):
                if not (self.root / name).exists():
                    self.disk.mkdir(self.root / name)
            self.disk.fsync(self.root)
            self.disk.fsync(self.root.parent)
            for folder in (self.root, self.root / "groups", self.root / "checkpoints"):
                for path in filter(is_aside, list(folder.iterdir())):
                    self.disk.remove(path)
        for name in JOURNALS:
            self._repair(self.root / name)

    def _is_blank(self) -> bool:
        """Return True if nothing was computed yet, so that a corrected command may begin in the same place."""
        return not any(
            path.is_file() and path.name not in (*BEFORE_THE_MANIFEST, "manifest.json", "audit.json") for path in self.root.rglob("*")
        )

    def _repair(self, path: Path) -> None:
        journal = read_journal(path)
        if journal.torn_bytes:
            self.notes.append(f"{path}: its last {journal.torn_bytes} bytes were torn by a crash and are dropped")
            self._truncate(path, journal.end)
        self.notes += [f"{path}, line {number}: damaged: its checksum differs" for number in journal.damaged_lines]
        if journal.damaged_lines and path.name == METRICS and (checkpoint := self._newest_whole()[0]):
            self._bring_back_metrics(checkpoint)

    def _truncate(self, path: Path, size: int) -> None:
        with disk_errors(path):
            self.disk.truncate(path, size)
            self.disk.fsync(path)

    # --- going on ---

    def _newest_whole(self) -> tuple[Checkpoint | None, list[str]]:
        damaged_folders: list[str] = []
        for checkpoint in reversed(self.checkpoints()):
            problem = check_folder(checkpoint.folder)
            if not problem:
                return checkpoint, damaged_folders
            damaged_folders.append(problem)
        return None, damaged_folders

    def _set_broken_aside(self, checkpoint: Checkpoint) -> None:
        """Rename a checkpoint, for later inspection, to a name that no checkpoint has."""
        grave = checkpoint.folder.with_name(f"{checkpoint.folder.name}.broken")
        if grave.exists():
            remove_folder(self.disk, grave)
        with disk_errors(checkpoint.folder):
            self.disk.rename(checkpoint.folder, grave)
            self.disk.fsync(grave.parent)

    def _drop_after(self, rollout: int, checkpoint: Checkpoint | None) -> None:
        self._bring_back_metrics(checkpoint)
        timings = self.root / TIMINGS
        journal = read_journal(timings)
        records = [line for line in journal.records if line["rollout"] <= rollout]
        if len(records) < len(journal.records) or journal.damaged_lines:
            replace_file(self.disk, timings, b"".join(map(seal, records)))
        with disk_errors(self.root / "groups"):
            for number, path in groups_files(self.root).items():
                if number > rollout:
                    self.disk.remove(path)

    def _bring_back_metrics(self, checkpoint: Checkpoint | None) -> None:
        path = self.root / METRICS
        with disk_errors(path):
            metrics_before = (checkpoint.folder / METRICS).read_bytes() if checkpoint else b""
            has_changed = (path.read_bytes() if path.exists() else b"") != metrics_before
        if has_changed:
            replace_file(self.disk, path, metrics_before)

    # --- one rollout ---

    def _write_groups(self, rollout: int, groups: Sequence[Group]) -> str:
        begun = self._writers[rollout].groups if rollout in self._writers else 0
        if begun > len(groups):
            raise ValueError(f"rollout {rollout} has {len(groups)} groups, and {begun} were written")
        for group in groups[begun:]:
            self.write_group(rollout, group)
        return self._writers.pop(rollout).finish()

    def _checkpoint(self, rollout: int, save: Callable[[Path], None], state: CheckpointState) -> None:
        def fill(folder: Path) -> None:
            save(folder)
            self.disk.write(folder / PROGRESS, json.dumps(encode(state, CheckpointState)).encode())
            self.disk.write(folder / METRICS, (self.root / METRICS).read_bytes())

        size = self._checkpoint_bytes()
        self._need(size, "one checkpoint")
        publish_folder(self.disk, self.root / "checkpoints" / f"{rollout:06d}", fill, size=size)

    def _retain(self, state: CheckpointState) -> None:
        """Remove checkpoints and groups that `state.keep` does not name, and an extra checkpoint once there is a newer one."""
        checkpoints, keep = self.checkpoints(), state.keep
        extra = [checkpoint for checkpoint in checkpoints[:-1] if checkpoint.is_extra]
        regular = [checkpoint for checkpoint in checkpoints if not checkpoint.is_extra]
        old = [checkpoint for checkpoint in regular[: -keep.last] if checkpoint.rollout not in (*keep.also, state.healthy)]
        if keep.every is not None:
            old = [checkpoint for checkpoint in old if (checkpoint.rollout + 1) % keep.every]
        for checkpoint in (*old, *extra):
            remove_folder(self.disk, checkpoint.folder)
        for rollout, path in groups_files(self.root).items():
            if keep.drops_groups(rollout, checkpoints[-1].rollout):
                with disk_errors(path):
                    self.disk.remove(path)

    def _checkpoint_bytes(self) -> int:
        checkpoints = self.checkpoints()
        return max(folder_bytes(checkpoints[-1].folder) if checkpoints else 0, self._expected_bytes)

    def _need(self, byte_count: int, purpose: str) -> None:
        with disk_errors(self.root):
            free = self.disk.free(self.root)
        if free < byte_count:
            raise DiskTrouble(
                f"{self.root}: {free:,} bytes are free and {byte_count:,} are needed ({purpose}); free some space or choose another disk"
            )


def _refuse_strangers(root: Path) -> None:
    """Raise BadInput for files without a manifest: a run writes its manifest first, so they are not ours."""
    with disk_errors(root):
        if root.exists() and not root.is_dir():
            raise BadInput(f"{root}: it is a file; a run needs a directory")
        names = sorted({path.name for path in root.iterdir()} - BEFORE_THE_MANIFEST) if root.exists() else []
        if names and not (root / "manifest.json").exists():
            raise BadInput(f"{root}: it is not empty and holds no run ({names[0]!r} is in it); choose an empty or a new directory")


def _same_run(root: Path, old: Manifest, new: Manifest, free: frozenset[str]) -> None:
    if old.recipe != new.recipe:
        raise BadInput(f"{root}: it belongs to another recipe ({old.recipe}, not {new.recipe}); choose another directory")
    if lines := old.differences(new, free):
        raise BadInput(f"{root}: it was begun with other settings ({'; '.join(lines)}); set them back, or choose another directory")
    if models := old.changed_models(new):
        raise BadInput(
            f"{root}: files of its model are not those it was begun with: {'; '.join(models)}; put them back, or choose another directory"
        )
