"""Sampling on torch, for any Hugging Face causal language model, on CPU or GPU."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from aha.backends.cache import RowCache
from aha.backends.hf import context_of
from aha.errors import BadInput
from aha.protocols import Ask, Compute, Sampling, Weights
from aha.sampling.draws import DrawSettings, draw
from aha.types import Completion, Finished

_LEAVE_AT = 0.85  # rows leave the cache when fewer than this share still run: a copy of the cache costs as much as a few steps
_LOOK_EVERY = {"cpu": 1}  # steps between looks at who has finished: a look makes a GPU wait
_LOOK_SELDOM = 8


@dataclass(frozen=True)
class _Wanted:
    """One sample that is asked for."""

    ask: int
    sample: int
    prompt: tuple[int, ...]
    seed: int


@dataclass
class _Rows:
    """The rows in the cache. `wanted_B` indexes the samples asked for, `size_B` counts a row's tokens in the cache, `said_B` those it
    has sampled, which `tokens_BS` and `logps_BS` hold; `logits_BV` are those of its next token."""

    wanted_B: Tensor
    seed_B: Tensor
    size_B: Tensor
    said_B: Tensor
    stopped_B: Tensor
    tokens_BS: Tensor
    logps_BS: Tensor
    logits_BV: Tensor

    def keep(self, index_B: Tensor) -> _Rows:
        return _Rows(*(getattr(self, each.name)[index_B] for each in fields(self)))

    def join(self, other: _Rows) -> _Rows:
        return _Rows(*(torch.cat([getattr(self, each.name), getattr(other, each.name)]) for each in fields(self)))


class TorchEngine:
    """Batched sampling with a key-value cache. At most `compute.rows` rows run at a time: finished ones leave, waiting ones join, and a
    prompt is read once for the samples that join together.

    `module` belongs to the engine: `load` copies weights into it. `stop`: the tokens that end a reply."""

    def __init__(self, module: nn.Module, stop: tuple[int, ...], compute: Compute, version: int = 0) -> None:
        self.module: Any = module
        self.stop = stop
        self.compute = compute
        self.version = version
        self.device = next(module.parameters()).device
        self._targets = dict(module.named_parameters())
        config: Any = module.config
        self._layers = config.get_text_config().num_hidden_layers
        self._last_position = (context_of(config) or sys.maxsize) - 1
        self._look_every = _LOOK_EVERY.get(self.device.type, _LOOK_SELDOM)
        _refuse_states(config)

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
        """Groups as they finish. BadInput if a prompt and `max_tokens` do not fit in the model's context."""
        self._check_room(asks, sampling)
        wanted = [_Wanted(i, j, ask.prompt, seed) for i, ask in enumerate(asks) for j, seed in enumerate(ask.seeds)]
        left = Counter(sample.ask for sample in wanted)
        done: dict[int, dict[int, Completion]] = {}
        for number, completion in self._completions(wanted, sampling):
            sample = wanted[number]
            group = done.setdefault(sample.ask, {})
            group[sample.sample] = completion
            if len(group) == left[sample.ask]:
                yield sample.ask, [group[j] for j in sorted(done.pop(sample.ask))]

    def _check_room(self, asks: Sequence[Ask], sampling: Sampling) -> None:
        room, longest = context_of(self.module.config), max((len(ask.prompt) for ask in asks), default=0)
        if room is not None and longest + sampling.max_tokens > room:
            raise BadInput(
                f"a prompt of {longest} tokens and max_tokens {sampling.max_tokens} exceed the model's context of {room}: "
                f"set sampling.max_tokens to {room - longest} or less"
            )

    def _completions(self, wanted: Sequence[_Wanted], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        """(index in `wanted`, its completion) as rows finish."""
        waiting = list(range(len(wanted)))
        rows: _Rows | None = None
        cache = RowCache(self._layers)
        while waiting or rows is not None:
            free = self.compute.rows - (0 if rows is None else len(rows.wanted_B))
            if waiting and free > 0:
                entering, waiting = waiting[:free], waiting[free:]
                rows, cache = self._enter(rows, cache, entering, wanted, sampling)
            assert rows is not None
            finished, rows, cache = self._run(rows, cache, sampling)
            yield from finished

    @torch.inference_mode()
    def _enter(
        self, rows: _Rows | None, cache: RowCache, entering: Sequence[int], wanted: Sequence[_Wanted], sampling: Sampling
    ) -> tuple[_Rows, RowCache]:
        """Read the prompts of the samples that enter, each distinct one once, and put their rows after those that run."""
        prompts = list(dict.fromkeys(wanted[number].prompt for number in entering))
        width = max(map(len, prompts))
        tokens_UP = self._tensor([[0] * (width - len(p)) + list(p) for p in prompts])
        mask_UP = self._tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        read = RowCache(self._layers)
        logits_UV = self._forward(tokens_UP, mask_UP, (mask_UP.cumsum(-1) - 1).clamp_(min=0), read)
        place = {prompt: i for i, prompt in enumerate(prompts)}
        index_B = self._tensor([place[wanted[number].prompt] for number in entering])
        read.keep(index_B, width)
        count, room = len(entering), sampling.max_tokens + _LOOK_SELDOM
        entered = _Rows(
            wanted_B=self._tensor(list(entering)),
            seed_B=self._tensor([wanted[number].seed for number in entering]),
            size_B=mask_UP.sum(-1)[index_B],
            said_B=torch.zeros(count, dtype=torch.long, device=self.device),
            stopped_B=torch.zeros(count, dtype=torch.bool, device=self.device),
            tokens_BS=torch.zeros(count, room, dtype=torch.int32, device=self.device),
            logps_BS=torch.zeros(count, room, device=self.device),
            logits_BV=logits_UV[index_B],
        )
        if rows is None:
            return entered, read
        cache.join(read)
        return rows.join(entered), cache

    @torch.inference_mode()
    def _run(self, rows: _Rows, cache: RowCache, sampling: Sampling) -> tuple[list[tuple[int, Completion]], _Rows | None, RowCache]:
        """Sample until enough rows have finished to be worth a copy: these, and the rows that go on."""
        stop = self._tensor(list(self.stop))
        while True:
            for _ in range(self._look_every - 1):
                rows.logits_BV = self._advance(rows, self._sample(rows, stop, sampling), cache)
            token_B = self._sample(rows, stop, sampling)
            running_B = ~rows.stopped_B & (rows.said_B < sampling.max_tokens)
            stay = running_B.nonzero()[:, 0]
            if len(stay) <= _LEAVE_AT * len(running_B):
                break
            rows.logits_BV = self._advance(rows, token_B, cache)
        finished = self._read_out(rows.keep((~running_B).nonzero()[:, 0]), sampling)
        if not len(stay):
            return finished, None, RowCache(self._layers)
        rows, token_B = rows.keep(stay), token_B[stay]
        cache.keep(stay, int(rows.size_B.max()))
        rows.logits_BV = self._advance(rows, token_B, cache)
        return finished, rows, cache

    def _sample(self, rows: _Rows, stop: Tensor, sampling: Sampling) -> Tensor:
        """The next token of each row, noted down unless the row has stopped."""
        token_B, logp_B = draw(rows.logits_BV, rows.seed_B, rows.said_B, DrawSettings.same(sampling, len(rows.seed_B), self.device))
        column_B1 = rows.said_B.clamp(max=rows.tokens_BS.shape[1] - 1)[:, None]
        rows.tokens_BS.scatter_(1, column_B1, token_B[:, None].int())
        rows.logps_BS.scatter_(1, column_B1, logp_B[:, None])
        rows.said_B += ~rows.stopped_B
        rows.stopped_B |= torch.isin(token_B, stop) & (rows.said_B <= sampling.max_tokens)
        return token_B

    def _advance(self, rows: _Rows, token_B: Tensor, cache: RowCache) -> Tensor:
        """Logits [B, V] after one more token a row."""
        end = cache.length + 1
        rows.size_B += 1
        mask_BT = (torch.arange(end, device=self.device) >= end - rows.size_B[:, None]).long()
        # A row that ended between two looks runs on for a few steps; where positions are learned there may be none for it.
        position_B1 = (rows.size_B[:, None] - 1).clamp_(max=self._last_position)
        return self._forward(token_B[:, None], mask_BT, position_B1, cache)

    def _forward(self, tokens: Tensor, mask: Tensor, positions: Tensor, cache: RowCache) -> Tensor:
        out = self.module(
            input_ids=tokens, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        logits: Tensor = out.logits[:, -1]
        return logits

    def _read_out(self, rows: _Rows, sampling: Sampling) -> list[tuple[int, Completion]]:
        tokens, logps = rows.tokens_BS.tolist(), rows.logps_BS.tolist()
        said = []
        for i, (number, length, stopped) in enumerate(
            zip(rows.wanted_B.tolist(), rows.said_B.clamp(max=sampling.max_tokens).tolist(), rows.stopped_B.tolist(), strict=True)
        ):
            finished: Finished = "stop" if stopped else "length"
            said.append((number, Completion(tuple(tokens[i][:length]), tuple(logps[i][:length]), finished, self.version)))
        return said

    def _tensor(self, values: list[Any]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self.device)


def _refuse_states(config: Any) -> None:
    """Models with recurrent layers keep a state that this cache does not hold."""
    kinds = set(getattr(config.get_text_config(), "layer_types", None) or ["full_attention"])
    if strange := kinds - {"full_attention", "sliding_attention"}:
        raise BadInput(f"the model has {sorted(strange)[0]} layers: only attention layers are supported; use a plain transformer")
