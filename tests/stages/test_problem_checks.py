"""Problems are looked at before anything is computed: what does not fit, what nobody judges, what an evaluation asks too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aha.backends.engine_chat import Bytes
from aha.errors import BadInput
from aha.protocols import Ask
from aha.rewards import Accuracy, RewardPart, Rewards
from aha.stages.ask import GroupSampler
from aha.stages.rl import Rl
from aha.stages.steps import FinalPhase, Schedule
from aha.tasks.mixture import MixedProblems
from aha.tasks.rows import RowProblems
from aha.template import Instruct
from tests.stages.small import stage


@dataclass(frozen=True)
class Letters(Bytes):
    """A token a letter."""

    context: int | None = 100


def wrote(path: Path, *rows: Mapping[str, object]) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


@pytest.fixture
def asks(tmp_path: Path) -> Rl:
    """Prompts of 20 to 40 letters more than the template has, the longest the last."""
    source = wrote(tmp_path / "q.jsonl", *({"question": "x" * (20 + 10 * n), "answer": "1"} for n in range(3)))
    return replace(stage("model"), problems=RowProblems(source), questions=2, minibatches=2, against=())


def refused(asks: Rl, context: int | None = 100) -> str:
    try:
        asks.ready(Letters(context=context))
    except BadInput as error:
        return str(error)
    return ""


def around(asks: Rl) -> int:
    """Letters that the template adds."""
    return len(str(asks.template.prompt("")))


def test_the_longest_prompt_is_named_and_the_advice_fits_all(asks: Rl) -> None:
    context = around(asks) + 40 + 7  # one token less than the longest needs with a reply of 8
    assert refused(asks, context) == (
        f"1 of 3 prompts do not fit in the model's context of {context} tokens with a reply of 8; the longest, q.jsonl:3, has "
        f"{around(asks) + 40}: --sampling.max_tokens 7 fits all of them, --too-long skip leaves such rows out, --too-long cut gives them "
        "shorter replies"
    )
    assert refused(replace(asks, sampling=replace(asks.sampling, max_tokens=7)), context) == ""


def test_a_prompt_that_fits_with_no_reply_is_to_be_left_out(asks: Rl) -> None:
    said = refused(asks, around(asks) + 40)
    assert (
        "of them leave no room for any reply, --too-long skip leaves such rows out, --too-long cut gives the others shorter replies" in said
    )
    assert "none leaves room for a reply: shorten the questions" in refused(asks, 3)


def test_a_model_that_names_no_context_takes_everything(asks: Rl) -> None:
    assert refused(asks, None) == ""


def test_replies_that_grow_within_the_run_count_as_long_as_they_will_be(asks: Rl) -> None:
    grows = replace(asks, steps=20, schedule=Schedule(max_tokens=((10, 50), (30, 90))))
    assert grows.longest_reply == 50  # the run ends before step 30


def test_problems_of_a_mix_and_of_the_last_steps_are_measured_too(asks: Rl) -> None:
    late = replace(asks, problems=stage("m").problems, late=FinalPhase(2, problems=MixedProblems(((asks.problems, 1.0),))))
    assert "the longest, q.jsonl:3" in refused(late, around(asks) + 47)


def test_long_prompts_are_left_out_where_that_is_wanted(asks: Rl) -> None:
    ready, lines = replace(asks, too_long="skip").ready(Letters(context=around(asks) + 40 + 7))
    assert [problem.id for problem in ready.problems.all()] == ["q.jsonl:1", "q.jsonl:2"]  # type: ignore[attr-defined]
    assert lines[-1].endswith(f"the longest, q.jsonl:3, has {around(asks) + 40}: 1 are left out")
    assert "no problem is left to ask" in refused(replace(asks, too_long="skip"), around(asks) + 20 + 7)


class Engine:
    def __init__(self) -> None:
        self.asks: list[Ask] = []


def test_a_long_prompt_has_a_shorter_reply_and_no_other_loses_anything_by_it(asks: Rl) -> None:
    tokenizer = Letters(context=around(asks) + 40 + 7)
    ready, lines = replace(asks, too_long="cut").ready(tokenizer)
    assert lines[-1].endswith("the replies of 1 are cut to what is left")
    sampler = GroupSampler(Engine(), tokenizer, asks.template, asks.rewards, asks.sampling, 2, lambda what: None, cut=True)  # type: ignore[arg-type]
    assert [sampler._request(problem, (1, 2)).most for problem in ready.problems.all()] == [None, None, 7]  # type: ignore[attr-defined]


# --- who judges ---------------------------------------------------------------------------------------------------------


def judged(asks: Rl, *domains: str, domain: str) -> Rl:
    rewards = Rewards((RewardPart("accuracy", Accuracy(), domains=domains), RewardPart("form", stage("m").rewards.parts[0].reward)))
    assert isinstance(asks.problems, RowProblems)
    return replace(asks, rewards=rewards, problems=replace(asks.problems, domain=domain))


def test_a_domain_that_would_earn_nothing_is_refused_with_those_that_are_known(asks: Rl) -> None:
    assert refused(judged(asks, "math", "code", domain="geometry"), None) == (
        "domain 'geometry' of q.jsonl:1: its answer can be checked, and accuracy would not look at it: accuracy is for math, code; name "
        "another with --problems.domain, or let --rewards.accuracy.domains have it"
    )
    assert refused(judged(asks, "math", domain="math"), None) == ""


def test_where_no_domain_is_said_the_answer_tells_it(asks: Rl, tmp_path: Path) -> None:
    assert refused(judged(asks, "math", domain="auto"), None) == ""
    choices = wrote(tmp_path / "c.jsonl", *({"question": str(n), "options": ["x", "y"], "answer": "A"} for n in range(3)))
    assert "domain 'stem'" in refused(judged(replace(asks, problems=RowProblems(choices)), "math", domain="auto"), None)


def test_a_problem_that_no_reward_covers_is_known_at_the_start(asks: Rl) -> None:
    only = replace(asks, rewards=Rewards((RewardPart("accuracy", Accuracy(), domains=("code",)),)))
    assert "no reward covers domain 'math' of q.jsonl:1: accuracy is for code" in refused(only, None)


# --- what an evaluation asks --------------------------------------------------------------------------------------------


def test_a_problem_of_a_benchmark_is_not_learned(asks: Rl, tmp_path: Path) -> None:
    told = "What is the sum of the first ten even numbers that are not divisible by three?"
    source = wrote(tmp_path / "train.jsonl", *({"question": q, "answer": "1"} for q in (told, "1 + 1?", "1 + 2?")))
    bench = wrote(tmp_path / "bench.jsonl", {"question": told, "answer": "1"})
    ready, lines = replace(asks, problems=RowProblems(source), against=(bench,)).ready(Letters(context=None))
    assert [problem.id for problem in ready.problems.all()] == ["train.jsonl:2", "train.jsonl:3"]  # type: ignore[attr-defined]
    assert lines == [f"1 of 3 problems share a run of words with {bench} and are left out"]


def test_nothing_to_compare_with_is_said(asks: Rl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AHA_DATA", raising=False)
    _, lines = replace(asks, against=("at-hand",)).ready(Letters(context=None))
    assert lines[0].startswith("nothing to compare the problems with: AHA_DATA names no folder")


def test_benchmarks_at_hand_are_compared_and_what_was_read_of_them_is_kept(
    asks: Rl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aha.stages import problem_checks

    told = "Every morning Aya goes for a nine kilometre long walk and stops at a coffee shop afterwards."
    (tmp_path / "aime24").mkdir()
    wrote(tmp_path / "aime24/test.jsonl", {"id": 60, "problem": told, "solution": "204", "answer": "204", "url": "u"})
    monkeypatch.setenv("AHA_DATA", str(tmp_path))
    monkeypatch.setattr(problem_checks, "CACHE", tmp_path / "kept")
    for _ in range(2):
        problem_checks.seen_of.cache_clear()
        seen = problem_checks.seen_of((problem_checks.AT_HAND,), 10)
        assert seen.knows(told) and not seen.knows("What is 1 + 1?")
    problem_checks.seen_of.cache_clear()
    assert len(list((tmp_path / "kept").iterdir())) == 1 and problem_checks.expand_names((problem_checks.AT_HAND,)) == ("aime_2024",)


# --- the form -----------------------------------------------------------------------------------------------------------


def test_turns_before_a_question_need_a_template_with_roles(asks: Rl, tmp_path: Path) -> None:
    prompt = [{"role": "system", "content": "Think."}, {"role": "user", "content": "1 + 1?"}]
    source = wrote(tmp_path / "t.jsonl", *({"prompt": prompt, "answer": "2"} for _ in range(3)))
    row = replace(asks, problems=RowProblems(source))
    assert refused(row, None) == "problem t.jsonl:1: it has 2 messages before the reply: Short asks one question and knows no roles"
    assert refused(replace(row, template=Instruct()), None) == ""


def test_rows_that_ask_the_same_and_want_another_answer_are_named(asks: Rl, tmp_path: Path) -> None:
    source = wrote(
        tmp_path / "c.jsonl", {"question": "a", "answer": "4"}, {"question": "a", "answer": "5"}, {"question": "b", "answer": "4"}
    )
    _, lines = replace(asks, problems=RowProblems(source)).ready(Letters(context=None))
    assert lines[-2:] == [
        "1 of the rows ask what another row asks, and are asked as often",
        "1 of these want another answer, so that no reply is right for both (c.jsonl:2 and c.jsonl:1)",
    ]


def test_answers_that_are_sentences_are_told_and_those_of_a_few_words_are_not(asks: Rl, tmp_path: Path) -> None:
    source = wrote(
        tmp_path / "s.jsonl",
        {"question": "a", "answer": "see the figure above for details"},
        {"question": "b", "answer": "the United Kingdom"},
        {"question": "c", "answer": "4"},
    )
    _, lines = replace(asks, problems=RowProblems(source)).ready(Letters(context=None))
    assert lines[-1] == (
        "1 of the answers have 6 words or more, and a reply is right only where it says the same ones "
        "(s.jsonl:1: 'see the figure above for details'): --answer-field names another column"
    )


def test_rows_whose_solution_ends_in_another_answer_are_named_and_asked(asks: Rl, tmp_path: Path) -> None:
    rows = [{"question": "a", "answer": "7", "solution": "So \\boxed{5}."}, {"question": "b", "answer": "5", "solution": "So \\boxed{5}."}]
    source = wrote(tmp_path / "s.jsonl", *rows, {"question": "c", "answer": "6", "rationale": "#### 8"})
    for problems in (RowProblems(source), MixedProblems(((RowProblems(source), 1.0), (RowProblems(source, label="b"), 2.0)))):
        stage, lines = replace(asks, problems=problems).ready(Letters(context=None))
        times = 1 if isinstance(problems, RowProblems) else 2
        said = f"{2 * times} rows have a worked solution that ends in another answer than their own, which is paid (s.jsonl:1: '7' and '5')"
        assert said in lines and len(list(stage._problems())) == 3 * times
    _, lines = replace(asks, problems=RowProblems(source, ignore=("solution", "rationale"))).ready(Letters(context=None))
    assert not any("worked solution" in line for line in lines)


class Lower(Letters):
    """Knows no capitals."""

    def encode(self, text: str) -> list[int]:
        return super().encode(text.lower())


def test_a_question_whose_signs_a_tokenizer_loses_is_told(asks: Rl, tmp_path: Path) -> None:
    source = wrote(tmp_path / "u.jsonl", {"question": "What is X?", "answer": "4"}, {"question": "what is x?", "answer": "4"})
    _, lines = replace(asks, problems=RowProblems(source)).ready(Lower(context=None))
    assert lines[-1].startswith("1 of 2 questions have signs that the tokenizer loses") and lines[-1].endswith("(u.jsonl:1: 'WX')")


def test_rewards_that_all_weigh_nothing_are_refused(asks: Rl) -> None:
    with pytest.raises(BadInput, match="each has weight 0"):
        replace(asks, rewards=asks.rewards.with_weights({part.name: 0.0 for part in asks.rewards.parts}))
