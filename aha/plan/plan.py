"""The plan of a stage on a machine before it runs: memory by part, seconds, if it fits, and which settings to change if not.
`fit` chooses settings for a machine: questions, samples, tokens and how they are computed, so that a recipe fits in its memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from aha.errors import BadInput
from aha.plan.machines import GIB, Machine, Seconds, Work, engine_group, seconds
from aha.plan.memory import PROMPT, Memory, ModelShape, Need, memory, need_of
from aha.protocols import Compute, Stage
from aha.stages.rl import Rl
from aha.stages.sft import Sft
from aha.types import micro_tokens_on

RANK = 16
TOKEN_ON_DISK = 6  # bytes of a sampled token in the table of a group; 5.2 were measured
SMALLEST = 256  # tokens of a micro-batch; with fewer a device idles


@dataclass(frozen=True)
class Turn:
    """A setting that lowers the peak: the flag to type, its changes to the need, and the need and the peak in bytes with it."""

    flag: str
    changes: Mapping[str, Any]
    need: Need
    peak: int


@dataclass(frozen=True)
class StagePlan:
    """The memory and time of a stage on each of the machine's devices. `seconds`: per rollout of RL, or optimizer step of fine-tuning.
    `group_bytes`: the disk that the stored groups of all rollouts take."""

    name: str
    shape: ModelShape
    machine: Machine
    need: Need
    memory: Memory
    seconds: Seconds | None
    unit: str
    units: int | None
    group_bytes: int = 0

    @property
    def fits(self) -> bool:
        """True if the peak is within the memory that a plan may fill."""
        return self.memory.peak <= self.machine.usable

    def turns(self) -> list[Turn]:
        """Return the settings to change if the stage does not fit, each on top of those before, until it does; only those that help."""
        return list(turns_down(self.shape, self.need, self.machine, 0.98))

    def flags(self) -> list[str]:
        """Return the flags of these turns; of a setting that is turned twice, the last value."""
        return list({turn.flag.split()[0]: turn.flag for turn in self.turns()}.values())

    def advice(self) -> str:
        """Return the turns in one line; if no setting is enough, with the memory that is missing."""
        turns = self.turns()
        if not turns:
            return f"no setting makes it fit: it needs a device with {gib(self.memory.peak / 0.9)}"
        after = turns[-1].peak
        rest = "" if after <= self.machine.usable else f", which is still more than {gib(self.machine.usable)}: use more or larger devices"
        return f"{' '.join(self.flags())} ({gib(self.memory.peak)} -> {gib(after)}{rest})"


def turns_down(
    shape: ModelShape, need: Need, machine: Machine, share: float = 1.0, is_free: Callable[[str], bool] = lambda flag: True
) -> Iterator[Turn]:
    """Yield settings to change, each on top of those before, until the peak fits: always the cheapest one that lowers the peak below
    `share` of what it was, since what did not help while learning took the most may help once sampling does."""
    peak = memory_on(shape, need, machine).peak
    while peak > machine.usable:
        turns = (
            Turn(flag, changes, lighter_need, memory_on(shape, lighter_need, machine).peak)
            for flag, changes in lighter(need, machine)
            if is_free(flag)
            for lighter_need in [replace(need, **changes)]  # type: ignore[arg-type]  # fields of Need by name
        )
        turn = next((turn for turn in turns if turn.peak < share * peak), None)
        if turn is None:
            return
        yield turn
        need, peak = turn.need, turn.peak


def lighter(need: Need, machine: Machine) -> Iterator[tuple[str, dict[str, int | bool | str]]]:
    """Yield settings that take less memory, those that cost the least time first; bfloat16 only if the machine is about as fast with it."""
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
    if need.dtype == "float32" and 2 * machine.flops["bfloat16"] >= machine.flops["float32"]:
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
    """Return the bytes on each device if all devices share the learner and a group of them shares each engine."""
    estimate = memory(shape, need, machine.kind, machine.devices)
    if not need.samples:
        return estimate
    engine = estimate.constant["engine"] * machine.devices // engine_group(shape, need, machine)
    return replace(estimate, constant={**estimate.constant, "engine": engine})


def plan_stage(name: str, stage: Stage, compute: Compute, shape: ModelShape, machine: Machine, prompt: int = PROMPT) -> StagePlan | None:
    """Return the plan of one stage; None for a kind of stage that is not planned."""
    if (need := need_of(stage, compute, machine.kind, shape.width, prompt)) is None:
        return None
    unit, units, work, group_bytes = "step", None, None, 0
    match stage:
        case Rl():
            work = Work(stage.questions * stage.samples, need.prompt, need.reply, group=stage.samples)
            unit, units = "rollout", stage.rollouts
            group_bytes = int(_stored_rollouts(stage) * work.sampled_tokens * TOKEN_ON_DISK)
        case Sft():
            work = Work(stage.batch, 0, stage.max_tokens)
    time = None if work is None else seconds(shape, need, machine, work)
    return StagePlan(name, shape, machine, need, memory_on(shape, need, machine), time, unit, units, group_bytes)


def _stored_rollouts(stage: Rl) -> int:
    """Return the number of rollouts whose groups remain on the disk."""
    if stage.keep_groups is None:
        return stage.rollouts
    older = stage.rollouts // stage.keep_groups_every if stage.keep_groups_every else 0
    return min(stage.rollouts, stage.keep_groups + older)


def gib(size: float) -> str:
    """Return a number of bytes as text, in GiB or MiB."""
    return f"{size / GIB:,.1f} GiB" if size >= GIB else f"{ceil(size / (1 << 20)):,} MiB"


SOURCE = "[derived: memory]"
ROLLOUT_S = 600.0  # the longest time of a rollout that can be made smaller
LEAST_QUESTIONS, LEAST_SAMPLES, LEAST_REPLY = 4, 8, 256
GROUPS = 4  # the least in a mini-batch
ROWS = 512


def fit(
    stages: Sequence[tuple[str, Stage]], compute: Compute, shapes: Mapping[str, ModelShape], machine: Machine, fixed_paths: Collection[str]
) -> dict[str, object]:
    """Return the settings by path that make every stage fit; those in `fixed_paths` stay as they are. BadInput if no settings do."""
    dtype = "bfloat16" if machine.kind == "cuda" else "float32"
    micro_tokens = min((micro_tokens_on(machine.kind, shape.width) for shape in shapes.values()), default=SMALLEST)
    values = _free({"compute.dtype": dtype, "compute.micro_tokens": micro_tokens}, fixed_paths)
    compute = _with(compute, values, "compute")
    choices_of = dict[str, dict[str, Any]]()
    for name, original in stages:
        if name not in shapes:  # it has no model of its own
            continue
        sizes = {
            f"{name}.{setting}": value for setting, value in _sizes(name, original, compute, shapes[name], machine, fixed_paths).items()
        }
        values |= _free(sizes, fixed_paths)
        stage = _with(original, values, name)
        plan = plan_stage(name, stage, compute, shapes[name], machine, prompt_of(shapes[name]) if isinstance(stage, Rl) else PROMPT)
        if plan is not None:
            choices_of[name] = _fit(plan, fixed_paths)
            if isinstance(stage, Rl) and choices_of[name]["reply"] < stage.sampling.max_tokens:
                values |= _free({f"{name}.sampling.max_tokens": choices_of[name]["reply"]}, fixed_paths)
    return values | _free(_together(choices_of.values()), fixed_paths)


def _free(values: Mapping[str, object], fixed_paths: Collection[str]) -> dict[str, object]:
    return {path: value for path, value in values.items() if path not in fixed_paths}


def _together(values_by_stage: Collection[Mapping[str, Any]]) -> dict[str, object]:
    """Return the compute settings with which every stage fits."""
    choices: dict[str, Callable[[list[Any]], object]] = {
        "micro_tokens": min,
        "rows": min,
        "cache_tokens": _least_limit,
        "checkpointing": max,
    }
    values = {setting: [choice[setting] for choice in values_by_stage if setting in choice] for setting in choices}
    return {f"compute.{setting}": choices[setting](numbers) for setting, numbers in values.items() if numbers}


def prompt_of(shape: ModelShape) -> int:
    """Return the tokens left for a prompt: at most a quarter of the context."""
    return PROMPT if shape.context is None else min(PROMPT, shape.context // 4)


def _sizes(name: str, stage: Stage, compute: Compute, shape: ModelShape, machine: Machine, fixed_paths: Collection[str]) -> dict[str, Any]:
    """Return the settings that bound how much a stage samples at a time and how long its rows may be."""
    if isinstance(stage, Rl):
        return _rollout_sizes(name, stage, compute, shape, machine, fixed_paths)
    if isinstance(stage, Sft) and shape.context is not None and stage.max_positions is None:
        return {"max_tokens": min(stage.max_tokens, shape.context)}
    return {}


def _rollout_sizes(
    name: str, rl: Rl, compute: Compute, shape: ModelShape, machine: Machine, fixed_paths: Collection[str]
) -> dict[str, Any]:
    """Return the sizes of a rollout: the recipe's own if it takes minutes, else halved until it does."""
    prompt, reply = prompt_of(shape), rl.sampling.max_tokens
    if shape.context is not None and rl.max_positions is None:
        reply = min(reply, shape.context - prompt)
    free = {setting for setting in ("questions", "samples", "sampling.max_tokens") if f"{name}.{setting}" not in fixed_paths}
    reply = reply if "sampling.max_tokens" in free else rl.sampling.max_tokens
    questions, samples = rl.questions, rl.samples
    plan = plan_stage(name, rl, compute, shape, machine, prompt)
    assert plan is not None  # RL always has a plan

    def slow() -> bool:
        need = replace(plan.need, rows=min(ROWS, questions * samples), reply=reply, longest=prompt + reply)
        return seconds(shape, need, machine, Work(questions * samples, prompt, reply, group=samples)).total > ROLLOUT_S

    while slow():
        if "questions" in free and questions > 2 * LEAST_QUESTIONS:
            questions //= 2
        elif "samples" in free and samples > LEAST_SAMPLES:
            samples //= 2
        elif "sampling.max_tokens" in free and reply > 2 * LEAST_REPLY:
            reply //= 2
        elif "questions" in free and questions > LEAST_QUESTIONS:
            questions //= 2
        else:
            break
    return {
        "questions": questions,
        "samples": samples,
        "minibatches": divisor(questions, min(rl.minibatches, max(1, questions // GROUPS))),
        "sampling.max_tokens": reply,
    }


def divisor(questions: int, most: int) -> int:
    """Return the largest number of mini-batches, at most `most`, that divides a rollout's questions evenly."""
    return next(count for count in range(min(most, questions), 0, -1) if questions % count == 0)


def _fit(plan: StagePlan, fixed_paths: Collection[str]) -> dict[str, Any]:
    """Return the values of the stage's need with which it fits; settings that no fit may change keep theirs. BadInput if it cannot fit."""
    values: dict[str, Any] = {"micro_tokens": plan.need.micro_tokens, "checkpointing": plan.need.checkpointing}
    if plan.need.samples:
        values |= {"rows": min(ROWS, plan.need.rows), "cache_tokens": plan.need.cache_tokens, "reply": plan.need.reply}
    need = replace(plan.need, rows=min(ROWS, plan.need.rows))

    def is_free(flag: str) -> bool:
        path = flag.split()[0].removeprefix("--")
        return not {path, f"{plan.name}.{path}"} & {*fixed_paths, "compute.dtype", "lora.rank", "loss.kl"}

    for turn in turns_down(plan.shape, need, plan.machine, is_free=is_free):
        need, values = turn.need, {**values, **turn.changes}
    peak = memory_on(plan.shape, need, plan.machine).peak
    if peak > plan.machine.usable:
        least = replace(plan, need=need, memory=memory_on(plan.shape, need, plan.machine))
        raise BadInput(
            f"--fit: {plan.name} with {plan.shape.name} takes {gib(peak)} at the least on {plan.machine.name}, where "
            f"{gib(plan.machine.usable)} can be filled; {least.advice()}"
        )
    if values.get("cache_tokens"):
        values["rows"] = max(1, min(values["rows"], values["cache_tokens"] // (need.prompt + need.reply)))
    return values


def _least_limit(limits: Sequence[int]) -> int:
    """Return the smallest limit; 0 means no limit."""
    return min((limit for limit in limits if limit), default=0)


def _with(node: Any, values: Mapping[str, object], name: str) -> Any:
    """Return the settings with those of `values` that are directly below `name`, or in its sampling."""
    for path, value in values.items():
        first, _, setting = path.partition(".")
        if first == name and setting == "sampling.max_tokens":
            node = replace(node, sampling=replace(node.sampling, max_tokens=value))
        elif first == name and "." not in setting:
            node = replace(node, **{setting: value}) if setting != "questions" else _with_questions(node, values, name)
    return node


def _with_questions(rl: Rl, values: Mapping[str, object], name: str) -> Rl:
    """Return the stage with questions and mini-batches changed together, since neither fits the other's old value."""
    settings: dict[str, Any] = {
        setting: values[f"{name}.{setting}"] for setting in ("questions", "minibatches") if f"{name}.{setting}" in values
    }
    if "minibatches" not in settings:
        settings["questions"] = max(settings["questions"], rl.minibatches)
    return replace(rl, **settings)
