"""Every command that loads a model refuses a damaged one in one line, with exit code 2."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from aha.cli import main
from tests.backends.checkpoint.damage import Damage, damages, sound

BROKEN: tuple[str, ...] = (
    "model.safetensors cut at 5/10",
    "config.json is a link to itself",
    "tokenizer.json is missing",
    "lm_head.weight holds nan",
)
BROKEN += ("layers beyond any memory", "code for an unknown model")
SMALL = ("--template", "Short", "--sampling.max_tokens", "8")  # what fits in the context of the model
COMMANDS = {
    "eval": ("eval", "countdown", "--problems", "4", "--model"),
    "run": ("run", "r1-zero", "--problems", "PROBLEMS", "--out", "OUT", "--questions", "4", "--minibatches", "2", *SMALL, "--model"),
    "doctor": ("doctor", "r1-zero", "--problems", "PROBLEMS", "--questions", "4", "--minibatches", "2", *SMALL, "--model"),
    "serve": ("serve", "--port", "0", "--model"),
    "chat": ("chat", "--model"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sound(tmp_path_factory.mktemp("whole") / "model")


@pytest.fixture(scope="module")
def broken(whole: Path) -> list[Damage]:
    return [damage for damage in damages(whole) if damage.name in BROKEN]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_damaged_model_is_one_line_and_exit_code_2(
    command: str, whole: Path, broken: list[Damage], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(broken) == len(BROKEN)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # a command sets its own
    problems = tmp_path / "problems.jsonl"
    problems.write_text("".join(json.dumps({"question": f"{i}+1?", "answer": str(i + 1)}) + "\n" for i in range(8)))
    for damage in broken:
        copy = shutil.copytree(whole, tmp_path / damage.name.replace("/", " of ") / "model")
        damage.do(copy)
        put = {"OUT": str(tmp_path / f"out {damage.name.replace('/', ' of ')}"), "PROBLEMS": str(problems)}
        code = main([*(put.get(word, word) for word in COMMANDS[command]), str(copy)])
        said = capsys.readouterr().err.strip().splitlines()
        complaints = [line for line in said if line.startswith("aha: ") or "Traceback" in line]
        assert (code, complaints) == (2, said[-1:]) and str(copy) in said[-1], (damage.name, said)
