from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import openai
import pytest

from aha.backends.local_backend import LocalBackend
from aha.backends.openai.chat import OpenAiChat
from aha.backends.openai.endpoint import Endpoint
from aha.errors import BadInput
from aha.protocols import Ask, ChatOptions, Compute, Sampling
from aha.serving.access import AccessRules
from aha.serving.chat.model import PIECE, ServedModel
from aha.serving.chat.reader import ReplyReader
from aha.serving.chat.server import ChatServer, ServerSettings
from aha.template import Short
from tests.servers import talk
from tests.serving.chats import CONTEXT, ScriptedEngine, fresh_model, heard, question, said, scripted, served, url

THINKS = "<think>\nhm 是\n</think>\n\n4 é"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    return fresh_model(tmp_path_factory.mktemp("served") / "small")


def client(server: ChatServer, **more: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=url(server), api_key="none", max_retries=0, timeout=60, **more)


def parrot() -> ScriptedEngine:
    return ScriptedEngine(lambda prompt, seed: f"<think>{seed}</think>{prompt.rpartition('user: ')[2].partition(chr(10))[0]}")


def thinker() -> ScriptedEngine:
    return ScriptedEngine(lambda prompt, seed: THINKS)


# --- a real client --------------------------------------------------------------------------------------------------


def test_a_client_gets_the_thought_apart_and_every_token_counted() -> None:
    with served(scripted(thinker())) as server, client(server) as asking:
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
    with served(scripted(thinker())) as server, client(server) as asking:
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
    with served(scripted(thinker())) as server, client(server) as asking:
        whole = asking.chat.completions.create(**question(max_tokens=9))
        *_, last = asking.chat.completions.create(**question(max_completion_tokens=9, stream=True))
    assert (whole.choices[0].finish_reason, whole.choices[0].message.content) == ("length", "")
    assert whole.choices[0].message.reasoning_content == "h"
    assert last.choices[0].finish_reason == "length"


def test_tokens_are_streamed_while_the_reply_is_being_made() -> None:
    engine = ScriptedEngine(lambda prompt, seed: "abc" * 100)
    with served(scripted(engine)) as server, client(server) as asking:
        stream = asking.chat.completions.create(**question(stream=True, max_tokens=250))
        begun = next(chunk for chunk in stream if chunk.choices[0].delta.content)
        engine.gate.clear()
        steps = len(engine.steps)
        engine.gate.set()
        rest = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert begun.choices[0].delta.content == "a" and rest == ("abc" * 100)[1:250]
    assert steps < 250


def test_an_async_client_streams_and_asks_many_at_once(model: ServedModel) -> None:
    async def one(asking: openai.AsyncOpenAI, number: int) -> tuple[str, str]:
        wanted: dict[str, Any] = {
            "model": model.name,
            "messages": [{"role": "user", "content": f"{number}"}],
            "max_tokens": 12,
            "seed": number,
        }
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


def test_models_are_listed_and_one_is_looked_up() -> None:
    with served(replace(scripted(parrot()), name="org/m-1")) as server, client(server) as asking:
        assert [each.id for each in asking.models.list()] == ["org/m-1"]
        assert asking.models.retrieve("org/m-1").owned_by == "aha"
        with pytest.raises(openai.NotFoundError, match="there is no model 'gpt' here; there is 'org/m-1'"):
            asking.models.retrieve("gpt")
        with pytest.raises(openai.NotFoundError, match="there is no model 'm' here"):
            asking.chat.completions.create(**question())


# --- what a request can ask for -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("stop", "text", "tokens"), [("is", "th", 4), (["zz", "is a"], "this ", 9), (["zz"], "this is a test", 15), ("", "this is a test", 15)]
)
def test_a_reply_ends_before_a_stop_word(stop: Any, text: str, tokens: int, stream: bool) -> None:
    engine = ScriptedEngine(lambda prompt, seed: "this is a test")
    usage: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
    with served(scripted(engine)) as server, client(server) as asking:
        reply: Any = asking.chat.completions.create(**question(stop=stop, stream=stream, **usage))
        chunks = list(reply) if stream else [reply]
    said = "".join((chunk.choices[0].delta if stream else chunk.choices[0].message).content or "" for chunk in chunks if chunk.choices)
    finished = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1]
    assert (said, finished, chunks[-1].usage.completion_tokens) == (text, "stop", tokens)


def test_a_row_ends_with_its_stop_word_and_takes_no_more_steps() -> None:
    engine = ScriptedEngine(lambda prompt, seed: "ab" + "c" * 4_000, pace_s=0.005)
    with served(scripted(engine)) as server:
        assert said(server, question(stop="b"))[1]["choices"][0]["message"]["content"] == "a"
        while server.engine.batch_size:
            time.sleep(0.01)
    assert len(engine.steps) < 1_000


def test_stop_tokens_end_a_reply_and_say_nothing() -> None:
    engine = ScriptedEngine(lambda prompt, seed: "abcabc")
    with served(scripted(engine)) as server:
        first = said(server, question(stop_token_ids=[ord("c")]))[1]["choices"][0]
        later = said(server, question(stop_token_ids=[ord("c")], min_tokens=3))[1]["choices"][0]
        never = said(server, question(ignore_eos=True, max_tokens=9))[1]["choices"][0]
    assert (first["message"]["content"], first["finish_reason"]) == ("ab", "stop")
    assert (later["message"]["content"], later["finish_reason"]) == ("abab", "stop")
    assert (never["message"]["content"], never["finish_reason"]) == ("abcabc", "length")


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_come_with_every_token(stream: bool) -> None:
    with served(scripted(ScriptedEngine(lambda prompt, seed: "hé"))) as server, client(server) as asking:
        reply = asking.chat.completions.create(**question(logprobs=True, top_logprobs=2, stream=stream))
        choices = [chunk.choices[0] for chunk in reply] if stream else [reply.choices[0]]
    entries = [entry for choice in choices if choice.logprobs for entry in choice.logprobs.content]
    assert [entry.token for entry in entries] == ["h", "�", "�", "<|end|>"]
    assert entries[0].bytes == [ord("h")] and entries[1].bytes is None
    assert all(entry.logprob == -0.5 for entry in entries)
    assert [(top.token, top.logprob) for top in entries[0].top_logprobs] == [("h", -0.5), ("?", -1.5)]


def test_log_probabilities_of_a_model_are_its_own_at_temperature_1(model: ServedModel) -> None:
    import torch

    body = question("1 + 1", temperature=0.3, top_p=0.5, max_tokens=5, logprobs=True, top_logprobs=3, seed=4) | {"model": model.name}
    with served(model) as server:
        choice = said(server, body)[1]["choices"][0]
    prompt = model.tokenizer.encode(Short().prompt("1 + 1"))
    module = model.engine.module  # type: ignore[attr-defined]
    with torch.no_grad():
        first = torch.log_softmax(module(torch.tensor([prompt])).logits[0, -1], -1)
    likely = choice["logprobs"]["content"][0]
    assert [top["logprob"] for top in likely["top_logprobs"]] == pytest.approx(first.topk(3).values.tolist(), abs=1e-4)
    assert len(choice["logprobs"]["content"]) == 5


def noting(prompts: list[str], text: str) -> Callable[[str, int], str]:
    """A model that says one text, with its seed in it, and keeps what it was asked."""

    def say(prompt: str, seed: int) -> str:
        prompts.append(prompt)
        return text.format(seed=seed)

    return say


def test_options_of_the_chat_template_reach_it_and_others_are_refused() -> None:
    prompts: list[str] = []
    engine = ScriptedEngine(noting(prompts, "x"))
    with served(scripted(engine)) as server:
        said(server, question(chat_template_kwargs={"mood": "calm"}, reasoning_effort="high"))
        assert prompts == ["[mood calm][reasoning_effort high]user: hi\nassistant:"]
        refused = said(server, question(chat_template_kwargs={"colour": "red"}))
        assert refused[0] == 400 and "knows no colour; it knows mood, reasoning_effort" in refused[1]["error"]["message"]
        assert said(server, question("shout"))[1]["error"]["message"].endswith("this template does not shout")
    with served(replace(scripted(engine), form="short")) as server:
        assert said(server, question(reasoning_effort="low"))[1]["error"]["param"] == "reasoning_effort"


@pytest.mark.parametrize(
    ("begun", "prompt", "thought", "content"),
    [
        ("<think>\n", "user: hi\nassistant:<think>\n", "so", "4"),
        ("<think>\nwell, ", "user: hi\nassistant:<think>\nwell, ", "so", "4"),
        ("It is ", "user: hi\nassistant:It is ", None, "so</think>4"),
        ("<think>a</think>", "user: hi\nassistant:<think>a</think>", None, "so</think>4"),
    ],
)
def test_a_begun_reply_is_gone_on_with(begun: str, prompt: str, thought: str | None, content: str) -> None:
    prompts: list[str] = []
    engine = ScriptedEngine(noting(prompts, "so</think>4"))
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": begun}]
    with served(scripted(engine)) as server:
        reply = said(server, question(messages=turns, continue_final_message=True, add_generation_prompt=False))[1]
        flags: list[dict[str, Any]] = [{"continue_final_message": True, "add_generation_prompt": True}, {"add_generation_prompt": False}]
        for wrong in ({}, *flags):
            assert said(server, question(messages=turns, **wrong))[0] == 400
    message = reply["choices"][0]["message"]
    assert (prompts, message["reasoning_content"], message["content"]) == ([prompt], thought, content)


def test_texts_and_tokens_are_gone_on_with_as_they_are() -> None:
    prompts: list[str] = []
    engine = ScriptedEngine(noting(prompts, "<think>{seed}"))
    with served(scripted(engine)) as server, client(server) as asking:
        one = asking.completions.create(model="m", prompt="ab", seed=3, logprobs=1)
        many = asking.completions.create(model="m", prompt=["a", "b"], n=2, seed=5, max_tokens=20)
        ids = asking.completions.create(model="m", prompt=[104, 105], seed=1)
        chunks = list(asking.completions.create(model="m", prompt="ab", seed=3, stream=True, stop="k"))
    assert (one.object, one.choices[0].text, one.choices[0].finish_reason) == ("text_completion", "<think>3", "stop")
    assert one.choices[0].logprobs is not None and many.usage is not None
    assert one.choices[0].logprobs.tokens == [*"<think>3", "<|end|>"] and one.choices[0].logprobs.text_offset == list(range(9))
    assert [(choice.index, choice.text) for choice in many.choices] == [(0, "<think>5"), (1, "<think>6"), (2, "<think>5"), (3, "<think>6")]
    assert many.usage.prompt_tokens == 4 and ids.choices[0].text == "<think>1"
    assert "".join(chunk.choices[0].text for chunk in chunks) == "<thin"
    assert prompts == ["^ab", "^a", "^a", "^b", "^b", "hi", "^ab"]


def test_a_completion_without_a_limit_has_sixteen_tokens_as_openais_has() -> None:
    with served(scripted(ScriptedEngine(lambda prompt, seed: "x" * 50))) as server, client(server) as asking:
        choice = asking.completions.create(model="m", prompt="a").choices[0]
    assert (choice.text, choice.finish_reason) == ("x" * 16, "length")


# --- a batch that is shared -----------------------------------------------------------------------------------------


def test_64_requests_in_flight_are_answered_once_each_and_share_the_batch(model: ServedModel) -> None:
    asking = ChatOptions(samples=1, seed=0, in_flight=64, retries=0)
    questions = [f"what is {number} + 1?" for number in range(64)]
    with served(model) as server, OpenAiChat(Endpoint(url(server), model.name), asking) as chat:
        found = list(chat.reply(talk(*questions), Sampling(0.6, 0.95, 24)))
        health = said(server, method="GET", path="/health")[1]
    assert sorted(index for index, _ in found) == list(range(64))
    assert health["served"] == 64 and health["steps"] < 64 * 24 / 4


def test_equal_seeds_give_equal_replies_whatever_the_neighbours(model: ServedModel) -> None:
    sampling = Sampling(0.9, 0.95, 20)
    prompt = model.tokenizer.encode(Short().prompt("why?"))
    engine = LocalBackend(Compute(device="cpu")).engine(str(Path(model.engine.module.name_or_path)))  # type: ignore[attr-defined]
    ((_, (alone,)),) = engine.generate([Ask(tuple(prompt), (11,))], sampling)
    reader = ReplyReader(model.tokenizer, silent=frozenset(model.tokenizer.stop))
    reader.read_reply(alone.tokens)
    mine = question("why?", seed=11, temperature=0.9, max_tokens=20) | {"model": model.name}
    others = [
        question(f"{i}" * i, seed=i, temperature=i / 20, top_p=1.0 if i % 3 else 0.5, max_tokens=i, stream=i % 2 == 0)
        | {"model": model.name}
        for i in range(1, 30)
    ]
    with served(model) as server, ThreadPoolExecutor(32) as pool:
        rest = [pool.submit(heard, server, each) for each in others]
        replies = [pool.submit(said, server, mine) for _ in range(3)]
        messages = [reply.result(timeout=60)[1]["choices"][0]["message"] for reply in replies]
        assert all(each.result(timeout=60)[0] == 200 for each in rest)
    assert [message["content"] for message in messages] == [reader.texts["said"]] * 3


def test_requests_that_sample_differently_share_steps_and_are_not_mixed_up() -> None:
    engine = ScriptedEngine(lambda prompt, seed: "x" * 9)
    engine.gate.clear()
    with served(scripted(engine)) as server, ThreadPoolExecutor(32) as pool:
        replies = [pool.submit(said, server, question(max_tokens=1 + i % 4, temperature=i / 32)) for i in range(32)]
        while server.engine.queue_length + server.engine.batch_size < 32:
            time.sleep(0.005)
        engine.gate.set()
        lengths = [len(reply.result(timeout=30)[1]["choices"][0]["message"]["content"]) for reply in replies]
    assert lengths == [1, 2, 3, 4] * 8
    assert max(engine.steps) > 16


def test_a_short_reply_waits_for_no_long_one() -> None:
    engine = ScriptedEngine(lambda prompt, seed: "long " * 800 if "long" in prompt else "ok")
    with served(scripted(engine)) as server, ThreadPoolExecutor(4) as pool:
        engine.gate.clear()
        slow = [pool.submit(said, server, question("long", max_tokens=4_000)) for _ in range(3)]
        while server.engine.queue_length + server.engine.batch_size < 3:
            time.sleep(0.005)
        before = len(engine.steps)
        quick = pool.submit(said, server, question("short"))
        while server.engine.queue_length + server.engine.batch_size < 4:
            time.sleep(0.005)
        engine.gate.set()
        assert quick.result(timeout=30)[1]["choices"][0]["message"]["content"] == "ok"
        assert not any(reply.done() for reply in slow)
        assert [reply.result(timeout=60)[0] for reply in slow] == [200] * 3
    counts = engine.steps[before:]
    assert counts[:6].count(4) == counts.count(4) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_the_work_of_a_client_that_leaves_is_stopped(stream: bool) -> None:
    engine = ScriptedEngine(lambda prompt, seed: "x" * 4_000, pace_s=0.005)
    with served(scripted(engine)) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        engine.gate.clear()
        body = json.dumps(question(stream=stream, n=3, max_tokens=3_900))
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        while server.engine.queue_length + server.engine.batch_size < 3:
            time.sleep(0.005)
        connection.close()
        time.sleep(0.2)  # the server sees the connection's end
        engine.gate.set()
        while server.engine.batch_size:
            time.sleep(0.005)
        assert said(server, question("next", max_tokens=3))[0] == 200
    assert engine.steps.count(3) < 1_000


def test_without_a_seed_two_replies_differ() -> None:
    with served(scripted(parrot())) as server:
        thoughts = {said(server, question())[1]["choices"][0]["message"]["reasoning_content"] for _ in range(3)}
    assert len(thoughts) == 3


# --- too much, and the end ------------------------------------------------------------------------------------------


def held(server: ChatServer, engine: ScriptedEngine, pool: ThreadPoolExecutor, count: int) -> list[Any]:
    """So many requests on their way through an engine that waits."""
    engine.gate.clear()
    replies = [pool.submit(heard, server, question(f"{i}", stream=i % 2 == 1)) for i in range(count)]
    while server.engine.queue_length + server.engine.batch_size < count:
        threading.Event().wait(timeout=0.005)
    return replies


def test_who_finds_the_queue_full_is_told_to_come_back() -> None:
    engine = parrot()
    with served(scripted(engine), settings=ServerSettings(rows=1, queue=2)) as server, ThreadPoolExecutor(4) as pool:
        replies = held(server, engine, pool, 3)
        status, body, headers = heard(server, question("late"))
        engine.gate.set()
        assert [reply.result(timeout=20)[0] for reply in replies] == [200, 200, 200]
    assert (status, headers["Retry-After"]) == (503, "1")
    assert json.loads(body)["error"]["code"] == "queue_full"
    assert max(engine.steps) == 1


def test_an_end_answers_what_was_taken_on_and_refuses_what_comes() -> None:
    engine = parrot()
    with served(scripted(engine)) as server, ThreadPoolExecutor(8) as pool:
        replies = held(server, engine, pool, 5)
        ending = pool.submit(server.drain, 20)
        while not server.engine._closed:  # a question before that would wait for the gate
            time.sleep(0.005)
        late = said(server, question("late"))
        engine.gate.set()
        assert ending.result(timeout=20)
        answers = [reply.result(timeout=20) for reply in replies]
    assert (late[0], late[1]["error"]["code"]) == (503, "server_ending")
    assert [status for status, _, _ in answers] == [200] * 5
    assert [b'"stop"' in body for _, body, _ in answers] == [True] * 5


def test_an_end_that_waits_no_longer_ends_streams_with_an_error_and_not_in_the_middle_of_a_line() -> None:
    engine = ScriptedEngine(lambda prompt, seed: "x" * 100_000, context=None)
    with ChatServer(scripted(engine), "127.0.0.1", 0) as server, ThreadPoolExecutor(2) as pool:
        stream = pool.submit(heard, server, question(stream=True, max_tokens=90_000))
        whole = pool.submit(said, server, question(max_tokens=90_000))
        while server.engine.batch_size < 2:
            time.sleep(0.01)
        assert not server.drain(0.2)
        status, body, _ = stream.result(timeout=20)
        *_, last, _ = body.decode().split("\n\n")
        assert (status, json.loads(last.removeprefix("data: "))["error"]["code"]) == (200, "server_ending")
        assert whole.result(timeout=20)[0] == 503


def test_an_engine_that_fails_fails_its_batch_and_no_other() -> None:
    def say(prompt: str, seed: int) -> str:
        if "bad" in prompt:
            raise RuntimeError("out of memory")
        return "fine"

    with served(scripted(ScriptedEngine(say))) as server:
        assert said(server, question("bad")) == (500, failure := said(server, question("bad"))[1])
        assert failure["error"] == {"message": "the engine failed: out of memory", "type": "server_error", "param": None, "code": None}
        streamed = heard(server, question("bad", stream=True))
        assert b"the engine failed" in streamed[1] and b"[DONE]" not in streamed[1]
        assert said(server, question("good"))[1]["choices"][0]["message"]["content"] == "fine"


def test_jobs_that_wait_survive_the_failure_of_a_batch() -> None:
    def say(prompt: str, seed: int) -> str:
        if "bad" in prompt:
            raise RuntimeError("out of memory")
        return "fine"

    engine = ScriptedEngine(say)
    with served(scripted(engine), settings=ServerSettings(rows=1)) as server, ThreadPoolExecutor(4) as pool:
        replies = held(server, engine, pool, 1)
        bad = pool.submit(said, server, question("bad"))
        while server.engine.queue_length < 1:
            time.sleep(0.005)
        good = pool.submit(said, server, question("good"))
        while server.engine.queue_length < 2:
            time.sleep(0.005)
        engine.gate.set()
        assert (replies[0].result(timeout=20)[0], bad.result(timeout=20)[0], good.result(timeout=20)[0]) == (200, 500, 200)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_engine_that_dies_leaves_nobody_waiting() -> None:
    def say(prompt: str, seed: int) -> str:
        raise KeyError("a mistake of ours")

    with served(scripted(ScriptedEngine(say))) as server:
        assert said(server, question())[0] == 500
        assert said(server, question())[0] == 503
        assert said(server, method="GET", path="/health")[0] == 503


# --- what is no request ---------------------------------------------------------------------------------------------

BAD: list[tuple[Any, int, str | None]] = [
    (b"{", 400, None),
    (b"[1]", 400, None),
    (b"[" * 100_000, 400, None),
    (b'{"a":' * 800_000, 400, None),
    (b"\xff", 400, None),
    (b'{"model": "m", "model": "m", "messages": []}', 400, None),
    (b'{"model": "m", "messages": [], "temperature": NaN}', 400, None),
    (b'{"max_tokens": ' + b"9" * 4_000 + b"}", 400, None),
    ({"model": "m"}, 400, "messages"),
    ({"messages": [{"role": "user", "content": "x"}]}, 400, "model"),
    (question(messages=[]), 400, "messages"),
    (question(messages=[{"role": "robot", "content": "x"}]), 400, "messages[0]"),
    (question(messages=[{"role": "user"}]), 400, "messages[0]"),
    (question(messages=[{"role": "user", "content": 3}]), 400, "messages[0]"),
    (question(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]), 400, "messages[0]"),
    (question(messages=[{"role": "assistant", "content": "x"}]), 400, "messages"),
    (question(messages=[{"role": "user", "content": "x", "name": "me"}]), 400, "messages[0].name"),
    (question(temperature=-1), 400, "temperature"),
    (question(temperature="hot"), 400, "temperature"),
    (question(temperature=True), 400, "temperature"),
    (question(top_p=0), 400, "top_p"),
    (question(max_tokens=0), 400, "max_tokens"),
    (question(max_tokens=-5), 400, "max_tokens"),
    (question(max_tokens=1.5), 400, "max_tokens"),
    (question(max_tokens=5000), 400, "max_tokens"),
    (question(max_tokens=5, max_completion_tokens=6), 400, "max_tokens"),
    (question(min_tokens=6, max_tokens=5), 400, "min_tokens"),
    (question("x" * 5000), 400, "messages"),
    (question(n=65), 400, "n"),
    (question(seed="s"), 400, "seed"),
    (question(seed=10**30), 400, "seed"),
    (question(stream="yes"), 400, "stream"),
    (question(stream_options={"include_usage": True}), 400, "stream_options"),
    (question(stream=True, stream_options={"include_cost": True}), 400, "include_cost"),
    (question(stop=[""]), 400, "stop"),
    (question(stop=["a"] * 17), 400, "stop"),
    (question(stop=3), 400, "stop"),
    (question(stop_token_ids=[257]), 400, "stop_token_ids"),
    (question(stop_token_ids="x"), 400, "stop_token_ids"),
    (question(logprobs=3), 400, "logprobs"),
    (question(top_logprobs=3), 400, "top_logprobs"),
    (question(logprobs=True, top_logprobs=21), 400, "top_logprobs"),
    (question(chat_template_kwargs=[1]), 400, "chat_template_kwargs"),
    (question(reasoning_effort=1), 400, "reasoning_effort"),
    (question(tools=[{"type": "function"}]), 400, "tools"),
    (question(response_format={"type": "json_object"}), 400, "response_format"),
    (question(frequency_penalty=False), 400, "frequency_penalty"),
    (question(presence_penalty=0.5), 400, "presence_penalty"),
    (question(top_k=5), 400, "top_k"),
    (question(guided_json={}), 400, "guided_json"),
    (question(temprature=0.5), 400, "temprature"),
    (question(prompt="x"), 400, "prompt"),
]
BAD_TEXTS: list[tuple[Any, str]] = [
    ({}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": []}, "prompt"),
    ({"prompt": [257]}, "prompt"),
    ({"prompt": ["a", 3]}, "prompt"),
    ({"prompt": ["a"] * 65, "n": 2}, "prompt"),
    ({"prompt": "a", "echo": True}, "echo"),
    ({"prompt": "a", "suffix": "b"}, "suffix"),
    ({"prompt": "a", "best_of": 2}, "best_of"),
    ({"prompt": "a", "logprobs": True}, "logprobs"),
    ({"prompt": "a", "messages": []}, "messages"),
]


@pytest.fixture(scope="module")
def strict() -> Iterator[ChatServer]:
    with served(scripted(parrot())) as server:
        yield server


def refused(answer: Any, param: str | None) -> None:
    error = answer["error"]
    assert (error["type"], sorted(error)) == ("invalid_request_error", ["code", "message", "param", "type"])
    assert (error["param"] or "").startswith(param or "") and bool(error["param"]) == bool(param)
    assert "\n" not in error["message"] and len(error["message"]) < 300


@pytest.mark.parametrize(("body", "status", "param"), BAD)
def test_what_is_no_request_is_refused_in_openais_form(strict: ChatServer, body: Any, status: int, param: str | None) -> None:
    before = strict.engine.reply_count
    code, answer = said(strict, body)
    assert code == status
    refused(answer, param)
    assert said(strict, question())[0] == 200
    assert strict.engine.reply_count == before + 1


@pytest.mark.parametrize(("body", "param"), BAD_TEXTS)
def test_what_is_no_text_to_go_on_with_is_refused(strict: ChatServer, body: Any, param: str) -> None:
    code, answer = said(strict, {"model": "m", **body}, "/v1/completions")
    assert code == 400
    refused(answer, param)


def test_values_that_ask_for_nothing_and_what_is_about_the_account_are_let_by() -> None:
    nothing: dict[str, Any] = {
        "stop": None,
        "tools": [],
        "logprobs": False,
        "frequency_penalty": 0,
        "seed": None,
        "n": 1,
        "max_tokens": None,
        "top_k": -1,
    }
    account: dict[str, Any] = {"user": "me", "metadata": {"a": "b"}, "store": True, "service_tier": "auto", "parallel_tool_calls": True}
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "developer", "content": "s"}, {"role": "assistant", "content": "x", "reasoning_content": "y", "refusal": None}]
    with served(scripted(parrot())) as server:
        status, answer = said(server, question(messages=[*messages, {"role": "user", "content": parts}], **nothing, **account))
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "ab")


def test_addresses_keys_and_lengths() -> None:
    with served(scripted(parrot()), AccessRules(key="a-secret")) as server:
        assert said(server, question(), Authorization="Bearer another")[0] == 401
        assert said(server, question(), Authorization="Bearer a-secret")[0] == 200
        assert said(server, method="GET", path="/v1/models")[0] == 401
        assert said(server, method="GET", path="/health")[0] == 200
        assert said(server, question(), "/v1/embeddings", Authorization="Bearer a-secret")[0] == 404
        assert said(server, method="GET", Authorization="Bearer a-secret")[0] == 405
        assert said(server, b"", **{"Content-Length": str(1 << 40)})[0] == 413


def test_a_port_that_is_taken_is_named() -> None:
    with served(scripted(parrot())) as server, pytest.raises(BadInput, match=f"127.0.0.1:{server.port}: cannot listen there"):
        ChatServer(scripted(parrot()), "127.0.0.1", server.port)


# --- how a model is asked -------------------------------------------------------------------------------------------


def test_the_tiny_worlds_model_is_asked_in_its_own_words(model: ServedModel) -> None:
    (one,), (many,) = talk("1 + 1"), talk("2")
    system, *_ = talk("s")
    assert model.form == "short"
    assert model.tokenizer.decode(model.prompt(one).tokens) == Short().prompt("1 + 1")
    turns = replace(
        many,
        messages=(replace(system.messages[0], role="system"), *one.messages, replace(many.messages[0], role="assistant"), *one.messages),
    )
    assert model.tokenizer.decode(model.prompt(turns).tokens) == "User: s\n\n1 + 1\nAssistant: 2\nUser: 1 + 1\nAssistant:"


@dataclass(frozen=True)
class CountingTokenizer:
    """A tokenizer that notes the longest text that it was given."""

    inner: Any
    sizes: list[int]

    def encode(self, text: str) -> list[int]:
        self.sizes.append(len(text))
        return list(self.inner.encode(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/tokenize"])
@pytest.mark.parametrize("text", ["ab " * 1_000_000, "1" * 3_000_000, "🙂" * 200_000])
def test_a_prompt_that_is_far_too_long_is_refused_before_it_is_tokenized_whole(model: ServedModel, path: str, text: str) -> None:
    """Whole, four megabytes kept all other clients waiting for half a minute and took more than a gigabyte."""
    sizes = list[int]()
    asked = {"messages": [{"role": "user", "content": text}]} if path == "/v1/chat/completions" else {"prompt": text}
    with served(replace(model, tokenizer=CountingTokenizer(model.tokenizer, sizes))) as server:
        code, reply = said(server, {"model": model.name, **asked}, path)
    assert (code, reply["error"]["code"]) == (400, "context_length_exceeded")
    assert "more than twice as many" in reply["error"]["message"]
    assert max(sizes) <= PIECE


def test_a_reply_without_a_limit_takes_half_the_context_or_the_room_that_is_left(model: ServedModel) -> None:
    assert model.room(10, None) == CONTEXT // 2
    assert model.room(CONTEXT - 7, None) == 7


def test_a_conversation_is_counted_as_the_model_reads_it() -> None:
    with served(scripted(parrot())) as server:
        assert said(server, question("abc"), "/tokenize")[1]["count"] == len("user: abc\nassistant:")
        assert said(server, {"model": "m", "prompt": "abc"}, "/tokenize")[1]["tokens"] == list(b"^abc")
