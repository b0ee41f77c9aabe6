"""Weights that were quantized: unpacked where transformers can, kept as they are where a library computes with them, else refused."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

from transformers import PretrainedConfig, PreTrainedModel

from aha.backends.checkpoint.folder import CONFIG, ModelFolder
from aha.errors import BadInput

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
