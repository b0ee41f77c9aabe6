"""The tiny world asked of a model: in which form, and that no reply is asked for twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aha.backends.scripted import ScriptedBackend
from aha.errors import BadInput, DiskTrouble
from aha.evals.tiny_world import GENERAL, REASONING, held_out
from aha.rundir import RunDir, describe
from aha.stages.world import World, read_shown
from aha.tasks.chain import ChainProblems, chain_of
from aha.template import Delimited, Short
from tests.stages.small import Watching

ANSWERS = {problem.question: str(chain_of(problem).result) for problem in ChainProblems(split="held-out").all(3)}


def knows_chains(template: Short | Delimited) -> ScriptedBackend:
    """Solves the chains that are asked and says hello to everything else, in one form alone."""

    def say(model: str, prompt: str, seed: int) -> str:
        form = Short() if prompt.startswith("User: ") else Delimited()
        question = re.sub(r"^(?:User|user): |\n(?:A|a)ssistant:$", "", prompt)
        return template.write("", ANSWERS.get(question, "hello")) if form == template else "no"

    return ScriptedBackend(say)


@pytest.mark.parametrize("template", [Short(), Delimited()])
def test_a_model_is_asked_in_the_form_that_it_keeps(template: Short | Delimited) -> None:
    measured = World("anyone", problems=3, prompts=2, samples=1).measure(knows_chains(template), Watching())
    assert measured.form == {"reasoning": 1.0, "general": 1.0}
    assert {name: interval.value for name, interval in measured.pass_at_1.items()} == {"countdown": 0.0, "chain": 1.0, "program": 0.0}


def test_a_form_can_be_demanded() -> None:
    stage = World("anyone", problems=3, prompts=2, samples=1, template=Short())
    assert stage.measure(knows_chains(Delimited()), Watching()).form["reasoning"] == 0.0


def test_replies_stay_on_disk_and_are_not_asked_for_again(tmp_path: Path) -> None:
    stage = World("anyone", problems=3, prompts=2, samples=2)
    rundir = RunDir.open(tmp_path / "run", describe("test", {}, seeds={}, argv=()))
    stage.run(knows_chains(Delimited()), rundir, Watching())
    path = rundir.root / "evals" / "tiny-world.jsonl.gz"
    replies = read_shown(path)
    assert [each.problem for each in replies] == [problem.id for problem in held_out(3, 2, 0) for _ in range(2)]
    assert {each.domain for each in replies} == {*REASONING, *GENERAL}

    def dies(model: str, prompt: str, seed: int) -> str:
        raise AssertionError("asked again")

    stage.run(ScriptedBackend(dies), rundir, Watching())
    rundir.close()


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl.gz"
    path.write_bytes(b"nothing that was written here")
    with pytest.raises(DiskTrouble, match="damaged"):
        read_shown(path)


def test_a_measure_of_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="1 or more"):
        World("anyone", problems=0)
