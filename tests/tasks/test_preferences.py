"""Pairs and labelled replies on disk, ours and other people's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.tasks.examples import as_conversation, read_pairs, read_safety_rows, write_preference
from aha.types import Labelled, Open, Pair, Problem

HELLO = Problem("greeting/1", "greeting", "你好", "zh", Open())


def written(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    pair, labelled = Pair(HELLO, "你好！\n", "no"), Labelled(HELLO, "<|reasoning|> so<|reasoning|> 你好", True)
    assert read_pairs(written(tmp_path / "pairs.jsonl", write_preference(pair))) == [pair]
    assert read_safety_rows(written(tmp_path / "labels.jsonl", write_preference(labelled))) == [labelled]


def test_a_run_directory_is_read_shard_by_shard(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    for number in (1, 0):
        written(tmp_path / "rows" / f"0000{number}.jsonl", write_preference(Pair(HELLO, str(number), "no")))
    assert [pair.chosen for pair in read_pairs(str(tmp_path))] == ["0", "1"]


def test_other_peoples_rows_are_read(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]
    source = written(tmp_path / "a.jsonl", json.dumps({"prompt": "1 + 1?", "chosen": turns, "rejected": "3"}))
    [pair] = read_pairs(source)
    assert (pair.problem.question, pair.problem.language, pair.chosen, pair.rejected) == ("1 + 1?", "en", "2", "3")
    rows = [
        {"prompt": "你好吗", "response": "好", "safe": True},
        {"question": "?", "text": "no", "label": "unsafe"},
        {"prompt": "?", "text": "x", "label": 0},
    ]
    labels = read_safety_rows(written(tmp_path / "b.jsonl", *map(json.dumps, rows)))
    assert [(each.problem.language, each.text, each.safe) for each in labels] == [
        ("zh", "好", True),
        ("en", "no", False),
        ("en", "x", False),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "a.jsonl, line 2: not JSON"),
        ('{"prompt": "?", "chosen": "a"}', "a.jsonl, line 2: `rejected` is missing or no text; a pair is"),
        ('{"prompt": "?", "chosen": "a", "rejected": []}', "line 2: `rejected` is missing"),
        ('{"problem": {"id": 3}, "chosen": "a", "rejected": "b"}', "line 2: problem: "),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_pairs(written(tmp_path / "a.jsonl", write_preference(Pair(HELLO, "a", "b")), line))


def test_a_label_is_true_or_false(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="line 1: `safe` is 'maybe'"):
        read_safety_rows(written(tmp_path / "a.jsonl", '{"prompt": "?", "response": "a", "safe": "maybe"}'))
    with pytest.raises(BadInput, match="holds no row"):
        read_safety_rows(written(tmp_path / "b.jsonl"))


def test_the_question_is_shown_before_what_was_said() -> None:
    assert [(message.role, message.content) for message in as_conversation(HELLO, "no").messages] == [("user", "你好"), ("assistant", "no")]


def test_a_pair_of_one_text_twice_is_named(tmp_path: Path) -> None:
    rows = [json.dumps({"prompt": "q", "chosen": "a", "rejected": rejected}) for rejected in ("b", "a ")]
    with pytest.raises(BadInput, match=r"line 2: `chosen` and `rejected` are the same text"):
        read_pairs(written(tmp_path / "pairs.jsonl", *rows))
