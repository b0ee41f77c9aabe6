"""The local backend: one process on one machine, with torch on its CPU or its GPU.

The speed of this machine is measured by a matrix product, a copy and a small operation, in a few tenths of a second.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from aha.backends.engine_chat import EngineChat
from aha.backends.hf import load_model, load_tokenizer, micro_tokens_of, pick_device, torch_dtype
from aha.backends.mesh import ALONE, Mesh
from aha.backends.scoring import TorchScorer, load_score_model
from aha.backends.torch_engine import open_engine
from aha.backends.torch_learner import TorchLearner
from aha.errors import BadInput
from aha.protocols import ASK_ONCE, Adam, Adaptation, Chat, ChatOptions, Compute, Engine, Head, Learner, Scorer, Tokenizer, is_endpoint


@dataclass(frozen=True)
class LocalBackend:
    """The backend that needs only torch. Engine, policy and reference are separate copies of the model."""

    compute: Compute = Compute()
    adaptation: Adaptation = Adaptation()

    def __post_init__(self) -> None:
        _leave_modules_alone()
        if self.compute.threads:
            torch.set_num_threads(self.compute.threads)

    @property
    def device(self) -> torch.device:
        return pick_device(self.compute.device)

    def tokenizer(self, model: str) -> Tokenizer:
        return load_tokenizer(model, self.adaptation.max_positions, with_weights=True)

    def engine(self, model: str) -> Engine:
        """Open an engine that samples in `compute.dtype`: its copy of the weights is half as large in bfloat16."""
        if self.compute.engine == "vllm":
            from aha.backends.vllm_engine import VllmEngine

            if self.adaptation.max_positions is not None:
                raise BadInput(f"max_positions is {self.adaptation.max_positions:,}: vLLM reads the model's own config; use engine torch")
            return VllmEngine(model, self.compute)
        return open_engine(model, self.compute, self.adaptation.max_positions)

    def chat(self, model: str, options: ChatOptions = ASK_ONCE) -> Chat:
        """Open a chat: with a server if `model` is its address, as `http://host:port/v1#name-of-the-model`; else with the model itself."""
        if not is_endpoint(model):
            return EngineChat(self.engine(model), load_tokenizer(model), options.seed or 0, options.samples)
        try:
            from aha.backends.openai.chat import open_chat
        except ModuleNotFoundError as error:
            raise BadInput(f"{model}: asking a server needs the package {error.name}: pip install 'aha[api]'") from None
        return open_chat(model, options)

    def learner(self, model: str, optim: Adam, *, reference: bool, head: Head = "lm") -> Learner:
        """Open a learner that trains in float32, computing in `compute.dtype`. It saves the model with its tokenizer."""
        return self.rank_learner(model, optim, reference, head, ALONE)

    def rank_learner(self, model: str, optim: Adam, reference: bool, head: Head, mesh: Mesh) -> TorchLearner:
        """Open the learner of one rank of a mesh. Each of several ranks reads the whole model into the CPU's memory, and keeps its part."""
        beside, device = load_tokenizer(model).inner.save_pretrained, self.device if mesh.size == 1 else torch.device("cpu")
        if head == "score":
            model_with_head = load_score_model(model, device, torch.float32, fresh=True)
            return TorchLearner(model_with_head, optim, self.compute, reference=reference, head=head, beside=beside, mesh=mesh)
        # On a CPU the backward pass of the fused kernel is up to 17 times slower in bfloat16 than plain products (60 rows of 40 tokens),
        # which a model needs that does not learn by compiled steps.
        plain = self.device.type == "cpu" and self.compute.dtype == "bfloat16"
        positions, lora = self.adaptation.max_positions, self.adaptation.lora
        if not lora.rank:

            def full_learner(plain_attention: bool) -> TorchLearner:
                module = load_model(model, device, torch.float32, plain_attention=plain_attention, positions=positions)
                return TorchLearner(module, optim, self.compute, reference=reference, beside=beside, mesh=mesh)

            if plain and self.compute.kernels in ("auto", "compiled") and mesh.size == 1:
                learner = full_learner(False)
                return learner if learner.has_native_steps else full_learner(True)
            return full_learner(plain)
        from aha.backends.lora import LoraLearner

        module = load_model(model, device, torch_dtype(self.compute.dtype), plain_attention=plain, positions=positions)
        return LoraLearner(module, optim, self.compute, lora, reference=reference, beside=beside)

    def with_adapter(self, adaptation: Adaptation) -> Self:
        """See the protocol."""
        return replace(self, adaptation=adaptation)

    def scorer(self, model: str) -> Scorer:
        """Open a scorer that computes in `compute.dtype`."""
        module = load_score_model(model, self.device, torch_dtype(self.compute.dtype), fresh=False)
        return TorchScorer(
            module,
            load_tokenizer(model),
            torch_dtype(self.compute.dtype),
            micro_tokens_of(self.compute, int(module.config.get_text_config().hidden_size)),
        )


def write_fresh(shape: Mapping[str, Any], folder: Path, seed: int) -> None:
    """Write a new model with random weights in Hugging Face format, the same for the same seed, to start pretraining from."""
    settings = dict(shape)
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.save_pretrained(folder)


SIDE = 1_024  # of a square matrix: larger than a cache, and a tenth of a second on one core
COPY_BYTES = 64 << 20  # bytes
TRIES = 3
LAYERS_BYTES = 32 << 20  # of weights that a measurement goes through


@dataclass(frozen=True)
class Speed:
    """The speed of a machine: `flops` per second by dtype, `bytes_s` read and written by a copy, `launch_s` of an operation on a few
    numbers. `learning_flops` and `decoding_flops`: those of float32 products of many rows and of the rows of a batch with a model's own
    widths, which small models do not fill; 0 if not measured."""

    flops: dict[str, float]
    bytes_s: float
    launch_s: float
    learning_flops: float = 0.0
    decoding_flops: float = 0.0


def measure(device: torch.device, widths: tuple[int, int] = (0, 0), rows: int = 0) -> Speed:
    """Return the best of a few tries of each measurement: other work on the machine only slows it down. `widths`: of a model's hidden
    states and of its feed-forward, for the products of its own; `rows`: those that are sampled at once."""
    flops = {"float32": _products(device, torch.float32), "bfloat16": _products(device, torch.bfloat16)}
    source = torch.ones(COPY_BYTES // 4, device=device)
    target, small = torch.empty_like(source), torch.ones(8, device=device)
    copy_s = _best(lambda: target.copy_(source), device)
    launches = _best(lambda: [small.add_(1) for _ in range(100)], device) / 100
    own = (_linear(device, count, *widths) if all(widths) and count else 0.0 for count in (SIDE, rows))
    return Speed(flops, 2 * COPY_BYTES / copy_s, launches, *own)


def _linear(device: torch.device, rows: int, width: int, inner: int) -> float:
    """Return the operations a second of a linear layer, there and back, on a few copies of the weights, which no cache holds all."""
    hidden, layers = torch.ones(rows, width, device=device), 1 + LAYERS_BYTES // (8 * width * inner)
    up, down = torch.ones(layers, inner, width, device=device), torch.ones(layers, width, inner, device=device)

    def pass_through() -> None:
        for layer in range(layers):
            torch.nn.functional.linear(torch.nn.functional.linear(hidden, up[layer]), down[layer])

    return 4 * layers * rows * width * inner / _best(pass_through, device)


def _products(device: torch.device, dtype: torch.dtype) -> float:
    side = SIDE if device.type == "cpu" else 4 * SIDE
    matrix = torch.ones(side, side, dtype=dtype, device=device)
    return 2 * side**3 / _best(lambda: matrix @ matrix, device)


def _best(work: Callable[[], object], device: torch.device) -> float:
    work()
    return min(_seconds(work, device) for _ in range(TRIES))


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return max(1e-9, time.perf_counter() - began)


@cache
def _leave_modules_alone() -> None:
    """Exempt from garbage collection what exists before the first model: a million objects of PyTorch's and transformers' modules, through
    which a collection would walk several times a rollout."""
    gc.freeze()
