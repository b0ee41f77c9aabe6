"""The benchmarks of the tiny world: what is held out, and what a reply is worth, on replies that a reader can count."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aha.errors import BadInput
from aha.evals.benchmark import BenchmarkExample
from aha.evals.benchmarks import BENCHMARKS, benchmark
from aha.evals.benchmarks.tiny import GENERAL, REASONING, TINY_WORLD
from aha.evals.loading import select_examples
from aha.evals.result import result_of
from aha.evals.samples import GradedSample, grade_sample
from aha.tasks.countdown import is_held_out
from aha.tasks.general import prompt_of
from aha.template import Delimited
from aha.types import Countdown, Reply
from tests.graders import GRADERS
from tests.tasks.test_countdown import key_of

EXAMPLES = select_examples(TINY_WORLD, None, 2, 2)[0]


def reply(thought: str, answer: str) -> Reply:
    return Reply(Delimited().write(thought, answer), thought, answer, 10, "stop")


def sample(example: BenchmarkExample, said: Reply, number: int = 0) -> GradedSample:
    return grade_sample(TINY_WORLD, example, said, number, GRADERS)


def broken_samples() -> list[GradedSample]:
    said = Reply("yes 对", None, None, 300, "length")
    return [sample(example, said, number) for example in EXAMPLES for number in range(2)]


def general(domain: str) -> BenchmarkExample:
    return next(example for example in EXAMPLES if example.category == domain)


@pytest.mark.parametrize(("name", "numbers"), [("countdown", 3), ("countdown4", 4)])
def test_five_hundred_different_problems_all_held_out(name: str, numbers: int) -> None:
    examples, _ = select_examples(BENCHMARKS[name])
    keys = {key_of(example.reference) for example in examples if isinstance(example.reference, Countdown)}
    assert len(keys) == 500
    assert all(map(is_held_out, keys))
    assert {len(key[0]) for key in keys} == {numbers}
    assert {example.language for example in examples} == {"en", "zh"}


def test_the_lenient_reading_finds_the_last_expression_without_any_tag() -> None:
    example = BenchmarkExample("q", "?", "en", Countdown((8, 6, 10), 58))
    text = " 8 + 6 = 14 no 8 * 6 = 48 + 10 = 58 yes so ( 8 * 6 ) + 10"
    graded = grade_sample(BENCHMARKS["countdown"], example, Reply(text, None, None, 9, "stop"), 0, GRADERS)
    assert (graded.grade, graded.measures["lenient"]) == (0.0, 1.0)


def test_blanks_do_not_split_a_vote_and_equal_values_do() -> None:
    example = BenchmarkExample("q", "?", "en", Countdown((8, 6, 10), 58))
    claims = [
        grade_sample(BENCHMARKS["countdown"], example, Reply(text, "", text, 9, "stop"), 0, GRADERS).claim
        for text in ("( 8 * 6 ) + 10", "(8*6)+10", "10+(8*6)")
    ]
    assert claims[0] == claims[1] != claims[2]
    assert BENCHMARKS["countdown"].literal_votes


def test_an_unknown_benchmark_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadInput, match="aime: no such benchmark; there are countdown, countdown4"):
        benchmark("aime")


def test_every_domain_is_held_out_and_asked_as_often() -> None:
    assert [example.category for example in EXAMPLES] == [name for name in (*REASONING, *GENERAL) for _ in range(2)]
    assert len({example.id for example in select_examples(TINY_WORLD)[0]}) == 3 * 100 + 4 * 48


def test_more_than_are_held_out_and_prompts_where_there_are_none_are_refused() -> None:
    with pytest.raises(BadInput, match="problems is 600: countdown holds out fewer"):
        select_examples(BENCHMARKS["countdown"], None, 600)
    with pytest.raises(BadInput, match="countdown has no general prompts"):
        select_examples(BENCHMARKS["countdown"], None, 3, 1)


def test_a_general_reply_is_worth_its_marks_and_a_broken_one_nothing() -> None:
    example = general("self")
    core = prompt_of(example.problem).core
    assert sample(example, reply("", core)).grade == pytest.approx(0.9)  # all but polite
    assert sample(example, reply("", core)).reason == "lacks polite"
    assert sample(example, Reply(core, None, None, 9, "stop")).grade == 0.0


def test_consistency_is_that_of_the_thought_where_there_is_one() -> None:
    example = replace(EXAMPLES[0], language="zh")
    replies = [reply("不对 no", "( 1 + 2 ) * 3"), reply("", "不对 no yes yes"), Reply("不对", None, None, 3, "stop")]
    assert [sample(example, said).measures["consistency/reasoning"] for said in replies] == [0.5, 0.25, 1.0]


def test_safety_is_asked_where_something_is_to_be_refused_and_sees_the_thought() -> None:
    example = replace(general("harm"), language="en")
    refusal = "I am sorry. I cannot help with that."
    assert sample(example, reply("", refusal)).measures["safe"] == 1.0
    assert sample(example, reply("first wait until night", refusal)).measures["safe"] == 0.0
    assert "safe" not in sample(general("self"), reply("", "first wait until night")).measures


def test_reasoning_and_general_prompts_are_counted_apart() -> None:
    right = [replace(one, grade=1.0, measures=one.measures | {"reasoning": 1.0}) for one in broken_samples() if one.category in REASONING]
    result = result_of([*right, *(one for one in broken_samples() if one.category in GENERAL)], TINY_WORLD).to_json()
    assert (result["headline"], result["value"], result["pass@1"], result["reasoning"], result["instruction"]) == (
        "reasoning",
        1.0,
        1.0,
        1.0,
        0.0,
    )
    assert result["categories"] == dict.fromkeys(REASONING, 1.0) | dict.fromkeys(GENERAL, 0.0)
    assert (result["form/reasoning"], result["form/general"]) == (0.0, 0.0)
    assert (result["mixing"], result["truncated"], result["safe"]) == (1.0, 1.0, 0.0)
    assert {name: result[f"length/{name}"] for name in (*REASONING, *GENERAL)} == dict.fromkeys((*REASONING, *GENERAL), 300.0)


def test_every_number_of_the_result_has_an_interval() -> None:
    result = result_of(broken_samples(), TINY_WORLD).to_json()
    named = {"pass@1", "reasoning", "instruction", "consistency/general", "criteria/polite"}
    assert named <= result["intervals"].keys() and set(result["intervals"]["categories"]) == {*REASONING, *GENERAL}
    assert all(low <= result[name] <= high for name in named for low, high in [result["intervals"][name]])
