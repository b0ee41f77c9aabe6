"""Groups made by hand, each ill in one way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.backends.engine_chat import ScriptedBackend
from aha.doctor import Doctor, Examination, RunMonitor, Signal, clip, doctor_of, form_error, preflight
from aha.protocols import Continue, Stop
from aha.recipes import RECIPES
from aha.rewards import Accuracy, Rewards, paper
from aha.stages.ask import summarise
from aha.stages.rl import Rl
from aha.tasks.countdown import CountdownProblems
from aha.template import Short
from aha.types import Abstained, Completion, FinishReason, Group, Number, Part, Problem, Reference, Score
from tests.graders import GRADERS

RIGHT = "<think>72</think> <answer>72</answer>"
WRONG = "<think>no idea</think> <answer>71</answer>"
BARE = "It is 72."
CUT: tuple[str, FinishReason] = ("<think>and then and then", "length")
SOLD = Number("72")
PAPER = Rewards(tuple(replace(part, reward=Accuracy().live(GRADERS)) if part.name == "accuracy" else part for part in paper().parts))


def group(replies: Sequence[str | tuple[str, FinishReason]], reference: Reference = SOLD, name: str = "sold") -> Group:
    """The replies, read and judged as in R1-Zero: accuracy and format, the same weight."""
    problem = Problem(name, "math", "How many clips?", "en", reference)
    said: list[tuple[str, FinishReason]] = [reply if isinstance(reply, tuple) else (reply, "stop") for reply in replies]
    read = tuple(Short().read(text, len(text.split()), finished) for text, finished in said)
    completions = tuple(Completion((1,) * reply.tokens, (0.0,) * reply.tokens, reply.finished, 0) for reply in read)
    return Group(problem, (1,), completions, read, PAPER(problem, read))


def found(groups: Sequence[Group]) -> list[tuple[str, str]]:
    return [(signal.kind, signal.severity) for signal in Doctor().examine(groups)]


def only(groups: Sequence[Group]) -> Signal:
    (signal,) = Doctor().examine(groups)
    assert "\n" not in signal.line()
    return signal


def test_groups_that_differ_are_healthy() -> None:
    assert found([group([RIGHT, WRONG]), group([WRONG, RIGHT, BARE])]) == []


def test_all_groups_wrong() -> None:
    signal = only([group([WRONG] * 4), group([WRONG] * 4)])
    assert (signal.kind, signal.severity) == ("dead_wrong", "hopeless")
    assert signal.words.startswith(
        "All 2 groups are dead: the replies to each question earn the same reward (each of 8 replies 1), none right"
    )
    assert signal.sample == f"The first reply, to sold: {WRONG!r}"


def test_all_groups_right() -> None:
    signal = only([group([RIGHT] * 4)])
    assert (signal.kind, signal.severity) == ("dead_right", "hopeless")
    assert "all right: nothing is left to learn" in signal.words


def test_groups_that_agree_within_but_differ_between_are_dead_too() -> None:
    signal = only([group([RIGHT] * 4), group([WRONG] * 4)])
    assert (signal.kind, signal.severity) == ("dead", "hopeless")
    assert "4 of 8 right" in signal.words


def test_one_group_that_differs_is_enough() -> None:
    assert found([group([WRONG] * 4)] * 7 + [group([WRONG, RIGHT])]) == []


def test_nearly_all_cut_at_the_limit_hides_what_follows_from_it() -> None:
    signal = only([group([CUT] * 97 + [RIGHT] * 3)])
    assert (signal.kind, signal.severity) == ("truncated", "hopeless")
    assert signal.words.startswith("97 of 100 (97 %) replies are cut off at 4 tokens, before an answer")
    assert signal.sample == "The first reply cut, to sold: '<think>and then and then'"


def test_one_reply_below_the_limit_of_97_per_cent_is_a_warning() -> None:
    assert found([group([CUT] * 96 + [RIGHT] * 4)]) == [("truncated", "warning")]


def test_less_than_half_cut_is_nothing_to_say() -> None:
    assert found([group([CUT] * 49 + [RIGHT] * 51)]) == []


def test_a_format_that_is_never_matched_shows_the_first_reply_and_the_rule_it_broke() -> None:
    signal = only([group([BARE] * 4)])
    assert (signal.kind, signal.severity) == ("format", "hopeless")
    assert "None of 4 finished replies follows the template (there is no <think> … </think>)" in signal.words
    assert signal.sample == "The first reply that failed, to sold: 'It is 72.'"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("72", "there is no <think> … </think>"),
        ("<think>7", "<think> is never closed"),
        ("<think>7</think> 72", "there is no <answer> … </answer>"),
        ("<think>7</think> <answer>72", "<answer> is never closed"),
        ("<think>7</think><think>8</think> <answer>72</answer>", "<think> … </think> occurs more than once"),
        ("<answer>72</answer><think>7</think>", "the tags are in the wrong order, the answer is empty, or there is text outside the tags"),
    ],
)
def test_which_rule_a_reply_breaks(text: str, rule: str) -> None:
    assert form_error(text) == rule


def unjudged(ill: Group, reason: str) -> Group:
    """The group as a grader leaves it that cannot say anything about it."""
    return replace(ill, scores=tuple(Score(Abstained(reason), ()) for _ in ill.replies))


def test_gold_answers_that_cannot_be_read() -> None:
    problems = [Problem(f"row {row}", "math", "How many?", "en", Number("a lot" if row < 5 else "70")) for row in range(10)]
    (signal,) = Doctor().gold(problems)
    assert (signal.kind, signal.severity) == ("gold", "hopeless")
    assert signal.words.startswith("5 of 10 (50 %) gold answers cannot be read")
    assert signal.sample == "The first is row 0: Number(value='a lot')"
    assert [each.severity for each in Doctor().gold(problems[4:])] == ["warning"]
    assert Doctor().gold(problems[5:]) == []


def test_a_grader_that_cannot_judge_is_named_with_its_reason() -> None:
    signal = only([unjudged(group([RIGHT, WRONG]), "accuracy: no box"), group([RIGHT, WRONG])])
    assert (signal.kind, signal.severity) == ("abstained", "hopeless")
    assert signal.words == "The grader cannot judge 2 of 4 (50 %) replies, most often because: accuracy: no box."
    assert found([unjudged(group([RIGHT, WRONG]), "no box"), *[group([RIGHT, WRONG])] * 98])[0] == ("abstained", "warning")
    assert found([unjudged(group([RIGHT, WRONG]), "no box"), *[group([RIGHT, WRONG])] * 99]) == []


def test_the_limits_of_the_grader_that_replies_run_into_are_told_one_by_one() -> None:
    late = group([RIGHT, WRONG])
    late = replace(late, scores=tuple(replace(score, total=Abstained("not decided within 2 s", "time")) for score in late.scores))
    signal = only([late, *[group([RIGHT, WRONG])] * 40])
    assert (signal.kind, signal.severity) == ("abstained", "warning")
    assert "most often because: not decided within 2 s. Replies run into the grader's limits" in signal.words
    assert signal.words.endswith("2 of 82 (2 %) are not decided in time.")
    assert summarise([late, group([RIGHT, WRONG])])["abstained/time"] == 0.5
    assert "limits" not in only([unjudged(group([RIGHT, WRONG]), "accuracy: no box"), group([RIGHT, WRONG])]).words


def test_a_reward_that_never_varies_while_another_does_is_a_warning() -> None:
    assert found([group([WRONG, BARE])]) == [("constant_accuracy", "warning")]


def test_a_perfect_format_is_no_reason_to_worry() -> None:
    assert found([group([RIGHT, WRONG])]) == []


def test_no_reply_at_all_is_hopeless() -> None:
    assert found([]) == [("silent", "hopeless")]


@given(st.text(max_size=2000))
def test_a_clipped_text_fits_a_line_and_keeps_both_ends(text: str) -> None:
    clipped = clip(text)
    assert len(clipped) <= 303
    assert clipped[:150] == text[:150] and clipped[-150:] == text[-150:]


def test_a_form_that_no_reward_reads_is_no_reason_to_worry() -> None:
    sampled = [group([WRONG] * 8)]
    assert [signal.kind for signal in Doctor(form=False).examine(sampled)] == ["dead_wrong"]
    stage = RECIPES["r1-zero"]().change([("rewards.accuracy.reads", "last")]).stages[0][1]
    assert (doctor_of(stage).form, doctor_of(RECIPES["r1-zero"]().stages[0][1]).form) == (False, True)


# --- during a run -----------------------------------------------------------------------------------------------------


def watched(
    rollouts: Sequence[Sequence[Group]], metrics: Sequence[dict[str, float]] | None = None
) -> tuple[list[Continue | Stop], list[str]]:
    told: list[str] = []
    run_monitor = RunMonitor(lambda signal: told.append(signal.kind))
    answers = [run_monitor.rollout(n, metrics[n] if metrics else {}, {}, groups) for n, groups in enumerate(rollouts)]
    return answers, told


HOPELESS = [group([WRONG] * 128)]
HEALTHY = [group([RIGHT, WRONG] * 64)]


def test_the_same_hopeless_signal_in_three_rollouts_stops_the_run_and_shows_the_sample() -> None:
    answers, told = watched([HOPELESS] * 3)
    assert answers[:2] == [Continue(("dead_wrong",))] * 2
    assert isinstance(answers[2], Stop)
    assert answers[2].reason.startswith("3 rollouts in a row up to rollout 2 cannot teach. All 1 groups are dead")
    assert WRONG in answers[2].reason
    assert told == ["dead_wrong"]


def test_a_healthy_rollout_in_between_starts_the_count_anew() -> None:
    answers, _ = watched([HOPELESS, HOPELESS, HEALTHY, HOPELESS, HOPELESS])
    assert [verdict.signs for verdict in answers] == [("dead_wrong",), ("dead_wrong",), (), ("dead_wrong",), ("dead_wrong",)]
    assert not any(isinstance(verdict, Stop) for verdict in answers)


def test_few_replies_are_no_evidence() -> None:
    few = [group([WRONG] * 64)]
    answers, _ = watched([few] * 4)
    assert not any(isinstance(verdict, Stop) for verdict in answers[:3])  # 192 replies
    assert isinstance(answers[3], Stop)  # 256


def unsaid(some: int, of: int) -> list[Group]:
    """One group, of whose replies the grader could not judge some."""
    asked = group([RIGHT, WRONG] * (of // 2))
    scores = [Score(Abstained("accuracy: no worker"), ()) if i < some else score for i, score in enumerate(asked.scores)]
    return [replace(asked, scores=tuple(scores))]


def test_a_rising_share_of_abstentions_stops_the_run_with_the_reason_and_a_sample() -> None:
    answers, _ = watched([unsaid(some, 100) for some in (1, 2, 6, 8, 12)])
    assert [verdict.signs for verdict in answers] == [(), *[("abstained",)] * 4]
    assert [isinstance(verdict, Stop) for verdict in answers] == [False] * 4 + [True]
    last = answers[4]
    assert isinstance(last, Stop)
    assert last.reason.startswith(
        "The grader abstains more and more often: it abstained on 6 %, 8 %, 12 % of the last rollouts' replies up to rollout 4, and on 2 %"
    )
    assert "most often because: accuracy: no worker" in last.reason and RIGHT in last.reason


@pytest.mark.parametrize("shares", [(30, 30, 30, 30, 30, 30), (0, 4, 4, 4, 4), (0, 20, 20, 3, 20, 20), (5, 9, 9, 9)])
def test_abstentions_that_are_steady_few_or_passing_stop_nothing(shares: tuple[int, ...]) -> None:
    answers, _ = watched([unsaid(some, 100) for some in shares])
    assert not any(isinstance(verdict, Stop) for verdict in answers)


def test_three_rollouts_of_which_half_cannot_be_judged_are_enough_however_small_they_are() -> None:
    answers, _ = watched([unsaid(8, 16)] * 3)
    assert answers[:2] == [Continue(("abstained",))] * 2
    assert isinstance(answers[2], Stop) and "The grader cannot judge 8 of 16 (50 %) replies" in answers[2].reason


@pytest.mark.parametrize("bad", [{"skipped": 0.25}, {"loss": math.nan}, {"grad_norm": math.inf}])
def test_updates_that_are_not_finite_stop_the_run_after_three_rollouts(bad: dict[str, float]) -> None:
    answers, told = watched([HEALTHY] * 3, [bad] * 3)
    assert answers[:2] == [Continue(("not_finite",))] * 2
    assert isinstance(answers[2], Stop)
    assert told == ["not_finite"]


def test_a_reward_that_is_the_same_for_all_replies_is_told_and_no_sign_of_a_collapse() -> None:
    language = Part("language", 1.0, 1.0, "thought")
    scores = tuple(replace(score, parts=(*score.parts, language)) for score in HEALTHY[0].scores)
    answers, told = watched([[replace(HEALTHY[0], scores=scores)]])
    assert (answers, told) == ([Continue()], ["constant_language"])


# --- before a run -----------------------------------------------------------------------------------------------------


def examined(say: Callable[[str, int], str]) -> Examination:
    """The verdict on a model that says so, asked eight countdown questions four times each."""
    stage = Rl(model="scripted", problems=CountdownProblems(), template=Short(), samples=4, questions=8, minibatches=1)
    return preflight(stage, ScriptedBackend(lambda model, prompt, seed: say(prompt, seed)), lambda what: None)


def test_eight_questions_are_enough_to_say_that_a_model_can_learn() -> None:
    found = examined(lambda prompt, seed: WRONG if seed % 2 else BARE)
    assert not found.hopeless
    assert found.lines()[0].startswith("Asked 8 questions, 32 replies: accuracy 0, format 0.")
    assert found.lines()[-1] == "This can learn."


def test_a_model_that_never_keeps_the_template_is_told_apart_before_the_run() -> None:
    found = examined(lambda prompt, seed: BARE)
    assert [signal.kind for signal in found.signals] == ["format"]
    assert found.lines()[-1] == "As it stands, this cannot learn."
