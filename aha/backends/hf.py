"""Loading Hugging Face models and tokenizers: safetensors only, no remote code, an error a person can act on."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import logging

from aha.backends.checkpoint.config import attention, causal_class, context_of, read_config
from aha.backends.checkpoint.folder import CONFIG, ModelFolder, model_folder
from aha.backends.checkpoint.loading import Loading
from aha.backends.checkpoint.made import quietly
from aha.backends.checkpoint.reading import errors_at
from aha.backends.hf_tokenizer import HFTokenizer, read_tokenizer
from aha.errors import BadInput
from aha.protocols import Compute, DType, Weights

MICRO_TOKENS = {"cuda": 16_384}  # of other devices 1,024: more than fits in a cache costs memory and gains nothing
PROBE = (2, 3, 5, 7, 11, 13)

logging.disable_progress_bar()  # the bars of libraries would tear our own lines


def load_config(model: str) -> Any:
    """The model's configuration; BadInput where there is no such folder and no such name on a hub that can be reached."""
    return read_config(model_folder(model))


def load_model(
    model: str, device: torch.device, dtype: torch.dtype, *, plain_attention: bool = False, positions: int | None = None
) -> PreTrainedModel:
    """The causal language model in evaluation mode, looked at before anything is computed with it. BadInput where it is not there, is no
    causal model, has no safetensors or is damaged.

    `plain_attention` multiplies matrices where PyTorch would take a fused kernel. `positions`: see `with_positions`."""
    folder = model_folder(model)
    config = with_positions(read_config(folder), positions)
    kind = causal_class(config)
    loaded_model = Loading(folder, config, kind, dtype, "eager" if plain_attention else attention(config, kind), device=device).load()
    _probe(loaded_model, folder)
    return loaded_model


@torch.inference_mode()
def _probe(model: PreTrainedModel, folder: ModelFolder) -> None:
    """A configuration may be wrong where no shape shows it: BadInput where the model computes nothing, or numbers that are none."""
    tokens_RT = torch.tensor([PROBE], device=model.device) % model.config.get_text_config().vocab_size
    with quietly(), errors_at(f"{folder.path}: cannot compute"):
        logits_RTV: Tensor = model(input_ids=tokens_RT, use_cache=False).logits
    if not logits_RTV.isfinite().all():
        raise BadInput(
            f"{folder.path}: its log-probabilities are not finite: {CONFIG} or the weights are damaged; start from another model"
        )


def with_positions(config: Any, positions: int | None) -> Any:
    """The same configuration with so many positions, what turns a position into an angle being as it was (None: nothing changes).

    So the paper's students were made: Qwen2.5-Math knows 4,096 positions and its student 131,072, at the same rope_theta. BadInput where
    positions are a table of weights, where the angles depend on their number, or where the model knows more already."""
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


def load_tokenizer(model: str, positions: int | None = None) -> HFTokenizer:
    """The tokenizer of a model, looked at before it is used; see `read_tokenizer`. `positions`: see `with_positions`."""
    folder = model_folder(model)
    return read_tokenizer(folder, with_positions(read_config(folder), positions))


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
    """The type that a setting names."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]


def micro_tokens_of(compute: Compute) -> int:
    """The most tokens of one pass, as `compute` says, or as suits the device."""
    return compute.micro_tokens or MICRO_TOKENS.get(pick_device(compute.device).type, 1_024)


def pick_device(device: str) -> torch.device:
    """ "auto" is the first CUDA device where there is one, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise BadInput(f"device is {device}: this machine has no CUDA device that torch can use; use --device cpu or auto")
    return torch.device(device)
