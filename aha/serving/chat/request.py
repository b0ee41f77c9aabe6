"""The requests of clients, from a body that was read as JSON.

Parameters are read strictly: each is used, or known to have no effect, or refused by its name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aha.protocols import Sampling
from aha.serving import Refusal
from aha.types import Conversation, Message

NO_EFFECT = (  # about the client's account, not about the reply; parallel_tool_calls has no effect without tools
    "user",
    "metadata",
    "store",
    "service_tier",
    "parallel_tool_calls",
    "safety_identifier",
    "prompt_cache_key",
)
NEUTRAL_VALUES: dict[str, tuple[Any, ...]] = {  # unsupported parameters, and the values with which they have no effect
    "add_special_tokens": (True, False),
    "best_of": (1,),
    "echo": (False,),
    "frequency_penalty": (0,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "include_stop_str_in_output": (False,),
    "length_penalty": (1,),
    "logit_bias": ({},),
    "min_p": (0,),
    "modalities": (["text"],),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "response_format": ({"type": "text"},),
    "skip_special_tokens": (True, False),
    "suffix": ("",),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_k": (0, -1),
    "use_beam_search": (False,),
}
LARGEST = (1 << 63) - 1


class Parameters:
    """The parameters of a client, by name; null counts as left out. Every getter refuses a value that it does not understand."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = {name: value for name, value in values.items() if value is not None}
        self._names: set[str] = set()

    def get(self, name: str) -> Any:
        """Return the value as it came, or None."""
        self._names.add(name)
        return self._values.get(name)

    def flag(self, name: str, usual: bool = False) -> bool:
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            raise wrong(name, value, "true or false")
        return usual if value is None else value

    def number(self, name: str, usual: float, low: float, high: float) -> float:
        value = self.get(name)
        if value is None:
            return usual
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise wrong(name, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def count(self, name: str, low: int, high: int = LARGEST) -> int | None:
        value = self.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
            return value
        raise wrong(name, value, f"a whole number from {low} to {high}")

    def text(self, name: str) -> str | None:
        value = self.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong(name, value, "a text")
        return value

    def texts(self, name: str, most: int, longest: int) -> tuple[str, ...]:
        """Return one text or a list of texts as a tuple; an empty text alone counts as none."""
        value = self.get(name)
        values = [] if value in (None, "") else value if isinstance(value, list) else [value]
        if len(values) > most or not all(isinstance(word, str) and 0 < len(word) <= longest for word in values):
            raise wrong(name, value, f"a text, or a list of at most {most}, each of 1 to {longest} letters")
        return tuple(values)

    def counts(self, name: str, most: int, high: int) -> tuple[int, ...]:
        """Return a list of integers from 0 to below `high` as a tuple."""
        value = self.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > most or not all(type(token) is int and 0 <= token < high for token in value):
            raise wrong(name, value, f"a list of at most {most} whole numbers from 0 to {high - 1}")
        return tuple(value)

    def record(self, name: str) -> dict[str, Any]:
        """Return an object, empty if there is none."""
        value = self.get(name)
        if value is not None and not isinstance(value, dict):
            raise wrong(name, value, "an object")
        return value or {}

    def refuse_rest(self, effectless: Sequence[str] = NO_EFFECT) -> None:
        """Refuse the first parameter that was not read and is not known to have no effect."""
        for name, value in self._values.items():
            if name in self._names or name in effectless:
                continue
            if name not in NEUTRAL_VALUES:
                raise Refusal(400, f"{name[:60]} is no parameter that is known here: leave it out", name[:60], "unsupported_parameter")
            if not any(_same(value, neutral) for neutral in NEUTRAL_VALUES[name]):
                raise Refusal(400, f"{name} is not supported here: leave it out", name, "unsupported_parameter")


def wrong(name: str, value: Any, right: str) -> Refusal:
    """Return the refusal of a value: what it is, and what it has to be."""
    value_text = json.dumps(value, ensure_ascii=True)
    return Refusal(
        400, f"{name} is {value_text if len(value_text) <= 60 else value_text[:60] + ' …'}: it has to be {right}", name, "invalid_value"
    )


def _same(value: Any, neutral: Any) -> bool:
    return isinstance(value, bool) == isinstance(neutral, bool) and value == neutral


ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
EMPTY_FIELDS = ("refusal", "tool_calls", "function_call", "audio", "annotations", "reasoning_content", "reasoning", "reasoning_details")
MOST_SAMPLES = 64
MOST_PROMPTS = 128
MOST_STOPS, LONGEST_STOP = 16, 500
MOST_TOP = 20
COMPLETION_TOKENS = 16  # the limit of /v1/completions if the client names none, as in OpenAI's


@dataclass(frozen=True)
class ReplyOptions:
    """The options that both kinds of request share. `max_tokens` and `seed` are None if the client leaves them to the server. `top`: the
    number of likeliest tokens with log-probabilities; None: no log-probabilities, not even of the sampled token."""

    model: str
    temperature: float
    top_p: float
    max_tokens: int | None
    min_tokens: int
    seed: int | None
    samples: int
    stop: tuple[str, ...]
    stop_tokens: tuple[int, ...]
    ignore_end: bool
    top: int | None
    stream: bool
    usage: bool

    @classmethod
    def read(cls, parameters: Parameters, usual: Sampling, vocabulary: int, top: int | None) -> ReplyOptions:
        """Read the options; `usual` gives the temperature and the top_p if the request has none. Refusal for a wrong value."""
        stream = parameters.flag("stream")
        max_tokens = _limit(parameters)
        min_tokens = parameters.count("min_tokens", 0) or 0
        if max_tokens is not None and min_tokens > max_tokens:
            raise Refusal(400, f"min_tokens is {min_tokens} and max_tokens {max_tokens}", "min_tokens", "invalid_value")
        return cls(
            model=_model(parameters),
            temperature=parameters.number("temperature", usual.temperature, 0.0, 2.0),
            top_p=parameters.number("top_p", usual.top_p, 1e-9, 1.0),
            max_tokens=max_tokens,
            min_tokens=min_tokens,
            seed=parameters.count("seed", -(1 << 63)),
            samples=parameters.count("n", 1, MOST_SAMPLES) or 1,
            stop=parameters.texts("stop", MOST_STOPS, LONGEST_STOP),
            stop_tokens=parameters.counts("stop_token_ids", 1_000, vocabulary),
            ignore_end=parameters.flag("ignore_eos"),
            top=top,
            stream=stream,
            usage=_usage(parameters, stream),
        )


@dataclass(frozen=True)
class ChatRequest:
    """A request for a chat reply. `begun`: the last message is a reply to continue. `template`: options of the model's own chat
    template."""

    options: ReplyOptions
    conversation: Conversation
    begun: bool
    template: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, body: dict[str, Any], usual: Sampling, vocabulary: int) -> ChatRequest:
        """Read a body; Refusal if a parameter is not understood."""
        parameters = Parameters(body)
        options = ReplyOptions.read(parameters, usual, vocabulary, _top_of_chat(parameters))
        continues = parameters.flag("continue_final_message")
        if parameters.flag("add_generation_prompt", usual=not continues) == continues:
            words = "add_generation_prompt is true where a reply begins, false where continue_final_message goes on with one"
            raise Refusal(400, words, "add_generation_prompt", "invalid_value")
        template = parameters.record("chat_template_kwargs")
        if (effort := parameters.text("reasoning_effort")) is not None:
            template = {**template, "reasoning_effort": effort}
        conversation = Conversation(_messages(parameters.get("messages"), continues))
        parameters.refuse_rest()
        return cls(options, conversation, continues, template)


@dataclass(frozen=True)
class CompletionRequest:
    """A request to continue texts or tokens."""

    options: ReplyOptions
    prompts: tuple[str | tuple[int, ...], ...]

    @classmethod
    def read(cls, body: dict[str, Any], usual: Sampling, vocabulary: int) -> CompletionRequest:
        """Read a body; Refusal if a parameter is not understood."""
        parameters = Parameters(body)
        options = ReplyOptions.read(parameters, usual, vocabulary, parameters.count("logprobs", 0, MOST_TOP))
        prompts = _prompts(parameters.get("prompt"), vocabulary)
        parameters.refuse_rest()
        if len(prompts) * options.samples > MOST_PROMPTS:
            raise Refusal(
                400, f"{len(prompts)} prompts, {options.samples} samples each: at most {MOST_PROMPTS} replies", "prompt", "invalid_value"
            )
        return cls(options, prompts)


def _model(parameters: Parameters) -> str:
    if not (model := parameters.text("model")):
        raise Refusal(400, "model is missing: /v1/models lists what there is", "model", "missing_required_parameter")
    return model


def _limit(parameters: Parameters) -> int | None:
    limits = [parameters.count(name, 1) for name in ("max_completion_tokens", "max_tokens")]
    if None not in limits and limits[0] != limits[1]:
        raise Refusal(400, f"max_completion_tokens is {limits[0]} and max_tokens {limits[1]}", "max_tokens", "invalid_value")
    return limits[0] or limits[1]


def _usage(parameters: Parameters, stream: bool) -> bool:
    options = Parameters(record := parameters.record("stream_options"))
    if record and not stream:
        raise Refusal(400, "stream_options is for streams: it needs stream true", "stream_options", "invalid_value")
    usage = options.flag("include_usage")
    options.flag("include_obfuscation")  # against eavesdroppers on the network; it has no effect here
    if options.flag("continuous_usage_stats"):
        raise Refusal(400, "continuous_usage_stats is not supported here: leave it out", "stream_options", "unsupported_parameter")
    options.refuse_rest(())
    return usage


def _top_of_chat(parameters: Parameters) -> int | None:
    with_logprobs, top = parameters.flag("logprobs"), parameters.count("top_logprobs", 0, MOST_TOP)
    if top and not with_logprobs:
        raise Refusal(400, f"top_logprobs is {top}: it needs logprobs true", "top_logprobs", "invalid_value")
    return (top or 0) if with_logprobs else None


def _messages(value: Any, begun: bool) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise Refusal(400, "messages has to be a list of one message or more", "messages", "invalid_value")
    messages = tuple(_message(message, f"messages[{place}]") for place, message in enumerate(value))
    if begun and messages[-1].role != "assistant":
        raise Refusal(400, "continue_final_message: the last message has to be the assistant's", "messages", "invalid_value")
    if not begun and messages[-1].role != "user":
        words = "the last message has to be the user's; continue_final_message goes on with one of the assistant's"
        raise Refusal(400, words, "messages", "invalid_value")
    return messages


def _message(value: Any, where: str) -> Message:
    """Return one message; the `reasoning_content` of an earlier reply is left out, as in the model's training."""
    if not isinstance(value, dict) or not isinstance(value.get("role"), str) or "content" not in value:
        raise Refusal(400, f"{where}: a message has a role and a content", where, "invalid_value")
    if (role := value["role"]) not in ROLES:
        raise Refusal(400, f"{where}: its role is {role[:40]!r}; there are {', '.join(ROLES)}", where, "invalid_value")
    for name, field_value in value.items():
        is_usual = name in ("role", "content") or (name in EMPTY_FIELDS and (not field_value or name.startswith("reasoning")))
        if not is_usual and field_value is not None:
            raise Refusal(400, f"{where}: {name[:40]} is not supported in a message", f"{where}.{name[:40]}", "unsupported_parameter")
    return Message(ROLES[role], _content(value["content"], where))  # type: ignore[arg-type]  # ROLES has no others


def _content(value: Any, where: str) -> str:
    parts = value if isinstance(value, list) else [{"type": "text", "text": value}]
    texts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise Refusal(400, f"{where}: its content has to be text", f"{where}.content", "invalid_value")
    return _letters("".join(map(str, texts)))


def _prompts(value: Any, vocabulary: int) -> tuple[str | tuple[int, ...], ...]:
    """Return the prompts: one text or list of tokens, or a list of several."""
    is_single = isinstance(value, str) or (isinstance(value, list) and value and all(type(token) is int for token in value))
    prompts = [value] if is_single else value
    if not isinstance(prompts, list) or not 0 < len(prompts) <= MOST_PROMPTS:
        raise Refusal(
            400, f"prompt has to be a text, a list of tokens, or a list of up to {MOST_PROMPTS} of either", "prompt", "invalid_value"
        )
    return tuple(_prompt(prompt, f"prompt[{place}]", vocabulary) for place, prompt in enumerate(prompts))


def _prompt(value: Any, where: str, vocabulary: int) -> str | tuple[int, ...]:
    if isinstance(value, str) and value:
        return _letters(value)
    if isinstance(value, list) and value and all(type(token) is int and 0 <= token < vocabulary for token in value):
        return tuple(value)
    raise Refusal(400, f"{where} has to be a text, or tokens from 0 to {vocabulary - 1}, and not empty", "prompt", "invalid_value")


def _letters(text: str) -> str:
    """Return the text with half a surrogate pair, which JSON can carry, replaced by a question mark."""
    return text.encode("utf-8", "replace").decode()
