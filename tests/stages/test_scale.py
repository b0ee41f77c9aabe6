from __future__ import annotations

import re
from dataclasses import replace

import pytest

from aha.backends.scripted import Bytes, ScriptedEngine
from aha.errors import BadInput
from aha.evals.benchmarks import benchmark
from aha.evals.exams.exam import Exam, Item, Source, by_chain, choice_of, lettered
from aha.evals.trials import FREE, Trials
from aha.protocols import Sampling
from aha.stages.course import Marks, Span, course_of_benchmark, course_of_exam, span_of
from aha.stages.evaluate import Evaluate
from aha.stages.examine import Protocolled
from aha.stages.scale import Lab, Scale
from aha.template import Delimited
from tests.stages.test_evaluate import solution

BYTES = Bytes()
LONG = " so so so so so so so so"
STAGE = Evaluate("m", problems=3, k=4, curve_problems=0, sampling=Sampling(max_tokens=200))


def thinker(prompt: str, seed: int) -> str:
    """Thinks `LONG`, and knows the answer once it has thought for thirteen letters; told to wait it takes the first number for it."""
    asked, _, said = prompt.partition("Assistant:")
    if "</think>" in said:
        thought = said.partition("<think>")[2].partition("</think>")[0]
        return f"<answer>{solution(asked) if len(thought) >= 13 else 0}</answer>"
    if said:
        return f" hm</think><answer>{re.findall(r'[0-9]+', asked)[0]}</answer>"
    return f"<think>{LONG}</think><answer>{solution(asked)}</answer>"


def lab(tmp_path, scale: Scale, say=thinker, stage=STAGE, context=None) -> tuple[Lab, list[str]]:
    arms: list[str] = []
    course = course_of_benchmark(stage, benchmark("countdown"), BYTES)
    trials = Trials(tmp_path, {"seed": 0})
    return Lab(scale, course, lambda: ScriptedEngine(say), BYTES, trials, context, lambda arm, done, of: arms.append(arm)), arms


def shares(arms) -> list[tuple[int, float]]:
    attempts = [(arm.x, [attempt.right for tried in arm.problems for attempt in tried.attempts]) for arm in arms]
    return [(x, sum(rights) / len(rights)) for x, rights in attempts]


def test_a_thought_that_is_cut_answers_with_what_it_has(tmp_path):
    found, _ = lab(tmp_path, Scale(budgets=(0, 12, 13, 100), forced=2, longer=0))
    cut, longer = found.run()
    assert shares(cut) == [(0, 0.0), (12, 0.0), (13, 1.0), (100, 1.0)]
    assert longer == []
    (first, *_) = found.trials.found["cut 12", found.course.problems[0].id]
    assert first.text == f"<think>{LONG[:12]}</think><answer>0</answer>"
    assert len(first.tokens) == len(first.text) + 1


def test_a_thought_that_was_done_by_then_stays_as_it_was(tmp_path):
    found, _ = lab(tmp_path, Scale(budgets=(len(LONG),), forced=2, longer=0))
    found.run()
    problem = found.course.problems[0].id
    assert found.trials.found[f"cut {len(LONG)}", problem] == found.trials.found[FREE, problem][:2]


def test_a_thought_goes_on_where_it_ended(tmp_path):
    found, _ = lab(tmp_path, Scale(forced=1, longer=2, wait_en=" Wait,", wait_zh=" 等"))
    _, longer = found.run()
    assert shares(longer) == [(0, 1.0), (1, 0.0), (2, 0.0)]
    for asked in found.course.problems:
        wait = {"en": " Wait,", "zh": " 等"}[asked.language]
        assert found.trials.found["longer 2", asked.id][0].text.startswith(f"<think>{LONG}{wait} hm{wait} hm</think>")


def test_what_the_folder_holds_is_not_asked_again(tmp_path):
    scale = Scale(budgets=(12,), forced=2, longer=1)
    first = lab(tmp_path, scale)[0].run()

    def silent(prompt: str, seed: int) -> str:
        raise AssertionError("asked again")

    again, arms = lab(tmp_path, scale, say=silent)
    assert again.run() == first
    assert arms == []


def test_a_last_line_that_a_crash_left_is_asked_again_and_no_other(tmp_path):
    scale = Scale(budgets=(12,), forced=2, longer=0)
    first = lab(tmp_path, scale)[0].run()
    path = tmp_path / "trials.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    again, arms = lab(tmp_path, scale)
    assert again.run() == first
    assert arms == ["cut 12"]


def test_another_folder_of_the_same_settings_gives_the_same_samples(tmp_path):
    one, other = (lab(tmp_path / name, Scale(forced=2))[0] for name in "ab")
    assert one.run() == other.run()
    assert one.trials.found == other.trials.found


def test_a_folder_of_other_settings_is_refused(tmp_path):
    lab(tmp_path, Scale())
    with pytest.raises(BadInput, match="begun with other settings"):
        Trials(tmp_path, {"seed": 1})


def test_a_reply_that_never_ended_its_thought_is_told_to_answer_and_not_to_go_on(tmp_path):
    def endless(prompt: str, seed: int) -> str:
        said = prompt.partition("Assistant:")[2]
        return f"<answer>{solution(prompt.partition('Assistant:')[0])}</answer>" if said else "<think>" + 300 * "x"

    found, _ = lab(tmp_path, Scale(budgets=(50, 1000), forced=1, longer=1), say=endless)
    cut, longer = found.run()
    assert shares(cut) == [(50, 1.0), (1000, 1.0)]
    assert shares(longer) == [(0, 0.0), (1, 0.0)]


def test_a_reply_without_a_thought_cannot_be_cut(tmp_path):
    found, _ = lab(tmp_path, Scale(budgets=(0,), forced=1, longer=1), say=lambda prompt, seed: "12")
    assert [shares(arms) for arms in found.run()] == [[(0, 0.0)], [(0, 0.0), (1, 0.0)]]


def test_what_does_not_fit_in_the_context_stays_as_it_was(tmp_path):
    prompt = max(len(asked.prompts[0]) for asked in lab(tmp_path / "a", Scale())[0].course.problems)
    room = prompt + len(f"<think>{LONG} Wait,") + 100  # what 200 / 2 more tokens need, in English
    found, _ = lab(tmp_path / "b", Scale(forced=1, longer=1, wait_en=" Wait,", wait_zh=" " * 200), context=room)
    found.run()
    for asked in found.course.problems:
        same = found.trials.found["longer 1", asked.id] == found.trials.found[FREE, asked.id][:1]
        assert same == (asked.language == "zh")


def test_no_more_samples_are_forced_than_are_measured_by_difficulty(tmp_path):
    assert lab(tmp_path, Scale(forced=8))[0].forced == 2
    assert lab(tmp_path, Scale(forced=8), stage=replace(STAGE, k=1))[0].forced == 1


def test_no_forced_sample_is_no_arm(tmp_path):
    assert lab(tmp_path, Scale(forced=0))[0].run() == ([], [])


@pytest.mark.parametrize(
    ("text", "prompt", "span"),
    [
        ("<think>abc</think>d", "", Span(7, 10, 18)),
        ("abc</think>d", "<think>\n", Span(0, 3, 11)),
        ("abc</think>d", "", None),
        ("<think>abc", "", Span(7, 10, None)),
        ("<think></think>", "", Span(7, 7, 15)),
    ],
)
def test_where_a_thought_stands(text, prompt, span):
    assert span_of(BYTES.encode(text), BYTES.encode(prompt), Marks(), BYTES) == span


def test_one_mark_may_open_and_close_a_thought():
    mark = Delimited().token
    marks = Marks(mark, mark, mark)
    assert span_of(BYTES.encode(f"{mark}ab{mark} c"), (), marks, BYTES) == Span(len(mark), len(mark) + 2, 2 * len(mark) + 2)


@pytest.mark.parametrize("broken", [{"forced": -1}, {"longer": -1}, {"budgets": (-1,)}, {"answer_tokens": 0}])
def test_settings_that_cannot_be_are_refused(broken):
    with pytest.raises(BadInput, match="each must be 0 or more"):
        Scale(**broken)


def test_options_in_a_new_order_are_asked_and_graded_in_that_order(tmp_path):
    """A choice whose options turn with every sample; the model always takes the second."""
    texts = ("red", "green", "blue", "grey")

    def seen(item: Item, number: int) -> Item:
        options = texts[number:] + texts[:number]
        letter = "ABCD"[options.index("green")]
        return replace(item, prompt="? " + lettered(options), reference=choice_of(letter, options))

    exam = Exam("turning", "", "", Source((), ""), lambda *row: item, by_chain(lambda text: text.strip()[-1:] or None), turn=seen)
    item = Item("q", "?", "en", choice_of("B", texts), options=4)
    how = Protocolled(k=4, sampling=Sampling(max_tokens=40), form="r1-zero", seen=exam.seen)
    course = course_of_exam(exam, [item], how, BYTES)
    asked: list[str] = []

    def second(prompt: str, seed: int) -> str:
        asked.append(prompt)
        return "<think>hm</think><answer>B</answer>"

    trials = Trials(tmp_path, {})
    Lab(Scale(forced=0), course, lambda: ScriptedEngine(second), BYTES, trials, None, lambda arm, done, of: None).run()
    assert [trial.right for trial in trials.found[FREE, "q"]] == [True, False, False, False]
    assert len(set(asked)) == 4
