"""Real runs of a model with random weights: begun, gone on with, repeated, refused, stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands.conftest import Aha
from tests.counts import ordinary

SMALL = ("--questions", 2, "--samples", 2, "--minibatches", 2, "--sampling.max_tokens", 8, "--compute.threads", 1, "--no-preflight")

RECIPE = '''
from dataclasses import dataclass, replace
from aha.recipes import r1_zero
from aha.rewards import Rewards, RewardPart
from aha.template import Short

@dataclass(frozen=True)
class Even:
    """1 for a reply with an even number of tokens; splits the groups of any model."""
    def __call__(self, problem, replies):
        return [float(sum(map(ord, reply.text)) % 2) for reply in replies]

def recipe():
    base = r1_zero()
    rl = replace(base.stages[0][1], rewards=Rewards((RewardPart("even", Even()),)), template=Short())
    return replace(base, name="even", stages=(("rl", rl),))
'''


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "even.py"
    path.write_text(RECIPE)
    return path


def begin(recipe: Path, model: str, problems: str, *more: object) -> tuple[object, ...]:
    return ("run", recipe, "--model", model, "--problems", problems, *SMALL, "--steps", 4, *more)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_recipe_of_one_s_own_runs_is_repeated_and_cannot_be_changed(
    aha: Aha, recipe: Path, model: str, problems: str, tmp_path: Path
) -> None:
    done = aha(*begin(recipe, model, problems))
    assert done.code == 0, done.err
    assert "rl: 2 questions x 2 samples = 4 replies a rollout, in 2 mini-batches of 2 replies a step; 4 steps = 2 rollouts" in done.err
    assert done.out == "report: runs/even/report.html\n"
    first = tmp_path / "runs/even"
    assert len(lines(first / "metrics.jsonl")) == 2
    settings = json.loads((first / "manifest.json").read_text())["settings"]
    assert settings["rl.questions"] == {"value": 2, "source": "user"}
    assert settings["rl.problems.source"]["value"] == problems
    assert settings["rl.loss.kl"] == {"value": 0.001, "source": "[nature: 0.001]"}

    again = aha(*begin(recipe, model, problems))
    assert (again.code, again.err) == (
        0,
        "runs/even is finished; nothing is left to do. To run the same recipe again, give another --out.\n",
    )

    changed = aha(*begin(recipe, model, problems, "--loss.kl", 0.5))
    assert changed.code == 2
    assert "begun with other settings (rl.loss.kl: 0.001 -> 0.5)" in changed.err and changed.err.count("\n") == 1

    other = aha("run", "r1-zero", "--model", model, "--problems", problems, *SMALL, "--out", "runs/even")
    assert (other.code, "it belongs to another recipe (even, not r1-zero)" in other.err) == (2, True)

    alone = aha("run", first / "manifest.json", "--out", "again", "--no-preflight")
    assert (alone.code, alone.err.count("\n"), "setting rl.rewards.even.reward is code of the recipe file" in alone.err) == (2, 1, True)
    repeated = aha("run", first / "manifest.json", "--recipe", recipe, "--out", "again", "--no-preflight")
    assert repeated.code == 0, repeated.err
    assert (tmp_path / "again/metrics.jsonl").read_bytes() == (first / "metrics.jsonl").read_bytes()
    assert aha("diff", "runs/even", "again", "--recipe", recipe).out == "even and even have the same settings\n"


@pytest.mark.parametrize(
    "changed",
    ordinary(
        ["weights", "one byte of the weights", "config.json", "tokenizer.json", "a file more", "when it was written"],
        *("one byte of the weights", "when it was written"),
    ),
)
def test_a_run_whose_base_model_has_other_files_now_does_not_go_on(
    aha: Aha, recipe: Path, model: str, problems: str, tmp_path: Path, changed: str
) -> None:
    base, out = tmp_path / "base", tmp_path / "runs/even"
    shutil.copytree(model, base)
    assert aha(*begin(recipe, str(base), problems)).code == 0
    (out / "result.json").unlink()  # as a run that has still to end
    weights = base / "model.safetensors"
    match changed:
        case "weights":
            content = bytearray(weights.read_bytes())
            content[-8:] = bytes(8)
            weights.write_bytes(content)
        case "one byte of the weights":
            content = bytearray(weights.read_bytes())
            content[len(content) // 2] ^= 1
            weights.write_bytes(content)
        case "a file more":
            (base / "chat_template.jinja").write_text("{{ messages[0].content }}")
        case "when it was written":
            os.utime(weights, (1, 1))
        case name:
            (base / name).write_text((base / name).read_text() + "\n")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name != "lock"}
    again = aha(*begin(recipe, str(base), problems))
    if changed == "when it was written":
        assert again.code == 0, again.err
        return
    name = {"a file more": "chat_template.jinja"}.get(changed, changed if changed.endswith(".json") else "model.safetensors")
    assert again.code == 2 and again.err.count("\n") == 1, again.err
    assert f"runs/even: files of its model are not those it was begun with: {base} ({name}); put them back" in again.err
    assert {path: path.read_bytes() for path in before} == before


def test_json_lines_only_on_stdout(aha: Aha, recipe: Path, model: str, problems: str) -> None:
    done = aha(*begin(recipe, model, problems, "--json", "--out", "out"))
    events = [json.loads(line) for line in done.out.splitlines()]
    kinds = [event["event"] for event in events]
    assert [kind for kind in kinds if kind != "said"] == ["rollout", "rollout", "finished"]
    assert events[-1]["report"] == "out/report.html"


def test_more_questions_than_rows_are_refused_before_a_directory_is_made(aha: Aha, model: str, problems: str, tmp_path: Path) -> None:
    done = aha("run", "r1-zero", "--model", model, "--problems", problems, "--sampling.max_tokens", 8)
    assert done.code == 2
    assert done.err.startswith("aha: 512 problems were asked for at once")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--optim.lr", "0"), "--rl.optim.lr 0: no weight would ever change"),
        (("--out", ""), "'': the name of a folder is empty"),
        (("--model", " "), "--model '': the name is empty"),
        (("--problems", "a*.jsonl"), "a*.jsonl was not found: patterns are not read here"),
    ],
)
def test_settings_with_which_nothing_would_be_learned_are_refused(
    words: tuple[str, str], line: str, aha: Aha, model: str, problems: str
) -> None:
    flags = {"--model": model, "--problems": problems, words[0]: words[1]}
    done = aha("run", "r1-zero", *(word for pair in flags.items() for word in pair))
    assert (done.code, done.err.splitlines()[-1][: len(line) + 5]) == (2, f"aha: {line}")


def test_a_recipe_file_with_a_mistake_names_its_line(aha: Aha, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def recipe(:\n")
    assert aha("show", "bad.py").err.startswith("aha: bad.py, line 1: ")
    (tmp_path / "empty.py").write_text("")
    assert aha("show", "empty.py").err == "aha: empty.py: `recipe` has to be a Recipe or a function that returns one; it is NoneType\n"


def test_the_doctor_says_that_random_weights_cannot_learn_and_shows_a_reply(aha: Aha, model: str, problems: str) -> None:
    done = aha("doctor", "r1-zero", "--model", model, "--problems", problems, *SMALL[:-1], "--prompts", 2)
    assert done.code == 1
    assert done.out.startswith("Asked 2 questions, 4 replies: accuracy 0, format 0")
    assert "The first reply" in done.out and done.out.endswith("As it stands, this cannot learn.\n")
    assert done.err.splitlines()[-1].startswith(
        "aha: recipe r1-zero cannot learn as it stands: 4 of 4 (100 %) replies are cut off at 8 tokens"
    )


def test_a_model_is_measured_for_a_program(aha: Aha, model: str) -> None:
    done = aha("eval", "countdown", "--model", model, "--k", 2, "--problems", 3, "--sampling.max_tokens", 8, "--json")
    measured = json.loads(done.out)
    assert done.code == 0
    assert {"pass@1", "ci95", "cons@k", "k", "problems", "lenient"} <= measured.keys()
    assert (measured["k"], measured["problems"]) == (2, 3)


# --- ctrl-C, in a real process ----------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_goes_on_and_ends_like_one_that_never_was(
    number: signal.Signals, code: int, aha: Aha, recipe: Path, model: str, problems: str, tmp_path: Path
) -> None:
    words = begin(recipe, model, problems, "--steps", 60)
    process = started(tmp_path, *words, "--json")
    assert process.stdout is not None
    while '"rollout"' not in process.stdout.readline():
        pass
    process.send_signal(number)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert time.monotonic() - began < 12
    assert "Loading weights" not in err
    metrics = tmp_path / "runs/even/metrics.jsonl"
    done = len(lines(metrics))
    assert 1 <= done < 30
    assert err.endswith(f"; the same command goes on from runs/even/checkpoints/{done - 1:06d}\n")  # with the last step that was done

    assert aha(*words).code == 0
    assert aha(*words, "--out", "whole").code == 0
    assert metrics.read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()


def started(folder: Path, *words: object) -> subprocess.Popen[str]:
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "aha", *map(str, words)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=here)


def test_a_reward_of_one_s_own_that_raises_is_named_and_the_run_goes_on_once_it_is_mended(
    aha: Aha, recipe: Path, model: str, problems: str, tmp_path: Path
) -> None:
    raising = RECIPE.replace(
        "        return [", "        calls.append(problem)\n        return [1 / (3 - len(calls)) for _ in replies] or ["
    )
    recipe.write_text(f"calls = []\n{raising}")
    stopped = aha(*begin(recipe, model, problems))
    assert stopped.code == 2
    last = stopped.err.splitlines()[-1]
    assert last.startswith("aha: reward 'even' on problem ") and ", reply '" in last
    assert f"raised ZeroDivisionError: division by zero ({recipe}, line " in last and "internal error" not in stopped.err
    assert len(lines(tmp_path / "runs/even/metrics.jsonl")) == 1

    recipe.write_text(RECIPE)
    assert "recipe file: 'sha256 " in aha(*begin(recipe, model, problems)).err
    mended = aha(*begin(recipe, model, problems, "--changed-recipe"))
    assert mended.code == 0, mended.err
    assert len(lines(tmp_path / "runs/even/metrics.jsonl")) == 2
    assert aha(*begin(recipe, model, problems)).err.startswith("runs/even is finished")
