"""The model behind the server: its name, its prompts, and the length of reply it has room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from aha.errors import BadInput
from aha.protocols import Compute, Sampling, Tokenizer
from aha.sampling.scheduler import RowSettings, Tokens
from aha.serving import Refusal
from aha.serving.chat.jobs import Batches
from aha.serving.chat.request import ChatRequest, CompletionRequest, ReplyOptions
from aha.tasks.vocabulary import CHAT_TEMPLATE
from aha.template import END_THINK, THINK, R1Zero, Short
from aha.types import Conversation

Form = Literal["auto", "chat", "short", "r1-zero"]
LONGEST = 32_768  # tokens of a reply, as the paper asks for
USUAL = Sampling(temperature=0.6, top_p=0.95, max_tokens=LONGEST)
TAIL = 16  # tokens at the end of a prompt that may open a thought
PIECE = 16_384  # characters of a long prompt that are counted at a time


class ChatTokenizer(Tokenizer, Protocol):
    """A tokenizer whose chat template takes options. `begin`: the tokens before a plain text."""

    @property
    def options(self) -> frozenset[str]: ...

    @property
    def begin(self) -> tuple[int, ...]: ...

    def prompt(self, text: str) -> list[int]: ...

    def chat(self, conversation: Conversation, options: Mapping[str, Any] = ...) -> list[int]: ...


@dataclass(frozen=True)
class ServedPrompt:
    """A prompt's token ids, and True in `opened` if they open the thought."""

    tokens: Tokens
    opened: bool = False


@dataclass(frozen=True)
class ServedModel:
    """A model that is served. `vocabulary`: the number of tokens it knows. `usual`: the sampling settings used if the client gives none, as
    far as there is room."""

    name: str
    engine: Batches
    tokenizer: ChatTokenizer
    vocabulary: int
    form: Literal["chat", "short", "r1-zero"]
    usual: Sampling = USUAL

    def chat_prompt(self, request: ChatRequest) -> ServedPrompt:
        """Return the prompt of a chat request. Refusal for another model, for an option that the template does not know, and if the
        template refuses the conversation."""
        self._check_name(request.options)
        messages = request.conversation.messages
        if not request.begun:
            return self.prompt(request.conversation, request.template)
        return self.prompt(Conversation(messages[:-1]), request.template, messages[-1].content)

    def prompt(self, conversation: Conversation, template: Mapping[str, Any] | None = None, prefix: str = "") -> ServedPrompt:
        """Return a conversation as the model reads it; `prefix` is the beginning of the reply, to be continued."""
        self._check_length(message.content for message in conversation.messages)
        try:
            tokens = self._prompt_tokens(conversation, template or {})
            in_thought = self.tokenizer.decode(tokens[-TAIL:]).rstrip().endswith(THINK)
            if in_thought and prefix.lstrip().startswith(THINK):  # the template has written it already
                prefix = prefix.lstrip().removeprefix(THINK).lstrip("\n")
            tokens += self.tokenizer.encode(prefix)
        except BadInput as error:
            raise Refusal(400, f"the model's chat template refuses this: {error}", "messages", "invalid_value") from None
        thought = THINK * in_thought + prefix
        return ServedPrompt(tuple(tokens), thought.lstrip().startswith(THINK) and END_THINK not in thought)

    def text_prompts(self, request: CompletionRequest) -> list[ServedPrompt]:
        """Return the prompts of a completion request, plain texts or tokens. Refusal for another model."""
        self._check_name(request.options)
        for prompt in request.prompts:
            self._check_length([prompt] if isinstance(prompt, str) else [])
        texts = [self.tokenizer.prompt(prompt) if isinstance(prompt, str) else prompt for prompt in request.prompts]
        return [ServedPrompt(tuple(tokens)) for tokens in texts]

    def settings(self, options: ReplyOptions, prompt: Tokens, usual_tokens: int | None = None) -> RowSettings:
        """Return the sampling settings of a reply to a prompt. Refusal if the model has no room for it."""
        stop = options.stop_tokens if options.ignore_end else (*self.tokenizer.stop, *options.stop_tokens)
        most = self.room(len(prompt), options.max_tokens or usual_tokens, options.min_tokens)
        return RowSettings(options.temperature, options.top_p, most, options.min_tokens, tuple(dict.fromkeys(stop)), options.top)

    def room(self, prompt: int, limit: int | None, least: int = 0) -> int:
        """Return the most tokens for the reply to a prompt of this length; Refusal if the model has no room for it."""
        context = self.engine.context
        room = None if context is None else context - prompt
        least_room = max(limit or 1, least, 1)
        if room is not None and room < least_room:
            words = f"the model has {context} tokens of context; the prompt takes {prompt} and the reply {least_room} or more"
            raise Refusal(400, words, "messages" if room < 1 else "max_tokens", "context_length_exceeded")
        usual = self.usual.max_tokens if context is None else min(self.usual.max_tokens, max(1, context // 2))
        return limit or max(least, usual if room is None else min(usual, room))

    def _check_length(self, texts: Iterable[str]) -> None:
        """Refuse a long prompt by tokenizing pieces of it; four megabytes at once would block every other client for half a minute and take
        a gigabyte. Pieces give slightly more tokens than the whole, so only prompts of more than twice the context are refused here."""
        context = self.engine.context
        most = None if context is None else 2 * context
        count = 0
        for text in texts if most is not None else ():
            count += 1
            for start in range(0, len(text), PIECE):
                count += len(self.tokenizer.encode(text[start : start + PIECE])) if len(text) > PIECE else 0
                if most is not None and count > most:
                    words = f"the model has {context} tokens of context, and the prompt takes more than twice as many"
                    raise Refusal(400, words, "messages", "context_length_exceeded")

    def _check_name(self, options: ReplyOptions) -> None:
        if options.model != self.name:
            message = f"there is no model {options.model[:80]!r} here; there is {self.name!r}"
            raise Refusal(404, message, "model", "model_not_found")

    def _prompt_tokens(self, conversation: Conversation, template: Mapping[str, Any]) -> list[int]:
        options = self.tokenizer.options if self.form == "chat" else frozenset()
        if unknown := sorted(template.keys() - options):
            name = "reasoning_effort" if unknown[0] == "reasoning_effort" else "chat_template_kwargs"
            words = f"the model's chat template knows no {unknown[0][:40]}; it knows {', '.join(sorted(options)) or 'no options'}"
            raise Refusal(400, words, name, "unsupported_parameter")
        if self.form == "chat":
            return list(self.tokenizer.chat(conversation, template))
        return list(self.tokenizer.prompt(_base(conversation, self.form)))


def _base(conversation: Conversation, form: Literal["short", "r1-zero"]) -> str:
    """Return a conversation as text for a model that knows no roles: its first question in the template, each later turn after the same
    words."""
    system = "\n\n".join(message.content for message in conversation.messages if message.role == "system")
    rest = ""
    for message in conversation.messages:
        match message.role, bool(rest):
            case "user", False:
                question = f"{system}\n\n{message.content}" if system else message.content
                rest = (Short() if form == "short" else R1Zero()).prompt(question)
            case "user", True:
                rest += f"\n{Short().prompt(message.content)}" if form == "short" else f" User: {message.content}. Assistant:"
            case "assistant", _:
                rest += f" {message.content}"
    return rest


def open_model(model: str, compute: Compute, form: Form = "auto", usual: Sampling = USUAL) -> ServedModel:
    """Open a folder, a hub name or "tiny". `form` "auto": the model's own chat template; the tiny world's prompt for a model with its
    tokenizer; the paper's Table 1 if there is no chat template."""
    from aha.backends.hf import load_tokenizer
    from aha.backends.torch_engine import open_engine

    engine, tokenizer = open_engine(model, compute), load_tokenizer(model)
    template = tokenizer.template
    if form == "chat" and not template:
        raise BadInput(f"--template chat: the tokenizer of {model} has no chat template; use short or r1-zero")
    style: Literal["chat", "short", "r1-zero"] = "r1-zero" if not template else "short" if template == CHAT_TEMPLATE else "chat"
    folder = Path(model).expanduser()
    name = folder.resolve().name if folder.is_dir() else model
    return ServedModel(name, engine, tokenizer, engine.vocabulary, style if form == "auto" else form, usual)
