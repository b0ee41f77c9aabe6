"""A recipe is a set of values: named stages in order, and for each setting the source of its value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, cast

from aha.errors import BadInput
from aha.lazy import lazy_pattern
from aha.protocols import Compute, Problems, Stage
from aha.settings import flatten, override, resolve
from aha.types import Problem

Demand = Literal["needed", "optional", "refused"]
FOLDER = lazy_pattern(r"\w[\w .-]{0,99}")  # runs/NAME, and a stage's folder in a store
DEFAULT = "default"
YOURS = "user"
CORRECTION = {"old": "recomputed", "loss.correction": "token-tis"}  # for log-probabilities that differ by more than rounding
FIRST = ("behaviour", "none")  # the values of a stage that corrects nothing
COMMON = {  # settings of every stage that trains; no preset but the students changes them
    "lora": "[ours: none; the paper trains all weights]",
    "max_positions": "[ours: as many as the model knows]",
}


@dataclass(frozen=True)
class Recipe:
    """The stages of a run and their settings. `sources` gives for a path, or for all below it, the source of its value: a section of the
    paper, or `ours` with a reason. `main` names the stage that a path without a stage means if several have it. `follows`: a setting that
    is a multiple of another (`None`: its copy) as long as it is not set. `model` and `problems` say if the person who runs it has to give
    them. `compute`, how the machine is used, is the same for all stages. `apart`: each stage has its own run directory, and settings such
    as `@zero` name what another stage made. `real`: the recipe to run instead if the person gives a model."""

    name: str
    about: str
    stages: tuple[tuple[str, Stage], ...]
    sources: Mapping[str, str] = field(default_factory=dict)
    main: str = ""
    follows: Mapping[str, tuple[str, float | None]] = field(default_factory=dict)
    model: Demand = "optional"
    problems: Demand = "optional"
    compute: Compute = field(default_factory=Compute)
    apart: bool = False
    real: Callable[[], Recipe] | None = None

    def __post_init__(self) -> None:
        names = [name for name, _ in self.stages]
        if not names or len({*names, "compute"}) != len(names) + 1:
            raise BadInput(
                f"recipe {self.name}: its stages are named {names}; it needs one or more, each with a name of its own, none `compute`"
            )
        if unfit := [name for name in (self.name, *names) if not FOLDER.fullmatch(name)]:
            raise BadInput(
                f"recipe {self.name[:100]!r}: {unfit[0][:100]!r} cannot name a folder: letters, digits, spaces and ._- are needed"
            )
        if self.main and self.main not in names:
            raise BadInput(f"recipe {self.name}: its main stage is {self.main!r}, which is none of {names}")

    @property
    def tree(self) -> dict[str, object]:
        """All settings: the stages by name, and `compute`."""
        return {**dict(self.stages), "compute": self.compute}

    @property
    def lead_stage(self) -> str:
        """The name of the main stage, or of the first if there is no main one."""
        return self.main or self.stages[0][0]

    def change(self, changes: Iterable[tuple[str, object]]) -> Recipe:
        """Return the recipe with settings given as text or plain JSON, and those that follow them. BadInput if a value is not possible."""
        pairs = list(changes)
        fewer = self._fewer_minibatches(pairs)
        tree = override(self.tree, [*pairs, *fewer.items()], self.main)
        chosen = {resolve(tree, path, self.main) for path, _ in pairs}
        values = flatten(tree)
        followers = {
            path: _follow(values[path], factor, values[leader])
            for path, (leader, factor) in self.follows.items()
            if leader in chosen and path in values and path not in chosen
        }
        sources: dict[str, str] = {path: f"[derived: as many as there are {path.rpartition('.')[0]}.questions]" for path in fewer}
        sources |= {path: f"[derived: {_factor(self.follows[path][1])}{self.follows[path][0]}]" for path in followers}
        return self._with_tree(override(tree, followers.items()), {**dict.fromkeys(chosen, YOURS), **sources})

    def with_correction(self) -> Recipe:
        """Return the recipe with the importance correction if other code samples than trains, unless a person has set it, even to none."""
        values = flatten(self.tree)
        changes: dict[str, object] = {}
        for name, _ in self.stages if self.compute.engine != "torch" else ():
            corrections = {path: value for part, value in CORRECTION.items() if (path := f"{name}.{part}") in values}
            if not any(self.source(path) == YOURS or values[path] not in FIRST for path in corrections):
                changes |= corrections
        source = f"[derived: engine {self.compute.engine} computes with other code than the learner]"
        return self._with_tree(override(self.tree, changes.items()), dict.fromkeys(changes, source))

    def _fewer_minibatches(self, pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
        """Return mini-batches for stages with fewer questions than mini-batches: a rollout has only so many groups to divide."""
        settings = flatten(self.tree)
        choices = {path.replace("-", "_"): str(value) for path, value in pairs}
        fewer = dict[str, object]()
        for path, before in settings.items():
            stage, _, setting = path.rpartition(".")
            questions = choices.get(f"{stage}.questions", choices.get("questions", "") if self.main in ("", stage) else "")
            own = f"{stage}.minibatches" in choices or "minibatches" in choices
            if setting == "minibatches" and not own and questions.isdecimal() and 0 < int(questions) < int(str(before)):
                fewer[path] = int(questions)
        return fewer

    def put(self, values: Mapping[str, object]) -> Recipe:
        """Return the recipe with values at fields of stages that no text can express: another source of problems, another model."""
        tree = self.tree
        for path, value in values.items():
            name, _, setting = path.partition(".")
            tree[name] = replace(cast(Any, tree[name]), **{setting: value})
        return self._with_tree(tree, dict.fromkeys(values, YOURS))

    def supply(self, problems: Problems) -> Recipe:
        """Return the recipe with these problems wherever some are needed, and in the leading stage."""
        waits = [path for path, value in flatten(self.tree).items() if value == ProblemsNeeded.__name__]
        stages = {name: supply_problems(stage, problems) for name, stage in self.stages}
        sources = dict.fromkeys([*waits, f"{self.lead_stage}.problems"], YOURS)
        recipe = self._with_tree({**self.tree, **stages}, sources)
        return (
            recipe
            if any(path.partition(".")[0] == self.lead_stage for path in waits)
            else recipe.put({f"{self.lead_stage}.problems": problems})
        )

    def _with_tree(self, tree: Mapping[str, object], sources: Mapping[str, str]) -> Recipe:
        stages = tuple((name, cast(Stage, tree[name])) for name, _ in self.stages)
        return replace(self, stages=stages, compute=cast(Compute, tree["compute"]), sources={**self.sources, **sources})

    def source(self, path: str) -> str:
        """Return the source of a setting: the entry of `sources` with the longest path at or above this one, or else a default."""
        names = path.split(".")
        above = (".".join(names[:end]) for end in range(len(names), 0, -1))
        common = COMMON.get(names[1], DEFAULT) if len(names) > 1 else DEFAULT
        return next((self.sources[name] for name in above if name in self.sources), common)

    @property
    def models(self) -> list[str]:
        """The paths of the models that are the same as the main stage's; they change together."""
        values = flatten(self.tree)
        first = values.get(f"{self.lead_stage}.model")
        return [f"{name}.model" for name, _ in self.stages if first is not None and values.get(f"{name}.model") == first]


def _follow(value: object, factor: float | None, leader: object) -> object:
    """Return the new value of a setting that follows `leader`; a change by step keeps its steps."""
    if factor is None:
        return leader
    value_after = round(factor * float(str(leader)))
    return [[step, value_after] for step, _ in value] if isinstance(value, list) else value_after


def _factor(factor: float | None) -> str:
    return "as " if factor in (None, 1.0) else f"{factor:g} x "


NEEDS_MODEL, NEEDS_DATA = "(--model)", "(--data)"
WAITS = lazy_pattern(r"\(--([\w.-]+)\)")


def placeholder(path: str) -> str:
    """Return the text that stands for a value which the person who runs the recipe gives with `--path VALUE`."""
    return f"(--{path})"


def placeholders(values: Mapping[str, object]) -> dict[str, str]:
    """Return the settings that the person has yet to give, by path, each with its flag."""
    matches = {path: WAITS.fullmatch(value) for path, value in values.items() if isinstance(value, str)}
    problems = {path: "problems" for path, value in values.items() if value == ProblemsNeeded.__name__}
    return {path: match[1] for path, match in matches.items() if match} | problems


@dataclass(frozen=True)
class ProblemsNeeded:
    """The placeholder for the problems that the person who runs the recipe gives."""

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        raise BadInput(
            "this recipe brings no problems of its own: give it some with --problems FILE.jsonl or a Hugging Face data set's name"
        )


NEEDS_PROBLEMS = ProblemsNeeded()


def supply_problems(node: object, problems: Problems) -> object:
    """Return the same value with these problems in place of every placeholder for problems."""
    match node:
        case ProblemsNeeded():
            return problems
        case tuple():
            items = tuple(supply_problems(item, problems) for item in node)
            return items if any(new is not old for new, old in zip(items, node, strict=True)) else node
        case _ if is_dataclass(node) and not isinstance(node, type):
            values = {field.name: getattr(node, field.name) for field in fields(node) if field.init}
            new = {name: supply_problems(value, problems) for name, value in values.items()}
            changes = {name: value for name, value in new.items() if value is not values[name]}
            return replace(node, **changes) if changes else node
    return node
