"""`aha run sample` and `aha run cold-start`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aha.cli import main
from tests.judges import honest
from tests.sample_runs import asked_number
from tests.servers import Answer, Request, Server, said

QUICK = ("--client.retries", "0", "--retry.pause_s", "0", "--client.cache", "none")


@pytest.fixture
def problems(tmp_path: Path) -> str:
    lines = [{"id": f"p{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(12)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(tmp_path / "p.jsonl")


def thinks(request: Request, number: int) -> Answer:
    n = asked_number(request.asked)
    return said(f"\\boxed{{{n + 1}}}", reasoning_content=f"I add one to {n} ({request.body['seed']}).")


def test_a_teachers_chains_become_rows_and_a_funnel(tmp_path, problems, capsys):
    with Server(thinks) as server:
        assert main(["run", "sample", "--model", server.url, "--problems", problems, "--out", str(tmp_path / "run"), *QUICK]) == 0
    out = capsys.readouterr().out
    assert "math 12 24 24 24 24 24 12 12 14" in " ".join(out.split())  # I, add, one, to, 0, (, 0, ), ., \\, boxed, {, 1, }
    assert "math: 12 over the cap" in out
    assert len((tmp_path / "run/rows/00000.jsonl").read_text().splitlines()) == 12
    assert "From prompts to rows" in (tmp_path / "run/report.html").read_text()


def test_a_second_run_does_nothing(tmp_path, problems, capsys):
    words = ["run", "sample", "--problems", problems, "--out", str(tmp_path / "run"), *QUICK]
    with Server(thinks) as server:
        assert main([*words, "--model", server.url]) == 0
        asked = len(server.requests)
        assert main([*words, "--model", server.url]) == 0
        assert len(server.requests) == asked


def test_a_judge_is_chosen_with_words(tmp_path, capsys):
    (tmp_path / "who.jsonl").write_text('{"question": "Who wrote book 4 and 0 + 1?", "answer": "author 4"}\n')

    def script(request: Request, number: int) -> Answer:
        if "BEGIN question" in request.asked:
            return said(honest(request.asked))
        return said("author 4", reasoning_content="I recall.")

    with Server(script) as server:
        judge = ["--truth", "judge", "--truth.model", f"{server.url}#m", "--truth.client.cache", "none"]
        words = ["run", "sample", "--model", server.url, "--problems", str(tmp_path / "who.jsonl"), "--problems.kind", "judged"]
        assert main([*words, *judge, "--out", str(tmp_path / "run"), *QUICK]) == 0
    assert json.loads((tmp_path / "run/rows/00000.jsonl").read_text())["messages"][1]["content"] == "author 4"


def test_a_rewriter_is_named(tmp_path, problems, capsys):
    def script(request: Request, number: int) -> Answer:
        if "BEGIN chain" in request.asked:
            n = asked_number(request.asked)
            return said(f"<chain>First I take {n}, then I add one.</chain><summary>\\boxed{{{n + 1}}}</summary>")
        return thinks(request, number)

    with Server(script) as server:
        words = ["run", "cold-start", "--model", server.url, "--template", "instruct", "--problems", problems]
        rewriter = ["--rewriter.model", f"{server.url}#m", "--rewriter.client.cache", "none"]
        assert main([*words, *rewriter, "--out", str(tmp_path / "run"), *QUICK]) == 0
    row = json.loads((tmp_path / "run/rows/00000.jsonl").read_text().splitlines()[0])
    assert row["messages"][1] == {
        "role": "assistant",
        "content": "\\boxed{1}",
        "reasoning_content": "First I take 0, then I add one.",
    }
    assert row["origin"]["parents"] == ["cold-start/p.jsonl:1/0/raw"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("cold-start --model http://127.0.0.1:9/v1#m --template instruct", "recipe cold-start needs a value for sample.rewriter.model"),
        ("sample --model http://127.0.0.1:9/v1#m --truth judge", "a judge needs a model"),
        ("sample --model http://127.0.0.1:9/v1#m --template short", "template Short: a server is asked in conversations"),
        ("sample --model http://127.0.0.1:9/v1#m --against nowhere.jsonl", "against nowhere.jsonl: there is no such file"),
        ("sample --model http://127.0.0.1:9/v1#m --shots nowhere.jsonl", "nowhere.jsonl was not found"),
        ("sample --model http://127.0.0.1:9/v1#m --cap 9", "--sample.cap 9: cap is 9"),
        ("sample --model ./nowhere", "model ./nowhere: there is no such folder"),
        ("r1-zero --model http://127.0.0.1:9/v1", "model http://127.0.0.1:9/v1"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_asked(words, says, problems, tmp_path, capsys):
    assert main(["run", *words.split(), "--problems", problems, "--out", str(tmp_path / "run")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"aha: {says}"), err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_teacher_without_reasoning_ends_the_command_with_2(tmp_path, problems, capsys):
    with Server(lambda request, number: said("\\boxed{1}")) as server:
        assert main(["run", "sample", "--model", server.url, "--problems", problems, "--out", str(tmp_path / "run"), *QUICK]) == 2
    assert "a teacher has to return `reasoning_content`" in capsys.readouterr().err


def test_a_teacher_that_is_down_ends_it_with_75(tmp_path, problems, capsys):
    with Server(lambda request, number: Answer(status=503)) as server:
        assert main(["run", "sample", "--model", f"{server.url}#m", "--problems", problems, "--out", str(tmp_path / "run"), *QUICK]) == 75
    assert "the same command goes on when it is back" in capsys.readouterr().err
