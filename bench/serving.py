"""What a served model does under load: `python bench/serving.py [--model DIR] [equal] [late] [broken] [--clients 64] [--seconds 60]`.

The server is a process of its own (`aha serve`); the clients are threads of this one. Three measurements, all of them unless some are
named:

equal   the same conversations by the engine alone, and over HTTP, whole and streamed, from all clients at once; tokens a second
late    clients with long replies fill the batch, and a reply of 4 tokens comes in between: how many steps of the batch it takes, by the
        clock, less the time that reading its prompt takes
broken  clients ask for as long as it is said, some of them streaming, and break off 3 of 10 replies; of the others none may be lost, and
        each has to be the one that the engine gives the request alone. Exit code 1 where one is not.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from aha.protocols import Compute
from aha.sampling.scheduler import FinishedRow, RowRequest, RowSettings, SchedulerLimits
from aha.serving.chat.model import ServedModel, open_model
from aha.serving.chat.reader import ReplyReader
from aha.types import Conversation, Message

LATE_TOKENS, LONG_TOKENS = 4, 400
SHORT_REPLIES = 12
STEPS = 6  # of the full batch that a reply of 4 tokens may take, beside one prefill
BROKEN = 0.3


@dataclass(frozen=True)
class Server:
    """A server in a process of its own."""

    port: int
    model: str

    def post(self, body: dict[str, Any], path: str = "/v1/chat/completions") -> http.client.HTTPResponse:
        """The response to a request, not read yet; the connection ends with it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("POST", path, json.dumps({"model": self.model, **body}), {"Content-Type": "application/json"})
        return connection.getresponse()

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        """A whole reply."""
        response = self.post(body)
        answer: dict[str, Any] = json.loads(response.read())
        if response.status != 200:
            raise RuntimeError(f"HTTP {response.status}: {answer}")
        return answer

    def health(self) -> dict[str, Any]:
        """How many replies wait and run, and how many steps there were."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/health")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return found


@contextmanager
def serving(model: str, template: str) -> Iterator[Server]:
    """`aha serve` on a free port."""
    words = [sys.executable, "-m", "aha", "serve", "--model", model, "--port", "0", "--json", "--template", template, "--device", "cpu"]
    process = subprocess.Popen([*words, "--queue", "4096"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        place = json.loads(process.stdout.readline())
        yield Server(place["port"], place["model"])
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()


def asking(number: int, tokens: int, **more: Any) -> dict[str, Any]:
    """A request that differs with its number, and samples as evaluations do."""
    text = f"Use the numbers {number % 9 + 1} {number % 7 + 2} {number % 5 + 3} to get {number % 40 + 1}."
    return {"messages": [{"role": "user", "content": text}], "seed": number, "max_tokens": tokens, **more}


# --- equal ------------------------------------------------------------------------------------------------------------


def equal(server: Server, model: Callable[[], ServedModel], clients: int, tokens: int) -> None:
    """The same replies by the engine alone and over HTTP."""
    bodies = [asking(number, tokens, ignore_eos=True) for number in range(4 * clients)]
    for stream in (False, True):
        ways = [body | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {}) for body in bodies]
        began = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            counted = sum(pool.map(partial(counting, server, stream), ways))
        wall = time.perf_counter() - began
        print(f"equal   {len(ways)} requests, {clients} at a time{', streamed' * stream:10} {counted / wall:8,.0f} tokens/s", flush=True)
    rows = [RowRequest(prompt_of(model(), body), body["seed"], settings_of(model(), body)) for body in bodies]
    began = time.perf_counter()
    counted = sum(len(tokens) for tokens in alone(model(), rows, clients))
    print(f"equal   the engine alone, {clients} rows                {counted / (time.perf_counter() - began):8,.0f} tokens/s", flush=True)


def counting(server: Server, stream: bool, body: dict[str, Any]) -> int:
    if not stream:
        return int(server.reply(body)["usage"]["completion_tokens"])
    events = server.post(body).read().split(b"data: ")
    return int(json.loads(events[-2])["usage"]["completion_tokens"])


# --- late -------------------------------------------------------------------------------------------------------------


def late(server: Server, model: Callable[[], ServedModel], clients: int) -> bool:
    """Short replies beside a full batch of long ones."""
    ratios, prefill = [], reading_s(model(), asking(1, LATE_TOKENS))
    with ThreadPoolExecutor(clients) as pool:
        long = [pool.submit(server.reply, asking(number, LONG_TOKENS, ignore_eos=True)) for number in range(clients)]
        while server.health()["running"] < clients:
            time.sleep(0.01)
        for number in range(SHORT_REPLIES):
            before, began = server.health()["steps"], time.perf_counter()
            server.reply(asking(1_000 + number, LATE_TOKENS, ignore_eos=True))
            took = time.perf_counter() - began
            if any(reply.done() for reply in long):
                break
            time.sleep(0.02)
            steps, between = server.health()["steps"] - before, time.perf_counter() - began
            ratios.append((took - prefill) / (between / steps))
            batch = f"a step of {clients} rows takes {between / steps:.3f} s, the prompt {prefill:.3f} s"
            print(f"late    {took:.3f} s for {LATE_TOKENS} tokens; {batch}: {ratios[-1]:.1f} steps", flush=True)
        for reply in long:
            reply.result(timeout=600)
    print(f"late    median {median(ratios):.1f}, most {max(ratios):.1f} steps of the full batch (at most {STEPS})", flush=True)
    return max(ratios) <= STEPS


def reading_s(model: ServedModel, body: dict[str, Any]) -> float:
    """Seconds to read a prompt alone: the median of some."""
    prompt, times = prompt_of(model, body), []
    for _ in range(7):
        worker = model.engine.scheduler(SchedulerLimits()).worker
        began = time.perf_counter()
        worker.go_on(worker.read([prompt[:-1]], None))
        times.append(time.perf_counter() - began)
    return median(times)


# --- broken -----------------------------------------------------------------------------------------------------------


def broken(server: Server, model: Callable[[], ServedModel], clients: int, seconds: float, tokens: int) -> bool:
    """Clients that come and go; what the others get is compared with what the engine says to each alone."""
    ends, numbers, turn = time.monotonic() + seconds, iter(range(10**9)), threading.Lock()
    kept: dict[int, str] = {}
    counts = {"asked": 0, "broken off": 0, "lost": 0}

    def client(seed: int) -> None:
        dice = random.Random(seed)
        while time.monotonic() < ends:
            with turn:
                number = next(numbers)
                counts["asked"] += 1
            body, leaves = mixed(number, tokens), dice.random() < BROKEN
            text: str | None = None
            try:
                if leaves:
                    left(server, body, dice)
                else:
                    text = whole(server, body)
            except (OSError, http.client.HTTPException, RuntimeError, ValueError) as error:
                print(f"broken  {number}: {error!r}", flush=True)
            with turn:
                if leaves:
                    counts["broken off"] += 1
                elif text is None:
                    counts["lost"] += 1
                else:
                    kept[number] = text

    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(client, seed) for seed in range(clients)]:
            done.result(timeout=seconds + 600)
    time.sleep(1.0)
    health = server.health()
    print(f"broken  {counts}, {len(kept)} whole, {health['running']} still running, {health['steps']} steps", flush=True)
    wrong = different(model(), {number: (mixed(number, tokens), text) for number, text in sorted(kept.items())}, clients)
    print(f"broken  {len(wrong)} of {len(kept)} are not the reply that the engine gives the request alone {wrong[:10]}", flush=True)
    return not wrong and not counts["lost"] and not health["running"]


def mixed(number: int, tokens: int) -> dict[str, Any]:
    """Requests that sample in every way; every second one is a stream."""
    how = {"temperature": (0.0, 0.6, 1.0, 1.3)[number % 4], "top_p": (1.0, 0.95, 0.5)[number % 3]}
    return asking(number, 1 + number * 37 % tokens, stream=number % 2 == 1, **how)


def whole(server: Server, body: dict[str, Any]) -> str:
    """Thought and answer, put together from pieces where it is a stream."""
    if not body["stream"]:
        message = server.reply(body)["choices"][0]["message"]
        return f"{message['reasoning_content'] or ''}|{message['content']}"
    parts = {"reasoning_content": "", "content": ""}
    response = server.post(body)
    events = response.read().decode().split("\n\n")
    if response.status != 200 or events[-2] != "data: [DONE]":
        raise RuntimeError(f"a stream that ended early: {events[-2:]}")
    for event in events[:-2]:
        if event.startswith("data: "):
            for name, text in json.loads(event[6:])["choices"][0]["delta"].items():
                parts[name] = parts.get(name, "") + (text or "")
    return f"{parts['reasoning_content']}|{parts['content']}"


def left(server: Server, body: dict[str, Any], dice: random.Random) -> None:
    """The connection is broken off: before anything is read, or after some of it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    data = json.dumps({"model": server.model, **body})
    connection.request("POST", "/v1/chat/completions", data, {"Content-Type": "application/json"})
    if body["stream"] and dice.random() < 0.5:
        connection.getresponse().read(dice.randrange(1, 2_000))
    else:
        time.sleep(dice.random() * 0.2)
    connection.close()


# --- the engine, without a server ---------------------------------------------------------------------------------------


def prompt_of(model: ServedModel, body: dict[str, Any]) -> tuple[int, ...]:
    return model.prompt(Conversation((Message("user", body["messages"][0]["content"]),))).tokens


def settings_of(model: ServedModel, body: dict[str, Any]) -> RowSettings:
    how = (body.get("temperature", model.usual.temperature), body.get("top_p", model.usual.top_p), body["max_tokens"])
    return RowSettings(*how, stop=() if body.get("ignore_eos") else model.tokenizer.stop)


def alone(model: ServedModel, rows: list[RowRequest], together: int) -> list[tuple[int, ...]]:
    """The tokens of each row, so many rows at a time."""
    scheduler = model.engine.scheduler(SchedulerLimits(together))
    numbers = [scheduler.add(row) for row in rows]
    found: dict[int, tuple[int, ...]] = {}
    while not scheduler.idle:
        found |= {event.row: tuple(event.completion.tokens) for event in scheduler.step() if isinstance(event, FinishedRow)}
    return [found[number] for number in numbers]


def different(model: ServedModel, replies: dict[int, tuple[dict[str, Any], str]], together: int) -> list[int]:
    """The numbers of the replies that the engine does not give without a server: asked in batches, and those that differ alone as well."""
    rows = [RowRequest(prompt_of(model, body), body["seed"], settings_of(model, body)) for body, _ in replies.values()]
    said = dict(zip(replies, (words_of(model, tokens) for tokens in alone(model, rows, together)), strict=True))
    return [number for number, (body, text) in replies.items() if text != said[number] and text != spoken(model, body)]


def spoken(model: ServedModel, body: dict[str, Any]) -> str:
    """What the engine says to a request, with nobody else in the batch."""
    (tokens,) = alone(model, [RowRequest(prompt_of(model, body), body["seed"], settings_of(model, body))], 1)
    return words_of(model, tokens)


def words_of(model: ServedModel, tokens: tuple[int, ...]) -> str:
    reader = ReplyReader(model.tokenizer, silent=frozenset(model.tokenizer.stop))
    reader.read_reply(tokens)
    return f"{reader.thought or ''}|{reader.texts['said']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", nargs="*", choices=[[], "equal", "late", "broken"], default=[])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--template", default="auto")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--tokens", type=int, default=128)
    chosen = parser.parse_args()
    what = chosen.what or ["equal", "late", "broken"]
    opened: list[ServedModel] = []

    def model() -> ServedModel:
        if not opened:
            opened.append(open_model(chosen.model, Compute(device="cpu"), chosen.template))
        return opened[0]

    print(f"{chosen.model}, {os.cpu_count()} cores, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '-')}", flush=True)
    with serving(chosen.model, chosen.template) as server:
        if "equal" in what:
            equal(server, model, chosen.clients, chosen.tokens)
        fine = [
            *([late(server, model, chosen.clients)] if "late" in what else []),
            *([broken(server, model, chosen.clients, chosen.seconds, chosen.tokens)] if "broken" in what else []),
        ]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
