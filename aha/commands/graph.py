"""`aha run` of a recipe whose stages build on each other: finished stages are skipped, and a finished graph says so at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aha.codec import encode
from aha.commands.choose import ResolvedRecipe, RunOptions, complete
from aha.commands.graph_page import stage_table
from aha.commands.terminal import Terminal, duration
from aha.durable import Disk, Lock, disk_errors, replace_file, seal
from aha.errors import BadInput, DiskTrouble
from aha.pipeline import Graph, Step
from aha.pipeline.fingerprint import seconds
from aha.recipes.costs import Costs, costs
from aha.recipes.zero import CONTEXT, SHAPE, tiny_base
from aha.rundir import Manifest, Record, read_manifest
from aha.stages.pretrain import Pretrain
from aha.tasks import vocabulary

STATE_WORDS = {"done": "done", "kept": "kept", "begun": "goes on", "new": "new", "changed": "again", "waits": "waits"}


def run(choice: ResolvedRecipe, options: RunOptions, terminal: Terminal) -> int:
    """Run the stages that are not done yet, each from its settings to its result."""
    recipe = choice.recipe
    complete(recipe)
    root = options.out or Path("runs") / recipe.name
    refuse_strangers(root, recipe.name)
    graph = Graph(recipe.stages, root)
    steps = list(graph.steps(options.until, options.first))
    if options.dry:
        return _show(choice, graph, steps, terminal)
    if not any(step.todo for step in steps):
        terminal.note(f"nothing to do: {_all_of(len(steps))} done, in {root}")
        conclude(graph, options, root, terminal, _page_again(graph, root, terminal))
        return 0
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    lock = Lock(root / "lock")
    try:
        seen: dict[str, Step] = {}
        _run_with_page(choice, graph, options, root, terminal, seen)
        conclude(graph, options, root, terminal, _page(graph, seen, root, terminal))
    finally:
        lock.release()
    return 0


def _run_with_page(
    choice: ResolvedRecipe, graph: Graph, options: RunOptions, root: Path, terminal: Terminal, steps: dict[str, Step]
) -> None:
    """Run the stages; if one of them ends the run with an error, the page of the finished stages is written too."""
    try:
        _work(choice, graph, options, root, terminal, steps)
    except BaseException:
        if steps and (page := _page(graph, steps, root, terminal)) is not None:
            terminal.note(f"report so far: {page}")
        raise


def _page_again(graph: Graph, root: Path, terminal: Terminal) -> Path | None:
    """Write the page of a finished graph again; if that is not possible, note it, and the old page stays."""
    try:
        graph.digests.save()
        return _page(graph, {}, root, terminal)
    except DiskTrouble as error:
        terminal.note(f"note: the report was not rewritten: {error}")
        return None


def _page(graph: Graph, steps: Mapping[str, Step], root: Path, terminal: Terminal) -> Path | None:
    from aha.commands.graph_page import PAGE, head_of, leave  # imports matplotlib, so as late as possible

    return leave(graph, steps, lambda: head_of(root), root / PAGE, terminal)


def refuse_strangers(root: Path, recipe: str) -> None:
    """Raise BadInput for a directory that something else made."""
    path = root / "manifest.json"
    if root.exists() and not root.is_dir():
        raise BadInput(f"{root}: it is a file; a graph needs a directory")
    if path.is_file():
        recipe_name = read_manifest(path).recipe
        if recipe_name != recipe or (root / "metrics.jsonl").exists():
            raise BadInput(f"{root}: it belongs to another recipe ({recipe_name}, not {recipe}); choose another directory")
    elif root.is_dir() and (names := sorted({entry.name for entry in root.iterdir()} - {"lock", "digests.json"})):
        raise BadInput(f"{root}: it is not empty and holds no run ({names[0]!r} is in it); choose an empty or a new directory")


def _work(choice: ResolvedRecipe, graph: Graph, options: RunOptions, root: Path, terminal: Terminal, steps: dict[str, Step]) -> None:
    from aha.commands.stage_runs import StageWorker  # imports transformers, which takes seconds that a finished graph need not wait

    worker = StageWorker(choice, options, root, terminal)
    whole = worker.manifest(choice.recipe.name, choice.recipe.stages)
    replace_file(Disk(), root / "manifest.json", seal(encode(whole, Manifest), indent=2))
    terminal.folder = root
    for step in graph.steps(options.until, options.first):
        terminal.note(line(step))
        steps[step.name] = step
        if step.todo:
            graph.do(step, worker.backend, worker.open_step)
        elif step.state == "done":
            graph.settle(step)


def line(step: Step) -> str:
    """Return a stage and its state in one line."""
    return f"{step.name}: {STATE_WORDS[step.state]}" + (f" ({step.why})" if step.why else "")


# --- results and dry runs ---------------------------------------------------------------------------------------------


def conclude(graph: Graph, options: RunOptions, root: Path, terminal: Terminal, page: Path | None = None) -> None:
    """Print the place of each stage's result; the same again when a finished graph is run."""
    steps = list(graph.steps(options.until, options.first))
    outcome: dict[str, Any] = {
        "stages": [_outcome(step) for step in steps if step.folder is not None],
        "results": {step.name: Record(step.folder).result for step in steps if step.folder is not None and not step.todo},
        "run": str(root),
        **({"report": str(page)} if page else {}),
    }
    report_outcome(outcome, terminal)


def report_outcome(outcome: Mapping[str, Any], terminal: Terminal) -> None:
    """Print the result of each stage, for a person or for a program."""
    terminal.tell("finished", **outcome)
    wide = max(len(stage["stage"]) for stage in outcome["stages"])
    for stage in outcome["stages"]:
        terminal.say(f"{stage['stage']:{wide}}  {duration(float(stage['seconds'])):>12}  {stage['folder']}")
    for row in stage_table(outcome["results"]):
        terminal.say(row)
    if "report" in outcome:
        terminal.say(f"report: {outcome['report']}")


def _outcome(step: Step) -> dict[str, Any]:
    assert step.folder is not None
    return {"stage": step.name, "state": step.state, "seconds": seconds(step.folder), "folder": str(step.folder)}


def _all_of(stages: int) -> str:
    return f"all {stages} stages are" if stages > 1 else "the stage is"


def _show(choice: ResolvedRecipe, graph: Graph, steps: Sequence[Step], terminal: Terminal) -> int:
    """Print what would be done, and the most that it would cost."""
    known_costs = costs([(step.name, step.stage) for step in steps], choice.recipe.compute)
    rows = [(step, known_costs[step.name], _took(graph, step)) for step in steps]
    if terminal.json:
        stages = [
            {"stage": step.name, "state": step.state, "why": step.why, **encode(cost, Costs), "seconds_before": took}
            for step, cost, took in rows
        ]
        print(json.dumps({"recipe": choice.recipe.name, "stages": stages}, ensure_ascii=False, indent=1))
        return 0
    wide = max(len(step.name) for step in steps)
    terminal.say(f"{'':{wide}}  {'':8} {'tokens asked':>14} {'learned':>14} {'FLOPs':>9} {'disk':>9} {'memory':>9} {'took':>9}")
    for step, cost, took in rows:
        tokens = f"{_number(cost.sampled_tokens):>14} {_number(cost.learned_tokens):>14} {_power(cost.flops):>9}"
        room = f"{_size(cost.disk):>9} {_size(cost.memory):>9} {duration(took) if took else '':>9}"
        terminal.say(f"{step.name:{wide}}  {STATE_WORDS[step.state]:8} {tokens} {room}  {step.why}".rstrip())
    todo = [cost for step, cost, _ in rows if step.todo]
    largest = max((cost.memory or 0 for cost in todo), default=0)
    disk = sum(cost.disk or 0 for cost in todo)
    terminal.say(f"\n{len(todo)} of {len(rows)} stages to do, with at most {_size(disk)} of disk and {_size(largest)} of memory")
    terminal.say(
        "Tokens are upper limits from the settings; `took` is the time of the stage's latest run here. Nothing was run or written."
    )
    return 0


def _took(graph: Graph, step: Step) -> float:
    """Return the seconds of the same stage's newest run, with whatever settings."""
    folder = step.folder if step.folder is not None and step.folder.exists() else None
    timing_files = (
        [folder] if folder else sorted((graph.store / step.name).glob("*/timings.jsonl"), key=lambda path: path.stat().st_mtime)[-1:]
    )
    return next((seconds(path if path.is_dir() else path.parent) for path in timing_files), 0.0)


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}" if value else "-"


def _power(value: float | None) -> str:
    return "?" if value is None else f"{value:.1e}" if value else "-"


def _size(value: float | None) -> str:
    if value is None:
        return "?"
    for unit, bytes_of_unit in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value >= bytes_of_unit:
            return f"{value / bytes_of_unit:.1f} {unit}"
    return f"{value:.0f} B" if value else "-"


def pretrain(out: Path | None, settings: tuple[tuple[str, str], ...], argv: tuple[str, ...], terminal: Terminal) -> int:
    """Make the tiny world's base model anew: write a model with random weights beside `out`, train it stage by stage, and print where it
    is. The same command resumes a run that was stopped."""
    from aha.backends.local_backend import write_fresh

    folder = out or Path("runs/tiny-base")
    fresh = folder.with_name(f"{folder.name}-fresh")
    recipe = tiny_base(str(fresh)).change(settings)
    narrow = dict(recipe.stages)["narrow"]
    assert isinstance(narrow, Pretrain)  # tiny_base made it
    vocabulary.save(fresh, CONTEXT)
    write_fresh({**SHAPE, **_tokens()}, fresh, narrow.seed)
    return run(ResolvedRecipe(recipe), RunOptions(folder, argv=argv), terminal)


def _tokens() -> dict[str, int | None]:
    """Return the settings of the model's configuration that depend on its tokenizer."""
    ids = vocabulary.build().get_vocab()
    end = ids[vocabulary.END]
    return {"vocab_size": len(ids), "eos_token_id": end, "bos_token_id": None, "pad_token_id": ids[vocabulary.PAD]}
