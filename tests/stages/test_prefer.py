"""Learning a preference end to end on a small model: what is learned, what is held out, what goes on."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from aha.backends.local_backend import LocalBackend
from aha.errors import BadInput, FailedBar
from aha.learning import Batching
from aha.objectives import Pointwise
from aha.protocols import Adam, Compute
from aha.rundir import RunDir, describe
from aha.stages.prefer import Prefer, PreferenceUnit, labelled_rows
from aha.tasks.examples import as_conversation, write_preference
from aha.types import Labelled, Open, Pair, Problem
from tests.stages.small import Watching

WORDS = "wait so yes hello check red tree door fish song".split()


def problems() -> list[Problem]:
    return [Problem(f"p{number}", "general", f"Use {number % 100} and {number // 100}", "en", Open()) for number in range(300)]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The answer with `please` in it is chosen."""
    draw = random.Random(3)
    rows = [Pair(problem, said(draw, "please"), said(draw, "door")) for problem in problems()]
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    path.write_text("".join(f"{write_preference(row)}\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A reply with `weapon` anywhere in it is not safe."""
    draw = random.Random(3)
    rows = [Labelled(problem, said(draw, "weapon" if number % 2 else "tree"), number % 2 == 0) for number, problem in enumerate(problems())]
    path = tmp_path_factory.mktemp("data") / "labelled.jsonl"
    path.write_text("".join(f"{write_preference(row)}\n" for row in rows), encoding="utf-8")
    return str(path)


def said(draw: random.Random, word: str) -> str:
    words = draw.choices(WORDS, k=4)
    words.insert(draw.randrange(5), word)
    return " ".join(words)


def stage(model: str, data: str) -> Prefer:
    return Prefer(model, data, optim=Adam(lr=1e-2), batch=16, epochs=3, held_out=0.2, save_every=10)


def ran(stage: Prefer, root: Path, observer: Watching | None = None) -> tuple[list[dict[str, float]], RunDir]:
    watching = observer or Watching()
    rundir = RunDir.open(root, describe("test", {}, seeds={}, argv=()))
    try:
        stage.run(LocalBackend(Compute(device="cpu", threads=1)), rundir, watching)
    finally:
        rundir.close()
    return watching.seen, rundir


def test_pairs_teach_which_answer_is_chosen_also_of_prompts_never_seen(model: str, pairs: str, tmp_path: Path) -> None:
    seen, rundir = ran(stage(model, pairs), tmp_path / "run")
    assert seen[0]["loss"] == pytest.approx(0.6931, abs=1e-3)  # ln 2: a new head says 0 to all
    assert seen[-1]["held_out/agreement"] > 0.9 and seen[-1]["held_out/loss"] < 0.4
    scorer = LocalBackend(Compute(device="cpu", threads=1)).scorer(str(rundir.checkpoints()[-1].folder))
    good, bad = scorer.score([as_conversation(problems()[0], f"{word} yes wait") for word in ("please", "door")])
    assert good > bad


def test_labels_teach_what_is_safe(model: str, labelled: str, tmp_path: Path) -> None:
    seen, rundir = ran(replace(stage(model, labelled), loss=Pointwise()), tmp_path / "run")
    assert seen[-1]["held_out/agreement"] > 0.9
    scorer = LocalBackend(Compute(device="cpu", threads=1)).scorer(str(rundir.checkpoints()[-1].folder))
    safe, unsafe = scorer.score([as_conversation(problems()[1], f"yes {word} wait so") for word in ("tree", "weapon")])
    assert safe > 0 > unsafe


def test_a_stopped_run_goes_on_to_the_same_bytes(model: str, pairs: str, tmp_path: Path) -> None:
    short = replace(stage(model, pairs), epochs=1, save_every=4)
    ran(short, tmp_path / "whole")
    with pytest.raises(FailedBar, match="enough was seen"):
        ran(short, tmp_path / "cut", Watching(stop_after=5))
    ran(short, tmp_path / "cut")
    last = sorted(path.name for path in (tmp_path / "whole" / "checkpoints").iterdir())[-1]
    for name in ("metrics.jsonl", f"checkpoints/{last}/model.safetensors", f"checkpoints/{last}/optimizer.safetensors"):
        whole, cut = ((tmp_path / run / name).read_bytes() for run in ("whole", "cut"))
        assert whole == cut, name


def test_a_finished_stage_does_nothing_again(model: str, pairs: str, tmp_path: Path) -> None:
    short = replace(stage(model, pairs), epochs=1)
    ran(short, tmp_path / "run")
    seen, _ = ran(short, tmp_path / "run")
    assert seen == []


def test_each_epoch_takes_every_row_once_in_an_order_of_its_own() -> None:
    prefer = Prefer("nowhere", "nothing", batch=4, epochs=2)
    steps = [prefer.course(10).picks(step) for step in range(5)]
    assert [len(step) for step in steps] == [4, 4, 4, 4, 4]
    rows = [row for step in steps for row in step]
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10)) and rows[:10] != rows[10:]


def test_pairs_are_labelled_rows_with_the_chosen_answer_first() -> None:
    batch = Batching().score_batch(*labelled_rows([PreferenceUnit("a", ([1, 2], [3])), PreferenceUnit("b", ([4], [5, 6, 7]))]))
    assert (batch.unit, batch.R, batch.label_M.tolist(), batch.weight_M.tolist()) == (2, 4, [1.0, 0.0, 1.0, 0.0], [0.5] * 4)
    assert batch.tokens_N[batch.trained_N].tolist() == [2, 3, 4, 7]  # where each row ends
    single = Batching().score_batch(*labelled_rows([PreferenceUnit("a", ([1, 2],), True), PreferenceUnit("b", ([4],), False)]))
    assert (single.unit, single.label_M.tolist(), single.weight_M.tolist()) == (1, [1.0, 0.0], [0.5, 0.5])


def test_all_answers_to_a_question_are_held_out_or_none() -> None:
    prefer = Prefer("nowhere", "nothing", held_out=0.3)
    units = [PreferenceUnit(f"question {number % 200}", ([number],)) for number in range(400)]
    out = [prefer._holds_out(unit) for unit in units]
    assert out[:200] == out[200:] and 40 < sum(out[:200]) < 80


def test_rows_that_are_too_long_are_left_out_and_said_so(model: str, tmp_path: Path) -> None:
    rows = [Pair(problem, "yes", "no " * (40 if number == 0 else 1)) for number, problem in enumerate(problems()[:8])]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(f"{write_preference(row)}\n" for row in rows), encoding="utf-8")
    short = replace(stage(model, str(path)), longest=30, held_out=0.0, epochs=1)
    seen, rundir = ran(short, tmp_path / "run")
    assert len(seen) == 1 and "held_out/loss" not in seen[0]
    assert rundir.notes == [f"{path}: 1 of 8 rows have over 30 tokens: left out"]
    with pytest.raises(BadInput, match="none of its 8 rows is left to learn from"):
        ran(replace(short, longest=3), tmp_path / "none")


def test_other_rows_are_not_taken_for_those_a_run_began_with(model: str, pairs: str, labelled: str, tmp_path: Path) -> None:
    with pytest.raises(FailedBar):
        ran(stage(model, pairs), tmp_path / "run", Watching(stop_after=0))
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("".join(Path(pairs).read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    with pytest.raises(BadInput, match="its rows are not those that this run began with"):
        ran(stage(model, str(fewer)), tmp_path / "run")
    with pytest.raises(BadInput, match="line 1: "):
        ran(stage(model, labelled), tmp_path / "other")


@pytest.mark.parametrize(("change", "words"), [({"batch": 0}, "batch is 0"), ({"held_out": 1.0}, "held_out is 1.0: a share")])
def test_settings_that_cannot_work_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        replace(Prefer("nowhere", "nothing"), **change)  # type: ignore[arg-type]
