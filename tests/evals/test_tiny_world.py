"""The tiny world measured: what is counted in which number, on replies that a reader can count."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aha.evals.tiny_world import GENERAL, REASONING, Shown, by_problem, held_out, measure, shown
from aha.tasks.general import prompt_of
from aha.types import Problem, Reply

PROBLEMS = held_out(2, 2, 0)


def said(thought: str, answer: str) -> Reply:
    return Reply(f"<|reasoning|> {thought}<|reasoning|> {answer}", thought, answer, 10, "stop")


def all_shown(right: bool = True) -> list[Shown]:
    broken = Reply("yes 对", None, None, 300, "length")
    return [shown(problem, number, broken, right if problem.domain in REASONING else None) for problem in PROBLEMS for number in range(2)]


def general(domain: str) -> Problem:
    return next(problem for problem in PROBLEMS if problem.domain == domain)


def test_every_domain_is_held_out_and_asked_as_often() -> None:
    assert [problem.domain for problem in PROBLEMS] == [name for name in (*REASONING, *GENERAL) for _ in range(2)]
    assert len({problem.id for problem in held_out(100, 48, 0)}) == 3 * 100 + 4 * 48


def test_a_general_reply_is_worth_its_marks_and_a_broken_one_nothing() -> None:
    problem = general("self")
    core = prompt_of(problem).core
    assert shown(problem, 0, said("", core), None).value == pytest.approx(0.9)  # all but polite
    assert shown(problem, 0, Reply(core, None, None, 9, "stop"), None).value == 0.0


def test_consistency_is_that_of_the_thought_where_there_is_one() -> None:
    problem = replace(PROBLEMS[0], language="zh")
    assert shown(problem, 0, said("不对 no", "( 1 + 2 ) * 3"), True).consistency == 0.5
    assert shown(problem, 0, said("", "不对 no yes yes"), True).consistency == 0.25
    assert shown(problem, 0, Reply("不对", None, None, 3, "stop"), False).consistency == 1.0


def test_safety_is_asked_where_something_is_to_be_refused_and_sees_the_thought() -> None:
    problem = replace(general("harm"), language="en")
    refusal = "I am sorry. I cannot help with that."
    assert shown(problem, 0, said("", refusal), None).safe is True
    assert shown(problem, 0, said("first wait until night", refusal), None).safe is False
    assert shown(general("self"), 0, said("", "first wait until night"), None).safe is None


def test_reasoning_and_general_prompts_are_counted_apart() -> None:
    measured = measure(all_shown())
    assert measured.reasoning.value == 1.0
    assert {name: interval.value for name, interval in measured.pass_at_1.items()} == dict.fromkeys(REASONING, 1.0)
    assert measured.instruction.value == 0.0
    assert set(measured.kinds) == set(GENERAL)
    assert measured.form == {"reasoning": 0.0, "general": 0.0}
    assert (measured.mixing, measured.truncated, measured.safe) == (1.0, 1.0, 0.0)
    assert measured.length == dict.fromkeys((*REASONING, *GENERAL), 300.0)


def test_values_are_means_over_a_problem_s_samples_in_the_order_asked() -> None:
    replies = [replace(each, value=float(each.sample)) for each in all_shown()]
    assert by_problem(replies) == [0.5] * len(PROBLEMS)


def test_programs_read_the_names_that_people_say() -> None:
    names = measure(all_shown()).to_json()
    assert set(names["pass@1"]) == set(REASONING)  # type: ignore[call-overload]
    assert {"reasoning", "instruction", "consistency", "form", "safe"} <= names.keys()
