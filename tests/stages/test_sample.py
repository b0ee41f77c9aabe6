from __future__ import annotations

import json
from pathlib import Path

import pytest

from aha.errors import BadInput, FailedBar
from aha.stages.funnel import ENDS
from aha.stages.rejection_sampler import is_text
from aha.stages.rewriters import Rules
from aha.tasks.examples import read_examples
from aha.tasks.filters import Readable
from aha.tasks.mixture import Mix, Share
from aha.tasks.rows import FileExamples
from aha.types import Countdown, Message, Number, Open
from tests.sample_runs import EASY, STAGE, Listed, Machine, adds, asked_number, changed, problem, rows, run, sums, tagged


def test_a_row_is_the_question_and_what_was_thought_and_said(tmp_path):
    run(tmp_path / "run")
    first = read_examples(tmp_path / "run")[0]
    assert first.conversation.messages[0] == Message("user", "What is 0 + 1 (sums)?")
    said = first.conversation.messages[1]
    assert said.content == "1"
    assert said.thought is not None
    assert said.thought.endswith("then I add one to 0")
    assert (first.id, first.domain, first.language) == ("sample/sums-0/0", "sums", "en")


def test_a_row_says_where_it_comes_from(tmp_path):
    run(tmp_path / "run")
    origin = read_examples(tmp_path / "run")[0].origin
    assert origin is not None
    assert (origin.stage, origin.problem, origin.sampler) == ("sample", "sums-0", "model")
    assert origin.seed is not None
    assert origin.template.startswith("Short@")
    assert origin.grader


def test_every_sample_has_one_end_and_they_add_up(tmp_path):
    def say(prompt: str, seed: int) -> str:
        return [adds(prompt, seed), tagged("I guess", "-1"), "no tags", tagged("", "1"), "x" * 3_000][seed % 5]

    found = run(tmp_path / "run", changed(problems=Listed(sums(60)), questions=60, chunk=16, samples=5), say)
    line, dropped = found["funnel"]["domains"]["sums"], found["funnel"]["dropped"]["sums"]
    assert line["asked"] == sum(dropped.values()) + line["kept"]
    assert line["formed"] == line["asked"] - dropped["cut"] - dropped["form"]
    assert line["right"] == line["formed"] - dropped["wrong"]
    assert line["kept"] == line["rows"] == found["rows"] == len(rows(tmp_path / "run"))
    assert {"cut", "form", "wrong"} <= dropped.keys() <= set(ENDS)
    assert found["funnel"]["domains"]["all"] == line


def test_asking_stops_once_the_rows_are_there(tmp_path):
    found = run(tmp_path / "run", changed(samples=6, at_once=1))
    assert found["funnel"]["domains"]["sums"]["asked"] == 8


def test_a_problem_is_asked_until_its_samples_are_spent(tmp_path):
    found = run(
        tmp_path / "run",
        changed(problems=Listed(sums(9)), questions=9, samples=6, at_once=2),
        lambda p, s: tagged("hm", "-1" if asked_number(p) else "1"),
    )
    assert found["funnel"]["domains"]["sums"]["asked"] == 2 + 8 * 6
    assert found["rows"] == 1


def test_the_cap_holds_and_what_is_over_it_is_counted(tmp_path):
    found = run(tmp_path / "run", changed(samples=6, at_once=6, cap=2))
    assert found["rows"] == 16
    assert found["funnel"]["dropped"]["sums"] == {"over the cap": 32}


def test_samples_of_a_problem_differ_and_do_not_depend_on_which_others_are_still_asked(tmp_path):
    def third_time(prompt: str, seed: int) -> str:
        return tagged(f"seed {seed}", str(asked_number(prompt) + 1))

    run(tmp_path / "all", changed(samples=3, at_once=3, cap=3), third_time)
    every = {row["messages"][1]["reasoning_content"] for row in rows(tmp_path / "all")}
    assert len(every) == 24
    some = changed(samples=3, at_once=1, cap=3)
    run(tmp_path / "one", some, third_time)
    assert {row["messages"][1]["reasoning_content"] for row in rows(tmp_path / "one")} == every


def test_the_same_reply_twice_is_one_row(tmp_path):
    found = run(tmp_path / "run", changed(samples=4, at_once=2, cap=2), lambda p, s: tagged("The SAME  thought", str(asked_number(p) + 1)))
    assert found["rows"] == 8
    assert found["funnel"]["dropped"]["sums"]["duplicate"] == 8 * 3


def test_a_reply_nearly_like_another_of_its_problem_is_a_duplicate(tmp_path):
    def say(prompt: str, seed: int) -> str:
        return tagged("one two three four five six seven eight nine ten eleven twelve " + str(seed % 1000), str(asked_number(prompt) + 1))

    assert run(tmp_path / "near", changed(samples=2, at_once=2, cap=2, near=0.6), say)["rows"] == 8
    assert run(tmp_path / "exact", changed(samples=2, at_once=2, cap=2, near=None), say)["rows"] == 16


def test_a_question_asked_twice_is_asked_once(tmp_path):
    twice = (*sums(3), problem("what is 0 + 1 (SUMS)?", Number("1")))
    found = run(tmp_path / "run", changed(problems=Listed(twice), questions=4))
    assert found["funnel"]["domains"]["sums"]["prompts"] == 3
    assert found["funnel"]["dropped"]["sums"]["repeated prompt"] == 1


def test_questions_and_solutions_of_evaluations_are_left_out(tmp_path):
    evals = tmp_path / "evals.jsonl"
    solution = "take the first of all numbers and then double it nine times in a row"
    evals.write_text(json.dumps({"question": "What is 2 + 1 (sums)?", "solution": solution}) + "\n")

    def say(prompt: str, seed: int) -> str:
        thought = f"as I know, {solution}" if asked_number(prompt) == 5 else f"I add {seed}"
        return tagged(thought, str(asked_number(prompt) + 1))

    found = run(tmp_path / "run", changed(against=(str(evals),), samples=2), say)
    assert found["funnel"]["dropped"]["sums"] == {"contaminated prompt": 1, "contaminated": 2, "over the cap": 6}
    assert [row["id"].split("/")[1] for row in rows(tmp_path / "run")] == [f"sums-{n}" for n in (0, 1, 3, 4, 6, 7)]


def test_a_benchmark_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInput, match="against contdown: no benchmark has this name, and no file is there; did you mean countdown"):
        run(tmp_path / "run", changed(against=("contdown",)))


def test_unreadable_thoughts_fall_out_under_their_reason(tmp_path):
    def say(prompt: str, seed: int) -> str:
        thoughts = ["我们加一 and so on", "word " * 40, "```\nx = 1\n```", "one and one is two. " * 7, "short", "I simply add one to it"]
        return tagged(thoughts[asked_number(prompt) % 6], str(asked_number(prompt) + 1))

    strict = Readable(paragraph=38, ngram=4, repeated=0.3, shortest=10)
    found = run(tmp_path / "run", changed(problems=Listed(sums(6)), questions=6, samples=1, at_once=1, readable=strict), say)
    dropped = {"mixed language": 1, "long paragraph": 1, "code block": 1, "repetition": 1, "length": 1}
    assert found["funnel"]["dropped"]["sums"] == dropped
    assert found["rows"] == 1


def test_what_no_file_can_hold_breaks_the_form(tmp_path):
    assert [is_text(text) for text in ("a\0b", "a\ud800b", "a\U0001f600\n\x01")] == [False, False, True]
    found = run(tmp_path / "run", say=lambda p, s: tagged("a\0b" if s % 2 else "good", str(asked_number(p) + 1)))
    assert found["funnel"]["dropped"]["sums"]["form"] > 0
    assert len(read_examples(tmp_path / "run")) == found["rows"]


def test_no_row_at_all_ends_the_run_and_says_why(tmp_path):
    with pytest.raises(FailedBar, match="not one row was kept: 32 wrong"):
        run(tmp_path / "run", say=lambda p, s: tagged("hm", "-1"))


def test_open_questions_are_left_out_unless_they_are_wanted(tmp_path):
    both = (*sums(2), problem("Write a poem about 3.", Open(), domain="writing"))

    def say(prompt: str, seed: int) -> str:
        return tagged("three lines", "The sea") if "poem" in prompt else adds(prompt, seed)

    found = run(tmp_path / "drop", changed(problems=Listed(both), questions=3), say)
    assert found["domains"] == {"sums": 2}
    assert found["funnel"]["dropped"]["writing"] == {"uncheckable prompt": 1}
    kept = run(tmp_path / "keep", changed(problems=Listed(both), questions=3, open_answers="keep"), say)
    assert kept["domains"] == {"sums": 2, "writing": 1}


def test_only_open_questions_are_refused_before_a_model_is_loaded(tmp_path):
    with pytest.raises(BadInput, match=r"none of the problems can be asked \(1 uncheckable prompts\)"):
        run(tmp_path / "run", changed(problems=Listed((problem("Write.", Open()),)), questions=1), backend=object())


def test_a_greeting_has_no_thought_and_other_open_questions_have(tmp_path):
    both = (problem("Hello!", Open(), domain="general"), problem("Write a poem about 3.", Open(), domain="general"))
    run(tmp_path / "run", changed(problems=Listed(both), questions=2, open_answers="keep"), lambda p, s: tagged("hm", "The sea"))
    assert [row["messages"][1]["reasoning_content"] for row in rows(tmp_path / "run")] == ["", "hm"]


def test_domains_named_plain_have_no_thought(tmp_path):
    run(tmp_path / "run", changed(plain=("sums",)))
    assert {row["messages"][1]["reasoning_content"] for row in rows(tmp_path / "run")} == {""}


def test_shots_stand_before_every_question(tmp_path):
    run(tmp_path / "first", changed(problems=Listed(sums(2)), questions=2))
    prompts = []

    def say(prompt: str, seed: int) -> str:
        prompts.append(prompt)
        return adds(prompt, seed) + " User: What is 7 + 1?"

    found = run(tmp_path / "run", changed(shots=str(tmp_path / "first"), shot_count=1), say)
    assert found["rows"] == 8  # what a base model goes on with after its answer is cut off
    assert prompts[0].startswith("User: What is 0 + 1 (sums)?\nAssistant: <think> I count ")
    assert prompts[0].endswith("</answer>\n\nUser: What is 0 + 1 (sums)?\nAssistant:")


# --- rewriting --------------------------------------------------------------------------------------------------------

COUNT = Listed((problem("用 3 4 1 得到 11。", Countdown((3, 4, 1), 11), "zh", "countdown"),))


def test_a_mixed_search_becomes_one_language_and_a_summary_and_keeps_its_raw_form(tmp_path):
    raw = tagged(" 3 + 4 = 7 + 1 = 8 low 3 * 4 = 12 - 1 = 11 yes", "( 3 * 4 ) - 1")
    stage = changed(problems=COUNT, questions=1, rewriter=Rules(), rewritten=Readable(paragraph=None, repeated=None))
    found = run(tmp_path / "run", stage, lambda p, s: raw)
    (row,), (before,) = rows(tmp_path / "run"), rows(tmp_path / "run", "raw")
    assert row["messages"][1]["reasoning_content"] == "我们试 3 + 4 = 7 + 1 = 8 太小 3 * 4 = 12 - 1 = 11 对"
    assert row["messages"][1]["content"].endswith("\\boxed{ ( 3 * 4 ) - 1}")
    assert before["messages"][1]["reasoning_content"] == "3 + 4 = 7 + 1 = 8 low 3 * 4 = 12 - 1 = 11 yes"
    assert row["origin"]["parents"] == [before["id"]]
    assert found["funnel"]["domains"]["countdown"]["rewritten"] == 2


def test_a_chain_that_cannot_be_kept_faithfully_falls_out(tmp_path):
    stage = changed(problems=COUNT, questions=1, rewriter=Rules(), samples=2)
    with pytest.raises(FailedBar, match="2 not rewritten"):
        run(tmp_path / "run", stage, lambda p, s: tagged(" 3 + 4 = 7 + 1 = 8 low", "( 3 * 4 ) - 1"))


# --- rows of others and shares ----------------------------------------------------------------------------------------


def write(path: Path, count: int, domain: str = "writing") -> Path:
    lines = [
        {
            "id": f"r{n}",
            "domain": domain,
            "language": "en",
            "messages": [{"role": "user", "content": f"Ask {n}"}, {"role": "assistant", "content": f"Say {n}"}],
        }
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_rows_of_others_stand_beside_the_sampled_with_their_own_as_parents(tmp_path):
    found = run(tmp_path / "run", changed(also=(FileExamples(str(write(tmp_path / "more.jsonl", 5)), most=4),)))
    assert found["domains"] == {"sums": 8, "writing": 4}
    row = rows(tmp_path / "run")[-1]
    assert row["id"].startswith("sample/given-0/r")
    assert row["origin"]["parents"] == [row["id"].rpartition("/")[2]]
    assert row["origin"]["sampler"] == str(tmp_path / "more.jsonl")


def test_a_mix_holds_its_shares_by_leaving_rows_out(tmp_path):
    mix = Mix((Share("sums", 3), Share("writing", 1)))
    found = run(tmp_path / "run", changed(also=(FileExamples(str(write(tmp_path / "more.jsonl", 2))),), mix=mix))
    assert found["domains"] == {"sums": 6, "writing": 2}
    assert len(rows(tmp_path / "run")) == found["funnel"]["domains"]["all"]["rows"] == 8
    assert found["funnel"]["domains"]["all"]["kept"] == 10


def test_a_mix_of_what_is_not_there_keeps_the_rows_and_says_where(tmp_path):
    with pytest.raises(FailedBar, match=r"the mix needs 50% of code, and no such row was kept: 8 sums\. All rows are in .*kept"):
        run(tmp_path / "run", changed(mix=Mix((Share("sums", 1), Share("code", 1)))))


def test_rows_of_others_alone_need_no_model(tmp_path):
    stage = changed(questions=0, also=(FileExamples(str(write(tmp_path / "more.jsonl", 3))),))
    machine = Machine(adds)
    assert run(tmp_path / "run", stage, backend=machine)["rows"] == 3


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"samples": 0}, "samples is 0"),
        ({"cap": 9}, "cap is 9: no problem has more rows than its 4 samples"),
        ({"near": 0.0}, "near is 0.0"),
        ({"unjudged": 1.0}, "unjudged is 1.0"),
        ({"questions": -1}, "questions is -1"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, said):
    with pytest.raises(BadInput, match=said):
        changed(**wrong)


def test_all_problems_means_those_of_a_file(tmp_path):
    with pytest.raises(BadInput, match="say how many"):
        run(tmp_path / "run", changed(questions=None))


def test_the_defaults_are_strict():
    assert STAGE.readable == EASY
    assert Readable().language == 0.95
