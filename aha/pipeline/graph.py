"""Stages that build on each other, each in its own run directory: a finished stage is skipped, a changed one is redone, with the reason.
A run directory is named by a hash of all that its result follows from, so that going back to earlier settings costs nothing, nothing is
ever overwritten, and several graphs share the stages they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Literal, cast

from aha.codec import decode
from aha.durable import DOCUMENT, Disk, check_folder, disk_errors, read_file, replace_file, seal, unseal
from aha.errors import BadInput, DiskTrouble, FailedBar, RankRestart
from aha.pipeline.fingerprint import SUMS, Digests, Fingerprint, check_order, fingerprint_of, references
from aha.protocols import Backend, Observer, Stage
from aha.rundir import Record, RunDir
from aha.rundir.old_names import new_path
from aha.settings import nearest

State = Literal["done", "kept", "begun", "new", "changed", "waits"]
LINEAGE = "lineage.json"


@dataclass(frozen=True)
class Step:
    """A stage, its state and the reason. `stage` has folders in place of references, unless it waits for other stages; then it has no
    folder or fingerprint yet. `kept`: its newest result is used as it is."""

    name: str
    stage: Stage
    state: State
    why: str
    folder: Path | None = None
    fingerprint: Fingerprint | None = None

    @property
    def todo(self) -> bool:
        return self.state not in ("done", "kept")


Opens = Callable[[Step], AbstractContextManager[tuple[RunDir, Observer]]]


class Graph:
    """Named stages in order. `store` holds a folder per stage with a run directory for each way it was ever made; `ledger` is the file that
    records the newest run directory of each stage in this graph."""

    def __init__(self, stages: Sequence[tuple[str, Stage]], store: Path, ledger: Path | None = None) -> None:
        check_order(stages)
        self.stages, self.store = tuple(stages), store
        self.ledger = ledger or store / "graph.json"
        self.digests = Digests(store / "digests.json")

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.stages]

    def check(self, *names: str | None) -> None:
        """Raise BadInput for a name that is not a stage's."""
        for name in names:
            if name is not None and name not in self.names:
                stage_names = ", ".join(self.names)
                raise BadInput(f"{name}: there is no such stage; there are {stage_names}{nearest(name, self.names)}")

    def steps(self, until: str | None = None, first: str | None = None) -> Iterator[Step]:
        """Yield each stage up to `until` as it stands when it is reached: a stage that is run before the next is requested gives that one
        its key. Stages before `first` are kept as they are, whatever they were made of. Nothing is written."""
        self.check(until, first)
        places, results = {name: place for place, name in enumerate(self.names)}, dict[str, Path]()
        begin = places[first] if first else 0
        end = places[until] + 1 if until else len(places)
        if begin >= end:
            raise BadInput(f"--from {first} --until {until}: {first} comes after {until}, so nothing is between them")
        for place, (name, stage) in enumerate(self.stages[:end]):
            step = self._keep(name, stage, first) if first and place < begin else self._step(name, stage, results)
            yield step
            if step.folder is not None and is_finished(step.folder):
                results[name] = step.folder

    def do(self, step: Step, backend: Backend, opens: Opens) -> None:
        """Run the stage in its directory, or resume it there. DiskTrouble if an input is damaged."""
        assert step.folder is not None and step.fingerprint is not None, f"{step.name} waits"
        for source in step.fingerprint.inputs.values():
            place = self.store / source.place
            if source.stage is not None and (place / SUMS).exists() and (problem := check_folder(place)):
                raise DiskTrouble(f"{problem}; remove {place.parents[1]} and run the same command again: {source.stage} is redone")
        with opens(step) as (rundir, observer):
            replace_file(Disk(), rundir.root / LINEAGE, seal({"stage": step.name, **step.fingerprint.to_json()}, indent=2))
            self._note(step.name, begun=step.fingerprint.key)
            observer.heartbeat(f"stage {step.name}")
            if not rundir.finished:
                run_stage(step.stage, backend, rundir, observer)
            if not rundir.finished:
                rundir.finish({"stage": step.name})
        self.settle(step)

    def settle(self, step: Step) -> None:
        """Record in the ledger that this is the newest result of its stage."""
        assert step.fingerprint is not None
        if self._notes_of(step.name) != {"begun": step.fingerprint.key, "done": step.fingerprint.key}:
            self._note(step.name, begun=step.fingerprint.key, done=step.fingerprint.key)
        self.digests.save()

    # --- one stage ---

    def _step(self, name: str, stage: Stage, results: dict[str, Path]) -> Step:
        if missing_stages := [reference.stage for reference in references(stage) if reference.stage not in results]:
            return Step(name, stage, "waits", f"for {' and '.join(dict.fromkeys(missing_stages))}")
        origins, ready = fingerprint_of(stage, results, self.digests, self.store)
        folder = self.store / name / origins.key
        if is_finished(folder):
            return Step(name, ready, "done", "", folder, origins)
        if (folder / "manifest.json").exists():
            return Step(name, ready, "begun", "it was stopped", folder, origins)
        before = self._last(name)
        if before is None:
            return Step(name, ready, "new", "", folder, origins)
        return Step(name, ready, "changed", "; ".join(origins.changes(before)) or "its result is gone", folder, origins)

    def _keep(self, name: str, stage: Stage, first: str) -> Step:
        key = self._notes_of(name).get("done")
        folder = self.store / name / str(key)
        if key is None or not is_finished(folder):
            requirements = {reference.stage for later, stage in self.stages[self.names.index(first) :] for reference in references(stage)}
            if name in requirements:
                raise BadInput(f"--from {first}: the stage {name} before it has no result yet in {self.store}; leave --from out")
            return Step(name, stage, "kept", "it has no result, and nothing asks for it")
        return Step(name, stage, "kept", "taken as it is", folder, read_lineage(folder)[1])

    def _last(self, name: str) -> Fingerprint | None:
        key = self._notes_of(name).get("begun")
        folder = self.store / name / str(key)
        return read_lineage(folder)[1] if key is not None and (folder / LINEAGE).exists() else None

    # --- the ledger ---

    def _notes_of(self, name: str) -> dict[str, str]:
        return self._notes().get(name, {})

    def _notes(self) -> dict[str, dict[str, str]]:
        if not self.ledger.exists():
            return {}
        record = unseal(read_file(self.ledger, DOCUMENT), indent=2)
        if record is None:
            raise DiskTrouble(f"{self.ledger}: damaged: its checksum differs; delete it and run the same command again: no result is lost")
        return cast(dict[str, dict[str, str]], record)

    def _note(self, name: str, **keys: str) -> None:
        notes = self._notes()
        with disk_errors(self.ledger):
            self.ledger.parent.mkdir(parents=True, exist_ok=True)
        replace_file(Disk(), self.ledger, seal({**notes, name: {**notes.get(name, {}), **keys}}, indent=2))


def read_lineage(folder: Path) -> tuple[str, Fingerprint]:
    """Return the name of the stage that the run directory belongs to, and its fingerprint. DiskTrouble if the file is damaged."""
    path = folder / LINEAGE
    record = unseal(read_file(path, DOCUMENT), indent=2)
    if record is None:
        raise DiskTrouble(f"{path}: damaged: its checksum differs; remove {folder} and run the same command again: the stage is redone")
    fingerprint: Fingerprint = decode({name: value for name, value in record.items() if name != "stage"}, Fingerprint)
    settings = {new_path(setting): value for setting, value in fingerprint.settings.items()}
    return str(record["stage"]), replace(fingerprint, settings=settings)


def is_finished(folder: Path) -> bool:
    """Return True if the stage in this folder has come to its end."""
    return (folder / "result.json").exists() and Record(folder).finished


def run_stage(stage: Stage, backend: Backend, rundir: RunDir, observer: Observer) -> None:
    """Run a stage. If the learner's processes were lost and are restarted, the stage resumes from its last checkpoint. FailedBar if it ends
    with steps that were not finite."""
    while True:
        try:
            stage.run(backend, rundir, observer)
        except RankRestart as error:
            rundir.notes.append(str(error))
            observer.heartbeat("ranks of the learner start anew")
        else:
            return check_last_steps(rundir)


def check_last_steps(rundir: RunDir) -> None:
    """Raise FailedBar if the last steps of a run changed no weight, since their loss or gradient was not finite: the run ended before the
    doctor had seen enough of them, and leaves a model that cannot compute."""
    rows = rundir.metrics()
    sick = list(takewhile(lambda row: row.get("skipped", 0.0) >= max(1.0, row.get("updates", 1.0)), reversed(rows)))
    if not sick:
        return
    healthy = rundir.healthy
    way_back = "" if healthy is None or len(sick) == len(rows) else f"; the last checkpoint before them is {healthy.folder}"
    raise FailedBar(
        f"{rundir.root}: the last {len(sick):,} of {len(rows):,} steps changed nothing, since their loss or gradient was not "
        f"finite{way_back}: lower the learning rate (--optim.lr) or compute in float32, in another --out"
    )
