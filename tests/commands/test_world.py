"""`aha eval tiny-world`: what is printed, what is kept, and two models beside each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aha.cli import main
from aha.evals.benchmarks.tiny import GENERAL, REASONING
from aha.evals.samples import read_samples
from tests.stages.small import fresh

SMALL = ("--problems", "1", "--prompts", "1", "--k", "2", "--template", "delimited", "--sampling.max_tokens", "4")


def test_programs_read_json_and_samples_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out = fresh(tmp_path / "model", context=128), tmp_path / "out"
    assert main(["eval", "tiny-world", "--model", model, "--json", "--out", str(out), *SMALL]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["benchmark"], result["problems"], result["k"]) == ("tiny-world", 7, 2)
    assert set(result["categories"]) == {*REASONING, *GENERAL}
    assert (result["instruction"], result["intervals"]["instruction"][0]) == (0.0, 0.0)
    assert len(read_samples(out / "tiny-world")) == 2 * len((*REASONING, *GENERAL))
    assert main(["regrade", str(out), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert {name: again[name] for name in result} == result


def test_people_read_a_line_a_number_and_what_chance_explains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out = fresh(tmp_path / "model", context=128), tmp_path / "out"
    assert main(["eval", "tiny-world", "--model", model, "--out", str(out), *SMALL]) == 0
    assert main(["eval", "tiny-world", "--model", model, "--against", str(out), *SMALL]) == 0
    said = capsys.readouterr().out
    assert "  countdown                                0.0 %   [0, 0.7935]" in said
    assert "  instruction           +0.00 points [-48.99, +48.99] difference is noise" in said


def test_names_of_0_1_are_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, words = fresh(tmp_path / "model", context=128), [*SMALL[:4], "--samples", "1", *SMALL[6:], "--json"]
    assert main(["eval", "tiny-world", "--model", model, "--record", str(tmp_path / "old"), *words]) == 0
    assert (json.loads(capsys.readouterr().out)["k"], (tmp_path / "old/tiny-world/samples.jsonl").is_file()) == (1, True)


def test_it_is_asked_beside_a_published_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, rows = fresh(tmp_path / "model", context=256), tmp_path / "g.jsonl"
    rows.write_text(json.dumps({"question": "1 + 1?", "answer": "#### 2"}) + "\n")
    words = ["--data", str(rows), "--template", "short", "--problems", "1", "--k", "1", "--sampling.max_tokens", "4", "--cache", "none"]
    assert main(["eval", "gsm8k", "countdown", "--model", model, "--out", str(tmp_path / "o"), *words, "--json"]) == 2
    assert "countdown: its problems are generated" in capsys.readouterr().err
