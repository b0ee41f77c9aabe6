"""A graph of stages: nothing is done twice, nothing that changed is left as it was, and the reason is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from aha.errors import BadInput, DiskTrouble
from aha.pipeline import Graph, Step
from aha.pipeline.fingerprint import outside
from aha.pipeline.graph import read_lineage
from aha.protocols import Observer, Stage
from aha.rundir import Manifest, RunDir
from tests.pipeline.toys import BACKEND, Listening, Looks, Trains, Writes

ZERO, ROWS = Trains("base"), Writes("@zero")
SFT = Trains("base", data="@rows")
STAGES: tuple[tuple[str, Stage], ...] = (("zero", ZERO), ("rows", ROWS), ("sft", SFT), ("look", Looks("@sft", ("@zero", "@sft"))))


def work(store: Path, stages: tuple[tuple[str, Stage], ...] = STAGES, until: str | None = None, first: str | None = None) -> list[str]:
    """The graph's stages as they were met, each done where it was to be done."""
    graph, said = Graph(stages, store), []

    @contextmanager
    def opened(step: Step) -> Iterator[tuple[RunDir, Observer]]:
        assert step.folder is not None
        step.folder.parent.mkdir(parents=True, exist_ok=True)
        rundir = RunDir.open(step.folder, Manifest(step.name, {}, {}, {}, None, (), ""), reserve_bytes=0)
        try:
            yield rundir, Listening()
        finally:
            rundir.close()

    for step in graph.steps(until, first):
        said.append(f"{step.name} {step.state}" + (f": {step.why}" if step.why else ""))
        if step.todo:
            graph.do(step, BACKEND, opened)
        elif step.state == "done":
            graph.settle(step)
    return said


def changed(**stages: Stage) -> tuple[tuple[str, Stage], ...]:
    return tuple((name, stages.get(name, stage)) for name, stage in STAGES)


def result(store: Path, name: str = "look") -> object:
    step = next(step for step in Graph(STAGES, store).steps() if step.name == name)
    assert step.folder is not None
    return json.loads((step.folder / "result.json").read_text())["weights"]


def states(store: Path, stages: tuple[tuple[str, Stage], ...] = STAGES) -> list[str]:
    return [step.state for step in Graph(stages, store).steps()]


def test_stages_get_folders_where_they_name_others(tmp_path: Path) -> None:
    assert work(tmp_path) == ["zero new", "rows new", "sft new", "look new"]
    assert result(tmp_path) == [15, 20, 4, 20]  # zero: 4 x 1; 4 rows; sft: 4 x (1 + 4), of which two checkpoints stay


def test_what_is_done_is_skipped_and_nothing_is_written(tmp_path: Path) -> None:
    work(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert work(tmp_path) == ["zero done", "rows done", "sft done", "look done"]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_what_changed_is_redone_with_the_reason_and_so_is_what_follows_from_it(tmp_path: Path) -> None:
    work(tmp_path)
    assert work(tmp_path, changed(zero=replace(ZERO, rate=2))) == [
        "zero changed: rate: 1 -> 2",
        "rows changed: model: @zero holds something else now",
        "sft changed: data: @rows holds something else now",
        "look changed: of: @sft holds something else now; models: @zero holds something else now; models: @sft holds something else now",
    ]


def test_a_change_that_changes_nothing_below_stops_there(tmp_path: Path) -> None:
    work(tmp_path)
    assert work(tmp_path, changed(rows=replace(ROWS, most=50))) == ["zero done", "rows changed: most: 100 -> 50", "sft done", "look done"]


def test_going_back_to_earlier_settings_costs_nothing(tmp_path: Path) -> None:
    work(tmp_path)
    work(tmp_path, changed(zero=replace(ZERO, rate=2)))
    assert states(tmp_path) == ["done"] * 4


def test_a_plan_writes_nothing_and_says_what_waits(tmp_path: Path) -> None:
    graph = Graph(STAGES, tmp_path / "none")
    assert [(step.state, step.why) for step in graph.steps()] == [
        ("new", ""),
        ("waits", "for zero"),
        ("waits", "for rows"),
        ("waits", "for sft and zero"),
    ]
    assert not (tmp_path / "none").exists()


def test_rows_that_a_person_edited_are_read_by_the_next_stage(tmp_path: Path) -> None:
    work(tmp_path)
    next(tmp_path.glob("rows/*/rows/00000.jsonl")).write_text("row\n" * 3)
    assert work(tmp_path)[:3] == ["zero done", "rows done", "sft changed: data: @rows holds something else now"]
    assert result(tmp_path) == [12, 16, 4, 16]


def test_until_ends_there_and_from_takes_what_stands_before_as_it_is(tmp_path: Path) -> None:
    assert work(tmp_path, until="rows") == ["zero new", "rows new"]
    other = changed(zero=replace(ZERO, rate=9))
    assert work(tmp_path, other, first="sft") == ["zero kept: taken as it is", "rows kept: taken as it is", "sft new", "look new"]
    assert result(tmp_path) == [15, 20, 4, 20]


def test_from_needs_the_results_that_it_builds_on(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^--from sft: the stage zero before it has no result yet in .*; leave --from out$"):
        work(tmp_path, first="sft")


def test_an_unknown_stage_is_one_line_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^rowz: there is no such stage; there are zero, rows, sft, look; did you mean rows or zero\?$"):
        work(tmp_path, until="rowz")
    with pytest.raises(BadInput, match=r"^--sft.data @rowz: there is no such stage; did you mean rows or zero\?$"):
        Graph(changed(sft=replace(SFT, data="@rowz")), tmp_path)
    with pytest.raises(BadInput, match=r"^--zero.model @sft: it comes later than zero$"):
        Graph(changed(zero=replace(ZERO, model="@sft")), tmp_path)
    with pytest.raises(BadInput, match="sft comes after zero, so nothing is between them"):
        work(tmp_path, until="zero", first="sft")


def test_a_stage_that_leaves_no_rows_cannot_be_asked_for_them(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^--data @zero: the stage zero leaves no rows"):
        work(tmp_path, changed(sft=replace(SFT, data="@zero")))


def test_a_stage_that_was_stopped_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    dying = changed(sft=replace(SFT, dies_after=1))
    with pytest.raises(KeyboardInterrupt):
        work(tmp_path, dying)
    assert work(tmp_path, dying)[2:] == ["sft begun: it was stopped", "look new"]
    step = list(Graph(dying, tmp_path).steps())[3]
    assert step.folder is not None
    assert json.loads((step.folder / "result.json").read_text())["weights"] == [15, 20, 4, 20]


def test_another_grader_redoes_what_relies_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work(tmp_path)
    monkeypatch.setattr("aha.pipeline.fingerprint.relied_on", lambda stage: {"grader": "new"} if isinstance(stage, Writes) else {})
    assert states(tmp_path) == ["done", "changed", "waits", "waits"]


def test_a_damaged_checkpoint_is_found_before_a_stage_builds_on_it(tmp_path: Path) -> None:
    work(tmp_path, until="zero")
    checkpoint = sorted(tmp_path.glob("zero/*/checkpoints/0*/config.json"))[-1]
    checkpoint.write_text(checkpoint.read_text().replace("4", "5"))
    with pytest.raises(DiskTrouble, match=r"config.json: damaged.*remove .*zero/.* and run the same command again: zero is redone$"):
        work(tmp_path)


def test_the_lineage_of_a_stage_names_its_inputs_and_where_they_came_from(tmp_path: Path) -> None:
    work(tmp_path)
    name, made = read_lineage(next(tmp_path.glob("sft/*")))
    rows = next(tmp_path.glob("rows/*/rows")).relative_to(tmp_path)
    assert (name, made.settings["data"], made.inputs["data"].stage, made.inputs["data"].place) == ("sft", "@rows", "rows", str(rows))


def test_where_a_file_from_outside_lies_does_not_count_but_what_is_in_it_does(tmp_path: Path) -> None:
    def key(path: Path, text: str) -> str | None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        made = next(Graph((("sft", Trains("base", data=str(path))),), tmp_path / "store").steps()).fingerprint
        return None if made is None else made.key

    one = key(tmp_path / "a.jsonl", "row\n")
    assert key(tmp_path / "b/c.jsonl", "row\n") == one
    assert key(tmp_path / "a.jsonl", "row\nrow\n") != one


def test_what_servers_said_before_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "said.jsonl").write_text("{}\n")
    assert outside("data", str(tmp_path)) == tmp_path
    assert outside("rewriter.client.cache", str(tmp_path)) is None
