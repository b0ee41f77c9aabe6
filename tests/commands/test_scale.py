from __future__ import annotations

import json
from pathlib import Path

import pytest

from aha.protocols import Adam, Compute
from tests.commands.test_examine import rows, solves
from tests.servers import Server, said
from tests.serving.chats import ScriptedEngine, scripted, served, url

FEW = ("--k", 4, "--problems", 3, "--sampling.max_tokens", 24, "--scale.answer_tokens", 16)


def test_a_model_of_ours_gets_a_page_and_numbers(aha, model):
    found = aha("scale", "countdown", "--model", model, *FEW, "--out", "s", "--json")
    assert found.code == 0, found.err
    result = json.loads(found.out)
    assert (result["problems"], result["k"], result["model"]) == (3, 4, model)
    assert [curve["name"] for curve in result["samples"]][::2] == ["pass@n", "best of n by likelihood"]
    assert [point["n"] for point in result["samples"][0]["points"]] == [1, 2, 4]
    assert json.loads(Path("s/scale.json").read_text())["samples"] == result["samples"]
    assert Path("s/scale.html").read_text().startswith("<!doctype html>")
    again = aha("scale", "countdown", "--model", model, *FEW, "--out", "s", "--json")
    assert (again.out, again.err) == (found.out, "")


def test_its_free_samples_are_those_of_aha_eval(aha, model):
    scaled = json.loads(aha("scale", "countdown", "--model", model, *FEW, "--out", "s", "--json").out)
    measured = json.loads(aha("eval", "countdown", "--model", model, *FEW[:6], "--json").out)
    assert (scaled["pass@1"], scaled["tokens"]) == (measured["pass@1"], measured["length"])


def test_other_settings_do_not_mix_with_what_is_there(aha, model):
    assert aha("scale", "countdown", "--model", model, *FEW, "--out", "s").code == 0
    found = aha("scale", "countdown", "--model", model, *FEW, "--sampling.temperature", 0.5, "--out", "s")
    assert (found.code, "begun with other settings" in found.err) == (2, True)


def test_a_published_benchmark_is_scaled_as_it_is_asked(aha, model, tmp_path):
    data = rows(tmp_path / "g.jsonl")
    words = ("--data", data, "--template", "short", "--k", 2, "--sampling.max_tokens", 16, "--scale.answer_tokens", 8)
    found = aha("scale", "gsm8k", "--model", model, *words, "--out", "s", "--json")
    assert found.code == 0, found.err
    assert json.loads(found.out)["problems"] == 3


def test_a_server_is_asked_and_its_samples_are_judged_once(aha, tmp_path):
    with Server(solves) as server:
        words = ("--data", rows(tmp_path / "g.jsonl"), "--k", 4, "--cache", "c", "--out", "s", "--json")
        found = aha("scale", "gsm8k", "--model", f"{server.url}#m", *words)
        assert found.code == 0, found.err
        assert len(server.requests) == 12
    result = json.loads(found.out)  # one line
    assert (result["pass@1"], result["k"]) == (pytest.approx(2 / 3), 4)
    same = json.loads(aha("scale", "s", "--out", "t", "--json").out)
    assert same["samples"] == result["samples"]


def test_a_server_is_asked_generated_problems_and_a_score_head_chooses_among_its_replies(aha, model):
    from aha.backends.local_backend import LocalBackend

    learner = LocalBackend(Compute()).learner(model, Adam(), reference=False, head="score")
    learner.save(Path("judge"))
    with Server(lambda request, turn: said(f"It is {turn}.", reasoning_content="so")) as server:
        words = ("--problems", 3, "--k", 2, "--scorer", "judge", "--out", "s", "--json")
        found = aha("scale", "word-problems", "--model", f"{server.url}#m", *words)
        assert found.code == 0, found.err
        assert len(server.requests) == 6
        assert {request.body["temperature"] for request in server.requests} == {0.6}  # greedy samples would all be equal
    names = [curve["name"] for curve in json.loads(found.out)["samples"]]
    assert names[-2:] == ["best of n by scorer judge", "vote weighted by scorer judge"]


def thinks(prompt: str, seed: int) -> str:
    """Forty letters of thought, right; made to answer before twenty of them, wrong; told to go on, ten more."""
    if "</think>" in prompt:
        return "\\boxed{1}" if prompt.count("x") >= 20 else "\\boxed{7}"
    if prompt.endswith(" Wait,"):
        return "y" * 10 + "\n</think>\n\n\\boxed{8}"
    return "x" * 40 + "\n</think>\n\n\\boxed{1}"


def test_a_server_that_continues_replies_is_made_to_end_its_thoughts_and_to_go_on(aha, tmp_path):
    engine = ScriptedEngine(thinks)
    words = ("--k", 4, "--think", "always", "--scale.forced", 2, "--scale.budgets", "0,10,30,64", "--scale.answer_tokens", 16)
    with served(scripted(engine)) as server:
        address = ("scale", "gsm8k", "--model", f"{url(server)}#m", "--data", rows(tmp_path / "g.jsonl", 1), "--cache", "none")
        found = aha(*address, *words, "--scale.longer", 1, "--sampling.max_tokens", 100, "--out", "s", "--json")
        assert found.code == 0, found.err
        steps = len(engine.steps)
        again = aha(*address, *words, "--scale.longer", 1, "--sampling.max_tokens", 100, "--out", "s", "--json")
        assert (again.out, len(engine.steps)) == (found.out, steps)  # nothing is asked twice
    result = json.loads(found.out)
    forced = next(curve["points"] for curve in result["budget"] if curve["name"] == "told to answer")
    assert [(point["budget"], point["accuracy"]) for point in forced] == [(0, 0.0), (10, 0.0), (30, 1.0), (64, 1.0)]
    assert [point["tokens"] for point in forced[1:3]] == [10 + 10, 30 + 10]  # an answer of 9 letters and its end
    assert [(point["times"], point["accuracy"]) for point in result["longer"]["points"]] == [(0, 1.0), (1, 0.0)]
    kept = json.loads(Path("s/arms/gsm8k-cut-10/samples.jsonl").read_text().splitlines()[0])
    assert (kept["thought"].strip(), kept["text"]) == ("x" * 10, "\\boxed{7}")


def test_thoughts_of_generated_problems_are_forced_on_a_server_too(aha, tmp_path):
    """The whole reply to these is graded, thought included, so the thought is found in its text."""

    def opens(prompt: str, seed: int) -> str:
        reply = thinks(prompt, seed).replace("\\boxed{1}", "the last number is 99")
        return reply if "<think>" in prompt else f"<think>\n{reply}"

    forced = ("--scale.forced", 1, "--scale.budgets", "10,30", "--scale.answer_tokens", 32, "--scale.longer", 1)
    with served(scripted(ScriptedEngine(opens))) as server:
        address = ("scale", "word-problems", "--model", f"{url(server)}#m", "--problems", 1, "--k", 2, "--template", "instruct")
        found = aha(*address, *forced, "--sampling.max_tokens", 100, "--out", "s", "--json")
        assert found.code == 0, found.err
    cut = {budget: json.loads(Path(f"s/arms/word-problems-cut-{budget}/samples.jsonl").read_text().splitlines()[0]) for budget in (10, 30)}
    assert [cut[10]["reason"][:20], cut[30]["reason"][:21]] == ["the last number is 7", "the last number is 99"]
    longer = json.loads(Path("s/arms/word-problems-longer-1/samples.jsonl").read_text().splitlines()[0])
    assert longer["reason"].startswith("the last number is 8")


def test_settings_of_forced_thoughts_are_not_ignored_for_a_server(aha, tmp_path):
    found = aha("scale", "gsm8k", "--model", "http://127.0.0.1:9/v1#m", "--data", rows(tmp_path / "g.jsonl"), "--scale.budgets", "0,9")
    assert (found.code, "say with --scale.forced how many of a problem's samples" in found.err) == (2, True)


def test_a_file_of_judged_samples_with_rewards_is_enough(aha, tmp_path):
    lines = [{"problem": "a", "right": right, "vote": vote, "reward": reward} for right, vote, reward in ((1, "7", 0.9), (0, "8", 0.1))]
    Path("judged.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = json.loads(aha("scale", "judged.jsonl", "--json").out)
    curves = {curve["name"]: [point["accuracy"] for point in curve["points"]] for curve in result["samples"]}
    assert curves["pass@n"] == curves["best of n by reward"] == [0.5, 1.0]
    assert curves["cons@n"] == [0.5, 0.5]
    assert Path("runs/scale-judged/scale.html").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda row, number: row | {"tokens": 5} if number else row, "1 of 4 samples have no number of tokens: nothing is drawn by tokens"),
        (lambda row, number: row | {"reward": 0.5 if number else None}, "1 of 4 samples have no reward: none is chosen by it"),
        (
            lambda row, number: row | {"problem": "b" if number == 3 else "a"},
            "its problems have 1 to 3 samples each: the curves by samples",
        ),
    ],
)
def test_what_keeps_a_curve_from_being_drawn_is_told(aha, change, said):
    rows = [change({"problem": "ab"[number % 2], "sample": number, "right": number % 2}, number) for number in range(4)]
    Path("judged.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = aha("scale", "judged.jsonl")
    assert (found.code, said in found.err) == (0, True), found.err


def test_published_samples_have_their_published_figures(aha, published):
    path = published("outputs/qwen25_math_cot_100/math_cot_100.jsonl")
    result = json.loads(aha("scale", path, "--json").out)
    last = {curve["name"]: round(100 * curve["points"][-1]["accuracy"], 3) for curve in result["samples"]}
    assert last == {"pass@n": 96.0, "cons@n": 92.5, "best of n by reward": 94.0, "vote weighted by reward": 94.0}


def test_a_model_with_a_score_head_chooses(aha, model):
    from aha.backends.local_backend import LocalBackend

    learner = LocalBackend(Compute()).learner(model, Adam(), reference=False, head="score")
    learner.save(Path("judge"))
    found = aha("scale", "countdown", "--model", model, "--scorer", "judge", *FEW, "--out", "s", "--json")
    assert found.code == 0, found.err
    assert [curve["name"] for curve in json.loads(found.out)["samples"]][-2:] == [
        "best of n by scorer judge",
        "vote weighted by scorer judge",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("countdwon", "--model", "x"), "did you mean countdown"),
        (("countdown",), "it asks a model; give one with --model FOLDER"),
        (("countdown", "--model", "./none"), "there is no such folder"),
        (("simpleqa", "--model", "http://127.0.0.1:9/v1#m", "--data", "q.csv"), "only a language model can grade it"),
        (("countdown", "--model", "http://127.0.0.1:9/v1#m", "--scorer", "MODEL"), "head"),
        (("tiny-world", "--model", "MODEL"), "several domains"),
        (("simpleqa", "--model", "MODEL", "--data", "q.csv"), "only a language model can grade it"),
        (("judged.jsonl", "--model", "MODEL"), "these samples were judged before"),
        (("empty",), "no such benchmark"),
        (("./empty",), "no samples.jsonl in it"),
        (("none.jsonl",), "there is no such file"),
        (("open.jsonl",), "nobody could judge these samples"),
        (("countdown", "--model", "MODEL", "--scale.budgets", "-1"), "it takes a whole number of 0 or more"),
        (("countdown", "--model", "MODEL", "--scale.budgets", "0,9999", "--sampling.max_tokens", "8"), "a reply has 8 tokens at most"),
        (
            ("gsm8k", "--model", "http://127.0.0.1:9/v1#m", "--scale.forced", "1", "--scale.budgets", "40000"),
            "a reply has 32,768 tokens at",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_line(aha, model, words, said):
    Path("judged.jsonl").write_text('{"problem": "a", "right": 1}\n')
    Path("open.jsonl").write_text('{"problem": "a", "right": 0, "abstained": true}\n')
    Path("empty").mkdir()
    Path("q.csv").write_text("problem,answer\nq,a\n")
    found = aha("scale", *(model if word == "MODEL" else word for word in words))
    assert (found.code, len(found.err.splitlines())) == (2, 1), found.err
    assert said in found.err


def test_a_scorer_without_a_score_head_is_refused_before_anything_is_sampled(aha, model):
    found = aha("scale", "countdown", "--model", model, *FEW, "--scorer", model, "--out", "s")
    assert (found.code, found.err.count("\n"), "has no score head" in found.err, Path("s").exists()) == (2, 1, True, False)
