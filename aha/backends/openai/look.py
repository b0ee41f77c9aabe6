"""A check of a server before the first request: that it answers, its models, and their context length."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from aha.backends.openai.call import LATE, EndpointFailure, EndpointServer, EventLoop
from aha.backends.openai.endpoint import FORM, Endpoint
from aha.errors import AhaError, BadInput, EndpointDown
from aha.json_text import NotJson, parse_json
from aha.protocols import ASK_ONCE, ChatOptions
from aha.types import Conversation

WAIT_S = 30.0  # for a list of models, from an idle server
TRIES, PAUSE_S = 3, 0.5
MOST_NAMES = 8  # of models, in a line
SAMPLE_SIZE = 32  # the most conversations whose tokens the server counts
CONTEXT = (
    "max_model_len",
    "context_length",
    "context_window",
    "max_context_length",
    "max_position_embeddings",
)  # the names that servers give it
BYTES_A_TOKEN, OVERHEAD = 3, 64  # for an estimate if the server does not count


@dataclass(frozen=True)
class Look:
    """The facts about a server. `endpoint`: with the model's name. `context`: tokens of prompt and reply, if the server says so. `longest`:
    the tokens of the longest prompt, an estimate if the server does not count. `note`: a line if its list of models lacks the name."""

    endpoint: Endpoint
    context: int | None
    longest: int = 0
    note: str = ""


def look(name: str, options: ChatOptions, conversations: Sequence[Conversation] = ()) -> Look:
    """Return the facts about a server. EndpointDown if it does not answer; BadInput if the name names no model and the server has
    several."""
    endpoint = Endpoint.read(name)
    server = EndpointServer(endpoint, endpoint.key(options), replace(options, attempt_s=min(options.attempt_s, WAIT_S)))
    loop = EventLoop(f"look at {endpoint.host}")
    loop.at_end = server.close
    try:
        return loop.submit(_look(server, endpoint, conversations)).result(timeout=(TRIES + 1) * WAIT_S + 2 * SAMPLE_SIZE)
    finally:
        loop.close()


async def _look(server: EndpointServer, endpoint: Endpoint, conversations: Sequence[Conversation]) -> Look:
    models = await _models(server, endpoint)
    if not endpoint.model and len(models) != 1:
        has = (
            f"it has {len(models)} models ({', '.join(map(str, list(models)[:MOST_NAMES]))})"
            if models
            else "it does not say which models it has"
        )
        raise BadInput(f"{endpoint.url}: {has}; say which: {endpoint.url}#{next(iter(models), 'name')}")
    target = endpoint if endpoint.model else Endpoint(endpoint.url, next(iter(models)))
    context = next((value for key in CONTEXT if type(value := models.get(target.model, {}).get(key)) is int and value > 0), None)
    return Look(target, context, await _longest(server, target.model, conversations) if context else 0, _unlisted(target, list(models)))


def _unlisted(target: Endpoint, names: Sequence[str]) -> str:
    """Return a line for a name that a server's list of models lacks; it may be an alias, which some servers do not list."""
    if not names or target.model in names:
        return ""
    others = f"{', '.join(names[:MOST_NAMES])}{' and more' if len(names) > MOST_NAMES else ''}"
    return f"{target.url}: its list of models has no {target.model!r} (it has {others}); it is asked all the same, as an alias"


def name_notes(names: Sequence[str]) -> list[str]:
    """Return a line for each server whose list of models lacks the name; none for one that does not answer now."""
    lines = []
    for name in names:
        with suppress(AhaError):
            lines.append(look(name, ASK_ONCE).note)
    return [line for line in lines if line]


async def _models(server: EndpointServer, endpoint: Endpoint) -> dict[str, dict[str, Any]]:
    """Return the models by name; empty for an unreadable list. A bad key is reported by the first real request."""
    for turn in range(TRIES):
        try:
            async with asyncio.timeout(WAIT_S):
                return _model_list(await server.models())
        except TimeoutError:
            raise _mute(endpoint) from None
        except EndpointFailure as failure:
            if failure.reason == LATE:
                raise _mute(endpoint) from None
            if not failure.reason.startswith("no connection"):
                return {}
            if turn == TRIES - 1:
                raise EndpointDown(f"{endpoint.url}: {failure.reason}: nothing answers there; {FORM}") from None
        await asyncio.sleep(PAUSE_S)
    return {}


def _mute(endpoint: Endpoint) -> EndpointDown:
    return EndpointDown(f"{endpoint.url}: it does not say which models it has, nor anything else; is it a server's address? {FORM}")


def _model_list(data: bytes) -> dict[str, dict[str, Any]]:
    try:
        body = parse_json(data)
    except NotJson:
        return {}
    rows = body.get("data") if isinstance(body, dict) else None
    return {str(row.get("id")): row for row in rows if isinstance(row, dict)} if isinstance(rows, list) else {}


async def _longest(server: EndpointServer, model: str, conversations: Sequence[Conversation]) -> int:
    """Return the most tokens among the conversations with the most bytes; an estimate if the server does not count."""
    sizes = [sum(len(message.content.encode()) + OVERHEAD for message in conversation.messages) for conversation in conversations]
    largest = sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True)[:SAMPLE_SIZE]
    if not largest:
        return 0
    try:
        counts = await asyncio.gather(*(_count(server, model, conversations[place]) for place in largest))
    except EndpointFailure:
        return sizes[largest[0]] // BYTES_A_TOKEN
    return max(counts)


async def _count(server: EndpointServer, model: str, conversation: Conversation) -> int:
    messages = [{"role": message.role, "content": message.content} for message in conversation.messages]
    try:
        async with asyncio.timeout(WAIT_S):
            match parse_json(await server.tokens(messages, model)):
                case {"count": int(count)} if count >= 0:
                    return count
    except (TimeoutError, ValueError):
        pass
    raise EndpointFailure("no count of tokens")
