"""`aha grade`: one pair, or a file of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.commands.conftest import Aha


def rows(folder: Path, *lines: str | Mapping[str, object]) -> str:
    path = folder / "pairs.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines), "utf-8")
    return str(path)


def test_one_pair_is_graded_in_words_and_in_json(aha: Aha) -> None:
    said = aha("grade", "--reference", "\\frac{1}{2}", "--answer", "The answer is \\boxed{0.5}.")
    assert (said.code, said.out) == (0, "right\n")
    said = aha("grade", "--reference", "-1/2", "--answer", "-0.6", "--json")
    assert said.code == 0
    assert json.loads(said.out)["grade"] == "wrong"


def test_strict_fails_unless_the_answer_is_right(aha: Aha) -> None:
    assert aha("grade", "--reference", "7", "--answer", "7", "--strict").code == 0
    assert aha("grade", "--reference", "7", "--answer", "8", "--strict").code == 1


KINDS = [
    (("--reference", "C", "--answer", "Answer: (C)"), "right\n"),
    (("--reference", "B", "--answer", "Rome", "--option", "Paris", "--option", "Rome"), "right\n"),
    (("--reference", "Paris", "--answer", "paris.", "--kind", "text"), "right\n"),
    (("--reference", "24", "--answer", "6/(1-3/4)", "--numbers", "1,3,4,6"), "right\n"),
    (("--reference", "72", "--answer", "36 * 2", "--kind", "number"), "wrong: more than a bare number, or less\n"),
    (("--reference", "a poem", "--answer", "Rain.", "--kind", "judged"), "abstained: only a language model can compare this answer"),
    (("--reference", "5", "--answer", "<think>5"), "wrong: no answer: the reply broke the template\n"),
]


@pytest.mark.parametrize(("words", "out"), KINDS, ids=lambda each: str(each)[:40])
def test_every_kind_of_reference_can_be_said(aha: Aha, words: tuple[str, ...], out: str) -> None:
    assert aha("grade", *words).out.startswith(out)


def test_a_file_comes_back_in_its_order_with_all_its_fields(aha: Aha, tmp_path: Path) -> None:
    many = [{"id": n, "gold": str(n % 7), "pred": f"So it is \\boxed{{{n % 5}}}.", "weight": 0.25} for n in range(600)]
    said = aha("grade", "--file", rows(tmp_path, *many), "--json")
    graded = [json.loads(line) for line in said.out.splitlines()]
    assert [{name: row[name] for name in ("id", "gold", "pred", "weight")} for row in graded] == many
    assert [row["grade"] for row in graded] == ["right" if n % 7 == n % 5 else "wrong" for n in range(600)]
    assert all(row["reason"] == "" for row in graded if row["grade"] == "right")
    assert "600 answers: " in said.err


def test_only_the_answer_part_of_a_reply_counts(aha: Aha, tmp_path: Path) -> None:
    preds = [
        "<think>\\boxed{4}</think>\\boxed{5}",
        "<think>\\boxed{5}</think>\\boxed{4}",
        "<think>\\boxed{5}",
        "<think>x</think><answer>5</answer>",
    ]
    said = aha("grade", "--file", rows(tmp_path, *({"gold": "5", "pred": pred} for pred in preds)), "--json")
    assert [json.loads(line)["grade"] for line in said.out.splitlines()] == ["right", "wrong", "wrong", "right"]


def test_rows_say_their_own_kind_and_what_it_needs(aha: Aha, tmp_path: Path) -> None:
    source = rows(
        tmp_path,
        {"gold": "B", "pred": "\\boxed{\\text{blue}}", "options": ["red", "blue"]},
        {"gold": ["NYC", "New York"], "pred": "new york", "kind": "text"},
        {"gold": 10, "numbers": [4, 6], "pred": "4+6", "kind": "countdown"},
        {"gold": "1,234", "pred": "1234", "kind": "number"},
        {"gold": 7, "pred": 7.0},
        {"gold": "5", "pred": None},
    )
    said = aha("grade", "--file", source, "--json")
    assert [json.loads(line)["grade"] for line in said.out.splitlines()] == ["right"] * 5 + ["wrong"]


def test_nothing_that_a_model_writes_breaks_a_line(aha: Aha, tmp_path: Path) -> None:
    preds = ["\ud800x^2", "\0", "x" * 100_000, "{" * 50_000, "\\frac" * 10_000, "\u202e4\u2028", "9^{9^{9^9}}", "\\boxed{5}\udfff"]
    lines = [json.dumps({"gold": gold, "pred": pred}) for pred in preds for gold in ("5", "x^2+1")]
    said = aha("grade", "--file", rows(tmp_path, *lines), "--json")
    graded = [json.loads(line) for line in said.out.removesuffix("\n").split("\n")]
    assert (said.code, [row["pred"] for row in graded]) == (0, [pred for pred in preds for _ in range(2)])
    assert all(row["grade"] in ("wrong", "abstained") for row in graded[:-2])
    assert "\ud800" not in aha("grade", "--file", rows(tmp_path, *lines)).out


def test_a_gold_that_cannot_be_graded_is_reported_and_never_paid(aha: Aha, tmp_path: Path) -> None:
    source = rows(tmp_path, {"gold": "\\frac{1}{", "pred": "\\frac{1}{"}, {"pred": "5"}, {"gold": "5", "pred": "5"})
    said = aha("grade", "--file", source, "--json")
    assert (said.code, [json.loads(line)["grade"] for line in said.out.splitlines()]) == (0, ["abstained", "abstained", "right"])
    assert "line 1: the gold cannot be graded" in said.err
    assert "2 references cannot be graded" in said.err
    assert aha("grade", "--reference", "\\frac{1}{", "--answer", "1").code == 2


WRONG = [
    ({"gold": "5"}, "line 2: no `pred`: there are 'gold'"),
    ("{nonsense", "line 2: not JSON"),
    ("[1]", "line 2: is a list, not an object"),
    ({"gold": "5", "pred": ["5"]}, "line 2: field 'pred' is of type list: a text is needed"),
    ({"gold": "5", "pred": "5", "kind": "poetry"}, "line 2: kind is 'poetry'"),
]


@pytest.mark.parametrize(("row", "says"), WRONG, ids=lambda each: str(each)[:30])
def test_a_bad_row_is_named_by_file_and_line_before_anything_is_graded(
    aha: Aha, tmp_path: Path, row: str | dict[str, object], says: str
) -> None:
    said = aha("grade", "--file", rows(tmp_path, {"gold": "5", "pred": "5"}, row), "--json")
    assert (said.code, said.out) == (2, "")
    assert f"pairs.jsonl, {says}" in said.err


def test_what_is_missing_on_the_command_line_is_said(aha: Aha, tmp_path: Path) -> None:
    for words in ((), ("--reference", "5"), ("--reference", "5", "--answer", "5", "--file", "x.jsonl")):
        said = aha("grade", *words)
        assert said.code == 2
        assert "say what to grade" in said.err
    assert "--kind maths: there are auto, number" in aha("grade", "--reference", "5", "--answer", "5", "--kind", "maths").err
    assert "nowhere.jsonl was not found" in aha("grade", "--file", "nowhere.jsonl").err
    assert "no row has a `gold`" in aha("grade", "--file", rows(tmp_path, {"label": "5", "pred": "5"})).err
