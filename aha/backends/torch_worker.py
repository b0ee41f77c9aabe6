"""A scheduler's worker on torch: a decoder for the logits, and a draw with an address for every token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from aha.backends.decoder import Decoder, Entry
from aha.backends.prefixes import PrefixReading, Tokens
from aha.sampling.draws import DrawSettings, draw
from aha.sampling.scheduler import EnteringRow, RowSettings, TopTokens, WorkerStep


class TorchWorker:
    """Implements `sampling.scheduler.Worker`. `version`: of the weights that the decoder computes with."""

    def __init__(self, decoder: Decoder, device: torch.device, version: int) -> None:
        self.decoder, self.device, self.version = decoder, device, version
        self._settings: list[RowSettings] = []
        self._sampled: list[int] = []  # how many tokens of each row
        self._token_B = self._seed_B = self._position_B = torch.zeros(0, dtype=torch.long, device=device)
        self._draw = DrawSettings.of([], device)

    def read(self, prefixes: Sequence[Tokens], tokens: int | None) -> PrefixReading:
        return self.decoder.read(prefixes, tokens)

    def go_on(self, reading: Any) -> bool:
        assert isinstance(reading, PrefixReading)
        return reading.go_on()

    def enter(self, rows: Sequence[EnteringRow]) -> None:
        if not rows:
            return
        self.decoder.enter([Entry(row.prefix_job, row.place, len(row.request.prompt) + len(row.tokens) - 1) for row in rows])
        self._token_B = self._joined(self._token_B, [(row.tokens or row.request.prompt)[-1] for row in rows])
        self._seed_B = self._joined(self._seed_B, [row.request.seed for row in rows])
        self._position_B = self._joined(self._position_B, [len(row.tokens) for row in rows])
        self._sampled += [len(row.tokens) for row in rows]
        self._set([*self._settings, *(row.request.settings for row in rows)])

    def keep(self, rows: Sequence[int]) -> None:
        self.decoder.keep(rows)
        index_B = torch.tensor(list(rows), dtype=torch.long, device=self.device)
        self._token_B, self._seed_B, self._position_B = (values_B[index_B] for values_B in (self._token_B, self._seed_B, self._position_B))
        self._sampled = [self._sampled[row] for row in rows]
        self._set([self._settings[row] for row in rows])

    @torch.inference_mode()
    def step(self, steps: int) -> WorkerStep:
        tokens, logprobs, top = [], [], []
        for _ in range(steps):
            token_B, logp_B, likeliest = self._next()
            tokens.append(token_B)
            logprobs.append(logp_B)
            top.append(likeliest)
        told = torch.stack(tokens).tolist()  # a GPU is waited for here, and only here where nobody asks for the likeliest tokens
        asked = any(settings.top is not None for settings in self._settings)
        return WorkerStep(told, torch.stack(logprobs).tolist(), top if asked else None)

    def _next(self) -> tuple[Tensor, Tensor, list[TopTokens | None]]:
        drawn: list[tuple[Tensor, Tensor]] = []
        top: list[TopTokens | None] = []
        for part, logits_RV in self.decoder.logits(self._token_B):
            raw_RV = self._masked(part, logits_RV)
            drawn.append(draw(raw_RV, self._seed_B[part], self._position_B[part], self._draw.rows(part)))
            top += self._likeliest(part, logits_RV, drawn[-1][0])
        self._token_B = torch.cat([token_R for token_R, _ in drawn])
        self._position_B = self._position_B + 1
        self._sampled = [sampled + 1 for sampled in self._sampled]
        return self._token_B, torch.cat([logp_R for _, logp_R in drawn]), top

    def _masked(self, part: slice, logits_RV: Tensor) -> Tensor:
        """The logits without the stop tokens of rows that may not end yet."""
        rows = zip(self._settings[part], self._sampled[part], strict=True)
        early = [(row, settings.stop) for row, (settings, sampled) in enumerate(rows) if sampled < settings.min_tokens and settings.stop]
        if not early:
            return logits_RV
        logits_RV = logits_RV.clone()
        for row, stop in early:
            logits_RV[row, list(stop)] = float("-inf")
        return logits_RV

    def _likeliest(self, part: slice, logits_RV: Tensor, token_R: Tensor) -> list[TopTokens | None]:
        """Of the rows that ask for them, as the model has them: at temperature 1, without a nucleus."""
        counts = [settings.top for settings in self._settings[part]]
        found: list[TopTokens | None] = [None] * len(counts)
        wanted = [row for row, count in enumerate(counts) if count is not None]
        if not wanted:
            return found
        logp_LV = torch.log_softmax(logits_RV[wanted].float(), -1)
        own = logp_LV.gather(1, token_R[wanted][:, None])[:, 0].tolist()
        values, indices = logp_LV.topk(min(max(count for count in counts if count is not None), logp_LV.shape[1]))
        for place, (row, logprobs, tokens) in enumerate(zip(wanted, values.tolist(), indices.tolist(), strict=True)):
            found[row] = TopTokens(own[place], tuple(zip(tokens, logprobs, strict=True))[: counts[row]])
        return found

    def _joined(self, values_B: Tensor, more: Sequence[int]) -> Tensor:
        return torch.cat([values_B, torch.tensor(list(more), dtype=torch.long, device=self.device)])

    def _set(self, settings: list[RowSettings]) -> None:
        self._settings = settings
        self._draw = DrawSettings.of([(row.temperature, row.top_p) for row in settings], self.device)
