"""Published verdicts, said again by a server: a fresh judging has to come to the published scores."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from itertools import pairwise

import pytest

from tests.servers import Answer, Server, said

pytestmark = pytest.mark.long


def flags(server: Server) -> tuple[object, ...]:
    judge = ("--judge", f"{server.url}#gpt-4-1106-preview", "--judging.client.cache", "none", "--cache", "none")
    return ("--model", f"{server.url}#m", *judge, "--out", "o", "--json")


def test_alpaca_eval_asked_live_comes_to_the_published_rates(aha, published):
    file = published("alpaca_eval/annotations/claude.json")
    rows = {row["instruction"]: row for row in json.loads(file.read_text())}
    outputs = {instruction.strip(): row["output_2"] for instruction, row in rows.items()}
    shown = re.compile(
        r'"instruction": """(.*)""",\n}\n\n## Model Outputs.*?"model_identifier": "m",\n +"output": """(.*?)"""\n', re.DOTALL
    )
    swapped: list[bool] = []

    def script(request, turn) -> Answer:
        if request.body["model"] == "m":
            return said(outputs[request.asked])
        match = shown.search(request.asked)
        assert match is not None
        instruction, small = match.groups()
        row = rows[instruction]
        swapped.append(small == row["output_2"])
        body = json.loads(said("m", finish="length", tokens=1).body)
        body["choices"][0]["logprobs"] = row["raw_completion"]["logprobs"]
        return Answer(json.dumps(body).encode())

    with Server(script, models=("m", "gpt-4-1106-preview")) as server:
        found = aha("eval", "alpaca_eval", *flags(server))
        assert found.code == 0, found.err
        roles = [message["role"] for message in server.requests[-1].body["messages"]]
    live = json.loads(found.out)
    offline = json.loads(aha("eval", "alpaca_eval", "--annotations", file, "--json").out)
    assert {name: live[name] for name in offline} == pytest.approx(offline, abs=1e-9)
    assert (live["weighed"], live["protocol"], live["judge_prompt"], roles) == (1.0, "verified", "published", ["system", "user"])
    assert 0.4 < sum(swapped) / len(swapped) < 0.6


def games_of(winners: list[str]) -> list[str]:
    """Labels of two games, the baseline being A in the first and B in the second, that weigh as the question's battles do."""
    for first in (3, 1):
        halves = winners[:first], winners[first:]
        if all(len(half) in (1, 3) and all(one == other for one, other in pairwise(half)) for half in halves):
            return [label(half, baseline) for half, baseline in zip(halves, "AB", strict=True)]
    raise AssertionError(winners)


def label(half: list[str], baseline: str) -> str:
    if half[0] == "tie":
        return "A=B"
    won_by_a = (half[0] == "model_a") == (baseline == "A")
    sign = ">>" if len(half) == 3 else ">"
    return f"A{sign}B" if won_by_a else f"B{sign}A"


@pytest.mark.parametrize(
    ("model", "score", "battles"),
    [("gpt-4-0613", 37.90, 1244), ("gpt-3.5-turbo-0125", 23.34, 1414)],
)
def test_arena_hard_asked_live_comes_to_the_published_scores(aha, published, model, score, battles):
    questions = {}
    for line in published("arena_hard/v0.1/question.jsonl").read_text().splitlines():
        row = json.loads(line)
        questions[row["prompt"].strip()] = row["uid"]
    answers = {}
    for line in published(f"arena_hard/v0.1/model_answer/{model}.jsonl").read_text().splitlines():
        row = json.loads(line)
        answers[row["uid"]] = row["messages"][-1]["content"]["answer"]
    winners: dict[str, list[str]] = defaultdict(list)
    for line in published("arena_hard/v0.1/arena_hard_battles_gpt-4-1106-preview.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["model_b"] == model:
            winners[row["question_id"]].append(row["winner"])

    def script(request, turn) -> Answer:
        if request.body["model"] == "m":
            return said(answers[questions[request.asked]])
        asked, rest = request.asked.removeprefix("<|User Prompt|>\n").split("\n\n<|The Start of Assistant A's Answer|>\n", 1)
        uid = questions[asked]
        game = 1 if rest.startswith(answers[uid] + "\n<|The End") else 0
        return said(f"So be it: [[{games_of(winners[uid])[game]}]]")

    with Server(script, models=("m", "gpt-4-1106-preview")) as server:
        found = aha("eval", "arena_hard", *flags(server))
        assert found.code == 0, found.err
    result = json.loads(found.out)
    assert (round(result["score"], 2), result["n"], result["unjudged"]) == (score, battles, 0.0)
    assert (result["protocol"], result["judge_prompt"]) == ("verified", "published")
