"""A run small enough to kill a thousand times, whose every number follows from the one before, as weights do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from aha.durable import Disk
from aha.recipes.recipe import DEFAULT, Recipe
from aha.rundir import Manifest, Retention, RunDir, Setting
from aha.rundir.group_table import GroupTable
from aha.settings import leaves
from aha.types import Abstained, Completion, Countdown, Group, Part, Problem, Reply, Score

MANIFEST = Manifest("tiny", {"tiny.lr": Setting(3e-6, "paper 2.2"), "tiny.device": Setting("cpu")}, {"run": 7}, {}, None, (), "")
ROLLOUTS = 4
EVERY = 2


def paths_without_source(recipe: Recipe) -> list[str]:
    """The paths of the settings that have no source."""
    return [path for path in leaves(recipe.tree) if recipe.source(path) == DEFAULT]


def draw_no_charts(replace: Callable[[str, str, object], None]) -> None:
    """Let `replace` (module, name, value) leave a report's charts empty: they take a second, and the tests of reports draw them."""
    from markupsafe import Markup

    for module in ("aha.reports.page", "aha.reports.graph", "aha.reports.scaling_page", "aha.reports.compare"):
        replace(module, "svg", lambda chart, width, height: Markup("<svg></svg>"))
    replace("aha.reports.page", "picture", lambda charts: b"")


def pack(groups: Iterable[Group]) -> bytes:
    """The whole table of these groups."""
    table = GroupTable()
    return b"".join([*map(table.add, groups), table.end()])


def group(seed: int) -> Group:
    """One problem, two completions, one of which the grader could not judge."""
    return Group(
        Problem(f"p{seed}", "maths", "用 1 2 3 得到 6", "zh", Countdown((1, 2, 3), 6)),
        (1, 2, seed),
        (Completion((4, 5), (-0.1, -1 / 3), "stop", seed), Completion((6,), (-2.5e-7,), "length", seed)),
        (Reply("<think>1+2+3", "1+2+3", "6", 2, "stop"), Reply("…", None, None, 1, "length")),
        (Score(1.0, (Part("accuracy", 1.0, 1.0, "summary"),)), Score(Abstained("cut"), ())),
    )


GROUP = group(0)


def train(
    root: Path,
    disk: Disk | None = None,
    *,
    clock: Callable[[], float] = lambda: 0.0,
    saved: list[int] | None = None,
    rollouts: int = ROLLOUTS,
    keep: int = 1,
) -> list[str]:
    """The run from where it stands to its end; the notes. `saved` receives each rollout whose checkpoint was promised to be there."""
    disk = disk or Disk()
    run = RunDir.open(root, MANIFEST, disk=disk, clock=clock, checkpoint_bytes=1000, reserve_bytes=0)
    try:
        resumed = run.resume()
        state = (resumed.folder / "model.safetensors").read_bytes() if resumed else b"base"
        for rollout in range(resumed.rollout + 1 if resumed else 0, rollouts):
            state = hashlib.sha256(state + b"%d" % rollout).digest()
            promised = rollout % EVERY == EVERY - 1
            save = saving(disk, state) if promised else None
            metrics = {"step": rollout, "reward": state[0] / 255}
            run.commit(rollout, metrics, {"seconds": 1.0}, [group(rollout)], save=save, progress={"step": rollout}, keep=Retention(keep))
            if promised and saved is not None:
                saved.append(rollout)
        if not run.finished:
            run.finish({"reward": state[0] / 255})
        return run.notes
    finally:
        run.close()


def saving(disk: Disk, state: bytes) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        disk.write(folder / "model.safetensors", state)
        disk.mkdir(folder / "reference")
        disk.write(folder / "reference/model.safetensors", state[::-1])

    return save


def snapshot(root: Path, *, but: tuple[str, ...] = ("timings.jsonl", "lock")) -> dict[str, bytes]:
    """All files and what they hold. What knows a clock or an owner is left out."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in but)
    return {str(path.relative_to(root)): path.read_bytes() for path in files}
