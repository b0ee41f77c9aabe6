"""kill -9 while the stages of `aha run r1` work: the same command goes on, redoes nothing that was done, and no row is lost or doubled."""

from __future__ import annotations

import json
import random
import re
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil
import pytest

from aha.recipes.r1 import r1
from tests.endtoend.conftest import Command, Warm, differing, result_of, until
from tests.endtoend.world import write_recipe

R1 = '''
from dataclasses import dataclass, replace
from aha.protocols import Compute
from aha.recipes.r1 import r1
from aha.rewards import Rewards, RewardPart
from aha.stages.annotate import Annotate
from aha.stages.prefer import Prefer
from aha.stages.pretrain import Pretrain
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.stages.evaluate import Measure
from aha.template import Delimited

@dataclass(frozen=True)
class Even:
    """1 where the letters of a reply add up to an even number: splits the groups of any model."""
    def __call__(self, problem, replies):
        return [float(sum(map(ord, reply.text)) % 2) for reply in replies]

def small(stage):
    match stage:
        case Rl():
            late = stage.late and replace(stage.late, steps=2)
            probe = stage.probe and replace(stage.probe, every=1, questions=6, samples=2, falls=1.0)
            return replace(
                stage, questions=4, samples=4, minibatches=2, steps=4, save_every=1, keep_every=None, late=late, probe=probe,
                rewards=Rewards((*stage.rewards.parts, RewardPart("even", Even()))), sampling=replace(stage.sampling, max_tokens=50),
            )
        case Sample():
            also = tuple(replace(source, count=12) for source in stage.also)
            sampling = replace(stage.sampling, max_tokens=100)
            return replace(stage, questions=9, samples=2, also=also, chunk=3, shard_rows=5, sampling=sampling)
        case Sft():
            return replace(stage, epochs=1.0, batch=8, save_every=2, stopping=None)
        case Annotate():
            return replace(stage, questions=24, samples=2, chunk=6, shard_rows=3, sampling=replace(stage.sampling, max_tokens=20))
        case Prefer():
            return replace(stage, epochs=1, batch=4, save_every=2)
        case Pretrain():
            return replace(stage, chunks=4, chunk_documents=30, save_every=1)
        case Measure():
            sampling = replace(stage.sampling, max_tokens=20)
            return replace(stage, problems=1, prompts=1, k=1, template=Delimited(), sampling=sampling)
        case _:
            return stage

def recipe():
    stages = tuple((name, small(stage)) for name, stage in r1().stages)
    return replace(r1(), stages=stages, real=None, compute=Compute(device="cpu", threads=1, micro_tokens=1_024))
'''
KINDS = {name: type(stage).__name__ for name, stage in r1().stages}  # a stage of the recipe above has its name and its kind
BEGINS = re.compile(r"^(\S+): (?:new|again|goes on)\b", re.MULTILINE)
CLOCKS = {"digests.json"}  # it holds when files were changed; what the graph does is the same without it


@dataclass(frozen=True)
class Whole:
    """The graph never stopped: the words of its command but the directory, what it left, and what it and each stage took of a processor."""

    words: tuple[object, ...]
    root: Path
    left: Mapping[str, bytes]
    took: Mapping[str, float]
    cpu_s: float


@dataclass
class Kills:
    """Where they landed: stages, and kinds of stages with what was being done."""

    stages: Counter[str] = field(default_factory=Counter)
    doings: Counter[str] = field(default_factory=Counter)

    def add(self, stage: str, doing: str) -> None:
        self.stages[stage] += 1
        self.doings[f"{KINDS.get(stage, 'before any stage')}: {doing}"] += 1

    @property
    def kinds(self) -> set[str]:
        return {KINDS[stage] for stage in self.stages if stage in KINDS}


@pytest.fixture(scope="module")
def whole(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("graph")
    words, root = ("run", write_recipe(folder / "r1.py", warm.model, R1), "--no-preflight", "--out"), folder / "whole"
    command = warm.run(*words, root)
    took = {name: seconds_of(root / name) * command.cpu_s / command.seconds for name in KINDS}
    return Whole(words, root, left_by(root), took, command.cpu_s)


def left_by(root: Path) -> dict[str, bytes]:
    """All that has to be the same; that of two directories each says its own name is left out too."""
    return {
        path: comparable(path, data.replace(bytes(root), b"")) for path, data in result_of(root).items() if Path(path).name not in CLOCKS
    }


def comparable(path: str, data: bytes) -> bytes:
    """The bytes of a file, without checksums of files that name their directory: they differ in each directory."""
    if Path(path).name == "result.json":
        return re.sub(rb'"crc": "[0-9a-f]{8}"', b"", data)
    return json.dumps(sorted(json.loads(data)["files"])).encode() if Path(path).name == "checksums.json" else data


def seconds_of(stage: Path) -> float:
    (result,) = stage.glob("*/result.json")
    return result.stat().st_mtime - result.with_name("manifest.json").stat().st_mtime


def finished(root: Path) -> dict[Path, int]:
    """When each stage that is done was done."""
    return {path: path.stat().st_mtime_ns for path in root.glob("*/*/result.json")}


def rows(root: Path) -> dict[str, list[str]]:
    """The rows that each stage leaves: ids, or all of a row that has none."""
    found: dict[str, list[str]] = {}
    for path in sorted(root.glob("*/*/rows/*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines()
        found.setdefault(path.parts[-4], []).extend(str(json.loads(line).get("id", line)) for line in lines)
    return found


def spend(command: Command, cpu_s: float) -> None:
    """Waits until the command has used so much more of a processor, which means the same however many others want it; or is over."""

    def used() -> float:
        try:
            times = psutil.Process(command.pid).cpu_times()
        except psutil.NoSuchProcess:
            return float("inf")
        return float(times.user + times.system)

    until_used = used() + cpu_s
    until(lambda: command.over or used() >= until_used)


def begun(command: Command) -> list[str]:
    """The stages that it has begun or gone on with."""
    return BEGINS.findall(command.said)


def kill(command: Command, kills: Kills, orphans: list[psutil.Process]) -> bool:
    """Whether it was still alive; its children may not outlive it for long, and are left to `orphans` to be looked for."""
    children: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(command.pid).children(recursive=True)
    command.send(signal.SIGKILL)
    if command.code != -signal.SIGKILL:
        assert command.code == 0, command.said
        return False
    orphans += children
    kills.add((begun(command) or [""])[-1], command.doing)
    return True


def reached(command: Command, stage: str) -> bool:
    return command.over or stage in begun(command)


def killed_in(warm: Warm, whole: Whole, out: Path, stages: Sequence[str], draw: random.Random, kills: Kills) -> None:
    """At a random moment of each of these stages, in their order; the graph is done afterwards, and nothing was done twice."""
    done, orphans = dict[Path, int](), list[psutil.Process]()
    for stage in stages:
        command = warm.start(*whole.words, out)
        until(partial(reached, command, stage))
        spend(command, draw.uniform(0.0, whole.took[stage]))
        if not kill(command, kills, orphans):
            break
        assert done.items() <= finished(out).items()
        done = finished(out)
    conclude(warm, whole, out, done, orphans)


def killed_at_random(warm: Warm, whole: Whole, out: Path, times: int, draw: random.Random, kills: Kills) -> None:
    """So many times at most, each time after a while that takes the graph about a tenth further; likewise."""
    done, orphans = dict[Path, int](), list[psutil.Process]()
    for _ in range(times):
        command = warm.start(*whole.words, out)
        spend(command, draw.uniform(0.0, whole.cpu_s / 5))
        if not kill(command, kills, orphans):
            break
        assert done.items() <= finished(out).items()
        done = finished(out)
    conclude(warm, whole, out, done, orphans)


def conclude(warm: Warm, whole: Whole, out: Path, done: dict[Path, int], orphans: list[psutil.Process]) -> None:
    last = warm.run(*whole.words, out)
    assert {path.parts[-3] for path in done}.isdisjoint(begun(last)) and done.items() <= finished(out).items()
    assert differing(left_by(out), dict(whole.left)) == []
    assert rows(out) == rows(whole.root)
    assert until(lambda: not any(child.is_running() for child in orphans), 60.0), f"children that outlived a killed command: {orphans}"


def one_of_each_kind(draw: random.Random) -> list[str]:
    """Stages in the order of the graph."""
    chosen = {draw.choice([name for name in KINDS if KINDS[name] == kind]) for kind in dict.fromkeys(KINDS.values())}
    return [name for name in KINDS if name in chosen]


def said_of(kills: Kills, whole: Whole, runs: int) -> str:
    left = f"0 of {len(whole.left)} files differ, rows { {stage: len(found) for stage, found in rows(whole.root).items()} }"
    where = f"{dict(kills.stages.most_common())}, {dict(kills.doings.most_common())}"
    return f"{kills.stages.total()} kills in {runs} runs of {whole.cpu_s:.1f} s of processor time: {left}; {where}"


@pytest.mark.long
def test_a_graph_killed_once_in_every_kind_of_stage_loses_and_doubles_nothing(
    warm: Warm, whole: Whole, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    draw, kills = random.Random(1), Kills()
    for stage, found in rows(whole.root).items():
        assert len(set(found)) == len(found) >= 5, stage
    killed_in(warm, whole, tmp_path / "killed", one_of_each_kind(draw), draw, kills)
    tell(said_of(kills, whole, 1))
    assert kills.stages.total() == len(set(KINDS.values()))


@pytest.mark.slow
def test_a_graph_that_is_done_says_so_and_touches_nothing(warm: Warm, whole: Whole) -> None:
    def touched() -> dict[Path, int]:
        but = {"lock", "report.html", *CLOCKS}
        return {path: path.stat().st_mtime_ns for path in whole.root.rglob("*") if path.is_file() and path.name not in but}

    before = touched()
    again = warm.run(*whole.words, whole.root)
    assert again.said.startswith(f"nothing to do: all {len(KINDS)} stages are done, in {whole.root}\n") and not begun(again)
    assert touched() == before


@pytest.mark.long
def test_a_hundred_kills_of_a_graph_land_in_every_kind_of_stage_and_lose_nothing(
    warm: Warm, whole: Whole, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    draw, kills, runs = random.Random(2), Kills(), 0
    while (left := 100 - kills.stages.total()) > 0:
        out = tmp_path / f"killed-{runs}"
        if runs % 2:
            killed_at_random(warm, whole, out, min(10, left), draw, kills)
        else:
            killed_in(warm, whole, out, list(KINDS)[:left], draw, kills)
        runs += 1
    tell(said_of(kills, whole, runs))
    assert kills.kinds == set(KINDS.values())
