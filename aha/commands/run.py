"""`aha run` and `aha doctor`: a recipe, from its settings to its report.
All input of a recipe is checked before anything is computed, also for stages whose model another stage has yet to make.
Several observers are combined into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

from aha import pipeline
from aha.backends.checkpoint.folder import model_folder, signature_of
from aha.backends.checkpoint.weights import WeightFiles
from aha.backends.openai.endpoint import Endpoint
from aha.commands.arguments import local_backend
from aha.commands.choose import ResolvedRecipe, RunOptions, complete, frame_of, main_rl
from aha.commands.fitting import fix_kernels, record_plan
from aha.commands.interrupts import Interrupts
from aha.commands.terminal import Terminal
from aha.commands.track import need, track_beside
from aha.doctor import RunMonitor, Signal, doctor_of, preflight
from aha.errors import BadInput, DiskTrouble, FailedBar
from aha.grading import Graders
from aha.grading.sandbox import Tier
from aha.grading.sandbox.attacks import SandboxStatus, sandbox_status
from aha.protocols import Backend, Continue, Observer, Pause, Problems, Stage, Stop, Tokenizer, Verdict, is_endpoint
from aha.recipes import Recipe
from aha.recipes.assembly import derived_lines
from aha.recipes.costs import checkpoint_bytes
from aha.reports import write_report
from aha.rewards import Accuracy
from aha.rundir import Manifest, Record, RunDir, Setting, describe
from aha.rundir.manifest import RECIPE_FILE
from aha.sampling.rollouts import problem_tokens
from aha.settings import flatten
from aha.stages.annotate import Annotate
from aha.stages.audit import check_form
from aha.stages.funnel import table as funnel_table
from aha.stages.problem_checks import Room
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.tasks.mixture import MixedProblems
from aha.types import Code, Group, Problem
from aha.watchdog import Watchdog


class Observers(Observer):
    """Several observers, called in order. The first that says stop is obeyed, else the first that says pause; the signs of all are kept."""

    def __init__(self, *observers: Observer) -> None:
        self.observers = observers

    def heartbeat(self, activity: str) -> None:
        for observer in self.observers:
            observer.heartbeat(activity)

    def begin(self, kind: str, number: int) -> None:
        for observer in self.observers:
            observer.begin(kind, number)

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Verdict:
        verdicts = [observer.rollout(number, metrics, timings, groups) for observer in self.observers]
        strongest = next((verdict for kind in (Stop, Pause) for verdict in verdicts if isinstance(verdict, kind)), Continue())
        return replace(strongest, signs=tuple(sign for verdict in verdicts for sign in verdict.signs))

    def end(self, saved: bool) -> None:
        for observer in self.observers:
            observer.end(saved)


def check_inputs(recipe: Recipe, backend: Backend) -> None:
    """Check the models' tokenizers, the servers' addresses, and for each stage the template, the lengths and the domains of its prompts.
    Models come first: a folder without a model is found in a second, and reading data may take a minute."""
    stages, values = dict(recipe.stages), flatten(recipe.tree)
    for model in dict.fromkeys(str(getattr(stage, "model", "@")) for stage in stages.values()):
        _check_model(model, backend)
    for name, stage in stages.items():
        if isinstance(stage, Rl) and stage.partial and recipe.compute.engine != "torch":
            raise BadInput(f"{name}.partial is True: {recipe.compute.engine} takes no weights while it samples; use engine torch")
        base = base_of(name, stages)
        machine = stage.adaptation.apply(backend) if isinstance(stage, Rl) else backend
        tokenizer = None if base is None or is_endpoint(base) else machine.tokenizer(base)
        try:
            _check_stage(stage, tokenizer, backend)
        except BadInput as error:
            raise BadInput(f"stage {name}: {error}" if len(stages) > 1 else str(error)) from None
    for model in dict.fromkeys(str(value) for path, value in values.items() if path.endswith(".model")):
        _check_model(model, backend)


def base_of(name: str, stages: Mapping[str, Stage]) -> str | None:
    """Return the model that a stage begins from, followed back through the stages that make it, none of which changes its tokenizer; None
    if it is unknown."""
    model = getattr(stages[name], "model", None)
    for _ in stages:
        if not isinstance(model, str) or not model.startswith("@"):
            break
        maker = model[1:].partition("/")[0]
        model = getattr(stages.get(maker), "model", None)
    return model if isinstance(model, str) and not model.startswith(("@", "(")) else None


def _check_stage(stage: Stage, tokenizer: Tokenizer | None, backend: Backend) -> None:
    match stage:
        case Rl():
            ready = stage if tokenizer is None else stage.ready(tokenizer)[0]
            for source in (*stage.sources, *ready.sources):
                _check_count(source, stage)
        case Sample():
            stage.check()
            if tokenizer is not None:
                _check_prompts(stage, stage.problems_to_ask()[0], tokenizer)
        case Annotate():
            problems = stage.problems_to_ask()
            if tokenizer is not None:
                _check_prompts(stage, problems, tokenizer)
        case Sft() if not (stage.model + stage.data).count("@"):
            stage.prepare(backend)
        case Sft() if tokenizer is not None:
            check_form(stage.template, tokenizer)


def _check_prompts(stage: Sample | Annotate, problems: list[Problem], tokenizer: Tokenizer) -> None:
    """Raise BadInput if the template does not suit the model, or a prompt leaves no room for the longest reply."""
    check_form(stage.template, tokenizer)
    sizes = {problem.id: len(problem_tokens(stage.template, problem, tokenizer)) for problem in problems}
    Room(tokenizer.context, stage.sampling.max_tokens, "stop", flag=False, why=getattr(tokenizer, "why", "")).check(sizes)


def _check_count(source: Problems, stage: Rl) -> None:
    """Raise BadInput if a source, or one part of a mix, has fewer problems than a rollout asks."""
    if isinstance(source, MixedProblems):
        source.check(stage.questions, stage.seed)
    source.at(0, 0, stage.questions, stage.seed)


def _check_model(model: str, backend: Backend) -> None:
    """Raise BadInput for a model or server that is not valid, or for weights on this machine that are cut or not all there; a model that
    another stage makes does not exist yet and is not checked."""
    if model.startswith("@"):
        return
    if is_endpoint(model):
        Endpoint.read(model)
        return
    backend.tokenizer(model)
    if Path(model).expanduser().is_dir() and (folder := model_folder(model)).gguf is None:
        WeightFiles(folder)


NOT_REPEATABLE = "not repeatable: replies continue with newer weights as soon as these are available"
FREE = frozenset({"compute"})  # settings that may change when a run is resumed
TABLE = ("pass@1", "lenient", "pass@1_short", "format", "length", "reflection", "mixing")


def run(chosen: ResolvedRecipe, options: RunOptions, terminal: Terminal) -> int:
    """Run the recipe, or resume it, and write the report. All input is checked before a directory is made."""
    complete(chosen.recipe)
    need(options.log)
    out = options.out or Path("runs") / chosen.recipe.name
    chosen = fix_kernels(chosen, out)
    recipe = chosen.recipe
    backend = options.backend or local_backend(recipe.compute)
    check_inputs(recipe, backend)
    models = {model: signature_of(model) for model in _own_models(recipe) if options.backend is None or Path(model).expanduser().exists()}
    manifest_now, free = manifest(chosen, options.argv, models), FREE | {RECIPE_FILE} if chosen.is_changed else FREE
    if RunDir.is_finished(out, manifest_now, free):
        terminal.note(f"{out} is finished; nothing is left to do. To run the same recipe again, give another --out.")
        _conclude(Record(out), terminal)
        return 0
    rundir = RunDir.open(out, manifest_now, free=free, checkpoint_bytes=checkpoint_bytes(recipe.stages))
    try:
        terminal.folder = out
        for problem in _work(recipe, backend, rundir, options, terminal):
            terminal.note(f"note: {problem}")
        _conclude(rundir, terminal)
    finally:
        rundir.close()
    return 0


def _own_models(recipe: Recipe) -> list[str]:
    """Return the models that the recipe's settings name, without servers and models that its stages make."""
    models = [str(value) for path, value in flatten(recipe.tree).items() if path.rpartition(".")[2] == "model" and value is not None]
    return [model for model in dict.fromkeys(models) if not model.startswith(("@", "(")) and not is_endpoint(model)]


def manifest(chosen: ResolvedRecipe, argv: Sequence[str], models: Mapping[str, Mapping[str, str]] = MappingProxyType({})) -> Manifest:
    """Return the manifest: every setting with its source, and the signatures of the models that the run does not make."""
    recipe = chosen.recipe
    settings = {path: Setting(cast(Any, value), recipe.source(path)) for path, value in flatten(recipe.tree).items()}
    seeds = {path: value for path, value in flatten(recipe.tree).items() if path.endswith(".seed") and isinstance(value, int)}
    return describe(
        recipe.name,
        settings,
        seeds=seeds,
        argv=argv,
        source=chosen.source,
        sandbox=sandbox_of(recipe),
        recipe_file=chosen.file,
        frame=frame_of(recipe),
        models=models,
        repeats=NOT_REPEATABLE if any(isinstance(stage, Rl) and stage.partial for _, stage in recipe.stages) else "",
    )


def sandbox_of(recipe: Recipe) -> str | None:
    """Return the tier that the model's programs will run in, opened once to see that it works; None if no problem needs one."""
    for _, stage in recipe.stages:
        if isinstance(stage, Rl):
            code_problems = [
                problem
                for source in stage.sources
                for problem in source.at(0, 0, stage.questions, stage.seed)
                if isinstance(problem.reference, Code)
            ]
            for part in stage.rewards.parts:
                if isinstance(part.reward, Accuracy) and any(map(part.covers, code_problems)):
                    with Graders(sandbox=part.reward.sandbox) as graders:
                        return graders.sandbox().tier
    return None


def _work(recipe: Recipe, backend: Backend, rundir: RunDir, options: RunOptions, terminal: Terminal) -> list[str]:
    """Run the stages with all observers; return the notes of the run directory, such as repairs."""
    rl = main_rl(recipe)
    new = not rundir.metrics()
    if new:
        for line in (*derived_lines(recipe), *_server_notes(recipe)):
            terminal.note(line)
    with ExitStack() as stack:
        interrupts = stack.enter_context(Interrupts(rundir))
        watchdog = stack.enter_context(Watchdog(rundir.root, options.stall_s))
        quiet = Observers(interrupts, watchdog)
        if rl is not None and new and options.preflight:
            for line in preflight(rl, backend, quiet.heartbeat).lines():
                terminal.note(f"doctor: {line}")
        for _, stage in recipe.stages if new else ():
            for line in audit_lines(stage, backend):
                terminal.note(line)
        progress = stack.enter_context(terminal.progress(f"{recipe.name} in {rundir.root}", length_of(recipe.stages, backend)))
        run_monitor = RunMonitor(lambda signal: progress.say(f"doctor: {signal_text(signal)}"), doctor_of(rl))
        observer: Observer = Observers(interrupts, watchdog, progress, run_monitor)
        stack.enter_context(track_beside(rundir.root, options.log))
        with record_plan(recipe, rundir.root):
            pipeline.run(recipe.stages, backend, rundir, observer)
    return rundir.notes


def _server_notes(recipe: Recipe) -> list[str]:
    """Return a line for each server that is named with a model which its list lacks."""
    named = [value for path, value in flatten(recipe.tree).items() if path.rpartition(".")[2] == "model" and isinstance(value, str)]
    if not (servers := [name for name in dict.fromkeys(named) if is_endpoint(name)]):
        return []
    from aha.backends.openai.look import name_notes

    return name_notes(servers)


def audit_lines(stage: Stage, backend: Backend) -> list[str]:
    """Return the findings in the examples of a stage that imitates, or in the problems of an RL stage."""
    match stage:
        case Sft():
            return [f"audit: {line}" for line in stage.prepare(backend)[1].lines()]
        case Rl():
            return [f"problems: {line}" for line in stage.ready(stage.adaptation.apply(backend).tokenizer(stage.model))[1]]
    return []


def length_of(stages: Sequence[tuple[str, Stage]], backend: Backend) -> int | None:
    """Return the number of rollouts, chunks or steps of the first stage that has any; None if it is unknown."""
    for _, stage in stages:
        match stage:
            case Rl():
                return stage.rollouts
            case Sample():
                return stage.chunks
            case Sft():
                return stage.steps(len(stage.prepare(backend)[0]))
    return None


def signal_text(signal: Signal) -> str:
    """Return a sign of trouble as it is printed during the run."""
    return f"{signal.severity}: {signal.line()}"


def _conclude(rundir: Record, terminal: Terminal) -> None:
    report = rundir.root / "report.html"
    try:
        report = write_report(rundir.root)
    except DiskTrouble as error:  # the result is there, and is printed
        terminal.note(f"note: the report was not rewritten: {error}")
    result = rundir.result
    terminal.tell("finished", result=result, report=str(report), run=str(rundir.root))
    for line in table(result):
        terminal.say(line)
    terminal.say(f"report: {report}")


def table(result: Mapping[str, Any]) -> list[str]:
    """Return lines with the base beside zero, if both were measured, or the funnel of samples, if rows were made."""
    if "funnel" in result:
        return funnel_table(result["funnel"])
    if not {"base", "zero"} <= result.keys():
        return []
    rows = [f"{'':14}{'base':>10}{'zero':>10}"]
    for name in TABLE:
        rows.append(f"{name:14}{result['base'][name]:>10.3g}{result['zero'][name]:>10.3g}")
    zero = result["zero"]
    low, high = zero["ci95"]
    rows.append(f"zero's pass@1 lies between {low:.3f} and {high:.3f} (95 %); {zero['problems']} held-out problems, k = {zero['k']}")
    return rows


# --- the doctor before a run -------------------------------------------------------------------------------------------


def examine(choice: ResolvedRecipe, prompts: int, terminal: Terminal) -> int:
    """Sample a few prompts and print what they show. FailedBar, exit code 1, if nothing can be learned."""
    complete(choice.recipe)
    rl = main_rl(choice.recipe)
    if rl is None:
        raise BadInput(f"recipe {choice.recipe.name} has no RL stage: there are no rewards to examine")
    place = _sandbox(rl, prompts)
    for line in place.lines() if place else ():
        terminal.say(line)
    if place is not None and not place.holds:
        raise FailedBar(f"recipe {choice.recipe.name} would run programs in the tier {place.tier}, which does not contain them")
    preflight_signals = preflight(rl, local_backend(choice.recipe.compute), lambda activity: None, prompts=prompts)
    signals = [asdict(signal) for signal in preflight_signals.signals]
    terminal.tell(
        "examined", hopeless=preflight_signals.hopeless, signals=signals, lines=preflight_signals.lines(), sandbox=place and place.tier
    )
    for line in preflight_signals.lines():
        terminal.say(line)
    if preflight_signals.hopeless:
        raise FailedBar(f"recipe {choice.recipe.name} cannot learn as it stands: {next(iter(preflight_signals.signals)).words}")
    return 0


def _sandbox(rl: Rl, prompts: int) -> SandboxStatus | None:
    """Return the status of the sandbox for programs of the recipe's problems; None if these have no code."""
    problems = rl.problems.at(0, 0, min(prompts, rl.questions), rl.seed)
    tier: Tier | Literal["auto"] = next((part.reward.sandbox for part in rl.rewards.parts if isinstance(part.reward, Accuracy)), "auto")
    return sandbox_status([problem.reference for problem in problems], tier)
