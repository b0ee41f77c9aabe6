"""What version 0.1 wrote is read: runs, checkpoints, groups, rows, results, comparisons, origins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from aha.rundir import Record
from tests.commands.conftest import Aha
from tests.counts import ordinary

STORED = Path(__file__).parents[1] / "fixtures/0.1"
RL: tuple[object, ...] = ("--questions", 4, "--samples", 4, "--minibatches", 2, "--steps", 12, "--save_every", 2, "--keep_last", 1)
RL = (*RL, "--reference_every", 4, "--sampling.max_tokens", 24, "--optim.lr", 0.003, "--template.suffix", "")
RL = (*RL, "--compute.threads", 1, "--compute.device", "cpu")
MADE_ELSEWHERE = {"checkpoint", "run", "there", "installed"}  # what an answer tells of the machine and the version at work


@pytest.fixture(autouse=True)
def stored(aha: Aha, tmp_path: Path) -> None:
    """A copy of everything, in the directory that commands run in."""
    shutil.copytree(STORED, tmp_path, dirs_exist_ok=True)


def told(name: str) -> Any:
    return json.loads((STORED / "said" / f"{name}.json").read_text())


def portable(value: Any) -> Any:
    match value:
        case dict():
            return {name: portable(inner) for name, inner in value.items() if name not in MADE_ELSEWHERE}
        case list():
            return [portable(inner) for inner in value]
    return value


def figures(value: Any) -> Any:
    """A result without its intervals, which 0.1 took from resampled problems: [0, 0] for none right."""
    match value:
        case dict():
            return {name: figures(inner) for name, inner in value.items() if "ci95" not in name and name != "problem_se"}
        case list():
            return [figures(inner) for inner in value]
    return value


def train(start: str = "sft/checkpoints/000135") -> tuple[object, ...]:
    return ("run", "r1-stage1", "--model", start, "--problems", "sums.jsonl", *RL, "--against", "", "--no-preflight", "--out")


def test_a_run_that_was_killed_goes_on_to_the_numbers_of_the_one_that_was_not(aha: Aha) -> None:
    done = aha(*train(), "stopped")
    assert done.code == 0, done.err
    # Rows are sampled in other batches than in 0.1, so the last bits of a log-probability differ.
    close: dict[str, Any] = {"rel": 1e-3, "abs": 1e-6}
    for mine, theirs in zip(Record(Path("stopped")).metrics(), Record(STORED / "rl").metrics(), strict=True):
        assert (mine["mismatch_kl"], mine["ess"]) == pytest.approx((0.0, 1.0), abs=1e-6)  # 0.1 did not measure them
        kept = [name for name in theirs if name not in ("mismatch_kl", "ess")]
        assert [mine[name] for name in kept] == pytest.approx([theirs[name] for name in kept], **close)
    for rollout in range(6):
        assert [group.replies for group in Record(Path("stopped")).groups(rollout)] == [
            group.replies for group in Record(STORED / "rl").groups(rollout)
        ]
    weights = "checkpoints/000005/model.safetensors"
    resumed, stored = load_file(Path("stopped") / weights), load_file(STORED / "rl" / weights)
    assert resumed.keys() == stored.keys()
    for name, tensor in stored.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=close["rel"], atol=close["abs"])


def test_a_finished_run_is_finished(aha: Aha) -> None:
    done = aha(*train(), "rl")
    assert (done.code, "rl is finished; nothing is left to do" in done.err) == (0, True), done.err


@pytest.mark.parametrize("run", ordinary(["sft", "rl", "stopped", "rows", "rows-parquet"], "rl", "stopped", "rows"))
def test_every_byte_of_a_run_is_as_it_was_written_and_its_report_is_drawn(aha: Aha, charts: None, run: str) -> None:
    torn = [f"{run}/result.json: gone"] if run == "stopped" else []
    assert Record(Path(run)).problems() in ([], torn)
    assert aha("report", run).code == 0
    assert Path(run, "report.html").read_text().startswith("<!doctype html>")


def test_the_report_of_a_graph_is_drawn(aha: Aha, charts: None) -> None:
    done = aha("report", "graph")
    assert done.code == 0, done.err
    assert all(stage in Path("graph/report.html").read_text() for stage in ("sft", "rl", "rows", "again", "measure"))


@pytest.mark.parametrize("run", ["rl", "sft", "rows"])
def test_every_setting_of_a_run_is_shown(aha: Aha, run: str) -> None:
    shown = aha("show", f"{run}/manifest.json", "--json")
    assert shown.code == 0, shown.err
    values = {entry["value"] for entry in json.loads(shown.out)["settings"].values() if not isinstance(entry["value"], list)}
    told_then = json.loads(Path(run, "manifest.json").read_text())["settings"]
    assert {entry["value"] for entry in told_then.values() if isinstance(entry["value"], str) and len(entry["value"]) > 3} <= values


@pytest.mark.parametrize("name", ["gsm-before", "gsm-after", "judged"])
def test_a_result_is_graded_again_to_the_same_figures(aha: Aha, name: str) -> None:
    again = aha("regrade", name, "--data", "facts.csv" if name == "judged" else "gsm.jsonl", "--json")
    assert again.code == 0, again.err
    then, now = figures(told(f"regrade-{name.removeprefix('gsm-')}")), figures(json.loads(again.out))
    assert {key: now[key] for key in then} == then


def test_results_stand_beside_the_paper_s_as_they_did(aha: Aha) -> None:
    compared = aha("compare", "before=gsm-before", "after=gsm-after", "--markdown")
    assert compared.code == 0, compared.err
    measured = [line for line in (STORED / "said/compare.md").read_text().splitlines() if line.startswith(("| before", "| after"))]
    assert measured and set(measured) <= set(compared.out.splitlines())


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        ("rows/rows/00000.jsonl:1", "lineage"),
        ("rows-parquet/rows/00000.parquet:1", "lineage-parquet"),
        ("graph/rows/*/rows/00000.jsonl:1", "lineage-graph"),
    ],
)
def test_where_a_row_comes_from_is_told_as_it_was(aha: Aha, rows: str, name: str) -> None:
    path, _, number = rows.rpartition(":")
    (file,) = Path().glob(path)
    found = aha("lineage", f"{file}:{number}", "--json")
    assert found.code == 0, found.err
    assert portable(json.loads(found.out)) == portable(told(name))


@pytest.mark.parametrize("rows", ["rows", "rows-parquet"])
def test_rows_are_read(aha: Aha, rows: str) -> None:
    done = aha("review", rows)
    assert done.code == 0, done.err
    assert "\\boxed" in Path(rows, "review.html").read_text()


def test_judged_samples_are_scored_as_they_were(aha: Aha) -> None:
    then, now = figures(told("score")), figures(json.loads(aha("score", "samples.jsonl", "--json").out))
    assert {name: now[name] for name in then} == then


def test_samples_of_a_result_are_scaled_as_they_were(aha: Aha) -> None:
    done = aha("scale", "gsm-before", "--out", "again")
    assert done.code == 0, done.err
    assert aha("scale", "gsm-after", "--out", "after").code == 0
    then, now = (json.loads(Path(folder, "scale.json").read_text()) for folder in ("scale-samples", "after"))
    assert figures(now["samples"]) == figures(then["samples"])


FEW = ("--sampling.max_tokens", 24, "--problems", 3, "--k", 2, "--template", "instruct", "--template.suffix", "")
WORLD = ("--problems", 2, "--prompts", 1, "--samples", 1, "--template", "delimited", "--sampling.max_tokens", 24)
GSM = ("--data", "gsm.jsonl", "--template", "chat", "--k", 8, "--sampling.max_tokens", 24, "--cache", "c", "--out", "new")


@pytest.mark.parametrize(
    ("benchmark", "saved", "words"),
    [
        ("countdown", "countdown-before.jsonl.gz", FEW),
        ("tiny-world", "world-before.jsonl.gz", WORLD),
        ("gsm8k", "gsm-before", GSM),
    ],
)
def test_a_model_is_measured_against_a_saved_result(aha: Aha, benchmark: str, saved: str, words: tuple[object, ...]) -> None:
    done = aha("eval", benchmark, "--model", "rl/checkpoints/000005", "--against", saved, *words, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["against"]["model"] == saved or benchmark == "gsm8k"
