"""What a server sent, read strictly: a reply is whole and well formed, or it is none."""

from __future__ import annotations

import re
from typing import Any

from aha.backends.openai_budget import TokenUsage
from aha.json_text import NotJson, parse_json
from aha.redact import clip, hide
from aha.template import apart
from aha.types import ChatReply, FinishReason

FINISH_REASONS: dict[str, FinishReason] = {  # as servers say it
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "content_filter": "stop",
    "length": "length",
    "max_tokens": "length",
}
LATE = "no whole reply in time"
MOST_TOKENS = 1 << 40  # that any reply can have cost
BYTES_A_TOKEN = 4  # where a server counts no tokens
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?![\w.]*\w)")
_ABOUT_TOKENS = re.compile(
    r"(?i)max_(?:completion_|new_|output_)?tokens|context (?:length|window|size)|tokens of context|maximum \w+ tokens"
)
_CONTEXT = re.compile(
    r"(?i)(?:context (?:length|window|size)|max_model_len)(?:\s+(?:is|of|=|limit)|\s*[=:(])*\s*(\d[\d,]*)|(\d[\d,]*) tokens of context"
)
_PROMPT = re.compile(
    r"(?i)(?:prompt (?:contains|has|takes)(?: at least)?|messages take) (\d[\d,]*)|(\d[\d,]*) (?:input|prompt) tokens"
    r"|(\d[\d,]*) (?:tokens )?(?:in|from) the (?:messages|prompt)"
)


class EndpointFailure(Exception):
    """A call without an answer. `again`: whether another try may help, after `after_s` where the server says so. `billed`: whether it may
    have cost something. `hopeless`: no call to this server can succeed. `most`: so many new tokens it would have allowed."""

    def __init__(
        self,
        reason: str,
        *,
        again: bool = True,
        after_s: float | None = None,
        billed: bool = False,
        hopeless: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason, self.again, self.after_s, self.costs, self.hopeless = reason, again, after_s, billed, hopeless
        self.most: int | None = None


def read(data: bytes) -> tuple[ChatReply, TokenUsage]:
    """The one reply in a response's body, and its cost; EndpointFailure where it is anything else. A key that a server echoes is hidden."""
    body = _json(data)
    match body:
        case {"choices": [{"message": dict() as message, "finish_reason": str(reason)}]} if reason in FINISH_REASONS:
            text, thought = _text(message, "content"), _text(message, "reasoning_content") or _text(message, "reasoning")
        case {"choices": [{"finish_reason": str(reason)}]}:
            raise EndpointFailure(f"a reply that ended with '{clip(reason, 40)}'", billed=True)
        case {"error": error}:
            raise EndpointFailure(f"an error in place of a reply: {clip(str(error))}", billed=True)
        case _:
            raise EndpointFailure("a body that is no reply of a chat", billed=True)
    if text is None and thought is None:
        raise EndpointFailure("a reply without content", billed=True)
    if thought is None:
        text, thought = apart(text or "")
    prompt, completion = _usage(body, "prompt_tokens"), _usage(body, "completion_tokens")
    if completion is None:
        completion = -(-len(((thought or "") + (text or "")).encode()) // BYTES_A_TOKEN)
    reply = ChatReply(hide(text or ""), thought and hide(thought), completion, FINISH_REASONS[reason], _top(body["choices"][0]))
    return reply, TokenUsage(1, prompt or 0, completion)


def token_allowance(refusal: str, tokens: int) -> int | None:
    """How many new tokens a server that refuses `asked` of them says it would allow; None where its words are about something else."""
    if not _ABOUT_TOKENS.search(refusal):
        return None
    context, prompt = _CONTEXT.search(refusal), _PROMPT.search(refusal)
    if context is not None:
        limits = [_count(context) - (_count(prompt) if prompt is not None else 0)]
    else:
        limits = [int(digits.replace(",", "")) for digits in _NUMBER.findall(refusal)]
    return max((limit for limit in limits if 0 < limit < tokens), default=None)


def _count(match: re.Match[str]) -> int:
    return int(next(group for group in match.groups() if group).replace(",", ""))


def _json(data: bytes) -> Any:
    try:
        return parse_json(data)
    except NotJson as error:
        raise EndpointFailure(f"a body that is no JSON ({clip(str(error), 100)})", billed=True) from None


def _text(message: dict[str, Any], name: str) -> str | None:
    """Letters only: half a surrogate pair, which JSON can carry, becomes a question mark."""
    value = message.get(name)
    if value is not None and not isinstance(value, str):
        raise EndpointFailure(f"a message whose {name} is no text", billed=True)
    return None if value is None else value.encode("utf-8", "replace").decode()


def _top(choice: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    """Nothing where the server gave none, or no numbers."""
    match choice:
        case {"logprobs": {"content": [{"top_logprobs": [*top]}, *_]}}:
            return tuple(_likely(place) for place in top)
    return ()


def _likely(alternative: Any) -> tuple[str, float]:
    match alternative:
        case {"token": str(token), "logprob": float() | int() as logprob}:
            return hide(token), float(logprob)
    raise EndpointFailure("log-probabilities that are none", billed=True)


def _usage(body: dict[str, Any], name: str) -> int | None:
    """None where the server counted nothing."""
    match body.get("usage"):
        case {**usage} if type(count := usage.get(name)) is int:
            if 0 <= count <= MOST_TOKENS:
                return count
            raise EndpointFailure(f"a usage of {clip(str(count), 40)} {name}", billed=True)
    return None
