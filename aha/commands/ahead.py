"""All input of a recipe, looked at before anything is computed: also that of stages whose model another one is still to make."""

from __future__ import annotations

from collections.abc import Mapping

from aha.backends.openai_endpoint import Endpoint
from aha.errors import BadInput
from aha.protocols import Backend, Problems, Stage, Tokenizer, is_endpoint
from aha.recipes import Recipe
from aha.sampling.rollouts import problem_tokens
from aha.settings import flatten
from aha.stages.annotate import Annotate
from aha.stages.audit import check_form
from aha.stages.rl import Rl
from aha.stages.room import Room
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.tasks.mixture import MixedProblems
from aha.types import Problem


def check_inputs(recipe: Recipe, backend: Backend) -> None:
    """The models' tokenizers, the servers' addresses, and of each stage the form, the lengths and the domains of what it asks. Models come
    first: a folder that holds none is told in a second, and data may take a minute to read."""
    stages, values = dict(recipe.stages), flatten(recipe.tree)
    for model in dict.fromkeys(str(getattr(stage, "model", "@")) for stage in stages.values()):
        _check_model(model, backend)
    for name, stage in stages.items():
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
    """Return the model that a stage begins from, through all stages that make it: none of them changes its tokenizer. None where that
    cannot be told."""
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
    """BadInput where the template is not the model's, or a prompt leaves no room for the longest reply."""
    check_form(stage.template, tokenizer)
    sizes = {problem.id: len(problem_tokens(stage.template, problem, tokenizer)) for problem in problems}
    Room(tokenizer.context, stage.sampling.max_tokens, "stop", flag=False, why=getattr(tokenizer, "why", "")).check(sizes)


def _check_count(source: Problems, stage: Rl) -> None:
    """BadInput where a source has fewer problems than a rollout asks, or one part of a mix has."""
    if isinstance(source, MixedProblems):
        source.check(stage.questions, stage.seed)
    source.at(0, 0, stage.questions, stage.seed)


def _check_model(model: str, backend: Backend) -> None:
    """What another stage makes is not there yet."""
    if not model.startswith("@"):
        _ = Endpoint.read(model) if is_endpoint(model) else backend.tokenizer(model)
