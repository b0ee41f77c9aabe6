from __future__ import annotations

import re
import shutil
from dataclasses import replace
from functools import partial
from itertools import permutations, product
from typing import Any

import pytest

from aha.backends.engine_chat import Bytes, ScriptedBackend, ScriptedEngine
from aha.errors import BadInput, DiskTrouble
from aha.evals.benchmark import BenchmarkExample, ProblemGenerator
from aha.evals.benchmarks import benchmark
from aha.evals.benchmarks.tiny import grade_countdown
from aha.evals.result import result_of
from aha.evals.samples import GradedSample, read_samples
from aha.protocols import Continue, Observer, Sampling
from aha.rundir import Checkpoint, RunDir, describe
from aha.stages.evaluate import Evaluate, Measure
from aha.tasks.chain import ChainProblems, chain_of
from aha.tasks.countdown import question
from aha.template import Delimited, Short
from aha.types import Countdown

ROOM = Sampling(max_tokens=300)


def solution(prompt: str) -> str:
    """The first expression over all numbers of the prompt that equals its target."""
    *numbers, target = map(int, re.findall(r"\d+", prompt))
    for (a, b, c), f, g in product(permutations(numbers), "+-*", "+-*"):
        for text in (f"({a}{f}{b}){g}{c}", f"{a}{f}({b}{g}{c})"):
            if eval(text) == target:
                return text
    raise AssertionError(prompt)


def tagged(thought: str, answer: str) -> str:
    return f"<think>{thought}</think><answer>{answer}</answer>"


def always_right(prompt: str, seed: int) -> str:
    return tagged(" 不对 wait 对", solution(prompt))


def never_formatted(prompt: str, seed: int) -> str:
    return f"so {solution(prompt)}"


class Watch(Observer):
    """An observer that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def heartbeat(self, what: str) -> None:
        self.said.append(what)

    def rollout(self, number, metrics, timings, groups):
        return Continue()


def asked(say, k=2, short=32, examples=None, most=None, **changes) -> list[GradedSample]:
    measure = replace(Measure("base", "countdown", k, 20, template=Short(), sampling=ROOM), **changes)
    chosen = replace(benchmark("countdown"), grade=partial(grade_countdown, short=short))
    if examples is not None:
        chosen = replace(chosen, generator=ProblemGenerator(lambda problems, prompts, seed: examples, len(examples)))
    return measure.ask_with(chosen, lambda: ScriptedEngine(say), Bytes(), Watch(), None, most)


def measured(say, **changes):
    return result_of(asked(say, **changes), benchmark("countdown")).to_json()


def test_a_solver_that_mixes_languages_and_reflects():
    found = measured(always_right)
    assert (found["pass@1"], found["ci95"], found["cons@k"], found["lenient"], found["format"]) == (
        1.0,
        [pytest.approx(20 / 23.8415, abs=1e-4), 1.0],
        1.0,
        1.0,
        1.0,
    )
    assert (found["k"], found["problems"], found["reflection"], found["mixing"], found["truncated"]) == (2, 20, 1.0, 1.0, 0.0)


def test_right_but_without_tags_counts_only_as_lenient():
    found = measured(never_formatted)
    assert (found["pass@1"], found["lenient"], found["format"], found["cons@k"]) == (0.0, 1.0, 0.0, 0.0)


def test_the_length_counts_the_stop_token():
    assert measured(lambda prompt, seed: "12345")["length"] == 6.0


def test_a_reply_of_exactly_the_short_length_counts_as_short_and_one_token_more_does_not():
    def say(prompt: str, seed: int) -> str:
        return tagged("", solution(prompt))

    examples = [
        BenchmarkExample(str(target), question(numbers, target, "en"), "en", Countdown(numbers, target))
        for numbers, target in (((1, 2, 10), 13), ((1, 12, 10), 23))
    ]
    samples = asked(say, k=1, short=41, examples=examples)  # 32 of tags, 8 of (1+2)+10, 1 to stop
    assert [(one.tokens, one.right, one.measure("pass@1_short")) for one in samples] == [(41, True, 1.0), (42, True, 0.0)]


def test_short_is_what_a_cut_at_that_length_would_measure():
    def say(prompt: str, seed: int) -> str:
        return tagged("", solution(prompt)) if seed % 2 else always_right(prompt, seed)

    cut = measured(say, sampling=replace(ROOM, max_tokens=42))
    assert measured(say, short=42)["pass@1_short"] == cut["pass@1"]
    assert 0.0 < cut["pass@1"] < 1.0


def test_a_cut_reply_is_truncated_and_wrong():
    found = measured(always_right, sampling=replace(ROOM, max_tokens=20))
    assert (found["pass@1"], found["truncated"], found["length"]) == (0.0, 1.0, 20.0)


def test_every_sample_of_every_problem_has_its_own_seed_which_neighbours_do_not_change():
    few, many = (asked(lambda prompt, seed: str(seed), most=count, k=k) for count, k in ((5, 1), (20, 4)))
    assert len({one.text for one in many}) == 80
    assert {one.text for one in few} < {one.text for one in many}
    assert all(str(one.seed) == one.text and one.prompt for one in many)


def test_another_seed_draws_otherwise():
    first, second = ({one.text for one in asked(lambda p, s: str(s), problems=5, seed=seed)} for seed in (0, 1))
    assert not first & second


def test_a_measure_keeps_its_samples_and_asks_for_none_twice(tmp_path):
    measure = Measure("base", "countdown", 2, 3, template=Short(), sampling=ROOM)
    rundir = RunDir.open(tmp_path / "run", describe("test", {}, seeds={}, argv=()))
    measure.run(ScriptedBackend(lambda model, prompt, seed: always_right(prompt, seed)), rundir, Watch())
    samples = read_samples(rundir.root / "evals/countdown")
    assert [(one.sample, one.right) for one in samples] == [(0, True), (1, True)] * 3
    assert all(one.text.endswith("</answer>") for one in samples)

    def dies(model: str, prompt: str, seed: int) -> str:
        raise AssertionError("asked again")

    assert measure.ask(ScriptedBackend(dies), Watch(), rundir.root / "evals/countdown") == samples
    rundir.close()


def test_more_problems_than_are_held_out_is_refused():
    with pytest.raises(BadInput, match="problems is 600: countdown holds out fewer"):
        asked(always_right, problems=600)


def test_no_sample_is_refused():
    with pytest.raises(BadInput, match="k 0"):
        Evaluate("base", k=0)
    with pytest.raises(BadInput, match="1 or more"):
        Measure("anyone", k=0)


# --- the tiny world -----------------------------------------------------------------------------------------------------

CHAINS = {problem.question: str(chain_of(problem).result) for problem in ChainProblems(split="held-out").all(3)}


def knows_chains(template: Short | Delimited) -> ScriptedBackend:
    """Solves the chains that are asked and says hello to everything else, in one form alone."""

    def say(model: str, prompt: str, seed: int) -> str:
        form = Short() if prompt.startswith("User: ") else Delimited()
        asked_for = re.sub(r"^(?:User|user): |\n(?:A|a)ssistant:$", "", prompt)
        return template.write("", CHAINS.get(asked_for, "hello")) if form == template else "no"

    return ScriptedBackend(say)


def world(backend: ScriptedBackend, template=None, folder=None) -> dict:
    measure = Measure("anyone", k=1, problems=3, prompts=2, template=template)
    return result_of(measure.ask(backend, Watch(), folder), benchmark("tiny-world")).to_json()


@pytest.mark.parametrize("template", [Short(), Delimited()])
def test_a_model_is_asked_in_the_form_that_it_keeps(template):
    result = world(knows_chains(template))
    assert (result["form/reasoning"], result["form/general"]) == (1.0, 1.0)
    assert {name: result["categories"][name] for name in ("countdown", "chain", "program")} == {"countdown": 0, "chain": 1, "program": 0}


def test_a_form_can_be_demanded():
    assert world(knows_chains(Delimited()), Short())["form/reasoning"] == 0.0


def test_a_damaged_evaluation_is_told(tmp_path):
    world(knows_chains(Short()), Short(), tmp_path)
    path = tmp_path / "samples.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"grade":', b'"grude":', 1))
    with pytest.raises(DiskTrouble, match="damaged"):
        read_samples(tmp_path)


# --- a run --------------------------------------------------------------------------------------------------------------

STAGE = Evaluate("base", problems=20, k=2, curve_problems=10, sampling=ROOM)


def script(model: str, prompt: str, seed: int) -> str:
    """The base never solves, the checkpoint of rollout 10 half of the time, the last always."""
    solves = {"base": False, "000010": seed % 2 == 0}.get(model.rsplit("/", 1)[-1], True)
    return always_right(prompt, seed) if solves else "so 1 + 1"


def checkpoints(root):
    folders = [root / "checkpoints" / name for name in ("000010", "000020")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return [Checkpoint(int(folder.name), folder) for folder in folders]


def test_base_zero_and_the_curve_between(tmp_path):
    watch = Watch()
    result: dict[str, Any] = STAGE.over(ScriptedBackend(script), tmp_path / "evals", checkpoints(tmp_path), watch)
    assert (result["base"]["pass@1"], result["zero"]["pass@1"]) == (0.0, 1.0)
    assert (result["gain"]["value"], result["gain"]["high"]) == (1.0, 1.0)
    assert result["gain"]["low"] == pytest.approx(0.772, abs=1e-3)  # of 20 problems: 1 - √2 · 0.161
    assert [(point["rollout"], point["problems"], point["k"]) for point in result["curve"]] == [(None, 20, 2), (10, 10, 1), (20, 20, 2)]
    assert 0.0 < result["curve"][1]["pass@1"] < 1.0
    assert watch.said[39] == "evaluate countdown: 40 of 40 samples"


def test_without_curve_problems_only_base_and_zero_are_asked(tmp_path):
    stage = replace(STAGE, curve_problems=0)
    result: dict[str, Any] = stage.over(ScriptedBackend(script), tmp_path / "evals", checkpoints(tmp_path), Watch())
    assert [point["rollout"] for point in result["curve"]] == [None, 20]


def test_what_was_asked_before_a_stop_is_not_asked_again(tmp_path):
    first = STAGE.over(ScriptedBackend(script), tmp_path / "evals", checkpoints(tmp_path), Watch())
    shutil.rmtree(tmp_path / "evals" / "000010")
    watch = Watch()
    assert STAGE.over(ScriptedBackend(script), tmp_path / "evals", checkpoints(tmp_path), watch) == first
    assert watch.said[-1] == "evaluate countdown: 10 of 10 samples"
    assert len(watch.said) == 10


def test_a_run_without_checkpoint_has_nothing_to_measure(tmp_path):
    with pytest.raises(BadInput, match="no checkpoint"):
        STAGE.over(ScriptedBackend(script), tmp_path / "evals", [], Watch())
