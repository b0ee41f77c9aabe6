"""Rows as Parquet: the same values, the same bytes, columns for other people's tools, and what a damaged file is told."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from aha.durable import reading
from aha.errors import BadInput
from aha.tasks.examples import load_examples, read_examples, read_pairs, write_example
from aha.tasks.reading import DataRow, RefusedRow, count_rows, rows_of, shards_of
from aha.tasks.rows import RowProblems
from aha.tasks.tables import read_table, table_rows, write_table
from aha.types import Conversation, Example, Message, Origin
from tests.counts import examples, ordinary
from tests.tasks.test_examples import OURS

ASKED, SAID = {"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2", "reasoning_content": "one more"}


def example(number: int) -> Example:
    said = Conversation((Message("user", f"{number} + 1?"), Message("assistant", str(number + 1), "one more")))
    return Example(f"set/{number}", "sums", "en", said, Origin("set", f"sum-{number}", "model@abc", number, "g", "Short@1", ("raw",)))


def wrote(path: Path, examples: Sequence[Example]) -> Path:
    path.write_bytes(b"".join(write_table(map(write_example, examples))))
    return path


def foreign(path: Path, *rows: dict[str, Any]) -> Path:
    parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


@examples(40)
@given(st.lists(OURS, min_size=1, max_size=4, unique_by=lambda example: example.id))
def test_what_is_written_is_read_again_as_it_was(tmp_path_factory: pytest.TempPathFactory, examples: list[Example]) -> None:
    path = wrote(tmp_path_factory.getbasetemp() / "examples.parquet", examples)
    assert read_examples(path) == examples
    assert table_rows(path) == count_rows(path) == len(examples)


def test_every_field_of_an_example_has_its_column(tmp_path: Path) -> None:
    schema = parquet.read_schema(wrote(tmp_path / "a.parquet", [example(1)]))
    assert set(schema.names) == set(json.loads(write_example(example(1))))
    assert {field.name for field in schema.field("origin").type} == {field.name for field in fields(Origin)}


def test_the_same_rows_are_the_same_bytes_in_row_groups_of_a_thousand(tmp_path: Path) -> None:
    rows = [example(number) for number in range(2_500)]
    one, other = (wrote(tmp_path / f"{name}.parquet", rows) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    file = parquet.ParquetFile(one)
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [1_000, 1_000, 500]
    assert read_examples(one) == rows


def test_the_datasets_library_gives_messages_as_a_list_of_structs(tmp_path: Path) -> None:
    from datasets import List, Value, load_dataset  # seconds, for this test alone

    path = wrote(tmp_path / "a.parquet", [example(1), example(2)])
    loaded = load_dataset("parquet", data_files=str(path), cache_dir=str(tmp_path / "cache"))["train"]
    text = Value("string")
    assert loaded.features["messages"] == List({"role": text, "content": text, "reasoning_content": text})
    assert loaded[1]["messages"][0] == {"role": "user", "content": "2 + 1?", "reasoning_content": None}
    assert (loaded[1]["origin"]["seed"], loaded[1]["origin"]["parents"]) == (2, ["raw"])


def test_a_row_that_no_column_holds_is_named(tmp_path: Path) -> None:
    lines = [write_example(example(number)) for number in (1, 2**64, 3)]
    with pytest.raises(BadInput, match=r"^row set/18446744073709551616 does not fit into Parquet \(.*\); --shards jsonl holds it$"):
        list(write_table(lines))


# --- other people's files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [ASKED, SAID]},
        {"messages": None, "conversations": None, "question": "1 + 1?", "solution": "2", "reasoning": "one more"},
        {"prompt": [ASKED], "completion": [SAID], "id": None, "origin": None},
    ],
)
def test_the_usual_forms_are_read_whatever_else_is_null(tmp_path: Path, row: dict[str, Any]) -> None:
    (read,) = read_examples(foreign(tmp_path / "chats.parquet", row))
    assert read.conversation == Conversation((Message("user", "1 + 1?"), Message("assistant", "2", "one more")))
    assert read.id == "chats.parquet:1"


def test_pairs_and_problems_stand_in_tables_too(tmp_path: Path) -> None:
    (pair,) = read_pairs(str(foreign(tmp_path / "pairs.parquet", {"prompt": "hi", "chosen": "hello", "rejected": "no"})))
    assert (pair.chosen, pair.rejected) == ("hello", "no")
    (problem,) = RowProblems(str(foreign(tmp_path / "sums.parquet", {"question": "1 + 1?", "answer": "2"}))).all()
    assert problem.question == "1 + 1?"


def test_a_folder_of_tables_is_read_in_order_and_names_tell_splits_apart(tmp_path: Path) -> None:
    rows = tmp_path / "run/rows"
    rows.mkdir(parents=True)
    for number in (1, 0):
        wrote(rows / f"0000{number}.parquet", [example(number)])
    assert [each.id for each in read_examples(tmp_path / "run")] == ["set/0", "set/1"]
    wrote(tmp_path / "test-00000-of-00001.parquet", [example(2)])
    wrote(tmp_path / "train-00000-of-00001.parquet", [example(3)])
    assert [path.name for path in shards_of(str(tmp_path))] == ["train-00000-of-00001.parquet"]
    (tmp_path / "README.md").write_text("---\nconfigs: []\n---\n")  # says more than names do: the library reads it
    assert shards_of(str(tmp_path)) == []


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("train-00000-of-00003.parquet", "train-00002-of-00003.parquet"), "train-00001-of-00003.parquet"),
        (("train-00000-of-00003.parquet", "train-00001-of-00003.parquet"), "train-00002-of-00003.parquet"),
        (("part-1-of-2.parquet",), "part-2-of-2.parquet"),
        (("part-1-of-2.parquet", "part-2-of-2.parquet"), None),
        (("a-00000-of-00001.parquet", "b-00000-of-00001.parquet"), None),
        (("one-of-two.parquet", "2-of-2.parquet"), None),
    ],
)
def test_a_part_that_the_names_of_the_others_count_is_missed(tmp_path: Path, names: tuple[str, ...], missing: str | None) -> None:
    for name in names:
        wrote(tmp_path / name, [example(1)])
    if missing is None:
        assert len(shards_of(str(tmp_path))) == len(names)
        return
    with pytest.raises(BadInput, match=f"{missing} is missing"):
        shards_of(str(tmp_path))


def test_a_folder_in_two_forms_is_refused(tmp_path: Path) -> None:
    wrote(tmp_path / "00000.parquet", [example(1)])
    (tmp_path / "00000.jsonl").write_text(write_example(example(1)) + "\n")
    with pytest.raises(BadInput, match=r"holds 00000\.jsonl and 00000\.parquet: which of the two is the set\?"):
        read_examples(tmp_path)


@pytest.mark.parametrize("name", ["b.csv", "b.json", "b.txt", "b.jsonl.zst", "b.csv.gz"])
def test_a_folder_of_lines_with_rows_in_another_form_beside_them_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.jsonl").write_text(write_example(example(1)) + "\n")
    (tmp_path / name).write_text("[]")
    with pytest.raises(BadInput, match=rf"holds a\.jsonl and {name}: which of the two is the set\?"):
        read_examples(tmp_path)


def test_notes_beside_the_lines_of_a_folder_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(write_example(example(1)) + "\n")
    for name in ("notes.txt", "meta.json", "a.jsonl.bak"):
        (tmp_path / name).write_text('{"from": "elsewhere"}')
    assert len(read_examples(tmp_path)) == 1


def test_a_folder_of_cells_is_read_and_a_cell_may_be_as_long_as_a_line(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text(f"prompt,completion\n{name},{'x' * 200_000}\n")
    assert [len(each.conversation.messages[-1].content) for each in read_examples(tmp_path)] == [200_000, 200_000]


# --- what is broken ---------------------------------------------------------------------------------------------------


def test_a_row_that_is_no_example_is_named_with_its_file_and_number(tmp_path: Path) -> None:
    path = foreign(tmp_path / "odd.parquet", {"messages": [ASKED, SAID]}, {"messages": [ASKED]})
    with pytest.raises(BadInput, match=r"odd\.parquet, row 2: its last message is not the assistant's") as refused:
        read_examples(path)
    assert "\n" not in str(refused.value)
    with pytest.raises(BadInput, match=r"odd\.parquet, row 1: it has neither messages nor prompt or question"):
        read_examples(foreign(path, {"a": 1}))


def test_a_row_whose_text_is_no_utf_8_is_left_out_alone_when_asked(tmp_path: Path) -> None:
    texts = [b"1 + 1?"] * 200
    texts[41] = b"\xff"
    asked = pa.array(texts, pa.binary()).view(pa.string())
    parquet.write_table(pa.table({"question": asked, "solution": ["2"] * 200}), tmp_path / "torn.parquet")
    loaded = load_examples(str(tmp_path / "torn.parquet"), "skip")
    assert len(loaded.examples) == 199
    assert str(loaded.refusals[0]).startswith(f"{tmp_path / 'torn.parquet'}, row 42: cannot be read: 'utf-8' codec")
    rows = list(rows_of(str(tmp_path / "torn.parquet"), "train", None))
    assert [number for number, row in enumerate(rows, start=1) if isinstance(row, RefusedRow)] == [42]


@pytest.mark.parametrize("data", [b"", b"PAR1 and no more", b'{"messages": []}\n', b"PAR1" + b"x" * 100 + b"PAR1"])
def test_what_is_no_parquet_is_refused_in_a_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.parquet"
    path.write_bytes(data)
    for read in (read_examples, table_rows):
        with pytest.raises(BadInput) as refused:
            read(path)
        assert str(refused.value).startswith(f"{path} cannot be read: ") and "\n" not in str(refused.value)


def test_a_flipped_bit_is_found_and_said_to_lie_behind_the_last_good_row(tmp_path: Path) -> None:
    path = wrote(tmp_path / "flipped.parquet", [example(number) for number in range(1_500)])
    file = parquet.ParquetFile(path)
    data = bytearray(path.read_bytes())
    names = file.metadata.row_group(1).column(0)
    data[names.dictionary_page_offset + names.total_compressed_size // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"flipped\.parquet, from row 1,001 on, cannot be read: .*CRC"):
        read_examples(path)


def test_a_column_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    path = wrote(tmp_path / "named.parquet", [example(1)])
    path.write_bytes(path.read_bytes().replace(b"domain", b"doma\xffn"))
    with pytest.raises(BadInput, match=r"named\.parquet.* cannot be read: 'utf-8' codec"):
        read_examples(path)


@examples(60)
@given(st.integers(0, 10**9), st.integers(0, 7), st.booleans())
def test_a_file_that_is_damaged_anywhere_is_read_as_it_was_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int, cut: bool
) -> None:
    rows = [example(number) for number in range(3)]
    data = bytearray(b"".join(write_table(map(write_example, rows))))
    data[place % len(data)] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    path.write_bytes(data[: place % len(data)] if cut else data)
    try:
        found = [fields for _, fields in read_table(path)]
    except BadInput as refused:
        assert "\n" not in str(refused) and str(path) in str(refused)
    else:
        assert len(found) == 3


# --- what unpacks to more than it says ----------------------------------------------------------------------------------


def a_value_many_times(rows: int, letters: int) -> pa.Table:
    return pa.table({"question": pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array(["x" * letters]))})


def a_list_of_nothing(numbers: int) -> pa.Table:
    return pa.table({"question": pa.ListArray.from_arrays(pa.array([0, numbers], pa.int32()), pa.array(np.zeros(numbers, np.int8)))})


BOMBS: dict[str, tuple[Callable[[], pa.Table], dict[str, Any]]] = {
    "one long value in a hundred thousand rows": (lambda: a_value_many_times(100_000, 3_000_000), {"dictionary_pagesize_limit": 1 << 28}),
    "a page of many bytes": (lambda: pa.table({"answer": [bytes(80 << 20)]}), {"use_dictionary": False, "write_statistics": False}),
    "a list of many zeros": (lambda: a_list_of_nothing(20_000_000), {}),
    "prefixes that all values share": (
        lambda: pa.table({"question": ["y" * 1_000_000 + str(number) for number in range(100)]}),
        {"use_dictionary": False, "column_encoding": {"question": "DELTA_BYTE_ARRAY"}},
    ),
}


@pytest.mark.parametrize("bomb", ordinary(BOMBS, "one long value in a hundred thousand rows", "a page of many bytes"))
def test_what_unpacks_to_far_more_than_it_says_is_one_line_and_takes_no_memory(
    bomb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, how = BOMBS[bomb]
    path = tmp_path / "bomb.parquet"
    parquet.write_table(table(), path, compression="zstd", row_group_size=10**9, **how)
    assert path.stat().st_size < 1 << 20
    monkeypatch.setattr(reading, "MEMORY", 150 << 20)
    reading.close_readers(idle := reading.idle_readers(os.getpid()))
    with pytest.raises(BadInput, match=r"bomb\.parquet(, from row .* on,)? (cannot be read: .*memory|it unpacks to more than)") as refused:
        for _ in read_table(path):
            pass
    reading.close_readers(idle)
    assert "\n" not in str(refused.value)


def test_a_row_is_as_long_as_a_line_may_be_and_others_are_read(tmp_path: Path) -> None:
    path = foreign(tmp_path / "long.parquet", {"q": "a"}, {"q": "b" * 4_000_001}, {"q": "c"})
    assert list(read_table(path)) == [(1, {"q": "a"}), (2, "longer than the 4,000,000 bytes of a row that are read"), (3, {"q": "c"})]


def test_what_json_has_no_word_for_is_spelled_out_or_nothing(tmp_path: Path) -> None:
    row = {"nan": math.nan, "inf": math.inf, "day": date(2026, 11, 29), "price": Decimal("1.50"), "text": b"ok", "image": b"\xff\xfe"}
    ((_, fields),) = read_table(foreign(tmp_path / "odd.parquet", row))
    assert fields == {"nan": None, "inf": "inf", "day": "2026-11-29", "price": 1.5, "text": "ok", "image": None}


def test_two_columns_of_one_name_and_a_pipe_in_place_of_a_file_are_refused(tmp_path: Path) -> None:
    parquet.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["question", "question"]), tmp_path / "twice.parquet")
    with pytest.raises(BadInput, match=r"twice\.parquet cannot be read: column 'question' is there twice"):
        list(read_table(tmp_path / "twice.parquet"))
    os.mkfifo(tmp_path / "pipe.parquet")
    for read in (lambda path: list(read_table(path)), table_rows):
        with pytest.raises(BadInput, match="it is not a file but a folder, a pipe or a device"):
            read(tmp_path / "pipe.parquet")


def test_two_tables_are_read_in_turn_and_one_that_is_left_harms_no_other(tmp_path: Path) -> None:
    one, other = (wrote(tmp_path / f"{name}.parquet", [example(number) for number in range(2_000)]) for name in "ab")
    for (place, left), (_, right) in zip(read_table(one), read_table(other), strict=False):
        assert left == right
        if place == 3:
            break
    assert sum(1 for _ in read_table(one)) == 2_000


def test_a_table_is_read_a_thousand_rows_at_a_time(tmp_path: Path) -> None:
    sink = io.BytesIO()
    parquet.write_table(pa.table({"n": list(range(5_000))}), sink)
    (tmp_path / "long.parquet").write_bytes(sink.getvalue())
    assert [fields["n"] for _, fields in read_table(tmp_path / "long.parquet") if isinstance(fields, dict)] == list(range(5_000))


# --- folders of strangers ------------------------------------------------------------------------------------------------


def a_folder(folder: Path, place: str) -> Path:
    """A data set as people publish it, whose README says where its rows are."""
    (folder / "set/data").mkdir(parents=True)
    (folder / "set/README.md").write_text(
        f"---\nlicense: mit\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: {place}\n---\n"
    )
    (folder / "set/data/a.jsonl").write_text('{"question": "ours", "answer": "1"}\n')
    (folder / "elsewhere.jsonl").write_text('{"question": "of somebody else", "answer": "2"}\n')
    return folder / "set"


@pytest.mark.parametrize("place", ["../elsewhere.jsonl", '"\\x2e\\x2e/elsewhere.jsonl"', "/etc/*.txt", "data/../../*.jsonl", "[../a, b]"])
def test_a_readme_cannot_have_files_read_that_lie_elsewhere(tmp_path: Path, place: str) -> None:
    with pytest.raises(BadInput, match=r"set/README\.md: it names data outside of its folder") as refused:
        list(rows_of(str(a_folder(tmp_path, place)), "train", None))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/a.jsonl", "hf://datasets/a/b/c.jsonl", "zip://a.jsonl::http://127.0.0.1:9/a.zip"])
def test_a_readme_cannot_have_anything_fetched(tmp_path: Path, place: str) -> None:
    with pytest.raises(BadInput, match=r"it names data outside of its folder"):
        list(rows_of(str(a_folder(tmp_path, place)), "train", None))


def test_a_readme_that_names_files_of_its_folder_is_followed(tmp_path: Path) -> None:
    (row,) = rows_of(str(a_folder(tmp_path, "data/*.jsonl")), "train", None)
    assert isinstance(row, DataRow) and (row.fields["question"], row.name) == ("ours", "set:train:1")


def test_a_readme_that_refers_to_itself_without_end_is_one_line(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "data/*.jsonl")
    (folder / "README.md").write_text("---\nconfigs: &a\n- config_name: main\n  data_files: *a\n---\n")
    with pytest.raises(BadInput):
        list(rows_of(str(folder), "train", None))


def test_a_table_of_a_folder_is_held_to_a_size_as_one_alone_is(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "data/*.parquet")
    parquet.write_table(a_value_many_times(100_000, 3_000_000), folder / "data/a.parquet", dictionary_pagesize_limit=1 << 28)
    with pytest.raises(BadInput, match="memory"):
        list(rows_of(str(folder), "train", None))
