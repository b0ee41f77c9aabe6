"""Checkpoints in other formats: GGUF files and quantized weights.

A GGUF file is read by transformers, which unpacks its numbers; after that it is a model like any other. It is read through a folder that
holds only a link to the file: other files beside it are not the model's. Quantized weights are unpacked if transformers can, kept if a
library computes with them, else refused.
"""

from __future__ import annotations

import importlib.util
import io
import logging as standard
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import pre_tokenizers
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedModel
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS
from transformers.integrations.gguf.reader import read_gguf_metadata
from transformers.utils import logging
from transformers.utils.quantization_config import GgufConfig

from aha.backends.checkpoint import errors_at
from aha.backends.checkpoint.folder import CONFIG, ModelFolder
from aha.errors import BadInput

ModelClass = type[PreTrainedModel]


@dataclass(frozen=True)
class LoadedModel:
    """A model as transformers made it, with its report on the names of weights. `mismatches`: (name, shape in the file, shape in the
    model)."""

    model: PreTrainedModel
    missing: frozenset[str]
    surplus: frozenset[str]
    mismatches: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]

    @classmethod
    def of(cls, model: PreTrainedModel, report: Mapping[str, Any]) -> LoadedModel:
        """Return the model with the report of `output_loading_info`."""
        mismatches = tuple(
            sorted((name, tuple(stored_shape), tuple(model_shape)) for name, stored_shape, model_shape in report["mismatched_keys"])
        )
        return cls(model, frozenset(report["missing_keys"]), frozenset(report["unexpected_keys"]), mismatches)


@contextmanager
def quietly() -> Iterator[None]:
    """Silence the messages and progress bars of transformers and its dependencies in this context; our own error line says what matters."""
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(standard.CRITICAL)
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


MARKS = ("quantization_config", "hf_quantizer", "quantization_method", "is_quantized")


@dataclass(frozen=True)
class Method:
    """The way to read a kind of quantized weights: the needed packages; `unpacked` if the result is plain numbers, which can be trained."""

    packages: tuple[str, ...] = ()
    unpacked: bool = False


METHODS = {
    "fp8": Method(unpacked=True),
    "mxfp4": Method(unpacked=True),
    "compressed-tensors": Method(("compressed_tensors",), unpacked=True),
    "bitsandbytes": Method(("bitsandbytes",)),
    "gptq": Method(("gptqmodel", "optimum")),
    "awq": Method(("gptqmodel",)),
}


def quantization_method(config: PretrainedConfig) -> str | None:
    """Return the method that the weights are quantized with; None if they are plain."""
    settings = getattr(config, "quantization_config", None)
    if settings is None or settings == {}:
        return None
    if not isinstance(settings, dict):
        settings = vars(settings)
    method = settings.get("quant_method")
    if method is None and (settings.get("load_in_4bit") or settings.get("load_in_8bit")):
        return "bitsandbytes"
    return str(getattr(method, "value", method))


def prepare(folder: ModelFolder, config: PretrainedConfig) -> Method | None:
    """Return the method to read the weights, and set it in the configuration; None if they are plain. BadInput if a package is missing."""
    name, place = quantization_method(config), folder.path / CONFIG
    if name is None:
        vars(config).pop("quantization_config", None)  # it says nothing
        return None
    if (method := METHODS.get(name)) is None:
        raise BadInput(f"{place}: the weights are quantized by {name!r}, which is not read here; give the model with plain weights")
    for package in method.packages:
        if importlib.util.find_spec(package) is None:
            raise BadInput(f"{place}: the weights are quantized by {name}; reading them needs {package.replace('_', '-')}: pip install it")
    settings: Any = config.quantization_config
    if not isinstance(settings, dict):
        raise BadInput(f"{place}: quantization_config holds no JSON object, but {type(settings).__name__}")
    config.quantization_config = {**settings, "dequantize": True} if method.unpacked else settings
    return method


def forget(model: PreTrainedModel) -> None:
    """Remove the marks of quantization from an unpacked model, which is trained and saved as a plain one."""
    for mark in MARKS:
        for owner in (model, model.config):
            vars(owner).pop(mark, None)


# How a byte-level vocabulary splits text before its merges: the first names split as GPT-2 does, the next ones also split each digit.
# Other ways that transformers knows it applies itself.
AS_GPT2 = ("", "default", "gpt-2", "mpt", "olmo", "jais", "trillion")
DIGITS_ALONE = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")


def gguf_config(folder: ModelFolder) -> PretrainedConfig:
    """Return the configuration in the file. BadInput if it is damaged or its reader is not installed."""
    with _alone(folder) as settings:
        return cast(PretrainedConfig, AutoConfig.from_pretrained(**settings))


def gguf_tokenizer(folder: ModelFolder) -> Any:
    """Return the tokenizer in the file. BadInput if it would split text otherwise than in the model's training."""
    with _alone(folder) as settings:
        inner = AutoTokenizer.from_pretrained(**settings)
        metadata, _ = read_gguf_metadata(str(folder.path / str(folder.gguf)))
    way = str(metadata.get("tokenizer.ggml.pre", ""))
    if metadata.get("tokenizer.ggml.model") == "gpt2":
        _cut(folder, inner.backend_tokenizer, way)
    return inner


def gguf_model(folder: ModelFolder, config: PretrainedConfig, kind: ModelClass, dtype: torch.dtype, attention: str) -> LoadedModel:
    """Return the model with plain weights, and transformers' report on their names."""
    plain = {"dtype": dtype, "attn_implementation": attention, "quantization_config": GgufConfig(dequantize=True)}
    with _alone(folder) as settings:
        model, report = cast(Any, kind).from_pretrained(config=config, **settings, **plain, output_loading_info=True)
    forget(model)
    return LoadedModel.of(model, report)


def _cut(folder: ModelFolder, backend: Any, way: str) -> None:
    if way in DIGITS_ALONE:
        as_gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), as_gpt2])
    elif way not in AS_GPT2 and way not in GGUF_PRE_TOKENIZER_SPLITS:
        raise BadInput(
            f"{folder.path / str(folder.gguf)}: splits text as {way!r}, which transformers cannot do; give the model as safetensors"
        )


@contextmanager
def _alone(folder: ModelFolder) -> Iterator[dict[str, Any]]:
    """Yield the arguments with which transformers reads the file; any error in this context names the file."""
    path = folder.file(str(folder.gguf)).resolve()
    if importlib.util.find_spec("gguf") is None:
        raise BadInput(f"{path}: reading GGUF needs the package gguf: pip install 'aha[gguf]'")
    with tempfile.TemporaryDirectory(prefix="aha-gguf-") as alone, quietly(), errors_at(f"{path}: cannot be read"):
        (Path(alone) / "model.gguf").symlink_to(path)
        yield {"pretrained_model_name_or_path": alone, "gguf_file": "model.gguf", "local_files_only": True}
