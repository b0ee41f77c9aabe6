"""The page of a whole graph: the results of each stage, gathered into values that `reports` draws.
A table of the stages that were evaluated, side by side (as in nature's Table 3)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import quote

from aha.commands.terminal import Terminal, duration
from aha.durable import DOCUMENT, Disk, read_file, replace_file, unseal
from aha.errors import AhaError, BadInput, DiskTrouble
from aha.evals.samples import GradedSample, read_samples
from aha.pipeline import LINEAGE, Graph, Step
from aha.pipeline.fingerprint import Fingerprint, seconds
from aha.pipeline.graph import is_finished, read_lineage
from aha.reports.graph import (
    PAIR,
    AnswerCell,
    ClaimRow,
    MeasuredValue,
    Model,
    QuestionRow,
    StageCard,
    Whole,
    graph_html,
    kind_of,
    last,
    marks_of,
)
from aha.rundir import Record, read_manifest
from aha.rundir.old_names import new_result
from aha.rundir.record import question_lines, samples_file
from aha.types import Abstained

COLUMNS = {  # column of the table -> measure of a result
    "reasoning": "reasoning",
    "instruction": "instruction",
    "consistency": "consistency/reasoning",
    "form": "form/reasoning",
}
DOMAINS = ("countdown", "chain", "program")


def stage_table(results: Mapping[str, Any]) -> list[str]:
    """Return a line for each result of the tiny world's measure, by the name of its stage; empty if there is none."""
    tables = world_results(results)
    if not tables:
        return []
    wide = max(map(len, tables))
    lines = [f"{'':{wide}}" + "".join(f"{name:>13}" for name in (*DOMAINS, *COLUMNS))]
    for name, result in tables.items():
        values = [*(result["categories"].get(domain) for domain in DOMAINS), *(result.get(measure) for measure in COLUMNS.values())]
        lines.append(f"{name:{wide}}" + "".join(f"{value:>13.3f}" if isinstance(value, float) else f"{'?':>13}" for value in values))
    return [*lines, "consistency and form are those of reasoning prompts; intervals are in each stage's result.json"]


def world_results(results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the results of the tiny world by the name of their stage; those of version 0.1 are converted to today's form."""
    rows = {name: result for name, result in results.items() if isinstance(result, dict) and {"pass@1", "instruction"} <= result.keys()}
    return {name: new_result(result) for name, result in rows.items()}


PAGE, LEDGER = "report.html", "graph.json"
MEASURE = "measure-"  # prefix of the name of a stage that measures a model
NUMBERS = 6  # the most numbers of a result, beside its stage
HEADLINES = ("pass@1", "difference")  # the numbers of a result that come first
LAST = {"accuracy": "accuracy", "held_out/agreement": "held-out agreement", "loss": "loss", "step": "steps"}
KINDS = {
    "Rl": "reinforcement learning",
    "Sft": "imitation",
    "Sample": "rows from samples",
    "Annotate": "annotation",
    "Prefer": "preference model",
    "Pretrain": "pre-training",
    "ReinitUnusedEmbeddings": "noise added to unused embeddings",
    "Shrink": "smaller model",
    "Measure": "measured",
    "Evaluate": "measured",
    "Equal": "compared at equal compute",
}
AFTER = {"new": ("done", ""), "changed": ("redone", ""), "begun": ("done", "resumed where it had stopped")}
MOST_ROLLOUTS, MOST_BYTES = 8, 16 << 20  # the most replies that are read for values missing in the metrics


@dataclass(frozen=True)
class StageStatus:
    """A stage, its outcome in this run with the reason, and its run directory."""

    name: str
    kind: str
    state: str
    why: str = ""
    folder: Path | None = None


@dataclass(frozen=True)
class Head:
    """The parts of the page above and below the stages."""

    title: str
    recipe: str
    argv: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    claims: tuple[ClaimRow, ...] = ()


def leave(graph: Graph, steps: Mapping[str, Step], head: Callable[[], Head], page: Path, terminal: Terminal) -> Path | None:
    """Write the page of a graph, finished or not; return None if no stage is finished, or if writing fails, which is only noted, so that a
    picture never fails a run. `steps`: each stage as it was when this run reached it."""
    try:
        stages = [status_of(step, steps.get(step.name)) for step in graph.steps()]
        return write_page(stages, head(), page) if any(status.folder and is_finished(status.folder) for status in stages) else None
    except AhaError as error:
        terminal.note(f"note: {page} was not written: {' '.join(str(error).split())}")
    except Exception as error:
        terminal.note(f"note: {page} was not written; the finished stages are safe")
        terminal.folder = page.parent
        terminal.report_crash(type(error), error, error.__traceback__)
    return None


def status_of(step: Step, before: Step | None) -> StageStatus:
    """Return the outcome of a stage, given its step when this run reached it."""
    kind = type(step.stage).__name__
    if step.state == "kept":
        return StageStatus(step.name, kind, "kept", step.why, step.folder)
    if step.state != "done":
        state = "stopped" if step.state == "begun" else "not begun"
        return StageStatus(step.name, kind, state, "" if state == "stopped" else step.why, step.folder if state == "stopped" else None)
    if before is None or not before.todo:
        return StageStatus(step.name, kind, "skipped", "it was done before", step.folder)
    state, why = AFTER.get(before.state, ("done", ""))
    return StageStatus(step.name, kind, state, before.why if state == "redone" else why, step.folder)


def of_folder(root: Path) -> Path:
    """Write the page of a graph's directory from its files alone, and return its path."""
    notes = unseal(read_file(root / LEDGER, DOCUMENT), indent=2)
    if notes is None:
        raise DiskTrouble(f"{root / LEDGER}: damaged: its checksum differs; delete it and run the same command again: no result is lost")
    order = list(dict.fromkeys(path.partition(".")[0] for path in read_manifest(root / "manifest.json").settings))
    places = {name: place for place, name in enumerate(order)}
    stages = []
    for name in sorted(notes, key=lambda name: places.get(name, len(places))):
        folder = root / name / notes[name].get("done", notes[name]["begun"])
        if (folder / LINEAGE).exists():
            kind = read_lineage(folder)[1].kind.rpartition(".")[2]
            stages.append(StageStatus(name, kind, "done" if is_finished(folder) else "stopped", "", folder))
    return write_page(stages, head_of(root), root / PAGE)


def head_of(root: Path) -> Head:
    """Return the name of the graph and the command that it was run with, from its manifest."""
    manifest = read_manifest(root / "manifest.json")
    start = manifest.created.replace("T", " ").replace("+00:00", " UTC")
    return Head(root.resolve().name, manifest.recipe, manifest.argv, {"begun": start})


def write_page(stages: Sequence[StageStatus], head: Head, page: Path) -> Path:
    """Read the results of the stages, draw them, and write the whole page or nothing."""
    replace_file(Disk(), page, graph_html(page_of(stages, head, page.parent)).encode("utf-8", "backslashreplace"))
    return page


def page_of(stages: Sequence[StageStatus], head: Head, base: Path) -> Whole:
    """Return everything that the page shows; links are relative to `base`."""
    results = {status.name: Record(status.folder).result for status in stages if status.folder and is_finished(status.folder)}
    tables = world_results(results)
    domains = DOMAINS if tables else ()
    stage_parts = tuple(_stage(status, results.get(status.name), base) for status in stages)
    took = sum(seconds(status.folder) for status in stages if status.folder and status.folder.exists())
    return Whole(
        title=head.title,
        recipe=head.recipe,
        facts={"stages done": f"{len(results)} of {len(stages)}", "time": duration(took), **head.facts},
        stages=stage_parts,
        columns=(*domains, *COLUMNS),
        models=tuple(Model(_model(name), _values(result, domains)) for name, result in tables.items()),
        questions=tuple(_questions({status.name: status.folder for status in stages if status.folder and status.name in tables})),
        claims=head.claims,
        argv=head.argv,
    )


# --- a stage ------------------------------------------------------------------------------------------------------------


def _stage(status: StageStatus, result: Mapping[str, Any] | None, base: Path) -> StageCard:
    kind = KINDS.get(status.kind, status.kind)
    if status.folder is None or not status.folder.exists():
        return StageCard(status.name, kind, status.state, status.why)
    place = os.path.relpath(status.folder, base)
    metrics = _metrics(Record(status.folder))
    fingerprint = read_lineage(status.folder)[1] if (status.folder / LINEAGE).exists() else None
    marks, notes = _changes(fingerprint) if fingerprint else ([], [])
    return StageCard(
        name=status.name,
        kind=kind,
        state=status.state,
        why=status.why,
        took=duration(seconds(status.folder)),
        key=status.folder.name,
        place=quote(f"{place}/"),
        report=quote(f"{place}/{PAGE}") if (status.folder / PAGE).exists() else "",
        came=tuple(_came(result or {}, metrics)),
        metrics=tuple(metrics),
        marks=(*marks, *marks_of(metrics)),
        notes=(*notes, *(f"At step {step:,.0f} the probe ended it: {word}." for step, word in marks_of(metrics))),
        funnel=(result or {}).get("funnel"),
    )


def _came(result: Mapping[str, Any], metrics: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the first numbers of a result, in words, or the last metrics of a stage without any."""
    if "funnel" in result:
        return [f"{result['rows']:,} rows"]
    shares = {name: share for name in PAIR if isinstance(share := _share(result.get(name)), float)}
    if shares:
        return [f"{name} {100 * share:.1f} %" for name, share in shares.items()]
    plain = {name: value for name, value in _flat(result) if name != "seconds"} or _newest(metrics)
    figures = sorted(plain.items(), key=lambda item: not item[0].endswith(HEADLINES))[:NUMBERS]
    return [f"{name.replace('_', ' ')} {_display(value)}" for name, value in figures]


def _share(value: Any) -> Any:
    """Return a share; version 0.1 wrote it with its interval."""
    return value.get("value") if isinstance(value, Mapping) else value


def _newest(metrics: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {label: value for name, label in LAST.items() if (value := last(metrics, name)) is not None}


def _flat(result: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    for name, value in result.items():
        match value:
            case bool():
                continue
            case int() | float():
                yield f"{above}{name}", value
            case {"value": float(mean), "low": _, "high": _}:
                yield f"{above}{name}", mean
            case dict() if not above:
                yield from _flat(value, f"{name} ")


def _display(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.3g}"


def _changes(fingerprint: Fingerprint) -> tuple[list[tuple[float, str]], list[str]]:
    """Return the changes within a stage, by its settings: marks as (step, label), and sentences."""
    settings = fingerprint.settings
    marks, notes = list[tuple[float, str]](), list[str]()
    for name, label in (("max_tokens", "tokens allowed"), ("temperature", "temperature"), ("weights", "weight of")):
        for change in _as_list(settings.get(f"schedule.{name}")):
            match change:
                case [*of, int() | float() as step, int() | float() as value]:
                    pass
                case _:
                    raise BadInput(f"schedule.{name}: {str(change)[:60]!r} where a step and a value should be")
            marks.append((float(step), f"{' '.join(map(str, of)) or label} {value:,}"))
            notes.append(f"From step {step:,} on: {' '.join([label, *map(str, of)])} {value:,}.")
    late, steps = settings.get("late.steps"), settings.get("steps")
    if isinstance(late, int) and isinstance(steps, int):
        begins = max(0, steps - late)
        own_prompts = ["prompts of its own"] if settings.get("late.problems") else []
        rewards = [str(name) for name in _as_list(settings.get("late.rewards"))]
        marks.append((float(begins), "late begins"))
        notes.append(f"Only in the last {late:,} of {steps:,} steps, from step {begins:,} on: {', '.join([*rewards, *own_prompts])}.")
    return marks, notes


def _as_list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _metrics(record: Record) -> list[dict[str, float]]:
    """Return the metrics; if a run of several domains did not record the accuracy by domain, it is computed from the replies."""
    metrics = record.metrics()
    if kind_of(metrics) != "reinforcement" or any(name.startswith("accuracy/") for row in metrics for name in row):
        return metrics
    rollouts = {int(metrics[at]["rollout"]) for at in range(0, len(metrics), -(-len(metrics) // MOST_ROLLOUTS))}
    sizes = [record.groups_bytes(rollout) for rollout in rollouts]
    if None in sizes or sum(filter(None, sizes)) > MOST_BYTES:
        return metrics
    ends = (min(rollouts), max(rollouts))
    if len({group.problem.domain for rollout in ends for group in record.read_groups(rollout)}) < 2:
        return metrics
    return [{**row, **(_by_domain(record, int(row["rollout"])) if row["rollout"] in rollouts else {})} for row in metrics]


def _by_domain(record: Record, rollout: int) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for group in record.read_groups(rollout):
        parts = [part.value for score in group.scores for part in score.parts if part.name == "accuracy"]
        values.setdefault(f"accuracy/{group.problem.domain}", []).extend(value for value in parts if not isinstance(value, Abstained))
    return {name: fmean(series) for name, series in values.items() if series}


# --- models -------------------------------------------------------------------------------------------------------------


def _model(stage: str) -> str:
    return stage.removeprefix(MEASURE)


def _values(result: Mapping[str, Any], domains: Sequence[str]) -> dict[str, MeasuredValue]:
    intervals = result.get("intervals", {})
    values = {domain: _value(result["categories"].get(domain), intervals["categories"].get(domain)) for domain in domains}
    values |= {name: _value(result.get(measure), intervals.get(measure)) for name, measure in COLUMNS.items()}
    return {name: value for name, value in values.items() if value is not None}


def _value(value: Any, interval: Any) -> MeasuredValue | None:
    """Return a share with its interval, if it has one."""
    if not isinstance(value, float):
        return None
    match interval:
        case [float(low), float(high)]:
            return MeasuredValue(value, low, high)
    return MeasuredValue(value)


def _questions(folders: Mapping[str, Path]) -> Iterator[QuestionRow]:
    """Yield the first held-out prompt of each domain and language that every model was asked."""
    paths = {name: path for name, folder in folders.items() if samples_file(path := folder / "evals" / "tiny-world") is not None}
    samples = {name: {sample.problem: sample for sample in read_samples(path) if sample.sample == 0} for name, path in paths.items()}
    questions = question_lines(next(iter(paths.values()))) if paths else {}
    seen = set[tuple[str, str]]()
    for problem, question in questions.items():
        kind = (question["category"], question["language"])
        if kind not in seen and all(problem in by_problem for by_problem in samples.values()):
            seen.add(kind)
            answers = tuple(_answer(name, by_problem[problem]) for name, by_problem in samples.items())
            yield QuestionRow(*kind, question["prompt"], answers)


def _answer(stage: str, sample: GradedSample) -> AnswerCell:
    general = "instruction" in sample.measures
    kept = sample.measure("form/general" if general else "form/reasoning") == 1.0
    return AnswerCell(_model(stage), sample.text, sample.tokens or 0, sample.grade or 0.0, kept, general)
