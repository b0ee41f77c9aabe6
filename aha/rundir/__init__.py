"""A run on disk: manifest, metrics, timings, groups, checkpoints and the result.

A checkpoint is the truth: it holds the weights, the progress and the metrics up to its rollout, and going on from it drops
all that is later. So a run that was stopped at any moment ends with the same bytes as one that never was; only
`timings.jsonl` and the manifest's `created` know a clock.
"""

from aha.rundir.manifest import Frame, Manifest, RecipeFile, Setting, describe
from aha.rundir.record import Record, read_manifest
from aha.rundir.retention import Checkpoint, Progress, Retention
from aha.rundir.run import ResumePoint, RunDir

__all__ = [
    "Checkpoint",
    "Frame",
    "Manifest",
    "Progress",
    "RecipeFile",
    "Record",
    "ResumePoint",
    "Retention",
    "RunDir",
    "Setting",
    "describe",
    "read_manifest",
]
