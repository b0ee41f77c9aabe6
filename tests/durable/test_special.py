"""What is neither a file nor a folder is not written over: a file renamed to its name would take its place."""

import errno
import gzip
import os
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from aha.durable import Disk, absence_of, disk_errors, read_records, refuse_foreign_form, replace_file
from aha.durable.reading import FOREIGN_FORMS
from aha.errors import BadInput, DiskTrouble


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def a_link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


@pytest.mark.parametrize("make", [os.mkfifo, a_socket, a_link_to_a_pipe])
def test_a_pipe_or_a_socket_is_left_as_it_is(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "name"
    make(path)
    before = path.lstat()
    with pytest.raises(BadInput, match="a pipe, a socket or a device"):
        replace_file(Disk(), path, b"{}")
    assert stat.S_IFMT(path.lstat().st_mode) == stat.S_IFMT(before.st_mode) and path.lstat().st_ino == before.st_ino
    assert set(os.listdir(tmp_path)) <= {"name", "pipe"}


def test_a_disk_that_fills_up_while_a_folder_is_copied_is_one_short_line(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from/a").write_text("a")

    def fails(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)

    with pytest.raises(DiskTrouble, match=r"to: the disk is full; [^\[]*$"), disk_errors(tmp_path / "to"):
        shutil.copytree(tmp_path / "from", tmp_path / "to", copy_function=fails)


def test_a_name_without_an_end_in_a_gzip_header_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    header = b"\x1f\x8b\x08\x08" + bytes(6)  # FNAME: a name follows, up to its 0
    path.write_bytes(header + b"a" * 40_000 + b"\0" + gzip.compress(b'{"a": 1}\n')[10:])
    assert [value for _, value in read_records(path)] == [{"a": 1}]
    path.write_bytes(header + b"a" * 3_000_000)
    with pytest.raises(BadInput, match="the name in its gzip header is longer than 65,536 bytes"):
        list(read_records(path))


@pytest.mark.parametrize(("begin", "advice"), FOREIGN_FORMS, ids=lambda part: str(part)[:12])
def test_a_file_that_holds_no_rows_is_called_what_it_is(begin: bytes, advice: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(begin + b"1 x\n" * 200)
    with pytest.raises(BadInput) as refused:
        refuse_foreign_form(path)
    assert str(refused.value).startswith(str(path)) and str(refused.value).endswith(advice)


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.parquet", b"PAR1"), ("a.jsonl.gz", b"\x1f\x8b"), ("a.jsonl", b'{"q": "<html>"}'), ("a.csv", b"PKs,a\n"), ("a.json", b"")],
)
def test_what_its_name_promises_is_let_by(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    refuse_foreign_form(tmp_path / name)


def test_why_a_name_cannot_be_read_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    words = [absence_of(text) for text in ("", "s3://b/a.jsonl", f"{tmp_path}/pipe", f"{tmp_path}/link", f"{tmp_path}/*.jsonl", "a.jsonl")]
    for word, begin in zip(
        words, ("the name is empty", "it is an address", "it is a pipe", "it is a link to nowhere", "patterns", "there is no"), strict=True
    ):
        assert word.startswith(begin)
