"""Sampling with vLLM, in a process of its own. Weights reach it through shared memory, and a probe checks that it computes with them.

The process runs `vllm_worker` in vLLM's own environment.
"""

from __future__ import annotations

import mmap
import os
import socket
import subprocess
import sys
import tempfile
import weakref
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import torch
from accelerate import init_empty_weights
from torch import Tensor
from torch.func import functional_call

from aha.backends.checkpoint.config import attention, causal_class, context_of, read_config
from aha.backends.checkpoint.folder import ModelFolder, model_folder
from aha.backends.checkpoint.formats import quietly
from aha.backends.checkpoint.weights import weight_files
from aha.backends.hardware import vllm_python
from aha.backends.hf import load_tokenizer, pick_device, torch_dtype
from aha.backends.vllm_worker import Frame, receive_frame, send_frame
from aha.errors import BadInput, FailedBar, Stall
from aha.lazy import lazy_pattern
from aha.plain import one_line, plain
from aha.protocols import Ask, Compute, DType, Sampling, Weights
from aha.types import Completion

WORKER = Path(__file__).with_name("vllm_worker.py")
START_S = 900.0  # for imports, loading the weights, and the first measurement of memory, on a shared machine
STEP_S = 600.0  # the longest time between two signs of life
ENDING_S = 10.0
LAST_WORDS = 400
NOISE = lazy_pattern(r"^\s|^Traceback|^$|WARNING|INFO|Warning:|^\[W")  # lines of vLLM's output to ignore


def with_own_files(folder: ModelFolder) -> tempfile.TemporaryDirectory[str] | None:
    """Return a folder of links to the model's own files, or None if it has no others: vLLM takes every .safetensors for weights, and a
    checkpoint also has those of the optimizer."""
    weights = {path.name for path in weight_files(folder)}
    files = [path for path in folder.path.iterdir() if path.is_file()]
    if all(path.name in weights for path in files if path.suffix == ".safetensors"):
        return None
    directory = tempfile.TemporaryDirectory(prefix="aha-model-")
    for path in files:
        if path.suffix != ".safetensors" or path.name in weights:
            Path(directory.name, path.name).symlink_to(path.absolute())
    return directory


class VllmExit(Exception):
    """The worker ended before it answered; the message is its last line."""


class VllmProcess:
    """A process with vLLM's engine. Raises BadInput if vLLM does not support the model."""

    def __init__(self, settings: dict[str, Any], memory: int) -> None:
        own_socket, worker_socket = socket.socketpair()
        self.connection, self._words = own_socket, tempfile.TemporaryFile()  # noqa: SIM115 (it is closed with the process)
        with worker_socket:
            self.process = subprocess.Popen(
                [str(vllm_python()), "-u", str(WORKER), str(worker_socket.fileno()), str(memory)],
                pass_fds=(worker_socket.fileno(), memory),
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
                env=_environment(settings["threads"]),
                start_new_session=True,  # ctrl-C is for Aha, which ends this process itself
            )
        self._end = weakref.finalize(self, _end, self.process, own_socket, self._words)
        try:
            self.send(settings)
            self.receive(START_S)
        except VllmExit as loss:
            self.close()
            raise BadInput(f"{plain(settings['model'])}: vLLM does not take this model: {loss}") from None

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Send a request. VllmExit if the process is gone or does not take it in time."""
        try:
            self.connection.settimeout(STEP_S)
            send_frame(self.connection, head, body)
        except OSError:
            raise VllmExit(self.last_words()) from None

    def receive(self, seconds: float = STEP_S) -> Frame:
        """Return the next answer. VllmExit if the process has ended, Stall if it is silent for so long."""
        self.connection.settimeout(seconds)
        try:
            return receive_frame(self.connection)
        except TimeoutError:
            self.close()
            raise Stall(f"vLLM was silent for {seconds:g} s and was ended: {self.last_words()}") from None
        except (EOFError, OSError, ValueError):
            raise VllmExit(self.last_words()) from None

    def last_words(self) -> str:
        """Return the last meaningful line of the process's output, and its exit status."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1.0)
        code = self.process.poll()
        ending = "it is still there" if code is None else f"it ended with signal {-code}" if code < 0 else f"it ended with code {code}"
        with suppress(ValueError, OSError):
            self._words.seek(max(0, self._words.seek(0, os.SEEK_END) - (1 << 14)))
            lines = self._words.read().decode("utf-8", "replace").splitlines()
            words = [line for line in lines if not NOISE.search(line)]
            return f"{ending}: {one_line(words[-1], LAST_WORDS)}" if words else f"{ending} and said nothing"
        return ending

    def close(self) -> None:
        """Ask the process to end, and kill it if it does not; further calls do nothing."""
        self._end()


def _end(process: subprocess.Popen[bytes], connection: socket.socket, words: IO[bytes]) -> None:
    with suppress(OSError):
        connection.settimeout(1.0)
        send_frame(connection, {"kind": "end"})
    connection.close()
    try:
        process.wait(timeout=ENDING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=ENDING_S)
    words.close()


def _environment(threads: int) -> dict[str, str]:
    """Return Aha's environment without the variables that would make the other interpreter read Aha's packages."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    return environment | ({"OMP_NUM_THREADS": str(threads)} if threads else {})


ALIGNMENT = 64  # bytes
PROBE_TOKENS, PROBE_STEP = 48, 7919  # a row of tokens spread over the vocabulary
MAX_DIFFERENCE = {"float32": 1e-3, "bfloat16": 0.5}  # the largest difference of one log-probability
MEAN_DIFFERENCE = {"float32": 1e-4, "bfloat16": 0.02}
LAST_DIGIT = 2.0**-8  # of a number in bfloat16, as a share of it: logits of 30 are 0.1 apart
REPLACEMENTS = 3  # the most replacements of a worker during one batch
MEMORY_SHARE = 0.9  # the share of a GPU that vLLM has to itself; half of it if the learner uses that GPU, too


@dataclass
class SharedWeights:
    """A model's weights in memory that another process can map, in its type of computation; they stay there for a replaced worker.
    `manifest` has the name, type, shape and place of each weight."""

    dtype: torch.dtype
    descriptor: int
    size: int = 0
    manifest: list[list[Any]] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def create(cls, dtype: torch.dtype) -> SharedWeights:
        """Return memory without a weight. BadInput on a system without such memory."""
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
    """Implements `protocols.Engine` on a folder's model. A worker that ends is replaced, and gets the unfinished prompts again: a seed
    gives the same reply as before, up to rounding.

    `load_s`: seconds that vLLM took for the last weights. `agreement`: the largest and the mean difference between the probe's
    log-probabilities and the learner's at that time."""

    def __init__(self, model: str, compute: Compute, notes: Any = None) -> None:
        folder = model_folder(model)
        if folder.gguf is not None:
            raise BadInput(f"{folder.path}: vLLM reads safetensors only, and this model is GGUF; use engine torch")
        self.config, self.stop, self.compute, self.version = read_config(folder), load_tokenizer(model).stop, compute, 0
        self._kind = causal_class(self.config)
        self._shared_weights = SharedWeights.create(torch_dtype(compute.dtype))
        self._notes = notes or (lambda line: print(line, file=sys.stderr))
        device = pick_device(compute.device).type
        self._own_files = with_own_files(folder)
        self._settings = {
            "model": str(folder.path) if self._own_files is None else self._own_files.name,
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
        """The most tokens of a prompt and its reply, if the model says so."""
        return context_of(self.config)

    def load(self, weights: Weights, version: int) -> None:
        """Hand the weights over in place. FailedBar if the engine computes with others, even after a second try."""
        self._shared_weights.write(weights)
        self.version = version
        self._hand_over()

    def generate(self, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        """Yield groups as they finish. BadInput if a prompt and `max_tokens` do not fit in the model's context."""
        limits = [sampling.max_tokens if ask.most is None else min(ask.most, sampling.max_tokens) for ask in asks]
        for ask, limit in zip(asks, limits, strict=True):
            if self.context is not None and len(ask.prompt) + limit > self.context:
                raise BadInput(
                    f"a prompt of {len(ask.prompt)} tokens and max_tokens {limit} exceed the model's context of {self.context}: "
                    f"set sampling.max_tokens to {self.context - len(ask.prompt)} or less"
                )
        remainder, replacements = dict(enumerate(asks)), 0
        while remainder:
            limit = limits[next(iter(remainder))]  # a request has one limit: prompts that leave less room are a request of their own
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
        """End the worker; further calls do nothing."""
        self._process.close()
        if self._own_files is not None:
            self._own_files.cleanup()

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
        """Cancel the rest of a batch."""
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

    def _load_and_compare(self, expected: tuple[Tensor, float]) -> str:
        """Return the problem of the engine's log-probabilities after it took the weights; empty if they are right."""
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
        apart_T = (logprobs_T - expected[0]).abs()
        self.agreement = (apart_T.max().item(), apart_T.mean().item())
        return compare_logprobs(logprobs_T, *expected, self.compute.dtype)

    def _probe(self) -> list[int]:
        vocabulary = int(self.config.get_text_config().vocab_size)
        most = PROBE_TOKENS if self.context is None else min(PROBE_TOKENS, self.context - 1)
        return [(place + 1) * PROBE_STEP % vocabulary for place in range(most)]

    @torch.inference_mode()
    def _expected_logprobs(self) -> tuple[Tensor, float]:
        """Return the probe's log-probabilities as transformers computes them with the weights in shared memory, which are not copied, and
        the mean of the largest logits."""
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
        return logits_TV[:-1].log_softmax(-1).gather(-1, tokens_RT[0, 1:, None])[:, 0], logits_TV.abs().amax(-1).mean().item()

    @property
    def _attention(self) -> str:
        return attention(self.config, self._kind)


def compare_logprobs(found_T: Tensor, expected_T: Tensor, largest: float, dtype: DType) -> str:
    """Return the difference of log-probabilities in words if rounding in `dtype` does not explain it, else an empty text. `largest`: the
    size of the largest logits, of which bfloat16 keeps eight binary digits."""
    apart_T = (found_T - expected_T).abs()
    most, mean = apart_T.max().item(), apart_T.mean().item()
    bounds = MAX_DIFFERENCE[dtype], MEAN_DIFFERENCE[dtype]
    if dtype == "bfloat16":
        bounds = max(bounds[0], 8 * LAST_DIGIT * largest), max(bounds[1], LAST_DIGIT * largest)
    if most <= bounds[0] and mean <= bounds[1]:
        return ""
    rounding = f"rounding explains {bounds[0]:.2g} and {bounds[1]:.2g}"
    return f"log-probabilities are up to {most:.2g} and in the mean {mean:.2g} from the learner's, and {rounding}"
