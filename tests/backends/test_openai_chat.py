from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator
from dataclasses import replace

import pytest

from aha.backends.engine_chat import Bytes, EngineChat, ScriptedEngine
from aha.backends.local_backend import LocalBackend
from aha.backends.openai.chat import OpenAiChat, open_chat
from aha.backends.openai.endpoint import Endpoint
from aha.errors import BadInput, EndpointDown, ExceededBudget
from aha.protocols import Budget, ChatOptions, Sampling, is_endpoint
from aha.types import ChatReply, Conversation, Message
from tests.servers import Answer, Request, Server, said, talk

QUICK = ChatOptions(pause_s=0.01, attempt_s=60.0, deadline_s=300.0)
SAMPLING = Sampling(temperature=0.6, top_p=0.95, max_tokens=50)


def echo(request: Request, number: int) -> Answer:
    return said(f"{request.asked} {request.body['seed']}")


def chat(server: Server, asking: ChatOptions = QUICK) -> OpenAiChat:
    return OpenAiChat(Endpoint(server.url, "m"), asking)


def replies(server: Server, *texts: str, asking: ChatOptions = QUICK) -> dict[int, list[ChatReply]]:
    with chat(server, asking) as open_one:
        return dict(open_one.reply(talk(*texts), SAMPLING))


# --- one chat, two makes ----------------------------------------------------------------------------------------------


def parrots(samples: int, seed: int):
    """Two chats that repeat the last message and name their seed."""
    server = Server(echo)
    engine = ScriptedEngine(lambda prompt, drawn: f"{prompt.rpartition('user: ')[2].partition(chr(10))[0]} {drawn}")
    return server, [chat(server, replace(QUICK, samples=samples, seed=seed)), EngineChat(engine, Bytes(), seed, samples)]


def test_every_chat_gives_each_conversation_as_many_replies_as_it_has_samples():
    server, chats = parrots(samples=2, seed=0)
    with server, chats[0]:
        for each in chats:
            found = dict(each.reply(talk("a", "b", "c"), SAMPLING))
            assert sorted(found) == [0, 1, 2]
            assert [{said.text.split()[0] for said in found[i]} for i in range(3)] == [{"a"}, {"b"}, {"c"}]
            assert all(len({said.text for said in found[i]}) == 2 for i in range(3))


def test_every_chat_shows_the_thought_apart():
    server = Server(lambda request, number: said("<think>hm</think>\n\n4"))
    engine = ScriptedEngine(lambda prompt, seed: "<think>hm</think>\n\n4")
    with server, chat(server) as served:
        for each in (served, EngineChat(engine, Bytes())):
            [(_, [found])] = each.reply(talk("2 + 2?"), SAMPLING)
            assert (found.text, found.thought) == ("4", "hm")


def test_nobody_asked_is_nobody_answered():
    server, chats = parrots(1, 0)
    with server, chats[0]:
        assert [list(each.reply([], SAMPLING)) for each in chats] == [[], []]


# --- what is sent and what is read ------------------------------------------------------------------------------------


def test_a_server_is_told_all_of_the_conversation_and_the_settings():
    whole = Conversation((Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "?")))
    with Server(echo) as server, chat(server, replace(QUICK, seed=5)) as served:
        list(served.reply([whole], SAMPLING))
    assert server.requests[0].path == "/v1/chat/completions"
    assert server.requests[0].body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "?"},
        ],
        "temperature": 0.6,
        "top_p": 0.95,
        "max_tokens": 50,
        "seed": 5,
    }


def test_a_server_without_seeds_and_with_the_newer_limit_can_be_asked():
    with Server(lambda request, number: said("x")) as server:
        replies(server, "a", asking=replace(QUICK, seed=None, limit="max_completion_tokens"))
    assert "seed" not in server.requests[0].body and "max_tokens" not in server.requests[0].body
    assert server.requests[0].body["max_completion_tokens"] == 50


def test_a_server_that_asks_for_the_other_limit_is_answered_with_the_setting():
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    refusal = Answer(json.dumps({"error": {"message": words}}).encode(), status=400)
    expected = pytest.raises(BadInput, match="--client.limit max_completion_tokens sends that")
    with Server(lambda request, number: refusal) as server, expected:
        replies(server, "a", "b")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said("4", reasoning_content="two and two"), ChatReply("4", "two and two", 7, "stop")),
        (said("4", reasoning="two and two"), ChatReply("4", "two and two", 7, "stop")),
        (said(None, reasoning_content="on and on", finish="length"), ChatReply("", "on and on", 7, "length")),
        (said("<think>on and on", finish="length"), ChatReply("", "on and on", 7, "length")),
        (said("two and two</think>4"), ChatReply("4", "two and two", 7, "stop")),
        (said("4"), ChatReply("4", None, 7, "stop")),
        (said(""), ChatReply("", None, 7, "stop")),
        (said("4", finish="MAX_TOKENS"), ChatReply("4", None, 7, "length")),
        (said("4", finish="end_turn"), ChatReply("4", None, 7, "stop")),
        (said("12345678", tokens=None), ChatReply("12345678", None, 2, "stop")),
        (said("half \ud800 a pair"), ChatReply("half ? a pair", None, 7, "stop")),
        (replace(said("4"), body=b"\n\n\n  \n" + said("4").body), ChatReply("4", None, 7, "stop")),
    ],
)
def test_a_reply_is_read_with_its_thought_apart(answer: Answer, expected: ChatReply):
    with Server(lambda request, number: answer) as server:
        assert replies(server, "?") == {0: [expected]}


def test_64_are_in_flight_and_no_more():
    with Server(lambda request, number: replace(echo(request, number), wait_s=0.3)) as server:
        assert len(replies(server, *(str(i) for i in range(150)))) == 150
    assert server.most == 64


def test_results_come_as_they_arrive():
    def slow(request: Request, number: int) -> Answer:
        return replace(said(request.asked), wait_s=1.0 if request.asked == "slow" else 0.0)

    with Server(slow) as server, chat(server) as served:
        began = time.monotonic()
        found = [(index, time.monotonic() - began) for index, _ in served.reply(talk("slow", "quick"), SAMPLING)]
    assert [index for index, _ in found] == [1, 0]
    assert found[0][1] < 0.9


def test_several_threads_may_ask_at_once():
    found: dict[str, dict[int, list[ChatReply]]] = {}
    with Server(echo) as server, chat(server) as served:

        def ask(name: str) -> None:
            found[name] = dict(served.reply(talk(*(f"{name}{i}" for i in range(5))), SAMPLING))

        threads = [threading.Thread(target=ask, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
    assert {said.text for name in "abcd" for [said] in found[name].values()} == {f"{name}{i} 0" for name in "abcd" for i in range(5)}


def test_whoever_stops_listening_stops_the_asking():
    with Server(lambda request, number: replace(echo(request, number), wait_s=0.05)) as server:
        with chat(server, replace(QUICK, in_flight=2)) as served:
            arriving = served.reply(talk(*(str(i) for i in range(100))), SAMPLING)
            next(arriving)
            assert isinstance(arriving, Generator)
            arriving.close()
            time.sleep(0.5)
        assert len(server.requests) <= 6


# --- where the server is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "url", "model"),
    [
        ("http://localhost:8000/v1#Qwen/Qwen3-8B", "http://localhost:8000/v1", "Qwen/Qwen3-8B"),
        ("http://localhost:8000", "http://localhost:8000/v1", ""),
        ("https://api.deepseek.com/#deepseek-reasoner", "https://api.deepseek.com/v1", "deepseek-reasoner"),
        ("https://host/a/b/chat/completions#m", "https://host/a/b", "m"),
        (" HTTP://[::1]:8000/v1/#m", "http://[::1]:8000/v1", "m"),
    ],
)
def test_a_server_is_named_by_its_address_and_its_model(name: str, url: str, model: str):
    assert is_endpoint(name) and Endpoint.read(name) == Endpoint(url, model)


@pytest.mark.parametrize("name", ["http://", "http://host:99999/v1", "http://[::1/v1#m", "ftp://host/v1", "http://host/v1?key=1#m"])
def test_what_is_no_address_is_bad_input(name: str):
    with pytest.raises(BadInput, match="http://host:port/v1#name-of-the-model"):
        Endpoint.read(name)


def test_the_local_backend_opens_a_server_by_its_name_and_finds_its_only_model():
    with Server(lambda request, number: said(request.body["model"]), models=["the-only-one"]) as server:
        served = LocalBackend().chat(server.url, QUICK)
        assert dict(served.reply(talk("?"), SAMPLING))[0][0].text == "the-only-one"
        served.close()


def test_of_several_models_one_has_to_be_named():
    with Server(echo, models=["a", "b"]) as server, pytest.raises(BadInput, match="it has 2 models \\(a, b\\); say which"):
        open_chat(server.url, QUICK)


# --- the cache --------------------------------------------------------------------------------------------------------


def test_nobody_is_asked_twice(tmp_path):
    asking = replace(QUICK, cache=str(tmp_path), samples=2)
    with Server(echo) as server:
        first = replies(server, "a", "b", asking=asking)
        again = replies(server, "b", "a", asking=asking)
        assert len(server.requests) == 4
    assert (again[1], again[0]) == (first[0], first[1])


@pytest.mark.parametrize(
    "other",
    [
        {"sampling": Sampling(temperature=0.6, top_p=0.95, max_tokens=51)},
        {"asking": {"seed": 1}},
        {"asking": {"dated": "2026-11"}},
        {"model": "n"},
    ],
)
def test_another_setting_is_another_question(tmp_path, other):
    asking = replace(QUICK, cache=str(tmp_path))
    with Server(echo) as server:
        replies(server, "a", asking=asking)
        changed = replace(asking, **other.get("asking", {}))
        with OpenAiChat(Endpoint(server.url, other.get("model", "m")), changed) as served:
            list(served.reply(talk("a"), other.get("sampling", SAMPLING)))
        assert len(server.requests) == 2


def test_the_same_conversation_twice_in_a_call_is_two_draws_and_both_are_kept(tmp_path):
    asking = replace(QUICK, cache=str(tmp_path))
    with Server(echo) as server:
        first = replies(server, "a", "a", asking=asking)
        assert {first[0][0].text, first[1][0].text} == {"a 0", "a 1"}
        assert replies(server, "a", "a", asking=asking) == first
        assert len(server.requests) == 2


def test_a_damaged_answer_counts_as_none(tmp_path):
    asking = replace(QUICK, cache=str(tmp_path))
    with Server(echo) as server:
        first = replies(server, "a", asking=asking)
        [file] = tmp_path.glob("*/*.json")
        file.write_bytes(file.read_bytes()[:-9])
        assert replies(server, "a", asking=asking) == first
        assert len(server.requests) == 2


def test_a_stopped_call_loses_and_doubles_nothing(tmp_path):
    asking = replace(QUICK, cache=str(tmp_path), in_flight=4)
    texts = [str(i) for i in range(40)]
    with Server(lambda request, number: replace(echo(request, number), wait_s=0.02)) as server:
        with chat(server, asking) as served:
            arriving = served.reply(talk(*texts), SAMPLING)
            before = [next(arriving) for _ in range(10)]
        found = replies(server, *texts, asking=asking)
        assert {i: [said.text for said in found[i]] for i in found} == {i: [f"{i} 0"] for i in range(40)}
        assert all(found[i] == said for i, said in before)
        assert len(server.requests) <= 40 + 4  # those that were under way are asked again


def test_what_failed_is_asked_again_and_only_that(tmp_path):
    asking = replace(QUICK, cache=str(tmp_path), retries=0)
    with Server(lambda request, number: Answer(status=500) if request.asked == "b" else echo(request, number)) as server:
        with pytest.raises(EndpointDown, match="1 of 3 replies did not come; the last: HTTP 500.*what was answered is in its cache"):
            replies(server, "a", "b", "c", asking=asking)
        server.script = echo
        assert len(replies(server, "a", "b", "c", asking=asking)) == 3
        assert sorted(request.asked for request in server.requests) == ["a", "b", "b", "c"]


# --- the budget -------------------------------------------------------------------------------------------------------


def test_a_budget_of_calls_stops_before_it_is_exceeded_and_what_was_answered_stays(tmp_path):
    asking = replace(QUICK, cache=str(tmp_path), budget=Budget(calls=5))
    with Server(echo) as server:
        found = []
        with chat(server, asking) as served, pytest.raises(ExceededBudget, match="budget of 5 calls leaves no room") as stopped:
            for each in served.reply(talk(*(str(i) for i in range(9))), SAMPLING):
                found.append(each)
        assert (len(found), len(server.requests), stopped.value.exit_code) == (5, 5, 1)
        with pytest.raises(ExceededBudget):  # another process would count on from there
            replies(server, *(str(i) for i in range(9)), asking=asking)
        assert len(server.requests) == 5
        assert len(replies(server, *(str(i) for i in range(9)), asking=replace(asking, budget=Budget(calls=9)))) == 9
        assert len(server.requests) == 9


def test_a_budget_of_tokens_counts_the_most_before_and_the_truth_after(tmp_path):
    """Each call may cost 65 + 50 tokens and does cost 11 + 7: of 200 there is room for one at a time, and for five in all."""
    asking = replace(QUICK, cache=str(tmp_path), budget=Budget(tokens=200))
    with Server(echo) as server, pytest.raises(ExceededBudget, match="5 calls, 55 tokens asked and 35 answered so far"):
        replies(server, *(str(i) for i in range(9)), asking=asking)
    assert (len(server.requests), server.most) == (5, 1)


def test_a_budget_in_dollars_takes_prices():
    """A call may cost 65 x 10 + 50 x 20 millionths: 0.00165; it does cost 0.00025."""
    priced = Budget(dollars=0.002, prompt_price=10, completion_price=20)
    with Server(echo) as server, pytest.raises(ExceededBudget, match="budget of 0.002 dollars"):
        replies(server, *"abcdefg", asking=replace(QUICK, budget=priced))
    assert len(server.requests) == 2
    with pytest.raises(BadInput, match="needs prompt_price or completion_price"):
        Budget(dollars=1.0)


def test_retries_count_as_calls():
    with Server(lambda request, number: Answer(status=500)) as server, pytest.raises(ExceededBudget):
        replies(server, "a", asking=replace(QUICK, budget=Budget(calls=3)))
    assert len(server.requests) == 3


def test_two_chats_share_what_they_may_spend(tmp_path):
    asking = replace(QUICK, cache=str(tmp_path), budget=Budget(calls=10))
    with Server(echo) as server, chat(server, asking) as one, chat(server, asking) as other:
        with pytest.raises(ExceededBudget):
            list(one.reply(talk(*(f"a{i}" for i in range(6))), SAMPLING))
            list(other.reply(talk(*(f"b{i}" for i in range(6))), SAMPLING))
        assert len(server.requests) == 10
    assert json.loads((tmp_path / "spent.json").read_text())["calls"] == 10
