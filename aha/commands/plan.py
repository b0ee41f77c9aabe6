"""`aha plan`: memory by part and seconds before a run, and the settings to change if it does not fit."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aha.commands.arguments import recipe_flags
from aha.commands.choose import ResolvedRecipe
from aha.commands.fitting import plans_of, prompt_lengths
from aha.commands.terminal import Command, Terminal, duration, refuse_rest
from aha.commands.train import chosen_recipe
from aha.plan import Machine, StagePlan, gib, machine
from aha.plan.tables import cluster_rows, paper_row, sizes_table


def flags(parser: ArgumentParser) -> None:
    """Add the flags of a recipe with its settings; without a recipe, the table of sizes is printed."""
    recipe_flags(parser, needed=False)
    parser.add_argument(
        "--hardware",
        default="auto",
        metavar="MACHINE",
        help="the machine to plan for: auto (this one), cpu, 24gb, 80gb, 8x80gb, node, 'cluster(nodes=64, gpus=8)'",
    )
    parser.add_argument("--no-measure", action="store_true", help="use typical speeds of such a machine instead of measuring this one")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print the plan of each stage; without a recipe, of the usual sizes on 1, 8 and 64 GPUs and of the paper's run."""
    if arguments.recipe is None:
        refuse_rest(rest)
        return _table(terminal)
    chosen, hardware = chosen_recipe(arguments, rest, runs=False), machine(arguments.hardware)
    plans = plans_of(chosen.recipe, hardware)  # rejects what cannot be planned before anything is measured
    if arguments.hardware in ("auto", "cpu", "local", "laptop") and not arguments.no_measure:
        hardware = with_measures(hardware, plans)
        plans = plans_of(chosen.recipe, hardware, prompt_lengths(chosen.recipe))
    if terminal.json:
        print(json.dumps({"machine": _machine(hardware), "stages": [record(plan) for plan in plans]}, indent=1))
    for line in lines(chosen, hardware, plans):
        terminal.say(line)
    return 0


def with_measures(hardware: Machine, plans: Sequence[StagePlan]) -> Machine:
    """Return the machine with the speeds measured now, those of products for the model of the first plan."""
    import torch

    from aha.backends.local_backend import measure

    device = torch.device(hardware.kind if hardware.kind == "cpu" or torch.cuda.is_available() else "cpu")
    widths, rows = (0, 0), 0
    if plans and device.type == "cpu" and not plans[0].shape.experts:
        widths, rows = (plans[0].shape.width, plans[0].shape.inner), plans[0].need.rows
    return replace(hardware, **vars(measure(device, widths, rows)), measured=True)


def lines(chosen: ResolvedRecipe, hardware: Machine, plans: Sequence[StagePlan]) -> list[str]:
    """Return the plan as lines for a person: the machine, then each stage."""
    flops = ", ".join(f"{rate / 1e9:,.0f} GFLOP/s in {dtype}" for dtype, rate in hardware.flops.items())
    source = "measured now" if hardware.measured else "typical of such machines"
    texts = [f"{chosen.recipe.name} on {hardware.name}: {flops}, {hardware.bytes_s / 1e9:,.1f} GB/s ({source})"]
    if not plans:
        texts.append("no stage of this recipe has a model, so there is no memory to plan")
    for plan in plans:
        texts += ["", *stage_lines(plan)]
    return texts


def stage_lines(plan: StagePlan) -> list[str]:
    """Return the parts, peak and seconds of a stage, and the settings to change, as lines for a person."""
    shape, need, machine = plan.shape, plan.need, plan.machine
    active = f", {shape.active_parameters / 1e9:,.1f} billion of them active per token" if shape.experts else ""
    suffix = f" on each of {machine.devices} devices" if machine.devices > 1 else ""
    texts = [f"{plan.name}: {shape.name}, {shape.parameters / 1e6:,.1f} million parameters{active}; {need.dtype}{suffix}"]
    for title, parts in (
        ("all the time", plan.memory.constant),
        ("while sampling", plan.memory.sampling),
        ("while learning", plan.memory.learning),
    ):
        texts += [f"  {name:22} {gib(size):>12}  {title}" for name, size in parts.items() if size]
    texts.append(f"  {'peak':22} {gib(plan.memory.peak):>12}  of {gib(machine.usable)} that a run may use")
    if plan.group_bytes:
        texts.append(f"  {'groups on disk':22} {gib(plan.group_bytes):>12}  for the whole run; less with --keep_groups")
    if plan.seconds is not None:
        kinds = [("reading", plan.seconds.prefill), ("decoding", plan.seconds.decoding), ("learning", plan.seconds.learning)]
        times = ", ".join(f"{name} {duration(value)}" for name, value in kinds if value)
        run = f"; {plan.units:,} of them {duration(plan.units * plan.seconds.total)}" if plan.units else ""
        replies = " (replies half as long as they may be)" if need.samples else " (rows as long as they may be)"
        texts.append(f"  a {plan.unit} takes about {duration(plan.seconds.total)}: {times}{run}{replies}")
    texts.append("  it fits" if plan.fits else f"  it does not fit; change {plan.advice()}")
    return [*texts, *_type_lines(plan)]


FASTER = 1.2  # times as many operations a second, from which on another type is named


def _type_lines(plan: StagePlan) -> list[str]:
    """Return a line that names the type in which this machine multiplies faster than in the plan's, if there is one."""
    machine, dtype = plan.machine, plan.need.dtype
    if not machine.measured:
        return []
    factor = machine.flops["bfloat16"] / machine.flops["float32"]
    if dtype == "bfloat16" and factor < 1:
        return [f"  bfloat16 is {1 / factor:.1f} times slower than float32 here: it saves memory only (--compute.dtype float32)"]
    if dtype == "float32" and factor >= FASTER:
        return [f"  products in bfloat16 are {factor:.1f} times as fast here, and rounded (--compute.dtype bfloat16)"]
    return []


def record(plan: StagePlan) -> dict[str, Any]:
    """Return the plan of a stage as JSON for a program."""
    return {
        "stage": plan.name,
        "model": plan.shape.name,
        "parameters": plan.shape.parameters,
        "active_parameters": plan.shape.active_parameters,
        "memory": plan.memory.parts,
        "peak": plan.memory.peak,
        "usable": plan.machine.usable,
        "fits": plan.fits,
        "turn": plan.flags() if not plan.fits else [],
        "group_bytes": plan.group_bytes,
        "unit": plan.unit,
        "seconds": None if plan.seconds is None else plan.seconds.total,
    }


def _machine(hardware: Machine) -> dict[str, Any]:
    return {
        "name": hardware.name,
        "devices": hardware.devices,
        "memory": hardware.memory,
        "flops": hardware.flops,
        "bytes_s": hardware.bytes_s,
    }


def _table(terminal: Terminal) -> int:
    rows, paper = [*sizes_table(), *cluster_rows()], paper_row()
    if terminal.json:
        print(json.dumps({"sizes": list(map(vars, rows)), "paper": vars(paper)}, indent=1))
    terminal.say("R1-Zero's rollout (512 x 16 replies of at most 32,768 tokens) by model and number of GPUs of 80 GiB, in bfloat16:")
    terminal.say(f"\n{'model':18}{'GPUs':>6}{'a GPU holds':>14}{'fits':>6}{'s a rollout':>13}   what to change")
    for row in rows:
        size = f"{row.model:18}{row.gpus:>6}{gib(row.peak):>14}{'yes' if row.fits else 'no':>6}"
        terminal.say(f"{size}{row.seconds:>13,.0f}   {row.turn}".rstrip())
    terminal.say(
        f"\nThe paper's own run, as a check: {paper.gpus} H800, {paper.rollouts:,} rollouts of {paper.model}: {paper.hours:,.0f} h "
        f"predicted, {paper.paper_hours:,.0f} h published ({paper.hours / paper.paper_hours:.2f} of it), replies filling {paper.fill:.0%}."
    )
    terminal.say("No row was measured on a GPU: all are computed from the makers' figures: 2/5 of the peak FLOPs, 2/3 of the bandwidth.")
    return 0


COMMAND = Command("estimate a recipe's memory and time before it runs, and name the settings to change", "train", flags, run, settings=True)
