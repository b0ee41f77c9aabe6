"""Problems from rows: what is read, what is refused with file and row, and which problem stands where in a run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.errors import BadInput
from aha.tasks.rows import RowProblems
from aha.types import Countdown, Latex, Message, Number, Problem, Stdio
from tests.counts import examples, ordinary_rows

GSM8K = {
    "question": "Natalia sold 48 clips and then half as many. How many?",
    "answer": "48/2 = <<48/2=24>>24.\n48+24 = <<48+24=72>>72\n#### 72",
}
MATH = {"problem": "What is $\\frac12 + 1$?", "solution": "First \\boxed{1}. Then $\\boxed{\\frac{3}{2}}$.", "level": "Level 1"}


def written(folder: Path, *lines: str | bytes | Mapping[str, object], name: str = "rows.jsonl") -> str:
    file = folder / name
    file.write_bytes(b"".join((line if isinstance(line, bytes) else as_json(line).encode()) + b"\n" for line in lines))
    return str(file)


def as_json(line: str | Mapping[str, object]) -> str:
    return line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)


def only(source: str, **fields: str) -> Problem:
    (problem,) = replace(RowProblems(source), **fields).all()  # type: ignore[arg-type]
    return problem


def refusal(source: str, **fields: str) -> str:
    with pytest.raises(BadInput) as raised:
        _ = replace(RowProblems(source), **fields).contents  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
    return str(raised.value)


# --- forms ------------------------------------------------------------------------------------------------------------


def test_a_gsm8k_row_is_a_number_after_its_four_hashes(tmp_path: Path) -> None:
    assert only(written(tmp_path, GSM8K)) == Problem("rows.jsonl:1", "math", GSM8K["question"], "en", Number("72"))


def test_a_math_row_is_the_latex_of_its_last_box(tmp_path: Path) -> None:
    assert only(written(tmp_path, MATH)) == Problem("rows.jsonl:1", "math", MATH["problem"], "en", Latex("\\frac{3}{2}"))


READ: list[tuple[dict[str, object], Number | Latex]] = [
    ({"answer": "\\frac{1}{2}", "solution": "\\boxed{1}"}, Latex("\\frac{1}{2}")),
    ({"answer": "$9\\pi$"}, Latex("9\\pi")),
    ({"answer": "$5$;$10$"}, Latex("$5$;$10$")),
    ({"answer": "60"}, Latex("60")),
    ({"answer": 60}, Number("60")),
    ({"answer": 27.0}, Number("27.0")),
    ({"answer": ["2"]}, Latex("2")),
    ({"final_answer": "2"}, Latex("2")),
    ({"answer": None, "solution": "\\boxed{1}"}, Latex("1")),
    ({"answer": "no number at all #### \\pi"}, Latex("\\pi")),
]


ALONE: list[tuple[dict[str, object], Number | Latex]] = [
    ({"solution": "$5$"}, Latex("5")),
    ({"solution": "$$\\frac{1}{2}$$"}, Latex("\\frac{1}{2}")),
    ({"solution": "\\( x^2 \\)"}, Latex("x^2")),
    ({"solution": "\\[ 7 \\]\n"}, Latex("7")),
    ({"solution": "42"}, Latex("42")),
]


@pytest.mark.parametrize(("fields", "reference"), READ + ALONE)
def test_an_answer_is_read_from_the_usual_fields(tmp_path: Path, fields: dict[str, object], reference: Number | Latex) -> None:
    assert only(written(tmp_path, {"question": "q", **fields})).reference == reference


def test_fields_are_mapped_by_name_and_the_kind_may_be_said(tmp_path: Path) -> None:
    source = written(tmp_path, {"Body": "How far?", "Answer": "145.0", "ID": "chal-7"})
    mapped = only(source, question_field="Body", answer_field="Answer", id_field="ID", kind="number", domain="svamp")
    assert mapped == Problem("chal-7", "svamp", "How far?", "en", Number("145.0"))


LANGUAGES = {
    "小明有3个苹果，又买了2个，共几个？": "zh",
    "已知 $f(x)=\\sqrt{x}$, 则 $f(4)=(\\quad)$": "zh",
    "What does 你好 mean?": "en",
    "1+1": "en",
}


@pytest.mark.parametrize(("question", "language"), LANGUAGES.items())
def test_a_question_is_chinese_where_chinese_characters_outnumber_english_words(tmp_path: Path, question: str, language: str) -> None:
    assert only(written(tmp_path, {"question": question, "answer": "5"})).language == language


def test_a_byte_order_mark_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    source = written(tmp_path, b"\xef\xbb\xbf" + json.dumps(GSM8K).encode(), "", "  ", GSM8K)
    assert [problem.id for problem in RowProblems(source).all()] == ["rows.jsonl:1", "rows.jsonl:4"]


def test_a_file_of_one_json_array_is_read_row_by_row(tmp_path: Path) -> None:
    source = written(tmp_path, json.dumps([GSM8K, {"question": "q", "answer": None}]), name="rows.json")
    assert refusal(source) == f"{source}, row 2: a row without an answer: field 'answer' is null"


@pytest.mark.filterwarnings("ignore")
def test_a_folder_is_read_by_its_files_of_the_split(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    written(tmp_path / "mine", GSM8K, name="train.jsonl")
    problem = only(str(tmp_path / "mine"))
    assert (problem.id, problem.reference) == ("train.jsonl:1", Number("72"))
    assert "has no file of the split 'dev': there is train" in refusal(str(tmp_path / "mine"), split="dev")


# --- the forms of other trainers ----------------------------------------------------------------------------------------

ASKED = [{"role": "user", "content": "2 + 2?"}]
SPOKEN = [{"role": "system", "content": "Think."}, {"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}, *ASKED]
VERL: dict[str, object] = {
    "data_source": "openai/gsm8k",
    "prompt": ASKED,
    "ability": "math",
    "reward_model": {"style": "rule", "ground_truth": "4"},
    "extra_info": {"split": "train", "index": 0, "question": "2 + 2?", "answer": "#### 4"},
}
TESTS = {"inputs": ["1\n"], "outputs": ["2\n"]}
TRAINERS: dict[str, tuple[dict[str, object], object]] = {
    "verl": (VERL, Latex("4")),
    "verl, its prompt as a text of JSON": (VERL | {"prompt": json.dumps(ASKED)}, Latex("4")),
    "verl, its reward as a text of JSON": (VERL | {"reward_model": json.dumps(VERL["reward_model"])}, Latex("4")),
    "countdown": (VERL | {"reward_model": {"ground_truth": {"target": 98, "numbers": [44, 19, 35]}}}, Countdown((44, 19, 35), 98)),
    "code": (VERL | {"reward_model": {"ground_truth": json.dumps(TESTS)}}, Stdio((("1\n", "2\n"),))),
    "TRL": ({"prompt": ASKED, "solution": "$4$"}, Latex("4")),
    "TRL with a text": ({"prompt": "2 + 2?", "ground_truth": "4"}, Latex("4")),
    "open-r1": (
        {"problem": "2 + 2?", "solution": "so \\boxed{4}", "messages": [*ASKED, {"role": "assistant", "content": "4"}]},
        Latex("4"),
    ),
    "nemotron": ({"problem": "2 + 2?", "expected_answer": "4"}, Latex("4")),
    "capitals": ({"Question": "2 + 2?", "Answer": "4"}, Latex("4")),
}


@pytest.mark.parametrize(("row", "reference"), TRAINERS.values(), ids=TRAINERS.keys())
def test_rows_of_other_trainers_are_read(tmp_path: Path, row: dict[str, object], reference: object) -> None:
    problem = only(written(tmp_path, row), ignore=("messages",))  # type: ignore[arg-type]
    assert (problem.question, problem.turns, problem.reference) == ("2 + 2?", (), reference)


def test_what_was_said_before_the_question_belongs_to_the_problem(tmp_path: Path) -> None:
    problem = only(written(tmp_path, VERL | {"prompt": SPOKEN}))
    assert problem.question == "2 + 2?"
    assert problem.turns == (Message("system", "Think."), Message("user", "hi"), Message("assistant", "ho"))
    assert only(written(tmp_path, {"system_prompt": "Think.", "prompt": "2 + 2?", "answer": "4"})).turns == (Message("system", "Think."),)


def test_a_prompt_that_ends_with_the_assistant_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path, VERL | {"prompt": SPOKEN[:3]})
    assert refusal(source) == f"{source}, line 1: field 'prompt': its last message is not the user's: somebody has to ask"


def test_fields_within_fields_are_named_with_dots(tmp_path: Path) -> None:
    source = written(tmp_path, {"data": {"q": "2 + 2?"}, "meta": {"gold": ["4"]}})
    assert only(source, question_field="data.q", answer_field="meta.gold.0").reference == Latex("4")
    assert "no field 'meta.golds' for the answer" in refusal(source, question_field="data.q", answer_field="meta.golds")


def test_a_passage_belongs_to_the_question_and_an_unknown_column_stops_until_it_is_ignored(tmp_path: Path) -> None:
    row = {"question": "How many?", "context": "There are 4.", "answer": "4"}
    assert only(written(tmp_path, row)).question == "How many?\n\nThere are 4."
    source = written(tmp_path, row | {"table_schema": "a, b"})
    assert "line 1: column 'table_schema' looks like a part of the prompt" in refusal(source)
    assert only(source, ignore=("table_schema", "context")).question == "How many?"  # type: ignore[arg-type]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert "nowhere.jsonl was not found" in refusal(str(tmp_path / "nowhere.jsonl"))
    assert "is empty: rows with a question and an answer are needed" in refusal(written(tmp_path))
    assert "is empty: rows with a question and an answer are needed" in refusal(written(tmp_path, "", "\n"))


def test_a_wrong_field_name_lists_the_fields_that_are_there(tmp_path: Path) -> None:
    source = written(tmp_path, GSM8K)
    assert refusal(source, question_field="prompt") == (
        f"{source}, line 1: no field 'prompt' for the question: there are 'question', 'answer'; name one of these with --question-field"
    )
    assert "line 1: no question field: there are 'text'" in refusal(written(tmp_path, {"text": "q"}))


def test_a_row_without_an_answer_is_named_by_file_and_line(tmp_path: Path) -> None:
    source = written(tmp_path, GSM8K, GSM8K, {"question": "q", "answer": ""})
    assert refusal(source) == f"{source}, line 3: a row without a text in field 'answer': it is blank"


def test_a_gold_answer_that_does_not_parse_is_named(tmp_path: Path) -> None:
    source = written(tmp_path, {"question": "q", "answer": "many"})
    assert refusal(source, kind="number") == (
        f"{source}, line 1: gold answer 'many' of field 'answer' does not parse: a number such as 72, 1,234.5 or 3/4 is needed"
    )


DEEP = "[" * 10_000 + "]" * 10_000
MALFORMED: dict[str, str | bytes] = {
    "not JSON": "question: q",
    "half an object": '{"question": "q", "ans',
    "two objects on a line": '{"question": "q", "answer": "1"} {"question": "q", "answer": "1"}',
    "single quotes": "{'question': 'q', 'answer': '1'}",
    "a trailing comma": '{"question": "q", "answer": "1",}',
    "an array": '["q", "1"]',
    "a text": '"q"',
    "a number": "7",
    "null": "null",
    "a truth value": "true",
    "no fields": "{}",
    "no question": '{"answer": "1"}',
    "no answer": '{"question": "q"}',
    "a null question": '{"question": null, "answer": "1"}',
    "a null answer": '{"question": "q", "answer": null}',
    "a blank question": '{"question": "  ", "answer": "1"}',
    "a blank answer": '{"question": "q", "answer": "\\n"}',
    "a number as question": '{"question": 7, "answer": "1"}',
    "a list as question": '{"question": ["q"], "answer": "1"}',
    "an object as question": '{"question": {"text": "q"}, "answer": "1"}',
    "a truth value as answer": '{"question": "q", "answer": true}',
    "an object as answer": '{"question": "q", "answer": {"value": 1}}',
    "several answers": '{"question": "q", "answer": ["1", "2"]}',
    "an empty list as answer": '{"question": "q", "answer": []}',
    "a list in a list": '{"question": "q", "answer": [["1"]]}',
    "NaN": '{"question": "q", "answer": NaN}',
    "Infinity": '{"question": "q", "answer": -Infinity}',
    "a number beyond all digits": '{"question": "q", "answer": 1e999999999}',
    "a number of 5,000 digits": '{"question": "q", "answer": ' + "9" * 5_000 + "}",
    "a number of 200 digits": '{"question": "q", "answer": ' + "9" * 200 + "}",
    "a lone surrogate": '{"question": "\\ud800", "answer": "1"}',
    "a NUL": '{"question": "q\\u0000", "answer": "1"}',
    "bytes that are not UTF-8": b'{"question": "\xff\xfe", "answer": "1"}',
    "UTF-16": '{"question": "q", "answer": "1"}'.encode("utf-16"),
    "10 MB of question": '{"question": "' + "q" * 10_000_000 + '", "answer": "1"}',
    "200 kB of question": '{"question": "' + "q" * 200_000 + '", "answer": "1"}',
    "3 kB of answer": '{"question": "q", "answer": "' + "1+" * 1_500 + '1"}',
    "nesting 10,000 deep": '{"question": "q", "answer": ' + DEEP + "}",
    "nesting 10,000 deep beside the answer": '{"question": "q", "answer": "1", "more": ' + DEEP + "}",
    "a field twice": '{"question": "q", "answer": "1", "answer": "2"}',
    "no box in the solution": '{"problem": "q", "solution": "It is 7."}',
    "an unclosed box": '{"problem": "q", "solution": "\\\\boxed{7"}',
    "an empty box": '{"problem": "q", "solution": "\\\\boxed{}"}',
    "nothing after the hashes": '{"question": "q", "answer": "so #### "}',
    "unbalanced braces": '{"question": "q", "answer": "\\\\frac{1}{2"}',
}


def test_there_are_more_than_forty_kinds_of_malformed_rows() -> None:
    assert len(MALFORMED) >= 40


@pytest.mark.parametrize("row", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_row_stops_with_its_line_and_nothing_else(tmp_path: Path, row: str | bytes) -> None:
    source = written(tmp_path, *[GSM8K] * 3, *[row] * 3)
    assert f"{source}, line 4: " in refusal(source)


@pytest.mark.parametrize("row", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_rows_may_be_skipped_each_with_its_line_and_reason_where_they_are_one_in_a_hundred(
    tmp_path: Path, row: str | bytes
) -> None:
    block = b"\n".join([as_json(GSM8K).encode()] * 99)
    loaded = RowProblems(written(tmp_path, *[line for _ in range(2) for line in (block, row)]), bad_rows="skip").contents
    assert len(loaded.problems) == 198
    assert [refused.place.rpartition(", ")[2] for refused in loaded.refusals] == ["line 100", "line 200"]
    assert all(refused.reason for refused in loaded.refusals)


def test_more_than_one_bad_row_in_a_hundred_stops_even_when_rows_are_skipped(tmp_path: Path) -> None:
    source = written(tmp_path, *[GSM8K] * 98, "x", "x")
    assert f"{source}: 2 of 100 rows are bad, more than 1 %; the first: {source}, line 99: not JSON" in refusal(source, bad_rows="skip")


def test_an_id_that_two_rows_share_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path, {**GSM8K, "id": 7}, {**GSM8K, "id": 8}, {**GSM8K, "id": 7})
    assert refusal(source, id_field="id") == f"{source}, line 3: id '7' is that of {source}, line 1 too: every row needs its own"


@examples(200)
@given(st.binary(max_size=200))
def test_whatever_bytes_a_file_holds_only_bad_input_comes_out(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("bytes") / "rows.jsonl"
    file.write_bytes(content)
    with pytest.raises(BadInput):
        _ = RowProblems(str(file)).contents


# --- the place in the run ---------------------------------------------------------------------------------------------


@pytest.fixture
def ten(tmp_path: Path) -> RowProblems:
    return RowProblems(written(tmp_path, *[{"question": f"{i} + 0?", "answer": i} for i in range(10)]))


def asked(problems: RowProblems, rollout: int, round: int = 0, count: int = 3, seed: int = 0) -> list[str]:
    return [problem.id for problem in problems.at(rollout, round, count, seed)]


def test_three_rollouts_of_three_walk_through_nine_of_ten_rows_and_repeat_none(ten: RowProblems) -> None:
    walked = asked(ten, 0) + asked(ten, 1) + asked(ten, 2)
    assert len(set(walked)) == 9


def test_the_next_epoch_has_another_order(ten: RowProblems) -> None:
    assert len(set(asked(ten, 3) + asked(ten, 4) + asked(ten, 5))) == 9
    assert asked(ten, 3, count=10) != asked(ten, 4, count=10)


def test_the_problems_are_a_function_of_the_place_alone(ten: RowProblems) -> None:
    again = replace(ten)
    places = [(rollout, round) for rollout in range(20) for round in range(3)]
    assert [asked(ten, *place) for place in places] == [asked(again, *place) for place in reversed(places)][::-1]


def test_another_seed_or_round_asks_other_problems_and_no_round_asks_one_twice(ten: RowProblems) -> None:
    assert asked(ten, 0, count=10) != asked(ten, 0, count=10, seed=1)
    assert asked(ten, 0, 1, count=10) != asked(ten, 0, 2, count=10)
    assert all(len(set(asked(ten, rollout, round, count=7))) == 7 for rollout in range(9) for round in range(3))


def test_more_problems_at_once_than_there_are_rows_is_bad_input(ten: RowProblems) -> None:
    with pytest.raises(BadInput, match=r"11 problems were asked for at once: .* has 10"):
        ten.at(0, 0, 11, 0)


def test_all_are_the_rows_in_order_or_a_fixed_sample(ten: RowProblems) -> None:
    assert [problem.reference for problem in ten.all()] == [Number(str(i)) for i in range(10)]
    assert ten.all(4) == ten.all(4) and len(set(ten.all(4))) == 4


# --- real data sets ---------------------------------------------------------------------------------------------------


@pytest.fixture
def data() -> Callable[[str], str]:
    folder = os.environ.get("AHA_DATA")

    def found(name: str) -> str:
        if folder is None or not Path(folder, name).is_file():
            pytest.skip(f"AHA_DATA with {name} is not set")
        return str(Path(folder, name))

    return found


SETS = {
    "math/gsm8k/train.jsonl": 7473,
    "math/gsm8k/test.jsonl": 1319,
    "math/math/test.json": 5000,
    "math/math500/test.jsonl": 500,
    "math/aime_1983_2023_rllm/aime.json": 975,
    "math/aime24/test.jsonl": 30,
    "math/amc23/test.jsonl": 40,
    "math/cmath/test.jsonl": 600,
    "math/minerva_math/test.jsonl": 272,
    "math/gaokao_math_cloze/test.jsonl": 118,
    "math/olympiadbench/test.jsonl": 675,
}


@pytest.mark.parametrize(("name", "rows"), ordinary_rows(SETS.items(), *(pair for pair in SETS.items() if pair[1] < 2_000)))
def test_every_gold_answer_of_a_public_set_parses_without_a_setting(data: Callable[[str], str], name: str, rows: int) -> None:
    problems = RowProblems(data(name)).all()
    assert len(problems) == rows
    assert {problem.language for problem in problems} == ({"zh"} if "cmath" in name or "gaokao" in name else {"en"})


def test_a_public_set_with_four_rows_without_an_answer_is_read_when_bad_rows_are_skipped(data: Callable[[str], str]) -> None:
    loaded = RowProblems(data("math/math_train_rllm/math.json"), bad_rows="skip").contents
    assert (len(loaded.problems), [refused.place.rpartition(" ")[2] for refused in loaded.refusals]) == (
        7470,
        ["887", "1010", "5329", "5331"],
    )
