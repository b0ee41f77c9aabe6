"""Examples on disk: our own rows, the files of other people, and what a broken line is told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.errors import BadInput
from aha.tasks.examples import load_examples, read_examples, write_example
from aha.template import THOUGHT_MARKS
from aha.types import Conversation, Example, Message, Origin

ASKED = {"role": "user", "content": "use 1 2 3 make 6"}
SAID = {"role": "assistant", "content": "1 + 2 + 3"}


def wrote(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    return path


def only(path: Path, row: object) -> Example:
    (example,) = read_examples(wrote(path / "one.jsonl", row))
    return example


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(lambda text: bool(text.strip()))
ORIGIN = st.builds(Origin, *[TEXT] * 3, st.none() | st.integers(0, 2**62), *[TEXT] * 2, st.lists(TEXT, max_size=2).map(tuple))
ANSWER = TEXT.filter(lambda text: not text.lstrip().startswith("<think>"))
OURS = st.builds(
    lambda name, asked, said, thought, origin: Example(
        name, "chain", "zh", Conversation((Message("user", asked), Message("assistant", said, thought))), origin
    ),
    *(TEXT, TEXT, ANSWER),
    st.none() | st.just("") | TEXT,
    st.none() | ORIGIN,
)


@given(OURS)
def test_what_is_written_is_one_line_and_is_read_again_as_it_was(tmp_path_factory: pytest.TempPathFactory, example: Example) -> None:
    line = write_example(example)
    path = tmp_path_factory.getbasetemp() / "example.jsonl"
    path.write_bytes(line.encode() + b"\n")
    assert "\n" not in line and read_examples(path) == [example]


# --- the forms of other people ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [ASKED, SAID]},
        {"conversations": [{"from": "human", "value": ASKED["content"]}, {"from": "gpt", "value": SAID["content"]}]},
        {"prompt": ASKED["content"], "completion": SAID["content"]},
        {"prompt": [ASKED], "completion": [SAID]},
        {"question": ASKED["content"], "solution": SAID["content"]},
        {"messages": [{"role": "system", "content": ""}, ASKED, SAID | {"content": [{"type": "text", "text": SAID["content"]}]}]},
    ],
)
def test_a_chat_is_read_in_each_usual_form(tmp_path: Path, row: object) -> None:
    example = only(tmp_path, row)
    assert example.conversation == Conversation((Message("user", "use 1 2 3 make 6"), Message("assistant", "1 + 2 + 3")))
    assert (example.id, example.domain, example.language, example.origin) == ("one.jsonl:1", "general", "en", None)


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [ASKED, SAID | {"reasoning_content": "try 1 + 2"}]},
        {"messages": [ASKED, SAID | {"content": "<think>\ntry 1 + 2\n</think>\n\n1 + 2 + 3"}]},
        {"question": ASKED["content"], "solution": SAID["content"], "reasoning": "try 1 + 2"},
    ],
)
def test_a_thought_stands_in_its_own_field_or_in_tags_before_the_answer(tmp_path: Path, row: object) -> None:
    assert only(tmp_path, row).conversation.messages[-1] == Message("assistant", "1 + 2 + 3", "try 1 + 2")


@pytest.mark.parametrize(("opens", "closes"), THOUGHT_MARKS)
def test_a_thought_stands_within_whatever_marks_its_author_used(tmp_path: Path, opens: str, closes: str) -> None:
    rows = [
        {"messages": [ASKED, SAID | {"content": f"{opens}\nhm {closes} six"}]},
        {"messages": [ASKED, SAID | {"content": f"six {opens}"}]},
    ]
    wrote(tmp_path / "a.jsonl", *rows)
    said = [example.conversation.messages[-1] for example in read_examples(tmp_path / "a.jsonl")]
    assert [(message.content, message.thought) for message in said] == [("six", "hm"), (f"six {opens}", None)]


def test_marks_around_the_whole_solution_are_left_out(tmp_path: Path) -> None:
    text = "<|begin_of_thought|>\n\nhm\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\nsix\n\n<|end_of_solution|>"
    wrote(tmp_path / "a.jsonl", {"messages": [ASKED, SAID | {"content": text}]})
    (example,) = read_examples(tmp_path / "a.jsonl")
    assert (example.conversation.messages[-1].content, example.conversation.messages[-1].thought) == ("six", "hm")


def test_an_empty_thought_is_no_chain_of_thought_and_none_is_nothing_known(tmp_path: Path) -> None:
    assert only(tmp_path, {"messages": [ASKED, SAID | {"reasoning_content": ""}]}).conversation.messages[-1].thought == ""
    assert only(tmp_path, {"messages": [ASKED, SAID]}).conversation.messages[-1].thought is None


def test_the_language_is_that_of_the_question_unless_the_row_says_so(tmp_path: Path) -> None:
    chinese = {"messages": [{"role": "user", "content": "用 1 2 3 得到 6"}, SAID]}
    assert only(tmp_path, chinese).language == "zh" and only(tmp_path, chinese | {"language": "en"}).language == "en"


def test_a_folder_is_read_shard_after_shard_and_a_run_directory_by_its_rows(tmp_path: Path) -> None:
    rows = tmp_path / "run" / "rows"
    rows.mkdir(parents=True)
    for name, answer in (("00001.jsonl", "b"), ("00000.jsonl", "a")):
        wrote(rows / name, {"messages": [ASKED, SAID | {"content": answer}]})
    (rows / "00002.jsonl.gz").write_bytes(gzip.compress(json.dumps({"messages": [ASKED, SAID | {"content": "c"}]}).encode()))
    wrote(rows / ".00003.jsonl.aside", "half a ro")
    said = [example.conversation.messages[-1].content for example in read_examples(rows)]
    assert said == ["a", "b", "c"] and read_examples(rows.parent) == read_examples(rows)


# --- what is broken ---------------------------------------------------------------------------------------------------

GOOD = {"messages": [ASKED, SAID]}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"messages": [', "not JSON at character"),
        ("[1]", "is a list, not an object"),
        ("3", "is a number, not an object"),
        ({}, "neither messages nor prompt or question"),
        ({"messages": "hello"}, "no list of objects"),
        ({"messages": [ASKED, 3]}, "no list of objects"),
        ({"messages": []}, "has no message"),
        ({"messages": [SAID, ASKED]}, "its last message is not the assistant's"),
        ({"messages": [SAID]}, "no message of the user stands before"),
        ({"messages": [ASKED, {"role": "tool", "content": "6"}, SAID]}, "role is 'tool': it is one of system, user, assistant"),
        ({"messages": [{"content": "hi"}, SAID]}, "has no role"),
        ({"messages": [ASKED, SAID | {"content": " "}]}, "without a text in field 'content'"),
        ({"messages": [ASKED, SAID | {"content": None}]}, "'content' is of type NoneType"),
        ({"messages": [ASKED, SAID | {"reasoning_content": 3}]}, "'reasoning_content' is of type int"),
        ({"messages": [ASKED, SAID | {"content": "<think> for ever"}]}, "nothing stands after it: an answer is needed"),
        ({"messages": [ASKED, SAID | {"content": "<|begin_of_thought|> so <|end_of_thought|>"}]}, "is a thought alone"),
        ({"messages": [ASKED, SAID | {"content": "a\ud800"}]}, "half a surrogate pair"),
        ({"prompt": "p"}, "neither messages nor completion or solution"),
        (GOOD | {"origin": {"stage": "rejection"}}, "field 'origin'"),
        (GOOD | {"id": "0"}, "id '0' is that of"),
    ],
)
def test_a_broken_line_is_named_with_its_file_and_place_in_one_line(tmp_path: Path, row: object, reason: str) -> None:
    line = row if isinstance(row, str) else json.dumps(row)
    path = wrote(tmp_path / "bad.jsonl", GOOD | {"id": "0"}, line, GOOD)
    with pytest.raises(BadInput) as refused:
        read_examples(path)
    said = str(refused.value)
    assert said.startswith(f"{path}, line 2: ") and reason in said and "\n" not in said


def test_bad_rows_are_left_out_when_asked_and_more_than_one_in_a_hundred_stops(tmp_path: Path) -> None:
    path = wrote(tmp_path / "few.jsonl", *[GOOD] * 99, "torn")
    loaded = load_examples(str(path), "skip")
    assert len(loaded.examples) == 99 and loaded.refusals[0].place == f"{path}, line 100"
    with pytest.raises(BadInput, match="2 of 99 rows are bad, more than 1 %"):
        load_examples(str(wrote(path, *[GOOD] * 97, "torn", "torn")), "skip")


@pytest.mark.parametrize("name", ["nothing.jsonl", "empty.jsonl"])
def test_a_file_that_is_missing_or_empty_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(BadInput, match="was not found|holds no example"):
        read_examples(tmp_path / name)


# --- anything at all --------------------------------------------------------------------------------------------------

NAMES = (
    "id",
    "domain",
    "language",
    "messages",
    "conversations",
    "prompt",
    "completion",
    "question",
    "solution",
    "origin",
    "reasoning_content",
)
WORDS = st.sampled_from(["user", "assistant", "system", "gpt", "", " ", "hi", "\0", "\ud800", "<think>", "<think> a </think>", "zh"])
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | WORDS | st.text(max_size=8)
TURN = st.dictionaries(st.sampled_from(["role", "from", "content", "value", "thinking"]), SCALAR | st.lists(SCALAR, max_size=2), max_size=4)
ORIGINS = st.dictionaries(st.sampled_from(["stage", "problem", "sampler", "seed", "grader", "template", "parents"]), SCALAR, max_size=7)
FIELD = SCALAR | st.lists(TURN | SCALAR, max_size=4) | ORIGINS


@given(st.dictionaries(st.sampled_from(NAMES), FIELD, max_size=6))
def test_whatever_a_row_holds_it_is_read_or_refused_in_one_line_and_what_is_read_can_be_written(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(json.dumps(row).encode() + b"\n")
    try:
        (example,) = read_examples(path)
    except BadInput as refused:
        assert str(refused).startswith(f"{path}, line 1: ") and "\n" not in str(refused)
    else:
        path.write_bytes(write_example(example).encode() + b"\n")
        assert read_examples(path) == [example]


@pytest.mark.parametrize(
    "line", ["[" * 10_000, '{"messages": "' + "x" * 5_000_000 + '"}', '{"a": 1, "a": 2}', '{"a": NaN}', "\ufeff\u2028"]
)
def test_a_line_that_no_json_reader_likes_is_refused_like_any_other(tmp_path: Path, line: str) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{line}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"odd.jsonl, line 2: "):
        read_examples(path)
