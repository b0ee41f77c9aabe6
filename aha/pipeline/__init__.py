"""Named stages in order: in one run directory, or each in its own as a graph. Knows no stage by name."""

from __future__ import annotations

from collections.abc import Sequence

from aha.pipeline.graph import LINEAGE, Graph, Step, run_stage
from aha.protocols import Backend, Observer, Stage
from aha.rundir import RunDir

__all__ = ["LINEAGE", "Graph", "Step", "run"]


def run(stages: Sequence[tuple[str, Stage]], backend: Backend, rundir: RunDir, observer: Observer) -> None:
    """Runs each stage, and finishes the run where none of them did. A finished run is left alone.

    Each stage goes on from what the directory holds, so one that was done before does nothing again."""
    if rundir.finished:
        return
    for name, stage in stages:
        observer.heartbeat(f"stage {name}")
        run_stage(stage, backend, rundir, observer)
    if not rundir.finished:
        rundir.finish({"stages": [name for name, _ in stages]})
