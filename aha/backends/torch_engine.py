"""Sampling on torch, for any Hugging Face causal language model, on CPU or GPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from aha.backends.cache import RowCache
from aha.backends.draws import draw
from aha.backends.hf import context_of
from aha.errors import BadInput
from aha.protocols import Ask, Compute, Sampling, Weights
from aha.types import Completion

_LEAVE_AT = 0.85  # rows leave the cache when fewer than this share still run: a copy of the cache costs as much as a few steps
_LOOK_EVERY = {"cpu": 1, "cuda": 8}  # steps between looks at who has finished; a look makes the GPU wait


@dataclass(frozen=True)
class _Row:
    """One sample that is asked for."""

    ask: int
    sample: int
    prompt: tuple[int, ...]
    seed: int


class TorchEngine:
    """Batched sampling with a key-value cache; finished rows leave, a prompt is read once for all its samples.

    `module` belongs to the engine: `load` copies weights into it. `stop`: the tokens that end a reply."""

    def __init__(self, module: nn.Module, stop: tuple[int, ...], compute: Compute, version: int = 0) -> None:
        self.module: Any = module
        self.stop = stop
        self.compute = compute
        self.version = version
        self.device = next(module.parameters()).device
        self._targets = dict(module.named_parameters())
        _refuse_states(self.module.config)

    def load(self, weights: Weights, version: int) -> None:
        """Take over the weights; a name that is missing or unknown is a bug of the caller and raises KeyError."""
        missing = set(self._targets)
        with torch.no_grad():
            for name, tensor in weights:
                self._targets[name].copy_(tensor)
                missing.discard(name)
        if missing:
            raise KeyError(f"weights lack {sorted(missing)[0]} and {len(missing) - 1} more")
        self.version = version

    def generate(self, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        """Groups as they finish. At most `compute.rows` rows run at a time, asks in their order."""
        self._check_room(asks, sampling)
        rows = [_Row(i, j, ask.prompt, seed) for i, ask in enumerate(asks) for j, seed in enumerate(ask.seeds)]
        left, done = Counter(row.ask for row in rows), dict[int, list[tuple[int, Completion]]]()
        for start in range(0, len(rows), self.compute.rows):
            for row, completion in self._wave(rows[start : start + self.compute.rows], sampling):
                done.setdefault(row.ask, []).append((row.sample, completion))
                left[row.ask] -= 1
                if not left[row.ask]:
                    yield row.ask, [said for _, said in sorted(done.pop(row.ask), key=lambda pair: pair[0])]

    def _check_room(self, asks: Sequence[Ask], sampling: Sampling) -> None:
        room, longest = context_of(self.module.config), max((len(ask.prompt) for ask in asks), default=0)
        if room is not None and longest + sampling.max_tokens > room:
            raise BadInput(
                f"a prompt of {longest} tokens and max_tokens {sampling.max_tokens} exceed the model's context of {room}: "
                f"set sampling.max_tokens to {room - longest} or less"
            )

    @torch.inference_mode()
    def _prefill(self, rows: Sequence[_Row]) -> tuple[RowCache, Tensor, Tensor]:
        """The cache after each row's prompt, its mask [B, P] and the logits [B, V] of the first new token. A prompt is read once."""
        prompts = list(dict.fromkeys(row.prompt for row in rows))
        width = max(map(len, prompts))
        tokens_UP = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=self.device)
        mask_UP = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=self.device)
        cache = RowCache(self.module.config.get_text_config().num_hidden_layers)
        logits_UV = self._forward(tokens_UP, mask_UP, (mask_UP.cumsum(-1) - 1).clamp_(min=0), cache)
        place = {prompt: i for i, prompt in enumerate(prompts)}
        index_B = torch.tensor([place[row.prompt] for row in rows], device=self.device)
        cache.keep(index_B)
        return cache, mask_UP[index_B], logits_UV[index_B]

    def _forward(self, tokens: Tensor, mask: Tensor, positions: Tensor, cache: RowCache) -> Tensor:
        """Logits [B, V] after the last token."""
        out = self.module(
            input_ids=tokens, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        return out.logits[:, -1]

    @torch.inference_mode()
    def _wave(self, rows: Sequence[_Row], sampling: Sampling) -> list[tuple[_Row, Completion]]:
        """Sample some rows to their end, together. [B]: rows still in the cache; [R]: all rows of the wave."""
        if not rows:
            return []
        cache, mask_BP, logits_BV = self._prefill(rows)
        device, look_every = self.device, _LOOK_EVERY.get(self.device.type, 1)
        seed_B = torch.tensor([row.seed for row in rows], device=device)
        position_B = mask_BP.sum(-1)
        stop = torch.tensor(self.stop, device=device)
        row_B = torch.arange(len(rows), device=device)
        ended_B = torch.zeros(len(rows), dtype=torch.bool, device=device)
        length_R = torch.full((len(rows),), sampling.max_tokens, device=device)
        stopped_R = torch.zeros(len(rows), dtype=torch.bool, device=device)
        mask_BT = torch.ones(len(rows), mask_BP.shape[1] + sampling.max_tokens, dtype=mask_BP.dtype, device=device)
        mask_BT[:, : mask_BP.shape[1]] = mask_BP
        history: list[tuple[Tensor, Tensor, Tensor]] = []
        for step in range(sampling.max_tokens):
            token_B, logp_B = draw(logits_BV, seed_B, step, sampling)
            history.append((row_B, token_B, logp_B))
            now_B = torch.isin(token_B, stop) & ~ended_B
            length_R[row_B[now_B]] = step + 1
            stopped_R[row_B[now_B]] = True
            ended_B = ended_B | now_B
            if step + 1 == sampling.max_tokens:
                break
            if step % look_every == 0:
                running = int((~ended_B).sum())
                if not running:
                    break
                if running < _LEAVE_AT * len(ended_B):
                    stay = (~ended_B).nonzero()[:, 0]
                    cache.keep(stay)
                    row_B, token_B, seed_B, position_B, mask_BT, ended_B = (
                        x[stay] for x in (row_B, token_B, seed_B, position_B, mask_BT, ended_B)
                    )
            logits_BV = self._forward(token_B[:, None], mask_BT[:, : cache.get_seq_length() + 1], position_B[:, None], cache)
            position_B = position_B + 1
        return self._gathered(rows, history, length_R, stopped_R)

    def _gathered(
        self, rows: Sequence[_Row], history: list[tuple[Tensor, Tensor, Tensor]], length_R: Tensor, stopped_R: Tensor
    ) -> list[tuple[_Row, Completion]]:
        """What each row said, cut at its end; the history holds one (rows, tokens, log-probabilities) a step."""
        tokens_RT = torch.zeros(len(rows), len(history), dtype=torch.long, device=self.device)
        logps_RT = torch.zeros(len(rows), len(history), device=self.device)
        for step, (row_B, token_B, logp_B) in enumerate(history):
            tokens_RT[row_B, step], logps_RT[row_B, step] = token_B, logp_B
        tokens, logps, lengths, stopped = tokens_RT.tolist(), logps_RT.tolist(), length_R.tolist(), stopped_R.tolist()
        return [
            (row, Completion(tuple(tokens[i][:n]), tuple(logps[i][:n]), "stop" if stopped[i] else "length", self.version))
            for i, (row, n) in enumerate(zip(rows, lengths, strict=True))
        ]


def _refuse_states(config: Any) -> None:
    """Models with recurrent layers keep a state that this cache does not hold."""
    kinds = set(getattr(config.get_text_config(), "layer_types", None) or ["full_attention"])
    if strange := kinds - {"full_attention", "sliding_attention"}:
        raise BadInput(f"the model has {sorted(strange)[0]} layers: only attention layers are supported; use a plain transformer")
