from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aha.cli import main
from aha.grading.sandbox import Job, Tier, tiers
from aha.grading.sandbox.remote import RemoteSandbox
from aha.plain import plain
from tests.house import ROOT

HERE: list[Tier] = [tier for tier in ("bwrap", "wasm") if tiers()[tier] is None]
needs_one = pytest.mark.skipif(not HERE, reason=f"no sandbox works here: {tiers()}")
ADD = "print(sum(map(int, input().split())))\n"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "add.py"
    path.write_text(ADD)
    return path


def told(capsys: pytest.CaptureFixture[str]) -> dict:
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


@needs_one
@pytest.mark.parametrize("tier", ["auto", *HERE])
def test_a_program_is_run_and_its_outcome_told(program: Path, tier: str, capsys: pytest.CaptureFixture[str]):
    assert main(["sandbox", "run", str(program), "--stdin", "1 2", "--tier", tier, "--json"]) == 0
    said = told(capsys)
    assert (said["verdict"], said["stdout"], said["stderr"], said["exit_code"]) == ("OK", "3\n", "", 0)
    assert said["tier"] == (HERE[0] if tier == "auto" else tier)
    assert 0 < said["cpu_s"] < 6 and 0 < said["wall_s"] < 30 and 0 < said["memory_mb"] < 512


@needs_one
def test_the_input_is_a_file_where_there_is_one_and_else_the_text(program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "input.txt").write_text("20 22\n")
    for given, sum in ((str(tmp_path / "input.txt"), "42\n"), ("-1 -2", "-3\n"), (f"{tmp_path}", "")):
        assert main(["sandbox", "run", str(program), "--stdin", given, "--tier", HERE[-1], "--json"]) == 0
        assert told(capsys)["stdout"] == sum


@needs_one
def test_a_person_reads_the_verdict_first_and_no_control_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "loud.py"
    path.write_text("import sys\nsys.stdout.buffer.write(b'\\x1b[2J\\xff\\x07 ok\\n')\nsys.exit(3)\n")
    assert main(["sandbox", "run", str(path), "--tier", HERE[-1]]) == 0
    said = capsys.readouterr().out
    assert said.startswith("RE  cpu ") and "exit code 3" in said and "\\u001b[2J\\xff\\u0007 ok\n" in said


def test_what_would_move_a_cursor_is_spelled_out():
    assert plain("a\tb\n\x1b[1mé\u202e\ufffd") == "a\tb\n\\u001b[1mé\\u202e\ufffd"


@needs_one
def test_output_that_is_no_text_is_told_in_base64_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "bytes.py"
    path.write_text("import sys\nsys.stdout.buffer.write(b'\\xff')\n")
    assert main(["sandbox", "run", str(path), "--tier", HERE[-1], "--json"]) == 0
    said = told(capsys)
    assert (said["stdout"], said["stdout_base64"]) == ("\ufffd", "/w==")
    assert "stderr_base64" not in said


@needs_one
def test_limits_are_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "loop.py"
    path.write_text("while True: pass")
    assert main(["sandbox", "run", str(path), "--cpu-s", "0.1", "--tier", HERE[-1], "--json"]) == 0
    assert told(capsys)["verdict"] == "TLE"


@pytest.mark.skipif("wasm" not in HERE, reason=f"wasm: {tiers()['wasm']}")
def test_a_program_that_nothing_could_judge_ends_with_75(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "numbers.py"
    path.write_text("import numpy")
    assert main(["sandbox", "run", str(path), "--tier", "wasm", "--json"]) == 75
    said = capsys.readouterr()
    assert json.loads(said.out)["verdict"] == "INFRA"
    assert "was not judged by the tier wasm: it needs what the wasm tier does not have" in said.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run", "nowhere.py"], "nowhere.py: cannot be read as a program"),
        (["run", __file__ + ".txt", "--tier", "wasm"], "cannot be read as a program"),
        (["run", __file__, "--cpu-s", "-1"], "--cpu-s: -1: it takes a number of 0 or more, but not 0"),
        (["run", __file__, "--wall-s", "nan"], "--wall-s: nan: it takes a number of 0 or more, but not 0"),
        (["run", __file__, "--tier", "docker"], "invalid choice: 'docker'"),
        (["run", __file__, "more"], "more: this command takes no more than that"),
        (["test", "--tier", "remote"], "set AHA_SANDBOX_URLS"),
        (["serve", "--tier", "remote"], "a server runs programs itself"),
        (["serve", "--tier", "unsafe"], "--tier unsafe: it runs programs as you, with nothing around them"),
        (["serve", "--cors", "example.org"], "--cors example.org: an origin is written http://host:port"),
        (["serve", "--port", "70000"], "--port: 70000: it takes a whole number from 0 to 65535"),
        ([], "run | test | serve"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AHA_SANDBOX_URLS", raising=False)
    assert main(["sandbox", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("aha: ") and complaint in said and said.count("\n") == 1


def test_a_file_without_a_known_extension_needs_its_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "program"
    path.write_text(ADD)
    assert main(["sandbox", "run", str(path)]) == 2
    assert "give --language python or --language cpp" in capsys.readouterr().err


@needs_one
def test_every_tier_here_withstands_the_attacks(capsys: pytest.CaptureFixture[str]):
    assert main(["sandbox", "test", "--json"]) == 0
    said = {row["tier"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    for tier in HERE:
        assert said[tier]["contained"] == said[tier]["attacks"] == (13 if said[tier]["not_compiled"] else 20)
    assert all(row["reason"] for row in said.values() if not row["present"])


@pytest.mark.skipif(tiers()["unsafe"] is not None, reason=f"unsafe: {tiers()['unsafe']}")
def test_the_tier_that_holds_nothing_back_fails_the_attacks(capsys: pytest.CaptureFixture[str]):
    assert main(["sandbox", "test", "--tier", "unsafe"]) == 1
    said = capsys.readouterr()
    assert "BREACHED   reads a secret file" in said.out
    assert "not every attack was contained in the tier unsafe" in said.err


@pytest.mark.skipif("wasm" not in HERE, reason=f"wasm: {tiers()['wasm']}")
def test_a_server_runs_programs_for_others_until_ctrl_c():
    command = [sys.executable, "-m", "aha", "sandbox", "serve", "--port", "0", "--tier", "wasm", "--workers", "1", "--json"]
    environment = {**os.environ, "AHA_SANDBOX_KEY": "CANARY-key"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None and server.stderr is not None
        try:
            said = json.loads(server.stdout.readline())
            away = RemoteSandbox(f"http://127.0.0.1:{said['port']}", key="CANARY-key")
            assert away.run(Job(ADD, b"1 2")).stdout == b"3\n"
            assert away.run(Job("import numpy")).verdict == "INFRA"
        finally:
            server.send_signal(signal.SIGINT)
            try:
                rest = server.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                server.kill()
                raise
    assert server.returncode == 0
    assert "CANARY" not in "".join(rest)
