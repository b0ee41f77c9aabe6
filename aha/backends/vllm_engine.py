"""Sampling with vLLM, in a process of its own. Weights reach it through shared memory, and a probe tells whether it computes with them."""

from __future__ import annotations

import mmap
import os
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from accelerate import init_empty_weights
from torch import Tensor
from torch.func import functional_call

from aha.backends.checkpoint.config import attention, causal_class, context_of, read_config
from aha.backends.checkpoint.folder import model_folder
from aha.backends.checkpoint.made import quietly
from aha.backends.hf import load_tokenizer, pick_device, torch_dtype
from aha.backends.vllm_process import VllmExit, VllmProcess
from aha.errors import BadInput, FailedBar
from aha.protocols import Ask, Compute, DType, Sampling, Weights
from aha.types import Completion

ALIGNMENT = 64  # bytes
PROBE_TOKENS, PROBE_STEP = 48, 7919  # a row of tokens from all over the vocabulary
MAX_DIFFERENCE = {"float32": 1e-3, "bfloat16": 0.5}  # of one log-probability
MEAN_DIFFERENCE = {"float32": 1e-4, "bfloat16": 0.02}
REPLACEMENTS = 3  # of a worker that ends while one batch is sampled
MEMORY_SHARE = 0.9  # of a GPU that vLLM has to itself; half of it where the learner has its weights there, too


@dataclass
class SharedWeights:
    """A model's weights in memory that another process can map, in the type that it computes in; they stay there for a worker that
    replaces one. `manifest` has of each weight its name, type, shape and place."""

    dtype: torch.dtype
    descriptor: int
    size: int = 0
    manifest: list[list[Any]] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def create(cls, dtype: torch.dtype) -> SharedWeights:
        """Return memory without a weight. BadInput on a system that has none of this kind."""
        if not hasattr(os, "memfd_create"):
            raise BadInput(f"engine vllm: weights are handed over in memory as Linux has it, and this is {sys.platform}; use engine torch")
        return cls(dtype, os.memfd_create("aha-weights"))

    def write(self, weights: Weights) -> None:
        """Copy all weights there, each once."""
        if not self.tensors:
            self._lay_out(weights)
        missing = set(self.tensors)
        with torch.no_grad():
            for name, tensor in weights:
                self.tensors[name].copy_(tensor)
                missing.discard(name)
        if missing:
            raise KeyError(f"weights lack {sorted(missing)[0]} and {len(missing) - 1} more")

    def _lay_out(self, weights: Weights) -> None:
        kind = str(self.dtype).removeprefix("torch.")
        for name, tensor in weights:
            self.manifest.append([name, kind, list(tensor.shape), self.size])
            self.size += -(-tensor.numel() * self.dtype.itemsize // ALIGNMENT) * ALIGNMENT
        os.ftruncate(self.descriptor, self.size)
        memory = mmap.mmap(self.descriptor, self.size)
        for name, _, shape, place in self.manifest:
            count = torch.Size(shape).numel()
            self.tensors[name] = torch.frombuffer(memory, dtype=self.dtype, count=count, offset=place).view(shape)


class VllmEngine:
    """Implements `protocols.Engine` on a folder's model. A worker that ends is replaced, and the prompts that have no reply yet are asked
    again: a seed gives the same reply as before, up to rounding.

    `load_s`: seconds that vLLM took for the weights last handed over. `agreement`: how far the probe's log-probabilities were from the
    learner's then, at most and in the mean."""

    def __init__(self, model: str, compute: Compute, notes: Any = None) -> None:
        folder = model_folder(model)
        if folder.gguf is not None:
            raise BadInput(f"{folder.path}: vLLM reads safetensors only, and this model is GGUF; use engine torch")
        self.config, self.stop, self.compute, self.version = read_config(folder), load_tokenizer(model).stop, compute, 0
        self._kind = causal_class(self.config)
        self._shared_weights = SharedWeights.create(torch_dtype(compute.dtype))
        self._notes = notes or (lambda line: print(line, file=sys.stderr))
        device = pick_device(compute.device).type
        self._settings = {
            "model": str(folder.path),
            "dtype": compute.dtype,
            "rows": compute.rows,
            "context": self.context,
            "device": device,
            "threads": compute.threads,
            "memory_share": MEMORY_SHARE / 2 if device == "cuda" else MEMORY_SHARE,
            "sleeps": device == "cuda",
        }
        self._process = VllmProcess(self._settings, self._shared_weights.descriptor)
        self._probe_model: Any = None
        self.load_s, self.agreement = 0.0, (0.0, 0.0)

    @property
    def context(self) -> int | None:
        """The most tokens of a prompt and its reply, where the model says."""
        return context_of(self.config)

    def load(self, weights: Weights, version: int) -> None:
        """Hand the weights over in place. FailedBar where the engine then computes with others, even after a second time."""
        self._shared_weights.write(weights)
        self.version = version
        self._hand_over()

    def generate(self, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        """Groups as they finish. BadInput if a prompt and `max_tokens` do not fit in the model's context."""
        limits = [sampling.max_tokens if ask.most is None else min(ask.most, sampling.max_tokens) for ask in asks]
        for ask, limit in zip(asks, limits, strict=True):
            if self.context is not None and len(ask.prompt) + limit > self.context:
                raise BadInput(
                    f"a prompt of {len(ask.prompt)} tokens and max_tokens {limit} exceed the model's context of {self.context}: "
                    f"set sampling.max_tokens to {self.context - len(ask.prompt)} or less"
                )
        remainder, replacements = dict(enumerate(asks)), 0
        while remainder:
            limit = limits[next(iter(remainder))]  # a request has one limit: prompts that leave less room have one of their own
            numbers = [number for number in remainder if limits[number] == limit]
            try:
                for place, completions in self._sample([remainder[number] for number in numbers], replace(sampling, max_tokens=limit)):
                    del remainder[numbers[place]]
                    yield numbers[place], completions
            except VllmExit as loss:
                if replacements == REPLACEMENTS:
                    raise FailedBar(f"vLLM's worker ended {replacements + 1} times while one batch was sampled: {loss}") from None
                replacements += 1
                self._notes(f"vLLM's worker was replaced ({loss}); {len(remainder)} of {len(asks)} prompts are asked again")
                self._replace()

    def close(self) -> None:
        """End the worker; more than once does no harm."""
        self._process.close()

    # --- sampling -----------------------------------------------------------------------------------------------------

    def _sample(self, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        request = {
            "kind": "generate",
            "lengths": [len(ask.prompt) for ask in asks],
            "seeds": [ask.seeds for ask in asks],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "stop": self.stop,
        }
        self._process.send(request, array("i", (token for ask in asks for token in ask.prompt)).tobytes())
        done = False
        try:
            while not done:
                answer, body = self._process.receive()
                done = answer["kind"] == "done"
                if answer["kind"] == "group":
                    yield answer["number"], self._completions(answer["rows"], body)
        finally:
            if not done:
                self._give_up()

    def _completions(self, rows: Sequence[dict[str, Any]], body: bytes) -> list[Completion]:
        count = sum(row["tokens"] for row in rows)
        ids, logprobs = array("i", body[: 4 * count]), array("f", body[4 * count :])
        completions, start = [], 0
        for row in rows:
            end = start + row["tokens"]
            versions = {version for version, _ in row["spans"]}
            if self._shared_weights.size and versions != {str(self.version)}:
                raise FailedBar(f"vLLM sampled with weights of version {sorted(versions)}, and those handed over are {self.version}")
            completions.append(Completion(ids[start:end], logprobs[start:end], row["finished"], self.version))
            start = end
        return completions

    def _give_up(self) -> None:
        """Nobody waits for the rest of a batch any more."""
        try:
            self._process.send({"kind": "give up"})
            while self._process.receive()[0]["kind"] != "done":
                continue
        except VllmExit:
            return  # the next request replaces it

    # --- weights ------------------------------------------------------------------------------------------------------

    def _replace(self) -> None:
        self._process.close()
        self._process = VllmProcess(self._settings, self._shared_weights.descriptor)
        if self._shared_weights.size:
            self._hand_over()

    def _hand_over(self) -> None:
        expected = self._expected_logprobs()
        off = self._load_and_compare(expected)
        if off:
            self._notes(f"vLLM did not compute with the weights it was handed ({off}); they are handed over once more")
            off = self._load_and_compare(expected)
        if off:
            raise FailedBar(f"vLLM does not compute with the weights of version {self.version}: {off}; use engine torch for this model")

    def _load_and_compare(self, expected: Tensor) -> str:
        """Return what is wrong with the engine's log-probabilities after it took the weights; nothing where they are right."""
        weights = self._shared_weights
        request = {"kind": "load", "version": self.version, "size": weights.size, "weights": weights.manifest, "probe": self._probe()}
        try:
            self._process.send(request)
            answer, _ = self._process.receive()
        except VllmExit as loss:
            self._notes(f"vLLM's worker was replaced ({loss}) while it took the weights")
            self._process.close()
            self._process = VllmProcess(self._settings, weights.descriptor)
            self._process.send(request)
            answer, _ = self._process.receive()
        self.load_s = float(answer["seconds"])
        logprobs_T = torch.tensor(answer["logprobs"])
        self.agreement = ((logprobs_T - expected).abs().max().item(), (logprobs_T - expected).abs().mean().item())
        return compare_logprobs(logprobs_T, expected, self.compute.dtype)

    def _probe(self) -> list[int]:
        vocabulary = int(self.config.get_text_config().vocab_size)
        most = PROBE_TOKENS if self.context is None else min(PROBE_TOKENS, self.context - 1)
        return [(place + 1) * PROBE_STEP % vocabulary for place in range(most)]

    @torch.inference_mode()
    def _expected_logprobs(self) -> Tensor:
        """Return the probe's log-probabilities as transformers computes them with the weights in shared memory, which are not copied."""
        if self._probe_model is None:
            with quietly(), init_empty_weights(include_buffers=False):
                self._probe_model = self._kind._from_config(
                    self.config, dtype=self._shared_weights.dtype, attn_implementation=self._attention
                )
            self._probe_model.tie_weights()
            self._probe_model.eval()
        tokens_RT = torch.tensor([self._probe()])
        settings = {"input_ids": tokens_RT, "use_cache": False}
        logits_TV: Tensor = functional_call(self._probe_model, self._shared_weights.tensors, (), settings).logits[0].float()
        return logits_TV[:-1].log_softmax(-1).gather(-1, tokens_RT[0, 1:, None])[:, 0]

    @property
    def _attention(self) -> str:
        return attention(self.config, self._kind)


def compare_logprobs(found_T: Tensor, expected_T: Tensor, dtype: DType) -> str:
    """Return how far log-probabilities are from those expected where that is more than rounding in `dtype` explains, else nothing."""
    apart_T = (found_T - expected_T).abs()
    most, mean = apart_T.max().item(), apart_T.mean().item()
    if most <= MAX_DIFFERENCE[dtype] and mean <= MEAN_DIFFERENCE[dtype]:
        return ""
    rounding = f"rounding explains {MAX_DIFFERENCE[dtype]:g} and {MEAN_DIFFERENCE[dtype]:g}"
    return f"log-probabilities are up to {most:.2g} and in the mean {mean:.2g} from the learner's, and {rounding}"
