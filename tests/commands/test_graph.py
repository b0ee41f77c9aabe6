"""A recipe of stages on the command line: run, skipped, changed, planned, refused."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from aha.commands.graph_page import stage_table
from tests.commands.conftest import COUNTING, Aha
from tests.endtoend.conftest import Warm


def test_stages_run_once_and_a_second_time_there_is_nothing_to_do(aha: Aha, recipe: Path, tmp_path: Path) -> None:
    first = aha("run", recipe, "--out", "out")
    assert first.code == 0, first.err
    assert [line for line in first.err.splitlines() if ": new" in line] == ["one: new", "two: new"]
    *lines, report = first.out.splitlines()
    assert report == "report: out/report.html" and (tmp_path / "out/report.html").is_file()
    names = [line.split() for line in lines]
    assert [(name, *took) for name, *took, _ in names] == [("one", "3", "s"), ("two", "3", "s")]
    assert json.loads((tmp_path / names[1][-1] / "result.json").read_text())["number"] == 33

    again = aha("run", recipe, "--out", "out")
    assert (again.code, again.err) == (0, "nothing to do: all 2 stages are done, in out\n")
    assert again.out == first.out
    told = json.loads(aha("run", recipe, "--out", "out", "--json").out)
    assert (told["event"], told["results"]["two"]["number"]) == ("finished", 33)


def test_a_result_that_was_removed_is_made_again(aha: Aha, recipe: Path, tmp_path: Path) -> None:
    assert aha("run", recipe, "--out", "out").code == 0
    next((tmp_path / "out/two").glob("*/result.json")).unlink()
    again = aha("run", recipe, "--out", "out")
    assert [line for line in again.err.splitlines() if line.startswith(("one: ", "two: "))] == [
        "one: done",
        "two: goes on (it was stopped)",
    ]


def test_what_changed_is_redone_with_the_reason(aha: Aha, recipe: Path, tmp_path: Path) -> None:
    assert aha("run", recipe, "--out", "out").code == 0
    changed = aha("run", recipe, "--out", "out", "--two.by", 5)
    assert [line for line in changed.err.splitlines() if line.startswith(("one: ", "two: "))] == ["one: done", "two: again (by: 10 -> 5)"]
    back = aha("run", recipe, "--out", "out")
    assert back.err == "nothing to do: all 2 stages are done, in out\n"


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(aha: Aha, recipe: Path, tmp_path: Path) -> None:
    done = aha("run", recipe, "--out", "out", "--dry-run")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert (lines[1].split()[:2], lines[2].split()[:2]) == (["one", "new"], ["two", "waits"])
    assert lines[2].endswith("for one") and lines[4].startswith("2 of 2 stages to do")
    planned = json.loads(aha("run", recipe, "--out", "out", "--dry-run", "--json").out)
    assert [(each["stage"], each["state"], each["why"]) for each in planned["stages"]] == [("one", "new", ""), ("two", "waits", "for one")]
    assert not (tmp_path / "out").exists()


def test_until_and_from(aha: Aha, recipe: Path, tmp_path: Path) -> None:
    assert [line.split()[0] for line in aha("run", recipe, "--out", "out", "--until", "one").out.splitlines()] == ["one", "report:"]
    kept = aha("run", recipe, "--out", "out", "--from", "two", "--one.by", 7)
    assert [line for line in kept.err.splitlines() if line.startswith(("one: ", "two: "))] == ["one: kept (taken as it is)", "two: new"]


def test_an_unknown_stage_is_one_line_with_the_nearest_name(aha: Aha, recipe: Path) -> None:
    refused = aha("run", recipe, "--until", "tow")
    assert (refused.code, refused.err) == (2, "aha: tow: there is no such stage; there are one, two; did you mean two?\n")


def test_another_recipe_s_directory_and_a_stranger_s_are_refused(aha: Aha, recipe: Path, tmp_path: Path) -> None:
    assert aha("run", recipe, "--out", "out").code == 0
    recipe.write_text(COUNTING.replace('"counting"', '"other"'))
    refused = aha("run", recipe, "--out", "out")
    assert (refused.code, refused.err) == (
        2,
        "aha: out: it belongs to another recipe (counting, not other); choose another directory\n",
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    assert "it is not empty and holds no run ('letter.txt' is in it)" in aha("run", recipe, "--out", "mine").err


def test_a_recipe_of_one_directory_knows_no_stages_to_choose(aha: Aha) -> None:
    refused = aha("run", "zero", "--until", "zero")
    assert (refused.code, refused.err.startswith("aha: --until, --from and --dry-run are for recipes of stages")) == (2, True)


def test_kill_9_in_a_stage_loses_nothing(aha: Aha, warm: Warm, recipe: Path, tmp_path: Path) -> None:
    """In a process of its own, which kills itself after the second step of the second stage."""
    killed = COUNTING.replace("observer.rollout(step", "killed(self, step, resumed); observer.rollout(step").replace(
        "@dataclass(frozen=True)",
        "import os, signal\ndef killed(stage, step, resumed):\n"
        "    if stage.start and step == 2 and 'DIES' in os.environ:\n        os.kill(os.getpid(), 9)\n\n@dataclass(frozen=True)",
    )
    recipe.write_text(killed)
    command = warm.start("run", recipe, "--out", "out", folder=tmp_path, environ={"DIES": "yes"})
    assert command.code == -signal.SIGKILL, command.said
    again = aha("run", recipe, "--out", "out")
    assert [line for line in again.err.splitlines() if line.startswith(("one: ", "two: "))] == [
        "one: done",
        "two: goes on (it was stopped)",
    ]
    assert aha("run", recipe, "--out", "whole").code == 0
    kept, whole = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("metrics.jsonl")} for root in map(Path, ("out", "whole"))
    )
    assert kept == whole and len(kept) == 6  # the stages' own, and those beside the two checkpoints that each keeps


def test_stages_that_were_measured_stand_side_by_side() -> None:
    mean = {"value": 0.5, "low": 0.4, "high": 0.6}
    measured = {"pass@1": {"countdown": mean}, "reasoning": mean, "instruction": mean, "consistency": {"reasoning": mean}}
    lines = stage_table({"sft1": {"stage": "sft1"}, "measure-dev1": {**measured, "form": {"reasoning": 0.25}}})
    assert lines[0].split() == ["countdown", "chain", "program", "reasoning", "instruction", "consistency", "form"]
    assert lines[1].split() == ["measure-dev1", "0.500", "?", "?", "0.500", "0.500", "0.500", "0.250"]
    assert stage_table({"sft1": {"stage": "sft1"}}) == []
