from __future__ import annotations

from dataclasses import replace
from typing import Literal

from aha.evals.arena import style_of
from aha.evals.benchmark import BenchmarkExample
from aha.evals.benchmarks import benchmark
from aha.evals.judged.facts import FactVerdicts
from aha.evals.judged.judged_benchmark import FACTS, GAME, JudgePrompt, JudgeSettings, is_judgeable, judge_questions, replies_and_next
from aha.evals.judged.pairwise import ArenaMatches
from aha.evals.judged.transcripts import JudgeCase, JudgeCost, JudgePlan, JudgeRecord, cost_of, estimate_cost, judging_cost, tokens_in
from aha.evals.samples import GradedSample
from aha.protocols import Budget, Sampling
from aha.types import ChatReply, Conversation, Judged, Message, Open

FACT = FactVerdicts(JudgePrompt(FACTS))
EXAMPLES = [BenchmarkExample("1", "Who?", "en", Judged("Ada")), BenchmarkExample("2", "Where?", "en", Judged("Paris"))]
SETTINGS = JudgeSettings("http://j/v1#j", Sampling(temperature=0.0, max_tokens=16), 0, 2)
CASE = JudgeCase(
    benchmark("simpleqa"), JudgePlan(FACT, EXAMPLES, False, ()), JudgeRecord("j", SETTINGS, "published", (), 0.1, FACT.prompt.digest), 2
)


def sample(problem: str, number: int, text: str, finished: Literal["stop", "length"] = "stop") -> GradedSample:
    return GradedSample(problem, number, None, text=text, thought="a thought", tokens=5, finished=finished)


def says(text: str) -> ChatReply:
    return ChatReply(text, None, 1, "stop")


def test_what_was_cut_or_is_empty_is_not_judged():
    assert [is_judgeable(sample("1", 0, *said)) for said in (("Ada", "stop"), ("Ada", "length"), (" \n", "stop"))] == [True, False, False]


def test_a_judge_that_gave_no_verdict_is_asked_to_and_then_left_alone():
    [first] = FACT.questions(EXAMPLES[0], "Ada")
    known: dict[str, ChatReply] = {}
    assert replies_and_next(FACT, SETTINGS, first, known) == ((), first)
    known[SETTINGS.key(first)] = says("hm")
    replies, second = replies_and_next(FACT, SETTINGS, first, known)
    assert second is not None and [message.role for message in second.messages] == ["user", "assistant", "user"]
    assert (replies, second.messages[1].content) == ((says("hm"),), "hm")
    known[SETTINGS.key(second)] = says("hm, hm")
    assert replies_and_next(FACT, SETTINGS, first, known) == ((says("hm"), says("hm, hm")), None)


def test_a_verdict_ends_the_asking_and_an_empty_reply_is_not_sent_back():
    [first] = FACT.questions(EXAMPLES[0], "Ada")
    assert replies_and_next(FACT, SETTINGS, first, {SETTINGS.key(first): says("A")}) == ((says("A"),), None)
    _, second = replies_and_next(FACT, SETTINGS, first, {SETTINGS.key(first): says("")})
    assert second is not None and len(second.messages) == 1
    assert second.messages[0].content.startswith(first.messages[0].content)


def test_one_text_is_judged_once_whoever_said_it():
    samples = {("1", 0): sample("1", 0, "Ada"), ("1", 1): sample("1", 1, "Ada"), ("2", 0): sample("2", 0, "Ada")}
    questions = judge_questions(FACT, EXAMPLES, samples, 2)
    assert [(question.problem, question.sample) for question in questions] == [("1", 0), ("1", 1), ("2", 0)]
    assert judging_cost(CASE, questions, {}).calls == 2
    assert judging_cost(CASE, questions, {SETTINGS.key(questions[0].conversation): says("A")}).calls == 1


def test_another_judge_or_other_settings_are_another_question():
    [question] = FACT.questions(EXAMPLES[0], "Ada")
    others = [
        replace(SETTINGS, judge="http://k/v1#j"),
        replace(SETTINGS, sampling=Sampling(temperature=1.0, max_tokens=16)),
        replace(SETTINGS, top=5),
    ]
    assert len({settings.key(question) for settings in (SETTINGS, *others)}) == 4


def test_the_cost_counts_bytes_and_prices_by_the_million():
    assert tokens_in(["x" * 400]) == 100 + 8
    cost = cost_of([Conversation((Message("user", "x" * 400),))] * 3, expected=600, most=400)
    assert cost == JudgeCost(3, 324, 1_200, 1_200)
    assert cost.dollars(Budget(prompt_price=1e6, completion_price=2e6)) == (324 + 2_400, 324 + 2_400)
    assert "no prices are given" in cost.to_text(Budget())


def test_an_estimate_takes_what_is_missing_to_be_as_long_as_usual():
    samples = {("1", 0): sample("1", 0, "Ada")}
    assert estimate_cost(CASE, samples, {}).calls == 4
    judged = {SETTINGS.key(FACT.questions(EXAMPLES[0], "Ada")[0]): says("A")}
    assert estimate_cost(CASE, samples, judged).calls == 3
    assert estimate_cost(replace(CASE, k=1), {("1", 0): sample("1", 0, "", "length")}, {}).calls == 1


def test_a_label_may_come_in_a_second_reply_and_one_that_is_none_counts_as_none():
    matches = ArenaMatches({"": JudgePrompt(GAME)}, "v0.1", {"q": ("gpt-4-0314", "base")}, ("j",), Sampling())
    assert matches.verdict([says("Well."), says("[[B>>A]]")]) == "B>>A"
    assert matches.verdict([says("first [[A>B]], no: [[A=B]]")]) == "A=B"
    assert matches.verdict([says("[[A<>B]]")]) is None
    example = BenchmarkExample("q", "Which?", "en", Open())
    both = matches.questions(example, "mine")
    assert [one.messages[1].content.index("base") < one.messages[1].content.index("mine") for one in both] == [True, False]
    assert matches.grade(example, "mine", ["B>A", None]).measures == {"wins": 1.0}
    assert matches.grade(example, "mine", ["A>>B", "A>B"]).measures == {"wins": 0.5}
    assert style_of("mine").counted is False
