"""A chat server on the loopback device, before a script or before a model of random weights."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aha.backends.engine_chat import END, Bytes
from aha.backends.local_backend import write_fresh
from aha.errors import BadInput
from aha.protocols import Compute
from aha.sampling.scheduler import EnteringRow, Scheduler, SchedulerLimits, Tokens, TopTokens, WorkerStep
from aha.serving.access import AccessRules
from aha.serving.chat.model import ServedModel, open_model
from aha.serving.chat.server import ChatServer, ServerSettings
from aha.tasks import vocabulary
from aha.types import Conversation

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


def fresh_model(folder: Path) -> ServedModel:
    return open_model(str(fresh(folder)), Compute(device="cpu"))


class Templated(Bytes):
    """Bytes, with a chat template that writes two options before the turns, `mood` and `reasoning_effort`, and refuses to shout."""

    options = frozenset({"mood", "reasoning_effort"})
    begin = (ord("^"),)

    def prompt(self, text: str) -> list[int]:
        return [*self.begin, *self.encode(text)]

    def chat(self, conversation: Conversation, options: Mapping[str, Any] | None = None) -> list[int]:
        if any("shout" in message.content for message in conversation.messages):
            raise BadInput("this template does not shout")
        written = "".join(f"[{name} {value}]" for name, value in sorted((options or {}).items()))
        return self.encode(written) + super().chat(conversation)


Say = Callable[[str, int], str]


@dataclass
class ScriptedWorker:
    """Says `say(prompt, seed)`, a byte a token, each after `pace_s`; while `gate` is shut it takes no step. `steps`: how many rows there
    were in each."""

    say: Say
    tokenizer: Bytes
    gate: threading.Event
    steps: list[int]
    pace_s: float
    version: int = 0
    rows: list[tuple[Tokens, int]] = field(default_factory=list)

    def read(self, prefixes: Sequence[Tokens], tokens: int | None) -> object:
        return None

    def go_on(self, reading: object) -> bool:
        return True

    def enter(self, rows: Sequence[EnteringRow]) -> None:
        for row in rows:
            text = self.say(self.tokenizer.decode(row.request.prompt), row.request.seed)
            self.rows.append(((*self.tokenizer.encode(text), END), len(row.tokens)))

    def keep(self, rows: Sequence[int]) -> None:
        self.rows = [self.rows[place] for place in rows]

    def step(self, steps: int) -> WorkerStep:
        assert self.gate.wait(timeout=30)
        time.sleep(self.pace_s)
        self.steps.append(len(self.rows))
        tokens = [text[min(place, len(text) - 1)] for text, place in self.rows]
        self.rows = [(text, place + 1) for text, place in self.rows]
        likely = [TopTokens(-0.5, ((token, -0.5), (ord("?"), -1.5))) for token in tokens]
        return WorkerStep([tokens], [[0.0] * len(tokens)], [list(likely)])


@dataclass
class ScriptedEngine:
    """An engine without a model. `steps`: how many rows there were in each step of all its batches."""

    say: Say
    context: int | None = 4096
    tokenizer: Bytes = field(default_factory=Templated)
    gate: threading.Event = field(default_factory=threading.Event)
    steps: list[int] = field(default_factory=list)
    pace_s: float = 0.0

    def __post_init__(self) -> None:
        self.gate.set()

    def scheduler(self, limits: SchedulerLimits) -> Scheduler:
        return Scheduler(ScriptedWorker(self.say, self.tokenizer, self.gate, self.steps, self.pace_s), limits)

    def affordable_tokens(self) -> int:
        return 1 << 20


def scripted(engine: ScriptedEngine) -> ServedModel:
    return ServedModel("m", engine, Templated(), END + 1, "chat")


@contextmanager
def served(model: ServedModel, rules: AccessRules | None = None, settings: ServerSettings | None = None) -> Iterator[ChatServer]:
    with ChatServer(model, "127.0.0.1", 0, rules, settings) as server:
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
