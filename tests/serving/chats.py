"""A chat server on the loopback device, before a script or before a model of random weights."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aha.backends.laptop import write_fresh
from aha.backends.scripted import Bytes, ScriptedEngine
from aha.protocols import Ask, Compute, Sampling
from aha.serving.chat_batch import Batcher
from aha.serving.chat_model import Hear, Heard, Model, open_model
from aha.serving.chat_server import ChatServer
from aha.serving.web.access import AccessRules
from aha.serving.web.connections import ConnectionLimits
from aha.tasks import vocabulary
from aha.types import Completion

CONTEXT = 256
SHAPE = {
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": CONTEXT,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "bos_token_id": None,
}


def fresh(folder: Path, **shape: int) -> Path:
    """The folder of a small model that talks at random; `shape` as its configuration has it."""
    vocabulary.save(folder, CONTEXT)
    write_fresh({**SHAPE, "vocab_size": vocabulary.build().get_vocab_size(), **shape}, folder, seed=3)
    return folder


def fresh_model(folder: Path) -> Model:
    return open_model(str(fresh(folder)), Compute(device="cpu"))


@dataclass
class Scripted:
    """Says `say(prompt, seed)`, a byte a token; while `gate` is shut it says nothing. `asked`: how many samples in each call."""

    say: Callable[[str, int], str]
    context: int | None = 4096
    gate: threading.Event = field(default_factory=threading.Event)
    asked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    def heard(self, asks: Sequence[Ask], sampling: Sampling, hear: Hear | None) -> Iterator[tuple[int, list[Completion]]]:
        self.asked.append(len(asks))
        assert self.gate.wait(timeout=30)
        for index, completions in ScriptedEngine(self.say).generate(asks, sampling):
            for token in completions[0].tokens if hear else ():
                hear(index, token)
            yield index, completions


class Counted:
    """Any engine, with the number of samples in each call."""

    def __init__(self, inner: Heard) -> None:
        self.inner, self.asked = inner, list[int]()

    @property
    def context(self) -> int | None:
        return self.inner.context

    def heard(self, asks: Sequence[Ask], sampling: Sampling, hear: Hear | None) -> Iterator[tuple[int, list[Completion]]]:
        self.asked.append(len(asks))
        yield from self.inner.heard(asks, sampling, hear)


def scripted(engine: Heard) -> Model:
    return Model("m", engine, Bytes(), "chat")


@contextmanager
def served(
    model: Model, most: int = 256, rules: AccessRules | None = None, gather_s: float = 0.005, limits: ConnectionLimits | None = None
) -> Iterator[ChatServer]:
    batcher = Batcher(model.engine, most, gather_s)
    with ChatServer(model, batcher, "127.0.0.1", 0, rules, limits=limits) as server:
        try:
            yield server
        finally:
            assert server.drain(20)


def url(server: ChatServer) -> str:
    return f"http://127.0.0.1:{server.port}/v1"


def said(server: ChatServer, body: Any = b"", path: str = "/v1/chat/completions", method: str = "POST", **headers: str) -> tuple[int, Any]:
    """Status and body as JSON."""
    status, answer, _ = heard(server, body, path, method, **headers)
    return status, json.loads(answer)


def heard(server: ChatServer, body: Any, path: str = "/v1/chat/completions", method: str = "POST", **headers: str):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, data, {"Content-Type": "application/json"} | headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def question(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}
