"""A GGUF file through transformers' own reader: its numbers are unpacked, and from then on it is a model like any other.

Each step sees a folder that holds a link to the file and nothing else: what lies beside a GGUF file is not the model's.

Weights that were quantized: unpacked where transformers can, kept as they are where a library computes with them, else refused.

A model as transformers made it, with what it found of the names of weights.
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

from aha.backends.checkpoint.folder import CONFIG, ModelFolder
from aha.backends.checkpoint.reading import errors_at
from aha.errors import BadInput

ModelClass = type[PreTrainedModel]


@dataclass(frozen=True)
class LoadedModel:
    """`mismatches`: (name, shape in the file, shape in the model)."""

    model: PreTrainedModel
    missing: frozenset[str]
    surplus: frozenset[str]
    mismatches: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]

    @classmethod
    def of(cls, model: PreTrainedModel, report: Mapping[str, Any]) -> LoadedModel:
        """The model with the report of `output_loading_info`."""
        mismatches = tuple(
            sorted((name, tuple(stored_shape), tuple(model_shape)) for name, stored_shape, model_shape in report["mismatched_keys"])
        )
        return cls(model, frozenset(report["missing_keys"]), frozenset(report["unexpected_keys"]), mismatches)


@contextmanager
def quietly() -> Iterator[None]:
    """What transformers and its neighbours have to say is said in our one line; their bars are torn away with it."""
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
    """How a kind of quantized weights is read: with these packages; `unpacked` into plain numbers, which can be trained."""

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
    """Return the method that the weights are quantized with; None where they are plain."""
    settings = getattr(config, "quantization_config", None)
    if settings is None:
        return None
    if not isinstance(settings, dict):
        settings = vars(settings)
    method = settings.get("quant_method")
    if method is None and (settings.get("load_in_4bit") or settings.get("load_in_8bit")):
        return "bitsandbytes"
    return str(getattr(method, "value", method))


def prepare(folder: ModelFolder, config: PretrainedConfig) -> Method | None:
    """Return how the weights are read, and tell the configuration; None where they are plain. BadInput where a package is missing."""
    name, place = quantization_method(config), folder.path / CONFIG
    if name is None:
        return None
    method = METHODS.get(name)
    if method is None:
        raise BadInput(f"{place}: the weights are quantized by {name!r}, which is not read here; give the model with plain weights")
    for package in method.packages:
        if importlib.util.find_spec(package) is None:
            raise BadInput(f"{place}: the weights are quantized by {name}; to read them takes {package.replace('_', '-')}: pip install it")
    settings: Any = config.quantization_config
    if not isinstance(settings, dict):
        raise BadInput(f"{place}: quantization_config holds no JSON object but {type(settings).__name__}")
    if method.unpacked:
        config.quantization_config = {**settings, "dequantize": True}
    return method


def forget(model: PreTrainedModel) -> None:
    """What was unpacked is a plain model: it is trained and saved as one."""
    for mark in MARKS:
        for owner in (model, model.config):
            vars(owner).pop(mark, None)


# How a byte-level vocabulary says that text is cut before its merges: these are GPT-2's way, those before it take each digit alone, and
# what transformers knows beside them it applies itself.
AS_GPT2 = ("", "default", "gpt-2", "mpt", "olmo", "jais", "trillion")
DIGITS_ALONE = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")


def gguf_config(folder: ModelFolder) -> PretrainedConfig:
    """Return the configuration that the file describes. BadInput where it is damaged or its reader is not installed."""
    with _alone(folder) as settings:
        return cast(PretrainedConfig, AutoConfig.from_pretrained(**settings))


def gguf_tokenizer(folder: ModelFolder) -> Any:
    """Return the tokenizer that the file describes. BadInput where text would be cut another way than its model learned it."""
    with _alone(folder) as settings:
        inner = AutoTokenizer.from_pretrained(**settings)
        metadata, _ = read_gguf_metadata(str(folder.path / str(folder.gguf)))
    way = str(metadata.get("tokenizer.ggml.pre", ""))
    if metadata.get("tokenizer.ggml.model") == "gpt2":
        _cut(folder, inner.backend_tokenizer, way)
    return inner


def gguf_model(folder: ModelFolder, config: PretrainedConfig, kind: ModelClass, dtype: torch.dtype, attention: str) -> LoadedModel:
    """Return the model with plain weights, and what transformers found of their names."""
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
            f"{folder.path / str(folder.gguf)}: cuts text the way {way!r}, which transformers cannot; give the model as safetensors"
        )


@contextmanager
def _alone(folder: ModelFolder) -> Iterator[dict[str, Any]]:
    """What transformers is told to read; whatever it raises names the file."""
    path = folder.file(str(folder.gguf)).resolve()
    if importlib.util.find_spec("gguf") is None:
        raise BadInput(f"{path}: reading GGUF needs the package gguf: pip install 'aha[gguf]'")
    with tempfile.TemporaryDirectory(prefix="aha-gguf-") as alone, quietly(), errors_at(f"{path}: cannot be read"):
        (Path(alone) / "model.gguf").symlink_to(path)
        yield {"pretrained_model_name_or_path": alone, "gguf_file": "model.gguf", "local_files_only": True}
