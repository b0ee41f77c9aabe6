"""What a sampling run publishes: the same rows as JSON lines and as Parquet, the same bytes after kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import pytest

from aha.durable import Disk
from aha.errors import DiskTrouble, FailedBar
from aha.stages.rewriters import Rules
from aha.stages.sample import Sample
from aha.tasks.examples import read_examples, write_example
from aha.tasks.mixture import Mix
from aha.tasks.reading import count_rows
from aha.tasks.rows import FileExamples
from aha.types import Conversation, Countdown, Example, Message, Origin
from tests.counts import ordinary
from tests.faults import FailingDisk, ForgetfulDisk, Killed, KillingDisk
from tests.house import ROOT
from tests.runs import snapshot
from tests.sample_runs import EASY, Listed, changed, problem, run, sums, tagged

LINES = changed(shard_rows=3, samples=3, at_once=1, cap=2, problems=Listed(sums(7)), questions=7, mix=Mix(rows=11))
TABLES = replace(LINES, shards="parquet")


class CountingDisk(Disk):
    """Ends the whole process by kill -9 before the change number `at`."""

    def __init__(self, at: int) -> None:
        self.left = at

    def append(self, path: Path, data: bytes) -> None:
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        super().append(path, data)


class Appends(Disk):
    """Counts."""

    count = 0

    def append(self, path: Path, data: bytes) -> None:
        self.count += 1
        super().append(path, data)


def test_the_rows_of_both_forms_are_the_same_in_the_same_shards(tmp_path: Path) -> None:
    results = [run(tmp_path / stage.shards, stage) for stage in (LINES, TABLES)]
    assert results[0] == results[1]
    assert read_examples(tmp_path / "parquet") == read_examples(tmp_path / "jsonl")
    tables = sorted((tmp_path / "parquet/rows").iterdir())
    assert [path.name for path in tables] == ["00000.parquet", "00001.parquet", "00002.parquet", "00003.parquet"]
    assert [count_rows(path) for path in tables] == [3, 3, 3, 2]
    assert [len(path.read_text().splitlines()) for path in sorted((tmp_path / "jsonl/rows").iterdir())] == [3, 3, 3, 2]


def test_what_rows_were_rewritten_from_is_published_in_the_same_form(tmp_path: Path) -> None:
    counted = Listed((problem("用 3 4 1 得到 11。", Countdown((3, 4, 1), 11), "zh", "countdown"),))
    stage = changed(problems=counted, questions=1, rewriter=Rules(), rewritten=EASY, samples=1, at_once=1, shards="parquet")
    run(tmp_path / "run", stage, lambda prompt, seed: tagged("3 + 4 = 7 + 1 = 8 low 3 * 4 = 12 - 1 = 11 yes", "( 3 * 4 ) - 1"))
    (row,), (raw,) = read_examples(tmp_path / "run"), read_examples(tmp_path / "run/raw")
    assert row.origin is not None and row.origin.parents == (raw.id,)
    assert [path.name for path in (tmp_path / "run/raw").iterdir()] == ["00000.parquet"]


@pytest.fixture(scope="module", params=[LINES, TABLES], ids=["jsonl", "parquet"])
def stage(request: pytest.FixtureRequest) -> Sample:
    form: Sample = request.param
    return form


def test_what_is_published_is_not_made_again(tmp_path: Path, stage: Sample) -> None:
    run(tmp_path / "run", stage)
    before = snapshot(tmp_path / "run")
    run(tmp_path / "run", stage, backend=object())
    assert snapshot(tmp_path / "run") == before
    assert not list(tmp_path.glob("run/kept*"))


@pytest.fixture(scope="module")
def changes(stage: Sample, tmp_path_factory: pytest.TempPathFactory) -> int:
    disk = ForgetfulDisk()
    run(tmp_path_factory.mktemp("count") / "run", stage, disk=disk)
    return disk.count


@pytest.mark.parametrize("step", [pytest.param(7, id="some"), pytest.param(1, id="all", marks=pytest.mark.long)])
@pytest.mark.parametrize("power", ordinary([False, True], True))
def test_killed_at_any_change_of_the_disk_it_ends_with_the_same_bytes(
    tmp_path: Path, stage: Sample, changes: int, step: int, power: bool
) -> None:
    run(tmp_path / "whole", stage, disk=ForgetfulDisk())
    whole = snapshot(tmp_path / "whole")
    assert changes > 60
    for at in range(changes - 1, -1, -step):  # publishing is last
        root = tmp_path / str(at)
        disk = KillingDisk(at, torn=at % 2 == 1)
        with pytest.raises(Killed):
            run(root, stage, disk=disk)
        if power:
            disk.cut_power(root)
        run(root, stage, disk=ForgetfulDisk())
        assert snapshot(root) == whole, at


def test_rows_of_others_count_as_many_tokens_where_a_run_goes_on_after_its_last_question(tmp_path: Path) -> None:
    said = Conversation((Message("user", "1 + 1?"), Message("assistant", "It is two.", "one more")))
    row = write_example(Example("theirs/1", "sums", "en", said, Origin("theirs", "sum", "model", 0, "g", "t")))
    (tmp_path / "given.jsonl").write_text(row + "\n")
    stage = replace(LINES, also=(FileExamples(str(tmp_path / "given.jsonl")),), mix=Mix(), chunk=64)
    counting = ForgetfulDisk()
    run(tmp_path / "whole", stage, disk=counting)
    for at in range(0, counting.count, 2):
        with pytest.raises(Killed):
            run(tmp_path / str(at), stage, disk=KillingDisk(at, torn=False))
        run(tmp_path / str(at), stage)
        assert snapshot(tmp_path / str(at)) == snapshot(tmp_path / "whole"), at


def test_a_full_disk_loses_no_row(tmp_path: Path, stage: Sample, changes: int) -> None:
    run(tmp_path / "whole", stage, disk=ForgetfulDisk())
    failed = 0
    for at in range(changes - 1, 9, -11):
        root = tmp_path / str(at)
        disk = FailingDisk(at, ENOSPC)
        try:
            run(root, stage, disk=disk)
        except DiskTrouble:
            assert disk.failed
            failed += 1
        run(root, stage)
        assert snapshot(root) == snapshot(tmp_path / "whole"), at
    assert failed > 0


KILLED = """
from pathlib import Path
from tests.stages.test_store import TABLES, CountingDisk, run
run(Path({root!r}), TABLES, disk=CountingDisk({at}))
"""


@pytest.mark.long
def test_a_process_that_gets_kill_9_while_it_publishes_ends_with_the_same_bytes(tmp_path: Path) -> None:
    counting = Appends()
    run(tmp_path / "whole", TABLES, disk=counting)
    words = [sys.executable, "-c", KILLED.format(root=str(tmp_path / "killed"), at=counting.count - 3)]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL
    assert list((tmp_path / "killed").glob(".rows.aside/*.parquet"))
    run(tmp_path / "killed", TABLES)
    assert snapshot(tmp_path / "killed") == snapshot(tmp_path / "whole")


def test_a_row_that_no_column_holds_ends_the_run_and_says_where_the_rows_are(tmp_path: Path) -> None:
    said = Conversation((Message("user", "1 + 1?"), Message("assistant", "2", "one more")))
    origin = Origin("theirs", "sum", "model", 2**64, "g", "t")
    (tmp_path / "given.jsonl").write_text(write_example(Example("theirs/1", "sums", "en", said, origin)) + "\n")
    stage = replace(TABLES, also=(FileExamples(str(tmp_path / "given.jsonl")),), mix=Mix())
    with pytest.raises(FailedBar, match=r"row sample/given-0/theirs/1 does not fit into Parquet .* All rows are in .*kept$"):
        run(tmp_path / "run", stage)
    assert sum(count_rows(path) for path in (tmp_path / "run/kept").glob("*.jsonl")) == 14 + 1
