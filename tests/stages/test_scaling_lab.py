from __future__ import annotations

import re
from dataclasses import replace

import pytest

from aha.backends.engine_chat import Bytes, ScriptedEngine
from aha.errors import BadInput
from aha.evals.benchmark import Benchmark, BenchmarkExample, by_chain, choice_of, option_lines
from aha.evals.benchmarks import benchmark
from aha.evals.loading import select_examples
from aha.evals.run import Evaluation
from aha.protocols import Sampling
from aha.stages.scaling_lab import FREE, Scale, ScalingLab, ThinkTags, ThoughtSpan, TrialJournal, thought_span
from aha.template import Delimited, R1Zero, Short
from tests.graders import GRADERS
from tests.stages.test_evaluate import solution

BYTES = Bytes()
LONG = " so so so so so so so so"
COUNTDOWN = benchmark("countdown")
EVALUATION = Evaluation(COUNTDOWN, select_examples(COUNTDOWN, None, 3)[0], 4, Short(), Sampling(max_tokens=200), GRADERS)


def thinker(prompt: str, seed: int) -> str:
    """Thinks `LONG`, and knows the answer once it has thought for thirteen letters; told to wait it takes the first number for it."""
    asked, _, said = prompt.partition("Assistant:")
    if "</think>" in said:
        thought = said.partition("<think>")[2].partition("</think>")[0]
        return f"<answer>{solution(asked) if len(thought) >= 13 else 0}</answer>"
    if said:
        return f" hm</think><answer>{re.findall(r'[0-9]+', asked)[0]}</answer>"
    return f"<think>{LONG}</think><answer>{solution(asked)}</answer>"


def lab(tmp_path, scale: Scale, say=thinker, evaluation=EVALUATION, context=None) -> tuple[ScalingLab, list[str]]:
    arms: list[str] = []
    journal = TrialJournal(tmp_path, {"seed": 0})
    engine = ScriptedEngine(say)
    return ScalingLab(scale, evaluation, lambda: engine, BYTES, journal, context, lambda arm, done, of: arms.append(arm)), arms


def shares(arms) -> list[tuple[int, float]]:
    verdicts = [(arm.x, [sample.right for part in arm.problems for sample in part.samples]) for arm in arms]
    return [(x, sum(rights) / len(rights)) for x, rights in verdicts]


def test_a_thought_that_is_cut_answers_with_what_it_has(tmp_path):
    found, _ = lab(tmp_path, Scale(budgets=(0, 12, 13, 100), forced=2, longer=0))
    cut, longer = found.run()
    assert shares(cut) == [(0, 0.0), (12, 0.0), (13, 1.0), (100, 1.0)]
    assert longer == []
    (first, *_) = found.journal.trials["cut 12", found.problems[0]]
    assert first.text == f"<think>{LONG[:12]}</think><answer>0</answer>"
    assert len(first.tokens) == len(first.text) + 1


def test_a_thought_that_was_done_by_then_stays_as_it_was(tmp_path):
    found, _ = lab(tmp_path, Scale(budgets=(len(LONG),), forced=2, longer=0))
    found.run()
    problem = found.problems[0]
    assert found.journal.trials[f"cut {len(LONG)}", problem] == found.journal.trials[FREE, problem][:2]


def test_a_thought_goes_on_where_it_ended(tmp_path):
    found, _ = lab(tmp_path, Scale(forced=1, longer=2, wait_en=" Wait,", wait_zh=" 等"))
    _, longer = found.run()
    assert shares(longer) == [(0, 1.0), (1, 0.0), (2, 0.0)]
    for asked in found.evaluation.examples:
        wait = {"en": " Wait,", "zh": " 等"}[asked.language]
        assert found.journal.trials["longer 2", asked.id][0].text.startswith(f"<think>{LONG}{wait} hm{wait} hm</think>")


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
    assert one.journal.trials == other.journal.trials


def test_a_folder_of_other_settings_is_refused(tmp_path):
    lab(tmp_path, Scale())
    with pytest.raises(BadInput, match="begun with other settings"):
        TrialJournal(tmp_path, {"seed": 1})


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
    prompt = max(len(EVALUATION.prompts(BYTES)[asked.id, 0]) for asked in EVALUATION.examples)
    room = prompt + len(f"<think>{LONG} Wait,") + 100  # what 200 / 2 more tokens need, in English
    found, _ = lab(tmp_path / "b", Scale(forced=1, longer=1, wait_en=" Wait,", wait_zh=" " * 200), context=room)
    found.run()
    for asked in found.evaluation.examples:
        same = found.journal.trials["longer 1", asked.id] == found.journal.trials[FREE, asked.id][:1]
        assert same == (asked.language == "zh")


def test_no_more_samples_are_forced_than_are_measured_by_difficulty(tmp_path):
    assert lab(tmp_path, Scale(forced=8))[0].forced_count == 2
    assert lab(tmp_path, Scale(forced=8), evaluation=replace(EVALUATION, k=1))[0].forced_count == 1


def test_no_forced_sample_is_no_arm(tmp_path):
    assert lab(tmp_path, Scale(forced=0))[0].run() == ([], [])


@pytest.mark.parametrize(
    ("text", "prompt", "span"),
    [
        ("<think>abc</think>d", "", ThoughtSpan(7, 10, 18)),
        ("abc</think>d", "<think>\n", ThoughtSpan(0, 3, 11)),
        ("abc</think>d", "", None),
        ("<think>abc", "", ThoughtSpan(7, 10, None)),
        ("<think></think>", "", ThoughtSpan(7, 7, 15)),
    ],
)
def test_where_a_thought_stands(text, prompt, span):
    assert thought_span(BYTES.encode(text), BYTES.encode(prompt), ThinkTags(), BYTES) == span


def test_one_mark_may_open_and_close_a_thought():
    mark = Delimited().token
    marks = ThinkTags(mark, mark, mark)
    assert thought_span(BYTES.encode(f"{mark}ab{mark} c"), (), marks, BYTES) == ThoughtSpan(len(mark), len(mark) + 2, 2 * len(mark) + 2)


@pytest.mark.parametrize("broken", [{"forced": -1}, {"longer": -1}, {"budgets": (-1,)}, {"answer_tokens": 0}])
def test_settings_that_cannot_be_are_refused(broken):
    with pytest.raises(BadInput, match="each must be 0 or more"):
        Scale(**broken)


def test_options_in_a_new_order_are_asked_and_graded_in_that_order(tmp_path):
    """A choice whose options turn with every sample; the model always takes the second."""
    texts = ("red", "green", "blue", "grey")

    def permute(example: BenchmarkExample, number: int) -> BenchmarkExample:
        options = texts[number:] + texts[:number]
        letter = "ABCD"[options.index("green")]
        return replace(example, prompt="? " + option_lines(options), reference=choice_of(letter, options))

    turning = Benchmark("turning", "", "", by_chain(lambda text: text.strip()[-1:] or None), permute=permute)
    example = BenchmarkExample("q", "?", "en", choice_of("B", texts), options=4)
    evaluation = Evaluation(turning, [example], 4, R1Zero(), Sampling(max_tokens=40), GRADERS)
    asked: list[str] = []

    def second(prompt: str, seed: int) -> str:
        asked.append(prompt)
        return "<think>hm</think><answer>B</answer>"

    found, _ = lab(tmp_path, Scale(forced=0), second, evaluation)
    found.run()
    assert [trial.right for trial in found.journal.trials[FREE, "q"]] == [True, False, False, False]
    assert len(set(asked)) == 4
