"""The model behind the server: its name, how it is asked, and how long a reply it has room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from aha.errors import BadInput
from aha.protocols import Ask, Compute, Sampling, Tokenizer
from aha.serving.refusal import Refusal
from aha.template import THINK, R1Zero, Short
from aha.types import Completion, Conversation

Form = Literal["auto", "chat", "short", "r1-zero"]
LONGEST = 32_768  # tokens of a reply, as the paper asks for
USUAL = Sampling(temperature=0.6, top_p=0.95, max_tokens=LONGEST)


class Hear(Protocol):
    """Is told (number of the sample, token) as tokens are drawn."""

    def __call__(self, number: int, token: int, /) -> None: ...


class Heard(Protocol):
    """An engine that tells tokens as they are drawn."""

    @property
    def context(self) -> int | None: ...

    def heard(self, asks: Sequence[Ask], sampling: Sampling, hear: Hear | None) -> Iterator[tuple[int, list[Completion]]]: ...


@dataclass(frozen=True)
class Prompt:
    """Token ids, and whether they open the thought."""

    tokens: tuple[int, ...]
    opened: bool


@dataclass(frozen=True)
class Model:
    """`usual.max_tokens`: of a reply whose client names no limit, as far as there is room."""

    name: str
    engine: Heard
    tokenizer: Tokenizer
    form: Literal["chat", "short", "r1-zero"]
    usual: Sampling = USUAL

    def prompt(self, conversation: Conversation) -> Prompt:
        """Refused where the model's own template refuses."""
        from jinja2 import TemplateError

        try:
            tokens = self.tokenizer.chat(conversation) if self.form == "chat" else self.tokenizer.prompt(_base(conversation, self.form))
        except (TemplateError, BadInput) as error:
            raise Refusal(400, f"the model's chat template refuses this: {error}", "messages", "invalid_value") from error
        return Prompt(tuple(tokens), self.tokenizer.decode(tokens[-16:]).rstrip().endswith(THINK))

    def room(self, prompt: Prompt, wanted: int | None) -> int:
        """The most tokens of the reply; Refused where the model has no room for it."""
        context = self.engine.context
        left = None if context is None else context - len(prompt.tokens)
        if left is not None and left < (wanted or 1):
            words = f"the model has {context} tokens of context; the prompt takes {len(prompt.tokens)} and the reply {wanted or 1} or more"
            raise Refusal(400, words, "messages" if left < 1 else "max_tokens", "context_length_exceeded")
        usual = self.usual.max_tokens if context is None else min(self.usual.max_tokens, max(1, context // 2))
        return wanted or (usual if left is None else min(usual, left))


def _base(conversation: Conversation, form: Literal["short", "r1-zero"]) -> str:
    """A conversation as text for a model that knows no roles: its first question in the template, each later turn after the same words."""
    system = "\n\n".join(message.content for message in conversation.messages if message.role == "system")
    said = ""
    for message in conversation.messages:
        match message.role, bool(said):
            case "user", False:
                question = f"{system}\n\n{message.content}" if system else message.content
                said = (Short() if form == "short" else R1Zero()).prompt(question)
            case "user", True:
                said += f"\n{Short().prompt(message.content)}" if form == "short" else f" User: {message.content}. Assistant:"
            case "assistant", _:
                said += f" {message.content}"
    return said


def open_model(model: str, compute: Compute, form: Form = "auto", usual: Sampling = USUAL) -> Model:
    """A folder, a hub's name or "tiny". `form` "auto": the model's own chat template; the tiny world's prompt for what has its tokenizer;
    the paper's Table 1 where there is no chat template."""
    from aha.backends.hf import load_tokenizer
    from aha.backends.live_engine import live_engine
    from aha.tasks.vocabulary import CHAT_TEMPLATE

    tokenizer = load_tokenizer(model)
    template = tokenizer.inner.chat_template
    if form == "chat" and not template:
        raise BadInput(f"--template chat: the tokenizer of {model} has no chat template; use short or r1-zero")
    own: Literal["chat", "short", "r1-zero"] = "r1-zero" if not template else "short" if template == CHAT_TEMPLATE else "chat"
    folder = Path(model).expanduser()
    name = folder.resolve().name if folder.is_dir() else model
    return Model(name, live_engine(model, compute), tokenizer, own if form == "auto" else form, usual)
