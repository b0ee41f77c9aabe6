"""Hugging Face models and tokenizers: safetensors only, no remote code, clear errors.

A Hugging Face tokenizer behind the protocol: its files are checked before it is made, and its ids are compared with the model's.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoTokenizer, PretrainedConfig, PreTrainedModel
from transformers.utils import logging

from aha.backends.checkpoint import errors_at
from aha.backends.checkpoint.config import attention, causal_class, context_of, generation_stops, longrope_switch, read_config
from aha.backends.checkpoint.folder import CONFIG, LARGEST_JSON, LARGEST_TOKENIZER, TINY, ModelFolder, model_folder
from aha.backends.checkpoint.formats import gguf_tokenizer, quietly
from aha.backends.checkpoint.loading import Loading, check_weights
from aha.backends.rendering import check_tokenizer, render_template, variables
from aha.errors import BadInput
from aha.protocols import Compute, DType, Weights
from aha.template import END_THINK
from aha.types import Conversation, Message, micro_tokens_on

REPLY = Message("assistant", "ok")
NO_OPTIONS: Mapping[str, object] = MappingProxyType({})
TEMPLATE_INPUTS = frozenset(
    {"messages", "tools", "documents", "add_generation_prompt"}
)  # inputs of every chat template, which are not options
WHOLE_TOKENIZER = "tokenizer.json"
VOCABULARIES = (WHOLE_TOKENIZER, "*.model", "vocab.*", "*.tiktoken", "tekken.json")
OF_A_PROCESSOR = "chat_template.json"  # where processors of models that see images too kept the template
OBJECTS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", OF_A_PROCESSOR)
ANY_TEXT = "a"
LONGEST_TOKEN = 1_024  # letters of a token at most, which bounds the length of a reply


@dataclass(frozen=True)
class HFTokenizer:
    """A Hugging Face tokenizer. `size`: the number of tokens in the model's embedding, if known; `why`: the reason why `context` is below
    the number of positions."""

    inner: Any
    stop: tuple[int, ...]
    context: int | None = None
    size: int | None = None
    why: str = ""

    @cached_property
    def end(self) -> int:
        """The token that closes the assistant's turn in the chat template, if it is a stop token; else the tokenizer's own end token."""
        question = (Message("user", "?"),)
        texts = (self._render(Conversation(turns), {}) if self.template else "" for turns in (question, (*question, REPLY)))
        before, after = (self.encode(text) for text in texts)
        prefix = takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
        suffix = after[sum(1 for _ in prefix) :]
        end = self.inner.eos_token_id
        return next((token for token in suffix if token in self.stop), self.stop[0] if end is None else end)

    @cached_property
    def template(self) -> str | None:
        """The chat template; of several, the one for plain conversations."""
        if isinstance(templates := self.inner.chat_template, dict) and "default" not in templates:
            names = ", ".join(sorted(templates))
            raise BadInput(
                f"the model has chat templates called {names}, and none of them is the default: write it into chat_template.jinja"
            )
        with errors_at("the chat template cannot be read"):
            return str(self.inner.get_chat_template()) if templates else None

    @cached_property
    def options(self) -> frozenset[str]:
        """The names of the chat template's inputs beyond the conversation."""
        return variables(self.template) - TEMPLATE_INPUTS - self._special.keys() if self.template else frozenset()

    @cached_property
    def begin(self) -> tuple[int, ...]:
        """The tokens that the tokenizer puts before plain text, as in its model's training: mostly one token or none."""
        bare, whole = self._tokens(ANY_TEXT), self._tokens(ANY_TEXT, add_special_tokens=True)
        starts = (place for place in range(len(whole)) if whole[place : place + len(bare)] == bare)
        return tuple(self._check(whole[: next(starts, 0)]))

    @cached_property
    def _special(self) -> dict[str, str]:
        return {name: str(token) for name, token in self.inner.special_tokens_map.items()}

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text. BadInput for a token that the model does not have."""
        return self._check(self._tokens(text))

    def _check(self, tokens: list[int]) -> list[int]:
        if self.size is not None and tokens and max(tokens) >= self.size:
            seen = f"{self.decode([max(tokens)])!r} is token {max(tokens)} of the tokenizer"
            raise BadInput(f"{seen}, and the model has {self.size}: they do not belong together; give the model its own tokenizer")
        return tokens

    def prompt(self, text: str) -> list[int]:
        """Return the tokens of a prompt; a text that already begins with the initial tokens does not get them twice."""
        tokens, begin = self.encode(text), list(self.begin)
        return tokens if tokens[: len(begin)] == begin else begin + tokens

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self.inner.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def chat(self, conversation: Conversation, options: Mapping[str, object] = NO_OPTIONS) -> list[int]:
        return self.encode(self.chat_text(conversation, options))

    def chat_text(self, conversation: Conversation, options: Mapping[str, object] = NO_OPTIONS) -> str:
        """Return the conversation as the chat template writes it, with the header of the assistant's next turn."""
        if not self.template:
            raise BadInput("the tokenizer has no chat template: it belongs to a base model; use the r1-zero template, or an instruct model")
        options = {**dict(conversation.options), **options}
        if unknown := sorted(options.keys() - self.options):
            choices = f"it knows {', '.join(sorted(self.options))}" if self.options else "it knows none"
            raise BadInput(f"the model's chat template knows no option {unknown[0]!r}; {choices}")
        text = self._render(conversation, options)
        if (absent := _left_out(conversation, text)) is not None:
            lead = f"the chat template does not write what the {absent.role} says as it stands ({absent.content.strip()[:40]!r})"
            raise BadInput(f"{lead}: the model would not read it; give another template")
        return text

    def _render(self, conversation: Conversation, options: Mapping[str, object]) -> str:
        """Return the template's output. Templates of vision models take a content as a list of parts: if one drops a text or fails at it,
        it gets such a list."""
        texts = [message.content for message in conversation.messages]
        text = self._write(conversation, texts, options)
        if isinstance(text, str) and _left_out(conversation, text) is None:
            return text
        parts = self._write(conversation, [[{"type": "text", "text": text}] for text in texts], options)
        if isinstance(parts, str) and "'type': 'text'" not in parts and _left_out(conversation, parts) is None:
            return parts
        if isinstance(text, BadInput):
            raise text
        return text

    def _write(self, conversation: Conversation, contents: Sequence[object], options: Mapping[str, object]) -> str | BadInput:
        turns = zip(conversation.messages, contents, strict=True)
        messages = [{"role": message.role, "content": content} for message, content in turns]
        reserved_values = {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": True}
        try:
            return render_template(str(self.template), {**self._special, **options, **reserved_values})
        except BadInput as error:
            return error

    def _tokens(self, text: str, add_special_tokens: bool = False) -> list[int]:
        with errors_at("the tokenizer cannot read a text"):
            return list(self.inner.encode(text, add_special_tokens=add_special_tokens, verbose=False))


def _left_out(conversation: Conversation, text: str) -> Message | None:
    """Return the first message that is missing in the text; of an assistant's, the part after its thought, which templates drop."""
    return next((message for message in conversation.messages if message.content.rpartition(END_THINK)[2].strip() not in text), None)


def read_tokenizer(folder: ModelFolder, config: PretrainedConfig) -> HFTokenizer:
    """Return the tokenizer of a folder; it stops at its end token and at every end token in the generation settings. BadInput if it is
    missing, damaged, or of another model."""
    inner = _auto_tokenizer(folder, config)
    text = config.get_text_config()
    size = getattr(text, "vocab_size", None)
    stop = sorted({token for token in (inner.eos_token_id, *generation_stops(folder)) if token is not None})
    if not stop:
        raise BadInput(
            f"the tokenizer of {folder.name!r} names no end token: a reply could never stop; set eos_token in tokenizer_config.json"
        )
    if size is not None and not 0 <= stop[0] <= stop[-1] < size:
        token = stop[-1] if stop[0] >= 0 else stop[0]
        name = f" ({inner.convert_ids_to_tokens(token)!r})" if 0 <= token < len(inner) else ""
        raise BadInput(f"{folder.path}: a reply ends with token {token}, and the model has {size}, counted from 0{name}")
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
    if folder.has(WHOLE_TOKENIZER) and folder.path != TINY:  # our own was checked before it was packed
        check_tokenizer(folder.path / WHOLE_TOKENIZER)
    settings = folder.document(OBJECTS[0]) if folder.has(OBJECTS[0]) else {}
    if all(name.endswith(".model") for name in files) and find_spec("sentencepiece") is None:
        raise BadInput(  # the library's own reason would name another format, the last one that it tries
            f"{folder.path / files[0]}: a model of sentencepiece with no {WHOLE_TOKENIZER} beside it needs the packages sentencepiece and "
            f"protobuf: install them, or write {WHOLE_TOKENIZER} where they are: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)"
        )
    with quietly(), _naming_code(folder, settings), errors_at(f"{folder.path}: the tokenizer cannot be loaded"):
        inner = AutoTokenizer.from_pretrained(folder.path, config=config, trust_remote_code=False, local_files_only=True)
    if not inner.chat_template and folder.has(OF_A_PROCESSOR):
        inner.chat_template = folder.document(OF_A_PROCESSOR).get("chat_template")
    return inner


@contextmanager
def _naming_code(folder: ModelFolder, settings: Mapping[str, object]) -> Iterator[None]:
    """Give the true reason where the tokenizer is code that comes with the model, which transformers would run if that were allowed."""
    try:
        yield
    except BadInput:
        if "auto_map" not in settings:
            raise
        raise BadInput(f"{folder.path / OBJECTS[0]}: auto_map names code that comes with the model, which is never run") from None


def _templates(value: object) -> bool:
    """Return True if the value is a chat template in one of its three forms, or None."""
    match value:
        case dict():
            return all(isinstance(template, str) for template in value.values())
        case list():
            return all(isinstance(entry, dict) and isinstance(entry.get("template"), str) for entry in value)
    return value is None or isinstance(value, str)


def _try(folder: ModelFolder, tokenizer: HFTokenizer) -> None:
    """Encode and decode one text, so that a damaged vocabulary, or another model's, is noticed at once."""
    inner, size = tokenizer.inner, tokenizer.size
    with errors_at(f"{folder.path}: the tokenizer cannot be used"):
        pieces = inner.get_vocab()
        vocabulary = set(pieces.values()) - set(inner.added_tokens_decoder)
        back = tokenizer.decode(tokenizer.prompt(ANY_TEXT))
    if (longest := max(map(len, pieces), default=0)) > LONGEST_TOKEN:
        raise BadInput(f"{folder.path}: a token of the tokenizer has {longest:,} letters, and {LONGEST_TOKEN:,} are read")
    if ANY_TEXT not in back:
        raise BadInput(f"{folder.path}: the tokenizer is damaged: {ANY_TEXT!r} comes back as {back!r}")
    if size is not None and vocabulary and max(vocabulary) >= size:
        raise BadInput(
            f"{folder.path}: the tokenizer has token {max(vocabulary):,}, and the model has {size:,}: they do not belong together"
        )


PROBE = (2, 3, 5, 7, 11, 13)

logging.disable_progress_bar()  # the libraries' progress bars would break our own lines


def load_config(model: str) -> Any:
    """Return the model's configuration; BadInput if there is no such folder and no such name on a reachable hub."""
    return read_config(model_folder(model))


def load_model(
    model: str, device: torch.device, dtype: torch.dtype, *, plain_attention: bool = False, positions: int | None = None
) -> PreTrainedModel:
    """Return the causal language model in evaluation mode, checked before any computation. BadInput if it is missing, not a causal model,
    without safetensors, or damaged.

    `plain_attention` multiplies matrices where PyTorch would use a fused kernel. `positions`: see `with_positions`."""
    folder = model_folder(model)
    config = with_positions(read_config(folder), positions)
    kind = causal_class(config)
    loaded_model = Loading(folder, config, kind, dtype, "eager" if plain_attention else attention(config, kind), device=device).load()
    _probe(loaded_model, folder)
    return loaded_model


@torch.inference_mode()
def _probe(model: PreTrainedModel, folder: ModelFolder) -> None:
    """Raise BadInput if the model computes nothing, or NaN: a configuration may be wrong in ways that no shape shows."""
    tokens_RT = torch.tensor([PROBE], device=model.device) % model.config.get_text_config().vocab_size
    with quietly(), errors_at(f"{folder.path}: cannot compute"):
        logits_RTV: Tensor = model(input_ids=tokens_RT, use_cache=False).logits
    if not logits_RTV.isfinite().all():
        raise BadInput(
            f"{folder.path}: its log-probabilities are not finite: {CONFIG} or the weights are damaged; start from another model"
        )


def with_positions(config: Any, positions: int | None) -> Any:
    """Return the configuration with so many positions and unchanged rotary angles (None: nothing changes).

    The paper's students were made so: Qwen2.5-Math knows 4,096 positions and its student 131,072, at the same rope_theta. BadInput if
    positions are a table of weights, if the angles depend on their number, or if the model knows more already."""
    if positions is None:
        return config
    text, kind = config.get_text_config(), config.model_type
    window, rope = context_of(config), getattr(config.get_text_config(), "rope_parameters", None) or {}
    rope_type = rope.get("rope_type", "default")
    if not rope or window is None:
        raise BadInput(
            f"max_positions is {positions:,}: model type {kind} has no rotary positions, so their number cannot change; leave it out"
        )
    if rope_type in ("dynamic", "longrope", "yarn"):
        raise BadInput(f"max_positions is {positions:,}: the angles of this model ({rope_type}) depend on their number; leave it out")
    if positions < window:
        raise BadInput(f"max_positions is {positions:,}: the model knows {window:,} already; shorten rows with max_tokens instead")
    text.max_position_embeddings = positions
    return config


def load_tokenizer(model: str, positions: int | None = None, *, with_weights: bool = False) -> HFTokenizer:
    """Return the tokenizer of a model, checked before use; see `read_tokenizer`. `positions`: see `with_positions`. `with_weights` compares
    the weights with the configuration, too, before a row is read."""
    folder = model_folder(model)
    config = with_positions(read_config(folder), positions)
    tokenizer = read_tokenizer(folder, config)
    if with_weights:
        check_weights(folder, config)
    return tokenizer


class StreamedWeights(ABC):
    """Implements `protocols.Weights` on a stream that can be repeated."""

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[str, Tensor]]: ...

    def digest(self) -> str:
        """See the protocol."""
        seen = hashlib.sha256()
        for name, tensor in self:
            seen.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            seen.update(tensor.contiguous().view(torch.uint8).cpu().numpy().tobytes())
        return seen.hexdigest()

    def snapshot(self) -> Weights:
        """See the protocol."""
        return KeptWeights({name: tensor.to("cpu", copy=True) for name, tensor in self})

    def save(self, path: Path) -> None:
        """See the protocol."""
        save_file({name: tensor.cpu().contiguous() for name, tensor in self}, path)


@dataclass(frozen=True)
class ModuleWeights(StreamedWeights):
    """The weights of a module as a repeatable stream; tied ones once."""

    module: nn.Module

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self.module.named_parameters():
            yield name, parameter.detach()


@dataclass(frozen=True)
class KeptWeights(StreamedWeights):
    """Weights in memory that nothing changes."""

    tensors: Mapping[str, Tensor]

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        return iter(self.tensors.items())

    def snapshot(self) -> Weights:
        """See the protocol."""
        return self


def torch_dtype(dtype: DType) -> torch.dtype:
    """Return the torch type of a setting."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]


def micro_tokens_of(compute: Compute, width: int = 1) -> int:
    """Return the most tokens of one pass over hidden states of `width` numbers: `compute`'s, or the default."""
    return compute.micro_tokens or micro_tokens_on(pick_device(compute.device).type, width)


def pick_device(device: str) -> torch.device:
    """Return the device of a setting; "auto" is the first CUDA device if there is one, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise BadInput(f"device is {device}: this machine has no CUDA device that torch can use; use --device cpu or auto")
    if device.startswith("cuda:") and int(device[5:]) >= torch.cuda.device_count():
        raise BadInput(f"device is {device}: this machine has {torch.cuda.device_count()} CUDA devices, which count from 0")
    return torch.device(device)
