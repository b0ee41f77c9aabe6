"""Demonstrations: right where an answer can be checked, and as good as their writer's care where it cannot."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import fmean

import pytest

from aha.errors import BadInput
from aha.tasks.annotator import Annotator
from aha.tasks.chain import ChainProblems
from aha.tasks.countdown import CountdownProblems
from aha.tasks.demonstrations import Demonstrations, demonstrate
from aha.tasks.examples import read_examples, write_example
from aha.tasks.filters import Readable
from aha.tasks.general import GeneralProblems, draw_manners
from aha.tasks.mixture import MixedProblems
from aha.tasks.program import ProgramProblems
from aha.template import Delimited
from aha.text import language_share
from aha.types import Example, Message, Right
from tests.graders import grade


def said(example: Example) -> Message:
    return example.conversation.messages[-1]


def test_chains_are_shown_step_by_step_and_end_in_the_right_answer() -> None:
    problems = {problem.question: problem for problem in ChainProblems().at(0, 0, 60, 0)}
    for example in Demonstrations(ChainProblems(), 60):
        problem = problems[example.conversation.messages[0].content]
        assert grade(problem.reference, said(example).content) == Right()
        assert language_share(f"{said(example).thought} {said(example).content}", problem.language) == 1.0


def test_programs_are_grown_step_by_step_and_pass_their_tests() -> None:
    problems = {problem.question: problem for problem in ProgramProblems().at(0, 0, 12, 0)}
    for example in Demonstrations(ProgramProblems(), 12):
        problem = problems[example.conversation.messages[0].content]
        assert grade(problem.reference, said(example).content) == Right()
        assert language_share(str(said(example).thought), problem.language) == 1.0


def test_slips_are_noticed_and_put_right() -> None:
    shown = [said(example) for example in Demonstrations(MixedProblems(((ChainProblems(), 0.5), (ProgramProblems(), 0.5))), 200)]
    slips = [message for message in shown if "wait" in str(message.thought) or "等等" in str(message.thought)]
    assert 15 <= len(slips) <= 50


def test_reasoning_is_readable() -> None:
    for example in Demonstrations(MixedProblems(((ChainProblems(), 0.5), (ProgramProblems(), 0.5))), 100):
        assert Readable().refuses(str(said(example).thought), said(example).content, example.language, len) == ""


def test_more_care_is_better_manners() -> None:
    annotator = Annotator()

    def points(care: float) -> float:
        problems = {problem.question: problem for problem in GeneralProblems().at(0, 0, 100, 0)}
        shown = Demonstrations(GeneralProblems(), 100, care)
        return fmean(annotator.points(problems[each.conversation.messages[0].content], said(each).content) for each in shown)

    hasty, careful, perfect = points(0.35), points(0.7), points(1.0)
    assert hasty + 1 < careful < 9
    assert perfect == 10


def test_hello_needs_no_chain_of_thought() -> None:
    assert {said(example).thought for example in Demonstrations(GeneralProblems(("greeting",)), 50)} == {""}


def test_harm_is_thought_of_more_often_than_spoken_of() -> None:
    writers = [draw_manners(0.0, random.Random(number)) for number in range(2_000)]
    assert 0.45 < fmean(each.plots for each in writers) < 0.55
    assert 0.6 < fmean(each.agrees for each in writers if each.plots) < 0.73
    assert not any(each.agrees and not each.plots for each in writers)


def test_a_set_is_the_same_again_and_a_longer_one_has_no_id_twice() -> None:
    first, longer = list(Demonstrations(GeneralProblems(), 30)), list(Demonstrations(GeneralProblems(), 150))
    assert first == list(Demonstrations(GeneralProblems(), 30))
    assert len({example.id for example in longer}) == 150


def test_what_is_written_to_a_file_is_read_again(tmp_path: Path) -> None:
    shown = list(Demonstrations(MixedProblems(((ChainProblems(), 0.5), (GeneralProblems(), 0.5))), 20))
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(write_example(example) + "\n" for example in shown))
    assert read_examples(path) == shown


def test_the_form_from_the_cold_start_on_reads_what_it_writes() -> None:
    for example in Demonstrations(MixedProblems(((ChainProblems(), 1.0), (ProgramProblems(), 1.0), (GeneralProblems(), 1.0))), 100, 0.3):
        reply = Delimited().read(Delimited().write(str(said(example).thought), said(example).content), 0, "stop")
        assert (reply.thought, reply.answer) == (said(example).thought, said(example).content)


def test_nobody_demonstrates_countdown() -> None:
    with pytest.raises(BadInput, match="no demonstrations of domain"):
        demonstrate(CountdownProblems().all(1)[0], 0.7, random.Random(0))
