"""A GGUF file through transformers' own reader: its numbers are unpacked, and from then on it is a model like any other.

Each step sees a folder that holds a link to the file and nothing else: what lies beside a GGUF file is not the model's.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import pre_tokenizers
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS
from transformers.integrations.gguf.reader import read_gguf_metadata
from transformers.utils.quantization_config import GgufConfig

from aha.backends.checkpoint.folder import ModelFolder
from aha.backends.checkpoint.made import LoadedModel, ModelClass, quietly
from aha.backends.checkpoint.quantization import forget
from aha.backends.checkpoint.reading import errors_at
from aha.errors import BadInput

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
