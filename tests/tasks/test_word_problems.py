"""Word problems: answers that hold, and held-out ones that share nothing with those that train."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from aha.evals.benchmarks import benchmark
from aha.evals.loading import select_examples
from aha.tasks.demonstrations import Demonstrations
from aha.tasks.word_problems import FORMS, NAMES, THINGS, TRAINING_FORMS, UNSEEN, Split, WordProblem, WordProblems, word_problem_of
from aha.template import ChatTemplate, Instruct
from aha.types import FinishReason, Number, Right
from tests.graders import GRADERS

SPLITS: tuple[Split, ...] = ("train", "held-out")
TRAIN = [problem for rollout in range(60) for problem in WordProblems().at(rollout, 0, 28, 0)]
HELD_OUT = WordProblems(split="held-out").all(500)


def words(problems: list[str], pattern: str) -> set[str]:
    return {word for question in problems for word in re.findall(pattern, question)}


@pytest.mark.parametrize(
    ("form", "numbers", "value"),
    [
        ("more", (12, 31), 43),
        ("less", (50, 18), 32),
        ("groups", (12, 4), 48),
        ("share", (36, 4), 9),
        ("more-less", (30, 11, 15), 26),
        ("less-less", (70, 13, 36), 21),
        ("groups-more", (11, 6, 30), 96),
        ("groups-less", (20, 3, 42), 18),
        ("compare", (20, 45), 85),
        ("share-more", (60, 5, 24), 36),
    ],
)
def test_each_form_comes_to_what_a_person_calculates(form: str, numbers: tuple[int, ...], value: int) -> None:
    problem = WordProblem("held-out", form, 0, ("Amir", "Bella"), "beads", numbers)
    thought, answer = problem.solution
    assert answer == str(value) and f"= {value}." in thought.splitlines()[-1]
    assert all(str(number) in re.findall(r"\d+", problem.question) for number in numbers)


def test_each_sentence_tells_all_numbers_of_its_form_once() -> None:
    for name, form in FORMS.items():
        numbers = tuple(range(101, 101 + len(form.sorts)))
        for split in SPLITS:
            for text in range(len(form.texts[split])):
                question = WordProblem(split, name, text, ("Amir", "Bella"), "beads", numbers).question
                assert sorted(map(int, re.findall(r"\d+", question))) == list(numbers) and question[0] not in " ,"
                assert question.endswith("?") and not re.search(r"[{}]| [,.?]|  ", question), question


def test_the_thought_is_a_chain_of_true_calculations() -> None:
    for problem in TRAIN[:200] + HELD_OUT:
        assert isinstance(problem.reference, Number)
        thought, answer = word_problem_of(problem).solution
        sums = re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+)\.", thought)
        for left, operator, right, value in sums:
            exact = {"+": int(left) + int(right), "-": int(left) - int(right), "*": int(left) * int(right), "/": int(left) / int(right)}
            assert exact[operator] == int(value)
        assert sums[-1][-1] == answer == problem.reference.value and int(answer) > 0
        assert len(sums) == len(FORMS[word_problem_of(problem).form].operations)


def test_training_and_held_out_share_no_number_name_thing_or_sentence() -> None:
    train, held_out = ([problem.question for problem in part] for part in (TRAIN, HELD_OUT))
    for pattern in (r"\d+", "|".join(NAMES["train"] + NAMES["held-out"]), "|".join(THINGS["train"] + THINGS["held-out"])):
        assert words(train, pattern) and words(held_out, pattern) and not words(train, pattern) & words(held_out, pattern)
    texts = [{text for form in FORMS.values() for text in form.texts[split]} for split in SPLITS]
    assert not texts[0] & texts[1] and all(len(form.texts["held-out"]) == 2 for form in FORMS.values())


def test_a_third_of_what_is_held_out_has_a_form_that_training_never_shows() -> None:
    forms = Counter(word_problem_of(problem).form for problem in HELD_OUT)
    assert sum(forms[name] for name in UNSEEN) == 167 and sum(forms.values()) == 500 == len({problem.id for problem in HELD_OUT})
    assert {word_problem_of(problem).form for problem in TRAIN} == set(TRAINING_FORMS) and set(forms) == set(FORMS)
    assert max(forms[name] for name in TRAINING_FORMS) - min(forms[name] for name in TRAINING_FORMS) <= 1


def test_a_rollout_depends_on_its_place_and_seed_alone() -> None:
    source = WordProblems()
    places = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1)]
    assert len({tuple(source.at(rollout, round, 16, seed)) for rollout, round, seed in places}) == 4
    assert source.at(3, 0, 16, 7) == source.at(3, 0, 16, 7)


def test_a_script_writes_the_cold_start() -> None:
    rows = list(Demonstrations(WordProblems(), 200))
    assert len({row.id for row in rows}) == 200
    last = rows[0].conversation.messages[-1]
    assert last.thought and last.thought.endswith(f"= {last.content}.")


@pytest.mark.parametrize(
    ("text", "finished", "plain", "tagged"),
    [
        ("<think>\n1 + 2 = 3.\n</think>\n\n43", "stop", True, True),
        ("<think>\n12 + 31 = 43.\n</think>\n\n44", "stop", False, False),
        ("12 + 31 = 43", "stop", True, False),
        ("So she has 43.0 beads in all.", "stop", True, False),
        ("43, no, 1,043", "stop", False, False),
        ("12 + 31 = 43 and then", "length", True, False),
        ("I cannot say.", "stop", False, False),
    ],
)
def test_the_last_number_counts_of_all_where_no_tags_are_known_and_of_the_answer_where_they_are(
    text: str, finished: FinishReason, plain: bool, tagged: bool
) -> None:
    chosen = benchmark("word-problems")
    example = replace(select_examples(chosen, None, 6)[0][0], reference=Number("43"))
    verdicts = [
        isinstance(chosen.grade_reply(example, template.read(text, 9, finished), GRADERS).grade, Right)
        for template in (ChatTemplate(), Instruct(suffix="", system=""))
    ]
    assert verdicts == [plain, tagged]


def test_three_prompts_ask_the_same_problems() -> None:
    sets = [select_examples(benchmark(name), None, 40)[0] for name in ("word-problems", "word-problems-number", "word-problems-steps")]
    for plain, number, steps in zip(*sets, strict=True):
        assert plain.id == number.id == steps.id and number.prompt.startswith(plain.prompt) and steps.prompt.startswith(plain.prompt)
        assert len({plain.prompt, number.prompt, steps.prompt}) == 3
