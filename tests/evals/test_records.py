from __future__ import annotations

import dataclasses
import gzip

import pytest

from aha.errors import DiskTrouble
from aha.evals.measurement import Sample
from aha.evals.records import read_samples, write_samples

ONE = Sample("p", "用 1 2 得到 3。", "zh", 0, " 对\u2028\ud800", "1 + 2", "1+2", True, True, False, True, False, 9, "stop", False, True)


def test_samples_come_back_chinese_and_odd_characters_included(tmp_path):
    samples = [dataclasses.replace(ONE, text=" 对\u2028\n"), dataclasses.replace(ONE, sample=1, text="", answer=None, vote=None)]
    write_samples(tmp_path / "evals" / "base.jsonl.gz", samples)
    assert read_samples(tmp_path / "evals" / "base.jsonl.gz") == samples


def test_the_same_samples_are_the_same_bytes(tmp_path):
    write_samples(tmp_path / "a.gz", [ONE])
    write_samples(tmp_path / "b.gz", [ONE])
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert len(gzip.decompress((tmp_path / "a.gz").read_bytes()).splitlines()) == 1


@pytest.mark.parametrize("keep", [0, 30])
def test_a_torn_file_says_so(tmp_path, keep):
    write_samples(tmp_path / "a.gz", [ONE])
    (tmp_path / "a.gz").write_bytes((tmp_path / "a.gz").read_bytes()[:keep] or b"x")
    with pytest.raises(DiskTrouble, match=r"a\.gz: damaged"):
        read_samples(tmp_path / "a.gz")
