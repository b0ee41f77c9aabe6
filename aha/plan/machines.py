"""The machine that a plan is made for: this one as the system describes it, or one by name.
The seconds of a rollout or step are estimated from a machine's operations a second, memory bandwidth and cost of a call."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from aha.errors import BadInput
from aha.grading.pool import processors
from aha.lazy import lazy_pattern
from aha.plan.memory import WIDTH, ModelShape, Need

GIB = 1 << 30
USABLE_SHARE = 0.9  # of a device's memory, since allocators leave gaps
CORE = 2.5e10  # float32 operations a second of a CPU core, if it was not measured
SIZES = ("cpu", "24gb", "80gb", "8x80gb", "auto")
MOST_GPUS, MOST_IN_NODE = 1_000_000, 1_024
CLUSTER = lazy_pattern(r"cluster\(nodes=(\d+), *gpus=(\d+)\)")


@dataclass(frozen=True)
class Machine:
    """A machine of `devices` of one kind, `node` of them in one host. `flops`: operations a second of a device by dtype, and `bytes_s`:
    bytes a second of its memory, both as reached in practice; `launch_s`: seconds that one operation costs however small it is; `link_s`:
    seconds per layer that devices wait for each other while they decode one token. `learning_flops` and `decoding_flops`: `flops` in
    float32 of products as narrow as the model's, if they were measured."""

    name: str
    kind: Literal["cpu", "cuda"]
    memory: int
    flops: dict[str, float]
    bytes_s: float
    launch_s: float
    devices: int = 1
    node: int = 1
    link_s: float = 0.0
    measured: bool = False
    learning_flops: float = 0.0
    decoding_flops: float = 0.0

    @property
    def usable(self) -> int:
        """The bytes of one device that a plan may fill."""
        return int(USABLE_SHARE * self.memory)


def _gpu(name: str, gib: float, flops: float, bytes_s: float, devices: int = 1) -> Machine:
    """Return a GPU by its maker's figures: training reaches two fifths of the operations, and reads two thirds of the bandwidth."""
    speed = {"float32": 0.4 * flops / 2, "bfloat16": 0.4 * flops}
    return Machine(name, "cuda", int(gib * GIB), speed, 0.66 * bytes_s, 6e-6, devices, min(devices, 8), 40e-6 if devices > 1 else 0.0)


def machine(name: str) -> Machine:
    """Return the machine of a name: `cpu`, `24gb`, `80gb`, `8x80gb`, `auto` (this one), `local`, `node`, or `cluster(nodes=64, gpus=8)`.
    BadInput for any other."""
    if name in ("cpu", "auto", "local", "laptop"):  # laptop: the earlier name of local
        return this_machine(gpu=name != "cpu")
    if name == "24gb":
        return _gpu("one GPU of 24 GiB", 24, 165e12, 1.0e12)
    if name == "80gb":
        return _gpu("one GPU of 80 GiB", 80, 989e12, 3.35e12)
    if name in ("8x80gb", "node"):
        return gpus(8)
    if match := CLUSTER.fullmatch(name.replace(" ", "").replace(",", ", ")):
        return gpus(int(match[1]) * int(match[2]), int(match[2]))
    if name.startswith("cluster("):
        raise BadInput(f"{name}: a cluster to plan for is written cluster(nodes=64, gpus=8), with 1 or more of each")
    raise BadInput(f"{name or repr(name)}: there is no such machine; there are {', '.join(SIZES)}, node, and cluster(nodes=64, gpus=8)")


def gpus(devices: int, node: int = 8) -> Machine:
    """Return a machine of `devices` GPUs with 80 GiB each, `node` of them in one host. BadInput if there is no such machine."""
    if devices < 1 or node < 1:
        raise BadInput(f"{devices} GPUs, {node} a node: a plan needs 1 or more of both")
    if devices > MOST_GPUS or node > MOST_IN_NODE:
        raise BadInput(
            f"{devices:,} GPUs, {node:,} a node: no cluster has so many; at most {MOST_GPUS:,}, {MOST_IN_NODE:,} a node, are planned"
        )
    gpu = _gpu(f"{devices} GPUs of 80 GiB" if devices > 1 else "one GPU of 80 GiB", 80, 989e12, 3.35e12, devices)
    return replace(gpu, node=node, link_s=gpu.link_s * (1 if devices <= node else 6))


def this_machine(gpu: bool = True) -> Machine:
    """Return this machine without loading anything: its first GPU if there is one and `gpu` is true, else its CPU cores."""
    if gpu and (first_gpu := _first_gpu()):
        return _gpu(*first_gpu)
    flops = {"float32": processors() * CORE, "bfloat16": processors() * CORE / 4}
    return Machine(f"{processors()} cores with {available() / GIB:.1f} GiB free", "cpu", available(), flops, 1e10, 4e-6)


def available() -> int:
    """Return the bytes that a process may still take, by the kernel's own estimate if there is one, and by its control group's limit."""
    size = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        size = int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) << 10
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        size = min(size, int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return max(size, 0)


def _first_gpu() -> tuple[str, float, float, float] | None:
    """Return (name, GiB, operations a second, bytes a second) of the first NVIDIA GPU from its driver's files; no driver is started."""
    with suppress(OSError, StopIteration):
        folder = next(iter(sorted(Path("/proc/driver/nvidia/gpus").iterdir())))
        words = (folder / "information").read_text()
        model = next(line for line in words.splitlines() if line.startswith("Model:")).partition(":")[2].strip()
        for mark, gib, flops, bytes_s in GPUS:
            if mark in model:
                return model, gib, flops, bytes_s
        return model, 24, 165e12, 1.0e12
    return None


GPUS = (  # the driver's name for it, GiB, bfloat16 operations a second, bytes a second
    ("H200", 141, 989e12, 4.8e12),
    ("H100", 80, 989e12, 3.35e12),
    ("H800", 80, 989e12, 3.35e12),
    ("A100", 80, 312e12, 2.0e12),
    ("L40", 48, 181e12, 0.86e12),
    ("4090", 24, 165e12, 1.0e12),
    ("3090", 24, 71e12, 0.94e12),
)


FILL = 0.5  # average length of replies as a share of `max_tokens`, if it was not measured
FORWARD, BACKWARD, BACKWARD_WITH_RECOMPUTE = 2, 6, 8  # operations per parameter and token
DECODING_CALLS, LEARNING_CALLS = 30, 110  # operations of a layer in one pass
ENGINE_SHARE = 0.6  # share of a device that an engine fills with weights
LEARNER_SHARE = 0.85  # of its products' speed that an update reaches, measured on a CPU; what lies between products takes the rest
HOST_S = {"cpu": 3.5e-3, "cuda": 0.0}  # of one decoded token of a batch beside the model: draws and the rows' bookkeeping


@dataclass(frozen=True)
class Work:
    """The size of one rollout: `replies` of at most `longest` tokens, on average `fill` of that, each after `prompt` tokens, which
    `group` replies share."""

    replies: int
    prompt: int
    longest: int
    fill: float = FILL
    group: int = 1

    @property
    def sampled_tokens(self) -> float:
        """The number of new tokens."""
        return self.replies * self.longest * self.fill

    @property
    def learned_tokens(self) -> float:
        """The number of tokens in the updates; a group's prompt is read once."""
        return self.sampled_tokens + self.prompt_tokens

    @property
    def prompt_tokens(self) -> float:
        """The number of tokens in the prompts, each counted once."""
        return self.replies / self.group * self.prompt


@dataclass(frozen=True)
class Seconds:
    """The seconds of one rollout, by part."""

    prefill: float = 0.0
    decoding: float = 0.0
    learning: float = 0.0
    handing_over: float = 0.0

    @property
    def total(self) -> float:
        """The sum of all parts, which run one after the other."""
        return self.prefill + self.decoding + self.learning + self.handing_over


def engine_group(shape: ModelShape, need: Need, machine: Machine) -> int:
    """Return the number of devices that share one engine: the smallest power of two that holds its weights, at most all devices."""
    least = WIDTH[need.dtype] * shape.parameters / (ENGINE_SHARE * machine.usable)
    return min(machine.devices, 1 << max(0, math.ceil(math.log2(max(1.0, least)))))


def seconds(shape: ModelShape, need: Need, machine: Machine, work: Work) -> Seconds:
    """Return the seconds of one rollout or step. Sampling takes at least as long as the longest reply, however many devices there are."""
    flops, wide = machine.flops[need.dtype], WIDTH[need.dtype]
    learning, own = 0.0, machine.learning_flops if need.dtype == "float32" else 0.0
    if need.learns:
        operations = (BACKWARD_WITH_RECOMPUTE if need.checkpointing else BACKWARD) + (FORWARD if need.reference else 0)
        passes = max(1.0, work.learned_tokens / max(need.micro_tokens, need.longest) / machine.devices)
        calls = passes * shape.layers * LEARNING_CALLS * machine.launch_s
        attention = 2 * shape.layers * shape.heads * shape.size * (work.prompt + work.longest * work.fill / 2)  # multiply-adds of a token
        learning = (
            operations * (shape.active_parameters + attention) * work.learned_tokens / ((LEARNER_SHARE * own or flops) * machine.devices)
            + calls
        )
    if not need.samples:
        return Seconds(learning=learning)
    group = engine_group(shape, need, machine)
    engines = machine.devices // group
    rows = max(1, min(need.rows or work.replies, math.ceil(work.replies / engines)))
    steps = max(work.longest, work.sampled_tokens / engines / rows)
    prefill = FORWARD * shape.active_parameters * work.prompt_tokens / (flops * machine.devices)
    step = decoding_step(shape, need, machine, rows * (1 if need.rows < work.replies else work.fill), work, group)
    handover = 3 * wide * shape.parameters / machine.devices / machine.bytes_s if need.learns else 0.0
    return Seconds(prefill, steps * step, learning, handover)


def decoding_step(shape: ModelShape, need: Need, machine: Machine, rows: float, work: Work, group: int) -> float:
    """Return the seconds in which one engine decodes one token of each of its rows."""
    wide, flops = WIDTH[need.dtype], machine.flops[need.dtype] * group
    active = shape.parameters if shape.experts and rows * shape.active > shape.experts else shape.active_parameters
    weights = wide * active / (machine.bytes_s * group)
    states = rows * (work.prompt + work.longest * work.fill / 2) * shape.token_states * wide / (machine.bytes_s * group)
    own = machine.decoding_flops if need.dtype == "float32" else 0.0
    products = FORWARD * shape.active_parameters * rows / (own or flops)
    waits = shape.layers * (DECODING_CALLS * machine.launch_s + (machine.link_s if group > 1 else 0.0))
    return max(weights, products) + states + waits + HOST_S[machine.kind]
