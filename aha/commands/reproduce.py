"""`aha reproduce`: the paper's claims on the tiny world, each with an interval; exit code 1 where one does not hold."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aha.commands.arguments import read_settings
from aha.commands.command import Command, new_folder
from aha.commands.terminal import Terminal
from aha.durable import Disk, Lock, replace_file, trouble
from aha.errors import BadInput

if TYPE_CHECKING:
    from aha.evals.comparison import PaperClaim
    from aha.pipeline import Graph, Step
    from aha.protocols import Backend
from aha.recipes import Recipe

STORE = "stages"


@dataclass(frozen=True)
class ReproduceOptions:
    """What of the command line concerns a stage at work."""

    stall_s: float
    argv: tuple[str, ...]
    preflight: bool = False
    backend: Backend | None = None
    log: str | None = None


def flags(parser: ArgumentParser) -> None:
    """How many seeds, and where."""
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs, from seed 0 (3)")
    parser.add_argument(
        "--out", type=new_folder, default=Path("runs/reproduce"), metavar="DIR", help="where stages are kept (runs/reproduce)"
    )
    parser.add_argument("--stall-s", type=float, default=1800.0, help="end when nothing moves for so many seconds")
    parser.add_argument("--dry-run", action="store_true", help="what would be done; runs nothing")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Every stage that is not done, then the table. The same command goes on where it was stopped."""
    if arguments.seeds < 1:
        raise BadInput(f"--seeds {arguments.seeds}: claims need a run, so 1 or more")
    from aha.recipes.r1 import arms, reproduce

    recipe = reproduce().change(read_settings(rest))
    out: Path = arguments.out
    refuse_strangers(out)
    if arguments.dry_run:
        return _plan(arms(recipe, arguments.seeds), out, terminal)
    with trouble(out):
        out.mkdir(parents=True, exist_ok=True)
    lock = Lock(out / "lock")
    try:
        how = ReproduceOptions(arguments.stall_s, ("aha", "reproduce", *rest))
        results = [_work(arm, seed, out, how, terminal) for seed, arm in enumerate(arms(recipe, arguments.seeds))]
        return _conclude(results, out, how, terminal)
    finally:
        lock.release()


def refuse_strangers(out: Path) -> None:
    """BadInput for a directory that something else made."""
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out}: it is a file; a directory is needed")
    names = {entry.name for entry in out.iterdir()} - {"lock", "claims.json"} if out.is_dir() else set[str]()
    if names and STORE not in names:
        raise BadInput(f"{out}: it is not empty and holds no reproduction ({sorted(names)[0]!r} is in it); choose another directory")


@dataclass(frozen=True)
class SeedRun:
    """One seed's stages, as each stood when it was come to, and their run directories."""

    graph: Graph
    seen: Mapping[str, Step]
    folders: Mapping[str, Path]


def _work(recipe: Recipe, seed: int, out: Path, how: ReproduceOptions, terminal: Terminal) -> SeedRun:
    from aha.commands.choose import ResolvedRecipe
    from aha.commands.graph import line
    from aha.pipeline import Graph

    graph = Graph(recipe.stages, out / STORE, out / f"seed-{seed}.json")
    steps: dict[str, Step] = {}
    if any(step.todo for step in graph.steps()):
        from aha.commands.working import StageWorker

        worker = StageWorker(ResolvedRecipe(recipe), how, terminal)
        for step in graph.steps():
            terminal.note(f"seed {seed}, {line(step)}")
            steps[step.name] = step
            if step.todo:
                graph.do(step, worker.backend, worker.open_step)
            else:
                graph.settle(step)
    else:
        terminal.note(f"seed {seed}: nothing to do")
    return SeedRun(graph, steps, {step.name: step.folder for step in graph.steps() if step.folder is not None})


def _plan(recipes: Sequence[Recipe], out: Path, terminal: Terminal) -> int:
    from aha.commands.graph import STATE_WORDS
    from aha.pipeline import Graph

    for seed, recipe in enumerate(recipes):
        steps = list(Graph(recipe.stages, out / STORE, out / f"seed-{seed}.json").steps())
        for step in steps:
            terminal.tell("stage", seed=seed, stage=step.name, state=step.state, why=step.why)
            terminal.say(f"seed {seed}  {step.name:20} {STATE_WORDS[step.state]:8} {step.why}".rstrip())
    return 0


# --- the table --------------------------------------------------------------------------------------------------------


def _conclude(results: Sequence[SeedRun], out: Path, how: ReproduceOptions, terminal: Terminal) -> int:
    from aha.commands.claims import ClaimArm, claims

    claim_list = claims([ClaimArm(result.folders) for result in results])
    record: dict[str, Any] = {"seeds": len(results), "claims": [{**asdict(claim), "holds": claim.holds} for claim in claim_list]}
    replace_file(Disk(), out / "claims.json", json.dumps(record, ensure_ascii=False, indent=1).encode())
    terminal.tell("claims", **record)
    for row in table(claim_list):
        terminal.say(row)
    pages(results, claim_list, out, how, terminal)
    failures = [claim.name for claim in claim_list if not claim.holds]
    if failures:
        terminal.note(f"{len(failures)} of {len(claim_list)} claims do not hold: {'; '.join(failures)}")
    return 1 if failures else 0


def pages(seed_runs: Sequence[SeedRun], paper_claims: Sequence[PaperClaim], out: Path, how: ReproduceOptions, terminal: Terminal) -> None:
    """A page a seed, the claims at the top of the first."""
    from aha.commands.graph_page import Head, leave
    from aha.reports.graph import ClaimRow

    rows = tuple(
        ClaimRow(claim.name, claim.paper, claim.ours, claim.measured.value, claim.measured.low, claim.measured.high, claim.holds)
        for claim in paper_claims
    )
    for seed, result in enumerate(seed_runs):
        head = partial(Head, f"seed {seed}", "reproduce", how.argv, claims=() if seed else rows)
        if (page := leave(result.graph, result.seen, head, out / f"seed-{seed}.html", terminal)) is not None:
            terminal.note(f"report of seed {seed}: {page}")


def table(paper_claims: Sequence[PaperClaim]) -> list[str]:
    """A claim a line: what the paper says, what is measured here with its 95 % interval, and whether that excludes 0."""
    wide = [max(len(str(getattr(claim, name))) for claim in paper_claims) for name in ("name", "paper", "ours")]
    rows = [f"{'claim':{wide[0]}}  {'the paper':{wide[1]}}  {'here':{wide[2]}}  {'':>8} {'95 % interval':>18}  holds"]
    for claim in paper_claims:
        interval = f"[{claim.measured.low:+.3f}, {claim.measured.high:+.3f}]"
        line = f"{claim.name:{wide[0]}}  {claim.paper:{wide[1]}}  {claim.ours:{wide[2]}}"
        rows.append(f"{line}  {claim.measured.value:>+8.3f} {interval:>18}  {'yes' if claim.holds else 'NO'}")
    return rows


COMMAND = Command("try the paper's claims on the tiny world, with intervals; exit 1 where one fails", "train", flags, run, settings=True)
