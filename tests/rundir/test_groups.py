"""Groups as tables: read back to the bit, small, damaged or hostile ones in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from aha.durable import Disk, reading
from aha.errors import BadInput, DiskTrouble
from aha.rundir import Record, Retention, RunDir, group_table
from aha.rundir.check import check
from aha.rundir.group_table import json_of
from aha.rundir.groups import read_groups
from aha.types import Abstained, Completion, Group, Number, Part, Problem, Reply, Score
from tests.counts import examples, ordinary
from tests.faults import ForgetfulDisk
from tests.runs import MANIFEST, pack, saving
from tests.runs import group as tiny_group

TEXT = st.text(max_size=12)  # with lone surrogates, which no column holds
FLOATS = st.one_of(st.floats(width=32, allow_nan=False), st.floats(allow_nan=False))


def group(seed: int, samples: int = 3, tokens: int = 7) -> Group:
    """As an engine, a template and a reward make it: arrays of 32 bits, texts of Unicode."""
    draw = np.random.default_rng(seed)
    completions, replies = [], []
    for sample in range(samples):
        ids, logprobs = draw.integers(0, 151_936, tokens, np.int32), np.log(draw.random(tokens, np.float32))
        finished = ("stop", "length")[sample % 2]
        completions.append(Completion(array("i", ids.tobytes()), array("f", logprobs.tobytes()), finished, seed))  # type: ignore[arg-type]
        replies.append(Reply(f"<think>数 {seed}</think>{sample}", f"数 {seed}", str(sample), tokens, finished))  # type: ignore[arg-type]
    scores = [Score(1.0, (Part("accuracy", 1.0, 1.0, "summary"),)), Score(Abstained("cut", "time"), ())] * samples
    return Group(
        Problem(f"p{seed}", "maths", "1+1?", "en", Number("2")), (1, 2, seed), tuple(completions), tuple(replies), tuple(scores[:samples])
    )


def kept(path: Path, *groups: Group) -> list[Group]:
    path.write_bytes(pack(groups))
    return list(read_groups(path))


def bits(groups: list[Group]) -> list[tuple[bytes, bytes]]:
    return [
        (completion.tokens.values.tobytes(), completion.logprobs.values.tobytes())  # type: ignore[attr-defined]
        for group in groups
        for completion in group.completions
    ]


# --- to the bit -------------------------------------------------------------------------------------------------------


def test_what_was_written_is_read_to_the_bit(tmp_path: Path) -> None:
    groups = [group(seed, samples=seed + 1, tokens=3 * seed) for seed in range(4)]
    found = kept(tmp_path / "a.parquet", *groups)
    assert found == groups and bits(found) == bits(groups)
    assert [completion.tokens.values.typecode for completion in found[1].completions] == ["i", "i"]  # type: ignore[attr-defined]


def test_of_each_token_the_weights_that_sampled_it_are_kept(tmp_path: Path) -> None:
    whole = group(0, samples=1)
    mixed = replace(whole.completions[0], version=((0, 3), (2, 4), (6, 9)))
    assert mixed.version_spans == ((0, 2, 3), (2, 6, 4), (6, 7, 9))
    [found] = kept(tmp_path / "a.parquet", replace(whole, completions=(mixed,)))
    assert found.completions == (mixed,)
    assert parquet.read_table(tmp_path / "a.parquet")["versions"].to_pylist() == [
        [{"start": 0, "version": 3}, {"start": 2, "version": 4}, {"start": 6, "version": 9}]
    ]


@pytest.mark.parametrize("spans", [(), ((1, 1),), ((0, 1), (3, 1), (3, 2)), ((0, 1), (7, 1))])
def test_a_version_that_sampled_no_token_is_a_mistake(spans: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="the first at 0, each after the one before"):
        replace(group(0).completions[0], version=spans)


def test_numbers_that_are_not_finite_keep_their_bits(tmp_path: Path) -> None:
    odd = array("f", np.array([0x7FC00001, 0xFF800000, 0x80000000, 1], np.uint32).tobytes())  # a NaN, -inf, -0, the smallest
    whole = group(0, samples=1, tokens=4)
    [found] = kept(tmp_path / "a.parquet", replace(whole, completions=(replace(whole.completions[0], logprobs=odd),)))
    assert found.completions[0].logprobs.values.tobytes() == odd.tobytes()  # type: ignore[attr-defined]


GROUPS = st.builds(
    lambda texts, ids, logprobs, prompt, finished, counts: Group(
        Problem(texts[0], "d", texts[1], "en", Number(texts[2])),
        tuple(prompt),
        (Completion(tuple(ids), tuple(logprobs), finished[0], 2),) * counts[0],
        (Reply(texts[3], texts[4], None, counts[2], finished[1]), Reply(texts[3], None, texts[4], len(ids), finished[0]))[: counts[1]],
        (Score(0.1, ()),) * counts[1],
    ),
    st.lists(TEXT, min_size=5, max_size=5),
    st.lists(st.integers(0, 2**40), max_size=4),
    st.lists(FLOATS, max_size=4),
    st.lists(st.integers(0, 2**40), max_size=3),
    st.tuples(st.sampled_from(["stop", "length"]), st.sampled_from(["stop", "length"])),
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 4)),
)


@examples(60)
@given(st.lists(GROUPS, max_size=3))
def test_any_group_is_read_as_it_was(tmp_path_factory: pytest.TempPathFactory, groups: list[Group]) -> None:
    found = kept(tmp_path_factory.getbasetemp() / "any.parquet", *groups)
    assert [json_of(value, Group) for value in found] == [json_of(value, Group) for value in groups]


def test_the_columns_are_those_that_other_programs_read(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(pack([group(0), group(1)]))
    table = parquet.read_table(tmp_path / "a.parquet", page_checksum_verification=True)
    assert {name: str(table.schema.field(name).type.value_type) for name in ("prompt", "tokens", "logprobs")} == {
        "prompt": "int32",
        "tokens": "int32",
        "logprobs": "float",
    }
    assert table["group"].to_pylist() == [0, 0, 0, 1, 1, 1] and table["answer"].to_pylist() == ["0", "1", "2"] * 2
    assert [text is None for text in table["problem"].to_pylist()] == [False, True, True] * 2
    assert table["tokens"].to_pylist()[3] == list(group(1).completions[0].tokens)


# --- piece by piece -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_table, "TOKENS_AT_ONCE", 50)


@pytest.mark.usefixtures("small_row_groups")
def test_a_group_is_read_alone_from_the_part_of_the_file_that_has_it(tmp_path: Path) -> None:
    path, groups = tmp_path / "a.parquet", [*map(group, range(9)), tiny_group(9), group(10)]
    assert kept(path, *groups) == groups
    assert parquet.ParquetFile(path).num_row_groups > 3
    for number in range(11):
        assert list(read_groups(path, number)) == [groups[number]]
    assert list(read_groups(path, 11)) == []
    read = sum(isinstance(answer, dict) for answer in reading.table_answers(path, arrays=True, only=("group", 4)))
    assert read < 3 * len(groups) / 2


@pytest.mark.usefixtures("small_row_groups")
def test_groups_written_as_they_come_are_the_file_of_all_together(tmp_path: Path) -> None:
    groups = list(map(group, range(9)))
    run = RunDir.open(tmp_path / "run", MANIFEST, disk=Disk())
    run.resume()
    for value in groups[:7]:
        run.write_group(0, value)
    [half] = (tmp_path / "run/groups").iterdir()
    assert half.name == ".000000.parquet.aside" and half.stat().st_size > 0
    run.commit(0, {}, {}, groups)
    run.commit(1, {}, {}, groups)
    run.close()
    first, second = sorted((tmp_path / "run/groups").iterdir())
    assert first.read_bytes() == second.read_bytes() == pack(groups)
    assert Record(run.root).groups(0) == groups


@pytest.mark.usefixtures("small_row_groups")
def test_groups_of_a_rollout_that_was_not_ended_leave_no_trace(tmp_path: Path) -> None:
    for name in ("run", "other"):
        run = RunDir.open(tmp_path / name, MANIFEST)
        for start in range(2 if name == "run" else 1):
            run.resume()
            for value in map(group, range(5 * start, 5 * start + 5)):
                run.write_group(0, value)
            if name == "run" and not start:
                continue
            run.commit(0, {}, {}, [group(seed) for seed in range(5 * start, 5 * start + 5)])
        run.close()
    assert Record(tmp_path / "run").groups(0) == [group(seed) for seed in range(5, 10)]
    assert [path.name for path in (tmp_path / "run/groups").iterdir()] == ["000000.parquet"]


def test_more_groups_than_there_are_is_a_mistake(tmp_path: Path) -> None:
    run = RunDir.open(tmp_path, MANIFEST)
    run.resume()
    for value in (group(0), group(1)):
        run.write_group(0, value)
    with pytest.raises(ValueError, match="rollout 0 has 1 groups, and 2 were written"):
        run.commit(0, {}, {}, [group(0)])
    run.close()


# --- which stay ---------------------------------------------------------------------------------------------------------


def left(root: Path) -> list[int]:
    return sorted(int(path.name.partition(".")[0]) for path in (root / "groups").iterdir())


@pytest.mark.parametrize(
    ("keep", "stay"),
    [
        (Retention(1), list(range(9))),
        (Retention(1, groups=2), [6, 7, 8]),
        (Retention(1, groups=1, groups_every=3), [2, 5, 7, 8]),
        (Retention(1, groups=20), list(range(9))),
    ],
)
def test_the_groups_of_the_last_rollouts_stay_and_of_every_mth(tmp_path: Path, keep: Retention, stay: list[int]) -> None:
    """A checkpoint follows every second rollout, the last of them rollout 7: what came after it may be done again."""
    for stop in (4, 9):  # with a pause in between
        run = RunDir.open(tmp_path, MANIFEST, disk=ForgetfulDisk(), reserve_bytes=0)
        resumed = run.resume()
        for rollout in range(resumed.rollout + 1 if resumed else 0, stop):
            run.commit(rollout, {}, {}, [group(rollout)], save=saving(run.disk, b"w") if rollout % 2 else None, keep=keep)
        run.close()
    assert left(tmp_path) == stay
    assert Record(tmp_path).problems() == check(tmp_path).problems == []
    for rollout in range(9):
        if rollout in stay:
            assert Record(tmp_path).groups(rollout) == [group(rollout)]
        else:
            with pytest.raises(
                DiskTrouble, match=rf"00000{rollout}\.parquet: removed, since only the groups of some rollouts were to stay"
            ):
                Record(tmp_path).groups(rollout)
    (tmp_path / "groups/000008.parquet").unlink()
    assert [f"{tmp_path}/groups/000008.parquet: missing"] == Record(tmp_path).problems() == check(tmp_path).problems


# --- what others may have put there ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_table_that_is_damaged_anywhere_is_read_as_it_was_or_refused_in_one_line(tmp_path: Path, seed: int) -> None:
    groups, draw = [group(0), group(1)], Random(seed)
    data, path = pack(groups), tmp_path / "damaged.parquet"
    for _ in range(12):
        place, cut = draw.randrange(len(data)), draw.random() < 0.3
        changed = data[:place] if cut else data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]
        path.write_bytes(changed)
        try:
            list(read_groups(path))
        except BadInput as refusal:
            assert "\n" not in str(refusal) and str(path) in str(refusal)


def table_with(**columns: object) -> pa.Table:
    """A table of one group in which these columns are others."""
    table = parquet.read_table(pa.BufferReader(pack([group(0, samples=2)])))
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.remove_column(place) if values is None else table.set_column(place, name, values)
    return table


ODD = {
    "no problem": ({"problem": pa.array([None, None], pa.string())}, "its first row has no problem"),
    "tokens of 64 bits": ({"tokens": pa.array([[1], [2]])}, "tokens: '[1]' where a value of type str should be"),
    "tokens that are floats": ({"tokens": pa.array([[1.0] * 7] * 2, pa.list_(pa.float32()))}, "numbers of the kind '<f4' where <i4"),
    "fewer log-probabilities": (
        {"logprobs": pa.array([[0.0], [0.0]], pa.list_(pa.float32()))},
        "1 log-probabilities for 7 tokens",
    ),
    "a number that is missing": ({"tokens": pa.array([[1, None]] * 2, pa.list_(pa.int32()))}, "cannot be read"),
    "no versions": ({"versions": pa.array([[], []], pa.list_(pa.struct({"start": pa.int32()})))}, "versions begin at []"),
    "an end that is none": ({"finished": pa.array(["stop", "maybe"])}, "'maybe' where one of stop, length"),
    "a score that is no JSON": ({"score": pa.array(["{", "{"])}, "not JSON"),
    "a line that is no group": ({"line": pa.array(['{"a": 1}', None])}, "an object with the fields of Group"),
    "no column of texts": ({"text": None}, "it has no text"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_table_of_other_columns_is_one_line(name: str, tmp_path: Path) -> None:
    columns, told = ODD[name]
    parquet.write_table(table_with(**columns), tmp_path / "odd.parquet")
    with pytest.raises(BadInput) as refusal:
        list(read_groups(tmp_path / "odd.parquet"))
    assert told in str(refusal.value) and str(tmp_path / "odd.parquet") in str(refusal.value) and "\n" not in str(refusal.value)


def many(values: int) -> pa.Array:
    """A list of so many zeros, which takes no room."""
    return pa.ListArray.from_arrays(pa.array([0, values, values], pa.int32()), pa.array(np.zeros(values, np.int32)))


BOMBS = {
    "a list of many zeros": lambda: table_with(tokens=many(60_000_000)),
    "a text of many letters": lambda: table_with(text=pa.array(["x" * (120 << 20), "x"])),
    "a long text in many rows": lambda: pa.concat_tables([table_with(text=pa.array(["y" * 3_000_000] * 2)).slice(1, 1)] * 400),
}


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(reading, "MEMORY", 150 << 20)
    reading.close_readers(idle := reading.idle_readers(os.getpid()))
    yield
    reading.close_readers(idle)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("name", ordinary(BOMBS, "a text of many letters"))
def test_a_table_that_unpacks_to_far_more_than_it_says_is_one_line_and_takes_no_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    parquet.write_table(BOMBS[name](), path, compression="zstd")
    assert path.stat().st_size < 1 << 20
    with pytest.raises(BadInput, match=r"bomb\.parquet.*(memory|it unpacks to more than|longer than)") as refusal:
        list(read_groups(path))
    assert "\n" not in str(refusal.value)


def test_what_is_no_table_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "no.parquet"
    for data in (b"", b"PAR1", b"PAR1" + b"\xff" * 4 + b"PAR1", b"{}" * 50, pack([group(0)])[:-5]):
        path.write_bytes(data)
        with pytest.raises(BadInput, match=r"no\.parquet cannot be read") as refusal:
            list(read_groups(path))
        assert "\n" not in str(refusal.value)


def test_writing_a_table_does_not_load_pandas() -> None:
    code = "import sys; from aha.rundir.group_table import _table; _table([{'group': 0, 'text': None}]); print('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout == "False\n"
