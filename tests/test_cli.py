"""The command's manners: one line for what is wrong, an exit code, and nothing on stdout but what was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from aha import cli
from aha.cli import main
from aha.commands.catalog import COMMANDS
from aha.commands.terminal import GROUPS
from aha.errors import BadInput
from aha.recipes import RECIPES
from aha.rundir import Manifest, RunDir


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    hook = sys.excepthook
    code = main(words)
    sys.excepthook = hook
    heard = capsys.readouterr()
    return code, heard.out, heard.err


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "What is 2 + 2?", "answer": "4"}\n{"question": "What is 3 + 3?"}\n')
    return str(path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("rnu zero", "rnu: there is no such command; there are run, show"),
        ("run zerro", "zerro: no recipe has this name; there are zero, r1, r1-real, distill-vs-rl, "),
        ("run sft --model tiny", "recipe sft needs examples: give them with --data FILE.jsonl"),
        ("run sft --data README.md", "recipe sft needs a base model: give it with --model"),
        ("run sft --model tiny --data nowhere.jsonl", "data nowhere.jsonl: there is no such file or folder; examples: give them with"),
        ("run sft --model tiny --data README.md --problems x", "recipe sft imitates examples and asks no problems: give them with --data"),
        ("run distill-qwen-7b", "recipe distill-qwen-7b needs examples: give them with --data"),
        ("show sft --batch 0", "--sft.batch 0: batch is 0: it counts something a run needs, so 1 or more"),
        ("run zero --model x", "recipe zero brings its own model: leave --model out"),
        ("run zero --problems x", "recipe zero brings its own problems: leave --problems out"),
        ("run r1-zero", "recipe r1-zero needs a base model: give it with --model"),
        ("run r1-zero --model x", "recipe r1-zero needs problems: give them with --problems"),
        ("run r1-zero --model ./nowhere --problems nowhere.jsonl", "model ./nowhere: there is no such folder"),
        ("run r1-zero --model tiny --problems nowhere.jsonl", "nowhere.jsonl was not found"),
        ("run mine.py", "mine.py: there is no such file"),
        ("run runs/none/manifest.json", "runs/none/manifest.json: there is no such file"),
        ("show zero --loss.kk 1", "--loss.kk: there is no such setting; did you mean --loss.kl"),
        ("show zero --samples 1", "--zero.samples 1: samples is 1: GRPO compares replies within a group, so it needs 2 or more"),
        ("show zero --samples", "--zero.samples: a value has to follow, as in --zero.samples 8"),
        ("show zero --samples --seed 1", "--zero.samples: a value has to follow, as in --zero.samples 8"),
        ("run sft --model a --data b --data c", "--data is given twice, 'b' and 'c': write one, or several with commas"),
        ("run r1-zero --model a --problems b --problems=c", "--problems is given twice, 'b' and 'c': write one, or several"),
        ("show sft --fp16", "--fp16: there is no such setting; here it is --compute.dtype"),
        ("show sft --push_to_hub --seed 1", "--push_to_hub: there is no such setting: `aha export --upload OWNER/NAME`"),
        ("show zero samples 1", "samples: a setting is written --path value"),
        ("show r1-zero --answer-field gold", "--answer-field: it says how to read problems, and there are none"),
        ("eval countdown", "countdown: it asks a model; give one with --model"),
        ("eval countdown --model ./nowhere", "model ./nowhere: there is no such folder"),
        ("eval count --model tiny", "count: no such benchmark; there are countdown, countdown4, tiny-world, "),
        (
            "show zero --zero.sampling.max_tokens -5",
            "--zero.sampling.max_tokens -5: it takes a whole number of 1 or more",
        ),
        ("eval count", "count: no such benchmark; there are countdown"),
        ("eval math500 --model tiny", "math500: no such benchmark; there are countdown"),
        ("eval gsm8k", "gsm8k: it asks a model; give one with --model"),
        ("eval gsm8k --model tiny --data nowhere.jsonl", "nowhere.jsonl: there is no such file or folder; --data names gsm8k's rows"),
        ("eval swe_bench_verified", "swe_bench_verified: it runs elsewhere; give what it wrote with --results"),
        ("regrade nowhere", "nowhere: nothing that was saved by"),
        ("eval alpaca_evl", "alpaca_evl: no such benchmark"),
        ("eval alpaca_eval", "alpaca_eval: give one model's annotations with --annotations FILE"),
        ("eval arena_hard", "arena_hard: give judgments or battles with --judgments FILE"),
        ("report nowhere", "nowhere: no manifest.json in it"),
        ("diff zero r1-zero more", "more: this command takes no more"),
        ("pretrain large", "large: only the tiny world's base is made here"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, *words.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"aha: {says}") and err.count("\n") == 1


def test_rows_are_checked_before_a_model_is_loaded(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "run", "r1-zero", "--model", "owner/name", "--problems", rows)
    assert code == 2
    assert err.startswith(f"aha: {rows}, line 2: no answer field")
    code, _, err = said(capsys, "run", "r1-zero", "--model", "owner/name", "--problems", rows, "--answer-field", "gold")
    assert (code, err.startswith(f"aha: {rows}, line 1: no field 'gold' for the answer")) == (2, True)


def test_an_empty_file_of_problems_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    code, _, err = said(capsys, "run", "r1-zero", "--model", "x", "--problems", str(empty))
    assert (code, err.startswith(f"aha: {empty} is empty")) == (2, True)


WITHOUT_TORCH = """
import contextlib, io, json, sys
from aha import cli
from aha.cli import main
for line in sys.stdin:
    heard = io.StringIO()
    with contextlib.redirect_stderr(heard), contextlib.redirect_stdout(io.StringIO()):
        code = main(json.loads(line))
    print(json.dumps([code, heard.getvalue(), "torch" in sys.modules]))
"""


def without_torch(lines: Sequence[Sequence[str]], folder: Path) -> list[tuple[int, str, bool]]:
    """The exit code and the message of each command, one after the other in a fresh process, and whether torch was loaded by then."""
    words = "".join(f"{json.dumps(line)}\n" for line in lines)
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", WITHOUT_TORCH]
    done = subprocess.run(command, input=words, capture_output=True, text=True, timeout=300, check=True, cwd=folder, env=here)
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_settings_load_no_torch(tmp_path: Path) -> None:
    lines = [line.split() for line in ("show zero", "diff zero r1-zero", "--help", "run --help", "run r1 --dry-run")]
    assert without_torch(lines, tmp_path) == [(0, "", False)] * len(lines)


def test_help_lists_every_command_in_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "--help")
    groups = {block.split(":")[0]: [line.split()[0] for line in block.splitlines()[1:]] for block in out.split("\n\n")[2:-1]}
    assert groups == {group: [name for name, command in COMMANDS.items() if command.group == group] for group in GROUPS}


def test_a_shell_completes_commands_and_flags(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "completion", "bash")
    assert code == 0 and "bench-reward" in out and "--question-field" in out


def test_show_gives_every_value_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "show", "r1-zero", "--questions", "32", "--samples", "8", "--sampling.max_tokens", "1024")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line.split(maxsplit=2)[1:] for line in out.splitlines() if line.startswith("rl.")}
    assert lines["rl.optim.lr"] == ["3e-06", "[nature: 3e-6]"]
    assert lines["rl.questions"] == ["32", "user"]
    assert "32 questions x 8 samples = 256 replies a rollout, in 16 mini-batches of 16 replies a step; 10,400 steps = 650 rollouts" in out


def test_show_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "show", "dapo", "--json")
    shown = json.loads(out)
    assert code == 0
    assert shown["settings"]["rl.loss.clip_high"] == {"value": 0.28, "source": "[2503.14476: 0.28]"}
    assert "512 replies a step" in shown["derived"][0]


def test_diff_shows_what_differs_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "diff", "r1-zero", "drgrpo", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["rl.advantages.mode"] == ["group_std", "mean_only"]
    assert "rl.optim.lr" not in found
    assert said(capsys, "diff", "zero", "zero")[1] == "zero and zero have the same settings\n"


def test_help_and_version_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys)[0] == 0
    code, out, err = said(capsys, "--version")
    assert (code, out.startswith("aha "), err) == (0, True, "")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    """`aha show zero | head -1`"""
    script = "import os, sys; from aha.cli import main; r, w = os.pipe(); os.close(r); os.dup2(w, 1); sys.exit(main(['show', 'zero']))"
    done = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (141, "")


@dataclass(frozen=True)
class Wrong:
    """What a person could type, with files of their own, and the line that answers."""

    words: str
    says: str


WRONG = [
    Wrong("run r1-zero --model ./nowhere --problems good.jsonl", "model ./nowhere: there is no such folder"),
    Wrong("run r1-zero --model base --problems good.jsonl --answer-field gold", "good.jsonl, line 1: no field 'gold' for the answer"),
    Wrong("run r1-zero --model base --problems good.jsonl --question-field asked", "good.jsonl, line 1: no field 'asked' for the question"),
    Wrong("run r1-zero --model base --problems other.jsonl", "other.jsonl, line 1: no question field"),
    Wrong("run r1-zero --model base --problems lacking.jsonl", "lacking.jsonl, line 2: no answer field"),
    Wrong("run r1-zero --model base --problems boxless.jsonl", "boxless.jsonl, line 1: a row without an answer"),
    Wrong("run r1-zero --model base --problems empty.jsonl", "empty.jsonl is empty"),
    Wrong("run r1-zero --model base --problems good.jsonl --samples 1", "--rl.samples 1: samples is 1: GRPO compares"),
    Wrong("run zero --zero.samples 1", "--zero.samples 1: samples is 1: GRPO compares"),
    Wrong("run zero --model x", "recipe zero brings its own model: leave --model out"),
    Wrong("run zerro", "zerro: no recipe has this name"),
    Wrong("eval gsm8k --model tiny --data nowhere.jsonl", "nowhere.jsonl: there is no such file or folder"),
    Wrong("run r1-zero --model base --problems good.jsonl --out begun", "begun: it belongs to another recipe (zero, not r1-zero)"),
]
FILES = {
    "good.jsonl": '{"question": "What is 2 + 2?", "answer": "so\\n#### 4"}\n',
    "other.jsonl": '{"asked": "What is 2 + 2?", "gold": "4"}\n',
    "lacking.jsonl": '{"question": "What is 2 + 2?", "answer": "4"}\n{"question": "What is 3 + 3?"}\n',
    "boxless.jsonl": '{"problem": "What is 2 + 2?", "solution": "It is 4."}\n',
    "empty.jsonl": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "base").mkdir()
    RunDir.open(tmp_path / "begun", Manifest("zero", {}, {}, {}, None, (), "")).close()
    return tmp_path


def test_what_is_wrong_is_said_in_one_line_before_torch_is_loaded(folder: Path) -> None:
    for wrong, (code, message, torch_is_loaded) in zip(WRONG, without_torch([wrong.words.split() for wrong in WRONG], folder), strict=True):
        assert (code, torch_is_loaded) == (2, False), wrong.words
        assert message.startswith(f"aha: {wrong.says}") and message.count("\n") == 1, (wrong.words, message)


def test_a_group_of_one_is_refused_in_the_words_of_the_stage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInput) as of_the_stage:
        RECIPES["zero"]().change([("samples", "1")])
    assert said(capsys, "run", "zero", "--samples", "1") == (2, "", f"aha: {of_the_stage.value}\n")


def test_fields_of_another_name_are_mapped_by_flags(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("show", "r1-zero", "--problems", str(folder / "other.jsonl"), "--question-field", "asked", "--answer-field", "gold", "--json")
    code, out, _ = said(capsys, *words)
    shown = json.loads(out)["settings"]
    assert (code, shown["rl.problems.question_field"]["value"], shown["rl.problems.answer_field"]["value"]) == (0, "asked", "gold")


def test_how_rows_are_read_may_be_said_by_path_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = ("--problems.question_field", "asked", "--problems.answer_field", "gold")
    code, out, _ = said(capsys, "show", "r1-zero", "--problems", str(folder / "other.jsonl"), *paths, "--json")
    assert (code, json.loads(out)["settings"]["rl.problems.answer_field"]["value"]) == (0, "gold")


def test_the_folders_beside_a_model_that_is_not_there_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for steps in range(4):
        (folder / "run" / "checkpoints" / f"{steps:06}").mkdir(parents=True)
    place = folder / "run" / "checkpoints"
    message = said(capsys, "chat", "--model", f"{place}/last")[2]
    assert message.startswith(f"aha: model {place}/last: there is no such folder ({place} holds 000001, 000002, 000003); give the folder")


def test_memory_that_ran_out_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(words: object, terminal: object) -> int:
        raise MemoryError

    monkeypatch.setattr(cli, "run_command", run)
    assert cli.main(["show", "zero"]) == 71
    printed = capsys.readouterr().err
    assert printed.startswith("aha: memory ran out: ") and printed.count("\n") == 1


def test_a_package_that_is_missing_is_named_with_its_extra(rows: str) -> None:
    script = "import sys; sys.modules['datasets'] = None; from aha.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["show", "r1-zero", "--model", "tiny", "--problems", "owner/name"]
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=60)
    told = "aha: this needs the package datasets, which is not installed: pip install 'aha[data]'\n"
    assert (done.returncode, done.stderr) == (2, told)
