"""Loading Hugging Face models and tokenizers: safetensors only, no remote code, an error a person can act on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

import torch
from jinja2 import TemplateError
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedModel

from aha.errors import BadInput
from aha.protocols import DType
from aha.types import Conversation, Message

SAID = Message("assistant", "ok")
TINY = Path(__file__).parent.parent / "assets" / "tiny"


def located(model: str) -> str:
    """The folder or hub name to load: "tiny" is the base model that ships with the package."""
    return str(TINY) if model == "tiny" else model


def load_config(model: str) -> Any:
    """The model's configuration; BadInput where there is no such folder and no such name on a hub that can be reached."""
    where = located(model)
    if Path(where).is_dir() and not (Path(where) / "config.json").is_file():
        raise BadInput(f"{where} has no config.json: it is no Hugging Face model; give a folder that save_pretrained wrote")
    try:
        return AutoConfig.from_pretrained(where, trust_remote_code=False)
    except (OSError, ValueError) as problem:
        first = (str(problem).splitlines() or ["unreadable"])[0]
        raise BadInput(f"model {model!r} cannot be loaded ({first}): give a folder with a Hugging Face model, or a hub name") from problem


def load_model(model: str, device: torch.device, dtype: torch.dtype, *, plain_attention: bool = False) -> PreTrainedModel:
    """The causal language model in evaluation mode. BadInput if it is not there, is no causal model or has no safetensors.

    `plain_attention` multiplies matrices where PyTorch would take a fused kernel."""
    config = load_config(model)
    # PyTorch's attention knows no soft cap on the scores; models that have one (Gemma 2) take the plain implementation.
    capped = getattr(config, "attn_logit_softcapping", None) is not None
    attention = "eager" if capped or plain_attention else "sdpa"
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            located(model), config=config, dtype=dtype, attn_implementation=attention, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError) as problem:
        first = (str(problem).splitlines() or ["unreadable"])[0]
        raise BadInput(f"model {model!r} cannot be loaded ({first}): weights are read from safetensors only") from problem
    loaded.to(device).eval()
    return cast(PreTrainedModel, loaded)


def context_of(config: Any) -> int | None:
    """The most positions the model knows, where its configuration says."""
    return getattr(config.get_text_config(), "max_position_embeddings", None)


@dataclass(frozen=True)
class HFTokenizer:
    """A Hugging Face tokenizer behind the seam. `size`: how many tokens the model has an embedding for, where that is known."""

    inner: Any
    stop: tuple[int, ...]
    context: int | None = None
    size: int | None = None

    @cached_property
    def end(self) -> int:
        """What closes the assistant's turn in the chat template, where that stops; else the tokenizer's own end token."""
        asked = (Message("user", "?"),)
        before, after = (self.chat(Conversation(turns)) if self.inner.chat_template else [] for turns in (asked, (*asked, SAID)))
        same = takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
        said = after[sum(1 for _ in same) :]
        own = self.inner.eos_token_id
        return next((token for token in said if token in self.stop), self.stop[0] if own is None else own)

    def encode(self, text: str) -> list[int]:
        """BadInput for a token that the model does not have."""
        tokens = list(self.inner.encode(text, add_special_tokens=False, verbose=False))
        if self.size is not None and tokens and max(tokens) >= self.size:
            seen = f"{self.decode([max(tokens)])!r} is token {max(tokens)} of the tokenizer"
            raise BadInput(f"{seen}, and the model has {self.size}: they do not belong together; give the model its own tokenizer")
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self.inner.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def chat(self, conversation: Conversation) -> list[int]:
        if not self.inner.chat_template:
            raise BadInput("the tokenizer has no chat template: it belongs to a base model; use the r1-zero template, or an instruct model")
        messages = [{"role": message.role, "content": message.content} for message in conversation.messages]
        try:
            text = self.inner.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        except TemplateError as error:
            raise BadInput(f"the chat template takes no such conversation ({' '.join(str(error).split())})") from error
        return self.encode(text)


def load_tokenizer(model: str) -> HFTokenizer:
    """The tokenizer; it stops at its end token and at every end token the model's generation settings name."""
    where = located(model)
    config = load_config(model)
    try:
        inner = AutoTokenizer.from_pretrained(where, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as problem:
        first = (str(problem).splitlines() or ["unreadable"])[0]
        raise BadInput(f"the tokenizer of {model!r} cannot be loaded ({first})") from problem
    stop = sorted({token for token in (inner.eos_token_id, *_generation_stops(where)) if token is not None})
    if not stop:
        raise BadInput(f"the tokenizer of {model!r} names no end token: a reply could never stop; set eos_token in tokenizer_config.json")
    return HFTokenizer(inner, tuple(stop), context_of(config), getattr(config.get_text_config(), "vocab_size", None))


def _generation_stops(where: str) -> list[int]:
    try:
        named = GenerationConfig.from_pretrained(where).eos_token_id
    except (OSError, ValueError):
        return []
    return named if isinstance(named, list) else [named]


@dataclass(frozen=True)
class ModuleWeights:
    """The weights of a module as a repeatable stream; tied ones once."""

    module: nn.Module

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self.module.named_parameters():
            yield name, parameter.detach()

    def digest(self) -> str:
        """sha256 of names, shapes and bytes, in stream order."""
        seen = hashlib.sha256()
        for name, tensor in self:
            seen.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            seen.update(tensor.contiguous().view(torch.uint8).cpu().numpy().tobytes())
        return seen.hexdigest()


def torch_dtype(dtype: DType) -> torch.dtype:
    """The type that a setting names."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]


def pick_device(device: str) -> torch.device:
    """ "auto" is the first CUDA device where there is one, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise BadInput(f"device is {device}: this machine has no CUDA device that torch can use; use --device cpu or auto")
    return torch.device(device)
