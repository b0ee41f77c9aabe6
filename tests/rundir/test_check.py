"""Every flipped byte of a run, a graph and a result is found, and its file named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.rundir import RunDir, read_manifest
from aha.rundir.check import check
from tests.runs import MANIFEST

STORED = Path(__file__).parents[1] / "fixtures/0.1"


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << at % 8
    path.write_bytes(data)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A stored run, its log and its rows, finished by this version."""
    shutil.copytree(STORED / "rl", tmp_path / "run")
    shutil.copytree(STORED / "rows/rows", tmp_path / "run/rows")
    shutil.copy(STORED / "sft/audit.json", tmp_path / "run/audit.json")
    opened = RunDir.open(tmp_path / "run", read_manifest(tmp_path / "run/manifest.json"))
    opened.finish({"stage": "rl"})
    opened.close()
    return tmp_path / "run"


def flips_found(root: Path, count: int, seed: int) -> int:
    """How many of so many flipped bytes, spread over all files by their size, are told with the file's name."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "lock"]
    places = [(path, at) for path in files for at in range(path.stat().st_size)]
    found = 0
    for path, at in random.Random(seed).sample(places, count):
        flip(path, at)
        found += any(str(path) in line for line in check(root).problems)
        flip(path, at)
    return found


def test_a_sound_run_is_sound_and_every_file_of_it_is_covered(run: Path) -> None:
    checked = check(run)
    assert (checked.problems, checked.bare) == ([], [])
    assert checked.sound == sum(path.is_file() and path.name != "lock" for path in run.rglob("*"))


def test_flipped_bytes_are_found_wherever_they_are(run: Path) -> None:
    assert flips_found(run, 40, seed=1) == 40


@pytest.mark.long
def test_a_thousand_flipped_bytes_are_found(run: Path, record_property: Callable[[str, object], None]) -> None:
    found = flips_found(run, 1000, seed=2)
    print(f"\nFIGURE {found} of 1,000 flipped bytes found in {sum(path.is_file() for path in run.rglob('*'))} files of a run")
    assert found == 1000


@pytest.mark.parametrize("name", ["sft", "rl", "stopped", "rows", "graph", "gsm-after", "judged", "scale"])
def test_what_the_first_version_wrote_is_sound(name: str) -> None:
    checked = check(STORED / name)
    assert checked.problems == [] and checked.sound > 0


@pytest.mark.parametrize(
    "name", ["manifest.json", "metrics.jsonl", "groups/000001.jsonl.gz", "checkpoints/000005/model.safetensors", "rows/00000.jsonl"]
)
def test_a_file_that_is_gone_is_named(run: Path, name: str) -> None:
    (run / name).unlink()
    assert any(Path(name).name in line for line in check(run).problems)  # without metrics, no line has the sums of the groups


def test_a_row_that_was_edited_is_told_as_what_it_may_be(run: Path) -> None:
    flip(run / "rows/00000.jsonl", 3)
    [problem] = check(run).problems
    assert problem.endswith("not the one that was written (rows may be edited where they are; then this is no damage)")


def test_a_directory_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such directory"):
        check(tmp_path / "nowhere")


def test_a_run_without_any_other_file_has_no_list(tmp_path: Path) -> None:
    opened = RunDir.open(tmp_path, MANIFEST)
    opened.finish({"done": True})
    opened.close()
    assert not (tmp_path / "checksums.json").exists() and check(tmp_path).problems == []
