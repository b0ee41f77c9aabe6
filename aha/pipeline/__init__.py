"""Runs named stages in order: in one run directory, or each in its own as a graph. It knows no stage by name."""

from __future__ import annotations

from collections.abc import Sequence

from aha.pipeline.graph import LINEAGE, Graph, Step, run_stage
from aha.protocols import Backend, Observer, Stage
from aha.rundir import RunDir

__all__ = ["LINEAGE", "Graph", "Step", "run"]


def run(stages: Sequence[tuple[str, Stage]], backend: Backend, rundir: RunDir, observer: Observer) -> None:
    """Run each stage, and finish the run if none of them did. A finished run is left alone.
    Each stage resumes from what the directory holds, so a stage that is done does nothing again."""
    if rundir.finished:
        return
    for name, stage in stages:
        observer.heartbeat(f"stage {name}")
        run_stage(stage, backend, rundir, observer)
    if not rundir.finished:
        rundir.finish({"stages": [name for name, _ in stages]})
