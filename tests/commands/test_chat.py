from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aha.cli import main
from aha.commands.chat import ReplyPrinter, pieces_from_engine
from aha.commands.terminal import Terminal
from aha.errors import BadInput
from aha.serving.chat.jobs import EngineThread, QueuePost
from aha.types import Conversation, Message
from tests.endtoend.conftest import Warm, until
from tests.endtoend.test_stops import terminal
from tests.servers import talk
from tests.serving.chats import ScriptedEngine, fresh, scripted, served, url

HOME = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(fresh(tmp_path_factory.mktemp("chat") / "small"))


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lines: str, *words: str) -> tuple[int, str, str]:
    hook = sys.excepthook
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    code = main(["chat", *words])
    sys.excepthook = hook
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_served_model_is_talked_with_turn_by_turn(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def say(prompt: str, seed: int) -> str:
        return f"<think>{prompt.count('user: ')}</think>{prompt.count('assistant: ')} {'system: be kind' in prompt}"

    with served(scripted(ScriptedEngine(say, context=None))) as server:
        code, out, err = said(capsys, monkeypatch, "one\n\ntwo\n/new\nthree\n", "--model", url(server), "--system", "be kind")
    turns = [("1", "0 True"), ("2", "1 True"), ("1", "0 True")]
    assert (code, err) == (0, "")
    assert out == "".join(f"[thought]\n{thought}\n[answer]\n{answer}\n" for thought, answer in turns)


def test_a_reply_for_a_program_is_one_line_of_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with served(scripted(ScriptedEngine(lambda prompt, seed: "<think>a</think>b", context=None))) as server:
        _, out, _ = said(capsys, monkeypatch, "x\n", "--model", url(server), "--json")
    told = json.loads(out)
    assert (told["thought"], told["answer"]) == ("a", "b")


def test_a_folders_model_answers_the_same_for_the_same_seed(
    folder: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--model", folder, "--device", "cpu", "--max-tokens", "12", "--seed"]
    one, same, other = (said(capsys, monkeypatch, "why?\n", *words, seed)[:2] for seed in ("3", "3", "4"))
    assert one[0] == 0
    assert one[1].startswith("[answer]\n") and one == same != other


def test_what_does_not_fit_in_the_context_is_said(folder: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = said(capsys, monkeypatch, "1 2 " * 200 + "\n", "--model", folder, "--device", "cpu")
    assert (code, out) == (2, "\n")
    assert err.splitlines()[-1].startswith("aha: the model has 256 tokens of context; the prompt takes 40")


def test_a_thought_is_dim_on_a_terminal_and_nothing_moves_its_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    shown = ReplyPrinter(Terminal(), is_coloured=True)
    for kind, text in (("thought", "a\x1b[2J"), ("thought", "b"), ("said", "c\n")):
        shown.take(kind, text)  # type: ignore[arg-type]
    shown.end()
    assert capsys.readouterr().out == "\x1b[2ma\\u001b[2Jb\x1b[0m\n\nc\n\x1b[0m\n"


def test_who_stops_listening_stops_the_engine() -> None:
    scripted_engine = ScriptedEngine(lambda prompt, seed: "a" * 4_000, pace_s=0.005)
    model, post = scripted(scripted_engine), QueuePost()
    engine = EngineThread(model.engine, post.send)
    pieces = pieces_from_engine(model, engine, post, talk("x")[0], 0)
    assert [next(pieces) for _ in range(3)] == [("said", "a")] * 3
    pieces.close()
    assert engine.close(10)
    assert len(scripted_engine.steps) < 1_000


def test_a_conversation_that_does_not_fit_is_bad_input() -> None:
    model, post = scripted(ScriptedEngine(lambda prompt, seed: "", context=8)), QueuePost()
    engine = EngineThread(model.engine, post.send)
    with pytest.raises(BadInput, match="8 tokens of context"):
        list(pieces_from_engine(model, engine, post, Conversation((Message("user", "long enough"),)), 0))
    assert engine.close(10)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("chat", "the following arguments are required: --model"),
        ("chat --model ./nowhere", "model ./nowhere: there is no such folder"),
        ("serve --model ./nowhere", "model ./nowhere: there is no such folder"),
        ("serve --model tiny --rows 0", "argument --rows: 0: it takes a whole number of 1 or more"),
        ("serve --model tiny --port 70000", "argument --port: 70000: it takes a whole number from 0 to 65535"),
        ("serve --model tiny --cors http://a/b", "--cors http://a/b: an origin is written http://host:port"),
        ("serve --model tiny --top-p 0", "argument --top-p: 0: it takes a number from 0 to 1, but not 0"),
        ("serve --model tiny more", "more: this command takes no more than that"),
    ],
)
def test_bad_input_is_one_line(words: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    hook = sys.excepthook
    assert main(words.split()) == 2
    sys.excepthook = hook
    told = capsys.readouterr()
    assert told.err.startswith(f"aha: {says}") and told.err.count("\n") == 1


# --- processes ------------------------------------------------------------------------------------------------------


def serving(folder: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "aha", "serve", "--model", folder, "--port", "0", "--device", "cpu", "--json"]
    return subprocess.Popen(
        words, cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_server_after_its_last_reply(folder: str, number: int, code: int) -> None:
    import http.client

    server = serving(folder)
    try:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())
        connection = http.client.HTTPConnection("127.0.0.1", address["port"], timeout=60)
        body = {"model": address["model"], "messages": [{"role": "user", "content": "x"}], "max_tokens": 200, "n": 8}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        wait_until_served(address["port"])
        server.send_signal(number)
        reply = json.loads(connection.getresponse().read())
        connection.close()
        out, err = server.communicate(timeout=60)
    finally:
        server.kill()
    assert (server.returncode, len(reply["choices"])) == (code, 8)
    assert json.loads(out)["whole"] is True
    assert "all accepted requests were answered (1 in 200 steps)" in err and "Traceback" not in err


def wait_until_served(port: int) -> None:
    import http.client

    until = time.monotonic() + 30
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/health")
        served = json.loads(connection.getresponse().read())["served"]
        connection.close()
        if served:
            return
    raise AssertionError("no request arrived")


def test_a_terminal_shows_a_prompt_and_ends_with_ctrl_d(warm: Warm, folder: str) -> None:
    with terminal() as screen:
        command = warm.start("chat", "--model", folder, "--device", "cpu", "--max-tokens", 5, tty=screen.name)
        for line, count in ((b"hello\n", 1), (b"\x04", 2)):
            assert until(lambda count=count: screen.shown.count(b"> ") >= count or command.over)  # type: ignore[misc]
            screen.press(line)
        assert command.code == 0, screen.shown
        assert until(lambda: b"\x1b[0m" in screen.shown, 5.0)
