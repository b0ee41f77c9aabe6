"""A server that says a key back, in every way that HTTP and JSON know: it stands nowhere, neither on the terminal nor in a file."""

from __future__ import annotations

import ast
import base64
import gzip
import html
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from aha.cli import main
from aha.redact import HIDDEN, Secrets, clip, mask
from tests.house import the_house
from tests.servers import Answer, Request, Server, said

KEY = "k3y/Wi+th=\"odd'&<chars>-9f8e7d6c5b"
BASIC = base64.b64encode(f"user:{KEY}".encode()).decode()
NET = "".join(letter if letter.isalnum() else f"\\u{ord(letter):04X}" for letter in KEY)
SPELLINGS = {
    "as it is": KEY,
    "JSON": json.dumps(KEY)[1:-1],
    "JSON of PHP": json.dumps(KEY)[1:-1].replace("/", "\\/"),
    "JSON of .NET": NET,
    "URL": quote(KEY, safe=""),
    "URL, small": quote(KEY, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),
    "URL, a path": quote(KEY),
    "form": quote_plus(KEY),
    "HTML": html.escape(KEY),
    "Python": repr(KEY),
    "basic": BASIC,
    "basic, for URLs": BASIC.replace("+", "-").replace("/", "_"),
    "digits": KEY.encode().hex(),
}


def refusal(status: int, text: str, **headers: str) -> Answer:
    return Answer(text.encode(), status, {"content-type": "text/plain"} | headers)


def echoes(text: str) -> Iterator[tuple[str, Answer]]:
    """What a server may answer with that holds the text."""
    for status in (307, 401, 500):
        yield f"{status}", refusal(status, f"your key is {text}", location=f"http://127.0.0.1:1/?key={quote(text)}")
        yield f"{status} as JSON", Answer(json.dumps({"error": {"message": f"the key {text} is wrong", "code": text}}).encode(), status)
    yield "cut by the limit of a body", refusal(400, "x" * 65_500 + text)
    yield "content", said(f"{text} \\boxed{{1}}")
    yield "thought", said("\\boxed{1}", reasoning_content=f"so {text}, and {text}")
    yield "role", said("\\boxed{1}", role=text, name=text, refusal=text)
    yield "finish", said("x", finish=text)
    yield "no JSON", Answer(f'{{"choices": {text}'.encode())
    yield "another JSON", Answer(json.dumps({text: [text]}).encode())
    yield "packed", Answer(b"x", headers={"content-encoding": quote(text)})
    yield "headers", refusal(503, text, **{"retry-after": "0", "www-authenticate": quote(text), "x-request-id": quote(text)})


def standing(text: str) -> list[str]:
    """The spellings of the key that stand in a text."""
    return [name for name, spelling in SPELLINGS.items() if (spelling[8:-4] if "basic" in name else spelling.strip("'\"")) in text]


def always(answer: Answer) -> Callable[[Request, int], Answer]:
    return lambda request, number: answer


def texts_below(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield path.name, (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")


def test_a_key_that_a_server_says_back_stands_nowhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AHA_API_KEY", KEY)
    Path("g.jsonl").write_text('{"question": "0 + 1?", "answer": "#### 1"}\n')
    for place, (name, answer) in enumerate(echoes(" ".join(SPELLINGS.values()))):
        with Server(always(answer)) as server:
            words = ["eval", "gsm8k", "--model", f"{server.url}#m", "--data", "g.jsonl", "--k", "1", "--cache", "c", "--out", f"o{place}"]
            main([*words, "--client.retries", "0"])
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        printed = capsys.readouterr()
        for where, text in [("stdout", printed.out), ("stderr", printed.err), *texts_below(tmp_path)]:
            assert standing(text) == [], (name, where)
    assert any(HIDDEN in text for _, text in texts_below(tmp_path))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_key_is_hidden_before_a_text_is_cut(spelling, monkeypatch):
    monkeypatch.setattr("aha.redact._cache", [Secrets([KEY])])
    core = SPELLINGS[spelling][8:-4] if "basic" in spelling else SPELLINGS[spelling].strip("'")
    pieces = [core[place : place + 6] for place in range(len(core) - 5)]
    for before in range(100, 202):
        shown = clip("x" * before + SPELLINGS[spelling])
        assert not [piece for piece in pieces if piece in shown], shown


@pytest.mark.parametrize("piece", ["-eyJ", ".eyJaaaaaaaa", "://a", "sk-", "basic ", "secret='"])
def test_the_beginnings_of_many_keys_are_looked_through_once(piece):
    """300,000 letters of the first of them would have taken two minutes, a megabyte half an hour."""
    text = piece * (300_000 // len(piece))
    assert mask(text)


def test_of_an_endless_text_only_the_beginning_is_looked_at(monkeypatch):
    looked_at = []

    def look(text: str) -> str:
        looked_at.append(len(text))
        return text

    monkeypatch.setattr("aha.redact.mask", look)
    assert clip("x" * 50_000_000) == "x" * 199 + "…"
    assert clip(" " * 1_500_000 + "tail") == "tail"
    assert looked_at == [1_000_000, 1_000_000, 1_500_004]


def test_names_of_models_that_hold_the_key_are_hidden(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AHA_API_KEY", KEY)
    Path("g.jsonl").write_text('{"question": "0 + 1?", "answer": "#### 1"}\n')
    with Server(lambda request, number: said("x"), models=[f"m{n} {text}" for n, text in enumerate(SPELLINGS.values())]) as server:
        assert main(["eval", "gsm8k", "--model", server.url, "--data", "g.jsonl", "--k", "1", "--out", "o"]) == 2
    printed = capsys.readouterr()
    assert standing(printed.out + printed.err) == [] and HIDDEN in printed.err


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_what_is_written_to_a_file_is_hidden_in_every_spelling(spelling):
    text = f"before {SPELLINGS[spelling]} after"
    for hidden in (Secrets([KEY]).hide(text), Secrets([KEY]).hide_bytes(text.encode()).decode()):
        assert standing(hidden) == [] and hidden.startswith("before ") and hidden.endswith(" after")


WRITERS = {  # what writes files without `durable`: weights and settings of models, drafts in folders that are published, a sandbox's own
    "aha/durable/files.py", "aha/rundir/manifest.py", "aha/rundir/groups.py", "aha/tasks/vocabulary.py", "aha/backends/mesh.py",
    "aha/backends/lora.py", "aha/backends/ray_machines.py", "aha/backends/torch_learner.py", "aha/backends/openai/endpoint.py",
    "aha/learning/layers.py", "aha/commands/terminal.py", "aha/commands/export.py", "aha/watchdog.py",
}  # fmt: skip


def test_files_are_written_in_few_places_and_all_others_go_through_durable():
    writing = set()
    for source in the_house("write_text", "write_bytes").values():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and node.attr in ("write_text", "write_bytes"):
                writing.add(source.path)
    assert {name for name in writing if "sandbox" not in name} <= WRITERS
