from __future__ import annotations

import json

import pytest

from aha.cli import main
from aha.codec import encode
from aha.durable import Disk, append_journal
from aha.evals.samples import GradedSample


@pytest.fixture
def files(tmp_path):
    """Two models, 20 problems, two samples each; the second solves eight problems more."""

    def write(name: str, solved: int) -> str:
        rows = [{"problem": i, "right": i < solved, "answer": "7" if i < solved else "8"} for i in range(20) for _ in range(2)]
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
        return str(tmp_path / name)

    return write("weak.jsonl", 4), write("strong.jsonl", 12)


def said(capsys, *words: str) -> tuple[int, str, str]:
    code = main(words)
    heard = capsys.readouterr()
    return code, heard.out, heard.err


def test_scores_are_one_line_of_json_with_every_k(files, capsys):
    code, out, _ = said(capsys, "score", files[0], "--json")
    result = json.loads(out)
    assert code == 0
    assert (result["pass@1"], result["pass@2"], result["cons@2"], result["maj@2"], result["k"]) == (0.2, 0.2, 0.2, 0.2, 2)
    assert result["ci95"][0] < 0.2 < result["ci95"][1]


def test_two_files_are_compared_on_the_same_problems(files, capsys):
    _, out, _ = said(capsys, "score", *files, "--json")
    result = json.loads(out)
    assert result["difference"] == pytest.approx(0.4)
    assert result["verdict"] == "better"
    _, out, _ = said(capsys, "score", files[0], files[0])
    assert "difference is noise" in out


def test_a_person_reads_per_cent(files, capsys):
    _, out, _ = said(capsys, "score", files[0], "--k", "1,2")
    assert "pass@1           20.000 %" in out
    assert "take k = 64" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--k", "3"), "pass@3 of 2 samples a problem: undefined, k must be from 1 to 2"),
        (("--k", "many"), "--k many: numbers with commas between them"),
        (("--right", "verdict"), "no field verdict; there are problem, right, answer"),
        (("--more", "1"), "--more: this command takes no more than that"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(files, capsys, words, says):
    code, out, err = said(capsys, "score", files[0], *words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert says in err


def test_a_file_that_is_not_there_is_named(capsys):
    code, _, err = said(capsys, "score", "nowhere.jsonl")
    assert (code, err) == (2, "aha: nowhere.jsonl: there is no such file\n")


def test_samples_of_other_problems_are_not_compared(files, tmp_path, capsys):
    (tmp_path / "other.jsonl").write_text('{"problem": "x", "right": true}')
    code, _, err = said(capsys, "score", files[0], str(tmp_path / "other.jsonl"))
    assert code == 2
    assert "21 problems are in one and not in the other" in err


def test_a_file_of_two_filters_has_two_results(tmp_path, capsys):
    rows = [
        {"doc_id": 0, "filter": name, "metrics": ["exact_match"], "exact_match": right, "resps": [["x"]]}
        for name, right in (("a", 0), ("b", 1))
    ]
    path = tmp_path / "samples.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = said(capsys, "score", str(path), "--json")
    assert [(row["filter"], row["pass@1"], row["samples"]) for row in map(json.loads, out.splitlines())] == [("a", 0.0, 1), ("b", 1.0, 1)]
    assert (code, json.loads(said(capsys, "score", str(path), "--filter", "b", "--json")[1])["pass@1"]) == (0, 1.0)
    code, out, _ = said(capsys, "score", str(path), str(path))
    assert (code, out) == (2, "")


def begun(folder, count: int, result: bool = False):
    """An evaluation of three problems, two samples each, of which `count` are there."""
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"benchmark": "gsm8k", "k": 2, "problems": 3}))
    if count:
        samples = [GradedSample(f"p{n // 2}", n % 2, float(n % 2), "7") for n in range(count)]
        append_journal(Disk(), folder / "samples.jsonl", *(encode(sample, GradedSample) for sample in samples))
    if result:
        (folder / "result.json").write_text("{}")
    return folder


def test_an_unfinished_evaluation_is_scored_as_far_as_it_is_and_called_unfinished(tmp_path, capsys):
    begun(tmp_path / "one" / "gsm8k", 4)
    code, out, err = said(capsys, "score", str(tmp_path / "one"))
    assert (code, "2 problems, 4 samples" in out) == (0, True), err
    assert "gsm8k: unfinished, 4 of 6 samples; its `aha eval` command, repeated, asks for the rest" in err
    begun(tmp_path / "whole" / "gsm8k", 6, result=True)
    assert said(capsys, "score", str(tmp_path / "whole" / "gsm8k"))[2] == ""


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda root: begun(root / "gsm8k", 0), "the evaluation was begun and has no sample yet; repeat its `aha eval` command"),
        (lambda root: root.mkdir(), "a folder without samples.jsonl; name a folder that `aha eval --out` wrote"),
        (lambda root: [begun(root / name, 2) for name in ("a", "b")], "results of 2 benchmarks; name one of them: "),
    ],
)
def test_a_folder_without_one_result_is_called_what_it_is(tmp_path, capsys, make, says):
    make(tmp_path / "o")
    code, _, err = said(capsys, "score", str(tmp_path / "o"))
    assert (code, err.count("\n")) == (2, 1)
    assert says in err


@pytest.mark.parametrize("command", ["score", "scale"])
def test_a_file_that_was_appended_to_itself_is_refused(tmp_path, capsys, command):
    rows = [{"id": f"p{i}", "sample": sample, "is_correct": sample} for i in range(3) for sample in range(2)]
    (tmp_path / "twice.jsonl").write_text("\n".join(map(json.dumps, rows + rows)))
    code, _, err = said(capsys, command, str(tmp_path / "twice.jsonl"))
    assert (code, "record 7: sample 0 of 'p0' is in record 1 too; leave one out" in err) == (2, True)


@pytest.mark.parametrize("place", [0, 3])
def test_a_field_that_some_records_lack_is_named_whichever_they_are(tmp_path, capsys, place):
    rows = [{"id": f"p{i}", "is_correct": True, "reward": 0.5} for i in range(4)]
    del rows[place]["reward"]
    (tmp_path / "some.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, _, err = said(capsys, "score", str(tmp_path / "some.jsonl"))
    assert (code, f"record {place + 1}: no field reward; there are id, is_correct" in err) == (2, True)
