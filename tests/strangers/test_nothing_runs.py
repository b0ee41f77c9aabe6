"""A stranger's directory is read by every reader, and no code in it is ever run; bad input is one line and exit code 2 (74: damaged)."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aha.codec import encode
from aha.commands.choose import choose
from aha.commands.run import manifest
from aha.durable import seal
from aha.rundir import Manifest, RunDir
from tests.runs import group

ROOT = Path(__file__).resolve().parents[2]
RUNS = "import os; open('c4nary', 'w').close()"  # what a stranger would like to be run
RECIPE = "from aha.recipes import zero\nfrom dataclasses import replace\n\ndef recipe():\n    return replace(zero(), name='own')\n"


class Evil:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (RUNS,)


def a_manifest(folder: Path, **changes: Any) -> bytes:
    (folder / "own.py").write_text(RECIPE)
    record = encode(manifest(choose(str(folder / "own.py")), ("aha",)), Manifest)
    (folder / "own.py").unlink()
    return seal({**record, **changes}, indent=2)


def documents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Manifests that should not be run, and texts that should not be believed, by the name of a file."""
    sound = json.loads(a_manifest(folder))
    sound.pop("crc")
    yield "source.json", a_manifest(folder, source=RUNS, recipe_file=None, frame=None)
    yield "source2.json", a_manifest(folder, source=RUNS)
    yield "file.json", a_manifest(folder, recipe_file={"path": "evil.py", "sha256": "0" * 64})
    hostile = ["os.system", "__import__('os')", RUNS, "../../evil.py", "!!python/object:evil", "\x1b]0;x\x07$(touch c4nary)"]
    for place, value in enumerate(hostile):
        yield f"stage{place}.json", a_manifest(folder, frame={**sound["frame"], "stages": {"zero": value}})
        yield f"kind{place}.json", a_manifest(folder, settings={**sound["settings"], "zero.problems": {"value": value, "source": value}})
        yield f"name{place}.json", a_manifest(folder, recipe=value)
        yield f"code{place}.json", a_manifest(folder, frame={**sound["frame"], "code": [value]})
    yield "deep.json", b"[" * 1_000_000
    yield "long.json", b'{"recipe": ' + b"9" * 4_000 + b"}"
    yield "twice.json", b'{"recipe": "a", "recipe": "b"}'
    yield "pickle.json", pickle.dumps(Evil())
    yield "bomb.json", b'{"a":' + b"[{}," * 3_000_000
    yield "empty.json", b""
    yield "nan.json", b'{"recipe": NaN}'
    yield "bad.json", b"\xff\xfe\x00"


def world(folder: Path) -> list[list[str]]:
    """A directory of a stranger's, and the commands that read what is in it."""
    for name in ("aha", "torch", "json", "rich", "jinja2", "matplotlib", "sitecustomize", "evil", "aha_recipe_own", "datasets"):
        (folder / f"{name}.py").write_text(RUNS)
    (folder / "evil.pth").write_text(RUNS)
    (folder / "matplotlibrc").write_text("backend: module://evil\ntext.usetex: True\n")
    words: list[list[str]] = []
    for name, data in documents(folder):
        (folder / name).write_bytes(data)
        words += [["show", name], ["diff", name, "zero"]] + ([["doctor", name]] if name.startswith(("s", "f")) else [])
    run = RunDir.open(folder / "run", manifest(choose("zero"), ("aha",)))
    run.commit(0, {"step": 1.0, "accuracy": 0.5, "reward/<b>": 1.0}, {"seconds": 1.0}, [group(0)])
    run.finish({"finished": True, "c4nary": RUNS})
    run.close()
    message = {"role": "assistant", "content": RUNS}
    row = {"id": "a", "question": "q", "answer": "1", "messages": [{**message, "role": "user"}, message]}
    texts = [json.dumps(row), "[" * 100_000, '{"question": 1e999}', '{"question": "a", "question": "b"}', pickle.dumps(Evil(), 0).decode()]
    for number, text in enumerate(texts):
        for name in (f"row{number}.jsonl", f"row{number}.jsonl.gz"):
            data = f"{text}\n".encode()
            (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
            words += [[command, name] for command in ("score", "grade", "bench-reward", "compare")]
            words += [["code", "check", name], ["lineage", f"{name}:1"]]
    for name in ("pickle.parquet", "pickle.npz", "pickle.pt"):
        (folder / name).write_bytes(pickle.dumps(Evil()))
        words += [["score", name], ["show", "r1-zero", "--problems", name], ["compare", name]]
    with gzip.open(folder / "bomb.jsonl.gz", "wb") as packed:
        for _ in range(300):
            packed.write(b" " * (1 << 20))
    words += [["score", "bomb.jsonl.gz"], ["show", "r1-zero", "--problems", "bomb.jsonl.gz"]]
    os.mkfifo(folder / "pipe.json")
    words += [[command, "run"] for command in ("report", "compare", "review", "regrade", "show")]
    return [*words, ["show", "pipe.json"], ["compare", "pipe.json"], ["report", "."]]


FEW = 40


@pytest.fixture(scope="module", params=[FEW, pytest.param(None, marks=pytest.mark.long)], ids=["few", "all"])
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each command said: a few of them in `make test`, which are others wherever the list is another one."""
    folder = tmp_path_factory.mktemp("stranger")
    words = world(folder)
    (folder / "words.json").write_text(json.dumps(Random(1).sample(words, request.param or len(words))))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AHA_DATA": "", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-P", str(Path(__file__).with_name("watched.py")), "words.json"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (folder / "c4nary").exists()
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_nothing_of_a_stranger_s_is_run_imported_or_unpickled(said: list[dict[str, Any]]) -> None:
    assert len(said) == FEW or len(said) > 130
    assert [(each["words"], each["ran"]) for each in said if each["ran"]] == []


def test_every_reader_ends_with_a_result_or_one_line(said: list[dict[str, Any]]) -> None:
    wrong = [each for each in said if each["code"] not in (0, 1, 2, 74)]
    assert [(each["words"], each["code"]) for each in wrong] == []
    refused = [each for each in said if each["code"] in (2, 74)]
    assert len(refused) > 0.6 * len(said)
    assert [(each["words"], each["err"]) for each in refused if each["err"].count("aha: ") != 1 or not each["err"].endswith("\n")] == []


def test_nothing_that_a_terminal_obeys_is_printed(said: list[dict[str, Any]]) -> None:
    assert [each["words"] for each in said if any(letter in each["err"] + each["out"] for letter in "\x1b\x07\x9b\u202e")] == []
