"""The program that runs vLLM, in an environment of its own: it imports vLLM, torch and the standard library, and nothing of Aha.

Aha starts it with one end of a socket and a piece of shared memory. Both sides speak in frames: the lengths of a JSON object and
of the bytes after it, the object, the bytes. The first frame has the engine's settings; then one request follows another. Token ids are
int32 and log-probabilities float32, both little-endian, after the object. The program ends when the other side is gone.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import socket
import struct
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Any

HEAD = struct.Struct("<IQ")
LARGEST_OBJECT, LARGEST_BODY = 1 << 28, 1 << 40  # bytes of a frame
BEAT_S = 1.0
TRANSFER = "aha"
# vLLM's environment variables: one process, no usage statistics, no compiler that delays the first batch.
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "HF_HUB_OFFLINE": "1",
}
ON_A_CPU = {"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "TORCHDYNAMO_DISABLE": "1"}

Frame = tuple[dict[str, Any], bytes]
Send = Callable[[dict[str, Any], bytes], None]


def send_frame(connection: socket.socket, head: dict[str, Any], body: bytes = b"") -> None:
    """Send an object and the bytes after it."""
    data = json.dumps(head).encode()
    connection.sendall(HEAD.pack(len(data), len(body)) + data)
    if body:
        connection.sendall(body)


def receive_frame(connection: socket.socket) -> Frame:
    """Return the next object and the bytes after it. EOFError if the other side is gone, TimeoutError after the socket's own timeout
    without a byte, ValueError for an invalid frame."""
    size, more = HEAD.unpack(_receive(connection, HEAD.size))
    if size > LARGEST_OBJECT or more > LARGEST_BODY:
        raise ValueError(f"a frame of {size:,} and {more:,} bytes: at most {LARGEST_OBJECT:,} and {LARGEST_BODY:,} are sent")
    head = json.loads(_receive(connection, size))
    return head, _receive(connection, more)


def _receive(connection: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    view, place = memoryview(data), 0
    while place < size:
        count = connection.recv_into(view[place:])
        if not count:
            raise EOFError
        place += count
    return bytes(data)


# --- requests to vLLM's engine ------------------------------------------------------------------------------------------


@dataclass
class EngineHost:
    """The host of vLLM's engine and its weights. `parameters`: vLLM's class of settings for sampling. `memory`: the descriptor of the
    shared memory. `sleeps`: between two loads the engine gives its memory to the learner, which shares its device."""

    engine: Any
    parameters: Any
    memory: int = -1
    sleeps: bool = False
    asleep: bool = False
    opened: bool = False
    requests: int = 0

    def load(self, request: dict[str, Any]) -> None:
        """Load the weights in shared memory, as `request` lists them; nothing cached with other weights is used again."""
        core = self.engine.engine_core.engine_core
        core.pause_scheduler(mode="abort", clear_cache=True)
        if self.asleep:
            self.engine.wake_up(["weights"])
        if not self.opened:
            self.engine.collective_rpc("init_weight_transfer_engine", kwargs={"init_info": {"memory": self.memory}})
            self.opened = True
        self.engine.collective_rpc("start_weight_update")
        self.engine.collective_rpc("update_weights", kwargs={"update_info": {"size": request["size"], "weights": request["weights"]}})
        self.engine.collective_rpc("finish_weight_update")
        self.engine.set_weight_version(str(request["version"]))
        if not self.engine.reset_prefix_cache():
            raise RuntimeError("the prefix cache of the old weights could not be dropped")
        if self.asleep:
            self.engine.wake_up(["kv_cache"])
            self.asleep = False
        core.resume_scheduler()

    def sleep(self) -> None:
        """Free the memory of weights and cache, if the device is shared; `load` or the next request takes it again."""
        if self.sleeps and not self.asleep:
            self.engine.sleep(level=1)
            self.asleep = True

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """Return the log-probability of every token but the first, given those before it, at temperature 1."""
        settings = self.parameters(max_tokens=1, prompt_logprobs=0, detokenize=False, flat_logprobs=True)
        self._add(tokens, settings)
        outputs = [output for _, output in self._outputs()]
        prompt_logprobs = outputs[-1].prompt_logprobs
        places = dict(zip(zip(_positions(prompt_logprobs), prompt_logprobs.token_ids, strict=True), prompt_logprobs.logprobs, strict=True))
        return [places[place, token] for place, token in enumerate(tokens) if place]

    def generate(self, request: dict[str, Any], body: bytes, send: Send, given_up: Callable[[], bool]) -> None:
        """Sample, and send each group as its last reply ends; stop if the other side gives up."""
        if self.asleep:
            self.engine.wake_up()
            self.asleep = False
        ids, start = array("i", body), 0
        places: dict[str, tuple[int, int]] = {}
        for number, (length, seeds) in enumerate(zip(request["lengths"], request["seeds"], strict=True)):
            prompt, start = ids[start : start + length].tolist(), start + length
            for sample, seed in enumerate(seeds):
                places[self._add(prompt, self._settings(request, seed))] = (number, sample)
        groups: dict[int, dict[int, Any]] = {number: {} for number in range(len(request["lengths"]))}
        last_beat = time.monotonic()
        for key, output in self._outputs():
            if output is not None:
                number, sample = places[key]
                groups[number][sample] = output.outputs[0]
                if len(groups[number]) == len(request["seeds"][number]):
                    send(*_group(number, groups.pop(number)))
            if given_up():
                self.engine.abort_request(list(places))
                break
            if time.monotonic() > last_beat + BEAT_S:
                last_beat = time.monotonic()
                send({"kind": "beat"}, b"")
        self.sleep()
        send({"kind": "done"}, b"")

    def _settings(self, request: dict[str, Any], seed: int) -> Any:
        """Return vLLM's sampling settings: only the request's tokens end a reply, and the log-probabilities are those of the sampling
        distribution."""
        return self.parameters(
            seed=seed,
            temperature=request["temperature"],
            top_p=request["top_p"],
            max_tokens=request["max_tokens"],
            stop_token_ids=request["stop"],
            ignore_eos=True,
            logprobs=0,
            detokenize=False,
            flat_logprobs=True,
        )

    def _add(self, prompt: Sequence[int], settings: Any) -> str:
        self.requests += 1
        settings.output_kind = type(settings.output_kind).FINAL_ONLY
        self.engine.add_request(str(self.requests), {"prompt_token_ids": list(prompt)}, settings)
        return str(self.requests)

    def _outputs(self) -> Iterator[tuple[str, Any]]:
        """Yield the outputs of every step of the engine: a finished one, or ("", None) if there is none."""
        while self.engine.has_unfinished_requests():
            outputs = [output for output in self.engine.step() if output.finished]
            yield from ((output.request_id, output) for output in outputs)
            if not outputs:
                yield "", None


def _positions(flat: Any) -> Iterator[int]:
    """Yield the position of each log-probability, from vLLM's lists of where those of a position begin and end."""
    for place, (begin, end) in enumerate(zip(flat.start_indices, flat.end_indices, strict=True)):
        yield from (place for _ in range(begin, end))


def _group(number: int, group: dict[int, Any]) -> tuple[dict[str, Any], bytes]:
    rows, ids, logprobs = [], array("i"), array("f")
    for _, output in sorted(group.items()):
        ids.extend(output.token_ids)
        logprobs.extend(output.logprobs.logprobs)
        spans = [[span.version, span.end - span.start] for span in output.weight_versions or ()]
        rows.append({"tokens": len(output.token_ids), "finished": output.finish_reason, "spans": spans})
    return {"kind": "group", "number": number, "rows": rows}, ids.tobytes() + logprobs.tobytes()


# --- the engine itself --------------------------------------------------------------------------------------------------


def open_engine(settings: dict[str, Any], memory: int) -> EngineHost:
    """Return vLLM's engine on a folder's model, after registering our way to load weights: from shared memory, layer by layer."""
    on_cpu = settings["device"] == "cpu"
    for name, value in (ENVIRONMENT | (ON_A_CPU if on_cpu else {})).items():
        os.environ.setdefault(name, value)
    from vllm import EngineArgs, SamplingParams
    from vllm.config import WeightTransferConfig
    from vllm.distributed.weight_transfer.factory import WeightTransferEngineFactory
    from vllm.v1.engine.llm_engine import LLMEngine

    WeightTransferEngineFactory.register_engine(TRANSFER, transfer_engine())
    more: dict[str, Any] = {"gpu_memory_utilization": settings["memory_share"], "enable_sleep_mode": settings["sleeps"]}
    if on_cpu:  # version 0.32.0 crashes on a request with a seed whose prompt it reads in two parts
        more = {"enable_chunked_prefill": False, "max_num_batched_tokens": max(8192, settings["context"] or 0), "enforce_eager": True}
    engine = LLMEngine.from_engine_args(
        EngineArgs(
            model=settings["model"],
            dtype=settings["dtype"],
            max_num_seqs=settings["rows"],
            load_format="safetensors",
            skip_tokenizer_init=True,
            trust_remote_code=False,
            generation_config="vllm",
            logprobs_mode="processed_logprobs",
            enable_prefix_caching=True,
            disable_log_stats=True,
            seed=0,
            weight_transfer_config=WeightTransferConfig(backend=TRANSFER),
            **more,
        )
    )
    return EngineHost(engine, SamplingParams, memory, settings["sleeps"])


def transfer_engine() -> type:
    """Return the class for vLLM's factory that loads weights from shared memory into the model, in place."""
    import torch
    from vllm.distributed.weight_transfer.base import WeightTransferEngine, WeightTransferInitInfo, WeightTransferUpdateInfo
    from vllm.model_executor.model_loader.reload import finalize_layerwise_reload, initialize_layerwise_reload

    @dataclass
    class MemoryInfo(WeightTransferInitInfo):  # type: ignore[misc]
        """The descriptor of the shared memory."""

        memory: int

    @dataclass
    class ManifestInfo(WeightTransferUpdateInfo):  # type: ignore[misc]
        """The number of bytes, and the name, type, shape and place of each weight."""

        size: int
        weights: list[list[Any]]

    class SharedMemoryTransfer(WeightTransferEngine):  # type: ignore[misc]
        """The loading of weights by layers. On a CPU vLLM packs linear weights and empties the originals, so that only its reload by layers
        changes the weights that compute."""

        init_info_cls, update_info_cls = MemoryInfo, ManifestInfo

        def init_transfer_engine(self, init_info: MemoryInfo) -> None:
            self.memory = init_info.memory

        def start_weight_update(self) -> None:
            initialize_layerwise_reload(self.model)

        def update_weights(self, update_info: dict[str, Any]) -> None:
            self.receive_weights(self.parse_update_info(update_info))
            if torch.accelerator.is_available():
                torch.accelerator.synchronize()

        def receive_weights(self, update_info: ManifestInfo) -> None:
            memory = mmap.mmap(self.memory, update_info.size, mmap.MAP_PRIVATE)
            self.model.load_weights(
                (
                    name,
                    torch.frombuffer(memory, dtype=getattr(torch, dtype), count=prod(shape), offset=place).view(shape).to(self.device),
                )
                for name, dtype, shape, place in update_info.weights
            )

        def finish_weight_update(self) -> None:
            finalize_layerwise_reload(self.model, self.model_config)
            seen = set[int]()
            for layer in self.model.modules():
                weight = layer._parameters.get("weight")
                if weight is not None and id(weight) in seen:  # a tied head keeps a packed copy, which no weight of its own updates
                    layer.quant_method.process_weights_after_loading(layer)
                seen.add(id(weight))

        def shutdown(self) -> None:
            return

    return SharedMemoryTransfer


def main() -> None:
    """Make the engine that the first frame describes and serve the next ones, until the other side is gone or sends `end`."""
    connection, memory = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    own_folder = os.path.dirname(os.path.abspath(__file__))  # Python looks there first, and `openai` of vLLM's environment is another one
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != own_folder]

    def send(head: dict[str, Any], body: bytes) -> None:
        send_frame(connection, head, body)

    def given_up() -> bool:
        if not select.select([connection], [], [], 0)[0]:
            return False
        return bool(receive_frame(connection)[0]["kind"] == "give up")  # or EOFError, which ends the program

    with suppress(EOFError, BrokenPipeError, ConnectionResetError), connection:
        settings, _ = receive_frame(connection)
        host = open_engine(settings, memory)
        send({"kind": "ready"}, b"")
        while True:
            request, body = receive_frame(connection)
            if request["kind"] == "end":
                os._exit(0)  # Python's own cleanup takes vLLM's libraries half a minute
            if request["kind"] == "load":
                start = time.monotonic()
                host.load(request)
                seconds = time.monotonic() - start
                send({"kind": "loaded", "seconds": seconds, "logprobs": host.logprobs(request["probe"])}, b"")
            if request["kind"] == "generate":
                host.generate(request, body, send, given_up)


if __name__ == "__main__":
    main()
