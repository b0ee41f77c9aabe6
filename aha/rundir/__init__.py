"""The directory of a run: manifest, metrics, timings, groups, checkpoints and the result.

Checkpoints are authoritative: each holds the weights, the progress and the metrics up to its rollout, and resuming from it drops all later
data. So a run that was stopped at any moment ends with the same bytes as one that never was; only `timings.jsonl` and the manifest's
`created` depend on a clock.
"""

from aha.rundir.manifest import Frame, Manifest, RecipeFile, Setting, describe
from aha.rundir.record import Record, read_manifest
from aha.rundir.retention import Checkpoint, Progress, Retention
from aha.rundir.run import RunDir

__all__ = [
    "Checkpoint",
    "Frame",
    "Manifest",
    "Progress",
    "RecipeFile",
    "Record",
    "Retention",
    "RunDir",
    "Setting",
    "describe",
    "read_manifest",
]
