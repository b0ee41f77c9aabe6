"""The fit of a recipe to the machine: `--fit` before a run, its plan beside it, and a one-line error if memory runs out."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from math import ceil
from pathlib import Path
from statistics import fmean

from aha.commands.choose import ResolvedRecipe
from aha.durable import Disk, read_document, replace_file, seal
from aha.errors import AhaError, BadInput, OutOfMemory
from aha.plan import SOURCE, Machine, ModelShape, StagePlan, fit, machine, plan_stage, read_shape
from aha.plan.memory import PROMPT
from aha.protocols import Stage, is_endpoint
from aha.recipes import Recipe
from aha.recipes.recipe import WAITS, YOURS
from aha.rundir import read_manifest
from aha.sampling.rollouts import problem_tokens
from aha.settings import flatten
from aha.stages.rl import Rl

PLAN = "plan.json"
KERNELS = "compute.kernels"
KERNELS_SOURCE = "[derived: a C++ compiler on this machine, or none]"
OLD_KERNELS = "straight"  # of runs that began before there were others, and of machines without a compiler
FULL = (
    "can't allocate memory",
    "out of memory",
    "Cannot allocate memory",
    "bad_alloc",
)  # torch's messages where it has no error class for it


def fit_recipe(chosen: ResolvedRecipe, name: str | None, out: Path | None) -> ResolvedRecipe:
    """Return the recipe with the settings that make it fit on the machine of this name. A run that was begun keeps its settings."""
    if name is None:
        return chosen
    recipe = chosen.recipe
    values = _derived_before(recipe, out or Path("runs") / recipe.name)
    if values is None:
        fixed_paths = {path for path in flatten(recipe.tree) if recipe.source(path) == YOURS}
        hardware = machine(name)
        values = fit(recipe.stages, recipe.compute, shapes_of(recipe, "--fit"), hardware, fixed_paths)
    new_recipe = recipe.change([(path, value) for path, value in values.items()])
    return replace(chosen, recipe=replace(new_recipe, sources={**new_recipe.sources, **dict.fromkeys(values, SOURCE)}))


def _derived_before(recipe: Recipe, out: Path) -> dict[str, object] | None:
    """Return the settings derived when the run in this directory began, or None if there are none."""
    path = out / "manifest.json"
    if not path.is_file():
        return None
    manifest = read_manifest(path)
    derived_values = {name: setting.value for name, setting in manifest.settings.items() if setting.source == SOURCE}
    paths = flatten(recipe.tree)
    return {name: value for name, value in derived_values.items() if name in paths} or None if manifest.recipe == recipe.name else None


def fix_kernels(chosen: ResolvedRecipe, root: Path) -> ResolvedRecipe:
    """Return the recipe with the kernels that sample on this machine in place of "auto"; a run that was begun keeps its first ones."""
    recipe = chosen.recipe
    if recipe.compute.kernels != "auto" or recipe.compute.engine != "torch":
        return chosen
    from aha.backends.native import steps_for  # imports torch

    first = None
    if (root / "manifest.json").is_file() and (manifest := read_manifest(root / "manifest.json")).recipe == recipe.name:
        setting = manifest.settings.get(KERNELS)
        first = OLD_KERNELS if setting is None else None if setting.value == "auto" else setting.value
    kernels = first or (OLD_KERNELS if steps_for("auto", 0) is None else "compiled")
    new_recipe = recipe.change([(KERNELS, kernels)])
    return replace(chosen, recipe=replace(new_recipe, sources={**recipe.sources, KERNELS: KERNELS_SOURCE}))


def learned_stages(recipe: Recipe) -> list[tuple[str, Stage]]:
    """Return the stages that have a model with weights."""
    models = ((name, stage, getattr(stage, "model", None)) for name, stage in recipe.stages)
    return [(name, stage) for name, stage, model in models if model is not None and not is_endpoint(str(model))]


def shapes_of(recipe: Recipe, flag: str) -> dict[str, ModelShape]:
    """Return the shape of each stage's model; a model made by another stage is as large as the one that stage begins with."""
    shapes, advice = dict[str, ModelShape](), f"{flag}: recipe {recipe.name} needs a model to know how large it is: give it with --model"
    for name, stage in learned_stages(recipe):
        model = str(getattr(stage, "model", ""))
        if not model or WAITS.fullmatch(model):
            raise BadInput(advice)
        before = model[1:].partition("/")[0].partition("#")[0]
        if model.startswith("@") and before in shapes:
            shapes[name] = shapes[before]
        elif not model.startswith("@"):
            shapes[name] = read_shape(model)
    return shapes


def plans_of(recipe: Recipe, hardware: Machine, prompts: Mapping[str, int] | None = None) -> list[StagePlan]:
    """Return the plan of each stage that has a model. `prompts`: the tokens of a prompt by stage, where they are known."""
    shapes, lengths = shapes_of(recipe, "aha plan"), prompts or {}
    stages = [(name, stage) for name, stage in learned_stages(recipe) if name in shapes]
    plans = (plan_stage(name, stage, recipe.compute, shapes[name], hardware, lengths.get(name, PROMPT)) for name, stage in stages)
    return [plan for plan in plans if plan is not None]


def prompt_lengths(recipe: Recipe) -> dict[str, int]:
    """Return the mean tokens of the first prompts of each stage of RL whose model and problems are at hand."""
    from aha.backends.hf import load_tokenizer  # imports torch

    lengths = dict[str, int]()
    for name, stage in learned_stages(recipe):
        if isinstance(stage, Rl) and not stage.model.startswith("@"):
            with suppress(AhaError, OSError):  # the checks of the run say what is wrong
                tokenizer = load_tokenizer(stage.model, stage.max_positions)
                problems = stage.problems.at(0, 0, stage.questions, stage.seed)
                lengths[name] = ceil(fmean(len(problem_tokens(stage.template, problem, tokenizer)) for problem in problems))
    return lengths


@contextmanager
def record_plan(recipe: Recipe, root: Path) -> Iterator[None]:
    """Write the memory and time that a run should take, then its peak, to `plan.json`. OutOfMemory, with advice, if memory runs out."""
    with suppress(BadInput):  # there is no plan for a model of unknown size
        plans = plans_of(recipe, machine("auto" if recipe.compute.device != "cpu" else "cpu"), prompt_lengths(recipe))
        record(root, {"predicted": {plan.name: prediction(plan) for plan in plans}})
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(memory_advice(recipe, root, error)) from error
    finally:
        with suppress(OSError, AhaError):
            record(root, {"peak": peak_bytes()})


def prediction(plan: StagePlan) -> Mapping[str, object]:
    """Return the part of a plan that the report shows."""
    return {
        "parts": plan.memory.parts,
        "peak": plan.memory.peak,
        "unit": plan.unit,
        "seconds": plan.seconds.total if plan.seconds else None,
    }


def record(root: Path, more: Mapping[str, object]) -> None:
    """Add to the run's `plan.json`; the highest peak of all its processes stays."""
    path, values = root / PLAN, dict[str, object]()
    with suppress(AhaError, OSError, AttributeError):  # a damaged file is written again
        values = {name: value for name, value in read_document(path).items() if name != "crc"}
    peaks = [value for value in (values.get("peak"), more.get("peak")) if isinstance(value, int)]
    document = {**values, **more} | ({"peak": max(peaks)} if peaks else {})
    replace_file(Disk(), path, seal(document, indent=2))


def peak_bytes() -> int:
    """Return the most bytes that this process has had: of a GPU's memory if it has used one, else of the machine's."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_reserved())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << (0 if sys.platform == "darwin" else 10)


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if memory ran out, on a GPU, in Python or in torch's CPU allocator."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in FULL)


def memory_advice(recipe: Recipe, root: Path, error: BaseException) -> str:
    """Return the one-line error: which memory ran out, the settings that help, and that the run can be resumed."""
    first = next(iter(str(error).splitlines()), "").strip() or type(error).__name__
    advice = ["--compute.micro_tokens 256", "--compute.checkpointing true"]
    with suppress(BadInput):
        plans: Sequence[StagePlan] = plans_of(recipe, machine("auto" if recipe.compute.device != "cpu" else "cpu"))
        largest = max(plans, key=lambda plan: plan.memory.peak, default=None)
        if largest is not None:
            less = replace(largest.machine, memory=min(largest.machine.memory, int(0.75 * largest.memory.peak)))
            flags = {turn.flag.split()[0]: turn.flag for turn in replace(largest, machine=less).turns()}
            advice = [flag for name, flag in flags.items() if name.startswith("--compute.")] or advice
    flag_text = " ".join(advice)
    return (
        f"memory ran out ({first[:160]}): the same command with {flag_text} goes on from the last checkpoint in {root}; `aha plan` says why"
    )
