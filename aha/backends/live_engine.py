"""The engine, heard while it samples: the same tokens to the bit, told as they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from aha.backends.hf import context_of, load_model, load_tokenizer, pick_device, torch_dtype
from aha.backends.torch_engine import TorchEngine, _Rows
from aha.protocols import Ask, Compute, Sampling
from aha.types import Completion

Hear = Callable[[int, int], None]


class LiveEngine(TorchEngine):
    """A `TorchEngine` whose caller may listen. On a GPU who listens makes it wait for every token."""

    _hear: Hear | None = None

    @property
    def context(self) -> int | None:
        """The most tokens of a prompt and its reply, where the model says."""
        return context_of(self.module.config)

    def heard(self, asks: Sequence[Ask], sampling: Sampling, hear: Hear | None) -> Iterator[tuple[int, list[Completion]]]:
        """As `generate`; `hear` is told (number of the sample, token) as tokens are drawn, samples numbered through the asks."""
        self._hear = hear
        try:
            yield from self.generate(asks, sampling)
        finally:
            self._hear = None

    def _sample(self, rows: _Rows, stop: Tensor, sampling: Sampling) -> Tensor:
        if self._hear is None:
            return super()._sample(rows, stop, sampling)
        running = (~rows.stopped_B & (rows.said_B < sampling.max_tokens)).nonzero()[:, 0]
        token_B = super()._sample(rows, stop, sampling)
        for number, token in torch.stack([rows.wanted_B, token_B], 1)[running].tolist():
            self._hear(number, token)
        return token_B


def live_engine(model: str, compute: Compute) -> LiveEngine:
    """The model of a folder, a hub's name or "tiny", on this machine."""
    if compute.threads:
        torch.set_num_threads(compute.threads)
    module = load_model(model, pick_device(compute.device), torch_dtype(compute.dtype))
    return LiveEngine(module, load_tokenizer(model).stop, compute)
