from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from aha.backends.laptop import Laptop
from aha.backends.openai_chat import OpenAiChat
from aha.backends.openai_endpoint import Endpoint
from aha.errors import BadInput
from aha.protocols import Ask, Asking, Compute, Sampling
from aha.serving.chat_batch import Batcher
from aha.serving.chat_model import Model
from aha.serving.chat_reading import Reading
from aha.serving.chat_server import ChatServer
from aha.serving.web.access import AccessRules
from aha.template import Short
from tests.servers import talk
from tests.serving.chats import CONTEXT, Counted, Scripted, fresh_model, heard, question, said, scripted, served, url

THINKS = "<think>\nhm 是\n</think>\n\n4 é"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return fresh_model(tmp_path_factory.mktemp("served") / "small")


def client(server: ChatServer, **more: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=url(server), api_key="none", max_retries=0, timeout=60, **more)


def parrot() -> Scripted:
    return Scripted(lambda prompt, seed: f"<think>{seed}</think>{prompt.rpartition('user: ')[2].partition(chr(10))[0]}")


# --- a real client --------------------------------------------------------------------------------------------------


def test_a_client_gets_the_thought_apart_and_every_token_counted() -> None:
    with served(scripted(Scripted(lambda prompt, seed: THINKS))) as server, client(server) as asking:
        reply = asking.chat.completions.create(**question("2+2?"))
    choice, usage = reply.choices[0], reply.usage
    assert (reply.object, reply.model, choice.finish_reason) == ("chat.completion", "m", "stop")
    assert (choice.message.content, choice.message.reasoning_content) == ("4 é", "hm 是")
    assert usage is not None and usage.completion_tokens_details is not None
    thinking = len("<think>\nhm 是\n</think>".encode())
    assert usage.prompt_tokens == len("user: 2+2?\nassistant:")
    assert (usage.completion_tokens, usage.completion_tokens_details.reasoning_tokens) == (len(THINKS.encode()) + 1, thinking)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_a_stream_thinks_first_then_answers_then_ends_then_counts() -> None:
    with served(scripted(Scripted(lambda prompt, seed: THINKS))) as server, client(server) as asking:
        chunks = list(asking.chat.completions.create(**question(stream=True, stream_options={"include_usage": True})))
    told = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    kinds = ["thought" if getattr(delta, "reasoning_content", None) else "said" if delta.content else "" for delta in told]
    thoughts, answers = kinds.count("thought"), kinds.count("said")
    assert kinds == ["", *["thought"] * thoughts, *["said"] * answers, ""] and thoughts > 1 and answers > 1
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in told) == "hm 是"
    assert "".join(delta.content or "" for delta in told) == "4 é"
    assert told[0].role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-2:] == [None, "stop"]
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == len(THINKS.encode()) + 1
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_reply_cut_at_its_limit_says_so_whole_and_streamed() -> None:
    with served(scripted(Scripted(lambda prompt, seed: THINKS))) as server, client(server) as asking:
        whole = asking.chat.completions.create(**question(max_tokens=9))
        *_, last = asking.chat.completions.create(**question(max_completion_tokens=9, stream=True))
    assert (whole.choices[0].finish_reason, whole.choices[0].message.content) == ("length", "")
    assert whole.choices[0].message.reasoning_content == "h"
    assert last.choices[0].finish_reason == "length"


def test_tokens_are_streamed_while_the_reply_is_being_made() -> None:
    first = threading.Event()

    class Waits(Scripted):
        def heard(self, asks: Any, sampling: Any, hear: Any) -> Iterator[Any]:
            hear(0, ord("a"))
            assert first.wait(timeout=20)
            (found,) = super().heard(asks, sampling, None)
            for token in found[1][0].tokens[1:]:
                hear(0, token)
            yield found

    with served(scripted(Waits(lambda prompt, seed: "abc"))) as server, client(server) as asking:
        said = []
        for chunk in asking.chat.completions.create(**question(stream=True)):
            said.append(chunk.choices[0].delta.content or "")
            if "".join(said) == "a":
                first.set()
    assert "".join(said) == "abc"


def test_an_async_client_streams_and_asks_many_at_once(model: Model) -> None:
    async def one(asking: openai.AsyncOpenAI, number: int) -> tuple[str, str]:
        wanted = {"model": model.name, "messages": [{"role": "user", "content": f"{number}"}], "max_tokens": 12, "seed": number}
        whole = await asking.chat.completions.create(**wanted)
        streamed = ""
        async for chunk in await asking.chat.completions.create(**wanted, stream=True):
            streamed += chunk.choices[0].delta.content or ""
        return whole.choices[0].message.content, streamed

    async def all_of_them(server: ChatServer) -> list[tuple[str, str]]:
        async with openai.AsyncOpenAI(base_url=url(server), api_key="none", max_retries=0, timeout=60) as asking:
            return await asyncio.gather(*(one(asking, number) for number in range(16)))

    with served(model) as server:
        replies = asyncio.run(all_of_them(server))
    assert all(whole == streamed for whole, streamed in replies)
    assert len(set(replies)) > 12


def test_several_samples_are_told_apart_by_their_index() -> None:
    with served(scripted(parrot())) as server, client(server) as asking:
        reply = asking.chat.completions.create(**question("a", n=3, seed=7))
        chunks = list(asking.chat.completions.create(**question("a", n=3, seed=7, stream=True)))
    assert [choice.message.reasoning_content for choice in reply.choices] == ["7", "8", "9"]
    streamed = ["", "", ""]
    for chunk in chunks:
        streamed[chunk.choices[0].index] += getattr(chunk.choices[0].delta, "reasoning_content", None) or ""
    assert streamed == ["7", "8", "9"]


def test_models_are_listed() -> None:
    with served(scripted(parrot())) as server, client(server) as asking:
        assert [each.id for each in asking.models.list()] == ["m"]
        assert asking.models.retrieve("m").owned_by == "aha"
        with pytest.raises(openai.NotFoundError, match="there is no model 'gpt' here; there is 'm'"):
            asking.chat.completions.create(**{**question(), "model": "gpt"})


# --- a batch that is shared -----------------------------------------------------------------------------------------


def test_64_requests_in_flight_are_answered_once_each_and_share_the_batch(model: Model) -> None:
    engine = Counted(model.engine)
    asking = Asking(samples=1, seed=0, in_flight=64, retries=0)
    questions = [f"what is {number} + 1?" for number in range(64)]
    with served(replace(model, engine=engine)) as server, OpenAiChat(Endpoint(url(server), model.name), asking) as chat:
        found = list(chat.reply(talk(*questions), Sampling(0.6, 0.95, 24)))
        assert said(server, method="GET", path="/health")[1]["served"] == 64
    assert sorted(index for index, _ in found) == list(range(64))
    assert sum(engine.asked) == 64
    assert len(engine.asked) < 32 and max(engine.asked) >= 8


def test_equal_seeds_give_equal_replies_whatever_the_neighbours(model: Model) -> None:
    sampling = Sampling(0.9, 0.95, 20)
    prompt = model.tokenizer.encode(Short().prompt("why?"))
    engine = Laptop(Compute(device="cpu")).engine(str(Path(model.engine.module.name_or_path)))
    ((_, (alone,)),) = engine.generate([Ask(tuple(prompt), (11,))], sampling)
    reading = Reading(model.tokenizer, opened=False)
    for token in alone.tokens:
        reading.take(token)
    reading.end()
    mine = question("why?", seed=11, temperature=0.9, max_tokens=20) | {"model": model.name}
    others = [question(f"{i}" * i, seed=i, temperature=0.9, max_tokens=20, stream=i % 2 == 0) | {"model": model.name} for i in range(1, 30)]
    with served(model) as server, ThreadPoolExecutor(32) as pool:
        rest = [pool.submit(heard, server, each) for each in others]
        replies = [pool.submit(said, server, mine) for _ in range(3)]
        messages = [reply.result(timeout=60)[1]["choices"][0]["message"] for reply in replies]
        assert all(each.result(timeout=60)[0] == 200 for each in rest)
    assert [message["content"] for message in messages] == [reading.texts["said"]] * 3


def test_requests_that_sample_differently_are_not_mixed_up() -> None:
    engine = Scripted(lambda prompt, seed: "x" * 9)
    with served(scripted(engine)) as server, ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda limit: said(server, question(max_tokens=limit))[1], [1, 2, 3, 4] * 8))
    assert [len(reply["choices"][0]["message"]["content"]) for reply in replies] == [1, 2, 3, 4] * 8


def test_without_a_seed_two_replies_differ() -> None:
    with served(scripted(parrot())) as server:
        thoughts = {said(server, question())[1]["choices"][0]["message"]["reasoning_content"] for _ in range(3)}
    assert len(thoughts) == 3


# --- too much, and the end ------------------------------------------------------------------------------------------


def held(server: ChatServer, engine: Scripted, pool: ThreadPoolExecutor, waiting: int) -> list[Any]:
    """One request in the engine's hands and `waiting` behind it."""
    engine.gate.clear()
    replies = [pool.submit(heard, server, question("0"))]
    while not engine.asked:
        threading.Event().wait(timeout=0.005)
    replies += [pool.submit(heard, server, question(f"{i + 1}", stream=i % 2 == 1)) for i in range(waiting)]
    while server.batcher.waiting < waiting:
        threading.Event().wait(timeout=0.005)
    return replies


def test_who_finds_the_queue_full_is_told_to_come_back() -> None:
    engine = parrot()
    with served(scripted(engine), most=2) as server, ThreadPoolExecutor(4) as pool:
        replies = held(server, engine, pool, waiting=2)
        status, body, headers = heard(server, question("late"))
        engine.gate.set()
        assert [reply.result(timeout=20)[0] for reply in replies] == [200, 200, 200]
    assert (status, headers["Retry-After"]) == (503, "1")
    assert json.loads(body)["error"]["code"] == "queue_full"
    assert engine.asked == [1, 2]


def test_an_end_answers_what_was_taken_on_and_refuses_what_comes() -> None:
    engine = parrot()
    with served(scripted(engine)) as server, ThreadPoolExecutor(8) as pool:
        replies = held(server, engine, pool, waiting=4)
        ending = pool.submit(server.drain, 20)
        while (late := said(server, question("late")))[0] != 503:
            pass
        engine.gate.set()
        assert ending.result(timeout=20)
        answers = [reply.result(timeout=20) for reply in replies]
    assert late[1]["error"]["code"] == "server_ending"
    assert [status for status, _, _ in answers] == [200] * 5
    assert [b'"stop"' in body for _, body, _ in answers] == [True] * 5


def test_an_engine_that_fails_fails_its_batch_and_no_other() -> None:
    def say(prompt: str, seed: int) -> str:
        if "bad" in prompt:
            raise RuntimeError("out of memory")
        return "fine"

    with served(scripted(Scripted(say))) as server:
        assert said(server, question("bad")) == (500, failure := said(server, question("bad"))[1])
        assert failure["error"] == {"message": "the engine failed: out of memory", "type": "server_error", "param": None, "code": None}
        streamed = heard(server, question("bad", stream=True))
        assert b"the engine failed" in streamed[1] and b"[DONE]" not in streamed[1]
        assert said(server, question("good"))[1]["choices"][0]["message"]["content"] == "fine"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_engine_that_dies_leaves_nobody_waiting() -> None:
    def say(prompt: str, seed: int) -> str:
        raise KeyError("a mistake of ours")

    with served(scripted(Scripted(say))) as server:
        assert said(server, question())[0] == 500
        assert said(server, question())[0] == 503


# --- what is no request ---------------------------------------------------------------------------------------------

BAD: list[tuple[Any, int, str | None]] = [
    (b"{", 400, None),
    (b"[1]", 400, None),
    (b"[" * 100_000, 400, None),
    (b"\xff", 400, None),
    ({"model": "m"}, 400, "messages"),
    ({"messages": [{"role": "user", "content": "x"}]}, 400, "model"),
    (question(messages=[]), 400, "messages"),
    (question(messages=[{"role": "robot", "content": "x"}]), 400, "messages[0]"),
    (question(messages=[{"role": "user"}]), 400, "messages[0]"),
    (question(messages=[{"role": "user", "content": 3}]), 400, "messages[0]"),
    (question(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]), 400, "messages[0]"),
    (question(messages=[{"role": "assistant", "content": "x"}]), 400, "messages"),
    (question(temperature=-1), 400, "temperature"),
    (question(temperature="hot"), 400, "temperature"),
    (question(temperature=True), 400, "temperature"),
    (b'{"model": "m", "messages": [], "temperature": NaN}', 400, None),
    (question(top_p=0), 400, "top_p"),
    (question(max_tokens=0), 400, "max_tokens"),
    (question(max_tokens=1.5), 400, "max_tokens"),
    (question(max_tokens=5000), 400, "max_tokens"),
    (question("x" * 5000), 400, "messages"),
    (question(n=65), 400, "n"),
    (question(seed="s"), 400, "seed"),
    (question(stream="yes"), 400, "stream"),
    (question(stream_options={"include_usage": True}), 400, "stream_options"),
    (question(stop=["\n"]), 400, "stop"),
    (question(tools=[{"type": "function"}]), 400, "tools"),
    (question(response_format={"type": "json_object"}), 400, "response_format"),
    (question(logprobs=True), 400, "logprobs"),
]


@pytest.fixture(scope="module")
def strict() -> Iterator[ChatServer]:
    with served(scripted(parrot())) as server:
        yield server


@pytest.mark.parametrize(("body", "status", "param"), BAD)
def test_what_is_no_request_is_refused_in_openais_form(strict: ChatServer, body: Any, status: int, param: str | None) -> None:
    before = strict.batcher.served
    code, answer = said(strict, body)
    assert said(strict, question())[0] == 200
    error = answer["error"]
    assert (code, error["type"], sorted(error)) == (status, "invalid_request_error", ["code", "message", "param", "type"])
    assert (error["param"] or "").startswith(param or "") and bool(error["param"]) == bool(param)
    assert strict.batcher.served == before + 1


def test_values_that_ask_for_nothing_are_let_by() -> None:
    nothing = {"stop": None, "tools": [], "logprobs": False, "frequency_penalty": 0, "user": "me", "seed": None, "n": 1, "max_tokens": None}
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "developer", "content": "s"}, {"role": "assistant", "content": "x", "reasoning_content": "y"}]
    with served(scripted(parrot())) as server:
        status, answer = said(server, question(messages=[*messages, {"role": "user", "content": parts}], **nothing))
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "ab")


def test_addresses_keys_and_lengths() -> None:
    with served(scripted(parrot()), rules=AccessRules(key="a-secret")) as server:
        assert said(server, question(), Authorization="Bearer another")[0] == 401
        assert said(server, question(), Authorization="Bearer a-secret")[0] == 200
        assert said(server, method="GET", path="/v1/models")[0] == 401
        assert said(server, method="GET", path="/health")[0] == 200
        assert said(server, question(), "/v1/embeddings", Authorization="Bearer a-secret")[0] == 404
        assert said(server, method="GET", Authorization="Bearer a-secret")[0] == 405
        assert said(server, b"", **{"Content-Length": str(1 << 40)})[0] == 413


def test_a_port_that_is_taken_is_named() -> None:
    model = scripted(parrot())
    with served(model) as server:
        batcher = Batcher(model.engine)
        with pytest.raises(BadInput, match=f"127.0.0.1:{server.port}: cannot listen there"):
            ChatServer(model, batcher, "127.0.0.1", server.port)
        assert batcher.close(10)


# --- how a model is asked -------------------------------------------------------------------------------------------


def test_the_tiny_worlds_model_is_asked_in_its_own_words(model: Model) -> None:
    (one,), (many,) = talk("1 + 1"), talk("2")
    system, *_ = talk("s")
    assert model.form == "short"
    assert model.tokenizer.decode(model.prompt(one).tokens) == Short().prompt("1 + 1")
    turns = replace(
        many,
        messages=(replace(system.messages[0], role="system"), *one.messages, replace(many.messages[0], role="assistant"), *one.messages),
    )
    assert model.tokenizer.decode(model.prompt(turns).tokens) == "User: s\n\n1 + 1\nAssistant: 2\nUser: 1 + 1\nAssistant:"


def test_a_reply_without_a_limit_takes_half_the_context_or_the_room_that_is_left(model: Model) -> None:
    short, long = talk("1"), talk("1 " * 150)
    assert model.room(model.prompt(short[0]), None) == CONTEXT // 2
    prompt = model.prompt(long[0])
    assert model.room(prompt, None) == CONTEXT - len(prompt.tokens) < CONTEXT // 2
