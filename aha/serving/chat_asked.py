"""What a client asked for, read strictly: a value that would change the reply and is not understood is refused, never left out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aha.protocols import Sampling
from aha.serving.refusal import Refusal
from aha.types import Conversation, Message

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
MOST_SAMPLES = 64
IDLE: dict[str, tuple[Any, ...]] = {  # what is not done here, and the values that ask for nothing
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "stop": ([], ""),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "top_k": (0, -1),
    "min_p": (0,),
    "repetition_penalty": (1,),
}


@dataclass(frozen=True)
class Asked:
    """`max_tokens` and `seed` are None where the client leaves them to us."""

    model: str
    conversation: Conversation
    temperature: float
    top_p: float
    max_tokens: int | None
    seed: int | None
    samples: int
    stream: bool
    usage: bool


def asked(body: dict[str, Any], usual: Sampling) -> Asked:
    """The request in a body; `usual` holds the temperature and the top_p of who names none."""
    body = {name: value for name, value in body.items() if value is not None}
    for name, idle in IDLE.items():
        if name in body and body[name] not in idle:
            raise Refusal(400, f"{name} is not supported here: leave it out", name, "unsupported_parameter")
    stream = _flag(body, "stream")
    return Asked(
        model=_model(body),
        conversation=Conversation(_messages(body.get("messages"))),
        temperature=_number(body, "temperature", usual.temperature, 0.0, 2.0),
        top_p=_top_p(body, usual.top_p),
        max_tokens=_count(body, "max_completion_tokens", 1) or _count(body, "max_tokens", 1),
        seed=_count(body, "seed", -(1 << 63)),
        samples=_count(body, "n", 1, MOST_SAMPLES) or 1,
        stream=stream,
        usage=_flag(_options(body, stream), "include_usage"),
    )


def _wrong(name: str, value: Any, right: str) -> Refusal:
    shown = json.dumps(value)
    return Refusal(400, f"{name} is {shown if len(shown) <= 60 else shown[:60] + ' …'}: it has to be {right}", name, "invalid_value")


def _model(body: dict[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str):
        raise Refusal(400, "model is missing: /v1/models lists what there is", "model", "missing_required_parameter")
    return model


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise _wrong(name, value, "true or false")
    return value


def _options(body: dict[str, Any], stream: bool) -> dict[str, Any]:
    value = body.get("stream_options", {})
    if not isinstance(value, dict) or (value and not stream):
        raise _wrong("stream_options", value, "an object, and only where stream is true")
    return {name: each for name, each in value.items() if each is not None}


def _number(body: dict[str, Any], name: str, usual: float, low: float, high: float) -> float:
    value = body.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _wrong(name, value, f"a number from {low:g} to {high:g}")
    return float(value)


def _top_p(body: dict[str, Any], usual: float) -> float:
    value = _number(body, "top_p", usual, 0.0, 1.0)
    if value == 0.0:
        raise _wrong("top_p", value, "above 0")
    return value


def _count(body: dict[str, Any], name: str, low: int, high: int = (1 << 63) - 1) -> int | None:
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high):
        raise _wrong(name, value, f"a whole number from {low} to {high}")
    return value


def _messages(value: Any) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise Refusal(400, "messages has to be a list of one message or more", "messages", "invalid_value")
    messages = tuple(_message(each, f"messages[{i}]") for i, each in enumerate(value))
    if messages[-1].role != "user":
        raise Refusal(400, "the last message has to be the user's: a begun reply is not gone on with", "messages", "invalid_value")
    return messages


def _message(value: Any, where: str) -> Message:
    """An old reply's `reasoning_content` is left out, as the model was taught."""
    match value:
        case {"role": str(role), "content": content} if role in ROLES:
            return Message(ROLES[role], _content(content, where))  # type: ignore[arg-type]  # ROLES has no others
        case {"role": str(role)} if role not in ROLES:
            raise Refusal(400, f"{where}: its role is {role[:40]!r}; there are {', '.join(ROLES)}", where, "invalid_value")
    raise Refusal(400, f"{where}: a message has a role and a content", where, "invalid_value")


def _content(value: Any, where: str) -> str:
    parts = value if isinstance(value, list) else [{"type": "text", "text": value}]
    texts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise Refusal(400, f"{where}: its content has to be text", f"{where}.content", "invalid_value")
    return "".join(map(str, texts)).encode("utf-8", "replace").decode()
