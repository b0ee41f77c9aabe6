"""A scheduler's worker on torch: a decoder for the logits, and a draw with an address for every token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from aha.backends.decoder import Decoder, Entry
from aha.backends.prefixes import PrefixPass, Tokens
from aha.phases import PhaseClock
from aha.sampling.draws import DrawSettings, draw
from aha.sampling.scheduler import EnteringRow, RowSettings, TopTokens, WorkerStep


class TorchWorker:
    """Implements `sampling.scheduler.Worker`. `version`: of the weights that the decoder computes with. `phases` hears how long prompts,
    logits and draws take."""

    def __init__(self, decoder: Decoder, device: torch.device, version: int, phases: PhaseClock | None = None) -> None:
        self.decoder, self.device, self.version, self.phases = decoder, device, version, phases or PhaseClock()
        self._settings: list[RowSettings] = []
        self._token_counts: list[int] = []  # how many tokens of each row
        self._token_B = self._seed_B = self._position_B = torch.zeros(0, dtype=torch.long, device=device)
        self._draw = DrawSettings.of([], device)

    def read(self, prefixes: Sequence[Tokens], tokens: int | None) -> PrefixPass:
        return self.decoder.read(prefixes, tokens)

    def go_on(self, prefix_pass: Any) -> bool:
        assert isinstance(prefix_pass, PrefixPass)
        with self.phases.phase("prefill_s"):
            return prefix_pass.go_on()

    def enter(self, rows: Sequence[EnteringRow]) -> None:
        if not rows:
            return
        self.decoder.enter([Entry(row.prefix_job, row.place, len(row.request.prompt) + len(row.tokens) - 1) for row in rows])
        self._token_B = self._append(self._token_B, [(row.tokens or row.request.prompt)[-1] for row in rows])
        self._seed_B = self._append(self._seed_B, [row.request.seed for row in rows])
        self._position_B = self._append(self._position_B, [len(row.tokens) for row in rows])
        self._token_counts += [len(row.tokens) for row in rows]
        self._set([*self._settings, *(row.request.settings for row in rows)])

    def keep(self, rows: Sequence[int]) -> None:
        self.decoder.keep(rows)
        index_B = torch.tensor(list(rows), dtype=torch.long, device=self.device)
        self._token_B, self._seed_B, self._position_B = (values_B[index_B] for values_B in (self._token_B, self._seed_B, self._position_B))
        self._token_counts = [self._token_counts[row] for row in rows]
        self._set([self._settings[row] for row in rows])

    @torch.inference_mode()
    def step(self, steps: int) -> WorkerStep:
        tokens, logprobs, top = [], [], []
        for _ in range(steps):
            token_B, logp_B, likeliest = self._next()
            tokens.append(token_B)
            logprobs.append(logp_B)
            top.append(likeliest)
        token_rows = torch.stack(tokens).tolist()  # a GPU is waited for here, and only here where nobody asks for the likeliest tokens
        asked = any(settings.top is not None for settings in self._settings)
        return WorkerStep(token_rows, torch.stack(logprobs).tolist(), top if asked else None)

    def _next(self) -> tuple[Tensor, Tensor, list[TopTokens | None]]:
        draws: list[tuple[Tensor, Tensor]] = []
        top: list[TopTokens | None] = []
        parts = self.decoder.logits(self._token_B)
        while True:
            with self.phases.phase("decode_s"):
                part, logits_RV = next(parts, (None, None))
            if part is None or logits_RV is None:
                break
            with self.phases.phase("draw_s"):
                raw_RV = self._masked(part, logits_RV)
                draws.append(draw(raw_RV, self._seed_B[part], self._position_B[part], self._draw.rows(part)))
                top += self._likeliest(part, logits_RV, draws[-1][0])
        self._token_B = torch.cat([token_R for token_R, _ in draws])
        self._position_B = self._position_B + 1
        self._token_counts = [count + 1 for count in self._token_counts]
        return self._token_B, torch.cat([logp_R for _, logp_R in draws]), top

    def _masked(self, part: slice, logits_RV: Tensor) -> Tensor:
        """The logits without the stop tokens of rows that may not end yet."""
        rows = zip(self._settings[part], self._token_counts[part], strict=True)
        early = [(row, settings.stop) for row, (settings, count) in enumerate(rows) if count < settings.min_tokens and settings.stop]
        if not early:
            return logits_RV
        logits_RV = logits_RV.clone()
        for row, stop in early:
            logits_RV[row, list(stop)] = float("-inf")
        return logits_RV

    def _likeliest(self, part: slice, logits_RV: Tensor, token_R: Tensor) -> list[TopTokens | None]:
        """Of the rows that ask for them, as the model has them: at temperature 1, without a nucleus."""
        counts = [settings.top for settings in self._settings[part]]
        top: list[TopTokens | None] = [None] * len(counts)
        numbers = [row for row, count in enumerate(counts) if count is not None]
        if not numbers:
            return top
        logp_LV = torch.log_softmax(logits_RV[numbers].float(), -1)
        row_logps = logp_LV.gather(1, token_R[numbers][:, None])[:, 0].tolist()
        values, indices = logp_LV.topk(min(max(count for count in counts if count is not None), logp_LV.shape[1]))
        for place, (row, logprobs, tokens) in enumerate(zip(numbers, values.tolist(), indices.tolist(), strict=True)):
            top[row] = TopTokens(row_logps[place], tuple(zip(tokens, logprobs, strict=True))[: counts[row]])
        return top

    def _append(self, values_B: Tensor, more: Sequence[int]) -> Tensor:
        return torch.cat([values_B, torch.tensor(list(more), dtype=torch.long, device=self.device)])

    def _set(self, settings: list[RowSettings]) -> None:
        self._settings = settings
        self._draw = DrawSettings.of([(row.temperature, row.top_p) for row in settings], self.device)
