"""What a served model costs beside its engine: `python bench/serving.py [--model DIR] [--requests 256] [--tokens 128]`.

The same conversations with the same seeds: by the engine alone, over HTTP with 64 in flight, one after another, and streamed."""

from __future__ import annotations

import argparse
import http.client
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from aha.protocols import Ask, Compute, Sampling
from aha.serving.chat_batch import Batcher
from aha.serving.chat_model import Model, open_model
from aha.serving.chat_server import ChatServer
from aha.types import Conversation, Message


def timed(what: str, work: Callable[[], int]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what:44} {wall:7.2f} s, {cpu:7.2f} s of processor, {tokens:7,} tokens, {tokens / wall:8,.0f} a second")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=128)
    given = parser.parse_args()
    model = open_model(given.model, Compute())
    texts = [f"Use the numbers {i % 9 + 1} {i % 7 + 2} {i % 5 + 3} to get {i % 40 + 1}." for i in range(given.requests)]
    timed("engine alone", lambda: alone(model, texts, given.tokens))
    batcher = Batcher(model.engine)
    with ChatServer(model, batcher, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        for at_once, stream in ((64, False), (64, True), (1, False)):
            before, few = batcher.batches, texts if at_once > 1 else texts[:16]
            waits: list[float] = []
            timed(
                f"{len(few)} requests, {at_once} in flight{', streamed' * stream}",
                partial(over, server, few, given.tokens, at_once, stream, waits),
            )
            waits.sort()
            first = f"first byte of an answer after {waits[len(waits) // 2]:.3f} s (median), {waits[-1]:.3f} s (most)"
            print(f"{'':44} {batcher.batches - before} calls of the engine; {first}")
        server.drain(60)
        server.shutdown()


def alone(model: Model, texts: list[str], tokens: int) -> int:
    asks = [Ask(model.prompt(Conversation((Message("user", text),))).tokens, (i,)) for i, text in enumerate(texts)]
    return sum(len(each.tokens) for _, group in model.engine.heard(asks, Sampling(0.6, 0.95, tokens), None) for each in group)


def over(server: ChatServer, texts: list[str], tokens: int, at_once: int, stream: bool, waits: list[float]) -> int:
    def one(i: int) -> int:
        body: dict[str, Any] = {"model": server.model.name, "messages": [{"role": "user", "content": texts[i]}], "seed": i}
        body |= {"max_tokens": tokens, "stream": stream} | ({"stream_options": {"include_usage": True}} if stream else {})
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
        began = time.perf_counter()
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        while (line := answer.readline()) and b"content" not in line.replace(b'"content": null', b"").replace(b"reasoning_content", b""):
            pass
        waits.append(time.perf_counter() - began)
        rest = line + answer.read()
        connection.close()
        last = rest.split(b"data: ")[-2] if stream else rest
        return int(json.loads(last)["usage"]["completion_tokens"])

    with ThreadPoolExecutor(at_once) as pool:
        return sum(pool.map(one, range(len(texts))))


if __name__ == "__main__":
    main()
