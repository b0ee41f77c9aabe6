"""A byte that changed on the disk is found, its file is named, and the run goes on from before it."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from aha.durable import LARGEST, Disk
from aha.errors import AhaError, BadInput, DiskTrouble
from aha.rundir import Record, RunDir, read_manifest
from aha.rundir.retention import METRICS
from tests.faults import ForgetfulDisk
from tests.runs import MANIFEST, saving, snapshot, train

STORED = Path(__file__).parents[1] / "fixtures/0.1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A finished run with the checkpoints of rollouts 1 and 3."""
    root = tmp_path / "run"
    train(root, ForgetfulDisk(), keep=2)
    return root


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << at % 8
    path.write_bytes(data)


def files(root: Path) -> list[Path]:
    """All but the lock, whose text is written anew at each start."""
    return [root / name for name in snapshot(root, but=("lock",))]


def flips_that_are_found(root: Path, count: int) -> int:
    """How many of `count` flipped bytes, spread over all files by their size, are told with the file's name."""
    places = [(path, at) for path in files(root) for at in range(path.stat().st_size)]
    found = 0
    for path, at in random.Random(5).sample(places, count):
        flip(path, at)
        found += any(str(path) in line for line in Record(root).problems())
        flip(path, at)
    return found


def test_a_sound_run_has_no_problems(root: Path) -> None:
    assert Record(root).problems() == []


def test_a_flipped_byte_is_found_wherever_it_is(root: Path) -> None:
    assert flips_that_are_found(root, 200) == 200


@pytest.mark.long
def test_a_thousand_flipped_bytes_are_found(root: Path) -> None:
    assert flips_that_are_found(root, 1000) == 1000


def test_a_checkpoint_that_is_damaged_is_named_and_the_one_before_it_used(root: Path) -> None:
    whole = snapshot(root)
    for path in [path for path in files(root) if "000003/" in str(path)]:
        for at in {0, path.stat().st_size // 2, path.stat().st_size - 1}:
            flip(path, at)
            (root / "result.json").unlink()
            notes = train(root, ForgetfulDisk(), keep=2)
            assert [str(path) in note for note in notes] == [True]
            assert (root / "checkpoints/000003.broken").exists()
            shutil.rmtree(root / "checkpoints/000003.broken")
            assert snapshot(root) == whole


def test_a_run_with_no_whole_checkpoint_stops_and_changes_nothing(root: Path) -> None:
    for name in ("000001", "000003"):
        flip(root / "checkpoints" / name / "model.safetensors", 3)
    before = snapshot(root)
    with pytest.raises(DiskTrouble) as error:
        train(root)
    damaged = "/model.safetensors: damaged: its sha256 is not the one that was written"
    told = [f"{root}/checkpoints/{name}{damaged}" for name in ("000003", "000001")]
    assert str(error.value) == f"no checkpoint is whole: {'; '.join(told)}. Bring one back, or begin again in another directory"
    assert snapshot(root) == before


def test_damaged_metrics_are_told_by_line_and_brought_back_from_the_checkpoint(root: Path) -> None:
    whole = snapshot(root)
    flip(root / "metrics.jsonl", 200)
    with pytest.raises(DiskTrouble) as error:
        Record(root).metrics()
    assert str(error.value) == f"{root}/metrics.jsonl, line 2: damaged: its checksum differs"
    run = RunDir.open(root, MANIFEST)  # of a finished run nothing more is asked
    run.close()
    assert run.notes == [str(error.value)]
    assert snapshot(root) == whole


def test_damaged_groups_are_told_where_they_are_read_and_do_not_stop_the_run(root: Path) -> None:
    path = root / "groups/000001.parquet"
    flip(path, 300)
    told = f"{path}: damaged: its sha256 is not the one in metrics.jsonl"
    with pytest.raises(DiskTrouble) as error:
        Record(root).groups(1)
    assert str(error.value) == told
    assert Record(root).problems() == [told]
    assert train(root, keep=2) == []  # which reads none of them, and looks at their sizes and footers


def test_groups_whose_size_or_footer_is_another_are_told_at_every_start(root: Path) -> None:
    path, other = root / "groups/000001.parquet", root / "groups/000002.parquet"
    whole = path.read_bytes()
    other.unlink()
    told = [f"{path}: damaged: its size or its footer is not the one that was written", f"{other}: missing"]
    for size in (0, 5, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert train(root, keep=2) == told
    path.write_bytes(whole[:100] + whole)
    assert train(root, keep=2) == told
    for place in range(whole.index(b"AHA1"), len(whole), 23):
        path.write_bytes(whole)
        flip(path, place)
        assert train(root, keep=2) == told
    for place in range(len(whole) - 8, len(whole)):
        path.write_bytes(whole)
        flip(path, place)
        assert train(root, keep=2) == told


def test_groups_that_an_earlier_version_wrote_are_compared_whole_at_every_start(root: Path, tmp_path: Path) -> None:
    shutil.copytree(STORED / "rl", tmp_path / "stored")
    manifest, path = read_manifest(tmp_path / "stored/manifest.json"), tmp_path / "stored/groups/000001.jsonl.gz"
    assert len(Record(tmp_path / "stored").groups(1)) == 4
    flip(path, 4)  # a byte of gzip's header, which its own checksum does not cover
    run = RunDir.open(tmp_path / "stored", manifest)
    run.resume()
    run.close()
    assert run.notes == [f"{path}: damaged: its sha256 is not the one in metrics.jsonl"]


@pytest.mark.parametrize("name", ["metrics.jsonl", "timings.jsonl"])
def test_a_journal_cut_at_every_byte_of_its_last_three_lines_is_told_and_goes_on(root: Path, name: str) -> None:
    path, whole = root / name, (root / name).read_bytes()
    lines = whole.splitlines(keepends=True)
    for size in range(len(lines[0]), len(whole)):
        path.write_bytes(whole[:size])
        run = RunDir.open(root, MANIFEST, disk=ForgetfulDisk())
        kept = whole[:size].rpartition(b"\n")[0].count(b"\n") + 1
        torn = size - sum(map(len, lines[:kept]))
        assert run.notes == ([f"{path}: its last {torn} bytes were torn by a crash and are dropped"] if torn else [])
        assert len(run.metrics() if name == "metrics.jsonl" else run.timings()) == kept
        run.close()
        assert path.read_bytes() == b"".join(lines[:kept])


def test_a_run_whose_metrics_were_cut_goes_on_to_the_same_bytes(root: Path) -> None:
    whole = snapshot(root)
    (root / "metrics.jsonl").write_bytes((root / "metrics.jsonl").read_bytes()[:250])
    train(root, keep=2)
    assert snapshot(root) == whole
    assert [line["rollout"] for line in Record(root).metrics()] == [0, 1, 2, 3]


@pytest.mark.parametrize("intruder", ["pytorch_model.bin", "optimizer.pt", "a.pkl"])
def test_a_pickle_in_the_newest_checkpoint_is_refused(root: Path, intruder: str) -> None:
    (root / "checkpoints/000003" / intruder).write_bytes(b"\x80\x04.")
    run = RunDir.open(root, MANIFEST)
    resumed = run.resume()
    run.close()
    assert resumed is not None and resumed.rollout == 1
    assert [note.split(" is none of")[0] for note in run.notes] == [f"{root}/checkpoints/000003: refused: {intruder!r}"]


# --- the manifest -----------------------------------------------------------------------------------------------------


def test_an_edited_manifest_is_refused_until_its_crc_is_deleted(root: Path) -> None:
    path = root / "manifest.json"
    path.write_text(path.read_text().replace("3e-06", "4e-06"))
    with pytest.raises(BadInput) as error:
        read_manifest(path)
    told = 'it was edited or damaged: its checksum differs; undo that, or delete its "crc" line to take it as it is'
    assert str(error.value) == f"{path}: {told}"
    record = json.loads(path.read_text())
    del record["crc"]
    path.write_text(json.dumps(record))
    assert read_manifest(path).settings["tiny.lr"].value == 4e-06


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"recipe": "zero"}', '"' + "x" * 500 + '"', "[" * 100_000])
def test_what_is_no_manifest_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BadInput) as error:
        read_manifest(tmp_path / "manifest.json")
    assert str(error.value).startswith(f"{tmp_path}/manifest.json: ") and "\n" not in str(error.value)
    assert len(str(error.value)) < 300 + len(str(tmp_path))


def test_a_damaged_result_is_told(root: Path) -> None:
    flip(root / "result.json", 5)
    with pytest.raises(AhaError) as error:
        train(root)
    assert str(error.value) == f"{root}/result.json: damaged: its checksum differs; delete it and run the same command again"


def test_what_a_dead_save_left_beside_the_checkpoints_is_swept_away(root: Path) -> None:
    whole = snapshot(root)
    aside = root / "checkpoints/.000005.aside"
    aside.mkdir()
    saving(Disk(), b"half")(aside)
    (root / "groups/.000004.jsonl.gz.aside").write_bytes(b"half")
    assert train(root, keep=2) == []
    assert snapshot(root) == whole


def test_metrics_that_no_run_writes_are_one_line(tmp_path: Path) -> None:
    with (tmp_path / METRICS).open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(BadInput, match=r"metrics\.jsonl: [0-9,]+ bytes, of which at most [0-9,]+ are read"):
        Record(tmp_path).metrics()
