from __future__ import annotations

import json
import zipfile
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from pyarrow import parquet

from aha.errors import BadInput
from aha.evals.benchmark import Benchmark, BenchmarkExample, ReplyGrade
from aha.evals.benchmarks import BENCHMARKS, benchmark
from aha.evals.benchmarks.choices import permutation
from aha.evals.loading import _hub, load_examples
from aha.types import Abstained, Choice, Number, Open, Reply, Right, Stdio
from tests.graders import GRADERS


def written(path: Path, *rows: dict) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def grade(chosen: Benchmark, example: BenchmarkExample, text: str) -> ReplyGrade:
    return chosen.grade_reply(example, Reply(text, None, text, 1, "stop"), GRADERS)


def choice(example: BenchmarkExample) -> Choice:
    assert isinstance(example.reference, Choice)
    return example.reference


def graded(name: str, path: str, reply: str):
    (item,), _ = load_examples(benchmark(name), path)
    return grade(benchmark(name), item, reply)


def test_aime_is_asked_as_the_release_notes_say(tmp_path):
    (item,), _ = load_examples(benchmark("aime_2024"), written(tmp_path / "a.jsonl", {"problem": "1 + 1?", "answer": "002"}))
    assert item.prompt == "1 + 1?\nPlease reason step by step, and put your final answer within \\boxed{}."
    assert isinstance(grade(benchmark("aime_2024"), item, "So \\boxed{2}.").grade, Right)
    assert not isinstance(grade(benchmark("aime_2024"), item, "So \\boxed{3}.").grade, Right)


def test_a_folder_is_searched_for_the_benchmarks_layout(tmp_path):
    written(tmp_path / "math/gsm8k/test.jsonl", {"question": "?", "answer": "2 + 3 = <<2+3=5>>5\n#### 5"})
    for folder in (tmp_path, tmp_path / "math", tmp_path / "math/gsm8k"):
        reference = load_examples(benchmark("gsm8k"), str(folder))[0][0].reference
        assert isinstance(reference, Number) and reference.value == "5"


def test_the_mmlu_prompt_is_the_one_of_simple_evals_to_the_letter(tmp_path):
    (tmp_path / "anatomy_test.csv").write_text("question,choice0,choice1,choice2,choice3,answer\nWhich?,w,x,y,z,3\n")
    (item,), _ = load_examples(benchmark("mmlu"), str(tmp_path))
    assert item.prompt.startswith(
        "Answer the following multiple choice question. The last line of your response should be of the following"
    )
    assert item.prompt.endswith("before answering.\n\nWhich?\n\nA) w\nB) x\nC) y\nD) z")
    assert (item.category, item.options, choice(item).letter) == ("anatomy", 4, "D")
    assert grade(benchmark("mmlu"), item, "Hm.\n**Answer: D**").vote == "D"
    assert grade(benchmark("mmlu"), item, "no idea").vote is None


def test_mmlu_pro_is_asked_without_examples(tmp_path):
    row = {"question_id": 7, "question": "Which?", "options": ["w", "x"], "answer": "B", "answer_index": 1, "category": "law"}
    (item,), _ = load_examples(benchmark("mmlu_pro"), written(tmp_path / "p.jsonl", row))
    assert item.prompt.endswith("Question: Which?\nOptions: A. w\nB. x\nAnswer: Let's think step by step.")
    assert "about law. Think" in item.prompt
    assert isinstance(grade(benchmark("mmlu_pro"), item, "The answer is (B).").grade, Right)


def test_gpqa_keeps_the_order_in_which_its_options_stand(tmp_path):
    head = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
    (tmp_path / "gpqa_diamond.csv").write_text(head + "Which one?,right,w1,w2,w3\n" * 2)
    items, _ = load_examples(benchmark("gpqa_diamond"), str(tmp_path))
    assert len({item.id for item in items}) == 2
    for number, item in enumerate(items, start=1):
        assert tuple(item.about["permutation"]) == permutation(number)
        assert isinstance(item.reference, Choice)
        assert item.reference.options[ord(item.reference.letter) - ord("A")] == "right"


def test_each_repeat_of_gpqa_shows_its_options_in_a_new_order_from_one_generator_that_goes_on(tmp_path):
    head = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
    (tmp_path / "gpqa_diamond.csv").write_text(head + "".join(f"Which of {n}?,right,w1,w2,w3\n" for n in range(3)))
    gpqa, order = benchmark("gpqa_diamond"), Random(0)
    items, _ = load_examples(gpqa, str(tmp_path))
    for repeat in range(4):
        for number, item in enumerate(items):
            drawn, seen = order.sample(range(4), 4), gpqa.example_for(item, repeat)
            texts = [("right", "w1", "w2", "w3")[place] for place in drawn]
            assert seen.about["permutation"] == drawn and list(choice(seen).options) == texts
            shown = "\n".join(f"{letter}) {text}" for letter, text in zip("ABCD", texts, strict=True))
            assert seen.prompt.endswith(f"Which of {number}?\n\n{shown}") and seen.id == item.id
            judged = grade(gpqa, seen, f"Answer: {'ABCD'[drawn.index(0)]}")
            assert isinstance(judged.grade, Right) and judged.vote == choice(item).letter, "votes are for options, not for places"


@pytest.mark.parametrize("content", [b"Salted__\x01\x02\xff\xfe", b"\x93\xfa\x00\x81" * 50, b"Question\n\xff\xfe\x81\n"])
def test_a_gpqa_file_that_is_encrypted_is_told_apart(tmp_path, content):
    (tmp_path / "gpqa_diamond.csv").write_bytes(content)
    with pytest.raises(BadInput, match="still encrypted"):
        load_examples(benchmark("gpqa_diamond"), str(tmp_path / "gpqa_diamond.csv"))


def test_a_gpqa_archive_with_a_password_is_told_apart(tmp_path):
    path = tmp_path / "dataset.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("gpqa_diamond.csv", "Question\n")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(BadInput, match="still encrypted"):
        load_examples(benchmark("gpqa_diamond"), str(path))


@pytest.mark.parametrize("name", sorted(name for name, chosen in BENCHMARKS.items() if chosen.generator is None))
def test_wrong_columns_are_one_line_with_those_that_are_there(tmp_path, name):
    with pytest.raises(BadInput, match=r"record 1: no .*; a row of .* has .*, this one has foo"):
        load_examples(benchmark(name), written(tmp_path / "x.jsonl", {"foo": 1}, {"foo": 2}))


def test_the_nearest_name_is_offered():
    with pytest.raises(BadInput, match="did you mean.*aime_2024"):
        benchmark("aime2024")
    assert benchmark("MATH-500").name == "math_500"


def test_ceval_and_cluewsc_are_read_in_chinese(tmp_path):
    (tmp_path / "law_val.csv").write_text("id,question,A,B,C,D,answer\n0,哪个?,甲,乙,丙,丁,C\n", encoding="utf-8")
    assert isinstance(graded("c_eval", str(tmp_path / "law_val.csv"), "因为丙。\n答案：C").grade, Right)
    row = {"idx": 1, "text": "他来了", "label": "false", "target": {"span1_text": "小明", "span2_text": "他"}}
    assert isinstance(graded("cluewsc", written(tmp_path / "dev.json", row), "答案：B").grade, Right)


def test_drop_gives_half_of_the_words_their_share(tmp_path):
    path = written(tmp_path / "d.jsonl", {"context": "P Q?", "ref_text": "the red house|a hut"})
    assert graded("drop", path, "Answer: red house").measures == {"em": 1.0, "f1": 1.0}
    assert graded("drop", path, "Answer: red").measures == {"em": 0.0, "f1": 0.67}


@pytest.mark.parametrize(
    ("gold", "said", "em", "f1"),
    [
        (".5", "Answer: .5", 1, 1.0),
        ("0.5", "Answer: .5.", 1, 1.0),
        (".5", "**Answer:** 0.50", 1, 1.0),
        ("5", "Answer: .5", 0, 0.0),
        ("12.25", "Answer: 12.25", 1, 1.0),
        ("1,500", "Answer: $1500", 1, 1.0),
        ("10", "Answer: (10)", 1, 1.0),
        ("3.14", "Answer: (3.14)", 1, 1.0),
        ("3.14", "Answer: about $3.14", 0, 0.67),
        ("10", "Answer: 10%.", 1, 1.0),
        ("2010-2015", "Answer: 2010–2015", 1, 1.0),
        ("17th-century", "Answer: 17th\u2011century", 1, 1.0),
        ("Denver's", "Answer: Denver’s", 1, 1.0),
        ("10 yards", "Answer: 10", 0, 0.67),
        ("10 yards", "Answer: 11 yards", 0, 0.0),
        ("the Bears the Lions", "Answer: Bears, Lions", 1, 1.0),
        ("very very cold", "Answer: very cold", 0, 1.0),  # F1 is of sets, as published
    ],
)
def test_drop_compares_words_and_the_values_of_numbers(tmp_path, gold, said, em, f1):
    path = written(tmp_path / "d.jsonl", {"context": "P Q?", "ref_text": gold})
    assert graded("drop", path, said).measures == {"em": float(em), "f1": f1}


@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [
        ("nope:nothing", {}, "record 2: nope:nothing: no such instruction"),
        ("keywords:existence", {"keywords": 3}, "record 2: keywords:existence: its settings do not fit"),
    ],
)
def test_an_instruction_that_nobody_could_check_is_named_with_its_row_before_a_model_is_asked(tmp_path, kind, settings, says):
    path = tmp_path / "i.jsonl"
    good = {"key": 1, "prompt": "q", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    path.write_text(
        "".join(json.dumps(row) + "\n" for row in (good, good | {"key": 2, "instruction_id_list": [kind], "kwargs": [settings]}))
    )
    with pytest.raises(BadInput, match=says):
        load_examples(benchmark("ifeval"), str(path))


def test_ifeval_counts_prompts_and_instructions(tmp_path):
    row = {"key": 1, "prompt": "Hi", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    path = written(tmp_path / "i.jsonl", row)
    assert graded("ifeval", path, "no such sign").measures["prompt_strict"] == 1.0
    assert graded("ifeval", path, "one, two").measures["prompt_strict"] == 0.0


def test_mmlu_redux_takes_the_corrected_answer_and_leaves_out_what_has_none(tmp_path):
    row = {"question": "?", "choices": ["a", "b", "c", "d"], "answer": 0, "error_type": "ok", "correct_answer": None}
    rows = [row, row | {"error_type": "wrong_groundtruth", "correct_answer": "C"}, row | {"error_type": "no_correct_answer"}]
    items, _ = load_examples(benchmark("mmlu_redux"), written(tmp_path / "r.jsonl", *rows))
    assert [choice(item).letter for item in items] == ["A", "C"]


def test_livecodebench_asks_the_papers_months_only(tmp_path):
    row = {"question_content": "Add.", "public_test_cases": '[{"input": "1", "output": "2", "testtype": "stdin"}]', "starter_code": ""}
    rows = [row | {"question_id": name, "contest_date": day} for name, day in (("a", "2024-07-31"), ("b", "2024-08-01T00:00:00"))]
    (item,), _ = load_examples(benchmark("livecodebench"), written(tmp_path / "l.jsonl", *rows))
    assert item.id == "b"
    assert isinstance(item.reference, Stdio)
    assert "### Question:\nAdd." in item.prompt


def test_another_language_of_humaneval_mul_is_not_graded_as_wrong(tmp_path):
    row = {"name": "HumanEval_0", "language": "cpp", "prompt": "int f() {", "tests": "..."}
    (item,), _ = load_examples(benchmark("humaneval_mul"), written(tmp_path / "h.jsonl", row))
    assert isinstance(item.reference, Open)
    verdict = grade(benchmark("humaneval_mul"), item, "int f() { return 1; }").grade
    assert isinstance(verdict, Abstained) and "cpp" in verdict.reason


def test_an_answer_that_no_reply_could_match_is_refused(tmp_path):
    with pytest.raises(BadInput, match="record 2: its answer is 'Marie Curie', which no reply could be compared with"):
        load_examples(
            benchmark("gsm8k"),
            written(tmp_path / "x.jsonl", {"problem": "1?", "answer": "1"}, {"problem": "Who?", "answer": "Marie Curie"}),
        )


def test_a_hub_name_may_say_its_subset_and_split_and_has_the_benchmarks_own_else():
    assert _hub(benchmark("gsm8k"), None) == _hub(benchmark("gsm8k"), "openai/gsm8k") == ("openai/gsm8k", "main", "test")
    assert _hub(benchmark("gsm8k"), "openai/gsm8k::train") == ("openai/gsm8k", "main", "train")
    assert _hub(benchmark("gsm8k"), "me/copy") == ("me/copy", None, "test")
    assert _hub(benchmark("c_eval"), "ceval/ceval-exam:law:val") == ("ceval/ceval-exam", "law", "val")


def test_a_data_set_as_a_hub_keeps_it_is_read_from_its_folder(tmp_path):
    for split, answer in (("train", "1"), ("test", "2")):
        path = tmp_path / "main" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(exist_ok=True)
        parquet.write_table(pa.Table.from_pylist([{"question": "1 + 1?", "answer": f"#### {answer}"}]), path)
    (item,), read = load_examples(benchmark("gsm8k"), str(tmp_path))
    assert item.reference == Number("2") and read.endswith("test-00000-of-00001.parquet")
    (item,), _ = load_examples(benchmark("gsm8k"), str(tmp_path / "main" / "train-00000-of-00001.parquet"))
    assert item.reference == Number("1")


def test_a_folder_that_is_no_data_set_says_what_should_be_in_it(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(BadInput, match="cannot be read"):
        load_examples(benchmark("gsm8k"), str(tmp_path))
