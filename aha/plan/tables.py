"""Tables of the usual sizes on the usual machines, and of the paper's own run beside its published hours."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aha.paper import R1_ZERO_RUN
from aha.plan.machines import Machine, Work, gpus, seconds
from aha.plan.memory import SHAPES, ModelShape, Need
from aha.plan.plan import StagePlan, memory_on

SIZES, COUNTS = ("1.5b", "7b", "32b", "70b"), (1, 8, 64)
REPLIES, PROMPT, LONGEST = 8_192, 256, 32_768
ROLLOUT = Need(
    reference=True,
    dtype="bfloat16",
    micro_tokens=16_384,
    longest=PROMPT + LONGEST,
    checkpointing=True,
    rows=512,
    prompt=PROMPT,
    reply=LONGEST,
)


@dataclass(frozen=True)
class SizeRow:
    """One model on a number of GPUs: bytes on each, if that fits once `turn` is applied, and seconds of a rollout."""

    model: str
    gpus: int
    peak: int
    fits: bool
    seconds: float
    turn: str


@dataclass(frozen=True)
class PaperRow:
    """The paper's run as this plan estimates it, beside the published hours."""

    model: str
    gpus: int
    rollouts: int
    fill: float
    hours: float
    paper_hours: float


def sizes_table() -> list[SizeRow]:
    """Return the rows for 1.5B to 70B on 1, 8 and 64 GPUs."""
    return [size_row(SHAPES[size], gpus(count)) for size in SIZES for count in COUNTS]


def cluster_rows() -> list[SizeRow]:
    """Return the rows for the mixture of experts of 671B on clusters."""
    return [size_row(SHAPES["671b"], gpus(count)) for count in (64, 256, 512)]


def size_row(shape: ModelShape, machine: Machine) -> SizeRow:
    """Return the row of R1-Zero's rollout, with the cache limited to the room that a device has."""
    plan = _plan(shape, _with_cache(shape, ROLLOUT, machine), machine)
    turns = [] if plan.fits else plan.turns()
    fits = plan.fits or bool(turns and turns[-1].peak <= machine.usable)
    need = turns[-1].need if turns and fits else plan.need
    flags = " ".join(plan.flags()) if turns else ""
    turn = flags if fits else f"{flags} is not enough".strip()
    time = seconds(shape, need, machine, Work(REPLIES, PROMPT, need.reply)).total
    return SizeRow(shape.name, machine.devices, plan.memory.peak, fits, time, turn if turns else "")


def paper_row() -> PaperRow:
    """Return the estimate for 512 H800 and 10,400 steps in 650 rollouts, of which those after step 8,200 may be twice as long."""
    run, shape = R1_ZERO_RUN, SHAPES["671b"]
    machine = gpus(run.gpus)
    need = replace(ROLLOUT, rows=REPLIES)
    total = 0.0
    for longest, rollouts in run.lengths:
        work = Work(REPLIES, PROMPT, longest, run.fill)
        time = seconds(shape, replace(need, reply=longest, longest=PROMPT + longest), machine, work)
        total += rollouts * (time.total - time.decoding * (1 - 1 / run.ahead))
    return PaperRow(shape.name, run.gpus, sum(count for _, count in run.lengths), run.fill, total / 3_600, run.hours)


def _with_cache(shape: ModelShape, need: Need, machine: Machine) -> Need:
    """Return the need with a cache of the memory that weights and the rest leave free, at least eight rows."""
    empty = replace(need, cache_tokens=1)
    room = machine.usable - sum(memory_on(shape, empty, machine).constant.values())
    token = memory_on(shape, replace(need, cache_tokens=1_000_000), machine).sampling["cache"] / 1_000_000
    tokens = int(0.9 * room / token) if token else 0
    return replace(need, rows=REPLIES, cache_tokens=max(8 * (need.prompt + need.reply), tokens))


def _plan(shape: ModelShape, need: Need, machine: Machine) -> StagePlan:
    work = Work(REPLIES, PROMPT, need.reply)
    return StagePlan("rl", shape, machine, need, memory_on(shape, need, machine), seconds(shape, need, machine, work), "rollout", None)
