"""A model looked at before a benchmark is put to it: whether it answers, how many new tokens it has room for, who begins the thought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from aha.backends.hf import context_of, load_config, load_tokenizer
from aha.backends.laptop import Laptop
from aha.commands.terminal import Terminal
from aha.errors import BadInput
from aha.evals.exams import Exam, Item
from aha.protocols import Asking, Chat, is_endpoint
from aha.stages.examine import Protocolled, capped, prompts, turn
from aha.template import END_THINK

Think = Literal["auto", "always", "never"]


def fitted(
    exam: Exam,
    items: Sequence[Item],
    asked: Protocolled,
    model: str,
    machine: Laptop,
    asking: Asking,
    think: Think,
    terminal: Terminal,
    most: int | None = None,
) -> Protocolled:
    """With `max_tokens` cut to what the model has room for, which is said, and `think` decided. EndpointDown where no server answers;
    none is looked at where `most` is known."""
    asked = replace(asked, think=asked.form == "chat" and (think == "always" or (think == "auto" and begun_here(model))))
    if most is not None:
        return replace(asked, sampling=replace(asked.sampling, max_tokens=min(most, asked.sampling.max_tokens)))
    longest, context = _served(items, asked, model, asking) if is_endpoint(model) else _here(items, asked, model, machine)
    room = capped(asked.sampling, longest, context)
    if room < asked.sampling.max_tokens:
        terminal.note(f"{exam.name}: max_tokens {asked.sampling.max_tokens:,} is more than the model's context leaves: {room:,}")
    return replace(asked, sampling=replace(asked.sampling, max_tokens=room))


def begun_here(model: str) -> bool:
    """Whether the model thinks in `<think>` by its own chat template: then its replies are made to begin so, as R1's notes advise. What a
    server's template does is the server's."""
    return not is_endpoint(model) and END_THINK in str(load_tokenizer(model).inner.chat_template)


def _here(items: Sequence[Item], asked: Protocolled, model: str, machine: Laptop) -> tuple[int, int | None]:
    return max(map(len, prompts(asked, items, machine.tokenizer(model)).values())), context_of(load_config(model))


def _served(items: Sequence[Item], asked: Protocolled, model: str, asking: Asking) -> tuple[int, int | None]:
    try:
        from aha.backends.openai_look import look
    except ModuleNotFoundError as error:
        raise BadInput(f"{model}: to ask a server needs the package {error.name}: pip install 'aha[api]'") from None
    found = look(model, asking, [turn(asked, item, 0) for item in items])
    return found.longest, found.context


def say_lowered(exam: Exam, chat: Chat, terminal: Terminal) -> None:
    """What a server that names no context allowed in the end."""
    from aha.backends.openai_chat import OpenAiChat

    if isinstance(chat, OpenAiChat) and chat.lowered is not None:
        terminal.note(f"{exam.name}: the server refused so many new tokens: some replies had at most {chat.lowered:,}")
