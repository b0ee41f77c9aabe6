"""A server before a benchmark is put to it, what it refuses, and a folder that is gone on with or graded again."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from tests.servers import Answer, Server, said
from tests.serving.chats import ScriptedEngine, scripted, served, url


def rows(path: Path, count: int = 3) -> Path:
    path.write_text("".join(json.dumps({"question": f"{n} + 1?", "answer": f"#### {n + 1}"}) + "\n" for n in range(count)))
    return path


def refusal(message: str) -> Answer:
    return Answer(json.dumps({"error": {"message": message}}).encode(), status=400)


def words(address: str, data: object, *more: object) -> tuple[object, ...]:
    return ("eval", "gsm8k", "--model", f"{address}#m", "--data", data, "--k", 1, "--cache", "none", "--out", "o", *more)


def test_a_server_that_names_its_context_is_asked_for_what_fits_and_it_is_said_in_one_line(aha, tmp_path):
    engine = ScriptedEngine(lambda prompt, seed: "It is \\boxed{1}.", context=300)
    with served(scripted(engine)) as server:
        found = aha(*words(url(server), rows(tmp_path / "g.jsonl", 1)))
    assert found.code == 0, found.err
    (told,) = [line for line in found.err.splitlines() if "context leaves" in line]
    room = int(told.rpartition(" ")[2])
    assert told.startswith("gsm8k: max_tokens 32,768 is more than the model's context leaves") and 100 < room < 300
    assert json.loads(Path("o/gsm8k/settings.json").read_text())["max_tokens"] == room


def test_a_server_that_tells_its_limit_only_when_it_refuses_is_asked_for_that(aha, tmp_path):
    def most(request, turn) -> Answer:
        if request.body["max_tokens"] > 8192:
            return refusal("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]")
        return said("\\boxed{1}")

    with Server(most) as server:
        found = aha(*words(server.url, rows(tmp_path / "g.jsonl")))
    assert found.code == 0, found.err
    assert "gsm8k: the server refused max_tokens: some replies were limited to 8,192 tokens" in found.err
    assert [request.body["max_tokens"] for request in server.requests].count(8192) == 3


def test_a_prompt_that_no_limit_makes_room_for_is_no_loop(aha, tmp_path):
    with Server(
        lambda request, turn: refusal("maximum context length is 20 tokens; the prompt contains at least 21 input tokens")
    ) as server:
        found = aha(*words(server.url, rows(tmp_path / "g.jsonl", 1)))
    assert (found.code, len(server.requests)) == (75, 1)
    assert "maximum context length is 20 tokens" in found.err.splitlines()[-1]


def test_an_address_where_nobody_listens_is_told_at_once(aha, tmp_path):
    with Server(lambda request, turn: said("")) as server:
        gone = server.url
    began = time.monotonic()
    found = aha(*words(gone, rows(tmp_path / "g.jsonl")))
    assert found.code == 75 and time.monotonic() - began < 10
    assert "nothing answers there" in found.err.splitlines()[-1]
    assert not Path("o").exists()


def test_an_address_that_takes_connections_and_says_nothing_is_told_after_the_time_of_one_attempt(aha, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}/v1"
        began = time.monotonic()
        found = aha(*words(address, rows(tmp_path / "g.jsonl"), "--client.attempt_s", 1))
    assert found.code == 75 and time.monotonic() - began < 10
    assert "nor anything else" in found.err.splitlines()[-1]


@pytest.mark.parametrize("address", ["http://", "http://host:port/v1#m", "https://me:secret@host/v1#m", "http://host/v1?x=1#m"])
@pytest.mark.parametrize("flag", ["--model", "--against"])
def test_what_is_no_servers_address_is_told_before_a_row_is_read(aha, tmp_path, flag, address):
    other = () if flag == "--model" else ("--model", "http://127.0.0.1:9/v1#m")
    found = aha("eval", "gsm8k", *other, flag, address, "--data", "nowhere.jsonl")
    assert found.code == 2 and len(found.err.splitlines()) == 1 and "secret" not in found.err


def test_a_server_is_no_model_where_weights_are_needed(aha, tmp_path):
    (tmp_path / "p.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    found = aha("doctor", "r1-zero", "--problems", "p.jsonl", "--model", "http://127.0.0.1:9/v1#m")
    assert (found.code, len(found.err.splitlines())) == (2, 1)
    assert "it is a server" in found.err


def test_a_server_is_asked_generated_problems_by_its_own_chat_template_only(aha):
    found = aha("eval", "countdown", "--model", "http://127.0.0.1:9/v1#m")
    assert (found.code, len(found.err.splitlines())) == (2, 1)
    assert "a server applies its model's own chat template; take chat or instruct" in found.err
    with Server(lambda request, turn: said(f"It is {turn}.")) as server:
        found = aha("eval", "word-problems", "--model", f"{server.url}#m", "--problems", 3, "--json")
        assert found.code == 0 and len(server.requests) == 3, found.err


def test_settings_of_a_server_that_change_its_answers_make_another_run_and_others_do_not(aha, tmp_path):
    data = rows(tmp_path / "g.jsonl")
    with Server(lambda request, turn: said("\\boxed{1}")) as server:
        assert aha(*words(server.url, data)).code == 0
        assert aha(*words(server.url, data, "--client.in_flight", 2, "--client.attempt_s", 5)).code == 0
        for change in (("--client.seed", "none"), ("--client.limit", "max_completion_tokens"), ("--client.dated", "2024-06-01")):
            found = aha(*words(server.url, data, *change))
            assert found.code == 2 and "begun with other settings" in found.err, change
        found = aha(*words(server.url, data, "--client.seed", 7))
    assert found.code == 2 and "--seed how they are drawn" in found.err
    assert len(server.requests) == 3


def test_replies_can_be_made_to_begin_with_the_thought(aha, tmp_path):
    def thinks(request, turn) -> Answer:
        assert request.body["messages"][-1] == {"role": "assistant", "content": "<think>\n"}
        assert request.body["continue_final_message"] is True and request.body["add_generation_prompt"] is False
        return said("\nhm \\boxed{7}</think>It is \\boxed{1}.")

    with Server(thinks) as server:
        found = aha(*words(server.url, rows(tmp_path / "g.jsonl", 1), "--think", "always", "--json"))
    assert found.code == 0, found.err
    assert json.loads(found.out)["pass@1"] == 1.0
    assert json.loads(Path("o/gsm8k/samples.jsonl").read_text())["thought"] == "hm \\boxed{7}"


def test_a_folder_in_which_every_sample_stands_needs_no_server(aha, tmp_path):
    engine = ScriptedEngine(lambda prompt, seed: "It is \\boxed{1}.", context=300)
    with served(scripted(engine)) as server:
        address = url(server)
        first = aha(*words(address, rows(tmp_path / "g.jsonl", 2), "--json"))
    again = aha(*words(address, rows(tmp_path / "g.jsonl", 2), "--json"))
    assert (again.code, again.out) == (0, first.out), again.err


def test_a_folder_is_graded_again_when_its_rows_are_gone(aha, tmp_path):
    data = rows(tmp_path / "g.jsonl")
    with Server(lambda request, turn: said("\\boxed{1}")) as server:
        result = json.loads(aha(*words(server.url, data, "--json")).out)
    os.unlink(data)
    found = aha("regrade", "o", "--json")
    assert found.code == 0, found.err
    assert json.loads(found.out) == result and result["pass@1"] == pytest.approx(1 / 3)


def test_codeforces_generations_become_a_rating(aha, tmp_path):
    problem = {"problem": "Say what you read.", "tests": [{"input": "7\n", "output": "7\n"}]}
    (tmp_path / "codeforces_problems.json").write_text(json.dumps([problem, problem | {"problem": "Say it twice."}, problem]))
    (tmp_path / "metadata_cf.json").write_text(json.dumps(["7A", "7B", "8A"]))
    (tmp_path / "ratings_2024.json").write_text(json.dumps({"1000": 60, "1400": 30, "2000": 10}))
    places = [{"party": {"members": [{"handle": name}]}, "points": points, "penalty": 0} for name, points in (("x", 450), ("y", 450))]
    problems = [{"contestId": 7, "index": letter, "points": 500.0} for letter in "AB"]
    (tmp_path / "s.json").write_text(json.dumps({"result": {"problems": problems, "rows": places}}))
    (tmp_path / "c.json").write_text(json.dumps({"result": [{"handle": name, "oldRating": 1500} for name in "xy"]}))

    def second_try(request, turn) -> Answer:
        works = "twice" not in request.asked and request.body["seed"] == 1
        return said(f"```python\nprint({'input()' if works else 0})\n```")

    with Server(second_try) as server:
        asked = ("--k", 2, "--cache", "none", "--out", "o", "--json", "--sandbox", "unsafe")
        contest = ("--standings", "s.json", "--changes", "c.json")
        found = aha("eval", "codeforces", "--model", f"{server.url}#m", "--data", "codeforces_problems.json", *contest, *asked)
    assert found.code == 0, found.err
    result = json.loads(found.out)
    assert (result["rating"], result["percentile"], result["contests"]) == (1600, 90.0, 1)  # 450 points: with the two others, first
    assert "1 problems are not from these contests" in found.err
    offline = aha("eval", "codeforces", "--results", "o/codeforces/samples.jsonl", *contest, "--data", ".", "--json")
    assert offline.code == 2 and "8A is a problem of none of the contests" in offline.err
    compared = aha("compare", "m=o", "--markdown")
    assert "1600" in compared.out
