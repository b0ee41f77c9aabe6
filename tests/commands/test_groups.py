"""`aha groups`: a rollout as JSON, whoever wrote it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from aha.rundir import RunDir, read_manifest
from aha.rundir.groups import read_groups
from tests.commands.conftest import Aha
from tests.runs import MANIFEST, group

STORED = Path(__file__).parents[1] / "fixtures/0.1"


def lines(text: str) -> list[str]:
    return [json.loads(line)["problem"]["id"] for line in text.splitlines()]


def test_groups_are_printed_a_line_each_and_one_alone(aha: Aha) -> None:
    run = RunDir.open(Path("run"), MANIFEST)
    run.resume()
    for rollout in range(3):
        run.commit(rollout, {}, {}, [group(3 * rollout + number) for number in range(3)])
    run.close()
    assert lines(aha("groups", "run").out) == ["p6", "p7", "p8"]
    assert lines(aha("groups", "run", "--rollout", 0).out) == ["p0", "p1", "p2"]
    one = aha("groups", "run", "--rollout", 1, "--group", 2)
    assert (one.code, lines(one.out)) == (0, ["p5"])
    assert json.loads(one.out)["completions"][0] == {"tokens": [4, 5], "logprobs": [-0.1, -1 / 3], "finished": "stop", "version": 5}


def test_what_an_earlier_version_wrote_is_printed_as_it_stands_and_read_beside_tables(aha: Aha) -> None:
    shutil.copytree(STORED / "stopped", "run")
    stored = Path("run/groups/000001.jsonl.gz")
    assert [json.loads(line)["prompt"] for line in aha("groups", "run", "--rollout", 1).out.splitlines()] == [
        list(group.prompt) for group in read_groups(stored)
    ]
    run = RunDir.open(Path("run"), read_manifest(Path("run/manifest.json")))
    resumed = run.resume()
    assert resumed is not None
    run.commit(resumed.rollout + 1, {}, {}, [group(7)])
    run.close()
    assert lines(aha("groups", "run").out) == ["p7"]
    assert sorted(path.suffix for path in Path("run/groups").iterdir()) == [".gz"] * (resumed.rollout + 1) + [".parquet"]


def test_what_is_not_there_is_one_line(aha: Aha) -> None:
    shutil.copytree(STORED / "rl", "run")
    for words, told in (
        (("nowhere",), "nowhere: there are no groups; give the directory of a run that learns from rollouts"),
        (("run", "--rollout", 9), "--rollout 9: run has groups of rollouts 0 to 5"),
        (("run", "--group", 4), "--group 4: rollout 5 has no group of that number; they count from 0"),
    ):
        done = aha("groups", *words)
        assert (done.code, done.err.count("\n")) == (2, 1) and told in done.err, done.err


def test_a_flipped_byte_is_found_before_anything_is_printed(aha: Aha) -> None:
    shutil.copytree(STORED / "rl", "run")
    path = Path("run/groups/000005.jsonl.gz")
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(data)
    done = aha("groups", "run")
    assert (done.code, done.out) == (74, "")
    assert "000005.jsonl.gz: damaged: its sha256 is not the one in metrics.jsonl" in done.err
