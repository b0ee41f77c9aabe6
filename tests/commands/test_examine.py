from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.servers import Answer, Server, said


def rows(path: Path, count: int = 3) -> Path:
    path.write_text("".join(json.dumps({"question": f"{n} + 1?", "answer": f"#### {n + 1}"}) + "\n" for n in range(count)))
    return path


def solves(request, turn) -> Answer:
    number = int(request.asked.split()[0])
    return said(f"It is \\boxed{{{number + 1 if number else 9}}}.", reasoning_content="so \\boxed{0}")


def test_a_server_is_evaluated_and_its_result_is_in_every_form(aha, tmp_path):
    with Server(solves) as server:
        words = ("eval", "gsm8k", "--model", f"{server.url}#m", "--data", rows(tmp_path / "g.jsonl"), "--k", 2, "--json")
        found = aha(*words, "--out", "o", "--lm-eval", "l.json", "--cache", "c")
        assert found.code == 0, found.err
        asked = len(server.requests)
        again = aha(*words, "--out", "o", "--cache", "c")
        assert len(server.requests) == asked == 6
        elsewhere = aha(*words, "--out", "p", "--cache", "c")
        assert len(server.requests) == 6
    result = json.loads(found.out)
    assert (result["pass@1"], result["k"], result["problems"], result["truncated"]) == (pytest.approx(2 / 3), 2, 3, 0.0)
    assert again.out == elsewhere.out == found.out
    body = server.requests[0].body
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.6, 0.95, 32_768)
    assert [message["role"] for message in body["messages"]] == ["user"]
    form = json.loads(Path("l.json").read_text())
    assert form["results"]["gsm8k"]["pass@1,none"] == pytest.approx(2 / 3)
    assert form["n-samples"]["gsm8k"] == {"original": 3, "effective": 3}
    regraded = aha("regrade", "o", "--json")
    assert json.loads(regraded.out) == result
    scored = aha("score", "o/gsm8k", "--json")
    assert json.loads(scored.out)["pass@1"] == pytest.approx(2 / 3)
    compared = aha("compare", "m=o", "--markdown")
    assert compared.code == 0, compared.err


def test_an_endpoint_that_answers_nothing_ends_with_75(aha, tmp_path):
    with Server(lambda request, turn: Answer(silent=True)) as server:
        words = ("--model", f"{server.url}#m", "--data", rows(tmp_path / "g.jsonl"), "--client.retries", 0, "--out", "o", "--cache", "c")
        found = aha("eval", "gsm8k", *words)
    assert found.code == 75
    assert found.err.splitlines()[-1].startswith("aha: http")


def test_what_failed_is_asked_again_by_the_same_command_and_nothing_else(aha, tmp_path):
    down = [True]

    def half(request, turn) -> Answer:
        return Answer(status=400) if down[0] and request.asked.startswith("1 ") else solves(request, turn)

    with Server(half) as server:
        words = (
            "eval",
            "gsm8k",
            "--model",
            f"{server.url}#m",
            "--data",
            rows(tmp_path / "g.jsonl"),
            "--k",
            1,
            "--out",
            "o",
            "--cache",
            "c",
        )
        first = aha(*words, "--client.retries", 0)
        kept = len(Path("o/gsm8k/samples.jsonl").read_text().splitlines())
        down[0] = False
        second = aha(*words, "--client.retries", 0)
    assert (first.code, kept, second.code, len(server.requests)) == (75, 2, 0, 4)
    lines = [json.loads(line) for line in Path("o/gsm8k/samples.jsonl").read_text().splitlines()]
    assert sorted(line["problem"] for line in lines) == ["g/1", "g/2", "g/3"]


def test_a_model_here_is_capped_by_its_context_and_says_so(aha, tmp_path, model):
    words = ("--data", rows(tmp_path / "g.jsonl", 1), "--k", 1, "--template", "r1-zero", "--out", "o", "--cache", "c")
    found = aha("eval", "gsm8k", "--model", model, *words)
    assert found.code == 0, found.err
    room = int(found.err.partition("more than the model's context leaves: ")[2].split()[0])
    assert 0 < room < 256  # positions
    assert f"max_tokens {room}, template r1-zero" in found.err


def test_published_outputs_are_graded_with_their_benchmarks_chain(aha, tmp_path):
    lines = [
        {"question_id": n, "question": "?", "options": ["a", "b"], "answer": "B", "category": "law", "model_outputs": said}
        for n, said in enumerate(("The answer is (B).", "The answer is (A).", None))
    ]
    (tmp_path / "p.json").write_text(json.dumps(lines))
    result = json.loads(aha("regrade", "p.json", "--benchmark", "mmlu_pro", "--json").out)
    assert (result["pass@1"], result["problems"]) == (pytest.approx(1 / 3), 3)
    assert result["unparsed"] == pytest.approx(1 / 3)
    assert result["guess_adjusted"] == pytest.approx((1 + 0 + 0.5) / 3)


def test_an_unverified_protocol_says_so(aha, tmp_path):
    (tmp_path / "c.jsonl").write_text(json.dumps({"question": "1 + 1?", "answer": "2", "grade": 1}) + "\n")
    with Server(lambda request, turn: said("\\boxed{2}")) as server:
        found = aha("eval", "cmath", "--model", f"{server.url}#m", "--data", "c.jsonl", "--k", 1, "--out", "o", "--cache", "c")
    assert "cmath: protocol: unverified" in found.err
    assert "published" not in found.out


def test_swe_bench_and_aider_are_read_from_what_they_wrote(aha, tmp_path):
    (tmp_path / "report.json").write_text(json.dumps({"total_instances": 4, "resolved_ids": ["a"]}))
    assert json.loads(aha("eval", "swe_bench_verified", "--results", "report.json", "--json").out)["pass@1"] == 0.25
    for name, tries in (("one", [False, True]), ("two", [False, False])):
        (tmp_path / "aider" / name).mkdir(parents=True)
        (tmp_path / "aider" / name / ".aider.results.json").write_text(json.dumps({"tests_outcomes": tries}))
    result = json.loads(aha("eval", "aider_polyglot", "--results", "aider", "--json").out)
    assert (result["pass@1"], result["pass_rate_1"]) == (0.5, 0.0)


def test_64_requests_are_in_flight_and_faults_lose_and_double_nothing(aha, tmp_path):
    faults = {
        0: Answer(status=500),
        1: Answer(status=429, headers={"Retry-After": "0"}),
        2: Answer(b'{"choices"', cut=5),
        3: Answer(silent=True),
    }
    seen: dict[str, int] = {}

    def troubled(request, turn) -> Answer:
        key = f"{request.asked} {request.body['seed']}"
        seen[key] = seen.get(key, 0) + 1
        fault = faults.get(turn % 5 if seen[key] == 1 and turn > 100 else 9)
        return fault or Answer(solves(request, turn).body, wait_s=0.3)

    with Server(troubled) as server:
        words = ("--model", f"{server.url}#m", "--data", rows(tmp_path / "g.jsonl", 40), "--k", 4, "--out", "o", "--cache", "c")
        found = aha("eval", "gsm8k", *words, "--client.pause_s", 0.01, "--json")
    assert found.code == 0, found.err
    assert server.most == 64
    assert len(server.requests) > 160 + 20  # of 60 and more that came late, four in five met a fault
    lines = [json.loads(line) for line in Path("o/gsm8k/samples.jsonl").read_text().splitlines()]
    assert len(lines) == len({(line["problem"], line["sample"]) for line in lines}) == 160
    assert json.loads(found.out)["pass@1"] == pytest.approx(39 / 40)


def test_a_question_for_a_judge_is_saved_and_not_scored(aha, tmp_path):
    (tmp_path / "q.csv").write_text("metadata,problem,answer\n{},Who?,Me\n")
    with Server(lambda request, turn: said("Me.")) as server:
        found = aha("eval", "simpleqa", "--model", f"{server.url}#m", "--data", "q.csv", "--k", 1, "--out", "o", "--cache", "c", "--json")
    result = json.loads(found.out)
    assert (result["value"], result["abstained"], "pass@1" in result) == (None, 1.0, False)
    assert json.loads(Path("o/simpleqa/samples.jsonl").read_text())["text"] == "Me."


def test_how_long_and_how_hot_a_reply_is_are_the_models_and_not_its_judges(aha, tmp_path, model):
    words = ("eval", "gsm8k", "--model", model, "--data", rows(tmp_path / "g.jsonl"), "--k", 1, "--limit", 1, "--template", "r1-zero")
    found = aha(*words, "--max-tokens", 3, "--temperature", 0.5)
    assert found.code == 0, found.err
    assert "temperature 0.5" in found.err and "max_tokens 3," in found.err and "problems 1," in found.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("export", "run", "--out", "x"), "--out: this command takes no more than that; did you mean --to"),
        (("chat", "--model", "tiny", "--maxtokens", "3"), "--maxtokens: this command takes no more than that; did you mean --max-tokens"),
        (("check", "run", "--zzz"), "--zzz: this command takes no more than that; `aha check --help` lists its flags"),
    ],
)
def test_a_flag_that_a_command_does_not_have_is_answered_with_those_that_are_near(aha, words, says):
    found = aha(*words)
    assert found.code == 2 and says in found.err
