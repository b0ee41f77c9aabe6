"""The rules that decide which checkpoints and groups of a run are kept."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aha.codec import decode
from aha.durable import SUMS, check_folder, naming_file, read_document
from aha.errors import BadInput, DiskTrouble

METRICS, PROGRESS = "metrics.jsonl", "progress.json"
Progress = Mapping[str, int | float | str]


@dataclass(frozen=True)
class Retention:
    """The checkpoints to keep: the last n, those after every `every` rollouts (3, 7, … for 4: they count from 0), and those in `also`.

    The groups of the last `groups` rollouts are kept, and those of every `groups_every` rollouts; None keeps all."""

    last: int = 2
    every: int | None = None
    also: tuple[int, ...] = ()
    groups: int | None = None
    groups_every: int | None = None

    def __post_init__(self) -> None:
        if self.last < 1 or (self.every is not None and self.every < 1):
            raise ValueError(f"Retention(last={self.last}, every={self.every}): both count from 1")
        if any(count is not None and count < 1 for count in (self.groups, self.groups_every)):
            raise ValueError(f"Retention(groups={self.groups}, groups_every={self.groups_every}): both count from 1")

    def drops_groups(self, rollout: int, last: int) -> bool:
        """Return True if the groups of a rollout may be removed once there is a checkpoint after rollout `last`."""
        if self.groups is None or rollout > last - self.groups:
            return False
        return self.groups_every is None or (rollout + 1) % self.groups_every != 0


@dataclass(frozen=True)
class CheckpointState:
    """The content of a checkpoint's progress.json. It names what may be removed, so that a crash before the removal changes nothing.

    `extra`: the checkpoint was not due, and is removed when the next one exists. `healthy`: the newest checkpoint known to be sound, which
    is kept while the doctor sees signs of a collapse; None if there is none to keep."""

    progress: Progress
    keep: Retention
    extra: bool = False
    healthy: int | None = None


@dataclass(frozen=True)
class Checkpoint:
    """The state after a rollout, in Hugging Face format."""

    rollout: int
    folder: Path

    @property
    def state(self) -> CheckpointState:
        """The checkpoint's own state. BadInput or DiskTrouble if it cannot be read."""
        path = self.folder / PROGRESS
        with naming_file(path):
            state: CheckpointState = decode(read_document(path), CheckpointState)
        return state

    @property
    def is_extra(self) -> bool:
        """True if the checkpoint was not due; an unreadable one counts as due."""
        try:
            return self.state.extra
        except (ValueError, BadInput, DiskTrouble):
            return False

    def drops_groups(self, rollout: int) -> bool:
        """Return True if the groups of a rollout may be removed by this checkpoint's rule."""
        try:
            return self.state.keep.drops_groups(rollout, self.rollout)
        except (ValueError, BadInput, DiskTrouble):
            return False

    def copy(self, folder: Path) -> None:
        """Copy the learner's files: a `save` for a commit that goes back to this checkpoint. DiskTrouble if it is damaged."""
        if problem := check_folder(self.folder):
            raise DiskTrouble(problem)
        shutil.copytree(self.folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(SUMS, METRICS, PROGRESS))
