"""Seconds of a rollout or a step on a machine, from few numbers: what it computes a second, what it reads, what a call costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aha.plan.machines import Machine
from aha.plan.memory import WIDTH, Need
from aha.plan.shapes import ModelShape

FILL = 0.5  # of `max_tokens`: how long replies are on average, where nobody has measured
FORWARD, BACKWARD, BACKWARD_WITH_RECOMPUTE = 2, 6, 8  # operations a parameter and token
DECODING_CALLS, LEARNING_CALLS = 30, 110  # operations of a layer in one pass
ENGINE_SHARE = 0.6  # of a device that an engine fills with weights


@dataclass(frozen=True)
class Work:
    """What one rollout does: `replies` of `longest` tokens at most, `fill` of it on average, after `prompt` tokens."""

    replies: int
    prompt: int
    longest: int
    fill: float = FILL

    @property
    def sampled_tokens(self) -> float:
        """New tokens."""
        return self.replies * self.longest * self.fill

    @property
    def learned_tokens(self) -> float:
        """Tokens in the updates."""
        return self.sampled_tokens + self.replies * self.prompt


@dataclass(frozen=True)
class Seconds:
    """Of one rollout, by what takes them."""

    prefill: float = 0.0
    decoding: float = 0.0
    learning: float = 0.0
    handing_over: float = 0.0

    @property
    def total(self) -> float:
        """One after the other."""
        return self.prefill + self.decoding + self.learning + self.handing_over


def engine_group(shape: ModelShape, need: Need, machine: Machine) -> int:
    """How many devices share one engine: a power of two, as few as hold its weights."""
    least = WIDTH[need.dtype] * shape.parameters / (ENGINE_SHARE * machine.usable)
    return min(machine.devices, 1 << max(0, math.ceil(math.log2(max(1.0, least)))))


def seconds(shape: ModelShape, need: Need, machine: Machine, work: Work) -> Seconds:
    """Sampling takes as long as the longest reply at the least, however many devices there are."""
    flops, wide = machine.flops[need.dtype], WIDTH[need.dtype]
    learning = 0.0
    if need.learns:
        operations = (BACKWARD_WITH_RECOMPUTE if need.checkpointing else BACKWARD) + (FORWARD if need.reference else 0)
        passes = max(1.0, work.learned_tokens / max(need.micro_tokens, need.longest) / machine.devices)
        calls = passes * shape.layers * LEARNING_CALLS * machine.launch_s
        learning = operations * shape.active_parameters * work.learned_tokens / (flops * machine.devices) + calls
    if not need.samples:
        return Seconds(learning=learning)
    group = engine_group(shape, need, machine)
    engines = machine.devices // group
    rows = max(1, min(need.rows or work.replies, math.ceil(work.replies / engines)))
    steps = max(work.longest, work.sampled_tokens / engines / rows)
    prefill = FORWARD * shape.active_parameters * work.replies * work.prompt / (flops * machine.devices)
    step = decoding_step(shape, need, machine, rows * (1 if need.rows < work.replies else work.fill), work, group)
    handover = 3 * wide * shape.parameters / machine.devices / machine.bytes_s if need.learns else 0.0
    return Seconds(prefill, steps * step, learning, handover)


def decoding_step(shape: ModelShape, need: Need, machine: Machine, rows: float, work: Work, group: int) -> float:
    """Seconds in which one engine writes a token of each of its rows."""
    wide, flops = WIDTH[need.dtype], machine.flops[need.dtype] * group
    active = shape.parameters if shape.experts and rows * shape.active > shape.experts else shape.active_parameters
    weights = wide * active / (machine.bytes_s * group)
    states = rows * (work.prompt + work.longest * work.fill / 2) * shape.token_states * wide / (machine.bytes_s * group)
    products = FORWARD * shape.active_parameters * rows / flops
    waits = shape.layers * (DECODING_CALLS * machine.launch_s + (machine.link_s if group > 1 else 0.0))
    return max(weights, products) + states + waits
