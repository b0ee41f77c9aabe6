"""The whole of R1 with the paper's recipe, on weights, problems and prompts from files, and a server that rewrites and judges."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from aha.cli import main
from aha.errors import BadInput
from aha.tasks.countdown import CountdownProblems
from aha.types import Countdown
from tests.house import ROOT
from tests.servers import Answer, Request, Server, said

TINY = ROOT / "aha/assets/tiny"
STAGES = "zero cold-start sft1 reason-rl rejection sft2 pairs labels helpful harmless align-rl distill".split()
SMALL = """
--zero.template short --cold-start.template short --zero.steps 8 --zero.questions 8 --zero.samples 4 --zero.minibatches 4
--zero.sampling.max_tokens 200 --zero.schedule.max_tokens [] --zero.optim.lr 1e-4
--cold-start.sampling.max_tokens 200 --cold-start.readable.repeated none --cold-start.samples 8
--cold-start.rewritten.repeated none --cold-start.rewritten.language none
--sft1.batch 8 --sft1.epochs 12 --sft1.max_tokens 512 --sft1.optim.lr 1e-3
--reason-rl.steps 4 --reason-rl.questions 8 --reason-rl.samples 4 --reason-rl.minibatches 4 --reason-rl.sampling.max_tokens 200
--rejection.sampling.max_tokens 200 --rejection.samples 8
--rejection.readable.repeated none --rejection.readable.language none
--rejection.rewritten.repeated none --rejection.rewritten.language none
--sft2.batch 8 --sft2.epochs 12 --sft2.max_tokens 512 --sft2.optim.lr 1e-3
--pairs.sampling.max_tokens 200 --pairs.task.margin 0.5 --pairs.task.apart none --labels.sampling.max_tokens 200
--helpful.batch 4 --helpful.longest 512 --helpful.held_out 0.2 --harmless.batch 4 --harmless.longest 512 --harmless.held_out 0.2
--align-rl.steps 8 --align-rl.late.steps 4 --align-rl.questions 8 --align-rl.samples 4 --align-rl.minibatches 4
--align-rl.sampling.max_tokens 200
--distill.batch 8 --distill.epochs 2 --distill.max_tokens 512 --compute.micro_tokens 1024 --compute.threads 1
"""


def blocks(prompt: str) -> dict[str, str]:
    """What stands in the marked blocks of what a rewriter or a judge is asked."""
    found = re.findall(r"(?ms)^BEGIN ([\w ]+) (\w{8,})\n(.*?)\nEND \1 \2$", prompt)
    return {name: html.unescape("\n".join(line.removeprefix("| ") for line in text.split("\n"))) for name, _, text in found}


def v3(request: Request, number: int) -> Answer:
    """Rewrites word by word, prefers the shorter of two answers, and calls a reply unsafe that speaks of no number."""
    inside = blocks(request.asked)
    if request.asked.startswith("Rewrite"):
        chain, answer = (inside[name] for name in sorted(inside, key=lambda name: ("chain" not in name, "answer" not in name))[:2])
        return said(f"<chain>{chain}</chain>\n<summary>{answer}</summary>")
    if request.asked.startswith("Compare"):
        gap = len(inside["answer B"]) - len(inside["answer A"])
        return said(json.dumps({"analysis": "", "verdict": "A>B" if gap > 0 else "B>A" if gap < 0 else "A=B"}))
    return said(json.dumps({"analysis": "", "verdict": "safe" if re.search(r"\d", inside["reply"]) else "unsafe"}))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """--problems and the two files of general prompts, with the flags that name them."""
    rows = []
    for problem in CountdownProblems().at(0, 0, 48, 0):
        assert isinstance(problem.reference, Countdown)
        rows.append({"question": problem.question, "target": problem.reference.target, "numbers": problem.reference.numbers})
    written = {"problems": rows}
    for name, word in (("helpful", "Say"), ("harmless", "Tell me")):
        written[name] = [{"question": f"{word} {number} and {number + 3}."} for number in range(12)]
    for name, found in written.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    named = {"--problems": "problems", "--pairs.problems.source": "helpful", "--labels.problems.source": "harmless"}
    return [word for flag, name in named.items() for word in (flag, str(tmp_path / f"{name}.jsonl"))]


@pytest.mark.long
def test_every_stage_of_the_paper_runs_on_what_a_person_brings(
    tmp_path: Path, files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))  # what servers said is kept there
    with Server(v3) as server:
        words = f"run r1 --model {TINY} --cold-start.rewriter.model {server.url} {SMALL} --kind countdown --out out".split() + files
        assert main(words) == 0, capsys.readouterr().err
        asked = [request.asked.split()[0] for request in server.requests]
    assert {*asked} == {"Rewrite", "Compare", "Decide"}
    folders = {name: next((tmp_path / "out" / name).iterdir()) for name in STAGES}
    results = {name: json.loads((folder / "result.json").read_text()) for name, folder in folders.items()}
    assert results["cold-start"]["rows"] > 0 and results["rejection"]["rows"] > 0
    assert asked.count("Compare") == 4 * results["pairs"]["compared"]
    metrics = [json.loads(line) for line in (folders["align-rl"] / "metrics.jsonl").read_text().splitlines()]
    assert "reward/helpful" in metrics[-1] and metrics[-1]["reward/harmless"] is not None
    capsys.readouterr()
    assert main(words) == 0
    assert "nothing to do: all 12 stages are done" in capsys.readouterr().err


def test_what_is_missing_is_said_before_anything_runs(tmp_path: Path, files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    from aha.commands.arguments import CliArgs
    from aha.commands.choose import choose, complete
    from aha.tasks.rows import RowProblems

    recipe = choose("r1", CliArgs(str(TINY), RowProblems(files[1]), ())).recipe
    with pytest.raises(BadInput, match=r"needs a value for cold-start.rewriter.model: give it with --cold-start.rewriter.model VALUE"):
        complete(recipe)
    recipe = recipe.change([("cold-start.rewriter.model", "http://127.0.0.1:9/v1")])
    with pytest.raises(BadInput, match=r"needs a value for pairs.problems.source"):
        complete(recipe)
    complete(recipe.change([("pairs.problems.source", "a.jsonl"), ("labels.problems.source", "b.jsonl")]))
