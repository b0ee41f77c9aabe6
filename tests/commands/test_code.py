from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aha.cli import main
from tests.counts import ordinary_rows

ADD: dict[str, Any] = {
    "id": "add",
    "problem": "Add.",
    "tests": [{"input": "1 2", "output": "3"}, {"input": "0 3", "output": "3"}, {"input": "2 2", "output": "4"}],
    "solutions": ["print(sum(map(int, input().split())))"],
    "incorrect": ["print(3)", "a, b = map(int, input().split())\nprint(a + b if a != 5 else 0)"],
}
SAME = {"id": "same", "problem": "Say YES.", "tests": [{"input": "1", "output": "YES"}], "solutions": ["print('YES')"]}
DATA = os.environ.get("AHA_DATA", "")


def written(path: Path, *rows: Mapping[str, object]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_check_says_which_problems_are_unfit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = written(tmp_path / "both.jsonl", ADD, SAME)
    assert main(["code", "check", both, "--sandbox", "unsafe"]) == 1
    assert capsys.readouterr().out == "same: a program that prints YES passes\n1 of 2 problems are usable\n"
    assert main(["code", "check", written(tmp_path / "one.jsonl", ADD), "--sandbox", "unsafe"]) == 0


def test_score_counts_the_wrong_programs_that_the_tests_kill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "add.jsonl", ADD)
    assert main(["code", "score", file, "--sandbox", "unsafe", "--mutants", "0", "--json"]) == 0
    (scored, summary) = told(capsys)
    assert scored["submissions"] == {"killed": 1, "tried": 2, "share": 0.5, "survivors": ["submission 2"], "abstained": 0}
    assert summary["submissions"] == 0.5 and summary["mutants"] is None


def test_write_makes_rows_whose_tests_catch_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = "seed = int(input())\nprint(seed, seed + 1)"
    out = tmp_path / "new.jsonl"
    words = ["code", "write", written(tmp_path / "add.jsonl", {**ADD, "generators": [generator]}), "--out", str(out), "--sandbox", "unsafe"]
    assert main([*words, "--seeds", "6", "--most", "4"]) == 0
    assert capsys.readouterr().out == "add: 4 tests of 9 inputs, 2 of 2 wrong submissions caught\n"
    row = json.loads(out.read_text(encoding="utf-8"))
    assert row["problem"] == "Add." and len(row["tests"]) == 4 and {"input": "5 6\n", "output": "11\n"} in row["tests"]
    assert main(["code", "score", str(out), "--sandbox", "unsafe", "--mutants", "0"]) == 0


def test_agree_compares_with_stored_verdicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = written(tmp_path / "add.jsonl", ADD)
    rows = [
        {"id": "add", "answer": f"```python\n{code}\n```", "is_correct": label}
        for code, label in ((ADD["solutions"][0], True), ("x", True))
    ]
    assert main(["code", "agree", problems, written(tmp_path / "results.jsonl", *rows), "--sandbox", "unsafe"]) == 1
    assert capsys.readouterr().out == (
        "add: Wrong, stored True: test 1 of 3: RE, NameError: name 'x' is not defined\n"
        "1 of 2 right (stored: 2), the same verdict on 1 of 2, 0 abstained\n"
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["check", "missing.jsonl"], "missing.jsonl was not found"),
        (["agree", "FILE"], "agree takes RESULTS"),
        (["write", "FILE"], "write takes --out"),
        (["check", "FILE", "--workers", "0"], "--workers: 0: it takes a whole number of 1 or more"),
        (["agree", "FILE", "FILE"], "an id among the problems, a text, and true or false are needed"),
        (["write", "FILE", "--out", "new.jsonl"], "`generators`"),
        (["check", "FILE", "extra", "more"], "takes"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    words: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = written(tmp_path / "add.jsonl", ADD)
    assert main(["code", *(file if word == "FILE" else word for word in words), "--sandbox", "unsafe"]) == 2
    assert complaint in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.skipif(
    not Path(DATA, "outputs/simple_evals_ru").is_dir() or not DATA, reason="AHA_DATA with outputs/simple_evals_ru is not set"
)
@pytest.mark.parametrize(("name", "right", "rows"), ordinary_rows([("humaneval", 149, 164), ("mbpp", 227, 257)], ("humaneval", 149, 164)))
def test_stored_answers_get_their_stored_verdicts_row_by_row(name: str, right: int, rows: int, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(DATA, "outputs/simple_evals_ru")
    assert (
        main(["code", "agree", str(folder / f"benches/{name}.jsonl"), str(folder / f"results/{name}/16_deepseek_v3.jsonl"), "--json"]) == 0
    )
    summary = told(capsys)[-1]
    assert [summary[key] for key in ("answers", "right", "agree", "abstained")] == [rows, right, rows, 0]
    assert summary["sandbox"] != "unsafe"
