"""The page of a graph, from what its stages left, and when it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aha.commands.graph_page import Head, leave, page_of, status_of
from aha.commands.terminal import Terminal
from aha.evals.benchmark import BenchmarkExample
from aha.evals.benchmarks.tiny import TINY_WORLD
from aha.evals.result import result_of
from aha.evals.samples import GradedSample, SampleJournal
from aha.pipeline import Graph, Step
from aha.protocols import Backend, Observer
from aha.rundir import Manifest, RunDir
from aha.types import Completion, Countdown, Group, Part, Problem, Reply, Score
from tests.commands.conftest import COUNTING, Aha
from tests.pipeline.toys import BACKEND, Listening, Trains

HOSTILE = "<script>alert('等等')</script>"
MANIFEST = Manifest("toy", {}, {}, {}, None, ("aha",), "2026-01-31T12:00:00+00:00")
HEAD = Head("out", "toy")
REPLY = Reply("", "1 + 1", "2", 2, "stop")


@dataclass(frozen=True)
class FinalPhase:
    """What a stage's last steps have."""

    steps: int = 2
    rewards: tuple[str, ...] = ("helpful",)


@dataclass(frozen=True)
class Asks:
    """Reinforcement in two domains, of which only one is ever right; ended by a probe."""

    steps: int = 6
    late: FinalPhase = FinalPhase()
    back: int | None = None

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        for rollout in range(3):
            groups = [group(domain, float(domain == "chain")) for domain in ("chain", "countdown")]
            ended = {"rolled_back_to": float(self.back)} if self.back is not None and rollout == 2 else {}
            metrics = {"step": 2.0 * (rollout + 1), "reward": 0.5, "accuracy": 0.5, **ended}
            rundir.commit(rollout, metrics, {"seconds": 2.0}, groups)


DOMAINS = {"countdown": "reasoning", "chain": "reasoning", "program": "reasoning", "greeting": "general", "harm": "general"}


def world_sample(
    problem: str, domain: str, number: int, grade: float, text: str = "", form: float = 1.0, consistency: float = 1.0
) -> GradedSample:
    kind = DOMAINS[domain]
    measures = {"reasoning" if kind == "reasoning" else "instruction": grade, f"form/{kind}": form, f"consistency/{kind}": consistency}
    return GradedSample(problem, number, grade, text=text, tokens=10, finished="stop", category=domain, measures=measures)


@dataclass(frozen=True)
class Measures:
    """A model in the tiny world that says one thing to everything, and is right in a share of problems."""

    says: str = HOSTILE
    right: int = 1

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        examples = [
            BenchmarkExample(f"{name}-{number}", f"{name} {number}?", ("en", "zh")[number % 2], Countdown((1,), 1), name)
            for name in DOMAINS
            for number in range(4)
        ]
        samples = [
            world_sample(example.id, example.category, sample, float(int(example.id[-1]) < self.right), self.says)
            for example in examples
            for sample in range(2)
        ]
        journal = SampleJournal(rundir.root / "evals/tiny-world", {"benchmark": "tiny-world", "k": 2})
        journal.keep_examples(examples)
        result = result_of(samples, TINY_WORLD).to_json()
        journal.finish(samples, result)
        rundir.finish(result)


def group(domain: str, value: float) -> Group:
    problem = Problem(domain, domain, "q", "en", Countdown((1, 1), 2))
    scores = (Score(value, (Part("accuracy", value, 1.0, "summary"),)),) * 2
    return Group(problem, (1,), (Completion((1,), (0.0,), "stop", 0),) * 2, (REPLY,) * 2, scores)


@contextmanager
def opened(step: Step) -> Iterator[tuple[RunDir, Listening]]:
    assert step.folder is not None
    step.folder.parent.mkdir(parents=True, exist_ok=True)
    rundir = RunDir.open(step.folder, replace(MANIFEST, recipe=f"stage {step.name}"), reserve_bytes=0)
    yield rundir, Listening()
    rundir.close()


def done(graph: Graph) -> dict[str, Step]:
    """Every stage of the graph, done; as each stood before."""
    seen = {}
    for step in graph.steps():
        seen[step.name] = step
        if step.todo:
            graph.do(step, BACKEND, opened)
    return seen


def page_text(graph: Graph, root: Path, seen: dict[str, Step] | None = None) -> str:
    page = leave(graph, seen or {}, lambda: HEAD, root / "report.html", Terminal())
    assert page == root / "report.html"
    return page.read_text()


def whole_of(graph: Graph, root: Path, seen: dict[str, Step]):
    return page_of([status_of(step, seen.get(step.name)) for step in graph.steps()], HEAD, root)


def test_measured_models_stand_in_the_order_of_their_stages(tmp_path: Path) -> None:
    graph = Graph((("measure-base", Measures(right=0)), ("measure-r1", Measures(right=2))), tmp_path)
    whole = whole_of(graph, tmp_path, done(graph))
    assert [model.name for model in whole.models] == ["base", "r1"]
    assert whole.columns == ("countdown", "chain", "program", "reasoning", "instruction", "consistency", "form")
    assert [model.values["countdown"].value for model in whole.models] == [0.0, 0.5]
    form = whole.models[1].values["form"]
    assert form.value == 1.0 and form.low is not None and form.low < 1.0
    assert whole.stages[1].came == ("reasoning 50.0 %", "instruction 50.0 %")


def test_the_first_prompt_of_each_domain_and_language_is_answered_by_every_model(tmp_path: Path) -> None:
    graph = Graph((("measure-base", Measures(right=0)), ("measure-r1", Measures("fine", 1))), tmp_path)
    text, asked = page_text(graph, tmp_path, done(graph)), whole_of(graph, tmp_path, {}).questions
    assert [(one.domain, one.question) for one in asked[:3]] == [
        ("countdown", "countdown 0?"),
        ("countdown", "countdown 1?"),
        ("chain", "chain 0?"),
    ]
    assert len(asked) == 10 and {len(one.answers) for one in asked} == {2}
    assert [answer.verdict[1] for answer in asked[0].answers] == ["wrong", "right"]
    assert "<script>" not in text and "&lt;script&gt;" in text and 'lang="zh"' in text


def test_a_reinforcement_stage_has_its_late_steps_and_its_end_marked_and_accuracy_by_domain(tmp_path: Path) -> None:
    graph = Graph((("rl", Asks(back=0)),), tmp_path)
    [stage] = whole_of(graph, tmp_path, done(graph)).stages
    assert stage.marks == ((4.0, "late begins"), (6.0, "back to rollout 0"))
    assert stage.notes[0] == "Only in the last 2 of 6 steps, from step 4 on: helpful."
    assert [(row["accuracy/chain"], row["accuracy/countdown"]) for row in stage.metrics] == [(1.0, 0.0)] * 3
    assert (stage.took, stage.came) == ("6 s", ("accuracy 0.5", "steps 6"))


@dataclass(frozen=True)
class Compares:
    """As comparing at equal compute ends: numbers within numbers, and an interval."""

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        one = {"checkpoint": "x", "flops": 1e12, "tokens": 1_000_000, "pass@1": 0.25}
        gap = {"value": 0.125, "low": 0.1, "high": 0.2, "verdict": "better"}
        rundir.finish({"parameters": 600_000, "distilled": one, "rl": one, "difference": gap})


def test_a_result_of_its_own_is_said_in_numbers_the_telling_first(tmp_path: Path) -> None:
    graph = Graph((("equal", Compares()),), tmp_path)
    [stage] = whole_of(graph, tmp_path, done(graph)).stages
    assert stage.came[:4] == ("distilled pass@1 0.25", "rl pass@1 0.25", "difference 0.125", "parameters 600,000")
    assert whole_of(graph, tmp_path, {}).models == ()


def test_what_was_done_skipped_redone_and_not_begun_is_told_apart(tmp_path: Path) -> None:
    def graph(rate: int) -> Graph:
        return Graph((("one", Trains("tiny")), ("two", Trains("@one", rate=rate)), ("three", Trains("@two", dies_after=1))), tmp_path)

    with pytest.raises(KeyboardInterrupt):
        done(graph(1))
    seen = {step.name: step for step in graph(5).steps("two")}
    for step in graph(5).steps("two"):
        if step.todo:
            graph(5).do(step, BACKEND, opened)
    stages = whole_of(graph(5), tmp_path, seen).stages
    assert [(stage.name, stage.state, stage.why) for stage in stages[:2]] == [
        ("one", "skipped", "it was done before"),
        ("two", "redone", "rate: 1 -> 5"),
    ]
    assert stages[2].state == "not begun" and stages[2].place == ""
    before = whole_of(graph(1), tmp_path, {}).stages
    assert [stage.state for stage in before] == ["skipped", "skipped", "stopped"]
    assert (tmp_path / before[2].place / "metrics.jsonl").is_file()


# --- on the command line ----------------------------------------------------------------------------------------------


def test_a_graph_ends_with_its_page_which_report_writes_again(aha: Aha, recipe: Path, tmp_path: Path) -> None:
    said = aha("run", recipe, "--out", "out")
    assert said.code == 0 and said.out.splitlines()[-1] == "report: out/report.html"
    page = tmp_path / "out/report.html"
    text = page.read_text()
    assert "2 of 2" in text and text.count('class="badge done"') == 2
    for link in re.findall(r'href="([^#"]*)"', text):
        assert (page.parent / link).exists()
    page.unlink()
    assert aha("report", "out").out == "out/report.html\n"
    assert page.read_text().count('class="badge done"') == 2
    page.unlink()
    again = aha("run", recipe, "--out", "out", "--json")
    assert json.loads(again.out.splitlines()[-1])["report"] == "out/report.html"
    assert page.read_text().count('class="badge skipped"') == 2


def test_a_graph_that_ends_early_has_a_page_of_what_is_done(aha: Aha, charts: None, recipe: Path, tmp_path: Path) -> None:
    ends = "from aha.errors import FailedBar\n" + COUNTING.replace(
        "            number += self.by\n",
        "            number += self.by\n            if self.start and step == 2:\n                raise FailedBar('enough')\n",
    )
    recipe.write_text(ends)
    said = aha("run", recipe, "--out", "out")
    assert said.code != 0 and "report so far: out/report.html" in said.err and said.err.splitlines()[-1] == "aha: enough"
    text = (tmp_path / "out/report.html").read_text()
    assert "1 of 2" in text and 'class="badge stopped"' in text and 'aria-label="number"' in text


def test_nothing_done_is_no_page(aha: Aha, recipe: Path, tmp_path: Path) -> None:
    fails = COUNTING.replace("            number += self.by\n", "            raise FailedBar('at once')\n")
    recipe.write_text("from aha.errors import FailedBar\n" + fails)
    assert "report" not in aha("run", recipe, "--out", "out").err
    assert not (tmp_path / "out/report.html").exists()


def test_a_page_that_cannot_be_written_is_said_and_costs_nothing_else(aha: Aha, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert aha("run", recipe, "--out", "out", "--until", "one").code == 0
    (tmp_path / "out/report.html").unlink()
    (tmp_path / "out/report.html").mkdir()
    said = aha("run", recipe, "--out", "out")
    assert said.code == 0, said.err
    assert "note: out/report.html was not written: " in said.err
    assert [line.split()[0] for line in said.out.splitlines()] == ["one", "two"]
