"""A stage on a machine before it runs: memory by part, seconds, whether it fits, and what to turn where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from aha.plan.machines import GIB, Machine
from aha.plan.memory import Memory, Need, memory, need_of
from aha.plan.shapes import ModelShape
from aha.plan.times import Seconds, Work, engine_group, seconds
from aha.protocols import Compute, Stage
from aha.stages.rl import Rl
from aha.stages.sft import Sft

RANK = 16
SMALLEST = 256  # tokens of a micro-batch, below which a device idles


@dataclass(frozen=True)
class Turn:
    """A setting that lowers the peak: what to type, and the peak with it."""

    flag: str
    peak: int


@dataclass(frozen=True)
class StagePlan:
    """What a stage takes on each of the machine's devices. `seconds`: of a rollout of RL, or an optimizer step of imitation."""

    name: str
    shape: ModelShape
    machine: Machine
    need: Need
    memory: Memory
    seconds: Seconds | None
    unit: str
    units: int | None

    @property
    def fits(self) -> bool:
        """Whether the peak is within what a plan may fill."""
        return self.memory.peak <= self.machine.usable

    def turns(self) -> list[Turn]:
        """What to turn where it does not fit, one setting after another on top of the last, until it does; those that help."""
        need, peak, turns = self.need, self.memory.peak, list[Turn]()
        for flag, changes in lighter(need, self.shape):
            changed_need = replace(need, **changes)  # type: ignore[arg-type]
            lighter_peak = memory_on(self.shape, changed_need, self.machine).peak
            if lighter_peak < 0.98 * peak:
                need, peak = changed_need, lighter_peak
                turns.append(Turn(flag, lighter_peak))
            if peak <= self.machine.usable:
                break
        return turns

    def advice(self) -> str:
        """The turns in one line; what is left where no setting is enough."""
        turns = self.turns()
        flags = " ".join({turn.flag.split()[0]: turn.flag for turn in turns}.values())  # of a setting that was turned twice, the last
        if not turns:
            return f"no setting makes it fit: it needs a device with {gib(self.memory.peak / 0.9)}"
        after = turns[-1].peak
        rest = "" if after <= self.machine.usable else f", which is still more than {gib(self.machine.usable)}: use more or larger devices"
        return f"{flags} ({gib(self.memory.peak)} -> {gib(after)}{rest})"


def lighter(need: Need, shape: ModelShape) -> Iterator[tuple[str, dict[str, int | bool | str]]]:
    """Settings that take less memory, the cheapest in time first."""
    micro = need.micro_tokens
    while micro > max(SMALLEST, need.longest):
        micro = max(SMALLEST, need.longest, micro // 2)
        yield f"--compute.micro_tokens {micro}", {"micro_tokens": micro}
    rows = need.cache_size
    while need.samples and rows > 4 * (need.prompt + need.reply):
        rows //= 2
        yield f"--compute.cache_tokens {rows}", {"cache_tokens": rows}
    if need.learns and not need.checkpointing:
        yield "--compute.checkpointing true", {"checkpointing": True}
    if need.dtype == "float32" and need.samples:
        yield "--compute.dtype bfloat16", {"dtype": "bfloat16"}
    if need.learns and not need.rank:
        yield f"--lora.rank {RANK}", {"rank": RANK}
    reply = need.reply
    while need.samples and reply > 1_024:
        reply //= 2
        yield f"--sampling.max_tokens {reply}", {"reply": reply, "longest": need.prompt + reply}
    if need.reference:
        yield "--loss.kl 0", {"reference": False}


def memory_on(shape: ModelShape, need: Need, machine: Machine) -> Memory:
    """Bytes on each device, where all devices share the learner and a group of them each engine."""
    estimate = memory(shape, need, machine.kind, machine.devices)
    if not need.samples:
        return estimate
    engine = estimate.constant["engine"] * machine.devices // engine_group(shape, need, machine)
    return replace(estimate, constant={**estimate.constant, "engine": engine})


def plan_stage(
    name: str, stage: Stage, compute: Compute, shape: ModelShape, machine: Machine, prompt: int | None = None
) -> StagePlan | None:
    """The plan of one stage; None of one that only calculates."""
    need = need_of(stage, compute, machine.kind) if prompt is None else need_of(stage, compute, machine.kind, prompt)
    if need is None:
        return None
    unit, units, work = "step", None, None
    match stage:
        case Rl():
            work = Work(stage.questions * stage.samples, need.prompt, need.reply)
            unit, units = "rollout", stage.rollouts
        case Sft():
            work = Work(stage.batch, 0, stage.max_tokens)
    time = None if work is None else seconds(shape, need, machine, work)
    return StagePlan(name, shape, machine, need, memory_on(shape, need, machine), time, unit, units)


def gib(size: float) -> str:
    """Bytes for a person."""
    return f"{size / GIB:,.1f} GiB" if size >= GIB else f"{ceil(size / (1 << 20)):,} MiB"
