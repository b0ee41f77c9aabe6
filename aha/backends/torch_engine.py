"""Sampling on torch, for any Hugging Face causal language model, on CPU or GPU.

It is a scheduler's worker: a decoder for the logits, and a draw for every token by its seed and position.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from aha.backends.batch_decoder import Kernels, NativeDecoders, fastest_decoder, shapes_of
from aha.backends.checkpoint.config import context_of
from aha.backends.hf import ModuleWeights, load_model, load_tokenizer, pick_device, torch_dtype
from aha.backends.straight_layers import Decoder, Entry, PrefixPass, Tokens
from aha.errors import BadInput
from aha.phases import PhaseClock
from aha.protocols import Ask, Compute, Sampling, Weights
from aha.sampling.draws import DrawSettings, draw
from aha.sampling.scheduler import EnteringRow, FinishedRow, RowRequest, RowSettings, Scheduler, SchedulerLimits, TopTokens, WorkerStep
from aha.types import Completion


class TorchWorker:
    """Implements `sampling.scheduler.Worker`. `version`: that of the decoder's weights. `phases` records the time of prompts, logits and
    draws."""

    def __init__(self, decoder: Decoder, device: torch.device, version: int, phases: PhaseClock | None = None) -> None:
        self.decoder, self.device, self.version, self.phases = decoder, device, version, phases or PhaseClock()
        self._settings: list[RowSettings] = []
        self._token_counts: list[int] = []  # the number of tokens of each row
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
        token_rows = torch.stack(tokens).tolist()  # the wait for the GPU, the only one unless likeliest tokens are requested
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
                draws.append(draw(raw_RV, self._seed_B[part], self._position_B[part], self._draw.rows(part), self.decoder.draws))
                top += self._likeliest(part, logits_RV, draws[-1][0])
        self._token_B = torch.cat([token_R for token_R, _ in draws])
        self._position_B = self._position_B + 1
        self._token_counts = [count + 1 for count in self._token_counts]
        return self._token_B, torch.cat([logp_R for _, logp_R in draws]), top

    def _masked(self, part: slice, logits_RV: Tensor) -> Tensor:
        """Return the logits without the stop tokens of rows that may not end yet."""
        rows = zip(self._settings[part], self._token_counts[part], strict=True)
        early = [(row, settings.stop) for row, (settings, count) in enumerate(rows) if count < settings.min_tokens and settings.stop]
        if not early:
            return logits_RV
        logits_RV = logits_RV.clone()
        for row, stop in early:
            logits_RV[row, list(stop)] = float("-inf")
        return logits_RV

    def _likeliest(self, part: slice, logits_RV: Tensor, token_R: Tensor) -> list[TopTokens | None]:
        """Return the likeliest tokens for the rows that request them, by the model's own distribution: at temperature 1, without a
        nucleus."""
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


_LOOK_EVERY = {"cpu": 1}  # steps between checks for finished rows: a check makes a GPU wait
_LOOK_SELDOM = 8


class TorchEngine:
    """An engine with continuous batching and a key-value cache: at most `compute.rows` rows run at a time, a finished one is replaced by a
    waiting one, and a prompt is read once for all its samples.

    `module` belongs to the engine: `load` copies weights into it. `stop`: the tokens that end a reply. `kernels`: see `fastest_decoder`;
    "plain" is the reference for the others."""

    def __init__(self, module: PreTrainedModel, stop: tuple[int, ...], compute: Compute, *, kernels: Kernels = "auto") -> None:
        self.module: Any = module
        self.stop = stop
        self.compute = compute
        self.version = 0
        self.phases = PhaseClock()
        self._offer: tuple[Weights, int] | None = None
        self.device = next(module.parameters()).device
        self._targets = dict(module.named_parameters())
        self._look_every = _LOOK_EVERY.get(self.device.type, _LOOK_SELDOM)
        _refuse_states(self.module.config)
        self._kernels, self._shares = kernels, False
        self._shapes = shapes_of(self.module)
        self._decoder = fastest_decoder(self.module, self._shapes, kernels)

    @property
    def vocabulary(self) -> int:
        """The number of tokens in the model's vocabulary."""
        return int(self.module.config.get_text_config().vocab_size)

    @property
    def context(self) -> int | None:
        """The most tokens of a prompt and its reply, if the model says so."""
        return context_of(self.module.config)

    def affordable_tokens(self) -> int:
        """Return the tokens of prompts and replies that fit in a quarter of the free memory: buffers are up to twice as large as their
        content, and are copied when they grow."""
        free = torch.cuda.mem_get_info(self.device)[0] if self.device.type == "cuda" else _free_memory()
        return max(2, free // 4 // self._shapes.token_bytes)

    def load(self, weights: Weights, version: int) -> None:
        """Load the weights; a missing or unknown name is a bug of the caller and raises KeyError."""
        missing = set(self._targets)
        with torch.no_grad(), self.phases.phase("load_s"):
            for name, tensor in weights:
                if not self._shares:
                    self._targets[name].copy_(tensor)
                elif self._targets[name].data_ptr() != tensor.data_ptr():
                    raise ValueError(f"{name}: the engine computes with a learner's weights, and takes no others")
                missing.discard(name)
        if missing:
            raise KeyError(f"weights lack {sorted(missing)[0]} and {len(missing) - 1} more")
        self.version = version

    def share(self, weights: Weights) -> None:
        """Compute with these tensors themselves from now on, if they are a module's of the same types and places, or if the decoder copies
        and rounds them anyway: a copy would be as large as the model. Code that changes the weights has to load them here, too, so that
        their version is known."""
        if type(weights) is not ModuleWeights:  # a subclass, such as that of merged adapters, computes its weights when they are read
            return
        parameters, decoder = dict(weights.module.named_parameters()), self._decoder
        model: Any = weights.module
        rounds = isinstance(decoder, NativeDecoders) and self._shapes.dtype != torch.float32
        if _forms(parameters) != _forms(self._targets, torch.float32 if rounds else None):
            return
        if isinstance(decoder, NativeDecoders) and decoder.with_weights_of(model) is None:
            return
        replacements = {id(own): parameters[name] for name, own in self._targets.items()}
        for module in self.module.modules():
            for leaf, own in module._parameters.items():
                if own is not None:
                    module._parameters[leaf] = replacements[id(own)]
        self._targets, self._shares = dict(self.module.named_parameters()), True
        rounding = decoder.with_weights_of(self.module) if isinstance(decoder, NativeDecoders) else None
        self._decoder = rounding or fastest_decoder(self.module, self._shapes, self._kernels)

    def offer(self, weights: Weights, version: int) -> None:
        """Let replies in progress continue with other weights from their next token on; any thread may call. Computed states of their
        tokens are kept."""
        self._offer = (weights, version)

    def _take_offer(self, scheduler: Scheduler) -> None:
        offer, self._offer = self._offer, None
        if offer is not None and offer[1] > self.version:
            self.load(*offer)
            assert isinstance(scheduler.worker, TorchWorker)
            scheduler.worker.version = self.version
            scheduler.worker.decoder.reload()

    def scheduler(self, limits: SchedulerLimits) -> Scheduler:
        """Return a new, empty batch on this model."""
        return Scheduler(TorchWorker(self._decoder(), self.device, self.version, self.phases), limits)

    def generate(self, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        """Yield groups as they finish. BadInput if a prompt and `max_tokens` do not fit in the model's context."""
        self._check_room(asks, sampling)
        scheduler = self.scheduler(SchedulerLimits(self.compute.rows, self.compute.cache_tokens or None, self._look_every))
        places = {
            scheduler.add(RowRequest(ask.prompt, seed, self._settings(ask, sampling))): (number, sample)
            for number, ask in enumerate(asks)
            for sample, seed in enumerate(ask.seeds)
        }
        remainders = Counter(number for number, _ in places.values())
        groups: dict[int, dict[int, Completion]] = {}
        while not scheduler.idle:
            self._take_offer(scheduler)
            for event in scheduler.step():
                assert isinstance(event, FinishedRow)
                number, sample = places[event.row]
                group = groups.setdefault(number, {})
                group[sample] = event.completion
                if len(group) == remainders[number]:
                    yield number, [group[sample] for sample in sorted(groups.pop(number))]

    def _settings(self, ask: Ask, sampling: Sampling) -> RowSettings:
        most = sampling.max_tokens if ask.most is None else min(ask.most, sampling.max_tokens)
        return RowSettings(sampling.temperature, sampling.top_p, most, stop=self.stop)

    def _check_room(self, asks: Sequence[Ask], sampling: Sampling) -> None:
        room = self.context
        longest = max((len(ask.prompt) for ask in asks if ask.most is None), default=0)
        over = [ask for ask in asks if room is not None and ask.most is not None and len(ask.prompt) + ask.most > room]
        if over or (room is not None and longest and longest + sampling.max_tokens > room):
            size, most = (len(over[0].prompt), over[0].most) if over else (longest, sampling.max_tokens)
            raise BadInput(
                f"a prompt of {size} tokens and max_tokens {most} exceed the model's context of {room}: "
                f"set sampling.max_tokens to {(room or 0) - size} or less"
            )


def open_engine(model: str, compute: Compute, positions: int | None = None) -> TorchEngine:
    """Open the engine of a folder, a hub's name or "tiny", on the device and in the dtype of `compute`. `positions`: see
    `hf.with_positions`."""
    if compute.threads:
        torch.set_num_threads(compute.threads)
    module = load_model(model, pick_device(compute.device), torch_dtype(compute.dtype), positions=positions)
    return TorchEngine(module, load_tokenizer(model).stop, compute, kernels=compute.kernels)


def _forms(parameters: Mapping[str, Tensor], dtype: torch.dtype | None = None) -> dict[str, object]:
    """Return the shape, type (`dtype`, if it is given) and place of each weight."""
    return {name: (weight.shape, dtype or weight.dtype, weight.device) for name, weight in parameters.items()}


def _free_memory() -> int:
    """Return the bytes that this process may still take, by the kernel's own estimate if there is one."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) << 10
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _refuse_states(config: Any) -> None:
    """Refuse models with recurrent layers, whose state this cache does not hold."""
    kinds = set(getattr(config.get_text_config(), "layer_types", None) or ["full_attention"])
    if strange := kinds - {"full_attention", "sliding_attention"}:
        raise BadInput(
            f"the model has {sorted(strange)[0]} layers: full and sliding attention alone are supported here; use a model with these"
        )
