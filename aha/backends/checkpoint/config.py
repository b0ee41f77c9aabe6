"""The configuration of a checkpoint: its config.json, read by transformers after a check that nothing in it can take memory or run code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
import transformers
from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, PretrainedConfig, PreTrainedModel

from aha.backends.checkpoint import errors_at
from aha.backends.checkpoint.folder import ADAPTER, CONFIG, GENERATION, ModelFolder
from aha.backends.checkpoint.formats import gguf_config, quietly
from aha.errors import BadInput

MOST_PARTS = 4_096  # layers or labels: a config makes a list of them before there is any weight to compare it with


def read_config(folder: ModelFolder) -> PretrainedConfig:
    """Return the configuration of a folder's model. BadInput if it is damaged, or of a kind that transformers does not know itself."""
    if folder.gguf is not None:
        return gguf_config(folder)
    place, settings = folder.path / CONFIG, folder.document(CONFIG)
    kind = settings.get("model_type")
    if not isinstance(kind, str):
        raise BadInput(f"{place}: has no model_type; give a folder that save_pretrained wrote")
    if kind not in CONFIG_MAPPING:
        advice = ", and code that comes with a model is never run" if "auto_map" in settings else ""
        raise BadInput(f"{place}: model type {kind!r} is unknown to transformers {transformers.__version__}{advice}")
    for name in ("dtype", "torch_dtype"):
        word = settings.get(name)
        if isinstance(word, str) and word != "auto" and not isinstance(getattr(torch, word.removeprefix("torch."), None), torch.dtype):
            raise BadInput(f"{place}: {name} is {word[:40]!r}, a type of numbers that torch does not know; bfloat16 is one")
    for path, count in _counts(settings):
        if not 0 <= count <= MOST_PARTS:
            raise BadInput(f"{place}: {path} is {count:,}; a model has 0 to {MOST_PARTS:,}")
    if folder.has(ADAPTER):
        raise BadInput(
            f"{folder.path / ADAPTER}: the folder holds an adapter; merge it into its base model first (merge_and_unload in peft)"
        )
    with quietly(), errors_at(str(place)):
        return cast(PretrainedConfig, AutoConfig.from_pretrained(folder.path, trust_remote_code=False, local_files_only=True))


def causal_class(config: PretrainedConfig) -> type[PreTrainedModel]:
    """Return the class of causal language models for the configuration. BadInput if there is none."""
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise BadInput(f"model type {config.model_type} is not a causal language model: it cannot continue a text; give one that can")
    return one_class(MODEL_FOR_CAUSAL_LM_MAPPING[type(config)])


def one_class(entry: Any) -> type[PreTrainedModel]:
    """Return the class that transformers names for a configuration, the first if it names several."""
    return cast(type[PreTrainedModel], entry[0] if isinstance(entry, tuple) else entry)


def attention(config: PretrainedConfig, kind: type[PreTrainedModel]) -> str:
    """Return the attention implementation: PyTorch's own kernels, or plain products for a family that does not support them or caps the
    scores, which they cannot (Gemma 2)."""
    capped = getattr(config, "attn_logit_softcapping", None) is not None
    return "eager" if capped or not kind._supports_sdpa else "sdpa"


def context_of(config: Any) -> int | None:
    """Return the most positions of a row that the model is used with, if its configuration says so.

    LongRoPE (Phi-3, 3.5 and 4-mini with a long context) has factors for rows up to a length and others beyond, and transformers uses one
    kind for a whole batch, and changes it in the middle of a reply: a token's log-probability would depend on its row's neighbours. Up to
    that length nothing changes, so it is the limit of a row."""
    most, switch = getattr(config.get_text_config(), "max_position_embeddings", None), longrope_switch(config)
    return most if switch is None or (most is not None and most <= switch) else switch


def longrope_switch(config: Any) -> int | None:
    """Return the length at which LongRoPE changes its factors; None for a model without it."""
    text = config.get_text_config()
    rope = getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {}
    if not isinstance(rope, dict) or rope.get("rope_type", rope.get("type")) not in ("longrope", "su"):
        return None
    switch = rope.get("original_max_position_embeddings") or getattr(text, "original_max_position_embeddings", None)
    return switch if isinstance(switch, int) else None


def _counts(settings: dict[str, Any], above: str = "") -> Iterator[tuple[str, int]]:
    """Yield each number of layers or labels in the settings and in those nested in them, with its path."""
    for name, value in settings.items():
        path = f"{above}{name}"
        if isinstance(value, dict):
            yield from _counts(value, f"{path}.")
        elif isinstance(value, int) and not isinstance(value, bool) and ("layer" in name or "label" in name):
            yield path, value


def generation_stops(folder: ModelFolder) -> list[int]:
    """Return the end tokens in generation_config.json. BadInput if it is damaged."""
    if not folder.has(GENERATION):
        return []
    end_ids = folder.document(GENERATION).get("eos_token_id")
    stops = end_ids if isinstance(end_ids, list) else [] if end_ids is None else [end_ids]
    if any(not isinstance(token, int) or isinstance(token, bool) for token in stops):
        raise BadInput(f"{folder.path / GENERATION}: eos_token_id is {end_ids!r}: it takes a token's number, or several")
    return stops
