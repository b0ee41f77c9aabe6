"""`aha run`, `show`, `diff`, `doctor` and `pretrain`: recipes on the command line. Heavy modules are loaded when a command runs.
`aha show` and `aha diff` print every value and its source."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aha.backends.hardware import HELP as HARDWARE
from aha.backends.hardware import Hardware, read_hardware
from aha.codec import encode
from aha.commands import graph
from aha.commands.arguments import (
    CliArgs,
    check_files,
    check_machine,
    check_out,
    machine,
    read_args,
    read_settings,
    recipe_file_flags,
    recipe_flags,
)
from aha.commands.choose import ResolvedRecipe, RunOptions, choose, complete
from aha.commands.fitting import fit_recipe
from aha.commands.terminal import FROM_ONE, SECONDS, Command, Terminal, new_folder, refuse_rest
from aha.errors import BadInput
from aha.objectives import Cispo, Grpo, Gspo
from aha.protocols import Backend
from aha.recipes import Recipe
from aha.recipes.assembly import derived_lines
from aha.redact import mask_setting
from aha.settings import flatten
from aha.stages.rl import Rl
from aha.stages.sft import Sft


def show(chosen: ResolvedRecipe, terminal: Terminal) -> int:
    """Print each setting in one line: path, value, source; then what follows from them."""
    recipe = chosen.recipe
    values = masked_settings(recipe)
    if terminal.json:
        settings = {path: {"value": value, "source": recipe.source(path)} for path, value in values.items()}
        print(
            json.dumps(
                {"recipe": recipe.name, "about": recipe.about, "settings": settings, "derived": derived_lines(recipe)},
                ensure_ascii=False,
                indent=1,
            )
        )
        return 0
    terminal.say(f"{recipe.name}: {recipe.about}\n")
    wide, broad = max(map(len, values)), max(len(_text(value)) for value in values.values())
    for path, value in values.items():
        terminal.say(f"{path:{wide}}  {_text(value):{min(broad, 24)}}  {recipe.source(path)}")
    for line in derived_lines(recipe):
        terminal.say(f"\n[derived] {line}")
    return 0


def diff(first: ResolvedRecipe, second: ResolvedRecipe, terminal: Terminal) -> int:
    """Print the settings that differ, each with both sources. The exit code is 0 also if there are some, since that is an answer."""
    before, after = masked_settings(first.recipe), masked_settings(second.recipe)
    paths = [path for path in dict.fromkeys([*before, *after]) if path not in before or path not in after or before[path] != after[path]]
    if terminal.json:
        print(json.dumps({path: [before.get(path), after.get(path)] for path in paths}, ensure_ascii=False, indent=1))
        return 0
    for path in paths:
        terminal.say(path)
        for choice, values in ((first, before), (second, after)):
            line = f"{_text(values[path])}  {choice.recipe.source(path)}" if path in values else "not a setting"
            terminal.say(f"  {choice.recipe.name}: {line}")
    if not paths:
        terminal.say(f"{first.recipe.name} and {second.recipe.name} have the same settings")
    return 0


def masked_settings(recipe: Recipe) -> dict[str, object]:
    """Return every setting, without the keys that a person put into one."""
    return {path: mask_setting(path, value) for path, value in flatten(recipe.tree).items()}


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(":".join(map(str, item)) if isinstance(item, list) else str(item) for item in value)
    return "none" if value is None else str(value)


def chosen_recipe(arguments: Namespace, rest: Sequence[str], runs: bool = True) -> ResolvedRecipe:
    """Return the recipe with the arguments of the command line. BadInput for faults that show before anything heavy is loaded."""
    args = read_args(arguments, rest)
    choice = choose(arguments.recipe, args)
    if arguments.fit is not None:
        choice = fit_recipe(choice, arguments.fit, getattr(arguments, "out", None))
    if runs:
        complete(choice.recipe)
    check_files(choice.recipe, args)
    return choice


def run_flags(parser: ArgumentParser) -> None:
    """Add the flags of `aha run`."""
    recipe_flags(parser)
    parser.add_argument("--out", type=new_folder, metavar="DIR", help="the run's directory (default: runs/RECIPE)")
    parser.add_argument(
        "--stall-s", type=SECONDS, default=1800.0, help="end the run after this many seconds without progress (default: 1800)"
    )
    parser.add_argument("--until", metavar="STAGE", help="run a recipe of several stages up to this stage")
    parser.add_argument("--from", dest="first", metavar="STAGE", help="start at this stage; the stages before it are used as they are")
    parser.add_argument("--dry-run", action="store_true", help="print what would be done and the most that it can cost, and run nothing")
    parser.add_argument("--hardware", default="local", metavar="MACHINE", help=HARDWARE)
    parser.add_argument("--log", choices=("tensorboard", "wandb"), help="send the metrics to this tracker, from a separate process")
    parser.add_argument("--no-preflight", action="store_true", help="skip the check by the doctor before a new run")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Run the recipe, or resume it."""
    hardware = read_hardware(arguments.hardware)
    choice = chosen_recipe(arguments, rest)
    if not choice.recipe.apart:
        if arguments.until or arguments.first or arguments.dry_run:
            raise BadInput(f"--until, --from and --dry-run are for recipes of stages, such as r1; {arguments.recipe} is one run")
        check_out(choice.recipe.name, arguments.out)
    check_ranks(hardware, choice.recipe)
    if not arguments.dry_run:
        check_machine(hardware, choice.recipe.compute)
    if arguments.dry_run or hardware.kind == "local":
        return _run(choice, arguments, terminal, None)
    settings = {path: encode(value, Any) for path, value in flatten(choice.recipe.tree).items()}
    out = arguments.out or Path("runs") / choice.recipe.name
    with machine(hardware, choice.recipe.compute, settings, arguments.stall_s, out, terminal.note) as backend:
        return 0 if backend is None else _run(choice, arguments, terminal, backend)


def check_ranks(hardware: Hardware, recipe: Recipe) -> None:
    """Raise BadInput for a stage that learns in one process only, if the hardware divides its learner over several."""
    alone = hardware.kind == "local" or (hardware.kind == "node" and os.environ.get("WORLD_SIZE") == "1")
    for name, stage in recipe.stages:
        if isinstance(stage, Rl | Sft) and stage.lora.rank and not alone:
            raise BadInput(f"--{name}.lora.rank {stage.lora.rank}: adapters learn on one device; leave --hardware out, or the adapter")
        loss = getattr(stage, "loss", None)
        if isinstance(stage, Rl) and not isinstance(loss, Grpo | Gspo | Cispo) and hardware.kind == "node" and not alone:
            loss_name = getattr(loss, "__name__", type(loss).__name__)
            raise BadInput(
                f"{name}.loss {loss_name}: a loss of your own is not sent to other ranks: leave --hardware out, or take one of ours"
            )


def _run(choice: ResolvedRecipe, arguments: Namespace, terminal: Terminal, backend: Backend | None) -> int:
    options = RunOptions(
        out=arguments.out,
        stall_s=arguments.stall_s,
        preflight=not arguments.no_preflight,
        argv=arguments.argv,
        backend=backend,
        log=arguments.log,
        until=arguments.until,
        first=arguments.first,
        dry=arguments.dry_run,
    )
    if choice.recipe.apart:
        return graph.run(choice, options, terminal)
    from aha.commands.run import run as run_stages

    return run_stages(choice, options, terminal)


def run_show(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print every setting."""
    return show(chosen_recipe(arguments, rest, runs=False), terminal)


def diff_flags(parser: ArgumentParser) -> None:
    """Add the arguments for the two recipes, recipe files or manifests."""
    parser.add_argument("one", metavar="A", help="a recipe, a recipe file (.py), or a run's manifest.json")
    parser.add_argument("other", metavar="B", help="another one")
    recipe_file_flags(parser)


def run_diff(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print the settings that differ."""
    refuse_rest(rest)
    file = CliArgs(file=arguments.file, changed_file=arguments.changed_recipe)
    first, second = (
        choose(name, file if name.endswith(".json") or Path(name).is_dir() else CliArgs()) for name in (arguments.one, arguments.other)
    )
    return diff(first, second, terminal)


def doctor_flags(parser: ArgumentParser) -> None:
    """Add the flags of `aha doctor`."""
    recipe_flags(parser)
    parser.add_argument("--prompts", type=FROM_ONE, default=8, metavar="N", help="how many prompts to sample (default: 8)")


def run_doctor(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Sample a few prompts and print what they show."""
    choice = chosen_recipe(arguments, rest)
    from aha.commands.run import examine

    return examine(choice, arguments.prompts, terminal)


def pretrain_flags(parser: ArgumentParser) -> None:
    """Add the flags of `aha pretrain`."""
    parser.add_argument("model", metavar="tiny")
    parser.add_argument("--out", type=new_folder, metavar="DIR", help="the run's directory")


def run_pretrain(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Make the tiny base model anew."""
    if arguments.model != "tiny":
        raise BadInput(f"{arguments.model}: only the tiny world's base is made here: aha pretrain tiny")
    return graph.pretrain(arguments.out, tuple(read_settings(rest)), arguments.argv, terminal)


RUN = Command("run a recipe, or resume its run; a finished run is left as it is", "train", run_flags, run, settings=True)
SHOW = Command("list every setting of a recipe, its value and where the value comes from", "train", recipe_flags, run_show, settings=True)
DIFF = Command("list the settings that differ between two recipes or runs", "train", diff_flags, run_diff)
DOCTOR = Command("sample a few prompts and report whether the recipe can learn", "train", doctor_flags, run_doctor, settings=True)
PRETRAIN = Command("train the tiny base model from scratch", "train", pretrain_flags, run_pretrain, settings=True)
