"""A path that cannot be: every place where the command line takes one says so in one line, before anything is computed."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from random import Random

import pytest

from aha.cli import main
from tests.counts import ordinary

WORDS: dict[str, list[str]] = {  # PATH stands where the path does
    "run": ["run", "PATH"],
    "run --out": ["run", "zero", "--model", "./none", "--out", "PATH"],
    "run --recipe": ["run", "manifest.json", "--recipe", "PATH"],
    "show --problems": ["show", "r1-zero", "--problems", "PATH"],
    "diff": ["diff", "zero", "PATH"],
    "eval --data": ["eval", "gsm8k", "--model", "tiny", "--data", "PATH"],
    "eval --out": ["eval", "gsm8k", "--model", "none/here", "--data", "none.jsonl", "--out", "PATH"],
    "eval --lm-eval": ["eval", "gsm8k", "--model", "none/here", "--data", "none.jsonl", "--lm-eval", "PATH"],
    "eval --annotations": ["eval", "alpaca_eval", "--annotations", "PATH"],
    "regrade": ["regrade", "PATH", "--benchmark", "gsm8k"],
    "score": ["score", "PATH"],
    "scale": ["scale", "PATH"],
    "compare": ["compare", "PATH"],
    "compare --out": ["compare", "none", "--out", "PATH"],
    "grade --file": ["grade", "--file", "PATH", "--kind", "maths"],
    "code": ["code", "write", "PATH"],
    "review": ["review", "PATH"],
    "report": ["report", "PATH"],
    "lineage": ["lineage", "PATH:1"],
    "export": ["export", "PATH"],
    "check": ["check", "PATH"],
    "sandbox": ["sandbox", "run", "PATH"],
}
PATHS = {
    "a zero byte": "nul\0x", "half a letter": "bad\ud800x.jsonl", "a long name": "n" * 300, "a long path": "a/" * 3000 + "x.json",
    "a file within a file": "file.jsonl/child", "a link to nowhere": "dangling",
    "a link to itself": "loop", "below such a link": "loop/x.py",
    "nobody's home": "~nobodyatall/x.py", "a socket": "sock", "a zero device": "/dev/zero", "no device": "/dev/null/x", "a broken address":
    "http://[bad", "the root's name": "//server/x.json", "an escape": "\x1b[31mred",
}  # fmt: skip


@pytest.mark.parametrize("few", ordinary([5, len(PATHS)], 5))
@pytest.mark.parametrize("name", WORDS)
def test_a_path_that_cannot_be_is_one_line(name, few, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("file.jsonl").write_text("{}\n")
    Path("dangling").symlink_to("nowhere")
    Path("loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("sock")
        for what, path in Random(name).sample(sorted(PATHS.items()), few):  # others for each command
            words = [word.replace("PATH", path) for word in WORDS[name]]
            code = main(words)
            printed = capsys.readouterr()
            assert code in (2, 74), (what, code, printed)
            assert len(printed.err.splitlines()) == 1 and printed.err.startswith("aha: "), (what, printed.err)
            assert "\x1b" not in printed.err and "Traceback" not in printed.err


@pytest.mark.parametrize("device", ["/dev/zero", "pipe"])
def test_a_file_that_never_ends_is_no_recipe(device, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("manifest.json").write_text("{}")
    for words in (["run", "manifest.json", "--recipe", device], ["bench-reward", "--reward", device], ["score", device]):
        assert main(words) in (2, 74), words
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_where_a_file_is_to_go_is_looked_at_before_anything_is_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    Path("folder").mkdir()
    for words in (
        ["eval", "countdown", "--out", "file/x"],
        ["eval", "countdown", "--lm-eval", "folder"],
        ["eval", "countdown", "--lm-eval", "/"],
    ):
        assert main([*words, "--model", "none/here"]) == 2
        assert "folder" in capsys.readouterr().err
