"""A base model with random weights and a file of problems: all that a command needs to run for real, in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aha.backends.local_backend import write_fresh
from aha.cli import main
from aha.tasks import vocabulary
from tests.runs import draw_no_charts

SHAPE = {"model_type": "llama", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


COUNTING = '''
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from aha.recipes import Recipe
from aha.rundir import Retention

@dataclass(frozen=True)
class Counts:
    """A number that grows stands for weights."""
    by: int = 1
    start: str = ""
    def run(self, backend, rundir, observer):
        resumed = rundir.resume()
        folder = resumed.folder if resumed else Path(self.start) if self.start else None
        number = json.loads((folder / "config.json").read_text())["number"] if folder else 0
        for step in range(resumed.rollout + 1 if resumed else 0, 3):
            number += self.by
            observer.rollout(step, {"number": float(number)}, {"seconds": 1.0}, ())
            def save(folder, number=number):
                (folder / "config.json").write_text(json.dumps({"number": number}))
            rundir.commit(step, {"number": float(number)}, {"seconds": 1.0}, (), save=save)
        rundir.finish({"number": number})

def recipe():
    stages = (("one", Counts()), ("two", Counts(by=10, start="@one")))
    return Recipe("counting", "a graph", stages, main="one", apart=True)
'''


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    built = vocabulary.build()
    tokens = {"vocab_size": built.get_vocab_size(), "eos_token_id": built.token_to_id(vocabulary.END), "max_position_embeddings": 256}
    vocabulary.save(folder, 256)
    write_fresh({**SHAPE, **tokens}, folder, seed=0)
    return str(folder)


def write_problems(folder: Path) -> Path:
    path = folder / "sums.jsonl"
    path.write_text("".join(f'{{"question": "What is {n} + 1?", "answer": "{n + 1}"}}\n' for n in range(8)))
    return path


@pytest.fixture
def problems(tmp_path: Path) -> str:
    return str(write_problems(tmp_path))


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Aha = Callable[..., Said]


@pytest.fixture
def charts() -> None:
    """A test that asks for this wants the charts of reports drawn."""


@pytest.fixture
def aha(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Aha]:
    """Runs a command in this process, in an empty directory."""
    if "charts" not in request.fixturenames:
        draw_no_charts(lambda module, name, value: monkeypatch.setattr(f"{module}.{name}", value))
    monkeypatch.chdir(tmp_path)
    hook = sys.excepthook

    def run(*words: object) -> Said:
        code = main([str(word) for word in words])
        heard = capsys.readouterr()
        return Said(code, heard.out, heard.err)

    yield run
    sys.excepthook = hook


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The file of a graph of two stages that count."""
    path = tmp_path / "counting.py"
    path.write_text(COUNTING)
    return path
