"""A model as transformers made it, with what it found of the names of weights."""

from __future__ import annotations

import io
import logging as standard
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedModel
from transformers.utils import logging

ModelClass = type[PreTrainedModel]


@dataclass(frozen=True)
class LoadedModel:
    """`mismatched`: (name, shape in the file, shape in the model)."""

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
