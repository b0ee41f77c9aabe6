"""A run directory of a stranger's, sound but for a value or two and sealed again: every command that reads one ends, in one line where it
cannot go on, with no traceback and no control character."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aha.cli import main
from aha.durable import Disk, seal
from aha.errors import BadInput, DiskTrouble
from aha.rundir import Record, RunDir, group_table
from aha.rundir.groups import read_groups
from tests.runs import MANIFEST, group, pack, saving

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SEALED = ("manifest.json", "plan.json", "result.json", "metrics.jsonl", "timings.jsonl")
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 3.7, 10**12, 10**300, 1e308, "", "../../etc/passwd", "/dev/zero", "a\x00b\x1b]0;x\x07[red]", "\ud800",
    "<script>document.title='c4nary'</script>", "x" * 100_000, [], [[]], ["a", 2], {}, {"x": 1}, [None] * 1000,
)  # fmt: skip
COMMANDS = (
    ["report", "run"],
    ["groups", "run"],
    ["check", "run"],
    ["show", "run/manifest.json"],
    ["diff", "run", "zero"],
    ["export", "run", "--to", "copy"],
    ["compare", "run"],
)


@pytest.fixture(scope="module")
def sound_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two rollouts, with all that a run leaves."""
    root = tmp_path_factory.mktemp("runs") / "run"
    run = RunDir.open(root, MANIFEST)
    for rollout in range(2):
        metrics = {"step": rollout + 1.0, "accuracy": 0.5, "reward": 1.0, "reward/x": 1.0}
        run.commit(rollout, metrics, {"seconds": 1.0}, [group(rollout)], save=saving(Disk(), b"weights"), progress={"step": rollout})
    run.finish({"finished": True, "rows": 1, "funnel": {"domains": {"maths": {"prompts": 1.0}}, "dropped": {}}})
    run.close()
    stage = {"unit": "rollout", "seconds": 1.5, "parts": {"weights": 1 << 20}, "peak": 1 << 21}
    (root / "plan.json").write_bytes(seal({"predicted": {"rl": stage}, "peak": 1 << 21}, indent=2))
    return root


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value within a document, but for its checksum."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key != "crc":
            yield (*above, key)
            yield from places(inner, (*above, key))


def changed(document: dict[str, Any], draw: Random) -> str:
    """Change one value, or leave it out; what was done, in words."""
    place = draw.choice(list(places(document)))
    holder: Any = document
    for key in place[:-1]:
        holder = holder[key]
    if draw.random() < 0.1:
        holder.pop(place[-1])
        return f"{place} left out"
    holder[place[-1]] = deepcopy(value := draw.choice(VALUES))
    return f"{place} is {str(value)[:40]!r}"


def spoil(root: Path, draw: Random) -> str:
    """Change a value of one of the run's files, and seal it as it should be sealed."""
    file = root / draw.choice(SEALED)
    lines = file.suffix == ".jsonl"
    texts = file.read_text().splitlines() if lines else [file.read_text()]
    number = draw.randrange(len(texts))
    document = json.loads(texts[number])
    document.pop("crc")
    what = changed(document, draw)
    documents = [json.loads(text) for text in texts]
    documents[number] = document
    for other in documents:
        other.pop("crc", None)
    file.write_bytes(b"".join(seal(other, indent=None if lines else 2) if other else b"{}\n" for other in documents))
    return f"{file.name}: {what}"


def read_all(root: Path, seed: int, capsys: pytest.CaptureFixture[str], commands: tuple[list[str], ...]) -> None:
    what = spoil(root, Random(seed))
    for words in commands:
        code = main(words)
        printed = capsys.readouterr()
        assert code in (0, 2, 74), (what, words, code, printed.err)
        assert "Traceback" not in printed.err + printed.out, (what, words, printed.err)
        assert not CONTROL.search(printed.err + printed.out), (what, words)
        if code:
            count = 1 if words[0] != "check" else len(printed.err.splitlines())  # which names each file, and then sums up
            assert len(printed.err.splitlines()) == count and printed.err.splitlines()[-1].startswith("aha: "), (what, words, printed.err)


@pytest.mark.parametrize("seed", range(12))
def test_a_value_that_is_another_ends_in_a_line_at_most(
    seed: int, sound_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sound_run, "run")
    read_all(Path("run"), seed, capsys, COMMANDS[1:])


@pytest.mark.long
def test_three_hundred_such_values(
    sound_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in range(300):
        for folder in ("run", "copy"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound_run, "run")
        read_all(Path("run"), seed, capsys, COMMANDS)


@pytest.mark.parametrize(
    "stage",
    [
        ["a", 2],
        5,
        {},
        {"unit": 1, "seconds": 1.0, "parts": {}, "peak": 1},
        {"unit": "x", "seconds": "1", "parts": {}, "peak": 1},
        {"unit": "x", "seconds": None, "parts": {"a": []}, "peak": 1},
    ],
)
def test_a_plan_that_is_none_is_one_line(
    stage: object, sound_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sound_run, "run")
    Path("run/plan.json").write_bytes(seal({"predicted": {"rl": stage}, "peak": 1}, indent=2))
    assert main(["report", "run"]) == 2
    line = capsys.readouterr().err
    assert line.startswith("aha: run/plan.json: ") and line.count("\n") == 1


def test_more_names_of_metrics_than_a_page_shows_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = RunDir.open(Path("run"), MANIFEST)
    for rollout in range(3):
        run.commit(rollout, {"step": 1.0} | {f"reward/{rollout}-{place}": 1.0 for place in range(500)}, {"seconds": 1.0}, [group(rollout)])
    run.close()
    assert main(["report", "run"]) == 2
    assert capsys.readouterr().err == "aha: run/metrics.jsonl: 1,502 metrics of different names; a page shows 1,000 at most\n"


def test_a_group_of_rows_without_end_is_one_line_before_memory_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sound.parquet").write_bytes(pack([group(0)]))
    assert len(list(read_groups(tmp_path / "sound.parquet"))) == 1
    monkeypatch.setattr(group_table, "LARGEST", 1_500)
    with pytest.raises(BadInput, match=r"row \d+: it takes more than 1,500 bytes, the most that is read of one group"):
        list(read_groups(tmp_path / "sound.parquet"))


def test_what_was_put_behind_groups_is_seen_without_reading_it(sound_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "run"
    shutil.copytree(sound_run, root)
    with (root / "groups/000001.parquet").open("r+b") as file:
        file.truncate(1 << 40)
    read: Callable[..., Any] = hashlib.file_digest
    monkeypatch.setattr(
        hashlib, "file_digest", lambda file, kind: pytest.fail("all of it is read") if "000001" in file.name else read(file, kind)
    )
    with pytest.raises(DiskTrouble, match="its size or its footer"):
        Record(root).groups(1)
