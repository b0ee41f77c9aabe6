from __future__ import annotations

import base64
import json
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.redact import HIDDEN, Secrets, find_secrets, guarded_output, hide, learn, mask, mask_setting, mask_words
from aha.rundir import Setting, describe
from aha.rundir.groups import read_groups
from aha.types import Completion, Group, Problem, Reply, Text
from tests.runs import group, pack

CANARY = 'Can"ary-\\7f3a/é+='


# --- which values are secret ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "secrets"),
    [
        ("OPENAI_API_KEY", "sk-canary-1", {"sk-canary-1"}),
        ("HF_TOKEN", "hf_canary2", {"hf_canary2"}),
        ("DB_PASSWORD", "C4nary!!", {"C4nary!!"}),
        ("PGPASSWORD", "c4nary-pg", {"c4nary-pg"}),
        ("AWS_SECRET_ACCESS_KEY", "canarycanarycanary", {"canarycanarycanary"}),
        ("HTTPS_PROXY", "http://me:c4nary-proxy@proxy:3128", {"c4nary-proxy"}),
        ("GIT_URL", "https://c4nary-token@host/x.git", {"c4nary-token"}),
        ("OPENAI_CUSTOM_HEADERS", "X-Key: c4nary-head\nAuthorization: Bearer c4nary-auth", {"c4nary-head", "c4nary-auth"}),
    ],
)
def test_a_variable_is_secret_by_its_name_or_its_form(tmp_path: Path, name: str, text: str, secrets: set[str]):
    assert secrets <= find_secrets({name: text}, tmp_path, tmp_path).values


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PATH", "/usr/local/bin:/usr/bin"),
        ("TOKENIZERS_PARALLELISM", "false-ish"),
        ("SSH_AUTH_SOCK", "/tmp/ssh-abc/agent.12"),
        ("OLDPWD", "/home/someone/work1"),
        ("MAX_TOKENS", "100000000"),
        ("API_KEY", "none"),
        ("API_KEY", "EMPTY"),
        ("DB_PASSWORD", "password"),
        ("KEYBOARD", "qwerty-123"),
        ("CI", "true"),
    ],
)
def test_words_numbers_and_paths_that_anybody_may_write_are_none(tmp_path: Path, name: str, text: str):
    assert find_secrets({name: text}, tmp_path, tmp_path).values == set()


def test_files_that_hold_keys_are_read(tmp_path: Path):
    (tmp_path / ".env").write_text('# mine\nexport OPENAI_API_KEY="c4nary-env"\nURL=http://u:c4nary-url@h/\nNAME=not-1-secret\n')
    (tmp_path / ".netrc").write_text("machine h login me password c4nary-netrc")
    (tmp_path / ".git-credentials").write_text("https://me:c4nary-git@host\n")
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub/token").write_text("c4nary-hub\n")
    values = find_secrets({"HF_HOME": str(tmp_path / "hub")}, tmp_path, tmp_path).values
    assert values == {"c4nary-env", "c4nary-url", "c4nary-netrc", "c4nary-git", "c4nary-hub"}


def test_what_is_no_text_or_not_there_does_no_harm(tmp_path: Path):
    (tmp_path / ".env").write_bytes(b"\xff\xfe API_KEY=\x00")
    (tmp_path / ".netrc").mkdir()
    assert find_secrets({}, tmp_path, tmp_path / "nowhere").values == set()


# --- hiding -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        json.dumps({"a": CANARY}),
        json.dumps({"a": CANARY}, ensure_ascii=False),
        f"http://h/?key={quote(CANARY, safe='')}",
        *(base64.b64encode((pad + CANARY).encode()).decode() for pad in ("", "u", "us", "user:")),
        f"{CANARY} and {CANARY}",
    ],
)
def test_a_secret_is_hidden_in_every_spelling(text: str):
    hidden = Secrets([CANARY]).hide(text)
    assert HIDDEN in hidden
    for piece in (CANARY, quote(CANARY, safe=""), json.dumps(CANARY)[1:-1], base64.b64encode(CANARY.encode()).decode()[:12]):
        assert piece not in hidden


@given(st.text())
def test_a_text_without_secrets_is_the_same_object(text: str):
    assert Secrets(["c4nary-one", "c4nary-two"]).hide(text) is text


def test_a_secret_that_holds_another_is_hidden_whole():
    assert Secrets(["c4nary", "c4nary-longer"]).hide("c4nary-longer c4nary") == f"{HIDDEN} {HIDDEN}"


def test_nothing_shows_what_is_secret():
    assert repr(Secrets([CANARY])) == "Secrets(1)"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://me:pw@host/v1", "http://[hidden]@host/v1"),
        ("postgres://me:p%40w@host/db and more", "postgres://[hidden]@host/db and more"),
        ("key sk-abcdefghijklmnop1234 refused", "key [hidden] refused"),
        ("hf_abcdefghijklmnop12 and ghp_abcdefghijklmnopqrst", "[hidden] and [hidden]"),
        ("Authorization: Bearer abc.def-ghi_jkl=1234", "Authorization: Bearer [hidden]"),
        ('api_key = "whatever it is"', 'api_key = "[hidden]"'),
        ("{'password': 'hunter22'}", "{'password': '[hidden]'}"),
        ("http://host:8000/v1#a@b", "http://host:8000/v1#a@b"),
        ("write to me@host, a basic question of mine", "write to me@host, a basic question of mine"),
        ("stop_token='<|end|>' key_variable='AHA_API_KEY'", "stop_token='<|end|>' key_variable='AHA_API_KEY'"),
    ],
)
def test_what_is_told_is_masked_by_its_form(text: str, masked: str):
    assert mask(text) == masked


def test_a_command_line_keeps_its_words_but_not_its_keys():
    words = (
        "aha",
        "run",
        "x",
        "--api-key",
        "abc",
        "--judge.api_key=abc",
        "--url",
        "http://u:p@h",
        "--max-tokens",
        "9",
        "--token",
        "--json",
    )
    masked = ("aha", "run", "x", "--api-key", HIDDEN, f"--judge.api_key={HIDDEN}", "--url", f"http://{HIDDEN}@h", "--max-tokens", "9")
    assert mask_words(words) == (*masked, "--token", "--json")


def test_a_setting_is_masked_by_its_path_or_its_form():
    assert mask_setting("judge.api_key", "abc") == HIDDEN
    assert mask_setting("judge.model", ["http://u:p@h/v1", 1]) == [f"http://{HIDDEN}@h/v1", 1]
    assert (mask_setting("rl.sampling.max_tokens", 9), mask_setting("rl.key_variable", "MY_KEY")) == (9, "MY_KEY")


def test_output_is_guarded_while_it_lasts_and_results_keep_what_only_looks_like_a_key(capsys, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "c4nary-1234567")
    with guarded_output(["--model", "http://u:c4nary-typed@h/"]):
        print("c4nary-1234567 http://u:other@h/ c4nary-typed")
        print("c4nary-1234567 http://u:other@h/ c4nary-typed", file=sys.stderr)
    out, err = capsys.readouterr()
    assert out == f"{HIDDEN} http://u:other@h/ {HIDDEN}\n"
    assert err == f"{HIDDEN} http://{HIDDEN}@h/ {HIDDEN}\n"


# --- records ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def secret() -> str:
    learn("c4nary-learned-77")
    return "c4nary-learned-77"


def kept(folder: Path, *groups: Group) -> list[Group]:
    """As they are read again."""
    (folder / "0.parquet").write_bytes(pack(groups))
    return list(read_groups(folder / "0.parquet"))


def test_groups_without_secrets_are_recorded_to_the_bit(secret: str, tmp_path: Path):
    assert kept(tmp_path, group(0), group(1)) == [group(0), group(1)]


def test_of_what_a_model_wrote_the_secret_is_hidden_and_the_tokens_that_spell_it(secret: str, tmp_path: Path):
    whole = group(0)
    leaking = Reply(f"<think>{secret}</think>x", secret, "x", 2, "stop")
    [found] = kept(tmp_path, replace(whole, replies=(leaking, whole.replies[1])))
    assert found.replies == (Reply(f"<think>{HIDDEN}</think>x", HIDDEN, "x", 2, "stop"), whole.replies[1])
    assert found.completions == (Completion((0, 0), whole.completions[0].logprobs, "stop", 0), whole.completions[1])
    assert found.prompt == whole.prompt


def test_of_a_question_as_well(secret: str, tmp_path: Path):
    problem = Problem("p", "d", f"What is {secret}?", "en", Text((secret,)))
    [found] = kept(tmp_path, replace(group(0), problem=problem))
    assert found.problem == Problem("p", "d", f"What is {HIDDEN}?", "en", Text((HIDDEN,)))
    assert found.prompt == (0, 0, 0) and found.completions == group(0).completions


def test_a_manifest_holds_no_key_and_is_the_same_for_the_same_run():
    def made():
        settings = {"judge.model": Setting("http://me:c4nary-in-url@h/v1#m", "user"), "rl.steps": Setting(4)}
        argv = ("aha", "run", "--judge.model", "http://me:c4nary-in-url@h/v1#m")
        return describe("r", settings, seeds={}, argv=argv, source='api_key = "c4nary-in-source"\n', clock=lambda: 0.0)

    manifest = made()
    assert manifest.settings["judge.model"] == Setting("http://[hidden]@h/v1#m", "user")
    assert manifest.argv[-1] == "http://[hidden]@h/v1#m" and manifest.source == 'api_key = "[hidden]"\n'
    assert manifest.differences(made()) == []
    assert hide("c4nary-in-url c4nary-in-source") == f"{HIDDEN} {HIDDEN}"
