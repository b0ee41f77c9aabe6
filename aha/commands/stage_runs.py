"""The backend of a graph's run, and for each stage a run directory and observers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from aha.commands.arguments import local_backend
from aha.commands.choose import ResolvedRecipe, RunOptions
from aha.commands.fitting import fix_kernels, record_plan
from aha.commands.interrupts import Interrupts
from aha.commands.run import FREE, Observers, audit_lines, check_inputs, length_of, manifest, signal_text
from aha.commands.terminal import Terminal
from aha.commands.track import need, track_beside
from aha.doctor import RunMonitor, doctor_of, preflight
from aha.pipeline import Step
from aha.protocols import Heartbeat, Observer, Stage
from aha.recipes.assembly import derived_lines
from aha.recipes.costs import checkpoint_bytes
from aha.recipes.recipe import Recipe
from aha.rundir import Manifest, RunDir
from aha.stages.rl import Rl
from aha.watchdog import Watchdog


class StageWorker:
    """Runs stages of a graph. All input of all stages is checked when it is created, before anything runs."""

    def __init__(self, chosen: ResolvedRecipe, options: RunOptions, root: Path, terminal: Terminal) -> None:
        need(options.log)
        self.chosen, self.options, self.terminal = fix_kernels(chosen, root), options, terminal
        self.backend = options.backend or local_backend(self.chosen.recipe.compute)
        check_inputs(chosen.recipe, self.backend)

    def manifest(self, recipe: str, stages: Sequence[tuple[str, Stage]]) -> Manifest:
        """Return the manifest with settings as they were written: references stay, so that it is the same after a store was moved."""
        only = replace(self.chosen.recipe, name=recipe, stages=tuple(stages), main="", follows={})
        return manifest(replace(self.chosen, recipe=only), self.options.argv)

    @contextmanager
    def open_step(self, step: Step) -> Iterator[tuple[RunDir, Observer]]:
        """Yield the stage's run directory, locked for this process, and the observers of its work."""
        assert step.folder is not None and step.fingerprint is not None, f"{step.name} waits"
        settings = dict(self.chosen.recipe.stages)[step.name]
        inputs = {f"{step.name}.{path.partition('#')[0]}" for path in step.fingerprint.inputs}
        with ExitStack() as stack:
            step.folder.parent.mkdir(parents=True, exist_ok=True)
            stage_manifest = self.manifest(f"stage {step.name}", [(step.name, settings)])
            size = checkpoint_bytes([(step.name, step.stage)])
            rundir = RunDir.open(step.folder, stage_manifest, free=frozenset({*FREE, *inputs}), checkpoint_bytes=size)
            stack.callback(rundir.close)
            self.terminal.folder = step.folder
            observer = self._observer(step, rundir, stack)
            stack.enter_context(track_beside(rundir.root, self.options.log))
            stack.enter_context(record_plan(self._recipe_of(step), rundir.root))
            yield rundir, observer
            for note in rundir.notes:
                self.terminal.note(f"note: {note}")

    def _observer(self, step: Step, rundir: RunDir, stack: ExitStack) -> Observer:
        interrupts = stack.enter_context(Interrupts(rundir))
        watchdog = stack.enter_context(Watchdog(rundir.root, self.options.stall_s))
        if not rundir.metrics():
            for line in self._first_lines(step, Observers(interrupts, watchdog).heartbeat):
                self.terminal.note(line)
        length = length_of([(step.name, step.stage)], self.backend)
        progress = stack.enter_context(self.terminal.progress(f"{step.name} in {rundir.root}", length))
        monitor = RunMonitor(lambda signal: progress.say(f"doctor: {signal_text(signal)}"), doctor_of(step.stage))
        return Observers(interrupts, watchdog, progress, monitor)

    def _first_lines(self, step: Step, heartbeat: Heartbeat) -> Iterator[str]:
        """Yield the lines that are printed before a stage begins: derived settings, the doctor's advice, and the audit of the data."""
        yield from derived_lines(self._recipe_of(step))
        if isinstance(step.stage, Rl) and self.options.preflight and step.name == self.chosen.recipe.lead_stage:
            for line in preflight(step.stage, self.backend, heartbeat).lines():
                yield f"doctor: {line}"
        yield from audit_lines(step.stage, self.backend)

    def _recipe_of(self, step: Step) -> Recipe:
        return replace(self.chosen.recipe, stages=((step.name, step.stage),), main="", follows={})
