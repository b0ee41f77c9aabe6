"""Stages that take no time: what a graph does with them is what it does with real ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aha.backends.engine_chat import ScriptedBackend
from aha.protocols import Backend, Continue, Observer
from aha.rundir import Retention, RunDir
from aha.tasks.examples import read_examples, write_example
from aha.types import Conversation, Example, Group, Message, Origin
from aha.versions import grader_version

BACKEND = ScriptedBackend(lambda model, prompt, seed: "")


class Listening(Observer):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def heartbeat(self, what: str) -> None:
        self.heard.append(what)

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue:
        return Continue()


@dataclass(frozen=True)
class Trains:
    """A number that grows by `rate` a step stands for weights."""

    model: str
    rate: int = 1
    steps: int = 4
    data: str | None = None
    dies_after: int | None = None

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        resumed = rundir.resume()
        start = resumed.rollout + 1 if resumed else 0
        weights = read(resumed.folder) if resumed else read(Path(self.model)) if Path(self.model).is_dir() else 0
        rows = (Path(self.data) / "00000.jsonl").read_text().splitlines() if self.data else []
        for step in range(start, self.steps):
            weights += self.rate + len(rows)
            observer.heartbeat(f"step {step} of {rundir.root.parent.name}")

            def save(folder: Path, weights: int = weights) -> None:
                (folder / "config.json").write_text(json.dumps({"weights": weights}))

            rundir.commit(step, {"weights": float(weights)}, {"seconds": 1.0}, (), save=save, keep=Retention(2))
            if step == self.dies_after and resumed is None:
                raise KeyboardInterrupt


@dataclass(frozen=True)
class Writes:
    """As many rows as the weights say."""

    model: str
    most: int = 100

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        (rundir.root / "rows").mkdir(exist_ok=True)
        (rundir.root / "rows/00000.jsonl").write_text("row\n" * min(self.most, read(Path(self.model))))


@dataclass(frozen=True)
class Looks:
    """At the checkpoints of another run."""

    of: str
    models: tuple[str, ...] = ()

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        folders = sorted((Path(self.of) / "checkpoints").glob("0*"))
        rundir.finish({"weights": [read(folder) for folder in [*folders, *map(Path, self.models)]]})


def read(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text())["weights"])


@dataclass(frozen=True)
class Tells:
    """Rows with their origins; each of them made of a row of `data`, where there is one, and of one in `raw`."""

    model: str
    name: str = "tells"
    data: str | None = None

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        given = [example.id for example in read_examples(self.data)] if self.data else ["none"]
        for folder, mark in (("raw", "/raw"), ("rows", "")):
            (rundir.root / folder).mkdir(exist_ok=True)
            rows = [self._row(number, mark, parent) for number, parent in enumerate(given)]
            (rundir.root / folder / "00000.jsonl").write_text("".join(f"{write_example(row)}\n" for row in rows))

    def _row(self, number: int, mark: str, parent: str) -> Example:
        above = () if mark else (f"{self.name}/{number}/raw", *([parent] if self.data else []))
        origin = Origin(self.name, f"sum-{number}", f"{Path(self.model).name}@abc", 7, grader_version(), "Short@1", above)
        said = Conversation((Message("user", f"1 + {number} = ?"), Message("assistant", str(1 + number), "I add")))
        return Example(f"{self.name}/{number}{mark}", "sums", "en", said, origin)
