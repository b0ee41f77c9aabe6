"""A Hugging Face tokenizer behind the seam: its files looked at before it is made, and its ids compared with the model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from types import MappingProxyType
from typing import Any

from transformers import AutoTokenizer, PretrainedConfig

from aha.backends.checkpoint.config import context_of, longrope_switch
from aha.backends.checkpoint.folder import GENERATION, LARGEST_JSON, LARGEST_TOKENIZER, ModelFolder
from aha.backends.checkpoint.gguf import gguf_tokenizer
from aha.backends.checkpoint.made import quietly
from aha.backends.checkpoint.reading import errors_at
from aha.backends.rendering import render_template, variables
from aha.errors import BadInput
from aha.types import Conversation, Message

REPLY = Message("assistant", "ok")
NO_OPTIONS: Mapping[str, object] = MappingProxyType({})
TEMPLATE_INPUTS = frozenset(
    {"messages", "tools", "documents", "add_generation_prompt"}
)  # what a chat template reads that is no option of it
VOCABULARIES = ("tokenizer.json", "*.model", "vocab.*", "*.tiktoken", "tekken.json")
OBJECTS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
ANY_TEXT = "a"


@dataclass(frozen=True)
class HFTokenizer:
    """`size`: how many tokens the model has an embedding for, where that is known; `why`: what limits `context` beyond the positions."""

    inner: Any
    stop: tuple[int, ...]
    context: int | None = None
    size: int | None = None
    why: str = ""

    @cached_property
    def end(self) -> int:
        """What closes the assistant's turn in the chat template, where that stops; else the tokenizer's own end token."""
        question = (Message("user", "?"),)
        before, after = (self.chat(Conversation(turns)) if self.template else [] for turns in (question, (*question, REPLY)))
        prefix = takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
        suffix = after[sum(1 for _ in prefix) :]
        end = self.inner.eos_token_id
        return next((token for token in suffix if token in self.stop), self.stop[0] if end is None else end)

    @cached_property
    def template(self) -> str | None:
        """The chat template; of several, the one for plain conversations."""
        with errors_at("the chat template cannot be read"):
            return str(self.inner.get_chat_template()) if self.inner.chat_template else None

    @cached_property
    def options(self) -> frozenset[str]:
        """What the chat template can be told beyond the conversation."""
        return variables(self.template) - TEMPLATE_INPUTS - self._special.keys() if self.template else frozenset()

    @cached_property
    def begin(self) -> tuple[int, ...]:
        """What the tokenizer puts before plain text, as its model was trained: mostly one token or none."""
        bare, whole = self._tokens(ANY_TEXT), self._tokens(ANY_TEXT, add_special_tokens=True)
        starts = (place for place in range(len(whole)) if whole[place : place + len(bare)] == bare)
        return tuple(whole[: next(starts, 0)])

    @cached_property
    def _special(self) -> dict[str, str]:
        return {name: str(token) for name, token in self.inner.special_tokens_map.items()}

    def encode(self, text: str) -> list[int]:
        """BadInput for a token that the model does not have."""
        tokens = self._tokens(text)
        if self.size is not None and tokens and max(tokens) >= self.size:
            seen = f"{self.decode([max(tokens)])!r} is token {max(tokens)} of the tokenizer"
            raise BadInput(f"{seen}, and the model has {self.size}: they do not belong together; give the model its own tokenizer")
        return tokens

    def prompt(self, text: str) -> list[int]:
        """A text that has those tokens before it already is given them no second time."""
        tokens, begin = self.encode(text), list(self.begin)
        return tokens if tokens[: len(begin)] == begin else begin + tokens

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self.inner.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def chat(self, conversation: Conversation, options: Mapping[str, object] = NO_OPTIONS) -> list[int]:
        return self.encode(self.chat_text(conversation, options))

    def chat_text(self, conversation: Conversation, options: Mapping[str, object] = NO_OPTIONS) -> str:
        """The conversation as the chat template writes it, with the header of the assistant's next turn."""
        if not self.template:
            raise BadInput("the tokenizer has no chat template: it belongs to a base model; use the r1-zero template, or an instruct model")
        options = {**dict(conversation.options), **options}
        if unknown := sorted(options.keys() - self.options):
            choices = f"it knows {', '.join(sorted(self.options))}" if self.options else "it knows none"
            raise BadInput(f"the model's chat template knows no option {unknown[0]!r}; {choices}")
        messages = [{"role": message.role, "content": message.content} for message in conversation.messages]
        reserved_values = {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": True}
        return render_template(self.template, {**self._special, **options, **reserved_values})

    def _tokens(self, text: str, add_special_tokens: bool = False) -> list[int]:
        with errors_at("the tokenizer cannot read a text"):
            return list(self.inner.encode(text, add_special_tokens=add_special_tokens, verbose=False))


def read_tokenizer(folder: ModelFolder, config: PretrainedConfig) -> HFTokenizer:
    """Return the tokenizer of a folder; it stops at its end token and at every end token that the generation settings name. BadInput where
    it is missing, damaged, or of another model."""
    inner = _auto_tokenizer(folder, config)
    text = config.get_text_config()
    size = getattr(text, "vocab_size", None)
    stop = sorted({token for token in (inner.eos_token_id, *generation_stops(folder)) if token is not None})
    if not stop:
        raise BadInput(
            f"the tokenizer of {folder.name!r} names no end token: a reply could never stop; set eos_token in tokenizer_config.json"
        )
    if size is not None and not 0 <= stop[0] <= stop[-1] < size:
        raise BadInput(f"{folder.path}: a reply ends with token {stop[-1] if stop[0] >= 0 else stop[0]}, and the model has {size}")
    switch, context = longrope_switch(config), context_of(config)
    why = f" (LongRoPE changes its factors past {switch:,} tokens, for a whole batch at once: longer rows would be wrong)" if switch else ""
    tokenizer = HFTokenizer(inner, tuple(stop), context, size, why if context == switch else "")
    _try(folder, tokenizer)
    return tokenizer


def _auto_tokenizer(folder: ModelFolder, config: PretrainedConfig) -> Any:
    if folder.gguf is not None:
        return gguf_tokenizer(folder)
    files = sorted({path.name for pattern in VOCABULARIES for path in folder.path.glob(pattern)})
    if not files:
        raise BadInput(f"{folder.path} has no tokenizer: none of {', '.join(VOCABULARIES)} is there")
    for name in files:
        folder.file(name, LARGEST_TOKENIZER)
    for name in OBJECTS:
        if folder.has(name) and not _templates(folder.document(name).get("chat_template")):
            raise BadInput(f"{folder.path / name}: chat_template is neither a template nor a list of named ones")
    for path in folder.path.glob("*.jinja"):
        folder.file(path.name, LARGEST_JSON)
    with quietly(), errors_at(f"{folder.path}: the tokenizer cannot be loaded"):
        return AutoTokenizer.from_pretrained(folder.path, config=config, trust_remote_code=False, local_files_only=True)


def _templates(value: object) -> bool:
    """Whether this is a chat template in one of its three forms, or none."""
    match value:
        case dict():
            return all(isinstance(template, str) for template in value.values())
        case list():
            return all(isinstance(entry, dict) and isinstance(entry.get("template"), str) for entry in value)
    return value is None or isinstance(value, str)


def _try(folder: ModelFolder, tokenizer: HFTokenizer) -> None:
    """One text there and back: a vocabulary that is damaged, or another model's, shows before there is anything to lose."""
    inner, size = tokenizer.inner, tokenizer.size
    with errors_at(f"{folder.path}: the tokenizer cannot be used"):
        vocabulary = set(inner.get_vocab().values()) - set(inner.added_tokens_decoder)
        back = tokenizer.decode(tokenizer.prompt(ANY_TEXT))
    if ANY_TEXT not in back:
        raise BadInput(f"{folder.path}: the tokenizer is damaged: {ANY_TEXT!r} comes back as {back!r}")
    if size is not None and vocabulary and max(vocabulary) >= size:
        raise BadInput(
            f"{folder.path}: the tokenizer has token {max(vocabulary):,}, and the model has {size:,}: they do not belong together"
        )


def generation_stops(folder: ModelFolder) -> list[int]:
    """Return the end tokens that generation_config.json names. BadInput where it is damaged."""
    if not folder.has(GENERATION):
        return []
    end_ids = folder.document(GENERATION).get("eos_token_id")
    stops = end_ids if isinstance(end_ids, list) else [] if end_ids is None else [end_ids]
    if any(not isinstance(token, int) or isinstance(token, bool) for token in stops):
        raise BadInput(f"{folder.path / GENERATION}: eos_token_id is {end_ids!r}: it takes a token's number, or several")
    return stops
